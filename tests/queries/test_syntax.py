"""How parts of queries are written, before anything is looked for on the disk."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import BadArgument
from likewise.queries.syntax import Region, Spelled, as_words, spellings


def names(text: str) -> list[str]:
    return [each.name for each in spellings(text)]


def test_a_plain_name_has_one_reading() -> None:
    assert spellings("holiday/cat.jpg") == [Spelled("", "holiday/cat.jpg")]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("text:at night", Spelled("text", "at night")),
        ("text:at night=0.5", Spelled("text", "at night", weight=0.5)),
        ("text:meet me @1,2,3,4", Spelled("text", "meet me @1,2,3,4")),
        ("text:1+1=2=1", Spelled("text", "1+1=2")),
        ("image:text:x", Spelled("image", "text:x")),
        ("file:cat.jpg", Spelled("image", "cat.jpg")),
        ("key:photos://cat.jpg", Spelled("key", "photos://cat.jpg")),
        ("C:/cat.jpg", Spelled("", "C:/cat.jpg")),
        ("E=mc2", Spelled("", "E=mc2")),
    ],
)
def test_a_prefix_says_what_a_name_is(text: str, spelled: Spelled) -> None:
    assert spellings(text)[0] == spelled


def test_the_longest_name_comes_first() -> None:
    assert names("a.jpg@1,2,3,4=0.5") == ["a.jpg@1,2,3,4=0.5", "a.jpg@1,2,3,4", "a.jpg"]
    assert names("a=1@1,2,3,4") == ["a=1@1,2,3,4", "a=1"]
    assert spellings("a.jpg@1,2,3,4=.5")[-1] == Spelled("", "a.jpg", Region(1, 2, 3, 4), 0.5)


def test_words_are_read_without_a_region() -> None:
    assert as_words("a cat @1,2,3,4=2") == Spelled("text", "a cat @1,2,3,4", weight=2.0)


@given(
    st.text(min_size=1).filter(lambda name: name.strip()),
    st.tuples(*[st.integers(0, 10**6)] * 4),
    st.floats(0.001, 1000).map(lambda weight: round(weight, 3)),
)
def test_what_is_written_by_the_rules_is_read_back(name: str, region: tuple[int, ...], weight: float) -> None:
    written = f"image:{name}@{','.join(map(str, region))}={weight:f}"
    assert spellings(written)[-1] == Spelled("image", name, Region(*region), weight) or "@" in name or "=" in name
    assert spellings(written)[0].name == written.removeprefix("image:")


@pytest.mark.parametrize("text", ["", " ", "text:", "key: "])
def test_a_part_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(BadArgument, match="names nothing"):
        spellings(text)


def test_a_region_is_in_pixels_or_in_percent() -> None:
    assert Region.parse("10,20,300,200").box(640, 480) == (10, 20, 300, 200)
    assert Region.parse("0%,50%,100%,50%").box(640, 480) == (0, 240, 640, 240)
    assert Region.parse("33.3%,0%,33.3%,100%").box(10, 10) == (3, 0, 4, 10)
    assert str(Region.parse("12.5%,0%,50%,100%")) == "12.5%,0%,50%,100%"


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,4,5", "1%,2,3,4", "1.5,2,3,4", "a,b,c,d", "", "-1,2,3,4"])
def test_a_region_of_another_form_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(BadArgument, match="whole pixels"):
        Region.parse(text)


@pytest.mark.parametrize("text", ["600,0,41,10", "0,470,10,11", "0%,0%,101%,100%", "-1,0,5,5"])
def test_a_region_beyond_the_picture_is_refused_with_its_size(text: str) -> None:
    numbers = [float(number.rstrip("%")) for number in text.split(",")]
    with pytest.raises(BadArgument, match="640 × 480"):
        Region(*numbers, percent="%" in text).box(640, 480)


@pytest.mark.parametrize("text", ["0,0,0,10", "0,0,10,0", "0%,0%,0.01%,50%"])
def test_an_empty_region_is_refused(text: str) -> None:
    with pytest.raises(BadArgument, match="empty"):
        Region.parse(text).box(640, 480)


@given(st.integers(1, 5000), st.integers(1, 5000), st.data())
def test_percent_never_leave_the_picture(width: int, height: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, 99)), data.draw(st.integers(0, 99))
    region = Region(x, y, 100 - x, 100 - y, percent=True)
    try:
        left, top, wide, tall = region.box(width, height)
    except BadArgument as error:
        assert "empty" in str(error)  # less than half a pixel
    else:
        assert (left + wide, top + tall) == (width, height)
