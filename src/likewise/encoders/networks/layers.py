"""Names of layers → modules; and several modules read in one pass, which ends at the last of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from likewise.encoders.networks.network import Network, Tap
from likewise.errors import BadArgument, UnknownName

_ENDS = ("cls", "patches")
_BLOCKS = ("blocks", "encoder.layers", "transformer.resblocks", "trunk.blocks", "transformer.layers")
_STAGES = ("stages", "layers", "trunk.stages", "trunk.layers")
_NORMS = ("norm", "encoder.ln", "ln_post", "trunk.norm")


def find(network: Network, name: str) -> tuple[Tap, str]:
    """Where a layer is, and which tokens of it are meant (`cls`, `patches`, or empty).

    In this order: what the family itself knows (`conv5_4`), `block.N` of a transformer, `stage.N` of a network in stages, `norm` of a
    transformer, each counted from 0; else the path of a module, as `named_modules` has it.

    Raises:
        UnknownName: If there is no such layer; the message has the nearest.
    """
    if name in network.layers:
        return Tap(network.layers[name]), ""
    plain, slash, end = name.rpartition("/")
    if not slash:
        plain, end = name, ""
    elif end not in _ENDS:
        raise UnknownName(f"{network.name} has no layer {name!r}: behind a slash stands {' or '.join(_ENDS)}")
    paths = dict(network.module.named_modules())
    path = _alias(plain, network.module)
    if path not in paths or not path or (network.closed and not end and path not in network.layers.values()):
        raise UnknownName(f"{network.name} has no layer {name!r}: {_advice(network, plain, list(paths))}")
    return Tap(path), end


@dataclass(slots=True)
class _Reading:
    """One pass: what is wanted of it, and what was met."""

    wanted: frozenset[Tap]
    ends: bool
    found: dict[Tap, Tensor] = field(default_factory=dict)

    def take(self, tap: Tap, out: object) -> None:
        if tap not in self.wanted or tap in self.found:  # of a module that is called again, the first call counts
            return
        last = self.ends and len(self.found) + 1 == len(self.wanted)
        tensor = _tensor(out, tap)
        self.found[tap] = tensor if last else tensor.clone()  # what follows may add to it in place
        if last:
            raise _Done


class _Done(Exception):
    """Nothing more is wanted of this pass."""


_READING: ContextVar[_Reading | None] = ContextVar("likewise-reading", default=None)


class Taps(nn.Module):
    """A network, read at several places in one pass.

    While it is exported the pass goes on to its end, since a trace cannot be left; what is not used is no part of what is exported.
    """

    def __init__(self, network: nn.Module, taps: Sequence[Tap]) -> None:
        super().__init__()
        self.network = network
        self.taps = tuple(dict.fromkeys(taps))
        for tap in self.taps:
            _watch(network, tap)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """(n, 3, side, side) → what each place gives, in the order of the taps."""
        whole = Tap() in self.taps
        reading = _Reading(frozenset(self.taps) - {Tap()}, not whole and not torch.compiler.is_compiling())
        token = _READING.set(reading)
        try:
            out = self.network(pixels)
            if whole:
                reading.found[Tap()] = _tensor(out, Tap())
        except _Done:
            pass
        finally:
            _READING.reset(token)
        missed = [tap for tap in self.taps if tap not in reading.found]
        if missed:
            raise BadArgument(f"{missed[0]} has no part in what the network computes of a picture: take another layer")
        return [reading.found[tap] for tap in self.taps]


def _watch(network: nn.Module, tap: Tap) -> None:
    """Have a module tell what it gives out, or is given, to the reading of the thread that runs it; without one nothing happens."""
    if not tap.path:
        return
    module = network.get_submodule(tap.path)

    def told(_module: nn.Module, given: tuple[object, ...], out: object = None) -> None:
        reading = _READING.get()
        if reading is not None:
            reading.take(tap, given if tap.before else out)

    if tap.before:
        module.register_forward_pre_hook(told)
    else:
        module.register_forward_hook(told)


def _tensor(out: object, tap: Tap) -> Tensor:
    if isinstance(out, tuple | list) and out:
        out = out[0]
    if not isinstance(out, Tensor):
        raise BadArgument(
            f"{tap if tap.path else 'the network'} gives a {type(out).__name__}, which is no tensor: take another layer"
        )
    return out


def _alias(name: str, module: nn.Module) -> str:
    found = re.fullmatch(r"(block|stage)\.(\d+)(\..+)?", name)
    paths = dict(module.named_modules())
    if name == "norm":
        return next((path for path in _NORMS if path in paths), name)
    if found is None or name in paths:
        return name
    for path in _BLOCKS if found[1] == "block" else _STAGES:
        children = [child for child, _ in paths[path].named_children()] if path in paths else []
        if int(found[2]) < len(children):
            return f"{path}.{children[int(found[2])]}{found[3] or ''}"
    return name


def _advice(network: Network, name: str, paths: Sequence[str]) -> str:
    if network.closed:
        return _closed(list(network.layers))
    near = difflib.get_close_matches(name, [*network.layers, *filter(None, paths)], n=4, cutoff=0.4)
    top = [path for path in paths if path and "." not in path]
    return f"did you mean {', '.join(near)}?" if near else f"its modules are {', '.join(top)}"


def _closed(names: list[str]) -> str:
    convolutions = [name for name in names if name.startswith("conv")]
    return f"take fc1, fc2, logits, pool1 to pool5, {convolutions[0]} to {convolutions[-1]}, or a module such as features.28"
