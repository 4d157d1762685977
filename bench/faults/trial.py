"""A trial: what a campaign is given, what came of each of its cases, and whether its control was caught."""

from __future__ import annotations

import math
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

_TOLD_EVERY_SECONDS = 10.0
_MOST_FAULTS_A_CASE = 4
"""What went wrong first is the cause of the rest."""


@dataclass
class Trial:
    """One campaign's run: `wanted` cases in a folder of its own, everything random drawn from one seed.

    `tally` counts cases by kind, `most` is the most of something that a case came upon, `figures` are what else the
    campaign has to say. `control` says what was broken on purpose and how much of it was caught; `refused` why nothing
    could be tried here.
    """

    name: str
    wanted: int
    seed: int
    folder: Path
    presets: str = ""
    storage: str = ""
    is_quick: bool = False
    most_minutes: float = math.inf
    in_parts: bool = False
    tally: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    controls: list[str] = field(default_factory=list)
    refused: str = ""
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.random = random.Random(f"{self.name} {self.seed}")

    @property
    def title(self) -> str:
        """What was tried, with what was delivered where that was not the usual."""
        also = [f"of {self.presets}"] if self.presets else []
        also += ["of clips in parts"] if self.in_parts else []
        return " ".join([self.name, *also, *(["to S3-compatible storage, too"] if self.storage else [])])

    @property
    def is_over(self) -> bool:
        """Whether there were enough cases, or the time is up."""
        return self.done >= self.wanted or time.monotonic() - self.began > 60 * self.most_minutes

    @property
    def done(self) -> int:
        """How many cases there were so far."""
        return self.tally.total()

    def share_out(self, cases: Iterable[Callable[[], None]]) -> None:
        """Do cases in forks of this process, one for each core, and count them in the order in which they were drawn.

        So what is drawn hangs on the seed alone: a case is drawn when the last but so many is counted.
        """
        under_way: deque[tuple[int, Connection]] = deque()
        for case in cases:
            under_way.append(self._begun(case))
            if len(under_way) == os.cpu_count():
                self._count(*under_way.popleft())
        while under_way:
            self._count(*under_way.popleft())

    def _begun(self, case: Callable[[], None]) -> tuple[int, Connection]:
        ours, theirs = Pipe(duplex=False)
        pid = os.fork()
        if pid == 0:
            try:
                self.tally, self.most, self.faults, self._told = Counter(), Counter(), [], math.inf
                case()
                theirs.send((self.tally, self.most, self.faults))
            except BaseException:  # noqa: BLE001 - a fork must end here, and the campaign must know that it did
                traceback.print_exc()
            os._exit(0)
        theirs.close()
        return pid, ours

    def _count(self, pid: int, ours: Connection) -> None:
        try:
            tally, most, faults = ours.recv()
        except EOFError:
            tally, most, faults = Counter(), Counter(), ["a case fell itself; why is above"]
        ours.close()
        os.waitpid(pid, 0)
        self.tally += tally
        self.most |= most
        self.faults += faults
        self._tell_now_and_then()

    @contextmanager
    def place(self) -> Iterator[Path]:
        """Give a new folder for a case; it stays where the case had a fault."""
        folder = Path(tempfile.mkdtemp(prefix="case-", dir=self.folder))
        count = len(self.faults)
        yield folder
        if len(self.faults) == count:
            shutil.rmtree(folder)

    def judge(self, kind: str, subject: str, found: list[str], *, cases: int = 1) -> None:
        """Count a case of a kind, and what was wrong with it; tell now and then how far it all is."""
        self.tally[kind] += cases
        lines = [f"{subject}: {fault}" for fault in found[:_MOST_FAULTS_A_CASE]]
        self.faults += lines
        for line in lines:
            print(f"{self.name}: {line}", file=sys.stderr, flush=True)
        self._tell_now_and_then()

    def _tell_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self._told >= _TOLD_EVERY_SECONDS:
            self._told = now
            self._tell(now - self.began)

    def control(self, what: str, caught: int, tried: int) -> None:
        """Note what was broken on purpose, and how often the campaign caught it; never is a fault of the campaign."""
        self.controls.append(f"{what}: caught {caught} of {tried}")
        if not caught:
            self.faults.append(f"the control was not caught: {what}")

    def _tell(self, seconds: float) -> None:
        rate = self.done / seconds
        left = max(0, self.wanted - self.done) / rate if rate else 0.0
        print(
            f"{self.name}: {self.done} of {self.wanted}, {rate:.1f}/s, {left / 60:.0f} min left, "
            f"{len(self.faults)} faults",
            file=sys.stderr,
            flush=True,
        )


@dataclass(frozen=True)
class Campaign:
    """What can be tried: how many cases the whole of it and a tiny spread of it have, and how it runs."""

    run: Callable[[Trial], None]
    whole: int
    quick: int
    told: str


def memory() -> Path | None:
    """Return a folder in memory, where every flush costs nothing; None where there is none."""
    place = Path("/dev/shm")
    return place if place.is_dir() else None
