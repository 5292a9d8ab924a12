"""A network compiled once: the same embeddings, found again by every wish that means it, and nothing kept that departs from its source."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import tiny_network
from fakes import Memory, png
from likewise import compiling, encoders, weights
from likewise.compiling import Wanted, compile_model
from likewise.encoders import compiled, fidelity, inside, runtimes
from likewise.encoders.compiled import Compiled, of_card
from likewise.encoders.fidelity import Bound
from likewise.encoders.networks import exporting
from likewise.encoders.runtimes import machine
from likewise.errors import BadArgument, MissingExtra, WeightsError

needs_openvino = pytest.mark.skipif(not runtimes.is_installed("openvino"), reason="openvino is not installed")


def pictures(count: int = 48) -> Memory:
    """Different pictures with something in them, and one that is torn."""
    draw = np.random.default_rng(1)
    files: dict[str, bytes | None] = {}
    for i in range(count):
        import io

        from PIL import Image

        coarse = draw.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(coarse).resize((40, 40), Image.Resampling.BICUBIC).save(buffer, "PNG")
        files[f"{i:03d}.png"] = buffer.getvalue()
    return Memory({**files, "torn.png": b"torn"})


def pixels(count: int = 12) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (count, 16, 16, 3)).astype(np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A family `tiny`, and a cache of each test's own."""
    monkeypatch.setitem(encoders._FAMILIES, "tiny", "tiny_network:tiny")
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of the plain recipe, made once: it takes seconds."""
    path = tmp_path_factory.mktemp("exported") / "tiny.onnx"
    exporting.write(tiny_network.network(), tiny_network.RECIPES["plain"], path, {})
    return path


@pytest.fixture
def quick(exported: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Exports are copies of that one; gives the list of those that were made."""
    calls: list[str] = []

    def write(encoder, path: Path, notes) -> None:
        calls.append(encoder.card.name)
        model = onnx.load(str(exported))
        onnx.helper.set_model_props(model, dict(notes))
        path.write_bytes(model.SerializeToString())

    monkeypatch.setattr(exporting, "write_encoder", write)
    return calls


def test_the_real_export_is_folded_says_nothing_of_the_machine_and_takes_any_number_of_pictures(exported: Path) -> None:
    model = onnx.load(str(exported))
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert b"site-packages" not in exported.read_bytes()
    network = runtimes.open_network(exported, runtimes.Running("onnx", "fp32", 1))
    assert [network(np.zeros((n, 3, 16, 16), np.float32)).shape for n in (1, 3)] == [(1, 12), (3, 12)]


def test_an_encoder_that_is_no_network_of_torch_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="no module that could be exported"):
        exporting.write_encoder(encoders.load("pixels"), tmp_path / "x.onnx", {})


def test_what_torch_cannot_export_is_refused(tmp_path: Path) -> None:
    class Wild(torch.nn.Module):
        def forward(self, batch):
            raise RuntimeError("by no means")

    with pytest.raises(WeightsError, match=r"torch cannot export this network \(.*\): run it by torch"):
        exporting.write(Wild(), tiny_network.RECIPES["plain"], tmp_path / "x.onnx", {})
    assert not list(tmp_path.iterdir())


def test_what_is_too_large_for_one_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_LARGEST", 100)
    with pytest.raises(WeightsError, match="run it by torch"):
        exporting.write(tiny_network.network(), tiny_network.RECIPES["plain"], tmp_path / "x.onnx", {})


def test_without_the_exporter_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(MissingExtra, match=r"likewise\[torch\]"):
        exporting.write(tiny_network.network(), tiny_network.RECIPES["plain"], tmp_path / "x.onnx", {})


def test_a_compiled_network_has_the_identity_and_the_embeddings_of_its_source(quick: list[str]) -> None:
    source = encoders.load("tiny")
    steps: list[str] = []
    made = compile_model(Wanted("tiny"), pictures(), lambda what, _done, _all: steps.append(what))
    assert made.card == source.card
    assert {(each.runtime, each.precision) for each in made.checks if each.holds} >= {("onnx", "fp32")}
    assert all(each.fidelity.pictures == 48 for each in made.checks)
    assert dict.fromkeys(steps).keys() >= {"loading", "reading", "exporting", "embedding by the source"}
    loaded = encoders.load("tiny")
    assert loaded.card == source.card
    assert encoders.running(loaded).runtime in ("onnx", "openvino")
    np.testing.assert_allclose(loaded.encode(pixels()), source.encode(pixels()), atol=0.02)
    assert encoders.load_as(source.card).card == source.card
    assert encoders.plan(source.card).short == encoders.running(loaded).short
    assert isinstance(encoders.load("tiny", runtime="torch"), tiny_network.Tiny)
    assert encoders.running(encoders.load("tiny", runtime="torch")).runtime == "torch"


def test_only_the_wish_that_was_compiled_finds_it(
    quick: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compile_model(Wanted("tiny"), pictures())
    assert encoders.running(encoders.load("tiny/out")).runtime != "torch"
    assert encoders.running(encoders.load("tiny", recipe="plain")).runtime != "torch"
    assert encoders.running(encoders.load("tiny", recipe="dark")).runtime == "torch"
    assert encoders.running(encoders.load("tiny", sha256="7" * 64)).runtime != "torch"
    assert encoders.running(encoders.load("tiny", sha256="8" * 64)).runtime == "torch"
    (tmp_path / "w.pth").write_bytes(b"other weights")
    assert encoders.running(encoders.load("tiny", weights=tmp_path / "w.pth")).runtime == "torch"
    assert encoders.running(encoders.load("tiny", device="meta")).runtime == "torch"
    monkeypatch.setattr(machine, "shows_gpu", lambda: True)
    assert encoders.running(encoders.load("tiny")).runtime == "torch"
    assert encoders.running(encoders.load("tiny", device="cpu")).runtime != "torch"
    with pytest.raises(BadArgument, match="computed by torch fp32"):
        encoders.load("tiny", recipe="dark", runtime="onnx")


def test_a_network_of_ours_that_is_not_compiled_is_not_loaded_for_nothing() -> None:
    with pytest.raises(BadArgument, match="likewise compile vgg19/fc1"):
        encoders.load("vgg19/fc1", runtime="onnx")
    with pytest.raises(BadArgument, match="--precision bf16"):
        encoders.load("vgg19/fc1", precision="bf16")


def test_texts_of_a_compiled_network_are_embedded_by_its_source(quick: list[str]) -> None:
    compile_model(Wanted("tiny/texts"), pictures())
    encoder = encoders.load("tiny/texts")
    assert encoders.running(encoder).runtime != "torch"
    assert encoder.encode(pixels(2)).shape == (2, 12)
    assert encoder.card.name == "tiny/out"
    assert isinstance(encoder, encoders.TextEncoder)
    assert encoder.encode_texts(["a", "b"]).shape == (2, 12)
    assert encoder.encode_texts(["c"])[0, 0] == 1
    compile_model(Wanted("tiny"), pictures())
    assert not isinstance(encoders.load("tiny"), encoders.TextEncoder)


def test_an_export_that_is_there_is_checked_again_and_not_made_again(quick: list[str], cache: Path) -> None:
    first = compile_model(Wanted("tiny", runtime="onnx", precision="fp32"), pictures())
    again = compile_model(Wanted("tiny", runtime="onnx", precision="fp32", seed=4), pictures(60))
    assert quick == ["tiny/out"]
    assert again.sha256 == first.sha256
    assert [each.fidelity.pictures for each in again.checks] == [60]
    again.path.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="gone or damaged: make it again with `likewise compile tiny/out`"):
        encoders.load("tiny")
    compile_model(Wanted("tiny"), pictures())
    assert quick == ["tiny/out", "tiny/out"]
    assert encoders.load("tiny").encode(pixels(1)).shape == (1, 12)


def test_a_run_that_was_ended_behind_the_export_goes_on_there(
    quick: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(compiling, "compared", ended)
        with pytest.raises(KeyboardInterrupt):
            compile_model(Wanted("tiny"), pictures())
    fingerprint = tiny_network.tiny(encoders.Wish()).card.fingerprint
    assert encoders.running(encoders.load("tiny")).runtime == "torch"
    (cache / "compiled" / f"{fingerprint}.77.part").write_bytes(b"half")
    (cache / "compiled" / f"{fingerprint}.77.part.onnx-x").mkdir()
    compile_model(Wanted("tiny"), pictures())
    assert quick == ["tiny/out"]
    assert sorted(path.name for path in (cache / "compiled").iterdir()) == [
        f"{fingerprint}.{ending}" for ending in ("json", "lock", "onnx")
    ]


def test_a_network_that_departs_from_its_source_is_not_kept(
    quick: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity.BOUNDS["fp32"].__class__, "holds", lambda *_: False)
    with pytest.raises(WeightsError, match=r"onnx fp32 has cosine .* must have cosine 0\.9999, 98% of the nearest 7"):
        compile_model(Wanted("tiny"), pictures())
    assert not list((cache / "compiled").glob("*.onnx"))
    assert encoders.running(encoders.load("tiny")).runtime == "torch"


def test_a_full_disk_leaves_nothing_half_written(
    quick: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Compiled) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(cache))

    monkeypatch.setattr(Compiled, "keep", full)
    with pytest.raises(WeightsError, match="No space left on device: make room there"):
        compile_model(Wanted("tiny"), pictures())
    assert encoders.running(encoders.load("tiny")).runtime == "torch"


@needs_openvino
def test_auto_takes_bf16_only_where_the_check_found_it_within_its_bound(
    quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not runtimes._has_bf16():
        with pytest.raises(BadArgument, match="no bf16"):
            compile_model(Wanted("tiny", precision="bf16"), pictures())
        return
    monkeypatch.setitem(fidelity.BOUNDS, "bf16", Bound(0.5, 0.5))
    compile_model(Wanted("tiny"), pictures())
    assert encoders.running(encoders.load("tiny")).short == "openvino bf16"
    assert encoders.running(encoders.load("tiny", precision="fp32")).short == "openvino fp32"
    monkeypatch.setitem(fidelity.BOUNDS, "bf16", Bound(1.1, 1.1))
    kept = compile_model(Wanted("tiny"), pictures())
    assert not kept.bf16_holds
    assert encoders.running(encoders.load("tiny")).short == "openvino fp32"
    with pytest.raises(WeightsError, match="bf16 has cosine"):
        compile_model(Wanted("tiny", precision="bf16"), pictures())
    assert encoders.running(encoders.load("tiny")).short == "openvino fp32"
    one = compile_model(Wanted("tiny", runtime="openvino"), pictures())
    assert {(each.runtime, each.precision) for each in one.checks} == {
        ("onnx", "fp32"),
        ("openvino", "fp32"),
        ("openvino", "bf16"),
    }


def test_int8_is_another_identity_near_its_source(quick: list[str]) -> None:
    source = encoders.load("tiny")
    with pytest.raises(BadArgument, match="likewise compile tiny --precision int8 --check PLACE"):
        encoders.load("tiny", precision="int8")
    made = compile_model(Wanted("tiny", precision="int8", pictures=24), pictures(60))
    assert len(made.card.quantised) == 64
    assert made.card.fingerprint != source.card.fingerprint
    assert replace(made.card, quantised="") == source.card
    (check,) = made.checks
    assert (check.precision, check.fidelity.pictures) == ("int8", 24)
    loaded = encoders.load("tiny", precision="int8")
    assert loaded.card == made.card
    cosines = (loaded.encode(pixels()) * source.encode(pixels())).sum(axis=1)
    assert 0.98 < cosines.min() < 0.9999999
    assert encoders.load_as(made.card).card == made.card
    assert encoders.plan(made.card).precision == "int8"
    assert encoders.running(encoders.load("tiny")).runtime == "torch"
    for runtime in ("onnx", *(["openvino"] if runtimes.is_installed("openvino") else [])):
        rows = encoders.load("tiny", precision="int8", runtime=runtime).encode(pixels())
        assert ((rows * loaded.encode(pixels())).sum(axis=1)).min() > 0.999
    made.path.unlink()
    made.path.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match=r"pass its file with --weights FILE\.onnx"):
        encoders.load_as(made.card)
    with pytest.raises(WeightsError, match=r"pass its file with --weights FILE\.onnx"):
        encoders.plan(made.card)


def test_int8_has_narrower_weights_where_products_overflow(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "machine", lambda: machine.described("x86_64", "flags : avx2"))
    made = compile_model(Wanted("tiny", precision="int8", runtime="onnx", pictures=24), pictures(60))
    assert made.origin.bits == 7
    model = onnx.load(str(made.path))
    bytes_ = [onnx.numpy_helper.to_array(each) for each in model.graph.initializer if each.data_type == 3]
    largest = max(int(np.abs(each.astype(int)).max()) for each in bytes_ if each.ndim > 1)
    assert 32 < largest <= 64


def test_int8_that_departs_too_far_is_not_kept(quick: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fidelity.BOUNDS, "int8", Bound(1.1, 1.1))
    with pytest.raises(WeightsError, match="int8 has cosine"):
        compile_model(Wanted("tiny", precision="int8", pictures=24), pictures(60))
    assert not [path for path in (cache / "compiled").iterdir() if ".part" in path.name or path.suffix == ".json"]


def test_int8_without_its_tool_names_the_extra(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    compile_model(Wanted("tiny"), pictures())
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"likewise\[int8\]"):
        compile_model(Wanted("tiny", precision="int8", pictures=24), pictures(60))


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(BadArgument, match=r"9 pictures .* it takes 16"):
        compile_model(Wanted("compact"), pictures(9))
    with pytest.raises(BadArgument, match="name a place with more"):
        compile_model(Wanted("compact", precision="int8"), Memory({"a.png": png((1, 2, 3))}))
    with pytest.raises(BadArgument, match="name a place with more"):
        compile_model(Wanted("compact"), Memory({"a.png": b"torn"}))


def test_what_is_no_network_is_not_compiled(tmp_path: Path) -> None:
    for name in ("classical", "pixels", "x.npz"):
        with pytest.raises(BadArgument, match="nothing to compile"):
            compile_model(Wanted(name), pictures())
    with pytest.raises(BadArgument, match=r"end in \.onnx"):
        compile_model(Wanted("compact", out=tmp_path / "x.bin"), pictures())


def test_an_onnx_file_needs_no_second_one_and_its_check_is_remembered(tmp_path: Path) -> None:
    made = compile_model(Wanted("compact", runtime="onnx", out=tmp_path / "out.onnx"), pictures())
    assert made.sha256 == ""
    assert not made.path.exists()
    assert of_card(encoders.load("compact").card) == made
    assert (tmp_path / "out.onnx").read_bytes() == compiling.place_of("compact").read_bytes()
    assert encoders.load("compact").card == made.card
    small = compile_model(Wanted("compact", precision="int8", pictures=20), pictures(60))
    assert encoders.load("compact", precision="int8").card == small.card
    assert encoders.load("compact").card.quantised == ""


def test_a_file_of_the_users_has_int8_too(tmp_path: Path, quick: list[str], exported: Path) -> None:
    path = tmp_path / "birds.onnx"
    path.write_bytes(exported.read_bytes())
    path.with_suffix(".toml").write_text("dim = 12\nlicence = 'CC0-1.0'\n[recipe]\nside = 16\n")
    made = compile_model(Wanted(str(path), precision="int8", pictures=24), pictures(60))
    assert encoders.load(str(path), precision="int8").card == made.card
    assert made.card.name == "onnx/birds"
    path.unlink()
    assert encoders.load_as(made.card).card == made.card


def test_a_compiled_network_goes_to_another_machine_as_a_file(
    quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, small = tmp_path / "tiny.onnx", tmp_path / "small.onnx"
    card = compile_model(Wanted("tiny", out=out), pictures()).card
    int8 = compile_model(Wanted("tiny", precision="int8", pictures=24, out=small), pictures(60)).card
    told = inside.metadata(out)
    assert set(told) == {compiled.CARD, compiled.COMPILED}
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "elsewhere")
    monkeypatch.setitem(encoders._FAMILIES, "tiny", "no_such_module:tiny")
    assert encoders.load(str(out)).card == card
    assert encoders.load_as(card).card == card
    assert encoders.load("tiny", weights=out).card == card
    assert encoders.load_as(int8, weights=small).card == int8
    assert encoders.load_as(int8).card == int8
    with pytest.raises(WeightsError, match=r"is tiny/out, not vgg19/fc1"):
        encoders.load("vgg19/fc1", weights=out)
    part = tmp_path / "part.onnx"
    part.write_bytes(out.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="not the whole of one"):
        encoders.load(str(part))


def test_a_file_whose_note_is_of_another_program_is_refused(tmp_path: Path, exported: Path) -> None:
    model = onnx.load(str(exported))
    onnx.helper.set_model_props(model, {compiled.COMPILED: "{}", compiled.CARD: "{}"})
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="cannot be read as a compiled network"):
        encoders.load(str(tmp_path / "x.onnx"))


def test_a_cache_that_cannot_be_written_to_is_told(
    quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "tiny.onnx"
    compile_model(Wanted("tiny", out=out), pictures())
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"a file where a folder should be")
    monkeypatch.setattr(weights, "cache_folder", lambda: blocked)
    with pytest.raises(WeightsError, match="make room there, or allow it"):
        encoders.load(str(out))
    with pytest.raises(WeightsError, match="make room there, or allow it"):
        compile_model(Wanted("compact"), pictures())


def test_records_of_a_later_version_are_passed_over(quick: list[str], cache: Path) -> None:
    made = compile_model(Wanted("tiny"), pictures())
    record = made.path.with_suffix(".json")
    record.write_text(record.read_text().replace('"format": 1', '"format": 2'))
    assert of_card(made.card) is None
    record.write_text("not json")
    assert encoders.running(encoders.load("tiny")).runtime == "torch"


def test_without_a_place_the_drawn_gallery_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    class Benchmark:
        gallery = pictures(20)

    asked: list[int] = []

    def rendered(path: None, *, instances: int, workers: int, progress) -> Benchmark:
        asked.append(instances)
        progress(1, 1)
        return Benchmark()

    monkeypatch.setattr(compiling.drawn, "rendered", rendered)
    made = compile_model(Wanted("compact", runtime="onnx"))
    assert (asked, made.checks[0].fidelity.pictures) == ([7], 20)
