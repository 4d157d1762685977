"""The status as a file: the service leaves it in its state folder, `nearset status` reads it.

So a look never touches the database that the service alone writes.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from daemon import wire
from daemon.errors import ConfigError
from daemon.status import Snapshot

SILENT_SECONDS = 15.0
"""Without a word from the service, which leaves one four times a second, until people are told that it is away."""
_NAME = "status.json"


def silent_seconds(spoke_at: str, now: datetime) -> float:
    """Return for how long the service, which spoke then (ISO 8601), has said nothing; 0 while it speaks."""
    silence = (now - datetime.fromisoformat(spoke_at)).total_seconds()
    return silence if silence > SILENT_SECONDS else 0.0


def write_status(state: Path, snapshot: Snapshot) -> None:
    """Leave a snapshot, whole; it is not worth a flush to disk."""
    part = state / f"{_NAME}.part"
    part.write_text(wire.dump(Snapshot, snapshot), encoding="utf-8")
    part.replace(state / _NAME)


def seen_status(state: Path) -> tuple[int, int] | None:
    """Return what tells one snapshot from another (mtime, inode) without reading it; None where there is none."""
    try:
        seen = (state / _NAME).stat()
    except FileNotFoundError:
        return None
    return seen.st_mtime_ns, seen.st_ino


def status_bytes(state: Path) -> bytes:
    """Return the last snapshot as it is written; nothing where there is none."""
    try:
        return (state / _NAME).read_bytes()
    except FileNotFoundError:
        return b""


def read_status(state: Path) -> Snapshot:
    """Return the last snapshot.

    Raises:
        ConfigError: the service never ran for this production, or left something that is no status of this version.
    """
    try:
        return wire.load(Snapshot, (state / _NAME).read_bytes())
    except ValueError as error:  # a power cut may leave it empty, and another version other words
        raise ConfigError(
            f"{state / _NAME} is no status",
            why=f"a power cut, or another version of nearset, left it so: {error}".splitlines()[0],
            fix="start nearset: it writes it anew at its first turn",
        ) from None
    except FileNotFoundError:
        raise ConfigError(
            f"there is no status in {state}",
            why="nearset has not run for this production yet",
            fix="start it with `nearset run` or `nearset once`",
        ) from None
