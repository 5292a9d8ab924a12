"""A decoder may hang, crash, eat memory or lie: that costs the picture it was at, and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import hostile
from likewise import images
from likewise.errors import BadArgument, BadImage, LikewiseError, NotAPicture, OverLimit
from likewise.images import Limits
from likewise.pipeline import programs
from likewise.queries.syntax import Region
from likewise.service.decoding import pool
from likewise.service.decoding.inline import InlineDecoder
from likewise.service.decoding.isolated import IsolatedDecoder
from likewise.service.decoding.pool import Decoders
from likewise.service.decoding.tasks import Prepare, Size, Thumbnail
from likewise.service.problems import Refusal
from likewise.types import Recipe
from photos import encoded, photo

RECIPE = Recipe("tiny", 16, "crop", shorter=20)
LIMITS = Limits(max_bytes=2_000_000, max_pixels=1_000_000, max_memory_bytes=200_000_000)
PICTURE = encoded(photo(3), "JPEG")


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    with Decoders(LIMITS, deadline_s=30.0, work="hostile:work") as found:
        yield found


def pid(decoders: Decoders) -> int:
    """Of the process that is asked next."""
    return decoders.made(hostile.told_to("pid"), Size()).width


def test_pixels_are_those_of_the_library_whole_and_in_part() -> None:
    async def both() -> None:
        isolated = IsolatedDecoder(LIMITS, processes=1)
        try:
            for region in (None, Region(10, 5, 40, 30), Region(25, 0, 50, 100, percent=True)):
                found = await isolated.pixels(PICTURE, RECIPE, region)
                box = None if region is None else region.box(120, 90)
                wanted = images.prepare(PICTURE if box is None else images.cut(PICTURE, box), RECIPE)
                assert np.array_equal(found.pixels, wanted.pixels)
                assert (found.width, found.height, found.box) == (120, 90, box)
            assert await isolated.size(PICTURE) == (120, 90)
            shown = await isolated.thumbnail(PICTURE, 64)
            assert images.size(shown) == (64, 48)
        finally:
            await isolated.close()

    asyncio.run(both())


def test_both_decoders_say_the_same() -> None:
    from concurrent.futures import ThreadPoolExecutor

    async def both() -> None:
        isolated = IsolatedDecoder(LIMITS, processes=1)
        with ThreadPoolExecutor(1) as threads:
            inline = InlineDecoder(LIMITS, threads)
            for data in (
                PICTURE,
                b"",
                b"%PDF",
                PICTURE[:900],
                bytes(3_000_000),
                encoded(np.zeros((1200, 900, 3), np.uint8)),
            ):
                told = []
                for decoder in (isolated, inline):
                    try:
                        told.append(str(await decoder.size(data)))
                    except LikewiseError as error:
                        told.append((type(error).__name__, str(error)))
                assert told[0] == told[1]
        await isolated.close()

    asyncio.run(both())


def test_a_region_outside_the_picture_is_a_wrong_argument(decoders: Decoders) -> None:
    with pytest.raises(BadArgument, match="beyond"):
        decoders.made(PICTURE, Prepare(RECIPE, "0,0,500,500"))


def test_what_is_no_picture_starts_no_process(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "Process", lambda *_: pytest.fail("a process was started"))
    for data in (b"", b"<html>", bytes(100)):
        with pytest.raises(NotAPicture):
            decoders.made(data, Size())
    with pytest.raises(OverLimit):
        decoders.made(PICTURE + bytes(2_000_000), Size())


def test_a_decoder_that_hangs_is_replaced(decoders: Decoders) -> None:
    before = pid(decoders)
    decoders._deadline_s = 0.5
    with pytest.raises(BadImage, match=r"more than 0\.5 s"):
        decoders.made(hostile.told_to("hang"), Size())
    decoders._deadline_s = 30.0
    assert pid(decoders) != before
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    assert decoders.made(PICTURE, Size()).width == 120


def test_a_decoder_that_crashes_is_replaced(decoders: Decoders) -> None:
    before = pid(decoders)
    with pytest.raises(BadImage, match="brings its decoder down"):
        decoders.made(hostile.told_to("crash"), Size())
    assert pid(decoders) != before


def test_a_decoder_that_was_killed_while_it_had_nothing_to_do_costs_nothing(decoders: Decoders) -> None:
    before = pid(decoders)
    os.kill(before, signal.SIGKILL)
    os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    assert pid(decoders) != before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not count this memory")
def test_a_decoder_that_eats_memory_is_stopped_by_the_system_at_its_limit(decoders: Decoders) -> None:
    with pytest.raises(BadImage, match="more memory to decode than one picture may have"):
        decoders.made(hostile.told_to("eat"), Size())
    assert decoders.made(PICTURE, Size()).width == 120


def test_a_decoder_writes_no_file(decoders: Decoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "written"
    monkeypatch.setenv("LIKEWISE_TEST_TARGET", str(target))
    with pytest.raises(BadImage):
        decoders.made(hostile.told_to("write"), Size())
    assert not target.exists() or target.stat().st_size == 0


@pytest.mark.parametrize("task", [Size(), Thumbnail(64), Prepare(RECIPE), Prepare(RECIPE, "0,0,4,4")])
@pytest.mark.parametrize("order", ["lie", "flood"])
def test_a_decoder_that_lies_is_not_believed_and_not_asked_again(decoders: Decoders, task: object, order: str) -> None:
    before = pid(decoders)
    with pytest.raises(BadImage, match="nonsense|brings its decoder down"):
        decoders.made(hostile.told_to(order), task)  # type: ignore[arg-type]
    assert pid(decoders) != before


def test_a_machine_that_lets_no_process_live_is_told(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_PROGRAM", "raise SystemExit(3)")
    with pytest.raises(LikewiseError, match="can be started on this machine"):
        decoders.made(PICTURE, Size())


def test_to_close_ends_who_works_and_who_waits(decoders: Decoders) -> None:
    slow = Decoders(LIMITS, deadline_s=60.0, work="hostile:work")
    idle = pid(slow)
    told: list[str] = []

    def ask() -> None:
        with pytest.raises(LikewiseError) as caught:
            slow.made(hostile.told_to("hang"), Size())
        told.append(str(caught.value))

    thread = threading.Thread(target=ask)
    thread.start()
    while not slow._busy:
        threading.Event().wait(0.001)
    slow.close()
    thread.join(30)
    assert told == ["the service is stopping"]
    with pytest.raises(ProcessLookupError):
        os.kill(idle, 0)
    with pytest.raises(LikewiseError, match="stopping"):
        slow.made(PICTURE, Size())


def test_more_pictures_than_may_wait_are_refused_as_busy() -> None:
    async def crowd() -> list[object]:
        decoder = IsolatedDecoder(LIMITS, processes=1, waiting=1, deadline_s=2, work="hostile:work")
        try:
            asked = [decoder.size(hostile.told_to("hang")), decoder.size(PICTURE), decoder.size(PICTURE)]
            return list(await asyncio.gather(*asked, return_exceptions=True))
        finally:
            await decoder.close()

    first, second, third = asyncio.run(crowd())
    assert isinstance(first, BadImage)
    assert second == (120, 90)
    assert isinstance(third, Refusal)
    assert (third.slug, third.headers["Retry-After"]) == ("busy", "2")
