"""Kernel: the features that the service leans on, beside seccomp, which a child tries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from daemon.config import Config
from daemon.doctor.finding import Finding, Level

SUBJECT = "kernel"
_LEASES = Path("/proc/sys/fs/leases-enable")


def examined(config: Config | None) -> Iterator[Finding]:
    """Yield what was found."""
    if config and config.delivery.keep_revisions is not None:
        yield _leases(_LEASES)


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
