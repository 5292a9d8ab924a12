from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from likewise import encoders
from likewise.encoders.networks import exporting
from likewise.encoders.networks.exporting import export, state_of
from likewise.errors import WeightsError
from likewise.train.network import Compact
from likewise.train.shifted import Shifted
from likewise.types import Card, Recipe

RECIPE = Recipe("small", 16, mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.2))
CARD = Card("compact", 16, RECIPE, licence="CC0-1.0", paper="arXiv:0000.00000")


def network() -> Compact:
    """A small network whose normalisations have seen some pictures."""
    torch.manual_seed(1)
    made = Compact(16, (8, 16, 16), (1, 2, 3), stem=24, patch=2)
    made.train()
    with torch.no_grad():
        for _ in range(20):
            made(torch.randn(32, 3, 16, 16))
    return made.eval()


def pictures(count: int = 9) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3)).astype(np.uint8)


@pytest.mark.parametrize(("kept", "least"), [("float32", 0.999999), ("float16", 0.99999), ("int8", 0.995)])
def test_a_file_gives_the_networks_embeddings_and_its_weights_back(tmp_path: Path, kept, least: float) -> None:
    made = network()
    agreement = export(made, CARD, tmp_path / "m.onnx", pictures(), kept)
    encoder = encoders.load(str(tmp_path / "m.onnx"))
    rows = encoder.encode(pictures())
    theirs = made(
        torch.from_numpy(
            (pictures().transpose(0, 3, 1, 2) / 255 - np.reshape(RECIPE.mean, (3, 1, 1)))
            / np.reshape(RECIPE.std, (3, 1, 1))
        ).float()
    )
    cosines = (rows * theirs.detach().numpy()).sum(axis=1)
    assert cosines.min() == pytest.approx(agreement, abs=1e-5)
    assert cosines.min() > least
    state = state_of(tmp_path / "m.onnx")
    for name, value in made.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            tolerance = {"float32": 0, "float16": 1e-3, "int8": 1 / 254}[kept] * value.abs().max().item()
            assert (state[name] - value).abs().max().item() <= tolerance + 1e-9, name
    assert encoder.card.recipe == RECIPE
    assert encoder.card.licence == "CC0-1.0"
    assert encoder.card.name == "onnx/m"


def test_bytes_take_a_quarter_of_the_room(tmp_path: Path) -> None:
    torch.manual_seed(0)
    wide = Compact(64, (64, 128, 128), (2, 2, 2), stem=24, patch=2).eval()
    for kept in ("float32", "int8"):
        export(wide, Card("compact", 64, RECIPE), tmp_path / f"{kept}.onnx", pictures(), kept)
    assert (tmp_path / "int8.onnx").stat().st_size < 0.32 * (tmp_path / "float32.onnx").stat().st_size


def test_a_file_tells_nothing_of_the_machine_that_wrote_it(tmp_path: Path) -> None:
    export(network(), CARD, tmp_path / "m.onnx", pictures())
    data = (tmp_path / "m.onnx").read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in data
    assert b"site-packages" not in data


def test_a_file_that_disagrees_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "embedded", lambda *_: np.roll(np.eye(16, dtype=np.float32)[:9], 1, axis=1))
    with pytest.raises(WeightsError, match="differs"):
        export(network(), CARD, tmp_path / "m.onnx", pictures())
    assert not list(tmp_path.iterdir())


def test_a_linear_map_behind_a_network_is_part_of_it(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    mean = draw.normal(size=16).astype(np.float32) * 0.1
    axes = np.linalg.qr(draw.normal(size=(16, 16)))[0][:5].astype(np.float32)
    made = network()
    export(Shifted(made, mean, axes), Card("compact", 5, RECIPE), tmp_path / "m.onnx", pictures())
    whole = tmp_path / "whole.onnx"
    export(made, CARD, whole, pictures())
    wanted = (encoders.load(str(whole)).encode(pictures()) - mean) @ axes.T
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(encoders.load(str(tmp_path / "m.onnx")).encode(pictures()), wanted, atol=1e-5)


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x00 nothing of that kind")
    with pytest.raises(WeightsError, match="ONNX"):
        state_of(tmp_path / "m.onnx")
