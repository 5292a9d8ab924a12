"""Raw pixels: the floor that every method must beat."""

from __future__ import annotations

import numpy as np

from likewise.types import Card, Embeddings, Pixels, Recipe

SIDE = 32


class RawPixels:
    """32 × 32 RGB values in 0..1, compared by L2: 3072-d, not of unit norm."""

    @property
    def card(self) -> Card:
        """See `Encoder.card`."""
        return Card(
            name="pixels",
            dim=3 * SIDE * SIDE,
            recipe=Recipe("pixels", SIDE, "squash", resample="bilinear"),
            metric="l2",
            unit=False,
            licence="Apache-2.0 (no weights)",
            source="likewise",
        )

    def encode(self, pixels: Pixels) -> Embeddings:
        """See `Encoder.encode`."""
        return pixels.reshape(len(pixels), 3 * SIDE * SIDE).astype(np.float32) / np.float32(255)
