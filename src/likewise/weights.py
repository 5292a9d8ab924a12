"""Bytes from far away, fetched once: checked, cached, and importable from a path where there is no network."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import platformdirs
from filelock import FileLock

from likewise.errors import BadArgument, DownloadError, WeightsError

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (bytes done, bytes in all, or -1 where the server does not say)."""

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_POINTER_BYTES = 1024  # a Git LFS pointer has three lines
_POINTER = re.compile(r"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)
_DIGEST = re.compile(r"(sha256):([0-9a-f]{8,64})|(md5):([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Published:
    """Weights as their makers published them.

    Attributes:
        url: Where they can be fetched.
        file_name: Under which they are cached.
        digest: `sha256:` and 64 hexadecimal digits, or the first eight or more where no more was published; or `lfs:` and the
            address of the Git LFS pointer that tells it.
        size_bytes: Of the download; 0 where nobody says.
        licence: Of the weights.
        source: Who made them.
    """

    url: str
    file_name: str
    digest: str
    size_bytes: int
    licence: str
    source: str


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights on this machine, and the SHA-256 of its content (64 hexadecimal digits)."""

    path: Path
    sha256: str


def cache_folder() -> Path:
    """Where downloads are kept: the user's cache folder of this system."""
    return Path(platformdirs.user_cache_dir("likewise", appauthor=False))


def obtain(
    published: Published, path: Path | None = None, progress: Progress | None = None, cache: Path | None = None
) -> Weights:
    """Have a file of weights on this machine.

    Args:
        published: What is fetched if nothing else is given.
        path: A file to take instead, whatever its content; it is remembered by its SHA-256, so that a collection made with
            it finds it again.
        progress: Told of the download.
        cache: Instead of `cache_folder()`.

    Raises:
        WeightsError: If `path` cannot be read.
        DownloadError: If there is no network, or what came is not what was published.
    """
    cache = cache or cache_folder()
    if path is not None:
        return given(path, cache)
    target = cache / "weights" / published.file_name
    try:
        digest = _told(published, target)
        if target.is_file():  # hashed once: the larger networks take a second
            found = sha256_of(target)
            if f"sha256:{found}".startswith(digest):
                return Weights(target, found)
        download(published.url, target, digest, progress)
    except DownloadError as error:
        size = f"; it has {published.size_bytes / 1e6:,.0f} MB" if published.size_bytes else ""
        raise DownloadError(f"{error}{size}") from error.__cause__
    return Weights(target, sha256_of(target))


def obtain_first(
    published: Sequence[Published],
    path: Path | None = None,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Weights:
    """As `obtain`, of a file that may lie at one of several addresses: what is cached first, then the first that is there.

    Raises:
        WeightsError: As `obtain`.
        DownloadError: As `obtain`; of the last address, if the servers of all of them say that there is no such file.
    """
    here = [each for each in published if cached(each, cache)]
    for each in (here or published)[:-1]:
        try:
            return obtain(each, path, progress, cache)
        except DownloadError as error:
            if getattr(error.__cause__, "code", 0) != 404:
                raise
    return obtain((here or published)[-1], path, progress, cache)


def given(path: Path, cache: Path | None = None) -> Weights:
    """A file of the user's, remembered by its SHA-256, so that a collection made with it finds it again.

    Raises:
        WeightsError: If it cannot be read.
    """
    file = Weights(path, _sha256_of_given(path))
    with contextlib.suppress(OSError):  # a cache that cannot be written to is no reason to refuse the file
        _remember(file, cache or cache_folder())
    return file


def by_sha256(sha256: str, cache: Path | None = None, likely: Sequence[str] = ()) -> Path | None:
    """The cached file of weights with this content, or None.

    Args:
        sha256: 64 hexadecimal digits.
        cache: Instead of `cache_folder()`.
        likely: Names of files to look at first: hashing all there are takes seconds for each gigabyte.
    """
    folder = (cache or cache_folder()) / "weights"
    remembered = folder / "by-sha256" / sha256
    if remembered.is_file() and sha256_of(remembered) == sha256:  # a hard link changes with the user's file
        return remembered
    files = [path for path in folder.glob("*") if path.is_file() and path.suffix not in (".part", ".lock", ".lfs")]
    files.sort(key=lambda path: (path.name not in likely, path.name))
    return next((path for path in files if sha256_of(path) == sha256), None)


def copied(path: Path, target: Path) -> None:
    """Have a file at another place too, whole or not at all; without taking room where the file system has hard links.

    Raises:
        OSError: If it cannot be written there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        try:
            os.link(path.resolve(), draft)
        except OSError:  # another disk, or a file system without hard links
            shutil.copyfile(path, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def cached(published: Published, cache: Path | None = None) -> bool:
    """Whether the published file is here already."""
    return ((cache or cache_folder()) / "weights" / published.file_name).is_file()


def download(url: str, target: Path, digest: str, progress: Progress | None = None) -> Path:
    """Fetch a file once: resumed if it was begun before, checked, and renamed into place whole.

    Args:
        url: http or https.
        target: Where it will lie; if it is there already, and right, nothing is fetched.
        digest: `sha256:…` (64 digits, or a published prefix of at least 8) or `md5:…`.
        progress: Told of the bytes.

    Raises:
        BadArgument: If the address or the digest is of another form.
        DownloadError: If it cannot be fetched or written, or has another digest (it is deleted then).
    """
    if not url.startswith(("http://", "https://")):
        raise BadArgument(f"{url}: weights are fetched by http:// or https://")
    try:
        if not _is_right(target, digest):
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_name(target.name + ".lock")):  # another process may be fetching the same
                if not _is_right(target, digest):
                    _fetch_right(url, target, digest, progress)
    except OSError as error:  # those of the network are dealt with where they come up
        raise DownloadError(f"{target}: {error.strerror}: make room there, or allow it to be written") from error
    return target


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, 64 hexadecimal digits."""
    return _digest_of(path, "sha256")


def _digest_of(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def _is_right(path: Path, digest: str) -> bool:
    name, wanted = _parsed(digest)
    return path.is_file() and _digest_of(path, name).startswith(wanted)


def _parsed(digest: str) -> tuple[str, str]:
    """The name of the digest and its digits."""
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise BadArgument(f"{digest!r} is no digest: pass sha256: and 8 to 64 hexadecimal digits, or md5: and 32")
    return found[1] or found[3], found[2] or found[4]


def _told(published: Published, target: Path) -> str:
    """The digest of what was published; one that a pointer tells is asked for once, and kept beside the file."""
    kind, _, url = published.digest.partition(":")
    if kind != "lfs":
        return published.digest
    kept = target.with_name(target.name + ".lfs")
    if not kept.is_file():
        try:
            answer = _Answer(url, published.file_name, 0)
        except DownloadError as error:
            raise DownloadError(str(error).replace(url, published.url)) from error.__cause__
        with contextlib.closing(answer):
            told = next(answer.chunks(), b"")[:_POINTER_BYTES].decode("ascii", "replace")
        found = _POINTER.search(told)
        if found is None:
            raise DownloadError(
                f"{url} tells no SHA-256 that {published.file_name} could be checked by: fetch {published.url} elsewhere and "
                "pass its path with --weights"
            )
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(f"oid sha256:{found[1]}\n")
    found = _POINTER.search(kept.read_text())
    if found is None:
        raise DownloadError(f"{kept} is damaged: delete it and try again")
    return f"sha256:{found[1]}"


def _fetch_right(url: str, target: Path, digest: str, progress: Progress | None) -> None:
    """Fetch `target`; what was begun before may be of an older file, so a wrong end of it is tried once more from the start."""
    part = target.with_name(target.name + ".part")
    begun = part.exists()
    _fetch(url, part, progress)
    if begun and not _is_right(part, digest):
        part.unlink()
        _fetch(url, part, progress)
    if not _is_right(part, digest):
        name, _ = _parsed(digest)
        found = _digest_of(part, name)
        part.unlink()
        raise DownloadError(f"{url} gave a file with {name} {found}, wanted {digest}: try again, or fetch it elsewhere")
    part.replace(target)


def _fetch(url: str, part: Path, progress: Progress | None) -> None:
    """Fetch what is missing of `part`; whatever came stays there, also if the network breaks off."""
    done = part.stat().st_size if part.exists() else 0
    answer = _Answer(url, part.name.removesuffix(".part"), done)
    with contextlib.closing(answer):
        if answer.is_all_here:
            return
        done = done if answer.is_the_rest else 0
        total = done + answer.size_bytes if answer.size_bytes >= 0 else -1
        with part.open("ab" if done else "wb") as file:
            for chunk in answer.chunks():
                file.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, total)
            file.flush()
            os.fsync(file.fileno())
    if 0 <= total != done:
        raise answer.error(ConnectionError(f"the server stopped after {done:,} of {total:,} bytes"))


class _Answer:
    """What a server says to the wish for a file from some byte on. Errors of the network become `DownloadError` here."""

    def __init__(self, url: str, file_name: str, done: int) -> None:
        self._url, self._file_name = url, file_name
        self.is_all_here = False
        headers = {"User-Agent": "likewise"} | ({"Range": f"bytes={done}-"} if done else {})
        try:
            self._answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S)  # noqa: S310
        except Exception as error:  # beside OSError and ValueError, http.client has exceptions of its own
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            self.is_all_here = done > 0 and getattr(error, "code", 0) == 416  # nothing lies behind what is here
            if not self.is_all_here:
                raise self.error(error) from error
            return
        told = self._answer.headers
        start = f"bytes {done}-"
        self.is_the_rest = self._answer.status == 206 and told.get("Content-Range", start).startswith(start)
        self.size_bytes = int(told["Content-Length"]) if told.get("Content-Length", "").isdigit() else -1

    def chunks(self) -> Iterator[bytes]:
        while True:
            try:
                chunk = self._answer.read1(_CHUNK_BYTES)
            except Exception as error:
                raise self.error(error) from error
            if not chunk:
                return
            yield chunk

    def error(self, error: Exception) -> DownloadError:
        why = getattr(error, "reason", None) or error
        return DownloadError(
            f"cannot fetch {self._url} ({why}): try again when there is a network, or fetch {self._file_name} on another "
            "machine and pass its path (--weights for weights, --cifar for CIFAR)"
        )

    def close(self) -> None:
        if not self.is_all_here:
            self._answer.close()


def _sha256_of_given(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}: check the path given with --weights") from error


def _remember(given: Weights, cache: Path) -> None:
    target = cache / "weights" / "by-sha256" / given.sha256
    if target.is_file() and (target.samefile(given.path) or sha256_of(target) == given.sha256):
        return
    copied(given.path, target)
