"""Houses, churches, castles, lighthouses, windmills, bridges."""

from __future__ import annotations

import numpy as np

from likewise.benchmarks.rendered.paint import Dice, Paint, shade
from likewise.benchmarks.rendered.shapes import Mesh, box, cylinder, join, lathe, slab, tube

_DARK = Paint((0.16, 0.19, 0.24), gloss=0.6)


def _roof(paint: Paint, width: float, depth: float, height: float, z: float, along: str = "x") -> Mesh:
    """A gable over `width` (x) by `depth` (y); its ridge runs along `along`."""
    if along == "y":
        return _roof(paint, depth, width, height, z).turned("z", 90)
    return slab(paint, [(-depth / 2, 0), (depth / 2, 0), (0, height)], width).turned("z", 90).moved(z=z)


def _tiles(dice: Dice) -> Paint:
    colour = dice.near(
        dice.pick((0.62, 0.27, 0.2), (0.35, 0.36, 0.4), (0.45, 0.3, 0.22), (0.3, 0.42, 0.4), dice.colour())
    )
    return Paint(colour, shade(colour, 0.65), dice.pick("bricks", "rings", "plain"), dice.between(6, 10), 0.1)


def _windows(dice: Dice, size: tuple[float, float, float], rows: int, columns: int, glass: Paint) -> list[Mesh]:
    """Panes and frames on the two long and the two short sides of a block that stands on the ground."""
    width, depth, height = size
    trim = Paint(dice.pick((0.95, 0.94, 0.9), (0.3, 0.25, 0.2), dice.colour()))
    parts = []
    pane = (width / columns * 0.42, 0.03, height / rows * 0.45)
    for row in range(rows):
        z = height * (row + 0.32) / rows
        for column in range(columns):
            x = width * ((column + 0.5) / columns - 0.5)
            for y in (-depth / 2, depth / 2):
                parts.append(box(trim, (pane[0] * 1.25, 0.02, pane[2] * 1.2), (x, y, z - pane[2] * 0.1)))
                parts.append(box(glass, pane, (x, y, z)))
        for x in (-width / 2, width / 2):
            for y in (-depth / 4, depth / 4):
                parts.append(box(trim, (0.02, pane[0] * 1.2, pane[2] * 1.2), (x, y, z - pane[2] * 0.1)))
                parts.append(box(glass, (0.03, pane[0] * 0.95, pane[2]), (x, y, z)))
    return parts


def house(dice: Dice) -> Mesh:
    """Walls, windows, a door, a gable roof and a chimney; sometimes a wing."""
    wall, roof = dice.wall(), _tiles(dice)
    size = (dice.between(1.2, 2.0), dice.between(0.9, 1.3), dice.between(0.6, 1.2))
    rows = 1 if size[2] < 0.85 else 2
    pitch = size[1] * dice.between(0.35, 0.75)
    parts = [box(wall, size), *_windows(dice, size, rows, dice.count(3, 4), _DARK)]
    parts.append(_roof(wall, size[0], size[1], pitch * 0.97, size[2]))
    over = slab(roof, [
        (-size[1] * 0.6, -pitch * 0.2), (-size[1] * 0.6, -pitch * 0.1), (0, pitch * 1.08),
        (size[1] * 0.6, -pitch * 0.1), (size[1] * 0.6, -pitch * 0.2), (0, pitch * 0.97),
    ], size[0] * 1.1).turned("z", 90)  # fmt: skip
    parts.append(over.moved(z=size[2]))
    door = box(Paint(dice.colour()), (0.26, 0.06, 0.48), (dice.between(-0.2, 0.2) * size[0], -size[1] / 2, 0))
    parts.append(door)
    if dice.likely(0.7):
        parts.append(
            box(dice.wall(), (0.16, 0.16, pitch * 0.8), (dice.pick(-1, 1) * size[0] * 0.3, 0.12, size[2] + pitch * 0.5))
        )
    if dice.likely(0.35):
        wing = (size[0] * 0.45, size[1] * 0.9, size[2] * 0.75)
        side = dice.pick(-1, 1) * size[0] * 0.25
        parts.append(box(wall, wing, (side, -size[1] * 0.6, 0)))
        parts.append(_roof(roof, wing[0] * 1.1, wing[1] * 1.1, pitch * 0.7, wing[2], "y").moved(side, -size[1] * 0.6))
    return join(parts)


def church(dice: Dice) -> Mesh:
    """A nave with a steep roof and a tower with a spire."""
    wall, roof = dice.wall(), _tiles(dice)
    width, length, height = dice.between(0.7, 0.9), dice.between(1.4, 2.0), dice.between(0.7, 0.95)
    steep, tower, tall = width * dice.between(0.6, 0.95), dice.between(0.42, 0.6), height * dice.between(1.6, 2.3)
    parts = [box(wall, (length, width, height)), _roof(roof, length * 1.03, width * 1.14, steep, height * 0.99)]
    x = -length / 2 - tower * 0.35
    parts.append(box(wall, (tower, tower, tall), (x, 0, 0)))
    spire = tall * dice.between(0.45, 0.9)
    if dice.likely(0.75):
        parts.append(cylinder(roof, tower * 0.78, spire, (0, 0, tall), 0, 4).turned("z", 45).moved(x))
    else:
        onion = [(tower * 0.4, 0), (tower * 0.55, 0.15), (tower * 0.35, 0.35), (0.06, 0.55), (0.02, 0.75), (0, 0.76)]
        parts.append(lathe(Paint(dice.pick((0.35, 0.55, 0.45), (0.8, 0.65, 0.25)), gloss=0.5), onion, 18, (x, 0, tall)))
        spire = 0.75
    gold = Paint((0.85, 0.7, 0.3), gloss=0.8)
    parts.append(box(gold, (0.03, 0.03, 0.3), (x, 0, tall + spire - 0.03)))
    parts.append(box(gold, (0.03, 0.16, 0.03), (x, 0, tall + spire + 0.14)))
    for number in range(4):
        at = length * ((number + 0.7) / 4.2 - 0.5)
        for y in (-width / 2, width / 2):
            arch = [
                (-0.07, 0),
                (0.07, 0),
                (0.07, height * 0.4),
                (0.04, height * 0.52),
                (0, height * 0.56),
                (-0.04, height * 0.52),
                (-0.07, height * 0.4),
            ]
            parts.append(slab(_DARK, arch, 0.04, (at, y, height * 0.25)))
    parts.append(box(Paint(dice.near((0.35, 0.22, 0.15))), (0.05, 0.22, 0.42), (x - tower / 2, 0, 0)))
    parts += [box(_DARK, (0.14, 0.04, 0.2), (x, y, tall * 0.78)) for y in (-tower / 2, tower / 2)]
    return join(parts)


def _battlements(paint: Paint, radius: float, z: float, count: int, size: float) -> list[Mesh]:
    angles = np.arange(count) * (2 * np.pi / count)
    tooth = box(paint, (size, size, size * 1.1))
    return [tooth.turned("z", float(np.degrees(a))).moved(np.cos(a) * radius, np.sin(a) * radius, z) for a in angles]


def castle(dice: Dice) -> Mesh:
    """Four round or square towers, curtain walls with teeth, a gate, often a keep with pointed roofs."""
    stone = dice.wall()
    half, wall, tall = dice.between(0.8, 1.1), dice.between(0.55, 0.8), dice.between(0.9, 1.4)
    radius, pointed = dice.between(0.22, 0.32), dice.likely(0.55)
    roof = _tiles(dice)
    parts = []
    for x in (-half, half):
        for y in (-half, half):
            parts.append(cylinder(stone, radius, tall, (x, y, 0), radius * dice.between(0.85, 1.0)))
            if pointed:
                parts.append(cylinder(roof, radius * 1.2, radius * 2.4, (x, y, tall), 0))
            else:
                parts.append(cylinder(stone, radius * 1.15, 0.1, (x, y, tall)))
                parts += [tooth.moved(x, y) for tooth in _battlements(stone, radius, tall + 0.1, 7, radius * 0.42)]
    for turn in (0, 90, 180, 270):
        parts.append(box(stone, (2 * half, 0.14, wall), (0, -half, 0)).turned("z", turn))
        for x in np.linspace(-0.65, 0.65, 6) * half:
            parts.append(box(stone, (0.13, 0.14, 0.12), (x, -half, wall)).turned("z", turn))
    parts.append(box(stone, (0.5, 0.26, wall * 1.2), (0, -half, 0)))
    parts.append(box(_DARK, (0.28, 0.3, wall * 0.7), (0, -half, 0)))
    keep = tall * dice.between(1.0, 1.5)
    parts.append(box(stone, (half * 0.75, half * 0.75, keep)))
    if dice.likely(0.5):
        parts.append(cylinder(roof, half * 0.58, half * 0.7, (0, 0, keep), 0, 4).turned("z", 45))
    else:
        parts += [
            box(stone, (0.12, 0.12, 0.14), (x * half * 0.33, y * half * 0.33, keep))
            for x in (-1, 0, 1)
            for y in (-1, 1)
        ]
    if dice.likely(0.5):
        parts.append(tube(_DARK, [(0, 0, keep), (0, 0, keep + 1.0)], 0.015))
        parts.append(box(Paint(dice.colour()), (0.3, 0.01, 0.18), (0.15, 0, keep + 0.8)))
    return join(parts)


def lighthouse(dice: Dice) -> Mesh:
    """A tapering tower with a gallery and a lantern on top."""
    colour = dice.pick((0.93, 0.92, 0.88), (0.75, 0.2, 0.16), dice.colour())
    paint = Paint(
        colour,
        dice.pick((0.94, 0.93, 0.9), dice.colour()),
        dice.pick("rings", "rings", "plain", "bricks"),
        dice.between(0.8, 2),
        0.2,
    )
    foot, tall = dice.between(0.3, 0.48), dice.between(1.7, 2.6)
    top = foot * dice.between(0.55, 0.8)
    metal = Paint(dice.pick((0.15, 0.15, 0.17), (0.7, 0.18, 0.14), (0.9, 0.9, 0.9)), gloss=0.5)
    parts = [cylinder(paint, foot, tall, top=top, sectors=dice.pick(8, 20))]
    parts.append(cylinder(metal, top * 1.45, 0.07, (0, 0, tall)))
    angles = np.arange(10) * (2 * np.pi / 10)
    parts += [
        box(metal, (0.02, 0.02, 0.16), (np.cos(a) * top * 1.38, np.sin(a) * top * 1.38, tall + 0.07)) for a in angles
    ]
    parts.append(lathe(metal, [(top * 1.4, tall + 0.21), (top * 1.4, tall + 0.24), (top * 1.35, tall + 0.24)]))
    parts.append(cylinder(Paint((0.98, 0.92, 0.6), gloss=0.9), top * 0.62, 0.36, (0, 0, tall + 0.07), sectors=10))
    parts.append(
        lathe(metal, [(top * 0.85, 0), (top * 0.5, 0.2), (0.04, 0.3), (0.03, 0.42), (0, 0.42)], 14, (0, 0, tall + 0.43))
    )
    for number in range(dice.count(2, 4)):
        z = tall * (0.2 + number * 0.2)
        reach = foot + (top - foot) * z / tall
        pane = box(_DARK, (0.06, 0.12, 0.16), (reach - 0.015, 0, z))
        parts.append(pane.turned("z", number * 130))
    parts.append(box(Paint(dice.colour()), (0.1, 0.22, 0.4), (foot * 0.94, 0, 0)))
    if dice.likely(0.5):
        hut = (0.7, 0.55, 0.4)
        parts.append(box(dice.wall(), hut, (-0.6, 0, 0)))
        parts.append(_roof(_tiles(dice), 0.76, 0.65, 0.28, 0.4).moved(-0.6))
    return join(parts)


def windmill(dice: Dice) -> Mesh:
    """A tapering mill with a cap and four lattice sails."""
    body, trim = dice.wall(), dice.pick(Paint((0.93, 0.92, 0.88)), dice.wood(), dice.paint())
    foot, tall = dice.between(0.5, 0.65), dice.between(1.3, 1.8)
    top = foot * dice.between(0.55, 0.72)
    parts = [cylinder(body, foot, tall, top=top, sectors=dice.pick(8, 8, 20))]
    parts.append(
        lathe(
            _tiles(dice),
            [(top * 1.12, 0), (top * 0.95, top * 0.55), (top * 0.4, top * 0.95), (0, top)],
            16,
            (0, 0, tall),
        )
    )
    hub = tall + top * 0.35
    front = -top * 1.2
    parts.append(tube(trim, [(0, 0, hub), (0, front - 0.1, hub)], 0.06))
    reach, wide, start = dice.between(0.95, 1.3), dice.between(0.2, 0.32), dice.between(0, 90)
    cloth = Paint(dice.pick((0.92, 0.9, 0.84), dice.colour()), trim.colour, dice.pick("checks", "plain"), 9)
    for turn in range(4):
        sail = [box(trim, (0.05, 0.03, reach)), box(cloth, (wide, 0.015, reach * 0.75), (wide / 2, 0, reach * 0.24))]
        sail += [box(trim, (wide, 0.03, 0.025), (wide / 2, 0, reach * (0.25 + 0.18 * rung))) for rung in range(5)]
        parts.append(join(sail).turned("y", start + turn * 90).moved(0, front - 0.05, hub))
    parts.append(box(Paint(dice.colour()), (0.26, 0.12, 0.45), (0, -foot * 0.93, 0)))
    for z in (0.45, 0.7):
        reach = foot + (top - foot) * z
        parts += [
            box(_DARK, (0.14, 2 * reach, 0.16), (0, 0, tall * z)),
            box(_DARK, (2 * reach, 0.14, 0.16), (0, 0, tall * z)),
        ]
    return join(parts)


def _arches(dice: Dice, length: float, wide: float) -> Mesh:
    stone, count = dice.wall(), dice.count(1, 4)
    span, deck, half = length / count, dice.between(0.55, 0.8), length / 2
    rise, crown = min(span * 0.42, deck * 0.85), deck * dice.between(1.0, 1.25)
    outline = [(-half - 0.1, 0.0), (-half - 0.1, deck), (0.0, crown), (half + 0.1, deck), (half + 0.1, 0.0)]
    for arch in reversed(range(count)):
        angle = np.linspace(0, np.pi, 9)
        middle = (arch + 0.5) * span - half
        outline += [(middle + float(np.cos(a)) * span * 0.42, float(np.sin(a)) * rise) for a in angle]
    top = [(-half, deck), (0, crown), (half, deck), (half, deck + 0.12), (0, crown + 0.12), (-half, deck + 0.12)]
    return join([slab(stone, outline, wide), *(slab(stone, top, 0.06, (0, y, 0)) for y in (-wide / 2, wide / 2))])


def bridge(dice: Dice) -> Mesh:
    """Stone arches, or a deck hung from two towers."""
    length, wide = dice.between(2.6, 3.4), dice.between(0.4, 0.6)
    if dice.likely(0.5):
        return _arches(dice, length, wide)
    steel, deck, tall = dice.pick(dice.metal(), dice.paint(gloss=0.4)), dice.between(0.3, 0.45), dice.between(1.1, 1.5)
    half = length * 0.28
    parts = [
        box(Paint((0.4, 0.4, 0.42)), (length, wide, 0.07), (0, 0, deck)),
        box(steel, (length, wide * 1.06, 0.05), (0, 0, deck - 0.05)),
    ]
    for x in (-half, half):
        parts += [box(steel, (0.1, 0.07, tall), (x, y, 0)) for y in (-wide / 2, wide / 2)]
        parts += [box(steel, (0.07, wide, 0.07), (x, 0, z)) for z in (tall - 0.07, tall * 0.7)]
    for y in (-wide / 2, wide / 2):
        along = np.linspace(-length / 2, length / 2, 25)
        inside = deck + 0.12 + (tall - deck - 0.12) * (along / half) ** 2
        outside = tall - (tall - deck) * (np.abs(along) - half) / (length / 2 - half)
        height = np.where(np.abs(along) < half, inside, outside)
        parts.append(tube(steel, np.stack([along, np.full(25, y), height], axis=1), 0.022, 6))
        parts += [
            tube(steel, [(float(a), y, deck), (float(a), y, float(b))], 0.01, 4)
            for a, b in zip(along, height, strict=True)
        ]
    return join(parts)
