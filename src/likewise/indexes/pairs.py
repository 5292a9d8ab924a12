"""Every two rows of a gallery that are alike: exactly, each two blocks multiplied once, or as an index finds them. No n × n matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.errors import BadArgument
from likewise.indexes.exact import CONFIDENCE, UNIT_ROUNDOFF, plain_scores
from likewise.types import Embeddings, Metric, Rows, Scores

_FIRST_ROWS, _SECOND_ROWS = 2048, 1024  # multiplied at once: 8 MB of scores, whatever the gallery has


@dataclass(frozen=True, slots=True)
class Part:
    """What one look at some rows has brought.

    Attributes:
        done: Looks up to now that need not be taken again, of as many as there are.
        of: Looks in all.
        first: (m,) rows.
        second: (m,) the row that each of them is like; a pair stands here once or, where both looked for each other, twice.
    """

    done: int
    of: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]


class PairsOfBlocks:
    """All pairs that score at least something, exactly: n²/2 products, and memory that does not grow with n.

    A pair counts as the plain loop scores it: products decide only where their rounding cannot.
    """

    def __init__(
        self,
        read: Callable[[Rows], Embeddings],
        rows: NDArray[np.int64],
        least: float,
        metric: Metric,
        *,
        unit: bool = False,
        block_rows: tuple[int, int] = (_FIRST_ROWS, _SECOND_ROWS),
    ) -> None:
        """Say what is to be compared; nothing is read yet.

        Args:
            read: Gives the embeddings of some rows.
            rows: (n,) those that are compared, rising.
            least: The score that a pair must reach.
            metric: How two rows are compared.
            unit: All rows have unit norm; as for `Exact`.
            block_rows: Of the first and of the second block. They do not change which pairs are found.

        Raises:
            BadArgument: If a block has no rows.
        """
        if min(block_rows) < 1:
            raise BadArgument(f"blocks of {block_rows} rows: each must have at least 1")
        self._read, self._rows, self._least, self._metric = read, rows, least, metric
        self._unit = unit and metric == "cosine"
        self._block_rows = block_rows

    def parts(self, start: int = 0) -> Iterator[Part]:
        """Two blocks at a time; a pair comes once, and `start` passes over so many looks.

        Args:
            start: How many were done before.
        """
        tall, wide = self._block_rows
        count = len(self._rows)
        starts = range(0, count, tall)
        looks = [-(-(count - top) // wide) for top in starts]
        done, of = 0, sum(looks)
        memory = np.empty(
            (min(tall, count), min(wide, count)), np.float32
        )  # fresh memory for each would cost more than the sums
        for top, here in zip(starts, looks, strict=True):
            if done + here <= start:
                done += here
                continue
            block = _Block.of(self._read, self._rows[top : top + tall], self._prepared)
            for left in range(top, count, wide):
                done += 1
                if done <= start:
                    continue
                other = _Block.of(self._read, self._rows[left : left + wide], self._prepared)
                yield Part(done, of, *self._passing(block, other, left - top, memory))

    def _prepared(self, rows: Embeddings) -> Embeddings:
        """Rows whose products say how alike they are: of unit norm for the cosine."""
        if self._unit or self._metric == "l2":
            return rows
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0), np.float32)

    def _passing(
        self, block: _Block, other: _Block, above: int, memory: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of a row of each, the second behind the first in the gallery."""
        bound = 3 * (CONFIDENCE * np.sqrt(block.ready.shape[1]) + 16) * UNIT_ROUNDOFF
        with np.errstate(over="ignore", invalid="ignore"):
            rough = np.matmul(block.ready, other.ready.T, out=memory[: len(block.ready), : len(other.ready)])
            floor, error = self._least, float(bound)
            if self._metric == "l2":  # x·y - |x|²/2 - |y|²/2 is half of minus the squared distance
                rough -= block.squares[:, None] / 2
                rough -= other.squares / 2
                floor = -(min(self._least, 0.0) ** 2) / 2 if self._least <= 0 else np.inf
                error *= float(np.sqrt(block.squares.max()) + np.sqrt(other.squares.max())) ** 2
            hopeless = _below(floor - error)
            if rough.max() < hopeless:
                return block.numbers[:0], other.numbers[:0]
        places = np.flatnonzero(~(rough < hopeless))  # what is not a number is not hopeless
        lines, columns = np.divmod(places, rough.shape[1])
        values = rough[lines, columns].astype(np.float64)
        behind = columns + above > lines
        lines, columns, values = lines[behind], columns[behind], values[behind]
        sure = values >= floor + error
        unsure = np.flatnonzero(~sure)
        for line in np.unique(lines[unsure]).tolist():
            these = unsure[lines[unsure] == line]
            scores = plain_scores(block.rows[line], other.rows[columns[these]], self._metric, unit=self._unit)
            sure[these] = scores >= np.float32(self._least)
        return block.numbers[lines[sure]], other.numbers[columns[sure]]


def _below(value: float) -> np.float32:
    """The same number in float32, rounded down: compared with one of float64, a block would be copied."""
    with np.errstate(over="ignore"):
        narrow = np.float32(value)
    return np.float32(np.nextafter(narrow, np.float32(-np.inf)))


@dataclass(frozen=True, slots=True)
class _Block:
    """Some rows: their numbers, embeddings, what is multiplied of them, and the squares of their norms."""

    numbers: NDArray[np.int64]
    rows: Embeddings
    ready: Embeddings
    squares: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        read: Callable[[Rows], Embeddings],
        numbers: NDArray[np.int64],
        prepared: Callable[[Embeddings], Embeddings],
    ) -> _Block:
        rows = read(numbers)
        return cls(numbers, rows, prepared(rows), np.asarray(np.einsum("ij,ij->i", rows, rows), np.float32))


class PairsOfNeighbours:
    """Pairs that an index finds: each row looks for its few nearest, and for more while the last of them still passes.

    What an approximate index misses from one side it may find from the other. No row asks for more than `most`; a row in such a crowd
    hangs together with the rest of it through those that it has found.
    """

    def __init__(  # noqa: PLR0913 - what is asked for, of whom, and how much at once
        self,
        read: Callable[[Rows], Embeddings],
        nearest: Callable[[Embeddings, int], tuple[Scores, Rows]],
        rows: NDArray[np.int64],
        least: float,
        *,
        k: int = 8,
        most: int = 1024,
        batch: int = 256,
    ) -> None:
        """Say what is to be compared; nothing is asked yet.

        Args:
            read: Gives the embeddings of some rows.
            nearest: The best rows of some embeddings, and their scores.
            rows: (n,) those that look for others, rising; others may be found too.
            least: The score that a pair must reach.
            k: Neighbours at first.
            most: Neighbours at last.
            batch: Rows that ask at once; fewer where they ask for many.
        """
        self._read, self._nearest, self._rows, self._least = read, nearest, rows, np.float32(least)
        self._k, self._most, self._batch = k, most, batch

    def parts(self, start: int = 0) -> Iterator[Part]:
        """Some rows at a time; `start` passes over so many."""
        of = len(self._rows)
        for first in range(start, of, self._batch):
            asking, k = self._rows[first : first + self._batch], self._k
            done = min(of, first + self._batch)
            while len(asking):
                step = max(1, self._batch * self._k // k)
                crowded = [np.zeros(0, np.int64)]
                for at in range(0, len(asking), step):
                    some = asking[at : at + step]
                    pairs, more = self._found(some, k)
                    crowded.append(more)
                    yield Part(first, of, *pairs)
                asking = np.concatenate(crowded) if k < self._most else asking[:0]
                k = min(4 * k, self._most)
            none = np.zeros(0, np.int64)
            yield Part(done, of, none, none)  # nobody of these asks any more

    def _found(self, asking: NDArray[np.int64], k: int) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], Rows]:
        """Pairs, and the rows whose last neighbour still passes though there are more."""
        scores, found = self._nearest(self._read(asking), k)
        passing = (scores >= self._least) & (found != asking[:, None])
        first, second = np.repeat(asking, passing.sum(axis=1)), found[passing]
        if found.shape[1] < k:  # that was the whole gallery
            return (first, second), asking[:0]
        return (first, second), asking[scores[:, -1] >= self._least]
