"""Sailing boats, aeroplanes and rockets."""

from __future__ import annotations

import numpy as np

from likewise.benchmarks.rendered.paint import Dice, Paint
from likewise.benchmarks.rendered.shapes import Array, Mesh, ball, box, cylinder, join, lathe, sheet, slab, tube

_DARK = Paint((0.09, 0.09, 0.1), gloss=0.15)
_GLASS = Paint((0.2, 0.26, 0.32), gloss=0.95)


def _hull(paint: Paint, length: float, wide: float, deep: float) -> Mesh:
    along = np.linspace(-1, 1, 15)
    beam = wide * np.sqrt(np.clip(1 - np.clip(along, -0.55, 1) ** 2 * 0.98, 0, 1)) * np.where(along < -0.55, 0.97, 1)
    round_ = np.linspace(-np.pi / 2, np.pi / 2, 9)
    sheer = 0.25 * deep * along**2
    grid = np.stack([
        np.broadcast_to(along[:, None] * length / 2, (15, 9)), np.sin(round_) * beam[:, None],
        sheer[:, None] - np.cos(round_) * deep * (beam / wide)[:, None] ** 0.5,
    ], axis=-1)  # fmt: skip
    return sheet(paint, grid)


def _sail(paint: Paint, corners: Array, belly: float) -> Mesh:
    """A bulging triangle: foot, clew and head."""
    down, across = np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 1, 8), indexing="ij")
    low = corners[0] + (corners[1] - corners[0]) * across[..., None]
    grid = low + (corners[2] - low) * down[..., None]
    grid[..., 1] += belly * np.sin(across * np.pi) * (1 - down)
    return sheet(paint, grid)


def sailing_boat(dice: Dice) -> Mesh:
    """A hull with a mast, a mainsail and often a foresail."""
    hull = dice.pick(dice.paint("plain", "rings", gloss=0.5), dice.wood())
    length, wide, deep = dice.between(1.6, 2.2), dice.between(0.28, 0.4), dice.between(0.22, 0.34)
    tall, mast = dice.between(1.7, 2.4), dice.between(0.05, 0.25)
    parts = [_hull(hull, length, wide, deep)]
    wood = dice.wood()
    parts.append(ball(wood, (length * 0.46, wide * 0.88, 0.03), (0, 0, -0.02)))
    parts.append(tube(dice.pick(wood, dice.metal()), [(mast, 0, -0.1), (mast, 0, tall)], [0.03, 0.018]))
    parts.append(tube(wood, [(mast, 0, 0.3), (mast - length * 0.52, 0.05, 0.3)], 0.018))
    cloth = dice.paint("plain", "plain", "rings", "stripes", gloss=0.02, pitch=1.5)
    main = Paint(
        dice.pick((0.95, 0.94, 0.9), (0.95, 0.94, 0.9), (0.75, 0.28, 0.18)),
        cloth.colour,
        cloth.pattern,
        cloth.pitch,
        0.02,
    )
    sails = dice.pick(main, cloth)
    belly = dice.pick(-0.2, 0.2)
    parts.append(
        _sail(
            sails,
            np.array([(mast - 0.03, 0, 0.33), (mast - length * 0.5, 0.05, 0.33), (mast - 0.02, 0, tall * 0.97)]),
            belly,
        )
    )
    if dice.likely(0.75):
        parts.append(
            _sail(
                dice.pick(sails, main),
                np.array([(length * 0.48, 0, 0.12), (mast + 0.05, 0.1, 0.3), (mast + 0.02, 0, tall * 0.9)]),
                belly,
            )
        )
    if dice.likely(0.4):
        parts.append(box(dice.paint(), (0.5, wide, 0.16), (-0.25, 0, 0)))
    return join(parts).turned("x", dice.between(-12, 12))


def aeroplane(dice: Dice) -> Mesh:
    """A fuselage with wings, tail and jets or a propeller."""
    paint = dice.pick(
        Paint((0.93, 0.93, 0.94), gloss=0.6), Paint(dice.colour(), gloss=0.6), Paint((0.75, 0.76, 0.78), gloss=0.9)
    )
    trim = Paint(dice.colour(), gloss=0.6)
    length, radius = dice.between(2.2, 2.8), dice.between(0.14, 0.2)
    jet = dice.likely(0.6)
    profile = [(0, -0.5), (0.25, -0.47), (0.6, -0.3), (1, -0.1), (1, 0.3), (0.8, 0.4), (0.45, 0.47), (0, 0.5)]
    body = lathe(paint, [(r * radius, z * length) for r, z in profile], 16).turned("y", 90)
    parts = [body]
    span, chord = dice.between(1.0, 1.4), dice.between(0.35, 0.5)
    sweep = dice.between(0.4, 0.75) if jet else dice.between(0.0, 0.12)
    height = -radius * 0.5 if jet or dice.likely(0.4) else radius * 0.9
    tip = chord * dice.between(0.35, 0.6) if jet else chord * 0.8
    for side in (-1, 1):
        wing = slab(
            dice.pick(paint, paint, trim),
            [(chord * 0.6, 0), (-chord * 0.4, 0), (-chord * 0.4 - sweep, span), (tip - chord * 0.4 - sweep, span)],
            0.04,
        )
        parts.append(wing.turned("x", -90 * side + 4).moved(0.05, 0, height))
        fin = slab(trim, [(0.12, 0), (-0.12, 0), (-0.25, span * 0.38), (-0.1, span * 0.38)], 0.03)
        parts.append(fin.turned("x", -90 * side).moved(-length * 0.43, 0, 0.04))
        if jet:
            engine = lathe(trim, [(0.05, -0.16), (0.085, 0.0), (0.085, 0.14), (0.06, 0.16), (0, 0.1)], 12).turned(
                "y", 90
            )
            parts.append(engine.moved(0.12 - sweep * 0.3, side * span * 0.36, height - 0.1))
    parts.append(
        slab(trim, [(0.18, 0), (-0.2, 0), (-0.32, 0.48), (-0.14, 0.48)], 0.035, (-length * 0.42, 0, radius * 0.4))
    )
    parts.append(box(_GLASS, (0.12, radius * 1.3, radius * 0.5), (length * 0.39, 0, radius * 0.25)))
    panes = np.linspace(-0.25, 0.3, 11) * length
    parts += [box(_GLASS, (0.05, radius * 2.02, 0.05), (float(x), 0, radius * 0.1)) for x in panes]
    if not jet:
        parts.append(box(_DARK, (0.03, 0.06, 0.7), (length * 0.51, 0, -0.35)).turned("x", dice.between(0, 90)))
    return join(parts).turned("y", dice.between(-18, 8)).turned("x", dice.between(-20, 20))


def rocket(dice: Dice) -> Mesh:
    """A slender body with a nose, fins, a nozzle and portholes; standing, or flying on its flame."""
    paint = dice.pick(Paint((0.92, 0.92, 0.93), gloss=0.5), dice.paint("plain", "rings", "checks", pitch=2))
    trim = Paint(dice.colour(), gloss=0.5)
    radius, tall, nose = dice.between(0.18, 0.36), dice.between(1.2, 1.9), dice.between(0.35, 0.7)
    belly = radius * dice.between(1.0, 1.3)
    parts = [lathe(paint, [(0, 0.2), (radius * 0.8, 0.2), (belly, 0.2 + tall * 0.4), (radius, 0.2 + tall)])]
    cone = [(radius, 0), (radius * 0.85, nose * 0.4), (radius * 0.5, nose * 0.75), (0, nose)]
    parts.append(lathe(trim, cone, 20, (0, 0, 0.2 + tall)))
    parts.append(lathe(dice.metal(), [(radius * 0.7, 0.02), (radius * 0.4, 0.2)], thin=True))
    count, reach, high = dice.pick(3, 4), radius * dice.between(1.0, 1.9), dice.between(0.4, 0.8)
    fin = slab(
        trim,
        [(radius * 0.7, 0.25), (radius * 0.7 + reach, 0), (radius * 0.7 + reach, 0.25), (radius * 0.8, 0.25 + high)],
        0.05,
    )
    parts += [fin.turned("z", number * 360 / count) for number in range(count)]
    for number in range(dice.count(1, 3)):
        z = 0.2 + tall * (0.8 - 0.2 * number)
        for turn in (0, 120, 240):
            port = join([cylinder(dice.metal(), 0.1, 0.04), cylinder(_GLASS, 0.075, 0.06)]).turned("y", 90)
            parts.append(port.moved(x=belly * 0.98 - 0.02).moved(z=z).turned("z", turn + 30))
    if dice.likely(0.3):
        flame = Paint((1.0, 0.75, 0.25), (1.0, 0.4, 0.1), "mottled", 4)
        parts.append(lathe(flame, [(0, -0.9), (0.12, -0.6), (radius * 0.6, -0.1), (radius * 0.4, 0.1)], 12))
    return join(parts).turned("y", dice.pick(0, 0, 8, 25))
