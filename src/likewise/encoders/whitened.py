"""PCA whitening behind any encoder, kept in a file: `--model FILE.npz`."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from likewise import encoders, weights
from likewise.encoders import Encoder, Wish
from likewise.errors import BadArgument, WeightsError
from likewise.types import Card, Embeddings, Pixels


@dataclass(frozen=True, slots=True)
class Whitening:
    """A linear map fitted on embeddings of one card.

    Attributes:
        mean: (D,) taken away.
        axes: (d, D) principal directions, each divided by the standard deviation along it if they whiten.
        base: Card of the encoder that it was fitted on.
    """

    mean: Embeddings
    axes: Embeddings
    base: Card

    def applied(self, rows: Embeddings) -> Embeddings:
        """(n, D) → (n, d) of unit norm."""
        found = (rows - self.mean) @ self.axes.T
        unit: Embeddings = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return unit

    def write(self, path: Path) -> None:
        """Keep it in a .npz file.

        Raises:
            BadArgument: If `path` has another ending.
        """
        if path.suffix != ".npz":
            raise BadArgument(f"{path}: a whitening is kept in a .npz file")
        np.savez(path, mean=self.mean, axes=self.axes, base=np.array(self.base.to_json()))


def fit(embeddings: Embeddings, base: Card, dim: int, *, whiten: bool = True) -> Whitening:
    """Fit PCA whitening.

    Args:
        embeddings: (n, D), not of the images that will judge it.
        base: Card of their encoder.
        dim: d, at most D, and below n.
        whiten: Divide by the standard deviations; without it PCA alone.

    Raises:
        BadArgument: If `dim` is more than the embeddings can tell.

    Source: Jégou and Chum, Negative Evidences and Co-occurrences in Image Retrieval, ECCV 2012; small variances are held at
        1e-6 of the largest, since they would drown the rest.
    """
    if not 1 <= dim <= min(embeddings.shape[1], len(embeddings) - 1):
        raise BadArgument(
            f"{dim} dimensions out of {len(embeddings)} embeddings of {embeddings.shape[1]}: ask for fewer"
        )
    mean = embeddings.mean(axis=0, dtype=np.float64)
    _, singular, axes = np.linalg.svd(embeddings - mean, full_matrices=False)
    axes = axes[:dim]
    if whiten:
        deviations = singular[:dim] / np.sqrt(len(embeddings) - 1)
        axes = axes / np.maximum(deviations, 1e-3 * deviations[0])[:, None]
    return Whitening(mean.astype(np.float32), np.ascontiguousarray(axes, np.float32), base)


class Whitened:
    """An encoder with a whitening behind it."""

    def __init__(self, encoder: Encoder, whitening: Whitening, name: str, sha256: str) -> None:
        self._encoder, self._whitening = encoder, whitening
        base = encoder.card
        pooling = f"{base.pooling} whitened".strip()
        self._card = replace(
            base,
            name=name,
            dim=len(whitening.axes),
            metric="cosine",
            unit=True,
            pooling=pooling,
            weights_sha256=sha256,
            source=f"{base.name} of {base.source}",
        )

    @property
    def card(self) -> Card:
        """See `Encoder.card`."""
        return self._card

    def encode(self, pixels: Pixels) -> Embeddings:
        """See `Encoder.encode`."""
        return self._whitening.applied(self._encoder.encode(pixels))


def whitened(wish: Wish) -> Whitened:
    """A file that `Whitening.write` wrote: `--model FILE.npz`, or the one of that SHA-256.

    Raises:
        WeightsError: If it is not there, is something else, or the encoder that it was fitted on has changed.
    """
    path = wish.weights
    if path is None and wish.sha256 is not None:
        path = weights.by_sha256(wish.sha256)
    if path is None:
        raise WeightsError(f"the file of whitened/{wish.layer} is not here: pass it as --model FILE.npz")
    file = weights.given(path)
    whitening = read(file.path)
    base = whitening.base
    encoder = encoders.load(base.name, recipe=base.recipe.name, sha256=base.weights_sha256 or None, device=wish.device)
    if encoder.card.fingerprint != base.fingerprint:
        raise WeightsError(f"{path} was fitted on another {base.name} than this one: fit it again with `likewise tune`")
    return Whitened(encoder, whitening, f"whitened/{wish.layer or path.stem}", file.sha256)


def read(path: Path) -> Whitening:
    """What `Whitening.write` wrote.

    Raises:
        WeightsError: If it is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            mean, axes, base = kept["mean"], kept["axes"], Card.from_json(str(kept["base"]))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} is no whitening ({type(error).__name__}): make one with `likewise tune`") from error
    fits = axes.ndim == 2 and mean.shape == axes.shape[1:] == (base.dim,)
    if not fits or not np.isfinite(axes).all() or not np.isfinite(mean).all():
        raise WeightsError(f"{path}: its parts do not fit together: make it again with `likewise tune`")
    return Whitening(mean.astype(np.float32), axes.astype(np.float32), base)
