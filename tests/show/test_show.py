"""What a person sees: pictures in the right places, scores that can be read, pages that are safe."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from rich.console import Console

from likewise.errors import BadArgument
from likewise.show import Answer, grid, page, score_text, terminal
from likewise.types import Hit, Record

COLOURS = [(250, 20, 20), (20, 250, 20), (20, 20, 250), (250, 250, 20), (20, 250, 250)]


def flat(colour: tuple[int, int, int], width: int = 60, height: int = 40) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def hit(rank: int, key: str = "", path: str = "", score: float = 0.5) -> Hit:
    record = Record(key or f"folder/{rank}.jpg", "00" * 32, 10, 1, 640, 480, {"label": "apple <pie>"})
    return Hit(rank, score, record, rank, path)


def answer(count: int, *, key: str = "", pictures: list[np.ndarray | None] | None = None) -> Answer:
    shown = pictures or [flat(COLOURS[i % 5]) for i in range(count)]
    return Answer("queries/query.jpg", flat((128, 128, 128)), [hit(i + 1, key) for i in range(count)], shown)


def opened(data: bytes) -> Picture.Image:
    return Picture.open(io.BytesIO(data)).convert("RGB")


def centres(sheet: Picture.Image, count: int, side: int, across: int) -> list[tuple[int, int, int]]:
    """The colour in the middle of each square."""
    down = -(-count // across)
    width, height = (sheet.width - 12) / across, (sheet.height - 12) / down
    above = side // 9 + 6
    places = [
        (12 + (i % across) * width + side / 2, 12 + (i // across) * height + above + side / 2) for i in range(count)
    ]
    return [sheet.getpixel((int(x), int(y))) for x, y in places]  # type: ignore[misc]


def test_the_query_comes_first_and_the_hits_follow_in_order() -> None:
    sheet = opened(grid.png(answer(5), side=100))
    assert centres(sheet, 6, 100, 6) == [(128, 128, 128), *COLOURS]


def test_many_hits_wrap_into_even_rows() -> None:
    wide, tall = opened(grid.png(answer(7), side=80)), opened(grid.png(answer(15), side=80))
    assert wide.width == tall.width == 8 * 92 + 12
    assert tall.height > 2 * 80
    narrow = opened(grid.png(answer(7), side=80, columns=2))
    assert narrow.width == 2 * 92 + 12
    assert centres(narrow, 8, 80, 2)[1:] == [*COLOURS, *COLOURS[:2]]


def test_a_query_without_hits_is_drawn_alone() -> None:
    assert centres(opened(grid.png(answer(0), side=100)), 1, 100, 1) == [(128, 128, 128)]


@pytest.mark.parametrize(("width", "height"), [(200, 20), (20, 200), (32, 32), (1, 1), (3000, 10)])
def test_every_aspect_ratio_is_kept(width: int, height: int) -> None:
    shown = answer(1, pictures=[flat((250, 20, 20), width, height)])
    pixels = np.asarray(opened(grid.png(shown, side=120))).astype(int)
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 80)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    wide, tall = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    assert max(wide, tall) == 120
    assert min(wide, tall) == pytest.approx(max(1, 120 * min(width, height) / max(width, height)), abs=1)


def test_a_tiny_picture_is_enlarged_into_clean_squares() -> None:
    checks = (np.indices((4, 4)).sum(axis=0) % 2 * 255).astype(np.uint8)
    sheet = opened(grid.png(answer(1, pictures=[np.stack([checks] * 3, axis=2)]), side=100))
    inside = np.asarray(sheet)[17 + 12 : 17 + 12 + 100, 124:224, 0]
    assert set(np.unique(inside)) == {0, 255}


def test_a_picture_that_cannot_be_shown_leaves_a_place() -> None:
    sheet = opened(grid.png(answer(2, pictures=[None, flat(COLOURS[0])]), side=100))
    assert centres(sheet, 3, 100, 3)[2] == COLOURS[0]


@pytest.mark.parametrize("name", ["写真/猫.jpg", "a" * 300 + ".jpg", "\x1b[31mred.jpg", "💥", "", "x\ny"])
def test_no_name_breaks_a_grid(name: str) -> None:
    assert opened(grid.png(answer(1, key=name or "/"), side=64)).width == 2 * 76 + 12


def test_a_grid_that_is_too_small_is_refused() -> None:
    with pytest.raises(BadArgument, match="at least 64"):
        grid.png(answer(1), side=10)
    with pytest.raises(BadArgument, match="columns"):
        grid.png(answer(1), columns=0)


class Reader(HTMLParser):
    """Collects what a page would load, link to and say."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.alts: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        facts = dict(attrs)
        if tag == "img":
            self.sources.append(facts["src"] or "")
            self.alts.append(facts["alt"] or "")
        if tag == "a":
            self.links.append(facts["href"] or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def test_a_page_shows_everything_and_loads_nothing(tmp_path: Path) -> None:
    original = tmp_path / "a b#c%é.jpg"
    original.write_bytes(b"x")
    one = Answer(
        "q.jpg", flat(COLOURS[0]), [hit(1, path=str(original)), hit(2, path="/gone/x.jpg")], [flat(COLOURS[1]), None]
    )
    text = page.html([one], title="Like q", notes={"model": "classical <b>"})
    reader = read(text)
    assert len(reader.sources) == 2
    assert all(source.startswith("data:image/") for source in reader.sources)
    assert reader.links == [original.as_uri()]
    assert "script" not in reader.tags
    assert {"cannot be shown", "classical <b>", "label: apple <pie>", "640 × 480"} <= set(reader.texts)
    assert reader.alts == ["query: q.jpg", "folder/1.jpg"]


def test_several_queries_have_a_table_of_contents() -> None:
    reader = read(page.html([answer(1), answer(2)], title="two"))
    assert [link for link in reader.links if link.startswith("#")] == ["#q1", "#q2"]
    assert read(page.html([answer(1)], title="one")).links == []


@given(st.text(max_size=40))
def test_no_name_can_break_out_of_a_page(name: str) -> None:
    hostile = f'"><script>alert(1)</script>{name}'
    one = Answer(hostile, None, [hit(1, key=hostile)], [flat(COLOURS[0], 4, 4)])
    for text in (page.html([one], title=hostile, notes={hostile: hostile}), page.fragment(one)):
        reader = read(text)
        assert "script" not in reader.tags
        assert all(source.startswith("data:image/png") for source in reader.sources)


def test_a_fragment_carries_its_styles_inside() -> None:
    reader = read(page.fragment(answer(2, pictures=[flat(COLOURS[0], 300, 200), None])))
    assert "style" not in reader.tags
    assert "cannot be shown" in reader.texts
    assert len(reader.sources) == 2


def printed(what: object, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [30, 80, 120])
def test_a_table_never_cuts_a_path(width: int) -> None:
    path = "/home/ada/pictures/" + "very-long-name-" * 6 + ".jpg"
    one = Answer("[bold]q[/bold].jpg", None, [hit(1, path=path, score=-12.345)], [None])
    text = printed(terminal.table(one), width)
    lines = [line.rstrip() for line in text.splitlines()]
    column = next(line.index("path") for line in lines if "path" in line and "rank" in line)
    assert path in "".join(line[column:] for line in lines)
    assert "[bold]q[/bold].jpg" in "".join(text.split("\n"))
    if width >= 80:
        assert "-12.35" in text


def test_a_preview_says_rank_score_and_path_where_there_is_no_terminal() -> None:
    one = answer(2, pictures=[flat(COLOURS[0]), None])
    text = printed(terminal.preview(one, height_lines=2))
    assert "1  0.5000  folder/1.jpg" in text
    assert "cannot be shown" in text
    assert "query  queries/query.jpg" in text


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_score_is_short_and_keeps_its_value(score: float) -> None:
    text = score_text(score)
    assert len(text) <= 12
    assert float(text) == pytest.approx(score, rel=1e-3)
    assert text.strip("-0.") or text == "0.000"
