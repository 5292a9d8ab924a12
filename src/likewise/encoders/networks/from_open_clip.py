"""CLIP and its like of open_clip, with the weights and the preprocessing of its `pretrained` table; texts too."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from likewise.encoders import Wish
from likewise.encoders.naming import Name
from likewise.encoders.networks.hub import on_hub
from likewise.encoders.networks.loading import file_of, fill, refuse_shapes, size_of, state_of
from likewise.encoders.networks.network import PUBLISHED, Network, Tap, TextTower, built, recipe_of
from likewise.encoders.networks.papers import paper_of
from likewise.errors import BadArgument, MissingExtra, UnknownName
from likewise.types import Recipe

_WHOLE_FILE = "open_clip_pytorch_model.bin"  # what a repository has that names no file
_LICENCES = {  # how the name of a repository, or of a tag, begins → what its page states
    "openai": "MIT",
    "laion": "MIT",
    "metaclip": "CC-BY-NC-4.0",
    "webli": "Apache-2.0",
    "datacomp": "MIT",
    "commonpool": "MIT",
}


def load(name: Name, wish: Wish, *, scaled: bool = False) -> Network:  # noqa: ARG001 - the families have one signature
    """A network by name and tag, such as `ViT-B-32` and `datacomp_xl_s13b_b90k`; layers are those of its image tower.

    Raises:
        MissingExtra: If open_clip is not installed.
        UnknownName: If it has no such network, or no weights of that tag.
        BadArgument: If a part of it would be fetched by another library.
        WeightsError: If the file holds another network.
    """
    open_clip = _open_clip()
    told, config = _told(open_clip, name)
    model = built(lambda: _empty(open_clip, name, told))
    recipe = recipe_of(wish.recipe, _recipe(told, cast("Any", model).visual.image_size, name))
    repository, _, file_name = told["hf_hub"].rpartition("/")
    published = on_hub(repository, file_name or _WHOLE_FILE, size_of(model), _licence(name.tag, repository))
    file = file_of(wish, published)
    what = f"{name.network} of open_clip"
    fill(model, _converted(model, state_of(file.path), file.path, what), file.path, what)
    module = cast("nn.Module", model.visual)
    return Network(
        name=Name("open_clip", name.network, name.tag),
        module=module,
        recipe=recipe,
        own=Tap(),
        weights_sha256=file.sha256,
        licence=published[0].licence,
        source=published[0].source if wish.weights is None else wish.weights.name,
        paper=paper_of(name.network, name.tag) or "arXiv:2103.00020",
        size_bytes=file.path.stat().st_size,
        text=_texts(open_clip, model, name.network, config),
    )


def _open_clip() -> Any:
    try:
        import open_clip
    except (ImportError, RuntimeError) as error:
        raise MissingExtra(f"this network needs open_clip ({error}): pip install 'likewise[torch]'") from error
    return open_clip


def _told(open_clip: Any, name: Name) -> tuple[Any, Any]:
    """What open_clip's table says of the weights, and its configuration of the network."""
    config = open_clip.get_model_config(name.network)
    if config is None:
        near = difflib.get_close_matches(name.network, open_clip.list_models(), n=3) or ["ViT-B-32"]
        raise UnknownName(f"open_clip has no network {name.network!r}: did you mean {', '.join(near)}?")
    told = open_clip.get_pretrained_cfg(name.network, name.tag)
    if not told:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name.network)) or "none are published"
        raise UnknownName(f"open_clip/{name.network} wants weights behind it, as open_clip/{name.network}/TAG: {tags}")
    if "hf_model_name" in config["text_cfg"]:
        raise BadArgument(
            f"{name}: the transformers library would fetch its text tower by itself: take a network of open_clip's own, as ViT-B-32"
        )
    return told, config


def _empty(open_clip: Any, name: Name, told: Any) -> nn.Module:
    quick = told.get("quick_gelu", False)  # weights of OpenAI's activation in a network of another would be wrong
    with _quiet():
        model = open_clip.create_model(name.network, load_weights=False, pretrained_text=False, force_quick_gelu=quick)
    return cast("nn.Module", model)


@contextmanager
def _quiet() -> Iterator[None]:
    """While nobody listens to the program's log, open_clip would set it up, and warn there that a network is empty yet."""
    nobody = logging.NullHandler()
    logging.getLogger().addHandler(nobody)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(nobody)


def _recipe(told: Any, size: Any, name: Name) -> Recipe:
    height, width = size if isinstance(size, tuple | list) else (size, size)
    if height != width or told["resize_mode"] not in ("shortest", "squash"):
        raise BadArgument(f"{name} takes {width} × {height} pictures by {told['resize_mode']}, which no recipe makes")
    crop = told["resize_mode"] == "shortest"
    return Recipe(
        PUBLISHED,
        height,
        "crop" if crop else "squash",
        shorter=height if crop else 0,
        resample=told["interpolation"],
        mean=tuple(told["mean"]),
        std=tuple(told["std"]),
    )


def _licence(tag: str, repository: str) -> str:
    known = next((licence for start, licence in _LICENCES.items() if tag.startswith(start)), "")
    return known or f"as stated at https://huggingface.co/{repository}"


def _converted(model: nn.Module, state: dict[str, Tensor], path: Path, what: str) -> dict[str, Tensor]:
    """Layouts of other programs in open_clip's own, by its own functions."""
    from open_clip.convert import convert_state_dict
    from open_clip.model import convert_to_custom_text_state_dict

    state = {name: value for name, value in state.items() if not name.endswith("position_ids")}
    if "logit_scale" in state:  # a number, or a row of one
        state["logit_scale"] = state["logit_scale"].reshape(cast("Tensor", model.logit_scale).shape)
    if state.keys() == model.state_dict().keys():
        return state
    refuse_shapes(model, state, path, what)
    try:
        state = convert_state_dict(model, state)
        if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
            state = convert_to_custom_text_state_dict(state)
    except Exception:  # it was written for files that are right; `fill` says what is wrong with this one
        return state
    return state


def _texts(open_clip: Any, model: nn.Module, network: str, config: Any) -> TextTower | None:
    """None where another library would have to fetch the tokenizer: there is no searching by words then."""
    if "hf_tokenizer_name" in config["text_cfg"] or "siglip" in network.lower():
        return None
    known: list[Any] = []

    def embedded(texts: Sequence[str]) -> Tensor:
        if not known:
            with _quiet():
                known.append(open_clip.get_tokenizer(network))
        tokens = known[0](list(texts)).to(next(model.parameters()).device)
        with torch.inference_mode():
            return cast("Tensor", cast("Any", model).encode_text(tokens, normalize=True))

    return embedded
