"""Networks that `likewise compile` made, kept in the cache: found again by the card of what they compute, and run without torch.

In `compiled/` of the cache there is `FINGERPRINT.onnx`, the network, and `FINGERPRINT.json`, which says what it is and what the
checks found. A network that is an ONNX file already has only the second.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from likewise import weights
from likewise.encoders import Wish, inside
from likewise.encoders.fidelity import Fidelity
from likewise.errors import WeightsError
from likewise.types import Card

CARD = "likewise.card"
"""Key of an ONNX file's own metadata under which its card is kept, as `Card.to_json` writes it."""

COMPILED = "likewise.compiled"
"""Key under which a compiled network says that the card is its source's, and must be taken as it is."""

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """How the source was asked for; the same wish finds the compiled network.

    Attributes:
        name: As it was typed.
        default_recipe: Whether no recipe was named.
        published: Whether no file of weights was named.
        texts: Whether the model embeds texts too, which stays with torch.
        bits: Of the weights of an int8 network; 0 for one in floating point.
    """

    name: str
    default_recipe: bool
    published: bool
    texts: bool = False
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """One runtime and precision, compared with the source on real pictures."""

    runtime: str
    precision: str
    fidelity: Fidelity
    holds: bool


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled network, and what is known of it.

    Attributes:
        card: Of its embeddings, and of the source's unless it is int8.
        origin: How the source was asked for.
        sha256: Of the network's file; empty where the source is an ONNX file and needs no other.
        checks: What was found.
    """

    card: Card
    origin: Origin
    sha256: str = ""
    checks: tuple[Check, ...] = ()

    @property
    def path(self) -> Path:
        """Of the network."""
        return folder() / f"{self.card.fingerprint}.onnx"

    @property
    def bf16_holds(self) -> bool:
        """Whether bf16 was found within its bound."""
        return any(each.precision == "bf16" and each.holds for each in self.checks)

    @property
    def is_whole(self) -> bool:
        """Whether the file is there, and as it was written."""
        return bool(self.sha256) and self.path.is_file() and weights.sha256_of(self.path) == self.sha256

    def keep(self) -> None:
        """Write what is known of it; whole or not at all."""
        target = folder() / f"{self.card.fingerprint}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        told = asdict(self) | {"format": FORMAT, "card": json.loads(self.card.to_json())}
        draft = target.with_suffix(f".{os.getpid()}.part")
        try:
            draft.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def checked_file(self) -> Path:
        """The network's file, whole.

        Raises:
            WeightsError: If it is gone or damaged.
        """
        if not self.is_whole:
            raise WeightsError(
                f"{self.path} is gone or damaged: make it again with `likewise compile {self.card.name}`, or pass --runtime torch"
            )
        return self.path


def folder() -> Path:
    """Where they are kept."""
    return weights.cache_folder() / "compiled"


def of_card(card: Card) -> Compiled | None:
    """What is known of the network of exactly this card."""
    return _read(folder() / f"{card.fingerprint}.json")


def of_wish(name: str, wish: Wish) -> Compiled | None:
    """The compiled network that a wish means, or None; of several int8 ones the newest.

    Raises:
        WeightsError: If one was named by its file, or is needed by a collection, and is something else or not there.
    """
    int8 = bool(wish.quantised) or wish.precision == "int8"
    if wish.weights is not None and wish.weights.suffix == ".onnx":
        there = adopted(wish.weights, "" if name.startswith("onnx/") else name)
        if there is not None or not int8:
            return there
    given = weights.sha256_of(wish.weights) if wish.weights is not None and wish.weights.is_file() else wish.sha256
    for found in _all():
        origin, card = found.origin, found.card
        if (
            found.sha256
            and name in (origin.name, card.name)
            and bool(card.quantised) == int8
            and (not wish.quantised or card.quantised == wish.quantised)
            and (origin.default_recipe if wish.recipe is None else card.recipe.name == wish.recipe)
            and (origin.published if given is None else card.weights_sha256 == given)
        ):
            return found
    return None


def adopted(path: Path, name: str = "") -> Compiled | None:
    """A compiled network in a file that came from elsewhere: taken into the cache. None if the file is no compiled network.

    Args:
        path: Of the file.
        name: Of the model that it must be; any if empty.

    Raises:
        WeightsError: If it cannot be read or kept, or is another model.
    """
    told = inside.metadata(path)
    if COMPILED not in told:
        return None
    try:
        sha256 = weights.sha256_of(path)
        origin, card = Origin(**json.loads(told[COMPILED])), Card.from_json(told[CARD])
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise WeightsError(f"{path} cannot be read as a compiled network ({error}): compile it again") from error
    card = replace(card, quantised=sha256) if origin.bits else card
    if name not in ("", origin.name, card.name):
        raise WeightsError(f"{path} is {card.name}, not {name}: pass the file of {name}")
    known = of_card(card)
    if known is not None and known.sha256 == sha256 and known.path.is_file():
        return known
    made = Compiled(card, origin, sha256)
    try:
        weights.copied(path, made.path)
        made.keep()
    except OSError as error:
        raise WeightsError(f"{made.path}: {error.strerror}: make room there, or allow it to be written") from error
    return made


def _all() -> Iterator[Compiled]:
    """All that are kept, the newest first."""
    files = sorted(folder().glob("*.json"), key=lambda path: (-path.stat().st_mtime_ns, path.name))
    for path in files:
        found = _read(path)
        if found is not None:
            yield found


def _read(path: Path) -> Compiled | None:
    """What is kept in a file; None if nothing is, or nothing that this version knows."""
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if told["format"] != FORMAT:
            return None
        checks = tuple(Check(**{**each, "fidelity": Fidelity(**each["fidelity"])}) for each in told["checks"])
        return Compiled(Card.from_json(json.dumps(told["card"])), Origin(**told["origin"]), told["sha256"], checks)
    except (OSError, ValueError, KeyError, TypeError):
        return None
