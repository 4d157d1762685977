"""A production in the midst of its day, for pages to be looked at: cards at every station, one clip of each trouble.

Everything is made by the service itself, in this process, from footage that is made here: cards are shot, offloaded
and sealed, and the work is done until the wanted moment; from then on the last task stays under way. Only the model's
updates are stand-ins, one promoted and one refused: real ones take minutes, and the gate says what it likes of them.
"""

from __future__ import annotations

import itertools
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from daemon.journal import Journal

from bench.media import movie, seal
from bench.points import Inline, Prompt
from daemon import config as configuration
from daemon import wire
from daemon.clock import SystemClock
from daemon.executor import Report
from daemon.log import configure
from daemon.production import Moment
from daemon.requests import Request, Wish, ask
from daemon.service import Service, opened
from daemon.slate import Refined, Twin
from daemon.stages import refine
from daemon.stages.refine import RefineTask
from daemon.standing import standing_of
from daemon.states import CardState
from daemon.statusfile import write_status
from daemon.worker import Work

DAY = "20261127"
_BASE = {
    "base_mean_db": 39.34, "base_worst_db": 33.61, "base_own_db": 40.33, "base_filmed": 0.5247, "active_filmed": 0.5247,
}  # fmt: skip
_BETTER = {"mean_db": 39.86, "worst_db": 33.94, "own_db": 41.87, "filmed": 0.5198, "residual_share": 0.65}
_SPOILED = {"mean_db": 38.71, "worst_db": 33.02, "own_db": 40.12, "filmed": 0.5402, "residual_share": 1.14}
_VERDICTS = (
    (),
    (
        "canaries come out at 38.71 dB, allowed is 39.86 to inf",
        "the next frames are foretold with an error of 0.5402, allowed is 0 to 0.5198",
        "it eats detail: taken out 1.14 noise, allowed is 0 to 1.1",
    ),
)
_TURN_SECONDS = 0.02
_FRAMES = 12
_CONFIG = """\
production:
  code: HARBOUR
  title: The Harbour Master
  recipe: recipe.yaml
  training: {approved_by: Line producer, reference: "Deal memo 12, 2026-11-24"}
offload: {roots: [offload], settle_seconds: 1}
delivery: {root: delivery}
state: {root: state}
proxy: {codec: prores_proxy}
queue: {circle_takes: [lists]}
refine: {samples_a_clip: 2}
page: {port: PORT}
"""
_RECIPE = """\
defaults:
  restore: {strength: 0.85}
rolls:
  B*: {restore: {strength: 0.7}}
clips:
  A001C003*: {limits: {luma: 4}}
"""


class Stopping(Inline):
    """An executor that does its work here, until it is held: then the task under way stays where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = False
        self._kept: list[Report] = []

    def free(self, lane: str) -> int:
        """Return 1 while nothing is under way or to be told."""
        return 0 if self._kept else super().free(lane)

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        """Do the task and tell of it at the next turn, by when its time has passed; or leave it where it is."""
        if self._kept or not self.is_held:
            told, self._kept = self._kept, [] if self._kept else super().poll(now, wait_seconds)
            return told
        for running in self.running():
            running.total, running.heard = _FRAMES, now
            running.done, running.started = 7, now - 3.1
        return []


@dataclass
class HalfDay:
    """The production, its service, and the clock that it goes by."""

    folder: Path
    service: Service
    hands: Stopping
    clock: SystemClock = field(default_factory=SystemClock)

    def turn(self) -> None:
        """One turn of the service's loop."""
        service, now = self.service, Moment(self.clock.monotonic(), self.clock.utc())
        service.hint({str(root.path) for root in service.production.config.offload.roots})
        service.tick(now, 0)
        write_status(service.production.config.production_state, service.snapshot(now))
        time.sleep(_TURN_SECONDS)

    def until(self, done: Callable[[], bool], most: int = 20000) -> None:
        """Turn until something is so."""
        for _ in range(most):
            self.turn()
            if done():
                return
        clips = self.service.production.store.clips()
        raise AssertionError(f"never came: {[(clip.name, clip.state) for clip in clips]}")

    def rest(self) -> None:
        """Turn until nothing is left to do, and a little longer: what was just offloaded must be seen to lie quiet."""
        quiet = itertools.count()
        self.until(lambda: next(quiet) > 100 and self.service.is_idle())

    def made(self, roll: str, twin: Twin) -> int:
        """Return how many clips of a roll have a twin in place."""
        store = self.service.production.store
        clips = [clip for card in store.cards() if card.roll == roll for clip in store.clips(card=card.id)]
        return sum(bool(store.proxies(clip.id, twin)) for clip in clips)

    def states(self) -> dict[str, CardState]:
        """Return where each card stands."""
        store = self.service.production.store
        return {tally.card.roll: standing_of(tally) for tally in store.tallies(store.unsampled_cards())}


def shoot(folder: Path, roll: str, clips: int, seed: int, *, sealed: bool = True) -> Path:
    """Offload a card of short noisy clips."""
    card = folder / "offload" / DAY / "Camera Media" / roll
    card.mkdir(parents=True)
    for number in range(1, clips + 1):
        name = f"{roll}C{number:03}_261127_R1HM.mov"
        start = f"{9 + seed % 3:02}:{(7 * number + seed) % 60:02}:{(13 * number) % 60:02}:00"
        noise = (0.002 * (1 + number % 4), 0.012 * (1 + number % 3))
        movie(
            card / name,
            frames=_FRAMES,
            width=960,
            height=540,
            start=start,
            noise=noise,
            seed=seed + number,
            encoder="libx264",
        )
    if sealed:
        seal(card, f"{DAY[:4]}-{DAY[4:6]}-{DAY[6:]}T08:00:00+00:00")
    return card


def _spoil(path: Path) -> None:
    """Change a byte in the midst of a file, as a bad cable does."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(bytes(data))


@contextmanager
def half_day(folder: Path, port: int = 8080) -> Iterator[HalfDay]:
    """Bring a production to the midst of its day; one that was left in the folder is taken up as it stands."""
    is_new = not (folder / "config.yaml").exists()
    if is_new:
        _prepare(folder, port)
    settings = configuration.load(folder / "config.yaml")
    journal = Journal(settings.production_state)
    with (folder / "log.json").open("a", encoding="utf-8") as log, opened(settings) as production:
        configure("info", "json", log, journal)
        hands = Stopping()
        service = Service(production, hands)
        service._stages["turnover"]._clerk = Prompt()  # type: ignore[attr-defined] # noqa: SLF001 - one beside would be waited for
        day = HalfDay(folder, service, hands)
        service.start(Moment(day.clock.monotonic(), day.clock.utc()))
        if is_new:
            before, refine.work = refine.work, tutored(iter(_VERDICTS))
            _morning(day)
            refine.work = before
        hands.is_held = True
        for _ in range(6):
            day.turn()
        yield day
    configure()
    journal.close()


def _prepare(folder: Path, port: int) -> None:
    (folder / "lists").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(_RECIPE, encoding="utf-8")
    circled = "".join(f"{name}_261127_R1HM,yes\n" for name in ("A001C002", "B001C003", "C001C004"))
    (folder / "lists" / "circled.csv").write_text(f"Name,Circled\n{circled}", encoding="utf-8")
    (folder / "config.yaml").write_text(_CONFIG.replace("PORT", str(port)), encoding="utf-8")


def _morning(day: HalfDay) -> None:
    shoot(day.folder, "A001", 5, 10)
    day.rest()
    card = shoot(day.folder, "A002", 5, 40)
    _spoil(card / "A002C004_261127_R1HM.mov")
    (card / "A002C006_261127_R1HM.braw").write_bytes(b"braw" * 5000)
    shutil.rmtree(card / "ascmhl")
    _seal_as_shot(card)
    day.rest()
    ask(day.service.production.config.production_state, Request(Wish.PAUSE, "refine"))
    shoot(day.folder, "B001", 5, 70)
    day.until(lambda: day.made("B001", Twin.ENHANCED) == 2)
    shoot(day.folder, "C001", 6, 100)
    shoot(day.folder, "A003", 3, 130, sealed=False)
    day.until(lambda: day.made("C001", Twin.PLAIN) == 3)


def _seal_as_shot(card: Path) -> None:
    """Seal a card as it was before one of its clips was spoiled."""
    clip = card / "A002C004_261127_R1HM.mov"
    spoiled = clip.read_bytes()
    _spoil(clip)  # the same bit again: as it was shot
    seal(card, f"{DAY[:4]}-{DAY[4:6]}-{DAY[6:]}T08:00:00+00:00")
    clip.write_bytes(spoiled)


def tutored(verdicts: Iterator[tuple[str, ...]]) -> Work:
    """Return a stand-in for the work of an update: base's weights a little different, judged as it is told."""
    from engines.model.weights import base_weights, save_weights

    def work(text: str, _progress: object) -> str:
        task, refused = wire.load(RefineTask, text), next(verdicts)
        parent, step = base_weights(task.size), 1e-6 * (1 + len(refused))
        tensors = {name: (array + step).astype("float32") for name, array in parent.tensors.items()}
        digest = parent.with_tensors(tensors).digest
        lineage = {"clips": [asdict(clip) for clip in task.clips], **task.lineage}
        save_weights(Path(task.models) / f"{digest}.safetensors", tensors, lineage)
        scores = _BASE | (_SPOILED if refused else _BETTER)
        curve = tuple(round(0.12 + 0.16 * math.exp(-at / 14) + 0.02 * math.sin(2.3 * at), 4) for at in range(60))
        return wire.dump(Refined, Refined(digest, not refused, refused, scores, 240, 96.4, curve))

    return work
