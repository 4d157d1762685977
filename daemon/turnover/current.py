"""Which revision of each proxy is the current one, for people and tools that read no record.

As links of one name a clip, `current/proxy/A001C001.mov`, which follow each new revision, or as a list, `current.txt`,
for volumes that have no links. Pure; timelines and ALE name revisions by their own paths and need neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from daemon.slate import Twin
from daemon.turnover.roll import Roll

FOLDER, LIST = "current", "current.txt"


def links(roll: Roll) -> dict[str, str]:
    """Return where each link leads, relative to its own folder, by the link's path in the roll's folder."""
    return {f"{FOLDER}/{name}": f"../../{path}" for name, path in _current(roll)}


def listing(roll: Roll) -> bytes:
    """Return the list: a line for each proxy, its name without revision and its path, with a tab between."""
    return "".join(f"{name}\t{path}\n" for name, path in _current(roll)).encode()


def _current(roll: Roll) -> Iterator[tuple[str, str]]:
    for clip in roll.clips:
        for twin in Twin:
            if proxy := clip.current(twin):
                path = PurePosixPath(proxy.folder or proxy.path)
                suffix = "" if proxy.folder else path.suffix
                yield f"{path.parent}/{clip.file_name}{suffix}", str(path)
