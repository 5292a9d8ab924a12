"""Keys and places: unique, stable, and back again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import SourceError
from likewise.roots import Roots

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=6).filter(
    lambda name: name not in (".", "..")
)
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def test_below_the_base_a_key_is_a_relative_path() -> None:
    assert Roots("/home/ada").key("/home/ada/2019/cat.jpg") == "2019/cat.jpg"


def test_a_folder_whose_name_begins_alike_is_not_below() -> None:
    with pytest.raises(SourceError, match="index it first"):
        Roots("/home/ada").key("/home/adam/cat.jpg")


def test_two_roots_of_one_name_are_told_apart() -> None:
    roots = Roots("/base").including("/a/photos").including("/b/photos")
    assert roots.key("/a/photos/x") == "photos://x"
    assert roots.key("/b/photos/x") == "photos-2://x"


def test_a_parent_added_later_leaves_old_keys_alone() -> None:
    before = Roots("/base").including("/disk/2019")
    after = before.including("/disk")
    assert after.key("/disk/2019/x") == before.key("/disk/2019/x") == "2019://x"
    assert after.key("/disk/2020/x") == "disk://2020/x"


def test_a_folder_below_a_known_root_adds_none() -> None:
    roots = Roots("/base").including("/disk")
    assert roots.including("/disk/2019") is roots
    assert roots.including("/base/sub") is roots


def test_odd_names_become_plain_ones() -> None:
    assert Roots("/b").including("/x/my photos: best!").named == {"my-photos-best": "/x/my photos: best!"}
    assert Roots("/b").including("/").named == {"files": "/"}


def test_a_root_itself_comes_back_as_it_was() -> None:
    roots = Roots("/base").including("/disk/a.png")
    assert [roots.path(roots.key(path)) for path in ("/base", "/disk/a.png")] == ["/base", "/disk/a.png"]


def test_an_unknown_root_is_named() -> None:
    with pytest.raises(SourceError, match="'disk'"):
        Roots("/base").path("disk://x.jpg")


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [("/base", ""), ("/base/sub", "sub/"), ("/disk", "disk://"), ("/disk/sub/", "disk://sub/"), ("/elsewhere", "")],
)
def test_everything_below_a_folder_shares_its_prefix(folder: str, prefix: str) -> None:
    assert Roots("/base").including("/disk").prefix(folder) == prefix


@given(st.lists(paths, min_size=1, max_size=5), st.lists(paths, min_size=1, max_size=6, unique=True), paths)
def test_every_path_below_a_root_comes_back_and_keys_are_unique(places: list[str], files: list[str], base: str) -> None:
    roots = Roots(base)
    for place in places:
        roots = roots.including(place)
    full = sorted({f"{place.rstrip('/')}{file}" for place in places for file in files})
    keys = [roots.key(path) for path in full]
    assert [roots.path(key) for key in keys] == full
    assert len(set(keys)) == len(full)


def test_an_address_is_its_own_key_on_every_machine() -> None:
    roots = Roots("/base").including("s3://bucket/in").including("/mnt/s3")
    assert roots.named == {"s3-2": "/mnt/s3"}
    assert roots.key("s3://bucket/in/a.jpg") == roots.path("s3://bucket/in/a.jpg") == "s3://bucket/in/a.jpg"
    assert roots.prefix("s3://bucket/in") == "s3://bucket/in/"


def test_a_root_of_before_keeps_the_name_of_a_scheme() -> None:
    roots = Roots("/base", {"s3": "/mnt/s3"}).including("s3://bucket/in")
    assert roots.path("s3://a.jpg") == "/mnt/s3/a.jpg"
    assert roots.key("s3://bucket/in/a.jpg") == "in://a.jpg"
    assert roots.path("in://a.jpg") == "s3://bucket/in/a.jpg"
