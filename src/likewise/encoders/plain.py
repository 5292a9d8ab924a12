"""The families without weights."""

from __future__ import annotations

from likewise.encoders import Encoder, Wish, refuse_wishes
from likewise.encoders.classical import Classical
from likewise.encoders.pixels import RawPixels


def classical(wish: Wish) -> Encoder:
    """Colour, gradient and layout statistics."""
    refuse_wishes("classical", wish, "classical")
    return Classical()


def pixels(wish: Wish) -> Encoder:
    """Raw pixels."""
    refuse_wishes("pixels", wish, "pixels")
    return RawPixels()
