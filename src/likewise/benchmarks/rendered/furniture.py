"""Chairs, stools, tables, sofas, beds, bookshelves, lamps, umbrellas."""

from __future__ import annotations

import numpy as np

from likewise.benchmarks.rendered.paint import Dice, Paint, shade
from likewise.benchmarks.rendered.shapes import Mesh, ball, box, cylinder, join, lathe, sheet, tube


def _stuff(dice: Dice) -> Paint:
    return dice.pick(dice.wood(), dice.wood(), dice.paint(gloss=0.4), dice.metal())


def _cloth(dice: Dice) -> Paint:
    return dice.paint("plain", "plain", "stripes", "checks", "mottled", "dots", gloss=0.03)


def _legs(dice: Dice, paint: Paint, half: tuple[float, float], height: float, splay: float) -> list[Mesh]:
    thick = dice.between(0.025, 0.05)
    sides, lower = dice.pick((4, 1.0), (8, 1.0), (8, 0.6))
    corners = [(x, y) for x in (-half[0], half[0]) for y in (-half[1], half[1])]
    return [
        tube(paint, [(x * (1 + splay), y * (1 + splay), 0), (x, y, height)], [thick * lower, thick], sides)
        for x, y in corners
    ]


def chair(dice: Dice) -> Mesh:
    """A seat on four legs with a back."""
    paint = _stuff(dice)
    width, depth, height = dice.between(0.42, 0.55), dice.between(0.42, 0.52), dice.between(0.42, 0.52)
    back, lean = dice.between(0.4, 0.65), dice.between(0.03, 0.14)
    parts = _legs(dice, paint, (width * 0.45, depth * 0.45), height, dice.pick(0.0, 0.1, 0.2))
    parts.append(box(dice.pick(paint, _cloth(dice)), (width, depth, dice.between(0.035, 0.09)), (0, 0, height)))
    style = dice.pick("slats", "bars", "panel", "panel")
    low, top = height + 0.04, height + back
    for x in (-width * 0.45, width * 0.45):
        parts.append(tube(paint, [(x, depth * 0.45, low - 0.04), (x, depth * 0.45 + lean, top)], 0.025))
    if style == "panel":
        panel = box(dice.pick(paint, _cloth(dice)), (width, 0.04, back * dice.between(0.4, 0.85)))
        tilt = -np.degrees(np.arctan2(lean, back))
        parts.append(panel.turned("x", tilt).moved(0, depth * 0.45 + lean * 0.6, height + back * 0.25))
    for step in range(dice.count(2, 4)) if style == "slats" else ():
        share = 1 - step * 0.25
        parts.append(
            box(paint, (width * 0.92, 0.025, 0.07), (0, depth * 0.45 + lean * share, height + back * share - 0.07))
        )
    if style == "bars":
        parts.append(box(paint, (width, 0.03, 0.07), (0, depth * 0.45 + lean, top - 0.05)))
        for x in np.linspace(-0.32, 0.32, dice.count(3, 5)) * width:
            parts.append(tube(paint, [(x, depth * 0.45, low), (x, depth * 0.45 + lean, top)], 0.014, 6))
    if dice.likely(0.25):
        for x in (-width / 2, width / 2):
            parts.append(box(paint, (0.04, depth * 0.9, 0.04), (x, 0, height + 0.2)))
            parts.append(box(paint, (0.035, 0.035, 0.2), (x, -depth * 0.4, height)))
    return join(parts)


def stool(dice: Dice) -> Mesh:
    """A seat without a back, round or square, low or high."""
    paint = _stuff(dice)
    height, radius = dice.between(0.4, 0.85), dice.between(0.17, 0.25)
    cover = dice.pick(paint, paint, _cloth(dice))
    thick = dice.between(0.03, 0.08)
    if dice.likely(0.3):
        seat = box(cover, (radius * 2, radius * 2, thick), (0, 0, height))
    else:
        seat = lathe(
            cover, [(0, 0), (radius * 0.9, 0), (radius, thick * 0.4), (radius * 0.95, thick), (0, thick * 1.1)]
        ).moved(z=height)
    if dice.likely(0.2):
        post = [cylinder(paint, 0.03, height), cylinder(paint, radius * 0.95, 0.04, top=0.04)]
        return join([seat, *post])
    count, splay = dice.pick(3, 4, 4), dice.between(1.0, 1.35)
    parts = [seat]
    for angle in np.arange(count) * (2 * np.pi / count) + np.pi / 4:
        x, y = np.cos(angle) * radius * 0.85, np.sin(angle) * radius * 0.85
        parts.append(tube(paint, [(x * splay, y * splay, 0), (x, y, height)], [0.02, 0.028]))
    if dice.likely(0.6):
        low = height * dice.between(0.25, 0.45)
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False) + np.pi / 4
        reach = radius * 0.85 * (1 + (splay - 1) * (1 - low / height))
        rungs = np.stack([np.cos(angle) * reach, np.sin(angle) * reach, np.full(count, low)], axis=1)
        parts += [tube(paint, rungs[[i, (i + 1) % count]], 0.013, 6) for i in range(count)]
    return join(parts)


def table(dice: Dice) -> Mesh:
    """A top on four legs, on a middle foot or on trestles; sometimes with something on it."""
    paint = _stuff(dice)
    top = dice.pick(paint, dice.paint("plain", "mottled"), dice.wood())
    height, thick = dice.between(0.4, 0.8), dice.between(0.03, 0.07)
    if dice.likely(0.35):
        radius = dice.between(0.4, 0.65)
        parts = [cylinder(top, radius, thick, (0, 0, height), sectors=28)]
        if dice.likely(0.6):
            parts.append(lathe(paint, [(radius * 0.6, 0), (radius * 0.55, 0.04), (0.05, 0.1), (0.045, height)]))
        else:
            parts += _legs(dice, paint, (radius * 0.55, radius * 0.55), height, dice.pick(0.0, 0.2))
    else:
        width, depth = dice.between(0.8, 1.7), dice.between(0.55, 0.8)
        parts = [box(top, (width, depth, thick), (0, 0, height))]
        parts += _legs(dice, paint, (width * 0.44, depth * 0.42), height, dice.pick(0.0, 0.08))
        if dice.likely(0.5):
            parts.append(box(paint, (width * 0.86, depth * 0.8, 0.07), (0, 0, height - 0.07)))
        if dice.likely(0.25):
            parts.append(box(paint, (width * 0.8, depth * 0.7, 0.02), (0, 0, height * 0.25)))
    if dice.likely(0.35):
        pot = lathe(dice.paint(), [(0, 0), (0.06, 0), (0.09, 0.08), (0.05, 0.16), (0, 0.16)], 14)
        parts.append(pot.moved(dice.between(-0.2, 0.2), dice.between(-0.15, 0.15), height + thick))
    return join(parts)


def sofa(dice: Dice) -> Mesh:
    """Seat cushions between arms, before a back."""
    cover = _cloth(dice)
    seats, each = dice.count(2, 3), dice.between(0.5, 0.65)
    width, depth = seats * each, dice.between(0.7, 0.9)
    seat, back, arm = dice.between(0.3, 0.4), dice.between(0.65, 0.9), dice.between(0.12, 0.22)
    lift = dice.pick(0.03, 0.1)
    parts = [box(cover, (width, depth, seat - lift - 0.08), (0, 0, lift))]
    parts.append(box(cover, (width + 2 * arm, 0.2, back - lift), (0, depth / 2, lift)))
    tall = seat + dice.between(0.12, 0.28)
    for x in (-(width + arm) / 2, (width + arm) / 2):
        parts.append(box(cover, (arm, depth, tall - lift), (x, 0, lift)))
        if dice.likely(0.6):
            parts.append(tube(cover, [(x, -depth / 2, tall), (x, depth / 2, tall)], arm * 0.6, 10))
    cushion = dice.pick(
        cover, Paint(shade(cover.colour, 1.15), cover.second, cover.pattern, cover.pitch, 0.02), _cloth(dice)
    )
    for number in range(seats):
        x = (number - (seats - 1) / 2) * each
        parts.append(ball(cushion, (each * 0.57, depth * 0.55, 0.11), (x, -0.05, seat - 0.06), 12))
        parts.append(box(cushion, (each * 0.96, 0.16, back - seat - 0.06), (x, depth / 2 - 0.16, seat)))
    if dice.likely(0.5):
        pillow = ball(_cloth(dice), (0.2, 0.08, 0.2)).turned("x", -20)
        parts.append(pillow.moved(dice.pick(-1, 1) * width * 0.36, depth / 2 - 0.34, seat + 0.2))
    feet = dice.wood()
    parts += [cylinder(feet, 0.03, lift, (x * width / 2, y * depth * 0.42, 0)) for x in (-1, 1) for y in (-1, 1)]
    return join(parts)


def bed(dice: Dice) -> Mesh:
    """A mattress in a frame, a blanket, one or two pillows and a head."""
    frame, blanket = _stuff(dice), _cloth(dice)
    width, length, height = dice.pick(0.9, 1.5, 1.7), 2.0, dice.between(0.25, 0.4)
    parts = [box(frame, (width, length, 0.14), (0, 0, height - 0.14))]
    parts.append(box(Paint((0.92, 0.91, 0.88)), (width * 0.96, length * 0.98, 0.2), (0, 0, height)))
    cover = length * dice.between(0.55, 0.75)
    parts.append(box(blanket, (width * 1.02, cover, 0.2), (0, (cover - length) / 2, height + 0.03)))
    parts.append(
        box(Paint(shade(blanket.colour, 1.25)), (width * 1.03, 0.22, 0.205), (0, cover - length / 2, height + 0.03))
    )
    pillow = dice.pick(Paint((0.95, 0.94, 0.92)), _cloth(dice))
    places = (0.0,) if width < 1 else (-width / 4, width / 4)
    parts += [ball(pillow, (0.34, 0.22, 0.1), (x, length / 2 - 0.3, height + 0.28), 12) for x in places]
    head = dice.between(0.35, 0.75)
    parts.append(box(dice.pick(frame, _cloth(dice)), (width * 1.04, 0.08, height + head), (0, length / 2 + 0.04, 0)))
    if dice.likely(0.5):
        parts.append(box(frame, (width * 1.04, 0.06, height + 0.22), (0, -length / 2 - 0.03, 0)))
    parts += _legs(dice, frame, (width * 0.46, length * 0.47), height, 0.0)
    return join(parts)


def bookshelf(dice: Dice) -> Mesh:
    """Boards between uprights, filled with rows of books and a few objects."""
    paint = _stuff(dice)
    width, height, depth = dice.between(0.7, 1.2), dice.between(1.0, 1.9), 0.3
    rows = dice.count(3, 5)
    parts = [box(paint, (0.04, depth, height), (x, 0, 0)) for x in (-width / 2, width / 2)]
    pitch = (height - 0.1) / rows
    parts += [box(paint, (width, depth, 0.035), (0, 0, 0.06 + row * pitch)) for row in range(rows + 1)]
    parts.append(box(Paint(shade(paint.colour, 0.7)), (width, 0.02, height), (0, depth / 2, 0)))
    covers = [Paint(dice.colour(), gloss=0.1) for _ in range(8)]
    full = dice.between(0.55, 1.0)
    for row in range(rows):
        x, end = -width / 2 + 0.04, width * (dice.between(full, 1.0) - 0.5) - 0.04
        while x < end - 0.07:
            thick, tall = dice.between(0.03, 0.07), pitch * dice.between(0.6, 0.88)
            parts.append(box(dice.pick(*covers), (thick * 0.94, 0.2, tall), (x + thick / 2, -0.02, 0.09 + row * pitch)))
            x += thick
    return join(parts)


def lamp(dice: Dice) -> Mesh:
    """A shade on a pole, on a desk or on the floor."""
    pole = dice.pick(dice.metal(), dice.wood(), dice.paint())
    tall, reach = dice.between(0.5, 1.5), dice.between(0.24, 0.4)
    upper, deep = reach * dice.between(0.35, 0.95), dice.between(0.25, 0.42)
    glow = dice.near(dice.pick((1.0, 0.93, 0.78), (0.95, 0.9, 0.85), dice.colour()))
    cover = Paint(glow, shade(glow, 0.75), dice.pick("plain", "plain", "stripes", "rings"), 5, 0.0)
    parts = [lathe(cover, [(reach, tall), (upper, tall + deep)], 24, thin=True)]
    parts.append(ball(Paint((1.0, 0.97, 0.8), gloss=0.5), (0.08, 0.08, 0.1), (0, 0, tall + 0.1), 10))
    base = reach * dice.between(0.5, 0.75)
    if dice.likely(0.4) and tall < 1.0:
        belly = dice.between(0.12, 0.22)
        parts.append(
            lathe(
                dice.paint("plain", "mottled", "rings"),
                [(0, 0), (belly * 0.6, 0), (belly, tall * 0.35), (0.05, tall * 0.8), (0.03, tall)],
            )
        )
    elif dice.likely(0.3):
        parts += [
            tube(pole, [(np.cos(a) * base, np.sin(a) * base, 0), (0, 0, tall * 0.9)], 0.02) for a in (0.5, 2.6, 4.7)
        ]
    else:
        parts.append(
            lathe(pole, [(0, 0), (base, 0), (base * 0.95, 0.03), (0.05, 0.07), (0.02, 0.1), (0.02, tall + 0.1)])
        )
    return join(parts)


def umbrella(dice: Dice) -> Mesh:
    """An open umbrella, upright like a parasol or lying on its rim."""
    first = dice.paint("plain", "plain", "rings", "dots", gloss=0.1, pitch=3)
    second = dice.pick(first, first, Paint(dice.colour(), gloss=0.1))
    panels, radius, deep = dice.pick(6, 8, 10), 1.0, dice.between(0.3, 0.55)
    along = np.linspace(0, 1, 7)
    parts = []
    for panel in range(panels):
        angle = (panel + np.linspace(0, 1, 5)) * (2 * np.pi / panels)
        sag = 1 - 0.07 * np.sin(np.linspace(0, np.pi, 5))[None] * along[:, None]
        grid = np.stack([
            np.cos(angle) * along[:, None] * sag * radius, np.sin(angle) * along[:, None] * sag * radius,
            1.4 - deep * along[:, None] ** 1.8 + 0.0 * angle,
        ], axis=-1)  # fmt: skip
        parts.append(sheet(first if panel % 2 else second, grid))
    pole = dice.pick(dice.metal(), dice.wood())
    parts.append(tube(pole, [(0, 0, 0.12), (0, 0, 1.5)], 0.02))
    if dice.likely(0.5):
        hook = np.linspace(0, np.pi, 7)
        path = np.stack([0.09 - np.cos(hook) * 0.09, np.zeros(7), 0.12 - np.sin(hook) * 0.1], axis=1)
        parts.append(tube(dice.pick(pole, dice.wood()), path, 0.03))
    else:
        parts.append(cylinder(pole, 0.25, 0.12, sectors=12))
    whole = join(parts)
    return whole.turned("y", dice.between(100, 118)) if dice.likely(0.4) else whole
