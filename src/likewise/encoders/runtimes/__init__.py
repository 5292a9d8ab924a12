"""What does the arithmetic of a network: ONNX Runtime or OpenVINO, at which precision, and why this one here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from likewise.encoders.runtimes import machine
from likewise.errors import BadArgument, MissingExtra, WeightsError
from likewise.processors import processors
from likewise.types import Embeddings

Runtime: TypeAlias = Literal["auto", "torch", "onnx", "openvino"]
Precision: TypeAlias = Literal["auto", "fp32", "bf16", "int8"]

Normalised: TypeAlias = NDArray[np.float32]
"""(n, 3, side, side): pixels as a recipe normalises them."""

_MODULES = {
    "onnx": "likewise.encoders.runtimes.onnx:OnnxRuntime",
    "openvino": "likewise.encoders.runtimes.openvino:OpenVino",
}


@dataclass(frozen=True, slots=True)
class Running:
    """What computes embeddings.

    Attributes:
        runtime: `onnx`, `openvino`, `torch`, or `numpy` where there is no network.
        precision: `fp32`, `bf16` or `int8`.
        threads: Of the arithmetic; 0 where the runtime decides.
        why: The reason that it was taken, in words for a person.
    """

    runtime: str
    precision: str
    threads: int = 0
    why: str = ""

    @property
    def short(self) -> str:
        """Runtime and precision, such as `openvino bf16`."""
        return f"{self.runtime} {self.precision}"

    def __str__(self) -> str:
        threads = f", {self.threads} thread{'' if self.threads == 1 else 's'}" if self.threads else ""
        return f"{self.short}{threads}{f' ({self.why})' if self.why else ''}"


class Network(Protocol):
    """A network in an ONNX file, loaded and ready.

    Contract: deterministic; rows of a batch equal those of its pictures one by one within rounding; the input stays as it is; threads
    may share it.
    """

    @property
    def running(self) -> Running:
        """What computes it."""
        ...

    def __call__(self, batch: Normalised) -> Embeddings:
        """The first output of the graph for n pictures, n at least 1."""
        ...


@runtime_checkable
class Tells(Protocol):
    """An encoder that says what computes its embeddings."""

    @property
    def running(self) -> Running:
        """What computes them."""
        ...


@runtime_checkable
class Module(Protocol):
    """An encoder that is a network of torch."""

    @property
    def module(self) -> object:
        """Normalised pixels (n, 3, side, side) → embeddings (n, dim)."""
        ...


def running(encoder: object) -> Running:
    """What computes an encoder's embeddings."""
    if isinstance(encoder, Tells):
        return encoder.running
    if isinstance(encoder, Module):
        return Running("torch", "fp32", why="a network of torch that is not compiled")
    return Running("numpy", "fp32", why="no network")


def choose(
    runtime: Runtime, precision: Precision, *, quantised_bits: int = 0, bf16_holds: bool = False, threads: int = 0
) -> Running:
    """Which runtime and precision a network in an ONNX file is to have.

    Args:
        runtime: As asked for.
        precision: As asked for.
        quantised_bits: Of the weights of an int8 network; 0 for one in floating point.
        bf16_holds: Whether a check on real pictures has found bf16 within its bound for this network; `auto` takes it only then.
        threads: Of the arithmetic; 0 for all processors that this process may use.

    Raises:
        BadArgument: If the two do not go together, or this machine cannot do it.
        MissingExtra: If what was asked for is not installed.
        WeightsError: If an int8 network would be computed wrongly here.
    """
    _refuse(runtime, precision, quantised=bool(quantised_bits))
    here = machine.machine()
    taken, why = _runtime(runtime, precision, here)
    at, more = _precision(precision, taken, quantised=bool(quantised_bits), bf16_holds=bf16_holds)
    if at == "int8" and taken == "onnx" and quantised_bits == 8 and here.saturates:
        raise WeightsError(
            f"this int8 network wants a processor with VNNI, and this is {here}: compile it here, or run it by openvino"
        )
    return Running(taken, at, threads or processors(), "; ".join(filter(None, (why, more))))


def open_network(path: Path, taken: Running) -> Network:
    """Load an ONNX file.

    Raises:
        WeightsError: If the runtime cannot read it.
    """
    module, name = _MODULES[taken.runtime].split(":")
    return cast("Network", getattr(import_module(module), name)(path, taken))


def is_installed(runtime: str) -> bool:
    """Whether a runtime is there; nothing is imported."""
    return find_spec({"onnx": "onnxruntime"}.get(runtime, runtime)) is not None


def available() -> list[Running]:
    """Every runtime and precision that this machine has for a network in floating point, the safest first."""
    found = [choose("onnx", "fp32")]
    if is_installed("openvino"):
        found += [choose("openvino", "fp32")]
        found += [choose("openvino", "bf16")] if _has_bf16() else []
    return found


def _refuse(runtime: Runtime, precision: Precision, *, quantised: bool) -> None:
    if runtime == "torch":
        raise BadArgument("this is no network of torch: take --runtime onnx, openvino or auto")
    if quantised and precision not in ("auto", "int8"):
        raise BadArgument(f"this network is int8, not {precision}: take --precision int8 or auto")
    if not quantised and precision == "int8":
        raise BadArgument(
            "this network is not int8: make one with `likewise compile MODEL --precision int8 --check PLACE`"
        )


def _runtime(runtime: Runtime, precision: Precision, here: machine.Machine) -> tuple[str, str]:
    """Which runtime, and why."""
    there = is_installed("openvino")
    if runtime == "openvino" or (runtime == "auto" and precision == "bf16"):
        if not there:
            raise MissingExtra(
                f"{precision if runtime == 'auto' else runtime} needs OpenVINO: pip install 'likewise[openvino]'"
            )
        return "openvino", "asked for" if runtime == "openvino" else f"{here}"
    if runtime == "onnx":
        if precision == "bf16":
            raise BadArgument("ONNX Runtime has no bf16 on processors: take --runtime openvino, or --precision fp32")
        return "onnx", "asked for"
    if not here.is_x86:
        return "onnx", f"{here}"
    if there:
        return "openvino", f"{here}"
    return "onnx", f"{here}; OpenVINO would be quicker: pip install 'likewise[openvino]'"


def _precision(precision: Precision, runtime: str, *, quantised: bool, bf16_holds: bool) -> tuple[str, str]:
    """Which precision, and what there is to say of it."""
    if quantised:
        return "int8", ""
    if precision == "bf16" and not _has_bf16():
        raise BadArgument("this processor has no bf16: take --precision fp32 or auto")
    if precision != "auto":
        return precision, ""
    if runtime != "openvino" or not _has_bf16():
        return "fp32", ""
    if bf16_holds:
        return "bf16", "bf16 was checked"
    return "fp32", "bf16 was not found to be within its bound; `likewise compile` checks it"


def _has_bf16() -> bool:
    from likewise.encoders.runtimes.openvino import has_bf16

    return has_bf16()
