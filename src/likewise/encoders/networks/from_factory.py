"""A network that the user's own code makes: `package.module:factory`, called without arguments."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from torch import nn

from likewise import weights
from likewise.encoders import Wish
from likewise.encoders.naming import Name
from likewise.encoders.networks.loading import fill, sha256_of, size_of, state_of
from likewise.encoders.networks.network import RECIPES, Network, Tap, built, recipe_of
from likewise.errors import BadArgument, UnknownName, WeightsError
from likewise.types import Recipe

_RUN_BEFORE = "factories.txt"
"""In the cache: names that this user has typed. A collection from elsewhere cannot have code run that its reader never named."""


def load(name: Name, wish: Wish, *, scaled: bool = False) -> Network:  # noqa: ARG001 - the families have one signature
    """What the factory returns: a network, or a network and its `Recipe`; by the recipe `imagenet` where it says none.

    With `--weights` its tensors are replaced, strictly.

    Raises:
        UnknownName: If there is no such module, or nothing to call in it.
        BadArgument: If it returns something else, or only a collection's card, and never the user, asked for it.
        WeightsError: If the file of weights is another network's.
    """
    _check_trust(name.network, wish)
    module, recipe = _made(name.network)
    path = wish.weights
    if path is None and wish.sha256 is not None:
        path = weights.by_sha256(wish.sha256)
    if path is not None:
        file = weights.given(path)
        fill(module, state_of(file.path), file.path, f"network of {name.network}")
    return Network(
        name=name.trunk,
        module=module,
        recipe=recipe_of(wish.recipe, recipe),
        own=Tap(),
        weights_sha256=sha256_of(module) if path is None else file.sha256,
        licence="not stated",
        source=name.network if path is None else path.name,
        size_bytes=size_of(module),
    )


def _made(name: str) -> tuple[nn.Module, Recipe]:
    module, _, attribute = name.partition(":")
    try:
        factory = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownName(f"{name} cannot be imported ({error}): it must be on Python's path (PYTHONPATH)") from error
    if not callable(factory):
        raise UnknownName(
            f"{name} is a {type(factory).__name__}: name something to call that returns a torch.nn.Module"
        )
    found: list[object] = []
    built(lambda: _kept(cast("Callable[[], object]", factory), found))
    made = found[0] if isinstance(found[0], tuple) else (found[0], RECIPES["imagenet"])
    if len(made) != 2 or not isinstance(made[0], nn.Module) or not isinstance(made[1], Recipe):
        raise BadArgument(
            f"{name} returned a {type(found[0]).__name__}: return a torch.nn.Module, or (module, likewise Recipe)"
        )
    return made[0], made[1]


def _kept(factory: Callable[[], object], found: list[object]) -> nn.Module:
    found.append(factory())
    return nn.Identity()


def _check_trust(name: str, wish: Wish) -> None:
    """A name that the user typed is noted; one that a card tells must have been typed before."""
    place = weights.cache_folder() / _RUN_BEFORE
    known = _names(place)
    if name in known:
        return
    if wish.of_card:
        raise BadArgument(
            f"this collection was made with {name}, code that was never named on this machine: if you trust it, "
            f"run `likewise index` with --model {name} once"
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("\n".join([*known, name]) + "\n", "utf-8")
    except OSError as error:
        raise WeightsError(f"{place}: {error.strerror}: allow it to be written") from error


def _names(place: Path) -> list[str]:
    return place.read_text("utf-8").split() if place.is_file() else []
