"""How many processors there are for us: asked by whatever works side by side."""

from __future__ import annotations

import os


def processors() -> int:
    """How many this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1  # pragma: no cover - systems without affinities
