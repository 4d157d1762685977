"""Purge: everything of a production that the service keeps is destroyed, and a receipt says what that was.

Only what lies under `<state.root>/<code>` is touched, links are removed and never followed. The receipt lies beside
that folder, first as an intent and then as a fact, both flushed, and names what no purge here can reach.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from daemon.config import Config
from daemon.errors import PurgeError
from daemon.publish import fsync_folder

OUT_OF_REACH = (
    "deliveries: what was published stays where it is, and what was staged there goes when the service next starts",
    "what was delivered to further targets, folders and storage, stays there",
    "camera cards and offloads: they were only ever read",
    "the system journal and other logs that this machine keeps",
    "snapshots and backups of the state folder",
    "configuration, recipe, tokens, and the figures that metrics.textfile was last given",
    "exported models and copies that people made",
    "blocks of erased files, which the disk may keep until they are written over: encrypt the state folder",
)


_LAST = ("lock",)
"""Removed after all else, so that no service starts in a folder that is half destroyed."""


@dataclass(frozen=True, slots=True)
class Destroyed:
    """Something that was destroyed: its path under the state folder, its size and the digest of its bytes.

    `link` is where a link led, which was not followed; of links and of what is no regular file there are no bytes.
    """

    path: str
    size_bytes: int
    sha256: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What other machines destroyed of a production, by machine, and why some could not be asked."""

    destroyed: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    unreached: Mapping[str, str] = field(default_factory=dict)


def purge(config: Config, at: str, elsewhere: Elsewhere | None = None) -> Path:
    """Destroy a production's state and return its receipt; the caller holds the production's lock.

    `elsewhere` is what the nodes of a cluster destroyed before, for the receipt. A purge that was cut off is gone on
    with by the next one, under a receipt of its own.

    Raises:
        PurgeError: the state folder is a link, or something in it cannot be read or removed; the receipt says that
            the purge is not complete.
    """
    folder, others = config.production_state, elsewhere or Elsewhere()
    _refuse_links(folder)
    receipt = _new_receipt(config, at)
    with _told(folder):
        destroyed = list(_seen(folder))
        _write(receipt, config, at, destroyed, others, complete=False)
        _remove(folder)
        fsync_folder(config.state.root)
        _write(receipt, config, at, destroyed, others, complete=True)
    return receipt


def destroy(folder: Path) -> list[Destroyed]:
    """Destroy a folder of state and return what was in it.

    Raises:
        PurgeError: it is a link, or something in it cannot be read or removed.
    """
    _refuse_links(folder)
    with _told(folder):
        destroyed = list(_seen(folder))
        _remove(folder)
        fsync_folder(folder.parent)
    return destroyed


def _new_receipt(config: Config, at: str) -> Path:
    """Return a name for the receipt that no other receipt has."""
    start = config.state.root / f"{config.production.code}.purged-{at.replace(':', '')}"
    names = (Path(f"{start}{f'-{number}' if number else ''}.json") for number in count())
    return next(path for path in names if not os.path.lexists(path))


def _refuse_links(folder: Path) -> None:
    if folder.is_symlink():
        raise PurgeError(
            f"{folder} is a link",
            why="a purge follows no links, and what this one leads to may be somebody else's",
            fix=f"put what is in {folder.resolve()} in its place, then purge again",
        )


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turn what the operating system throws into an error that says where to look."""
    try:
        yield
    except OSError as error:
        raise PurgeError(
            f"{folder} could not be destroyed whole",
            why=f"{error.strerror} ({error.filename})",
            fix="see to that and purge again; a receipt beside the folder that is not complete names what may be gone",
        ) from error


def _seen(folder: Path) -> Iterator[Destroyed]:
    """Yield what there is but folders, before any of it goes; a folder that cannot be read ends the purge."""
    for place, folders, names, descriptor in os.fwalk(folder, follow_symlinks=False, onerror=_raise):
        folders.sort()
        links = [name for name in folders if stat.S_ISLNK(os.lstat(name, dir_fd=descriptor).st_mode)]
        for name in sorted([*names, *links]):
            path = (Path(place) / name).relative_to(folder).as_posix()
            yield _one(path, name, descriptor)


def _one(path: str, name: str, descriptor: int) -> Destroyed:
    seen = os.lstat(name, dir_fd=descriptor)
    if stat.S_ISLNK(seen.st_mode):
        return Destroyed(path, 0, "", os.readlink(name, dir_fd=descriptor))
    if not stat.S_ISREG(seen.st_mode):
        return Destroyed(path, 0, "")
    with open(name, "rb", opener=lambda it, flags: os.open(it, flags | os.O_NOFOLLOW, dir_fd=descriptor)) as file:
        return Destroyed(path, seen.st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _remove(folder: Path) -> None:
    """Remove a folder and all in it, through folders held open, so that no link put there meanwhile is followed."""
    for _, folders, names, descriptor in os.fwalk(folder, topdown=False, follow_symlinks=False, onerror=_raise):
        for name in folders:
            is_link = stat.S_ISLNK(os.lstat(name, dir_fd=descriptor).st_mode)
            (os.unlink if is_link else os.rmdir)(name, dir_fd=descriptor)
        for name in sorted(names, key=lambda it: (it in _LAST, it)):
            os.unlink(name, dir_fd=descriptor)
    folder.rmdir()


def _raise(error: OSError) -> None:
    raise error


def _write(
    receipt: Path, config: Config, at: str, destroyed: list[Destroyed], others: Elsewhere, *, complete: bool
) -> None:
    code = config.production.code
    missed = [
        f"what node {name} holds: {why}; `nearset cluster forget {code}` there destroys it"
        for name, why in sorted(others.unreached.items())
    ]
    text = json.dumps(
        {
            "production": code,
            "purged_at": at,
            "complete": complete,
            "folder": str(config.production_state),
            "destroyed": [asdict(file) for file in destroyed],
            "destroyed_on_nodes": dict(others.destroyed),
            "out_of_reach": [*OUT_OF_REACH, *missed],
        },
        indent=1,
    )
    part = receipt.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(receipt)
    fsync_folder(receipt.parent)
