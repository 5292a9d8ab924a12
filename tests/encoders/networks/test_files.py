"""Networks from files and from the user's own code; tables of weights in every form; and what would run code is not read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from likewise import encoders, images, weights
from likewise.encoders.networks import loading
from likewise.errors import BadArgument, MissingExtra, UnknownName, WeightsError
from small_networks import Small

CARD = 'dim = 5\nlicence = "MIT"\n[recipe]\nside = 16\nmean = [0.5, 0.5, 0.5]\nstd = [0.2, 0.2, 0.2]\n'
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)


class Toy(nn.Module):
    """Something of a user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)

    def forward(self, pixels: Any) -> Any:
        return torch.relu(self.conv(pixels)).mean(dim=(2, 3)) + 0.1


def toy() -> Toy:
    torch.manual_seed(1)
    return Toy().eval()


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def scripted(path: Path, network: nn.Module) -> Path:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        torch.jit.trace(network, torch.zeros(1, 3, 16, 16)).save(str(path))
    return path


def exported(path: Path, network: nn.Module) -> Path:
    example = (torch.zeros(2, 3, 16, 16),)
    torch.export.save(torch.export.export(network, example, dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)), path)
    return path


@pytest.fixture(params=[".pt", ".ts", ".pt2"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"toy{request.param}"
    (exported if request.param == ".pt2" else scripted)(path, toy())
    path.with_suffix(".toml").write_text(CARD)
    return path


def test_a_file_gives_what_its_network_gives_and_is_found_again(file: Path) -> None:
    encoder = encoders.load(str(file), device="cpu")
    with torch.no_grad():
        wanted = toy()(torch.from_numpy(images.normalise(PIXELS, encoder.card.recipe))).numpy()
    np.testing.assert_allclose(encoder.encode(PIXELS), unit(wanted), rtol=0, atol=1e-6)
    assert encoder.card.licence == "MIT"
    assert encoder.card.name == {".pt2": "exported/toy"}.get(file.suffix, "torchscript/toy")
    file.unlink()
    again = encoders.load_as(encoder.card, device="cpu")
    assert np.array_equal(again.encode(PIXELS), encoder.encode(PIXELS))


def test_a_file_without_a_card_or_with_a_wrong_one_is_refused(file: Path) -> None:
    beside = file.with_suffix(".toml")
    beside.write_text(CARD.replace("dim = 5", "dim = 6"))
    with pytest.raises(WeightsError, match=r"gave \(1, 5\), its card says 6-d"):
        encoders.load(str(file), device="cpu")
    beside.write_text(CARD.replace("side = 16", "side = 2"))
    with pytest.raises(WeightsError, match=r"cannot take \(1, 3, 2, 2\), as its card says"):
        encoders.load(str(file), device="cpu")
    beside.write_text(CARD)
    with pytest.raises(BadArgument, match="one recipe"):
        encoders.load(str(file), recipe="imagenet", device="cpu")


def test_a_network_that_gives_maps_or_no_file_beside_it_is_refused(tmp_path: Path) -> None:
    path = scripted(tmp_path / "maps.pt", nn.Conv2d(3, 5, 3))
    with pytest.raises(WeightsError, match=r"put a maps\.toml beside it"):
        encoders.load(str(path), device="cpu")
    path.with_suffix(".toml").write_text(CARD)
    with pytest.raises(BadArgument, match=r"gives \(1, 5, 14, 14\), wanted \(n, dim\)"):
        encoders.load(str(path), device="cpu")


def test_other_files_are_refused_with_the_way_out(tmp_path: Path) -> None:
    torch.save(toy().state_dict(), tmp_path / "w.pt")
    (tmp_path / "w.toml").write_text(CARD)
    with pytest.raises(WeightsError, match="no TorchScript file.*name the network with --model"):
        encoders.load(str(tmp_path / "w.pt"), device="cpu")
    (tmp_path / "w.pt2").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="no file of torch.export"):
        encoders.load(str(tmp_path / "w.pt2"), device="cpu")
    with zipfile.ZipFile(tmp_path / "v.pt2", "w") as archive:
        archive.writestr("v/archive_format", "pt2")
    (tmp_path / "v.toml").write_text(CARD)
    with pytest.raises(WeightsError, match="no file of torch.export that this torch can load"):
        encoders.load(str(tmp_path / "v.pt2"), device="cpu")
    with pytest.raises(WeightsError, match="exported needs a file: pass it as --model FILE.pt2"):
        encoders.load("exported")
    with pytest.raises(WeightsError, match="not here any more"):
        encoders.load("torchscript/x", sha256="0" * 64)


class Evil:
    def __reduce__(self) -> object:
        return (print, ("this was run",))


@pytest.mark.parametrize("where", ["sample_inputs", "use_pickle", "opaque_obj"])
def test_pickles_that_run_code_are_refused_before_anything_is_read(
    tmp_path: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = exported(tmp_path / "whole.pt2", toy())
    torch.save({"x": Evil()}, tmp_path / "evil.pt")
    bad = tmp_path / "bad.pt2"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if where == "sample_inputs" and "sample_inputs" in name:
                data = (tmp_path / "evil.pt").read_bytes()
            if where == "use_pickle" and name.endswith("_config.json"):
                data = data.replace(b'"use_pickle": false', b'"use_pickle":true')
            target.writestr(name, data)
        if where == "opaque_obj":
            target.writestr("whole/data/constants/opaque_obj_0", b"")
    bad.with_suffix(".toml").write_text(CARD)
    with pytest.raises(WeightsError, match="pickled objects in it"):
        encoders.load(str(bad), device="cpu")
    assert "this was run" not in capsys.readouterr().out


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's with factories in it; its name is new in every test."""
    name = f"nets_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(
        "import torch\n"
        "from likewise.types import Recipe\n"
        "def plain():\n"
        "    torch.manual_seed(1)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3), torch.nn.ReLU(), torch.nn.Conv2d(5, 4, 3))\n"
        "def own():\n"
        "    return plain(), Recipe('mine', 16, mean=(0.5, 0.5, 0.5))\n"
        "def wrong():\n"
        "    return 'a network'\n"
        "NOTHING = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return name


def test_a_factory_of_the_users_makes_an_encoder_of_any_of_its_layers(module: str) -> None:
    encoder = encoders.load(f"{module}:own/1|max", device="cpu")
    assert (encoder.card.name, encoder.card.dim, encoder.card.recipe.name) == (f"{module}:own/1|max", 5, "mine")
    assert encoders.load(f"{module}:plain", device="cpu").card.recipe.name == "imagenet"
    before = torch.random.get_rng_state()
    again = encoders.load_as(encoder.card, device="cpu")
    assert again.card == encoder.card
    assert torch.equal(before, torch.random.get_rng_state())


def test_weights_of_a_factory_are_replaced_strictly(module: str, tmp_path: Path) -> None:
    layers = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 4, 3))
    torch.save(layers.state_dict(), tmp_path / "w.pth")
    encoder = encoders.load(f"{module}:own", weights=tmp_path / "w.pth", device="cpu")
    with torch.no_grad():
        out = layers(torch.from_numpy(images.normalise(PIXELS, encoder.card.recipe))).mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(encoder.encode(PIXELS), unit(out), rtol=0, atol=1e-5)
    assert encoder.card.weights_sha256 == weights.sha256_of(tmp_path / "w.pth")
    assert encoders.load_as(encoder.card, device="cpu").card.fingerprint == encoder.card.fingerprint
    torch.save({"0.weight": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="0.bias is missing"):
        encoders.load(f"{module}:own", weights=tmp_path / "w.pth", device="cpu")


def test_code_that_only_a_card_names_is_not_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = encoders.load(f"{module}:own", device="cpu").card
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another user"))
    with pytest.raises(BadArgument, match=f"never named on this machine.*--model {module}:own once"):
        encoders.load_as(card)
    encoders.load(f"{module}:own", device="cpu")
    assert encoders.load_as(card, device="cpu").card == card


@pytest.mark.parametrize(
    ("factory", "kind", "told"),
    [
        ("nowhere_at_all:make", UnknownName, "must be on Python's path"),
        ("{}:missing", UnknownName, "cannot be imported"),
        ("{}:NOTHING", UnknownName, "is a int"),
        ("{}:wrong", BadArgument, "returned a str: return a torch.nn.Module"),
    ],
)
def test_what_makes_no_network_is_refused(module: str, factory: str, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        encoders.load(factory.format(module), device="cpu")


def test_a_cache_that_cannot_be_written_to_is_told(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="allow it to be written"):
        encoders.load(f"{module}:own", device="cpu")


@pytest.mark.parametrize("form", ["plain", "half", "state_dict", "model", "parallel", "safetensors"])
def test_tables_are_read_in_every_form(small_networks: dict[str, Small], tmp_path: Path, form: str) -> None:
    from safetensors.torch import save_file

    small = small_networks["resnet18"]
    state = {key: value.clone() for key, value in small.network.state_dict().items()}
    path = tmp_path / "w"  # without an ending, as the cache keeps it
    if form == "safetensors":
        save_file(state, path)
    else:
        halved = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
        parallel = {f"module.{key}": value for key, value in state.items()}
        forms = {"plain": state, "half": halved, "parallel": parallel, "model": {"model": state, "epoch": 3}}
        torch.save(forms.get(form, {"state_dict": state}), path)
    ours = encoders.load("resnet18", weights=path, recipe="crop-32", device="cpu")
    theirs = encoders.load("resnet18", weights=small.file, recipe="crop-32", device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    tolerance = 2e-3 if form == "half" else 0
    np.testing.assert_allclose(ours.encode(pixels), theirs.encode(pixels), rtol=0, atol=tolerance)
    assert next(ours.module.parameters()).dtype == torch.float32


def test_a_damaged_safetensors_file_and_a_missing_library_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w").write_bytes((3).to_bytes(8, "little") + b"{}x" + bytes(9))
    with pytest.raises(WeightsError, match="cannot be read as a table of tensors"):
        loading.state_of(tmp_path / "w")
    monkeypatch.setitem(__import__("sys").modules, "safetensors.torch", None)
    with pytest.raises(MissingExtra, match=r"likewise\[torch\]"):
        loading.state_of(tmp_path / "w")


def test_the_digest_of_tensors_is_of_names_shapes_and_values() -> None:
    first, second = toy(), toy()
    assert loading.sha256_of(first) == loading.sha256_of(second)
    with torch.no_grad():
        second.conv.bias[0] += 1
    assert loading.sha256_of(first) != loading.sha256_of(second)
    assert loading.size_of(first) == 4 * (5 * 27 + 5)


def test_published_weights_of_a_card_are_fetched_again_by_their_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def obtained(published: Any, *_: object, **__: object) -> weights.Weights:
        asked.append(published[0].url)
        return weights.Weights(tmp_path, "ab" * 32)

    monkeypatch.setattr(weights, "obtain_first", obtained)
    published = weights.Published("https://x/w.pth", "w.pth", "sha256:abababab", 3, "MIT", "x")
    wish = encoders.Wish(sha256="ab" * 32)
    assert loading.file_of(wish, [published]).sha256 == "ab" * 32
    assert asked == ["https://x/w.pth"]
    with pytest.raises(WeightsError, match="pass --weights PATH"):
        loading.file_of(encoders.Wish(sha256="cd" * 32), [published])
