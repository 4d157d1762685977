"""A child that probes movies and looks at signatures, for commands beside the service, under the service's limits.

Media is opened nowhere else: the control process imports no decoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from daemon import wire
from daemon.clock import SystemClock
from daemon.executor import LocalExecutor, Report
from daemon.slate import Attest, Attested, Trouble
from daemon.stages.probe import Probed, ProbeTask
from daemon.worker import Limits
from engines.media.essence import Essence

_LANE = "probe"
_WAIT_SECONDS = 1.0


@contextmanager
def prober(memory_gib: int, hung_seconds: float) -> Iterator[LocalExecutor]:
    """Give the child; it ends with the block."""
    executor = LocalExecutor({_LANE: 1}, Limits(memory_gib << 30), hung_seconds)
    executor.open()
    try:
        yield executor
    finally:
        executor.close()


def probed(child: LocalExecutor, task: ProbeTask) -> Essence | str:
    """Return a clip's essence, or why there is none."""
    report = _done(child, "probe", wire.dump(ProbeTask, task))
    return _told(report.trouble) if report.trouble else wire.load(Probed, report.result).essence


def attested(child: LocalExecutor, task: Attest) -> Attested:
    """Return what a delivered file's signature is worth; where it cannot be looked at, that is its fault."""
    report = _done(child, "attest", wire.dump(Attest, task))
    return Attested((_told(report.trouble),), {}) if report.trouble else wire.load(Attested, report.result)


def _done(child: LocalExecutor, stage: str, task: str) -> Report:
    clock = SystemClock()
    child.start(_LANE, 0, "", stage, task, clock.monotonic())
    while not (reports := child.poll(clock.monotonic(), _WAIT_SECONDS)):
        continue
    return reports[0]


def _told(trouble: Trouble) -> str:
    return f"{trouble.what}: {trouble.why}"
