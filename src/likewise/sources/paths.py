"""Names of files as text that can be kept: forward slashes, and nothing that is not Unicode."""

from __future__ import annotations

import os
import re
from pathlib import Path

# What `os.fsdecode` makes of bytes that are no UTF-8: lone surrogates, which neither SQLite nor JSON can hold.
_RAW = re.compile("[\udc80-\udcff]")
# The same bytes as characters of a private plane, where no other name has a use for them.
_FIRST, _OFFSET = 0xDC80, 0x10FC80
_KEPT = re.compile("[\U0010fc80-\U0010fcff]")

_READ = (
    "apng avif bmp dib gif heic heics heif heifs hif ico j2c j2k jfif jp2 jpc jpe jpeg jpf jpg jpx mpo pbm pfm pgm png "
    "pnm ppm tif tiff webp"
)
# Pictures to their owner, who should be told why they are not found.
_NOT_READ = "arw cr2 cr3 dng jxl nef orf pef psd raf rw2 srw svg"

IMAGE_ENDINGS = frozenset(f"{_READ} {_NOT_READ}".split())
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"BM", b"\0\0\0\x0cjP")


def kept(name: str) -> str:
    """A name as it is kept: reversible, valid Unicode, forward slashes."""
    text = _RAW.sub(lambda match: chr(ord(match[0]) - _FIRST + _OFFSET), name)
    return text if os.sep == "/" else text.replace(os.sep, "/")


def real(text: str) -> str:
    """The name that `kept` was given."""
    return _KEPT.sub(lambda match: chr(ord(match[0]) - _OFFSET + _FIRST), text)


def absolute(path: str | Path) -> str:
    """An absolute path as it is kept; symbolic links stay."""
    return kept(os.path.abspath(path))  # noqa: PTH100 - Path.absolute leaves `..` in


def is_image_name(name: str) -> bool:
    """Whether the ending of a name says picture."""
    return name.rpartition(".")[2].lower() in IMAGE_ENDINGS if "." in name else False


def begins_like_an_image(head: bytes) -> bool:
    """Whether the first 16 bytes are those of a picture, for files without an ending."""
    return head.startswith(_BEGINNINGS) or head[4:8] == b"ftyp"
