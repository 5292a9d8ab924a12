"""Concepts: marks of gallery images that were saved under a name, to search by again.

They lie in `concepts.json` beside the database, in a file of their own so that one can be saved while a long indexing holds the writer's
lock. The truth is what was marked, key and content hash of each image, never the direction that was learnt: that is learnt from the
embeddings as they are at every search. So a concept outlives indexing, compaction and moved files; docs/format.md has the layout.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from likewise.errors import BadArgument, LikewiseError, StoreBusy, StoreDamaged, UnknownName
from likewise.queries import ByMarks
from likewise.stores.home import Home
from likewise.stores.local import arrays, database
from likewise.teaching import Marks, Method

FILE_NAME = "concepts.json"
FORMAT = 1
MOST = 10_000
_NAME = re.compile(r"[^\W_][\w .+-]{0,63}")
_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Concept:
    """Marks under a name.

    Attributes:
        name: As it was saved.
        marks: Of images that are still there, under the keys they have now; None if there are none any more.
        missing: Keys of marked images that are gone.
        same_model: Whether it was taught with the embeddings that the collection holds.
        created_at: When it was saved, ISO 8601 in UTC.
    """

    name: str
    marks: Marks | None
    missing: tuple[str, ...]
    same_model: bool
    created_at: str


class Concepts(Mapping[str, Concept]):
    """The concepts of a collection by name, in alphabetical order; processes may share them."""

    def __init__(self, store: Home) -> None:
        self._store = store
        self._path: Path = store.folder / FILE_NAME

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._read()))

    def __len__(self) -> int:
        return len(self._read())

    def __getitem__(self, name: str) -> Concept:
        """The concept of that name.

        Raises:
            UnknownName: If there is none; the message lists the nearest names.
        """
        kept = self._read()
        if name not in kept:
            raise UnknownName(_unknown(name, sorted(kept)))
        return self._resolved(name, kept[name])

    def part(self, name: str) -> ByMarks:
        """A concept as a part of a query.

        Raises:
            UnknownName: If there is none of that name.
            BadArgument: If all its images are gone.
        """
        found = self[name]
        if found.marks is None:
            raise BadArgument(f"concept:{name}: all {len(found.missing)} marked images are gone: mark others")
        return ByMarks(found.marks, name, found.missing)

    def save(self, name: str, marks: Marks) -> Concept:
        """Keep marks under a name, in the place of what it meant before.

        Raises:
            BadArgument: If it is no name, or a marked image is not in the collection.
            StoreFull: If the disk is full; what was kept before stays.
            StoreBusy: If another process does not finish saving.
        """
        if not _NAME.fullmatch(name):
            raise BadArgument(
                f"{name!r} cannot name a concept: take up to 64 letters, digits, spaces and . + - _, the first a letter or a digit"
            )
        told: dict[str, object] = {
            "liked": [self._told(key) for key in marks.liked],
            "disliked": [self._told(key) for key in marks.disliked],
            "method": marks.method,
            "fingerprint": self._store.card.fingerprint,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._changing() as kept:
            if name not in kept and len(kept) >= MOST:
                raise BadArgument(f"there are {len(kept):,} concepts already: remove some first")
            kept[name] = told
        return self[name]

    def remove(self, name: str) -> None:
        """Forget a concept; the images stay.

        Raises:
            UnknownName: If there is none of that name.
            StoreFull: If the disk is full; what was kept before stays.
        """
        with self._changing() as kept:
            if name not in kept:
                raise UnknownName(_unknown(name, sorted(kept)))
            del kept[name]

    def _told(self, key: str) -> dict[str, str]:
        known = self._store.known(key)
        if known is None or known.record is None or not known.live:
            raise BadArgument(
                f"{key}: no image of the collection has this key: `likewise search` and `likewise list` print keys"
            )
        return {"key": key, "sha256": known.record.content_sha256}

    def _resolved(self, name: str, told: dict[str, object]) -> Concept:
        missing: list[str] = []
        sides = [self._keys(told[side], missing) for side in ("liked", "disliked")]
        method: Method = "rocchio" if told["method"] == "rocchio" else "logistic"
        liked, disliked = sides[0], [key for key in sides[1] if key not in sides[0]]
        marks = Marks(tuple(liked), tuple(disliked), method) if liked or disliked else None
        same = told["fingerprint"] == self._store.card.fingerprint
        return Concept(name, marks, tuple(missing), same, str(told["created_at"]))

    def _keys(self, told: object, missing: list[str]) -> list[str]:
        """The keys that marked images have now; those that are gone are added to `missing`."""
        assert isinstance(told, list)  # noqa: S101 - `_read` has looked
        found: list[str] = []
        for each in told:
            known = self._store.known(each["key"])
            if (
                known is not None
                and known.live
                and known.record is not None
                and known.record.content_sha256 == each["sha256"]
            ):
                found.append(each["key"])
                continue
            moved = self._store.live_with_content(each["sha256"])
            if moved is None:
                missing.append(each["key"])
            else:
                found.append(moved)
        return found

    def _read(self) -> dict[str, dict[str, object]]:
        self._store.fetch_file(FILE_NAME, again=True)
        try:
            told = json.loads(self._path.read_text("utf-8"))
            if told["format"] > FORMAT:
                raise LikewiseError(
                    f"{self._path} has format {told['format']}, this program reads up to {FORMAT}: install a newer likewise"
                )
            concepts = told["concepts"]
            for each in concepts.values():
                [(mark["key"], bytes.fromhex(mark["sha256"])) for mark in [*each["liked"], *each["disliked"]]]
                _ = each["method"], each["fingerprint"], each["created_at"]
            return dict(concepts)
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreDamaged(
                f"{self._path}: is not what was written ({error}): put it back from a backup, or delete it"
            ) from error

    @contextmanager
    def _changing(self) -> Iterator[dict[str, dict[str, object]]]:
        """What is there, to be changed in place and then written, whole or not at all."""
        with database.told_as_ours(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock = FileLock(self._path.with_suffix(".lock"), timeout=_WAIT_S)
                lock.acquire()
            except Timeout:
                raise StoreBusy(
                    f"another process is saving concepts in {self._path.parent}: try again when it has finished"
                ) from None
            try:
                kept = self._read()
                yield kept
                draft = self._path.with_suffix(".part")
                with draft.open("w", encoding="utf-8") as file:
                    json.dump({"format": FORMAT, "concepts": kept}, file, ensure_ascii=False, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self._path)
                arrays.sync_folder(self._path.parent)
                self._store.keep_file(self._path)
            finally:
                lock.release()


def _unknown(name: str, known: Sequence[str]) -> str:
    if not known:
        return (
            f"no concept is called {name!r}, and there are none yet: save one with `likewise concepts add NAME KEY...`"
        )
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or known[:10]
    return f"no concept is called {name!r}: did you mean {', '.join(near)}?"
