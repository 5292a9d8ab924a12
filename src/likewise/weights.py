"""Bytes from far away, fetched once: checked, cached, and importable from a path where there is no network."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import platformdirs
from filelock import FileLock

from likewise.errors import DownloadError, WeightsError

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (bytes done, bytes in all, or -1 where the server does not say)."""

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Published:
    """Weights as their makers published them.

    Attributes:
        url: Where they can be fetched.
        file_name: Under which they are cached.
        digest: `sha256:` and 64 hexadecimal digits, or the first eight or more where no more was published.
        size_bytes: Of the download.
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
        WeightsError: If `path` is no file.
        DownloadError: If there is no network, or what came is not what was published.
    """
    cache = cache or cache_folder()
    if path is not None:
        if not path.is_file():
            raise WeightsError(f"{path}: no such file of weights: check the path given with --weights")
        return _remembered(path, cache)
    target = cache / "weights" / published.file_name
    download(published.url, target, published.digest, progress)
    return Weights(target, sha256_of(target))


def by_sha256(sha256: str, cache: Path | None = None) -> Path | None:
    """The cached file of weights with this content, or None."""
    folder = (cache or cache_folder()) / "weights"
    remembered = folder / "by-sha256" / sha256
    if remembered.is_file() and sha256_of(remembered) == sha256:  # a hard link changes with the user's file
        return remembered
    files = sorted(path for path in folder.glob("*") if path.is_file() and path.suffix not in (".part", ".lock"))
    return next((path for path in files if sha256_of(path) == sha256), None)


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
        DownloadError: If it cannot be fetched, or has another digest (it is deleted then).
    """
    if target.is_file() and _matches(target, digest):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with FileLock(target.with_name(target.name + ".lock")):  # another process may be fetching the same
        if target.is_file() and _matches(target, digest):
            return target
        _fetch(url, part, progress)
        if not _matches(part, digest):
            name = digest.partition(":")[0]
            found = _digest_of(part, name)
            part.unlink()
            raise DownloadError(f"{url} gave a file with {name} {found}, wanted {digest}: try again")
        part.replace(target)
    return target


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, 64 hexadecimal digits."""
    return _digest_of(path, "sha256")


def _digest_of(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def _matches(path: Path, digest: str) -> bool:
    name, _, wanted = digest.partition(":")
    return _digest_of(path, name).startswith(wanted)


def _fetch(url: str, part: Path, progress: Progress | None) -> None:
    done = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "likewise"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S) as answer:  # noqa: S310
            resumed = answer.status == 206
            left = answer.headers.get("Content-Length")
            done = done if resumed else 0
            total = done + int(left) if left else -1
            with part.open("ab" if resumed else "wb") as file:
                while chunk := answer.read(_CHUNK_BYTES):
                    file.write(chunk)
                    done += len(chunk)
                    if progress is not None:
                        progress(done, total)
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the part is already whole, or longer than what the server has now
            return
        raise _unreachable(url, part, error) from error
    except (OSError, ValueError) as error:  # URLError is an OSError; so are time-outs and resets
        raise _unreachable(url, part, error) from error
    if 0 < total != done:
        raise _unreachable(url, part, ConnectionError(f"the server stopped after {done:,} of {total:,} bytes"))


def _unreachable(url: str, part: Path, error: Exception) -> DownloadError:
    why = getattr(error, "reason", None) or error
    return DownloadError(
        f"cannot fetch {url} ({why}): try again when there is a network, or fetch {part.name.removesuffix('.part')} on another "
        "machine and pass its path (--weights for weights, --cifar for CIFAR)"
    )


def _remembered(path: Path, cache: Path) -> Weights:
    sha256 = sha256_of(path)
    target = cache / "weights" / "by-sha256" / sha256
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{sha256}.{os.getpid()}.part")
        draft.unlink(missing_ok=True)
        linked = False
        with contextlib.suppress(OSError):  # another disk, or a file system without hard links
            os.link(path.resolve(), draft)
            linked = True
        if not linked:
            shutil.copyfile(path, draft)
        draft.replace(target)
    return Weights(path, sha256)
