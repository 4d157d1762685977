"""Publish: the only code that puts anything into a delivery folder. Whole, in place at once, never over another.

A file is made in a hidden staging folder on the delivery's own filesystem, flushed to disk, and then given its
name: media by a hard link that fails where the name is taken, sidecars by a rename that replaces. The folder
is flushed after. A crash at any point leaves nothing, the staged file, or the whole thing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from daemon.errors import DeliveryError, DiskFull, NameTaken
from daemon.hashing import hash_bytes, hash_file

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})
"""What filesystems without hard links answer (FAT, some SMB and FUSE mounts)."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def delivering(target: Path) -> Iterator[None]:
    """Turn what the operating system throws into a DeliveryError about a target."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(target) from error
        raise DeliveryError(
            f"{target.name} cannot be delivered",
            why=f"{error.strerror} ({target})",
            fix="check that the delivery volume is mounted and writable; it is tried again",
        ) from error


def disk_full(target: Path) -> DiskFull:
    """Return the error that says that a delivery volume has no room."""
    return DiskFull(
        f"{target.name} does not fit on the delivery volume",
        why=f"no room is left on the volume of {target.parent}",
        fix="make room; it is tried again by itself, and `nearset retry` takes up what was given up",
    )


def fsync_file(path: Path) -> None:
    """Flush a file's bytes to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Flush a folder's names to disk; filesystems that cannot are as safe as they are."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def make_folders(path: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it that are missing, each with its name flushed to disk; `mode` is of the last."""
    if path.is_dir():
        return
    make_folders(path.parent)
    path.mkdir(mode=mode, exist_ok=True)
    fsync_folder(path.parent)


def make_folder(path: Path, root: Path) -> None:
    """Make a folder beneath a root, flushed to disk; a link on the way is refused."""
    with delivering(path):
        made = root
        make_folders(made)
        for part in path.relative_to(root).parts:
            made = made / part
            if made.is_symlink():
                raise DeliveryError(
                    f"{made} is a link",
                    why="deliveries do not follow links",
                    fix="put a real folder in its place",
                )
            make_folders(made)


def publish_new(staged: Path, target: Path, xxh128: str) -> None:
    """Give a flushed, staged file its name, once; done before, it is done still. `xxh128` is of its bytes.

    Raises:
        NameTaken: something else has the name. DeliveryError: the volume refuses.
    """
    with delivering(target):
        try:
            _claim(staged, target)
        except (FileExistsError, FileNotFoundError) as error:
            if not holds(target, xxh128):
                if isinstance(error, FileNotFoundError):
                    raise
                raise NameTaken(
                    f"{target.name} is there already and is another file",
                    why=f"{target} was put there by somebody else or changed after it was delivered",
                    fix="move it away, then `nearset retry`; where the state was lost or came from a backup, it may be "
                    "an earlier delivery: restore the newest state that there is",
                ) from None
        staged.unlink(missing_ok=True)
        fsync_folder(target.parent)


def publish_folder(staged: Path, target: Path, hashes: Mapping[str, str]) -> None:
    """Give a flushed, staged folder its name, so that it appears whole; done before, it is done still.

    `hashes` gives the xxh128 of each of its files by name. A rename takes the place of nothing but an empty folder.

    Raises:
        NameTaken: something else has the name. DeliveryError: the volume refuses.
    """
    with delivering(target):
        try:
            staged.rename(target)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.ENOENT}:
                raise
            if target.is_symlink() or not all(holds(target / name, xxh128) for name, xxh128 in hashes.items()):
                if error.errno == errno.ENOENT:
                    raise
                raise NameTaken(
                    f"{target.name} is there already and is another folder",
                    why=f"{target} was put there by somebody else or changed after it was delivered",
                    fix="move it away, then `nearset retry`",
                ) from None
            shutil.rmtree(staged, ignore_errors=True)
        fsync_folder(target.parent)


def withdraw_folder(target: Path, ours: Collection[str], staging: Path) -> None:
    """Take away a folder of which all that it holds is `ours` by name, at once; else only those."""
    with delivering(target):
        if {path.name for path in target.iterdir()} <= set(ours):
            gone = staging / f"{target.name}.gone"
            staging.mkdir(parents=True, exist_ok=True)
            target.rename(gone)
            fsync_folder(target.parent)
            shutil.rmtree(gone)
            return
        for name in ours:
            (target / name).unlink(missing_ok=True)
        fsync_folder(target)


def _claim(staged: Path, target: Path) -> None:
    try:
        os.link(staged, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_new(staged, target)


def _rename_new(staged: Path, target: Path) -> None:
    """Rename without replacing. Source: renameat2(2); where the filesystem lacks it, a reserved name is replaced.

    The reservation is an empty file under the name: made by one process alone, and taken over where a crash left it:
    an empty file holds nothing that could be lost.
    """
    error = _renamed_new(staged, target)
    if error == 0:
        return
    if error not in {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}:
        raise OSError(error, os.strerror(error), str(target))
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        if not _is_reservation(target) or not staged.exists():
            raise
    staged.replace(target)


def _renamed_new(staged: Path, target: Path) -> int:
    """Rename without replacing; return 0 where that was done, else errno."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = libc.renameat2(_AT_FDCWD, os.fsencode(staged), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
    return 0 if code == 0 else ctypes.get_errno()


class Naming(StrEnum):
    """How a volume lets a finished file be given its name, once and never over another; the best first."""

    LINKS = "hard links"
    RENAMES = "renames that never replace"
    RESERVATIONS = "reserved names"
    """Neither: an empty file holds the name until the finished one replaces it."""


def naming_of(folder: Path) -> Naming:
    """Return how names are given in a folder, tried there; nothing of the trial is left.

    Raises:
        OSError: it takes no file.
    """
    with TemporaryDirectory(prefix=".nearset-trial-", dir=folder) as trial:
        first, second = Path(trial, "first"), Path(trial, "second")
        first.touch()
        with suppress(OSError):
            os.link(first, second)
            return Naming.LINKS
        return Naming.RENAMES if _renamed_new(first, second) == 0 else Naming.RESERVATIONS


def _is_reservation(target: Path) -> bool:
    return target.is_file() and not target.is_symlink() and target.stat().st_size == 0


def holds(path: Path, xxh128: str) -> bool:
    """Return whether a regular file is there and holds just these bytes.

    Raises:
        DeliveryError: the volume does not say.
    """
    with delivering(path):
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb", buffering=0) as file:
            return hash_file(file, (), progress=_quiet)["xxh128"] == xxh128


def _quiet(_count: int) -> None:
    """Tell nobody: only what a crash left behind is looked at."""


def replace(data: bytes, target: Path, staging: Path) -> None:
    """Put a sidecar in place of the one before, whole; unchanged ones are left alone."""
    with delivering(target):
        if target.is_file() and not target.is_symlink() and target.read_bytes() == data:
            return
        make_folders(staging)
        part = staging / f"{target.name}.{os.getpid()}.sidecar"
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        fsync_folder(target.parent)


def point(links: Mapping[str, str], folder: Path, below: str, staging: Path) -> bool:
    """Make the links in a folder `below` another one lead where they should, each at once, and no others be there.

    `links` gives where each leads by its path in the folder. Returns whether the volume has links at all; a file of
    somebody else's that has a link's name stays.
    """
    with delivering(folder / below):
        for path, target in links.items():
            if not _pointed(folder / path, target, staging):
                return False
        for stale in (path for path in (folder / below).glob("*/*") if path.is_symlink()):
            if stale.relative_to(folder).as_posix() not in links:
                stale.unlink()
    return True


def _pointed(link: Path, target: str, staging: Path) -> bool:
    if not link.is_symlink() and link.exists():
        return True
    if link.is_symlink() and str(link.readlink()) == target:
        return True
    make_folders(link.parent)
    make_folders(staging)
    part = staging / f"{link.name}.{os.getpid()}.pointer"
    part.unlink(missing_ok=True)
    try:
        part.symlink_to(target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return False
    part.replace(link)
    fsync_folder(link.parent)
    return True


def replace_all(sidecars: dict[str, bytes], folder: Path, staging: Path) -> dict[str, str]:
    """Put sidecars in place by their paths in a folder, and return the xxh128 of each."""
    for path, data in sidecars.items():
        replace(data, folder / path, staging)
    return {path: hash_bytes("xxh128", data) for path, data in sidecars.items()}


def drop_stale(folder: Path, before: dict[str, str], current: Collection[str]) -> None:
    """Remove sidecars that were put into a folder `before` (xxh128 by path) and are not current any more.

    One that holds other bytes by now is somebody else's, and stays.
    """
    for path, xxh128 in before.items():
        if path not in current and holds(folder / path, xxh128):
            withdraw(folder / path)


def withdraw(target: Path) -> None:
    """Take a sidecar away that is about to be no longer true."""
    with delivering(target):
        if target.exists():
            target.unlink()
            fsync_folder(target.parent)


def sweep(staging: Path, keep: frozenset[str]) -> None:
    """Remove what a run before left in the staging folder, but for the names to keep.

    Raises:
        DeliveryError: the volume refuses.
    """
    with delivering(staging):
        for entry in staging.iterdir() if staging.is_dir() else ():
            if entry.name in keep:
                continue
            if entry.is_symlink() or entry.is_file():
                entry.unlink()
            elif entry.is_dir():
                shutil.rmtree(entry)
