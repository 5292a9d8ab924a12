"""A picture → its resized and cut pixels, in strips: colours first, then size, with memory for a strip only.

Pillow resizes rows first and columns second, with 8 bits between, and a row's result depends on that row alone. So strips
of rows resized in width, put together and then resized in height give the bytes that resizing all at once would give.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from PIL.Image import Image as PilImage
from PIL.Image import Resampling

from likewise.images.reading import Picture

_STRIP_PIXELS = 2**20
LONGEST_RATIO = 64  # of a picture's sides, for a centre cut; what lies beyond is far outside it


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make of a picture.

    Attributes:
        window: Left, top, right, bottom of what is looked at, in pixels as decoded.
        size: Width and height that the window becomes.
        cut: Left, top, right, bottom of what is kept of that.
    """

    window: tuple[int, int, int, int]
    size: tuple[int, int]
    cut: tuple[int, int, int, int]


def centre_cut(decoded: tuple[int, int], upright: tuple[int, int], shorter: int, side: int) -> Plan:
    """The shorter side becomes `shorter`, the centre side × side is kept; both rounded as torchvision rounds.

    Args:
        decoded: Width and height as decoded.
        upright: Width and height in the file; where no scaled decoding was done, the same.
        shorter: In pixels.
        side: At most `shorter`.

    Source: torchvision.transforms.functional, `resize` and `center_crop`.
    """
    width, height = shortened(upright, shorter)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return Plan(_central(decoded), (width, height), (left, top, left + side, top + side))


def shortened(upright: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Width and height once the shorter side is `shorter`, and the longer at most `LONGEST_RATIO` times that."""
    width, height = upright
    longer = min(int(shorter * max(upright) / min(upright)), shorter * LONGEST_RATIO)
    return (shorter, longer) if width <= height else (longer, shorter)


def whole(decoded: tuple[int, int], size: tuple[int, int], side: int | None = None) -> Plan:
    """All of the picture becomes `size`, whatever that does to its shape; with a `side`, the centre side × side is kept."""
    if side is None:
        return Plan((0, 0, *decoded), size, (0, 0, *size))
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    return Plan((0, 0, *decoded), size, (left, top, left + side, top + side))


def carry_out(picture: Picture, plan: Plan, resample: Resampling) -> PilImage:
    """Resize and cut; mode RGB."""
    left, top, right, bottom = plan.window
    width, height = plan.size
    cut_left, cut_top, cut_right, cut_bottom = plan.cut
    rows = Image.new("RGB", (cut_right - cut_left, bottom - top))
    step = max(1, _STRIP_PIXELS // max(right - left, width))
    for start in range(top, bottom, step):
        strip = picture.region(left, start, right, min(start + step, bottom))
        strip = strip.resize((width, strip.height), resample)
        rows.paste(strip.crop((cut_left, 0, cut_right, strip.height)), (0, start - top))
    return rows.resize((rows.width, height), resample).crop((0, cut_top, rows.width, cut_bottom))


def _central(size: tuple[int, int]) -> tuple[int, int, int, int]:
    longest = LONGEST_RATIO * min(size)
    width, height = (min(side, longest) for side in size)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return (left, top, left + width, top + height)
