"""What bytes are, by how they begin: names and extensions lie."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from likewise.errors import NotAPicture

Kind: TypeAlias = Literal["JPEG", "PNG", "GIF", "WebP", "TIFF", "BMP", "ICO", "PNM", "JPEG 2000", "AVIF", "HEIF"]

_READ: tuple[tuple[re.Pattern[bytes], Kind], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WebP"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"BM"), "BMP"),
    (re.compile(rb"\x00\x00\x01\x00"), "ICO"),
    (re.compile(rb"P[1-6f][\s#]"), "PNM"),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "JPEG 2000"),
)

RAW_REASON = "is a camera RAW file, which is not read: export it as JPEG or TIFF"
_VIDEO_REASON = "is a video, not an image: export the frames that matter"

# Before the kinds that are read: Canon's and Fuji's RAW files begin like TIFF.
_REFUSED: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"II\*\0....CR|IIU\0|IIR[OS]|MMOR|FUJIFILMCCD-RAW|FOVb|\0MRM", re.DOTALL), RAW_REASON),
    (re.compile(rb"%PDF"), "is not an image (it begins like a PDF): export its pages as images"),
    (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), "is a PostScript program, which is never run: export it as PNG"),
    (re.compile(rb"8BPS"), "is a Photoshop document, which is not read: export it as PNG or TIFF"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "is a JPEG XL, which is not read: export it as JPEG or PNG"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<svg", re.IGNORECASE), "is a drawing (SVG), which is not read: export it as PNG"),
    (
        re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml|head)", re.IGNORECASE),
        "is not an image (it begins like a web page or XML): fetch the image itself",
    ),
    (re.compile(rb"version https://git-lfs"), "is a Git LFS pointer, not the image: run git lfs pull"),
    (re.compile(rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf"), "is not an image (it begins like an archive): unpack it"),
    (re.compile(rb"RIFF....AVI |\x1a\x45\xdf\xa3|\x00\x00\x01[\xba\xb3]", re.DOTALL), _VIDEO_REASON),
    (re.compile(rb"\0{16}"), "is not an image (it begins with zeros, as a failed copy does): copy it again"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")


def kind_of(data: bytes) -> Kind:
    """Name the format that the first bytes announce.

    Raises:
        NotAPicture: If it is none that is read; the message says what it looks like.
    """
    if not data:
        raise NotAPicture("is empty: no bytes at all")
    for pattern, reason in _REFUSED:
        if pattern.match(data):
            raise NotAPicture(reason)
    for pattern, kind in _READ:
        if pattern.match(data):
            return kind
    if data[4:8] == b"ftyp":
        return _kind_of_box(data)
    raise NotAPicture(f"is not an image of a kind that is read (it begins with {data[:8]!r})")


def _kind_of_box(data: bytes) -> Kind:
    brand = data[8:12]
    if brand == b"crx ":
        raise NotAPicture(RAW_REASON)
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = {brand, *(data[at : at + 4] for at in range(16, length, 4))}
    # mif1 says only that some coded still picture is inside; the other brands say which.
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & {*_HEIF_BRANDS, b"mif1", b"msf1"}:
        return "HEIF"
    raise NotAPicture(_VIDEO_REASON)
