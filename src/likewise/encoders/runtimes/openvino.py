"""A network run by OpenVINO, in float32, bf16, or int8 as the file says: the quickest on x86."""

from __future__ import annotations

import sys
import threading
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from likewise.encoders.runtimes import Normalised, Running, first_layer
from likewise.errors import WeightsError
from likewise.types import Embeddings

if TYPE_CHECKING:
    import openvino

_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # what int8 leaves in floating point is float32


class OpenVino:
    """See `Network`.

    All threads work on one batch. Several batches at a time (streams) would be OpenVINO's own way to throughput; with 2026.4 they
    gave wrong embeddings now and then, for a network whose weights are kept as bytes, as those of `compact` (docs/adr/0008).
    """

    def __init__(self, path: Path, taken: Running) -> None:
        how = {
            "INFERENCE_PRECISION_HINT": _HINTS[taken.precision],  # its own choice would be bf16 where there is any
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": taken.threads,
            "ENABLE_CPU_PINNING": False,  # decoding must be able to move its threads away from these
        }
        try:
            model = _core().read_model(str(path))
            self._is_wide = taken.precision == "bf16" and first_layer.widen(model)
            self._compiled = _core().compile_model(model, "CPU", how)
        except RuntimeError as error:
            told = str(error).strip().splitlines()[-1][:200]
            raise WeightsError(f"{path} is no network that OpenVINO can load ({told}): try --runtime onnx") from error
        self._request = self._compiled.create_infer_request()
        self._guard = threading.Lock()
        self.running = taken

    def __call__(self, batch: Normalised) -> Embeddings:
        """See `Network`."""
        given = first_layer.widened(batch) if self._is_wide else batch
        with self._guard:
            # inputs are copied, not shared: a request that once shared an array writes later inputs into it
            rows = self._request.infer({0: given}, share_inputs=False, share_outputs=False)[0]
        return np.asarray(rows, np.float32)


@lru_cache(maxsize=1)
def has_bf16() -> bool:
    """Whether the processor multiplies bf16 by itself."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@lru_cache(maxsize=1)
def _core() -> openvino.Core:
    made: openvino.Core = _imported("openvino", without="openvino_telemetry").Core()
    return made


def _imported(name: str, *, without: str) -> ModuleType:
    """A package, imported as if another one were not installed.

    Importing OpenVINO 2026.4 tells its makers so over the network, unasked, and leaves an identity in the home folder. Without the
    package that does it, its own stub does nothing. A program that imported OpenVINO before has had that already.
    """
    if name not in sys.modules and without not in sys.modules:
        hidden: dict[str, ModuleType | None] = {without: None}  # what Python itself takes for "not there"
        sys.modules.update(hidden)  # type: ignore[arg-type]
        try:
            return import_module(name)
        finally:
            del sys.modules[without]
    return import_module(name)
