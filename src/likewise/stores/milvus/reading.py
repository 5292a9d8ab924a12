"""Look at one state of a collection on Milvus: images, their records, their embeddings."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from likewise.errors import StoreBusy
from likewise.filters import Filter
from likewise.stores.milvus import filtering
from likewise.stores.milvus.catalogue import ROOT, SOURCE, Catalogue, State
from likewise.stores.milvus.columns import RECORD, VERSION, Version, alive, at, embeddings_of, record_of, version_of
from likewise.stores.milvus.remote import Remote, Row
from likewise.types import Card, Embeddings, Record, Rows

Arrays = Mapping[str, NDArray[np.generic]]

_PAGE_BYTES = 8 << 20
_PAGE_ROWS = 8192
_MOST_PARTS = 8  # filters whose part of a state is remembered


@dataclass(frozen=True, slots=True)
class Part:
    """What was worked out of the images of a state that pass a filter, by name."""

    known: dict[str, Arrays] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """One state, and what was worked out of it.

    Attributes:
        state: As committed.
        whole: Of all images.
        parts: Of those that pass a filter; the eight that were asked for last.
        guard: For what is worked out.
    """

    state: State
    whole: Part = field(default_factory=Part)
    parts: OrderedDict[Filter, Part] = field(default_factory=OrderedDict)
    guard: threading.RLock = field(default_factory=threading.RLock)

    def part(self, where: Filter | None) -> Part:
        """What is known of the images that pass."""
        if where is None:
            return self.whole
        with self.guard:
            found = self.parts.setdefault(where, Part())
            self.parts.move_to_end(where)
            while len(self.parts) > _MOST_PARTS:
                self.parts.popitem(last=False)
            return found


class Gallery:
    """The images of a collection, as its readers ask for them; at a state, always."""

    def __init__(self, remote: Remote, name: str, card: Card) -> None:
        self.remote, self.name, self.card = remote, name, card
        self.catalogue = Catalogue(remote, name)

    @property
    def page_rows(self) -> int:
        """Rows of which embeddings are read at once."""
        return max(64, min(_PAGE_ROWS, _PAGE_BYTES // (4 * self.card.dim)))

    def versions(self, state: State, asked: str) -> list[Version]:
        """The versions that an expression is true of, by row, then by age."""
        found = [version_of(row) for row in self.remote.query(self.name, asked, VERSION, state.written_at)]
        return sorted(found, key=lambda version: (version.row, version.id))

    def pages(
        self,
        state: State,
        where: Filter | None = None,
        *,
        columns: Sequence[str] = RECORD,
        rows: int = _PAGE_ROWS,
        after: int = -1,
    ) -> Iterator[list[Row]]:
        """The live images that pass, in row order, page by page.

        Args:
            state: Which.
            where: The filter.
            columns: What is wanted of each; `record` comes along where the filter must be finished on our side.
            rows: Of a page, at the most.
            after: Only rows behind this one.
        """
        asked = filtering.condition(where)
        wanted = tuple(dict.fromkeys((*columns, "row", *(() if asked.exact else ("record",)))))
        for start in range(after + 1, state.next_row, rows):
            told = filtering.joined(f"row >= {start} and row < {start + rows}", alive(state.commit), asked.text)
            found = self.remote.query(self.name, told, wanted, state.written_at)
            if where is not None and not asked.exact:
                found = [row for row in found if where.matches(record_of(row))]
            if found:
                yield sorted(found, key=lambda row: int(row["row"]))

    def blocks(self, state: State, where: Filter | None = None) -> Iterator[tuple[NDArray[np.int64], Embeddings]]:
        """(rows, embeddings) of the live images that pass, in row order, a few MB at once."""
        for page in self.pages(state, where, columns=("row", "embedding"), rows=self.page_rows):
            yield np.array([row["row"] for row in page], np.int64), embeddings_of(page, self.card.dim)

    def live(self, state: State, where: Filter | None = None) -> NDArray[np.int64]:
        """(n,) the rows of the live images that pass, rising."""
        pages = [[int(row["row"]) for row in page] for page in self.pages(state, where, columns=("row",))]
        return np.array([row for page in pages for row in page], np.int64)

    def records(self, state: State, rows: Rows) -> dict[int, Record]:
        """Row → record, of those rows that there are."""
        found: dict[int, Record] = {}
        for part in _chunks(rows, _PAGE_ROWS):
            asked = f"row in [{part}] and {at(state.commit)}"
            for row in self.remote.query(self.name, asked, RECORD, state.written_at):
                found[int(row["row"])] = record_of(row)
        return found

    def embeddings(self, state: State, rows: Rows) -> Embeddings:
        """(rows.size, dim) float32, of rows that were there at the state or before.

        Raises:
            StoreBusy: If one was dropped by `compact` since.
        """
        wanted = np.unique(rows)
        made = np.zeros((len(wanted), self.card.dim), np.float32)
        seen = np.zeros(len(wanted), np.bool_)
        for part in _chunks(wanted, self.page_rows):
            asked = f"row in [{part}] and born <= {state.commit}"
            for row in self.remote.query(self.name, asked, ("row", "embedding"), state.written_at):
                place = int(np.searchsorted(wanted, row["row"]))
                made[place], seen[place] = row["embedding"], True
        if not seen.all():
            raise StoreBusy(f"{self.remote.address} was compacted meanwhile: row {wanted[~seen][0]} is gone; ask again")
        return made[np.searchsorted(wanted, rows.reshape(-1))]

    def roots(self, view: View) -> tuple[Mapping[str, str], list[str]]:
        """The named roots, and the sources, at a state."""
        with view.guard:
            known = view.whole.known.get("roots")
            if known is None:
                named = {entry.key: entry.value for entry in self.catalogue.entries(ROOT, view.state)}
                sources = [entry.key for entry in self.catalogue.entries(SOURCE, view.state)]
                names = np.array([[name, place] for name, place in named.items()], np.str_).reshape(-1, 2)
                known = view.whole.known["roots"] = {"named": names, "sources": np.array(sources, np.str_)}
        return dict(known["named"].tolist()), known["sources"].tolist()


def _chunks(rows: Rows, size: int) -> Iterator[str]:
    each = np.unique(rows).tolist()
    for start in range(0, len(each), size):
        yield ", ".join(map(str, each[start : start + size]))
