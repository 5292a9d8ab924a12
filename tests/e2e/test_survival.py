"""kill -9, a full disk, two writers: the collection opens, holds what was acknowledged, and the next run completes it."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fakes import colours
from likewise.stores.local import LocalStore
from processes import take_interrupts

KILLS = 25
IMAGES = 3_000

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits as POSIX has them")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for key, data in colours(IMAGES).items():
        (folder / key).write_bytes(data)
    (folder / "torn.png").write_bytes(b"torn")
    return folder


@pytest.fixture(scope="module")
def calm(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What an uninterrupted run makes."""
    base = tmp_path_factory.mktemp("calm")
    subprocess.run(command(base, pictures), check=True, capture_output=True)
    return everything(base)


def command(base: Path, pictures: Path) -> list[str]:
    program = [sys.executable, "-m", "likewise", "-c", str(base)]
    return [*program, "index", str(pictures), "--model", "pixels", "--commit-every", "0.05"]


def everything(base: Path) -> list[object]:
    """All rows in order, with their embeddings, and what was skipped."""
    with LocalStore.open(base / ".likewise") as store:
        pairs = list(store.records())
        rows = store.embeddings(np.array([row for row, _ in pairs], np.int64))
        blocks, wrong = store.check()
        assert blocks > 0
        assert wrong == []
        return [pairs, rows.tobytes(), store.skipped()]


def acknowledged(base: Path) -> int:
    if not (base / ".likewise" / "collection.sqlite").exists():
        return 0
    with LocalStore.open(base / ".likewise") as store:
        return len(store)


def test_kill_9_at_any_moment_loses_nothing(pictures: Path, calm: list[object], tmp_path: Path) -> None:
    draw = random.Random(20)
    for _ in range(KILLS):
        run = subprocess.Popen(command(tmp_path, pictures), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.1, 1.2))  # the moment of the kill is the subject of this test
        before = acknowledged(tmp_path)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert acknowledged(tmp_path) >= before
    subprocess.run(command(tmp_path, pictures), check=True, capture_output=True)
    assert everything(tmp_path) == calm


def test_an_interrupt_says_what_is_kept_and_leaves_with_130(pictures: Path, tmp_path: Path) -> None:
    run = subprocess.Popen(
        command(tmp_path, pictures),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=take_interrupts,  # noqa: PLW1509 - it only resets a signal
    )
    while acknowledged(tmp_path) == 0 and run.poll() is None:
        time.sleep(0.02)  # until it is in the middle
    run.send_signal(signal.SIGINT)
    _, told = run.communicate()
    if run.returncode == 0:
        pytest.skip("this machine was done before it could be interrupted")
    assert run.returncode == 130
    assert "run the same command to go on" in told
    assert acknowledged(tmp_path) > 0


def test_a_full_disk_says_so_and_the_next_run_completes(pictures: Path, calm: list[object], tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, 6_000_000))

    run = subprocess.run(
        command(tmp_path, pictures), capture_output=True, text=True, preexec_fn=little_room, check=False
    )
    assert run.returncode == 1
    assert "make room and run the same command again" in run.stderr
    assert "Traceback" not in run.stderr
    assert 0 < acknowledged(tmp_path) < IMAGES
    subprocess.run(command(tmp_path, pictures), check=True, capture_output=True)
    assert everything(tmp_path) == calm


def test_the_second_of_two_runs_is_told_who_is_writing(pictures: Path, tmp_path: Path) -> None:
    first = subprocess.Popen(command(tmp_path, pictures), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / ".likewise" / "writer.json").exists() and first.poll() is None:
        time.sleep(0.01)
    second = subprocess.run(command(tmp_path, pictures), capture_output=True, text=True, check=False)
    waiting = subprocess.run(
        [*command(tmp_path, pictures), "--wait", "60"], capture_output=True, text=True, check=False
    )
    first.wait()
    assert second.returncode == 1
    assert f"process {first.pid} " in second.stderr
    assert waiting.returncode == 0
    assert first.returncode == 0
    assert acknowledged(tmp_path) == IMAGES
