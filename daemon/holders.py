"""Who has a file open: what can be told of it from here, and to whom it is not.

A write lease is given only where nobody on this machine has the file open, a Samba server of this machine among them.
Where the filesystem gives none, `/proc` tells of the processes that this user may look into. Neither knows what another
machine has open on a network mount, nor a client of an NFS server here, which holds no file open between two readings:
there the answer is that it is not known, and age must do.
Source: fcntl(2) on F_SETLEASE; fs/locks.c, check_conflicting_open.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from daemon.volumes import is_network

_F_SETSIG = 10
"""Source: fcntl.h of Linux; Python does not name it before 3.12."""
_TAKEN = frozenset({errno.EAGAIN, errno.EBUSY, errno.ETXTBSY})


class Use(StrEnum):
    """Whether a file is in use."""

    FREE = "free"
    """Nobody on this machine has it open."""
    OPEN = "open"
    UNKNOWN = "unknown"
    """It cannot be told from here."""


@contextmanager
def in_use(path: Path) -> Iterator[Use]:
    """Tell whether somebody has a file open; one that is free stays so within the block: who opens it waits.

    Raises:
        OSError: the file cannot be opened by ourselves.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        use = _leased(descriptor)
        if use is Use.UNKNOWN and _is_seen_open(descriptor):
            use = Use.OPEN
        yield Use.UNKNOWN if use is Use.FREE and _is_elsewhere(path) else use
    finally:
        os.close(descriptor)  # which gives the lease back


def _leased(descriptor: int) -> Use:
    """Take a write lease on a file."""
    try:
        # Who waits for it is told to us by a signal that does nothing; SIGIO, the usual one, ends a process.
        fcntl.fcntl(descriptor, _F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return Use.OPEN if error.errno in _TAKEN else Use.UNKNOWN
    return Use.FREE


def _is_seen_open(descriptor: int) -> bool:
    """Return whether another process that may be looked into has a file open."""
    wanted = os.fstat(descriptor)
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with suppress(OSError):  # another user's, or it ended meanwhile
            for link in (process / "fd").iterdir():
                if _is_of(link, wanted):
                    return True
    return False


def _is_of(link: Path, wanted: os.stat_result) -> bool:
    with suppress(OSError):  # closed meanwhile
        return os.path.samestat(link.stat(), wanted)
    return False


def _is_elsewhere(path: Path) -> bool:
    """Return whether a file lies on a network mount."""
    mounts = Path("/proc/self/mountinfo")
    return is_network(path.resolve(), mounts.read_text(encoding="utf-8") if mounts.exists() else "")
