"""Landlock: which part of the disk a process can read and write, held by the kernel for as long as it lives.

What holds for this process holds for all that it starts. Rights are given to folders and files; all else is closed,
whoever owns it. A kernel without Landlock confines nothing, and says so.
Sources: landlock(7), Linux UAPI header linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from daemon.errors import ConfinementError

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of the calls, the same on every machine."""
_VERSION, _PATH_BENEATH = 1, 1
_NO_NEW_PRIVILEGES = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER
_DEVICE = _READ_FILE | _WRITE_FILE | _READ_FOLDER | _IOCTL_DEVICE
_KNOWN = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights over files that a version of the interface knows."""
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_MAKE_DEVICES = 1 << 6 | 1 << 11
_WRITE = _READ_FILE | _READ_FOLDER | (((1 << 15) - 1) & ~(_EXECUTE | _MAKE_DEVICES))
"""Everything but running what was written, and making devices."""
_SCOPES, _SCOPED_SINCE = 0b11, 6
"""No connection to abstract sockets and no signal to processes outside."""


def version() -> int:
    """Return the version of the kernel's interface; 0 where it has none, or has it switched off."""
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, 0, _VERSION)))


def confine(reads: Iterable[Path], writes: Iterable[Path], devices: Iterable[Path] = ()) -> bool:
    """Close the disk to this process but for what is beneath these paths; False where the kernel has no Landlock.

    What is not there is left out: it stays closed if it comes later. Only the calling thread and what it starts from
    now on are confined, so this comes before any other thread.

    Raises:
        ConfinementError: the kernel refuses, or there are other threads already.
    """
    known = version()
    if not known:
        return False
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise _unconfined("it has other threads already, which would go free")
    handled = _KNOWN[max(number for number in _KNOWN if number <= known)]
    ruleset = _ruleset(handled, _SCOPES if known >= _SCOPED_SINCE else 0)
    try:
        for paths, rights in ((reads, _READ), (devices, _DEVICE), (writes, _WRITE)):
            for path in paths:
                with suppress(FileNotFoundError, NotADirectoryError):
                    _allow(ruleset, path, rights & handled)
        libc = _libc()
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        if libc.syscall(_RESTRICT_SELF, ruleset, 0):
            raise _unconfined(os.strerror(ctypes.get_errno()))
    finally:
        os.close(ruleset)
    return True


def _ruleset(handled: int, scopes: int) -> int:
    attributes = struct.pack("=QQQ", handled, 0, scopes)
    size = len(attributes) if scopes else 8
    made = int(_libc().syscall(_CREATE_RULESET, attributes, size, 0))
    if made < 0:
        raise _unconfined(os.strerror(ctypes.get_errno()))
    return made


def _allow(ruleset: int, path: Path, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES
        if _libc().syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0):
            number = ctypes.get_errno()
            if number != errno.EBADFD:  # a kernel's own file, such as a pipe under /proc: no rule can be of it
                raise _unconfined(f"{path}: {os.strerror(number)}")
    finally:
        os.close(place)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _unconfined(why: str) -> ConfinementError:
    return ConfinementError(
        "a child cannot be kept to its folders",
        why=why,
        fix="report this: where a kernel has Landlock, nothing is worked on without it",
    )
