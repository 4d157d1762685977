"""Nodes: boxes of a cluster lose their power, hang, are cut off, come back as others, or lose their head.

A head and two or three boxes run here, each box in a network namespace of its own where there are any. All work is
the boxes'; one is struck while it renders. Whatever comes of it, each clip is delivered once and whole, and what a box
does that was given up and lives on is seen by nobody.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.boxes import Box, Boxes, Net, boxes, show
from bench.faults.case import digest_of
from bench.faults.shift import Shift, shift
from bench.faults.trial import Trial
from bench.media import movie, seal
from daemon.cluster.fleet import RayFleet
from daemon.executor import LocalExecutor, Report, Running
from daemon.lanes import limits_of
from daemon.states import ClipState

_CLIPS = 3
_FRAMES = 96
_POLL_SECONDS = 0.05
_MOST_TURNS = 4000
_NEVER = 1e9
"""Time here is moved by hand: nobody is taken for hung by it."""
HEAD = "head restarted"


class Crews(LocalExecutor):
    """Children on the boxes alone."""

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        """Wait a moment in any case: time is moved by hand."""
        del wait_seconds
        return super().poll(now, _POLL_SECONDS)


class Forgetful(Crews):
    """The control: who is lost is told to nobody."""

    def _lose(self, task: Running, why: str) -> None:
        """Forget it."""


def run(trial: Trial) -> None:
    """Strike boxes until there were enough cases, one kind after another, of two boxes and then of three."""
    why = Net.why_not()
    if why:
        trial.figures["links"] = f"not cut: {why}"
    for count, share in ((2, 0.5), (3, 1.0)):
        with ExitStack() as stack:
            net = None if why else stack.enter_context(Net())
            place = Path(tempfile.mkdtemp(prefix="ns-"))
            stack.callback(shutil.rmtree, place, ignore_errors=True)
            names = [f"box{number}" for number in range(2, 2 + count)]
            strikes = Strikes(trial, stack.enter_context(boxes(place, names, "SHOW", net=net)), net)
            kinds = list(strikes.kinds)
            while not trial.is_over and trial.done < share * trial.wanted:
                strikes.case(kinds[trial.done % len(kinds)])
            if count == 2:
                strikes.control()


@dataclass
class Strikes:
    """What can befall a box, and what must be true after."""

    trial: Trial
    cluster: Boxes
    net: Net | None
    kinds: dict[str, Callable[[Box], None]] = field(init=False)

    def __post_init__(self) -> None:
        self.kinds = {"killed": Box.kill, "hung": Box.freeze, "another version": self._older, HEAD: self._head}
        if self.net:
            self.kinds["cut off"] = lambda box: self.net.cut(box.name)  # type: ignore[union-attr]

    def case(self, kind: str) -> None:
        """Strike the box that renders first, and judge what is delivered; then heal it, and judge again."""
        with self.trial.place() as folder:
            before = _shoot(folder, self.trial.done)
            with self._served(folder, Crews) as (served, executor):
                found, box = self._struck(served, executor, kind)
                if not found and kind != HEAD:  # without a head no box works, until they have joined it again
                    found = [] if served.rest(_MOST_TURNS) else [f"no end: {served.states()}"]
                    found += _faults(folder, served, before)
                self._heal(kind, box)
                if not _until(served, lambda: _at_work(executor) == 2):
                    found.append(f"{box.name if box else 'a box'} does not come back: {executor.nodes}")
                if not served.rest(_MOST_TURNS):
                    found.append(f"no end after it healed: {served.states()}")
                found += _faults(folder, served, before)
            found += [] if any(found) else _left(folder)
            self.trial.judge(kind, f"{kind}, case {self.trial.done}", found)

    def control(self) -> None:
        """Lose a box without a word, and see that it is noticed."""
        with self.trial.place() as folder:
            before = _shoot(folder, 1000)
            with self._served(folder, Forgetful) as (served, executor):
                found, box = self._struck(served, executor, "killed")
                caught = bool(found) or not served.rest(400) or bool(_faults(folder, served, before))
                self._heal("killed", box)
            self.trial.controls.append(f"a box that is lost is told to nobody: caught {int(caught)} of 1")
            if not caught:
                self.trial.faults.append("the control was not caught")

    @contextmanager
    def _served(self, folder: Path, kind: type[Crews]) -> Iterator[tuple[Shift, Crews]]:
        config = show(folder)
        fleet = RayFleet(config, self.cluster.file)
        executor = kind({"custody": 0, "render": 0}, limits_of(config), _NEVER, _NEVER, fleet=fleet)
        executor.open()
        try:
            with shift(folder, executor, workers={"retry_seconds": 1.0}) as served:
                yield served, executor
        finally:
            executor.close()

    def _struck(self, served: Shift, executor: Crews, kind: str) -> tuple[list[str], Box | None]:
        """Wait until a box renders, and strike it."""
        if not _until(served, lambda: _at_work(executor) == 2):
            return [f"the boxes do not come to work: {executor.nodes}"], None
        if not _until(served, lambda: _rendering(executor)):
            return [f"no box renders: {served.states()}"], None
        box = self.cluster.nodes[_rendering(executor)]
        self.kinds[kind](box)
        return [], box

    def _heal(self, kind: str, box: Box | None) -> None:
        if box is None:
            return
        if kind == "hung":
            box.thaw()
        elif kind == "cut off" and self.net:
            self.net.mend(box.name)
        elif kind == "another version":
            box.kill()
            box.start()
        elif kind == "killed":
            box.start()

    @staticmethod
    def _older(box: Box) -> None:
        box.kill()
        box.start_as("0.0.9")

    def _head(self, box: Box) -> None:
        del box
        self.cluster.head.kill()
        self.cluster.head.start()


def _shoot(folder: Path, seed: int) -> dict[str, str]:
    roll = folder / "offload" / "20261124" / "Camera Media" / "A001"
    roll.mkdir(parents=True)
    for number in range(1, _CLIPS + 1):
        movie(roll / f"A001C{number:03}.mov", frames=_FRAMES, width=480, height=272, tracks=1, seed=10 * seed + number)
    seal(roll, "2026-11-24T18:00:00+00:00")
    return _looks(folder)


def _looks(folder: Path) -> dict[str, str]:
    return {str(path): digest_of(path) for path in sorted((folder / "offload").rglob("*")) if path.is_file()}


def _until(served: Shift, seen: Callable[[], object]) -> bool:
    for _ in range(_MOST_TURNS):
        if seen():
            return True
        served.tick()
    return False


def _at_work(executor: Crews) -> int:
    return sum(node.state == "at work" for node in executor.nodes)


def _rendering(executor: Crews) -> str:
    return next((it.node for it in executor.running() if it.stage == "render" and it.done), "")


def _faults(folder: Path, served: Shift, before: dict[str, str]) -> list[str]:
    """Return what is wrong: a clip lost, doubled or half published, a record that lies, a roll that was touched."""
    found = [] if _looks(folder) == before else ["the roll was touched"]
    store, recorded = served.production.store, {}
    for clip in store.clips():
        proxies = store.proxies(clip.id)
        if clip.state is not ClipState.DELIVERED or sorted(it.facts.revision for it in proxies) != [1, 1]:
            found.append(f"{clip.name} is {clip.state} with {len(proxies)} proxies: {clip.trouble.why}")
        roll = folder / "delivery" / "SHOW" / "20261124" / "A001"
        recorded |= {str(roll / file.path): file.xxh128 for proxy in proxies for file in proxy.facts.files}
    if len(store.clips()) != _CLIPS:
        found.append("a clip is lost")
    there = {str(path): digest_of(path) for path in (folder / "delivery").glob("SHOW/2*/**/*.mov")}
    if there != recorded:
        found.append(f"delivered {sorted(there)}, recorded {sorted(recorded)}")
    return found


def _left(folder: Path) -> list[str]:
    """Return what is left in staging but what a box that was given up wrote for nobody, which the next start sweeps."""
    staging = folder / "delivery" / "SHOW" / ".nearset-staging"
    strange = [path.name for path in staging.iterdir() if not (path.is_dir() and len(path.name) == 32)]
    return [f"left in staging: {strange}"] if strange else []
