"""Who may ask: a file of names, scopes and the hashes of tokens, read again when it changes."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast

from likewise.errors import BadArgument

Scope: TypeAlias = Literal["read", "write"]

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")
_LINE = re.compile(r"(\S+)\s+(read|write)\s+sha256:([0-9a-f]{64})")
_BYTES = 32  # of randomness: nobody guesses it, so its bare hash can be kept without salt
_HEAD = "# Who may ask: name, scope and SHA-256 of a token a line. `likewise serve --new-token NAME` adds one.\n"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a token was given.

    Attributes:
        name: For the log and for people.
        scope: `read`, or `write`, which may read too.
        sha256: Of the token.
    """

    name: str
    scope: Scope
    sha256: str

    def may(self, scope: Scope) -> bool:
        """Whether it may do what needs a scope."""
        return scope in ("read", self.scope)


class Tokens:
    """The holders that a file names; threads may share it."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            BadArgument: If it is not there, others may write to it, or a line is not understood.
        """
        self._path = path
        self._guard = threading.Lock()
        self._seen = _stamp(path)
        self._holders = read(path)

    def holder(self, token: str) -> Holder | None:
        """Whose token it is; None where nobody's. Every hash is compared, in constant time.

        Raises:
            BadArgument: If the file has become unreadable: then nobody may ask.
        """
        digest, found = sha256_of(token), None
        for each in self._current():
            if hmac.compare_digest(each.sha256, digest):
                found = each
        return found

    def _current(self) -> tuple[Holder, ...]:
        with self._guard:
            seen = _stamp(self._path)
            if seen != self._seen:
                self._holders, self._seen = read(self._path), seen
            return self._holders


def read(path: Path) -> tuple[Holder, ...]:
    """The holders that a file names; errors as of `Tokens`."""
    try:
        mode, lines = path.stat().st_mode, path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadArgument(
            f"{path}: {getattr(error, 'strerror', None) or error}: `likewise serve --new-token NAME` makes one"
        ) from error
    if os.name == "posix" and mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BadArgument(f"{path} can be changed by others, who could let themselves in: chmod 600 {path}")
    holders: dict[str, Holder] = {}
    for number, line in enumerate(lines, start=1):
        told = line.partition("#")[0].strip()
        found = _LINE.fullmatch(told)
        if told and (found is None or not _NAME.fullmatch(found[1]) or found[1] in holders):
            raise BadArgument(
                f"{path}, line {number}: write a name of its own, read or write, and sha256:HASH; "
                "`likewise serve --new-token NAME` prints such a line"
            )
        if found is not None:
            holders[found[1]] = Holder(found[1], cast(Scope, found[2]), found[3])
    return tuple(holders.values())


def add(path: Path, name: str, scope: Scope) -> str:
    """Make a token, and write its hash into a file, which is made (for its owner alone) if it is not there.

    Returns:
        The token: it is kept nowhere.

    Raises:
        BadArgument: If the name is taken or none, or the file is not one of tokens.
    """
    if not _NAME.fullmatch(name):
        raise BadArgument(f"{name!r} is no name of a token: take letters, digits, and . _ - within")
    if path.exists() and name in (each.name for each in read(path)):
        raise BadArgument(f"{path} has a token called {name} already: take another name, or delete its line first")
    token = secrets.token_urlsafe(_BYTES)
    is_new = not path.exists()
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
            file.write(f"{_HEAD if is_new else ''}{name} {scope} sha256:{sha256_of(token)}\n")
    except OSError as error:
        raise BadArgument(f"{path}: {error.strerror}: name a file that can be written") from error
    return token


def sha256_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size
