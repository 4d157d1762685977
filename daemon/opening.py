"""Opening: a production is served by one process alone, apart from its neighbours, its database migrated."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon import recipe
from daemon.config import Config
from daemon.errors import ConfigError
from daemon.places import claims, clashes
from daemon.production import Production
from daemon.publish import make_folders, replace
from daemon.stages.looks import book_of
from daemon.store import Store


@contextmanager
def opened(config: Config) -> Iterator[Production]:
    """Open a production: alone (a lock), apart from its neighbours, its database migrated, its recipe read.

    Raises:
        ConfigError: it is served already, or its folders overlap with another production's. RecipeError.
    """
    with locked(config):
        _claim_folders(config)
        book = recipe.load(config.production.recipe, config)
        store = Store(config.database)
        try:
            yield Production(config, book, store, book_of(config, store))
        finally:
            store.close()


@contextmanager
def locked(config: Config) -> Iterator[None]:
    """Hold a production alone.

    Raises:
        ConfigError: another process holds it.
    """
    state = config.production_state
    make_folders(state, mode=0o700)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"production {config.production.code} is served already",
                why=f"another nearset holds {state / 'lock'}",
                fix="stop that one first, or ask it: `nearset status`, `nearset retry`",
            ) from None
        yield


def _claims_in(path: Path) -> dict[str, list[str]]:
    """Return the folders that another production claims."""
    try:
        found: dict[str, list[str]] = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigError(
            f"{path} is damaged, so that it is not known which folders production {path.parent.name} has",
            why=str(error),
            fix="start that production, which writes it anew, or take its folder out of state.root if it is over",
        ) from error
    return found


def _claim_folders(config: Config) -> None:
    others = {}
    for path in config.state.root.glob("*/claims.json"):
        if path.parent.name != config.production.code:
            others[path.parent.name] = _claims_in(path)
    if found := clashes(config, others):
        raise ConfigError(
            f"production {config.production.code} overlaps with another",
            why="; ".join(found),
            fix="give each production folders of its own",
        )
    target: Path = config.production_state / "claims.json"
    replace(f"{json.dumps(claims(config), indent=1)}\n".encode(), target, config.production_state)
