"""Corruptions: one file of a card, a delivery or what is kept to learn from is damaged, and each damage is told.

What is on a card meets the hashing stage against its manifest. What was delivered meets `nearset verify`, many damaged
copies of one shoot day at once, with whole ones among them that it must find good. Weights, samples and plans meet what
loads them.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from bench.faults.case import Case, shoot
from bench.faults.trial import Trial
from daemon import inspection, models, wire
from daemon.beneath import mark
from daemon.errors import NearsetError
from daemon.hashing import hash_bytes
from daemon.inspection import inspect
from daemon.slate import CardPlace
from daemon.stages import manifest
from daemon.stages.manifest import HashTask
from engines.media.frames import Picture
from engines.model import replay, weights
from engines.model.noise import NoiseProfile
from engines.model.replay import Replay
from engines.model.weights import base_weights, save_weights
from engines.plans.key import PlanKey
from engines.plans.store import PlanStore

_A_BATCH = 40
_WHOLE_IN_A_BATCH = 2
_SIZE = "lite"
_SHARES = {"card": 0.5, "delivery": 0.3, "weights": 0.05, "samples": 0.08, "plans": 0.07}
"""How the cases are shared out."""


def damaged(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Return a copy with one damage, and what that is: a bit, a range of zeros, a range of anything, or a cut."""
    content = bytearray(data)
    at = chance.randrange(len(content))
    length = min(chance.choice((1, 16, 512, 4096)), len(content) - at)
    kind = chance.choice(("bit", "bit", "zeros", "range", "cut"))
    if kind == "bit":
        content[at] ^= 1 << chance.randrange(8)
    elif kind == "zeros":
        content[at : at + length] = bytes(length)
    elif kind == "range":
        content[at : at + length] = chance.randbytes(length)
    else:
        del content[at:]
    return (kind, bytes(content)) if bytes(content) != data else damaged(data, chance)


def run(trial: Trial) -> None:
    """Damage cards, deliveries and what is kept, then again with what tells it broken."""
    counts = {name: max(1, round(trial.wanted * share)) for name, share in _SHARES.items()}
    with trial.place() as folder:
        for line in _of_card(folder, trial.random, counts["card"]):
            trial.judge("card", line.subject, line.faults)
    with trial.place() as folder:
        case = Case(folder).shoot(shoot(folder))
        trial.judge("none", "the delivery", case.serve().faults, cases=0)
        _judge_deliveries(trial, case, counts["delivery"])
        with mock.patch.object(inspection._Roll, "unlike", return_value=""):  # noqa: SLF001 - broken on purpose
            found = list(_of_delivery(case, random.Random(trial.seed), min(_A_BATCH, trial.wanted // 5)))
        trial.control("verify compares no bytes", sum(bool(line.faults) for line in found), len(found))
    with trial.place() as folder:
        for name, kept in _kept(folder).items():
            for _ in range(counts[name]):
                line = kept.damaged(trial.random)
                trial.judge(name, line.subject, line.faults)
    with trial.place() as folder, mock.patch.object(manifest, "_compare", return_value=None):
        found = list(_of_card(folder, random.Random(trial.seed), 20))
        trial.control("hashes are not compared", sum(bool(line.faults) for line in found), len(found))


@dataclass(frozen=True)
class Line:
    """One damage, and what is wrong: that it was not told."""

    subject: str
    faults: list[str]


def _line(subject: str, look: Callable[[], object]) -> Line:
    try:
        look()
    except NearsetError as error:
        return Line(subject, [] if error.why and error.fix else ["it was told without cause or cure"])
    return Line(subject, ["it was not told"])


def _of_card(folder: Path, chance: random.Random, count: int) -> Iterator[Line]:
    """Hash clips that are not what their manifest says."""
    place = CardPlace(str(folder), "A001")
    clip = folder / "A001" / "A001C001.mov"
    clip.parent.mkdir()
    for number in range(count):
        whole = chance.randbytes(chance.randint(1, 60_000))
        kind, content = damaged(whole, chance)
        clip.write_bytes(content)
        algorithm = chance.choice(("xxh128", "xxh64", "md5", "sha1", "c4", "xxh3"))
        with clip.open("rb") as file:
            task = HashTask(place, ((clip.name, mark(file), {algorithm: hash_bytes(algorithm, whole)}),))
        text = wire.dump(HashTask, task)
        yield _line(f"{kind} of clip {number}, {algorithm}", lambda text=text: manifest.work(text, lambda *_: None))  # type: ignore[misc]


def _judge_deliveries(trial: Trial, case: Case, count: int) -> None:
    whole = 0
    for left in range(count, 0, -_A_BATCH):
        for line in _of_delivery(case, trial.random, min(_A_BATCH, left)):
            is_whole = line.subject == "whole"
            whole += is_whole
            trial.judge("delivery", line.subject, line.faults, cases=int(not is_whole))
    trial.figures["whole deliveries found good"] = str(whole)


def _of_delivery(case: Case, chance: random.Random, count: int) -> list[Line]:
    """Verify damaged copies of a shoot day, and whole ones among them."""
    (day,) = case.delivery.glob("2*")
    copies = case.folder / "copies"
    files = sorted(path.relative_to(day) for path in day.rglob("*") if path.is_file() and not path.is_symlink())
    subjects = {}
    for number in range(count + _WHOLE_IN_A_BATCH):
        copy = copies / f"D{number:03d}"
        shutil.copytree(day, copy, symlinks=True)
        subjects[copy.name] = "whole"
        if number < count:
            path = chance.choice(files)
            kind, content = damaged((copy / path).read_bytes(), chance)
            (copy / path).write_bytes(content)
            subjects[copy.name] = f"{kind} of {path}"
    told: dict[str, list[str]] = {name: [] for name in subjects}
    for check in inspect(copies):
        name = next(part for part in check.roll.split("/") if part in subjects)
        told[name] += check.faults
    shutil.rmtree(copies)
    lines = []
    for name, subject in subjects.items():
        if subject == "whole":
            lines.append(Line(subject, told[name]))
        else:
            lines.append(Line(subject, [] if told[name] else ["it was not told"]))
    return lines


@dataclass(frozen=True)
class _Kept:
    """Files that are kept, and what loads them."""

    files: tuple[Path, ...]
    load: Callable[[], object]

    def damaged(self, chance: random.Random) -> Line:
        """Damage one of the files, load it, and put it back."""
        path = chance.choice(self.files)
        before = {file: file.read_bytes() for file in self.files}
        kind, content = damaged(before[path], chance)
        path.write_bytes(content)
        line = _line(f"{kind} of {path.name}", self.load)
        for file, data in before.items():
            if not file.exists():
                file.touch(mode=0o600)
            file.write_bytes(data)
        return line


def _kept(folder: Path) -> dict[str, _Kept]:
    return {"weights": _weights(folder), "samples": _sample(folder), "plans": _plan(folder)}


def _weights(folder: Path) -> _Kept:
    own = base_weights(_SIZE)
    path = folder / f"{own.digest}.safetensors"
    save_weights(path, own.tensors, own.card)
    digest = weights.load_weights(path, _SIZE).digest
    path = path.rename(folder / f"{digest}.safetensors")
    return _Kept((path,), lambda: models.own_weights(path, _SIZE))


def _sample(folder: Path) -> _Kept:
    rng = np.random.default_rng(1)
    planes = [
        tuple(rng.integers(64, 940, shape, np.uint16) for shape in ((96, 96), (96, 48), (96, 48)))
        for _ in range(replay.FRAMES)
    ]
    store = Replay(folder)
    kept = store.add([Picture(number, *three) for number, three in enumerate(planes)], NoiseProfile(1e-4, 1e-5))
    return _Kept((store.path(kept.digest),), lambda: store.load(kept.digest))


def _plan(folder: Path) -> _Kept:
    words = dict.fromkeys(PlanKey.__dataclass_fields__, "x") | {"height": 270, "width": 480}
    key = PlanKey(**words)  # type: ignore[arg-type]
    store = PlanStore(folder / "plans", 1 << 30)
    path = store.save(key, random.Random(1).randbytes(50_000), 1.0)
    return _Kept((path, path.with_suffix(".seal")), lambda: store.load(key))
