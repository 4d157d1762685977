"""What a cluster costs and gives: the overhead of a job, and how far more workers are more work.

    python -m bench.cluster

The real queue, executor, ferry and Ray's processes; only the engine waits instead of working, so that two cores can
stand for many. Goals: 50 ms a job or less; 0.95 of linear with 1, 2, 4 and 8 workers.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.boxes import boxes, show
from daemon.cluster.fleet import RayFleet
from daemon.executor import LocalExecutor
from daemon.lanes import CUSTODY, RENDER, limits_of
from daemon.slate import ClipKind, FoundCard, FoundClip, Vendor
from daemon.states import JobEvent
from daemon.store import Store

_WORKERS = (1, 2, 4, 8)
_MOST_SECONDS, _LEAST_SHARE = 0.05, 0.95
_JOBS, _EACH = 60, 8
"""Jobs that do nothing, and jobs a worker that wait."""
_WAIT_SECONDS = 4.0
"""How long such a job waits: a short clip on a GPU takes longer."""
_LANES = 4
"""Workers on a node."""
_POLL_SECONDS = 0.25
_FERRY = (sys.executable, "-P", "-m", "bench.waiting")


def main() -> int:
    """Measure both, print the table, and say whether the goals are met."""
    seconds_a_job = _overhead()
    print(f"overhead of a job that does nothing: median {1000 * statistics.median(seconds_a_job):.1f} ms, ", end="")
    print(f"95th percentile {1000 * sorted(seconds_a_job)[int(0.95 * len(seconds_a_job))]:.1f} ms; goal 50 ms")
    shares = {workers: _share(workers) for workers in _WORKERS}
    print("workers   of linear (goal 0.95)")
    for workers, share in shares.items():
        print(f"{workers:7}   {share:.3f}")
    return int(statistics.median(seconds_a_job) > _MOST_SECONDS or min(shares.values()) < _LEAST_SHARE)


def _overhead() -> list[float]:
    """Return what each of some jobs took from its claim to its end, one after another, where the work takes no time."""
    with _crews(1) as (store, executor):
        _queue(store, _JOBS, 0.0)
        seconds = []
        for _ in range(_JOBS):
            began = time.monotonic()
            _begin(store, executor)
            while not _end(store, executor):
                pass
            seconds.append(time.monotonic() - began)
        return seconds[1:]  # the first one waits for its hand to be made


def _share(workers: int) -> float:
    """Return how much of `workers` times one worker's jobs a second come of so many workers."""
    with _crews(workers) as (store, executor):
        _queue(store, workers, 0.0)  # each hand is made by its first job
        _done(store, executor, workers)
        _queue(store, _EACH * workers, _WAIT_SECONDS)
        began = time.monotonic()
        _done(store, executor, _EACH * workers)
        return _EACH * _WAIT_SECONDS / (time.monotonic() - began)


def _done(store: Store, executor: LocalExecutor, jobs: int) -> None:
    ended = 0
    while ended < jobs:
        while executor.free(RENDER) and _begin(store, executor):
            continue
        ended += _end(store, executor)


def _begin(store: Store, executor: LocalExecutor) -> bool:
    token, now = uuid.uuid4().hex, time.monotonic()
    job = store.claim(RENDER, token, time.time(), 60, (), only=executor.takes(RENDER))
    if job is None:
        return False
    executor.start(RENDER, job.id, token, job.stage, job.task, now)
    return True


def _end(store: Store, executor: LocalExecutor) -> int:
    reports = executor.poll(time.monotonic(), _POLL_SECONDS)
    for report in reports:
        if report.trouble:
            raise RuntimeError(f"{report.trouble.what}: {report.trouble.why}")
        store.finish(report.job, JobEvent.SUCCEEDED)
    return len(reports)


def _queue(store: Store, jobs: int, seconds: float) -> None:
    clip = store.clips()[0].id
    for _ in range(jobs):
        task = json.dumps({"seconds": seconds})
        store.add_job(key=uuid.uuid4().hex, clip=clip, stage="render", lane=RENDER, priority=20, task=task)


@contextmanager
def _crews(workers: int) -> Iterator[tuple[Store, LocalExecutor]]:
    """Give a queue and an executor whose workers are all on nodes, up to four on each, and there."""
    folder = Path(tempfile.mkdtemp(prefix="ns-"))
    lanes = min(workers, _LANES)
    try:
        config = show(folder)
        config.production_state.mkdir(parents=True)
        store = Store(config.database)
        card = store.add_card("offload", FoundCard("A001", "A001", Vendor.ARRI, ()), "A001", "")
        store.add_clip(card, FoundClip("A001C001", ClipKind.MOVIE, ("A001C001.mov",)), "")
        names = [f"box{number}" for number in range(2, 2 + workers // lanes)]
        with boxes(folder, names, "SHOW", lanes=lanes) as made:
            fleet = RayFleet(config, made.file, _FERRY)
            executor = LocalExecutor({CUSTODY: 0, RENDER: 0}, limits_of(config), 1e9, fleet=fleet)
            executor.open()
            try:
                while executor.free(RENDER) < workers:
                    executor.poll(time.monotonic(), _POLL_SECONDS)
                yield store, executor
            finally:
                executor.close()
                store.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
