"""A whitening behind any encoder: in a file (`--model FILE.npz`), or in the collection that was made with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from likewise import encoders, weights
from likewise.encoders import Encoder, Wish
from likewise.encoders.runtimes import Running, running
from likewise.encoders.whitening import Whitening, read
from likewise.errors import StoreDamaged, WeightsError
from likewise.types import Card, Embeddings, Pixels

FAMILY = "whitened"

Load: TypeAlias = Callable[[Card], Encoder]
"""Loads the encoder that a card describes, as `likewise.encoders.load_as` does."""


class Whitened:
    """An encoder with a whitening behind it."""

    def __init__(self, encoder: Encoder, whitening: Whitening, name: str, sha256: str) -> None:
        self._encoder, self.whitening = encoder, whitening
        base = encoder.card
        self._card = replace(
            base,
            name=f"{FAMILY}/{name}",
            dim=len(whitening.axes),
            metric="cosine",
            unit=True,
            pooling=f"{base.pooling} whitened".strip(),
            weights_sha256=sha256,
            source=f"{base.name} of {base.source}",
        )

    @property
    def card(self) -> Card:
        """See `Encoder.card`; its weights are the whitening, which names the encoder before it by that one's card."""
        return self._card

    @property
    def running(self) -> Running:
        """What computes the embeddings before they are whitened."""
        return running(self._encoder)

    def encode(self, pixels: Pixels) -> Embeddings:
        """See `Encoder.encode`."""
        return self.whitening.applied(self._encoder.encode(pixels))


def whitened(wish: Wish) -> Whitened:
    """A file that `Whitening.write` wrote: `--model FILE.npz`, or the one of that SHA-256.

    Raises:
        WeightsError: If it is not there, is something else, or the encoder that it was fitted on has changed.
    """
    path = wish.weights
    if path is None and wish.sha256 is not None:
        path = weights.by_sha256(wish.sha256)
    if path is None:
        raise WeightsError(f"the file of {FAMILY}/{wish.layer} is not here: pass it as --model FILE.npz")
    file = weights.given(path)
    whitening = read(file.path)
    load = partial(
        encoders.load_as, device=wish.device, runtime=wish.runtime, precision=wish.precision, threads=wish.threads
    )
    return Whitened(_base(whitening, path, load), whitening, wish.layer or path.stem, file.sha256)


def base_of(card: Card) -> Card:
    """The card of the encoder before a whitening that is kept in a file.

    Raises:
        WeightsError: If the file is not here.
    """
    path = weights.by_sha256(card.weights_sha256)
    if path is None:
        raise WeightsError(f"the file of {card.name} is not here: pass it as --model FILE.npz")
    return read(path).base


def behind(encoder: Encoder, whitening: Whitening) -> Whitened:
    """An encoder with a whitening that was just fitted on its embeddings; named after the encoder.

    Raises:
        WeightsError: If it was fitted on another.
    """
    _check(encoder, whitening, Path("the whitening"))
    return Whitened(encoder, whitening, encoder.card.name, hashlib.sha256(whitening.to_bytes()).hexdigest())


def file_name(card: Card) -> str:
    """What the whitening of a card is called inside a collection; its content is in its name, so none replaces another.

    >>> file_name(Card("whitened/pixels", 64, encoders.load("pixels").card.recipe, weights_sha256="0123456789abcdef" * 4))
    'whitening-0123456789abcdef.npz'
    """
    return f"whitening-{card.weights_sha256[:16]}.npz"


def kept(folder: Path, card: Card, load: Load = encoders.load_as) -> Whitened | None:
    """The encoder of a collection that keeps its whitening itself; None if it is not of that kind, or has lost the file.

    Args:
        folder: Of the collection.
        card: The collection's.
        load: Of the encoder before the whitening.

    Raises:
        StoreDamaged: If the file is not the one that the collection was made with.
        WeightsError: If the encoder before the whitening has changed, or its weights are not here.
    """
    whitening = kept_whitening(folder, card)
    if whitening is None:
        return None
    path = folder / file_name(card)
    return Whitened(_base(whitening, path, load), whitening, card.name.partition("/")[2], card.weights_sha256)


def kept_whitening(folder: Path, card: Card) -> Whitening | None:
    """As `kept`, without the encoder before it."""
    path = folder / file_name(card)
    if card.name.partition("/")[0] != FAMILY or not path.is_file():
        return None
    found = weights.sha256_of(path)
    if found != card.weights_sha256:
        raise StoreDamaged(
            f"{path} has SHA-256 {found[:16]}…, and the embeddings were made with {card.weights_sha256[:16]}…: put the file back from a "
            "backup, or delete the collection's folder and index again"
        )
    return read(path)


def _base(whitening: Whitening, path: Path, load: Load) -> Encoder:
    encoder = load(whitening.base)
    _check(encoder, whitening, path)
    return encoder


def _check(encoder: Encoder, whitening: Whitening, path: Path) -> None:
    base = whitening.base
    if encoder.card.fingerprint != base.fingerprint:
        raise WeightsError(
            f"{path} was fitted on another {base.name} than this one: fit it again with `likewise whiten`"
        )
