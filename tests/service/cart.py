"""A production on a cart, in a temporary folder: cards are offloaded by hand, time stands still, work is at hand."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from footage import footage

from bench.points import Prompt
from daemon import config as configuration
from daemon.berths import Node
from daemon.clock import ManualClock
from daemon.config import Config
from daemon.errors import NearsetError
from daemon.executor import Executor, Report, Running
from daemon.hashing import hash_bytes
from daemon.opening import opened
from daemon.pipeline import work_of
from daemon.production import Moment, Production
from daemon.requests import Request, Wish, ask
from daemon.service import Service
from daemon.sidecars.ascmhl import (
    Entry,
    Generation,
    Link,
    RecordedHash,
    compose_chain,
    compose_generation,
)
from daemon.slate import Trouble
from daemon.states import ClipState
from daemon.store import Clip, Proxy, trouble_of

MORNING = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
TICK_SECONDS = 0.5


@dataclass
class Hands:
    """An executor that does the work in this process, `lag` polls after it was begun.

    `mishaps` are taken one a task of their stage instead of the work: a trouble, or a callable that does
    something first and then returns a trouble or None (work goes on).
    """

    lag: int = 2
    away: str = ""
    nodes: tuple[Node, ...] = ()
    done: list[str] = field(default_factory=list)
    mishaps: dict[str, deque[Callable[[], Trouble | None]]] = field(default_factory=dict)
    _tasks: dict[int, tuple[str, Running, str]] = field(default_factory=dict)
    _due: dict[int, int] = field(default_factory=dict)

    def befall(self, stage: str, *troubles: Trouble | Callable[[], Trouble | None]) -> None:
        queue = self.mishaps.setdefault(stage, deque())
        for trouble in troubles:
            queue.append((lambda it=trouble: it) if isinstance(trouble, Trouble) else trouble)

    def free(self, lane: str) -> int:
        return 1 - sum(it == lane for it, _, _ in self._tasks.values())

    def takes(self, lane: str) -> frozenset[str] | None:
        del lane
        return None

    def start(self, lane: str, job: int, token: str, stage: str, task: str, now: float) -> None:
        self._tasks[job] = (lane, Running(job, token, stage, now, now), task)
        self._due[job] = self.lag

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        del now, wait_seconds
        reports = []
        for job, (_, running, task) in list(self._tasks.items()):
            self._due[job] -= 1
            if self._due[job] > 0:
                continue
            del self._tasks[job]
            reports.append(self._work(running, task))
        return reports

    def running(self) -> list[Running]:
        return [running for _, running, _ in self._tasks.values()]

    def cancel(self, job: int) -> None:
        self._tasks.pop(job, None)

    def close(self) -> None:
        self._tasks.clear()

    def _work(self, running: Running, task: str) -> Report:
        self.done.append(running.stage)
        queue = self.mishaps.get(running.stage)
        trouble = queue.popleft()() if queue else None
        if trouble:
            return Report(running.job, running.token, trouble=trouble)
        try:
            result = work_of(running.stage)(task, lambda *_: None)
        except NearsetError as error:
            return Report(running.job, running.token, trouble=trouble_of(error))
        return Report(running.job, running.token, result=result)


@dataclass
class Shift:
    """The service between one start and one stop."""

    cart: Cart
    production: Production
    service: Service

    def now(self) -> Moment:
        return Moment(self.cart.clock.monotonic(), self.cart.clock.utc())

    def tick(self, seconds: float = TICK_SECONDS) -> None:
        """One turn of the loop, then so much time passes."""
        self.service.hint({str(root.path) for root in self.cart.config.offload.roots})
        self.service.tick(self.now(), 0)
        self.cart.assert_no_lie()
        self.cart.clock.advance(seconds)

    def ticks(self, count: int) -> None:
        for _ in range(count):
            self.tick()

    def drive(self, most: int = 800) -> None:
        """Turn until there is nothing left to do, and a little longer."""
        self.ticks(4)
        for _ in range(most):
            if self.service.is_idle():
                break
            self.tick()
        else:
            raise AssertionError(f"still at work: {[(c.name, c.state, c.trouble) for c in self.clips()]}")
        self.ticks(2)

    def clips(self) -> list[Clip]:
        return self.production.store.clips()

    def clip(self, name: str) -> Clip:
        (found,) = [clip for clip in self.clips() if clip.name == name]
        return found

    def states(self) -> dict[str, str]:
        return {clip.name: str(clip.state) for clip in self.clips()}

    def clip_states(self) -> list[str]:
        return [str(clip.state) for clip in self.clips()]

    def waiting(self, name: str) -> str:
        return self.production.waiting.get(self.clip(name).id, "")

    def proxies(self, name: str) -> list[Proxy]:
        return self.production.store.proxies(self.clip(name).id)

    def revisions(self, name: str) -> list[tuple[str, int]]:
        return sorted((str(proxy.facts.twin), proxy.facts.revision) for proxy in self.proxies(name))


@dataclass
class Cart:
    """Offload, delivery and state of one production, and what an assistant does with them."""

    folder: Path
    words: dict[str, Any] = field(default_factory=dict)
    clock: ManualClock = field(default_factory=lambda: ManualClock(MORNING))
    hands: Hands = field(default_factory=Hands)
    _before: dict[Path, dict[str, tuple[bytes, int, int, int]]] = field(default_factory=dict)
    _read: dict[str, Config] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.offload.mkdir(parents=True, exist_ok=True)

    @property
    def offload(self) -> Path:
        return self.folder / "offload"

    @property
    def delivery(self) -> Path:
        return self.config.production_delivery

    @property
    def staging(self) -> Path:
        return self.delivery / ".nearset-staging"

    @property
    def recipe(self) -> Path:
        return self.folder / "recipe.yaml"

    @property
    def config(self) -> Config:
        """The configuration as it is in the file, with this story's words in it; read once for the same words."""
        said = self._said()
        if said not in self._read:
            self._read = {said: self.load()}
        return self._read[said]

    def load(self) -> Config:
        """Write the file and read it, as a service does that starts."""
        path = self.folder / "config.yaml"
        path.write_text(self._said(), encoding="utf-8")
        return configuration.load(path)

    def _said(self) -> str:
        plain: dict[str, Any] = {
            "production": {"code": "TEST"} | ({"recipe": "recipe.yaml"} if self.recipe.exists() else {}),
            "offload": {"roots": ["offload"], "settle_seconds": 1},
            "delivery": {"root": "delivery", "keep_free_gib": 0},
            "state": {"root": "state"},
            "proxy": {"codec": "prores_proxy"},
            "engine": "identity",
        }
        for section, value in self.words.items():
            plain[section] = plain.get(section, {}) | value if isinstance(value, dict) else value
        if "presets" in plain["delivery"]:
            del plain["proxy"]["codec"]
        return json.dumps(plain)

    def show_lut(self) -> None:
        """Give the show a LUT of its own, a small one."""
        rows = [f"{r} {g} {0.8 * b + 0.1}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
        (self.folder / "show.cube").write_text("LUT_3D_SIZE 2\n" + "\n".join(rows) + "\n")
        self.words["colour"] = self.words.get("colour", {}) | {"show_lut": "show.cube"}

    @contextmanager
    def shift(self, executor: Executor | None = None) -> Iterator[Shift]:
        """Start the service, and stop it at the end."""
        with opened(self.load()) as production:
            service = Service(production, executor or self.hands)
            service._stages["turnover"]._clerk = Prompt()
            shift = Shift(self, production, service)
            shift.service.start(shift.now())
            yield shift

    def serve(self) -> None:
        """Serve until idle, and stop."""
        with self.shift() as shift:
            shift.drive()

    def roll(self, name: str = "A001", day: str = "20260302") -> Path:
        folder = self.offload / day / "Camera Media" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def put(self, roll: Path, files: dict[str, bytes]) -> None:
        for path, data in files.items():
            (roll / path).parent.mkdir(parents=True, exist_ok=True)
            (roll / path).write_bytes(data)

    def card(self, *names: str, roll: str = "A001", first_seed: int = 1, day: str = "20260302") -> Path:
        """Offload a whole card of tiny clips, sealed, and remember what it looks like."""
        folder = self.roll(roll, day)
        for seed, name in enumerate(names, first_seed):
            self.put(folder, {name: footage(seed)})
        seal(folder)
        self.remember(folder)
        return folder

    def remember(self, roll: Path) -> None:
        self._before[roll] = looks(roll)

    def untouched(self) -> bool:
        """Whether every remembered roll is file for file and byte for byte what it was, times and inodes too."""
        return all(looks(roll) == before for roll, before in self._before.items())

    def retry(self, pattern: str = "*") -> None:
        ask(self.config.production_state, Request(Wish.RETRY, pattern))

    def delivered(self, roll: str = "A001", day: str = "20260302") -> Path:
        return self.delivery / day / roll

    def movies(self) -> list[str]:
        """Every movie in the delivery, hidden folders too, by path from the production's delivery folder; no links."""
        named = (path for suffix in ("mov", "mxf") for path in self.delivery.rglob(f"*.{suffix}"))
        found = (path for path in named if not path.is_symlink())
        return sorted(path.relative_to(self.delivery).as_posix() for path in found)

    def mixes(self) -> list[str]:
        """Every guide mix in the delivery, as `movies`."""
        return sorted(path.relative_to(self.delivery).as_posix() for path in self.delivery.rglob("*.wav"))

    def record(self, roll: str = "A001", day: str = "20260302") -> dict[str, Any]:
        return json.loads((self.delivered(roll, day) / "nearset.json").read_text(encoding="utf-8"))

    def complete(self, roll: str = "A001", day: str = "20260302") -> dict[str, Any]:
        return json.loads((self.delivered(roll, day) / ".complete").read_text(encoding="utf-8"))

    def assert_honest(self) -> None:
        """What is delivered is what the records say, no more and no less; the rolls are untouched."""
        assert self.untouched()
        if not self.delivery.exists():
            return
        recorded = set()
        for path in self.delivery.glob("*/*/nearset.json"):
            for clip in json.loads(path.read_text(encoding="utf-8"))["clips"]:
                for told in (file for proxy in clip["proxies"] for file in files_of(proxy)):
                    file = path.parent / told["path"]
                    assert hash_bytes("xxh128", file.read_bytes()) == told["xxh128"]
                    recorded.add(file.relative_to(self.delivery).as_posix())
        assert {*self.movies(), *self.mixes()} == recorded
        self.assert_no_lie()
        assert not self.staging.exists() or not list(self.staging.iterdir())

    def assert_no_lie(self) -> None:
        """Where `.complete` is, every hash in it is true, at every turn."""
        for path in (*self.delivery.glob("*/.complete"), *self.delivery.glob("*/*/.complete")):
            for name, digest in json.loads(path.read_text(encoding="utf-8"))["xxh128"].items():
                seen = (path.parent / name).stat()
                assert _hashed(path.parent / name, (seen.st_ino, seen.st_size, seen.st_ctime_ns)) == digest, name


@lru_cache(maxsize=1 << 12)
def _hashed(path: Path, _looks: tuple[int, int, int]) -> str:
    """The hash of a file, told once for as long as it looks the same: most turns change none."""
    return hash_bytes("xxh128", path.read_bytes())


def files_of(proxy: dict[str, Any]) -> list[dict[str, Any]]:
    """The files of a proxy of the record, those of all presets."""
    return [file for rendition in proxy["renditions"] for file in rendition["files"]] or [proxy]


def looks(folder: Path) -> dict[str, tuple[bytes, int, int, int]]:
    """Each file of a folder: digest, inode, mode and mtime."""
    found = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""
        found[path.relative_to(folder).as_posix()] = (digest, seen.st_ino, seen.st_mode, seen.st_mtime_ns)
    return found


def listing(roll: Path, files: dict[str, bytes]) -> tuple[str, bytes]:
    """An ASC MHL generation's name and bytes for files as they were on the card."""
    entries = tuple(
        Entry(path, len(data), (RecordedHash("xxh128", hash_bytes("xxh128", data), "original"),), "")
        for path, data in files.items()
    )
    generation = Generation("transfer", MORNING.isoformat(), entries, (), ())
    data = compose_generation(generation, tool="offload", version="1", hostname="cart")
    return f"_{roll.name}_2026-03-02_180000.mhl", data


def seal(roll: Path, *generations: dict[str, bytes]) -> None:
    """Write an ASC MHL history; without generations, one over every file that is there."""
    if not generations:
        there = (path for path in sorted(roll.rglob("*")) if path.is_file() and "ascmhl" not in path.parts)
        generations = ({path.relative_to(roll).as_posix(): path.read_bytes() for path in there},)
    shutil.rmtree(roll / "ascmhl", ignore_errors=True)
    (roll / "ascmhl").mkdir(parents=True)
    links = []
    for number, files in enumerate(generations, 1):
        ending, data = listing(roll, files)
        name = f"{number:04d}{ending}"
        (roll / "ascmhl" / name).write_bytes(data)
        links.append(Link(number, name, hash_bytes("c4", data)))
    (roll / "ascmhl" / "ascmhl_chain.xml").write_bytes(compose_chain(links))


def reference(folder: Path) -> int:
    """The exit code of the reference tool over a delivered roll."""
    code = "import sys; from ascmhl import commands; commands.verify([sys.argv[1]])"
    run = [sys.executable, "-W", "ignore", "-c", code, str(folder)]
    return subprocess.run(run, capture_output=True, timeout=100, check=False).returncode


def legacy(files: dict[str, bytes]) -> bytes:
    """A legacy MHL over files as they were on the card."""
    lines = "".join(
        f"<hash><file>{path}</file><size>{len(data)}</size><md5>{hashlib.md5(data).hexdigest()}</md5></hash>"
        for path, data in files.items()
    )
    return f'<?xml version="1.0"?><hashlist version="1.1">{lines}</hashlist>'.encode()


def trouble(code: str) -> Trouble:
    return Trouble(code, "it stumbled", "a test said so", "nothing to do")


HELD, DELIVERED = str(ClipState.HELD), str(ClipState.DELIVERED)
