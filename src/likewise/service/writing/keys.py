"""Which keys a client may give to an image: the one place where a name from outside becomes a path."""

from __future__ import annotations

import re
import unicodedata

from likewise.errors import BadArgument
from likewise.sources import paths

UPLOADS = "uploads"
"""The folder, beside `.likewise`, that holds what clients add; all that they write has a key below it."""

_MOST_BYTES = 1024
_MOST_PART_BYTES = 255  # what file systems take
_MOST_DEPTH = 16
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_DRIVE = re.compile(r"[A-Za-z]:")
_JOINERS = "\u200c\u200d"  # inside emoji and words of some scripts
_NOT_TEXT = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def upload_key(name: str) -> str:
    """The key of an image that a client calls so: below `uploads/`, in Unicode's normal form C.

    Args:
        name: A relative path with forward slashes, with or without `uploads/` before it.

    Raises:
        BadArgument: If it is none that every system could hold as a picture's path below the folder of uploads.

    >>> upload_key("2019/cat.jpg"), upload_key("uploads/cat.jpg")
    ('uploads/2019/cat.jpg', 'uploads/cat.jpg')
    """
    key = unicodedata.normalize("NFC", name).removeprefix(f"{UPLOADS}/")
    shown = _shown(name)
    if not key:
        raise BadArgument("the key is empty: name the image, such as cat.jpg")
    strange = next((sign for sign in key if unicodedata.category(sign) in _NOT_TEXT and sign not in _JOINERS), None)
    if strange is not None:
        raise BadArgument(f"the key {shown} holds the sign U+{ord(strange):04X}, which no name needs: leave it out")
    if "\ufffd" in key:
        raise BadArgument(f"the key {shown} is no UTF-8: two such names could become one, so write it in UTF-8")
    if "\\" in key:
        raise BadArgument(f"the key {shown} holds a backslash: write / between folders")
    if key.startswith("/") or _DRIVE.match(key):
        raise BadArgument(f"the key {shown} is an absolute path: give one that begins with a name")
    parts = key.split("/")
    for part in parts:
        _check_part(part, shown)
    if len(parts) > _MOST_DEPTH:
        raise BadArgument(f"the key {shown} lies {len(parts)} folders deep: {_MOST_DEPTH} at most")
    if len(key.encode()) > _MOST_BYTES:
        raise BadArgument(f"the key {shown} has more than {_MOST_BYTES:,} bytes: shorten it")
    if parts[-1].rpartition(".")[2].lower() not in paths.READ_ENDINGS or "." not in parts[-1]:
        raise BadArgument(
            f"the key {shown} has no ending of a picture that is read, such as .jpg, .png or .webp: add it"
        )
    return f"{UPLOADS}/{key}"


def is_upload(key: str) -> bool:
    """Whether an image was added by a client, and its file is the service's to replace and remove."""
    return key.startswith(f"{UPLOADS}/")


def _check_part(part: str, shown: str) -> None:
    if not part:
        raise BadArgument(f"the key {shown} has an empty name in it: write one / between folders, and none at the end")
    if part.startswith("."):
        raise BadArgument(
            f"the key {shown} has a name that begins with a dot: hidden files are no part of a collection"
        )
    if part[-1] in ". " or part[0] == " ":
        raise BadArgument(
            f"the key {shown} has a name that begins or ends with a space, or ends with a dot: leave it out"
        )
    if _DEVICES.fullmatch(part):
        raise BadArgument(f"the key {shown} holds {part!r}, which is a device on some systems: take another name")
    if len(part.encode()) > _MOST_PART_BYTES:
        raise BadArgument(f"the key {shown} has a name of more than {_MOST_PART_BYTES} bytes: shorten it")


def _shown(name: str) -> str:
    text = ascii(name)
    return text if len(text) <= 80 else f"{text[:77]}…'"
