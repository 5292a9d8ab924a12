"""The rows of the table that need one kind of gallery: the post's, exact answers, bandwidth, what hardly fits, and re-ranking."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from contests.contest import Contender, Fell
from contests.figures import Figure
from searching import duel
from searching.duel import Side
from searching.made import Gallery
from searching.meeting import recall_row
from searching.setting import Entrant, Served, Setting
from searching.truth import recall
from searching.tuning import Judge

_POST_K, _K = 7, 10
_EXACT = 0.9995
_WAIT_S = 30.0  # about so long the answers of one engine are collected, to be judged
_TEN_GB = 12
_PER = "queries/s"
_WAYS = ("sum", "dot", "copy")  # a copy also writes, and is no measure for a scan; it stands beside


def post(setting: Setting) -> Iterator[Figure]:
    """50,000 × 4096, k = 7, one query at a time: the blog post's loop, numpy, faiss Flat, ours."""
    gallery = setting.gallery("features", setting.sizes.post)
    truth, metric = setting.truth(gallery), {"metric": gallery.metric}
    entrants = [
        Entrant("the loop", "plain:Loop", metric, builds=False),
        Entrant("numpy", "plain:Numpy", metric, builds=False),
        setting.likewise(gallery, exact=True),
    ]
    with setting.going_on("faiss Flat"):
        entrants.append(setting.flat(gallery))
    with contextlib.ExitStack() as stack:
        served = _all_serving(stack, setting, entrants, gallery, _POST_K)
        if setting.only_prepare:
            return
        ours = served[entrants[2].name]
        found = {name: _answers(each)[0] for name, each in served.items()}
        loop = found["the loop"]
        for name, rows in found.items():
            if name != "the loop":
                count = min(len(rows), len(loop))
                same = float((rows[:count] == loop[:count]).all(axis=1).mean())
                must = 1 if name == ours.name else None
                note = f"{count} queries; recall {recall(rows, truth, gallery, _POST_K):.6f} of {len(rows)}"
                yield Figure(
                    f"answers that are the loop's, row for row: {name}", value=same, must=must, unit="", note=note
                )
        sides = duel.hold(
            [each.side({}) for each in served.values()], setting.ground, setting.sizes.turn_s, setting.fell
        )
        what = f"{gallery.rows:,} × {gallery.dim}, k = {_POST_K}, one query"
        bounds = {"the loop": (80.0, 400.0), "faiss Flat": (15.0, 80.0), "numpy": (None, None)}
        yield from _against(sides, ours.name, what, bounds)


def million(setting: Setting) -> Iterator[Figure]:
    """1,000,000 × 512, k = 10, one query at a time and in a batch, answers as good as exact: against faiss Flat."""
    gallery = setting.gallery("unit", setting.sizes.large)
    truth = setting.truth(gallery)
    entrants = [setting.likewise(gallery, exact=True), setting.flat(gallery)]
    with contextlib.ExitStack() as stack:
        served = _all_serving(stack, setting, entrants, gallery, _K)
        if setting.only_prepare:
            return
        for name, each in served.items():
            for batch in (False, True):
                rows, seconds = _answers(each, batch=batch)
                value, how = recall(rows, truth, gallery, _K), "a batch" if batch else "one by one"
                must = _EXACT if name == entrants[0].name else None
                note = f"{len(rows):,} queries, {how}, {seconds:.1f} s"
                yield Figure(f"recall of {name}, {how}", each.facts["is"], value=value, must=must, unit="", note=note)
        for batch, bounds, how in (
            (False, (15.0, 40.0), "one query"),
            (True, (3.0, 15.0), f"a batch of {gallery.queries:,}"),
        ):
            sides = [each.side({}, batch=batch) for each in served.values()]
            standing = duel.hold(sides, setting.ground, setting.sizes.turn_s, setting.fell)
            what = f"{gallery.rows:,} × {gallery.dim}, k = {_K}, {how}"
            ours, flat = (side.name for side in sides)
            yield from _against(standing, ours, what, {flat: bounds})


def bandwidth(setting: Setting) -> Iterator[Figure]:
    """How quickly this machine reads memory, and how much of that a scan of ours, and of faiss Flat, reaches."""
    gallery = setting.gallery("unit", setting.sizes.large)
    entrants = [setting.likewise(gallery, exact=True)]
    with setting.going_on("faiss Flat"):
        entrants.append(setting.flat(gallery))
    with contextlib.ExitStack() as stack:
        served = _all_serving(stack, setting, entrants, gallery, _K)
        if setting.only_prepare:
            return
        readers = [_reader(stack, setting, way) for way in _WAYS]
        scans = [each.side({}) for each in served.values()]
        standing = duel.hold([*readers, *scans], setting.ground, setting.sizes.turn_s, setting.fell)
        rates = {side.name: side.speed * side.facts["bytes"] / 1e9 for side in standing if side in readers}
        for side in standing:
            if side in readers:
                yield Figure(f"memory, {side.name}", side.facts["is"], value=rates[side.name], unit="GB/s")
        if not any(side in readers[:-1] for side in standing):
            raise Fell("no reader came through")
        quickest = max((side for side in standing if side in readers[:-1]), key=lambda side: rates[side.name])
        for side in standing:
            if side in scans:
                yield _share(side, quickest, gallery.nbytes, goal=0.8 if side is scans[0] else None)


def ten(setting: Setting) -> Iterator[Figure]:
    """10,000,000 × 128, made in blocks: built and served within 12 GB, and queries a second at recall 0.9 and 0.95."""
    gallery = setting.gallery("unit", setting.sizes.ten)
    truth, entrant = setting.truth(gallery), setting.likewise(gallery, exact=False)
    facts = setting.built(entrant, gallery)
    if setting.only_prepare:
        return
    what = f"{gallery.rows:,} × {gallery.dim}"
    yield Figure(
        f"{what}: anonymous memory while building, at its most",
        value=facts["build_mb"] * 2**20 / 1e9,
        must=_TEN_GB,
        low_is_good=True,
        unit="GB",
        note=f"{facts['build_s']:.0f} s on {facts['build_threads']} processors, {facts['build_processor_s']:.0f} s of processors; "
        f"the index has {facts['disk_bytes'] / gallery.rows:.1f} bytes a row on the disk; the rows are a memory map",
        details=facts,
    )
    with setting.serving(entrant, gallery, _K) as served:
        judge, sides, memory = Judge(gallery, truth, _K), [], 0.0
        for wanted in (0.9, 0.95):
            tuned = judge.ours(served, wanted)
            if tuned is None:
                setting.fell[f"recall {wanted:g}"] = "the dial does not reach it"
                continue
            ways = [served.side(tuned.setting, batch=batch, note=f" at {wanted:g}") for batch in (False, True)]
            sides += [(wanted, tuned, side) for side in ways]
        standing = duel.hold([side for _, _, side in sides], setting.ground, setting.sizes.turn_s, setting.fell)
        for wanted, tuned, side in sides:
            if side in standing:
                memory = max(memory, side.anonymous_mb)
                yield Figure(
                    f"{what}: queries of a processor second at recall {wanted:g}, {'a batch' if side.batch else 'one by one'}",
                    served.facts["is"],
                    value=side.frugality,
                    goal=1000 if wanted == 0.9 else None,
                    unit=_PER,
                    note=f"{tuned}; {side.speed:,.0f} queries a second by the clock",
                    details={side.name: side.details()},
                )
        yield Figure(
            f"{what}: anonymous memory while serving",
            value=memory * 2**20 / 1e9,
            must=_TEN_GB,
            low_is_good=True,
            unit="GB",
            note=f"opened in {1000 * served.facts['open_s']:.0f} ms",
        )


def rerank(setting: Setting) -> Iterator[Figure]:
    """What each reranker is worth: bench/rerank.py, which needs pictures."""
    program = Path(__file__).resolve().parent.parent / "rerank.py"
    if not setting.pictures:
        raise Fell("needs pictures: pass --covers, --ukbench or --cifar, which go to bench/rerank.py")
    if setting.only_prepare:
        return
    done = subprocess.run(
        [sys.executable, str(program), *setting.pictures], capture_output=True, text=True, check=False
    )
    print(done.stdout, flush=True)
    if done.returncode:
        raise Fell(f"bench/rerank.py ended with {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1]}")
    yield Figure("re-rankers", note="see bench/rerank.py's own table", details={"printed": done.stdout.splitlines()})


ROWS: dict[str, tuple[Callable[[Setting], Iterator[Figure]], float]] = {
    "post": (post, 1),
    "million": (million, 2),
    "recall": (recall_row, 8),
    "bandwidth": (bandwidth, 1),
    "ten": (ten, 2),
    "rerank": (rerank, 1),
}
"""Name → the row, and its share of the time."""


def _all_serving(
    stack: contextlib.ExitStack, setting: Setting, entrants: Sequence[Entrant], gallery: Gallery, k: int
) -> dict[str, Served]:
    """All that can be built and opened."""
    served = {}
    for entrant in entrants:
        with setting.going_on(entrant.name):
            if entrant.builds:
                setting.built(entrant, gallery)
            if not setting.only_prepare:
                served[entrant.name] = stack.enter_context(setting.serving(entrant, gallery, k))
    return served


def _answers(served: Served, *, batch: bool = False) -> tuple[np.ndarray, float]:
    """Rows for as many queries as there is time for, and the seconds that they took."""
    side = served.side({}, batch=batch)
    first = side.ask(1)[0].seconds
    count = served.queries if batch else max(1, min(served.queries, round(_WAIT_S / first)))
    turn, rows = side.ask(count)
    return rows, turn.seconds


def _against(
    sides: Sequence[Side], ours: str, what: str, bounds: dict[str, tuple[float | None, float | None]]
) -> Iterator[Figure]:
    own = next((side for side in sides if side.name == ours), None)
    if own is None:
        raise Fell(f"{ours} is out")
    for side in sides:
        if side is own or side.name not in bounds:
            continue
        must, goal = bounds[side.name]
        yield Figure(
            f"{what}, against {side.name}",
            own.facts["is"],
            side.facts["is"],
            own.against(side),
            must,
            goal,
            our_speed=own.speed,
            their_speed=side.speed,
            per=_PER,
            note=f"by the clock; by processor seconds {own.against_by_processor(side):.3g} ×",
            details={each.name: each.details() for each in (own, side)},
        )


def _reader(stack: contextlib.ExitStack, setting: Setting, way: str) -> Side:
    given = {"way": way, "size_bytes": setting.sizes.read_bytes, "threads": setting.threads}
    contender = Contender(f"reading {way}", "searching.plain:reading", given, threads=setting.threads, pinned=True)
    process = stack.enter_context(setting.ground.begin(contender))
    ready = process.ready()
    return Side(f"reading, {way}", process, ready["facts"], 64)


def _share(side: Side, reader: Side, rows_bytes: int, goal: float | None) -> Figure:
    """How much of the bandwidth a scan reaches with what it must read."""
    read_bytes = side.facts["read_bytes"]
    speed, most = side.speed / 1e9, reader.speed * reader.facts["bytes"] / 1e9
    return Figure(
        f"the share of {most:.1f} GB/s ({reader.name}) that one query alone reaches: {side.name}",
        side.facts["is"],
        reader.facts["is"],
        side.against(reader) * read_bytes / reader.facts["bytes"] if read_bytes else None,
        goal=goal,
        unit="",
        our_speed=side.speed,
        per=_PER,
        note=f"{read_bytes / 1e6:,.1f} MB a query, {speed * read_bytes:.1f} GB/s; as if all rows were read: {speed * rows_bytes:.1f} GB/s; "
        f"by processor seconds the share is {side.against_by_processor(reader) * read_bytes / reader.facts['bytes']:.3f}",
        details={each.name: each.details() for each in (side, reader)},
    )
