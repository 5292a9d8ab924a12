"""Pickles of plain values, read without running anything that they name.

A pickle is a program. The one function here runs none of it: text, numbers, lists and dictionaries are what the file format
itself can make, and the four names that arrays need are answered by stand-ins below, not by numpy. Anything else that a
file names is refused before it is looked up.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from likewise.errors import SourceError

Scalar: TypeAlias = str | bytes | int | float
Plain: TypeAlias = Scalar | list[Scalar] | NDArray[np.uint8] | None


def load(data: bytes, name: str) -> dict[str, Plain]:
    """A dictionary of plain values with text as keys; arrays are of bytes.

    Args:
        data: The file, of any pickle protocol, also from Python 2.
        name: The file's, to say which one is refused.

    Raises:
        SourceError: If the file holds, or asks for, anything else.
    """
    try:
        content = _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # a torn pickle raises anything
        raise _distrust(name, str(error) or type(error).__name__) from error
    if type(content) is not dict:
        raise _distrust(name, f"it holds a {type(content).__name__}, no dictionary")
    return {_key(key, name): _checked(value, name) for key, value in content.items()}


def load_nested(data: bytes, name: str) -> object:
    """Dictionaries, lists, text and numbers, in any depth; a file that names anything else is refused.

    Args:
        data: The file, of any pickle protocol.
        name: The file's, to say which one is refused.

    Raises:
        SourceError: If the file holds, or asks for, anything else.
    """
    try:
        return _Bare(io.BytesIO(data), encoding="utf-8").load()
    except Exception as error:  # a torn pickle raises anything
        raise _distrust(name, str(error) or type(error).__name__) from error


class _Bare(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


class _Array:
    """What the file says of an array, until all of it is known."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: NDArray[np.uint8] | None = None

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), tuple(shape), _Dtype(), fortran, bytes(data)):
                self.value = _array(data, shape, fortran=bool(fortran))
            case _:
                raise pickle.UnpicklingError("it holds an array that is not one of bytes")


class _Dtype:
    """The one kind of number that is taken: bytes, which have no order to speak of."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        del state


def _array(data: bytes, shape: tuple[object, ...], *, fortran: bool) -> NDArray[np.uint8]:
    sides = [side for side in shape if isinstance(side, int) and side >= 0]
    if len(sides) != len(shape) or math.prod(sides) != len(data):
        raise pickle.UnpicklingError(f"it holds an array of shape {shape} in {len(data):,} bytes")
    return np.frombuffer(data, np.uint8).reshape(sides, order="F" if fortran else "C")


def _empty_array(*_: object) -> _Array:
    return _Array()


def _array_of(data: object, dtype: object, shape: object, order: object) -> _Array:
    if not isinstance(data, bytes | bytearray) or not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("it holds an array that is not one of bytes")
    made = _Array()
    made.value = _array(bytes(data), shape, fortran=order in ("F", b"F"))
    return made


def _dtype(name: object, *_: object) -> _Dtype:
    if name not in ("u1", b"u1", "|u1", b"|u1"):
        raise pickle.UnpicklingError(f"it holds an array of {name!r}, not of bytes")
    return _Dtype()


def _latin1(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


def _nothing(*_: object) -> object:
    raise pickle.UnpicklingError("it makes an array in an unknown way")


_STAND_INS: Mapping[tuple[str, str], Callable[..., object]] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.numeric", "_frombuffer"): _array_of,
    ("numpy._core.numeric", "_frombuffer"): _array_of,
    ("numpy", "ndarray"): _nothing,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _latin1,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        stand_in = _STAND_INS.get((module, name))
        if stand_in is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return partial(stand_in)  # a new one each time, since a pickle may set attributes of what it is given


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
    return SourceError(f"{name} is not trusted as a file of CIFAR ({why}): fetch it again from its makers")
