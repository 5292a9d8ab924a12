"""What a gallery loses when it is kept as codes: queries stay as they are, as in any search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likewise.compression import Codebook, Compression
from likewise.errors import BadArgument
from likewise.evaluate.comparing import Difference, compare
from likewise.evaluate.embedding import Embedded
from likewise.evaluate.results import Result
from likewise.indexes.exact import Exact
from likewise.types import Embeddings, Metric

SAMPLE = 10_000
"""Embeddings that a codec is fitted on, at the most."""

NEAREST = 10
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Cost:
    """What a codec cost on a benchmark.

    Attributes:
        kept_as: Its name.
        row_bytes: Of an embedding.
        neighbours: The share of the ten best hits in float32 that are among the ten best hits; the query itself does not count.
        differences: Of every metric, to float32: paired, with intervals.
    """

    kept_as: str
    row_bytes: int
    neighbours: float
    differences: tuple[Difference, ...]


def costs(plain: Result, others: Sequence[Result]) -> list[Cost]:
    """What each codec cost.

    Args:
        plain: In float32.
        others: Of the same benchmark and model.
    """
    return [
        Cost(other.kept_as, other.row_bytes, _shared(plain, other), compare(plain, other).differences)
        for other in others
    ]


def fitted(gallery: Embedded, wanted: Compression, seed: int) -> Codebook:
    """A codec for a gallery, fitted on at most 10,000 of its embeddings, as that of a collection is.

    Raises:
        BadArgument: If there are too few of them.
    """
    card, rows = gallery.store.card, gallery.rows[gallery.present]
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]) if wanted.least else np.arange(0)
    if len(chosen) < wanted.least:
        raise BadArgument(
            f"{wanted.name} is fitted on {wanted.least} embeddings at least, and this gallery has {len(chosen)}: "
            "leave it out, or judge it on a larger benchmark"
        )
    on = f"{len(chosen):,} of the gallery's {len(rows):,} embeddings, seed {seed}"
    return wanted.fitted(gallery.store.embeddings(rows[chosen]), unit=card.unit, on=on, seed=seed)


def compressed(gallery: Embedded, codebook: Codebook) -> Embedded:
    """The same gallery, kept as codes."""
    rows, codec = gallery.rows[gallery.present], codebook.codec
    starts = range(0, len(rows), _BLOCK)
    codes = [codec.encode(gallery.store.embeddings(rows[start : start + _BLOCK])) for start in starts]
    return replace(gallery, kept=codec.rows(np.concatenate(codes)))


def neighbours_kept(codebook: Codebook, rows: Embeddings, asked: NDArray[np.int64], metric: Metric) -> float | None:
    """The share of the ten nearest others of an embedding that stay the ten nearest when all but itself are codes.

    Args:
        codebook: Of these embeddings.
        rows: (n, dim).
        asked: (q,) those that are looked for among all.
        metric: How they are compared.

    Returns:
        In 0..1; None of fewer than two rows.
    """
    count, codec = min(NEAREST, len(rows) - 1), codebook.codec
    if count < 1:
        return None
    queries = rows[asked]
    plain = Exact(rows, metric, unit=codebook.unit)
    coded = Exact(codec.searched(codec.encode(rows)), metric, unit=codebook.unit)
    _, wanted = plain.search(queries, count + 1)
    _, found = coded.search(codec.asked(queries), count + 1)
    shares = []
    for query, before, after in zip(asked, wanted, found, strict=True):
        others = before[before != query][:count]
        shares.append(np.isin(others, after[after != query][:count]).mean())
    return float(np.mean(shares))


def _shared(plain: Result, other: Result) -> float:
    same = plain.gallery.location == plain.queries.location
    shares = []
    for before, after in zip(plain.answers, other.answers, strict=True):
        left_out = {before.key} if same else set()
        wanted, found = (
            [hit.key for hit in each.hits if hit.key not in left_out][:NEAREST] for each in (before, after)
        )
        if wanted:
            shares.append(len(set(wanted) & set(found)) / len(wanted))
    return float(np.mean(shares)) if shares else float("nan")
