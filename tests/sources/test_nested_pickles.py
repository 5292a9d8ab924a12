"""Nested pickles of plain numbers and text, and those that want to be more."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import SourceError
from likewise.sources.plain_pickles import load_nested

SCALARS = st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.dictionaries(st.text(), VALUES, max_size=4), st.integers(0, 5))
def test_nested_values_come_back_as_they_were(content: dict[str, object], protocol: int) -> None:
    assert load_nested(pickle.dumps(content, protocol), "x") == content


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["i1", "<i4", ">i4", "<i8", "u1", "u8", "f4", "<f8", ">f8", "?"])
def test_arrays_and_numbers_of_numpy_become_pythons_own(protocol: int, kind: str) -> None:
    array = np.array([[0, 1, 1], [1, 0, 7]]).astype(kind)
    told = load_nested(pickle.dumps({"gnd": [{"rows": array, "one": array[1, 2]}]}, protocol), "x")
    assert told == {"gnd": [{"rows": array.tolist(), "one": array[1, 2].item()}]}


def test_arrays_that_are_stored_by_columns_keep_their_places() -> None:
    array = np.asfortranarray(np.arange(6).reshape(2, 3))
    assert load_nested(pickle.dumps({"a": array}, 2), "x") == {"a": [[0, 1, 2], [3, 4, 5]]}


@pytest.mark.parametrize("protocol", range(6))
def test_empty_arrays_and_tuples_become_lists(protocol: int) -> None:
    content = {b"a": np.zeros(0, np.int64), b"b": (1, b"x", b"")}
    assert load_nested(pickle.dumps(content, protocol), "x") == {"a": [], "b": [1, "x", ""]}


def test_a_pickle_of_python_2_with_numpy_numbers_is_read() -> None:
    program = (
        b"\x80\x02}U\x03one" + b"cnumpy.core.multiarray\nscalar\n"
        b"cnumpy\ndtype\nU\x02i8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"U\x08\x05\x00\x00\x00\x00\x00\x00\x00\x86Rs."
    )
    assert load_nested(program, "x") == {"one": 5}


class Call:
    def __repr__(self) -> str:  # an address would differ between the processes that run the tests
        return "Call"

    def __reduce__(self) -> object:
        return os.system, ("touch here",)


@pytest.mark.parametrize(
    "value",
    [Call(), [[Call()]], {1, 2}, 1j, np.array(["a"]), np.array([None], object), np.zeros(2, "c8"), {1: 2}],
    ids=str,
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_anything_else_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="gnd.pkl is not trusted"):
        load_nested(pickle.dumps({"gnd": value}, protocol), "gnd.pkl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "program",
    [
        b"cnumpy.core.multiarray\nscalar\n(U\x02i8U\x01xtR",  # text for a kind of number
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x02i8tRU\x01xtR",  # eight bytes in one
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x02i8tRNtR",
        b"c__builtin__\nbytes\n(J\xff\xff\xff\x7ftR",  # two gigabytes of nothing
    ],
)
def test_a_number_that_is_none_is_refused(program: bytes) -> None:
    with pytest.raises(SourceError, match="not trusted"):
        load_nested(b"\x80\x02}U\x01a" + program + b"s.", "x")


def test_what_is_no_dictionary_is_refused() -> None:
    with pytest.raises(SourceError, match="holds a list, no dictionary"):
        load_nested(pickle.dumps([1]), "x")


def test_a_small_file_that_unfolds_without_end_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)
    wide: object = list(range(100))
    for _ in range(6):
        wide = [wide] * 100
    for content in (circle, wide):
        with pytest.raises(SourceError, match="nested too deeply or holds too much"):
            load_nested(pickle.dumps({"a": content}), "x")
