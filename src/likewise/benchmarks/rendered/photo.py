"""One photograph: an object on a stage, before a camera, under a light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from likewise.benchmarks.rendered.camera import Camera, frame, look
from likewise.benchmarks.rendered.kinds import Kind
from likewise.benchmarks.rendered.light import Light, Shown, cast_shadows, daylight, see, shine
from likewise.benchmarks.rendered.paint import Dice, Floats
from likewise.benchmarks.rendered.shapes import Mesh, ball, box, cylinder, join
from likewise.benchmarks.rendered.stage import Stage, Theme, backdrop, choose, defocus, develop

_FINER = 2  # the object is drawn with 2 × 2 samples per pixel


@dataclass(frozen=True, slots=True)
class Photo:
    """Everything chosen for one picture, before any pixel.

    Attributes:
        scene: The object first, then what stands beside it.
        own: How many of the scene's faces are the object's.
        camera: With the final number of pixels.
        light: What shines.
        stage: Where it stands.
        blur: Of the far background, in pixels.
    """

    scene: Mesh
    own: int
    camera: Camera
    light: Light
    stage: Stage
    blur: float


def model(kind: Kind, dice: Dice) -> Mesh:
    """One instance, standing on z = 0 over the origin, in a bounding sphere of radius about 1."""
    whole = kind.build(dice)
    low, high = whole.points.min(axis=0), whole.points.max(axis=0)
    middle = (low + high) / 2
    size = 2 / float(np.linalg.norm(high - low))
    return replace(whole, points=(whole.points - (middle[0], middle[1], low[2])) * size)


def compose(kind: Kind, thing: Mesh, dice: Dice, side: int) -> Photo:
    """Choose place, light, clutter and viewpoint of one view; `side` is the picture's longer side in pixels."""
    theme = _theme(kind, dice)
    if theme == "air":
        thing = thing.moved(z=dice.between(0.3, 0.8))
    elif theme == "sea":
        thing = thing.moved(z=-0.08 * float(thing.points[:, 2].max()))
    azimuth = np.radians(
        dice.between(0, 360) if kind.turns and dice.likely(0.3) else kind.front + dice.between(-50, 50)
    )
    elevation = np.radians(dice.between(-20, 35) if theme == "air" else dice.rng.triangular(1, 8, 42))
    distance = dice.between(2.6, 7.0)
    middle = np.array([0, 0, float(thing.points[:, 2].min() + thing.points[:, 2].max()) / 2])
    ahead = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    eye = middle + ahead * distance
    if theme != "air":
        eye[2] = max(eye[2], 0.12)
    size = dice.pick((side, side), (side, side), (side, side * 3 // 4), (side * 3 // 4, side))
    axes = look(eye, middle, dice.rng.normal(0, 2.5))
    offset = (dice.between(-0.8, 0.8), dice.between(-0.8, 0.8))
    camera = frame(eye, axes, thing.points, size, dice.between(0.66, 0.95), offset)
    light = daylight(dice, float(azimuth), theme in ("room", "tabletop"))
    stage = choose(dice, theme, float(azimuth))
    beside = _clutter(dice, float(azimuth)) if theme in ("room", "tabletop", "outdoors") and dice.likely(0.35) else []
    blur = dice.between(0.5, 4.0) * side / 160 if dice.likely(0.7) else 0.0
    return Photo(join([thing, *beside]), len(thing.faces), camera, light, stage, blur)


def _theme(kind: Kind, dice: Dice) -> Theme:
    themes: Sequence[Theme] = kind.themes
    theme = dice.pick(*themes)
    other: Theme = dice.pick("tabletop", "room", "outdoors")
    return other if dice.likely(0.15) else theme


def _clutter(dice: Dice, azimuth: float) -> list[Mesh]:
    """One or two plain things behind or beside the object, now and then a low one in front."""
    found = []
    for _ in range(dice.count(1, 2)):
        paint = dice.paint("plain", "plain", "stripes", "checks", "mottled", "wood")
        size = dice.between(0.15, 0.42)
        shape = dice.pick("box", "ball", "can", "cone")
        if shape == "box":
            part = box(paint, (size, size * dice.between(0.6, 1.4), size * dice.between(0.4, 1.6))).turned(
                "z", dice.between(0, 90)
            )
        elif shape == "ball":
            part = ball(paint, (size / 2, size / 2, size / 2), (0, 0, size / 2))
        else:
            part = cylinder(
                paint, size * 0.4, size * dice.between(0.6, 1.6), top=size * (0.02 if shape == "cone" else 0.4)
            )
        front = dice.likely(0.2)
        turn = azimuth + np.radians(dice.between(-40, 40) if front else dice.pick(-1, 1) * dice.between(60, 175))
        reach = dice.between(0.9, 1.2) if front else dice.between(0.85, 1.7)
        part = part.scaled(0.55) if front else part
        found.append(part.moved(np.cos(turn) * reach, np.sin(turn) * reach))
    return found


def expose(photo: Photo, dice: Dice) -> Floats:
    """Draw it: (height, width, 3) sRGB in 0..255."""
    shadows = cast_shadows(photo.scene, photo.light)
    picture, distance = backdrop(photo.stage, photo.camera, photo.light, shadows)
    focus = float(np.linalg.norm(photo.camera.eye)) + 0.6
    picture = defocus(picture, distance, focus, photo.blur)
    shown = see(photo.scene, photo.camera.larger(_FINER))
    colour, opacity = shine(photo.scene, shown, photo.light, shadows, photo.stage.ground is not None)
    width, height = photo.camera.size
    fine = np.zeros((4, height * _FINER * width * _FINER), dtype=np.float32)
    fine[:3, shown.pixel] = np.minimum(colour, 3) * opacity
    fine[3, shown.pixel] = opacity
    cells = fine.reshape(4, height, _FINER, width, _FINER)
    rows = cells[:, :, 0] + cells[:, :, 1]
    coarse = ((rows[..., 0] + rows[..., 1]) / 4).transpose(1, 2, 0)
    return develop(picture * (1 - coarse[..., 3:]) + coarse[..., :3], dice)


def outline(photo: Photo) -> Shown:
    """What the camera sees of the scene with one sample per pixel."""
    return see(photo.scene, photo.camera)
