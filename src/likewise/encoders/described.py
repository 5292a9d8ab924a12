"""Cards of networks that are one file: told by a TOML beside it, which the cache keeps with the file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from likewise import images, weights
from likewise.encoders import Wish
from likewise.errors import WeightsError
from likewise.types import Card

_RECIPE_FIELDS = ("name", "side", "resize", "shorter", "resample", "mean", "std")
_CARD_FIELDS = ("dim", "metric", "unit", "layer", "pooling", "version", "licence", "source", "paper")
_RECIPE_DEFAULTS: Mapping[str, object] = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}


def wished(wish: Wish, family: str, ending: str) -> Path:
    """The file that was asked for: by its path, or by the SHA-256 that a collection's card tells.

    Raises:
        WeightsError: If neither leads to one.
    """
    if wish.weights is not None:
        return wish.weights
    path = None if wish.sha256 is None else weights.by_sha256(wish.sha256)
    if path is None and wish.sha256 is not None:
        raise WeightsError(
            f"the file of {family}/{wish.layer} is not here any more: pass it with --weights FILE{ending}"
        )
    if path is None:
        raise WeightsError(f"{family} needs a file: pass it as --model FILE{ending}")
    return path


def remembered(path: Path) -> weights.Weights:
    """The file, kept in the cache with its TOML, so that a collection made with it finds both again."""
    file = weights.given(path)
    described, kept = path.with_suffix(".toml"), _kept(file)
    if described.is_file() and described.resolve() != kept.resolve():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(described.read_bytes())
    return file


def card_beside(path: Path, file: weights.Weights, name: str) -> Card | None:
    """The card of a file by the TOML beside it, or by the one that was beside it when it was first given; None without.

    Raises:
        WeightsError: If the TOML cannot be understood.
    """
    beside = next((each for each in (path.with_suffix(".toml"), _kept(file)) if each.is_file()), None)
    if beside is None:
        return None
    try:
        return card_of(tomllib.loads(beside.read_text("utf-8")), name, file.sha256, beside)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{beside} is no TOML: {error}") from error


def undescribed(path: Path) -> WeightsError:
    """What to raise where nothing says how the input is made."""
    return WeightsError(
        f"{path} does not say how its input is made: put a {path.with_suffix('.toml').name} beside it (docs/encoders.md has one)"
    )


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
        sha256: Of the network's file.
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


def _kept(file: weights.Weights) -> Path:
    return weights.cache_folder() / "weights" / "by-sha256" / f"{file.sha256}.toml"
