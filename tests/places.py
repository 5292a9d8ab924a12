"""Places to find images in, made small: trees of files, archives, CIFAR in the official layout."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from likewise.sources import Source

TREE = ("b.png", "B.JPG", "a/z.webp", "a/é.png", "a.png", "a b/#1.gif")


def picture(text: str) -> bytes:
    """Bytes that begin as a PNG does, and differ by `text`."""
    return b"\x89PNG\r\n\x1a\n" + text.encode() * 5


def write_tree(folder: Path, names: tuple[str, ...] | list[str] = TREE) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(name))
    return folder


def write_zip(path: Path, names: tuple[str, ...] | list[str] = TREE, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name, (2020, 2, 3, 4, 5, 6)), picture(name), method)
    return path


def write_tar(path: Path, names: tuple[str, ...] | list[str] = TREE) -> Path:
    return write_members(path, [member(name, picture(name)) for name in names])


def member(name: str, data: bytes, mtime: float = 1_600_000_000) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), mtime
    return info, data


def write_members(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    packing = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz"}.get(path.suffix, "")
    with tarfile.open(path, f"w:{packing}") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path


def samples(count: int, seed: int = 0) -> np.ndarray:
    """(count, 3072) random bytes."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def cifar100(protocol: int = 2, *, seed: int = 0) -> dict[str, bytes]:
    """File name → bytes; six training images, two test images."""

    def part(count: int, name: str, start: int) -> dict[bytes, object]:
        return {
            b"filenames": [f"{name}_{i}.png".encode() for i in range(count)],
            b"batch_label": name.encode(),
            b"fine_labels": [i % 2 for i in range(count)],
            b"coarse_labels": [0] * count,
            b"data": samples(count, seed + start),
        }

    meta = {b"fine_label_names": [b"apple", b"bear"], b"coarse_label_names": [b"things"]}
    parts = {"train": part(6, "train", 0), "test": part(2, "test", 1), "meta": meta}
    return {name: pickle.dumps(content, protocol) for name, content in parts.items()}


def cifar10(protocol: int = 2) -> dict[str, bytes]:
    """File name → bytes; all batches, two images each, of one class."""
    files = {"batches.meta": pickle.dumps({b"label_names": [b"airplane"], b"num_vis": 3072}, protocol)}
    for seed, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        content = {
            b"filenames": [b"jet.png", b"kite.png"],
            b"labels": [0, 0],
            b"data": samples(2, seed),
            b"batch_label": name.encode(),
        }
        files[name] = pickle.dumps(content, protocol)
    return files


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def keys(source: Source) -> list[str]:
    return [item.key for item in source.items()]


def contents(source: Source) -> dict[str, bytes]:
    return {item.key: source.read(item) for item in source.items()}
