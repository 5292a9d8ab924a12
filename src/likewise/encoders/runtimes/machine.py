"""What this machine's processor can do, as far as the choice of a runtime hangs on it."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_SIGNS = (  # flag of the kernel → what people call it
    ("amx_bf16", "AMX"),
    ("avx512_bf16", "AVX-512 BF16"),
    ("avx512_vnni", "AVX-512 VNNI"),
    ("avx_vnni", "AVX VNNI"),
    ("avx512f", "AVX-512"),
    ("avx2", "AVX2"),
)
_GPU_SIGNS = ("/proc/driver/nvidia/version", "/dev/kfd", "/dev/nvidiactl")


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor.

    Attributes:
        architecture: Such as `x86_64` or `aarch64`.
        features: What it has of AMX, AVX-512 BF16, AVX-512 VNNI, AVX VNNI, AVX-512 and AVX2; None where the system does not tell.
    """

    architecture: str
    features: tuple[str, ...] | None

    @property
    def is_x86(self) -> bool:
        """Whether it is of Intel's family in 64 bits."""
        return self.architecture.lower() in ("x86_64", "amd64")

    @property
    def saturates(self) -> bool:
        """Whether products of int8 may overflow 16 bits: x86 without VNNI. Where the system does not tell, they may."""
        return self.is_x86 and not any("VNNI" in name for name in self.features or ())

    def __str__(self) -> str:
        told = ", ".join(self.features[:3]) if self.features else ""
        return f"{self.architecture}{f' with {told}' if told else ''}"


@lru_cache(maxsize=1)
def machine() -> Machine:
    """The one that this runs on."""
    return described(platform.machine() or "an unknown processor", _read(_CPUINFO))


def described(architecture: str, cpuinfo: str) -> Machine:
    """From what the kernel tells.

    >>> str(described("x86_64", "flags : sse2 avx2 avx512f avx512_vnni"))
    'x86_64 with AVX-512 VNNI, AVX-512, AVX2'
    >>> str(described("aarch64", "")), described("x86_64", "flags : avx2").saturates
    ('aarch64', True)
    """
    flags = {flag for line in cpuinfo.splitlines() if line.startswith("flags") for flag in line.split()}
    return Machine(architecture, tuple(name for flag, name in _SIGNS if flag in flags) if flags else None)


def shows_gpu() -> bool:
    """Whether there is a sign of a GPU that torch could use; told without importing it, which takes seconds."""
    if sys.platform == "darwin":  # pragma: no cover - Apple's own processors have one
        return platform.machine() == "arm64"
    return any(Path(sign).exists() for sign in _GPU_SIGNS)


def free_bytes() -> int:
    """Memory that can be had without pushing others out; a gigabyte where the system does not tell."""
    for line in _read(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 1 << 30


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
