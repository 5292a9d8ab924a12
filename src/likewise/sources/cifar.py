"""CIFAR-10 and CIFAR-100 in the official python layout: pickles, read by an unpickler that makes nothing but plain values."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise import weights
from likewise.errors import SourceError
from likewise.sources import paths
from likewise.types import Item, Json

Split: TypeAlias = Literal["train", "test"]
Read: TypeAlias = Callable[[str], bytes]

SIDE = 32

_DOWNLOADS = {
    "cifar10": ("cifar-10-python.tar.gz", "md5:c58f30108f718f92721af3b95e74349a"),
    "cifar100": ("cifar-100-python.tar.gz", "md5:eb9058c3a382ffc7106e4002c42a8d85"),
}
_HOME = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which files hold what.

    Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, and the page of the data set.
    """

    meta: str
    names: str
    labels: str
    files: Mapping[str, Split]
    coarse_names: str = ""


_LAYOUTS = (
    _Layout("meta", "fine_label_names", "fine_labels", {"train": "train", "test": "test"}, "coarse_label_names"),
    _Layout(
        "batches.meta",
        "label_names",
        "labels",
        {**{f"data_batch_{i}": "train" for i in range(1, 6)}, "test_batch": "test"},
    ),
)


@dataclass(frozen=True, slots=True)
class _Entry:
    pixels: NDArray[np.uint8]
    metadata: Mapping[str, Json]


class Cifar:
    """The images of CIFAR-10 or CIFAR-100, in the order of the files: train, then test. Keys are `train/apple/name.png`.

    Images are given out as lossless PNG, so that they pass the one path that all images pass. Files that are not there (a
    download with only `test`, say) are left out.
    """

    def __init__(
        self, location: str, read: Read, there: set[str], modified_ns: int, split: Split | None = None
    ) -> None:
        self.location = location
        self.name = location if split is None else f"{location}/{split}"
        self._modified_ns = modified_ns
        self._split = split
        layout = next(layout for layout in _LAYOUTS if layout.meta in there)
        meta = _plain(read(layout.meta), layout.meta)
        self._entries: dict[str, _Entry] = {}
        for file, kind in layout.files.items():
            if file in there and split in (None, kind):
                self._add(_plain(read(file), file), layout, meta, kind)
        if not self._entries:
            raise SourceError(f"{location}: no {split or 'train or test'} file of CIFAR is there")

    def items(self) -> Iterator[Item]:
        """See `Source.items`; metadata has label, split and, for CIFAR-100, coarse_label where the file tells it."""
        for key, entry in self._entries.items():
            yield Item(key, -1, self._modified_ns, entry.metadata)

    def read(self, item: Item) -> bytes:
        """See `Source.read`: a PNG of 32 × 32."""
        entry = self._entries.get(item.key)
        if entry is None:
            raise SourceError("is not in this CIFAR")
        return png(entry.pixels.reshape(3, SIDE, SIDE).transpose(1, 2, 0))

    def covers(self, key: str) -> bool:
        """All of it, or all of the one split that was asked for."""
        return self._split is None or key.startswith(f"{self._split}/")

    def _add(self, content: dict[str, object], layout: _Layout, meta: dict[str, object], split: Split) -> None:
        data, names = content.get("data"), _texts(content.get("filenames"))
        labels, label_names = _numbers(content.get(layout.labels)), _texts(meta.get(layout.names))
        coarse, coarse_names = _numbers(content.get("coarse_labels")), _texts(meta.get(layout.coarse_names))
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape != (len(labels), 3 * SIDE * SIDE):
            raise SourceError(f"{self.location}: the data of {split} is no (n, 3072) array of bytes: fetch it again")
        if len(names) != len(labels) or max(labels, default=0) >= len(label_names) or min(labels, default=0) < 0:
            raise SourceError(
                f"{self.location}: names, labels and images of {split} do not fit together: fetch it again"
            )
        for i, (pixels, name, label) in enumerate(zip(data, names, labels, strict=True)):
            metadata: dict[str, Json] = {"label": label_names[label], "split": split}
            if i < len(coarse) and coarse[i] < len(coarse_names):
                metadata["coarse_label"] = coarse_names[coarse[i]]
            self._entries[self._free_key(f"{split}/{label_names[label]}/{name}")] = _Entry(pixels, metadata)

    def _free_key(self, key: str) -> str:
        """A name that comes again in its class gets a number, in the order of the file."""
        stem, dot, ending = key.rpartition(".")
        number, free = 1, key
        while free in self._entries:
            number += 1
            free = f"{stem}-{number}{dot}{ending}"
        return free


def download(
    name: Literal["cifar10", "cifar100"], folder: Path | None = None, progress: weights.Progress | None = None
) -> Path:
    """The official archive, fetched once and checked by its published MD5.

    Args:
        name: Which of the two.
        folder: Where it is kept; the cache unless given.
        progress: Told of the bytes.

    Raises:
        DownloadError: If there is no network; the message says how to go on without.
    """
    file_name, digest = _DOWNLOADS[name]
    return weights.download(
        _HOME + file_name, (folder or weights.cache_folder() / "data") / file_name, digest, progress
    )


def open_cifar(path: Path, split: Split | None = None) -> Cifar:
    """CIFAR from the folder of the official download or from its archive; only one split if asked.

    Raises:
        SourceError: If it is not there.
    """
    found = in_folder(path, split) if path.is_dir() else in_tar(path, split) if path.is_file() else None
    if found is None:
        raise SourceError(f"{path}: no CIFAR-10 or CIFAR-100 in the official python layout: pass its folder or .tar.gz")
    return found


def in_folder(folder: Path, split: Split | None = None) -> Cifar | None:
    """CIFAR, if the folder is one in the official layout."""
    for layout in _LAYOUTS:
        there = {name for name in (layout.meta, *layout.files) if (folder / name).is_file()}
        if layout.meta in there and len(there) > 1:
            modified = max((folder / name).stat().st_mtime_ns for name in there)
            return Cifar(paths.absolute(folder), lambda name: (folder / name).read_bytes(), there, modified, split)
    return None


def in_tar(path: Path, split: Split | None = None) -> Cifar | None:
    """CIFAR, if the archive holds it in the official layout."""
    try:
        with tarfile.open(path) as tar:
            members = {}
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                if not member.isreg() or folder not in ("cifar-100-python", "cifar-10-batches-py"):
                    if member.isreg():
                        return None  # a tar of something else: one look at its first file is enough
                    continue
                members[name] = member
            layout = next((layout for layout in _LAYOUTS if layout.meta in members), None)
            if layout is None:
                return None
            wanted = {name for name in (layout.meta, *layout.files) if name in members}
            contents = {name: _content(tar, members[name]) for name in wanted}
    except (tarfile.TarError, OSError, EOFError, zlib.error):
        return None  # whoever opens it as a tar says what is wrong with it
    return Cifar(paths.absolute(path), contents.__getitem__, wanted, path.stat().st_mtime_ns, split)


def png(image: NDArray[np.uint8]) -> bytes:
    """A lossless PNG of (height, width, 3) uint8; without filters, which 32 × 32 photographs gain nothing from."""
    height, width, _ = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, 3 * width)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file is not None else b""


class _PlainUnpickler(pickle.Unpickler):
    """Makes arrays, lists, dictionaries, strings and numbers; any other name in the file is refused before it is looked up."""

    _ALLOWED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _plain(data: bytes, name: str) -> dict[str, object]:
    """A dictionary of plain values, with text as keys.

    Raises:
        SourceError: If the file is no pickle of such a dictionary.
    """
    try:
        content = _PlainUnpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # a torn pickle raises anything
        raise SourceError(f"{name} is not trusted as a file of CIFAR ({error}): fetch it again") from error
    if not isinstance(content, dict):
        raise SourceError(f"{name} holds no dictionary: fetch CIFAR again")
    return {_text(key): value for key, value in content.items()}


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _texts(values: object) -> list[str]:
    return [_text(value) for value in values] if isinstance(values, list) else []


def _numbers(values: object) -> list[int]:
    plain = isinstance(values, list) and all(isinstance(value, int) for value in values)
    return list(values) if plain else []  # type: ignore[call-overload]
