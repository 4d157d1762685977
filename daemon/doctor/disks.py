"""Disks: room for what today's cards still need, and what caches take of the room that they have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from daemon.config import Config
from daemon.doctor.finding import Finding, Level
from daemon.errors import ConfigError
from daemon.statusfile import read_status
from daemon.volumes import GIB, STATE_KEEP_BYTES, room_at, said

SUBJECT = "disks"


def examined(config: Config) -> Iterator[Finding]:
    """Yield what was found."""
    yield _delivery(config, _needed(config))
    yield _state(config.production_state)
    yield _caches(config)


def _needed(config: Config) -> int:
    """Return what the clips that the service knows still need; 0 where it never ran."""
    try:
        volumes = read_status(config.production_state).volumes
    except (ConfigError, ValueError):
        return 0
    return sum(volume.needed_bytes for volume in volumes)


def _delivery(config: Config, needed: int) -> Finding:
    keep = int(config.delivery.keep_free_gib * GIB)
    try:
        _, free = room_at(config.production_delivery)
    except OSError as error:
        return Finding(SUBJECT, "delivery", Level.ERROR, f"its volume does not answer: {error}", "see to the volume")
    told = f"{said(free)} free, {said(needed)} needed for what is known, {said(keep)} stay free"
    if free < keep:
        return Finding(SUBJECT, "delivery", Level.ERROR, f"{told}: nothing is rendered", "make room")
    if free < keep + needed:
        return Finding(SUBJECT, "delivery", Level.WARN, told, "make room before today's cards are through")
    return Finding(SUBJECT, "delivery", Level.OK, told)


def _state(folder: Path) -> Finding:
    try:
        _, free = room_at(folder)
    except OSError as error:
        return Finding(SUBJECT, "state", Level.ERROR, f"its volume does not answer: {error}", "see to the volume")
    if free < STATE_KEEP_BYTES:
        return Finding(SUBJECT, "state", Level.WARN, f"{said(free)} free", "make room: a full disk stops the service")
    return Finding(SUBJECT, "state", Level.OK, f"{said(free)} free")


def _caches(config: Config) -> Finding:
    """Return what each cache takes of the room that the configuration gives it; each makes room by itself."""
    rooms = {
        "plans": (config.plans, int(config.gpu.plans_gib * GIB)),
        "replay": (config.replay, int(config.refine.replay_gib * GIB)),
        "log": (config.logbook, config.log.keep_mib << 20),
    }
    told = [f"{name} {said(_size(folder))} of {said(room)}" for name, (folder, room) in rooms.items()]
    return Finding(SUBJECT, "caches", Level.OK, ", ".join(told))


def _size(folder: Path) -> int:
    try:
        return sum(path.lstat().st_size for path in folder.iterdir())
    except OSError:
        return 0
