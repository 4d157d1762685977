"""What people ask of a running service: one small file a request, taken at the next tick.

The service is the only writer of the database, so a command never writes there itself.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from daemon import wire
from daemon.log import get
from daemon.publish import make_folders

_WILD = re.compile(r"[*?\[]")
"""What in a pattern stands for more than itself. Source: SQLite's GLOB."""


class Wish(StrEnum):
    """What can be asked for."""

    RETRY = "retry"
    """Try again the clips whose name matches the subject, a pattern."""
    PROMOTE = "promote"
    """Make the model whose digest begins with the subject the active one."""
    ROLLBACK = "rollback"
    """Withdraw the active model of the size that the subject names."""
    FIRST = "first"
    """Put the clips whose name matches the subject, a pattern, before all others in the queue."""
    LAST = "last"
    """Put them behind all others."""
    USUAL = "usual"
    """Take such a wish back."""
    PAUSE = "pause"
    """Start no more work of the stage that the subject names."""
    RESUME = "resume"
    """Let it go on."""


@dataclass(frozen=True, slots=True)
class Request:
    """A wish and what it is about."""

    wish: Wish
    subject: str


def only(roll: str, clip: str = "") -> str:
    """Return the pattern that names one clip, or all of a roll, and nothing else, whatever is in their names."""
    spelt = _WILD.sub(lambda found: f"[{found[0]}]", f"{roll}/{clip}")
    return spelt if clip else f"{spelt}*"


def ask(state: Path, request: Request) -> None:
    """Leave a request for the service."""
    folder = state / "requests"
    make_folders(state, mode=0o700)  # where the service never ran, it is nobody else's all the same
    make_folders(folder)
    target = folder / f"{time.time_ns():020d}-{uuid.uuid4().hex}.json"  # taken in the order in which they were left
    part = target.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(wire.dump(Request, request))
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)


def take_requests(state: Path) -> list[Request]:
    """Return the requests that were left, each once; one that cannot be read is told in the log and dropped."""
    taken = []
    for path in sorted((state / "requests").glob("*.json")):
        try:
            taken.append(wire.load(Request, path.read_bytes()))
        except ValueError as error:
            get().error("request.unreadable", request=path.name, why=str(error))
        path.unlink()
    return taken
