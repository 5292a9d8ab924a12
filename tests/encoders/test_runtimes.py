"""Which runtime and precision are taken, and that each gives the embeddings of the others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from likewise import encoders
from likewise.encoders import onnx as family
from likewise.encoders import runtimes
from likewise.encoders.onnx import batch_of
from likewise.encoders.runtimes import Running, choose, machine, open_network
from likewise.errors import BadArgument, MissingExtra, WeightsError
from likewise.processors import processors

AMX = machine.described("x86_64", "flags : avx2 avx512f avx512_vnni avx512_bf16 amx_bf16")
OLD = machine.described("x86_64", "flags : sse2 avx2")
ARM = machine.described("aarch64", "Features : asimd")

needs_openvino = pytest.mark.skipif(not runtimes.is_installed("openvino"), reason="openvino is not installed")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch):
    """`here(machine, openvino=…, bf16=…)` makes this machine another."""

    def be(processor: machine.Machine, *, openvino: bool = True, bf16: bool = True) -> None:
        monkeypatch.setattr(machine, "machine", lambda: processor)
        monkeypatch.setattr(runtimes, "is_installed", lambda name: name != "openvino" or openvino)
        monkeypatch.setattr(runtimes, "_has_bf16", lambda: bf16)

    return be


def pictures(count: int, side: int) -> np.ndarray:
    coarse = np.random.default_rng(3).integers(0, 256, (count, 8, 8, 3))
    return coarse.repeat(side // 8, axis=1).repeat(side // 8, axis=2).astype(np.uint8)


@pytest.mark.parametrize(
    ("processor", "openvino", "checked", "wanted"),
    [
        (AMX, True, True, "openvino bf16"),
        (AMX, True, False, "openvino fp32"),
        (AMX, False, True, "onnx fp32"),
        (ARM, True, True, "onnx fp32"),
        (OLD, True, False, "openvino fp32"),
    ],
)
def test_auto_goes_by_the_machine_by_what_is_installed_and_by_what_was_checked(
    here, processor: machine.Machine, openvino: bool, checked: bool, wanted: str
) -> None:
    here(processor, openvino=openvino)
    taken = choose("auto", "auto", bf16_holds=checked, threads=3)
    assert taken.short == wanted
    assert str(processor) in str(taken)
    assert "3 threads" in str(taken)


def test_a_processor_without_bf16_gets_float32(here) -> None:
    here(OLD, bf16=False)
    assert choose("auto", "auto", bf16_holds=True).short == "openvino fp32"
    with pytest.raises(BadArgument, match="no bf16: take --precision fp32"):
        choose("auto", "bf16")


def test_what_is_slower_says_what_would_be_quicker(here) -> None:
    here(AMX, openvino=False)
    assert r"pip install 'likewise[openvino]'" in choose("auto", "auto").why


def test_what_was_asked_for_is_taken(here) -> None:
    here(ARM)
    assert choose("openvino", "fp32").short == "openvino fp32"
    assert choose("auto", "bf16").short == "openvino bf16"
    assert choose("onnx", "auto", bf16_holds=True).short == "onnx fp32"
    assert choose("onnx", "int8", quantised_bits=8).short == "onnx int8"


@pytest.mark.parametrize(
    ("runtime", "precision", "bits", "message"),
    [
        ("torch", "auto", 0, "no network of torch"),
        ("onnx", "bf16", 0, "--runtime openvino, or --precision fp32"),
        ("auto", "int8", 0, "likewise compile MODEL --precision int8"),
        ("auto", "fp32", 8, "int8, not fp32"),
    ],
)
def test_what_does_not_go_together_is_refused(here, runtime, precision, bits: int, message: str) -> None:
    here(AMX)
    with pytest.raises(BadArgument, match=message):
        choose(runtime, precision, quantised_bits=bits)


def test_what_is_not_installed_names_the_extra(here) -> None:
    here(AMX, openvino=False)
    for runtime, precision in (("openvino", "auto"), ("auto", "bf16")):
        with pytest.raises(MissingExtra, match=r"pip install 'likewise\[openvino\]'"):
            choose(runtime, precision)


def test_bytes_that_would_overflow_are_refused_by_onnx_runtime(here) -> None:
    here(OLD)
    with pytest.raises(WeightsError, match="VNNI"):
        choose("onnx", "int8", quantised_bits=8)
    assert choose("onnx", "int8", quantised_bits=7).short == "onnx int8"
    assert choose("auto", "int8", quantised_bits=8).short == "openvino int8"


def test_a_machine_is_what_the_kernel_says() -> None:
    assert str(AMX) == "x86_64 with AMX, AVX-512 BF16, AVX-512 VNNI"
    assert (AMX.saturates, OLD.saturates, ARM.saturates) == (False, True, False)
    silent = machine.described("AMD64", "")
    assert silent.is_x86
    assert silent.features is None
    assert silent.saturates
    assert processors() >= 1
    assert machine.machine().architecture


def test_memory_is_a_gigabyte_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.free_bytes() > 1 << 20
    monkeypatch.setattr(machine.Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(OSError()))
    assert machine.free_bytes() == 1 << 30


def test_a_sign_of_a_gpu_is_a_file_of_its_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_GPU_SIGNS", (str(tmp_path / "driver"),))
    assert not machine.shows_gpu()
    (tmp_path / "driver").touch()
    assert machine.shows_gpu()


@needs_openvino
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_openvino_gives_the_embeddings_of_onnx_runtime(precision) -> None:
    first = encoders.load("compact", runtime="onnx", threads=1)
    if precision == "bf16" and not runtimes._has_bf16():
        with pytest.raises(BadArgument, match="no bf16"):
            encoders.load("compact", runtime="openvino", precision=precision)
        return
    other = encoders.load("compact", runtime="openvino", precision=precision, threads=2)
    assert other.card == first.card
    pixels = pictures(9, first.card.recipe.side)
    before = pixels.copy()
    rows = other.encode(pixels)
    cosines = (rows * first.encode(pixels)).sum(axis=1)
    assert cosines.min() > (0.999999 if precision == "fp32" else 0.99)
    assert np.array_equal(rows, other.encode(pixels))
    assert np.array_equal(pixels, before)
    single = np.concatenate([other.encode(pixels[i : i + 1]) for i in range(9)])
    np.testing.assert_allclose(single, rows, atol=1e-5 if precision == "fp32" else 0.02)
    assert encoders.running(other).short == f"openvino {precision}"
    assert encoders.running(first).threads == 1


@needs_openvino
def test_an_input_is_never_written_to() -> None:
    """A request that shares its input with the caller writes the next one into it."""
    encoder = encoders.load("compact", runtime="openvino", precision="fp32")
    network, side = encoder._network, encoder.card.recipe.side
    first, second = (np.random.default_rng(seed).normal(size=(4, 3, side, side)).astype(np.float32) for seed in (0, 1))
    kept, rows = first.copy(), network(first)
    network(second)
    assert np.array_equal(first, kept)
    assert np.array_equal(network(first), rows)


@needs_openvino
def test_threads_may_share_a_network() -> None:
    encoder = encoders.load("compact", runtime="openvino", precision="fp32")
    several = [pictures(3, encoder.card.recipe.side) // (i + 1) for i in range(4)]
    wanted = [encoder.encode(each) for each in several]
    found: dict[int, np.ndarray] = {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: encoder.encode(several[i])})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        np.testing.assert_allclose(found[i], wanted[i], atol=1e-6)


@needs_openvino
def test_a_network_that_the_runtimes_do_not_agree_on_is_run_by_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        def __init__(self, network, taken: Running) -> None:
            self._network, self.running = network, taken

        def __call__(self, batch: np.ndarray) -> np.ndarray:
            return -self._network(batch)

    def opened(path: Path, taken: Running):
        network = open_network(path, taken)
        return Wrong(network, taken) if taken.runtime == "openvino" else network

    monkeypatch.setattr(machine, "machine", lambda: AMX)
    monkeypatch.setattr(family, "open_network", opened)
    assert "do not agree" in str(encoders.running(encoders.load("compact")))
    assert encoders.running(encoders.load("compact")).runtime == "onnx"
    with pytest.raises(WeightsError, match="do not agree"):
        encoders.load("compact", runtime="openvino")
    monkeypatch.setattr(family, "_PROBED_BYTES", 0)
    assert encoders.running(encoders.load("compact")).runtime == "openvino"


@pytest.mark.parametrize("runtime", ["onnx", pytest.param("openvino", marks=needs_openvino)])
def test_a_file_that_a_runtime_cannot_load_is_refused(tmp_path: Path, runtime: str) -> None:
    (tmp_path / "x.onnx").write_bytes(b"\x3a\x00")  # a graph of nothing
    with pytest.raises(WeightsError, match=r"x\.onnx is no network that .* can load"):
        open_network(tmp_path / "x.onnx", Running(runtime, "fp32", 1))


def test_batches_are_as_large_as_memory_allows_and_no_larger() -> None:
    assert batch_of(32, 16 << 30) == 64
    assert batch_of(224, 16 << 30) == 64
    assert batch_of(224, 1 << 30) == 8
    assert batch_of(4096, 1 << 20) == 1


def test_an_encoder_says_what_computes_it() -> None:
    assert encoders.running(encoders.load("classical")).short == "numpy fp32"
    with pytest.raises(BadArgument, match="computed by numpy fp32"):
        encoders.load("classical", runtime="onnx")


@needs_openvino
def test_openvino_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    """Its own import would, over the network, and leave an identity in the home folder."""
    program = (
        "import sys; from likewise.encoders.runtimes.openvino import has_bf16; has_bf16(); "
        "print(sorted(name for name in sys.modules if 'telemetry' in name))"
    )
    clean = {
        name: value for name, value in os.environ.items() if name != "CI"
    }  # with CI set it would tell nothing either
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=clean | {"HOME": str(tmp_path)}
    )
    assert "openvino_telemetry" not in done.stdout
    assert "telemetry_stub" in done.stdout
    assert not list(tmp_path.iterdir())


def test_naming_a_runtime_loads_none() -> None:
    program = (
        "import sys, likewise.cli, likewise.encoders.runtimes as r; r.is_installed('openvino'); "
        "print([name for name in ('torch', 'onnxruntime', 'openvino') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
