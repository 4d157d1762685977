"""Children: processes that do the work, of this process's own or of the worker unit's (`crew.py`).

To whoever gives them tasks both are a pipe and an end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Protocol

from daemon import wire
from daemon.worker import Limits

INSTALLED = str(Path(__file__).parents[1])
"""Where nearset's own packages lie, for processes that do not look into the folder they are started in."""
_DYING_SECONDS = 2.0
"""How long a child that closed its pipe may take to end by itself, so that its exit code is its own."""
_KILLED_SECONDS = 10.0
"""How long the kernel may take to end one that was killed; more, and it is stuck in a device or mount."""
_NOT_FOR_MEDIA = ("AWS_", "NEARSET_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", "RAY_")
"""Beginnings of the environment's words that a process beside hostile media has no use for."""


class Child(Protocol):
    """A process that serves."""

    pipe: Connection
    """Tasks go in, answers come out; at its end once the process has ended."""

    def end(self, *, dying: bool = False) -> str:
        """Kill it, wait until it is gone, and return how it ended; one that is `dying` may end by itself first."""


Spawn = Callable[[str, Limits], Child]
"""Starts a child of a lane under its limits; WorkersAway where none is to be had now."""


class OwnChild:
    """A child of this process, with a folder for scratch that ends with it."""

    def __init__(self, lane: str, limits: Limits, theirs: int, pipe: Connection) -> None:
        self.pipe = pipe
        self._scratch = Path(tempfile.mkdtemp(prefix=f"nearset-{lane}-"))
        command = [sys.executable, "-P", "-m", "daemon.child", str(theirs), str(os.getpid()), wire.dump(Limits, limits)]
        environment = _environment(limits) | {"TMPDIR": str(self._scratch)}
        if not limits.destinations:  # what a library keeps at home; credentials are read there
            environment["HOME"] = str(self._scratch)
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, pass_fds=(theirs,))

    def end(self, *, dying: bool = False) -> str:
        """Kill it, wait until it is gone, and return how it ended."""
        if not dying or not self._is_gone(_DYING_SECONDS):
            self.process.kill()
        is_gone = self._is_gone(_KILLED_SECONDS)
        self.pipe.close()
        if not is_gone:
            return "the child process cannot be killed: it waits for a device or mount that does not answer"
        shutil.rmtree(self._scratch, ignore_errors=True)
        return f"the child process exited with code {self.process.returncode}"

    def _is_gone(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def spawned(lane: str, limits: Limits) -> OwnChild:
    """Return a child of this process's own."""
    ours, theirs = Pipe()
    try:
        return OwnChild(lane, limits, theirs.fileno(), ours)
    finally:
        theirs.close()


def _environment(limits: Limits) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if limits.destinations or not _is_withheld(name)}
    paths = (INSTALLED, kept.get("PYTHONPATH", ""))
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _is_withheld(name: str) -> bool:
    return name.startswith(_NOT_FOR_MEDIA)
