"""Names of files as text that can be kept: forward slashes, and nothing that is not Unicode."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

# What `os.fsdecode` makes of bytes that are no UTF-8 are lone surrogates, which neither SQLite nor JSON can hold. They move
# up by this much, to the end of the last private plane; a name that has one of those characters by itself gets it as the two
# surrogates of its UTF-16 form, moved alike, so that no two names are kept as one.
_UP = 0x102000
_NOT_KEPT = re.compile("[\ud800-\udfff\U0010f800-\U0010ffff]")
_MOVED = re.compile("[\U0010f800-\U0010ffff]+")

_READ = (
    "apng avif avifs bmp dib gif heic heics heif heifs hif ico j2c j2k jfif jp2 jpc jpe jpeg jpf jpg jpx mpo pbm pfm pgm "
    "png pnm ppm tif tiff webp"
)
# Pictures to their owner, who should be told why they are not found.
_NOT_READ = (
    "3fr arw cr2 cr3 crw dcr dng erf iiq jxl k25 kdc mef mrw nef nrw orf pcx pef psb psd qoi raf raw rw2 rwl sr2 srf srw "
    "svg svgz tga x3f xcf"
)

IMAGE_ENDINGS = frozenset(f"{_READ} {_NOT_READ}".split())
READ_ENDINGS = frozenset(_READ.split())


def kept(name: str) -> str:
    r"""A name as it is kept: valid Unicode, forward slashes, and different for different names.

    >>> name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    >>> kept(name).isprintable(), len(kept(name)), real(kept(name)) == name
    (False, 8, True)
    """
    text = _NOT_KEPT.sub(lambda match: "".join(chr(unit + _UP) for unit in _utf16_units(match[0])), name)
    return text if os.sep == "/" else text.replace(os.sep, "/")


def real(text: str) -> str:
    """The name that `kept` was given."""
    return _MOVED.sub(lambda match: _joined(chr(ord(unit) - _UP) for unit in match[0]), text)


def absolute(path: str | Path) -> str:
    """An absolute path as it is kept; symbolic links stay."""
    return kept(os.path.abspath(path))  # noqa: PTH100 - Path.absolute leaves `..` in


def is_image_name(name: str) -> bool:
    """Whether the ending of a name says picture.

    >>> is_image_name("cat.JPG"), is_image_name("cat.txt"), is_image_name("jpg")
    (True, False, False)
    """
    return name.rpartition(".")[2].lower() in IMAGE_ENDINGS if "." in name else False


def is_hidden(key: str) -> bool:
    """Whether a key, or a folder on the way to it, is hidden, or is what macOS adds to an archive."""
    return any(part.startswith(".") or part == "__MACOSX" for part in key.split("/"))


def begins_like_an_image(head: bytes) -> bool:
    """Whether these first bytes (64 are enough) are those of a picture that is read; for files without an ending."""
    from likewise.errors import BadImage
    from likewise.images.kinds import kind_of  # the decoder's own view; imported late, since it brings Pillow

    try:
        kind_of(head)
    except BadImage:
        return False
    return True


def inside(name: str) -> str:
    """The key of an entry of an archive: nothing in its name leads out of the archive.

    >>> inside("./2019//cat.jpg"), inside("../../etc/cat.jpg"), inside("/cat.jpg")
    ('2019/cat.jpg', 'etc/cat.jpg', 'cat.jpg')
    """
    return kept(posixpath.normpath("/" + name).lstrip("/"))


def unique(names: Sequence[str]) -> list[str]:
    """One key for each name, in order: a name that comes again gets a number that no other name has.

    >>> unique(["a.png", "a.png", "a-2.png"])
    ['a.png', 'a-3.png', 'a-2.png']
    """
    taken, seen = set(names), set[str]()
    numbers: dict[str, int] = {}
    keys = []
    for name in names:
        key = name
        if name in seen:
            folder, slash, last = name.rpartition("/")
            stem, ending = posixpath.splitext(last)
            while key in taken:
                numbers[name] = numbers.get(name, 1) + 1
                key = f"{folder}{slash}{stem}-{numbers[name]}{ending}"
            taken.add(key)
        seen.add(name)
        keys.append(key)
    return keys


def _utf16_units(character: str) -> memoryview:
    return memoryview(character.encode("utf-16-le", "surrogatepass")).cast("H")


def _joined(units: Iterable[str]) -> str:
    return "".join(units).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
