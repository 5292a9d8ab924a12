"""How the place of an image and its key become each other.

A collection has a base, the folder that it lies in. What lies below the base has its path relative to the base as key, so
the whole can be moved: `2019/cat.jpg`. What lies elsewhere belongs to a named root, and the key says which:
`photos://2019/cat.jpg`. No relative path holds two slashes in a row, so the two kinds never meet.
What lies behind an address has the address as key, on every machine: `s3://bucket/2019/cat.jpg`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from likewise.errors import SourceError

FAR = ("s3", "gs", "az", "https", "http")
"""How addresses begin: object storage of three kinds, and the web. No root is given one of these names."""

_ADDRESS = re.compile(rf"({'|'.join(FAR)}):/+(.*)", re.DOTALL)


def address(place: str) -> str:
    """A place as an address, with two slashes behind its scheme; empty if it is none.

    >>> address("s3://bucket/cat.jpg"), address("https:/host/cat.jpg"), address("/home/ada/cat.jpg")
    ('s3://bucket/cat.jpg', 'https://host/cat.jpg', '')
    """
    found = _ADDRESS.fullmatch(place)
    return f"{found[1]}://{found[2]}" if found else ""


@dataclass(frozen=True, slots=True)
class Roots:
    """The base and the named roots of a collection; all paths absolute, with forward slashes.

    Attributes:
        base: The folder that holds the collection.
        named: Name → folder or archive outside the base.

    >>> roots = Roots("/home/ada").including("/mnt/photos")
    >>> roots.key("/home/ada/cat.jpg"), roots.key("/mnt/photos/2019/dog.jpg")
    ('cat.jpg', 'photos://2019/dog.jpg')
    >>> roots.path("photos://2019/dog.jpg")
    '/mnt/photos/2019/dog.jpg'
    """

    base: str
    named: Mapping[str, str] = field(default_factory=dict)

    def including(self, place: str) -> Roots:
        """These roots, and one more if `place` lies below none of them; keys given out before stay as they are."""
        if self._address(place) or self._home(place) is not None:
            return self
        stem = re.sub(r"[^\w.-]+", "-", posixpath.basename(place)).strip("-.") or "files"
        name, number = stem, 1
        while name in self.named or name in FAR:
            number += 1
            name = f"{stem}-{number}"
        return replace(self, named={**self.named, name: place})

    def key(self, path: str) -> str:
        """The key of what lies at `path`: relative to the longest root above it.

        Raises:
            SourceError: If it lies below no root; call `including` with its folder first.
        """
        far = self._address(path)
        if far:
            return far
        home = self._home(path)
        if home is None:
            raise SourceError(f"{path} lies outside the collection's folders: index it first")
        name, root = home
        inside = path[len(root) :].lstrip("/")
        return f"{name}://{inside}" if name else inside

    def path(self, key: str) -> str:
        """The absolute path of what has this key.

        Raises:
            SourceError: If the key names a root that this collection does not have.
        """
        name, mark, inside = key.partition("://")
        if not mark:
            return _joined(self.base, key)
        if self._address(key):
            return key
        if name not in self.named:
            raise SourceError(f"{key}: no root is called {name!r} here; known are {', '.join(self.named) or 'none'}")
        return _joined(self.named[name], inside)

    def prefix(self, folder: str) -> str:
        """What the keys of everything below `folder` begin with, as far as one root holds it all."""
        far = self._address(folder)
        if far:
            return f"{far.rstrip('/')}/"
        home = self._home(folder)
        if home is None:
            return ""
        name, root = home
        inside = folder[len(root) :].strip("/")
        start = f"{name}://" if name else ""
        return f"{start}{inside}/" if inside else start

    def _address(self, place: str) -> str:
        """See `address`; a root of before may have the name of a scheme, and then it is that root's."""
        far = address(place)
        return "" if far.partition("://")[0] in self.named else far

    def _home(self, path: str) -> tuple[str, str] | None:
        """(name, root) of the longest root that is `path` or above it."""
        roots = [("", self.base), *self.named.items()]
        above = [(name, root) for name, root in roots if path == root or path.startswith(root.rstrip("/") + "/")]
        return max(above, key=lambda pair: len(pair[1]), default=None)


def _joined(root: str, inside: str) -> str:
    """The path below a root; the root itself where nothing is below it, as for a list that is one file."""
    return posixpath.join(root, inside) if inside else root
