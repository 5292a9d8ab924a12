"""Colour, gradient and layout statistics: no weights, no training, the honest baseline."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.types import Card, Embeddings, Pixels, Recipe

SIDE = 64
DIRECTIONS = 8
GRIDS = (8, 4)  # cells along a side, for gradients
COLOUR_GRID = 4
LAYOUT = 8  # coefficients along a side

# Of the parts, when their unit vectors are put together; chosen by P@7 on training images of CIFAR-100 (docs/encoders.md).
WEIGHTS = {"gradients 8": 1.0, "gradients 4": 1.0, "colours": 1.0, "layout": 0.8}
CHROMA = (3.0, 2.0)  # how much more than lightness the two colour axes count, in colours and in layout

_FLAT = 0.004  # gradient energy, per pixel of a cell, below which a cell counts as flat

_GREY = np.float32(0.5 * np.sqrt(3))  # middle grey on the axis of lightness

Channels: TypeAlias = NDArray[np.float32]
"""(n, side, side, channels) float32."""


class Classical:
    """Four parts, each of unit norm, weighted and put together; see docs/encoders.md for what each one gains.

    * gradients in 8 directions in an 8 × 8 and in a 4 × 4 grid of overlapping cells, each divided by the energy around it: Dalal and
      Triggs, CVPR 2005; the rectified directions are those of Tola, Lepetit and Fua, TPAMI 2010; the root, which makes the
      product a comparison of histograms, Arandjelović and Zisserman, CVPR 2012;
    * mean and spread of three opponent colours in a 4 × 4 grid: Stricker and Orengo, SPIE 1995; van de Sande et al., TPAMI 2010;
    * the low frequencies of the three colours, the higher ones raised against the 1/f of natural images: the colour layout
      descriptor of MPEG-7, Kasutani and Yamada, ICIP 2001; Field, JOSA A 1987.
    """

    def __init__(self) -> None:
        self._cosines = _cosines(SIDE)[:LAYOUT]
        angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
        self._directions = np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)

    @property
    def card(self) -> Card:
        """See `Encoder.card`."""
        dim = sum(grid * grid * DIRECTIONS for grid in GRIDS) + 6 * COLOUR_GRID**2 + 3 * LAYOUT**2
        return Card(
            name="classical",
            dim=dim,
            recipe=Recipe("classical", SIDE, "squash", resample="bilinear"),
            licence="Apache-2.0 (no weights)",
            source="likewise",
            paper="Dalal and Triggs, CVPR 2005, and others: docs/encoders.md",
        )

    def encode(self, pixels: Pixels) -> Embeddings:
        """See `Encoder.encode`."""
        parts = self.parts(pixels)
        whole = np.concatenate([WEIGHTS[name] * part for name, part in parts.items()], axis=1)
        return _unit(whole)

    def parts(self, pixels: Pixels) -> dict[str, Embeddings]:
        """The parts before weighting: name → (n, its dim) of unit norm (or zeros, for a part that an image has nothing of)."""
        colours = opponent(pixels)
        fields = self._gradients(colours[..., 0])
        parts = {f"gradients {grid}": _unit(_histograms(fields, grid)) for grid in GRIDS}
        parts["colours"] = _unit(_moments(colours, COLOUR_GRID))
        parts["layout"] = _unit(self._layout(colours))
        return parts

    def _gradients(self, light: Channels) -> Channels:
        """(n, side, side, directions): how far the light rises in each direction, 0 where it falls."""
        padded = np.pad(light, ((0, 0), (1, 1), (1, 1)), "edge")
        across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
        down = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
        rises = np.stack([across, down], axis=-1) @ self._directions
        return np.maximum(rises, 0, out=rises)

    def _layout(self, colours: Channels) -> Embeddings:
        low = _both_ways(self._cosines, colours)
        low[:, 0, 0, 0] -= _GREY * SIDE
        low *= (1 + np.arange(LAYOUT)[:, None] + np.arange(LAYOUT)).astype(np.float32)[None, :, :, None]
        low[..., 1:] *= CHROMA[1]
        return np.asarray(low.reshape(len(colours), 3 * LAYOUT**2), np.float32)


def opponent(pixels: Pixels) -> Channels:
    """Lightness, red against green, yellow against blue: (n, side, side, 3) float32, of orthogonal axes."""
    axes = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]], np.float32) / np.sqrt(np.array([[3], [2], [6]], np.float32))
    return np.asarray((pixels.astype(np.float32) / np.float32(255)) @ axes.T, np.float32)


def _histograms(fields: Channels, grid: int) -> Embeddings:
    """Directions in overlapping cells, normalised by the energy of the 3 × 3 cells around each: (n, grid * grid * directions)."""
    n, side, _, channels = fields.shape
    step = side // grid
    places = (np.arange(side) + 0.5) / step - 0.5
    tents = np.maximum(0, 1 - np.abs(places[None] - np.arange(grid)[:, None])).astype(np.float32)
    cells = _both_ways(tents, fields)
    energy = np.pad(np.sqrt(np.square(cells).sum(axis=-1)), ((0, 0), (1, 1), (1, 1)), "edge")
    nine = [energy[:, i : i + grid, j : j + grid] for i in range(3) for j in range(3)]
    around = np.stack(nine).mean(axis=0)
    rows = np.sqrt(cells / (around[..., None] + np.float32(_FLAT * step**2))).reshape(n, grid * grid * channels)
    rows -= rows.mean(axis=1, keepdims=True)  # all are positive: what they share would drown what differs
    return np.asarray(rows, np.float32)


def _both_ways(basis: NDArray[np.float32], fields: Channels) -> Channels:
    """Sum rows and columns with the weights of a (m, side) basis: (n, side, side, channels) to (n, m, m, channels).

    One product for each image, never one for all: its shape decides how BLAS rounds, and an embedding must not depend on
    how many others were made with it.
    """
    n, side, _, channels = fields.shape
    rows = np.matmul(basis, fields.reshape(n, side, side * channels)).reshape(n, len(basis), side, channels)
    return np.asarray(np.matmul(basis, rows), np.float32)


def _moments(colours: Channels, grid: int) -> Embeddings:
    n, side, _, _ = colours.shape
    step = side // grid
    cells = colours.reshape(n, grid, step, grid, step, 3)
    means, spreads = cells.mean(axis=(2, 4)), cells.std(axis=(2, 4))
    means[..., 0] -= _GREY
    means[..., 1:] *= CHROMA[0]
    spreads[..., 1:] *= CHROMA[0]
    return np.asarray(np.concatenate([means, spreads], axis=-1).reshape(n, 6 * grid * grid), np.float32)


def _cosines(side: int) -> Channels:
    """The orthonormal cosine transform of `side` samples, DCT-II: (side, side)."""
    places = np.arange(side)
    basis = np.cos(np.pi * (2 * places[None] + 1) * places[:, None] / (2 * side)) * np.sqrt(2 / side)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)


def _unit(rows: NDArray[np.float32]) -> Embeddings:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, np.finfo(np.float32).tiny), np.float32)
