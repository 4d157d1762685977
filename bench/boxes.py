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
from typing import Self

from daemon import config as configuration
from daemon.cluster import nodefile
from daemon.cluster.nodefile import NodeFile
from daemon.cluster.raylet import NODE_FILE
from daemon.config import Config

_PROC = Path("/proc")
_SHOW = """\
production: {code: SHOW}
offload: {roots: [offload]}
delivery: {root: delivery}
state: {root: state}
engine: identity
"""


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

    def start_as(self, version: str) -> None:
        """Switch it on with another version of nearset, by what its metadata says."""
        other = self.file.parent / version
        (other / f"nearset-{version}.dist-info").mkdir(parents=True, exist_ok=True)
        said = f"Metadata-Version: 2.1\nName: nearset\nVersion: {version}\n"
        (other / f"nearset-{version}.dist-info" / "METADATA").write_text(said)
        self.start(PYTHONPATH=f"{other}:{self.environment['PYTHONPATH']}")

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
        mark = f"{NODE_FILE}={self.file.resolve()}\0".encode()
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


@dataclass
class Net:
    """A private network of the boxes: a bridge for the head, and for each node a namespace with a link to it."""

    head: str = "10.77.0.1"
    _names: list[str] = field(default_factory=list)

    @staticmethod
    def why_not() -> str:
        """Return why there can be none here; empty where there can."""
        if os.geteuid() != 0:
            return "network namespaces need root"
        tried = subprocess.run(["ip", "netns", "add", "nearset-trial"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", "nearset-trial"], capture_output=True, check=False)
        return "" if tried.returncode == 0 else tried.stderr.decode().strip()

    def __enter__(self) -> Self:
        """Lay the bridge."""
        self.__exit__()
        _ip("link add nearset0 type bridge", f"addr add {self.head}/24 dev nearset0", "link set nearset0 up")
        return self

    def __exit__(self, *_: object) -> None:
        """Take all of it away."""
        for name in self._names:
            subprocess.run(["ip", "netns", "del", f"nearset-{name}"], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", "nearset0"], capture_output=True, check=False)

    def add(self, name: str) -> tuple[str, str]:
        """Link a node, and return its namespace and address."""
        number = len(self._names) + 2
        space, address = f"nearset-{name}", f"10.77.0.{number}"
        for left in (("netns", "del", space), ("link", "del", f"ns{number}")):  # by a campaign that was killed
            subprocess.run(["ip", *left], capture_output=True, check=False)
        self._names.append(name)
        _ip(
            f"netns add {space}",
            f"link add ns{number} type veth peer name eth0 netns {space}",
            f"link set ns{number} master nearset0",
            f"link set ns{number} up",
            f"-n {space} addr add {address}/24 dev eth0",
            f"-n {space} link set eth0 up",
            f"-n {space} link set lo up",
        )
        return space, address

    def cut(self, name: str) -> None:
        """Cut a node's link: nothing comes through, and nobody is told."""
        _ip(f"link set ns{self._names.index(name) + 2} nomaster")

    def mend(self, name: str) -> None:
        """Put the link back."""
        _ip(f"link set ns{self._names.index(name) + 2} master nearset0")


def _ip(*commands: str) -> None:
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True, capture_output=True)


@contextmanager
def boxes(
    folder: Path, names: Sequence[str], production: str, *, net: Net | None = None, lanes: int = 1, further: str = ""
) -> Iterator[Boxes]:
    """Switch on a head and nodes that take a production, each with so many children to render.

    `net` is their network, `further` are words of all node files.
    """
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    head, port = net.head if net else _address(), _free_port()
    network = f"network: {head.rpartition('.')[0]}.0/24\n"
    common = f"interface: eth0\nport: {port}\ntoken: token\nexposed: true\n{network}{further}"
    where = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))))
    made = {}
    for name in ("head", *names):
        space, address = net.add(name) if net and name != "head" else ("", head)
        own = f"lanes: {{render: {lanes}}}\nhead: {head}\nproductions: [{production}]\nstate: state-{name}\n"
        said = f"name: {name}\naddress: {address}\n{common}{'' if name == 'head' else own}"
        (folder / f"{name}.yaml").write_text(said)
        word = "start" if name == "head" else "join"
        made[name] = Box(name, folder / f"{name}.yaml", folder / name, [word], {"PYTHONPATH": where}, space)
    found = Boxes(folder, made.pop("head"), made)
    try:
        for box in (found.head, *found.nodes.values()):
            box.start()
        yield found
    finally:
        for box in (*found.nodes.values(), found.head):
            box.kill()


def show(folder: Path) -> Config:
    """Write the configuration of the production SHOW into a folder, and return it."""
    (folder / "config.yaml").write_text(_SHOW, encoding="utf-8")
    return configuration.load(folder / "config.yaml")


def _address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line, suppress(OSError):
        line.connect(("192.0.2.1", 9))  # nothing is sent: the kernel says which address it would send from
        return str(line.getsockname()[0])
    return "127.0.0.1"


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("", 0))
        return int(line.getsockname()[1])
