"""Drivers: the processes that speak Ray for the head. What each needs is here; who starts one has none of it loaded.

Ray reads its environment as it is loaded, and has nodes look for code in a driver's working folder before their own:
so a driver is a program of its own, in a folder without code.
"""

from __future__ import annotations

from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from daemon.cluster.nodefile import NodeFile
from daemon.cluster.raylet import RESOURCE


def begin(head: NodeFile, production: str) -> None:
    """Join the cluster of a head as a driver."""
    ray.init(
        address=head.cluster_address,
        namespace=f"nearset-{production}",
        _node_ip_address=head.address,
        log_to_driver=False,
        configure_logging=False,
    )


def alive() -> set[str]:
    """Return the numbers of the nodes that are there, by Ray's books; the head is none."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call] # Ray's own gap
    return {node["NodeID"] for node in nodes if node["Alive"] and RESOURCE in node["Resources"]}


def actor(kind: type, node: str, *words: str) -> Any:
    """Start an actor on a node; it counts against nothing there, for berths do the counting."""
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    options: dict[str, Any] = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0}
    return ray.remote(kind).options(**options, scheduling_strategy=strategy).remote(*words)
