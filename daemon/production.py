"""A production as the service runs it: what every station is handed.

Owns nothing but the bundle: configuration, recipe, database, places. Time comes as a Moment, never from
here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from daemon.clock import Clock
from daemon.config import Config
from daemon.looks import LookBook
from daemon.manifests import Manifest
from daemon.recipe import RecipeBook
from daemon.slate import CardPlace, FileMark, FoundCard, Trouble, Undone
from daemon.store import Store


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: `monotonic` seconds to measure by, `utc` to write down."""

    monotonic: float
    utc: datetime

    @classmethod
    def of(cls, clock: Clock) -> Moment:
        """Return now by a clock."""
        return cls(clock.monotonic(), clock.utc())

    @property
    def iso(self) -> str:
        """ISO 8601 in UTC, to the second."""
        return self.utc.isoformat(timespec="seconds")

    @property
    def utc_seconds(self) -> float:
        """Seconds since the epoch, for what must survive a restart."""
        return self.utc.timestamp()


@dataclass(frozen=True, slots=True)
class Seen:
    """A card as the last scan saw it: what lies there (`marks` by path in the roll) and what is expected.

    `trouble` says why its manifests cannot be used. `busy` means that a file of it changed within the settle
    time.
    """

    place: CardPlace
    found: FoundCard
    marks: dict[str, FileMark]
    manifest: Manifest
    trouble: Trouble | None
    busy: bool

    def expected(self, path: str) -> dict[str, str]:
        """Return the hashes that the manifests give for a file of the roll, by algorithm; empty for none."""
        return self.manifest.expected(path)


@dataclass(slots=True)
class Production:
    """One production being served.

    `look_marks` are the look files of each root as just scanned, None for one that still settles. `seen` holds each
    card as the last scan saw it. `waiting` says why for each clip that stands before the gate or lacks half of itself;
    `roots_away` are the offload roots that are not mounted now, with the reason, `targets_away` likewise the delivery
    targets, by name. `unwritten` are the cards whose
    turnover the delivery volume refused when it was last tried. `undone` is what delivered clips were asked for and
    have not got, where that is not on its way.
    """

    config: Config
    recipes: RecipeBook
    store: Store
    looks: LookBook
    look_marks: dict[str, dict[str, FileMark | None]] = field(default_factory=dict)
    seen: dict[int, Seen] = field(default_factory=dict)
    waiting: dict[int, str] = field(default_factory=dict)
    roots_away: dict[str, str] = field(default_factory=dict)
    targets_away: dict[str, str] = field(default_factory=dict)
    unwritten: dict[int, Trouble] = field(default_factory=dict)
    undone: dict[int, tuple[Undone, ...]] = field(default_factory=dict)

    @property
    def staging(self) -> Path:
        """Hidden folder on the delivery's own filesystem, where files are made."""
        return self.config.staging

    def day_of(self, moment: datetime) -> date:
        """Return the shoot day of a moment: 03:00 belongs to the day before, by `day_starts`."""
        starts = self.config.production.day_starts
        return (moment - timedelta(hours=starts.hour, minutes=starts.minute)).date()


def key_of(*parts: str) -> str:
    """Return a stable digest of the parts, for idempotency keys and identities."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
