"""The child: does one task at a time and answers in JSON. The work side of every stage runs here.

A child is spawned clean (`child.py`), ends with its parent, lives under resource limits, off the network and on its own
ground of the disk, and keeps nothing between tasks but imported libraries. It never sees the database. It may die or
hang at any point: that costs one job.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Protocol

from daemon import egress
from daemon.ground import Ground, confine_to
from engines.errors import NearsetError

_PR_SET_PDEATHSIG = 1
_MESSAGE_SECONDS = 0.2
"""Shortest time between two progress messages of a child."""


class Progress(Protocol):
    """Told how much of a task is done; keeps a child from being taken for hung."""

    def __call__(self, done: int, total: int, /) -> None:
        """Note `done` of `total` units (bytes or frames)."""


Work = Callable[[str, Progress], str]
"""A stage's work side: task JSON in, result JSON out; raises NearsetError."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use of the machine: `destinations` to connect to, and its `ground` of the disk, None for all."""

    memory_bytes: int
    open_files: int = 512
    destinations: tuple[str, ...] = ()
    ground: Ground | None = None


def serve(pipe: Connection, limits: Limits) -> None:
    """Answer tasks from the pipe until it closes."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's ^C is for the control process, which drains
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
    with _kept(limits) as refused:
        while True:
            try:
                request = json.loads(pipe.recv_bytes())
            except (EOFError, OSError):
                return
            answer = _told(refused) if refused else _answer(request, pipe)
            pipe.send_bytes(json.dumps(answer).encode())


@contextmanager
def _kept(limits: Limits) -> Iterator[NearsetError | None]:
    """Keep the child to its ground and its destinations, by the kernel where there are none; give why it cannot be."""
    try:
        if limits.ground is not None:
            confine_to(limits.ground)
        if not limits.destinations:
            egress.seal()
    except NearsetError as error:
        yield error
        return
    with egress.kept_to(limits.destinations) if limits.destinations else nullcontext():
        yield None


def _answer(request: dict[str, str], pipe: Connection) -> dict[str, object]:
    from daemon.pipeline import work_of  # noqa: PLC0415 - the stages import this module

    try:
        result = work_of(request["stage"])(request["task"], _teller(pipe))
    except NearsetError as error:
        answer = _told(error)
    except MemoryError:
        answer = _fault("the work needs more memory than workers.memory_gib allows", "raise workers.memory_gib")
    except Exception as error:  # noqa: BLE001 - the one boundary: whatever a library throws costs one job
        traceback.print_exc(file=sys.stderr)
        answer = _fault(f"{type(error).__name__}: {error}", "see the log; `nearset retry` tries again")
    else:
        return {"kind": "result", "result": result}
    gc.collect()  # a thread's error leads back to itself and holds all that its clip did, on a GPU too
    return answer


def _told(error: NearsetError) -> dict[str, object]:
    return {"kind": "error", "code": error.code, "what": error.what, "why": error.why, "fix": error.fix}


def _fault(why: str, fix: str) -> dict[str, object]:
    return {
        "kind": "error",
        "code": "worker",
        "what": "the work stopped unexpectedly",
        "why": why,
        "fix": fix,
    }


def _teller(pipe: Connection) -> Progress:
    last = 0.0

    def tell(done: int, total: int, /) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _MESSAGE_SECONDS:
            last = now
            pipe.send_bytes(json.dumps({"kind": "progress", "done": done, "total": total}).encode())

    return tell


def die_with_parent(started_by: int = 0) -> None:
    """Let this process be killed when its parent ends: `started_by`, or the one that multiprocessing names."""
    parent = started_by or getattr(parent_process(), "pid", 0)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:  # it ended before the call above
        os._exit(1)
