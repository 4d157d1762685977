"""What the head has to do on a simulated day, measured: the real service, whose hands only pretend.

    python -m bench.headday [CARDS ...]

Cards of twenty clips of a few bytes each are offloaded, all of them at once, which is the worst that a head can meet.
The real service scans, plans, claims, settles, lands and writes turnovers; hashing is real too, since the files are
tiny; what was probed and rendered is made up, with real tiny files for the proxies. Counted is processor time of the
control process alone: AAFs are composed beside it. Must not be imported by nearset.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import xxhash

from bench.looking import UHD
from bench.media import seal
from bench.simday import Clip, Day, Kept, Work
from daemon import config as configuration
from daemon import wire
from daemon.clerk import Clerk, Cuts
from daemon.executor import Report, Running
from daemon.log import configure
from daemon.opening import opened
from daemon.overseeing import Shown
from daemon.presets import Written
from daemon.production import Moment
from daemon.rows import staged_name
from daemon.service import Service
from daemon.stages import manifest
from daemon.stages.probe import Probed
from daemon.stages.render import Rendered, RenderTask
from daemon.states import ClipState

CLIPS_A_CARD = 20
_DAY = "20261127"
_CONFIG = """\
production: {code: BENCH}
offload: {roots: [offload], settle_seconds: 1}
delivery: {root: delivery, keep_free_gib: 0}
state: {root: state}
provenance: {sign: false}
engine: identity
log: {keep_mib: 0}
"""
_HANDS = 32
"""Of each lane."""
_TURN_SECONDS = 0.5
"""The service's clock moves so far at each turn; that of the bench does not count."""


class Pretending:
    """An executor of many hands that are done by the next turn."""

    away = ""
    nodes = ()

    def __init__(self, hands: int) -> None:
        self._hands = hands
        self._under_way: dict[str, deque[tuple[Running, str]]] = {}

    def free(self, lane: str) -> int:
        """Return how many hands of a lane are idle."""
        return self._hands - len(self._under_way.get(lane, ()))

    def takes(self, lane: str) -> None:
        """Take any stage."""

    def start(self, lane: str, job: int, token: str, stage: str, task: str, now: float) -> None:
        """Take a task."""
        self._under_way.setdefault(lane, deque()).append((Running(job, token, stage, now, now), task))

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        """Return a report of everything that was under way."""
        del now, wait_seconds
        done = [each for tasks in self._under_way.values() for each in tasks]
        self._under_way.clear()
        return [Report(it.job, it.token, result=pretended(it.stage, task)) for it, task in done]

    def running(self) -> list[Running]:
        """Return what is under way."""
        return [it for tasks in self._under_way.values() for it, _ in tasks]

    def cancel(self, job: int) -> None:
        """Drop a task."""
        for tasks in self._under_way.values():
            for each in [each for each in tasks if each[0].job == job]:
                tasks.remove(each)

    def close(self) -> None:
        """Drop everything."""
        self._under_way.clear()


class Elsewhere(Clerk):
    """A clerk whose AAFs cost nothing here."""

    def aafs(self, folder: Path, cuts: Cuts, now: Moment) -> dict[str, bytes] | None:
        """Return none."""
        del folder, cuts, now
        return {}


def pretended(stage: str, task: str) -> str:
    """Return the result of a task, without its work where that takes long."""
    if stage == "manifest":
        return manifest.work(task, lambda *_: None)
    if stage == "probe":
        return wire.dump(Probed, Probed(UHD))
    if stage != "render":
        raise AssertionError(f"a day of plain and enhanced twins has no {stage}")
    asked = wire.load(RenderTask, task)
    staged = Path(asked.staging) / asked.staged
    staged.parent.mkdir(parents=True, exist_ok=True)
    files = []
    for number, _ in enumerate(asked.proxies):
        data = f"{asked.want} {number}".encode()
        (staged.parent / staged_name(asked.staged, number)).write_bytes(data)
        files.append((Written(xxhash.xxh128(data).hexdigest(), len(data)),))
    return wire.dump(Rendered, Rendered(tuple(files), "lite", "pretended", {}, has_still=False, seconds=1.0))


@dataclass(slots=True)
class Turns:
    """What turns cost: processor seconds of each, clips that the service knew, jobs that it took."""

    seconds: list[float] = field(default_factory=list)
    clips: list[int] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)

    def add(self, other: Turns) -> None:
        """Take over the turns of another day."""
        self.seconds += other.seconds
        self.clips += other.clips
        self.jobs += other.jobs

    def fit(self) -> tuple[float, float, float]:
        """Return processor seconds of a turn, for each clip that is known, and for each job, by least squares."""
        about = np.stack([np.ones(len(self.seconds)), np.array(self.clips), np.array(self.jobs)], axis=1)
        (a_turn, a_clip, a_job), *_ = np.linalg.lstsq(about, np.array(self.seconds), rcond=None)
        return float(a_turn), float(a_clip), float(a_job)


def shoot(folder: Path, cards: int) -> None:
    """Offload sealed cards of tiny clips, no two alike."""
    for number in range(1, cards + 1):
        roll = f"A{number:03}"
        card = folder / "offload" / _DAY / "Camera Media" / roll
        card.mkdir(parents=True)
        for clip in range(1, CLIPS_A_CARD + 1):
            name = f"{roll}C{clip:03}_261127_R1BN.mov"
            (card / name).write_bytes(b"\0\0\0\x14ftypqt  " + name.encode())
        seal(card, "2026-11-27T18:00:00+00:00")


def serve(folder: Path, hands: int) -> Turns:
    """Serve what is offloaded until all is delivered, and return what each turn cost."""
    (folder / "config.yaml").write_text(_CONFIG, encoding="utf-8")
    turns = Turns()
    with (
        (folder / "log.json").open("w", encoding="utf-8") as log,
        opened(configuration.load(folder / "config.yaml")) as production,
    ):
        configure("warning", "json", log)
        service = Service(production, Pretending(hands))
        service._stages["turnover"]._clerk = Elsewhere()  # type: ignore[attr-defined] # noqa: SLF001 - it is a process of its own
        began, now = time.monotonic(), datetime.now(UTC)
        service.start(Moment(began, now))
        for number in range(1, 100_000):
            later = Moment(began + number * _TURN_SECONDS, now + timedelta(seconds=number * _TURN_SECONDS))
            cost = time.process_time()
            service.tick(later, 0)
            service.snapshot(later)
            turns.seconds.append(time.process_time() - cost)
            turns.clips.append(production.store.clip_counts()[Shown.ALL])
            turns.jobs.append(service.tally.jobs.total() - sum(turns.jobs))
            if service.is_idle():
                break
        states = {clip.state for clip in production.store.clips()}
        assert states <= {ClipState.DELIVERED, ClipState.FILED}, states
    configure()
    return turns


def claimed(waiting: int) -> float:
    """Return processor seconds of claiming and finishing one job, where so many wait, by the service's own queue."""
    clips = tuple(Clip(number, number // CLIPS_A_CARD, 0.0, 1, 1) for number in range(waiting))
    queue, times = Kept(Day(clips)), 50
    for clip in clips:
        queue.add(Work.PLAIN, clip)
    began = time.process_time()
    for _ in range(times):
        job = queue.claim(Work.PLAIN.lane)
        assert job
        queue.finish(*job)
    return (time.process_time() - began) / times


def main() -> None:
    """Print what a turn costs, in folders in memory: what the disk adds is the disk's."""
    days = [int(word) for word in sys.argv[1:]] or [5, 20, 40]
    for waiting in (100, 1000, 4000):
        print(f"{waiting} jobs wait: {1e3 * claimed(waiting):.2f} ms to claim and finish one", flush=True)
    turns = Turns()
    for cards in days:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
            shoot(Path(name), cards)
            seen = serve(Path(name), _HANDS)
        turns.add(seen)
        print(f"{cards * CLIPS_A_CARD} clips: {len(seen.seconds)} turns, {sum(seen.seconds):.1f} s", flush=True)
    a_turn, a_clip, a_job = (1e3 * seconds for seconds in turns.fit())
    print(f"a turn: {a_turn:.1f} ms, {a_clip:.3f} ms for each clip that is known, {a_job:.2f} ms for each job")


if __name__ == "__main__":
    main()
