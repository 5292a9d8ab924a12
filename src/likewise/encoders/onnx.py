"""Any network in an ONNX file, with its card beside it or inside; no torch. `compact`, the built-in one, is such a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from likewise import images, weights
from likewise.encoders import Wish, described, inside
from likewise.encoders.compiled import CARD, Compiled, adopted, of_card
from likewise.encoders.runtimes import Network, Running, choose, machine, open_network
from likewise.errors import BadArgument, WeightsError
from likewise.types import Card, Embeddings, Pixels

_PROBED_BYTES = 256 << 20  # a larger file would be loaded twice for too long: `likewise compile` checks it
_APART = {"fp32": 1e-3, "bf16": 0.1}  # of the length of an embedding; noise is not what a network was trained on
_DISAGREES = "OpenVINO and ONNX Runtime do not agree"
_BATCH = 64  # pictures in one call of the network: larger ones only take more memory


class Onnx:
    """A network in an ONNX file, run by one of the runtimes.

    Its input is (n, 3, side, side) float32, normalised by the card's recipe; its first output (n, dim).
    """

    def __init__(self, network: Network, card: Card) -> None:
        self._network = network
        self._card = card
        self._batch = batch_of(card.recipe.side, machine.free_bytes())

    @property
    def card(self) -> Card:
        """See `Encoder.card`."""
        return self._card

    @property
    def running(self) -> Running:
        """What computes it."""
        return self._network.running

    def encode(self, pixels: Pixels) -> Embeddings:
        """See `Encoder.encode`; a batch and single images differ by rounding, about 1e-6 (1e-3 at bf16)."""
        card = self._card
        found = np.zeros((len(pixels), card.dim), np.float32)
        for start in range(0, len(pixels), self._batch):
            batch = images.normalise(pixels[start : start + self._batch], card.recipe)
            rows = self._network(batch)
            if rows.shape != (len(batch), card.dim):
                raise WeightsError(f"{card.name} gave {rows.shape}, its card says {card.dim}-d: mend the card")
            if card.unit:
                rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
            found[start : start + len(batch)] = rows
        return found


def batch_of(side: int, free_bytes: int) -> int:
    """How many pictures a network works on at once: a power of two up to 64, the last from which a processor gains anything.

    Args:
        side: Of its input; three maps of 64 channels of that size in float32 are what a large network holds at a time.
        free_bytes: Of which a half may be taken.

    >>> batch_of(32, 1 << 33), batch_of(224, 1 << 33), batch_of(224, 1 << 28), batch_of(224, 0)
    (64, 64, 2, 1)
    """
    each = 3 * 64 * 4 * side * side
    fits = min(max(free_bytes // 2 // each, 1), _BATCH)
    return int(1 << (int(fits).bit_length() - 1))


def compact(wish: Wish) -> Onnx:
    """The built-in network: docs/models/compact.md."""
    if wish.layer or wish.weights is not None:
        raise BadArgument(
            "compact has neither layers nor other weights: pass a file of your own with --model FILE.onnx"
        )
    encoder = _opened(place_of("compact"), "compact", wish)
    if wish.recipe not in (None, encoder.card.recipe.name):
        raise BadArgument(f"compact has one recipe, {encoder.card.recipe.name}: go without --recipe {wish.recipe}")
    return encoder


def place_of(name: str) -> Path:
    """The file of a model that is an ONNX file: `compact`, or a path."""
    return Path(str(files("likewise.encoders") / "compact.onnx")) if name == "compact" else Path(name).expanduser()


def onnx(wish: Wish) -> Onnx:
    """A file of the user's: `--model FILE.onnx`, or the one of that SHA-256 which a collection was made with.

    Raises:
        WeightsError: If there is none, it is no ONNX file, or nothing says how its input is made.
    """
    path = described.wished(wish, "onnx", ".onnx")
    found = adopted(path)
    if found is not None:
        return compiled(found, wish)
    return _opened(path, f"onnx/{wish.layer}" if wish.layer else f"onnx/{path.stem}", wish, remember=True)


def once(path: Path, wish: Wish | None = None) -> Onnx:
    """A file that is only looked at: no collection will ask for it again, so the cache does not keep it.

    Raises:
        WeightsError: As `onnx`.
    """
    return _opened(path, f"onnx/{path.stem}", wish or Wish(runtime="onnx"))


def compiled(found: Compiled, wish: Wish) -> Onnx:
    """A network that was compiled, under the card of its source.

    Raises:
        WeightsError: If its file is gone or damaged.
    """
    taken = _taken(wish, bits=found.origin.bits, bf16_holds=found.bf16_holds)
    return Onnx(open_network(found.checked_file(), taken), found.card)


def _opened(path: Path, name: str, wish: Wish, *, remember: bool = False) -> Onnx:
    inner = inside.metadata(path)
    file = described.remembered(path) if remember else weights.Weights(path, _sha256(path, path.stat().st_mtime_ns))
    card = _card(inner, name, file, path)
    known = of_card(card) if card is not None else None
    taken = _taken(wish, bf16_holds=known is not None and known.bf16_holds)
    if card is None:
        raise described.undescribed(path)
    made = Onnx(open_network(file.path, taken), card)
    return made if known is not None or taken.runtime == "onnx" else _probed(made, file.path, wish)


def _probed(made: Onnx, path: Path, wish: Wish) -> Onnx:
    """A network that nobody has checked yet, run by ONNX Runtime if OpenVINO does not agree with that on a picture of noise.

    A runtime that computes something else is what no error message reports; it has been seen, see `OpenVino`.
    """
    if path.stat().st_size > _PROBED_BYTES:
        return made
    safe = Onnx(open_network(path, replace(made.running, runtime="onnx", precision="fp32", why=_DISAGREES)), made.card)
    side = made.card.recipe.side
    noise = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    (ours,), (theirs,) = made.encode(noise), safe.encode(noise)
    apart = float(np.linalg.norm(ours - theirs)) / max(float(np.linalg.norm(theirs)), 1e-12)
    if apart < _APART[made.running.precision]:
        return made
    if wish.runtime == "auto" and wish.precision == "auto":
        return safe
    raise WeightsError(f"{_DISAGREES} for {path} (they are {apart:.2f} apart): go without --runtime and --precision")


def _taken(wish: Wish, *, bits: int = 0, bf16_holds: bool = False) -> Running:
    return choose(wish.runtime, wish.precision, quantised_bits=bits, bf16_holds=bf16_holds, threads=wish.threads)


def _card(inner: Mapping[str, str], name: str, file: weights.Weights, path: Path) -> Card | None:
    told = described.card_beside(path, file, name)
    if told is not None:
        return told
    if CARD not in inner:
        return None
    return Card.from_json(json.dumps(json.loads(inner[CARD]) | {"name": name, "weights_sha256": file.sha256}))


@lru_cache(maxsize=8)
def _sha256(path: Path, _modified_ns: int) -> str:
    return weights.sha256_of(path)
