"""Bytes → a loaded, upright picture that hands out its rows in sRGB, or the reason why not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass

from PIL.Image import Image as PilImage
from PIL.Image import Transpose
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from likewise.errors import BadImage, LikewiseError
from likewise.images.colours import Colours, colours_of, to_srgb
from likewise.images.cost import decoding_bytes
from likewise.images.kinds import Kind, kind_of
from likewise.images.limits import Limits, check_bytes, check_memory
from likewise.images.opening import open_header
from likewise.images.quiet import quiet

_OVERSAMPLING = 2  # a JPEG decoded at a fraction keeps at least this many times the size that is asked for
_GIANT_BYTES = 256_000_000
_one_giant = threading.Lock()  # threads decode side by side, but two giants at once would break the memory limit

_ORIENTATION = 274
# Orientation → how Pillow turns the stored picture upright, and for the way back: whether rows and columns change places,
# whether the stored columns run backwards, whether the stored rows do.
_TURNS = {
    2: (Transpose.FLIP_LEFT_RIGHT, False, True, False),
    3: (Transpose.ROTATE_180, False, True, True),
    4: (Transpose.FLIP_TOP_BOTTOM, False, False, True),
    5: (Transpose.TRANSPOSE, True, False, False),
    6: (Transpose.ROTATE_270, True, False, True),
    7: (Transpose.TRANSVERSE, True, True, True),
    8: (Transpose.ROTATE_90, True, True, False),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture, kept as it is stored, seen as it is meant.

    Attributes:
        stored: Loaded, in the file's own mode and orientation.
        colours: How its pixels become sRGB.
        orientation: EXIF, 1 to 8.
        width: Upright, in the file; a JPEG may have been decoded smaller.
        height: Upright, in the file.
    """

    stored: PilImage
    colours: Colours
    orientation: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Upright width and height as decoded."""
        width, height = self.stored.size
        return (height, width) if self.orientation >= 5 else (width, height)

    def region(self, left: int, top: int, right: int, bottom: int) -> PilImage:
        """A part of the upright picture, in sRGB, mode RGB; only this part is ever copied."""
        across, down = (left, right), (top, bottom)
        turn, swap, backwards, upwards = _TURNS.get(self.orientation, (None, False, False, False))
        if swap:
            across, down = down, across
        width, height = self.stored.size
        if backwards:
            across = (width - across[1], width - across[0])
        if upwards:
            down = (height - down[1], height - down[0])
        part = self.stored.crop((across[0], down[0], across[1], down[1]))
        return to_srgb(part if turn is None else part.transpose(turn), self.colours)


@contextmanager
def reading(
    data: bytes,
    limits: Limits,
    wanted: Callable[[int, int], tuple[int, int]] | None = None,
    result_pixel_bytes: int = 0,
    turn: AbstractContextManager[object] | None = None,
) -> Iterator[Picture]:
    """Decode one image, and hold it while the block runs; whatever goes wrong there is the image's fault.

    Args:
        data: The encoded bytes.
        limits: Checked on the header.
        wanted: Upright width and height → the size that they will be shrunk to; a JPEG is then decoded at the smallest
            fraction that keeps twice that. `None` decodes all of it.
        result_pixel_bytes: What the block itself will take for each pixel, counted against the memory limit.
        turn: Held while a giant is decoded, beside the lock of this process.

    Raises:
        BadImage: With the reason, whatever the bytes are; a `LikewiseError` of the block passes as it is.
    """
    try:
        with quiet():
            check_bytes(len(data), limits)
            kind = kind_of(data)
            image = _opened(data, kind, limits)
            full_size = image.size
            if wanted is not None and isinstance(image, JpegImageFile):
                _decode_smaller(image, wanted)
            need = decoding_bytes(image, kind, data, full_size) + image.size[0] * image.size[1] * result_pixel_bytes
            check_memory(need, f"a {kind} of {full_size[0]:,} × {full_size[1]:,} pixels", limits)
            with _alone(turn) if need > _GIANT_BYTES else nullcontext():
                _load(image, kind)
                yield _picture(image, kind, full_size)
    except LikewiseError:
        raise
    except MemoryError as error:
        raise BadImage("needs more memory than there is: save it smaller, or lower --max-memory") from error
    except Exception as error:  # decoders raise anything on damaged bytes: ZeroDivisionError, struct.error, …
        raise BadImage(f"cannot be decoded: {_words(error)}") from error


@contextmanager
def _alone(turn: AbstractContextManager[object] | None) -> Iterator[None]:
    with _one_giant, turn or nullcontext():
        yield


def _opened(data: bytes, kind: Kind, limits: Limits) -> ImageFile:
    try:
        return open_header(data, kind, limits)
    except LikewiseError:
        raise
    except Exception as error:
        if "MAX_TEXT" in str(error):
            raise BadImage(
                "holds a compressed text or colour profile that unpacks to over a megabyte: save it again without"
            ) from error
        raise BadImage(f"begins like a {kind} but its header is damaged ({_words(error)}): fetch it again") from error


def _decode_smaller(image: JpegImageFile, wanted: Callable[[int, int], tuple[int, int]]) -> None:
    width, height = image.size
    if _orientation(image, "JPEG") >= 5:
        height_wanted, width_wanted = wanted(height, width)
    else:
        width_wanted, height_wanted = wanted(width, height)
    image.draft(None, (_OVERSAMPLING * width_wanted, _OVERSAMPLING * height_wanted))


def _load(image: ImageFile, kind: Kind) -> None:
    height = image.size[1]
    try:
        image.load()
    except Exception as error:
        rows = _rows_decoded(image)
        if kind == "JPEG" and rows == height and "truncated" in str(error):
            image.tile = []  # only the end marker is missing: libjpeg gives out no row before it is whole
            return
        if "truncat" in str(error).lower() or isinstance(error, EOFError):
            after = f" after {rows:,} of {height:,} rows" if 0 < rows < height else ""
            raise BadImage(
                f"is cut off{after}: fetch it again, or open it in a viewer and save what is left under a new name"
            ) from error
        raise BadImage(f"is a damaged {kind} ({_words(error)}): fetch it again") from error


def _rows_decoded(image: ImageFile) -> int:
    """Rows down to the last one that is not empty: memory for pixels starts as zeros."""
    with suppress(Exception):  # no pixels at all, or a mode that has no bounding box
        box = image.im.getbbox()
        return int(box[3]) if box else 0
    return 0


def _picture(image: ImageFile, kind: Kind, full_size: tuple[int, int]) -> Picture:
    orientation = _orientation(image, kind)
    width, height = full_size
    if orientation >= 5:
        width, height = height, width
    return Picture(image, colours_of(image), orientation, width, height)


def _orientation(image: ImageFile, kind: Kind) -> int:
    """EXIF orientation that is still to be applied.

    HEIF is turned by its decoder and TIFF by Pillow. AVIF's own rotation is what Pillow puts into the EXIF block, and the
    format says that nothing else turns the picture.
    """
    if kind in ("HEIF", "TIFF") or (kind == "AVIF" and "exif" not in image.info):
        return 1
    with suppress(Exception):  # a broken EXIF block costs the orientation, not the picture
        found = image.getexif().get(_ORIENTATION, 1)
        return found if found in _TURNS else 1
    return 1


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return text or type(error).__name__
