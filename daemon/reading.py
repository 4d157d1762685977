"""A production's database, opened to be read by a command beside the service, which alone writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from daemon.config import Config
from daemon.errors import ConfigError
from daemon.store import Store

DATABASE = "nearset.sqlite"
"""Name of the database in a production's state folder."""


def unmatched(settings: Config, pattern: str) -> str:
    """Return what to tell whoever asks something of clips by a pattern that names none; empty where it names one."""
    if settings.database.exists():
        with reading(settings) as store:
            if store.clips_named(pattern):
                return ""
    return f"; no clip that is known by now is called {pattern}: `nearset status` lists them, capitals count"


@contextmanager
def reading(settings: Config) -> Iterator[Store]:
    """Open the production's database to read it.

    Raises:
        ConfigError: the service never ran for this production.
    """
    path = settings.database
    if not path.exists():
        raise ConfigError(
            f"there is no state of production {settings.production.code}",
            why="nearset has not run for it yet, or it was purged",
            fix="start it with `nearset run` or `nearset once`",
        )
    store = Store(path, read_only=True)
    try:
        yield store
    finally:
        store.close()
