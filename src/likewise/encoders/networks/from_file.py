"""A network that is one file: TorchScript (.pt, .ts) or `torch.export` (.pt2), with its card in a TOML beside it."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from likewise.encoders import Wish, described
from likewise.encoders.networks.encoder import TorchEncoder, device_of
from likewise.encoders.networks.pooled import Whole
from likewise.errors import BadArgument, WeightsError

_UNPICKLED = ("opaque_obj", "custom_obj")  # entries of a .pt2 that are run when they are read


def torchscript(wish: Wish) -> TorchEncoder:
    """A file of `torch.jit.save`: `--model FILE.pt`.

    Raises:
        WeightsError: If it is none, or nothing says how its input is made.
    """
    return _opened(wish, "torchscript", ".pt", _scripted)


def exported(wish: Wish) -> TorchEncoder:
    """A file of `torch.export.save`: `--model FILE.pt2`; it takes batches of the size that it was exported for, or of any.

    Raises:
        WeightsError: As `torchscript`.
    """
    return _opened(wish, "exported", ".pt2", _program)


def _opened(wish: Wish, family: str, ending: str, read: Callable[[Path], nn.Module]) -> TorchEncoder:
    path = described.wished(wish, family, ending)
    file = described.remembered(path)
    card = described.card_beside(path, file, f"{family}/{wish.layer or path.stem}")
    if card is None:
        raise described.undescribed(path)
    if wish.recipe not in (None, card.recipe.name):
        raise BadArgument(f"{card.name} has one recipe, {card.recipe.name}: go without --recipe {wish.recipe}")
    device = device_of(wish.device)
    encoder = TorchEncoder(Whole.of_module(read(file.path), unit=card.unit).to(device), card, device)
    encoder.try_out()
    return encoder


def _scripted(path: Path) -> nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # what torch thinks of TorchScript; files of it are there
            return cast("nn.Module", cast("Any", torch.jit).load(str(path), map_location="cpu")).eval()
    except (RuntimeError, ValueError) as error:
        raise WeightsError(
            f"{path} is no TorchScript file ({_line(error)}): if it is a table of weights, name the network with --model and pass "
            "the file with --weights"
        ) from error


def _program(path: Path) -> nn.Module:
    _check_harmless(path)
    try:
        program = torch.export.load(str(path))
        return cast("nn.Module", program.module())
    except Exception as error:  # of many kinds, none documented
        raise WeightsError(
            f"{path} is no file of torch.export that this torch can load ({_line(error)}): export it anew"
        ) from error


def _check_harmless(path: Path) -> None:
    """Refuse a .pt2 with pickles in it that would run code: torch reads them without a check of its own."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                _check_entry(archive, name, path)
    except (OSError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} is no file of torch.export ({error}): make it by torch.export.save") from error


def _check_entry(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    last = name.rsplit("/", 1)[-1]
    pickled = any(part in last for part in _UNPICKLED)
    if last.endswith("_config.json"):
        pickled = '"use_pickle": true' in json.dumps(json.loads(archive.read(name)))
    elif last.endswith(".pt"):
        try:
            torch.load(io.BytesIO(archive.read(name)), weights_only=True)
        except Exception:
            pickled = True
    if pickled:
        raise WeightsError(
            f"{path} has pickled objects in it ({last}), which could run anything: export it without them"
        )


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
