"""Indexing on Ray against the plain pipeline, and what is left when workers, a machine and the driver are killed on the way.

Two nodes of Ray on this machine (127.0.0.1 and 127.0.0.2, one processor each), the same pictures, the same network and runtime:

    python bench/distributed.py PICTURES [--images 12000] [--work DIR] [--only cost|faults]

`cost`: seconds for a quarter and for all of the pictures; their difference leaves out what starting takes. `faults`: an actor is killed
with -9 when a quarter is on the disk, a node at a half, the driver at three quarters; then the same command again. At the end every picture
must be there once, and every embedding equal bit for bit to that of the plain pipeline.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

ENVIRONMENT = {
    **os.environ,
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",  # what Ray calls a cluster on loopback
    "OMP_NUM_THREADS": "1",
}
SHARD = 512


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--work", type=Path, default=Path("build/distributed"))
    parser.add_argument("--only", choices=["cost", "faults"])
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the nodes end with us
    shutil.rmtree(asked.work, ignore_errors=True)
    asked.work.mkdir(parents=True)
    files = sorted(asked.pictures.rglob("*.png"))[: asked.images]
    for name, count in (("all", len(files)), ("quarter", len(files) // 4)):
        (asked.work / f"{name}.txt").write_text("\n".join(map(str, map(Path.absolute, files[:count]))))
    print(f"{len(files):,} pictures, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}", flush=True)
    with nodes(asked.work) as (address, second):
        if asked.only != "faults":
            cost(asked.work, address, len(files))
        if asked.only != "cost":
            faults(asked.work, address, second, len(files))


@contextmanager
def nodes(work: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A cluster of two nodes, each with one processor; the address, and the second one's program."""
    port = free_port()
    common = [
        "--num-cpus=1",
        "--disable-usage-stats",
        "--block",
        "--object-store-memory=100000000",
        f"--temp-dir={short(work)}",
    ]
    head = ["--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--include-dashboard=false", *common]
    other = [f"--address=127.0.0.1:{port}", "--node-ip-address=127.0.0.2", *common[:-1]]
    ray = str(Path(sys.executable).with_name("ray"))
    started = []
    try:
        for arguments in (head, other):
            started.append(
                subprocess.Popen(
                    [ray, "start", *arguments],
                    env=ENVIRONMENT,
                    stdout=(work / "nodes.log").open("ab"),
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
            wait_for(port)
        wait_for_nodes(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}", started[1]
    finally:
        for node in started:
            kill_below(node.pid)
            node.wait()
        shutil.rmtree(short(work), ignore_errors=True)


def cost(work: Path, address: str, images: int) -> None:
    """Images a second with and without Ray, starting left out."""
    rates = {}
    for name, how in {
        "plain": ["--workers", "2"],
        "ray": ["--on", f"ray://{address}", "--workers", "2", "--shard-images", "2048"],
    }.items():
        seconds = {part: timed(work / f"{name}-{part}", work / f"{part}.txt", how) for part in ("quarter", "all")}
        rates[name] = (images - images // 4) / (seconds["all"] - seconds["quarter"])
        print(
            f"{name}: {seconds['quarter']:.1f} s and {seconds['all']:.1f} s, {rates[name]:,.0f} images/s beyond starting",
            flush=True,
        )
    print(f"what Ray costs at 2 workers: {rates['plain'] / rates['ray'] - 1:+.1%} of the time")
    print(f"the same array, bit for bit: {digest(work / 'plain-all') == digest(work / 'ray-all')}", flush=True)


def faults(work: Path, address: str, second: subprocess.Popen[bytes], images: int) -> None:
    """Kill an actor, a node and the driver on the way."""
    plain, made = work / "plain-all", work / "faults"
    if not plain.exists():
        timed(plain, work / "all.txt", ["--workers", "2"])
    how = ["--on", f"ray://{address}", "--workers", "2", "--shard-images", str(SHARD)]
    log = (work / "driver.log").open("ab")
    driver = subprocess.Popen(command(made, work / "all.txt", how), env=ENVIRONMENT, stdout=log, stderr=log)
    shards = -(-images // SHARD)
    wait_until(made, shards // 4, driver)
    victim = actors()[0]
    os.kill(victim, signal.SIGKILL)
    print(f"killed actor {victim} with {written(made)} of {shards} shards on the disk", flush=True)
    wait_until(made, shards // 2, driver)
    kill_below(second.pid)
    print(f"killed node 127.0.0.2 with {written(made)} of {shards}", flush=True)
    wait_until(made, shards * 3 // 4, driver)
    driver.kill()
    driver.wait()
    print(f"killed the driver with {written(made)} of {shards}", flush=True)
    timed(made, work / "all.txt", how)
    check(plain, made)


def check(plain: Path, made: Path) -> None:
    """Every picture once, and equal."""
    ours, theirs = rows(made), rows(plain)
    assert ours.keys() == theirs.keys(), (len(ours), len(theirs))
    assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)
    print(
        f"{len(ours):,} of {len(theirs):,} pictures are there, each once, all embeddings equal bit for bit; the same array: "
        f"{digest(plain) == digest(made)}",
        flush=True,
    )


def rows(folder: Path) -> dict[str, np.ndarray]:
    """Key → embedding of what is live."""
    place = folder / ".likewise"
    database = sqlite3.connect(place / "collection.sqlite")
    found = database.execute('SELECT key, "row" FROM images WHERE state = 0').fetchall()
    database.close()
    assert len(found) == len({key for key, _ in found})
    array = np.fromfile(next(place.glob("*.f32")), np.float32).reshape(-1, 256)
    return {key: array[row] for key, row in found}


def digest(folder: Path) -> str:
    """SHA-256 of the array file."""
    return hashlib.sha256(next((folder / ".likewise").glob("*.f32")).read_bytes()).hexdigest()


def command(folder: Path, place: Path, how: list[str]) -> list[str]:
    """What a user would type."""
    return [sys.executable, "-m", "likewise", "-c", str(folder), "index", "--runtime", "onnx", *how, str(place)]


def timed(folder: Path, place: Path, how: list[str]) -> float:
    """Seconds of one run of the command line."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    subprocess.run(command(folder, place, how), env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def written(folder: Path) -> int:
    """Shards that are on the list."""
    manifest = folder / ".likewise" / "shards" / "manifest.jsonl"
    lines = manifest.read_text().splitlines() if manifest.exists() else []
    return len({json.loads(line)["shard"] for line in lines})


def wait_until(folder: Path, shards: int, driver: subprocess.Popen[bytes]) -> None:
    """Until so many shards are on the list."""
    deadline = time.monotonic() + 600
    while written(folder) < shards:
        assert driver.poll() is None, "the driver ended: see driver.log"
        assert time.monotonic() < deadline, f"{written(folder)} shards after ten minutes"
        time.sleep(0.1)


def wait_for(port: int) -> None:
    """Until the head listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise TimeoutError("the head of Ray does not answer")


def wait_for_nodes(address: str) -> None:
    """Until both nodes have joined; looked at by a program of its own, so that this one is not tied to the cluster."""
    program = (
        "import sys, time, ray\n"
        f"ray.init(address={address!r}, logging_level=40, log_to_driver=False)\n"
        "end = time.time() + 60\n"
        "while sum(node['Alive'] for node in ray.nodes()) < 2:\n"
        "    assert time.time() < end\n"
        "    time.sleep(0.2)\n"
    )
    subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, cwd="/")


def actors() -> list[int]:
    """The processes of our actors on this machine."""
    return [pid for pid, name in processes() if name.startswith("ray::LikewiseWorker")]


def kill_below(pid: int) -> None:
    """Kill a program and all that it has started, at once."""
    parents: dict[int, list[int]] = {}
    for each, _ in processes():
        with suppress(OSError, ValueError):
            parents.setdefault(int(Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[1]), []).append(
                each
            )
    chosen, todo = [], [pid]
    while todo:
        chosen.append(todo.pop())
        todo += parents.get(chosen[-1], [])
    for each in chosen:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def processes() -> list[tuple[int, str]]:
    """(process, command line) of all on this machine."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                found.append(
                    (int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                )
    return found


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def short(work: Path) -> str:
    """Where Ray keeps its sockets, whose names may have 107 bytes."""
    place = Path("/tmp") / f"lw-ray-{os.getpid()}"
    (work / "temp.txt").write_text(str(place))
    return str(place)


if __name__ == "__main__":
    main()
