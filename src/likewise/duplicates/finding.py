"""From a gallery to groups of copies: threshold, scan, group. Read it from top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from likewise.duplicates.confirming import Confirmer, Geometry, Pixels
from likewise.duplicates.grouping import Grouper
from likewise.duplicates.scanning import Scan, Watch
from likewise.duplicates.threshold import VERIFIED, threshold
from likewise.duplicates.types import Duplicates, Group, Wanted
from likewise.filters import Filter
from likewise.images import Limits
from likewise.indexes.exact import plain_scores
from likewise.queries.reranking import located
from likewise.rerank import Original
from likewise.stores import Store
from likewise.types import Metric, Record

_DEFAULT = Wanted()
_VERSION = 1  # of what a walk finds with the same settings


def find(
    store: Store,
    wanted: Wanted = _DEFAULT,
    *,
    where: Filter | None = None,
    limits: Limits | None = None,
    watch: Watch = lambda _done, _of: None,
) -> Duplicates:
    """The images of a gallery that are the same picture; nothing is changed, and nothing deleted.

    A walk that was interrupted goes on where it was when it is asked for again, unless the gallery has changed or there is a filter.

    Args:
        store: The gallery.
        wanted: What counts as a duplicate, and which one is kept.
        where: Which images are compared; all unless given.
        limits: Of the decoder.
        watch: Told (looks done, looks in all) of the walk over all pairs.

    Raises:
        BadArgument: If nobody can say from which score on images are copies.
        MissingExtra: If geometry is wanted and OpenCV is not installed.
        StoreBusy: If the collection is compacted meanwhile.
    """
    snapshot, card = store.snapshot(where), store.card
    metric = wanted.metric or card.metric
    found = None if wanted.exact_only else threshold(snapshot, wanted, metric)
    least = None if found is None else found.score
    judge = None if wanted.exact_only else confirmer(store, wanted, metric, limits or Limits())
    settings = f"{_VERSION} {metric} {least!r} {'' if judge is None else wanted.verify}"
    rows, tally = Scan(snapshot, metric, unit=card.unit, least=least, confirmer=judge, settings=settings).run(watch)
    grouper = Grouper(snapshot, metric, card.unit, least, judge, wanted, store.roots.path)
    groups = sorted(grouper.groups(rows), key=_gain)
    return Duplicates(tuple(groups), replace(wanted, metric=metric), found, metric, tally)


def _gain(group: Group) -> tuple[int, int]:
    """What groups are sorted by: those first that save most bytes."""
    return -sum(copy.record.size_bytes for copy in group.copies), group.kept.row


def confirmer(store: Store, wanted: Wanted, metric: Metric, limits: Limits) -> Confirmer | None:
    """Who has the last word on a pair; None where its score has.

    Raises:
        MissingExtra: If geometry is wanted and OpenCV is not installed.
    """

    def original(record: Record) -> Original:
        return located(store, record.key, record.content_sha256, limits)

    if wanted.verify == "none":
        return None
    return Geometry(original, _worth(store, wanted, metric)) if wanted.verify == "geometry" else Pixels(original)


def _worth(store: Store, wanted: Wanted, metric: Metric) -> Callable[[Record, Record], bool]:
    """Whether a pair that differs as a whole is worth the look of geometry, which takes a thousand times as long."""
    least = float("-inf")
    if wanted.score is None and wanted.significance is None:
        least = threshold(store.snapshot(), replace(wanted, significance=VERIFIED), metric).score

    def is_worth(first: Record, second: Record) -> bool:
        here, there = store.embedding(first.key), store.embedding(second.key)
        if here is None or there is None:  # gone since the walk began
            return False
        return bool(plain_scores(here[0], there, metric, unit=store.card.unit)[0] >= least)

    return is_worth
