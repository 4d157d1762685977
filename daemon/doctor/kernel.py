"""Kernel: the features that the service leans on, beside seccomp, which a child tries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from daemon import landlock
from daemon.config import Config
from daemon.doctor.finding import Finding, Level

SUBJECT = "kernel"
_LEASES = Path("/proc/sys/fs/leases-enable")


def examined(config: Config | None) -> Iterator[Finding]:
    """Yield what was found."""
    yield _landlock(landlock.version())
    if config and config.delivery.keep_revisions is not None:
        yield _leases(_LEASES)


def _landlock(version: int) -> Finding:
    """Return whether children are kept to their folders."""
    if version:
        return Finding(SUBJECT, "Landlock", Level.OK, f"version {version}: children are kept to their folders")
    told = "is not there, or switched off: user, unit and seccomp keep children still, and no folders do"
    fix = "boot a kernel of 5.13 or newer; if it has it, put `lsm=landlock,...` on its command line"
    return Finding(SUBJECT, "Landlock", Level.WARN, told, fix)


def _leases(switch: Path) -> Finding:
    """Return whether it can be told that somebody has a delivered file open. Source: proc_sys_fs(5)."""
    try:
        on = switch.read_text(encoding="ascii").strip() == "1"
    except OSError:
        on = False
    if on:
        return Finding(SUBJECT, "file leases", Level.OK, "tell who has a replaced revision open")
    told = "are off: a replaced revision stays a week, since nobody can tell whether it is open"
    return Finding(SUBJECT, "file leases", Level.WARN, told, "sysctl fs.leases-enable=1")
