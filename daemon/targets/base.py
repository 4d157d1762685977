"""What a delivery target must do: media once and never over another's, sidecars in place of those before.

Paths are relative to the production's delivery, `/` separated. What is put is whole under its name, or not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from daemon.errors import NameTaken
from daemon.worker import Progress


@dataclass(frozen=True, slots=True)
class Medium:
    """A media file of the delivery: its path in the production, where it lies here, and what its record says of it."""

    path: str
    here: Path
    xxh128: str
    size_bytes: int


class Target(Protocol):
    """A place that is being delivered to; every method raises TargetAway where it cannot be reached."""

    def put_media(self, medium: Medium, progress: Progress) -> int:
        """Put a media file in place and return how many bytes were sent; 0 where it was there already.

        What an earlier try had sent is not sent again.

        Raises:
            NameTaken: another file has the name. DeliveryError: the bytes here are not the record's.
        """

    def read(self, path: str) -> bytes | None:
        """Return a sidecar's bytes, None where it is not there."""

    def put(self, path: str, data: bytes) -> None:
        """Put a sidecar in place of the one before."""

    def remove(self, path: str) -> None:
        """Take a sidecar away; one that is not there is gone already."""


def name_taken(path: str, target: str) -> NameTaken:
    """Return the error that says that a target has another file of a name."""
    return NameTaken(
        f"{path} is at {target} already and is another file",
        why="it was put there by somebody else, or changed after it was delivered",
        fix="move it away there; it is tried again by itself",
    )
