"""Pickles that are data, and pickles that are programs."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.errors import SourceError
from likewise.sources import plain_pickles

SCALARS = st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans()
VALUES = SCALARS | st.none() | st.lists(SCALARS, max_size=4)


@given(st.dictionaries(st.text(), VALUES), st.integers(0, 5))
def test_plain_values_come_back_as_they_were(content: dict[str, object], protocol: int) -> None:
    assert plain_pickles.load(pickle.dumps(content, protocol), "x") == content


@pytest.mark.parametrize("protocol", range(6))
def test_bytes_come_back_as_they_were(protocol: int) -> None:
    content = {b"names": [b"\xe9.png", b"x"], b"one": bytes(range(256))}
    wanted = {"names": [b"\xe9.png", b"x"], "one": bytes(range(256))}
    assert plain_pickles.load(pickle.dumps(content, protocol), "x") == wanted


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_bytes_come_back_as_they_were(protocol: int, order: str) -> None:
    array = np.asarray(np.arange(24, dtype=np.uint8).reshape(4, 6), order=order)  # type: ignore[call-overload]
    loaded = plain_pickles.load(pickle.dumps({b"data": array}, protocol), "x")["data"]
    assert isinstance(loaded, np.ndarray)
    np.testing.assert_array_equal(loaded, array)
    assert loaded.dtype == np.uint8


def test_a_pickle_of_python_2_is_read() -> None:
    """As numpy 1 wrote it there: names of `numpy.core`, byte strings for all text."""
    program = (
        b"\x80\x02}U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x06abcdeftbs."
    )
    np.testing.assert_array_equal(
        plain_pickles.load(program, "x")["data"], np.frombuffer(b"abcdef", np.uint8).reshape(2, 3)
    )


class Call:
    """Pickles to a call, with a state if there is one."""

    def __init__(self, function: object, *values: object, state: object = None) -> None:
        self.call = (function, values) if state is None else (function, values, state)

    def __reduce__(self) -> object:
        return self.call


@pytest.mark.parametrize(
    "call",
    [
        Call(os.system, "touch here"),
        Call(subprocess.check_output, ["touch", "here"]),
        Call(builtins.eval, "open('here', 'w')"),
        Call(builtins.exec, "open('here', 'w')"),
        Call(builtins.open, "here", "w"),
        Call(builtins.getattr, "x", "upper"),
        Call(Path, "here"),
        Call(OrderedDict),
        Call(partial, print),
        Call(np.load, "here"),
        Call(np.frombuffer, b"abc", "u1"),
        {1, 2},
        (1, 2),
        1j,
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_that_is_more_than_plain_values_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: object, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    for content in (call, {"data": call}, {"data": [call]}):
        with pytest.raises(SourceError, match="not trusted"):
            plain_pickles.load(pickle.dumps(content, protocol), "train")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "array",
    [
        np.array([b"x", None], object),
        np.zeros(3, np.float32),
        np.zeros(3, np.int64),
        np.zeros(3, "datetime64[s]"),
        np.zeros(3, [("a", "u1"), ("b", "O")]),
        np.zeros(3, "V8"),
        np.uint8(3),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_an_array_of_anything_but_bytes_is_refused(array: np.ndarray, protocol: int) -> None:
    with pytest.raises(SourceError, match="not trusted"):
        plain_pickles.load(pickle.dumps({"data": array}, protocol), "train")


ARRAY = b"cnumpy\ndtype\n(U\x02u1tR"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n(tR"


@pytest.mark.parametrize(
    "program",
    [
        RECONSTRUCT,  # an array without content
        RECONSTRUCT + b"(K\x01(K\x07t" + ARRAY + b"\x89U\x02abtb",  # seven in two
        RECONSTRUCT + b"(K\x01(J\xff\xff\xff\xffJ\xfe\xff\xff\xfft" + ARRAY + b"\x89U\x02abtb",  # -1 by -2
        RECONSTRUCT + b"(K\x01(U\x01xt" + ARRAY + b"\x89U\x02abtb",  # "x" by nothing
        RECONSTRUCT + b"}b",
        b"cnumpy._core.numeric\n_frombuffer\n(U\x02ab" + ARRAY + b"K\x02U\x01CtR",  # a number for a shape
        b"cnumpy\nndarray\n(K\x05tR",
        b"cnumpy\nndarray\n",
        b"cnumpy\ndtype\n}U\x04funcK\x01sb",  # tries to change the stand-in
        b"c_codecs\nencode\n(X\x01\x00\x00\x00xU\x03zipotR",
        b"c_codecs\nencode\n(U\x01xU\x06latin1tR",
        b"cnumpy.core.multiarray\n_reconstruct.__globals__\n",
        b"U\x01xQ",  # a persistent id
    ],
)
def test_a_program_of_parts_that_are_allowed_is_refused_if_it_makes_anything_else(program: bytes) -> None:
    with pytest.raises(SourceError, match="not trusted"):
        plain_pickles.load(b"\x80\x02}U\x04data" + program + b"s.", "train")


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(SourceError, match="key of type int"):
        plain_pickles.load(pickle.dumps({1: 2}), "train")


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_give_plain_values(data: bytes) -> None:
    try:
        loaded = plain_pickles.load(data, "train")
    except SourceError:
        return
    assert all(isinstance(value, str | bytes | int | float | list | np.ndarray | None) for value in loaded.values())
