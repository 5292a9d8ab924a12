"""How much memory a decoder will take for an opened image, from its header."""

from __future__ import annotations

from collections.abc import Mapping

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from likewise.images.kinds import Kind

# What Pillow keeps for a pixel; every mode that is not here takes four bytes, three-channel ones too.
_MODE_BYTES: Mapping[str, int] = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}

# What a decoder takes for a pixel beside that, at its worst. Measured as the growth of ru_maxrss over 4096 × 4096 noise
# (bench/decoding_memory.py): WebP 13, AVIF 5 and HEIF 4 for 4:2:0 at 8 bits, where 4:4:4 at 10 bits takes 4 planes × 2
# more; ICO is small, and is copied for its mask.
_DECODER_BYTES: Mapping[Kind, float] = {"WebP": 13, "AVIF": 12, "HEIF": 12, "ICO": 8}
_JPEG2000_SAMPLE_BYTES = 5.2  # 32-bit samples and the wavelet's buffer, per channel: 15.4 measured for three

_TIFF_ROWS_PER_STRIP, _TIFF_TILE_WIDTH, _TIFF_TILE_LENGTH, _TIFF_BITS, _TIFF_ORIENTATION = 278, 322, 323, 258, 274
_TIFF_SAMPLES = 277


def decoding_bytes(image: ImageFile, kind: Kind, data: bytes, full_size: tuple[int, int]) -> int:
    """Bytes that exist at the worst moment of decoding: the file, the pixels and the decoder's own.

    Args:
        image: Opened, perhaps set to decode at a fraction of its size, not loaded.
        kind: What it is.
        data: The encoded bytes.
        full_size: Width and height in the file.
    """
    pixels = image.size[0] * image.size[1]
    full_pixels = full_size[0] * full_size[1]
    need = len(data) + pixels * (_MODE_BYTES.get(image.mode, 4) + _DECODER_BYTES.get(kind, 0))
    if kind == "JPEG 2000":
        need += pixels * _JPEG2000_SAMPLE_BYTES * len(image.getbands())
    if isinstance(image, JpegImageFile) and _in_many_scans(image, data):
        need += full_pixels * _coefficient_bytes(image)
    if isinstance(image, TiffImageFile):
        need += _tiff_bytes(image, pixels)
    return int(need)


def _in_many_scans(image: JpegImageFile, data: bytes) -> bool:
    """Whether the picture is complete only when all the file is read, so that libjpeg keeps every coefficient."""
    at = image.fp.tell() if image.fp is not None else 0  # behind the marker that starts the first scan
    components = data[at + 2] if at + 2 < len(data) else 0
    return bool(image.info.get("progressive")) or components < image.layers


def _coefficient_bytes(image: JpegImageFile) -> float:
    """Two bytes a coefficient, fewer coefficients for the channels that are stored coarser."""
    if not image.layer:
        return 2.0 * max(image.layers, 1)
    areas = [across * down for _, across, down, _ in image.layer]
    return 2.0 * sum(areas) / max(*areas, 1)


def _tiff_bytes(image: TiffImageFile, pixels: int) -> int:
    """One strip or tile as it is stored, and a second copy of a picture that Pillow turns upright."""
    tags = image.tag_v2
    width, height = image.size
    across, down = (
        tags.get(_TIFF_TILE_WIDTH, width),
        tags.get(_TIFF_TILE_LENGTH) or tags.get(_TIFF_ROWS_PER_STRIP, height),
    )
    bits = tags.get(_TIFF_BITS, (8,))
    bytes_each = max(bits) / 8 * tags.get(_TIFF_SAMPLES, 1)
    strip = 0 if image.tile and image.tile[0].codec_name == "raw" else int(across * min(down, height) * bytes_each)
    return strip + (pixels * _MODE_BYTES.get(image.mode, 4) if tags.get(_TIFF_ORIENTATION, 1) != 1 else 0)
