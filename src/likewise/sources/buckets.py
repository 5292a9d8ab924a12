"""Object storage by obstore: pages of a listing, bytes, ranges, and what went wrong in words that say the way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from likewise.errors import MissingExtra, SourceError

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

Scheme: TypeAlias = Literal["s3", "gs", "az"]

SCHEMES: tuple[Scheme, ...] = ("s3", "gs", "az")

_PAGE = 1000  # objects, the most that S3 lists at once
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_SKIP_SIGNATURE=true for a public bucket)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (or GOOGLE_SKIP_SIGNATURE=true for a public bucket)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_SKIP_SIGNATURE=true for a public container)",
}
_ENDPOINTS = {"s3": "AWS_ENDPOINT_URL and AWS_REGION", "gs": "the network", "az": "AZURE_STORAGE_ENDPOINT"}
_REASONS = (  # what obstore says → what it means; the first that is there
    (
        ("NoSuchBucket", "ContainerNotFound", "bucket does not exist"),
        "there is no bucket called {bucket}: check its name, and {endpoint}",
    ),
    (
        ("169.254.169.254", "metadata.google.internal", "requires credentials", "Account must be specified"),
        "no credentials were found: set {credentials}",
    ),
    (
        (" 401 ", " 403 ", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
        "the server refuses ({first}): check {credentials}, and that they may list and read",
    ),
    (("FileNotFoundError",), "no such object: check its name, or index its folder again"),
    (
        ("InvalidPathError",),
        "{first}: a part of its key is empty, . or .., which no path has: rename it, or name the prefixes beside it",
    ),
    (("redirect",), "the bucket lies in another region ({first}): set AWS_REGION"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One object of a listing.

    Attributes:
        key: In its bucket.
        size_bytes: Of the object.
        modified_ns: As the server tells it, nanoseconds since 1970.
        etag: As the server tells it; empty if it is weak or there is none.
    """

    key: str
    size_bytes: int
    modified_ns: int
    etag: str


class Bucket:
    """One bucket (with Azure: container); threads share it.

    Credentials, region and endpoint come from the environment, under the names that the providers' own tools use. What fails for
    a moment is tried again, with longer and longer pauses.

    Args:
        scheme: Of which provider.
        name: Of the bucket.

    Raises:
        MissingExtra: If obstore is not installed.
        SourceError: If the environment says nothing that could be right.
    """

    def __init__(self, scheme: Scheme, name: str) -> None:
        self.scheme, self.name = scheme, name
        with self._told(""):
            self._quick = _opened(scheme, name, tries=1, patience_s=5)
            self._store = _opened(scheme, name, tries=6, patience_s=120)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}"

    def check(self, prefix: str = "") -> bool:
        """Whether anything lies below a prefix; asked with little patience, so that wrong names and credentials are told at once.

        Raises:
            SourceError: If there is no such bucket, or we may not look.
        """
        with self._told(prefix):
            return any(self._quick.list(prefix or None, chunk_size=1))

    def listed(self, prefix: str = "") -> Iterator[Found]:
        """All objects below a prefix (whole parts of keys), in pages as they come.

        Raises:
            SourceError: If the listing fails.
        """
        pages = self._store.list(prefix or None, chunk_size=_PAGE)
        while True:
            with self._told(prefix):
                page = next(pages, None)
            if page is None:
                return
            yield from map(_found, cast("list[ObjectMeta]", page))

    def facts(self, key: str) -> Found:
        """What the server says of one object.

        Raises:
            SourceError: If it is not there, or we may not look.
        """
        with self._told(key):
            return _found(self._store.head(key))

    def read(self, key: str) -> bytes:
        """A whole object.

        Raises:
            SourceError: If it cannot be fetched.
        """
        with self._told(key):
            return bytes(self._store.get(key).bytes())

    def range(self, key: str, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end` of an object.

        Raises:
            SourceError: If they cannot be fetched.
        """
        with self._told(key):
            return bytes(self._store.get_range(key, start=start, end=end))

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """The errors of obstore as ours."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise SourceError(f"{self}/{key}: {self._reason(error)}") from error

    def _reason(self, error: Exception) -> str:
        text = f"{type(error).__name__} {error}"
        told = {
            "bucket": self.name,
            "first": str(error).partition("\n")[0],
            "credentials": _CREDENTIALS[self.scheme],
            "endpoint": _ENDPOINTS[self.scheme],
        }
        for signs, reason in _REASONS:
            if any(sign in text for sign in signs):
                return reason.format(**told)
        return "cannot be fetched ({first}): check {endpoint}, then run the same command again".format(**told)


@lru_cache(maxsize=16)
def bucket(scheme: Scheme, name: str) -> Bucket:
    """A bucket, its connections kept open."""
    return Bucket(scheme, name)


def _opened(scheme: Scheme, name: str, *, tries: int, patience_s: float) -> ObjectStore:
    try:
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError as error:
        raise MissingExtra(f"{scheme}://{name} needs obstore: pip install 'likewise[cloud]'") from error
    retry: RetryConfig = {
        "max_retries": tries,
        "retry_timeout": timedelta(seconds=patience_s),
        "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=15), "base": 2},
    }
    # An endpoint of http:// is one that the user has written down; nothing else leads there.
    client: ClientConfig = {
        "allow_http": True,
        "connect_timeout": timedelta(seconds=5),
        "timeout": timedelta(minutes=5),
    }
    if scheme == "s3":
        return S3Store(name, client_options=client, retry_config=retry)
    if scheme == "gs":
        return GCSStore(name, client_options=client, retry_config=retry)
    return AzureStore(name, client_options=client, retry_config=retry)


def _found(told: ObjectMeta) -> Found:
    etag = told["e_tag"] or ""
    seconds = told["last_modified"].timestamp()
    return Found(told["path"], told["size"], round(seconds * 1e3) * 1_000_000, "" if etag.startswith("W/") else etag)
