"""Restarts: the real service is killed while work is queued, and started again; how long until it has claimed a job.

The time is from the start of the process to the first status that shows work under way, which is written after
the claim. It is the one campaign whose figure is a time: run it on a quiet machine.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from bench.faults.case import NEARSET, Case
from bench.faults.shim import without
from bench.faults.trial import Trial
from bench.media import movie, seal

_MOST_SECONDS = 5.0
"""95 in 100 restarts must be quicker."""
_GIVEN_UP_SECONDS = 60.0
_POLL_SECONDS = 0.01
_CLIPS = 6


def run(trial: Trial) -> None:
    """Restart as often as asked, then once with a start that is held back, which must be seen."""
    card = trial.folder / "A001"
    card.mkdir()
    for number in range(1, _CLIPS + 1):  # long enough that there is always one under way
        path = card / f"A001C{number:03d}.mov"
        movie(path, frames=240, width=320, height=192, tracks=1, seed=number, distinct=2, encoder="mpeg4")
    seal(card, "2026-11-24T18:00:00+00:00")
    with trial.place() as folder:
        case = Case(folder).shoot(card)
        taken = sorted(_seconds(case) for _ in range(trial.wanted))
        at_95 = taken[min(len(taken) - 1, round(0.95 * len(taken)))]
        faults = [f"95 in 100 restarts take {at_95:.2f} s"] if at_95 >= _MOST_SECONDS else []
        trial.judge("restarts", "restarts", faults, cases=len(taken))
        trial.figures["median s"] = f"{taken[len(taken) // 2]:.2f}"
        trial.figures["p95 s"] = f"{at_95:.2f}"
        trial.figures["slowest s"] = f"{taken[-1]:.2f}"
        held = _seconds(case, held_seconds=_MOST_SECONDS)
        trial.control("a start held back for five seconds", int(held >= _MOST_SECONDS), 1)


def _seconds(case: Case, held_seconds: float = 0.0) -> float:
    """Start the service, wait until it has claimed a job, kill it, and return how long that took."""
    status = case.state / "status.json"
    status.unlink(missing_ok=True)
    command = [str(NEARSET), "run", "--config", str(case.folder / "config.yaml")]
    held = ["sh", "-c", f'sleep {held_seconds}; exec "$@"', "held"] if held_seconds else []
    with (case.folder / "log").open("ab") as log:
        began = time.monotonic()
        with subprocess.Popen([*held, *command], env=without(), stdout=log, stderr=log) as service:
            try:
                while not _is_at_work(status) and time.monotonic() - began < _GIVEN_UP_SECONDS:
                    time.sleep(_POLL_SECONDS)
                return time.monotonic() - began
            finally:
                service.kill()


def _is_at_work(status: Path) -> bool:
    try:
        return bool(json.loads(status.read_bytes())["work"])
    except FileNotFoundError:
        return False
