"""Mutations: whole media and sidecars are damaged at random, and no reader of them falls, hangs or tells nonsense.

Sidecars go through every parser in `daemon/sidecars/`: out of it comes a value or an error of the tree, within a time
and a memory. Media go through the real probe in a real child under the service's own limits: a child that dies is a job
that failed, one that hangs is killed, and the executor above it goes on.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import Pipe
from pathlib import Path

from bench.faults import seeds
from bench.faults.seeds import Seed
from bench.faults.trial import Trial
from daemon import probing
from daemon.beneath import mark
from daemon.errors import NearsetError
from daemon.slate import CameraFile, CardPlace, ClipKind
from daemon.stages.probe import ProbeTask, Source
from engines.media.essence import Essence

_LONGEST_SECONDS = 2.0
"""A parser that takes longer is one that a card could stop the service with."""
_MEMORY_BYTES = 2 << 30
_A_BATCH = 200
_HUNG_SECONDS = 120.0
_DIED = "child died"
Mutate = Callable[[bytes, random.Random], bytes]


def _flipped(data: bytes, chance: random.Random) -> bytes:
    content = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _lacking(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.choice((1, 2, 4, 16, 64)) :]


def _doubled(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    length = chance.choice((1, 4, 32, 256))
    return data[:at] + data[at : at + length] * chance.choice((2, 3, 100)) + data[at + length :]


def _overwritten(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    block = chance.choice((b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"<", b"&", b"9" * 400, b"-1", b"\t\n"))
    return data[:at] + block + data[at + len(block) :]


def _spliced(data: bytes, chance: random.Random) -> bytes:
    first, second = chance.randrange(len(data)), chance.randrange(len(data))
    return data[:first] + data[second:]


MUTATIONS: tuple[Mutate, ...] = (_flipped, _cut, _lacking, _doubled, _overwritten, _spliced)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return a damaged copy: one mutation, or some on top of each other."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = chance.choice(MUTATIONS)(data or b"\0", chance)
    return data


def run_sidecars(trial: Trial) -> None:
    """Mutate and parse in forks of this process; a fork that ends otherwise than it should is a fault."""
    whole = seeds.sidecars()
    faults = [f"the seed of {seed.name} is refused" for seed in whole if not _is_read(seed)]
    trial.judge("seeds", "seeds", faults, cases=0)
    slowest = 0.0
    while not trial.is_over:
        count = min(20_000, trial.wanted - trial.done)
        found = _forked(whole, trial.random.random(), count)
        slowest = max(slowest, found.slowest_seconds)
        trial.judge("read", "mutated", found.faults, cases=found.read)
        trial.judge("refused", "mutated", [], cases=count - found.read)
    trial.figures["parsers"] = str(len(whole))
    trial.figures["slowest ms"] = f"{1000 * slowest:.0f}"
    loose = [Seed(seed.name, seed.data, _let_through(seed)) for seed in whole[:4]]
    caught = len(_forked(loose, trial.seed, 200).faults)
    trial.control("a parser that throws what it likes", caught, 200)


def _let_through(seed: Seed) -> Callable[[bytes], object]:
    """Break a parser: its refusal is no error of the tree."""

    def parse(data: bytes) -> object:
        try:
            return seed.parse(data)
        except NearsetError as error:
            raise ValueError(error.what) from error

    return parse


def _is_read(seed: Seed) -> bool:
    try:
        seed.parse(seed.data)
    except NearsetError:
        return False
    return True


@dataclass
class _Found:
    """What a fork found: how many damaged sidecars were read all the same, what was wrong, and the slowest."""

    read: int = 0
    slowest_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def _forked(whole: list[Seed], seed: float, count: int) -> _Found:
    """Parse in a fork with little memory, and return what it found; where it died, that is the fault."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        theirs.send(_parsed(whole, random.Random(seed), count))
        os._exit(0)
    theirs.close()
    try:
        found: _Found = ours.recv()
    except EOFError:
        found = _Found(faults=[f"the process fell, seed {seed}"])
    os.waitpid(pid, 0)
    return found


def _parsed(whole: list[Seed], chance: random.Random, count: int) -> _Found:
    found = _Found()
    for _ in range(count):
        seed = chance.choice(whole)
        data = mutated(seed.data, chance)
        began = time.process_time()  # a busy machine is no fault of a parser
        try:
            seed.parse(data)
            found.read += 1
        except NearsetError:
            pass
        except BaseException as error:  # noqa: BLE001 - this is what is looked for
            found.faults.append(f"{seed.name} threw {type(error).__name__}: {error}: {data[:80]!r}")
        seconds = time.process_time() - began
        found.slowest_seconds = max(found.slowest_seconds, seconds)
        if seconds > _LONGEST_SECONDS:
            found.faults.append(f"{seed.name} took {seconds:.1f} s over {data[:80]!r}")
    return found


def run_media(trial: Trial) -> None:
    """Mutate and probe in batches of real children."""
    whole = seeds.media(trial.folder)
    with probing.prober(trial.folder, 2, _HUNG_SECONDS, os.cpu_count() or 1) as child:
        calm = probing.probed_all(child, [_written(trial.folder, name, data) for name, data in whole.items()])
        unread = [
            f"{name} is not probed: {told}" for name, told in zip(whole, calm, strict=True) if isinstance(told, str)
        ]
        trial.judge("seeds", "seeds", unread, cases=0)
        while not trial.is_over:
            count = min(_A_BATCH, trial.wanted - trial.done)
            names = [trial.random.choice(list(whole)) for _ in range(count)]
            place = trial.folder / "batch"
            place.mkdir(exist_ok=True)
            damaged = [mutated(whole[name], trial.random) for name in names]
            tasks = [
                _written(place, f"{at}-{name}", data)
                for at, (name, data) in enumerate(zip(names, damaged, strict=True))
            ]
            for task, told in zip(tasks, probing.probed_all(child, tasks), strict=True):
                trial.judge(_kind(told), task.source.files[0].path, _wrong(told))
        task = _written(trial.folder, "whole.mov", whole["mpeg4.mov"])
        child._posts["probe"][0].child.end()  # noqa: SLF001 - what a decoder may do to a child
        died, after = probing.probed_all(child, [task, task])
        trial.control("a child that is killed", int(_kind(died) == _DIED and _kind(after) == "read"), 1)


def _kind(told: Essence | str) -> str:
    if isinstance(told, Essence):
        return "read"
    ends = {"ended without an answer": _DIED, "no progress": "child hung", "needs more memory": "asks for more memory"}
    return next((kind for words, kind in ends.items() if words in told), "refused")


def _wrong(told: Essence | str) -> list[str]:
    """Return what is wrong with an answer: an error that nobody foresaw, or an essence that no clip can have."""
    if isinstance(told, str):
        return [told] if "stopped unexpectedly" in told and "needs more memory" not in told else []
    is_sane = told.frames >= 1 and told.rate > 0 and told.width > 0 and told.height > 0 and told.start_frame >= 0
    return [] if is_sane else [f"no clip is like this: {told}"]


def _written(folder: Path, name: str, data: bytes) -> ProbeTask:
    (folder / name).write_bytes(data)
    with (folder / name).open("rb") as file:
        seen = CameraFile(name, mark(file))
    place = CardPlace(str(folder), ".")
    return ProbeTask(Source(place, ClipKind.MOVIE, (seen,), place, ()), None)
