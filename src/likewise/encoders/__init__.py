"""Seam: pixels in, embeddings out."""

from __future__ import annotations

from typing import Protocol

from likewise.types import Card, Embeddings, Pixels


class Encoder(Protocol):
    """A function from pixels to embeddings, and the card that says which.

    Contract: shape (n, card.dim) and float32; a batch equals its images one by one; the same pixels give the same
    embedding every time; rows have unit norm if the card says so.
    """

    @property
    def card(self) -> Card:
        """The identity of what `encode` computes."""
        ...

    def encode(self, pixels: Pixels) -> Embeddings:
        """Embed (n, side, side, 3) uint8 pixels that `card.recipe` made; n may be zero."""
        ...
