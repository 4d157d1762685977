"""Mount flaps: the volume of an offload root goes and comes back during work, and nothing is taken for gone.

Cards lie on a volume that is bound to the root and let go again; at times another volume is bound in its place. Half of
the productions have a root with a marker on the very file system of its empty mount point, half one without a marker on
another device: those two can be told apart. While the volume is away its root must be parked, no clip be held, and no
file of a delivery go; in the end every clip is delivered once.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from bench.faults.shift import Shift, shift
from bench.faults.trial import Trial
from bench.media import movie, seal
from bench.points import Inline
from daemon.volumes import write_marker

_A_PRODUCTION = 20
_CARD_EVERY = 5
"""A new card arrives on the volume at every so many flaps, so that there is always work to be caught in."""


def run(trial: Trial) -> None:
    """Flap until it was often enough, then once with nothing that tells a root that is away."""
    if not _may_mount(trial):
        return
    clips = _clips(trial)
    number = 0
    while not trial.is_over:
        count = min(_A_PRODUCTION, trial.wanted - trial.done)
        with trial.place() as folder, _volume(folder, is_marked=bool(number % 2)) as volume:
            found = _flapped(trial, folder, volume, clips, count)
        kind = "marked root" if number % 2 else "root on another device"
        trial.judge(kind, f"{kind}, production {number}", found, cases=count)
        number += 1
    with (
        trial.place() as folder,
        _volume(folder, is_marked=False) as volume,
        mock.patch("daemon.stages.intake.absence", return_value=""),
    ):
        caught = _flapped(trial, folder, volume, clips, 4)
    trial.control("a root that is away is not told from an empty one", int(bool(caught)), 1)


def _may_mount(trial: Trial) -> bool:
    probe = trial.folder / "probe"
    probe.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", probe], capture_output=True, check=False).returncode:
        trial.refused = "volumes cannot be mounted by this user"
        return False
    subprocess.run(["umount", probe], check=True)
    return True


def _clips(trial: Trial) -> list[bytes]:
    """Return the clips that cards are made of."""
    made = []
    for seed in range(1 + _A_PRODUCTION // _CARD_EVERY):
        path = trial.folder / f"{seed}.mov"
        movie(path, frames=2, width=64, height=48, tracks=1, seed=seed, encoder="mpeg4")
        made.append(path.read_bytes())
    return made


@dataclass
class _Volume:
    """What is bound to the root: the cards' volume, another one, or nothing."""

    root: Path
    cards: Path
    other: Path

    def bind(self, place: Path) -> None:
        subprocess.run(["mount", "--bind", place, self.root], check=True)

    def let_go(self) -> None:
        subprocess.run(["umount", self.root], check=True)


@contextmanager
def _volume(folder: Path, *, is_marked: bool) -> Iterator[_Volume]:
    volume = _Volume(folder / "offload", folder / "cards", folder / "other")
    for place in (volume.root, volume.cards, volume.other):
        place.mkdir()
    mounted = [] if is_marked else [volume.cards, volume.other]
    try:
        for place in mounted:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", place], check=True)
        if is_marked:
            write_marker(volume.cards)
        yield volume
    finally:
        for place in (volume.root, *mounted):
            subprocess.run(["umount", "-q", place], check=False, capture_output=True)


def _flapped(trial: Trial, folder: Path, volume: _Volume, clips: list[bytes], count: int) -> list[str]:
    found: list[str] = []
    cards = 0
    volume.bind(volume.cards)
    with shift(folder, Inline(), workers={"retry_seconds": 0}, offload={"settle_seconds": 0}) as service:
        service.tick()  # what was never there cannot be missed
        for number in range(count):
            if number % _CARD_EVERY == 0:
                _offload(volume, clips[cards], cards)
                cards += 1
            service.ticks(trial.random.randint(0, 4))
            found += _away(trial, service, volume)
            volume.bind(volume.cards)
        if not service.rest():
            found.append("the service came to no end")
        found += _undelivered(folder, service, cards)
    return found


def _offload(volume: _Volume, clip: bytes, number: int) -> None:
    roll = volume.cards / "20261124" / "Camera Media" / f"A{number:03d}"
    roll.mkdir(parents=True)
    (roll / f"A{number:03d}C001.mov").write_bytes(clip)
    seal(roll, "2026-11-24T18:00:00+00:00")


def _away(trial: Trial, service: Shift, volume: _Volume) -> list[str]:
    """Let the volume go for some turns, and return what was taken for gone meanwhile."""
    before, delivered = service.states(), _movies(service.folder)
    volume.let_go()
    is_other = trial.random.random() < 0.3
    if is_other:
        volume.bind(volume.other)
    service.ticks(trial.random.randint(1, 4))
    now = service.states()
    found = [f"{clip} is {now.get(clip)} and was {state}" for clip, state in before.items() if _is_lost(now.get(clip))]
    found += [f"{path} is gone" for path in delivered - _movies(service.folder)]
    if str(volume.root) not in service.production.roots_away:
        found.append("the root is not told to be away")
    if is_other:
        volume.let_go()
    return found


def _is_lost(state: str | None) -> bool:
    return state in {None, "held", "failed", "undecodable"}


def _movies(folder: Path) -> set[str]:
    return {str(path) for path in (folder / "delivery" / "SHOW").glob("2*/**/*.mov")}


def _undelivered(folder: Path, service: Shift, cards: int) -> list[str]:
    states = service.states()
    found = [f"{clip} is {state}" for clip, state in states.items() if not clip.endswith("(card files)")]
    found = [line for line in found if not line.endswith("is delivered")]
    wanted, there = 2 * cards, len(_movies(folder))
    return found + ([] if there == wanted else [f"{there} proxies instead of {wanted}"])
