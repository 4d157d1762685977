"""Journal: the production's own log, kept beside its state so that a page can show what was said of a clip.

Lines of JSON, the newest file and the one before it; what the log shows elsewhere (a terminal, journald) is not its
business. It is no truth about anything: that is in the database, and a lost line costs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

_NAME, _BEFORE = "log.jsonl", "log.before.jsonl"
_REVISION = re.compile(r"_r\d+$")
"""How the name of a later revision ends."""
_MOST_BYTES = 4 << 20
"""A file's size from which on the next one is begun."""


class Journal:
    """Keeps lines in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / _NAME
        self._file = self._path.open("a", encoding="utf-8")

    def note(self, event: Mapping[str, Any]) -> None:
        """Keep one line."""
        if self._file.tell() > _MOST_BYTES:
            self._file.close()
            self._path.replace(self._path.with_name(_BEFORE))
            self._file = self._path.open("a", encoding="utf-8")
        self._file.write(json.dumps(dict(event), default=str) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def lines_of(folder: Path, clip: str, most: int) -> list[dict[str, Any]]:
    """Return the newest lines that name a clip, newest first; none where nothing was kept."""
    found: list[dict[str, Any]] = []
    needle = json.dumps(clip).strip('"')
    for name in (_NAME, _BEFORE):
        try:
            text = (folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        for line in reversed(text.splitlines()):
            if needle in line and (event := _read(line)) and _names(event, clip):
                found.append(event)
            if len(found) == most:
                return found
    return found


def _read(line: str) -> dict[str, Any] | None:
    """Return a line's event; None for one that a power cut left half written."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _names(event: dict[str, Any], clip: str) -> bool:
    """Return whether an event is about a clip: by its name, or by the path of what was made of it."""
    made = _REVISION.sub("", PurePosixPath(str(event.get("path", ""))).stem)
    return clip in {event.get("clip"), event.get("first"), made}
