"""Mugs, bowls, bottles, teapots and glasses."""

from __future__ import annotations

import numpy as np

from likewise.benchmarks.rendered.paint import Dice, Paint, shade
from likewise.benchmarks.rendered.shapes import Mesh, Place, cylinder, join, lathe, ring, tube


def _handle(paint: Paint, radius: float, low: float, high: float, reach: float, thickness: float) -> Mesh:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 10)
    middle, half = (low + high) / 2, (high - low) / 2
    path = np.stack([radius - thickness + np.cos(angle) * reach, np.zeros(10), middle + np.sin(angle) * half], axis=1)
    return tube(paint, path, thickness)


def mug(dice: Dice) -> Mesh:
    """A cup with one handle, empty or full."""
    paint = dice.paint("plain", "plain", "rings", "dots", "stripes", "mottled")
    foot, lip, height = dice.between(0.32, 0.5), dice.between(0.4, 0.55), dice.between(0.7, 1.25)
    belly = max(foot, lip) * dice.between(0.95, 1.15)
    inside = Paint(dice.pick(paint.colour, (0.92, 0.9, 0.86)), gloss=paint.gloss)
    wall = 0.045
    body = lathe(paint, [(0, 0), (foot, 0), (belly, height * 0.45), (lip, height), (lip - wall, height)])
    hollow = lathe(
        inside, [(lip - wall, height), (belly - wall, height * 0.45), (foot - wall, 0.08), (0, 0.08)], thin=True
    )
    drink = cylinder(
        Paint(dice.pick((0.25, 0.14, 0.08), (0.6, 0.4, 0.22), (0.55, 0.25, 0.1)), gloss=0.5), belly - wall * 2, 0.02
    )
    reach, grip = dice.between(0.2, 0.36), dice.between(0.035, 0.07)
    low, high = height * dice.between(0.15, 0.3), height * dice.between(0.72, 0.9)
    handle = _handle(
        Paint(dice.pick(paint.colour, inside.colour), gloss=paint.gloss), (belly + lip) / 2, low, high, reach, grip
    )
    return join([body, hollow, handle, *([drink.moved(z=height * 0.7)] if dice.likely(0.5) else [])])


def bowl(dice: Dice) -> Mesh:
    """A wide open dish on a foot, sometimes with something round in it."""
    paint = dice.paint("plain", "plain", "rings", "dots", "mottled", "checks", pitch=5)
    lip, height, foot = dice.between(0.75, 1.0), dice.between(0.35, 0.75), dice.between(0.25, 0.4)
    inside = Paint(dice.pick(paint.colour, shade(paint.colour, 0.8), (0.93, 0.92, 0.88)), gloss=paint.gloss)
    bulge = dice.between(0.55, 0.95)
    outline = [(foot, 0.06), (foot + (lip - foot) * bulge, height * 0.4), (lip, height)]
    outer = lathe(paint, [(0, 0), (foot * 0.9, 0), *outline, (lip - 0.05, height)], 26)
    hollow = lathe(
        inside, [(max(r - 0.05, 0), z + 0.03 * (z < height)) for r, z in reversed(outline)] + [(0, 0.09)], 26, thin=True
    )
    parts = [outer, hollow]
    if dice.likely(0.3):
        filling = Paint(dice.colour(), dice.colour(), "mottled", 5, 0.3)
        parts.append(cylinder(filling, foot + (lip - foot) * 0.8, 0.02, (0, 0, height * 0.7), sectors=22))
    return join(parts)


def bottle(dice: Dice) -> Mesh:
    """A body, a shoulder, a neck, a cap and a label."""
    glassy = dice.likely(0.6)
    glass = dice.pick((0.1, 0.28, 0.14), (0.3, 0.16, 0.06), (0.75, 0.82, 0.84), (0.2, 0.35, 0.6), dice.colour())
    paint = Paint(glass, gloss=0.9 if glassy else 0.35, clear=0.35 if glassy and dice.likely(0.5) else 0.0)
    body, neck = dice.between(0.28, 0.42), dice.between(0.09, 0.15)
    height, shoulder = dice.between(1.5, 2.1), dice.between(0.5, 0.72)
    rise = height * shoulder
    slope = dice.between(0.15, 0.4) * (height - rise)
    outline = [
        (0, 0),
        (body * 0.95, 0),
        (body, 0.06),
        (body, rise),
        (body * 0.8, rise + slope * 0.5),
        (neck, rise + slope),
    ]
    cap = Paint(dice.colour(), gloss=0.4)
    parts = [lathe(paint, [*outline, (neck, height), (0, height)])]
    parts.append(cylinder(cap, neck * 1.15, height * 0.07, (0, 0, height * 0.97)))
    if dice.likely(0.75):
        low, high = rise * dice.between(0.15, 0.3), rise * dice.between(0.7, 0.92)
        label = dice.paint("plain", "rings", "dots", "checks", "stripes", gloss=0.05)
        parts.append(lathe(label, [(body * 1.012, low), (body * 1.012, high)]))
    return join(parts)


def teapot(dice: Dice) -> Mesh:
    """A round belly with spout, handle, lid and knob."""
    paint = dice.paint("plain", "plain", "dots", "rings", "mottled")
    plain = Paint(paint.colour, gloss=paint.gloss)
    width, height = dice.between(0.6, 0.75), dice.between(0.75, 1.15)
    mouth = width * dice.between(0.4, 0.6)
    low = dice.between(0.3, 0.5)
    body = lathe(paint, [
        (0, 0), (width * 0.6, 0), (width * 0.92, height * low * 0.5), (width, height * low),
        (width * 0.88, height * 0.75), (mouth, height), (0, height),
    ])  # fmt: skip
    lid = lathe(
        plain, [(mouth * 1.02, height), (mouth * 0.8, height + 0.1), (0.08, height + 0.16), (0.07, height + 0.2)]
    )
    knob = lathe(
        dice.pick(plain, dice.wood()), [(0.05, 0), (0.1, 0.07), (0.07, 0.14), (0, 0.15)], 12, (0, 0, height + 0.18)
    )
    reach = dice.between(0.35, 0.6)
    spout: list[Place] = [
        (-width * 0.8, 0, height * 0.3), (-width - reach * 0.5, 0, height * 0.42),
        (-width - reach * 0.7, 0, height * 0.75), (-width - reach, 0, height * dice.between(0.9, 1.1)),
    ]  # fmt: skip
    parts = [body, lid, knob, tube(plain, spout, [0.19, 0.14, 0.09, 0.07], 10)]
    if dice.likely(0.75):
        parts.append(_handle(plain, width * 0.9, height * 0.22, height * 0.85, dice.between(0.35, 0.5), 0.055))
    else:
        hoop = ring(dice.pick(plain, dice.wood()), width * 0.75, 0.045).turned("x", 90)
        parts.append(hoop.moved(z=height * 0.95))
    return join(parts)


def wine_glass(dice: Dice) -> Mesh:
    """A stemmed glass, mostly with wine."""
    tint = dice.pick((0.85, 0.9, 0.92), (0.85, 0.9, 0.92), (0.5, 0.7, 0.6), (0.5, 0.55, 0.75), (0.85, 0.6, 0.6))
    clear = Paint(tint, gloss=1.0, clear=0.72)
    solid = Paint(tint, gloss=1.0, clear=0.35)
    stem, cup = dice.between(0.5, 0.9), dice.between(0.55, 0.95)
    belly, lip = dice.between(0.26, 0.44), dice.between(0.2, 0.4)
    foot = dice.between(0.3, 0.4)
    low = dice.between(0.3, 0.5)
    base = lathe(
        solid, [(0, 0), (foot, 0), (foot, 0.02), (0.05, 0.08), (0.035, 0.2), (0.035, stem), (0.06, stem + 0.02)], 16
    )
    curve = [(0.05, stem), (belly * 0.75, stem + cup * low * 0.35), (belly, stem + cup * low), (lip, stem + cup)]
    parts = [base, lathe(clear, curve, 24, thin=True)]
    if dice.likely(0.75):
        wine = Paint(dice.pick((0.4, 0.04, 0.1), (0.85, 0.75, 0.35), (0.9, 0.5, 0.45), (0.85, 0.45, 0.1)), gloss=0.9)
        full = [(0.05, stem + 0.02), (belly * 0.76, stem + cup * low * 0.35), (belly * 1.005, stem + cup * low)]
        parts.append(lathe(wine, [*full, (0, stem + cup * low)], 24))
    parts.append(ring(solid, lip, 0.012, 24, 5).moved(z=stem + cup))
    return join(parts)
