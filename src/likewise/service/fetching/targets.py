"""An address as a client writes it becomes a host, a port and a path; whatever could be read in two ways is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urljoin, urlsplit

from likewise.service.problems import Refusal

_PORTS = {"http": 80, "https": 443}
_LONGEST = 4096
_STRANGE = re.compile(r"[\x00-\x20\x7f-\xa0\\]")  # programs disagree about what they mean in an address
_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?"
)
_DIGITS = re.compile(r"[0-9A-Fa-f:.]+")
_SAFE = "!#$%&'()*+,/:;=?@[]~"  # what an address may hold as it is; letters like é are written as %XX


@dataclass(frozen=True, slots=True)
class Target:
    """One request that is to be made.

    Attributes:
        scheme: `http` or `https`.
        host: In ASCII; an IPv6 address without its brackets.
        path: With the query, never empty.
    """

    scheme: str
    host: str
    path: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read an address.

        Raises:
            Refusal: If it is none that is fetched; nothing has been asked then.
        """
        if len(url) > _LONGEST or _STRANGE.search(url):
            raise _refused("is longer than an address may be, or holds spaces, control characters or backslashes")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _refused("is no address") from error
        if parts.scheme not in _PORTS:
            raise _refused("begins with something else than http:// or https://")
        if "@" in parts.netloc:
            raise _refused("holds a user name or a password")
        if port not in (None, _PORTS[parts.scheme]) or parts.netloc.endswith(":"):
            raise _refused("names another port than that of its scheme")
        path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
        return cls(parts.scheme, _host(parts.hostname or ""), path)

    def leading_to(self, location: str) -> Target:
        """Where a redirect leads.

        Raises:
            Refusal: As `parse`; and if it leads from https to http, where others could read along.
        """
        if _STRANGE.search(location):
            raise _refused("leads to something that is no address")
        try:
            there = urljoin(str(self), location)
        except ValueError as error:
            raise _refused("leads to something that is no address") from error
        found = Target.parse(there)
        if self.scheme == "https" and found.scheme == "http":
            raise _refused("leads from https to http")
        return found

    @property
    def port(self) -> int:
        """That of the scheme; no other is asked."""
        return _PORTS[self.scheme]

    @property
    def authority(self) -> str:
        """As the header `Host` names it."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def _host(named: str) -> str:
    if ":" in named:
        if not _DIGITS.fullmatch(named):  # a zone of this machine, such as %eth0, among others
            raise _refused("has a host that is no name and no number")
        return named
    try:
        host = named.encode("idna").decode()
    except UnicodeError as error:
        raise _refused("has a host that is no name and no number") from error
    if not _NAME.fullmatch(host):
        raise _refused("has a host that is no name and no number")
    return host


def _refused(why: str) -> Refusal:
    return Refusal("not-fetched", f"the address {why}: send the picture itself")
