"""Children that probe movies and look at signatures, for commands beside the service, under the service's limits.

Media is opened nowhere else: the control process imports no decoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from daemon import wire
from daemon.clock import SystemClock
from daemon.executor import LocalExecutor, Report
from daemon.ground import Ground
from daemon.slate import Attest, Attested, Trouble
from daemon.stages.probe import Probed, ProbeTask
from daemon.worker import Limits
from engines.media.essence import Essence

_LANE = "probe"
_WAIT_SECONDS = 1.0


@contextmanager
def prober(folder: Path, memory_gib: int, hung_seconds: float, children: int = 1) -> Iterator[LocalExecutor]:
    """Give the children, which read what lies in a folder; they end with the block."""
    limits = Limits(memory_gib << 30, ground=Ground((str(folder),)))
    executor = LocalExecutor({_LANE: children}, {_LANE: limits}, hung_seconds)
    executor.open()
    try:
        yield executor
    finally:
        executor.close()


def probed(child: LocalExecutor, task: ProbeTask) -> Essence | str:
    """Return a clip's essence, or why there is none."""
    (found,) = probed_all(child, [task])
    return found


def probed_all(children: LocalExecutor, tasks: Sequence[ProbeTask]) -> list[Essence | str]:
    """Return the essence of each clip in their order, or why there is none; as many at once as there are children."""
    clock = SystemClock()
    found: dict[int, Essence | str] = {}
    begun = 0
    while len(found) < len(tasks):
        while begun < len(tasks) and children.free(_LANE):
            children.start(_LANE, begun, "", "probe", wire.dump(ProbeTask, tasks[begun]), clock.monotonic())
            begun += 1
        for report in children.poll(clock.monotonic(), _WAIT_SECONDS):
            found[report.job] = _told(report.trouble) if report.trouble else wire.load(Probed, report.result).essence
    return [found[number] for number in range(len(tasks))]


def attested(child: LocalExecutor, task: Attest) -> Attested:
    """Return what a delivered file's signature is worth; where it cannot be looked at, that is its fault."""
    report = done(child, "attest", wire.dump(Attest, task))
    return Attested((_told(report.trouble),), {}) if report.trouble else wire.load(Attested, report.result)


def done(child: LocalExecutor, stage: str, task: str) -> Report:
    """Return what became of a task of a child that has no other."""
    clock = SystemClock()
    child.start(_LANE, 0, "", stage, task, clock.monotonic())
    while not (reports := child.poll(clock.monotonic(), _WAIT_SECONDS)):
        continue
    return reports[0]


def _told(trouble: Trouble) -> str:
    return f"{trouble.what}: {trouble.why}"
