"""Watching: whether the kernel can watch all folders of the roots. Where it cannot, scans find what changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from daemon.config import Config
from daemon.doctor.finding import Finding, Level
from daemon.watch import by_events

SUBJECT = "watching"
_LIMITS = Path("/proc/sys/fs/inotify")
_SHARE = 0.8
"""Of the limit: other programs of this user watch, too."""
_MOST_FOLDERS = 1_000_000


def examined(config: Config, limits: Path = _LIMITS) -> Iterator[Finding]:
    """Yield what was found. Source: inotify(7)."""
    watched = [root.path for root in config.offload.roots if by_events(root)]
    folders = sum(_folders(path) for path in watched)
    most = _limit(limits / "max_user_watches")
    if not watched:
        yield Finding(SUBJECT, "inotify", Level.OK, "no root is watched by events: they are scanned")
    elif folders > most * _SHARE:
        told = f"{folders} folders to watch, and {most} watches a user"
        yield Finding(SUBJECT, "inotify", Level.WARN, told, f"sysctl fs.inotify.max_user_watches={_next(folders)}")
    elif _limit(limits / "max_user_instances") < 2:  # noqa: PLR2004 - one for us, and one for anybody else
        fix = "sysctl fs.inotify.max_user_instances=128"
        yield Finding(SUBJECT, "inotify", Level.WARN, "hardly anybody may watch anything", fix)
    else:
        yield Finding(SUBJECT, "inotify", Level.OK, f"{folders} folders to watch, {most} watches a user")


def _next(folders: int) -> int:
    return 1 << (2 * folders).bit_length()


def _folders(root: Path) -> int:
    count = 0
    for _ in os.walk(root):
        count += 1
        if count >= _MOST_FOLDERS:
            break
    return count


def _limit(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
