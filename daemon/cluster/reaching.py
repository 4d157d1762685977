"""Reaching all nodes at once, for what is asked of them and not queued: what they hold of a production is destroyed.

`python -m daemon.cluster.reaching` is Ray's driver, a process of its own as the ferry is; `purged` asks it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from daemon.cluster.nodefile import NodeFile
from daemon.cluster.raylet import driver_environment
from daemon.config import Config
from daemon.publish import replace
from daemon.purge import Elsewhere

HOLDERS = "nodes-with-data.json"
"""Names of the nodes that ever had a hand for a production, in its folder of state."""
_EACH_SECONDS, _ALL_SECONDS = 60.0, 300.0


def holders(state: Path) -> set[str]:
    """Return the names of the nodes that may hold something of a production."""
    path = state / HOLDERS
    return set(json.loads(path.read_bytes())) if path.is_file() else set()


def note_holder(state: Path, node: str) -> None:
    """Note, before anything goes there, that a node may hold something of a production."""
    if node not in (known := holders(state)):
        replace(f"{json.dumps(sorted({*known, node}))}\n".encode(), state / HOLDERS, state)


def purged(config: Config, head: NodeFile, names: Iterable[str]) -> Elsewhere:
    """Have the nodes of these names destroy what they hold of a production."""
    wanted = sorted(names)
    said = {"production": config.production.code, "nodes": wanted, "head": head.model_dump(mode="json")}
    try:
        with TemporaryDirectory(prefix="nearset-reaching-") as folder:
            answer = subprocess.run(
                [sys.executable, "-P", "-m", "daemon.cluster.reaching"],
                input=json.dumps(said).encode(),
                env=driver_environment(head),
                cwd=folder,
                capture_output=True,
                timeout=_ALL_SECONDS,
                check=True,
            )
        found = json.loads(answer.stdout.splitlines()[-1])
        return Elsewhere(found["destroyed"], found["unreached"])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        return Elsewhere({}, dict.fromkeys(wanted, f"the cluster does not answer ({type(error).__name__})"))


def main() -> None:
    """Ask the nodes that standard input names, and print what they did."""
    import ray  # noqa: PLC0415 - whoever asks for a purge has none of it loaded

    from daemon.cluster import driver  # noqa: PLC0415 - as above
    from daemon.cluster.hand import Warden  # noqa: PLC0415 - as above

    said = json.load(sys.stdin)
    driver.begin(NodeFile.model_validate(said["head"], context=Path("/")), said["production"])
    destroyed: dict[str, list[dict[str, Any]]] = {}
    unreached = dict.fromkeys(said["nodes"], "it is not in the cluster")
    for node in driver.alive():
        name = node[:8]
        try:
            warden = driver.actor(Warden, node)
            name = ray.get(warden.standing.remote(said["production"]), timeout=_EACH_SECONDS)["name"]
            destroyed[name] = ray.get(warden.purge.remote(said["production"]), timeout=_EACH_SECONDS)
            unreached.pop(name, None)
        except Exception as error:  # noqa: BLE001 - whatever befalls one node, what the others destroyed is told
            unreached[name] = (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]
    print(json.dumps({"destroyed": destroyed, "unreached": unreached}))  # noqa: T201 - its one answer


if __name__ == "__main__":
    main()
