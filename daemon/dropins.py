"""Drop-ins: what the units cannot know before a production is configured, for `nearset config units`.

The units are closed: nothing is written but the state. A production's drop-ins open its delivery and the folder of its
figures, and make its offloads read only by name.
"""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from daemon.config import Config
from daemon.egress import destination_of

CONTROL, WORKER = "nearset", "nearset-worker"
_HEAD = "# Written by `nearset config units`; write it again when folders or egress of the configuration change.\n"


def dropins(config: Config, instance: str, cluster: str = "") -> dict[Path, str]:
    """Return the text of each drop-in by its path under systemd's folder; `instance` is the configuration's name.

    `cluster` is the network of head and nodes, which the ferry speaks to; empty where there is none.
    """
    outside = [target.path for target in config.delivery.targets if target.path]
    outside += [config.metrics.textfile.parent] if config.metrics.textfile else []
    reads = [*(root.path for root in config.offload.roots), *config.offload.stand_ins.folders]
    writes = [config.delivery.root, config.state.root]
    network = [f"IPAddressAllow={address}" for address in (*_addresses(config), *filter(None, (cluster,)))]
    # At an empty mount point a start would begin a state anew, which knows of no delivery.
    mounts = ("[Unit]", f'RequiresMountsFor="{_escaped(config.state.root)}"', "")
    return {
        _path(unit, instance): "\n".join((_HEAD, *mounts, "[Service]", *_lines(reads, [*writes, *more]), *further, ""))
        for unit, more, further in ((CONTROL, outside, network), (WORKER, [], []))
    }


def unresolved(config: Config) -> tuple[str, ...]:
    """Return the hosts under egress that have a name: systemd's filter knows addresses alone."""
    return tuple(host for host in _hosts(config) if not _is_address(host))


def _path(unit: str, instance: str) -> Path:
    return Path(f"{unit}@{instance}.service.d", "folders.conf")


def _lines(reads: list[Path], writes: list[Path]) -> list[str]:
    """Return the lines; a dash before a path lets the unit start where that volume is away."""
    return [
        *(f'ReadOnlyPaths="-{_escaped(path)}"' for path in reads),
        *(f'ReadWritePaths="-{_escaped(path)}"' for path in writes),
    ]


def _escaped(path: Path) -> str:
    r"""Return a path as a quoted word of a unit. Source: systemd.unit(5), systemd.syntax(7): %, \ and quotes."""
    return str(path.resolve()).replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')


def _hosts(config: Config) -> list[str]:
    return [destination_of(word)[0] for word in config.egress]


def _addresses(config: Config) -> list[str]:
    return [host for host in _hosts(config) if _is_address(host)]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
