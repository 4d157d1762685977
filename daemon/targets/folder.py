"""A folder as a target: a disk, or what is mounted of a NAS. Copied in a hidden folder beside, then given its name.

A copy that was cut off is gone on with: what is there is hashed first, so that the whole file is proven in any case.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import xxhash

from daemon.errors import DeliveryError, TargetAway
from daemon.hashing import BLOCK_BYTES
from daemon.publish import delivering, fsync_file, holds, make_folder, publish_new, replace, withdraw
from daemon.targets.base import Medium, name_taken
from daemon.worker import Progress

_STAGING = ".nearset-staging"


class FolderTarget:
    """A production's folder at a target; `root` must be there."""

    def __init__(self, name: str, root: Path, production: str) -> None:
        if why := _absence(root):
            raise TargetAway(f"the target {name} is away", why=why, fix="mount it; what waits for it is delivered then")
        self._name, self._root, self._home = name, root, root / production

    def put_media(self, medium: Medium, progress: Progress) -> int:
        """Copy a media file and give it its name; see Target."""
        target = self._home / medium.path
        if target.is_file() and target.stat().st_size == medium.size_bytes and holds(target, medium.xxh128):
            return 0
        if os.path.lexists(target) and target.stat().st_size:
            raise name_taken(medium.path, self._name)
        make_folder(target.parent, self._root)
        part = self._home / _STAGING / f"{medium.xxh128}.part"
        make_folder(part.parent, self._root)
        with delivering(part):
            sent = _copied(medium, part, progress)
            fsync_file(part)
        publish_new(part, target, medium.xxh128)
        return sent

    def read(self, path: str) -> bytes | None:
        """Return a sidecar's bytes; see Target."""
        with delivering(self._home / path):
            return (self._home / path).read_bytes() if (self._home / path).is_file() else None

    def put(self, path: str, data: bytes) -> None:
        """Put a sidecar in place; see Target."""
        make_folder((self._home / path).parent, self._root)
        replace(data, self._home / path, self._home / _STAGING)

    def remove(self, path: str) -> None:
        """Take a sidecar away; see Target."""
        withdraw(self._home / path)


def _absence(root: Path) -> str:
    """Return why a folder cannot be delivered to, empty where it can."""
    try:
        return "" if root.is_dir() else f"{root} is not there"
    except OSError as error:
        return f"{error.strerror} ({root})"


def _write_all(target: IO[bytes], data: memoryview) -> None:
    """Write all of it: on a volume that is almost full one write takes what still fits, and the next one refuses."""
    while data:
        data = data[target.write(data) :]


def _copied(medium: Medium, part: Path, progress: Progress) -> int:
    """Copy what is not copied yet and return how many bytes that was.

    Raises:
        DeliveryError: the copy does not have the bytes of the record; it is thrown away.
    """
    hasher, block = xxhash.xxh3_128(), memoryview(bytearray(BLOCK_BYTES))
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "r+b", buffering=0) as target, medium.here.open("rb", buffering=0) as source:
        done = 0
        while count := target.readinto(block):
            hasher.update(block[:count])
            done += count
            progress(done, medium.size_bytes)
        sent = 0
        source.seek(done)
        while count := source.readinto(block):
            hasher.update(block[:count])
            _write_all(target, block[:count])
            sent += count
            progress(done + sent, medium.size_bytes)
    if hasher.hexdigest() != medium.xxh128:
        part.unlink()
        raise DeliveryError(
            f"{medium.path} was not delivered",
            why="what was copied is not what the record says: the file here changed, or an earlier copy was damaged",
            fix="it is copied anew; if it repeats, `nearset verify` tells whether the delivery here is whole",
        )
    return sent
