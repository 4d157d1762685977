"""Running: the service from its start to its stop, as `nearset run` and `nearset once` have it.

Where the volume of the state refuses, it begins again, as after a crash; where another process holds the database, it
waits.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from daemon.children import spawned
from daemon.clock import SystemClock
from daemon.cluster import nodefile
from daemon.cluster.fleet import RayFleet
from daemon.config import Config
from daemon.crew import hiring
from daemon.display import Progress
from daemon.egress import kept_to
from daemon.engine import TORCH_STAGES, must_be_alone
from daemon.errors import DeliveryError, NearsetError, StateAway
from daemon.executor import LocalExecutor
from daemon.lanes import counts_of, limits_of
from daemon.log import configure, get, kept_in
from daemon.logbook import Logbook
from daemon.notify import Notifier
from daemon.onlookers import Onlookers
from daemon.opening import opened
from daemon.service import Service
from daemon.status import Snapshot
from daemon.statusfile import write_status
from daemon.turns import Turns, await_database
from daemon.watch import Hints
from daemon.web.keeping import Keeper

_LONGEST_PAUSE_SECONDS = 60.0
_REFUSALS = (DeliveryError, StateAway, OSError, sqlite3.Error)
"""What is thrown where a volume refuses the service itself, and no stage or job of it."""


class GivenUp(Exception):
    """The state's volume refused to the end."""


@dataclass(slots=True)
class Stop:
    """How often it was asked to stop: the first time it drains, a second one has it hurry."""

    asked: int = 0
    _came: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        """Ask for a stop."""
        self.asked += 1
        self._came.set()

    def wait(self, seconds: float) -> bool:
        """Let seconds pass, fewer where a stop is asked for; return whether it is."""
        return self._came.wait(seconds)


@dataclass(slots=True)
class Ground:
    """The state that this process serves: once it was there, it is never made anew.

    A volume that went away leaves an empty mount point. A state begun there would know of no delivery, sign with
    another key, and be hidden when the volume comes back.
    """

    settings: Config
    known: bool = False

    def must_be_there(self) -> None:
        """Return nothing if the state is there, or never was.

        Raises:
            StateAway: it was there, and is not now.
        """
        self.known = self.known or self.settings.database.exists()
        if self.known and not self.settings.database.exists():
            raise StateAway(
                f"the state of {self.settings.production.code} is not there any more",
                why=f"{self.settings.database} is gone: its volume went away, or somebody moved it",
                fix="mount it, or put it back; the service goes on by itself, and begins no other in its place",
            )


@contextmanager
def stop_asked() -> Iterator[Stop]:
    """Give the signals to stop, SIGTERM and SIGINT, that come within the block."""
    stop = Stop()
    before = {number: signal.signal(number, lambda *_: stop.ask()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(settings: Config, *, once: bool, workers: Path | None = None, page: Path | None = None) -> Snapshot | None:
    """Serve until told to stop, or once; return what was seen last, None where a stop came before the start.

    With `workers` children are had from the worker unit that listens there; with `page`, the configuration's file, the
    status page is kept up beside it.

    Raises:
        GivenUp: the state's volume refuses, and it is to serve once.
    """
    notifier, pauses = Notifier.from_environment(os.environ), _pauses(settings, once=once)
    ground = Ground(settings)
    with kept_to(()), Progress() as progress, stop_asked() as stop, kept_up(page) as keeper:
        configure(settings.log.level, settings.log.format)  # once the progress is shown, so that lines go above it
        while True:
            try:
                ground.must_be_there()
                return _served(settings, notifier, progress, stop, keeper, ground, once=once, workers=workers)
            except _REFUSALS as error:
                told = _refused(settings, error)
                get().error("service.begins_again", code=told.code, what=told.what, why=told.why, fix=told.fix)
                notifier.status(f"begins again: {told.what}")
                pause_seconds = next(pauses, None)
                if pause_seconds is None or stop.wait(pause_seconds):
                    raise GivenUp from error


def _served(
    settings: Config,
    notifier: Notifier,
    progress: Progress,
    stop: Stop,
    keeper: Keeper | None,
    ground: Ground,
    *,
    once: bool,
    workers: Path | None,
) -> Snapshot | None:
    """Serve from a fresh start to a stop, or until nothing is left to do; return what was seen last."""
    executor = LocalExecutor(
        counts_of(settings),
        limits_of(settings),
        settings.workers.hung_seconds,
        settings.workers.task_hours * 3600,
        TORCH_STAGES if must_be_alone(settings) else frozenset(),
        hiring(workers) if workers else spawned,
        _fleet(settings),
    )
    with ExitStack() as stack:
        await_database(settings.database, notifier, stop.wait, lambda: stop.asked > 0)
        if stop.asked:
            return None
        production = stack.enter_context(opened(settings))
        ground.known = True
        stack.enter_context(_kept(settings))
        onlookers = Onlookers.of(settings, production.store)
        stack.callback(onlookers.close)
        stack.callback(executor.close)
        executor.open()
        hints = Hints(settings.offload.roots)
        stack.callback(hints.close)
        turns = Turns(Service(production, executor), executor, SystemClock(), notifier, stop.wait)
        turns.begin()
        service = turns.service
        while not stop.asked:
            if keeper:
                keeper.keep(turns.clock.monotonic())
            service.hint(hints.take())
            if (seen := turns.turn()) is None:
                continue
            write_status(settings.production_state, seen)
            progress.show(seen)
            onlookers.look(seen, service.tally, turns.now())
            if once and service.is_idle():
                onlookers.end(seen, service.tally, turns.now)
                break
        turns.drain(lambda: stop.asked > 1)
        return service.snapshot(turns.now())


def _fleet(settings: Config) -> RayFleet | None:
    """Return the other machines, where the configuration names a cluster.

    Raises:
        ConfigError: this machine's node file has faults.
    """
    file = settings.cluster.file
    return RayFleet(settings, nodefile.load(file)) if settings.executor == "ray" and file else None


@contextmanager
def kept_up(page: Path | None) -> Iterator[Keeper | None]:
    """Give what keeps the status page up; it ends with the block."""
    keeper = Keeper(page) if page else None
    try:
        yield keeper
    finally:
        if keeper:
            keeper.close()


def _kept(settings: Config) -> AbstractContextManager[None]:
    """Keep the log beside the database, too, in the room that the configuration gives it."""
    room = settings.log.keep_mib << 20
    return kept_in(Logbook(settings.logbook, room)) if room else nullcontext()


def _pauses(settings: Config, *, once: bool) -> Iterator[float]:
    """Yield how many seconds to wait before the service begins again; without end, unless it serves once."""
    tries = range(settings.workers.attempts - 1) if once else count()
    return (min(settings.workers.retry_seconds * 2 ** min(tried, 8), _LONGEST_PAUSE_SECONDS) for tried in tries)


def _refused(settings: Config, error: Exception) -> NearsetError:
    """Return what to tell of what the service cannot go on with."""
    if isinstance(error, NearsetError):
        return error
    where = getattr(error, "filename", None) or settings.production_state
    damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    return StateAway(
        f"the state of {settings.production.code} cannot be used",
        why=f"{getattr(error, 'strerror', None) or error} ({where})",
        fix="its database is damaged: stop the service, put the whole folder aside and restore its backup"
        if damaged
        else "check that its volume is mounted, writable and has room; the service begins again by itself",
    )
