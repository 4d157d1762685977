"""The command line of a cluster: `nearset cluster`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from daemon import config as configuration
from daemon.berths import NodeState
from daemon.clock import SystemClock
from daemon.errors import ClusterError
from daemon.slate import Trouble

EXIT_HELD = 3
app = typer.Typer(no_args_is_help=True, help="More than one box: head and nodes of a Ray cluster.")

NodeFilePath = Annotated[Path, typer.Argument(help="The machine's node file.")]
ConfigPath = Annotated[Path, typer.Option("--config", "-c", envvar="NEARSET_CONFIG", help="The configuration file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CodeArgument = Annotated[str, typer.Argument(help="The production's code.")]
TempPath = Annotated[
    Path, typer.Option("--temp", envvar="RAY_TMPDIR", help="Folder for Ray's sockets and logs; a short path.")
]
DEFAULT_FILE, DEFAULT_CONFIG, DEFAULT_TEMP = Path("/etc/nearset/cluster.yaml"), Path("config.yaml"), Path("/tmp/ray")  # noqa: S108 - Ray's own


@app.command()
def start(file: NodeFilePath = DEFAULT_FILE, temp: TempPath = DEFAULT_TEMP) -> None:
    """Be the head, until told to stop."""
    _keep(file, temp, is_head=True)


@app.command()
def join(file: NodeFilePath = DEFAULT_FILE, temp: TempPath = DEFAULT_TEMP) -> None:
    """Be a node, until told to stop; joins again by itself when the head was away."""
    _keep(file, temp, is_head=False)


@app.command()
def drain(
    file: NodeFilePath = DEFAULT_FILE,
    back: Annotated[bool, typer.Option("--back", help="Take work again.")] = False,
) -> None:
    """Let this node begin nothing more; what is under way goes on, and `cluster status` on the head tells of it."""
    from daemon.cluster import nodefile

    node = nodefile.load(file)
    node.state.mkdir(parents=True, exist_ok=True)
    if back:
        node.draining.unlink(missing_ok=True)
    else:
        node.draining.touch()


@app.command()
def forget(
    code: Annotated[str, typer.Argument(help="The production's code.")], file: NodeFilePath = DEFAULT_FILE
) -> None:
    """Destroy what this node holds of a production, where a purge could not reach it; prints what that was."""
    from daemon.cluster import nodefile
    from daemon.purge import destroy

    node = nodefile.load(file)
    if not (home := node.home(code)).exists():
        raise ClusterError(
            f"{node.name} holds nothing of {code}",
            why=f"there is no {home}",
            fix="nothing to do",
        )
    print(json.dumps([asdict(it) for it in destroy(home)], indent=1))


@app.command()
def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show the nodes that the running service knows of, what they do, and why some get no work.

    Ends with 3 where no node gets work, as when the service itself is not running.
    """
    from daemon.display import show_nodes
    from daemon.statusfile import read_status, silent_seconds

    settings = configuration.load(config)
    if settings.executor != "ray":
        raise ClusterError(
            f"production {settings.production.code} uses no cluster",
            why="its configuration has `executor: local`",
            fix="set `executor: ray` and `cluster.file`; see docs/cluster.md",
        )
    seen = read_status(settings.production_state)
    silent = _silence(seen.at) if silent_seconds(seen.at, SystemClock().utc()) else None
    if as_json:
        work = [asdict(it) for it in seen.work]
        said = [{**asdict(node), "work": [it for it in work if it["node"] == node.name]} for node in seen.nodes]
        print(json.dumps({"trouble": asdict(silent) if silent else None, "nodes": said}, indent=1))
    else:
        show_nodes(seen, silent)
    if silent or not any(node.state is NodeState.AT_WORK for node in seen.nodes):
        sys.exit(EXIT_HELD)


def _silence(spoke_at: str) -> Trouble:
    return Trouble(
        ClusterError.code,
        "nearset is not running, and none of its nodes gets work",
        f"it said nothing since {spoke_at}; this is how they stood then",
        "start it on the head with `nearset run`, or its unit, whose `systemctl status` tells why it ended",
    )


def _keep(path: Path, temp: Path, *, is_head: bool) -> None:
    from daemon.cluster import nodefile, raylet
    from daemon.log import configure
    from daemon.running import stop_asked

    file = nodefile.load(path)
    if file.is_head != is_head:
        raise ClusterError(
            f"{file.name} is {'the head' if file.is_head else 'a node'}, by its node file",
            why=f"{path} {'names no head' if file.is_head else f'names {file.head} as the head'}",
            fix=f"`nearset cluster {'start' if file.is_head else 'join'} {path}`",
        )
    raylet.check_kept(file, raylet.interfaces_up)
    configure("info")
    if not file.is_head:
        file.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.draining.unlink(missing_ok=True)
    with stop_asked() as stop:
        raylet.keep(file, path, temp, stop.wait)
