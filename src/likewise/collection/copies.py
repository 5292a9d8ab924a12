"""Duplicates as people and programs see them: groups with pictures, plain values, and the files that could go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from likewise import images, sources
from likewise.collection import pictures
from likewise.duplicates import Duplicates, Group, Member
from likewise.errors import SourceError
from likewise.show import Shown, ShownGroup, score_text
from likewise.sources import paths
from likewise.stores import Store
from likewise.types import Json, Record, Skipped

_MOST_SHOWN = 24  # copies of one picture


def shown(
    group: Group, number: int, store: Store | None = None, limits: images.Limits | None = None, side: int = 256
) -> ShownGroup:
    """A group as it is shown, the kept image first.

    Args:
        group: Of duplicates.
        number: Of the group.
        store: That the pictures are read by; without it there are none.
        limits: Of the decoder.
        side: That a thumbnail fits in, in pixels.
    """

    def one(member: Member, title: str, kept: bool) -> Shown:
        record = member.record
        told = [f"{record.width} × {record.height}", f"{record.size_bytes:,} bytes"]
        if member.agreement is not None:
            told.append(f"pixels agree {member.agreement:.2f}")
        picture = None if store is None else pictures.of_record(store, record, side, limits or images.Limits())
        return Shown(record.key, member.path, picture, title, told, kept)

    copies = [one(copy, _title(copy), False) for copy in group.copies[:_MOST_SHOWN]]
    more = len(group.copies) - len(copies)
    note = f"kept: {group.why}"
    if not group.exact:
        note += f"; least alike: {score_text(group.weakest.score)}"
    if more:
        note += f"; {more:,} more {'copy is' if more == 1 else 'copies are'} not shown"
    title = f"{number}. {len(group.copies) + 1:,} times the same picture"
    return ShownGroup(title, note, [one(group.kept, "", True), *copies])


def _title(copy: Member) -> str:
    if copy.same_bytes:
        return "same bytes"
    return score_text(copy.score) if copy.direct else f"{score_text(copy.score)} · by way of others"


def notes(found: Duplicates) -> Mapping[str, str]:
    """What a reader of the groups should know."""
    told = {"groups": f"{len(found):,} among {found.tally.images:,} images"}
    told["could go"] = f"{len(found.expendable):,} images, {found.expendable_bytes:,} bytes"
    if found.threshold is None:
        return told | {"copies are": "equal bytes"}
    score, chance = found.threshold.score, found.threshold.by_chance
    told["candidates"] = f"pairs that score {score_text(score)} and more" if score > float("-inf") else "all pairs"
    if chance is not None:
        told["by chance"] = (
            f"about {_rounded(chance)} of all {found.threshold.pairs:,} pairs would score so if all were unrelated"
        )
    verified = {
        "pixels": "by the pixels of the whole picture",
        "geometry": "by pixels, also of cuts",
        "none": "by nothing",
    }
    told["verified"] = (
        f"{verified[found.wanted.verify]}: {found.tally.looked_at:,} looks, {found.tally.refused:,} refused"
    )
    if found.tally.unreadable:
        told["not read"] = (
            f"{found.tally.unreadable:,} pairs of which an original could not be read: taken for no copies"
        )
    return told


def _rounded(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 else f"{count:.2g}"


def to_json(found: Duplicates) -> dict[str, object]:
    """Everything as plain values."""
    threshold = found.threshold
    score = None if threshold is None or threshold.score == float("-inf") else threshold.score
    return {
        "images": found.tally.images,
        "metric": found.metric,
        "score": score,
        "pairs": None if threshold is None else threshold.pairs,
        "pairs_by_chance": None if threshold is None else threshold.by_chance,
        "verify": None if found.wanted.exact_only else found.wanted.verify,
        "linkage": found.wanted.linkage,
        "keep": found.wanted.keep,
        "looked_at": found.tally.looked_at,
        "refused": found.tally.refused,
        "unreadable": found.tally.unreadable,
        "expendable_bytes": found.expendable_bytes,
        "groups": [
            {
                "kept": _told(group.kept.record, group.kept.path),
                "why": group.why,
                "weakest": group.weakest.score,
                "copies": [
                    _told(copy.record, copy.path)
                    | {"score": copy.score, "same_bytes": copy.same_bytes, "agreement": copy.agreement}
                    | {"direct": copy.direct}
                    for copy in group.copies
                ],
            }
            for group in found
        ],
    }


def _told(record: Record, path: str) -> dict[str, Json]:
    return {
        "key": record.key,
        "path": path,
        "width": record.width,
        "height": record.height,
        "size_bytes": record.size_bytes,
        "modified_ns": record.modified_ns,
        "content_sha256": record.content_sha256,
    }


def files(found: Duplicates) -> Iterator[Path | Skipped]:
    """The files that could go while each picture stays once, or why one is not among them.

    A file is only named if it and the image that is kept are there and have the size and date that they were indexed with, and are
    not one file under two names. What lies in an archive is no file.
    """
    for group in found:
        wrong = _wrong_with(group.kept)
        for copy in group.expendable:
            path = Path(paths.real(copy.path))
            reason = f"{group.kept.key}, which is kept, {wrong}" if wrong else _wrong_with(copy)
            if not reason and not path.is_file():
                reason = "lies in an archive"
            if not reason and _is_same_file(path, Path(paths.real(group.kept.path))):
                reason = f"is the same file as {group.kept.key}, which is kept"
            yield Skipped(copy.key, reason) if reason else path


def _wrong_with(member: Member) -> str:
    """Why an image is no longer the one that was compared; empty if it is."""
    try:
        _, item = sources.locate(member.path)
    except SourceError:
        return "is no longer there"
    record = member.record
    same_date = item.modified_ns == record.modified_ns or not record.modified_ns
    return "" if same_date and item.size_bytes in (-1, record.size_bytes) else "has changed since: index it again"


def _is_same_file(path: Path, kept: Path) -> bool:
    return kept.is_file() and path.samefile(kept)
