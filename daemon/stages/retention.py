"""Retention: revisions that were replaced go, where the configuration keeps only so many.

Never the current one, and never one that an ALE of this day names or named: an editor who took that ALE in the morning
works with it until the evening. First the roll is written without the old revision, then the file goes; a crash in
between leaves a file that nobody names, and it goes at the next turn. There is no work side.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from daemon.errors import DeliveryError
from daemon.log import get
from daemon.production import Moment, Production
from daemon.publish import delivering, withdraw
from daemon.slate import Twin
from daemon.stages.landing import roll_folder, still_path
from daemon.store import Card, Clip, Proxy

_REST_SECONDS = 60.0
"""Between two looks for what may go, and after a volume refused."""


class Retention:
    """The plan side."""

    name = "retention"

    def __init__(self) -> None:
        self._next_look = 0.0
        self._refused: dict[int, float] = {}

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
                for proxy in _may_go(production, clip, keep, now):
                    production.store.let_go(proxy.id, card.id)

    def _remove(self, production: Production, card: Card, proxy: Proxy, now: Moment) -> None:
        """Remove a file that was let go; a volume that refuses, as where somebody has it open, is asked again later."""
        try:
            _remove_file(roll_folder(production, card), proxy)
        except DeliveryError as error:
            self._refused[proxy.id] = now.monotonic + _REST_SECONDS
            get().warning("revision.stays", path=proxy.facts.path, code=error.code, why=error.why)
            return
        production.store.gone(proxy.id)
        get().info("revision.removed", roll=card.roll, path=proxy.facts.path, revision=proxy.facts.revision)


def _is_written(card: Card) -> bool:
    """Return whether a card's sidecars say all that the database does."""
    return card.complete and not card.turnover_due


def _may_go(production: Production, clip: Clip, keep: int, now: Moment) -> Iterator[Proxy]:
    """Return the revisions beyond the newest `keep` whose successor was delivered on a day before."""
    today = production.day_of(now.utc)
    for twin in Twin:
        proxies = production.store.proxies(clip.id, twin)
        for proxy, successor in list(pairwise(proxies))[: max(0, len(proxies) - keep)]:
            if production.day_of(datetime.fromisoformat(successor.facts.published_at)) < today:
                yield proxy


def _remove_file(folder: Path, proxy: Proxy) -> None:
    """Remove a proxy and its still; what is not of the size that was delivered is somebody else's, and stays."""
    for file in proxy.facts.files:
        movie = folder / file.path
        with delivering(movie):
            if movie.is_file() and not movie.is_symlink() and movie.stat().st_size == file.size_bytes:
                withdraw(movie)
    withdraw(folder / still_path(proxy))
