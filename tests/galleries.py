"""Rows as real ones lie: in clusters of a few dimensions, with queries from the same clusters that are not among them."""

from __future__ import annotations

import numpy as np


def clustered(
    count: int, dim: int, *, queries: int = 0, unit: bool = True, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    intrinsic, clusters = 12, 30
    spread = draw.normal(size=(intrinsic, dim))
    centres = draw.normal(size=(clusters, intrinsic))
    latent = centres[draw.integers(0, clusters, count + queries)] + 0.4 * draw.normal(size=(count + queries, intrinsic))
    rows = (latent @ spread + 0.05 * draw.normal(size=(count + queries, dim))).astype(np.float32)
    if unit:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[:count], rows[count:]


def share_found(found: np.ndarray, wanted: np.ndarray) -> float:
    """The recall: which share of the wanted rows is among the found ones."""
    return float(np.mean([len(set(f) & set(w)) / len(w) for f, w in zip(found.tolist(), wanted.tolist(), strict=True)]))
