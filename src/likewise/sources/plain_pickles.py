"""Pickles of plain values, read without running anything that they name.

A pickle is a program. The two functions here run none of it: text, numbers, lists and dictionaries are what the file format
itself can make, and the few names that arrays need are answered by stand-ins below, not by numpy. Anything else that a
file names is refused before it is looked up.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import SourceError

Scalar: TypeAlias = str | bytes | int | float
Plain: TypeAlias = Scalar | list[Scalar] | NDArray[np.uint8] | None
Nested: TypeAlias = "str | int | float | list[Nested] | dict[str, Nested] | None"

_MOST_VALUES = 2_000_000  # lists that hold each other many times over stay small in the file and fill the memory here
_DEEPEST = 16


def load(data: bytes, name: str) -> dict[str, Plain]:
    """A dictionary of plain values with text as keys; arrays are of bytes.

    Args:
        data: The file, of any pickle protocol, also from Python 2.
        name: The file's, to say which one is refused.

    Raises:
        SourceError: If the file holds, or asks for, anything else.
    """
    content = _loaded(data, name, _BYTES)
    return {_key(key, name): _checked(value, name) for key, value in content.items()}


def load_nested(data: bytes, name: str) -> dict[str, Nested]:
    """A dictionary of text, numbers, and lists and dictionaries of these; arrays of numbers and tuples become lists, bytes text.

    Args:
        data: The file, of any pickle protocol, also from Python 2.
        name: The file's, to say which one is refused.

    Raises:
        SourceError: If the file holds, or asks for, anything else.
    """
    content = _Unfolding(name).value(_loaded(data, name, _NUMBERS), 0)
    if not isinstance(content, dict):  # pragma: no cover - `_loaded` gave a dictionary
        raise _distrust(name, "it holds no dictionary")
    return content


def _loaded(data: bytes, name: str, stand_ins: _StandIns) -> dict[object, object]:
    try:
        content = _Unpickler(io.BytesIO(data), stand_ins).load()
    except Exception as error:  # a torn pickle raises anything
        raise _distrust(name, str(error) or type(error).__name__) from error
    if type(content) is not dict:
        raise _distrust(name, f"it holds a {type(content).__name__}, no dictionary")
    return content


class _Array:
    """What the file says of an array, until all of it is known."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: NDArray[Any] | None = None

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), tuple(shape), _Dtype() as dtype, fortran, bytes(data)):
                self.value = _array(data, shape, dtype, fortran=bool(fortran))
            case _:
                raise pickle.UnpicklingError("it holds an array that is not one of plain numbers")


class _Dtype:
    """A kind of number by its letter and size, such as `i8`; the file tells the order of its bytes afterwards."""

    __slots__ = ("name", "order")

    def __init__(self, name: str) -> None:
        self.name, self.order = name, "="

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        self.order = ">" if order in (">", b">") else "<"

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.name)


def _array(data: bytes, shape: tuple[object, ...], dtype: _Dtype, *, fortran: bool) -> NDArray[Any]:
    sides = [side for side in shape if isinstance(side, int) and side >= 0]
    kind = dtype.numpy()
    if len(sides) != len(shape) or math.prod(sides) * kind.itemsize != len(data):
        raise pickle.UnpicklingError(f"it holds an array of shape {shape} in {len(data):,} bytes")
    return np.frombuffer(data, kind).reshape(sides, order="F" if fortran else "C")


def _empty_array(*_: object) -> _Array:
    return _Array()


def _array_of(data: object, dtype: object, shape: object, order: object) -> _Array:
    if not isinstance(data, bytes | bytearray) or not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("it holds an array that is not one of plain numbers")
    made = _Array()
    made.value = _array(bytes(data), shape, dtype, fortran=order in ("F", b"F"))
    return made


def _bytes_dtype(name: object, *_: object) -> _Dtype:
    if name not in ("u1", b"u1", "|u1", b"|u1"):
        raise pickle.UnpicklingError(f"it holds an array of {name!r}, not of bytes")
    return _Dtype("u1")


def _number_dtype(name: object, *_: object) -> _Dtype:
    text = name.decode("latin1") if isinstance(name, bytes) else name
    if text not in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"):
        raise pickle.UnpicklingError(f"it holds an array of {name!r}, not of numbers")
    return _Dtype(str(text))


def _number(dtype: object, data: object) -> bool | int | float:
    """What the file says of one numpy number, as Python's own."""
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
        raise pickle.UnpicklingError("it holds a number of an unknown kind")
    number: bool | int | float = _array(data, (), dtype, fortran=False).item()
    return number


def _latin1(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes(*given: object) -> bytes:
    """How Python 3 writes empty bytes for Python 2, as in an array without elements."""
    if given:
        raise pickle.UnpicklingError("it makes bytes in an unknown way")
    return b""


def _nothing(*_: object) -> object:
    raise pickle.UnpicklingError("it makes an array in an unknown way")


_StandIns: TypeAlias = Mapping[tuple[str, str], Callable[..., object]]

_BYTES: _StandIns = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.numeric", "_frombuffer"): _array_of,
    ("numpy._core.numeric", "_frombuffer"): _array_of,
    ("numpy", "ndarray"): _nothing,
    ("numpy", "dtype"): _bytes_dtype,
    ("_codecs", "encode"): _latin1,
}
_NUMBERS: _StandIns = {
    **_BYTES,
    ("numpy", "dtype"): _number_dtype,
    ("__builtin__", "bytes"): _no_bytes,
    ("numpy.core.multiarray", "scalar"): _number,
    ("numpy._core.multiarray", "scalar"): _number,
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, stand_ins: _StandIns) -> None:
        super().__init__(file, encoding="bytes")
        self._stand_ins = stand_ins

    def find_class(self, module: str, name: str) -> object:
        stand_in = self._stand_ins.get((module, name))
        if stand_in is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return partial(stand_in)  # a new one each time, since a pickle may set attributes of what it is given


class _Unfolding:
    """Makes one file's values plain all the way down, and gives up on one that never ends."""

    def __init__(self, name: str) -> None:
        self._name, self._left = name, _MOST_VALUES

    def value(self, value: object, depth: int) -> Nested:
        self._left -= value.value.size if isinstance(value, _Array) and value.value is not None else 1
        if depth > _DEEPEST or self._left < 0:
            raise _distrust(self._name, "it is nested too deeply or holds too much")
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if value is None or isinstance(value, str | int | float):
            return value
        if isinstance(value, list | tuple):
            return [self.value(part, depth + 1) for part in value]
        if isinstance(value, dict):
            return {_key(key, self._name): self.value(part, depth + 1) for key, part in value.items()}
        if isinstance(value, _Array) and value.value is not None:
            numbers: Nested = value.value.tolist()
            return numbers
        raise _distrust(self._name, f"it holds a {type(value).__name__} where plain values are wanted")


def _key(key: object, name: str) -> str:
    if isinstance(key, bytes):
        return key.decode("utf-8", "replace")
    if isinstance(key, str):
        return key
    raise _distrust(name, f"it has a key of type {type(key).__name__}")


def _checked(value: object, name: str) -> Plain:
    if isinstance(value, _Array) and value.value is not None:
        return value.value
    if value is None or isinstance(value, str | bytes | int | float):
        return value
    if isinstance(value, list) and all(isinstance(part, str | bytes | int | float) for part in value):
        return value
    raise _distrust(name, f"it holds a {type(value).__name__} where plain values are wanted")


def _distrust(name: str, why: str) -> SourceError:
    return SourceError(f"{name} is not trusted as a file of plain values ({why}): fetch it again from its makers")
