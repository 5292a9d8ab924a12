"""From a source to pixels: in order, bounded, and whatever dies on the way."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fakes import Memory, colours
from likewise import images, pipeline
from likewise.errors import BadImage
from likewise.pipeline import How, Prepared, prepared, processes, programs
from likewise.pipeline.frames import Pipe
from likewise.sources import Source, open_source
from likewise.types import Item, Recipe

RECIPE = Recipe("tiny", 16)
FILES = {**colours(40), "00013.png": b"torn", "00021.png": b"", "00027.png": b"GIF89a and nothing else"}

Patched = Callable[[str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    place.mkdir()
    for key, data in FILES.items():
        (place / key).write_bytes(data)
    return place


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> Patched:
    """Give every decoding process some lines of a program to run before its work; `prepare` is the real function there."""

    def patch(lines: str) -> None:
        start = "import os, signal, sys, threading\nfrom likewise import images\n"
        start += f"reading = sys.modules['likewise.images.reading']\nprepare = images.prepare\n{lines}\n"
        program = programs._PROGRAM.replace("from {module}", f"{start}from {{module}}")
        monkeypatch.setattr(programs, "_PROGRAM", program)

    return patch


@pytest.fixture
def pids(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The process numbers of all decoders that are started."""
    started: list[int] = []

    class Told(processes.Process):
        def __init__(self, settings: dict[str, object]) -> None:
            super().__init__(settings)
            started.append(self._popen.pid)

    monkeypatch.setattr(processes, "Process", Told)
    return started


def through(source: Source, how: How, needs: pipeline.Needs = lambda _number, _sha256: True) -> list[Prepared]:
    return list(prepared(source, source.items(), RECIPE, how, needs))


def in_processes(workers: int = 2, **more: object) -> How:
    return How(workers=workers, processes_from=0, **more)  # type: ignore[arg-type]


def facts(found: list[Prepared]) -> list[tuple[object, ...]]:
    told = [(p.item.key, p.number, p.sha256, p.size_bytes, p.width, p.height, p.reason) for p in found]
    pixels = [None if p.pixels is None else p.pixels.tobytes() for p in found]
    return [(*each, made) for each, made in zip(told, pixels, strict=True)]


def plainly(source: Source) -> list[tuple[object, ...]]:
    """The obvious way: one image after the other."""
    found = []
    for number, item in enumerate(source.items()):
        data = source.read(item)
        start = (item.key, number, hashlib.sha256(data).hexdigest(), len(data))
        try:
            made = images.prepare(data, RECIPE)
        except BadImage as error:
            found.append((*start, 0, 0, str(error), None))
        else:
            found.append((*start, made.width, made.height, "", made.pixels.tobytes()))
    return found


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("processes_from", [0, 10**6], ids=["processes", "threads"])
@pytest.mark.parametrize("kind", ["files", "memory"])
def test_the_result_is_that_of_one_image_after_the_other(
    folder: Path, kind: str, processes_from: int, workers: int
) -> None:
    source = open_source(str(folder)) if kind == "files" else Memory(FILES)
    how = How(workers=workers, processes_from=processes_from, ahead=8 * workers, prefetch=3)
    assert facts(through(source, how)) == plainly(source)


def test_processes_are_started_only_where_there_are_many_images(folder: Path, pids: list[int]) -> None:
    source = open_source(str(folder))
    through(source, How(workers=2, processes_from=41))
    through(source, How(workers=1, processes_from=40))
    assert pids == []
    through(source, How(workers=2, processes_from=40, ahead=20))
    assert len(pids) == 2
    assert all(map(is_gone, pids))


def test_nothing_comes_of_nothing() -> None:
    assert through(Memory({}), in_processes()) == []


def test_one_source_may_have_files_and_other_images(folder: Path) -> None:
    class Mixed(Memory):
        def file(self, item: Item) -> str | None:
            return str(folder / item.key) if item.key < "00020" else None

    source = Mixed(FILES)
    assert facts(through(source, in_processes())) == plainly(source)
    assert min(source.reads[: len(FILES) - 20]) >= "00020"


@pytest.mark.parametrize("how", [in_processes(), How(workers=2)], ids=["processes", "threads"])
@pytest.mark.parametrize("kind", ["files", "memory"])
def test_what_nobody_needs_is_read_and_not_decoded(folder: Path, kind: str, how: How) -> None:
    source = open_source(str(folder)) if kind == "files" else Memory(FILES)
    hashes = {number: hashlib.sha256(FILES[key]).hexdigest() for number, key in enumerate(sorted(FILES))}
    asked: dict[int, str] = {}

    def needs(number: int, sha256: str) -> bool:
        asked[number] = sha256
        return number % 3 == 0

    found = through(source, how, needs)
    assert asked == hashes
    assert [p.number for p in found if p.pixels is not None or p.reason] == list(range(0, 40, 3))
    assert [p.sha256 for p in found] == list(hashes.values())


def test_an_error_of_whoever_is_asked_comes_out_at_its_image(folder: Path, pids: list[int]) -> None:
    def needs(number: int, sha256: str) -> bool:
        if number == 7:
            raise ZeroDivisionError("the store is broken")
        return True

    for source in (open_source(str(folder)), Memory(FILES)):
        line = prepared(source, source.items(), RECIPE, in_processes(), needs)
        assert [next(line).number for _ in range(7)] == list(range(7))
        with pytest.raises(ZeroDivisionError, match="the store is broken"):
            next(line)
    assert all(map(is_gone, pids))


def test_an_error_of_the_source_that_is_no_reason_comes_out() -> None:
    class Broken(Memory):
        def read(self, item: Item) -> bytes:
            raise ZeroDivisionError("a mistake in the source")

    with pytest.raises(ZeroDivisionError):
        through(Broken(FILES), How(workers=2))


def test_memory_that_runs_out_costs_the_image_that_it_ran_out_on(folder: Path, patched: Patched) -> None:
    class Tight(Memory):
        def read(self, item: Item) -> bytes:
            if item.key == "00003.png":
                raise MemoryError
            return super().read(item)

    assert "not enough memory" in through(Tight(FILES), How(workers=1))[3].reason
    patched(
        "def tight(data, *rest):\n"
        f"    if data == {FILES['00005.png']!r}:\n        raise MemoryError\n    return prepare(data, *rest)\n"
        "images.prepare = tight"
    )
    found = through(open_source(str(folder)), in_processes())
    assert [p.number for p in found if "not enough memory" in p.reason] == [5]


def test_a_file_that_is_gone_costs_one_reason(folder: Path) -> None:
    source = open_source(str(folder))
    items = list(source.items())
    (folder / "00004.png").unlink()
    found = list(prepared(source, items, RECIPE, in_processes()))
    assert [p.number for p in found if "No such file" in p.reason] == [4]
    assert sum(p.pixels is not None for p in found) == 36


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
@pytest.mark.parametrize("kind", ["files", "memory"])
@pytest.mark.parametrize("workers", [1, 3])
def test_an_image_that_kills_its_decoder_twice_is_given_up_and_no_other(
    folder: Path, patched: Patched, pids: list[int], kind: str, workers: int
) -> None:
    deadly = (FILES["00008.png"], FILES["00009.png"])
    patched(
        "def die(data, *rest):\n"
        f"    if data in {deadly!r}:\n        os.kill(os.getpid(), signal.SIGSEGV)\n    return prepare(data, *rest)\n"
        "images.prepare = die"
    )
    source = open_source(str(folder)) if kind == "files" else Memory(FILES)
    calm, found = plainly(source), facts(through(source, in_processes(workers)))
    assert [each for each in found if each[1] not in (8, 9)] == [each for each in calm if each[1] not in (8, 9)]
    for number in (8, 9):
        assert found[number][6] == (
            f"brings its decoder down (twice it ended by signal {int(signal.SIGSEGV)}): "
            "open it in a viewer and save it again"
        )
    assert len(pids) <= workers + 4
    assert all(map(is_gone, pids))


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
def test_a_decoder_that_is_killed_loses_nothing(folder: Path, pids: list[int]) -> None:
    source = open_source(str(folder))
    found = []
    for each in prepared(source, source.items(), RECIPE, in_processes(2, ahead=4)):
        found.append(each)
        if each.number in (3, 20):
            for pid in list(pids):
                if not is_gone(pid):
                    os.kill(pid, signal.SIGKILL)
    assert facts(found) == plainly(source)
    assert len(pids) > 2


def test_a_decoder_that_hangs_is_replaced_and_its_image_given_up_after_a_second_try(
    folder: Path, patched: Patched, pids: list[int]
) -> None:
    patched(
        "def hang(data, *rest):\n"
        f"    if data == {FILES['00008.png']!r}:\n        threading.Event().wait()\n    return prepare(data, *rest)\n"
        "images.prepare = hang"
    )
    source = open_source(str(folder))
    found = facts(through(source, in_processes(1, deadline_s=1.5)))
    assert [each for each in found if each[1] != 8] == [each for each in plainly(source) if each[1] != 8]
    assert found[8][6] == (
        "took its decoder more than 1.5 s, twice: raise --deadline, or save it again as another file"
    )
    assert len(pids) >= 3


def test_where_no_process_lives_the_work_is_done_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, pids: list[int]
) -> None:
    monkeypatch.setattr(programs, "_PROGRAM", "raise SystemExit(3)")
    for source in (open_source(str(folder)), Memory(FILES)):
        assert facts(through(source, in_processes(1))) == plainly(source)
    assert len(pids) == 6


def test_a_frozen_program_starts_no_processes(folder: Path, monkeypatch: pytest.MonkeyPatch, pids: list[int]) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert len(through(open_source(str(folder)), in_processes())) == 40
    assert pids == []


def test_giants_are_decoded_one_at_a_time_in_all_processes(
    folder: Path, patched: Patched, pids: list[int], tmp_path: Path
) -> None:
    patched(
        "reading._GIANT_BYTES = 0\nload = reading._load\n"
        "def alone(*given):\n"
        f"    mark = os.open({str(tmp_path / 'mark')!r}, os.O_CREAT | os.O_EXCL)\n"
        f"    try:\n        load(*given)\n    finally:\n        os.close(mark)\n        os.unlink({str(tmp_path / 'mark')!r})\n"
        "reading._load = alone"
    )
    source = open_source(str(folder))
    assert facts(through(source, in_processes(4))) == plainly(source)
    assert len(pids) <= 4  # the program above ran


def test_a_giant_that_dies_gives_back_its_turn(folder: Path, patched: Patched) -> None:
    patched(
        "reading._GIANT_BYTES = 0\nload = reading._load\n"
        "def die(image, kind):\n"
        "    if image.getpixel((0, 0)) == deadly:\n        os._exit(5)\n    load(image, kind)\n"
        f"deadly = {tuple(images.decode(FILES['00008.png'])[0, 0].tolist())!r}\n"
        "reading._load = die"
    )
    source = open_source(str(folder))
    found = through(source, in_processes(2))
    assert [p.number for p in found if "with status 5" in p.reason] == [8]
    assert sum(p.pixels is not None for p in found) == 36


def test_no_more_images_are_begun_than_may_be_ahead() -> None:
    source = Memory(colours(300))
    for taken, _ in enumerate(prepared(source, source.items(), RECIPE, How(workers=2, ahead=20)), 1):
        assert len(source.reads) <= taken + 20


def test_no_more_bytes_are_held_than_may_be_ahead() -> None:
    files = {key: data + bytes(100_000) for key, data in colours(100).items()}
    for unknown in (False, True):
        source = Memory(files)
        if unknown:
            items: list[Item] = [Item(key) for key in files]
        else:
            items = list(source.items())
        how = How(workers=2, ahead=100, ahead_bytes=1_000_000)
        line = prepared(source, items, RECIPE, how)
        next(line)
        assert len(source.reads) <= 1 + 10 + 4  # the last parcel may go over
        assert len(list(line)) == 99


def test_an_image_larger_than_what_may_be_ahead_is_let_in_alone() -> None:
    source = Memory(colours(30))
    for taken, _ in enumerate(prepared(source, source.items(), RECIPE, How(workers=2, ahead_bytes=1)), 1):
        assert len(source.reads) <= taken + 3  # one parcel at a time
    assert len(source.reads) == 30


def test_as_many_reads_wait_at_once_as_are_asked_for() -> None:
    together = threading.Barrier(6, timeout=30)

    class Far(Memory):
        def read(self, item: Item) -> bytes:
            together.wait()  # breaks if fewer than six ever wait here
            return super().read(item)

    found = through(Far(colours(24)), How(workers=1, prefetch=6, ahead=48))
    assert sum(p.pixels is not None for p in found) == 24


def test_a_decoding_process_reads_ahead_of_itself(folder: Path, patched: Patched, pids: list[int]) -> None:
    patched(
        "from likewise.pipeline import worker\nread = worker.read_file\ntogether = threading.Barrier(4, timeout=30)\n"
        "def far(path):\n    together.wait()\n    return read(path)\n"
        "worker.read_file = far"
    )
    source = open_source(str(folder))
    assert facts(through(source, in_processes(1, prefetch=4))) == plainly(source)
    assert len(pids) == 1


def test_to_stop_early_ends_all_processes(folder: Path, pids: list[int]) -> None:
    source = open_source(str(folder))
    with closing(prepared(source, source.items(), RECIPE, in_processes(3))) as line:
        next(line)
    assert pids
    assert all(map(is_gone, pids))


def test_to_stop_early_leaves_no_threads_either() -> None:
    before = threading.active_count()
    source = Memory(colours(300))
    with closing(prepared(source, source.items(), RECIPE, How(workers=3))) as line:
        next(line)
    for thread in threading.enumerate():
        if thread.name.startswith("likewise-read"):
            thread.join()
    assert threading.active_count() == before


def test_names_that_are_no_unicode_reach_the_decoder(folder: Path) -> None:
    if sys.platform == "darwin":
        pytest.skip("this system has no such names")
    Path(os.fsdecode(bytes(folder) + b"/caf\xe9.png")).write_bytes(FILES["00000.png"])
    source = open_source(str(folder))
    found = through(source, in_processes())
    assert found[-1].item.key.startswith("caf")
    assert found[-1].pixels is not None


@pytest.mark.parametrize("cut", [0, 5, 20, 40])
def test_a_message_that_breaks_off_is_none(cut: int) -> None:
    sent = io.BytesIO()
    Pipe(io.BytesIO(), sent).send({"image": 3, "reason": "né"}, b"ab", b"cd")
    whole = Pipe(io.BytesIO(sent.getvalue()), sent).receive()
    assert whole is not None
    assert (whole.told, whole.data) == ({"image": 3, "reason": "né"}, b"abcd")
    assert Pipe(io.BytesIO(sent.getvalue()[:cut]), sent).receive() is None


def test_a_message_longer_than_may_be_is_none_and_takes_no_memory() -> None:
    sent = io.BytesIO()
    Pipe(io.BytesIO(), sent).send({}, bytes(1000))
    assert Pipe(io.BytesIO(sent.getvalue()), sent).receive(most_bytes=1002) is not None
    assert Pipe(io.BytesIO(sent.getvalue()), sent).receive(most_bytes=1001) is None


def test_a_closed_pipe_receives_nothing() -> None:
    pipe = Pipe(io.BytesIO(b"abc"), io.BytesIO())
    pipe.close()
    assert pipe.receive() is None


def test_what_a_library_prints_does_not_disturb_the_messages(
    folder: Path, patched: Patched, capfd: pytest.CaptureFixture[str]
) -> None:
    patched(
        "def loud(data, *rest):\n    os.write(1, b'warning: loud\\n')\n    return prepare(data, *rest)\n"
        "images.prepare = loud"
    )
    source = open_source(str(folder))
    assert facts(through(source, in_processes(1))) == plainly(source)
    assert capfd.readouterr().err.count("warning: loud") == 40


def test_items_are_taken_in_the_thread_that_takes_the_results() -> None:
    source = Memory(colours(100))
    threads = set[int]()

    def items() -> Iterator[Item]:
        for item in source.items():
            threads.add(threading.get_ident())
            yield item

    assert len(list(prepared(source, items(), RECIPE, How(workers=2, ahead=16)))) == 100
    assert threads == {threading.get_ident()}
