"""The service under load, against the bare encoder and index in the same run.

    python bench/serve.py [--images PATH] [--count 50000] [--clients 1,8,64] [--minutes 10] [--server-cores 0] [--quick]

A collection of `compact` is made of the pictures below PATH (drawn ones unless given) and served by `likewise serve`.
Clients (raw sockets, load/clients.py, another process) ask by pictures over kept connections, each when it is answered. Before and
after each such turn the same questions are asked without a service (load/bare.py): decoded, encoded and searched as many at once as there
are clients, by as many threads, on the same processors. Ratios are medians over rounds. The bare side has no clients to feed: on a machine
of few processors give the service some of them and the clients others by --server-cores and --client-cores.

Last, 8 clients ask for --minutes, and the memory of the service is looked at every second.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import likewise
from contests.figures import Figure, Report, machine

PROGRAMS = ("likewise", "numpy", "pillow", "onnxruntime", "openvino", "fastapi", "uvicorn")
K = 24
QUERIES = 500


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--images", type=Path, metavar="PATH", help="PNGs below it become the gallery, the last 500 are queries"
    )
    parser.add_argument("--count", type=int, default=50_000, help="images in the gallery")
    parser.add_argument("--clients", default="1,8,64")
    parser.add_argument("--seconds", type=float, default=20, help="of each turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10, help="that memory is watched; 0 leaves it out")
    parser.add_argument(
        "--server-cores", help="such as 0,1: what the service, and the bare side, may use; all unless given"
    )
    parser.add_argument("--client-cores", help="what the clients may use; all unless given")
    parser.add_argument("--out", type=Path, default=Path("serve.json"), help="runs are added to what is there")
    parser.add_argument("--work", type=Path, help="keep the gallery here; a run that finds it is quicker")
    parser.add_argument(
        "--quick", action="store_true", help="the smallest sizes and one round: whether it works at all"
    )
    given = parser.parse_args()
    if given.quick:
        given.count, given.seconds, given.rounds, given.minutes = min(given.count, 500), 1.0, 1, 0.05
    given.clients = [int(each) for each in given.clients.split(",")]
    return given


def main() -> None:
    """Make the gallery, serve it, ask."""
    given = arguments()
    if given.quick:
        print("quick: no figure means anything")
    here = machine(PROGRAMS)
    report = Report(given.out, {name: str(value) for name, value in vars(given).items()}, here)
    print(", ".join(f"{name} {value}" for name, value in here.items()), flush=True)
    if float(str(here["load_average"] or 0)) > 0.3:
        print("WARNING: something else is running: the ratios will be wrong", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.work or Path(temporary)).absolute()
        gallery, queries = made(folder, given.images, given.count)
        with served(gallery, given.server_cores) as (process, port):
            for clients in given.clients:
                for figure in contest(given, gallery, queries, port, clients):
                    report.add(f"{clients} clients", figure)
            if given.minutes:
                report.add("memory", memory(given, queries, port, process.pid))
    print(f"\n{report.table()}\n\nkept in {given.out}")


def made(folder: Path, pictures: Path | None, count: int) -> tuple[Path, Path]:
    """The folder of the gallery, indexed, and that of the queries."""
    gallery, queries = folder / f"gallery-{count}", folder / f"queries-{count}"
    if not (gallery / ".likewise").exists():
        for place in (gallery, queries):
            shutil.rmtree(place, ignore_errors=True)
        found = [] if pictures is None else sorted(pictures.rglob("*.png"))
        if pictures is not None and len(found) < count + QUERIES:
            raise SystemExit(
                f"{pictures} has {len(found):,} PNGs, {count + QUERIES:,} are needed: give a smaller --count"
            )
        rng = np.random.default_rng(0)
        order = rng.permutation(len(found))
        for number in range(count + QUERIES):
            place = (gallery / f"{number // 1000:03}" if number < count else queries) / f"{number:06}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            if found:
                shutil.copy(found[order[number]], place)
            else:
                drawn(rng).save(place)
        print(f"indexing {count:,} images", flush=True)
        likewise.index(gallery, collection=gallery).close()
    return gallery, queries


def drawn(rng: np.random.Generator) -> Image.Image:
    """A picture of 32 × 32 pixels that is like no other: a few coarse fields of colour, and noise."""
    coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8)).resize((32, 32), Image.Resampling.BICUBIC)
    noise = rng.integers(-8, 9, (32, 32, 3))
    return Image.fromarray(np.clip(np.asarray(coarse, np.int64) + noise, 0, 255).astype(np.uint8))


@contextmanager
def served(gallery: Path, cores: str | None) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The service on a free port, ready."""
    command = [*_on(cores), sys.executable, "-m", "likewise", "serve", str(gallery), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r":(\d+)/", line)
        if found is None:
            raise SystemExit(f"the service did not start: {line}{process.stderr.read()}")
        yield process, int(found[1])
    finally:
        process.terminate()
        process.wait(60)


def contest(given: argparse.Namespace, gallery: Path, queries: Path, port: int, clients: int) -> Iterator[Figure]:
    """The service and the bare side in turns."""
    threads = len(given.server_cores.split(",")) if given.server_cores else len(os.sched_getaffinity(0))
    asked(given.client_cores, port, clients, min(2, given.seconds), queries)  # warm
    ours, theirs, ratios, p50s, p99s, told = [], [], [], [], [], {}
    for _ in range(given.rounds):
        before = bare(given.server_cores, gallery, clients, given.seconds / 2, queries, threads)
        turn = asked(given.client_cores, port, clients, given.seconds, queries)
        after = bare(given.server_cores, gallery, clients, given.seconds / 2, queries, threads)
        latencies = np.array(turn["latencies"])
        ours.append(len(latencies) / turn["seconds"])
        theirs.append((before + after) / 2)
        ratios.append(ours[-1] / theirs[-1])
        p50s.append(1000 * float(np.quantile(latencies, 0.5)))
        p99s.append(1000 * float(np.quantile(latencies, 0.99)))
        for status, count in turn["told"].items():
            told[status] = told.get(status, 0) + count
    middle = statistics.median
    yield Figure(
        f"searches a second, {clients} clients",
        "likewise serve",
        f"decode + encode + search, {clients} at once",
        middle(ratios),
        goal=0.85 if clients > 1 else None,
        our_speed=middle(ours),
        their_speed=middle(theirs),
        per="searches/s",
        details={"ours": ours, "theirs": theirs, "answers": told},
    )
    yield Figure(f"p50, {clients} clients", value=middle(p50s), unit="ms", details={"all": p50s})
    yield Figure(f"p99, {clients} clients", value=middle(p99s), unit="ms", details={"all": p99s})
    spread = middle([b / a for a, b in zip(p50s, p99s, strict=True)])
    yield Figure(f"p99 / p50, {clients} clients", value=spread, goal=5, low_is_good=True)
    wrong = sum(count for status, count in told.items() if status != "200")
    yield Figure(
        f"answers other than 200, {clients} clients", value=wrong, must=0, low_is_good=True, unit="", note=str(told)
    )


def memory(given: argparse.Namespace, queries: Path, port: int, pid: int) -> Figure:
    """How much the service holds at the end, against after a tenth of the time."""
    seconds = 60 * given.minutes
    clients = _clients(given.client_cores, port, 8, seconds, queries)
    held: list[float] = []
    while clients.poll() is None:
        held.append(_resident_mb(pid))
        time.sleep(min(1.0, seconds / 20))
    told = _told(clients)["told"]
    first, last = held[len(held) // 10], held[-1]
    note = f"{first:,.0f} MB after a tenth of {given.minutes:g} minutes, {last:,.0f} MB at the end, {max(held):,.0f} MB at most; {told}"
    return Figure(
        "memory at the end against before",
        value=last / first,
        must=1.1,
        low_is_good=True,
        note=note,
        details={"mb": held},
    )


def asked(cores: str | None, port: int, clients: int, seconds: float, queries: Path) -> dict[str, Any]:
    """What clients met."""
    return _told(_clients(cores, port, clients, seconds, queries))


def bare(cores: str | None, gallery: Path, at_once: int, seconds: float, queries: Path, threads: int) -> float:
    """Searches a second without a service."""
    words = [str(gallery), str(at_once), str(seconds), str(queries), str(K), str(threads)]
    told = _told(_started([*_on(cores), sys.executable, "-m", "load.bare", *words]))
    return float(told["asked"] / told["seconds"])


def _clients(cores: str | None, port: int, clients: int, seconds: float, queries: Path) -> subprocess.Popen[str]:
    words = [str(port), str(clients), str(seconds), str(queries), str(K)]
    return _started([*_on(cores), sys.executable, "-m", "load.clients", *words])


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)


def _told(process: subprocess.Popen[str]) -> Any:
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{process.args} ended with {process.returncode}")
    return json.loads(out)


def _on(cores: str | None) -> list[str]:
    return [] if cores is None else ["taskset", "-c", cores]


def _resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


if __name__ == "__main__":
    main()
