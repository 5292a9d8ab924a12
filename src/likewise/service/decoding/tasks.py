"""What a decoding process is asked for, and what it answers; the same functions as everywhere, `likewise.images`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from likewise import images
from likewise.errors import BadImage
from likewise.images import Box, Limits
from likewise.images.writing import webp
from likewise.queries.syntax import Region
from likewise.types import Json, Recipe

_MOST_SIDE = 2**31
_SLACK_BYTES = 1 << 16  # of a thumbnail that grows by being compressed


@dataclass(frozen=True, slots=True)
class Prepare:
    """Pixels by a recipe, (side, side, 3): of the whole picture, or of a region of it as the command line writes one."""

    recipe: Recipe
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A WebP that fits in side × side."""

    side: int


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height alone; the picture is decoded all the same, so that a damaged one is found out."""


Task: TypeAlias = Prepare | Thumbnail | Size


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of a picture.

    Attributes:
        width: Of the upright picture that was sent, in pixels.
        height: Of the upright picture that was sent, in pixels.
        data: Pixels of a recipe, row by row; the encoded thumbnail; nothing where only the size was asked for.
        box: The region in pixels; None where there was none.
    """

    width: int
    height: int
    data: bytes = b""
    box: Box | None = None


def carry_out(data: bytes, told: Mapping[str, Any], limits: Limits) -> Made:
    """Do what is asked, in the process that it was asked of.

    Args:
        data: The encoded picture.
        told: What `telling` made of the task.
        limits: Checked before pixels have memory.

    Raises:
        BadImage: If the bytes are no whole picture within the limits.
        BadArgument: If the region does not lie in it.
    """
    if told["task"] == "prepare" and told["region"] is None:
        whole = images.prepare(data, _recipe(told["recipe"]), limits)
        return Made(whole.width, whole.height, whole.pixels.tobytes())
    width, height = images.size(data, limits)
    if told["task"] == "size":
        return Made(width, height)
    if told["task"] == "thumbnail":
        return Made(width, height, webp(images.thumbnail(data, told["side"], limits)))
    box = Region.parse(told["region"]).box(width, height)
    part = images.prepare(images.cut(data, box, limits), _recipe(told["recipe"]), limits)
    return Made(width, height, part.pixels.tobytes(), box)


def telling(task: Task) -> dict[str, Json]:
    """A task as JSON."""
    name = {Prepare: "prepare", Thumbnail: "thumbnail", Size: "size"}[type(task)]
    return {"task": name, **asdict(task)}


def most_bytes(task: Task) -> int:
    """The largest answer that a task can have."""
    if isinstance(task, Prepare):
        return 3 * task.recipe.side**2
    return 3 * task.side**2 + _SLACK_BYTES if isinstance(task, Thumbnail) else 0


def believed(task: Task, told: Mapping[str, Any], data: bytes) -> Made:
    """An answer, once it is seen to be one that this task can have: a decoder may have been taken over.

    Raises:
        BadImage: If it is none.
    """
    size, box = _whole_numbers(told.get("size"), 2), told.get("box")
    region = _whole_numbers(box, 4)
    fits = {
        Prepare: len(data) == most_bytes(task),
        Thumbnail: len(data) <= most_bytes(task) and data[:4] == b"RIFF" and data[8:12] == b"WEBP",
        Size: not data,
    }[type(task)]
    has_box = isinstance(task, Prepare) and task.region is not None
    if not size or not all(size) or not fits or has_box != bool(region) or bool(region) != (box is not None):
        raise BadImage("makes its decoder talk nonsense: open it in a viewer and save it again")
    return Made(size[0], size[1], data, (region[0], region[1], region[2], region[3]) if region else None)


def _whole_numbers(value: object, count: int) -> list[int]:
    """So many numbers from 0 on; none where it is anything else."""
    if not isinstance(value, list) or len(value) != count:
        return []
    return value if all(type(each) is int and 0 <= each < _MOST_SIDE for each in value) else []


def _recipe(told: Mapping[str, Any]) -> Recipe:
    return Recipe(**{**told, "mean": tuple(told["mean"]), "std": tuple(told["std"])})
