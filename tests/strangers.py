"""Galleries whose truth is known: who is related to whom was decided when they were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from likewise.indexes.exact import Exact
from likewise.types import Embeddings, Metric, Record, Rows, Scores

Array = np.ndarray


class Made:
    """A `Snapshot` of rows in memory; each has a folder and bytes of its own unless told otherwise."""

    def __init__(
        self,
        rows: Array,
        folders: Sequence[str] | None = None,
        contents: Sequence[int] | None = None,
        lost: bool = False,
    ) -> None:
        self.rows = np.asarray(rows, np.float32)
        self._folders = folders or ["all"] * len(rows)
        self._contents = contents or range(len(rows))
        self._lost = lost
        self.made: list[str] = []
        self._kept: dict[str, Mapping[str, NDArray[np.generic]]] = {}

    @property
    def live(self) -> NDArray[np.int64]:
        return np.arange(len(self.rows))

    def nearest(self, queries: Embeddings, k: int, metric: Metric | None = None) -> tuple[Scores, Rows]:
        return Exact(self.rows, metric or "cosine").search(queries, k)

    def embeddings(self, rows: Rows) -> Embeddings:
        return self.rows[rows.reshape(-1)]

    def records(self, rows: Rows) -> Mapping[int, Record] | None:
        if self._lost:
            return None
        return {
            i: Record(f"{self._folders[i]}/{i}.png", f"{self._contents[i]:064x}", 1, 1, 1, 1)
            for i in rows.reshape(-1).tolist()
        }

    def remembered(
        self, name: str, make: Callable[[], Mapping[str, NDArray[np.generic]]], *, lasting: bool = False
    ) -> Mapping[str, NDArray[np.generic]]:
        if name not in self._kept:
            assert lasting
            self.made.append(name)
            self._kept[name] = make()
        return self._kept[name]


def unit(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class World:
    """Pictures as points of a smooth surface of few dimensions in a space of many."""

    def __init__(self, dimensions: int = 8, dim: int = 32, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self._first = self.rng.normal(size=(dimensions, dim))
        self._second = self.rng.normal(size=(dimensions, dim))
        self.dimensions = dimensions

    def places(self, count: int) -> Array:
        return self.rng.normal(size=(count, self.dimensions))

    def seen(self, places: Array) -> Array:
        """Their embeddings, of unit norm."""
        return unit(places @ self._first + np.sin(2 * places) @ self._second)

    def near(self, places: Array, spread: float) -> Array:
        """Others not far from some places."""
        return places + spread * self.rng.normal(size=places.shape)


def best_scores(gallery: Array, queries: Array, metric: Metric = "cosine") -> Array:
    """What the best row of a gallery scores, for each query."""
    return Exact(np.asarray(gallery, np.float32), metric).search(np.asarray(queries, np.float32), 1)[0][:, 0]


def assert_honest(stated: float, alarms: Array) -> None:
    """The rate of false alarms is the stated one within a factor of 2, give or take what counting them can miss by."""
    rate, count = float(alarms.mean()), len(alarms)
    slack = 2 * np.sqrt(2 * stated / count)
    assert stated / 2 - slack <= rate <= 2 * stated + slack, f"{rate:.5f} where {stated} was stated, of {count}"
