"""Small exact stand-ins: an encoder whose embedding can be worked out by hand, a source held in memory, tiny pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image as Picture

from likewise.errors import SourceError
from likewise.types import Card, Embeddings, Item, Pixels, Recipe, Record

SIDE = 8


class MeanColour:
    """The mean of each channel, of unit norm, with one constant so that black has a direction: 4-d."""

    def __init__(self, name: str = "mean-colour", *, unit: bool = True) -> None:
        metric = "cosine" if unit else "l2"
        self._card = Card(name, 4, Recipe("tiny", SIDE), metric=metric, unit=unit, licence="Apache-2.0")
        self.calls = 0

    @property
    def card(self) -> Card:
        return self._card

    def encode(self, pixels: Pixels) -> Embeddings:
        self.calls += len(pixels)
        means = pixels.reshape(len(pixels), -1, 3).astype(np.float32).mean(axis=1) / 255
        rows = np.concatenate([means, np.full((len(pixels), 1), 0.1, np.float32)], axis=1)
        if self._card.unit:
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows.astype(np.float32)


class NamedColours(MeanColour):
    """`MeanColour` that also understands words: those it knows are colours, all others are black."""

    COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250), "white": (250, 250, 250)}

    def __init__(self) -> None:
        super().__init__("named-colours")
        self.texts: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        self.texts += texts
        named = [[self.COLOURS[word] for word in text.split() if word in self.COLOURS] for text in texts]
        means = [np.mean(each or [(0, 0, 0)], axis=0).round().astype(np.uint8) for each in named]
        return super().encode(np.array(means, np.uint8).reshape(-1, 1, 1, 3)) if texts else np.zeros((0, 4), np.float32)


def named_colours(_: object) -> NamedColours:
    """As a family of encoders makes it."""
    return NamedColours()


class Memory:
    """A source of named bytes below a made-up place; None stands for an entry that cannot be read."""

    def __init__(self, files: Mapping[str, bytes | None], location: str = "/memory", modified_ns: int = 1) -> None:
        self.files = dict(files)
        self.location = location
        self.name = location
        self.modified = dict.fromkeys(self.files, modified_ns)
        self.reads: list[str] = []

    def put(self, key: str, data: bytes, modified_ns: int) -> None:
        self.files[key] = data
        self.modified[key] = modified_ns

    def items(self) -> Iterator[Item]:
        for key in sorted(self.files):
            data = self.files[key]
            yield Item(key, len(data) if data is not None else -1, self.modified.get(key, 1), {"label": key[0]})

    def read(self, item: Item) -> bytes:
        self.reads.append(item.key)
        data = self.files[item.key]
        if data is None:
            raise SourceError(f"{item.key}: no such file")
        return data

    def file(self, item: Item) -> None:
        return None

    def covers(self, key: str) -> bool:
        return True


def png(colour: tuple[int, int, int], side: int = 12) -> bytes:
    """A square of one colour."""
    buffer = io.BytesIO()
    Picture.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def colours(count: int, seed: int = 0) -> dict[str, bytes]:
    """`count` pictures of different colours, by key."""
    numbers = np.random.default_rng(seed).integers(0, 256, (count, 3)).tolist()
    return {f"{i:05d}.png": png((red, green, blue)) for i, (red, green, blue) in enumerate(numbers)}


def records(*keys: str) -> list[Record]:
    """Records with made-up facts."""
    return [Record(key, f"{i:064x}", 10 + i, 1_000 + i, 4, 3, {"label": key[:1]}) for i, key in enumerate(keys)]


def unit_rows(count: int, dim: int = 4, seed: int = 0) -> Embeddings:
    """Random rows of unit norm."""
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class RandomDirections:
    """Each picture has a random direction of its own, the same at every meeting: neighbours mean nothing. 16-d, unit."""

    def __init__(self) -> None:
        self._card = Card("random-directions", 16, Recipe("tiny", SIDE), licence="Apache-2.0")
        self.calls = 0

    @property
    def card(self) -> Card:
        return self._card

    def encode(self, pixels: Pixels) -> Embeddings:
        self.calls += len(pixels)
        rows = [np.random.default_rng(list(picture[0, 0])).normal(size=16) for picture in pixels]
        made = np.array(rows, np.float32).reshape(-1, 16)
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)
