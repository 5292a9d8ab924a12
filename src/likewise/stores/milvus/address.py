"""Where a collection on Milvus is, as an address says it, and how one gets in: never on the command line."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import platformdirs

from likewise.errors import BadArgument

Consistency: TypeAlias = Literal["strong", "bounded"]
"""`strong`: a search sees all that was acknowledged before it began. `bounded`: all but that of the last second."""

PORT = 19530
DEADLINE_S = 30.0
DEFAULT_NAME = "likewise"

_PREFIXES = ("milvus:", "milvus+tls:")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_HOW = "write milvus://HOST:19530/NAME for a server, milvus+tls://… for one with TLS, or milvus:FILE.db for a file of milvus-lite"


@dataclass(frozen=True, slots=True)
class Address:
    """One collection.

    Attributes:
        uri: Of the server, as pymilvus takes it, or the absolute path of a file.
        name: Of the collection.
        text: As a person writes it.
        is_file: Whether it is a file of milvus-lite, which one process at a time may open.
        tls: Whether the connection is encrypted.
        consistency: What a search sees.
        deadline_s: How long an operation is tried again while the server is away.
    """

    uri: str
    name: str
    text: str
    is_file: bool = False
    tls: bool = False
    consistency: Consistency = "strong"
    deadline_s: float = DEADLINE_S

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Raises:
            BadArgument: If it is none; the message says how one is written.

        >>> Address.parse("milvus://gpu7/photos?consistency=bounded")
        Address(uri='http://gpu7:19530', name='photos', text='milvus://gpu7:19530/photos', is_file=False, tls=False, \
consistency='bounded', deadline_s=30.0)
        """
        scheme, _, rest = text.partition(":")
        if not is_address(text):
            raise BadArgument(f"{text} is no address of Milvus: {_HOW}")
        if not rest.startswith("//"):
            return _of_file(text, rest, scheme)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port or PORT
        except ValueError as error:
            raise BadArgument(f"{text}: {error}: {_HOW}") from error
        if not host:
            raise BadArgument(f"{text} names no host: {_HOW}")
        if parts.username or parts.password:
            raise BadArgument(
                f"{scheme}://…@{host}: a secret in an address ends up in histories and logs: "
                "put it into LIKEWISE_MILVUS_TOKEN, or a file that LIKEWISE_MILVUS_TOKEN_FILE names"
            )
        tls = scheme == "milvus+tls"
        shown = f"[{host}]" if ":" in host else host
        name = _named(text, parts.path.strip("/") or DEFAULT_NAME)
        whole = f"{scheme}://{shown}:{port}/{name}"
        uri, (consistency, deadline_s) = f"http{'s' if tls else ''}://{shown}:{port}", _options(text, parts.query)
        return cls(uri, name, whole, tls=tls, consistency=consistency, deadline_s=deadline_s)

    def __str__(self) -> str:
        return self.text


def is_address(text: str) -> bool:
    """Whether a place is meant to be a collection on Milvus.

    >>> is_address("milvus:photos.db"), is_address("Pictures")
    (True, False)
    """
    return text.startswith(_PREFIXES)


def folder_of(address: Address) -> Path:
    """A folder of this machine for copies of the small files that a collection keeps on its server."""
    name = hashlib.sha256(f"{address.uri} {address.name}".encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("likewise")) / "milvus" / f"{address.name}-{name}"


@dataclass(frozen=True, slots=True)
class Access:
    """What opens a server.

    Attributes:
        token: `user:password` or an API key; empty for a server without guard.
        ca: PEM of the authorities that sign the server's certificate; the ones of the system if None.
        certificate: PEM that this client shows, where the server asks for one.
        key: PEM, of the certificate.
        server_name: In the server's certificate, where it is not the host of the address.
    """

    token: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""

    def __repr__(self) -> str:
        return f"Access(token={'***' if self.token else None}, ca={self.ca}, certificate={self.certificate})"

    @classmethod
    def of(cls, told: Mapping[str, str] = os.environ) -> Access:
        """Read it from the environment, where secrets belong: no argument and no file of ours ever holds one.

        Args:
            told: Names and values: LIKEWISE_MILVUS_TOKEN, or LIKEWISE_MILVUS_TOKEN_FILE with the path of a file that holds it;
                LIKEWISE_MILVUS_CA, _CERT, _KEY with paths of PEM files; LIKEWISE_MILVUS_SERVER_NAME.

        Raises:
            BadArgument: If a file that is named cannot be read.
        """
        token, file = told.get("LIKEWISE_MILVUS_TOKEN", ""), told.get("LIKEWISE_MILVUS_TOKEN_FILE", "")
        if file and not token:
            try:
                token = Path(file).expanduser().read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise BadArgument(f"LIKEWISE_MILVUS_TOKEN_FILE names {file}, which cannot be read: {error}") from error
        pem = {name: _pem(told, f"LIKEWISE_MILVUS_{name}") for name in ("CA", "CERT", "KEY")}
        return cls(token, pem["CA"], pem["CERT"], pem["KEY"], told.get("LIKEWISE_MILVUS_SERVER_NAME", ""))


def _pem(told: Mapping[str, str], name: str) -> Path | None:
    if not told.get(name):
        return None
    path = Path(told[name]).expanduser()
    if not path.is_file():
        raise BadArgument(f"{name} names {path}, which is no file: give the path of a PEM file")
    return path


def _of_file(text: str, rest: str, scheme: str) -> Address:
    place, _, query = rest.partition("?")
    place, _, name = place.partition("#")
    if scheme != "milvus" or not place.endswith(".db"):
        raise BadArgument(f"{text}: a file of milvus-lite ends in .db: {_HOW}")
    name = _named(text, name or DEFAULT_NAME)
    path = Path(place).expanduser().absolute()
    consistency, deadline_s = _options(text, query)
    return Address(
        str(path), name, f"milvus:{path}#{name}", is_file=True, consistency=consistency, deadline_s=deadline_s
    )


def _named(text: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadArgument(
            f"{text}: {name!r} can be no collection: take letters, digits and _, no digit first, 200 at most"
        )
    return name


def _options(text: str, query: str) -> tuple[Consistency, float]:
    """What stands behind the question mark of an address."""
    consistency: Consistency = "strong"
    deadline_s = DEADLINE_S
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "consistency" and value in ("strong", "bounded"):
            consistency = "strong" if value == "strong" else "bounded"
        elif name == "deadline" and re.fullmatch(r"\d+(\.\d+)?", value) and float(value) > 0:
            deadline_s = float(value)
        else:
            raise BadArgument(
                f"{text}: {name}={value} is not understood: there are consistency=strong, consistency=bounded and deadline=SECONDS"
            )
    return consistency, deadline_s
