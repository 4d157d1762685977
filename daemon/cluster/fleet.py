"""The fleet: the control process's side of a cluster. It keeps the ferry up, and offers berths on nodes it tells of.

No Ray here: the ferry is a process of its own, a berth's child a line to it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from daemon import wire
from daemon.again import Again
from daemon.berths import Berth, Node, NodeState
from daemon.cluster.nodefile import NodeFile
from daemon.cluster.raylet import driver_environment
from daemon.config import Config
from daemon.crew import HiredChild, connected
from daemon.lanes import CUSTODY, RENDER, limits_of
from daemon.log import get
from daemon.worker import Limits

STAGES = {CUSTODY: frozenset({"manifest", "probe"}), RENDER: frozenset({"render", "part", "mix", "assist"})}
"""What nodes do, by lane. Learning and sound's search stay where the production's state is, delivering where it is."""
FERRY = (sys.executable, "-P", "-m", "daemon.cluster.ferry")
ROSTER = "nodes.json"
_FIRST_SECONDS, _MOST_SECONDS = 2.0, 60.0
"""Before a ferry that ended is started again."""
_GONE = "a child of a node ended, or the ferry to it did"


@dataclass(slots=True)
class RayFleet:
    """The nodes of a cluster, for one production; `head` is this machine's node file."""

    config: Config
    head: NodeFile
    ferry: Sequence[str] = FERRY
    _limits: dict[str, Limits] = field(default_factory=dict)
    _home: Path | None = None
    _process: subprocess.Popen[bytes] | None = None
    _started: float = float("-inf")
    _due: float = float("-inf")
    _again: Again = field(default_factory=lambda: Again(_FIRST_SECONDS, _MOST_SECONDS))
    _mark: tuple[int, int] = (0, 0)
    _nodes: tuple[Node, ...] = ()

    def keep(self, now: float) -> None:
        """Keep the ferry up, and read what it tells of the nodes; `now` in monotonic seconds. Returns at once."""
        if self._process is not None and self._process.poll() is not None:
            pause = self._again.after(now - self._started)
            get().warning("ferry.ended", code=self._process.returncode, again_in_seconds=pause)
            self._process, self._due = None, now + pause
            self._nodes, self._mark = (), (0, 0)
            self._roster.unlink(missing_ok=True)
        if self._process is None and now >= self._due:
            self._start(now)
        self._read()

    def berths(self) -> list[Berth]:
        """Return the places for children that there are now."""
        return [
            Berth(node.name, lane, number, STAGES[lane], partial(self._hire, node.name, lane), self._take_in)
            for node in self._nodes
            if node.state is NodeState.AT_WORK
            for lane, count in node.lanes
            for number in range(count)
        ]

    def nodes(self) -> tuple[Node, ...]:
        """Return the machines that are known."""
        return self._nodes

    def close(self) -> None:
        """Stop the ferry; Ray ends its actors with it, and they their children."""
        if self._process is not None:
            self._process.kill()  # it holds nothing; on a gentler word Ray prints a trace
            self._process.wait()
        self._roster.unlink(missing_ok=True)
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)

    @property
    def _roster(self) -> Path:
        return self.config.production_state / ROSTER

    @property
    def _address(self) -> Path:
        """The ferry's socket; below a short path, for a socket's own may have 107 bytes."""
        self._home = self._home or Path(tempfile.mkdtemp(prefix="nearset-ferry-"))
        return self._home / "ferry"

    def _start(self, now: float) -> None:
        self._limits = limits_of(self.config)
        words = (str(self._address), str(self._roster), str(os.getpid()))
        self._roster.unlink(missing_ok=True)
        self._address.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [*self.ferry, *words],
            env=driver_environment(self.head),
            cwd=self._address.parent,  # Ray has nodes look for code in the driver's folder: there is none
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert self._process.stdin
        with self._process.stdin as said, suppress(BrokenPipeError):  # it ended at once: seen at the next turn
            words_in = {"config": self.config.model_dump(mode="json"), "head": self.head.model_dump(mode="json")}
            said.write(json.dumps(words_in).encode())
        self._started = now

    def _read(self) -> None:
        try:
            seen = self._roster.stat()
            if (mark := (seen.st_mtime_ns, seen.st_ino)) != self._mark:
                self._nodes, self._mark = wire.load(tuple[Node, ...], self._roster.read_bytes()), mark
        except FileNotFoundError:
            self._nodes, self._mark = (), (0, 0)
        except (OSError, ValidationError) as error:
            get().warning("cluster.roster_unreadable", why=str(error))

    def _hire(self, node: str, lane: str) -> HiredChild:
        word = {"node": node, "lane": lane, "limits": wire.dump(Limits, self._limits[lane])}
        return HiredChild(connected(self._address), json.dumps(word), _GONE)

    def _take_in(self, token: str) -> None:
        """Put what a try staged where it belongs, over what a try before left."""
        tried = self.config.staging / token
        with suppress(FileNotFoundError):
            for entry in sorted(tried.iterdir()):
                target = self.config.staging / entry.name
                if target.is_dir() and not target.is_symlink():
                    shutil.rmtree(target)
                entry.replace(target)
            tried.rmdir()
