"""Files of weights → a network, strictly: what is missing, surplus or of another shape is refused by name, and no code is run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from likewise import weights
from likewise.encoders import Wish
from likewise.errors import MissingExtra, WeightsError

_INSIDE = ("state_dict", "model")  # where training programs put the table among other things


def file_of(wish: Wish, published: Sequence[weights.Published]) -> weights.Weights:
    """The file that is wished for, or the published one, which may lie at one of several addresses.

    Raises:
        WeightsError: If a collection's weights are wanted, and are neither cached nor the published ones.
        DownloadError: If they must be fetched and cannot be.
    """
    if wish.weights is not None or wish.sha256 is None:
        return weights.obtain_first(published, wish.weights, wish.progress)
    path = weights.by_sha256(wish.sha256, likely=[each.file_name for each in published])
    if path is None:
        if any(f"sha256:{wish.sha256}".startswith(each.digest) for each in published):
            return weights.obtain_first(published, None, wish.progress)
        raise WeightsError(
            f"the weights with SHA-256 {wish.sha256[:16]}…, which made this collection, are not cached: pass --weights PATH"
        )
    return weights.Weights(path, wish.sha256)


def fill(module: nn.Module, state: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Put a table of tensors into a network that has exactly these; floating point becomes float32.

    Raises:
        WeightsError: Naming the first of what is missing, surplus or of another shape.
    """
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    wrong = [
        *(f"{name} is missing" for name in sorted(wanted.keys() - found.keys())),
        *(f"{name} is not of this network" for name in sorted(found.keys() - wanted.keys())),
        *(
            f"{name} is {found[name]}, wanted {wanted[name]}"
            for name in sorted(wanted.keys() & found.keys())
            if found[name] != wanted[name]
        ),
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise WeightsError(f"{path} is not a {what}: {'; '.join(wrong[:3])}{more}")
    with torch.no_grad():  # files of 2017 hold parameters that want gradients
        tensors = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    module.load_state_dict(tensors, strict=True, assign=True)


def refuse_shapes(module: nn.Module, state: Mapping[str, Tensor], path: Path, what: str) -> None:
    """Complain about tensors of the right name and another shape, which a library's own conversion would stretch to fit.

    Raises:
        WeightsError: Naming them.
    """
    wanted = module.state_dict()
    fitting = {name: state.get(name, value) for name, value in wanted.items()}
    if any(fitting[name].shape != value.shape for name, value in wanted.items()):
        fill(module, fitting, path, what)


def state_of(path: Path) -> dict[str, Tensor]:
    """Read a table of tensors, name → tensor; no code in the file is run.

    safetensors, and both formats of `torch.save`: torchvision's file of VGG-19 is of 2017 and in the older one, which cannot be
    mapped into memory; nor should the newer one be, for who overwrites a mapped file changes the network that runs. The table may
    lie inside a checkpoint under `state_dict` or `model`, and its names may all begin with `module.`, as parallel training leaves them.

    Raises:
        WeightsError: If the file is damaged, or holds anything but tensors.
    """
    try:
        state = (
            _safe_tensors(path) if _is_safetensors(path) else torch.load(path, map_location="cpu", weights_only=True)
        )
    except MissingExtra:
        raise
    except Exception as error:  # ten kinds came out of 3,000 random damages; torch's own words advise to run the file
        raise WeightsError(
            f"{path} cannot be read as a table of tensors ({type(error).__name__}), and nothing in it was run: it is damaged "
            "or holds something else; pass the file that was published for this network, or its state_dict"
        ) from error
    for key in _INSIDE:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path} holds no table of tensors: pass the state_dict of this network")
    if state and all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): value for name, value in state.items()}
    return state


def sha256_of(module: nn.Module) -> str:
    """The SHA-256 of a network's tensors, for one that comes from no file."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def size_of(module: nn.Module) -> int:
    """Bytes of all tensors of a network: nearly those of its file, where that is in float32."""
    return sum(value.numel() * value.element_size() for value in module.state_dict().values())


def _is_safetensors(path: Path) -> bool:
    """By content, as the cache has files without endings: the length of a header, and the header, which is JSON."""
    with path.open("rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size


def _safe_tensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load
    except ImportError as error:
        raise MissingExtra(f"{path} needs safetensors ({error}): pip install 'likewise[torch]'") from error
    state: dict[str, Tensor] = load(path.read_bytes())
    return state
