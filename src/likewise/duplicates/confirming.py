"""The last word on a pair: do the pictures themselves agree, or only what a network says of them?

Embeddings are made to call two photographs of one thing alike. The pixels of a copy are those of its original, give or take
what shrinking, compressing and recolouring do to them, and the edges of another photograph lie elsewhere.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from likewise import images
from likewise.errors import BadImage, SourceError
from likewise.rerank import Matcher, Original
from likewise.rerank import load as load_rerank
from likewise.types import Image, Record

SIDE = 24
"""Pixels a side of what is compared."""

HELD = 32_768
"""Pictures of which the edges are remembered: 3 kB each."""

LEAST = 0.92
"""Agreement of a copy. Of 626 pictures of which 194 were copies, blurred, shrunk, recoloured or recompressed ones agreed by 0.951 and more,
195,000 other pairs, photographs of the same thing from elsewhere among them, by 0.654 and less. Of Caltech-101, 3 of 1,358 copies agreed by
less than 0.92, and so did most pairs of motorcycles of one catalogue (docs/LOG.md)."""

_THUMBNAIL = 128
_FLAT = 4.0  # levels of 255, root of the mean square: fainter edges are noise, and the picture is one colour
_SOFT = 4.0  # levels of 255: stronger edges count by their roots, or all pictures in white frames would agree
_SAME_COLOUR = 6.0  # levels of 255, in the mean

_SHAPES = 8  # steps for each doubling of width by height, of which a copy may miss one: 9 %
_MOST_THREADS = 4
_FEWEST = 8  # places that two pictures must share
_MISSED = 0.004  # shares of a picture's side by which half of the places may miss a cut: 1.5 pixels of 384
_FINE = 4 * SIDE  # pixels a side of the overlap, before it is shrunk as whole pictures are
_OVERLAP = 0.4  # of each picture at least, or one is a detail of the other and not a copy

Edges = NDArray[np.int8]


class Confirmer(Protocol):
    """Looks at pairs of pictures; threads may share it."""

    def agreements(self, pairs: Sequence[tuple[Record, Record]]) -> NDArray[np.float64]:
        """(m,) how far the pictures of each pair agree, -1 to 1; NaN where one cannot be read. Copies are those of `LEAST` and more."""
        ...


class Pixels:
    """Compares whole pictures by their edges in red, green and blue, shrunk to 24 × 24: no cuts, no mirror images.

    Edges, because a brightness or contrast that was changed leaves their directions, and because another photograph of the thing has its
    edges elsewhere. In three colours, so that the same shirt in another colour is no copy.
    """

    def __init__(self, original: Callable[[Record], Original], held: int = HELD) -> None:
        """Say where pictures are.

        Args:
            original: The picture of a record.
            held: Pictures whose edges are remembered.
        """
        self._original, self._most = original, held
        self._held: OrderedDict[str, Edges | None] = OrderedDict()
        self._guard = threading.Lock()

    def agreements(self, pairs: Sequence[tuple[Record, Record]]) -> NDArray[np.float64]:
        """See `Confirmer.agreements`."""
        wanted = {record.content_sha256: record for pair in pairs for record in pair}
        with self._guard:
            known = {sha256: self._held[sha256] for sha256 in wanted if sha256 in self._held}
        missing = [sha256 for sha256 in wanted if sha256 not in known]
        if missing:
            known |= self._looked_at([wanted[sha256] for sha256 in missing])
        self._remember(known)
        return np.array([_agreement(known[a.content_sha256], known[b.content_sha256]) for a, b in pairs], np.float64)

    def _looked_at(self, records: Sequence[Record]) -> dict[str, Edges | None]:
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS), thread_name_prefix="likewise-pixels") as pool:
            found = pool.map(self._edges, records)
            return {record.content_sha256: each for record, each in zip(records, found, strict=True)}

    def _edges(self, record: Record) -> Edges | None:
        try:
            original = self._original(record)
            return edges(images.thumbnail(original.read(), _THUMBNAIL, original.limits))
        except (SourceError, BadImage):
            return None

    def _remember(self, known: dict[str, Edges | None]) -> None:
        with self._guard:
            for sha256, found in known.items():
                self._held[sha256] = found
                self._held.move_to_end(sha256)
            while len(self._held) > self._most:
                self._held.popitem(last=False)


class Geometry:
    """As `Pixels`, and where these disagree, the pixels of what two pictures share if one is a cut of the other, or has a border.

    The cut is the one of least squares through the inliers of `--rerank geometry`. A copy fits it to a fraction of a pixel; another
    photograph of the same cover is turned or seen at an angle, and does not (docs/LOG.md).
    """

    def __init__(
        self,
        original: Callable[[Record], Original],
        is_worth: Callable[[Record, Record], bool] = lambda _first, _second: True,
    ) -> None:
        """Say where pictures are.

        Args:
            original: The picture of a record.
            is_worth: Whether local features are to be compared of two pictures that differ as wholes.

        Raises:
            MissingExtra: If OpenCV is not installed.
        """
        matcher = load_rerank("geometry").matcher
        assert matcher is not None  # noqa: S101 - geometry is one
        self._matcher: Matcher = matcher
        self._original, self._is_worth, self._pixels = original, is_worth, Pixels(original)

    def agreements(self, pairs: Sequence[tuple[Record, Record]]) -> NDArray[np.float64]:
        """See `Confirmer.agreements`."""
        found = self._pixels.agreements(pairs)
        for i in np.flatnonzero(found < LEAST).tolist():
            if self._is_worth(*pairs[i]):
                first, second = (self._original(record) for record in pairs[i])
                found[i] = max(found[i], self._overlapping(first, second))
        return found

    def _overlapping(self, first: Original, second: Original) -> float:
        places = self._matcher.correspondences(first, second)
        if places is None or len(places.query) < _FEWEST:
            return -1.0
        try:
            here, there = (images.thumbnail(each.read(), 2 * _THUMBNAIL, each.limits) for each in (first, second))
        except (SourceError, BadImage):  # pragma: no cover - it was read a moment ago
            return -1.0
        return overlap_agreement(here, there, places.query, places.hit)


def edges(picture: Image) -> Edges:
    """What is compared of a picture: horizontal and vertical differences of its colours, 24 × 24, compressed, of norm 1,000.

    A picture of one colour has no edges, and its colour and shape stand for them: four numbers.

    Args:
        picture: (height, width, 3) uint8, of any size.
    """
    small = _shrunk(picture.astype(np.float32))
    across = small[1:-1, 2:] - small[1:-1, :-2]
    down = small[2:, 1:-1] - small[:-2, 1:-1]
    both = np.concatenate([across.reshape(-1), down.reshape(-1)])
    if float(np.linalg.norm(both)) < _FLAT * np.sqrt(both.size):
        shape = np.clip(_SHAPES * np.log2(picture.shape[1] / picture.shape[0]), -127, 127)
        return np.asarray(np.append(small.mean(axis=(0, 1)) - 128, shape).round(), np.int8)
    both /= np.sqrt(np.abs(both) + _SOFT)
    norm = float(np.linalg.norm(both))
    return np.asarray(np.clip(np.round(both * (1000 / norm)), -127, 127), np.int8)


def _agreement(first: Edges | None, second: Edges | None) -> float:
    if first is None or second is None:
        return float("nan")
    if first.size != second.size:
        return 0.0  # one has edges and one has none
    a, b = first.astype(np.float64), second.astype(np.float64)
    if a.size == 4:
        return 1.0 if np.abs(a - b)[:3].max() <= _SAME_COLOUR and abs(a[3] - b[3]) <= 1 else 0.0
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def overlap_agreement(first: Image, second: Image, here: NDArray[np.floating], there: NDArray[np.floating]) -> float:
    """How far two pictures agree where they overlap.

    Args:
        first: A picture.
        second: Another.
        here: (m, 2) places in the first, x and y as shares of its width and height.
        there: (m, 2) the same places in the second.

    Returns:
        As `Confirmer.agreements`; -1 where no cut explains the places, or the overlap is less than two fifths of either.
    """
    scale, shift, missed = _cut_between(np.asarray(here, np.float64), np.asarray(there, np.float64))
    if missed > _MISSED or scale.min() <= 0:
        return -1.0
    low, high = np.maximum(0, -shift / scale), np.minimum(1, (1 - shift) / scale)
    share = float(np.prod(np.clip(high - low, 0, None)))
    if min(share, share * float(np.prod(scale))) < _OVERLAP:
        return -1.0
    steps = (np.arange(_FINE) + 0.5) / _FINE
    places = low + np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * (high - low)
    seen = _sampled(first, places).reshape(_FINE, _FINE, 3)
    met = _sampled(second, places * scale + shift).reshape(_FINE, _FINE, 3)
    return _agreement(edges(seen), edges(met))


def _cut_between(
    here: NDArray[np.float64], there: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(2,) scale and (2,) shift of x and y from one picture to the other by least squares, and by how much half of all places miss it."""
    middle = here.mean(axis=0)
    spread = np.square(here - middle).sum(axis=0)
    scale = np.divide(((here - middle) * there).sum(axis=0), spread, out=np.zeros(2), where=spread > 0)
    shift = there.mean(axis=0) - scale * middle
    missed = np.linalg.norm(here * scale + shift - there, axis=1)
    return scale, shift, float(np.median(missed))


def _sampled(picture: Image, places: NDArray[np.float64]) -> Image:
    """(m, 3) the colours at some places, between pixels interpolated, beyond the border that of the border."""
    height, width = picture.shape[:2]
    x = np.clip(places[:, 0] * width - 0.5, 0, width - 1)
    y = np.clip(places[:, 1] * height - 0.5, 0, height - 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, foot = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    along, down = (x - left)[:, None], (y - top)[:, None]
    wide = picture.astype(np.float32)
    upper = wide[top, left] * (1 - along) + wide[top, right] * along
    lower = wide[foot, left] * (1 - along) + wide[foot, right] * along
    return np.asarray(np.clip(np.round(upper * (1 - down) + lower * down), 0, 255), np.uint8)


def _shrunk(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(24, 24, 3): each pixel the mean of what it covers; a small picture is enlarged by the same rule."""
    for axis in (0, 1):
        weights = _coverage(picture.shape[axis])
        picture = np.moveaxis(np.tensordot(weights, picture, axes=(1, axis)), 0, axis)
    return picture


def _coverage(length: int) -> NDArray[np.float32]:
    """(24, length) how much of each old pixel lies in each new one."""
    edges_new = np.linspace(0, length, SIDE + 1)
    old = np.arange(length)
    shares = np.clip(np.minimum(edges_new[1:, None], old + 1) - np.maximum(edges_new[:-1, None], old), 0, None)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)
