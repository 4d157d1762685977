"""I/O faults: calls below one folder are refused for a while, as a full, failing or vanishing volume refuses them.

A run meets ENOSPC, EIO, EMFILE, EACCES or ESTALE at a random call, once or for a while, on the cards, in the state, in
the deliveries or at a target; or it meets a real small volume that is full. The service must live, tell what is wrong
in an error of the tree, and deliver all once the fault is gone and a person asked to try again.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.faults import shim
from bench.faults.case import CRASHED, PRESET, Case, Run, shoot
from bench.faults.shim import Call
from bench.faults.trial import Trial
from bench.points import Inline, point
from daemon import cli, running
from daemon.errors import NearsetError, WorkerError
from daemon.production import Moment
from daemon.service import Service

_ANYTHING = Call.OPEN | Call.CREATE | Call.READ | Call.WRITE | Call.SYNC | Call.NAME | Call.UNLINK | Call.MKDIR
_CHANGES = Call.CREATE | Call.WRITE | Call.SYNC | Call.NAME | Call.MKDIR
_LOOKS = Call.OPEN | Call.READ | Call.STAT | Call.LIST
_ERRORS: dict[int, Call] = {
    errno.ENOSPC: _CHANGES,
    errno.EIO: _ANYTHING | _LOOKS,
    errno.EMFILE: Call.OPEN | Call.CREATE | Call.LIST,
    errno.EACCES: Call.OPEN | Call.CREATE | Call.NAME | Call.UNLINK | Call.MKDIR | Call.STAT | Call.LIST,
    errno.ESTALE: _ANYTHING | _LOOKS,
}
_SPANS = (1, 1, 3, 10, 100, 1000)
"""For how many calls in a row a fault lasts."""
_REFUSED = 2
"""Exit code of a service that says why it cannot start."""
_TICK = "tick"
_CALLS = 60
"""How many calls a run is taken to make below a folder, until one tells."""
_PLACES = ("offload", "disk/state", "disk/state", "disk/delivery", "disk/nas")
"""Folders whose calls are refused, that of the state twice as often."""
_RETRY_SECONDS = 0.1
"""With none at all, a service that serves once would try a target without end that stays full."""
_FULL_ONE_IN = 10
"""One case in so many meets a real full volume, where this process may mount one."""
_MOST_KIB = {"state": 300, "delivery": 500, "nas": 400}
"""How large such a volume is at most: about what a calm run leaves there; a larger one is never full."""


@dataclass(frozen=True)
class Fault:
    """Which calls below a folder of a case are refused, and how."""

    place: str
    error: int
    first: int
    count: int

    @property
    def subject(self) -> str:
        """Return it in words."""
        return f"{errno.errorcode[self.error]} in {self.place} at call {self.first}, {self.count} in a row"


def run(trial: Trial) -> None:
    """Refuse until there were enough faults that really befell the service."""
    trial.refused = shim.absence()
    if trial.refused:
        return
    card = shoot(trial.folder, trial.presets)
    trial.share_out(_drawn(trial, card))
    _control(trial, card)


def _drawn(trial: Trial, card: Path) -> Iterator[Callable[[], None]]:
    """Yield cases until there were enough that befell the service."""
    chance = trial.random
    may_mount = os.geteuid() == 0
    number = 0
    while not trial.is_over:
        number += 1
        if may_mount and number % _FULL_ONE_IN == 0:
            place = chance.choice(list(_MOST_KIB))
            yield partial(_meet_full_volume, trial, card, place, chance.randint(4, _MOST_KIB[place]))
            continue
        place, error = chance.choice(_PLACES), chance.choice(list(_ERRORS))
        first = chance.randint(1, trial.most[_kind(place, error)] or _CALLS)
        fault = Fault(place, error, first, chance.choice(_SPANS))
        yield partial(_meet, trial, card, fault)


def _kind(place: str, error: int) -> str:
    return f"{errno.errorcode[error]} {place.removeprefix('disk/')}"


def _meet(trial: Trial, card: Path, fault: Fault) -> None:
    with _case(trial, card) as case:
        run = case.serve(first=partial(_begin, case, fault, _ERRORS[fault.error]))
        found = _lived(run) + case.faults_when_killed()
        if run.code != 0 and not _is_told(case):
            found.append(f"exit code {run.code}, and nothing was told")
        kind = _kind(fault.place, fault.error)
        trial.most[kind] = run.calls
        trial.judge(kind, fault.subject, found + _mended(case), cases=int(run.refused > 0))


def _meet_full_volume(trial: Trial, card: Path, place: str, kib: int) -> None:
    """Let the volume of the state, the deliveries or the target be small, then make it larger."""
    with _case(trial, card) as case:
        volume = case.disk / place
        volume.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", volume], check=True)
        try:
            run = case.serve(first=partial(_begin, case, Fault("offload", 0, 0, 0), Call(0)))
            subprocess.run(["mount", "-o", "remount,size=64m", volume], check=True)
            found = _lived(run) + case.faults_when_killed() + _mended(case)
        finally:
            subprocess.run(["umount", "-l", volume], check=True)
        trial.judge(f"full volume {place}", f"{place} on {kib} KiB", found, cases=int(run.code != 0))


def _is_told(case: Case) -> bool:
    """Return whether the log says why and what to do, in an error of the tree."""
    return "why" in case.log() and "fix" in case.log()


def _control(trial: Trial, card: Path) -> None:
    """Break the service: what the volume of its state throws ends it."""
    caught, tried = 0, 1 if trial.is_quick else 4
    for number in range(tried):
        with _case(trial, card) as case:
            fault = Fault("disk/state", errno.ENOSPC, 500 + 50 * number, 1000)
            run = case.serve(first=partial(_begin, case, fault, _CHANGES, is_broken=True))
            caught += bool(_lived(run) + _mended(case))
    trial.control("what the state's volume throws is let through", caught, tried)


def _lived(run: Run) -> list[str]:
    """Return what is wrong with how a run ended that met a fault: it may refuse to start, and must not end later."""
    if run.code == CRASHED:
        return run.points[-1:]
    if run.code == _REFUSED and _TICK in run.points:
        return ["it ended with an error, and was at work before"]
    return [] if run.code in {0, _REFUSED, cli.EXIT_HELD, cli.EXIT_FAILED, cli.EXIT_AWAY} else run.faults


def _mended(case: Case) -> list[str]:
    """Ask to try again, now that the fault is gone, and return what is wrong then."""
    case.retry()
    run = case.serve()
    return run.faults + case.faults_at_the_end()


def _begin(case: Case, fault: Fault, calls: Call, *, is_broken: bool = False) -> None:
    """Begin to refuse, in the fork that serves."""
    running.LocalExecutor = Sheltered  # type: ignore[assignment,misc]
    tick = Service.tick

    def noted(service: Service, now: Moment, wait_seconds: float) -> None:
        point(_TICK)
        tick(service, now, wait_seconds)

    Service.tick = noted  # type: ignore[method-assign]
    if is_broken:
        running._REFUSALS = ()  # type: ignore[assignment] # noqa: SLF001
    shim.refuse(case.folder / fault.place, fault.error, calls, fault.first, fault.count)


class Sheltered(Inline):
    """Work in the service's own process that may throw anything, which costs one job: as a real child's boundary."""

    def work(self, stage: str, task: str) -> str:
        """Return the result of a task."""
        try:
            return super().work(stage, task)
        except NearsetError:
            raise
        except Exception as error:
            raise WorkerError("the work stopped", why=f"{type(error).__name__}: {error}", fix="try again") from error


@contextmanager
def _case(trial: Trial, card: Path) -> Iterator[Case]:
    with trial.place() as folder:
        yield Case(folder, trial.presets or PRESET, retry_seconds=_RETRY_SECONDS).shoot(card)
