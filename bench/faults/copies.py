"""Partial copies: cards arrive as copying tools leave them in between, and no clip is begun before its bytes are whole.

Each case is one clip on a roll of its own, copied in one of the ways below, while the service looks on. With a manifest
a copy may stall for as long as it likes; without one, where the configuration allows that, it stalls for less than the
settle time. The bytes on disk are compared when a job begins, and every clip must be begun once its copy is done.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from bench.faults.shift import Shift, shift
from bench.faults.trial import Trial
from bench.media import seal
from daemon.errors import NearsetError
from daemon.executor import Report, Running
from daemon.pipeline import work_of
from daemon.slate import Trouble
from daemon.stages import manifest
from daemon.store import trouble_of

_A_BATCH = 50
_MOST_TICKS = 400
_OLD_NS = 978_307_200 * 10**9
_SEALED_AT = "2026-11-24T18:00:00+00:00"
_UNDECODABLE = Trouble("media.undecodable", "it is not decoded here", "the campaign looks at copies only", "none")
Copy = Callable[["Card"], Iterator[None]]
"""A copy under way: a step at each turn of the service."""


def run(trial: Trial) -> None:
    """Copy in batches, with manifests and without, then once with the service broken in each way."""
    while not trial.is_over:
        count = min(_A_BATCH, trial.wanted - trial.done)
        batch = Batch(trial.random, has_manifests=trial.random.random() < 0.6)
        with trial.place() as folder:
            batch.shoot(folder, count)
            batch.copy(folder)
        for card in batch.cards:
            trial.judge(card.way, f"{card.way}, {card.path.name}", batch.faults_of(card))
    _control(trial)


def _control(trial: Trial) -> None:
    """Let the settle time be none, and let any hash be the right one."""
    for what, has_manifests, broken in (
        ("no settle time", False, mock.patch("daemon.scan.Settling.quiet", return_value=True)),
        ("hashes are not compared", True, mock.patch.object(manifest, "_compare", return_value=None)),
    ):
        batch = Batch(random.Random(trial.seed), has_manifests=has_manifests)
        with trial.place() as folder, broken:
            batch.shoot(folder, _A_BATCH)
            batch.copy(folder)
        trial.control(what, sum(bool(batch.faults_of(card)) for card in batch.cards), _A_BATCH)


@dataclass
class Card:
    """A roll with one clip, as it will be, and how it gets there."""

    path: Path
    content: bytes
    random: random.Random
    way: str
    has_manifest: bool
    begun: int = 0
    early: list[str] = field(default_factory=list)

    @property
    def clip(self) -> Path:
        """The clip under its name."""
        return self.path / f"{self.path.name}C001.mov"

    def is_whole(self) -> bool:
        """Return whether the clip holds its bytes."""
        return self.clip.is_file() and self.clip.read_bytes() == self.content

    def stall(self) -> Iterator[None]:
        """Let turns go by: as many as the copy may stall for."""
        yield from [None] * (self.random.randint(0, 14) if self.has_manifest else self.random.randint(0, 2))

    def chunks(self) -> list[tuple[int, bytes]]:
        """Return the clip in parts with their offsets."""
        marks = sorted(self.random.sample(range(1, len(self.content)), self.random.randint(2, 6)))
        return [
            (begin, self.content[begin:end])
            for begin, end in zip([0, *marks], [*marks, len(self.content)], strict=True)
        ]


def _growing(card: Card) -> Iterator[None]:
    for _, chunk in card.chunks():
        with card.clip.open("ab") as file:
            file.write(chunk)
        yield from card.stall()


def _truncated(card: Card) -> Iterator[None]:
    cut = card.random.randint(0, len(card.content) - 1)
    card.clip.write_bytes(card.content[:cut])
    yield from card.stall()
    card.clip.write_bytes(card.content)


def _holes(card: Card) -> Iterator[None]:
    chunks = card.chunks()
    card.random.shuffle(chunks)
    card.clip.touch()
    for offset, chunk in chunks:
        with card.clip.open("r+b") as file:
            file.seek(offset)
            file.write(chunk)
        yield from card.stall()


def _preallocated(card: Card) -> Iterator[None]:
    card.clip.write_bytes(bytes(len(card.content)))
    yield from card.stall()
    for offset, chunk in card.chunks():
        with card.clip.open("r+b") as file:
            file.seek(offset)
            file.write(chunk)
        yield from card.stall()


def _old_mtime(card: Card) -> Iterator[None]:
    for _ in _preallocated(card):
        os.utime(card.clip, ns=(_OLD_NS, _OLD_NS))
        yield
    os.utime(card.clip, ns=(_OLD_NS, _OLD_NS))


def _renamed_late(card: Card) -> Iterator[None]:
    suffix = card.random.choice((".part", ".filepart", ".~tmp~", ".tmp", "~"))
    part = card.clip.with_name(card.clip.name + suffix)
    for _, chunk in card.chunks():
        with part.open("ab") as file:
            file.write(chunk)
        yield from card.stall()
    part.rename(card.clip)


def _renamed_half(card: Card) -> Iterator[None]:
    part = card.clip.with_name(f".{card.clip.name}.partial")
    part.write_bytes(card.content[: len(card.content) // 2])
    yield from card.stall()
    part.rename(card.clip)
    yield from card.stall()
    with card.clip.open("ab") as file:
        file.write(card.content[len(card.content) // 2 :])


def _copied_twice(card: Card) -> Iterator[None]:
    card.clip.write_bytes(card.random.randbytes(len(card.content)))
    yield from card.stall()
    again = card.clip.with_name(f".{card.clip.name}.partial")
    again.write_bytes(card.content)
    os.utime(again, ns=(card.clip.stat().st_atime_ns, card.clip.stat().st_mtime_ns))
    again.rename(card.clip)


WAYS: dict[str, Copy] = {
    "growing": _growing,
    "truncated": _truncated,
    "holes": _holes,
    "preallocated zeros": _preallocated,
    "old mtime": _old_mtime,
    "renamed late": _renamed_late,
    "renamed half": _renamed_half,
    "copied twice": _copied_twice,
}


@dataclass
class Batch:
    """Cards that are copied at the same time, and the executor that sees when a job of theirs begins."""

    random: random.Random
    has_manifests: bool
    cards: list[Card] = field(default_factory=list)
    has_rested: bool = True
    _tasks: dict[int, tuple[Running, str]] = field(default_factory=dict)

    def shoot(self, folder: Path, count: int) -> None:
        """Make the cards, each in its folder, with nothing in it yet."""
        rolls = folder / "offload" / "20261124" / "Camera Media"
        for number in range(1, count + 1):
            content = self.random.randbytes(self.random.randint(4_000, 40_000))
            roll = rolls / f"A{number:03d}"
            roll.mkdir(parents=True)
            way = self.random.choice(list(WAYS))
            chance = random.Random(self.random.random())
            self.cards.append(Card(roll, content, chance, way, self.has_manifests))

    def copy(self, folder: Path) -> None:
        """Let all cards arrive while the service looks on, and go on until nothing is left to do."""
        under_way = [self._arrival(card) for card in self.cards]
        offload = {"require_manifest": self.has_manifests}
        with shift(folder, self, offload=offload) as service:
            for _ in range(_MOST_TICKS):
                under_way = [copy for copy in under_way if next(copy, self) is not self]
                service.tick()
                if not under_way:
                    break
            self.has_rested = not under_way and _rests(service)

    def faults_of(self, card: Card) -> list[str]:
        """Return what was wrong with a card's clip."""
        found = card.early + ([] if self.has_rested else ["the service came to no end"])
        return found + ([] if card.begun == 1 else [f"it was begun {card.begun} times"])

    def _arrival(self, card: Card) -> Iterator[None]:
        """Copy a card; its manifest comes first, in between, half first, or last."""
        sealed = card.random.choice(("first", "first", "half first", "last")) if card.has_manifest else "never"
        yield from [None] * card.random.randint(0, 6)
        if sealed != "never":
            self._seal(card, sealed)
        yield from WAYS[card.way](card)
        yield from card.stall()
        for manifest_path in (card.path / "ascmhl").glob("*.later"):
            manifest_path.rename(manifest_path.with_suffix(""))

    def _seal(self, card: Card, when: str) -> None:
        card.clip.write_bytes(card.content)
        seal(card.path, _SEALED_AT)
        card.clip.unlink()
        if when == "first":
            return
        for path in list((card.path / "ascmhl").iterdir()):
            path.rename(path.with_name(f"{path.name}.later"))
            if when == "half first" and path.suffix == ".mhl":
                whole = path.with_name(f"{path.name}.later").read_bytes()
                path.write_bytes(whole[: len(whole) // 2])

    def open(self) -> None:
        """There is nothing to open."""

    def free(self, lane: str) -> int:
        """Take any task."""
        del lane
        return 1

    def takes(self, lane: str) -> None:
        """Take any stage."""

    def start(self, lane: str, job: int, token: str, stage: str, task: str, now: float) -> None:
        """Note whether the bytes that a job is about are whole, where that counts: proving them is no beginning."""
        del lane
        self._tasks[job] = (Running(job, token, stage, now, now), task)
        (card,) = [card for card in self.cards if card.clip.name in task]
        is_proving = stage == "manifest"
        card.begun += not is_proving
        if not card.is_whole() and not (is_proving and card.has_manifest):
            card.early.append(f"{stage} began before its bytes were whole")

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        """Hash what is to be hashed; nothing is decoded."""
        del now, wait_seconds
        tasks, self._tasks = self._tasks, {}
        return [self._report(running, task) for running, task in tasks.values()]

    def _report(self, running: Running, task: str) -> Report:
        if running.stage != "manifest":
            return Report(running.job, running.token, trouble=_UNDECODABLE)
        try:
            return Report(running.job, running.token, result=work_of(running.stage)(task, lambda *_: None))
        except NearsetError as error:
            return Report(running.job, running.token, trouble=trouble_of(error))

    def running(self) -> list[Running]:
        """Return the tasks under way."""
        return [running for running, _ in self._tasks.values()]

    def cancel(self, job: int) -> None:
        """Drop a task."""
        self._tasks.pop(job, None)

    def close(self) -> None:
        """Drop all tasks."""
        self._tasks.clear()


def _rests(service: Shift) -> bool:
    return service.rest(most=100)
