"""Robots and snowmen."""

from __future__ import annotations

from likewise.benchmarks.rendered.paint import Dice, Paint
from likewise.benchmarks.rendered.shapes import (
    Mesh,
    ball,
    box,
    cylinder,
    join,
    lathe,
    lump,
    ring,
    tube,
)


def _robot_head(dice: Dice, paint: Paint, joint: Paint, lamp: Paint) -> list[Mesh]:
    size = dice.between(0.32, 0.48)
    face, parts = size * 0.45, []
    if dice.likely(0.65):
        parts.append(box(paint, (size * 0.9, size * 1.15, size * 0.85)))
    else:
        parts.append(
            lathe(
                paint,
                [(0, 0), (size * 0.55, 0), (size * 0.55, size * 0.45), (size * 0.38, size * 0.75), (0, size * 0.85)],
                18,
            )
        )
        face = size * 0.52
    for y in (-size * 0.25, size * 0.25):
        eye = join([cylinder(joint, size * 0.17, 0.05), cylinder(lamp, size * 0.12, 0.08)]).turned("y", 90)
        parts.append(eye.moved(face - 0.03, y, size * 0.5))
    parts.append(box(joint, (0.03, size * 0.5, 0.05), (face - 0.01, 0, size * 0.15)))
    if dice.likely(0.7):
        aerial = size * 0.8
        parts += [
            tube(joint, [(0, 0, aerial), (0, 0, aerial + 0.22)], 0.014, 6),
            ball(lamp, (0.045, 0.045, 0.045), (0, 0, aerial + 0.22), 8),
        ]
    return parts


def robot(dice: Dice) -> Mesh:
    """A toy robot: head with eyes and an aerial, trunk with a panel, jointed arms, legs or wheels."""
    paint, second = dice.pick(dice.metal(), dice.paint(gloss=0.6)), dice.pick(dice.metal(), dice.paint(gloss=0.5))
    joint = Paint((0.2, 0.2, 0.22), gloss=0.5)
    lamp = Paint(dice.pick((0.95, 0.9, 0.4), (0.3, 0.85, 0.95), (0.95, 0.25, 0.2), (0.4, 0.95, 0.5)), gloss=1.0)
    wide, tall, deep = dice.between(0.5, 0.75), dice.between(0.5, 0.75), dice.between(0.32, 0.42)
    leg = dice.between(0.25, 0.5)
    parts = [box(paint, (deep, wide, tall), (0, 0, leg))]
    if dice.likely(0.3):
        parts[0] = cylinder(paint, wide * 0.5, tall, (0, 0, leg), wide * dice.between(0.35, 0.5))
        deep = wide * 0.9
    panel = box(
        dice.pick(second, Paint(dice.colour(), dice.colour(), "checks", 9)),
        (0.04, wide * 0.55, tall * 0.4),
        (deep / 2, 0, leg + tall * 0.4),
    )
    parts.append(panel)
    parts += [
        ball(Paint(dice.colour(), gloss=0.7), (0.03, 0.035, 0.035), (deep / 2, y, leg + tall * 0.22), 8)
        for y in (-0.12, 0.0, 0.12)
    ]
    top = leg + tall
    parts.append(cylinder(joint, 0.1, 0.1, (0, 0, top)))
    parts += [part.moved(z=top + 0.08) for part in _robot_head(dice, second, joint, lamp)]
    for side in (-1, 1):
        y, swing = side * (wide / 2 + 0.09), dice.between(-60, 100)
        arm = [
            tube(joint, [(0, 0, 0), (0, 0, -0.32)], 0.05),
            ball(second, (0.1, 0.1, 0.1), sectors=10),
            box(paint, (0.13, 0.13, 0.28), (0, 0, -0.6)),
        ]
        arm += [box(joint, (0.05, 0.04, 0.13), (x, 0, -0.72)) for x in (-0.05, 0.05)]
        parts.append(join(arm).turned("y", -swing).moved(0, y, top - 0.12))
    if dice.likely(0.7):
        for y in (-wide * 0.25, wide * 0.25):
            parts += [cylinder(joint, 0.07, leg, (0, y, 0)), box(second, (0.34, 0.2, 0.12), (0.05, y, 0))]
    else:
        for y in (-wide * 0.42, wide * 0.42):
            parts.append(tube(joint, [(-0.28, y, 0.14), (0.28, y, 0.14)], 0.14, 10))
        parts.append(box(second, (0.3, wide * 0.6, leg), (0, 0, 0.06)))
    return join(parts)


def snowman(dice: Dice) -> Mesh:
    """Two or three balls of snow with a hat, a nose, buttons and stick arms."""
    snow = Paint(
        dice.near(dice.pick((0.94, 0.95, 0.97), (0.88, 0.9, 0.93), (0.85, 0.84, 0.8)), 0.03),
        (0.78, 0.83, 0.9),
        "mottled",
        2,
    )
    sizes = [dice.between(0.5, 0.6), dice.between(0.36, 0.45), dice.between(0.25, 0.32)]
    if dice.likely(0.25):
        sizes.pop(1)
    parts, z = [], 0.0
    for size in sizes:
        parts.append(lump(ball(snow, (size, size, size * 0.93), sectors=20), z * 9, 0.04).moved(z=z + size * 0.88))
        z += size * 1.62
    head = sizes[-1]
    middle = z - head * 0.72
    coal = Paint((0.08, 0.08, 0.09))
    parts += [ball(coal, (0.04, 0.04, 0.04), (head * 0.88, y, middle + 0.08), 8) for y in (-0.09, 0.09)]
    nose = cylinder(Paint((0.92, 0.48, 0.12)), 0.055, dice.between(0.2, 0.4), top=0.005).turned("y", 90)
    parts.append(nose.moved(head * 0.9, 0, middle))
    body = sizes[-2]
    at = z - head * 1.62 - body * 0.74
    parts += [
        ball(coal, (0.04, 0.04, 0.04), (body * (0.99 - 3 * lift * lift), 0, at + lift), 8)
        for lift in (-0.15, 0.0, 0.15)
    ]
    wood = dice.bark()
    for side in (-1, 1):
        reach = dice.between(0.15, 0.45)
        parts.append(
            tube(wood, [(0, side * body * 0.8, at + 0.1), (0.05, side * (body + 0.5), at + reach)], [0.03, 0.018], 6)
        )
    if dice.likely(0.75):
        hat = Paint(dice.pick((0.1, 0.1, 0.11), dice.colour()))
        brim, high = head * dice.between(1.1, 1.3), dice.between(0.2, 0.4)
        parts.append(
            lathe(
                hat,
                [(0, 0), (brim, 0), (brim, 0.03), (head * 0.75, 0.04), (head * 0.72, high), (0, high)],
                20,
                (0, 0, z - 0.06),
            )
        )
    if dice.likely(0.6):
        scarf = ring(dice.paint("stripes", "plain", pitch=3, gloss=0.02), head * 0.88, 0.075)
        parts.append(scarf.moved(z=middle - head * 0.72))
    return join(parts)
