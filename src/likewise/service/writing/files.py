"""The folder of uploads: files appear in it whole and synchronised, and no link leads out of it.

They are drafted, then their rows are committed, then they are moved to their places. What a killed service left is finished or
dropped by whoever writes next, as the rows say.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from likewise.errors import LikewiseError, StoreFull
from likewise.service.writing.keys import UPLOADS

_DRAFTS = ".incoming"
_KEYS = "keys.json"
_NO_LINKS = os.O_DIRECTORY | os.O_NOFOLLOW if hasattr(os, "O_NOFOLLOW") else 0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def can_be_had() -> bool:
    """Whether this system opens files relative to an open folder, without which a link could lead away in between."""
    return os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


class UploadFolder:
    """`uploads` below the folder of a collection; only whoever holds the writer's lock may use it.

    Args:
        base: The folder that holds `.likewise`.
    """

    def __init__(self, base: Path) -> None:
        self._base = base

    @property
    def location(self) -> str:
        """Its absolute path, as a source has it."""
        return (self._base / UPLOADS).as_posix()

    def draft(self, files: Mapping[str, bytes]) -> dict[str, int | str]:
        """Write files under names that nobody looks at, synchronised; `place` moves them to where they belong.

        Args:
            files: Key (below `uploads/`) → bytes.

        Returns:
            Key → when it was changed, in nanoseconds since 1970; or why it cannot lie there, in words.

        Raises:
            StoreFull: If the disk is full; no file has changed then.
        """
        ends: dict[str, int | str] = {}
        with self._opened([]) as top, self._folder(top, _DRAFTS) as drafts:
            for number, (key, data) in enumerate(files.items()):
                ends[key] = self._obstacle(key) or _drafted(drafts, str(number), data)
            drafted = {str(number): key for number, key in enumerate(ends) if isinstance(ends[key], int)}
            _drafted(drafts, _KEYS, json.dumps(drafted).encode())
            os.fsync(drafts)
            os.fsync(top)
        _sync(self._base)
        return ends

    def place(self, is_wanted: Callable[[str, bytes], bool] = lambda _key, _data: True) -> None:
        """Move what was drafted to where it belongs, also by a service that was killed since; the drafts are gone then.

        Args:
            is_wanted: Asked with key and bytes; what is not wanted is deleted instead.

        Raises:
            OSError: If something cannot be moved; it is tried again the next time.
        """
        if not (self._base / UPLOADS / _DRAFTS).is_dir():
            return
        with self._opened([]) as top, self._folder(top, _DRAFTS) as drafts:
            folders: set[tuple[str, ...]] = set()
            for name, key in _keys(drafts).items():
                data = _read(drafts, name)
                if data is not None and is_wanted(key, data):
                    *above, last = key.split("/")[1:]
                    with self._opened(above) as folder:
                        os.rename(name, last, src_dir_fd=drafts, dst_dir_fd=folder)
                    folders |= {tuple(above[:depth]) for depth in range(len(above) + 1)}
            for each in sorted(folders):
                with self._opened(each) as folder:
                    os.fsync(folder)
            for left in os.listdir(drafts):  # noqa: PTH208 - of an open folder
                os.unlink(left, dir_fd=drafts)

    def _obstacle(self, key: str) -> str:
        """Why a file cannot lie there; nothing if it can."""
        *above, name = key.split("/")[1:]
        try:
            with self._opened(above) as folder:
                facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return _why(error)
        return "a folder has this name" if stat.S_ISDIR(facts.st_mode) else ""

    def remove(self, key: str) -> None:
        """Delete a file for good; nothing happens if it is not there.

        Raises:
            LikewiseError: If it cannot be deleted.
        """
        *above, name = key.split("/")[1:]
        try:
            with self._opened(above) as folder:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
                os.fsync(folder)
        except OSError as error:
            raise LikewiseError(f"{key} cannot be deleted: {_why(error)}") from error

    def has(self, key: str, size_bytes: int) -> bool:
        """Whether a plain file of this size lies there."""
        *above, name = key.split("/")[1:]
        folder = self._base.joinpath(UPLOADS, *above)
        try:
            facts = os.lstat(folder / name)
        except OSError:
            return False
        return facts.st_size == size_bytes and os.path.isfile(folder / name)  # noqa: PTH113 - beside os.lstat

    @contextmanager
    def _opened(self, below: Sequence[str]) -> Iterator[int]:
        """A folder below the one of uploads, made if missing; a link on the way is an error."""
        descriptor = os.open(self._base, os.O_DIRECTORY)
        try:
            for name in (UPLOADS, *below):
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=descriptor)
                inner = os.open(name, _NO_LINKS, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _folder(self, above: int, name: str) -> Iterator[int]:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=above)
        descriptor = os.open(name, _NO_LINKS, dir_fd=above)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _keys(drafts: int) -> dict[str, str]:
    """Draft → key; none where the list was not finished, so that nothing was committed either."""
    try:
        found: dict[str, str] = json.loads(_read(drafts, _KEYS) or b"{}")
    except ValueError:
        return {}
    return found


def _read(folder: int, name: str) -> bytes | None:
    try:
        with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb") as file:  # noqa: PTH123 - a descriptor
            return file.read()
    except FileNotFoundError:
        return None


def _drafted(drafts: int, name: str, data: bytes) -> int:
    """Write one file under a name that nobody looks at; returns when it was changed."""
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=drafts)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(descriptor)
        return os.fstat(descriptor).st_mtime_ns
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull(f"{error.strerror}: make room and send it again; what was kept before is safe") from error
        raise
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: OSError) -> str:
    told = {
        errno.ENOTDIR: "a part of its path is a file, or a link",
        errno.ELOOP: "a part of its path is a link",
        errno.EISDIR: "a folder has this name",
        errno.EEXIST: "a folder has this name",
        errno.ENOTEMPTY: "a folder has this name",
        errno.EACCES: "the server may not write there",
        errno.EPERM: "the server may not write there",
        errno.EROFS: "the server may not write there",
    }
    return told.get(error.errno or 0, error.strerror or "the system refused")
