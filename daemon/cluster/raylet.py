"""Ray's own processes on this machine: started from the node file, kept up, and kept to themselves.

Ray listens on all interfaces (2.60, seen 2026-11-27), and whoever holds the token runs programs on every node. So the
token is on, usage statistics are off, and nothing is started where the kernel does not keep it to the private
interface, unless the node file says that other networks may reach it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.again import Again
from daemon.berths import NodeState
from daemon.children import INSTALLED
from daemon.cluster.nodefile import NodeFile
from daemon.errors import ClusterError
from daemon.log import get

RESOURCE = "nearset"
"""What a node has in Ray's books, and the head has not."""
KEPT_TO = "NEARSET_CLUSTER_INTERFACE"
"""The environment's word for the interface that the unit keeps Ray to (RestrictNetworkInterfaces=)."""
_OBJECTS_BYTES = 256 << 20
"""Ray's store in memory: what is carried are weights and LUTs of some megabytes."""
NODE_FILE = "NEARSET_NODE_FILE"
"""The environment's word for the node file; Ray hands it on to whatever it starts here."""
_LOOK_SECONDS = 0.5
_FIRST_SECONDS, _MOST_SECONDS = 2.0, 60.0
_ENDING_SECONDS = 15.0


def environment(file: NodeFile) -> dict[str, str]:
    """Return what Ray's processes and drivers are told: the token, no statistics, how soon a lost node is given up."""
    tls = (
        {
            "RAY_USE_TLS": "1",
            "RAY_TLS_SERVER_CERT": str(file.tls.certificate),
            "RAY_TLS_SERVER_KEY": str(file.tls.key),
            "RAY_TLS_CA_CERT": str(file.tls.authority),
        }
        if file.tls
        else {}
    )
    return tls | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(file.token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # hands count no GPU, and their children use it
        "RAY_memory_monitor_refresh_ms": "0",  # children have limits of their own
        "RAY_worker_niceness": "0",  # a node is there for the work
        "RAY_health_check_initial_delay_ms": "2000",
        "RAY_health_check_period_ms": "2000",
        "RAY_health_check_timeout_ms": "3000",
        "RAY_health_check_failure_threshold": "3",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "20",
        "RAY_DISABLE_IMPORT_WARNING": "1",
    }


def driver_environment(head: NodeFile) -> dict[str, str]:
    """Return the environment that a driver of this machine is started in: Ray reads it as it is loaded."""
    here = os.pathsep.join(filter(None, (INSTALLED, os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, **environment(head), "PYTHONPATH": here}


def command(file: NodeFile, temp: Path) -> list[str]:
    """Return what starts Ray here, in the foreground."""
    started = [sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
    common = [
        f"--node-ip-address={file.address}",
        "--num-cpus=0",
        "--num-gpus=0",
        f"--object-store-memory={_OBJECTS_BYTES}",
    ]
    if file.is_head:
        own = ["--head", f"--port={file.port}", "--include-dashboard=false", f"--temp-dir={temp}"]
    else:
        own = [f"--address={file.cluster_address}", f'--resources={{"{RESOURCE}": 1}}', f"--temp-dir={temp}"]
    return [*started, *common, *own]


def check_kept(file: NodeFile, interfaces: Callable[[], list[str]]) -> None:
    """Raise ClusterError unless Ray's ports are reached over the private interface alone."""
    if file.exposed or os.environ.get(KEPT_TO) == file.interface:
        return
    if others := sorted(set(interfaces()) - {"lo", file.interface}):
        raise ClusterError(
            "the cluster is not started: other networks would reach it",
            why=f"Ray listens on all interfaces, {', '.join(others)} too, and nothing keeps it to {file.interface}",
            fix="run it as the unit in docs/cluster.md, which does; or `exposed: true`, where a firewall does",
        )


def interfaces_up() -> list[str]:
    """Return the network interfaces of this machine that are up."""
    found = Path("/sys/class/net")
    return [path.name for path in found.iterdir() if (path / "operstate").read_text().strip() != "down"]


@contextmanager
def raylet(file: NodeFile, node_file: Path, temp: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run Ray here within the block."""
    told = {**os.environ, **environment(file), NODE_FILE: str(node_file.resolve())}
    process = subprocess.Popen(command(file, temp), env=told, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def keep(file: NodeFile, node_file: Path, temp: Path, wait: Callable[[float], bool]) -> None:
    """Keep Ray up until `wait`, which lets seconds pass, says that a stop was asked for."""
    again, stands = Again(_FIRST_SECONDS, _MOST_SECONDS), b""
    for told in (file.standing, file.means):  # of a time before: what this machine has may have changed
        told.unlink(missing_ok=True)
    while True:
        began = time.monotonic()
        with raylet(file, node_file, temp) as process:
            while process.poll() is None:
                if wait(_LOOK_SECONDS):
                    return
                stands = _tell(file, stands)
        stood = time.monotonic() - began
        pause = again.after(stood)
        get().warning("ray.ended", code=process.returncode, stood_seconds=round(stood), again_in_seconds=pause)
        if wait(pause):
            return


def _tell(file: NodeFile, before: bytes) -> bytes:
    """Tell how the head sees this node, where that changed since `before`; return what was told."""
    now = file.standing.read_bytes() if file.standing.is_file() else b""
    if now != before and now:
        for production, standing in json.loads(now).items():
            say = get().info if standing["state"] == NodeState.AT_WORK else get().warning
            say("node.stands", production=production, **standing)
    return now
