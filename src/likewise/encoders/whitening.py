"""Linear maps behind an embedding, fitted on embeddings: PCA, PCA-whitening, and learned whitening. All in float64.

An axis has no sign of its own: each is turned so that its largest component is positive, and the same embeddings give the same map.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument, WeightsError
from likewise.types import Card, Embeddings

Method: TypeAlias = Literal["pca", "pca-whiten", "learned"]
METHODS: tuple[Method, ...] = get_args(Method)

Doubles: TypeAlias = NDArray[np.float64]

_FLOOR = 1e-3  # of the largest deviation: dividing by less would let the noise of one direction drown the rest
_BLOCK = 1024  # rows turned to float64 at once
_AGAIN = "fit it again with `likewise whiten`"


@dataclass(frozen=True, slots=True)
class Fit:
    """How a whitening was fitted, and on what.

    Attributes:
        method: `pca` turns, `pca-whiten` also divides by deviations, `learned` by those within classes.
        power: Of the deviations that `pca-whiten` divides by.
        pictures: How many embeddings were looked at.
        pairs: How many pairs of one class, for `learned`.
        on: The set of pictures, in words.
        set_sha256: Over the content of these pictures; empty where it is not known.
    """

    method: Method = "pca-whiten"
    power: float = 1.0
    pictures: int = 0
    pairs: int = 0
    on: str = ""
    set_sha256: str = ""

    def __str__(self) -> str:
        how = {"pca": "PCA", "pca-whiten": "PCA-whitening", "learned": "learned whitening"}[self.method]
        half = f" to the power {self.power:g}" if self.method == "pca-whiten" and self.power != 1 else ""
        pairs = f" ({self.pairs:,} pairs of one class)" if self.pairs else ""
        return f"{how}{half}, fitted on {self.on or f'{self.pictures:,} pictures'}{pairs}"


@dataclass(frozen=True, slots=True)
class Whitening:
    """A linear map fitted on embeddings of one card.

    Attributes:
        mean: (D,) taken away.
        axes: (d, D) directions, those that tell most first, and as long as each component is to count.
        base: Card of the encoder that it was fitted on.
        fit: How, and on what.
    """

    mean: Doubles
    axes: Doubles
    base: Card
    fit: Fit = Fit()

    def projected(self, rows: Embeddings) -> Doubles:
        """(n, D) → (n, d), not of unit norm."""
        found: Doubles = (rows.astype(np.float64) - self.mean) @ self.axes.T
        return found

    def applied(self, rows: Embeddings) -> Embeddings:
        """(n, D) → (n, d) of unit norm; an embedding that is the mean itself has no direction, and gets one like all such."""
        found = self.projected(rows)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        found = np.where(lengths > 1e-12, found, 1.0)
        unit: Embeddings = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
        return unit

    def to_bytes(self) -> bytes:
        """A .npz archive; equal whitenings give equal bytes."""
        kept = io.BytesIO()
        fit = json.dumps(asdict(self.fit), sort_keys=True)
        np.savez(kept, mean=self.mean, axes=self.axes, base=np.array(self.base.to_json()), fit=np.array(fit))
        return kept.getvalue()

    def write(self, path: Path) -> None:
        """Keep it in a .npz file, which appears whole or not at all.

        Raises:
            BadArgument: If `path` has another ending, or cannot be written to.
        """
        if path.suffix != ".npz":
            raise BadArgument(f"{path}: a whitening is kept in a .npz file")
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with draft.open("wb") as file:
                file.write(self.to_bytes())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise BadArgument(f"{path}: {error.strerror}: make room there, or allow it to be written") from error
        finally:
            draft.unlink(missing_ok=True)


def read(path: Path) -> Whitening:
    """What `Whitening.write` wrote, also before it said how it was fitted.

    Raises:
        WeightsError: If it is something else.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            mean, axes, base = kept["mean"], kept["axes"], Card.from_json(str(kept["base"]))
            fit = Fit(**json.loads(str(kept["fit"]))) if "fit" in kept else Fit()
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} is no whitening ({type(error).__name__}): make one with `likewise whiten`"
        ) from error
    fits = axes.ndim == 2 and mean.shape == axes.shape[1:] == (base.dim,)
    if not fits or not np.isfinite(axes).all() or not np.isfinite(mean).all():
        raise WeightsError(f"{path}: its parts do not fit together: {_AGAIN}")
    return Whitening(mean.astype(np.float64), axes.astype(np.float64), base, fit)


def pca(embeddings: Embeddings, base: Card, dim: int, *, power: float = 1.0) -> Whitening:
    """Fit PCA, with whitening or without.

    Args:
        embeddings: (n, D), not of the images that will judge it.
        base: Card of their encoder.
        dim: d, at most D, and below n.
        power: Of the deviations along the axes, by which these are divided: 0 is PCA alone, 1 whitens, 0.5 half.

    Raises:
        BadArgument: If `dim` is more than the embeddings can tell, or `power` is not in 0..1.

    Source: Jégou and Chum, Negative Evidences and Co-occurrences in Image Retrieval, ECCV 2012; the power: Mukundan, Tolias, Bursuc, Jégou
        and Chum, Understanding and Improving Kernel Local Descriptors, IJCV 2019, arXiv:1811.11147. Deviations are held at 1e-3 of
        the largest, since smaller ones would drown the rest.
    """
    count = len(embeddings)
    if not 1 <= dim <= min(embeddings.shape[1], count - 1):
        raise BadArgument(f"{dim} dimensions out of {count} embeddings of {embeddings.shape[1]}: ask for fewer")
    if not 0 <= power <= 1:
        raise BadArgument(f"power {power:g} is not in 0..1: 0 is PCA alone, 1 whitens")
    mean = embeddings.mean(axis=0, dtype=np.float64)
    variances, axes = _principal(embeddings, mean, dim)
    if variances[0] <= 0:
        raise BadArgument(f"all {count} embeddings are equal: there is nothing to fit, take other pictures")
    deviations = np.sqrt(variances)
    axes = axes / np.maximum(deviations, _FLOOR * deviations[0])[:, None] ** power
    fit = Fit("pca-whiten" if power else "pca", power, count)
    return Whitening(mean, _turned(axes), base, fit)


def learned(embeddings: Embeddings, labels: NDArray[np.int64], base: Card, dim: int) -> Whitening:
    """Fit learned whitening (Lw): differences between images of one class are made alike in all directions, then PCA of the others.

    With C_S the mean of (x − y)(x − y)ᵀ over all pairs of one class and C_D over all pairs of two classes, the axes are
    eig(C_S^-½ C_D C_S^-½)ᵀ C_S^-½, the d of the largest eigenvalues. Pairs are not drawn: the sums over all of them have
    closed forms. A Cholesky factor in place of C_S^½ gives the same axes.

    Args:
        embeddings: (n, D), not of the images that will judge it.
        labels: (n,) class of each.
        base: Card of their encoder.
        dim: d, at most D.

    Raises:
        BadArgument: If there are fewer than two classes, or fewer pictures than C_S has directions and one more for each class.

    Source: Radenović, Tolias and Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2018, arXiv:1711.02512, section 3.3,
        after Mikolajczyk and Matas, Improving Descriptors for Fast Tree Matching by Optimal Linear Projection, ICCV 2007. Deviations
        within classes are held at 1e-3 of the largest, as for PCA.
    """
    count, length = embeddings.shape
    _, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if not 1 <= dim <= length:
        raise BadArgument(f"{dim} dimensions out of {length}: ask for fewer")
    if len(sizes) < 2 or count - len(sizes) < length:
        raise BadArgument(
            f"learned whitening of {length}-d embeddings takes two classes and {length + max(2, len(sizes)):,} pictures, and there are "
            f"{count:,} in {len(sizes):,}: take more pictures, a model with shorter embeddings, or the method pca-whiten"
        )
    mean = embeddings.mean(axis=0, dtype=np.float64)
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])
    means = np.stack([embeddings[rows].mean(axis=0, dtype=np.float64) for rows in members])
    # Σ over pairs (x − y)(x − y)ᵀ = count × Σ (x − mean)(x − mean)ᵀ, within a class and over all.
    same = _scatter(row * np.sqrt(sizes[label])[:, None] for row, label in _centred(embeddings, means, labels))
    different = count * _scatter(row for row, _ in _centred(embeddings, mean[None], np.zeros_like(labels))) - same
    pairs = int((sizes * (sizes - 1) // 2).sum())
    values, vectors = np.linalg.eigh(same / pairs)
    if values[-1] <= 0:
        raise BadArgument(
            "all pictures of a class have the same embedding: there is nothing to learn, take other pictures"
        )
    white = vectors / np.sqrt(np.maximum(values, _FLOOR**2 * values[-1]))
    _, turns = np.linalg.eigh(white.T @ (different / (count * (count - 1) // 2 - pairs)) @ white)
    axes = turns[:, ::-1][:, :dim].T @ white.T
    return Whitening(mean, _turned(axes), base, Fit("learned", 1.0, count, pairs))


def _principal(embeddings: Embeddings, mean: Doubles, dim: int) -> tuple[Doubles, Doubles]:
    """Variances (dim,), falling, and directions (dim, D), by the smaller of the two products of the rows with themselves."""
    count, length = embeddings.shape
    nowhere = np.zeros(count, np.int64)
    if count > length:
        values, vectors = np.linalg.eigh(_scatter(row for row, _ in _centred(embeddings, mean[None], nowhere)))
        return np.maximum(values[::-1][:dim], 0) / (count - 1), vectors[:, ::-1][:, :dim].T
    centred = embeddings.astype(np.float64) - mean
    values, vectors = np.linalg.eigh(centred @ centred.T)
    axes = (centred.T @ vectors[:, ::-1][:, :dim]).T
    lengths = np.linalg.norm(axes, axis=1, keepdims=True)
    if lengths[0] > 0:
        axes = axes / np.maximum(
            lengths, 1e-7 * lengths[0]
        )  # a direction without any variance is noise: none is made up
    return np.maximum(values[::-1][:dim], 0) / (count - 1), axes


def _centred(
    embeddings: Embeddings, means: Doubles, which: NDArray[np.int64]
) -> Iterator[tuple[Doubles, NDArray[np.int64]]]:
    """Blocks of rows in float64, each minus the mean of its number, and these numbers: never all rows at once."""
    for start in range(0, len(embeddings), _BLOCK):
        numbers = which[start : start + _BLOCK]
        yield embeddings[start : start + _BLOCK] - means[numbers], numbers


def _scatter(blocks: Iterator[Doubles]) -> Doubles:
    """Σ x xᵀ over the rows x of all blocks."""
    summed: Doubles = sum(block.T @ block for block in blocks)  # type: ignore[assignment]
    return summed


def _turned(axes: Doubles) -> Doubles:
    """Each axis with its largest component positive."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(axes * np.where(largest < 0, -1.0, 1.0))
