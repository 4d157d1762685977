"""Scan: what lies under an offload root, and since when it has not changed.

The scan is the truth about a root; events only hint that one is due. Sources are never written, links never
followed, temporary names never seen. What cannot be looked at is said, and never taken for gone. Whether the
root is the volume it was is not told here (`volumes.py`).
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from daemon.slate import FileMark

_TEMPORARY = (
    ".*",
    "*.~tmp~",
    "*~",
    "*.part",
    "*.filepart",
    "*.partial",
    "*.tmp",
    "*.crdownload",
    "*.download",
)
_OF_DESKTOPS = frozenset({"thumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "lost+found"})


@dataclass(frozen=True, slots=True)
class Scan:
    """One walk over a root: marks by path relative to it, problems as (path, why), and its cost in seconds."""

    marks: dict[str, FileMark]
    problems: list[tuple[str, str]]
    seconds: float
    unread: tuple[str, ...] = ()


def scan(root: Path) -> Scan:
    """Return what lies under a root; a folder in it that cannot be read is a problem, never the end.

    Raises:
        OSError: the root itself cannot be read, so that nothing may be taken for deleted.
    """
    began = time.monotonic()
    marks: dict[str, FileMark] = {}
    problems: list[tuple[str, str]] = []
    unread: list[str] = []
    device = root.stat().st_dev
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise
            problems.append((folder, error.strerror or str(error)))
            unread.append(folder)
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not _is_text(entry.name):
                problems.append((os.fsencode(path).decode("utf-8", "backslashreplace"), "its name is not UTF-8"))
            elif not is_temporary(entry.name):
                _look(entry, path, device, folders, marks, problems)
    return Scan(marks, problems, time.monotonic() - began, tuple(unread))


def _look(
    entry: os.DirEntry[str],
    path: str,
    device: int,
    folders: list[str],
    marks: dict[str, FileMark],
    problems: list[tuple[str, str]],
) -> None:
    try:
        seen = entry.stat(follow_symlinks=False)
    except OSError as error:
        problems.append((path, error.strerror or str(error)))
        return
    if stat.S_ISDIR(seen.st_mode):
        if seen.st_dev == device:
            folders.append(path)
        else:
            problems.append((path, "another volume is mounted here; make it an offload root of its own"))
    elif stat.S_ISREG(seen.st_mode):
        marks[path] = FileMark(seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    else:
        problems.append((path, "a link or device; only regular files are taken"))


def _is_text(name: str) -> bool:
    """Return whether a name can be written down; bytes that are no UTF-8 come as lone surrogates."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def is_temporary(name: str) -> bool:
    """Return whether a name is one that copying tools and desktops use for what is not a card's."""
    lower = name.lower()
    return lower in _OF_DESKTOPS or any(fnmatchcase(lower, pattern) for pattern in _TEMPORARY)


@dataclass(slots=True)
class Settling:
    """Since when each file has not changed, by what was observed on a monotonic clock.

    Never by the age of mtime: copying tools keep it, so an hour-old mtime may sit on a file of this second. The
    first sight of a file counts as a change.
    """

    _since: dict[str, tuple[FileMark, float]] = field(default_factory=dict)

    def observe(self, marks: Mapping[str, FileMark], now: float) -> None:
        """Take in a scan; what vanished is forgotten."""
        before = self._since
        self._since = {
            path: before[path] if path in before and before[path][0] == mark else (mark, now)
            for path, mark in marks.items()
        }

    def quiet(self, path: str, now: float, settle_seconds: float) -> bool:
        """Return whether a file has been seen unchanged for so long."""
        return path in self._since and now - self._since[path][1] >= settle_seconds
