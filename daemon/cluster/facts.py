"""Facts of a machine: its versions, which must be the head's, and its means, which say what work it gets.

`python -m daemon.cluster.facts` prints them as JSON: in a process of its own, since it loads every engine to try it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import get_args

from daemon import __version__, wire
from daemon.children import INSTALLED
from daemon.config import Config, Engine
from daemon.engine import ON_GPU
from engines.model.topology import RELIGHT, SIZES, WEIGHING, topology

_ASKED_SECONDS = 120.0
IDENTITY = "identity"
"""The engine for trials, which every machine has."""
_ENGINES = tuple(name for name in get_args(Engine) if name not in {"auto", IDENTITY})


@dataclass(frozen=True, slots=True)
class Versions:
    """What must be the same on all machines: `network` is the digest of all networks and their base weights."""

    nearset: str
    python: str
    ray: str
    network: str


@dataclass(frozen=True, slots=True)
class Means:
    """What a machine has; `engines` says why each cannot run, empty where it can, `codecs` which do not open."""

    cores: int
    memory_bytes: int
    gpu: str = ""
    gpu_bytes: int = 0
    engines: dict[str, str] = field(default_factory=dict)
    codecs: tuple[str, ...] = ()


def versions() -> Versions:
    """Return this machine's."""
    return Versions(__version__, platform.python_version(), version("ray"), network_digest())


@cache
def network_digest() -> str:
    """Return the SHA-256 of all topologies and base weights that are installed here."""
    digest = hashlib.sha256()
    for name in (*SIZES, RELIGHT, WEIGHING):
        digest.update(topology(name).digest.encode())
    for file in sorted((resources.files("engines") / "model" / "base").iterdir(), key=lambda it: it.name):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def means() -> Means:
    """Return this machine's, each engine and codec really tried; takes seconds."""
    from engines.backends import choose  # noqa: PLC0415 - in a process of its own alone
    from engines.errors import NearsetError  # noqa: PLC0415 - as above
    from engines.gpu.device import gpu  # noqa: PLC0415 - as above
    from engines.media.codecs import opened  # noqa: PLC0415 - as above
    from engines.plans.library import LIBRARIES  # noqa: PLC0415 - as above

    found = {}
    for name in _ENGINES:
        try:
            _ = (gpu(), LIBRARIES[name].api()) if name in LIBRARIES else choose(name)
            found[name] = ""
        except NearsetError as error:
            found[name] = f"{error.what}: {error.why}"
    card, card_bytes = "", 0
    try:
        seen = gpu()
        card, card_bytes = f"{seen.name}, SM {seen.sm}, driver {seen.driver}", seen.memory_bytes
    except NearsetError:
        card = ""  # which engines lack it, each of them says
    codecs = tuple(f"{it.name}: {it.why_not}" for it in opened() if it.why_not)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Means(os.cpu_count() or 1, memory, card, card_bytes, found, codecs)


def asked() -> Means:
    """Return this machine's means from a process of its own.

    Raises:
        subprocess.SubprocessError: it did not answer.
    """
    command = [sys.executable, "-P", "-m", "daemon.cluster.facts"]
    where = os.pathsep.join(filter(None, (INSTALLED, os.environ.get("PYTHONPATH", ""))))
    said = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": where}, capture_output=True, timeout=_ASKED_SECONDS, check=True
    )
    return wire.load(Means, said.stdout)


def differs(head: Versions, node: Versions) -> str:
    """Return what keeps a node from a head with other versions; empty where they are the same."""
    ours, theirs = json.loads(wire.dump(Versions, head)), json.loads(wire.dump(Versions, node))
    apart = [f"{name} {theirs[name][:12]} there, {ours[name][:12]} here" for name in ours if ours[name] != theirs[name]]
    return "; ".join(apart)


def unfit_for_render(config: Config, has: Means) -> str:
    """Return why a machine cannot render for a production; empty where it can."""
    engine = "openvino" if config.engine == "auto" else config.engine
    instead = config.gpu.instead if config.engine in ON_GPU else "none"
    tried = [name for name in (engine, instead) if name != "none"]
    lacks = {name: "" if name == IDENTITY else has.engines.get(name, "not known there") for name in tried}
    whys = [f"engine {name}: {why}" for name, why in lacks.items()] if all(lacks.values()) else []
    whys += [f"codec {codec}" for codec in has.codecs]
    return "; ".join(whys)


if __name__ == "__main__":
    print(wire.dump(Means, means()))  # noqa: T201 - its one answer
