"""The clerk: composes AAFs in a process of its own, so that the control process does not stand still for them.

An AAF costs 0.25 s of a processor and 12 to 25 ms more for each take (docs/performance.md): seconds for a day of 200.
The process is there only while there is something to compose, and ends with its parent.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from daemon.errors import DeliveryError
from daemon.production import Moment
from daemon.sidecars.stringout import Stringout
from daemon.turnover.timelines import aafs
from daemon.worker import die_with_parent

Cuts = dict[str, Stringout]
_MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Asked:
    """Stringouts of a folder that are being composed."""

    cuts: Cuts
    made: Future[dict[str, bytes]]
    tries: int = 1


class Clerk:
    """Composes one folder's AAFs after another's."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._asked: dict[Path, _Asked] = {}

    def aafs(self, folder: Path, cuts: Cuts, now: Moment) -> dict[str, bytes] | None:
        """Return the AAFs of a folder's stringouts by file name; None while they are composed: ask again.

        Raises:
            DeliveryError: the process ended, or could not make one; asked again, it is tried again.
        """
        asked = self._asked.get(folder)
        if asked is None or asked.cuts != cuts:
            asked = self._asked[folder] = _Asked(cuts, self._begin(cuts, now))
        if not asked.made.done():
            return None
        if asked.tries < _MOST_TRIES and isinstance(asked.made.exception(), BrokenProcessPool):
            self._pool = None  # somebody killed the process: it costs a try, as a child of a stage does
            self._asked[folder] = _Asked(cuts, self._begin(cuts, now), asked.tries + 1)
            return None
        del self._asked[folder]
        try:
            return asked.made.result()
        except Exception as error:
            raise DeliveryError(
                f"the AAF of {folder.name} cannot be composed",
                why=f"{type(error).__name__}: {error}",
                fix="it is tried again; if it repeats, report it: media, ALE and the other timelines are not touched",
            ) from error
        finally:
            self._rest()

    def _begin(self, cuts: Cuts, now: Moment) -> Future[dict[str, bytes]]:
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=die_with_parent)
        try:
            return self._pool.submit(aafs, cuts, now.iso)
        except BrokenProcessPool as error:
            self._pool = None
            failed: Future[dict[str, bytes]] = Future()
            failed.set_exception(error)
            return failed

    def _rest(self) -> None:
        """Let the process go once nothing is asked of it."""
        if self._pool and not self._asked:
            self._pool.shutdown(wait=False)
            self._pool = None
