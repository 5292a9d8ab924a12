"""The solids that everything is built of: boxes, turned and extruded shapes, tubes, sheets.

Right-handed, z up. Lengths are in an object's own unit; the camera rescales the finished object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.benchmarks.rendered.paint import Ints, Paint

Array: TypeAlias = NDArray[np.float64]
Place: TypeAlias = tuple[float, float, float]

_HALVES = np.array([[0, 1, 2], [0, 2, 3]])  # of a quad
SMOOTH = 0.62  # cosine of the angle between two strips of a profile above which the edge is rounded over


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles with what is needed to shade them.

    Attributes:
        points: (v, 3).
        normals: (v, 3), unit, outwards.
        grain: (v, 3): where in the solid stuff each point was cut from; patterns live there and move with it.
        faces: (f, 3) rows of `points`.
        paint: (f,) which of `paints`.
        thin: (f,) seen from both sides.
        paints: The materials.
    """

    points: Array
    normals: Array
    grain: Array
    faces: Ints
    paint: Ints
    thin: NDArray[np.bool_]
    paints: tuple[Paint, ...]

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """Shifted."""
        return replace(self, points=self.points + np.array([x, y, z]))

    def scaled(self, x: float, y: float | None = None, z: float | None = None) -> Mesh:
        """Stretched about the origin; one number stretches alike in all directions; a negative one mirrors."""
        size = np.array([x, x if y is None else y, x if z is None else z])
        return replace(self, points=self.points * size, normals=unit(self.normals / size))

    def turned(self, axis: str, degrees: float) -> Mesh:
        """Rotated about the axis `x`, `y` or `z` through the origin, anticlockwise seen from its tip."""
        first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        matrix = np.eye(3)
        matrix[first, first] = matrix[second, second] = cos
        matrix[first, second], matrix[second, first] = -sin, sin
        return replace(self, points=self.points @ matrix.T, normals=self.normals @ matrix.T)

    def faceted(self) -> Mesh:
        """The same triangles, each flat."""
        corners = self.points[self.faces]
        flat = unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
        outwards = (self.normals[self.faces].sum(axis=1) * flat).sum(axis=1)
        normals = np.repeat(np.where(outwards[:, None] < 0, -flat, flat), 3, axis=0)
        grain = self.grain[self.faces].reshape(-1, 3)
        faces = np.arange(len(normals)).reshape(-1, 3)
        return replace(self, points=corners.reshape(-1, 3), normals=normals, grain=grain, faces=faces)


def unit(vectors: Array) -> Array:
    """The same directions with length 1; zero stays zero."""
    lengths = np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True))
    scaled: Array = vectors / np.maximum(lengths, 1e-30)
    return scaled


def join(parts: Iterable[Mesh]) -> Mesh:
    """Many parts as one mesh."""
    each = list(parts)
    firsts = np.cumsum([0, *(len(part.points) for part in each)])
    paints = np.cumsum([0, *(len(part.paints) for part in each)])
    return Mesh(
        points=np.concatenate([part.points for part in each]),
        normals=np.concatenate([part.normals for part in each]),
        grain=np.concatenate([part.grain for part in each]),
        faces=np.concatenate([part.faces + first for part, first in zip(each, firsts, strict=False)]),
        paint=np.concatenate([part.paint + first for part, first in zip(each, paints, strict=False)]),
        thin=np.concatenate([part.thin for part in each]),
        paints=tuple(paint for part in each for paint in part.paints),
    )


def mesh(paint: Paint, points: Array, normals: Array, faces: Ints, thin: bool = False) -> Mesh:
    """One part of one material."""
    return Mesh(points, normals, points, faces, np.zeros(len(faces), np.intp), np.full(len(faces), thin), (paint,))


@cache
def _cube() -> tuple[Array, Array, Ints]:
    points, normals = [], []
    for axis in range(3):
        for side in (-1.0, 1.0):
            for u, v in ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)):
                point, normal = np.zeros(3), np.zeros(3)
                point[axis], point[axis - 2], point[axis - 1] = side, u, v
                normal[axis] = side
                points.append(point / 2)
                normals.append(normal)
    starts = np.arange(0, 24, 4)[:, None]
    faces = np.concatenate([starts + _HALVES[0], starts + _HALVES[1]])
    return np.array(points) + np.array([0, 0, 0.5]), np.array(normals), faces


def box(paint: Paint, size: Place, at: Place = (0.0, 0.0, 0.0)) -> Mesh:
    """A cuboid standing on `at`, the middle of its base."""
    points, normals, faces = _cube()
    cut = points * size
    return replace(mesh(paint, cut, normals, faces), points=cut + np.array(at))


@cache
def _strips(strips: int, sectors: int) -> Ints:
    """Triangles of `strips` separate bands, each of two closed rings of `sectors` points."""
    band = np.arange(strips)[:, None] * 2 * sectors
    here, there = np.arange(sectors), (np.arange(sectors) + 1) % sectors
    low, lower, high, higher = band + here, band + there, band + here + sectors, band + there + sectors
    return np.concatenate([np.stack([low, lower, higher], -1), np.stack([low, higher, high], -1)]).reshape(-1, 3)


def lathe(
    paint: Paint,
    profile: Sequence[tuple[float, float]],
    sectors: int = 20,
    at: Place = (0.0, 0.0, 0.0),
    thin: bool = False,
) -> Mesh:
    """A turned shape about the z axis.

    Args:
        paint: Its material.
        profile: (radius, height) from the bottom to the top along the outside.
        sectors: Flat sides around.
        at: Where the origin of the profile goes.
        thin: Whether the inside can be seen.
    """
    line = np.array(profile, dtype=np.float64)
    step = np.diff(line, axis=0)
    out = unit(np.stack([step[:, 1], -step[:, 0]], axis=1))
    start, end = out.copy(), out.copy()
    round_over = (out[1:] * out[:-1]).sum(axis=1) > SMOOTH
    mean = unit(out[1:] + out[:-1])
    start[1:][round_over] = end[:-1][round_over] = mean[round_over]
    angle = np.arange(sectors) * (2 * np.pi / sectors)
    turn = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ends = np.stack([line[:-1], line[1:]], axis=1)
    slopes = np.stack([start, end], axis=1)
    points, normals = (
        np.concatenate(
            [of[:, :, None, :1] * turn, np.broadcast_to(of[:, :, None, 1:], (*of.shape[:2], sectors, 1))], axis=-1
        ).reshape(-1, 3)
        for of in (ends, slopes)
    )
    return replace(mesh(paint, points, normals, _strips(len(step), sectors), thin), points=points + at)


def cylinder(
    paint: Paint, radius: float, height: float, at: Place = (0.0, 0.0, 0.0), top: float | None = None, sectors: int = 16
) -> Mesh:
    """A closed cylinder standing on `at`; another `top` radius makes it a frustum, 0 a cone."""
    upper = radius if top is None else top
    return lathe(paint, [(0, 0), (radius, 0), (upper, height), (0, height)], sectors, at)


def ball(paint: Paint, radii: Place, at: Place = (0.0, 0.0, 0.0), sectors: int = 16) -> Mesh:
    """An ellipsoid around `at`."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, sectors // 2 + 1)
    profile = [(float(radius), float(height)) for radius, height in zip(np.cos(angle), np.sin(angle), strict=True)]
    return lathe(paint, profile, sectors).scaled(*radii).moved(*at)


def tube(
    paint: Paint,
    path: Sequence[Place] | Array,
    radius: float | Sequence[float] | Array,
    sides: int = 8,
    closed: bool = False,
) -> Mesh:
    """A pipe along `path`, of one radius or one for each point; `closed` joins its ends, otherwise they are capped."""
    line = np.asarray(path, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(line),))
    ahead = np.roll(line, -1, 0) - np.roll(line, 1, 0) if closed else np.gradient(line, axis=0)
    ahead = unit(ahead)
    across = np.eye(3)[np.abs(ahead).sum(axis=0).argmin()]
    first = unit(np.cross(ahead, across))
    second = np.cross(ahead, first)
    angle = np.arange(sides) * (2 * np.pi / sides)
    rings = first[:, None] * np.cos(angle)[:, None] + second[:, None] * np.sin(angle)[:, None]
    points = line[:, None] + rings * radii[:, None, None]
    if closed:
        points, rings = np.concatenate([points, points[:1]]), np.concatenate([rings, rings[:1]])
    else:
        ends = np.broadcast_to(line[[0, -1], None], (2, sides, 3))
        caps = np.broadcast_to(np.stack([-ahead[0], ahead[-1]])[:, None], (2, sides, 3))
        points = np.concatenate([ends[:1], points[:1], points, points[-1:], ends[1:]])
        rings = np.concatenate([caps[:1], caps[:1], rings, caps[1:], caps[1:]])
    pairs = np.stack([np.arange(len(points) - 1), np.arange(1, len(points))], axis=1)
    faces = _strips(len(pairs), sides)
    return mesh(paint, points[pairs].reshape(-1, 3), rings[pairs].reshape(-1, 3), faces)


def ring(paint: Paint, radius: float, thickness: float, sectors: int = 20, sides: int = 7) -> Mesh:
    """A torus lying flat around the origin."""
    angle = np.arange(sectors) * (2 * np.pi / sectors)
    path = np.stack([np.cos(angle) * radius, np.sin(angle) * radius, np.zeros(sectors)], axis=1)
    return tube(paint, path, thickness, sides, closed=True)


def _turn(a: Array, b: Array, c: Array) -> float:
    """Twice the area of a triangle, positive when it runs anticlockwise."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _is_ear(outline: Array, left: list[int], corner: tuple[int, int, int]) -> bool:
    a, b, c = (outline[index] for index in corner)
    if _turn(a, b, c) <= 0:
        return False
    others = (outline[index] for index in left if index not in corner)
    return not any(_turn(a, b, p) >= 0 and _turn(b, c, p) >= 0 and _turn(c, a, p) >= 0 for p in others)


def _ears(outline: Array) -> Ints:
    """(n - 2, 3) triangles that fill a simple anticlockwise polygon, by cutting ears."""
    left = list(range(len(outline)))
    cut = []
    while len(left) > 3:
        corners = [(left[at - 1], left[at], left[(at + 1) % len(left)]) for at in range(len(left))]
        at = next((at for at, corner in enumerate(corners) if _is_ear(outline, left, corner)), 0)
        cut.append(corners[at])
        left.pop(at)
    return np.array([*cut, tuple(left)], dtype=np.intp)


def _stand(line: Array, y: float) -> Array:
    return np.stack([line[:, 0], np.full(len(line), y), line[:, 1]], axis=1)


def slab(paint: Paint, outline: Sequence[tuple[float, float]], depth: float, at: Place = (0.0, 0.0, 0.0)) -> Mesh:
    """A plate of this (x, z) outline, `depth` thick along y and centred there."""
    flat = np.array(outline, dtype=np.float64)
    after = np.roll(flat, -1, 0)
    if (flat[:, 0] * after[:, 1] - flat[:, 1] * after[:, 0]).sum() < 0:
        flat = flat[::-1]
        after = np.roll(flat, -1, 0)
    count = len(flat)
    step = after - flat
    out = unit(np.stack([step[:, 1], np.zeros(count), -step[:, 0]], axis=1))
    near, far = _stand(flat, -depth / 2), _stand(flat, depth / 2)
    sides = np.stack([near, np.roll(near, -1, 0), np.roll(far, -1, 0), far], axis=1).reshape(-1, 3)
    points = np.concatenate([sides, near, far])
    normals = np.concatenate([np.repeat(out, 4, axis=0), np.repeat([[0.0, -1, 0], [0, 1, 0]], count, axis=0)])
    quads = np.arange(0, 4 * count, 4)[:, None]
    fill = _ears(flat) + 4 * count
    faces = np.concatenate([quads + _HALVES[0], quads + _HALVES[1], fill, fill + count])
    return replace(mesh(paint, points, normals, faces), points=points + at)


def sheet(paint: Paint, grid: Array) -> Mesh:
    """A thin surface through (rows, columns, 3) points, seen from both sides."""
    rows, columns = grid.shape[:2]
    normals = unit(np.cross(np.gradient(grid, axis=1), np.gradient(grid, axis=0)))
    for row, beside in ((0, 1), (-1, -2)):  # a row drawn together into one point has no direction of its own
        none = (normals[row] ** 2).sum(axis=-1) < 0.5
        normals[row, none] = normals[beside, none]
    low = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1)
    corners = np.stack([low, low + 1, low + columns + 1, low + columns], axis=1)
    return mesh(
        paint,
        grid.reshape(-1, 3),
        normals.reshape(-1, 3),
        np.concatenate([corners[:, :3], corners[:, [0, 2, 3]]]),
        thin=True,
    )


def lump(whole: Mesh, phase: float, depth: float, pitch: float = 3.0) -> Mesh:
    """Knocked out of its even shape: each point moves by waves of its position, up to about `depth` of it."""
    x, y, z = (whole.points * pitch).T
    wave = np.sin(x + 2 * phase) * np.sin(1.3 * y + phase) + np.sin(1.7 * z - phase + 0.6 * x) * np.sin(
        0.8 * x - y + 3 * phase
    )
    return replace(whole, points=whole.points * (1 + 0.5 * depth * wave)[:, None])
