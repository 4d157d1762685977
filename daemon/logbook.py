"""The logbook: what was told of a production, in a few bounded files beside its database, to be asked by clip.

Lines of JSON, as the log has them. It goes with the production's state: a purge takes it along.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from logging import LogRecord, makeLogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path, PurePosixPath
from typing import Any

_NAME = "nearset.log"
_BACKUPS = 7


class Logbook(RotatingFileHandler):
    """Keeps lines in a folder, in `most_bytes` altogether; the oldest go first.

    A disk that refuses costs the line and nothing else: it is on stderr as well.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        a_file = max(most_bytes // (_BACKUPS + 1), 1)
        super().__init__(folder / _NAME, maxBytes=a_file, backupCount=_BACKUPS, encoding="utf-8", delay=True)
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _end_line(folder / _NAME)

    def write(self, line: str) -> None:
        """Keep a line."""
        self.handle(makeLogRecord({"msg": line}))

    def handleError(self, record: LogRecord) -> None:  # noqa: N802 - logging's own name
        """Let a line go that cannot be kept."""

    def _open(self) -> Any:
        return open(
            self.baseFilename, self.mode, encoding=self.encoding, opener=lambda it, flags: os.open(it, flags, 0o600)
        )


def _end_line(path: Path) -> None:
    """End the last line of a file, if a crash cut it short: the next one must not become a part of it."""
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of what lines are asked for: clips, each by roll and name."""

    clips: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, pattern: str, known: Iterable[tuple[str, str]]) -> Wanted:
        """Return the known clips that a pattern means: a clip, one of a roll as `A002/C003`, or a whole roll `A002`."""
        roll, slash, name = pattern.rpartition("/")
        return cls(
            frozenset(
                (of, clip)
                for of, clip in known
                if (fnmatchcase(clip, name) and (not slash or fnmatchcase(of, roll))) or fnmatchcase(of, pattern)
            )
        )

    def has(self, line: dict[str, Any]) -> bool:
        """Return whether a line speaks of one of them, or of its card as a whole."""
        roll = str(line.get("roll") or PurePosixPath(str(line.get("card", ""))).name)
        if not (names := {str(line[key]) for key in ("clip", "part", "after") if line.get(key)}):
            return roll in {of for of, _ in self.clips}
        return any(clip in names and roll in {of, ""} for of, clip in self.clips)


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines that are kept, oldest first; what a crash cut short is left out."""
    names = [*(f"{_NAME}.{number}" for number in range(_BACKUPS, 0, -1)), _NAME]
    for path in (folder / name for name in names):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        for line in text.splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def lines_of(folder: Path, roll: str, clip: str, most: int) -> list[dict[str, Any]]:
    """Return the newest lines that speak of a clip or of its card, newest first, at most so many."""
    wanted = Wanted(frozenset({(roll, clip)}))
    return list(deque((line for line in read(folder) if wanted.has(line)), maxlen=most))[::-1]
