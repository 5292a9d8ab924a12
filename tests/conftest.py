"""What every test may ask for."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side: threads that spin for each other only wait

# A landing must not hang on luck: with CI set the examples are the same every time. Elsewhere they are drawn anew.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """The torchvision package, also where its compiled operators do not fit the installed torch.

    Its import declares fake implementations for operators that the compiled part would have defined; with a torch built
    elsewhere (another CUDA, a plain CPU wheel) that part does not load. The networks need none of these operators.
    """
    torch = pytest.importorskip("torch")
    for name in ("nms", "qnms"):
        _declare(torch, f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module("torchvision")


_kept_alive: list[object] = []  # an operator is gone as soon as the Library that declared it is


def _declare(torch: ModuleType, schema: str) -> None:
    with contextlib.suppress(RuntimeError):  # a matching pair has declared it already
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define(schema)
        _kept_alive.append(library)


@pytest.fixture(scope="session")
def vgg19_network(torchvision: ModuleType) -> object:
    """A VGG-19 of torchvision with seeded random weights whose activations neither vanish nor explode, in eval mode."""
    import torch

    torch.manual_seed(19)
    with torch.device("meta"):
        network = torchvision.models.vgg19(weights=None)
    network = network.to_empty(device="cpu").eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0, (2 / fan_in) ** 0.5)
                module.bias.uniform_(-0.05, 0.05)
    return network


@pytest.fixture(scope="session")
def vgg19_weights(vgg19_network: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same network as a file, as torchvision publishes them."""
    import torch

    path = tmp_path_factory.mktemp("weights") / "vgg19-random.pth"
    torch.save(vgg19_network.state_dict(), path)  # type: ignore[attr-defined]
    yield path
    path.unlink()  # 575 MB


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test looks into, or writes to, the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Run a program in a Python of its own and give back what it prints."""

    def run(program: str) -> str:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run


@pytest.fixture(scope="session")
def small_networks(torchvision: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Small networks of each library as files, and what the libraries make of pictures: tests/small_networks.py."""
    pytest.importorskip("timm")
    pytest.importorskip("open_clip")
    import small_networks as small

    folder = tmp_path_factory.mktemp("small")
    logging.getLogger().addHandler(quiet := logging.NullHandler())
    with pytest.MonkeyPatch.context() as patch:
        small.register_clip(patch)
        made = [
            small.of_torchvision("resnet18", folder, "fc"),
            small.of_torchvision("mobilenet_v3_small", folder, "classifier.3"),
            small.of_timm("test_vit.r160_in1k", folder),
            small.of_timm("test_resnet.r160_in1k", folder),
            small.of_timm("test_convnext.r160_in1k", folder),
            small.of_open_clip(folder),
        ]
        yield {each.name: each for each in made}
    logging.getLogger().removeHandler(quiet)


@pytest.fixture(scope="session")
def milvus_lite_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One file of milvus-lite for all tests of this process; each of them has a collection of its own in it."""
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")
    from milvus_lite.server_manager import server_manager_instance

    path = str(tmp_path_factory.mktemp("milvus") / "gallery.db")
    yield path
    server_manager_instance.release_all()


@pytest.fixture
def milvus_lite_address(milvus_lite_file: str) -> Iterator[str]:
    """Of a collection that is not there yet, and not any more after the test."""
    yield from _collection(f"milvus:{milvus_lite_file}#t{uuid.uuid4().hex}")


@pytest.fixture
def milvus_server_address() -> Iterator[str]:
    """The same on a server: the one that LIKEWISE_TEST_MILVUS names, such as milvus://127.0.0.1:19530."""
    server = os.environ.get("LIKEWISE_TEST_MILVUS", "")
    if not server:
        pytest.skip("LIKEWISE_TEST_MILVUS names no server: `make test-milvus` starts one")
    yield from _collection(f"{server.rstrip('/')}/t{uuid.uuid4().hex}")


def _collection(address: str) -> Iterator[str]:
    from likewise.stores.milvus import Address
    from likewise.stores.milvus.remote import Remote

    yield address
    remote = Remote(Address.parse(address))
    for name in (remote.address.name, f"{remote.address.name}_catalogue"):
        remote.drop(name)
    remote.close()
