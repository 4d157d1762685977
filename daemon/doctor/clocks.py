"""Clocks: whether the machine's time can be believed, and in which zone it says it."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from daemon.config import Config
from daemon.doctor.finding import Finding, Level
from daemon.errors import ConfigError
from daemon.logbook import read
from daemon.production import Moment
from daemon.statusfile import read_status

SUBJECT = "clock"
_ZONE = Path("/etc/localtime")
_TIMEX_BYTES, _MAX_ERROR, _STATUS, _UNSYNCHRONISED = 256, 24, 40, 0x40
"""Room for a struct timex, two of its fields on 64-bit Linux, and a bit. Source: adjtimex(2), linux/timex.h."""
_SYNCHRONISE = "`timedatectl set-ntp true`, or a time server on the cart: records, logs and signatures go by this clock"
_JUMPS_SINCE = timedelta(days=1)
_AHEAD = timedelta(minutes=1)


def examined(config: Config | None, now: Moment) -> Iterator[Finding]:
    """Yield what was found."""
    yield _synchronised(*_kernel_clock())
    yield _zone(now.utc, _ZONE)
    if config:
        yield _jumps(config, now)


def _kernel_clock() -> tuple[bool, float]:
    """Return whether something keeps the clock, and how far it may be off, in seconds."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        return False, float("inf")
    (most_microseconds,) = struct.unpack_from("@l", timex, _MAX_ERROR)
    (status,) = struct.unpack_from("@i", timex, _STATUS)
    return not status & _UNSYNCHRONISED, most_microseconds / 1e6


def _synchronised(kept: bool, most_seconds: float) -> Finding:  # noqa: FBT001 - a fact, not a switch
    if kept:
        return Finding(SUBJECT, "synchronised", Level.OK, f"to {most_seconds:.3f} s or better")
    return Finding(SUBJECT, "synchronised", Level.WARN, "nothing keeps this clock right", _SYNCHRONISE)


def _zone(utc: datetime, zone: Path) -> Finding:
    here = utc.astimezone()
    told = f"{here.tzname()}, UTC{here:%z}"
    if zone.exists() or os.environ.get("TZ"):
        return Finding(SUBJECT, "time zone", Level.OK, told)
    return Finding(SUBJECT, "time zone", Level.WARN, f"none is set, so {told}", "`timedatectl set-timezone ZONE`")


def _jumps(config: Config, now: Moment) -> Finding:
    """Return whether the clock went back behind the last status, or jumped while the service looked."""
    try:
        last = datetime.fromisoformat(read_status(config.production_state).at)
    except (ConfigError, ValueError):
        last = now.utc
    if last > now.utc + _AHEAD:
        told = f"the last status is of {last:%Y-%m-%d %H:%M} UTC, which is still to come: the clock went back"
        return Finding(SUBJECT, "jumps", Level.WARN, told, _SYNCHRONISE)
    since = (now.utc - _JUMPS_SINCE).isoformat()
    jumps = [
        line for line in read(config.logbook) if line.get("event") == "clock.jumped" and str(line["timestamp"]) > since
    ]
    if jumps:
        told = f"{len(jumps)} in a day, the last by {jumps[-1].get('seconds')} s at {jumps[-1]['timestamp']}"
        return Finding(SUBJECT, "jumps", Level.WARN, told, _SYNCHRONISE)
    return Finding(SUBJECT, "jumps", Level.OK, "none in a day, as far as the log goes")
