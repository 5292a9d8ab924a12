"""A network of torch as an ONNX file with its card inside: what `likewise train` and `likewise compile` write."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn

from likewise import images
from likewise.encoders import Encoder
from likewise.encoders import onnx as encoding
from likewise.encoders.compiled import CARD
from likewise.encoders.runtimes import Module
from likewise.errors import BadArgument, MissingExtra, WeightsError
from likewise.types import Card, Embeddings, Pixels, Recipe

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

Kept: TypeAlias = Literal["float32", "float16", "int8"]

_LEAST_COSINE = {"float32": 0.99999, "float16": 0.9999, "int8": 0.99}
_SMALL = 1024  # tensors with fewer values stay float32: nothing is won, and biases are delicate
_LARGEST = (1 << 31) - 1  # bytes that one message of Protocol Buffers can have


def export(network: nn.Module, card: Card, path: Path, check: Pixels, kept: Kept = "float32") -> float:
    """Write a network; the file appears whole or not at all.

    Args:
        network: Normalised pixels (n, 3, side, side) → unit embeddings (n, dim), on the processor.
        card: Its card without the SHA-256, which the file cannot hold of itself.
        path: Ends in .onnx.
        check: Pixels by the card's recipe; their embeddings must agree.
        kept: How weights lie in the file: half floats, or bytes with one scale for each output channel, which the runtime
            turns into float32 when it loads them. Arithmetic is float32 always.

    Returns:
        The smallest cosine between an embedding of the network and of the file.

    Raises:
        WeightsError: If they do not agree; nothing is written then.
        MissingExtra: If onnx or onnxscript are not installed.
    """
    _demand_onnx()
    import onnx

    # folded, the normalisation would be melted into the filters, and the weights could not be trained on
    model = _exported(network.eval(), card.recipe, folded=False)
    _describe(model, {CARD: replace(card, weights_sha256="").to_json()})
    _set_weights(model, kept)
    onnx.checker.check_model(model)
    part = path.with_name(path.stem + ".part.onnx")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        part.write_bytes(model.SerializeToString())
        theirs = encoding.once(part).encode(check)
        ours = embedded(network, check, card.recipe)
        cosine = float(np.min(np.sum(theirs * ours, axis=1)))
        if cosine < _LEAST_COSINE[kept]:
            raise WeightsError(f"the exported network differs (cosine {cosine:.5f}): export with weights in float32")
        os.replace(part, path)  # noqa: PTH105 - over an older one, also on Windows
    finally:
        part.unlink(missing_ok=True)
    return cosine


def state_of(path: Path) -> dict[str, Tensor]:
    """The weights of a file that `export` wrote, name → tensor in float32: the network can be trained on.

    Raises:
        WeightsError: If it is no such file.
    """
    import onnx

    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # protobuf has its own kinds
        raise WeightsError(f"{path} is no ONNX file ({error})") from error
    tensors = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    state = {}
    for name, values in tensors.items():
        if name.endswith((_BYTES, _SCALE, _HALF)):
            continue
        state[name] = torch.from_numpy(values.astype(np.float32))
    for name, values in tensors.items():
        if name.endswith(_HALF):
            state[name.removesuffix(_HALF)] = torch.from_numpy(values.astype(np.float32))
        elif name.endswith(_BYTES):
            scale = tensors[name.removesuffix(_BYTES) + _SCALE]
            state[name.removesuffix(_BYTES)] = torch.from_numpy(values.astype(np.float32) * scale)
    return state


_BYTES, _SCALE, _HALF = ".int8", ".scale", ".float16"


def write_encoder(encoder: Encoder, path: Path, notes: Mapping[str, str]) -> None:
    """As `write`, for an encoder that is a network of torch.

    Raises:
        BadArgument: If it is none.
    """
    module = encoder.module if isinstance(encoder, Module) else None
    if not isinstance(module, nn.Module):
        raise BadArgument(f"{encoder.card.name} gives no module that could be exported: run it by torch")
    write(module.cpu(), encoder.card.recipe, path, notes)


def write(network: nn.Module, recipe: Recipe, path: Path, notes: Mapping[str, str]) -> None:
    """Write a network to be run and not trained on: what is exact to fold is folded, weights are float32.

    Args:
        network: Normalised pixels (n, 3, side, side) → embeddings (n, dim), on the processor.
        recipe: Of its pixels.
        path: Where the file appears, whole or not at all.
        notes: What the file is to say of itself.

    Raises:
        MissingExtra: If onnx or onnxscript are not installed.
        WeightsError: If the network cannot be exported, or is too large for one file.
        OSError: If the file cannot be written.
    """
    _demand_onnx()
    model = _exported(network.eval(), recipe, folded=True)
    _describe(model, notes)
    if model.ByteSize() > _LARGEST:
        raise WeightsError(
            f"the network has {model.ByteSize() / 1e9:.1f} GB, and an ONNX file holds 2.1: run it by torch"
        )
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(model.SerializeToString())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def embedded(network: nn.Module, pixels: Pixels, recipe: Recipe) -> Embeddings:
    """(n, dim) of a network on the processor, in batches of 16."""
    with torch.inference_mode():
        parts = [
            network(torch.from_numpy(images.normalise(pixels[start : start + 16], recipe))).float().numpy()
            for start in range(0, len(pixels), 16)
        ]
    return cast("Embeddings", np.concatenate(parts))


def _demand_onnx() -> None:
    try:
        import onnx  # noqa: F401 - torch.onnx uses both
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"export needs onnx and onnxscript ({error}): pip install 'likewise[torch]'") from error


def _exported(network: nn.Module, recipe: Recipe, *, folded: bool) -> ModelProto:
    """The network as an ONNX graph without a word about the machine that made it."""
    example = torch.zeros(2, 3, recipe.side, recipe.side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own parts warn each other of what they will no longer do
        try:
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                input_names=["pixels"],
                output_names=["embeddings"],
                dynamic_shapes=({0: torch.export.Dim("images")},),
                optimize=folded,
                verbose=False,
            )
        except Exception as error:  # torch.export and its kin have many kinds
            told = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
            raise WeightsError(f"torch cannot export this network ({told}): run it by torch") from error
    if program is None:  # pragma: no cover - only the older exporter returns nothing
        raise WeightsError("this version of torch cannot export: take a newer one")
    model = program.model_proto
    model.producer_name, model.doc_string = "likewise", ""
    for node in model.graph.node:
        del node.metadata_props[:]  # paths of the machine that exported
        node.doc_string = ""
    return model


def _describe(model: ModelProto, notes: Mapping[str, str]) -> None:
    del model.metadata_props[:]
    for key, value in notes.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


def _set_weights(model: ModelProto, kept: Kept) -> None:
    """Replace large float32 tensors by smaller ones and the operations that give them back."""
    from onnx import TensorProto

    if kept == "float32":
        return
    large = [each for each in model.graph.initializer if _is_large(each)]
    nodes = [node for each in large for node in _shrunk(model, each, kept)]
    names = {each.name for each in large}
    left = [each for each in model.graph.initializer if each.name not in names]
    del model.graph.initializer[:]
    model.graph.initializer.extend(left)
    described = [each for each in model.graph.value_info if each.name not in names]
    del model.graph.value_info[:]
    model.graph.value_info.extend(described)
    old = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *old])
    assert all(each.data_type != TensorProto.FLOAT or not _is_large(each) for each in left)  # noqa: S101


def _is_large(tensor: TensorProto) -> bool:
    from onnx import TensorProto

    return tensor.data_type == TensorProto.FLOAT and len(tensor.dims) >= 2 and int(np.prod(tensor.dims)) >= _SMALL


def _shrunk(model: ModelProto, tensor: TensorProto, kept: Kept) -> Iterable[object]:
    from onnx import TensorProto, helper, numpy_helper

    values = numpy_helper.to_array(tensor)
    name = tensor.name
    if kept == "float16":
        model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), name + _HALF))
        return [helper.make_node("Cast", [name + _HALF], [name], to=TensorProto.FLOAT)]
    others = tuple(range(1, values.ndim))
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True), 1e-12).astype(np.float32) / np.float32(127)
    small = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    model.graph.initializer.append(numpy_helper.from_array(small, name + _BYTES))
    model.graph.initializer.append(numpy_helper.from_array(scale, name + _SCALE))
    wide = name + ".wide"
    return [
        helper.make_node("Cast", [name + _BYTES], [wide], to=TensorProto.FLOAT),
        helper.make_node("Mul", [wide, name + _SCALE], [name]),
    ]
