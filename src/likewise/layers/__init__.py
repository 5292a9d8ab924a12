"""Embeddings that are a mix of layers, searched with another weight for each: docs/layers.md."""

from likewise.layers.parts import Slice, parts_of
from likewise.layers.scoring import Layered, Weighing

__all__ = ["Layered", "Slice", "Weighing", "parts_of"]
