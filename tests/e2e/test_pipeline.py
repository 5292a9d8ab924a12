"""What goes wrong while a folder is indexed: the run ends complete, memory stays bounded, and the result is that of a calm run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from fakes import colours
from likewise.stores.local import LocalStore
from processes import take_interrupts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")

TINY = 3_000
GIANT_SIDE = 6_500  # of one colour, without compression: a file of 127 MB
MB = 1 << 20


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for key, data in colours(TINY).items():
        (folder / key).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def calm(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What an undisturbed run makes, with threads."""
    base = tmp_path_factory.mktemp("calm")
    subprocess.run([*command(base, pictures), "--workers", "1"], check=True, capture_output=True)
    return everything(base, pictures)


def command(base: Path, pictures: Path) -> list[str]:
    program = [sys.executable, "-m", "likewise", "-c", str(base), "index", str(pictures)]
    return [*program, "--model", "pixels", "--commit-every", "0.05", "--workers", "2"]


def started(base: Path, pictures: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(base, pictures),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=take_interrupts,  # noqa: PLW1509 - it only resets a signal
    )


def everything(base: Path, pictures: Path) -> list[object]:
    with LocalStore.open(base / ".likewise") as store:
        pairs = [(row, record, store.roots.path(record.key)) for row, record in store.records()]
        told = [(row, path, record.content_sha256, record.width, record.height) for row, record, path in pairs]
        return [told, store.embeddings(np.array([row for row, *_ in pairs])).tobytes(), store.skipped()]


def stored(base: Path) -> int:
    if not (base / ".likewise" / "collection.sqlite").exists():
        return 0
    with LocalStore.open(base / ".likewise") as store:
        return len(store)


def decoders(run: subprocess.Popen[str]) -> list[int]:
    """The processes that a run has started and that are at work."""
    found: list[int] = []
    for task in Path(f"/proc/{run.pid}/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return found


def in_the_middle(run: subprocess.Popen[str], base: Path) -> list[int]:
    """Wait until some images are stored; the processes that decode at that moment."""
    while run.poll() is None:
        if stored(base) and (pids := decoders(run)):
            return pids
        time.sleep(0.01)
    raise AssertionError(run.communicate())


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, pids))


def test_a_decoder_that_is_killed_changes_nothing(pictures: Path, calm: list[object], tmp_path: Path) -> None:
    run = started(tmp_path, pictures)
    killed = in_the_middle(run, tmp_path)
    os.kill(killed[0], signal.SIGKILL)
    told, complaints = run.communicate()
    assert run.returncode == 0, complaints
    assert f"{TINY:,} new" in told
    assert everything(tmp_path, pictures) == calm


def test_an_interrupt_ends_all_decoders_and_loses_nothing(pictures: Path, calm: list[object], tmp_path: Path) -> None:
    run = started(tmp_path, pictures)
    pids = in_the_middle(run, tmp_path)
    before = stored(tmp_path)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate()
    assert run.returncode == 130
    assert "run the same command to go on" in told
    assert "Traceback" not in told
    assert not any(map(is_running, pids))
    assert before <= stored(tmp_path) < TINY
    subprocess.run(command(tmp_path, pictures), check=True, capture_output=True)
    assert everything(tmp_path, pictures) == calm


def test_decoders_end_by_themselves_when_their_program_is_killed(
    pictures: Path, calm: list[object], tmp_path: Path
) -> None:
    run = started(tmp_path, pictures)
    pids = in_the_middle(run, tmp_path)
    run.kill()
    run.communicate()
    wait_until_gone(pids)
    subprocess.run(command(tmp_path, pictures), check=True, capture_output=True)
    assert everything(tmp_path, pictures) == calm


def test_a_stopped_decoder_ends_when_its_program_goes_on(pictures: Path, calm: list[object], tmp_path: Path) -> None:
    """As Ctrl-Z and `fg` do it, or a laptop that sleeps."""
    run = started(tmp_path, pictures)
    for pid in in_the_middle(run, tmp_path):
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
    run.communicate()
    assert run.returncode == 0
    assert everything(tmp_path, pictures) == calm


def test_files_that_are_deleted_meanwhile_cost_one_reason_each(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for key, data in colours(1_500).items():
        (folder / key).write_bytes(data)
    run = started(tmp_path, folder)
    in_the_middle(run, tmp_path)
    gone = [folder / f"{number:05d}.png" for number in range(1_400, 1_500)]
    for path in gone:
        path.unlink()
    told, complaints = run.communicate()
    assert run.returncode == 0, complaints
    with LocalStore.open(tmp_path / ".likewise") as store:
        skipped = {skip.key: skip.reason for skip in store.skipped()}
        left = {record.key for _, record in store.records()}
    assert set(skipped) <= {f"pictures/{path.name}" for path in gone}
    assert all("No such file" in reason for reason in skipped.values())
    assert set(skipped) | left == {f"pictures/{number:05d}.png" for number in range(1_500)}
    again = subprocess.run(command(tmp_path, folder), check=True, capture_output=True, text=True)
    assert "1,400 unchanged, 100 vanished" in again.stdout, told


def test_a_giant_among_small_pictures_is_embedded_in_bounded_memory(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for key, data in colours(300).items():
        (folder / key).write_bytes(data)
    for number in (50, 51, 52):  # side by side, so that both decoders come upon one
        Picture.new("RGB", (GIANT_SIDE, GIANT_SIDE), (number, 9, 9)).save(folder / f"{number:05d}x.tif")
    watched = f"""
import resource, subprocess, sys
status = subprocess.run({command(tmp_path, folder)!r}).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
    done = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True, check=True)
    assert "303 new" in done.stdout
    largest_process = int(done.stdout.split()[-1]) << 10
    giant = 3 * GIANT_SIDE**2
    assert giant < largest_process < giant + 4 * GIANT_SIDE**2 + 200 * MB  # the file, its pixels, and a program
    with LocalStore.open(tmp_path / ".likewise") as store:
        widths = [record.width for _, record in store.records()]
    assert widths.count(GIANT_SIDE) == 3


def test_a_script_needs_no_guard_around_its_main_part(pictures: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import likewise\nprint('once')\n"
        f"photos = likewise.index({str(pictures)!r}, collection={str(tmp_path)!r}, model='pixels')\nprint(len(photos))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["once", str(TINY)]
