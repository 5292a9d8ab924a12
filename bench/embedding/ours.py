"""Contenders of ours: a network compiled, embedding from memory, indexing; and the parts of indexing alone."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from contests.contender import Work
from embedding.networks import NETWORKS, torchvision
from likewise import encoders, images
from likewise.encoders import Encoder
from likewise.encoders.runtimes import Running, choose, machine, open_network, running
from likewise.sources import open_source
from likewise.types import Pixels, Recipe


def pictures(source: str, recipe: Recipe, count: int) -> Pixels:
    """The first `count` pictures of a place, prepared; from the start again where there are fewer."""
    place = open_source(source)
    items = list(itertools.islice(place.items(), count))
    found = [images.prepare(place.read(item), recipe).pixels for item in items]
    return np.stack([found[i % len(found)] for i in range(count)])


def compiled(network: str, folder: str, photos: str, count: int, batch: int, int8: bool) -> Work:
    """`likewise compile`, checked on `count` photos, and a batch of pixels for all contenders.

    Facts say where the ONNX file and the pixels are, and what `auto` takes.
    """
    from likewise.compiling import Wanted, compile_model

    torchvision()
    asked, place = NETWORKS[network], Path(folder)
    weights = asked.weights(place)
    found = compile_model(Wanted(asked.model, asked.recipe, weights, pictures=count), open_source(photos))
    card, taken = found.card, running(_loaded(network, folder, "auto", 1))
    checks = {f"{each.runtime} {each.precision}": f"{each.fidelity}, holds: {each.holds}" for each in found.checks}
    facts: dict[str, Any] = {
        "onnx": str(found.path),
        "is": taken.short,
        "checks": checks,
        "bf16": "openvino bf16" in checks,
    }
    pixels = pictures(photos, card.recipe, batch)
    for name, values in (("pixels", pixels), ("normalised", images.normalise(pixels, card.recipe))):
        facts[name] = str(place / f"{network}-{name}.npy")
        np.save(facts[name], values)
    if int8:
        from likewise.encoders.quantising import quantise

        bits = 7 if machine.machine().saturates else 8
        path = place / f"{network}-int8-{bits}.onnx"
        if not path.is_file():
            quantise(found.path, path, pictures(photos, card.recipe, count), card.recipe, {}, bits=bits)
        facts["int8"] = str(path)
    return Work(facts=facts)


def embedding(network: str, folder: str, pixels: str, precision: str, threads: int, int8: str = "") -> Work:
    """A batch of pixels from memory, as `ingest` gives it: normalising counts."""
    encoder = _loaded(network, folder, precision, threads, int8)
    batch = np.load(pixels)
    return Work(lambda: encoder.encode(batch), len(batch), facts=_facts(encoder))


def indexing(network: str, folder: str, place: str, precision: str, threads: int, int8: str = "") -> Work:
    """Files to a collection on the disk: what `likewise index` does behind loading the model. A new collection every time."""
    from likewise.ingest import Options, ingest
    from likewise.stores.local import LocalStore

    encoder, source = _loaded(network, folder, precision, threads, int8), open_source(place)
    count, numbers = sum(1 for _ in source.items()), itertools.count()
    home = tempfile.TemporaryDirectory(dir=folder)
    options = Options(workers=threads)

    def go() -> None:
        target = Path(home.name) / f"{next(numbers)}" / ".likewise"
        with LocalStore.create(target, encoder.card) as store:
            ingest(source, store, encoder, options)
            assert len(store) == count, f"{len(store)} of {count} images are in"

    return Work(go, count, facts=_facts(encoder, f", {threads} decoding") | {"home": home.name})


def parts(network: str, folder: str, place: str, threads: int) -> Work:
    """Decoding alone, embedding alone, and the whole path, once for each `go`; of `compact` if no network is named."""
    import index
    from likewise.ingest import Options

    encoder = _loaded(network, folder, "auto", threads) if network else encoders.load("compact", threads=threads)
    source, options = open_source(place), Options(workers=threads)
    home = tempfile.TemporaryDirectory(dir=folder)
    numbers = itertools.count()

    def go() -> dict[str, float]:
        return index.turn(source, encoder, Path(home.name) / f"{next(numbers)}", options)

    count = sum(1 for _ in source.items())
    return Work(go, count, facts=_facts(encoder, f", {threads} decoding") | {"home": home.name})


def fidelity(labelled: str, count: int, threads: int) -> Work:
    """Facts: what the default of `compact` keeps of float32, and bf16 beside it where the machine has it and the default is not that."""
    import precision
    from likewise.encoders.runtimes import available

    part = precision.part_of(Path(labelled), count)
    first = encoders.load("compact", runtime="onnx", precision="fp32", threads=threads)
    default = encoders.load("compact", threads=threads)
    ways = {"default": default}
    if any(each.precision == "bf16" for each in available()) and running(default).precision != "bf16":
        ways["bf16"] = encoders.load("compact", precision="bf16", threads=threads)
    found = precision.kept(part, first.encode, {name: each.encode for name, each in ways.items()})
    return Work(
        facts={
            "is": f"{len(part.queries)} queries, gallery of {len(part.gallery)}",
            "kept": {name: asdict(each) for name, each in found.items()},
            "running": {name: running(each).short for name, each in ways.items()},
        }
    )


def _facts(encoder: Encoder, more: str = "") -> dict[str, Any]:
    how = running(encoder)
    threads = f"{how.threads} thread{'' if how.threads == 1 else 's'}"
    return {"is": f"likewise, {how.short}, {threads}{more}", "why": how.why}


def _loaded(network: str, folder: str, precision: Any, threads: int, int8: str = "") -> Encoder:
    asked = NETWORKS[network]
    weights = asked.weights(Path(folder))
    if int8:
        return _from_int8(encoders.load(asked.model, recipe=asked.recipe, weights=weights), Path(int8), threads)
    return encoders.load(asked.model, recipe=asked.recipe, weights=weights, precision=precision, threads=threads)


def _from_int8(source: Encoder, path: Path, threads: int) -> Encoder:
    """An int8 network whatever its check says: random weights are no fair test of fidelity, and fall through it."""
    from likewise.encoders.onnx import Onnx

    taken: Running = choose("auto", "int8", quantised_bits=int(path.stem[-1]), threads=threads)
    return Onnx(open_network(path, taken), replace(source.card, quantised=f"{0:064x}"))
