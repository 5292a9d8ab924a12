"""What every test may ask for."""

from __future__ import annotations

import contextlib
import importlib
from types import ModuleType

import pytest


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
