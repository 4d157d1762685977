"""The messenger: sends notices from a child of its own, which is there only while there is something to send.

Each way (a URL) has news of its own: one that is away keeps no other from being told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from daemon import wire
from daemon.config import Config
from daemon.destinations import label, leads_to, urls_of
from daemon.executor import Executor, LocalExecutor, Report
from daemon.ground import Ground
from daemon.lanes import NAME_SERVERS
from daemon.log import get
from daemon.notices import News, Pending, composed, news_of
from daemon.production import Moment, key_of
from daemon.sending import STAGE, Sending
from daemon.slate import Trouble
from daemon.status import Snapshot
from daemon.store import Store
from daemon.worker import Limits

_LOOK_SECONDS = 5.0
_IDLE_SECONDS = 120.0
_HUNG_SECONDS = 60.0
_CHILD_BYTES = 4 << 30
_SINCE = ""
"""The subject under which it is noted that a way is used: what was there before is no news."""


def child_for(urls: Iterable[str]) -> LocalExecutor:
    """Return the child that sends, not started yet: it may connect to where the URLs lead."""
    places = tuple(f"{f'[{host}]' if ':' in host else host}:{port}" for host, port in map(leads_to, urls))
    limits = Limits(_CHILD_BYTES, destinations=places, ground=Ground(NAME_SERVERS))
    return LocalExecutor({STAGE: 1}, {STAGE: limits}, _HUNG_SECONDS)


@dataclass(slots=True)
class _Way:
    """A URL, and what is not told through it."""

    url: str
    pending: Pending = field(default_factory=Pending)
    on_its_way: tuple[News, ...] = ()

    @property
    def key(self) -> str:
        """Name of it in the database, which has no secrets."""
        return key_of("notices", self.url)[:32]


class Messenger:
    """Tells news through every way of one production; `open_child` starts what sends."""

    def __init__(self, config: Config, store: Store, urls: list[str], open_child: Callable[[], Executor]) -> None:
        self._production, self._events = config.production.code, frozenset(config.notify.events)
        self._store, self._open_child = store, open_child
        self._ways = [_Way(url) for url in urls]
        self._child: Executor | None = None
        self._due = self._used = float("-inf")

    @classmethod
    def of(cls, config: Config, store: Store) -> Messenger | None:
        """Return the messenger that a configuration asks for; None where nobody is to be told.

        Raises:
            ConfigError: a URL cannot be had, or leads to what is not listed under egress.
        """
        if not (urls := urls_of(config.notify.urls, config.egress)):
            return None

        def open_child() -> Executor:
            child = child_for(urls)
            child.open()
            return child

        return cls(config, store, urls, open_child)

    def look(self, seen: Snapshot, now: Moment) -> None:
        """Take what is new, send what is due, hear what became of it."""
        self._hear(now)
        if now.monotonic < self._due:
            return
        self._due = now.monotonic + _LOOK_SECONDS
        self._gather(seen, now)
        self._send([way for way in self._ways if way.pending.is_due(now.monotonic)], now)
        if self._child and now.monotonic - self._used > _IDLE_SECONDS and not self._child.running():
            self.close()

    def flush(self, seen: Snapshot, clock: Callable[[], Moment], most_seconds: float = 15.0) -> None:
        """Send what is not told yet, without waiting for more of it: the service ends, having done all there is."""
        began = clock().monotonic
        self._gather(seen, clock())
        asked = [way for way in self._ways if way.pending.news]
        while clock().monotonic - began < most_seconds and (asked or any(way.on_its_way for way in self._ways)):
            self._send(asked, clock())
            asked = [way for way in asked if not way.on_its_way]
            self._hear(clock(), wait_seconds=0.25)

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.close()
            self._child = None

    def _gather(self, seen: Snapshot, now: Moment) -> None:
        current = {news.subject: news for news in news_of(seen) if news.event in self._events}
        for way in self._ways:
            told = self._store.told(way.key)
            if not told:
                facts = [(news.subject, news.fact) for news in current.values()]
                self._store.note_told(way.key, [(_SINCE, ""), *facts], now.iso)
                continue
            if gone := told.keys() - current.keys() - {_SINCE}:
                self._store.forget_told(way.key, gone)
            news = tuple(it for it in current.values() if told.get(it.subject) != it.fact)
            way.pending.take(news, now.monotonic)

    def _send(self, ways: Iterable[_Way], now: Moment) -> None:
        """Send the news of ways, one after the other: what finds the child busy is asked for again."""
        for way in ways:
            self._child = self._child or self._open_child()
            if way.on_its_way or not self._child.free(STAGE):
                continue
            way.on_its_way, self._used = way.pending.news, now.monotonic
            message = composed(self._production, way.on_its_way)
            task = wire.dump(Sending, Sending(way.url, message.title, message.body))
            self._child.start(STAGE, self._ways.index(way), "", STAGE, task, now.monotonic)

    def _hear(self, now: Moment, wait_seconds: float = 0.0) -> None:
        for report in self._child.poll(now.monotonic, wait_seconds) if self._child else ():
            self._take(report, now)

    def _take(self, report: Report, now: Moment) -> None:
        way = self._ways[report.job]
        news, way.on_its_way = way.on_its_way, ()
        if report.trouble is None:
            way.pending.sent(now.monotonic)
            get().info("notice.sent", to=label(way.url), news=len(news))
        elif not self._lets_go(way, report.trouble, now):
            return
        self._store.note_told(way.key, ((it.subject, it.fact) for it in news), now.iso)
        way.pending.take(tuple(it for it in way.pending.news if it not in news), now.monotonic)

    def _lets_go(self, way: _Way, trouble: Trouble, now: Moment) -> bool:
        """Return whether news that was not taken is let go; else it is tried again later."""
        lets_go = way.pending.failed(now.monotonic)
        event = "notice.dropped" if lets_go else "notice.waits"
        get().warning(event, to=label(way.url), code=trouble.code, what=trouble.what, why=trouble.why, fix=trouble.fix)
        return lets_go


def tried(config: Config, clock: Callable[[], Moment]) -> list[tuple[str, Trouble | None]]:
    """Send a trial to every URL of a configuration; return where each leads, and why it was not taken.

    Raises:
        ConfigError: a URL cannot be had, or leads to what is not listed under egress.
    """
    urls = urls_of(config.notify.urls, config.egress)
    code = config.production.code
    trial = Sending("", f"{code}: a trial", f"nearset serves {code} on {os.uname().nodename}. There is nothing to do.")
    found: list[tuple[str, Trouble | None]] = []
    for url in urls:
        child = child_for([url])
        child.open()
        try:
            child.start(STAGE, 0, "", STAGE, wire.dump(Sending, replace(trial, url=url)), clock().monotonic)
            while not (reports := child.poll(clock().monotonic, 1.0)):
                continue
        finally:
            child.close()
        found.append((label(url), reports[0].trouble))
    return found
