"""The first convolution of a bf16 network is split so that rounding takes nothing from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from likewise import images
from likewise.encoders import onnx as family
from likewise.encoders import runtimes
from likewise.encoders.fidelity import compared
from likewise.encoders.runtimes import Running, first_layer, open_network
from likewise.types import Recipe

pytestmark = pytest.mark.skipif(not runtimes.is_installed("openvino"), reason="openvino is not installed")

COMPACT = family.place_of("compact")


def photographs(count: int) -> np.ndarray:
    """Smooth pictures with a few edges, as photographs are: what makes rounded edge filters go wrong."""
    random = np.random.default_rng(5)
    coarse = images.normalise(
        random.integers(0, 256, (count, 4, 4, 3), np.uint8), Recipe("plain", 4, mean=(0.5,) * 3, std=(0.25,) * 3)
    )
    at = np.linspace(0, 3, 32)
    low = np.clip(at.astype(int), 0, 2)
    weight = (at - low).astype(np.float32)
    rows = coarse[:, :, low] * (1 - weight)[:, None] + coarse[:, :, low + 1] * weight[:, None]
    smooth = rows[..., low] * (1 - weight) + rows[..., low + 1] * weight
    smooth[:, :, 10:20, 8:24] += random.normal(size=(count, 3, 1, 1)).astype(np.float32)
    return np.ascontiguousarray(smooth, np.float32)


@given(arrays(np.float32, (2, 3), elements=st.floats(-1e6, 1e6, width=32)))
def test_the_parts_add_up_and_bf16_has_the_first(values: np.ndarray) -> None:
    high, low = first_layer.split(values)
    assert np.array_equal(high + low, values)
    assert not (high.view(np.uint32) & 0xFFFF).any()
    assert np.all(np.abs(low) <= np.abs(values) / 128)


def read(path: Path):
    from likewise.encoders.runtimes.openvino import _core

    return _core().read_model(str(path))


def test_a_widened_network_is_the_same_function() -> None:
    model = read(COMPACT)
    assert first_layer.widen(model)
    from likewise.encoders.runtimes.openvino import _core

    compiled = _core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = photographs(12)
    plain = open_network(COMPACT, Running("openvino", "fp32", 1))(pixels)
    assert np.abs(compiled(first_layer.widened(pixels))[0] - plain).max() < 1e-5


def test_a_network_whose_pixels_go_elsewhere_is_left_alone(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    def kept(path: Path, nodes: list) -> Path:
        told = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [None, 3, 8, 8])
        out = helper.make_tensor_value_info("rows", TensorProto.FLOAT, None)
        weight = helper.make_tensor("weight", TensorProto.FLOAT, [2, 3, 1, 1], [1.0] * 6)
        graph = helper.make_graph(nodes, "graph", [told], [out], [weight])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
        return path

    into = helper.make_node("Conv", ["pixels", "weight"], ["maps"])
    scaled = helper.make_node("Mul", ["pixels", "pixels"], ["squares"])
    both = [into, scaled, helper.make_node("Concat", ["maps", "squares"], ["rows"], axis=1)]
    for name, nodes in (("elsewhere", [helper.make_node("Relu", ["pixels"], ["rows"])]), ("both", both)):
        model = read(kept(tmp_path / f"{name}.onnx", nodes))
        assert not first_layer.widen(model)
        assert model.get_parameters()[0].get_partial_shape()[1].get_length() == 3


@pytest.mark.skipif(
    not runtimes.is_installed("openvino") or not runtimes._has_bf16(), reason="this processor has no bf16"
)
def test_bf16_comes_nearer_than_with_a_rounded_first_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = photographs(200)
    right = open_network(COMPACT, Running("openvino", "fp32", 1))(pixels)
    split = open_network(COMPACT, Running("openvino", "bf16", 1))(pixels)
    monkeypatch.setattr(first_layer, "widen", lambda _: False)
    rounded = open_network(COMPACT, Running("openvino", "bf16", 1))(pixels)
    ours, theirs = compared(right, split, "cosine"), compared(right, rounded, "cosine")
    assert 1 - ours.cosine_mean < (1 - theirs.cosine_mean) / 2
    assert ours.cosine_min > 0.9995
    assert ours.overlap >= 0.98
