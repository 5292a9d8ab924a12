"""Light on surfaces: sun and sky, cast and contact shadows, gloss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as Pictures
from PIL import ImageFilter

from likewise.benchmarks.rendered.camera import Camera, rasterise
from likewise.benchmarks.rendered.paint import Dice, Floats, Ints, Paint, linear, mix_of
from likewise.benchmarks.rendered.shapes import Array, Mesh

SHADOW_SIDE = 160
CONTACT_SIDE = 64
REACH = 3.0  # half the side of the square of ground that contact shadows are computed on


@dataclass(frozen=True, slots=True)
class Light:
    """What shines.

    Attributes:
        towards: (3,) unit, from the scene to the sun or lamp.
        sun: (3, 1) linear colour of the direct light.
        sky: (3, 1) linear colour of the light from above.
        bounce: (3, 1) linear colour of the light from below.
        softness: Blur of the cast shadow as a share of the shadow map's side.
    """

    towards: Array
    sun: Floats
    sky: Floats
    bounce: Floats
    softness: float


@dataclass(frozen=True, slots=True)
class Shadows:
    """Where the direct light and the sky do not reach.

    Attributes:
        basis: (2, 3) the shadow map's axes in the world, in texels.
        origin: (2,) texel of the world's origin.
        towards: (3,) as in `Light`.
        depth: (SHADOW_SIDE, SHADOW_SIDE) height along `towards` of the first surface that the light meets.
        cast: The same square: 0 lit to 1 shadowed, blurred, for the ground.
        contact: (CONTACT_SIDE, CONTACT_SIDE): 0 open to 1 covered closely from above, over `REACH` of ground.
    """

    basis: Array
    origin: Array
    towards: Array
    depth: Floats
    cast: Floats
    contact: Floats

    def on_surface(self, points: Floats) -> Floats:
        """(n,) share of the direct light that reaches each of these (3, n) points of the object."""
        at = self.basis.astype(np.float32) @ points + self.origin.astype(np.float32)[:, None]
        height = self.towards.astype(np.float32) @ points + np.float32(0.035)
        lit = np.zeros(points.shape[1], dtype=np.float32)
        for x, y in ((-0.6, -0.2), (0.2, -0.6), (0.6, 0.2), (-0.2, 0.6)):
            column = np.clip(at[0] + x, 0, SHADOW_SIDE - 1).astype(np.intp)
            row = np.clip(at[1] + y, 0, SHADOW_SIDE - 1).astype(np.intp)
            lit += self.depth[row, column] <= height
        return lit / 4

    def on_ground(self, points: Floats) -> tuple[Floats, Floats]:
        """Cast and contact shadow, each (n,) in 0..1, at these (3, n) points of the ground."""
        at = self.basis.astype(np.float32) @ points + self.origin.astype(np.float32)[:, None]
        cast = _read(self.cast, at)
        return cast, _read(self.contact, (points[:2] / np.float32(2 * REACH) + np.float32(0.5)) * CONTACT_SIDE)


def _read(square: Floats, at: Floats) -> Floats:
    """Bilinear look-up of (2, n) texels, 0 outside."""
    side = len(square)
    x, y = np.clip(at - 0.5, -1, side)
    left, above = np.floor(x), np.floor(y)
    part_x, part_y = x - left, y - above
    column, row = left.astype(np.intp), above.astype(np.intp)
    padded = np.pad(square, ((1, 2), (1, 2)))
    top = padded[row + 1, column + 1] * (1 - part_x) + padded[row + 1, column + 2] * part_x
    low = padded[row + 2, column + 1] * (1 - part_x) + padded[row + 2, column + 2] * part_x
    found: Floats = top * (1 - part_y) + low * part_y
    return found


def _blur(square: Floats, radius: float) -> Floats:
    picture = Pictures.fromarray((square * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(picture, dtype=np.float32) / 255


def cast_shadows(scene: Mesh, light: Light) -> Shadows:
    """Look at the scene from the light, and at its underside from the ground."""
    right = np.cross((0.0, 0.0, 1.0), light.towards)
    right /= np.linalg.norm(right)
    basis = np.stack([right, np.cross(light.towards, right)])
    flat = scene.points @ basis.T
    low, high = flat.min(axis=0), flat.max(axis=0)
    margin = SHADOW_SIDE * 0.12
    scale = (SHADOW_SIDE - 2 * margin) / float(np.maximum(high - low, 1e-6).max())
    origin = np.full(2, SHADOW_SIDE / 2) - (low + high) / 2 * scale
    size = (SHADOW_SIDE, SHADOW_SIDE)
    face, depth = rasterise(flat * scale + origin, scene.points @ light.towards, scene.faces, size)
    covered = (face >= 0).reshape(size)
    cast = _blur(covered.astype(np.float32), light.softness * SHADOW_SIDE)
    below = (scene.points[:, :2] / (2 * REACH) + 0.5) * CONTACT_SIDE
    under, height = rasterise(below, -scene.points[:, 2], scene.faces, (CONTACT_SIDE, CONTACT_SIDE))
    close = np.where(under >= 0, np.exp(np.minimum(height, 0) / 0.22), 0).astype(np.float32)
    contact = _blur(close.reshape(CONTACT_SIDE, CONTACT_SIDE), 1.1)
    heights = np.where(covered, depth.reshape(size), -1e9).astype(np.float32)
    return Shadows(basis * scale, origin, light.towards, heights, cast, contact)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the camera sees of the scene, for the pixels where it sees anything.

    Coordinates and colours lie in rows of n: numpy is several times slower along an innermost axis of three.

    Attributes:
        pixel: (n,) which pixel, counted row by row.
        face: (n,) which triangle.
        paint: (n,) which paint.
        point: (3, n) where.
        normal: (3, n) unit, towards the camera's side.
        grain: (3, n) see `Mesh.grain`.
        view: (3, n) unit, from the point to the camera.
    """

    pixel: Ints
    face: Ints
    paint: Ints
    point: Floats
    normal: Floats
    grain: Floats
    view: Floats


def see(scene: Mesh, camera: Camera) -> Shown:
    """Find the visible surface and interpolate it, correct in perspective."""
    at, inverse = camera.project(scene.points)
    towards = camera.eye - scene.points[scene.faces[:, 0]]
    corners = scene.points[scene.faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    corner_normals = scene.normals[scene.faces]
    outwards = np.sign(np.einsum("fi,fci->f", flat, corner_normals))
    facing = outwards * np.einsum("fi,fi->f", flat, towards) >= 0
    drawn = np.flatnonzero((facing | scene.thin) & (inverse[scene.faces].max(axis=1) < 1 / 0.06))
    face, _ = rasterise(at, inverse, scene.faces[drawn], camera.size)
    pixel = np.flatnonzero(face >= 0)
    face = drawn[face[pixel]]
    width = camera.size[0]
    x, y = (pixel % width + 0.5).astype(np.float32), (pixel // width + 0.5).astype(np.float32)
    weight = _weights(at.astype(np.float32), inverse.astype(np.float32), scene.faces[face], x, y)
    rows = scene.faces[face]
    side = np.where(facing, 1, -1).astype(np.float32)[face]
    stuff = np.concatenate([scene.points, scene.normals, scene.grain], axis=1).astype(np.float32)
    mixed = stuff.take(rows[:, 0], axis=0) * weight[0][:, None]
    mixed += stuff.take(rows[:, 1], axis=0) * weight[1][:, None]
    mixed += stuff.take(rows[:, 2], axis=0) * weight[2][:, None]
    columns = np.ascontiguousarray(mixed.T)
    point, normal, grain = columns[:3], _unit(columns[3:6]) * side, columns[6:]
    view = _unit(camera.eye.astype(np.float32)[:, None] - point)
    return Shown(pixel, face, scene.paint[face], point, normal, grain, view)


def _weights(at: Floats, inverse: Floats, rows: Ints, x: Floats, y: Floats) -> Floats:
    """(3, n) share of each corner, corrected for perspective."""
    (x0, y0), (x1, y1), (x2, y2) = at[rows].transpose(1, 2, 0)
    first = (x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)
    second = (x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)
    third = (x0 - x) * (y1 - y) - (x1 - x) * (y0 - y)
    shares = np.stack([first, second, third]) * inverse[rows].T
    found: Floats = shares / shares.sum(axis=0)
    return found


def _along(left: Floats, right: Floats) -> Floats:
    found: Floats = left[0] * right[0] + left[1] * right[1] + left[2] * right[2]
    return found


def _unit(vectors: Floats) -> Floats:
    found: Floats = vectors / np.sqrt(np.maximum(_along(vectors, vectors), np.float32(1e-12)))
    return found


def albedo(shown: Shown, paints: tuple[Paint, ...]) -> Floats:
    """(3, n) linear colour of each visible point before any light."""
    main = np.array([paint.colour for paint in paints], dtype=np.float32).T ** 2
    colour: Floats = main.take(shown.paint, axis=1)
    present = np.bincount(shown.paint, minlength=len(paints))
    groups: dict[Paint, list[int]] = {}
    for number in np.flatnonzero(present):
        if paints[number].pattern != "plain":
            groups.setdefault(paints[number], []).append(int(number))
    for paint, numbers in groups.items():
        chosen = np.flatnonzero(np.isin(shown.paint, numbers))
        share = mix_of(paint.pattern, shown.grain[:, chosen], paint.pitch)
        first = colour[:, chosen]
        colour[:, chosen] = first + (linear(paint.second) - first) * share
    return colour


def shine(scene: Mesh, shown: Shown, light: Light, shadows: Shadows, grounded: bool) -> tuple[Floats, Floats]:
    """Light the visible points.

    Returns:
        (3, n) linear colour and (n,) opacity.
    """
    normal, view = shown.normal, shown.view
    towards = light.towards.astype(np.float32)
    colour = albedo(shown, scene.paints)
    gloss = np.array([paint.gloss for paint in scene.paints], dtype=np.float32)[shown.paint]
    clear = np.array([paint.clear for paint in scene.paints], dtype=np.float32)[shown.paint]
    lit = shadows.on_surface(shown.point)
    direct = np.clip(towards @ normal, 0, 1) * lit
    up = normal[2] * 0.5 + 0.5
    near_ground = np.clip(0.45 + shown.point[2] * 1.6, 0, 1) if grounded else np.float32(1)
    open_sky = (0.55 + 0.45 * up) * (1 - (1 - near_ground) * (1 - 0.6 * up))
    ambient = (light.bounce + (light.sky - light.bounce) * up) * open_sky
    out = colour * (ambient + light.sun * direct)
    cosine = np.clip(_along(normal, view), 0, 1)
    fresnel = gloss * (0.05 + 0.75 * (1 - cosine) ** 4)
    mirrored_up = 2 * cosine * normal[2] - view[2]
    seen_above = np.clip(mirrored_up * 3 + 0.4, 0, 1)
    out += fresnel * (light.bounce * 0.5 + (light.sky * 1.5 - light.bounce * 0.5) * seen_above)
    half = _unit(view + towards[:, None])
    sharp = np.clip(_along(normal, half), 0, 1) ** (8 + 90 * gloss * gloss)
    highlight = gloss * sharp * lit * (direct > 0)
    out += (0.9 * highlight) * light.sun
    opacity = np.clip(1 - clear + clear * (0.1 + 0.9 * (1 - cosine) ** 2) + highlight * clear, 0, 1)
    return out, opacity


def daylight(dice: Dice, azimuth: float, indoors: bool) -> Light:
    """A light for one photograph, never straight behind the object as seen from `azimuth` (radians)."""
    turn = azimuth + np.radians(dice.between(-115, 115))
    height = np.radians(dice.between(28, 72))
    towards = np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height), np.sin(height)])
    warmth = dice.between(-0.12, 0.25)
    strength = dice.between(0.45, 1.5) if dice.likely(0.8) else dice.between(0.05, 0.4)
    sun = np.array([[1 + warmth], [1.0], [1 - warmth]], dtype=np.float32) * np.float32(strength)
    sky = np.array([[0.5 - warmth * 0.3], [0.52], [0.56 + warmth * 0.4]], dtype=np.float32)
    if indoors:
        sky = np.array([[0.55], [0.53], [0.5]], dtype=np.float32)
    return Light(towards, sun, sky, sky * np.float32(dice.between(0.35, 0.6)), dice.pick(0.008, 0.015, 0.035))
