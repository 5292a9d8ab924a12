"""Cars, trucks, buses and bicycles."""

from __future__ import annotations

import numpy as np

from likewise.benchmarks.rendered.paint import Dice, Paint, shade
from likewise.benchmarks.rendered.shapes import Mesh, ball, box, cylinder, join, lathe, ring, slab, tube

_RUBBER = Paint((0.09, 0.09, 0.1), gloss=0.15)
_GLASS = Paint((0.2, 0.26, 0.32), gloss=0.95)


def _wheel(radius: float, width: float, rim: Paint) -> Mesh:
    """Standing on the ground under the origin, its axle along y."""
    tyre = lathe(
        _RUBBER,
        [(0, 0), (radius * 0.9, 0), (radius, width * 0.2), (radius, width * 0.8), (radius * 0.9, width), (0, width)],
        18,
    )
    hub = lathe(rim, [(0, -0.01), (radius * 0.6, -0.01), (radius * 0.6, width + 0.01), (0, width + 0.01)], 14)
    return join([tyre, hub]).moved(z=-width / 2).turned("x", 90).moved(z=radius)


def _wheels(dice: Dice, places: list[float], track: float, radius: float) -> list[Mesh]:
    rim = dice.pick(dice.metal(), Paint((0.7, 0.7, 0.72), gloss=0.8))
    wheel = _wheel(radius, radius * 0.6, rim)
    return [wheel.moved(x, y) for x in places for y in (-track, track)]


def _lights(x: float, wide: float, z: float, front: bool) -> list[Mesh]:
    paint = Paint((0.98, 0.96, 0.85), gloss=1.0) if front else Paint((0.75, 0.08, 0.06), gloss=0.8)
    return [ball(paint, (0.04, 0.08, 0.055), (x, y, z), 8) for y in (-wide, wide)]


def car(dice: Dice) -> Mesh:
    """A body with a cabin of glass, on four wheels: hatchback, saloon, estate or pickup-like coupé."""
    paint = Paint(dice.colour(), gloss=dice.between(0.6, 1.0))
    length, wide, radius = dice.between(1.7, 2.2), dice.between(0.78, 0.9), dice.between(0.17, 0.22)
    belt, roof = dice.between(0.48, 0.56), dice.between(0.75, 0.95)
    half, floor = length / 2, radius * 0.8
    hood = dice.between(0.42, 0.5)
    tail, deck = dice.pick((-0.92, belt), (-0.6, belt - 0.02), (-0.75, belt), (-0.45, belt - 0.03))
    body = [
        (-half, floor), (half, floor), (half, hood - 0.12), (half * 0.93, hood - 0.02), (half * 0.35, belt),
        (-half * 0.6, deck + 0.02), (-half * 0.95, deck), (-half, deck - 0.12),
    ]  # fmt: skip
    front = dice.between(0.0, 0.15)
    cabin = [(half * 0.42, belt - 0.03), (half * front, roof), (half * (tail + 0.28), roof), (half * tail, belt - 0.03)]
    parts = [slab(paint, body, wide), slab(paint, [*cabin], wide * 0.8)]
    low, high = np.array(cabin[0]), np.array(cabin[1])
    centre = np.mean(cabin, axis=0)
    pane = [(float(x), float(z)) for x, z in (np.array(cabin) - centre) * (0.84, 0.7) + centre + (0, 0.01)]
    parts.append(slab(_GLASS, pane, wide * 0.82))
    for lower, upper in ((low, high), (np.array(cabin[3]), np.array(cabin[2]))):
        push = 0.025 if lower[0] > upper[0] else -0.025
        first, last = lower + (upper - lower) * 0.12, lower + (upper - lower) * 0.88
        parts.append(
            slab(
                _GLASS, [(first[0] + push, first[1]), (last[0] + push, last[1]), tuple(last), tuple(first)], wide * 0.7
            )
        )
    parts.append(
        box(shade_of(paint, 0.5), (0.03, wide * 0.81, roof - belt - 0.03), (half * (front + tail + 0.28) / 2, 0, belt))
    )
    parts += _wheels(dice, [-half * 0.62, half * 0.62], wide / 2 - radius * 0.2, radius)
    parts += [*_lights(half, wide * 0.38, hood - 0.14, True), *_lights(-half, wide * 0.4, deck - 0.14, False)]
    trim = Paint((0.14, 0.14, 0.15), gloss=0.3)
    parts += [box(trim, (0.08, wide * 0.98, 0.09), (x, 0, floor)) for x in (-half, half)]
    return join(parts)


def shade_of(paint: Paint, factor: float) -> Paint:
    """The same material, darker or lighter."""
    return Paint(shade(paint.colour, factor), gloss=paint.gloss)


def _load(dice: Dice, length: float, wide: float, base: float) -> list[Mesh]:
    load = dice.pick("box", "box", "tank", "tipper", "logs")
    cargo = dice.paint("plain", "plain", "rings", "stripes", pitch=1.5)
    if load == "box":
        return [box(cargo, (length, wide * 1.05, dice.between(0.8, 1.2)), (0, 0, base))]
    if load == "tank":
        middle = base + wide * 0.5
        return [tube(dice.metal(), [(-length / 2, 0, middle), (length / 2, 0, middle)], wide * 0.5, 18)]
    side, stuff = dice.between(0.2, 0.4), dice.bark()
    parts = [box(cargo, (length, wide, 0.04), (0, 0, base))]
    parts += [box(cargo, (length, 0.04, side), (0, y, base)) for y in (-wide / 2, wide / 2)]
    parts += [box(cargo, (0.04, wide, side), (x, 0, base)) for x in (-length / 2, length / 2)]
    if load == "tipper":
        return [*parts, ball(stuff, (length * 0.45, wide * 0.45, side + 0.2), (0, 0, base), 14)]
    logs = [(-0.25, 0.12), (0, 0.12), (0.25, 0.12), (-0.13, 0.34), (0.13, 0.34), (0, 0.55)]
    return parts + [tube(stuff, [(-length / 2, y, base + z), (length / 2, y, base + z)], 0.12, 9) for y, z in logs]


def truck(dice: Dice) -> Mesh:
    """A cab before a load: a box, a tank, a tipper or planks."""
    paint = Paint(dice.colour(), gloss=0.6)
    wide, radius = dice.between(0.75, 0.9), dice.between(0.17, 0.22)
    cab, tall, length = dice.between(0.5, 0.65), dice.between(0.9, 1.15), dice.between(1.4, 2.0)
    base = radius * 1.5
    nose = dice.pick(0.0, 0.0, 0.3)
    outline = [
        (0, base),
        (cab + nose, base),
        (cab + nose, base + 0.35),
        (cab, base + 0.42),
        (cab * 0.82, tall),
        (0, tall),
    ]
    parts = [slab(paint, outline, wide).moved(length / 2 + 0.06)]
    glass = [(cab * 1.02, base + 0.45), (cab * 0.86, tall - 0.06), (cab * 0.8, tall - 0.06), (cab * 0.9, base + 0.45)]
    parts.append(slab(_GLASS, glass, wide * 0.86).moved(length / 2 + 0.07))
    parts.append(box(_GLASS, (cab * 0.5, wide * 1.02, 0.24), (length / 2 + 0.06 + cab * 0.5, 0, base + 0.42)))
    parts.append(box(Paint((0.2, 0.2, 0.22)), (length + cab, wide * 0.6, 0.12), (cab / 2, 0, base - 0.12)))
    parts += _load(dice, length, wide, base)
    places = (
        [-length * 0.38, -length * 0.38 + radius * 2.2, length / 2 + cab * 0.6]
        if dice.likely(0.5)
        else [-length * 0.3, length / 2 + cab * 0.6]
    )
    parts += _wheels(dice, places, wide / 2 - radius * 0.3, radius)
    parts += _lights(length / 2 + 0.06 + cab + nose, wide * 0.36, base + 0.12, True)
    return join(parts)


def bus(dice: Dice) -> Mesh:
    """A long box with a row of windows; sometimes two decks."""
    paint = Paint(dice.colour(), gloss=0.6)
    length, wide, radius = dice.between(2.4, 3.2), dice.between(0.78, 0.9), dice.between(0.16, 0.2)
    floors = dice.pick(1, 1, 2)
    deck = dice.between(0.75, 0.9)
    tall = radius + 0.1 + deck * floors
    base, half, bow = radius * 0.8, length / 2, dice.between(0.02, 0.18)
    outline = [
        (-half, base),
        (half, base),
        (half, base + 0.35),
        (half - bow, tall - 0.04),
        (half - bow - 0.05, tall),
        (-half + 0.05, tall),
        (-half, tall - 0.05),
    ]
    parts = [slab(paint, outline, wide)]
    if dice.likely(0.6):
        parts.append(box(Paint(dice.colour(), gloss=0.5), (length * 0.995, wide * 1.01, 0.12), (0, 0, base + 0.08)))
    count = dice.count(5, 8)
    for floor in range(floors):
        z = base + deck * floor + 0.34
        for number in range(count):
            x = (length - 0.3) * ((number + 0.5) / count - 0.5) - 0.05
            parts.append(box(_GLASS, (length / count * 0.72, wide * 1.012, deck * 0.4), (x, 0, z)))
        glass = [
            (half + 0.012, z - 0.02),
            (half - bow * 0.8 + 0.012, z + deck * 0.42),
            (half - bow - 0.1, z + deck * 0.42),
            (half - 0.1, z - 0.02),
        ]
        parts.append(slab(_GLASS, glass, wide * 0.88))
        parts.append(box(_GLASS, (0.03, wide * 0.8, deck * 0.35), (-half, 0, z)))
    door = Paint(shade(paint.colour, 0.6), gloss=0.5)
    parts.append(box(door, (0.26, wide * 0.52, deck * 0.75), (half - 0.25, -wide / 4, base + 0.03)))
    parts += _wheels(dice, [-half * 0.62, half * 0.6], wide / 2 - radius * 0.25, radius)
    parts += [*_lights(half, wide * 0.36, base + 0.16, True), *_lights(-half, wide * 0.4, base + 0.2, False)]
    return join(parts)


def bicycle(dice: Dice) -> Mesh:
    """Two spoked wheels, a frame of tubes, handlebar and saddle."""
    paint = Paint(dice.colour(), gloss=0.7)
    radius, base = dice.between(0.32, 0.37), dice.between(0.98, 1.1)
    back, front = (-base / 2, 0.0, radius), (base / 2, 0.0, radius)
    crank = (-base * 0.1, 0.0, radius * 0.85)
    seat, head = (-base * 0.2, 0.0, radius * 2.1), (base * 0.34, 0.0, radius * dice.between(2.0, 2.3))
    thick = dice.between(0.018, 0.028)
    step = dice.likely(0.3)
    joint = (-base * 0.14, 0.0, radius * 1.4) if step else (seat[0] * 0.97, 0.0, seat[2] * 0.93)
    lines = [
        (back, crank),
        (back, (joint[0], 0.0, joint[2] * 0.98)),
        (crank, seat),
        (crank, (head[0] + 0.02, 0.0, head[2] - 0.1)),
        (joint, head),
        (head, front),
    ]
    parts = [tube(paint, list(line), thick) for line in lines]
    metal = Paint((0.75, 0.75, 0.78), gloss=0.9)
    for hub in (back, front):
        parts.append(ring(_RUBBER, radius, 0.026, 28).turned("x", 90).moved(*hub))
        parts.append(ring(metal, radius - 0.035, 0.012, 28, 5).turned("x", 90).moved(*hub))
        for angle in np.arange(10) * (np.pi / 5):
            rim = (hub[0] + np.cos(angle) * radius, 0.0, hub[2] + np.sin(angle) * radius)
            parts.append(tube(metal, [hub, rim], 0.005, 4))
    top = (head[0] - 0.04, 0.0, head[2] + 0.1)
    parts.append(tube(metal, [head, top], 0.018))
    reach, rise = dice.pick((-0.12, 0.06), (0.12, 0.0), (0.14, -0.12))
    bar = np.array([(reach, -0.24, rise), (0, -0.14, 0.02), (0, 0.14, 0.02), (reach, 0.24, rise)]) + top
    parts.append(tube(dice.pick(metal, _RUBBER), bar, 0.016))
    parts.append(
        ball(dice.pick(_RUBBER, Paint((0.45, 0.28, 0.18))), (0.13, 0.07, 0.04), (seat[0] - 0.02, 0, seat[2] + 0.04), 10)
    )
    parts.append(cylinder(metal, 0.09, 0.02).turned("x", 90).moved(*crank))
    parts.append(
        tube(metal, [(crank[0] - 0.1, -0.06, crank[2] - 0.12), (crank[0] + 0.1, 0.06, crank[2] + 0.12)], 0.014, 6)
    )
    if dice.likely(0.4):
        parts.append(box(dice.pick(dice.wood(), metal), (0.26, 0.2, 0.18), (head[0] + 0.2, 0, head[2] - 0.12)))
    return join(parts)
