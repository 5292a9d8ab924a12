"""Any network in an ONNX file, with its card beside it or inside; no torch. `compact`, the built-in one, is such a file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from likewise import images, weights
from likewise.encoders import Wish, inside
from likewise.encoders.compiled import CARD, Compiled, adopted, of_card
from likewise.encoders.runtimes import Network, Running, choose, machine, open_network
from likewise.errors import BadArgument, WeightsError
from likewise.types import Card, Embeddings, Pixels

_RECIPE_FIELDS = ("name", "side", "resize", "shorter", "resample", "mean", "std")
_CARD_FIELDS = ("dim", "metric", "unit", "layer", "pooling", "version", "licence", "source", "paper")
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
    path = wish.weights
    if path is None and wish.sha256 is not None:
        path = weights.by_sha256(wish.sha256)
        if path is None:
            raise WeightsError(f"the file of onnx/{wish.layer} is not here any more: pass it with --weights FILE.onnx")
    if path is None:
        raise WeightsError("onnx needs a file: pass it as --model FILE.onnx")
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


def card_of(table: Mapping[str, object], name: str, sha256: str, place: Path) -> Card:
    """The card that a TOML file describes.

    Example of such a file, beside `birds.onnx` as `birds.toml`::

        dim = 384
        licence = "CC-BY-4.0"
        [recipe]
        side = 224
        resize = "crop"
        shorter = 256
        resample = "bicubic"
        mean = [0.485, 0.456, 0.406]
        std = [0.229, 0.224, 0.225]

    Args:
        table: Parsed.
        name: Of the encoder.
        sha256: Of the ONNX file.
        place: The TOML file, for the message.

    Raises:
        WeightsError: If a field is unknown, missing or of another type.
    """
    recipe = table.get("recipe")
    if not isinstance(recipe, dict) or "side" not in recipe or "dim" not in table:
        raise WeightsError(f"{place}: wants dim = … and a [recipe] with side = …; see docs/encoders.md for an example")
    unknown = sorted({*table} - {*_CARD_FIELDS, "recipe"}) + sorted({*recipe} - {*_RECIPE_FIELDS})
    if unknown:
        known = ", ".join((*_CARD_FIELDS, *_RECIPE_FIELDS))
        raise WeightsError(f"{place}: knows no field {', '.join(unknown)}: take {known}")
    told = {"name": name, "weights_sha256": sha256, **{key: table[key] for key in _CARD_FIELDS if key in table}}
    try:
        made = Card.from_json(json.dumps(told | {"recipe": {**_RECIPE_DEFAULTS, "name": name, **recipe}}))
        images.normalise(np.zeros((0, made.recipe.side, made.recipe.side, 3), np.uint8), made.recipe)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{place}: {error}") from error
    return made


_RECIPE_DEFAULTS: Mapping[str, object] = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}


def compiled(found: Compiled, wish: Wish) -> Onnx:
    """A network that was compiled, under the card of its source.

    Raises:
        WeightsError: If its file is gone or damaged.
    """
    taken = _taken(wish, bits=found.origin.bits, bf16_holds=found.bf16_holds)
    return Onnx(open_network(found.checked_file(), taken), found.card)


def _opened(path: Path, name: str, wish: Wish, *, remember: bool = False) -> Onnx:
    inner = inside.metadata(path)
    file = _remembered(path) if remember else weights.Weights(path, _sha256(path, path.stat().st_mtime_ns))
    card = _card(inner, name, file, path)
    known = of_card(card) if card is not None else None
    taken = _taken(wish, bf16_holds=known is not None and known.bf16_holds)
    if card is None:
        raise WeightsError(
            f"{path} does not say how its input is made: put a {path.with_suffix('.toml').name} beside it"
        )
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


def _remembered(path: Path) -> weights.Weights:
    file = weights.given(path)
    described, kept = path.with_suffix(".toml"), _described(file)
    if described.is_file() and described.resolve() != kept.resolve():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(described.read_bytes())
    return file


def _described(file: weights.Weights) -> Path:
    return weights.cache_folder() / "weights" / "by-sha256" / f"{file.sha256}.toml"


def _card(inner: Mapping[str, str], name: str, file: weights.Weights, path: Path) -> Card | None:
    beside = next((each for each in (path.with_suffix(".toml"), _described(file)) if each.is_file()), None)
    if beside is not None:
        try:
            return card_of(tomllib.loads(beside.read_text("utf-8")), name, file.sha256, beside)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise WeightsError(f"{beside} is no TOML: {error}") from error
    if CARD not in inner:
        return None
    return Card.from_json(json.dumps(json.loads(inner[CARD]) | {"name": name, "weights_sha256": file.sha256}))


@lru_cache(maxsize=8)
def _sha256(path: Path, _modified_ns: int) -> str:
    return weights.sha256_of(path)
