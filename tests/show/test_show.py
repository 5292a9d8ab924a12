"""What a person sees: pictures in the right places, scores that can be read, pages that are safe."""

from __future__ import annotations

import base64
import io
import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from likewise.errors import BadArgument
from likewise.show import Answer, Asked, address, caption_of, grid, marked, page, printable, score_text
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


def answer_of(path: str) -> Answer:
    return Answer("q", None, [hit(1, path=path)], [flat(COLOURS[0], 8, 8)])


def opened(data: bytes) -> Picture.Image:
    return Picture.open(io.BytesIO(data)).convert("RGB")


def pixels_of(sheet: Picture.Image) -> np.ndarray:
    return np.asarray(sheet).astype(int)


def centres(sheet: Picture.Image, count: int, side: int, across: int) -> list[tuple[int, int, int]]:
    """The colour in the middle of each square, whose places are those of the blue frame and of even steps from it."""
    down = -(-count // across)
    blue = (pixels_of(sheet) == (0x0A, 0x66, 0xC2)).all(axis=2)
    rows = np.flatnonzero(blue.sum(axis=1) > side)  # the frame's upper and lower edge
    columns = np.flatnonzero(blue.sum(axis=0) > side)
    x, y = (columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2
    step_x = (sheet.width - 16) / across
    step_y = (sheet.height - 16 + max(16, side // 10)) / down
    places = [(x + i % across * step_x, y + i // across * step_y) for i in range(count)]
    return [sheet.getpixel((round(x), round(y))) for x, y in places]  # type: ignore[misc]


def test_the_query_comes_first_and_the_hits_follow_in_order() -> None:
    sheet = opened(grid.png(answer(5), side=100))
    assert centres(sheet, 6, 100, 6) == [(128, 128, 128), *COLOURS]


def test_many_hits_wrap_into_even_rows() -> None:
    wide, tall = opened(grid.png(answer(7), side=80)), opened(grid.png(answer(15), side=80))
    assert wide.width == tall.width == 8 * 96 + 16
    assert tall.height > 2 * 80
    narrow = opened(grid.png(answer(7), side=80, columns=2))
    assert narrow.width == 2 * 96 + 16
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
    black = (pixels_of(sheet)[:, 132:] == 0).all(axis=2)  # right of the query
    inside = black[np.ix_(black.sum(axis=1) >= 50, black.sum(axis=0) >= 50)]
    assert (inside == np.kron(checks == 0, np.ones((25, 25), bool))).all()


def test_a_picture_that_cannot_be_shown_leaves_a_place() -> None:
    sheet = opened(grid.png(answer(2, pictures=[None, flat(COLOURS[0])]), side=100))
    assert centres(sheet, 3, 100, 3)[2] == COLOURS[0]


def test_no_picture_lies_over_another_or_over_the_frame() -> None:
    for count, columns in ((7, None), (6, 3)):
        shown = answer(count, pictures=[flat((250, 20, 20))] * count)
        sheet = opened(grid.png(Answer("q", None, shown.hits, shown.pictures), side=90, columns=columns))
        red = (pixels_of(sheet) == (250, 20, 20)).all(axis=2)
        assert red.sum() == count * 90 * 60
        assert not red[:, :7].any()
        assert not red[:, -7:].any()


def test_white_pictures_show_where_they_end() -> None:
    sheet = pixels_of(opened(grid.png(answer(1, pictures=[flat((255, 255, 255), 80, 80)]), side=80)))
    line = (sheet == (0xE3, 0xE3, 0xE6)).all(axis=2)[:, 16 + 80 + 8 :]
    assert sorted(np.flatnonzero(line.sum(axis=1) == 82))[0] + 81 == sorted(np.flatnonzero(line.sum(axis=1) == 82))[-1]


@pytest.mark.parametrize("name", ["写真/猫.jpg", "a" * 300 + ".jpg", "\x1b[31mred.jpg", "💥", "", "x\ny", "\udce9.jpg"])
def test_no_name_breaks_a_grid(name: str) -> None:
    one = answer(1, key=name or "/")
    assert opened(grid.png(Answer(name, one.picture, one.hits, one.pictures), side=64)).width == 2 * 80 + 16


def drawn(name: str) -> bytes:
    return grid.png(answer(1, key=name), side=96)


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("Übergröße café.jpg", "Ubergrosse cafe.jpg"),
        ("IMG_🐈_2024.jpg", "IMG_…_2024.jpg"),
        ("фото 7.jpg", "… 7.jpg"),
        ("写真.jpg", "."),  # nothing is left to know it by
    ],
)
def test_letters_that_the_font_lacks_are_replaced_by_ones_that_it_has(name: str, like: str) -> None:
    assert drawn(f"folder/{name}") == drawn(f"folder/{like}")


def test_names_are_drawn_shortened_in_the_middle() -> None:
    begin, end = drawn("holiday-" + "x" * 200 + "-0001.jpg"), drawn("holiday-" + "x" * 300 + "-0001.jpg")
    assert begin == end != drawn("holiday-" + "x" * 300 + "-0002.jpg")


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
        self.classes: list[str] = []
        self.in_name = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        facts = dict(attrs)
        self.classes += (facts.get("class") or "").split()
        if tag == "bdi":
            self.in_name = True
            self.texts.append("")
        if tag == "img":
            self.sources.append(facts["src"] or "")
            self.alts.append(facts["alt"] or "")
        if tag == "a":
            self.links.append(facts["href"] or "")

    def handle_data(self, data: str) -> None:
        if self.in_name:
            self.texts[-1] += data
        else:
            self.texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.in_name = self.in_name and tag != "bdi"


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
    assert {"cannot be shown", "classical <b>", "label: apple <pie>", "640 × 480", "folder/2.jpg"} <= set(reader.texts)
    assert reader.alts == ["query: q.jpg", "folder/1.jpg"]
    assert "http:" not in text
    assert "https:" not in text
    assert "url(" not in text


@pytest.mark.parametrize("name", ["a b#c%41é?.jpg", "&amp;\"'<x>.jpg", "写真.jpg", "a;b\\c.jpg", "\udce9.jpg"])
def test_a_link_leads_back_to_the_file(name: str, tmp_path: Path) -> None:
    original = tmp_path / name
    try:
        original.write_bytes(b"x")
    except OSError:
        pytest.skip("this file system does not take the name")
    (link,) = read(page.html([answer_of(str(original))], title="t")).links
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("file", "", "", "")
    assert os.fsdecode(unquote_to_bytes(parts.path)) == str(original)


@pytest.mark.parametrize("path", ["", "relative.jpg", "/gone.jpg", "/a.zip/b.jpg", "/" + "x" * 5000, "/a\0b", "/"])
def test_what_is_no_plain_file_has_no_link(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("relative.jpg").write_bytes(b"x")
    assert read(page.html([answer_of(path)], title="t")).links == []
    assert address(path) == ""


def test_tiny_pictures_are_kept_without_loss_and_enlarged_as_squares() -> None:
    tiny = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    one = Answer("q", flat(COLOURS[0], 300, 200), [hit(1)], [tiny])
    large, small = read(page.html([one], title="t")).sources
    assert large.startswith("data:image/jpeg;base64,")
    assert np.array_equal(np.asarray(opened(base64.b64decode(small.partition(",")[2]))), tiny)
    assert read(page.html([one], title="t")).classes.count("small") == 1


def test_metadata_is_told_as_data() -> None:
    record = Record("k", "00" * 32, 1, 1, 2, 3, {"label": "pie", "sure": True, "tags": ["é", None]})
    text = page.html([Answer("q", None, [Hit(1, 0.5, record, 0)], [None])], title="t")
    assert 'label: pie, sure: true, tags: ["é", null]' in read(text).texts


def test_verdicts_are_told_in_words_and_not_by_colour_alone() -> None:
    judged = replace(answer(3), verdicts=("right", "wrong", "junk"))
    told = page.html([judged], title="t")
    for sign, verdict in (("✓", "right"), ("✗", "wrong"), ("–", "junk")):
        assert f'<li class="{verdict}">' in told
        assert f"<em>{sign} {verdict}</em>" in told
    assert "<em>" not in page.html([answer(3)], title="t")


def test_a_size_that_nobody_looked_up_is_left_out() -> None:
    unknown = Hit(1, 0.5, Record("a.png", "", 0, 0, 0, 0), -1)
    assert "0 × 0" not in page.html([Answer("q", None, [unknown], [None])], title="t")
    assert "640 × 480" in page.html([answer(1)], title="t")


def test_a_page_without_answers_and_an_answer_without_hits_are_pages_too() -> None:
    assert "<h1>" in page.html([], title="none")
    assert read(page.html([Answer("q.jpg", None, [], [])], title="none")).texts.count("q.jpg") == 1


def test_several_queries_have_a_table_of_contents() -> None:
    reader = read(page.html([answer(1), answer(2)], title="two"))
    assert [link for link in reader.links if link.startswith("#")] == ["#q1", "#q2"]
    assert read(page.html([answer(1)], title="one")).links == []


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_no_name_can_break_out_of_a_page(name: str) -> None:
    hostile = f'"><script>alert(1)</script>{name}'
    one = Answer(hostile, None, [hit(1, key=hostile)], [flat(COLOURS[0], 4, 4)])
    for text in (page.html([one], title=hostile, notes={hostile: hostile}), page.fragment(one)):
        reader = read(text)
        assert "script" not in reader.tags
        assert all(source.startswith("data:image/png") for source in reader.sources)
        text.encode()  # it can be written to a file
        assert "\u202e" not in text


def test_a_fragment_carries_its_styles_inside() -> None:
    reader = read(page.fragment(answer(2, pictures=[flat(COLOURS[0], 300, 200), None])))
    assert "style" not in reader.tags
    assert "cannot be shown" in reader.texts
    assert len(reader.sources) == 2


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_score_is_short_and_keeps_its_value(score: float) -> None:
    text = score_text(score)
    assert len(text) <= 12
    assert float(text) == pytest.approx(score, rel=1e-3)
    assert text.strip("-0.") or text == "0.000"


@given(st.floats(-1e4, 1e4, width=32), st.floats(-1e4, 1e4, width=32))
def test_a_better_score_is_never_printed_as_a_worse_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert float(score_text(low)) <= float(score_text(high))


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_a_printable_name_has_its_length_and_can_be_written(name: str) -> None:
    text = printable(name)
    assert len(text) == len(name)
    assert len(text.splitlines()) <= 1
    assert not any(letter < " " or "\x7f" <= letter < "\xa0" for letter in text)
    text.encode()
    assert printable(text) == text


def mixed(words: str = "at night, <b>far</b> away") -> Answer:
    asked = [
        Asked("query", "a/cat.jpg", flat((128, 128, 128))),
        Asked("+ 0.5", "", None, words),
        Asked("−", "b/dog.jpg", flat((90, 90, 90)), away=True),
    ]
    return Answer(f"cat + {words} − dog", None, [hit(1)], [flat(COLOURS[0])], asked=asked, note="itself left out")


def test_a_mix_shows_all_its_parts_before_the_hits() -> None:
    sheet = opened(grid.png(mixed(), side=100))
    assert sheet.width == 4 * 116 + 16
    pixels = pixels_of(sheet)
    for colour, count in (((0x0A, 0x66, 0xC2), 2), ((0xC6, 0x28, 0x28), 1)):  # frames: two parts towards, one away
        columns = (pixels == colour).all(axis=2).sum(axis=0) > 100
        assert np.diff(columns.astype(int)).clip(0).sum() == 2 * count
    assert (pixels == (0x1D, 0x1D, 0x1F)).all(axis=2)[:, 124:232].any()  # the words, inside their own square


def test_words_stay_inside_their_square_however_many() -> None:
    for words in ("w" * 300, "word " * 200, "日本" * 50, "a"):
        sheet = pixels_of(opened(grid.png(mixed(words), side=64)))
        ink = (sheet == (0x1D, 0x1D, 0x1F)).all(axis=2)[40:94]
        assert not ink[:, :97].any()  # left of them lies the picture of the first part


def test_a_page_and_a_notebook_tell_every_part_and_quote_the_words() -> None:
    text = page.html([mixed()], title="t")
    assert "&lt;b&gt;far&lt;/b&gt;" in text
    assert "<b>far" not in text
    assert text.count('class="query') == 3
    assert text.count('class="query away"') == 1
    assert "<p>itself left out</p>" in text
    shown = page.fragment(mixed())
    assert shown.count("<img") == 3
    assert "&lt;b&gt;far&lt;/b&gt;" in shown
    assert shown.count("#c62828") == 1


def test_a_region_keeps_its_colours_and_the_rest_turns_pale() -> None:
    picture = np.full((40, 60, 3), 100, np.uint8)
    shown = marked(picture, (200, 100, 200, 200), (600, 400))
    assert (shown[10:30, 20:40] == 100).all()
    assert (shown[0:8, :] == shown[0, 0]).all()
    assert shown[0, 0].min() > 180
    assert shown[9, 30].tolist() == shown[30, 30].tolist() == shown[20, 19].tolist() == [10, 102, 194]
    assert (picture == 100).all()


def test_a_region_smaller_than_a_pixel_of_the_thumbnail_is_still_seen() -> None:
    shown = marked(np.zeros((10, 10, 3), np.uint8), (999, 999, 1, 1), (1000, 1000))
    assert shown[9, 9].tolist() == [0, 0, 0]
    assert shown[8, 9].tolist() == [10, 102, 194]


def test_a_caption_tells_chance_as_odds_and_as_percent_only_with_the_word() -> None:
    seldom, often = (replace(hit(1), chance=chance) for chance in (0.0001, 0.25))
    assert caption_of(seldom) == "1 · 0.5000 · 1 in 10,000"
    assert caption_of(replace(often, inliers=3)) == "1 · 0.5000 · 3 inliers · 25 % chance"


def test_a_page_tells_chance_in_a_line_of_its_own() -> None:
    one = Answer("q", None, [replace(hit(1), chance=0.0001)], [None])
    text = page.html([one], title="t")
    assert "<b>1 · 0.5000</b><span>1 in 10,000 by chance</span>" in text
    assert "chance" not in page.html([answer_of("")], title="t")


def test_a_long_title_does_not_reach_into_the_next() -> None:
    hits = [replace(hit(i + 1), inliers=5, chance=1e-6, score=12345.678) for i in range(3)]
    assert len(caption_of(hits[0])) > 35
    sheet = opened(grid.png(Answer("q", None, hits, [flat(COLOURS[i]) for i in range(3)]), side=128))
    titles = (pixels_of(sheet)[:18] < 128).all(axis=2).any(axis=0)
    for column in range(1, 4):
        between = 8 + column * 144  # the middle of the margin
        assert not titles[between - 1 : between + 2].any()


def test_a_grid_of_no_hits_says_why() -> None:
    without = opened(grid.png(Answer("q", flat(COLOURS[0]), [], [])))
    told = opened(
        grid.png(Answer("q", flat(COLOURS[0]), [], [], note="no good match: the best has 0.5000, 34 % by chance"))
    )
    assert told.width > without.width
    square = pixels_of(told)[60:220, 16 + 240 : -16]
    assert (square < 100).any()
