"""A child that probes movies for commands that run beside the service, under the service's limits.

Media is opened nowhere else: the control process imports no decoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from daemon import wire
from daemon.clock import SystemClock
from daemon.executor import LocalExecutor
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
    clock = SystemClock()
    child.start(_LANE, 0, "", "probe", wire.dump(ProbeTask, task), clock.monotonic())
    while not (reports := child.poll(clock.monotonic(), _WAIT_SECONDS)):
        continue
    trouble = reports[0].trouble
    return f"{trouble.what}: {trouble.why}" if trouble else wire.load(Probed, reports[0].result).essence
