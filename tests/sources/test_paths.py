"""Names as text that can be kept."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from likewise.sources import paths

NAMES = st.binary(min_size=1, max_size=12).map(os.fsdecode)
ODD = "\U0010fc80".encode()


@given(NAMES)
@example(os.fsdecode(b"\x80" + ODD))
@example(os.fsdecode(ODD + b"\xff"))
@example(os.fsdecode(b"\xf4" + ODD + b"\x8f\xb2\x80"))
@example("\U0010ffff\U0010f800")
def test_any_name_comes_back_from_what_is_kept(name: str) -> None:
    kept = paths.kept(name)
    assert paths.real(kept) == name
    assert json.loads(json.dumps(kept, ensure_ascii=False).encode("utf-8")) == kept


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True))
@example([os.fsdecode(b"\x80"), "\U0010fc80"])
def test_different_names_are_kept_as_different_ones(names: list[str]) -> None:
    assert paths.kept(names[0]) != paths.kept(names[1])


@pytest.mark.parametrize("name", ["cat.jpg", "Ünï/cødé.png", "a\u0308.png", "ä.png", "🐈.webp", "a\nb.png"])
def test_a_name_of_ordinary_characters_is_kept_as_it_is(name: str) -> None:
    assert paths.kept(name) == name == paths.real(name)


@given(st.text("abz./\\é"))
def test_no_entry_leads_out_of_its_archive(name: str) -> None:
    assert not set(paths.inside(name).split("/")) & {".", ".."}
    assert not paths.inside(name).startswith("/")


@given(st.lists(st.sampled_from(["a.png", "a-2.png", "a-3.png", "d.x/a", "d.x/a-2"]), max_size=9))
def test_keys_are_unique_and_first_comers_keep_their_name(names: list[str]) -> None:
    keys = paths.unique(names)
    assert len(set(keys)) == len(keys) == len(names)
    assert all(keys[names.index(name)] == name for name in names)
    assert paths.unique(names) == keys


def test_a_number_goes_before_the_ending_or_behind_a_name_without_one() -> None:
    assert paths.unique(["d.x/a", "d.x/a", "b.png", "b.png", "b.png"])[1::3] == ["d.x/a-2", "b-3.png"]


@pytest.mark.parametrize(
    ("head", "is_one"),
    [
        (b"\xff\xd8\xff\xe0", True),
        (b"\x89PNG\r\n\x1a\n", True),
        (b"RIFF\0\0\0\0WEBPVP8 ", True),
        (b"RIFF\0\0\0\0WAVEfmt ", False),
        (b"\0\0\0\x18ftypavif", True),
        (b"\0\0\0\x18ftypisom\0\0\0\0", False),
        (b"hello", False),
        (b"", False),
    ],
)
def test_a_file_without_an_ending_is_known_by_how_it_begins(head: bytes, is_one: bool) -> None:
    assert paths.begins_like_an_image(head) is is_one
