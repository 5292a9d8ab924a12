"""Fish, birds and dogs."""

from __future__ import annotations

import numpy as np

from likewise.benchmarks.rendered.paint import Dice, Paint, shade
from likewise.benchmarks.rendered.shapes import (
    Array,
    Mesh,
    Place,
    ball,
    cylinder,
    join,
    lathe,
    sheet,
    tube,
)

_EYE = Paint((0.05, 0.05, 0.06), gloss=1.0)
_WHITE = Paint((0.95, 0.95, 0.93), gloss=0.6)


def _coat(dice: Dice) -> Paint:
    colour = dice.near(
        dice.pick(
            (0.5, 0.33, 0.2), (0.2, 0.17, 0.15), (0.88, 0.84, 0.76), (0.75, 0.55, 0.32), (0.5, 0.5, 0.5), dice.colour()
        )
    )
    second = dice.pick(shade(colour, 0.6), (0.92, 0.9, 0.86), colour)
    return Paint(colour, second, "mottled", dice.between(0.8, 2.5), 0.05)


def _fan(paint: Paint, root: tuple[Array, Array], tips: Array) -> Mesh:
    """A thin fin from the line `root` to the points `tips`."""
    share = np.linspace(0, 1, len(tips))[:, None]
    low = root[0] + (root[1] - root[0]) * share
    along = np.linspace(0, 1, 4)[:, None, None]
    return sheet(paint, low + (tips - low) * along)


def fish(dice: Dice) -> Mesh:
    """A flattened body with tail, back and side fins and an eye."""
    paint = dice.paint("plain", "rings", "rings", "mottled", "dots", "checks", gloss=0.6, pitch=2.5)
    fin = dice.pick(Paint(dice.colour(), gloss=0.3), Paint(shade(paint.colour, 0.7), paint.second, "stripes", 8, 0.3))
    high, thick = dice.between(0.22, 0.5), dice.between(0.12, 0.2)
    curve = [
        (0, -0.82),
        (0.16, -0.7),
        (0.24, -0.6),
        (0.7, -0.2),
        (0.98, 0.15),
        (0.96, 0.35),
        (0.7, 0.6),
        (0.36, 0.75),
        (0, 0.82),
    ]
    body = lathe(paint, curve, 20).scaled(high, thick, 1).turned("y", 90)
    fork, spread = dice.between(0.0, 0.25), high * dice.between(0.75, 1.3)
    tips = np.array(
        [
            (-1.15, 0, spread),
            (-1.15 + fork * 0.7, 0, spread * 0.4),
            (-1.15 + fork, 0, 0),
            (-1.15 + fork * 0.7, 0, -spread * 0.4),
            (-1.15, 0, -spread),
        ]
    )
    parts = [body, _fan(fin, (np.array([-0.7, 0, 0.06]), np.array([-0.7, 0, -0.06])), tips)]
    crest = high * dice.between(0.3, 0.7)
    back = np.array(
        [(-0.45, 0, high * 0.7 + crest * 0.5), (-0.2, 0, high + crest * 0.8), (0.1, 0, high + crest), (0.3, 0, high)]
    )
    parts.append(_fan(fin, (np.array([-0.4, 0, high * 0.4]), np.array([0.35, 0, high * 0.85])), back))
    belly = np.array([(-0.45, 0, -high * 1.1), (-0.3, 0, -high * 1.25), (-0.1, 0, -high * 0.9)])
    parts.append(_fan(fin, (np.array([-0.4, 0, -high * 0.4]), np.array([0.0, 0, -high * 0.85])), belly))
    for side in (-1, 1):
        tip = np.array(
            [
                (-0.05, side * (thick + 0.16), -high * 0.6),
                (-0.12, side * (thick + 0.18), -high * 0.2),
                (0.0, side * (thick + 0.1), 0.05),
            ]
        )
        parts.append(
            _fan(fin, (np.array([0.28, side * thick * 0.85, -0.12]), np.array([0.28, side * thick * 0.9, 0.02])), tip)
        )
        parts.append(ball(_WHITE, (0.07, 0.035, 0.07), (0.56, side * thick * 0.7, high * 0.22), 10))
        parts.append(ball(_EYE, (0.045, 0.03, 0.045), (0.575, side * thick * 0.82, high * 0.22), 10))
    return join(parts).turned("y", dice.between(-15, 15))


def bird(dice: Dice) -> Mesh:
    """A perched or flying bird: body, head, beak, wings, tail, legs."""
    coat = dice.pick(dice.paint("plain", "mottled", gloss=0.1), _coat(dice))
    under = dice.pick(Paint((0.92, 0.9, 0.86)), Paint(dice.colour()), coat)
    wing = Paint(shade(coat.colour, dice.pick(0.6, 1.3)), coat.second, dice.pick("stripes", "plain", "rings"), 5, 0.1)
    plump, neck = dice.between(0.24, 0.36), dice.between(0.0, 0.2)
    parts = [ball(coat, (0.5, plump, plump), sectors=18).turned("y", -dice.between(5, 40))]
    parts.append(ball(under, (0.34, plump * 0.85, plump * 0.8), (0.08, 0, -0.09), 14))
    at, size = (0.45, 0.0, 0.36 + neck), dice.between(0.17, 0.24)
    parts += [
        ball(coat, (size, size * 0.92, size), at, 14),
        tube(coat, [(0.28, 0, 0.12), at], [plump * 0.65, size * 0.7], 12),
    ]
    beak = Paint(dice.pick((0.92, 0.62, 0.15), (0.2, 0.19, 0.18), (0.8, 0.3, 0.15)), gloss=0.4)
    parts.append(
        cylinder(beak, size * 0.35, dice.between(0.14, 0.4), top=0.005, sectors=10)
        .turned("y", dice.between(90, 105))
        .moved(at[0] + size * 0.85, 0, at[2])
    )
    parts += [
        ball(_EYE, (0.035, 0.03, 0.035), (at[0] + size * 0.6, side * size * 0.7, at[2] + 0.06), 8) for side in (-1, 1)
    ]
    tail, drop = dice.between(0.3, 0.6), dice.between(-0.15, 0.12)
    tips = np.array([(-0.42 - tail, y, drop - 0.12) for y in (-0.16, -0.06, 0.06, 0.16)])
    parts.append(_fan(wing, (np.array([-0.38, -0.08, -0.1]), np.array([-0.38, 0.08, -0.1])), tips))
    flying = dice.likely(0.4)
    lift, span = dice.between(0.1, 0.75), dice.between(0.75, 1.15)
    for side in (-1, 1):
        if flying:
            tip = np.array(
                [
                    (-0.4, side * span * 0.8, lift * 0.8),
                    (-0.2, side * span * 1.05, lift),
                    (0.05, side * span, lift),
                    (0.25, side * span * 0.6, lift * 0.6),
                ]
            )
            root = (np.array([-0.3, side * plump * 0.7, 0.08]), np.array([0.28, side * plump * 0.7, 0.12]))
            parts.append(_fan(wing, root, tip))
        else:
            folded = ball(wing, (0.42, 0.06, 0.2), sectors=14).turned("y", -22)
            parts.append(folded.moved(-0.12, side * plump * 0.92, 0.03))
            foot = [(0.02, side * 0.1, -0.2), (0.04, side * 0.11, -0.52), (0.14, side * 0.11, -0.53)]
            parts.append(tube(beak, foot, 0.02, 6))
    if not flying and dice.likely(0.4):
        parts.append(tube(dice.bark(), [(0.05, -0.9, -0.6), (0.03, 0, -0.56), (0.05, 0.9, -0.58)], 0.06))
    return join(parts)


def _dog_head(dice: Dice, coat: Paint, head: Place, size: float) -> list[Mesh]:
    parts = [ball(coat, (size * 1.15, size, size), head, 14)]
    snout = dice.between(0.16, 0.36)
    nose = (head[0] + size * 0.7 + snout, 0.0, head[2] - 0.07)
    parts.append(
        tube(
            dice.pick(Paint(coat.colour), Paint(shade(coat.colour, 0.7))),
            [(head[0] + 0.04, 0, head[2] - 0.03), nose],
            [size * 0.72, size * 0.42],
            12,
        )
    )
    parts.append(ball(_EYE, (0.045, 0.05, 0.04), (nose[0], 0, nose[2] + 0.04), 10))
    parts += [
        ball(_EYE, (0.028, 0.028, 0.028), (head[0] + size * 0.85, side * size * 0.55, head[2] + 0.06), 8)
        for side in (-1, 1)
    ]
    ear = Paint(shade(coat.colour, dice.pick(0.6, 1.0)))
    hanging, length = dice.likely(0.5), dice.between(0.12, 0.24)
    for side in (-1, 1):
        if hanging:
            parts.append(
                ball(ear, (0.08, 0.035, length), (head[0] - 0.04, side * size * 0.98, head[2] - length * 0.4), 10)
            )
        else:
            parts.append(
                cylinder(ear, 0.075, length * 1.3, (head[0] - 0.05, side * size * 0.6, head[2] + size * 0.6), 0.01, 8)
            )
    return parts


def dog(dice: Dice) -> Mesh:
    """A dog-like animal on four legs, with snout, ears and tail."""
    coat = _coat(dice)
    plain = Paint(coat.colour)
    long, high, girth = dice.between(0.75, 1.2), dice.between(0.35, 0.7), dice.between(0.17, 0.26)
    back = high + girth * 0.8
    path = [(-long / 2, 0, back), (-long * 0.2, 0, back - 0.02), (long * 0.2, 0, back), (long * 0.48, 0, back + 0.03)]
    parts = [tube(coat, path, [girth * 0.75, girth * 0.9, girth * 1.05, girth * 0.8], 14)]
    parts += [ball(coat, (girth, girth * 0.9, girth), (x, 0, back), 14) for x in (-long / 2, long * 0.45)]
    head, size = (long * 0.5 + girth * 1.3, 0.0, back + dice.between(0.2, 0.42)), dice.between(0.15, 0.2)
    parts.append(tube(coat, [(long * 0.42, 0, back), head], [girth * 0.8, size * 0.75], 12))
    parts += _dog_head(dice, coat, head, size)
    for x in (-long / 2, long * 0.45):
        for side in (-1, 1):
            step = dice.between(-0.1, 0.1)
            y = side * girth * 0.6
            leg = [(x, y, back - girth * 0.3), (x + step * 0.3 - 0.03, y, high * 0.45), (x + step, y, 0.05)]
            parts.append(tube(coat, leg, [girth * 0.45, girth * 0.3, girth * 0.26], 9))
            parts.append(ball(plain, (girth * 0.42, girth * 0.3, 0.06), (x + step + 0.04, y, 0.05), 9))
    curl, wag = dice.between(-0.2, 0.5), dice.between(-0.15, 0.15)
    end = -long / 2 - girth * 0.8
    tail = [
        (end, 0, back),
        (end - 0.18, wag * 0.5, back + curl * 0.5),
        (end - 0.28 + max(curl, 0) * 0.3, wag, back + curl),
    ]
    parts.append(tube(coat, tail, [girth * 0.35, girth * 0.28, girth * 0.12], 9))
    if dice.likely(0.4):
        neck = np.array([(long * 0.42, 0, back), head]).mean(axis=0)
        parts.append(
            ball(Paint(dice.colour(), gloss=0.4), (girth * 0.9, girth * 0.85, 0.035)).turned("y", 50).moved(*neck)
        )
    return join(parts)
