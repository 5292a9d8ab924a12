"""Fewer numbers a row before codes are made of it: a PCA by random projection, and how far the rest reaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likewise.types import Embeddings

_SPARE = 32  # directions more than asked for; the last ones of a random projection are the worst


def principal(rows: Embeddings, dim: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean of rows and their `dim` main directions, by the randomised range finder with two passes.

    Halko, Martinsson, Tropp: Finding structure with randomness, SIAM Review 53(2), 2011, algorithm 4.4 (arXiv:0909.4061). A full
    decomposition of 4096 dimensions takes half a minute, and codes do not need its last digits.

    Args:
        rows: (n, d) a sample.
        dim: At most d.
        seed: Of the random directions.

    Returns:
        (d,) the mean, and (dim, d) orthonormal directions, the one of largest variance first.
    """
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = rows - mean
    size = min(dim + _SPARE, *centred.shape)
    start = np.random.default_rng(seed).normal(size=(centred.shape[1], size)).astype(np.float32)
    basis = np.linalg.qr(centred @ start)[0]
    for _ in range(2):
        basis = np.linalg.qr(centred @ np.linalg.qr(centred.T @ basis)[0])[0]
    directions = np.linalg.svd(basis.T @ centred, full_matrices=False)[2][:dim]
    if len(directions) < dim:  # fewer rows than dimensions: any directions beside these will do
        rest = np.random.default_rng(seed).normal(size=(dim - len(directions), rows.shape[1]))
        rest -= (rest @ directions.T) @ directions
        directions = np.concatenate([directions, np.linalg.qr(rest.T)[0].T.astype(np.float32)])
    return mean, np.ascontiguousarray(directions, np.float32)
