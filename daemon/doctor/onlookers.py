"""Onlookers: whether those who are to be told can be, and whether figures can be left for them. Sends nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from daemon.config import Config
from daemon.destinations import label, urls_of
from daemon.doctor.finding import Finding, Level
from daemon.errors import ConfigError

SUBJECT = "onlookers"


def examined(config: Config) -> Iterator[Finding]:
    """Yield what was found; nothing where nobody looks on."""
    if config.notify.urls:
        yield _notify(config)
    if config.metrics.textfile:
        yield _metrics(config.metrics.textfile)


def _notify(config: Config) -> Finding:
    try:
        ways = [label(url) for url in urls_of(config.notify.urls, config.egress)]
    except ConfigError as error:
        return Finding(SUBJECT, "notify", Level.ERROR, f"{error.what}: {error.why}", error.fix)
    return Finding(SUBJECT, "notify", Level.OK, f"{', '.join(ways)}; `nearset notify --test` tries them")


def _metrics(textfile: Path) -> Finding:
    if os.access(textfile.parent, os.W_OK | os.X_OK):
        return Finding(SUBJECT, "metrics", Level.OK, f"left in {textfile}")
    fix = f"make {textfile.parent} and let the service's user write it"
    return Finding(SUBJECT, "metrics", Level.WARN, f"{textfile.parent} is not there, or cannot be written", fix)
