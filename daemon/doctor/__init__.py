"""What this machine has of all that nearset can use, what is wrong with it, and how to mend it. Leaves nothing behind.

A file a subject. What needs a decoder, an encoder or a colour library is tried in a child, as the service would.
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.config import Config
from daemon.doctor import (
    certificates,
    clocks,
    disks,
    engines,
    hardware,
    kernel,
    media,
    mounts,
    onlookers,
    permissions,
    watching,
)
from daemon.doctor.finding import Finding
from daemon.production import Moment


def examined(config: Config | None, now: Moment) -> Iterator[Finding]:
    """Yield what was found; without a configuration what does not depend on one, and auto is the engine."""
    yield from engines.examined(config)
    yield from media.examined(config)
    yield from hardware.examined(config)
    yield from kernel.examined(config)
    yield from clocks.examined(config, now)
    if config:
        yield from mounts.examined(config)
        yield from permissions.examined(config)
        yield from disks.examined(config)
        yield from watching.examined(config)
        yield from certificates.examined(config, now)
        yield from onlookers.examined(config)
