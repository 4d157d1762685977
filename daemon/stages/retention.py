"""Retention: revisions that were replaced go, where the configuration keeps only so many.

Never the current one, never one that an ALE of this day names or named (an editor who took that ALE in the morning
works with it until the evening), and never one that somebody has open. Where that cannot be told (`holders.py`), one
that was replaced a week ago counts as let alone. First the roll is written without the old revision, then the file
goes; a crash in between leaves a file that nobody names, and it goes at the next turn. There is no work side.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from daemon.errors import DeliveryError
from daemon.holders import Use, in_use
from daemon.log import get
from daemon.production import Moment, Production
from daemon.publish import delivering, withdraw, withdraw_folder
from daemon.slate import Twin
from daemon.stages.landing import before_path, roll_folder, still_path
from daemon.store import Card, Clip, Proxy

_REST_SECONDS = 60.0
"""Between two looks for what may go, and after a volume refused or an editor had it open."""
_UNSEEN_DAYS = 7
"""Shoot days that a replaced revision stays where it cannot be told whether somebody has it open."""


class Retention:
    """The plan side."""

    name = "retention"

    def __init__(self) -> None:
        self._next_look = 0.0
        self._refused: dict[int, float] = {}
        self._told: set[int] = set()

    def plan(self, production: Production, now: Moment) -> None:
        """Remove what was let go from rolls that are written without it, then let go of what else may."""
        for proxy in production.store.let_go_of():
            card = production.store.card(production.store.clip(proxy.clip).card)
            if _is_written(card) and self._refused.get(proxy.id, 0.0) <= now.monotonic:
                self._remove(production, card, proxy, now)
        keep = production.config.delivery.keep_revisions
        if keep is None or now.monotonic < self._next_look:
            return
        self._next_look = now.monotonic + _REST_SECONDS
        for card in filter(_is_written, production.store.cards()):
            for clip in production.store.clips(card=card.id):
                for proxy, days in _may_go(production, clip, keep, now):
                    self._let_go(production, card, proxy, days)

    def _let_go(self, production: Production, card: Card, proxy: Proxy, days: int) -> None:
        """Let go of a revision that was replaced so many shoot days ago, unless it may be in use."""
        folder = roll_folder(production, card)
        uses = {_use_of(folder / file.path) for file in proxy.facts.files}
        use = next(use for use in (Use.OPEN, Use.UNKNOWN, Use.FREE) if use in uses)
        if use is Use.FREE or (use is Use.UNKNOWN and days >= _UNSEEN_DAYS):
            production.store.let_go(proxy.id, card.id)
        elif proxy.id not in self._told:
            self._told.add(proxy.id)
            get().info("revision.stays", path=proxy.facts.path, why=_WHY[use])

    def _remove(self, production: Production, card: Card, proxy: Proxy, now: Moment) -> None:
        """Remove a file that was let go; one that an editor opened since, or a volume refuses, is asked again later."""
        try:
            _remove_files(roll_folder(production, card), proxy, production.staging)
        except DeliveryError as error:
            self._refused[proxy.id] = now.monotonic + _REST_SECONDS
            get().warning("revision.stays", path=proxy.facts.path, code=error.code, why=error.why)
            return
        production.store.gone(proxy.id)
        get().info("revision.removed", roll=card.roll, path=proxy.facts.path, revision=proxy.facts.revision)


_WHY = {
    Use.OPEN: "somebody has it open",
    Use.UNKNOWN: f"whether somebody has it open cannot be told here: it stays {_UNSEEN_DAYS} days",
}


def _is_written(card: Card) -> bool:
    """Return whether a card's sidecars say all that the database does."""
    return card.complete and not card.turnover_due


def _may_go(production: Production, clip: Clip, keep: int, now: Moment) -> Iterator[tuple[Proxy, int]]:
    """Return the revisions beyond the newest `keep`, and how many days ago each was replaced: one day or more."""
    today = production.day_of(now.utc)
    for twin in Twin:
        proxies = production.store.proxies(clip.id, twin)
        for proxy, successor in list(pairwise(proxies))[: max(0, len(proxies) - keep)]:
            days = (today - production.day_of(datetime.fromisoformat(successor.facts.published_at))).days
            if days > 0:
                yield proxy, days


def _use_of(movie: Path) -> Use:
    """Return whether a file is in use; one that is gone is not, one that cannot be opened may be."""
    try:
        with in_use(movie) as use:
            return use
    except FileNotFoundError:
        return Use.FREE
    except OSError:
        return Use.UNKNOWN


def _is_ours(movie: Path, size_bytes: int) -> bool:
    return movie.is_file() and not movie.is_symlink() and movie.stat().st_size == size_bytes


def _remove_files(folder: Path, proxy: Proxy, staging: Path) -> None:
    """Remove a proxy's files and its stills; what is not of the size that was delivered is somebody else's, and stays.

    Raises:
        DeliveryError: somebody has one of them open, or the volume refuses; then all of them stay.
    """
    with delivering(folder / proxy.facts.path), ExitStack() as free:
        ours = [folder / file.path for file in proxy.facts.files if _is_ours(folder / file.path, file.size_bytes)]
        for movie in ours:
            use = _use_of(movie) if proxy.facts.folder else free.enter_context(in_use(movie))  # stills are too many
            if use is Use.OPEN:
                raise DeliveryError(f"{movie.name} stays", why=_WHY[Use.OPEN], fix="it goes once that is closed")
        if ours and proxy.facts.folder:
            withdraw_folder(folder / proxy.facts.folder, [movie.name for movie in ours], staging)
        for movie in ours if not proxy.facts.folder else ():
            withdraw(movie)
    for path in (still_path(proxy), before_path(proxy)):
        withdraw(folder / path)
