"""The node file: what one machine says of itself in a cluster, `cluster.yaml`. Read once, checked whole.

It is the machine's own: a production comes only where this file names it, whatever the head would like.
"""

from __future__ import annotations

import re
import stat
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from daemon import yamlfile
from daemon.errors import ClusterError, ConfigError
from daemon.section import Folder, Section

_LEAST_TOKEN = 32
_TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]+")


def _absolute(paths: dict[str, str]) -> dict[str, str]:
    if wrong := [path for pair in paths.items() for path in pair if not path.startswith("/")]:
        raise ValueError(f"absolute paths are needed, and {wrong[0]} is none")
    return {theirs.rstrip("/") or "/": ours.rstrip("/") or "/" for theirs, ours in paths.items()}


def _network(text: str) -> str:
    return str(ip_network(text))


Network = Annotated[str, AfterValidator(_network)]
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
Name = Annotated[str, StringConstraints(pattern=rf"^{_CODE.pattern}$")]
Address = Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,3}){3}$")]


class Lanes(Section):
    """How many children of each lane a production has here."""

    custody: int = Field(1, ge=0, le=16, description="Children that hash and probe.")
    render: int = Field(1, ge=0, le=16, description="Children that render.")


class Tls(Section):
    """What Ray's own connections are closed with; each machine has a certificate of one authority. PEM files."""

    certificate: Folder
    key: Folder
    authority: Folder


class NodeFile(Section):
    """A machine in a cluster."""

    name: Name = Field(description="What it is called in status and logs.")
    address: Address = Field(description="Of this machine on the private interface.")
    interface: str = Field(min_length=1, max_length=15, description="The private interface that has this address.")
    network: Network = Field(description="Addresses of head and nodes, such as 10.0.0.0/24.")
    head: Address | None = Field(None, description="Address of the head; left out on the head itself.")
    port: int = Field(6399, ge=1024, le=65535, description="Of the head.")
    token: Folder = Field(description="File with the cluster's token, readable by its owner alone.")
    tls: Tls | None = Field(None, description="Without it the network reads what Ray says, its token too.")
    productions: list[Name] = Field([], description="Codes of the productions whose data may come here.")
    state: Folder = Field(Path("/var/lib/nearset-node"), description="Folder of what a production needs here.")
    shared: Annotated[dict[str, str], AfterValidator(_absolute)] = Field(
        {}, description="Where the head's folders are here, by their path there; others are where they are there."
    )
    lanes: Lanes = Lanes()
    exposed: bool = Field(
        default=False, description="true: other networks reach Ray's ports, too; see docs/cluster.md."
    )

    @model_validator(mode="after")
    def _is_on_the_network(self) -> NodeFile:
        for address in filter(None, (self.address, self.head)):
            if ip_address(address) not in ip_network(self.network):
                raise ValueError(f"{address} is not in network {self.network}")
        return self

    @model_validator(mode="after")
    def _takes_something(self) -> NodeFile:
        if self.head is not None and not self.productions:
            raise ValueError("productions: name at least one whose data may come here")
        return self

    @property
    def is_head(self) -> bool:
        """Whether this machine is the head."""
        return self.head is None

    @property
    def cluster_address(self) -> str:
        """Where the head listens."""
        return f"{self.head or self.address}:{self.port}"

    @property
    def draining(self) -> Path:
        """A file that is there while this machine begins nothing more."""
        return self.state / "draining"

    @property
    def standing(self) -> Path:
        """A file that says how the head sees this machine, by production."""
        return self.state / "standing.json"

    @property
    def means(self) -> Path:
        """A file that says what this machine has, as it was tried since it joined."""
        return self.state / "means.json"

    def home(self, production: str) -> Path:
        """Return the folder of what a production needs here.

        Raises:
            ClusterError: that is no production's code, and might lead elsewhere.
        """
        if not _CODE.fullmatch(production):
            raise ClusterError(
                f"{production!r} is no production's code", why="it might lead elsewhere", fix="name it as its files do"
            )
        return self.state / production


def load(path: Path) -> NodeFile:
    """Return what a node file says; relative paths in it start from its folder.

    Raises:
        ConfigError: it is not there, or has faults; or its token can be read by others.
    """
    try:
        document = yamlfile.read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read", why=str(error), fix="see docs/cluster.md for what it holds"
        ) from error
    found = yamlfile.fit(document, NodeFile, context=path.parent.resolve())
    if document.faults or found is None:
        raise ConfigError(f"{path} has faults", why="; ".join(document.faults), fix="correct these lines")
    _check_token(found.token)
    return found


def _check_token(path: Path) -> None:
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the cluster's token {path} cannot be read", why=str(error), fix=_MAKE) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        why = f"its mode is {stat.S_IMODE(mode):o}, and whoever reads it can run programs on every node"
        raise ConfigError(f"others can read the cluster's token {path}", why=why, fix=f"chmod 600 {path}")
    if len(text) < _LEAST_TOKEN or not _TOKEN.fullmatch(text):
        why = f"it has {len(text)} characters, and {_LEAST_TOKEN} letters and digits are the least"
        raise ConfigError(f"the cluster's token {path} is too weak", why=why, fix=_MAKE)


_MAKE = (
    "make one on the head, `openssl rand -hex 32 > cluster.token; chmod 600 cluster.token`, and copy it to each node"
)
