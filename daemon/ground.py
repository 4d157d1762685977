"""Ground: the folders that a process is for, beside what any program reads of the system it runs on.

The system's libraries, the environment that nearset is installed in, a folder for scratch and the devices of a GPU are
everybody's; of /etc what programs look names and times up in, and none of its secrets.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from daemon import landlock

_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/proc", "/sys"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/OpenCL"),
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf"),
    *("/etc/resolv.conf", "/etc/ssl", "/etc/ca-certificates", "/etc/pki"),
)
_DEVICES = ("null", "zero", "full", "random", "urandom", "nvidia*", "dri")


@dataclass(frozen=True, slots=True)
class Ground:
    """Folders and files, by path, that a process reads, and that it reads and writes."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


Marks = tuple[tuple[int, int] | None, ...]
"""Device and inode of each path of a ground, None where nothing is there."""


def marks(ground: Ground | None) -> Marks:
    """Return what stands at each path of a ground now: another where a volume was mounted since."""
    return tuple(map(_mark, (*ground.reads, *ground.writes))) if ground else ()


def _mark(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        seen = Path(path).stat()
        return seen.st_dev, seen.st_ino
    return None


def confine_to(ground: Ground) -> bool:
    """Keep this process, and all that it starts, to its ground; False where the kernel has no Landlock.

    Raises:
        ConfinementError: the kernel refuses, or there are other threads already.
    """
    installed = (*filter(None, sys.path), sys.prefix, sys.base_prefix)
    searched = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    devices = (device for pattern in _DEVICES for device in Path("/dev").glob(pattern))
    return landlock.confine(
        map(Path, (*_SYSTEM, *installed, *filter(None, searched), *ground.reads)),
        map(Path, (tempfile.gettempdir(), *ground.writes)),
        devices,
    )
