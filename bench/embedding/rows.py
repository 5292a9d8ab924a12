"""The rows of the table: who meets whom, on what, and what the ratio must be."""

from __future__ import annotations

import contextlib
import pickle
import statistics
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import index
from contests.contest import Contender, Fell, Ground, Times
from contests.figures import Figure
from embedding.networks import NETWORKS
from embedding.peers import PEERS, Peer

_SAME = 0.999  # cosine from which two contenders compute the same network; float32 and bf16 differ by less


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything.

    Attributes:
        batch: Images that are embedded at once from memory.
        checked: Photos that `likewise compile` checks on.
        cifar: Images of 32 × 32 in the blog post's loop.
        photos: Against peers, of 2 megapixels.
        whole: In the whole path alone: megapixels, and how many.
        side: Of the matrices whose product is the peak.
        judged: Images of the gallery in the row of fidelity.
    """

    batch: int = 32
    checked: int = 32
    cifar: int = 2000
    photos: int = 128
    whole: tuple[tuple[str, int], ...] = (("2", 400), ("12", 128))
    side: int = 4096
    judged: int = 3000


QUICK = Sizes(batch=2, checked=16, cifar=200, photos=20, whole=(("2", 20), ("12", 4)), side=512, judged=300)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of a ratio: what it must be, what it is hoped to be, and what is hoped of int8."""

    must: float | None = None
    goal: float | None = None
    int8: float | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What all rows share.

    Attributes:
        ground: Where contests are held.
        sizes: How much of everything.
        threads: Of the arithmetic of each contender, and processes that decode.
        peers: The interpreter of an environment that has them.
        labelled: A folder with `train/CLASS` and `test/CLASS`.
        checks: Pictures that compiled networks are checked on; drawn ones if None.
        fell: Filled: contender → why it is missing.
        known: Filled: network → facts of what was compiled in this run.
    """

    ground: Ground
    sizes: Sizes
    threads: int
    peers: str
    labelled: Path | None
    checks: Path | None
    fell: dict[str, str]
    known: dict[str, dict[str, Any]]

    @property
    def folder(self) -> str:
        """Of files that contenders share."""
        return str(self.ground.folder)

    @contextlib.contextmanager
    def going_on(self, what: str) -> Iterator[None]:
        """A part of a row may fail without the others."""
        try:
            yield
        except Fell as fell:
            self.fell[what] = str(fell)
            print(f"    out: {what}: {fell}", flush=True)

    def demand(self, peer: Peer) -> None:
        """Complain at once if a peer is not installed.

        Raises:
            Fell: With the command that would mend it.
        """
        look = f"import importlib.util as it; raise SystemExit(not it.find_spec({peer.module!r}))"
        if subprocess.run([self.peers, "-c", look], check=False).returncode:
            raise Fell(f"not installed: {self.peers} -m pip install --no-deps {peer.packages} (docs/speed.md)")

    def photos(self, size: str = "2", count: int = 0) -> str:
        """A folder of photo-like JPEGs, made once."""
        count = count or self.sizes.photos
        place = self.ground.folder / f"photos-{size}-{count}"
        if not place.is_dir():
            draft = place.with_name(place.name + ".part")
            draft.mkdir(parents=True, exist_ok=True)
            index.fill(draft, size, count)
            draft.replace(place)
        return str(place)

    def pictures(self) -> str:
        """A folder of small photos, all different: what is checked and embedded from memory; near copies would tie."""
        count = max(self.sizes.checked, self.sizes.batch)
        place = self.ground.folder / f"pictures-{count}"
        if not place.is_dir():
            draft = place.with_name(place.name + ".part")
            draft.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                (draft / f"{number:03d}.jpg").write_bytes(index.photo(number, *index.MEGAPIXELS["0.1"]))
            draft.replace(place)
        return str(place)

    def compiled(self, network: str, *, int8: bool = False) -> dict[str, Any]:
        """Facts of a network that is compiled now, or was before in this run."""
        if network in self.known and (not int8 or "int8" in self.known[network]):
            return self.known[network]
        photos = self.pictures() if self.checks is None else str(self.checks.absolute())
        given = {"network": network, "folder": self.folder, "photos": photos, "int8": int8}
        given |= {"count": self.sizes.checked, "batch": self.sizes.batch}
        print(f"    compiling {NETWORKS[network].title}", flush=True)
        contender = Contender(f"compile {network}", "embedding.ours:compiled", given, threads=self.threads)
        facts = self.ground.once(contender)
        print(f"      {NETWORKS[network].told_of_weights(self.ground.folder)}", flush=True)
        for way, found in facts["checks"].items():
            print(f"      {way}: {found}", flush=True)
        self.known[network] = facts
        return facts

    def ours(self, network: str, facts: dict[str, Any], call: str, given: dict[str, Any]) -> list[Contender]:
        """The default, the other one of float32 and bf16, and int8 where there is one."""
        given = {"network": network, "folder": self.folder, "threads": self.threads, **given}
        other = "fp32" if facts["is"].endswith("bf16") else "bf16"
        ways = [("default", {"precision": "auto"})]
        if other == "fp32" or facts["bf16"]:
            ways.append((other, {"precision": other}))
        if "int8" in facts:
            ways.append(("int8", {"precision": "auto", "int8": facts["int8"]}))
        return [Contender(f"ours {way}", call, given | more, threads=self.threads) for way, more in ways]


def the_post(setting: Setting) -> Iterator[Figure]:
    """The blog post's own loop against ours, both cores."""
    facts = setting.compiled("vgg19-32", int8=True)
    cifar = _cifar(setting)
    given = {"folder": setting.folder, "cifar": cifar, "threads": setting.threads}
    theirs = Contender("the post", "embedding.theirs:the_post", given, threads=setting.threads)
    ours = setting.ours("vgg19-32", facts, "embedding.ours:indexing", {"place": f"{cifar}/train"})
    times = setting.ground.contest([theirs, *ours], setting.fell)
    yield from _compared(setting, "the post's loop, VGG-19 fc1, 32 × 32", times, theirs, ours, Bounds(3, 8, 12))


def vgg19(setting: Setting) -> Iterator[Figure]:
    """VGG-19 at 224, from memory."""
    yield from _from_memory(setting, "vgg19", Bounds(3, 5, 10), None)


def networks(setting: Setting) -> Iterator[Figure]:
    """The other networks at 224, from memory, against torch and against ONNX Runtime."""
    convolutions, transformers = Bounds(5, 11), Bounds(2, 4)
    for name in ("resnet50", "mobilenet", "vit-b-32", "vit-s-14"):
        with setting.going_on(NETWORKS[name].title):
            bounds = transformers if name.startswith("vit") else convolutions
            yield from _from_memory(setting, name, bounds, Bounds(2, 4))


def whole(setting: Setting) -> Iterator[Figure]:
    """From JPEG files to a collection, against the slower of its parts alone."""
    ways = [("compact", "")]
    with setting.going_on("ResNet-50 in the whole path"):
        setting.compiled("resnet50")
        ways.append(("ResNet-50", "resnet50"))
    for size, count in setting.sizes.whole:
        for title, network in ways:
            name = f"the whole path, {size} MP, {title}"
            given = {
                "network": network,
                "folder": setting.folder,
                "place": setting.photos(size, count),
                "threads": setting.threads,
            }
            with setting.going_on(name):
                contender = Contender(name, "embedding.ours:parts", given, threads=setting.threads)
                yield from _whole(setting, contender)


def peers(setting: Setting) -> Iterator[Figure]:
    """From JPEG files, against other programs with a network of the same shape."""
    place = setting.photos()
    for peer in PEERS:
        with setting.going_on(peer.name):
            setting.demand(peer)
            facts = setting.compiled(peer.network)
            given: dict[str, Any] = {"folder": setting.folder, "place": place, "threads": setting.threads}
            given |= {"onnx": facts["onnx"]} if peer.factory == "rclip" else {}
            call = f"embedding.peers:{peer.factory}"
            theirs = Contender(peer.name, call, given, setting.peers, setting.threads)
            ours = setting.ours(peer.network, facts, "embedding.ours:indexing", {"place": place})
            times = setting.ground.contest([theirs, *ours], setting.fell)
            what = f"the whole path, 2 MP, {NETWORKS[peer.network].title}, against {peer.name}"
            for figure in _compared(setting, what, times, theirs, ours, Bounds(1, 5)):
                yield replace(figure, note="; ".join(filter(None, (figure.note, peer.how))))


def peak(setting: Setting) -> Iterator[Figure]:
    """VGG-19 at 224 on one core, as a share of what that core does in one large matrix product."""
    facts = setting.compiled("vgg19")
    side = NETWORKS["vgg19"].side
    counted = setting.ground.once(Contender("operations", "embedding.theirs:vgg19_operations", {"side": side}))
    operations = float(counted["operations"])
    products = [
        Contender(
            f"product {dtype}", "embedding.theirs:product", {"dtype": dtype, "side": setting.sizes.side, "threads": 1}
        )
        for dtype in ("bfloat16", "float32")
    ]
    alone = replace(setting, threads=1)
    ours = alone.ours("vgg19", facts, "embedding.ours:embedding", {"pixels": facts["pixels"]})
    times = setting.ground.contest([*products, *ours], setting.fell)
    for each in (*products, *ours):
        if each.name in times:
            factor = 1 if each in products else operations
            what, is_what = f"operations a second, {each.name}", times[each.name].facts["is"]
            yield Figure(what, is_what, value=factor * times[each.name].speed / 1e9, unit="GFLOP/s")
    for each in ours:
        for product in products:
            if each.name in times and product.name in times:
                theirs = times[product.name]
                wanted = (
                    0.7
                    if product.given["dtype"] == "bfloat16" and times[each.name].facts["is"].find("bf16,") > 0
                    else None
                )
                yield Figure(
                    f"VGG-19 at 224, {each.name}: share of the peak of one core in {product.given['dtype']}",
                    times[each.name].facts["is"],
                    theirs.facts["is"],
                    times[each.name].against(theirs) * operations,
                    goal=wanted,
                    unit="",
                    our_speed=times[each.name].speed,
                    details=_details(times),
                )


def fidelity(setting: Setting) -> Iterator[Figure]:
    """The default precision on the network that was trained, and pictures of a labelled folder."""
    if setting.labelled is None:
        raise Fell("name a folder with train/CLASS and test/CLASS: --labelled PATH")
    given = {"labelled": str(setting.labelled.absolute()), "count": setting.sizes.judged, "threads": setting.threads}
    facts = setting.ground.once(Contender("fidelity", "embedding.ours:fidelity", given, threads=setting.threads))
    for way, each in facts["kept"].items():
        is_default = way == "default"
        for what, value, must, goal, low in (
            ("cosine to fp32, the least", each["cosine_min"], 0.999, 0.9999, False),
            ("cosine to fp32, the mean", each["cosine_mean"], None, None, False),
            ("entries of the top 7 that are the same", each["overlap"], 0.98, 0.995, False),
            ("change of P@7", round(abs(each["precision_change"]), 4), 0.002, 0, True),
            ("change of mAP", round(abs(each["ap_change"]), 4), 0.002, 0, True),
        ):
            yield Figure(
                f"{way}: {what}",
                f"compact, {facts['running'][way]}",
                "ONNX Runtime fp32",
                value,
                must if is_default else None,
                goal if is_default else None,
                low,
                "",
                note=facts["is"] if is_default else f"{facts['is']}; not the default of this network",
                details={"kept": each},
            )


def install(setting: Setting) -> Iterator[Figure]:
    """The base install, and the time to a first result."""
    place = setting.photos(count=20)
    given = {"folder": setting.folder, "place": place, "rounds": 4}
    facts = setting.ground.once(Contender("base install", "embedding.install:base", given))
    yield Figure("base install, on the disk", value=facts["size_mb"], goal=250, low_is_good=True, unit="MB")
    yield Figure("base install, pip", value=facts["install_s"], unit="s", note="with downloads, or from pip's cache")
    yield Figure(
        *("`likewise index` on 20 pictures of 2 MP", "from the start of the program, the first time ever"),
        value=facts["first_s"],
        goal=3,
        low_is_good=True,
        unit="s",
        note=f"again: {', '.join(f'{each:.2f}' for each in facts['again_s'])} s",
    )


ROWS: dict[str, tuple[Callable[[Setting], Iterator[Figure]], float]] = {
    "post": (the_post, 3),
    "vgg19": (vgg19, 3),
    "networks": (networks, 5),
    "whole": (whole, 3),
    "peers": (peers, 5),
    "peak": (peak, 1),
    "fidelity": (fidelity, 2),
    "install": (install, 1),
}
"""Name → the row, and its share of the time."""


def _from_memory(setting: Setting, network: str, to_torch: Bounds, to_onnx: Bounds | None) -> Iterator[Figure]:
    facts = setting.compiled(network, int8=to_torch.int8 is not None)
    shared = {"normalised": facts["normalised"], "threads": setting.threads}
    torch = Contender(
        *("torch eager", "embedding.theirs:eager", {"network": network, "folder": setting.folder, **shared}),
        threads=setting.threads,
    )
    onnx = Contender(
        *("ONNX Runtime", "embedding.theirs:onnx_runtime", {"onnx": facts["onnx"], **shared}), threads=setting.threads
    )
    ours = setting.ours(network, facts, "embedding.ours:embedding", {"pixels": facts["pixels"]})
    times = setting.ground.contest([torch, onnx, *ours], setting.fell)
    title = NETWORKS[network].title
    yield from _compared(setting, f"{title}, from memory, against torch eager", times, torch, ours, to_torch)
    yield from _compared(setting, f"{title}, from memory, against ONNX Runtime", times, onnx, ours, to_onnx or Bounds())


def _compared(
    setting: Setting, what: str, times: dict[str, Times], theirs: Contender, ours: list[Contender], bounds: Bounds
) -> Iterator[Figure]:
    """One figure for each of ours; the bounds are those of the default, and int8 has a goal of its own."""
    if theirs.name not in times:
        raise Fell(f"{theirs.name} is out: {setting.fell.get(theirs.name, '')}")
    other = times[theirs.name]
    for each in ours:
        if each.name not in times:
            continue
        own = times[each.name]
        own_bounds = {"ours default": (bounds.must, bounds.goal), "ours int8": (None, bounds.int8)}
        must, goal = own_bounds.get(each.name, (None, None))
        notes = []
        if each.name == "ours default":
            notes.append(f"auto, after a check on {setting.sizes.checked} pictures: {own.facts['why']}")
        cosine = _cosine(setting.ground, each, theirs)
        if cosine is not None:
            notes.append(
                f"least cosine to theirs {cosine:.5f}"
                + ("" if cosine >= _SAME or "int8" in each.name else ": ANOTHER NETWORK?")
            )
        yield Figure(
            f"{what}: {each.name}",
            own.facts["is"],
            other.facts["is"],
            own.against(other),
            must,
            goal,
            our_speed=own.speed,
            their_speed=other.speed,
            note="; ".join(notes),
            details=_details(times),
        )


def _whole(setting: Setting, contender: Contender) -> Iterator[Figure]:
    """Several turns of the three in one process; ratios within turns."""
    ground, turns = setting.ground, []
    with ground.begin(contender) as process:
        ready = process.ready()
        process.turn()  # warms up
        for number in range(ground.rounds):
            if number >= ground.least and ground.is_over:
                break
            turns.append(process.turn().found)
            print(
                f"    turn {number + 1}: " + ", ".join(f"{name} {x:.2f}" for name, x in turns[-1].items()), flush=True
            )
    slower, both = index.shares(turns)
    middle = {
        name: ready["count"] / statistics.median(each[name] for each in turns)
        for name in ("decoding", "embedding", "whole")
    }
    speeds = ", ".join(f"{name} {speed:,.1f}/s" for name, speed in middle.items())
    yield Figure(
        f"{contender.name}: share of the slower of decoding alone and embedding alone",
        ready["facts"]["is"],
        value=slower,
        must=0.8,
        goal=0.95,
        unit="",
        our_speed=middle["whole"],
        note=f"{speeds}; each part alone has all {setting.threads} processors, so that where both want them, "
        f"their sum is what can be had: of that it is {both:.2f}",
        details={"turns": turns},
    )


def _cosine(ground: Ground, each: Contender, other: Contender) -> float | None:
    ours, theirs = ground.rows(each), ground.rows(other)
    if ours is None or theirs is None or ours.shape != theirs.shape:
        return None
    return _least_cosine(ours, theirs)


def _least_cosine(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The smallest cosine between embeddings of the same pictures: whether two contenders compute the same network."""
    first, other = ours.astype(np.float64), theirs.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(other, axis=1)
    return float(((first * other).sum(axis=1) / np.maximum(lengths, 1e-30)).min())


def _details(times: dict[str, Times]) -> dict[str, object]:
    return {name: {"images": each.count, "seconds": each.seconds, "facts": each.facts} for name, each in times.items()}


def _cifar(setting: Setting) -> str:
    """Smooth random pictures in the layout of CIFAR-100."""
    count, place = setting.sizes.cifar, setting.ground.folder / f"cifar-{setting.sizes.cifar}" / "cifar-100-python"
    if not (place / "meta").is_file():
        place.mkdir(parents=True, exist_ok=True)
        draw = np.random.default_rng(0)
        coarse = draw.integers(0, 256, (count, 3, 8, 8)).astype(np.uint8)
        data = coarse.repeat(4, axis=2).repeat(4, axis=3).reshape(count, -1)
        numbers = [number % 100 for number in range(count)]
        for split, rows in (("train", slice(None)), ("test", slice(0, 10))):
            names = [f"{split}_{number}.png".encode() for number in range(count)][rows]
            labels = {b"fine_labels": numbers[rows], b"coarse_labels": [each // 5 for each in numbers[rows]]}
            table = {b"batch_label": split.encode(), b"data": data[rows], b"filenames": names, **labels}
            (place / split).write_bytes(pickle.dumps(table, protocol=2))
        fine, coarse_names = (
            [f"{kind}{i}".encode() for i in range(many)] for kind, many in (("fine", 100), ("coarse", 20))
        )
        (place / "meta").write_bytes(
            pickle.dumps({b"fine_label_names": fine, b"coarse_label_names": coarse_names}, protocol=2)
        )
    return str(place)
