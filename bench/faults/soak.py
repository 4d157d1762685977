"""Soak: cards come without end, and the real service's memory and descriptors stay flat.

A card of one small clip arrives every few seconds. After a third of the time for warming up, a line is laid through the
resident memory of the control process and of its children, and through their open descriptors: over the rest of the
time none may rise by more than is allowed. All that came must be delivered in the end. A case is a second.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.faults.case import NEARSET
from bench.faults.shim import without
from bench.faults.trial import Trial
from bench.media import movie, seal

_CARD_SECONDS = 4.0
_LOOK_SECONDS = 1.0
_MOST_WAITING = 3
"""Cards that wait at most: on a busy machine they come as fast as they are delivered."""
_DRAIN_SECONDS = 240.0
_MOST_RISE = {"control MiB": 12.0, "children MiB": 40.0, "descriptors": 4.0}
"""Each card is some kilobytes of what the service has to know; children keep what their libraries cache."""
_LEAK_MIB_A_MINUTE = 2.0
_CONFIG = """\
production: {code: SOAK}
offload: {roots: [offload], settle_seconds: 1}
delivery: {root: delivery, presets: [prores-proxy-mov]}
state: {root: state}
engine: identity
log: {level: warning, format: json}
"""


def run(trial: Trial) -> None:
    """Let cards come for as many seconds as asked, and look at what the service takes; then look at a leak."""
    with trial.place() as folder:
        (folder / "config.yaml").write_text(_CONFIG, encoding="utf-8")
        (folder / "offload").mkdir()
        command = [str(NEARSET), "run", "--config", str(folder / "config.yaml")]
        with (folder / "log").open("ab") as log, subprocess.Popen(command, env=without(), stderr=log) as service:
            try:
                looks, cards = _soaked(trial, folder, service.pid)
            finally:
                service.send_signal(signal.SIGTERM)
            code = service.wait()
        found = [] if code == 0 else [f"exit code {code}"]
        found += _undelivered(folder, cards) + _risen(looks)
        trial.judge("cards", "soak", found, cases=0)
        trial.judge("seconds", "soak", [])
        trial.figures["cards"] = str(cards)
        for name, values in looks.columns().items():
            trial.figures[name] = f"{np.median(values):.0f} (rise {_rise(looks.seconds, values):+.1f})"
        leak = looks.leaking(_LEAK_MIB_A_MINUTE)
        trial.control(f"a leak of {_LEAK_MIB_A_MINUTE:g} MiB a minute", len(_risen(leak)), 1)


@dataclass
class Looks:
    """What the service took, at each look: seconds since the start, resident MiB, open descriptors."""

    seconds: list[float]
    control: list[float]
    children: list[float]
    descriptors: list[float]

    def columns(self) -> dict[str, list[float]]:
        """Return what is looked at by name."""
        return dict(zip(_MOST_RISE, (self.control, self.children, self.descriptors), strict=True))

    def leaking(self, mib_a_minute: float) -> Looks:
        """Return the same with a leak in the control process."""
        leak = [value + mib_a_minute * at / 60 for at, value in zip(self.seconds, self.control, strict=True)]
        return Looks(self.seconds, leak, self.children, self.descriptors)


def _soaked(trial: Trial, folder: Path, pid: int) -> tuple[Looks, int]:
    looks, cards, next_seconds = Looks([], [], [], []), 0, 0.0
    began = time.monotonic()
    while (passed := time.monotonic() - began) < trial.wanted:
        if passed >= next_seconds and _waiting(folder, cards) < _MOST_WAITING:
            _offload(folder, cards)
            cards += 1
            next_seconds = passed + _CARD_SECONDS
        _look(looks, passed, pid)
        trial.judge("seconds", "soak", [], cases=int(passed) - trial.done)
        time.sleep(_LOOK_SECONDS)
    _wait(lambda: not _undelivered(folder, cards), _DRAIN_SECONDS)
    return looks, cards


def _offload(folder: Path, number: int) -> None:
    """Put a card there as a copying tool does: whole under another name, then renamed."""
    roll = folder / f"A{number:03d}"
    roll.mkdir()
    movie(roll / f"A{number:03d}C001.mov", frames=4, width=160, height=96, tracks=1, seed=number + 1)
    seal(roll, "2026-11-24T18:00:00+00:00")
    day = folder / "offload" / "20261124" / "Camera Media"
    day.mkdir(parents=True, exist_ok=True)
    roll.rename(day / roll.name)


def _look(looks: Looks, seconds: float, pid: int) -> None:
    family = _family(pid)
    looks.seconds.append(seconds)
    looks.control.append(_resident_mib(pid))
    looks.children.append(sum(_resident_mib(child) for child in family[1:]))
    looks.descriptors.append(float(len(list(Path(f"/proc/{pid}/fd").iterdir()))))


def _family(pid: int) -> list[int]:
    """Return a process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in _family(int(child)))]


def _resident_mib(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * 4096 / 2**20


def _rise(seconds: list[float], values: list[float]) -> float:
    """Return how much a line through the last two thirds rises over them."""
    at = len(seconds) // 3
    later, what = np.array(seconds[at:]), np.array(values[at:])
    slope = float(np.polyfit(later, what, 1)[0])
    return slope * float(later[-1] - later[0])


def _risen(looks: Looks) -> list[str]:
    rises = {name: _rise(looks.seconds, values) for name, values in looks.columns().items()}
    return [f"{name} rose by {rise:.1f}" for name, rise in rises.items() if rise > _MOST_RISE[name]]


def _waiting(folder: Path, cards: int) -> int:
    return cards - len(list((folder / "delivery" / "SOAK").glob("2*/*/.complete")))


def _undelivered(folder: Path, cards: int) -> list[str]:
    there = len(list((folder / "delivery" / "SOAK").glob("2*/**/*.mov")))
    complete = len(list((folder / "delivery" / "SOAK").glob("2*/*/.complete")))
    return [] if (there, complete) == (2 * cards, cards) else [f"{there} proxies of {cards} cards, {complete} complete"]


def _wait(is_done: Callable[[], bool], most_seconds: float) -> None:
    began = time.monotonic()
    while not is_done() and time.monotonic() - began < most_seconds:
        time.sleep(_LOOK_SECONDS)
