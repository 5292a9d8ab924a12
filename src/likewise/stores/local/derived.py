"""What was worked out of one state of a collection and is worth keeping beside it: never the truth, made anew when it is not there."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = "derived"


def load(folder: Path, name: str, state: str) -> Mapping[str, NDArray[np.generic]] | None:
    """The arrays of that name and state; None if they are not there, or torn."""
    try:
        with _path(folder, name, state).open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {each: kept[each] for each in kept.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def keep(folder: Path, name: str, state: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write arrays, whole or not at all, in the place of those of other states; where nothing can be written, nothing is."""
    path = _path(folder, name, state)
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        try:
            with draft.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        for other in path.parent.glob(f"{name}.*.npz"):
            if other != path:
                other.unlink()


def _path(folder: Path, name: str, state: str) -> Path:
    return folder / FOLDER / f"{name}.{state}.npz"
