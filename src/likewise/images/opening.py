"""Header only: bytes → a Pillow image whose size is known and whose pixels have no memory yet.

The classes of Pillow are called by name, not `Image.open`: so no format outside this table can be reached whatever the
bytes say (EPS would run Ghostscript), and Pillow's own limit of 89 or 179 megapixels, which is one variable for the whole
process, neither warns nor refuses where ours allows; it stays as the host program set it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.IcoImagePlugin import IcoImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from likewise.errors import BadImage
from likewise.images.kinds import RAW_REASON, Kind
from likewise.images.limits import Limits, check_size

_NEW_SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION = 254, 330, 50706
_PNG_SIGNATURE = b"\x89PNG"


def open_header(data: bytes, kind: Kind, limits: Limits) -> ImageFile:
    """Open `data` as `kind`; its size is within `limits`.

    Raises:
        BadImage: Over a limit, or camera RAW that calls itself TIFF; other exceptions are the decoder's.
    """
    if kind in _SIZES:  # Pillow allocates for these as soon as they are opened
        check_size(*_SIZES[kind](data), limits)
    image = _OPENERS[kind](data)
    check_size(*image.size, limits)
    return image


class _Png(PngImageFile):
    """A PNG whose last chunks may be broken: they hold texts, and the pixels came before them."""

    def load_end(self) -> None:
        with suppress(OSError, SyntaxError, ValueError, EOFError):
            super().load_end()


def _open_png(data: bytes) -> ImageFile:
    image = _Png(io.BytesIO(data))
    depth = data[24]
    key = image.info.get("transparency")
    # The transparent colour is written in the file's own depth; Pillow hands it on so, beside 8-bit pixels.
    if isinstance(key, int) and image.mode in ("1", "L") and depth < 8:
        image.info["transparency"] = key * 255 // (2**depth - 1)
    elif isinstance(key, tuple) and depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in key)
    return image


def _open_tiff(data: bytes) -> ImageFile:
    image = TiffImageFile(io.BytesIO(data))
    tags = image.tag_v2
    reduced = tags.get(_NEW_SUBFILE_TYPE, 0)
    # Camera RAW begins with a small preview in the place of the picture, and the picture hangs below it.
    if _DNG_VERSION in tags or (isinstance(reduced, int) and reduced & 1 and _SUB_IFDS in tags):
        raise BadImage(RAW_REASON)
    return image


def _open_heif(data: bytes) -> ImageFile:
    from pillow_heif import HeifImageFile  # a large library that most collections never need

    image: ImageFile = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
    return image


_OPENERS: Mapping[Kind, Callable[[bytes], ImageFile]] = {
    "JPEG": lambda data: JpegImageFile(io.BytesIO(data)),  # the first image of a multi-picture file
    "PNG": _open_png,
    "GIF": lambda data: GifImageFile(io.BytesIO(data)),
    "WebP": lambda data: WebPImageFile(io.BytesIO(data)),
    "TIFF": _open_tiff,
    "BMP": lambda data: BmpImageFile(io.BytesIO(data)),
    "ICO": lambda data: IcoImageFile(io.BytesIO(data)),
    "PNM": lambda data: PpmImageFile(io.BytesIO(data)),
    "JPEG 2000": lambda data: Jpeg2KImageFile(io.BytesIO(data)),
    "AVIF": lambda data: AvifImageFile(io.BytesIO(data)),
    "HEIF": _open_heif,
}


def _webp_size(data: bytes) -> tuple[int, int]:
    """The canvas that a WebP header declares; (0, 0) where it is no header, for the decoder to say so."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        return _little(data[24:27]) + 1, _little(data[27:30]) + 1
    if chunk == b"VP8L":
        bits = _little(data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return (_little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF) if chunk == b"VP8 " else (0, 0)


def _ico_size(data: bytes) -> tuple[int, int]:
    """The largest picture inside an icon by what the pictures say themselves: the directory can only say up to 256."""
    sizes = [(0, 0)]
    for entry in range(6, min(6 + 16 * _little(data[4:6]), len(data)), 16):
        at = _little(data[entry + 12 : entry + 16])
        if data[at : at + 4] == _PNG_SIGNATURE:
            sizes.append(
                (int.from_bytes(data[at + 16 : at + 20], "big"), int.from_bytes(data[at + 20 : at + 24], "big"))
            )
        else:  # a bitmap without its file header; the height counts picture and mask, and is negative from top to bottom
            width, height = (
                int.from_bytes(data[place : place + 4], "little", signed=True) for place in (at + 4, at + 8)
            )
            sizes.append((abs(width), abs(height) // 2))
    return max(sizes, key=lambda size: size[0] * size[1])


def _little(number: bytes) -> int:
    return int.from_bytes(number, "little")


_SIZES: Mapping[Kind, Callable[[bytes], tuple[int, int]]] = {"WebP": _webp_size, "ICO": _ico_size}
