"""The index of a collection on Milvus, and how wide it is searched: found by measuring against exact search, as for a local one.

`lists` is IVF_SQ8 (a byte a component, read list by list), `graph` is HNSW, `exact` is FLAT. The dial is that of `likewise.indexes.dial`:
for each width and count of candidates the share of the true neighbours that a sample of the gallery's own images finds. Candidates are
scored again by their embeddings, so that codes cost recall and never a score.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.indexes import dial
from likewise.indexes.dial import DEPTHS, Dial, Setting
from likewise.indexes.first import Watch
from likewise.stores.local.indexing import Wish
from likewise.stores.milvus.catalogue import State
from likewise.stores.milvus.columns import alive
from likewise.stores.milvus.reading import Gallery
from likewise.stores.milvus.remote import MOST_HITS, index_metric
from likewise.stores.milvus.searching import Plan, first_count, flat, scanned
from likewise.types import Embeddings, Metric, Rows

Kind: TypeAlias = Literal["lists", "graph"]

AUTO_ROWS = 100_000
"""Images from which on `auto` has lists: a server compares with fewer in a few tens of milliseconds."""

MEASURED = 256  # queries
_LEAST_ROWS = 2000
_STALE = 0.1  # of the rows, added since recall was measured
_NEIGHBOURS, _BUILD_WIDTH = 16, 200  # of HNSW


@dataclass(frozen=True, slots=True)
class Built:
    """An index that the server has.

    Attributes:
        kind: `lists` or `graph`.
        rows: Images that there were when it was measured.
        lists: Of the first pass; 0 for a graph.
        dial: As measured.
        seconds: That building and measuring took.
        built_at: ISO 8601, UTC.
        size_bytes: What it takes on the server, roughly.
    """

    kind: Kind
    rows: int
    lists: int
    dial: Dial
    seconds: float
    built_at: str
    size_bytes: int

    @classmethod
    def of(cls, state: State) -> Self | None:
        """The index at a state; None where searches are exact."""
        return None if state.index is None else cls(**dict(state.index) | {"dial": Dial.from_json(state.index["dial"])})

    def told(self) -> dict[str, Any]:
        """Plain values, of which `of` makes it again."""
        return {
            name: getattr(self, name) for name in ("kind", "rows", "lists", "seconds", "built_at", "size_bytes")
        } | {"dial": self.dial.to_json()}


def wish_of(state: State) -> Wish:
    """What the owner asked for."""
    return Wish.from_json(state.wish) if state.wish else Wish()


def plan(gallery: Gallery, state: State, k: int, metric: Metric, recall: float, *, filtered: bool) -> Plan | None:
    """How to search; None to read all rows."""
    exact, built = flat(gallery, k, metric), Built.of(state)
    if built is None or exact is None:
        return exact
    setting = None if recall >= 1 else built.dial.at(recall, k)
    if setting is None:
        return None
    count = max(first_count(k), setting.count * math.ceil(k / setting.depth))
    if filtered:  # what passes may lie anywhere: look at all lists, or far around, and at more candidates
        count = max(count, _MOST_FACTOR * k)
        return Plan(
            exact.metric,
            is_exact=False,
            count=count,
            parameters=_asked(built.kind, _widths(built.kind, built.lists)[-1], count),
        )
    return Plan(exact.metric, is_exact=False, count=count, parameters=_asked(built.kind, setting.width, count))


def wanted_kind(wish: Wish, rows: int) -> Kind | None:
    """Which index a wish asks for; None for exact search."""
    if wish.recall >= 1 or wish.kind == "exact" or rows < _LEAST_ROWS:
        return None
    if wish.kind == "auto":
        return "lists" if rows >= AUTO_ROWS else None
    return wish.kind


def is_due(wish: Wish, state: State) -> bool:
    """Whether what is there is not, or no longer, what is wished."""
    kind, built = wanted_kind(wish, state.live), Built.of(state)
    if kind is None or built is None:
        return (kind is None) != (built is None)
    return kind != built.kind or abs(state.live - built.rows) > _STALE * built.rows


def built(gallery: Gallery, state: State, kind: Kind | None, watch: Watch) -> Built | None:
    """Have the server build an index, and measure it."""
    start, card = time.monotonic(), gallery.card
    metric = index_metric(card.metric, unit=card.unit)
    watch("building on the server", 0, 1)
    gallery.remote.flush(gallery.name)
    lists = max(16, min(4096, int(4 * math.sqrt(state.live)))) if kind == "lists" else 0
    name, parameters = {
        None: ("FLAT", {}),
        "lists": ("IVF_SQ8", {"nlist": lists}),
        "graph": ("HNSW", {"M": _NEIGHBOURS, "efConstruction": _BUILD_WIDTH}),
    }[kind]
    gallery.remote.index(gallery.name, name, metric, parameters)
    gallery.remote.load(gallery.name)
    watch("building on the server", 1, 1)
    if kind is None:
        return None
    bytes_each = card.dim if kind == "lists" else 4 * card.dim + 8 * _NEIGHBOURS
    made = Built(
        kind, state.live, lists, measured(gallery, state, kind, lists, watch), 0.0, "", bytes_each * state.live
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(made, seconds=round(time.monotonic() - start, 3), built_at=now)


def sample(gallery: Gallery, state: State, count: int, seed: int = 0) -> tuple[Embeddings, NDArray[np.int64], Rows]:
    """Some images as queries: their embeddings, their rows, and the true nearest others of each."""
    live = gallery.live(state)
    own = np.sort(np.random.default_rng(seed).choice(live, min(count, len(live)), replace=False))
    queries = gallery.embeddings(state, own)
    depth = min(DEPTHS[-1], len(live) - 1)
    truth = scanned(gallery, state, queries, depth + 1, gallery.card.metric).rows
    return queries, own, _others(truth, own, depth)


def measured(gallery: Gallery, state: State, kind: Kind, lists: int, watch: Watch) -> Dial:
    """What each width and count finds of a sample's true neighbours, and how long one query takes."""
    queries, own, truth = sample(gallery, state, MEASURED)
    depths = [each for each in DEPTHS if each <= truth.shape[1]] or [truth.shape[1]]
    widths = _widths(kind, lists)
    found: dict[int, list[Setting]] = {depth: [] for depth in depths}
    for done, width in enumerate(widths, start=1):
        most = _MOST_FACTOR * depths[-1] + first_count(0)
        count = min(most, width) if kind == "graph" else most
        rows, seconds = _candidates(gallery, state, queries, _asked(kind, width, count + 1), count + 1)
        others = _others(rows, own, count)
        for depth in depths:
            hit = truth[:, :depth, None] == others[:, None, :]
            for wanted in (first_count(depth), *(factor * depth for factor in range(2, _MOST_FACTOR + 1))):
                if wanted <= count:
                    recall, low = dial.recall_of(hit[:, :, :wanted].any(axis=2))
                    found[depth].append(Setting(width, wanted, depth, 1e9, recall, low, seconds * (1 + wanted / 1000)))
        watch("measuring recall", done, len(widths))
        if all(settings and max(each.low for each in settings) >= _ENOUGH for settings in found.values()):
            break
    return Dial(len(queries), {depth: dial.unbeaten(each) for depth, each in found.items()}, {}, 0.0)


def shares_found(gallery: Gallery, state: State, queries: int, recall: float) -> NDArray[np.float64] | None:
    """(q,) how much of their ten nearest a search finds; None where searches are exact."""
    if state.index is None or recall >= 1:
        return None
    from likewise.stores.milvus.searching import nearest

    asked, own, truth = sample(gallery, state, queries, seed=1)
    k = min(10, truth.shape[1])
    metric = gallery.card.metric
    how = plan(gallery, state, k + 1, metric, recall, filtered=False)
    found = _others(nearest(gallery, state, asked, k + 1, metric, None, how).rows, own, k)
    hit = (truth[:, :k, None] == found[:, None, :]).any(axis=2)
    return np.asarray(hit.mean(axis=1), np.float64)


_ENOUGH = 0.997
_MOST_FACTOR = 4  # times the neighbours that are wanted: so many candidates


def _widths(kind: Kind, lists: int) -> list[int]:
    if kind == "graph":
        return [32, 64, 128, 256, 512, 1024, 2048]
    return [each for each in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048) if each < lists] + [lists]


def _asked(kind: Kind, width: int, count: int) -> Mapping[str, int]:
    return {"nprobe": width} if kind == "lists" else {"ef": min(32768, max(width, count))}


def _candidates(
    gallery: Gallery, state: State, queries: Embeddings, parameters: Mapping[str, int], count: int
) -> tuple[Rows, float]:
    """(q, c) rows as the server names them, -1 where there are fewer, and the seconds of one query."""
    metric, told = index_metric(gallery.card.metric, unit=gallery.card.unit), alive(state.commit)
    count = min(count, MOST_HITS)
    start = time.perf_counter()
    found = gallery.remote.search(gallery.name, queries, count, metric, parameters, told, ("row",), state.written_at)
    seconds = (time.perf_counter() - start) / len(queries)
    rows = np.full((len(queries), count), -1, np.int64)
    for line, hits in zip(rows, found, strict=True):
        line[: len(hits.fields)] = [row["row"] for row in hits.fields]
    return rows, float(f"{seconds:.4g}")


def _others(rows: Rows, own: NDArray[np.int64], count: int) -> Rows:
    """(q, count) without the query itself."""
    order = np.argsort(rows == own[:, None], axis=1, kind="stable")[:, :count]
    return np.take_along_axis(rows, order, axis=1)
