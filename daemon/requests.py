"""What people ask of a running service: one small file a request, taken at the next tick.

The service is the only writer of the database, so a command never writes there itself.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from daemon import wire


@dataclass(frozen=True, slots=True)
class Request:
    """Try again the clips whose name matches a pattern."""

    pattern: str


def ask(state: Path, request: Request) -> None:
    """Leave a request for the service."""
    folder = state / "requests"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{uuid.uuid4().hex}.json"
    part = target.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(wire.dump(Request, request))
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)


def take_requests(state: Path) -> list[Request]:
    """Return the requests that were left, each once."""
    taken = []
    for path in sorted((state / "requests").glob("*.json")):
        taken.append(wire.load(Request, path.read_bytes()))
        path.unlink()
    return taken
