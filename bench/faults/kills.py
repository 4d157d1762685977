"""Kills: the service is killed wherever it writes, and must end as if nothing had been.

It is killed before and after each commit, flush, link, rename, removal and new folder, and at each word of progress;
some cases are killed again while they recover, and some have real children, which are killed or orphaned.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.faults.case import NEARSET, PRESET, Case, shoot
from bench.faults.shim import without
from bench.faults.trial import Trial
from bench.points import Points, kill_a_child
from daemon import publish

_TWICE_ONE_IN, _CHILDREN_ONE_IN = 6, 24
"""One case in so many is killed twice, and one in so many has real children."""
_MOST_CONTROLS, _FEW = 4, 50


def run(trial: Trial) -> None:
    """Kill until there were enough kills: at points drawn without repeating any while there are others."""
    kills = Kills(trial, shoot(trial.folder, trial.presets))
    kinds = kills.points()
    with_children = len(kills.points(inline=False))
    trial.figures["points"] = str(len(kinds))
    trial.share_out(kills.drawn(kinds, with_children))
    kills.control()


@dataclass
class Kills:
    """All cases of a card and what came of them; each kill is a case."""

    trial: Trial
    card: Path

    def points(self, *, inline: bool = True) -> list[str]:
        """Return the kind of every point that a run without a kill passes."""
        with self._case() as case:
            run = case.serve(inline=inline)
            faults = run.faults + case.faults_at_the_end()
            self.trial.judge("none", "calm", faults, cases=0)
            return run.points

    def drawn(self, kinds: list[str], with_children: int) -> Iterator[Callable[[], None]]:
        """Yield cases until there were enough; a calm run passes points of these kinds, and so many with children."""
        chance = self.trial.random
        order: list[int] = []
        number = 0
        while not self.trial.is_over:
            order = order or chance.sample(range(1, len(kinds) + 1), len(kinds))
            at = order.pop()
            number += 1
            if number % _CHILDREN_ONE_IN == _TWICE_ONE_IN - 1:
                yield partial(self.child, chance.randint(1, with_children))
                yield partial(self.above_children, chance.uniform(0.5, 3.0))
            elif number % _TWICE_ONE_IN == 1:
                yield partial(self.at, at, "twice", chance.randint(1, len(kinds) // 2))
            else:
                yield partial(self.at, at, kinds[at - 1].split()[-1])

    def at(self, at: int, kind: str, again: int = 0) -> None:
        """Kill the service at a point, once more at another point of the second run if asked, then let it end."""
        subject = f"{kind}, point {at}" + (f", then {again}" if again else "")
        with self._case() as case:
            killed, found = self._killed(case, [at, again] if again else [at])
            if not killed:
                found.append("it was not killed")
            self.trial.judge(kind, subject, found + _end(case), cases=killed)

    def child(self, at: int) -> None:
        """Kill a real child at a point of the service, which must end well by itself."""
        with self._case() as case:
            run = case.serve(Points(at, kill_a_child), inline=False)
            found = run.faults + case.faults_at_the_end()
            self.trial.judge("a child", f"child, point {at}", found, cases=int(len(run.points) >= at))

    def above_children(self, after_seconds: float) -> None:
        """Kill a real service above real children at some time, then let it end."""
        with self._case() as case:
            log = (case.folder / "log").open("ab")
            command = [str(NEARSET), "once", "--config", str(case.folder / "config.yaml")]
            with log, subprocess.Popen(command, stdout=log, stderr=log, env=without()) as service:
                try:
                    service.wait(after_seconds)
                except subprocess.TimeoutExpired:
                    service.kill()
            killed = int(service.returncode == -signal.SIGKILL)
            subject = f"service above children after {after_seconds:.2f} s"
            self.trial.judge("above children", subject, case.faults_when_killed() + _end(case), cases=killed)

    def control(self) -> None:
        """Break the service so that it writes media under its name, and kill it in the middle of one of them."""
        tried = 1 if self.trial.wanted < _FEW else _MOST_CONTROLS
        caught = 0
        for number in range(tried):
            with self._case() as case:
                case.serve(first=partial(_let_media_grow, number))
                caught += bool(case.faults_when_killed())
        self.trial.control("media written under its name instead of linked", caught, tried)

    def _killed(self, case: Case, points: list[int]) -> tuple[int, list[str]]:
        killed, found = 0, []
        for number, at in enumerate(points):
            run = case.serve(Points(at))
            killed += run.code == -signal.SIGKILL
            found += case.faults_when_killed()
            if run.code not in {-signal.SIGKILL, 0} or (run.code == 0 and not number):
                found.append(f"exit code {run.code} where it was to be killed")
        return killed, found

    @contextmanager
    def _case(self) -> Iterator[Case]:
        with self.trial.place() as folder:
            presets, parts = self.trial.presets or PRESET, self.trial.in_parts
            yield Case(folder, presets, self.trial.storage, in_parts=parts).shoot(self.card)


def _end(case: Case) -> list[str]:
    run = case.serve()
    return run.faults + case.faults_at_the_end()


def _let_media_grow(whole: int) -> None:
    """Break the service: media is written under its name, and after so many a kill comes in the middle of one."""
    written = []

    def grown(staged: Path, target: Path) -> None:
        content = staged.read_bytes()
        target.write_bytes(content[: len(content) // 2])
        if len(written) == whole:
            os.kill(os.getpid(), signal.SIGKILL)
        target.write_bytes(content)
        written.append(target)

    publish._claim = grown  # noqa: SLF001 - what is broken on purpose
