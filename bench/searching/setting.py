"""What all rows of `bench/search.py` share: galleries with their truth, and engines that are built once and then serve."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from contests.contest import Contender, Fell, Ground, Process
from likewise.processors import processors
from searching.duel import Side
from searching.made import Gallery, Kind, made
from searching.ours import EXACT
from searching.peers import Peer
from searching.truth import Truth, local_dimension, truth_of

_BUILD_S = 4 * 3600
_OPEN_S = 900


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything.

    Attributes:
        post: Rows and dimension in the blog post's row.
        large: The same where indexes meet.
        few: Rows for engines that are too slow for more.
        ten: Rows and dimension of what hardly fits.
        queries: Held out.
        turn_s: About so long is a turn.
        read_bytes: Of what measures the bandwidth.
    """

    post: tuple[int, int] = (50_000, 4096)
    large: tuple[int, int] = (1_000_000, 512)
    few: int = 200_000
    ten: tuple[int, int] = (10_000_000, 128)
    queries: int = 1000
    turn_s: float = 1.5
    read_bytes: int = 1 << 30

    def scaled(self, scale: float) -> Sizes:
        """With other numbers of rows."""
        post, large, ten = ((max(1000, round(rows * scale)), dim) for rows, dim in (self.post, self.large, self.ten))
        return replace(self, post=post, large=large, ten=ten, few=max(1000, round(self.few * scale)))


QUICK = Sizes((2000, 256), (8000, 64), 4000, (20_000, 32), 50, 0.02, 1 << 26)


@dataclass(frozen=True, slots=True)
class Entrant:
    """An engine with its arguments.

    Attributes:
        name: In the tables.
        engine: `MODULE:CLASS` in `searching`.
        given: Of the class.
        python: The interpreter of its environment.
        reads_rows: Whether it answers from the rows' own file, which then counts among what it keeps on the disk.
        builds: Whether there is anything to build.
        built_as: Its arguments as long as it builds, and the name of what is built, where others share that.
    """

    name: str
    engine: str
    given: Mapping[str, Any]
    python: str = sys.executable
    reads_rows: bool = True
    builds: bool = True
    built_as: tuple[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """An engine that answers.

    Attributes:
        name: In the tables.
        process: Of its own.
        facts: What it said of itself when it had opened.
        queries: How many there are.
    """

    name: str
    process: Process
    facts: Mapping[str, Any]
    queries: int

    def side(self, setting: Mapping[str, Any], *, batch: bool = False, note: str = "") -> Side:
        """With one setting; all sides of one engine are one process."""
        name = f"{self.name}{note}{', batch' if batch else ''}"
        return Side(name, self.process, self.facts, self.queries, setting, batch)


@dataclass(frozen=True, slots=True)
class Setting:
    """What all rows share.

    Attributes:
        ground: Where contests are held.
        sizes: How much of everything.
        threads: Of each contender while it serves.
        peers: The interpreter of an environment that has them.
        ours: What `likewise.indexes` is asked for where not every answer must be exact.
        ours_exact: The same where it must.
        among: Names of peers that take part.
        only_prepare: Make galleries and indexes, and measure nothing.
        pictures: Options for `bench/rerank.py`.
        fell: Filled: contender → why it is missing.
        known: Filled: settings that were found before in this run; they do not depend on the number of threads.
    """

    ground: Ground
    sizes: Sizes
    threads: int
    peers: str
    ours: str
    ours_exact: str = EXACT
    among: tuple[str, ...] = ()
    only_prepare: bool = False
    pictures: tuple[str, ...] = ()
    fell: dict[str, str] = field(default_factory=dict)
    known: dict[tuple[str, str, float], Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def going_on(self, what: str) -> Iterator[None]:
        """A part of a row may fail without the others."""
        try:
            yield
        except Fell as fell:
            self.fell[what] = str(fell)
            print(f"    out: {what}: {fell}", flush=True)

    def gallery(self, kind: Kind, size: tuple[int, int]) -> Gallery:
        """Made once."""
        gallery = made(self.ground.folder, kind, *size, self.sizes.queries, _watch)
        print(f"    {gallery}", flush=True)
        return gallery

    def truth(self, gallery: Gallery) -> Truth:
        """Found once."""
        truth = truth_of(gallery, _watch)
        dimension = local_dimension(truth, gallery.metric)
        print(f"    {gallery.rows:,} rows: dimension about the queries {dimension:.1f} (Levina and Bickel)", flush=True)
        return truth

    def entrant(self, peer: Peer) -> Entrant:
        """A peer, if it is installed.

        Raises:
            Fell: With the command that would mend it.
        """
        self.demand(peer.module, peer.packages)
        return Entrant(peer.name, f"peers:{peer.engine}", peer.given, self.peers, reads_rows=False)

    def flat(self, gallery: Gallery) -> Entrant:
        """Faiss Flat, if it is installed.

        Raises:
            Fell: With the command that would mend it.
        """
        self.demand("faiss", "faiss-cpu")
        return Entrant("faiss Flat", "plain:FaissFlat", {"metric": gallery.metric}, self.peers, builds=False)

    def likewise(self, gallery: Gallery, *, exact: bool) -> Entrant:
        """Ours."""
        spec = self.ours_exact if exact else self.ours
        kind, metric = spec.partition("@")[0], {"metric": gallery.metric}
        built_as = f"ours {kind}", {"spec": kind, **metric}  # what recall it is asked for changes nothing of it
        return Entrant(f"ours {spec}", "ours:Ours", {"spec": spec, **metric}, builds=kind != EXACT, built_as=built_as)

    def demand(self, module: str, packages: str) -> None:
        """Complain at once if a peer is not installed.

        Raises:
            Fell: With the command that would mend it.
        """
        look = f"import importlib.util as it; raise SystemExit(not it.find_spec({module!r}))"
        if subprocess.run([self.peers, "-c", look], check=False).returncode:
            raise Fell(f"not installed: {self.peers} -m pip install {packages} (docs/speed.md)")

    def built(self, entrant: Entrant, gallery: Gallery) -> dict[str, Any]:
        """Facts of an index that is built now by all processors, or was before.

        Raises:
            Fell: If it could not be.
        """
        name, given = entrant.built_as or (entrant.name, entrant.given)
        print(f"    building {name}, {gallery.rows:,} rows", flush=True)
        threads = processors()
        given = self._given(entrant, gallery) | {"given": dict(given), "threads": threads}
        contender = Contender(f"build {entrant.name}", "searching.serving:build", given, entrant.python, threads)
        with self.ground.begin(contender) as process:
            facts: dict[str, Any] = process.ready(_BUILD_S)["facts"]
        print(
            f"      {facts['build_s']:.1f} s, {facts['build_processor_s']:.1f} of processors, "
            f"{facts['disk_bytes'] / gallery.rows:.0f} bytes a row{', kept from before' if facts['kept'] else ''}",
            flush=True,
        )
        return facts

    @contextlib.contextmanager
    def serving(self, entrant: Entrant, gallery: Gallery, k: int) -> Iterator[Served]:
        """An engine that has opened its index, and has answered once.

        Raises:
            Fell: If it could not.
        """
        given = self._given(entrant, gallery) | {"k": k, "threads": self.threads}
        name = f"{entrant.name} {gallery.rows} {self.threads}"
        contender = Contender(name, "searching.serving:serve", given, entrant.python, self.threads, pinned=True)
        with self.ground.begin(contender) as process:
            facts = process.ready(_OPEN_S)["facts"]
            print(f"    ready: {entrant.name}: {facts['is']}, opened in {1000 * facts['open_s']:.0f} ms", flush=True)
            yield Served(entrant.name, process, facts, gallery.queries)

    def _given(self, entrant: Entrant, gallery: Gallery) -> dict[str, Any]:
        called = entrant.built_as[0] if entrant.built_as else entrant.name
        name = "".join(letter if letter.isalnum() else "-" for letter in called)
        told: dict[str, Any] = {"rows": str(gallery.rows_path), "queries": str(gallery.queries_path)}
        told |= {"count": gallery.rows, "dim": gallery.dim}
        folder = self.ground.folder / "indexes" / f"{name}-{gallery.name}"
        return {"engine": entrant.engine, "given": dict(entrant.given), "gallery": told, "folder": str(folder)}


def _watch(what: str, done: int, whole: int) -> None:
    if done == whole:
        print(f"    {what}: {whole:,} done", flush=True)
