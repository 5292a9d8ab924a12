"""What re-ranking works on: queries, what they are searched among, and their first hits so far."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.images import Limits
from likewise.types import Embeddings, Metric, Rows, Scores

Arrays: TypeAlias = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Original:
    """An encoded picture that is read only when somebody needs it.

    Attributes:
        read: Gives its bytes; raises `SourceError` when it is gone.
        sha256: Of the bytes, 64 hexadecimal digits; empty where nobody knows before reading.
        limits: Of the decoder.
    """

    read: Callable[[], bytes]
    sha256: str = ""
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(cls, data: bytes, limits: Limits) -> Self:
        """A picture whose bytes are at hand."""
        return cls(lambda: data, hashlib.sha256(data).hexdigest(), limits)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a query beside its embedding: the pictures that hits should resemble; none if it is all words."""

    pictures: tuple[Original, ...] = ()


class Gallery(Protocol):
    """What a reranker may know of the images that are searched; rows keep their numbers.

    Contract: as of `Index` and `Store`; threads may share it.
    """

    @property
    def metric(self) -> Metric:
        """How a point and a row are compared."""
        ...

    @property
    def unit(self) -> bool:
        """Whether all rows have unit norm."""
        ...

    @property
    def live(self) -> NDArray[np.int64]:
        """(n,) all rows that a search can return, rising."""
        ...

    def nearest(self, points: Embeddings, k: int) -> tuple[Scores, Rows]:
        """The k best rows of each point."""
        ...

    def embeddings(self, rows: Rows) -> Embeddings:
        """The embeddings of some rows (of any shape; flattened), float32."""
        ...

    def originals(self, rows: Sequence[int]) -> Sequence[Original | None]:
        """The pictures of some rows; None where nobody knows them."""
        ...

    def remembered(self, name: str, make: Callable[[], Arrays], *, lasting: bool = False) -> Arrays:
        """What was worked out of this gallery under a name; `make` is called when it was not, or the gallery has changed.

        What is `lasting` may outlive the program.
        """
        ...


def by_angle(gallery: Gallery) -> bool:
    """Whether rows are told apart by their directions alone: sums of them are made unit again."""
    return gallery.metric == "cosine" or gallery.unit


@dataclass(frozen=True, slots=True)
class Shortlists:
    """Some queries with their first hits.

    Attributes:
        gallery: What is searched.
        asked: q of them.
        points: (q, dim) where they stand.
        scores: (q, d), each row falling; d = min(depth, n).
        rows: (q, d).
        inliers: For each query row → matches that agree on one geometry, of the hits for which they were counted.
    """

    gallery: Gallery
    asked: Sequence[Asked]
    points: Embeddings
    scores: Scores
    rows: Rows
    inliers: Sequence[Mapping[int, int]]

    @classmethod
    def first(cls, gallery: Gallery, asked: Sequence[Asked], points: Embeddings, depth: int) -> Self:
        """The plain search."""
        scores, rows = gallery.nearest(points, depth)
        return cls(gallery, asked, points, scores, rows, [{} for _ in asked])

    def again(self, *, points: Embeddings | None = None, gallery: Gallery | None = None) -> Shortlists:
        """Search the whole gallery again, from other points or among other embeddings of the same images."""
        gallery = gallery or self.gallery
        points = self.points if points is None else np.asarray(points, np.float32)
        scores, rows = gallery.nearest(points, self.rows.shape[1])
        return replace(self, gallery=gallery, points=points, scores=scores, rows=rows)

    def reordered(self, scores: NDArray[np.floating]) -> Shortlists:
        """The same hits by other scores, (q, d), in the order of `rows`; of equal ones the former order stays."""
        rounded = np.asarray(scores, np.float32)
        order = np.argsort(-rounded, axis=1, kind="stable")
        return replace(
            self,
            scores=np.take_along_axis(rounded, order, axis=1),
            rows=np.take_along_axis(self.rows, order, axis=1),
        )

    def before(self, scores: Scores, rows: Rows) -> tuple[Scores, Rows]:
        """Put the short lists in front of longer rankings by the same points; what is behind them keeps its order.

        Scores behind a short list are moved down by a constant where they would rise after it.
        """
        depth = min(self.rows.shape[1], rows.shape[1])
        if depth == 0:
            return scores, rows
        new_scores, new_rows = scores.copy(), rows.copy()
        for i, short in enumerate(self.rows):
            behind = ~np.isin(rows[i], short)
            rest = rows.shape[1] - depth
            new_rows[i] = np.concatenate([short[:depth], rows[i][behind][:rest]])
            tail = scores[i][behind][:rest]
            floor = self.scores[i, depth - 1]
            fall = max(np.float32(0), tail[0] - floor) if rest else np.float32(0)
            new_scores[i] = np.concatenate([self.scores[i, :depth], np.minimum(tail - fall, floor)])
        return new_scores, new_rows

    def best(self, k: int) -> tuple[Scores, Rows]:
        """The first k hits; more than the short list holds are taken from behind it."""
        if k <= self.rows.shape[1]:
            return self.scores[:, :k], self.rows[:, :k]
        return self.before(*self.gallery.nearest(self.points, k))


@dataclass(frozen=True, slots=True)
class Setting:
    """One number that stands behind a reranker's name.

    Attributes:
        name: What it is, in a word or two.
        default: When it is not given.
        least: It may not be below.
        most: It may not be above.
        whole: Whether it counts something.
    """

    name: str
    default: float
    least: float
    most: float = float("inf")
    whole: bool = True


class Reranker(Protocol):
    """A step that makes rankings better: it searches again from better points or among better embeddings, or reorders the short list.

    Made of the numbers of its settings, in their order. Contract: over the whole gallery, a permutation of its input; one row stays as it
    is; hits of equal score keep their order, which is that of the gallery; the answer to a query does not depend on the others in its
    batch; deterministic; threads may share it.
    """

    SETTINGS: ClassVar[tuple[Setting, ...]]

    needs_pictures: ClassVar[bool]
    """Whether it looks at pixels, so that a query of words alone is nothing to it."""

    def rerank(self, found: Shortlists) -> Shortlists:
        """The short lists as they should be; nothing that is passed in is changed.

        Args:
            found: Of at least one query and one hit.

        Raises:
            BadArgument: If it does not go with how this gallery is compared.
        """
        ...


@dataclass(frozen=True, slots=True)
class Correspondences:
    """Places of two pictures that show the same, by one geometry.

    Attributes:
        query: (m, 2) x and y in the query's picture, as shares of its width and height.
        hit: (m, 2) the same places in the hit's.
    """

    query: NDArray[np.float32] = field(repr=False)
    hit: NDArray[np.float32] = field(repr=False)
