"""Any network of timm, with the weights, the preprocessing and the licence of its `pretrained_cfg`."""

from __future__ import annotations

import difflib
import math
import sys
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from likewise import weights
from likewise.encoders import Wish
from likewise.encoders.naming import Name
from likewise.encoders.networks.hub import on_hub
from likewise.encoders.networks.loading import file_of, fill, refuse_shapes, size_of, state_of
from likewise.encoders.networks.network import PUBLISHED, Network, Tap, built, recipe_of
from likewise.encoders.networks.papers import paper_of
from likewise.errors import BadArgument, MissingExtra, UnknownName
from likewise.types import Recipe

_RESAMPLINGS = ("bilinear", "bicubic", "lanczos")


def load(name: Name, wish: Wish, *, scaled: bool = False) -> Network:  # noqa: ARG001 - the families have one signature
    """A network by name, such as `vit_small_patch14_dinov2` with the tag `lvd142m`.

    Its own embedding is what timm calls pooled features: the network without its classifier.

    Raises:
        MissingExtra: If timm is not installed.
        UnknownName: If timm has no such network, or no weights of that tag.
        BadArgument: If its input is none that a `Recipe` can make.
        WeightsError: If the file holds another network.
    """
    timm = _timm()
    config = _config(timm, name)
    published_recipe = _recipe(config, name)
    recipe = recipe_of(wish.recipe, published_recipe)
    module = built(lambda: _empty(timm, config, recipe, published_recipe))
    published = _published(config, size_of(module))
    file = file_of(wish, published)
    what = f"{config.architecture} of timm"
    state = _converted(module, _without_background(state_of(file.path), config), file.path, what)
    fill(module, state, file.path, what)
    cast("Any", module).reset_classifier(0)
    return Network(
        name=Name("timm", config.architecture, config.tag or ""),
        module=module,
        recipe=recipe,
        own=Tap(),
        weights_sha256=file.sha256,
        licence=config.license or "not stated",
        source=published[0].source if wish.weights is None else wish.weights.name,
        paper=_paper(config),
        size_bytes=file.path.stat().st_size,
    )


def _timm() -> Any:
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        raise MissingExtra(f"this network needs timm ({error}): pip install 'likewise[torch]'") from error
    return timm


def _config(timm: Any, name: Name) -> Any:
    if not timm.is_model(name.network):
        near = difflib.get_close_matches(name.network, timm.list_models(), n=3) or ["vit_small_patch14_dinov2"]
        raise UnknownName(f"timm has no network {name.network!r}: did you mean {', '.join(near)}?")
    tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{name.network}.*")]
    tags += [] if tags or name.network not in timm.list_pretrained(name.network) else [""]
    if not tags:
        raise UnknownName(f"timm has no weights for {name.network}: see timm.list_pretrained()")
    if name.tag and name.tag not in tags:
        raise UnknownName(f"{name.network} has no weights {name.tag!r}: take {', '.join(tags)}")
    return timm.get_pretrained_cfg(f"{name.network}.{name.tag}" if name.tag else name.network)


def _recipe(config: Any, name: Name) -> Recipe:
    """The evaluation transform of timm in our words."""
    channels, height, width = config.input_size
    if channels != 3 or height != width:
        raise BadArgument(
            f"{name} takes {width} × {height} pictures of {channels} channels: only square ones of 3 can be made"
        )
    scaled = math.floor(height / config.crop_pct)
    if config.crop_mode not in ("center", "squash") or config.interpolation not in _RESAMPLINGS or scaled < height:
        raise BadArgument(
            f"{name} resizes by {config.crop_mode} to {scaled} ({config.interpolation}) for {width} pixels, which no recipe does yet: "
            "take another network"
        )
    squash = config.crop_mode == "squash"
    return Recipe(
        PUBLISHED,
        height,
        "squash" if squash else "crop",
        shorter=0 if squash and scaled == height else scaled,
        resample=config.interpolation,
        mean=tuple(config.mean),
        std=tuple(config.std),
    )


def _empty(timm: Any, config: Any, recipe: Recipe, published: Recipe) -> nn.Module:
    name = f"{config.architecture}.{config.tag}" if config.tag else config.architecture
    wanted = {"dynamic_img_size": True} if config.fixed_input_size and recipe.side != published.side else {}
    try:
        return cast("nn.Module", timm.create_model(name, pretrained=False, **wanted))
    except TypeError as error:
        raise BadArgument(
            f"{name} takes {published.side} × {published.side} pictures only: go without --recipe {recipe.name}"
        ) from error


def _published(config: Any, size_bytes: int) -> list[weights.Published]:
    licence = config.license or "not stated"
    if config.hf_hub_id:
        return on_hub(config.hf_hub_id, config.hf_hub_filename or "model.safetensors", size_bytes, licence)
    file_name = config.url.rsplit("/", 1)[-1]
    digits = file_name.rpartition("-")[2].partition(".")[0]
    if config.custom_load or len(digits) < 8 or set(digits) - set("0123456789abcdef"):
        raise BadArgument(
            f"timm tells no SHA-256 of {config.url}: it is not fetched, as nothing would say that it is whole"
        )
    return [weights.Published(config.url, file_name, f"sha256:{digits}", size_bytes, licence, f"timm, {config.url}")]


def _converted(module: nn.Module, state: dict[str, Tensor], path: Path, what: str) -> dict[str, Tensor]:
    """A table in the layout of the network's first authors, in timm's own, by timm's own function."""
    if state.keys() == module.state_dict().keys():
        return state
    refuse_shapes(module, state, path, what)
    convert = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        converted: dict[str, Tensor] = convert(dict(state), module)
    except Exception:  # it was written for files that are right; `fill` says what is wrong with this one
        return state
    return converted


def _without_background(state: dict[str, Tensor], config: Any) -> dict[str, Tensor]:
    """Some published files have one class more, the background, before the others."""
    names = (config.classifier,) if isinstance(config.classifier, str) else tuple(config.classifier or ())
    if not config.label_offset:
        return state
    cut = {f"{name}.{kind}" for name in names for kind in ("weight", "bias")}
    return {name: value[config.label_offset :] if name in cut else value for name, value in state.items()}


def _paper(config: Any) -> str:
    papers = (
        config.paper_ids
        or paper_of(config.architecture, config.tag or "")
        or config.paper_name
        or config.origin_url
        or ""
    )
    return papers if isinstance(papers, str) else ", ".join(papers)
