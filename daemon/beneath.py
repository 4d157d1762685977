"""Opens files that lie beneath a root, and nothing else; knows when an open file changed.

A card is a stranger's file system: a link, a FIFO, a device or `..` in a name must lead nowhere. Every
component is opened relative to the one before it without following links. Reads only; never writes, never
lists. Stands between every station and the bytes of a roll.
"""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path
from typing import Protocol

from daemon.errors import FileMissing, RootAway, SidecarError, SourceChanged, UnsafePath
from daemon.slate import FileMark

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Non-blocking so that opening a FIFO returns at once; blocking again before anything is read."""
_NOT_PLAIN = {errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENODEV, errno.EISDIR}
_READ_BYTES = 1 << 20


class HasDescriptor(Protocol):
    """Anything open that knows its file descriptor."""

    def fileno(self) -> int:
        """Return the file descriptor."""
        ...


def open_beneath(root: Path | str, relative: str) -> FileIO:
    """Return the file at `root`/`relative`, open for reading, unbuffered; close it, or use it with `with`.

    Raises:
        UnsafePath: the path leaves the root, goes through a link, or is not a regular file.
        FileMissing: nothing is there.
        RootAway: the root itself is not there.
    """
    *folders, name = _components(relative)
    folder = _open_root(root)
    try:
        for part in folders:
            folder = _step(folder, part, relative)
        descriptor = _open_at(folder, name, _FILE, relative)
    finally:
        os.close(folder)
    return _regular(descriptor, relative)


def mark(file: HasDescriptor | int) -> FileMark:
    """Return what an open file looks like now."""
    seen = os.fstat(file if isinstance(file, int) else file.fileno())
    return FileMark(seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def check_unchanged(file: HasDescriptor | int, expected: FileMark) -> None:
    """Return nothing if the open file still looks as it did.

    Raises:
        SourceChanged: device, inode, size, mtime or ctime differ.
    """
    now = mark(file)
    differing = [name for name in FileMark.__slots__ if getattr(now, name) != getattr(expected, name)]
    if differing:
        raise SourceChanged(
            f"{_name_of(file)} changed since it was looked at",
            why=f"{', '.join(differing)} differ",
            fix="let the copy finish; the clip goes back and is hashed again by itself",
        )


def read_small(root: Path | str, relative: str, limit_bytes: int) -> bytes:
    """Return all bytes of a sidecar.

    Raises:
        SidecarError: it is larger than the limit, or cannot be read.
        UnsafePath, FileMissing, RootAway: as `open_beneath`.
    """
    blocks: list[bytes] = []
    room = limit_bytes + 1
    try:
        with open_beneath(root, relative) as file:
            while room and (block := file.read(min(room, _READ_BYTES))):
                blocks.append(block)
                room -= len(block)
    except OSError as error:
        raise SidecarError(
            f"{relative} cannot be read",
            why=os.strerror(error.errno or 0),
            fix="check the volume and the file's permissions; copy it again from the card",
        ) from error
    if not room:
        raise SidecarError(
            f"{relative} is too large to be a sidecar",
            why=f"it holds more than {limit_bytes} bytes",
            fix="check what it is; move it out of the roll's manifests if it is not one",
        )
    return b"".join(blocks)


def _components(relative: str) -> list[str]:
    parts = relative.split("/")
    if "\0" in relative:
        raise _unsafe(relative, "it holds a NUL")
    if relative.startswith("/"):
        raise _unsafe(relative, "it is absolute")
    if any(part in {"", ".", ".."} for part in parts):
        raise _unsafe(relative, "it holds an empty, `.` or `..` part")
    return parts


def _open_root(root: Path | str) -> int:
    try:
        # The root is the configuration's own and may be a link; only what lies in it is a stranger's.
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RootAway(
            f"the root {root} cannot be opened",
            why=os.strerror(error.errno or 0),
            fix="mount it again; its jobs wait until then",
        ) from error


def _step(folder: int, part: str, relative: str) -> int:
    """Return the next folder down, having closed this one."""
    inner = _open_at(folder, part, _FOLDER, relative)
    os.close(folder)
    return inner


def _open_at(folder: int, part: str, flags: int, relative: str) -> int:
    try:
        return os.open(part, flags, dir_fd=folder)
    except FileNotFoundError as error:
        raise _missing(relative) from error
    except OSError as error:
        if error.errno in _NOT_PLAIN:
            raise _unsafe(relative, f"{part} is a link or not what it must be ({error.strerror})") from error
        raise


def _regular(descriptor: int, relative: str) -> FileIO:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unsafe(relative, "it is not a regular file")
    os.set_blocking(descriptor, True)
    # Through an opener, so that the file knows its name and errors can say it.
    return FileIO(relative, opener=lambda _path, _flags: descriptor)


def _name_of(file: HasDescriptor | int) -> str:
    return f"open file {file}" if isinstance(file, int) else str(getattr(file, "name", file.fileno()))


def _unsafe(relative: str, why: str) -> UnsafePath:
    return UnsafePath(
        f"{relative!r} is not opened",
        why=why,
        fix="put a plain copy of the camera file in its place",
    )


def _missing(relative: str) -> FileMissing:
    return FileMissing(
        f"{relative} is not there",
        why="no file has that name beneath the root",
        fix="finish the offload; the clip goes on by itself when the file is there",
    )
