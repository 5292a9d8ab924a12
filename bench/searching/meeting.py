"""The row where indexes meet at the same measured recall, and what each of them costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from contests.contest import Fell
from contests.figures import Figure
from searching import duel
from searching.duel import Side
from searching.made import Gallery
from searching.peers import PEERS, Peer
from searching.setting import Entrant, Served, Setting
from searching.tuning import Judge, Tuned

_K = 10
_WANTED = (0.95, 0.99)
_MANY = 32  # queries in a row that show what serving takes


@dataclass(frozen=True, slots=True)
class Cost:
    """What an index takes.

    Attributes:
        name: Of its engine.
        build_s: By the clock, on all processors.
        disk: Bytes a row, with the embeddings where it answers from them.
        memory: Bytes a row that no file stands behind, while serving, on top of the program's own.
        open_s: By the clock.
        first_s: Of the first query.
        note: All the rest.
        details: Facts.
    """

    name: str
    build_s: float
    disk: float
    memory: float
    open_s: float
    first_s: float
    note: str
    details: dict[str, Any] = field(default_factory=dict)


def recall_row(setting: Setting) -> Iterator[Figure]:
    """Queries of a processor second at the same measured recall, 0.95 and 0.99, and what each index costs: against every peer."""
    whole = setting.gallery("unit", setting.sizes.large)
    for rows in (setting.sizes.few, whole.rows):
        with setting.going_on(f"{rows:,} rows"):
            yield from _meeting(
                setting, whole.first(rows), [each for each in PEERS if _takes_part(each, setting, rows)]
            )


def _takes_part(peer: Peer, setting: Setting, rows: int) -> bool:
    is_large = rows > setting.sizes.few
    return (not is_large or peer.is_quick) and (not setting.among or peer.name in setting.among)


def _meeting(setting: Setting, gallery: Gallery, peers: Sequence[Peer]) -> Iterator[Figure]:
    """All peers, one after the other, against ours on one gallery."""
    judge = Judge(gallery, setting.truth(gallery), _K)
    ours = setting.likewise(gallery, exact=False)
    facts = setting.built(ours, gallery)
    entrants: list[tuple[Peer, Entrant, dict[str, Any]]] = []
    for peer in peers:
        with setting.going_on(f"{peer.name}, {gallery.rows:,} rows"):
            entrant = setting.entrant(peer)
            entrants.append((peer, entrant, setting.built(entrant, gallery)))
    if setting.only_prepare:
        return
    costs: list[Cost] = []
    ahead: dict[tuple[float, bool], list[float]] = {
        (wanted, batch): [] for wanted in _WANTED for batch in (False, True)
    }
    with setting.serving(ours, gallery, _K) as served:
        costs.append(_cost(served, ours, facts, gallery, {"recall": _WANTED[0]}))
        tuned = {wanted: judge.ours(served, wanted) for wanted in _WANTED}
        for wanted, each in tuned.items():
            yield _promise(gallery, served, wanted, each)
        for peer, entrant, built in entrants:
            with (
                setting.going_on(f"{peer.name}, {gallery.rows:,} rows"),
                setting.serving(entrant, gallery, _K) as theirs,
            ):
                width = {peer.width[0]: min(64, peer.width[2]), **peer.others[0]}
                costs.append(_cost(theirs, entrant, built, gallery, width))
                reached = {wanted: judge.peer(theirs, peer, wanted) for wanted in _WANTED}
                yield from _pair(setting, gallery, (served, tuned), (theirs, reached), ahead)
    for (wanted, batch), ratios in ahead.items():
        how = _how(wanted, batch)
        yield Figure(
            f"{gallery.rows:,} × {gallery.dim}, {how}: peers that are ahead of ours",
            value=sum(ratio < 1 for ratio in ratios),
            must=1,
            goal=0,
            low_is_good=True,
            unit="peers",
            note=f"of {len(ratios)}" + ("" if tuned[wanted] else "; ours does not reach this recall"),
        )
    yield from _all_costs(gallery, costs)


def _pair(
    setting: Setting,
    gallery: Gallery,
    ours: tuple[Served, dict[float, Tuned | None]],
    theirs: tuple[Served, dict[float, Tuned | None]],
    ahead: dict[tuple[float, bool], list[float]],
) -> Iterator[Figure]:
    """One peer against ours at each recall, one by one and in batches; all take turns together."""
    pairs: dict[tuple[float, bool], tuple[Side, Side]] = {}
    for wanted in _WANTED:
        own, other = ours[1][wanted], theirs[1][wanted]
        if own is None or other is None:
            for batch in (False, True):
                ahead[wanted, batch].append(0.0 if own is None and other is not None else float("inf"))
            yield Figure(
                f"{gallery.rows:,} × {gallery.dim}, recall {wanted:g}, against {theirs[0].name}",
                ours[0].facts["is"],
                theirs[0].facts["is"],
                note=" and ".join(name for name, each in (("ours", own), (theirs[0].name, other)) if each is None)
                + " does not reach it",
            )
            continue
        for batch in (False, True):
            sides = (
                who.side(each.setting, batch=batch, note=f" at {wanted:g}")
                for who, each in ((ours[0], own), (theirs[0], other))
            )
            first, second = sides
            pairs[wanted, batch] = first, second
    standing = duel.hold(
        [side for pair in pairs.values() for side in pair], setting.ground, setting.sizes.turn_s, setting.fell
    )
    for (wanted, batch), (first, second) in pairs.items():
        if first not in standing or second not in standing:
            continue
        ratio = first.against_by_processor(second)
        ahead[wanted, batch].append(ratio)
        yield Figure(
            f"{gallery.rows:,} × {gallery.dim}, {_how(wanted, batch)}, against {theirs[0].name}",
            ours[0].facts["is"],
            theirs[0].facts["is"],
            ratio,
            goal=1,
            our_speed=first.frugality,
            their_speed=second.frugality,
            per="queries of a processor second",
            note=f"ours {ours[1][wanted]}; theirs {theirs[1][wanted]}; by the clock {first.speed:,.0f} against {second.speed:,.0f} a "
            f"second, {first.against(second):.3g} ×",
            details={each.name: each.details() for each in (first, second)},
        )


def _tuned(setting: Setting, judge: Judge, theirs: Served, peer: Peer, wanted: float) -> Tuned | None:
    """As in `Judge.peer`, once in a run."""
    key = (peer.name, judge.gallery.name, wanted)
    if key not in setting.known:
        setting.known[key] = judge.peer(theirs, peer, wanted)
    found: Tuned | None = setting.known[key]
    return found


def _how(wanted: float, batch: bool) -> str:
    return f"recall {wanted:g}, {'a batch' if batch else 'one by one'}"


def _promise(gallery: Gallery, served: Served, wanted: float, tuned: Tuned | None) -> Figure:
    """What the dial keeps of what it promises."""
    note = "whatever it is asked for" if tuned is None else str(tuned)
    value = None if tuned is None else tuned.recall
    what = f"{gallery.rows:,} × {gallery.dim}: recall of ours that is wanted to be {wanted:g}"
    return Figure(what, served.facts["is"], value=value, must=wanted, unit="", note=note)


def _cost(served: Served, entrant: Entrant, built: dict[str, Any], gallery: Gallery, setting: dict[str, Any]) -> Cost:
    """Right after it has opened."""
    side = served.side(setting)
    first_s = side.ask(1)[0].seconds
    memory_mb = side.ask(min(_MANY, served.queries))[0].anonymous_mb
    disk = built["disk_bytes"] + (gallery.nbytes if entrant.reads_rows else 0)
    facts = served.facts
    return Cost(
        served.name,
        built["build_s"],
        disk / gallery.rows,
        max(0.0, memory_mb - facts["program_mb"]) * 2**20 / gallery.rows,
        facts["open_s"],
        first_s,
        f"built in {built['build_s']:.1f} s on {built['build_threads']} processors ({built['build_processor_s']:.1f} s of processors, "
        f"{built['build_mb']:,.0f} MB at the most); {disk / gallery.rows:,.0f} bytes a row on the disk, "
        f"{built['disk_bytes'] / gallery.rows:,.0f} of them the index; opened in {1000 * facts['open_s']:,.1f} ms, first answer "
        f"{1000 * first_s:,.1f} ms; {memory_mb:,.0f} MB while serving, {facts['program_mb']:,.0f} of them before it was opened",
        {"built": built, "facts": dict(facts)},
    )


def _all_costs(gallery: Gallery, costs: Sequence[Cost]) -> Iterator[Figure]:
    """Each engine, and where ours stands among them."""
    size = f"{gallery.rows:,} × {gallery.dim}"
    for each in costs:
        yield Figure(
            f"{size}: anonymous memory while serving, {each.name}",
            each.details["facts"]["is"],
            value=each.memory,
            unit="bytes a row",
            note=each.note,
            details=each.details,
        )
    ours, peers = costs[0], costs[1:]
    if not peers:
        raise Fell("no peer came through")
    for what, name in (
        ("time to build", "build_s"),
        ("bytes on the disk, with the embeddings where they are read", "disk"),
        ("anonymous memory while serving", "memory"),
        ("time to open", "open_s"),
    ):
        least = min(peers, key=lambda each, name=name: getattr(each, name))  # type: ignore[misc]
        own, other = getattr(ours, name), getattr(least, name)
        yield Figure(
            f"{size}: {what}, against the least of all peers",
            ours.name,
            least.name,
            own / other if other else None,
            goal=1,
            low_is_good=True,
            note=f"{own:,.4g} against {other:,.4g}",
        )
