"""Apples, pears and bananas."""

from __future__ import annotations

import numpy as np

from likewise.benchmarks.rendered.paint import Dice, Paint, shade
from likewise.benchmarks.rendered.plants import frond_of
from likewise.benchmarks.rendered.shapes import Mesh, join, lathe, tube


def _stalk(dice: Dice, z: float, leafy: bool) -> list[Mesh]:
    wood = Paint((0.35, 0.25, 0.15))
    parts = [tube(wood, [(0, 0, z - 0.12), (0.02, 0, z + 0.08), (0.07, 0, z + 0.18)], [0.02, 0.02, 0.03], 6)]
    if leafy:
        leaf = frond_of(Paint((0.3, 0.5, 0.18), gloss=0.2), 0.3, 0.4, 0.08)
        parts.append(leaf.turned("z", dice.between(0, 360)).moved(0.02, 0, z + 0.06))
    return parts


def _skin(dice: Dice) -> Paint:
    main = dice.pick(
        (0.75, 0.14, 0.12),
        (0.55, 0.68, 0.2),
        (0.88, 0.76, 0.25),
        (0.85, 0.5, 0.2),
        (0.5, 0.1, 0.16),
        (0.62, 0.45, 0.25),
    )
    return Paint(
        dice.near(main),
        dice.pick(dice.near((0.85, 0.7, 0.3)), shade(main, 0.75), main),
        "mottled",
        dice.between(0.8, 3),
        dice.between(0.35, 0.8),
    )


def apple(dice: Dice) -> Mesh:
    """A dimpled round fruit with a stalk, upright or rolled over."""
    skin, tall = _skin(dice), dice.between(0.82, 1.05)
    shoulder = dice.between(0.46, 0.54)
    curve = [
        (0, 0.1), (0.1, 0.03), (0.24, 0.0), (0.38, 0.12), (0.47, 0.3), (0.51, 0.52), (shoulder * 0.98, 0.72),
        (0.36, 0.88), (0.22, 0.93), (0.1, 0.88), (0.02, 0.78), (0, 0.77),
    ]  # fmt: skip
    body = lathe(skin, [(r, z * tall) for r, z in curve], 32)
    whole = join([body, *_stalk(dice, 0.87 * tall, dice.likely(0.4))])
    return whole.turned("x", dice.pick(0, 0, dice.between(-20, 20), dice.between(60, 100)))


def pear(dice: Dice) -> Mesh:
    """A fruit that narrows towards its stalk, upright or lying."""
    skin, tall, neck = _skin(dice), dice.between(1.15, 1.45), dice.between(0.16, 0.25)
    curve = [
        (0, 0.06), (0.1, 0.01), (0.22, 0.0), (0.38, 0.1), (0.46, 0.26), (0.45, 0.4), (0.36, 0.56), (neck * 1.15, 0.73),
        (neck, 0.88), (neck * 0.7, 0.97), (0.03, 0.98), (0, 0.96),
    ]  # fmt: skip
    lean = dice.between(-0.12, 0.12)
    body = lathe(skin, [(r, z * tall) for r, z in curve], 32)
    whole = join([body, *_stalk(dice, tall, dice.likely(0.4))])
    return whole.turned("y", lean * 90).turned("x", dice.pick(0, 0, 0, dice.between(75, 100)))


def banana(dice: Dice) -> Mesh:
    """A bent fruit, alone or in a hand of several."""
    main = dice.near(
        dice.pick((0.93, 0.8, 0.22), (0.93, 0.8, 0.22), (0.62, 0.7, 0.25), (0.6, 0.3, 0.22), (0.55, 0.42, 0.16))
    )
    skin = Paint(main, dice.pick(shade(main, 0.55), main, (0.6, 0.68, 0.25)), "mottled", dice.between(1, 3), 0.35)
    tip = Paint((0.22, 0.17, 0.1))
    bend, thick = dice.between(1.3, 2.1), dice.between(0.12, 0.17)
    angle = np.linspace(-bend / 2, bend / 2, 13)
    radius = 1.25 / bend
    path = np.stack([np.sin(angle) * radius, np.zeros(13), radius - np.cos(angle) * radius], axis=1)
    shape = thick * np.array([0.28, 0.32, 0.6, 0.85, 0.97, 1, 1, 1, 0.97, 0.88, 0.7, 0.4, 0.25])
    fruit = join(
        [
            tube(skin, path, shape, dice.pick(6, 12)),
            tube(tip, [path[-1], path[-1] * 1.05], thick * 0.2, 6),
            tube(tip, [path[0], path[0] * (1.06, 1, 1.06)], thick * 0.3, 6),
        ]
    )
    fruit = fruit.moved(radius * np.sin(bend / 2))
    count = dice.pick(1, 1, 2, 3, 4)
    hand = join(
        [
            fruit.turned("x", (number - (count - 1) / 2) * 34).moved(y=(number - (count - 1) / 2) * -0.12)
            for number in range(count)
        ]
    )
    return hand.turned("x", dice.pick(dice.between(65, 85), dice.between(-10, 10), 180)).turned(
        "y", dice.between(-8, 8)
    )
