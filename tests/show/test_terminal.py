"""Neighbours in a terminal: paths that can be copied, names that do nothing, and pictures only where they can be shown."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from likewise.show import Answer, Asked, terminal
from likewise.types import Hit, Record

RED, BLUE = (250, 20, 20), (20, 20, 250)


def flat(colour: tuple[int, int, int], width: int = 60, height: int = 60) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def hit(rank: int, key: str = "folder/1.jpg", path: str = "", score: float = 0.5) -> Hit:
    return Hit(rank, score, Record(key, "00" * 32, 10, 1, 640, 480), rank, path)


def answer(pictures: list[np.ndarray | None], query: np.ndarray | None = None) -> Answer:
    return Answer("query.jpg", query, [hit(i, f"folder/{i}.jpg") for i in range(1, len(pictures) + 1)], pictures)


def printed(what: RenderableType, width: int = 100, *, colour: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        width=width,
        file=file,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        highlight=False,
        _environ={"TERM": "xterm-256color"},
    )
    console.print(what)
    return file.getvalue()


@pytest.mark.parametrize("width", [30, 80, 120])
def test_a_table_never_cuts_a_path(width: int) -> None:
    path = "/home/ada/pictures/" + "very-long-name-" * 6 + ".jpg"
    one = Answer("[bold]q[/bold].jpg", None, [hit(1, path=path, score=-12.345)], [None])
    text = printed(terminal.table(one), width)
    lines = [line.rstrip() for line in text.splitlines()]
    column = next(line.index("path") for line in lines if "path" in line and "rank" in line)
    assert path in "".join(line[column:] for line in lines)
    assert "[bold]q[/bold].jpg" in "".join(text.split("\n"))
    assert all(len(line) <= width for line in lines)
    if width >= 80:
        assert re.search(r"1 +-12\.35 +640 × 480 +/home/ada", text)


def test_a_path_is_a_link_to_its_file_and_to_nothing_else(tmp_path: Path) -> None:
    original = tmp_path / "a b;[x]#é.jpg"
    original.write_bytes(b"x")
    one = Answer("q", None, [hit(1, path=str(original)), hit(2, path="/gone/[x].jpg")], [None, None])
    text = printed(terminal.table(one), 300, colour=True)
    assert re.findall(r"\x1b\]8;[^;]*;([^\x1b]+)\x1b", text) == [original.as_uri()]
    assert "a b;[x]#é.jpg" in text
    assert "/gone/[x].jpg" in text


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_no_name_steers_the_terminal(name: str) -> None:
    hostile = f"\x1b]0;owned\x07{name}\x9b31m\r\n"
    one = Answer(hostile, None, [hit(1, hostile), hit(2, path=f"/{hostile}")], [None, None])
    text = printed(terminal.table(one))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202e]", text)


def test_a_preview_shows_words_as_words_and_says_what_is_left_out() -> None:
    asked = [Asked("query", "q.jpg", flat(BLUE)), Asked("−", "", None, "at \x1bnight", away=True)]
    one = Answer("q.jpg − at night", None, [hit(1)], [flat(RED)], asked=asked, note="itself left out")
    text = printed(terminal.preview(one), 80, colour=True)
    assert "−" in text.splitlines()[0]
    assert "at �night" in text
    assert "▀" in text
    assert "like q.jpg − at night (itself left out)" in " ".join(printed(terminal.table(one)).split())


def test_a_preview_without_a_terminal_is_the_table() -> None:
    one = answer([flat(RED), None], flat(BLUE))
    assert printed(terminal.preview(one)) == printed(terminal.table(one))


def test_a_dumb_terminal_and_one_without_unicode_get_the_table() -> None:
    one = answer([flat(RED)], flat(BLUE))
    for environ, encoding in (({"TERM": "dumb"}, "utf-8"), ({"TERM": "xterm-256color"}, "ascii")):
        file = io.TextIOWrapper(io.BytesIO(), encoding, errors="replace")
        console = Console(file=file, force_terminal=True, _environ=environ, width=80)
        console.print(terminal.preview(one))
        file.seek(0)
        text = file.read()
        assert "folder/1.jpg" in text
        assert text.count("▀" if encoding == "utf-8" else "38;2;") == 0
        assert text.count("?") == (0 if encoding == "utf-8" else 1)  # the sign × of the size, and nothing more


def colours(line: str) -> list[str]:
    """For each half block of a line: r for red over red, b for blue over blue."""
    names = {"250;20;20": "r", "20;20;250": "b"}
    found = re.findall(r"\x1b\[38;2;([\d;]+);48;2;([\d;]+)m(▀+)", line)
    return [names[upper] for upper, lower, blocks in found if upper == lower for _ in blocks]


def test_half_blocks_stand_side_by_side_in_order_with_their_titles() -> None:
    text = printed(terminal.preview(answer([flat(RED), flat(BLUE)], flat(BLUE)), height_lines=4), 80, colour=True)
    lines = text.splitlines()
    assert re.search(r"query.* 1 · 0\.5000 .* 2 · 0\.5000", lines[0])
    for line in lines[1:5]:
        assert colours(line) == ["b"] * 8 + ["r"] * 8 + ["b"] * 8
    assert "▀" not in "".join(lines[5:])
    assert text.endswith(printed(terminal.table(answer([None, None])), 80, colour=True))


@pytest.mark.parametrize("width", [5, 20, 40, 80, 200])
def test_a_preview_wraps_to_the_width_of_the_terminal(width: int) -> None:
    pictures = [flat(RED, 100, 10), flat(BLUE, 10, 100), None, *[flat(RED, 1, 1)] * 6]
    text = printed(terminal.preview(answer(pictures, flat(BLUE))), width, colour=True)
    plain = re.sub(r"\x1b(\[[\d;]*m|\]8;[^\x1b]*\x1b\\\\)", "", text)
    assert max(map(len, plain.splitlines())) <= width
    assert plain.count("query") == 2 or width < 20  # a title, and in the table's


@pytest.mark.parametrize(("width", "height", "blocks"), [(100, 10, 16 * 1), (10, 100, 2 * 8), (40, 20, 16 * 4)])
def test_half_blocks_keep_the_aspect_ratio(width: int, height: int, blocks: int) -> None:
    text = printed(terminal.preview(answer([], flat(RED, width, height))), 80, colour=True)
    assert text.count("▀") == blocks


def test_a_picture_that_cannot_be_shown_is_said_so() -> None:
    text = printed(terminal.preview(answer([None, flat(RED)], flat(BLUE))), 80, colour=True)
    assert "cannot be shown" in text


PROGRAM = """
import numpy as np
from rich.console import Console
from likewise.show import Answer, Asked, terminal
from likewise.types import Hit, Record
hit = Hit(1, 0.5, Record("folder/1.jpg", "", 1, 1, 640, 480), 0)
red = np.full((20, 20, 3), (250, 20, 20), np.uint8)
answer = Answer("query.jpg", None, [hit], [red])
Console(width=80, color_system="truecolor", highlight=False).print(terminal.preview(answer, height_lines=2))
"""
SIXEL, NO_SIXEL, KITTY = b"\x1b[?62;4c", b"\x1b[?62c", b"\x1b_Gi=31;OK\x1b\\"


def in_a_terminal(*, device: bytes | None, kitty: bytes = b"", stdin: bool = True, rows: int = 24) -> str:
    """What the program writes to a terminal that answers its questions like this."""
    if sys.platform == "win32":
        pytest.skip("needs a pseudo-terminal")
    import pty
    import select
    import termios

    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (rows, 80))
    environ = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=slave if stdin else subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.STDOUT,
        env={name: value for name, value in environ.items() if name not in ("NO_COLOR", "COLUMNS")},
    )
    os.close(slave)
    said, asked = b"", 0
    questions = [(b"\x1b[c", device), (b"\x1b_G", kitty), (b"\x1b[16t", b"\x1b[6;20;10t")]
    try:
        while select.select([master], [], [], 20)[0]:
            data = os.read(master, 65536)
            said += data
            for question, reply in questions:
                if question in said[asked:] and reply:
                    os.write(master, reply)
                    asked = said.index(question, asked) + len(question)
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(master)
        child.kill()
        child.wait()
    return said.decode()


def test_a_terminal_that_draws_sixels_gets_them() -> None:
    text = in_a_terminal(device=SIXEL)
    assert "\x1bP" in text
    assert "▀" not in text
    assert "1 · 0.5000" in text
    assert "cannot be shown" in text
    assert "folder/1.jpg" in text


def test_a_terminal_that_draws_by_kittys_way_gets_that() -> None:
    text = in_a_terminal(device=NO_SIXEL, kitty=KITTY)
    assert "\U0010eeee" in text
    assert "▀" not in text
    assert "folder/1.jpg" in text


def test_a_terminal_without_pictures_gets_half_blocks() -> None:
    for text in (in_a_terminal(device=NO_SIXEL), in_a_terminal(device=None)):
        assert text.count("▀") == 4 * 2
        assert "Traceback" not in text


def test_a_terminal_that_is_only_written_to_is_not_asked() -> None:
    text = in_a_terminal(device=SIXEL, stdin=False)
    assert "\x1b[c" not in text
    assert text.count("▀") == 4 * 2
    assert "Traceback" not in text


def test_an_answer_that_is_no_text_is_taken_for_no() -> None:
    text = in_a_terminal(device=b"\xff\xff")
    assert text.count("▀") == 4 * 2
    assert "Traceback" not in text


def test_a_terminal_of_no_size_is_not_asked() -> None:
    text = in_a_terminal(device=SIXEL, rows=0)
    assert "\x1b[c" not in text
    assert "Traceback" not in text
