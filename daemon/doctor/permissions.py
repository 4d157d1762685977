"""Permissions: whether this user may read what is offloaded and write what is made, and nobody else reads the state."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from getpass import getuser
from pathlib import Path

from daemon.config import Config
from daemon.doctor.finding import Finding, Level

SUBJECT = "permissions"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def examined(config: Config) -> Iterator[Finding]:
    """Yield what was found for the user who asks; run it as the service's."""
    user = getuser()
    for root in (root.path for root in config.offload.roots):
        if root.is_dir():
            yield _read(root, user)
    for place in (config.delivery.root, *(it.path for it in config.delivery.targets if it.path)):
        if place.is_dir():
            yield _written(place, user)
    yield _state(config.production_state, user)
    recipe = config.production.recipe
    if recipe and not os.access(recipe, os.R_OK):
        yield Finding(SUBJECT, "recipe", Level.ERROR, f"{user} cannot read {recipe}", f"chmod a+r {recipe}")


def _read(root: Path, user: str) -> Finding:
    """Return whether a root and the folders in it can be gone through."""
    closed = [path for path in (root, *_folders(root)) if not os.access(path, os.R_OK | os.X_OK)]
    if closed:
        fix = f"let {user} read it, say by the group that offloads: chmod g+rX"
        return Finding(SUBJECT, "offload", Level.ERROR, f"{user} cannot read {closed[0]}", fix)
    return Finding(SUBJECT, "offload", Level.OK, f"{user} reads {root}")


def _folders(root: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _written(place: Path, user: str) -> Finding:
    if os.access(place, os.W_OK | os.X_OK):
        return Finding(SUBJECT, "delivery", Level.OK, f"{user} writes {place}")
    return Finding(SUBJECT, "delivery", Level.ERROR, f"{user} cannot write {place}", f"chown or chmod it for {user}")


def _state(folder: Path, user: str) -> Finding:
    """Return whether the state is this user's own and nobody else's: it holds weights, footage and a private key."""
    if not folder.exists():
        return Finding(SUBJECT, "state", Level.OK, f"{folder} is made at the first start")
    seen = folder.stat()
    if seen.st_uid != os.geteuid():
        return Finding(SUBJECT, "state", Level.WARN, f"{folder} is not {user}'s", "run this as the service's own user")
    if stat.S_IMODE(seen.st_mode) & _OTHERS:
        told = f"{folder} has mode {stat.S_IMODE(seen.st_mode):04o}: others may look into it"
        return Finding(SUBJECT, "state", Level.WARN, told, f"chmod 700 {folder}")
    return Finding(SUBJECT, "state", Level.OK, f"{folder} is {user}'s alone")
