"""What a figure was computed with: the programs and the machine."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

_PROGRAMS = ("likewise", "numpy", "pillow", "pillow-heif", "onnxruntime", "openvino", "torch", "torchvision")


def versions() -> dict[str, str]:
    """Name → version of this program, of Python, and of what is installed of the packages that change an embedding."""
    found = {"python": platform.python_version()}
    for name in _PROGRAMS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str | int]:
    """The processor, its cores, and the system."""
    return {"processor": _processor(), "cores": os.cpu_count() or 1, "system": platform.platform()}


def _processor() -> str:
    """Its name where Linux tells it, else what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
