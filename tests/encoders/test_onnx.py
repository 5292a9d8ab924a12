from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likewise import encoders
from likewise.errors import BadArgument, WeightsError

onnx = pytest.importorskip("onnx")

TOML = """
dim = 4
licence = "CC0-1.0"
paper = "none"
[recipe]
side = 8
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
"""


def foreign(path: Path, gain: float = 1.0) -> Path:
    """A network of another program's: the mean of each channel, and their sum; 4-d, not of unit norm."""
    from onnx import TensorProto, helper, numpy_helper

    matrix = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]], np.float32) * gain
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(matrix, "matrix")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def described(tmp_path: Path, own_cache: Path) -> Path:
    path = foreign(tmp_path / "birds.onnx")
    path.with_suffix(".toml").write_text(TOML)
    return path


def test_a_file_with_a_card_beside_it_is_an_encoder(described: Path) -> None:
    encoder = encoders.load(str(described))
    pixels = np.zeros((2, 8, 8, 3), np.uint8)
    pixels[0, :, :, 0] = 255
    rows = encoder.encode(pixels)
    wanted = np.array([[1, -1, -1, -1], [-1, -1, -1, -3]]) / np.sqrt([[4.0], [12.0]])
    np.testing.assert_allclose(rows, wanted, atol=1e-6)
    assert (encoder.card.name, encoder.card.licence, encoder.card.dim) == ("onnx/birds", "CC0-1.0", 4)
    assert encoder.encode(pixels[:0]).shape == (0, 4)


def test_it_is_found_again_by_its_content_when_the_file_has_moved(described: Path) -> None:
    card = encoders.load(str(described)).card
    described.unlink()
    described.with_suffix(".toml").unlink()
    assert encoders.load(card.name, sha256=card.weights_sha256).card == card


def test_other_weights_are_another_identity(described: Path, tmp_path: Path) -> None:
    other = foreign(tmp_path / "other.onnx", gain=2.0)
    other.with_suffix(".toml").write_text(TOML)
    first, second = encoders.load(str(described)).card, encoders.load(str(other), recipe=None).card
    assert first.weights_sha256 != second.weights_sha256
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("dim = 4", r"wants dim = … and a \[recipe\]"),
        (TOML.replace("dim", "dimension"), "wants dim"),
        (TOML + "size = 3", "knows no field size"),
        (TOML.replace("std = [0.5, 0.5, 0.5]", "std = [0.5, 0.0, 0.5]"), "above zero"),
        ("dim = = 4", "is no TOML"),
    ],
)
def test_a_wrong_description_is_refused(described: Path, toml: str, message: str) -> None:
    described.with_suffix(".toml").write_text(toml)
    with pytest.raises(WeightsError, match=message):
        encoders.load(str(described))


def test_a_wrong_dimension_is_found_when_it_runs(described: Path) -> None:
    described.with_suffix(".toml").write_text(TOML.replace("dim = 4", "dim = 5"))
    with pytest.raises(WeightsError, match=r"gave \(1, 4\), its card says 5-d"):
        encoders.load(str(described)).encode(np.zeros((1, 8, 8, 3), np.uint8))


def test_a_file_that_says_nothing_about_its_input_is_refused(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"put a birds\.toml beside it"):
        encoders.load(str(foreign(tmp_path / "birds.onnx", gain=3.0)))


def test_what_is_no_network_or_not_there_is_refused(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="is no ONNX file"):
        encoders.load(str(tmp_path / "x.onnx"))
    with pytest.raises(WeightsError, match="check the path"):
        encoders.load(str(tmp_path / "y.onnx"))
    with pytest.raises(WeightsError, match=r"pass it as --model FILE\.onnx"):
        encoders.load("onnx")
    with pytest.raises(WeightsError, match="not here any more"):
        encoders.load("onnx/birds", sha256="0" * 64)


def test_compact_takes_no_wishes() -> None:
    with pytest.raises(BadArgument, match="neither layers"):
        encoders.load("compact/fc1")
    with pytest.raises(BadArgument, match="one recipe, compact"):
        encoders.load("compact", recipe="imagenet")


def test_compact_is_an_identity_with_its_weights() -> None:
    card = encoders.load("compact").card
    assert card.name == "compact"
    assert len(card.weights_sha256) == 64
    assert 128 <= card.dim <= 512
    assert card.unit
    assert card.licence
    assert card.paper
