"""`likewise compile`: a network exported once, compared with its source on real pictures, and kept to be run without torch.

Read it from top to bottom.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from filelock import FileLock

from likewise import encoders, images, weights
from likewise.benchmarks import drawn
from likewise.encoders import Encoder, TextEncoder
from likewise.encoders.compiled import CARD, COMPILED, Check, Compiled, Origin, folder, of_card
from likewise.encoders.fidelity import BOUNDS, K, compared
from likewise.encoders.onnx import Onnx, place_of
from likewise.encoders.runtimes import (
    Precision,
    Running,
    Runtime,
    available,
    choose,
    machine,
    open_network,
    running,
)
from likewise.errors import BadArgument, BadImage, SourceError, WeightsError
from likewise.processors import processors
from likewise.sources import Source
from likewise.types import Card, Embeddings, Image, Pixels, Recipe

_OBJECTS = 7  # of each of 40 kinds, in two views each: enough to check on one half and to fit on the other
LEAST = 2 * (K + 1)
"""Pictures that a network is checked on, at least."""

Told = Callable[[str, int, int], None]
"""Called with (what is being done, how much of it is done, how much there is)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to compile.

    Attributes:
        model: Its name, or a FILE.onnx.
        recipe: How its input is made, where there is a choice.
        weights: A file instead of the published one.
        runtime: The one to check; all that are here if `auto`.
        precision: `auto` keeps float32, and allows bf16 where it is within its bound; `bf16` insists on it; `int8` is another identity.
        out: Where the file goes too, for another machine.
        pictures: To check on, and as many others to fit the ranges of int8 on.
        seed: Of the choice of pictures.
    """

    model: str
    recipe: str | None = None
    weights: Path | None = None
    runtime: Runtime = "auto"
    precision: Precision = "auto"
    out: Path | None = None
    pictures: int = 256
    seed: int = 0


def compile_model(
    wanted: Wanted, source: Source | None = None, told: Told = lambda _what, _done, _all: None
) -> Compiled:
    """Export a network, check it against its source, and keep it; what was exported before is only checked again.

    A run that was ended at any moment leaves nothing that a search would take, and goes on behind the export when it is run again.

    Args:
        wanted: What to compile.
        source: Of real pictures, best the ones that will be indexed; a drawn gallery unless given.
        told: Told of every step.

    Raises:
        WeightsError: If it is not within its bound, with what was found, and if there is no room; nothing is kept then.
        BadArgument: If there are too few pictures, or the runtime and the precision do not go together.
        MissingExtra: If what is needed is not installed.
    """
    if wanted.out is not None and wanted.out.suffix != ".onnx":
        raise BadArgument(f"{wanted.out}: a compiled network is an ONNX file: let its name end in .onnx")
    candidates = _candidates(wanted)
    told("loading", 0, 1)
    job = _Job(_source(wanted), wanted, told)
    int8 = wanted.precision == "int8"
    pixels = _pixels(source, job.card.recipe, wanted.pictures * (2 if int8 else 1), wanted.seed, told)
    half = len(pixels) // 2 if int8 else len(pixels)
    if half < LEAST:
        raise BadArgument(f"{half} pictures are there to check on, and it takes {LEAST}: name a place with more")
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / f"{job.card.fingerprint}.lock"):
            job.clear()
            made = job.int8(pixels[:half], pixels[half:]) if int8 else job.floating(pixels, candidates)
            if wanted.out is not None:
                weights.copied(job.file(made), wanted.out)
    except OSError as error:
        where = error.filename or place
        raise WeightsError(f"{where}: {error.strerror or error}: make room there, or allow it to be written") from error
    return made


class _Job:
    """One network on its way: what the steps share."""

    def __init__(self, encoder: Encoder, wanted: Wanted, told: Told) -> None:
        self._encoder, self._wanted, self._told = encoder, wanted, told
        texts = isinstance(encoder, TextEncoder)
        self._origin = Origin(wanted.model, wanted.recipe is None, wanted.weights is None, texts)
        self._is_torch = running(encoder).runtime == "torch"
        self.card = encoder.card

    def clear(self) -> None:
        """Take away what a run that was ended left half written."""
        for left in folder().glob(f"{self.card.fingerprint}.*.part*"):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()

    def floating(self, pixels: Pixels, candidates: Sequence[Running]) -> Compiled:
        """Check the network in floating point, and keep it."""
        network = self._network()
        right = self._embedded(self._encoder, pixels, "embedding by the source")
        checks = [self._checked(network, self.card, each, right, pixels) for each in candidates]
        wrong = [each for each in checks if not each.holds and each.precision in (self._wanted.precision, "fp32")]
        if wrong:
            if network == self._unchecked:
                network.unlink()
            raise _outside(self.card, wrong)
        sha256 = weights.sha256_of(network) if network.parent == folder() else ""
        known = of_card(self.card)
        before = known.checks if known is not None and known.sha256 == sha256 else ()
        again = {(each.runtime, each.precision) for each in checks}
        checks += [each for each in before if (each.runtime, each.precision) not in again]
        made = Compiled(self.card, self._origin, sha256, tuple(checks))
        if network == self._unchecked:
            network.replace(made.path)
        made.keep()
        return made

    def int8(self, checked: Pixels, fitted: Pixels) -> Compiled:
        """Quantise, check and keep."""
        from likewise.encoders.quantising import quantise

        bits = 7 if machine.machine().saturates else 8
        origin = replace(self._origin, bits=bits)
        taken = choose(self._wanted.runtime, "int8", quantised_bits=bits)
        draft = folder() / f"{self.card.fingerprint}.{os.getpid()}.part.onnx"
        try:
            network = self._network()
            self._told("fitting ranges", 0, 1)
            quantise(network, draft, fitted, self.card.recipe, _notes(self.card, origin), bits=bits)
            sha256 = weights.sha256_of(draft)
            card = replace(self.card, quantised=sha256)
            right = self._embedded(self._encoder, checked, "embedding by the source")
            check = self._checked(draft, card, taken, right, checked)
            if not check.holds:
                raise _outside(card, [check])
            made = Compiled(card, origin, sha256, (check,))
            draft.replace(made.path)
        finally:
            draft.unlink(missing_ok=True)
        made.keep()
        return made

    def file(self, made: Compiled) -> Path:
        """Where the network lies in the end."""
        return made.path if made.sha256 else place_of(self._wanted.model)

    @property
    def _unchecked(self) -> Path:
        return folder() / f"{self.card.fingerprint}.unchecked.onnx"

    def _network(self) -> Path:
        """The source as an ONNX file in float32: from an earlier run, what it was from the start, or exported now."""
        known = of_card(self.card)
        if known is not None and known.is_whole:
            return known.path
        if not self._is_torch:
            return place_of(self._wanted.model)
        if not self._unchecked.is_file():
            from likewise.encoders.networks import exporting

            self._told("exporting", 0, 1)
            exporting.write_encoder(self._encoder, self._unchecked, _notes(self.card, self._origin))
        return self._unchecked

    def _checked(self, network: Path, card: Card, taken: Running, right: Embeddings, pixels: Pixels) -> Check:
        rows = self._embedded(Onnx(open_network(network, taken), card), pixels, f"checking {taken.short}")
        fidelity = compared(right, rows, card.metric)
        return Check(taken.runtime, taken.precision, fidelity, BOUNDS[taken.precision].holds(fidelity))

    def _embedded(self, encoder: Encoder, pixels: Pixels, what: str) -> Embeddings:
        parts = []
        for start in range(0, len(pixels), 32):
            parts.append(encoder.encode(pixels[start : start + 32]))
            self._told(what, min(start + 32, len(pixels)), len(pixels))
        return np.concatenate(parts)


def _candidates(wanted: Wanted) -> list[Running]:
    """What is to be checked; complains at once about what cannot be."""
    if wanted.precision == "int8":
        choose(wanted.runtime, "int8", quantised_bits=7)
        return []
    if wanted.runtime == "auto" and wanted.precision in ("auto", "fp32"):
        return [each for each in available() if wanted.precision in ("auto", each.precision)]
    if wanted.precision != "auto":
        return [choose(wanted.runtime, wanted.precision)]
    return [each for each in available() if each.runtime == wanted.runtime] or [choose(wanted.runtime, "auto")]


def _source(wanted: Wanted) -> Encoder:
    """The encoder that counts as right: torch's own, or float32 by ONNX Runtime where the source is an ONNX file."""
    family = wanted.model.partition("/")[0]
    if family in ("classical", "pixels") or wanted.model.endswith(".npz"):
        raise BadArgument(f"{wanted.model} is no network of its own: there is nothing to compile")
    is_file = family == "compact" or wanted.model.endswith(".onnx")
    runtime: Runtime = "onnx" if is_file else "torch"
    precision: Precision = "fp32" if is_file else "auto"
    return encoders.load(
        wanted.model,
        recipe=wanted.recipe,
        weights=wanted.weights,
        device="cpu",
        runtime=runtime,
        precision=precision,
    )


def _pixels(source: Source | None, recipe: Recipe, count: int, seed: int, told: Told) -> Pixels:
    """Pictures drawn at random, as the recipe prepares them; what cannot be read is passed over."""
    if source is None:

        def drawing(done: int, total: int) -> None:
            told("drawing", done, total)

        source = drawn.rendered(None, instances=_OBJECTS, workers=processors(), progress=drawing).gallery
    items = list(source.items())
    found: list[Image] = []
    for place in np.random.default_rng(seed).permutation(len(items)):
        if len(found) == count:
            break
        try:
            found.append(images.prepare(source.read(items[int(place)]), recipe).pixels)
        except (BadImage, SourceError):
            continue
        told("reading", len(found), min(count, len(items)))
    return np.stack(found) if found else np.zeros((0, recipe.side, recipe.side, 3), np.uint8)


def _notes(card: Card, origin: Origin) -> dict[str, str]:
    return {CARD: card.to_json(), COMPILED: json.dumps(asdict(origin))}


def _outside(card: Card, checks: Sequence[Check]) -> WeightsError:
    found = "; ".join(
        f"{each.runtime} {each.precision} has {each.fidelity}, and must have {BOUNDS[each.precision]}"
        for each in checks
    )
    return WeightsError(
        f"{card.name} is not kept, because it departs from its source: {found}: take --precision fp32, or torch"
    )
