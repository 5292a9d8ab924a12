"""Where things stand: ground, walls, skies, and the last steps of a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image as Pictures
from PIL import ImageFilter

from likewise.benchmarks.rendered.camera import Camera
from likewise.benchmarks.rendered.light import Light, Shadows
from likewise.benchmarks.rendered.paint import (
    Colour,
    Dice,
    Floats,
    Paint,
    Pattern,
    linear,
    mix_of,
    noise,
    shade,
    soft_noise,
)

Theme: TypeAlias = Literal["tabletop", "room", "outdoors", "sea", "air"]
Far: TypeAlias = Literal["wall", "sky", "seamless", "bokeh"]

_OPEN_GROUND: tuple[tuple[Colour, Colour, float], ...] = (
    ((0.42, 0.55, 0.22), (0.27, 0.42, 0.14), 6.0),  # meadow
    ((0.5, 0.52, 0.26), (0.36, 0.44, 0.18), 3.0),  # dry grass
    ((0.45, 0.45, 0.46), (0.36, 0.36, 0.38), 9.0),  # asphalt
    ((0.85, 0.76, 0.58), (0.74, 0.63, 0.44), 5.0),  # sand
    ((0.9, 0.92, 0.95), (0.78, 0.83, 0.9), 2.0),  # snow
    ((0.55, 0.5, 0.45), (0.4, 0.36, 0.32), 8.0),  # gravel
    ((0.46, 0.34, 0.24), (0.34, 0.25, 0.17), 4.0),  # soil
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One place, chosen but not yet drawn.

    Attributes:
        ground: What it is covered with; None for the open air.
        far: What lies behind.
        behind: Distance of the wall or of the seamless paper's bend, in object radii.
        turn: Direction of the wall's normal, radians.
        back: The wall's material, or the sky's upper and lower colours.
        hills: Height of what stands on the horizon, as a slope; 0 for none.
        hill_colour: Its colour.
        clouds: 0 clear to 1 overcast.
        shift: Where in the endless noise this place lies.
    """

    ground: Paint | None
    far: Far
    behind: float
    turn: float
    back: Paint
    hills: float
    hill_colour: Colour
    clouds: float
    shift: float


def choose(dice: Dice, theme: Theme, azimuth: float) -> Stage:
    """A place that fits the theme, seen by a camera that stands towards `azimuth` (radians)."""
    sky = dice.pick((0.36, 0.56, 0.86), (0.5, 0.68, 0.9), (0.62, 0.68, 0.76), (0.8, 0.62, 0.5), (0.3, 0.42, 0.66))
    low = dice.near(dice.pick((0.85, 0.9, 0.95), (0.9, 0.88, 0.82), (0.95, 0.8, 0.65)))
    ground: Paint | None
    far: Far
    if theme == "sea":
        water = dice.near(dice.pick((0.16, 0.36, 0.5), (0.2, 0.45, 0.5), (0.3, 0.4, 0.46)))
        ground, far = Paint(water, shade(water, 1.5), "mottled", dice.between(3, 6), 0.5), "sky"
    elif theme == "air":
        ground, far = None, "sky"
    elif theme == "outdoors":
        main, second, pitch = dice.pick(*_OPEN_GROUND)
        ground = Paint(dice.near(main, 0.04), second, "mottled", pitch * dice.between(0.5, 1.2))
        far = dice.pick("sky", "sky", "sky", "bokeh")
    else:
        ground, far = _floor(dice), dice.pick("wall", "wall", "seamless", "bokeh")
    back = Paint(sky, low) if far == "sky" else _wall(dice)
    if far == "seamless":
        plain = dice.near(dice.pick(back.colour, (0.9, 0.9, 0.88), (0.5, 0.5, 0.52), (0.2, 0.2, 0.22)))
        ground = back = Paint(plain)
    woods = dice.near(dice.pick((0.2, 0.32, 0.18), (0.35, 0.42, 0.5), (0.5, 0.5, 0.44), (0.42, 0.34, 0.22)))
    return Stage(
        ground, far, dice.between(1.2, 3.2), azimuth + np.radians(dice.between(-35, 35)), back,
        dice.pick(0.0, 0.05, 0.12, 0.3) if theme != "air" else 0.0, woods, dice.between(0, 1), dice.between(0, 40),
    )  # fmt: skip


def _floor(dice: Dice) -> Paint:
    kind = dice.pick("wood", "wood", "tiles", "cloth", "stone", "plain")
    if kind == "wood":
        return dice.wood()
    main = dice.near(dice.pick((0.85, 0.82, 0.76), (0.6, 0.58, 0.55), (0.35, 0.34, 0.36), dice.calm()))
    if kind == "tiles":
        return Paint(main, shade(main, 0.72), dice.pick("checks", "bricks"), dice.between(0.9, 2.2), 0.4)
    if kind == "cloth":
        return Paint(main, dice.calm(), dice.pick("stripes", "checks", "dots"), dice.between(1.5, 4), 0.0)
    return Paint(main, shade(main, 0.7), "mottled", dice.between(2, 7), 0.2)


def _wall(dice: Dice) -> Paint:
    main = dice.near(dice.pick((0.88, 0.86, 0.8), (0.7, 0.76, 0.78), (0.78, 0.7, 0.6), (0.45, 0.5, 0.48), dice.calm()))
    pattern: Pattern = dice.pick("plain", "plain", "plain", "stripes", "dots", "bricks", "rings")
    return Paint(main, shade(main, dice.pick(0.85, 1.12)), pattern, dice.between(1.0, 3.0), 0.0)


def backdrop(stage: Stage, camera: Camera, light: Light, shadows: Shadows) -> tuple[Floats, Floats]:
    """Draw the place without its object.

    Returns:
        (height, width, 3) linear colour, and (height, width) distance (large for the sky).
    """
    rays = camera.rays()
    eye = camera.eye.astype(np.float32)[:, None]
    picture, far = _behind(stage, rays, eye, light)
    if stage.ground is not None:
        down = rays[2] < -1e-4
        distance = np.where(down, -eye[2, 0] / np.where(down, rays[2], -1), np.float32(1e6))
        seen = np.flatnonzero(distance < far)
        if len(seen):
            picture[:, seen] = _ground(
                stage, stage.ground, camera, light, shadows, (eye + rays[:, seen] * distance[seen], distance[seen])
            )
            if stage.far == "seamless":
                rise = np.clip((distance[seen] / np.linalg.norm(eye) - 1.0) / 1.2, 0, 1)
                picture[:, seen] += (
                    (_paper(stage, rays[:, seen], light) - picture[:, seen]) * rise * rise * (3 - 2 * rise)
                )
        far = np.minimum(far, distance)
    width, height = camera.size
    whole = picture.reshape(3, height, width).transpose(1, 2, 0)
    return np.ascontiguousarray(whole), far.reshape(height, width)


def _behind(stage: Stage, rays: Floats, eye: Floats, light: Light) -> tuple[Floats, Floats]:
    if stage.far == "sky":
        return _sky(stage, rays), np.full(rays.shape[1], 1e5, dtype=np.float32)
    if stage.far == "bokeh":
        return _bokeh(stage, rays, light), np.full(rays.shape[1], 5 * stage.behind, dtype=np.float32)
    if stage.far == "seamless":
        return _paper(stage, rays, light), np.full(rays.shape[1], 1e5, dtype=np.float32)
    normal = np.array([np.cos(stage.turn), np.sin(stage.turn), 0], dtype=np.float32)
    against = normal @ rays
    facing = against < -1e-3
    distance = np.where(
        facing, (-stage.behind - float(normal @ eye[:, 0])) / np.where(facing, against, -1), np.float32(1e5)
    )
    point = eye + rays * distance
    along = point[1] * normal[0] - point[0] * normal[1]
    colour = _covered(stage.back, along, np.zeros_like(along), point[2])
    skirting = point[2] < 0.22
    colour = np.where(skirting, np.float32(0.75) * (1 - np.float32(0.5) * (point[2] < 0.03)), colour)
    falloff = 0.75 + 0.25 * np.cos(np.clip(along * 0.35 + stage.shift, -60, 60))
    corner = 1 - 0.35 * np.exp(-np.clip(point[2], 0, 5) / 0.5)
    facing_light = np.float32(max(0.15, float(normal @ light.towards)))
    colour = colour * ((light.sky * 0.8 + light.sun * facing_light * 0.7) * (falloff * corner))
    return colour, distance.astype(np.float32)


def _covered(paint: Paint, x: Floats, y: Floats, z: Floats) -> Floats:
    main = linear(paint.colour)
    if paint.pattern == "plain":
        return np.broadcast_to(main, (3, len(x)))
    share = mix_of(paint.pattern, np.stack([x, y, z]), paint.pitch)
    covered: Floats = main + (linear(paint.second) - main) * share
    return covered


def _sky(stage: Stage, rays: Floats) -> Floats:
    length = np.sqrt(rays[0] * rays[0] + rays[1] * rays[1] + rays[2] * rays[2])
    rise = rays[2] / length
    around = np.arctan2(rays[1], rays[0])
    top, low = (linear(colour) for colour in (stage.back.colour, stage.back.second))
    lift = 0.1 if stage.ground is not None else 0.6
    height = np.clip(rise * 1.6 + lift, 0, 1) ** 0.6
    picture = low + (top - low) * height
    cloud = soft_noise(around * 0.9 + stage.shift, rise * 2.2 + stage.shift)
    cover = np.clip((cloud - 0.72 + 0.45 * stage.clouds) * 4, 0, 0.9)
    picture = picture + (np.float32(0.9) * (0.7 + 0.3 * cloud) - picture) * cover
    if stage.hills:
        crest = stage.hills * soft_noise(around * 0.45 + stage.shift, np.full_like(around, stage.shift))
        crest += 0.12 * stage.hills * soft_noise(around * 6, np.full_like(around, stage.shift))
        inside = np.clip((crest - rise) * 60, 0, 1)
        tint = linear(stage.hill_colour) * (0.6 + 0.8 * soft_noise(around * 5, rise * 9))
        picture = picture + (tint * 0.8 + low * 0.2 - picture) * inside
    found: Floats = picture.astype(np.float32)
    return found


def _bokeh(stage: Stage, rays: Floats, light: Light) -> Floats:
    around, rise = np.arctan2(rays[1], rays[0]), rays[2]
    main = linear(stage.back.colour)
    other = linear(stage.hill_colour)
    share = np.clip(soft_noise(around * 0.5 + stage.shift, rise * 0.5 + stage.shift) * 2.6 - 0.8, 0, 1)
    lamps = np.clip(soft_noise(around * 1.2 + stage.shift, rise * 1.2 - stage.shift) * 12 - 8.3, 0, 1)
    found: Floats = (main + (other - main) * share) * light.sky * 1.2 + lamps * (light.sun * 0.5)
    return found


def _paper(stage: Stage, rays: Floats, light: Light) -> Floats:
    main = linear(stage.back.colour)
    glow = 0.75 + 0.5 * np.clip(0.4 - rays[2], 0, 1)
    found: Floats = main * (light.sky * 0.9 + light.sun * 0.45) * glow
    return found


def _ground(
    stage: Stage, paint: Paint, camera: Camera, light: Light, shadows: Shadows, seen: tuple[Floats, Floats]
) -> Floats:
    point, distance = seen
    across = point[0] + np.float32(stage.shift)
    colour = _covered(paint, across, np.zeros_like(across), point[1])
    if paint.pattern == "wood":
        board = np.floor(point[1] * 1.6)
        joint = point[1] * 1.6 - board < 0.05
        colour = colour * (0.75 + 0.5 * noise(board * 0.37, board * 0.73)) * np.where(joint, 0.45, 1)
    grit = noise(point[0] * 9 + stage.shift, point[1] * 9) + noise(point[1] * 2.3, point[0] * 2.9)
    colour = colour * (1 + (grit - 1) * np.float32(0.5 if stage.far == "sky" else 0.2))
    if paint.pattern != "plain":
        mean = (linear(paint.colour) + linear(paint.second)) / 2
        width = distance * distance / np.float32(camera.focal * camera.eye[2]) * np.float32(paint.pitch)
        colour = colour + (mean - colour) * np.clip(width * 1.5 - 0.3, 0, 1)
    cast, contact = shadows.on_ground(point)
    direct = (1 - 0.95 * cast) * np.float32(light.towards[2])
    open_sky = 1 - 0.75 * contact
    lit = colour * (light.sky * (1 - 0.25 * cast) + light.sun * direct) * open_sky
    if stage.far != "sky":
        dry: Floats = lit.astype(np.float32)
        return dry
    haze = np.clip((distance - 8) / 60, 0, 0.85)
    low = linear(stage.back.second)
    mirrored = np.float32(paint.gloss * 0.6) * np.clip(distance / 25, 0.15, 0.8)
    lit = lit + (low - lit) * np.where(paint.gloss > 0.45, np.maximum(haze, mirrored), haze)
    found: Floats = lit.astype(np.float32)
    return found


def defocus(picture: Floats, distance: Floats, focus: float, radius: float) -> Floats:
    """Blur what lies well behind the object; `radius` in pixels."""
    if radius < 0.3:
        return picture
    encoded = (np.sqrt(np.clip(picture / 2, 0, 1)) * 255).astype(np.uint8)
    blurred = Pictures.fromarray(encoded).filter(ImageFilter.GaussianBlur(radius))
    soft = (np.asarray(blurred, dtype=np.float32) / 255) ** 2 * 2
    share = np.clip((distance - focus * 1.1) / (focus * 0.5), 0, 1)[..., None]
    found: Floats = picture + (soft - picture) * share
    return found


def develop(picture: Floats, dice: Dice) -> Floats:
    """Exposure, white balance, vignette, tone curve and sensor noise: linear light to sRGB in 0..255."""
    height, width = picture.shape[:2]
    target = dice.between(0.2, 0.36)
    balance = np.array([dice.between(0.9, 1.12), 1.0, dice.between(0.86, 1.12)], dtype=np.float32)
    exposed = picture * (balance * np.float32(np.clip(target / max(float(picture.mean()), 1e-3), 0.6, 2.2)))
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    corners = (1 - dice.between(0, 0.3) * (x * x + y * y) / 2).astype(np.float32)
    toned = exposed * corners[..., None]
    toned = np.sqrt(toned * (1 + toned * 0.12) / (1 + toned * 0.35))
    contrast = np.float32(dice.between(0.15, 0.65))
    clipped = np.minimum(toned, 1)
    toned += contrast * (clipped * clipped * (3 - 2 * clipped) - clipped)
    grain = dice.rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(dice.between(0.5, 5.0))
    found: Floats = np.clip(toned * 255 + grain, 0, 255)
    return found
