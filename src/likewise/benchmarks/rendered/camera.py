"""From triangles to pixels: a pinhole camera and a depth buffer in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.benchmarks.rendered.paint import Floats, Ints
from likewise.benchmarks.rendered.shapes import Array

NEAR = 0.05
_DEPTH_STEPS = 2.0**31
_FACE_BITS = 20  # so at most a million faces; 31 bits of depth lie above them in one integer


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera, its frame cut anywhere out of a larger photograph.

    Attributes:
        eye: (3,) where it stands.
        axes: (3, 3), rows: right, down and ahead, orthonormal.
        focal: Pixels per unit at distance 1.
        centre: (x, y) pixel that `ahead` meets; not the middle of the frame after a cut.
        size: (width, height) of the frame in pixels.
    """

    eye: Array
    axes: Array
    focal: float
    centre: tuple[float, float]
    size: tuple[int, int]

    def larger(self, times: int) -> Camera:
        """The same photograph with more pixels."""
        width, height = self.size
        centre = (self.centre[0] * times, self.centre[1] * times)
        return Camera(self.eye, self.axes, self.focal * times, centre, (width * times, height * times))

    def project(self, points: Array) -> tuple[Array, Array]:
        """(n, 2) pixels and (n,) inverse distances ahead; points behind the camera are drawn at `NEAR`."""
        seen = (points - self.eye) @ self.axes.T
        inverse = 1 / np.maximum(seen[:, 2], NEAR)
        return seen[:, :2] * inverse[:, None] * self.focal + self.centre, inverse

    def rays(self) -> Floats:
        """(3, height × width): the direction that each pixel looks in, with length 1 along `ahead`."""
        width, height = self.size
        x = ((np.arange(width) + 0.5 - self.centre[0]) / self.focal).astype(np.float32)
        y = ((np.arange(height) + 0.5 - self.centre[1]) / self.focal).astype(np.float32)
        right, down, ahead = self.axes.astype(np.float32)[:, :, None, None]
        found: Floats = (x * right + y[:, None] * down + ahead).reshape(3, -1)
        return found


def look(eye: Array, target: Array, roll: float) -> Array:
    """(3, 3) axes of a camera at `eye` that looks at `target`; `roll` in degrees."""
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(ahead, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(ahead, right)
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return np.stack([right * cos + down * sin, down * cos - right * sin, ahead])


def frame(
    eye: Array, axes: Array, points: Array, size: tuple[int, int], fill: float, offset: tuple[float, float]
) -> Camera:
    """The camera whose frame holds all `points`.

    Args:
        eye: (3,) where it stands.
        axes: From `look`.
        points: (n, 3), all ahead of the camera.
        size: (width, height) in pixels.
        fill: How much of the tighter side they take.
        offset: (x, y), each in -1..1: how far from the middle of the free room.
    """
    seen = (points - eye) @ axes.T
    flat = seen[:, :2] / np.maximum(seen[:, 2:], NEAR)
    low, high = flat.min(axis=0), flat.max(axis=0)
    room = np.array(size, dtype=np.float64)
    focal = float((room * fill / np.maximum(high - low, 1e-6)).min())
    free = (room - (high - low) * focal) / 2
    x, y = room / 2 - (low + high) / 2 * focal + free * offset * 0.8
    return Camera(eye, axes, focal, (float(x), float(y)), size)


def rasterise(at: Array, depth: Array, faces: Ints, size: tuple[int, int]) -> tuple[Ints, Floats]:
    """Which triangle each pixel shows.

    Args:
        at: (v, 2) pixels.
        depth: (v,) a number that is linear on screen and larger where nearer, such as the inverse distance.
        faces: (f, 3) rows of `at`; both windings are drawn.
        size: (width, height).

    Returns:
        (height × width,) rows of `faces`, -1 where there is none, and the depth there (0 where there is none).
    """
    width, height = size
    corner = at[faces]
    (x0, y0), (x1, y1), (x2, y2) = corner.transpose(1, 2, 0)
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    first = np.ceil(np.clip(corner[..., 1].min(axis=1), 0, height) - 0.5).astype(np.intp)
    last = np.floor(np.clip(corner[..., 1].max(axis=1), 0, height) - 0.5).astype(np.intp)
    rows = np.where(np.abs(area) > 1e-9, np.maximum(last - first + 1, 0), 0)
    face, step = _count_up(rows)
    row = first[face] + step
    left, right = _spans(corner, area, face, row + 0.5)
    start = np.ceil(np.clip(left, 0, width) - 0.5).astype(np.intp)
    stop = np.floor(np.clip(right, 0, width) - 0.5).astype(np.intp)
    span, along = _count_up(np.maximum(stop - start + 1, 0))
    pixel = (row * width + start)[span] + along
    safe = np.where(np.abs(area) > 1e-9, area, 1.0)
    d0, d1, d2 = depth[faces].T
    slope_x = ((d1 - d0) * (y2 - y0) - (d2 - d0) * (y1 - y0)) / safe
    slope_y = ((d2 - d0) * (x1 - x0) - (d1 - d0) * (x2 - x0)) / safe
    at_start = (d0 + slope_x * (-x0))[face] + slope_y[face] * (row + 0.5 - y0[face]) + slope_x[face] * (start + 0.5)
    found = at_start[span] + slope_x[face][span] * along
    return _nearest(pixel, found, face[span], (float(depth.min()), float(depth.max())), width * height)


def _count_up(lengths: Ints) -> tuple[Ints, Ints]:
    """For each run of this length: its number, and 0, 1, 2 … within it."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    begins = np.cumsum(lengths) - lengths
    return owner, np.arange(len(owner)) - begins[owner]


def _spans(corner: Array, area: Array, face: Ints, y: Array) -> tuple[Array, Array]:
    """Where each triangle begins and ends, in pixels, along the line `y`."""
    left, right = np.full(len(y), -1e9), np.full(len(y), 1e9)
    for edge in range(3):
        a, b = corner[:, edge], corner[:, (edge + 1) % 3]
        rise = b[:, 1] - a[:, 1]
        flat = np.abs(rise) < 1e-12
        slope = np.where(flat, 0, (b[:, 0] - a[:, 0]) / np.where(flat, 1, rise))
        cut = (a[:, 0] - a[:, 1] * slope)[face] + y * slope[face]
        starts = (rise * area < 0) & ~flat
        ends = (rise * area > 0) & ~flat
        np.maximum(left, cut, out=left, where=starts[face])
        np.minimum(right, cut, out=right, where=ends[face])
    return left, right


def _nearest(pixel: Ints, depth: Array, face: Ints, bounds: tuple[float, float], pixels: int) -> tuple[Ints, Floats]:
    """Keep the nearest face of each pixel: depth above, face below in one integer, and its maximum."""
    low, high = bounds
    scale = (_DEPTH_STEPS - 2) / max(high - low, 1e-12)
    steps = (np.clip(depth, low, high) - low) * scale + 1
    buffer: NDArray[np.int64] = np.zeros(pixels, dtype=np.int64)
    np.maximum.at(buffer, pixel, (steps.astype(np.int64) << _FACE_BITS) | face)
    shown = (buffer & ((1 << _FACE_BITS) - 1)).astype(np.intp)
    hit = buffer > 0
    kept = ((buffer >> _FACE_BITS) - 1) / scale + low
    return np.where(hit, shown, -1), np.where(hit, kept, 0).astype(np.float32)
