"""Lanes: what the children of each may use, by the configuration.

Offloads are read; what is made is written into the staging folder and into the production's own folders of state.
Neither the database nor what was delivered is a child's to write.
"""

from __future__ import annotations

from pathlib import Path

from daemon.config import Config
from daemon.engine import memory_of
from daemon.ground import Ground
from daemon.publish import make_folders
from daemon.worker import Limits

CUSTODY, RENDER, DELIVER = "custody", "render", "deliver"
NAME_SERVERS = ("/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf")
"""Where /etc/resolv.conf may lead."""


def limits_of(config: Config) -> dict[str, Limits]:
    """Return the limits of a child by lane; there is none that delivers where nothing is delivered to."""
    memory, works = memory_of(config), _working(config)
    limits = {CUSTODY: Limits(memory, ground=works), RENDER: Limits(memory, ground=works)}
    if config.delivery.targets:
        limits[DELIVER] = Limits(memory, destinations=tuple(config.egress), ground=_delivering(config))
    return limits


def counts_of(config: Config) -> dict[str, int]:
    """Return how many children each lane has."""
    workers = config.workers
    return {CUSTODY: workers.custody, RENDER: workers.render} | ({DELIVER: 1} if config.delivery.targets else {})


def lay_ground(config: Config) -> None:
    """Make the folders that children write into: what is not there when a child starts stays closed to it."""
    for folder in _written(config):
        make_folders(folder, mode=0o700)


def _written(config: Config) -> tuple[Path, ...]:
    kept = [config.replay] if config.production.training else []  # nothing is kept to learn from before it is approved
    return config.models, config.luts, config.plans, *kept, config.fingerprints, config.staging


def _working(config: Config) -> Ground:
    recipe = [config.production.recipe.parent] if config.production.recipe else []  # the stills of comps lie there
    roots = [root.path for root in config.offload.roots]
    reads = [*roots, *config.offload.stand_ins.folders, *recipe, config.production_delivery, config.certificates]
    return Ground(tuple(map(str, reads)), tuple(map(str, _written(config))))


def _delivering(config: Config) -> Ground:
    targets = config.delivery.targets
    credentials = [target.credentials for target in targets if target.credentials] or [Path("~/.aws").expanduser()]
    reads = (config.production_delivery, *credentials, *NAME_SERVERS)
    return Ground(tuple(map(str, reads)), tuple(str(target.path) for target in targets if target.path))
