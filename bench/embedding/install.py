"""The base install: its size, how long pip takes, and the time from nothing to a first result."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from contests.contender import Work

ROOT = Path(__file__).resolve().parents[2]


def base(folder: str, place: str, rounds: int) -> Work:
    """Facts of the wheel in a fresh environment: `size_mb`, `install_s`, `first_s`, and `again_s` of a number of runs."""
    home = Path(folder) / "base"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    _run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(home), str(ROOT)])
    (wheel,) = home.glob("*.whl")
    environment = home / "environment"
    _run([sys.executable, "-m", "venv", str(environment)])
    before = _bytes(environment)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    install_s = _run([str(scripts / "python"), "-m", "pip", "install", "--quiet", str(wheel)])
    runs = [_index(scripts, home / f"collection-{number}", Path(place)) for number in range(rounds)]
    facts = {
        "is": "the wheel, in a fresh environment",
        "size_mb": (_bytes(environment) - before) / 1e6,
        "wheel_mb": wheel.stat().st_size / 1e6,
        "install_s": install_s,
        "first_s": runs[0],
        "again_s": runs[1:],
    }
    shutil.rmtree(environment)
    return Work(facts=facts)


def _index(scripts: Path, collection: Path, place: Path) -> float:
    """Seconds of `likewise index`, and of nothing that is done once for all collections but bytecode and the cache of the disk."""
    return _run([str(scripts / "likewise"), "-c", str(collection), "index", str(place)])


def _run(command: list[str]) -> float:
    """Seconds that it took; in an environment without our sources in front."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    started = time.perf_counter()
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines() or [""]
        raise RuntimeError(f"{' '.join(command[:4])} …: {told[-1][:300]}")
    return time.perf_counter() - started


def _bytes(folder: Path) -> int:
    return sum(each.lstat().st_size for each in folder.rglob("*") if each.is_file() and not each.is_symlink())
