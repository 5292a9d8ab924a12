"""What a writer knows of the images that are there, by key and by content, so that indexing does not ask the server for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from likewise.stores import Known
from likewise.stores.milvus.catalogue import FORGOTTEN, SKIPPED, Entry, State
from likewise.stores.milvus.columns import LIVE, VERSION, Version, at, content_number, number_of, version_of
from likewise.stores.milvus.reading import Gallery
from likewise.types import Record

ASKED_ONE_BY_ONE = 32
"""Keys that are looked up at the server before all of them are read at once."""

_PAGE_ROWS = 8192


class Remembered:
    """All of a state, and what the one writer has changed since; about a kilobyte an image."""

    def __init__(self, gallery: Gallery, state: State) -> None:
        """Read it from the server."""
        self._versions: dict[str, Version] = {}
        self._contents: dict[str, tuple[int, Record]] = {}
        self._entries = {
            kind: {entry.key: entry for entry in gallery.catalogue.entries(kind, state)}
            for kind in (SKIPPED, FORGOTTEN)
        }
        for start in range(0, state.next_row, _PAGE_ROWS):
            asked = f"row >= {start} and row < {start + _PAGE_ROWS} and born <= {state.commit}"
            found = gallery.remote.query(gallery.name, asked, (*VERSION, "died"), state.written_at)
            for row in sorted(found, key=lambda each: (int(each["row"]), int(each["id"]))):
                version = version_of(row)
                self._meet(version)
                if row["died"] > state.commit:
                    self._versions[version.record.key] = version

    def versions(self, keys: Iterable[str]) -> list[Version]:
        """Those that are there, of some keys."""
        return [self._versions[key] for key in keys if key in self._versions]

    def entries(self, kind: int, keys: Iterable[str]) -> list[Entry]:
        """Those that are there, of some keys."""
        kept = self._entries[kind]
        return [kept[key] for key in keys if key in kept]

    def with_content(self, sha256: str) -> tuple[int, Record] | None:
        """See `Store.with_content`."""
        return self._contents.get(sha256)

    def changed(self, gone: Sequence[str], added: Sequence[Version]) -> None:
        """Versions of some keys have ended, and others begun."""
        for key in gone:
            self._versions.pop(key, None)
        for version in added:
            self._versions[version.record.key] = version
            self._meet(version)

    def changed_entries(self, kind: int, gone: Sequence[str], added: Sequence[Entry]) -> None:
        """Entries of some keys have ended, and others begun."""
        for key in gone:
            self._entries[kind].pop(key, None)
        self._entries[kind] |= {entry.key: entry for entry in added}

    def _meet(self, version: Version) -> None:
        before = self._contents.get(version.record.content_sha256)
        if before is None or before[0] >= version.row:
            self._contents[version.record.content_sha256] = (version.row, version.record)


class Asked:
    """The same questions, put to the server each time."""

    def __init__(self, gallery: Gallery, state: State) -> None:
        self._gallery, self._state = gallery, state

    def versions(self, keys: Iterable[str]) -> list[Version]:
        """Those that are there, of some keys."""
        wanted = list(keys)
        found: list[Version] = []
        for start in range(0, len(wanted), 4096):
            part = wanted[start : start + 4096]
            asked = f"key_hash in [{', '.join(str(number_of(key)) for key in part)}] and {at(self._state.commit)}"
            found += [each for each in self._gallery.versions(self._state, asked) if each.record.key in set(part)]
        return found

    def entries(self, kind: int, keys: Iterable[str]) -> list[Entry]:
        """Those that are there, of some keys."""
        wanted = list(keys)
        return [
            entry
            for start in range(0, len(wanted), 4096)
            for entry in self._gallery.catalogue.entries(kind, self._state, wanted[start : start + 4096])
        ]

    def with_content(self, sha256: str) -> tuple[int, Record] | None:
        """See `Store.with_content`."""
        asked = f"content == {content_number(sha256)} and born <= {self._state.commit}"
        found = [each for each in self._gallery.versions(self._state, asked) if each.record.content_sha256 == sha256]
        first = [each for each in found if each.row == found[0].row]
        return (first[-1].row, first[-1].record) if first else None


def known(of: Remembered | Asked, key: str) -> Known | None:
    """See `Store.known`."""
    for version in of.versions([key]):
        record = version.record
        return Known(record, version.state == LIVE, record.size_bytes, record.modified_ns)
    for entry in of.entries(SKIPPED, [key]):
        _, size_bytes, modified_ns = entry.value
        return Known(None, False, size_bytes, modified_ns)
    return None
