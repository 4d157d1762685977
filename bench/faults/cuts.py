"""Power cuts: every change that the service makes on disk is recorded, and the disk is what a cut may leave of it.

A run is recorded once and cut many times, at random places and with much or little luck; then the service is started
on what is left. One cut in three falls into a run that itself takes up what a cut left. What is cut is the service's
own state, its deliveries and a folder that it delivers to; cameras' cards are read only, and stay.
"""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable
from dataclasses import dataclass

from bench.faults import shim
from bench.faults.case import PRESET, Case, shoot
from bench.faults.disk import LUCKS, Change, Disk, Op, Tree, changes, laid_out, put
from bench.faults.trial import Trial

_CUTS_A_RECORDING = 25
_MOST_CONTROLS = 6
_RETRY_SECONDS = 0.1
"""With none at all, a service that serves once would try a target without end to which damaged media cannot go."""
Heeds = Callable[[Change], bool]


def run(trial: Trial) -> None:
    """Record and cut until there were enough cuts, then again with flushes left out, which must be caught."""
    trial.refused = shim.absence()
    if trial.refused:
        return
    card = shoot(trial.folder, trial.presets)
    is_controlled = False
    while not trial.is_over:
        with trial.place() as folder:
            case = Case(folder, trial.presets or PRESET, retry_seconds=_RETRY_SECONDS).shoot(card)
            first = Recording.of(case)
            trial.figures["changes recorded"] = str(len(first.changes))
            left = _cut_often(trial, "first run", first, 2 * _CUTS_A_RECORDING)
            if not is_controlled:
                _control(trial, first)
                is_controlled = True
            put(left, case.disk)
            _cut_often(trial, "while taking up a cut", Recording.of(case), _CUTS_A_RECORDING)


def _cut_often(trial: Trial, kind: str, recording: Recording, most: int) -> Tree:
    """Cut a recording at most so often, and return what one more left."""
    trial.judge("recordings", f"the recording of a {kind}", recording.faults, cases=0)
    for _ in range(most):
        if trial.is_over:
            break
        cut = recording.cut(trial.random)
        trial.judge(kind, cut.subject, cut.faults())
    return recording.cut(trial.random).tree


def _control(trial: Trial, recording: Recording) -> None:
    """Cut the same recording late and hard, with flushes left out of it; in a quick trial until one cut shows it."""
    breaks: dict[str, Heeds] = {
        "no flush at all": lambda _: False,
        "no flush of delivered files": lambda it: not (is_delivery(it) and not it.offset),
        "no flush of delivery folders": lambda it: not (is_delivery(it) and it.offset),
    }
    for what, heeds in breaks.items():
        drawn = random.Random(f"{trial.name} {trial.seed}")
        tried = caught = 0
        while tried < _MOST_CONTROLS and not (trial.is_quick and caught):
            tried += 1
            caught += bool(recording.cut(drawn, heeds, is_hard=True).faults())
        trial.control(what, caught, tried)
        if trial.is_quick:
            return


def is_delivery(change: Change) -> bool:
    """Return whether a change is one of deliveries, here or at the target."""
    return "/disk/delivery" in change.first or "/disk/nas" in change.first


@dataclass(frozen=True)
class Cut:
    """What a cut left on disk."""

    case: Case
    subject: str
    tree: Tree

    def faults(self) -> list[str]:
        """Lay it out, start the service on it, and return what is wrong before and after."""
        put(self.tree, self.case.disk)
        found = self.case.faults_when_killed()
        run = self.case.serve()
        return found + run.faults + self.case.faults_at_the_end()


@dataclass(frozen=True)
class Recording:
    """A run of the service with every change that it made on disk, and what lay there before."""

    case: Case
    before: Disk
    changes: list[Change]
    faults: list[str]

    @classmethod
    def of(cls, case: Case) -> Recording:
        """Record a run; the recording must say just what lies there then."""
        before, disk = Disk(case.disk), Disk(case.disk)
        told = case.folder / "journal"
        journal = os.open(told, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        run = case.serve(first=lambda: shim.record(case.disk, journal))
        os.close(journal)
        made = changes(told.read_bytes())
        for change in made:
            disk.do(change)
        faults = run.faults + _differences(disk.calm(), laid_out(case.disk))
        return cls(case, before, made, faults + case.faults_at_the_end())

    def cut(self, chance: random.Random, heeds: Heeds = lambda _: True, *, is_hard: bool = False) -> Cut:
        """Return what a cut at a random place leaves, with any luck; a flush that `heeds` says no to did nothing.

        A hard one comes late, and all bytes that may go are gone, with their names or without.
        """
        count = len(self.changes)
        at = chance.randint(count * 3 // 4 if is_hard else 1, count)
        luck = chance.choice(LUCKS[:2] if is_hard else LUCKS)
        disk = copy.deepcopy(self.before)
        for change in self.changes[:at]:
            if change.op is not Op.SYNC or heeds(change):
                disk.do(change)
        return Cut(self.case, f"cut after {at} of {len(self.changes)} with {luck}", disk.cut(chance, luck))


def _differences(told: Tree, there: Tree) -> list[str]:
    unlike = sorted(path for path in told.keys() | there.keys() if told.get(path, "") != there.get(path, ""))
    return [f"the recording does not say how {path} came to be" for path in unlike]
