"""What surfaces are made of: colours, patterns cut out of solid stuff, and the dice that choose them."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
"""Per pixel: single precision when it runs, as that takes half the time; the checker cannot follow numpy so far."""
Ints: TypeAlias = NDArray[np.intp]
Colour: TypeAlias = tuple[float, float, float]
"""sRGB, each channel in 0..1."""

Pattern: TypeAlias = Literal["plain", "stripes", "rings", "checks", "mottled", "wood", "bricks", "dots"]
Choice = TypeVar("Choice")

TILE = 256


@dataclass(frozen=True, slots=True)
class Paint:
    """One material.

    Attributes:
        colour: The main colour.
        second: What the pattern mixes in.
        pattern: How the two are laid out over the stuff that the part is cut from.
        pitch: Repeats of the pattern per unit of the part's own length.
        gloss: 0 is chalk, 1 is wet lacquer.
        clear: 0 is opaque, 1 is thin air.
    """

    colour: Colour
    second: Colour = (0.0, 0.0, 0.0)
    pattern: Pattern = "plain"
    pitch: float = 4.0
    gloss: float = 0.2
    clear: float = 0.0


@dataclass(frozen=True, slots=True)
class Dice:
    """Every random choice of one object or one view, in the words that the builders use."""

    rng: np.random.Generator

    def between(self, low: float, high: float) -> float:
        """A number, evenly."""
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def likely(self, chance: float) -> bool:
        """True this often."""
        return bool(self.rng.random() < chance)

    def pick(self, *options: Choice) -> Choice:
        """One of these, evenly."""
        return options[int(self.rng.integers(len(options)))]

    def near(self, colour: Colour, spread: float = 0.06) -> Colour:
        """A colour much like this one."""
        red, green, blue = (np.array(colour) + self.rng.uniform(-spread, spread, 3)).clip(0.02, 0.98)
        return float(red), float(green), float(blue)

    def colour(self) -> Colour:
        """Any colour that things are sold in: mostly chromatic, a third white, grey, black or beige."""
        if self.likely(0.35):
            grey = self.pick(0.93, 0.85, 0.6, 0.4, 0.2, 0.12)
            return self.near((grey, grey * self.between(0.94, 1.0), grey * self.between(0.86, 1.0)), 0.03)
        red, green, blue = colorsys.hsv_to_rgb(self.between(0, 1), self.between(0.35, 0.95), self.between(0.4, 0.98))
        return red, green, blue

    def calm(self) -> Colour:
        """A colour for floors and walls: as `colour`, half way to grey."""
        red, green, blue = self.colour()
        grey = (red + green + blue) / 3
        return (red + grey) / 2, (green + grey) / 2, (blue + grey) / 2

    def paint(self, *patterns: Pattern, gloss: float | None = None, pitch: float = 4.0) -> Paint:
        """Any colour in one of these patterns (plain when none is named)."""
        shine = self.between(0.05, 0.8) if gloss is None else gloss
        pattern = self.pick(*patterns) if patterns else "plain"
        return Paint(self.colour(), self.colour(), pattern, pitch * self.between(0.7, 1.4), shine)

    def wood(self) -> Paint:
        """Planed wood: pale, reddish or dark."""
        colour = self.near(self.pick((0.78, 0.6, 0.4), (0.6, 0.4, 0.24), (0.42, 0.27, 0.17), (0.85, 0.73, 0.55)), 0.05)
        return Paint(colour, shade(colour, 0.62), "wood", self.between(2.0, 5.0), self.between(0.1, 0.5))

    def metal(self) -> Paint:
        """Steel, brass, copper or black iron."""
        colour = self.pick(
            (0.75, 0.76, 0.78), (0.55, 0.56, 0.6), (0.8, 0.66, 0.36), (0.72, 0.45, 0.32), (0.16, 0.16, 0.18)
        )
        return Paint(self.near(colour, 0.03), gloss=self.between(0.6, 1.0))

    def leaves(self) -> Paint:
        """Foliage: mostly green, sometimes autumn, blossom or frost."""
        colour = self.near(
            self.pick(
                (0.24, 0.45, 0.16), (0.36, 0.54, 0.18), (0.16, 0.36, 0.2), (0.5, 0.56, 0.2),
                (0.28, 0.5, 0.22), (0.42, 0.5, 0.14), (0.22, 0.42, 0.14), (0.3, 0.42, 0.26),
                (0.82, 0.5, 0.12), (0.7, 0.24, 0.12), (0.8, 0.66, 0.2), (0.88, 0.7, 0.76),
            )
        )  # fmt: skip
        return Paint(colour, shade(colour, 0.5), "mottled", self.between(5.0, 9.0), 0.05)

    def bark(self) -> Paint:
        """Trunks and branches."""
        colour = self.near(self.pick((0.4, 0.29, 0.2), (0.5, 0.44, 0.38), (0.82, 0.8, 0.76), (0.3, 0.22, 0.17)))
        return Paint(colour, shade(colour, 0.5), "mottled", 9.0, 0.05)

    def wall(self) -> Paint:
        """Masonry: plaster, bricks, boards or stone."""
        colour = self.near(
            self.pick(
                (0.9, 0.87, 0.8),
                (0.68, 0.36, 0.28),
                (0.8, 0.68, 0.5),
                (0.6, 0.6, 0.6),
                (0.6, 0.7, 0.76),
                (0.84, 0.6, 0.5),
            )
        )
        pattern: Pattern = self.pick("plain", "bricks", "bricks", "mottled", "rings")
        return Paint(colour, shade(colour, self.pick(0.7, 1.25)), pattern, self.between(5.0, 9.0), 0.05)


def shade(colour: Colour, factor: float) -> Colour:
    """The same hue, darker (below 1) or lighter (above 1)."""
    red, green, blue = (min(1.0, channel * factor) for channel in colour)
    return red, green, blue


def linear(colour: Colour) -> Floats:
    """(3, 1) linear light of an sRGB colour; gamma 2 stands in for the exact curve, a square root being cheap."""
    column: Floats = (np.array(colour, dtype=np.float32) ** 2)[:, None]
    return column


@cache
def noise_tile() -> Floats:
    """(256, 256), values in 0..1 with mean near a half: smooth noise of five octaves that repeats without a seam."""
    rng = np.random.default_rng(20_240_229)
    total = np.zeros((TILE, TILE))
    for octave in range(5):
        cells = 8 << octave
        lattice = rng.random((cells, cells))
        at = np.arange(TILE) * cells / TILE
        low = at.astype(np.intp)
        part = at - low
        part = part * part * (3 - 2 * part)
        high = (low + 1) % cells
        rows = lattice[low] * (1 - part)[:, None] + lattice[high] * part[:, None]
        total += (rows[:, low] * (1 - part) + rows[:, high] * part) * 0.55**octave
    total -= total.min()
    tile: Floats = (total / total.max()).astype(np.float32)
    tile.setflags(write=False)
    return tile


def noise(across: Floats, along: Floats) -> Floats:
    """Smooth noise in 0..1 at these coordinates; one unit is an eighth of the largest blob's repeat."""
    column = (across * 32).astype(np.int32) & (TILE - 1)
    row = (along * 32).astype(np.int32) & (TILE - 1)
    found: Floats = noise_tile()[row, column]
    return found


def soft_noise(across: Floats, along: Floats) -> Floats:
    """`noise` without steps between its samples, for what is seen from so near that they would show as squares."""
    x, y = across * 32, along * 32
    column, row = np.floor(x), np.floor(y)
    part_x, part_y = x - column, y - row
    left, top = column.astype(np.int32) & (TILE - 1), row.astype(np.int32) & (TILE - 1)
    right, low = (left + 1) & (TILE - 1), (top + 1) & (TILE - 1)
    tile = noise_tile()
    upper = tile[top, left] * (1 - part_x) + tile[top, right] * part_x
    lower = tile[low, left] * (1 - part_x) + tile[low, right] * part_x
    found: Floats = upper * (1 - part_y) + lower * part_y
    return found


def edge(signal: Floats, width: float = 0.15) -> Floats:
    """0 below zero, 1 above, with a soft step of this width between."""
    step: Floats = np.clip(signal / width + 0.5, 0, 1)
    return step


def mix_of(pattern: Pattern, grain: Floats, pitch: float) -> Floats:
    """How much of the second colour there is at each point.

    Args:
        pattern: Any but `plain`.
        grain: (3, n) coordinates in the stuff that the part was cut from.
        pitch: Repeats per unit.

    Returns:
        (n,), 0 for the first colour to 1 for the second.
    """
    x, y, z = grain * np.float32(pitch)
    found: Floats = _MIXES[pattern](x, y, z).astype(np.float32, copy=False)
    return found


def _checks(x: Floats, y: Floats, z: Floats) -> Floats:
    found: Floats = (np.floor(x + 0.25) + np.floor(y + 0.25) + np.floor(z + 0.25)) % 2
    return found


def _bricks(x: Floats, y: Floats, z: Floats) -> Floats:
    row = np.floor(z)
    course = 0.5 * (x + y) + 0.5 * (row % 2)
    joint = (z - row < 0.14) | (course % 1 < 0.07)
    return np.where(joint, np.float32(1), noise(np.floor(course) * 0.37, row * 0.61) * np.float32(0.4))


def _dots(x: Floats, y: Floats, z: Floats) -> Floats:
    return edge(0.1 - (((x + y) % 1 - 0.5) ** 2 + (z % 1 - 0.5) ** 2), 0.04)


_MIXES: dict[Pattern, Callable[[Floats, Floats, Floats], Floats]] = {
    "stripes": lambda x, y, _z: edge(np.sin(2 * np.pi * (x + 0.5 * y)), 0.5),
    "rings": lambda _x, _y, z: edge(np.sin(2 * np.pi * z), 0.5),
    "checks": _checks,
    "mottled": lambda x, y, z: np.clip(noise(0.4 * (x + 0.7 * z), 0.4 * (y - 0.6 * z)) * 2.4 - 0.7, 0, 1),
    "wood": lambda x, y, z: np.clip(noise(0.07 * (x + y + z), 0.5 * (y - z) + 0.4 * x) * 2.0 - 0.5, 0, 1),
    "bricks": _bricks,
    "dots": _dots,
}
