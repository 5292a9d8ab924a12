"""`.parquet`: a table whose rows are images, as bytes in a column or by their addresses; all else in it is metadata."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from likewise.errors import MissingExtra, SourceError
from likewise.sources import files, paths
from likewise.types import Item, Json, Metadata

IMAGE_COLUMNS = ("image", "jpg", "jpeg", "png", "webp", "img", "bytes", "data", "content")
"""Of bytes, or of records with a field `bytes`, as Hugging Face writes them; the first of these that is there, in any case."""

URL_COLUMNS = ("url", "image_url", "uri")
KEY_COLUMNS = ("key", "__key__", "path", "file_name", "filename", "id")

_KEPT_GROUPS = 2


class Parquet:
    """The images of a Parquet file, in the order of its rows. Bytes are read a row group at a time.

    Raises:
        MissingExtra: If pyarrow is not installed.
        SourceError: If it cannot be read, or has no column of images or addresses.
    """

    def __init__(self, path: Path | str, file: BinaryIO | None = None, modified_ns: int = 0) -> None:
        """Open one; with a file, what lies at an address."""
        try:
            import pyarrow.parquet as pq
        except ImportError as error:
            raise MissingExtra(f"{path}: Parquet needs pyarrow: pip install 'likewise[parquet]'") from error
        self.location = self.name = paths.absolute(path) if file is None else str(path)
        self._modified_ns = modified_ns or (Path(path).stat().st_mtime_ns if file is None else 0)
        self._guard = threading.RLock()
        self._groups: OrderedDict[int, list[Any]] = OrderedDict()
        self._items: dict[str, Item] | None = None
        self._places: dict[str, tuple[int, int]] = {}  # key → row group, row in it
        try:
            self._file = pq.ParquetFile(path if file is None else file)
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{path}: cannot be read as Parquet ({error}): fetch it again, or write it again"
            ) from error
        names = self._file.schema_arrow.names
        self._column = _first(names, IMAGE_COLUMNS) or _first(names, URL_COLUMNS)
        if not self._column:
            raise SourceError(
                f"{path}: has the columns {', '.join(names) or 'none'}, and no images: call what holds their bytes {IMAGE_COLUMNS[0]}, "
                f"or their addresses {URL_COLUMNS[0]}"
            )
        self._key_column = _first(names, KEY_COLUMNS)

    def items(self) -> Iterator[Item]:
        """See `Source.items`."""
        return iter(self._listed().values())

    def item(self, key: str) -> Item:
        """The item of one key.

        Raises:
            SourceError: If the file does not have it.
        """
        found = self._listed().get(key)
        if found is None:
            raise SourceError(f"is not in {self.location}: index the file again")
        return found

    def read(self, item: Item) -> bytes:
        """See `Source.read`."""
        self.item(item.key)
        group, row = self._places[item.key]
        value = self._values(group)[row]
        value = value.get("bytes") if isinstance(value, dict) else value
        if isinstance(value, str):
            return _fetched(value)
        if not isinstance(value, bytes) or not value:
            raise SourceError(f"has nothing in the column {self._column}: leave the row out, or fill it")
        files.check_size(len(value), " in the file")
        return value

    def file(self, item: Item) -> None:  # noqa: ARG002
        """See `Source.file`."""
        return

    def covers(self, key: str) -> bool:  # noqa: ARG002
        """A file covers all that lies in it."""
        return True

    def _values(self, group: int) -> list[Any]:
        with self._guard:
            if group not in self._groups:
                while len(self._groups) >= _KEPT_GROUPS:
                    self._groups.popitem(last=False)
                self._groups[group] = self._file.read_row_group(group, [self._column]).column(0).to_pylist()
            return self._groups[group]

    def _listed(self) -> dict[str, Item]:
        with self._guard:
            if self._items is None:
                self._items = self._list()
            return self._items

    def _list(self) -> dict[str, Item]:
        names: list[str] = []
        told: list[Metadata] = []
        places: list[tuple[int, int]] = []
        columns = [name for name in self._file.schema_arrow.names if self._is_told(name)]
        for group in range(self._file.num_row_groups):
            count = self._file.metadata.row_group(group).num_rows
            rows = self._file.read_row_group(group, columns).to_pylist() if columns else [{}] * count
            for row, values in enumerate(rows):
                key = values.pop(self._key_column, None) if self._key_column else None
                name = paths.inside(str(key)) if key is not None else ""
                names.append(name if name not in ("", ".") else f"{len(names):09d}")
                told.append({name: value for name, value in values.items() if _is_kept(value)})
                places.append((group, row))
        keys = paths.unique(names)
        self._places = dict(zip(keys, places, strict=True))
        return {
            key: Item(key, modified_ns=self._modified_ns, metadata=metadata)
            for key, metadata in zip(keys, told, strict=True)
        }

    def _is_told(self, name: str) -> bool:
        """Whether a column is a key, or metadata that can be kept."""
        import pyarrow.types as kinds

        kind = self._file.schema_arrow.field(name).type
        plain = (kinds.is_string, kinds.is_large_string, kinds.is_integer, kinds.is_floating, kinds.is_boolean)
        return (name != self._column or name == self._key_column) and any(each(kind) for each in plain)


def _first(names: list[str], wanted: tuple[str, ...]) -> str:
    small = {name.lower(): name for name in reversed(names)}
    return next((small[name] for name in wanted if name in small), "")


def _is_kept(value: Json) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _fetched(address: str) -> bytes:
    from likewise.sources import WEB, is_address, objects, web

    if not is_address(address):
        raise SourceError(f"has {address!r} for its address: write https://… or s3://…")
    if address.startswith(WEB):
        return web.fetch(address, tries=4)
    bucket, key = objects.split(address)
    return bucket.read(key)
