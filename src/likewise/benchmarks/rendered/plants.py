"""Trees, pines, palms, cacti, mushrooms and flowers."""

from __future__ import annotations

import numpy as np

from likewise.benchmarks.rendered.paint import Dice, Paint, shade
from likewise.benchmarks.rendered.shapes import Array, Mesh, ball, cylinder, join, lathe, lump, sheet, tube


def _pot(dice: Dice, radius: float) -> Mesh:
    clay = Paint(dice.near(dice.pick((0.72, 0.4, 0.28), (0.9, 0.88, 0.84), dice.colour())), gloss=0.2)
    high = radius * dice.between(0.9, 1.4)
    pot = lathe(
        clay,
        [
            (0, 0),
            (radius * 0.7, 0),
            (radius, high),
            (radius * 1.08, high),
            (radius * 1.08, high * 1.15),
            (radius * 0.95, high * 1.15),
        ],
    )
    soil = cylinder(Paint((0.25, 0.18, 0.13)), radius * 0.98, 0.02, (0, 0, high * 1.05))
    return join([pot, soil]).moved(z=-high * 1.08)


def tree(dice: Dice) -> Mesh:
    """A trunk that forks into a crown of leafy lumps; rarely bare."""
    bark, leaves = dice.bark(), dice.leaves()
    tall, thick = dice.between(0.6, 1.1), dice.between(0.07, 0.14)
    bend = dice.between(-0.12, 0.12)
    parts = [
        tube(bark, [(0, 0, 0), (bend * 0.4, 0, tall * 0.5), (bend, 0, tall * 1.3)], [thick * 1.4, thick, thick * 0.6])
    ]
    wide, flat = dice.between(0.5, 0.8), dice.between(0.7, 1.25)
    bare = dice.likely(0.08)
    for number in range(dice.count(6, 10)):
        turn, lift = number * 2.4 + dice.between(-0.4, 0.4), dice.between(-0.35, 0.75)
        reach = wide * dice.between(0.45, 0.75) * (1 if lift < 0.4 else 0.5)
        at = (bend + np.cos(turn) * reach, np.sin(turn) * reach, tall * 1.35 + (0.35 + lift) * wide * flat * 0.7)
        parts.append(tube(bark, [(bend * 0.8, 0, tall * 0.85), at], [thick * 0.5, thick * 0.2], 6))
        if not bare:
            size = wide * dice.between(0.4, 0.6)
            crown = lump(ball(leaves, (size, size, size * 0.85), sectors=14), number + bend * 50, 0.28, 7 / size * 0.6)
            parts.append(crown.faceted().moved(*at))
    if not bare:
        middle = lump(ball(leaves, (wide * 0.7, wide * 0.7, wide * flat * 0.75), sectors=14), bend * 90, 0.25, 9)
        parts.append(middle.faceted().moved(bend, 0, tall * 1.35 + wide * flat * 0.35))
    return join(parts)


def pine(dice: Dice) -> Mesh:
    """A straight trunk in skirts of needles, narrower towards the top."""
    bark, needles = dice.bark(), dice.leaves()
    if dice.likely(0.6):
        green = dice.near((0.14, 0.32, 0.2), 0.05)
        needles = Paint(green, dice.pick(shade(green, 0.5), (0.9, 0.93, 0.95)), "mottled", 4, 0.05)
    tall, wide, skirts = dice.between(1.4, 2.1), dice.between(0.4, 0.7), dice.count(4, 7)
    foot = dice.between(0.15, 0.4)
    parts = [cylinder(bark, 0.08, tall * 0.8, top=0.03)]
    for number in range(skirts):
        share = number / skirts
        low, high = foot + (tall - foot) * share, foot + (tall - foot) * min(1, share + 1.7 / skirts)
        radius = wide * (1 - share * 0.85)
        angle = np.arange(22) * (2 * np.pi / 22)
        jag = radius * (0.88 + 0.16 * (np.arange(22) % 2) + dice.rng.uniform(-0.06, 0.06, 22))
        skirt = np.stack([np.cos(angle) * jag, np.sin(angle) * jag, low - 0.06 * (np.arange(22) % 2)], axis=1)
        tip = np.broadcast_to([0.0, 0.0, high], (22, 3))
        grid = np.stack([tip, tip * 0.5 + skirt * 0.5 + (0, 0, -0.03), skirt], axis=0)
        grid = np.concatenate([grid, grid[:, :1]], axis=1)
        parts.append(sheet(needles, grid).faceted())
    return join(parts)


def frond_of(paint: Paint, length: float, droop: float, wide: float) -> Mesh:
    """A narrow leaf along x that rises and then droops, folded along its rib."""
    along = np.linspace(0, 1, 9)
    x = along * length * (1 - 0.25 * droop * along)
    z = 0.35 * length * along - droop * length * along**2
    width = wide * np.sin(np.clip(along * 0.93 + 0.07, 0, 1) * np.pi) ** 0.6
    grid = np.stack([
        np.stack([x, side * width, z - 0.35 * np.abs(side) * width], axis=1) for side in (-1.0, 0.0, 1.0)
    ], axis=1)  # fmt: skip
    return sheet(paint, grid)


def palm(dice: Dice) -> Mesh:
    """A bent ringed trunk with a crown of drooping fronds."""
    bark, leaves = dice.bark(), dice.leaves()
    rings = Paint(bark.colour, shade(bark.colour, 0.7), "rings", 9)
    tall, lean = dice.between(1.2, 2.0), dice.between(0.0, 0.6)
    share = np.linspace(0, 1, 9)
    path = np.stack([lean * share**2, np.zeros(9), tall * share], axis=1)
    parts = [tube(rings, path, np.linspace(0.12, 0.07, 9))]
    count, length, droop = dice.count(8, 13), dice.between(0.65, 1.0), dice.between(0.55, 1.1)
    striped = Paint(leaves.colour, leaves.second, "stripes", 9, 0.15)
    for number in range(count):
        frond = frond_of(striped, length * dice.between(0.85, 1.1), droop * dice.between(0.8, 1.2), 0.13)
        parts.append(frond.turned("z", number * 360 / count + dice.between(-8, 8)).moved(lean, 0, tall))
    if dice.likely(0.5):
        nut = ball(
            Paint(dice.pick((0.35, 0.24, 0.15), (0.5, 0.55, 0.2), (0.8, 0.5, 0.15)), gloss=0.2),
            (0.09, 0.09, 0.1),
            sectors=10,
        )
        parts += [nut.moved(lean + np.cos(a) * 0.13, np.sin(a) * 0.13, tall - 0.09) for a in (0.3, 2.2, 4.4)]
    return join(parts)


def _ribbed(paint: Paint, radius: float, path: Array, ribs: int) -> Mesh:
    whole = tube(paint, path, radius * np.array([0.8, 1, *([1.0] * (len(path) - 4)), 0.85, 0.45]), ribs * 2)
    return whole.faceted()


def cactus(dice: Dice) -> Mesh:
    """A ribbed column with arms, or a ribbed ball; in the ground or in a pot."""
    green = dice.near(dice.pick((0.3, 0.48, 0.26), (0.42, 0.52, 0.36), (0.2, 0.4, 0.3), (0.5, 0.5, 0.24)))
    paint = Paint(green, shade(green, 1.5), "dots", dice.between(8, 12), 0.1)
    flower = Paint(dice.colour(), gloss=0.1)
    parts = []
    if dice.likely(0.25):
        radius = dice.between(0.4, 0.55)
        body = ball(paint, (radius, radius, radius * dice.between(0.85, 1.2)), (0, 0, radius * 0.8), 22)
        parts = [body.faceted(), ball(flower, (0.12, 0.12, 0.09), (0, 0, radius * 1.75), 8)]
    else:
        tall, radius = dice.between(1.0, 1.6), dice.between(0.15, 0.24)
        rise = np.linspace(0, 1, 8)
        path = np.stack([np.zeros(8), np.zeros(8), tall * np.array([0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1.0])], axis=1)
        parts.append(_ribbed(paint, radius, path, 7))
        for number in range(dice.count(1, 3)):
            reach, low, high = dice.between(0.3, 0.45), tall * dice.between(0.25, 0.5), tall * dice.between(0.25, 0.5)
            arm = np.stack(
                [np.minimum(rise * 2.2, 1) * reach, np.zeros(8), low + np.clip(rise - 0.35, 0, 1) * 1.5 * high], axis=1
            )
            parts.append(_ribbed(paint, radius * 0.6, arm, 6).turned("z", number * 140 + dice.between(-40, 40)))
        if dice.likely(0.4):
            parts.append(ball(flower, (0.09, 0.09, 0.08), (0, 0, tall), 8))
    if dice.likely(0.5):
        parts.append(_pot(dice, dice.between(0.35, 0.5)))
    return join(parts)


def mushroom(dice: Dice) -> Mesh:
    """A stem and a cap, spotted or plain; sometimes a smaller one beside it."""
    stem = Paint(dice.near((0.9, 0.86, 0.76)), (0.75, 0.68, 0.56), "mottled", 5)
    colour = dice.pick((0.75, 0.16, 0.12), (0.5, 0.33, 0.2), (0.85, 0.75, 0.6), (0.85, 0.55, 0.2), dice.colour())
    cap = Paint(
        dice.near(colour),
        dice.pick((0.95, 0.93, 0.88), shade(colour, 0.7)),
        dice.pick("dots", "plain", "mottled"),
        dice.between(2.5, 4.5),
        0.4,
    )
    tall, thick = dice.between(0.5, 0.95), dice.between(0.1, 0.2)
    wide, dome, lip = dice.between(0.38, 0.62), dice.between(0.25, 0.55), dice.between(-0.06, 0.06)
    body = lathe(
        stem, [(0, 0), (thick * 1.4, 0), (thick * 1.2, 0.1), (thick, tall * 0.5), (thick * 0.9, tall + 0.05)], 16
    )
    angle = np.linspace(0, np.pi / 2, 7)
    curve = [(wide * float(np.cos(a)) ** dice.pick(0.8, 1.0), tall + dome * float(np.sin(a))) for a in angle]
    gills = Paint(shade(stem.colour, 0.8), shade(stem.colour, 0.6), "stripes", 12)
    top = lathe(cap, [(wide * 0.96, tall + lip - 0.04), *curve], 22)
    under = lathe(gills, [(thick * 0.8, tall + 0.03), (wide * 0.96, tall + lip - 0.04)], 22, thin=True)
    whole = join([body, top, under]).turned("y", dice.between(-8, 8))
    if dice.likely(0.45):
        size, turn = dice.between(0.4, 0.7), dice.between(0, 6.28)
        return join([whole, whole.scaled(size).turned("y", 8).moved(np.cos(turn) * 0.55, np.sin(turn) * 0.55)])
    return whole


def flower(dice: Dice) -> Mesh:
    """Petals around a middle, on a stem with leaves; in the ground or in a pot."""
    petal = Paint(dice.colour(), dice.colour(), dice.pick("plain", "plain", "mottled"), 2, 0.1)
    heart = Paint(dice.pick((0.9, 0.7, 0.15), (0.35, 0.22, 0.12), dice.colour()), gloss=0.05)
    green = Paint(dice.near((0.3, 0.5, 0.2)), gloss=0.1)
    tall, count, rows = dice.between(0.8, 1.4), dice.count(5, 13), dice.count(1, 2)
    length, wide, cup = dice.between(0.25, 0.42), dice.between(0.5, 1.1), dice.between(-10, 45)
    middle = dice.between(0.07, 0.17)
    along, across = np.meshgrid(np.linspace(0, 1, 6), np.linspace(-1, 1, 4), indexing="ij")
    width = np.pi * (length + middle) / count * wide * np.sin(np.clip(along * 0.9 + 0.1, 0, 1) * np.pi) ** 0.5
    blade = sheet(
        petal,
        np.stack(
            [middle * 0.6 + along * length, across * width, 0.25 * width * across**2 - 0.15 * length * along**2],
            axis=-1,
        ),
    )
    head = [ball(heart, (middle, middle, middle * 0.6), sectors=14)]
    for row in range(rows):
        lifted = blade.moved(-middle * 0.4).turned("y", -cup - 18 * row).moved(x=middle * 0.4, z=0.01 * row)
        head += [lifted.turned("z", (number + 0.5 * row) * 360 / count) for number in range(count)]
    facing = join(head).turned("y", dice.between(20, 65)).turned("z", dice.between(0, 360)).moved(0.06, 0, tall)
    parts = [facing, tube(green, [(0, 0, 0), (-0.03, 0, tall * 0.5), (0.05, 0, tall)], 0.028)]
    for number in range(dice.count(1, 4)):
        leaf = frond_of(green, dice.between(0.3, 0.5), 0.5, 0.09).turned("z", number * 140)
        parts.append(leaf.moved(z=tall * (0.12 + 0.15 * number)))
    if dice.likely(0.45):
        parts.append(_pot(dice, dice.between(0.2, 0.3)))
    return join(parts)
