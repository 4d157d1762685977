"""Volumes: whether what lies at a root's path is the volume that was there before, and how it is mounted.

A volume is known again by a marker, where a person had one written, else by its device number, so that an empty
mount point parks its jobs and nothing is taken for deleted. Writes nothing but that marker, and never into a roll:
there it would break the seal. Knows no production (`mounts.py`).
"""

from __future__ import annotations

import os
import re
import stat
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon.cards import RECOGNISERS
from daemon.cards.rolls import is_camera, roll_folders
from daemon.errors import ConfigError
from daemon.publish import fsync_folder
from daemon.scan import scan
from daemon.sidecars.ascmhl import FOLDER as SEAL

GIB = 1 << 30
STATE_KEEP_BYTES = GIB
"""Room below which the disk of the state is told of: the database needs little, but it needs it."""
MARKER = ".nearset-root"
"""Name of the file that tells a root from its empty mount point; written only when asked for, never in a roll."""

_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "virtiofs", "vboxsf", "ceph", "glusterfs", "afs", "lustre"}
)
_NETWORK_FUSE = frozenset({"sshfs", "glusterfs", "rclone", "s3fs", "davfs", "vmhgfs-fuse", "ceph-fuse", "smbnetfs"})
_ESCAPED = re.compile(r"\\([0-7]{3})")
_MARKER_BYTES = 64
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_HERE = "mark the folder that the rolls lie in; where that one is sealed, make the folder above it the root"


@dataclass(frozen=True, slots=True)
class RootIdentity:
    """By what a root is known again: its device number, and its marker where it has one."""

    device: int
    marker: str | None


def identify(root: Path) -> RootIdentity | None:
    """Return by what a root is known, None where it is not there."""
    try:
        device = root.stat().st_dev
        with os.scandir(root) as entries:
            next(entries, None)
    except OSError:
        return None
    return RootIdentity(device, _read_marker(root))


def _read_marker(root: Path) -> str | None:
    """Return a root's marker, None where it has none; a link or a pipe of that name is none."""
    try:
        descriptor = os.open(root / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, _MARKER_BYTES).decode("ascii", "replace").strip() or None if regular else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def same_volume(remembered: RootIdentity, seen: RootIdentity) -> bool:
    """Return whether a root is the volume it was: by its marker where it had one, else by device number.

    One that had no marker and has one now was marked by a person, who says with it that it is the one.
    """
    if remembered.marker is not None:
        return remembered.marker == seen.marker
    return seen.marker is not None or remembered.device == seen.device


def absence(
    root: Path, remembered: RootIdentity | None, seen: RootIdentity | None, others: Collection[str | None] = ()
) -> str:
    """Return why a root cannot be used now, empty where it can; `others` are the markers of the other roots."""
    if seen is None:
        return "the folder is not there"
    if remembered is None:
        return ""
    if not same_volume(remembered, seen):
        if remembered.marker is not None:
            return "another volume is in its place (its marker differs), or it is an empty mount point"
        return (
            "another volume is in its place (the device number differs), or it is an empty mount point; "
            f"if it is the right one, run `nearset mark {root}`"
        )
    if remembered.marker is None and remembered.device != seen.device and seen.marker in others:
        return "another volume is in its place (its marker is another root's)"
    return ""


def write_marker(root: Path) -> str:
    """Write a marker into a root, flushed to disk, for `nearset mark`, and return it; an existing one stays.

    Raises:
        ConfigError: the folder is not there, lies in a roll or under a seal, cannot be written, or has
            something that is no marker under that name.
    """
    place = root.resolve()
    if not os.path.lexists(place / MARKER):
        if reason := _unfit(place):
            raise _not_marked(root, reason, _HERE)
        try:
            _write(place)
        except OSError as error:
            fix = "check that the volume is mounted, writable and has room"
            raise _not_marked(root, error.strerror or str(error), fix) from error
    if marker := _read_marker(place):
        return marker
    raise ConfigError(
        f"{place / MARKER} is no marker",
        why="it is empty, as a full volume or a crash leaves it, or it is a link or something else that holds no text",
        fix=f"remove it, then `nearset mark {root}` again",
    )


def _write(place: Path) -> None:
    """Write a new marker; one that cannot be written whole is taken away again."""
    descriptor = os.open(place / MARKER, _NEW, 0o644)
    try:
        os.write(descriptor, f"{uuid.uuid4()}\n".encode("ascii"))
        os.fsync(descriptor)
    except OSError:
        (place / MARKER).unlink()
        raise
    finally:
        os.close(descriptor)
    fsync_folder(place)


def _unfit(place: Path) -> str:
    """Return why a folder may hold no marker, empty where it may."""
    if sealed := next((folder for folder in (place, *place.parents) if (folder / SEAL).is_dir()), None):
        return f"{sealed / SEAL} seals what lies there, and a new file would break that seal"
    try:
        names = [*scan(place).marks, MARKER]
    except OSError as error:
        return error.strerror or str(error)
    paths = [f"{place}/{name}".lstrip("/") for name in names]
    rolls = {Path("/", roll) for roll in roll_folders(filter(is_camera, paths), RECOGNISERS)}
    if inside := next((roll for roll in (place, *place.parents) if roll in rolls), None):
        return f"it lies in the roll {inside}" if inside != place else "it is a roll itself: camera files lie in it"
    return ""


def _not_marked(root: Path, why: str, fix: str) -> ConfigError:
    return ConfigError(f"{root} gets no marker", why=why, fix=fix)


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted filesystem: where, of what kind, and its options (`ro`, `noexec`, …)."""

    point: str
    kind: str
    options: frozenset[str]

    @property
    def is_network(self) -> bool:
        """Whether another machine keeps it, so that the kernel tells nothing of changes there."""
        return self.kind in _NETWORK or self.kind.removeprefix("fuse.") in _NETWORK_FUSE


def mount_of(path: Path, mountinfo: str) -> Mount:
    """Return what a path lies on; of several at one place the last. Source: proc_pid_mountinfo(5)."""
    best = Mount("", "", frozenset())
    for mount in _mounts(mountinfo):
        if path.is_relative_to(mount.point) and len(mount.point) >= len(best.point):
            best = mount
    return best


def is_network(path: Path, mountinfo: str) -> bool:
    """Return whether a path lies on a network mount."""
    return mount_of(path, mountinfo).is_network


def _mounts(mountinfo: str) -> Iterator[Mount]:
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if separator and len(fields) > 5 and kinds:  # noqa: PLR2004 - the fifth field is the mount point, then options
            point = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4])
            options = {*fields[5].split(","), *(kinds[2].split(",") if len(kinds) > 2 else ())}  # noqa: PLR2004 - kind, source, options
            yield Mount(point, kinds[0], frozenset(options))


def room_at(path: Path) -> tuple[int, int]:
    """Return size and free bytes of the volume of a folder, or of the nearest one above that is there.

    Raises:
        OSError: the volume does not answer.
    """
    place = next(folder for folder in (path, *path.parents) if folder.exists())
    seen = os.statvfs(place)
    return seen.f_frsize * seen.f_blocks, seen.f_frsize * seen.f_bavail


def too_little(path: Path, keep_bytes: int) -> str:
    """Return why nothing more is put on a volume, empty where it has more room than stays free."""
    try:
        _, free = room_at(path)
    except OSError as error:
        return f"its volume does not answer: {error.strerror}"
    return f"{said(free)} are free, and {said(keep_bytes)} stay free" if free < keep_bytes else ""


def said(size_bytes: int) -> str:
    """Return a size as people read it."""
    return f"{size_bytes / GIB:.1f} GiB" if size_bytes >= GIB // 10 else f"{size_bytes / (1 << 20):.1f} MiB"
