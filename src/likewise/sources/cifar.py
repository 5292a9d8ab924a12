"""CIFAR-10 and CIFAR-100 in the official python layout, from the folder or the archive as their makers publish them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise import weights
from likewise.errors import SourceError
from likewise.sources import files, paths, plain_pickles, png, tars
from likewise.types import Item, Json

Split: TypeAlias = Literal["train", "test"]

SPLITS: tuple[Split, ...] = ("train", "test")

_HOME = "https://www.cs.toronto.edu/~kriz/"
_DOWNLOADS = {
    "cifar10": ("cifar-10-python.tar.gz", "md5:c58f30108f718f92721af3b95e74349a"),
    "cifar100": ("cifar-100-python.tar.gz", "md5:eb9058c3a382ffc7106e4002c42a8d85"),
}


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which files hold what.

    Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, and the page of the data set.
    """

    folder: str
    meta: str
    names: str
    labels: str
    files: Mapping[str, Split]
    coarse_names: str = ""


_LAYOUTS = (
    _Layout(
        "cifar-100-python",
        "meta",
        "fine_label_names",
        "fine_labels",
        {"train": "train", "test": "test"},
        "coarse_label_names",
    ),
    _Layout(
        "cifar-10-batches-py",
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

    Images are given out as PNG, so that they go the one way that all images go. A file that is not there (a download with
    only `test`, say) is left out.

    Args:
        location: Of the folder or the archive.
        contents: File name → its bytes, of one layout.
        modified_ns: When the newest of them was changed.
        split: The one that is wanted; both unless given.
    """

    def __init__(
        self, location: str, contents: Mapping[str, bytes], modified_ns: int, split: Split | None = None
    ) -> None:
        self.location = location
        self.name = location if split is None else f"{location}/{split}"
        self._modified_ns, self._split = modified_ns, split
        layout = next(layout for layout in _LAYOUTS if layout.meta in contents)
        meta = plain_pickles.load(contents[layout.meta], f"{location}/{layout.meta}")
        found: list[tuple[str, _Entry]] = []
        for file, kind in layout.files.items():
            if file in contents and split in (None, kind):
                place = f"{location}/{file}"
                found += _entries(plain_pickles.load(contents[file], place), layout, meta, kind, place)
        if not found:
            raise SourceError(f"{location}: no {split or 'train or test'} file of CIFAR is there: fetch it again")
        keys = paths.unique([key for key, _ in found])
        self._entries = dict(zip(keys, (entry for _, entry in found), strict=True))

    def items(self) -> Iterator[Item]:
        """See `Source.items`; metadata has label, split and, for CIFAR-100, coarse_label where the file tells it."""
        for key in self._entries:
            yield self.item(key)

    def item(self, key: str) -> Item:
        """The item of one key.

        Raises:
            SourceError: If it is not there.
        """
        return Item(key, png.SIZE_BYTES, self._modified_ns, self._entry(key).metadata)

    def read(self, item: Item) -> bytes:
        """See `Source.read`: a PNG of 32 × 32."""
        return png.encode(self._entry(item.key).pixels)

    def file(self, item: Item) -> None:  # noqa: ARG002
        """See `Source.file`."""
        return

    def covers(self, key: str) -> bool:
        """All of it, or all of the one split that was asked for."""
        return self._split is None or key.startswith(f"{self._split}/")

    def _entry(self, key: str) -> _Entry:
        if key not in self._entries:
            raise SourceError(f"is not in this CIFAR ({self.location}): index it again")
        return self._entries[key]


def download(
    name: Literal["cifar10", "cifar100"], folder: Path | None = None, progress: weights.Progress | None = None
) -> Path:
    """The official archive, fetched once and checked by its published MD5.

    Args:
        name: Which of the two.
        folder: Where it is kept; the cache unless given.
        progress: Told of the bytes.

    Raises:
        DownloadError: If it cannot be fetched; the message says how to go on without a network.
    """
    file_name, digest = _DOWNLOADS[name]
    home = folder or weights.cache_folder() / "data"
    return weights.download(_HOME + file_name, home / file_name, digest, progress)


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
    """CIFAR, if the folder is one in the official layout.

    Raises:
        SourceError: If its files cannot be read, or are not what they should be.
    """
    there = _files_in(folder)
    if not there:
        return None
    contents = {file.name: files.read_file(paths.absolute(file)) for file in there}
    return Cifar(paths.absolute(folder), contents, modified_ns(folder), split)


def in_tar(path: Path, split: Split | None = None) -> Cifar | None:
    """CIFAR, if the archive holds it in the official layout.

    Raises:
        SourceError: If its files are not what they should be.
    """
    try:
        stream = tars.Stream(path)
        try:
            contents = _contents(stream)
        finally:
            stream.close()
    except tars.BROKEN:
        return None  # whoever opens it as a tar says what is wrong with it
    if contents is None:
        return None
    return Cifar(paths.absolute(path), contents, path.stat().st_mtime_ns, split)


def modified_ns(folder: Path) -> int:
    """When CIFAR in this folder was last changed; 0 if the folder is none."""
    return max((file.stat().st_mtime_ns for file in _files_in(folder)), default=0)


def _files_in(folder: Path) -> list[Path]:
    """The files of the first layout that is there with its names and at least one file of images."""
    for layout in _LAYOUTS:
        there = [folder / name for name in (layout.meta, *layout.files) if (folder / name).is_file()]
        if len(there) > 1 and there[0].name == layout.meta:
            return there
    return []


def _contents(stream: tars.Stream) -> dict[str, bytes] | None:
    """File name → bytes of a tar in the official layout; None, after a look at its first file, for any other tar."""
    contents: dict[str, bytes] = {}
    layout = None
    for member in stream.members():
        place = PurePosixPath(member.name)
        if not member.isreg() or place.name.startswith("."):
            continue
        layout = next((layout for layout in _LAYOUTS if place.parts[:-1] == (layout.folder,)), None)
        if layout is None:
            return None
        if place.name in (layout.meta, *layout.files):
            contents[place.name] = stream.content(member)
    complete = layout is not None and layout.meta in contents and len(contents) > 1
    return contents if complete else None


def _entries(
    content: Mapping[str, plain_pickles.Plain],
    layout: _Layout,
    meta: Mapping[str, plain_pickles.Plain],
    split: Split,
    place: str,
) -> list[tuple[str, _Entry]]:
    """(key, entry) of each image of one file, checked."""
    data = content.get("data")
    names, labels = _texts(content.get("filenames")), _numbers(content.get(layout.labels))
    label_names = _texts(meta.get(layout.names))
    if not isinstance(data, np.ndarray) or data.shape != (len(labels), png.SAMPLES):
        raise SourceError(f"{place}: its data is no (n, 3072) array of bytes, one row for each label: fetch it again")
    if len(names) != len(labels) or not all(0 <= label < len(label_names) for label in labels):
        raise SourceError(f"{place}: its names, labels and images do not fit together: fetch it again")
    coarse = _coarse_labels(content, meta, layout, len(labels))
    entries = []
    for i, (pixels, name, label) in enumerate(zip(data, names, labels, strict=True)):
        told = {"coarse_label": coarse[i]} if coarse else {}
        key = f"{split}/{_part(label_names[label])}/{_part(name)}"
        entries.append((key, _Entry(pixels, {"label": label_names[label], "split": split, **told})))
    return entries


def _coarse_labels(
    content: Mapping[str, plain_pickles.Plain], meta: Mapping[str, plain_pickles.Plain], layout: _Layout, count: int
) -> list[str]:
    """One for each image, or none at all if the file does not tell them."""
    numbers, names = _numbers(content.get("coarse_labels")), _texts(meta.get(layout.coarse_names))
    complete = len(numbers) == count and all(0 <= number < len(names) for number in numbers)
    return [names[number] for number in numbers] if complete else []


def _part(name: str) -> str:
    """A name as one part of a key."""
    return paths.kept(name.replace("/", "_").replace("\\", "_").lstrip(".")) or "unnamed"


def _texts(values: plain_pickles.Plain) -> list[str]:
    given: Sequence[object] = values if isinstance(values, list) else []
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in given]


def _numbers(values: plain_pickles.Plain) -> list[int]:
    given: Sequence[object] = values if isinstance(values, list) else []
    numbers = [value for value in given if type(value) is int]
    return numbers if len(numbers) == len(given) else []
