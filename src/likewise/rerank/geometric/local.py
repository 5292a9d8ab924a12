"""Small places of a picture that are found again from elsewhere: SIFT, kept on disk under the hash of the picture's bytes."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from likewise import images, weights
from likewise.errors import BadImage, MissingExtra, SourceError
from likewise.rerank.types import Original
from likewise.types import Image

_HELD = 512  # pictures whose features stay in memory: 136 kB each, at 1,000 features
_MOST_BYTES = 2_000_000_000  # of all that is kept on disk
_TRIMMED_EACH = 64_000_000  # bytes written between two looks at how much that is
_FEWEST = 4  # a homography has eight unknowns


@dataclass(frozen=True, slots=True)
class Locals:
    """The local features of one picture.

    Attributes:
        width: Of the picture that they were found in, in pixels.
        height: Its height.
        points: (n, 2) x and y in it.
        sift: (n, 128) as SIFT counts them: whole numbers of 0 to 255.
    """

    width: int
    height: int
    points: NDArray[np.float32]
    sift: NDArray[np.uint8]

    def rooted(self) -> NDArray[np.float32]:
        """(n, 128) of unit norm: the square roots of shares, so that products compare histograms by Hellinger's kernel."""
        counts = self.sift.astype(np.float32)
        return np.asarray(np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)), np.float32)

    def shares(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points as shares of the width and of the height."""
        return np.asarray(points / np.array([self.width, self.height]), np.float32)


class LocalFeatures:
    """Finds the local features of pictures, each picture once; threads may share it."""

    def __init__(self, side: int, most: int, folder: Path | None = None) -> None:
        """Say how they are found.

        Args:
            side: Pictures are made no larger than this.
            most: Features of a picture, the clearest first.
            folder: Where they are kept; in the user's cache unless given.

        Raises:
            MissingExtra: If OpenCV is not installed.
        """
        self._side, self._most = side, most
        self._cv2 = opencv()
        version = ".".join(self._cv2.__version__.split(".")[:2])
        self._root = folder or weights.cache_folder() / "local-features"
        self._folder = self._root / f"sift-{side}-{most}-opencv-{version}"
        self._held: OrderedDict[str, Locals | None] = OrderedDict()
        self._guard = threading.Lock()
        self._unseen_bytes = _TRIMMED_EACH  # so that the first write looks

    def of(self, original: Original) -> Locals | None:
        """The features of a picture; None if it cannot be read, or has too few to say where anything is."""
        data = b""
        try:
            if not original.sha256:
                data = original.read()
            sha256 = original.sha256 or hashlib.sha256(data).hexdigest()
            with self._guard:
                if sha256 in self._held:
                    self._held.move_to_end(sha256)
                    return self._held[sha256]
            found = self._kept(sha256)
            if found is None:
                found = self._found(images.thumbnail(data or original.read(), self._side, original.limits))
                self._keep(sha256, found)
        except (SourceError, BadImage):
            return None
        usable = found if len(found.points) >= _FEWEST else None
        with self._guard:
            self._held[sha256] = usable
            if len(self._held) > _HELD:
                self._held.popitem(last=False)
        return usable

    def _found(self, picture: Image) -> Locals:
        height, width = picture.shape[:2]
        grey = self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2GRAY)
        points, sift = self._cv2.SIFT_create(self._most).detectAndCompute(grey, None)
        order = sorted(range(len(points)), key=lambda i: -points[i].response)[
            : self._most
        ]  # ties can make it find more
        places = np.array([points[i].pt for i in order], np.float32).reshape(-1, 2)
        counts = np.zeros((0, 128), np.uint8) if sift is None else sift[order].astype(np.uint8)
        return Locals(width, height, places, counts)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.npz"

    def _kept(self, sha256: str) -> Locals | None:
        path = self._path(sha256)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                width, height = file["size"].tolist()
                found = Locals(width, height, file["points"], file["sift"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # not there, or torn: found again, and written anew
        count = len(found.points)
        if found.points.shape != (count, 2) or found.sift.shape != (count, 128) or found.sift.dtype != np.uint8:
            return None
        with suppress(OSError):
            os.utime(path)  # what is used stays longest
        return found

    def _keep(self, sha256: str, found: Locals) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, size=np.array([found.width, found.height]), points=found.points, sift=found.sift)
        path = self._path(sha256)
        draft = path.with_name(f"{sha256}.{os.getpid()}-{threading.get_ident()}.part")
        with suppress(OSError):  # a cache that cannot be written to costs time and nothing else
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_bytes(buffer.getbuffer())
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        with self._guard:
            self._unseen_bytes += buffer.tell()
            due = self._unseen_bytes >= _TRIMMED_EACH
            self._unseen_bytes = 0 if due else self._unseen_bytes
        if due:
            trim(self._root, _MOST_BYTES)


def trim(folder: Path, most_bytes: int) -> None:
    """Delete what was not used for longest, until a folder holds no more than nine tenths of what it may."""
    files = sorted(_files(folder))
    total = sum(size for _, size, _ in files)
    if total <= most_bytes:
        return
    for _, size, path in files:
        if total <= 0.9 * most_bytes:
            return
        with suppress(OSError):
            path.unlink()
            total -= size


def _files(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """(last use, bytes, path) of all files; those that vanish meanwhile are passed over."""
    for path in folder.rglob("*"):
        with suppress(OSError):
            facts = path.stat()
            if path.is_file():
                yield facts.st_mtime_ns, facts.st_size, path


def opencv() -> ModuleType:
    """The OpenCV package.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("geometry needs OpenCV: pip install 'likewise[geometry]'") from error
    return cv2
