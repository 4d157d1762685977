"""Several boxes on this one: a head and nodes of a cluster, each with Ray's processes of its own, to be killed and cut.

A box that is `frozen` hangs with all that it runs; `killed` is a power cut. Where there are network namespaces, each
box has one, and its link can be cut.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from daemon.cluster import nodefile
from daemon.cluster.nodefile import NodeFile

_PROC = Path("/proc")


@dataclass
class Box:
    """A machine of the cluster."""

    name: str
    file: Path
    temp: Path
    words: Sequence[str]
    environment: Mapping[str, str]
    namespace: str = ""
    _process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        """Switch it on; further words of the environment are of this start alone."""
        inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        command = [*inside, sys.executable, "-P", "-m", "bench.nearset", "cluster", *self.words, str(self.file)]
        told = {**os.environ, **self.environment, **environment}
        log = self.file.with_suffix(".log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [*command, "--temp", str(self.temp)], env=told, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """Take its power away."""
        self.freeze()  # so that nobody starts anybody while they are killed
        for pid in self._all():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process:
            self._process.wait()

    def freeze(self) -> None:
        """Let it hang, with all that it runs."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        seen: set[int] = set()
        while fresh := set(self._all()) - seen:
            for pid in fresh:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            seen |= fresh

    def _all(self) -> list[int]:
        """Return its processes: all that descend from the supervisor, or carry its node file in their environment."""
        mark = f"NEARSET_NODE_FILE={self.file.resolve()}\0".encode()
        found = {self._process.pid} if self._process and self._process.poll() is None else set()
        parents = {}
        for folder in _PROC.iterdir():
            if not folder.name.isdigit():
                continue
            with suppress(OSError, IndexError, ValueError):
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if mark in (folder / "environ").read_bytes() + b"\0":
                    found.add(int(folder.name))
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return sorted(found - {os.getpid()})


@dataclass
class Boxes:
    """A head and its nodes."""

    folder: Path
    head: Box
    nodes: dict[str, Box]
    file: NodeFile = field(init=False)

    def __post_init__(self) -> None:
        self.file = nodefile.load(self.head.file)


@contextmanager
def boxes(
    folder: Path, names: Sequence[str], production: str, *, shared: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[Boxes]:
    """Switch on a head and nodes that take a production; `shared` says by node where the head's folders are there."""
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    address, port = _address(), _free_port()
    common = f"address: {address}\ninterface: eth0\nport: {port}\ntoken: token\nexposed: true\n"
    where = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))))
    made = {}
    for name in ("head", *names):
        own = "" if name == "head" else f"head: {address}\nproductions: [{production}]\nstate: state-{name}\n"
        own += "".join(f"shared: {{{a}: {b}}}\n" for a, b in (shared or {}).get(name, {}).items())
        (folder / f"{name}.yaml").write_text(f"name: {name}\n{common}{own}")
        word = "start" if name == "head" else "join"
        made[name] = Box(name, folder / f"{name}.yaml", folder / name, [word], {"PYTHONPATH": where})
    found = Boxes(folder, made.pop("head"), made)
    try:
        for box in (found.head, *found.nodes.values()):
            box.start()
        yield found
    finally:
        for box in (*found.nodes.values(), found.head):
            box.kill()


def _address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line, suppress(OSError):
        line.connect(("192.0.2.1", 9))  # nothing is sent: the kernel says which address it would send from
        return str(line.getsockname()[0])
    return "127.0.0.1"


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("", 0))
        return int(line.getsockname()[1])
