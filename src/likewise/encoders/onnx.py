"""Any network in an ONNX file, with its card beside it or inside; no torch. `compact`, the built-in one, is such a file."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from likewise import images, weights
from likewise.encoders import Wish
from likewise.errors import BadArgument, WeightsError
from likewise.types import Card, Embeddings, Pixels

if TYPE_CHECKING:
    import onnxruntime

CARD = "likewise.card"
"""Key of the ONNX file's own metadata under which its card is kept, as `Card.to_json` writes it."""

_RECIPE_FIELDS = ("name", "side", "resize", "shorter", "resample", "mean", "std")
_CARD_FIELDS = ("dim", "metric", "unit", "layer", "pooling", "version", "licence", "source", "paper")
_BATCH = 64  # pictures in one call of the network: larger ones only take more memory


class Onnx:
    """A network run by ONNX Runtime on the processor.

    Its input is (n, 3, side, side) float32, normalised by the card's recipe; its first output (n, dim).
    """

    def __init__(self, session: onnxruntime.InferenceSession, card: Card) -> None:
        self._session = session
        self._card = card
        self._input = session.get_inputs()[0].name

    @property
    def card(self) -> Card:
        """See `Encoder.card`."""
        return self._card

    def encode(self, pixels: Pixels) -> Embeddings:
        """See `Encoder.encode`; a batch and single images differ by rounding, about 1e-6."""
        card = self._card
        found = np.zeros((len(pixels), card.dim), np.float32)
        for start in range(0, len(pixels), _BATCH):
            batch = images.normalise(pixels[start : start + _BATCH], card.recipe)
            rows = cast("Embeddings", self._session.run(None, {self._input: batch})[0])
            if rows.shape != (len(batch), card.dim):
                raise WeightsError(f"{card.name} gave {rows.shape}, its card says {card.dim}-d: mend the card")
            if card.unit:
                rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
            found[start : start + len(batch)] = rows
        return found


def compact(wish: Wish) -> Onnx:
    """The built-in network: docs/models/compact.md."""
    if wish.layer or wish.weights is not None:
        raise BadArgument(
            "compact has neither layers nor other weights: pass a file of your own with --model FILE.onnx"
        )
    place = Path(str(files("likewise.encoders") / "compact.onnx"))
    encoder = _opened(place, "compact")
    if wish.recipe not in (None, encoder.card.recipe.name):
        raise BadArgument(f"compact has one recipe, {encoder.card.recipe.name}: go without --recipe {wish.recipe}")
    return encoder


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
    return _opened(path, f"onnx/{wish.layer}" if wish.layer else f"onnx/{path.stem}", remember=True)


def once(path: Path) -> Onnx:
    """A file that is only looked at: no collection will ask for it again, so the cache does not keep it.

    Raises:
        WeightsError: As `onnx`.
    """
    return _opened(path, f"onnx/{path.stem}")


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


def _opened(path: Path, name: str, *, remember: bool = False) -> Onnx:
    from onnxruntime import InferenceSession, SessionOptions

    file = _remembered(path) if remember else weights.Weights(path, _sha256(path, path.stat().st_mtime_ns))
    options = SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.log_severity_level = 3
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # waiting threads would take time from decoding
    try:
        session = InferenceSession(str(file.path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own kinds, none of them documented
        told = str(error).strip().splitlines()[0][:200]
        raise WeightsError(f"{path} is no network that ONNX Runtime can load ({told}): export it anew") from error
    return Onnx(session, _card(session, name, file, path))


def _remembered(path: Path) -> weights.Weights:
    file = weights.given(path)
    described, kept = path.with_suffix(".toml"), _described(file)
    if described.is_file() and described.resolve() != kept.resolve():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(described.read_bytes())
    return file


def _described(file: weights.Weights) -> Path:
    return weights.cache_folder() / "weights" / "by-sha256" / f"{file.sha256}.toml"


def _card(session: onnxruntime.InferenceSession, name: str, file: weights.Weights, path: Path) -> Card:
    beside = next((each for each in (path.with_suffix(".toml"), _described(file)) if each.is_file()), None)
    if beside is not None:
        try:
            return card_of(tomllib.loads(beside.read_text("utf-8")), name, file.sha256, beside)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise WeightsError(f"{beside} is no TOML: {error}") from error
    inside = session.get_modelmeta().custom_metadata_map.get(CARD)
    if inside is None:
        raise WeightsError(
            f"{path} does not say how its input is made: put a {path.with_suffix('.toml').name} beside it"
        )
    told = json.loads(inside) | {"name": name, "weights_sha256": file.sha256}
    return Card.from_json(json.dumps(told))


@lru_cache(maxsize=8)
def _sha256(path: Path, _modified_ns: int) -> str:
    return weights.sha256_of(path)
