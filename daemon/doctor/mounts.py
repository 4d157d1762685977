"""Mounts: on what offloads, deliveries and state lie, and what that cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from daemon.config import Config
from daemon.doctor.finding import Finding, Level
from daemon.publish import Naming, naming_of
from daemon.volumes import Mount, mount_of

SUBJECT = "mounts"
_FLEETING = frozenset({"tmpfs", "ramfs", "overlay"})
_TOLD = ("ro", "noexec", "nosuid", "nodev")
_INFO = Path("/proc/self/mountinfo")


def examined(config: Config, mountinfo: str | None = None) -> Iterator[Finding]:
    """Yield what was found; `mountinfo` is the kernel's, if none is given."""
    table = _INFO.read_text(encoding="utf-8", errors="surrogateescape") if mountinfo is None else mountinfo
    for root in config.offload.roots:
        yield _offload(root.path, mount_of(root.path.resolve(), table))
    places = {"delivery": config.delivery.root}
    places |= {f"target {it.name}": it.path for it in config.delivery.targets if it.path}
    for name, path in places.items():
        yield from _delivery(name, path, mount_of(path.resolve(), table))
    yield _state(config.state.root, mount_of(config.state.root.resolve(), table))


def _said(path: Path, mount: Mount) -> str:
    options = ", ".join(option for option in _TOLD if option in mount.options) or "rw"
    return f"{path} on {mount.kind or 'an unknown volume'} ({options})"


def _offload(path: Path, mount: Mount) -> Finding:
    said = _said(path, mount)
    if not path.is_dir():
        return Finding(SUBJECT, "offload", Level.WARN, f"{path} is not there", "mount it; its jobs wait until then")
    if mount.is_network:
        return Finding(SUBJECT, "offload", Level.OK, f"{said}; a network mount tells of no change, so it is scanned")
    safe = "ro" in mount.options and "noexec" in mount.options
    return Finding(SUBJECT, "offload", Level.OK, said if safe else f"{said}; `ro,noexec,nosuid,nodev` would be safer")


def _delivery(name: str, path: Path, mount: Mount) -> Iterator[Finding]:
    said = _said(path, mount)
    if not path.is_dir():
        yield Finding(SUBJECT, name, Level.WARN, f"{path} is not there", "mount it, or make it")
        return
    if "ro" in mount.options:
        yield Finding(SUBJECT, name, Level.ERROR, f"{said}: nothing can be delivered", "mount it writable")
        return
    yield Finding(SUBJECT, name, Level.OK, said)
    try:
        naming = naming_of(path)
    except OSError:
        return  # that nothing can be written there is for the permissions to say
    if naming is Naming.RESERVATIONS:
        fix = "deliver to a volume with hard links (ext4, XFS, NTFS, NFS), and to this one as a further target"
        told = f"{path} has neither hard links nor renames that never replace: names are reserved by empty files first"
        yield Finding(SUBJECT, f"names on {name}", Level.WARN, told, fix)
    else:
        yield Finding(SUBJECT, f"names on {name}", Level.OK, f"given by {naming}")


def _state(path: Path, mount: Mount) -> Finding:
    said = _said(path, mount)
    if mount.is_network:
        fix = "put state.root on a local disk: a database on a network mount can be torn by a cut"
        return Finding(SUBJECT, "state", Level.ERROR, said, fix)
    if mount.kind in _FLEETING:
        return Finding(
            SUBJECT, "state", Level.WARN, f"{said}: lost at a restart", "put state.root on a disk that stays"
        )
    return Finding(SUBJECT, "state", Level.OK, said)
