"""A head whose service ended: whoever asks after the nodes is told that first, and not that they are at work."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from daemon.berths import Node, NodeState
from daemon.status import Snapshot
from daemon.statusfile import write_status

BOX = Node("box2", NodeState.AT_WORK, gpu="NVIDIA L40S, SM 89", lanes=(("render", 2),))
CONFIG = (
    "production: {code: SHOW}\noffload: {roots: [cards]}\ndelivery: {root: delivery}\nstate: {root: state}\n"
    "executor: ray\ncluster: {file: cluster.yaml}\n"
)


def left(folder: Path, at: datetime) -> Path:
    """The configuration of a production whose service spoke last at a moment, with a node at work."""
    (folder / "cards").mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG)
    state = folder / "state" / "SHOW"
    state.mkdir(parents=True, exist_ok=True)
    write_status(state, replace(Snapshot("SHOW", at.isoformat(), (), (), 0, {}), nodes=(BOX,)))
    return folder / "config.yaml"


def test_the_nodes_of_a_service_that_runs_no_more_are_not_told_as_at_work(
    command: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    config = left(tmp_path, datetime(2026, 3, 2, 18, tzinfo=UTC))
    code, said, _ = command("cluster", "status", "-c", config)
    assert code == 3
    first = " ".join(said[: said.index("┏")].split())
    assert first.startswith("nearset is not running, and none of its nodes gets work: it said nothing since 2026-03-02")
    assert "`nearset run`" in first
    assert first.endswith("[cluster]")
    code, said, _ = command("cluster", "status", "-c", config, "--json")
    told = json.loads(said)
    assert code == 3
    assert told["trouble"]["code"] == "cluster"
    assert "2026-03-02T18:00:00+00:00" in told["trouble"]["why"]
    assert "nearset run" in told["trouble"]["fix"]
    assert [node["name"] for node in told["nodes"]] == ["box2"]


def test_while_the_service_speaks_its_nodes_are_told_as_they_are(
    command: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    config = left(tmp_path, datetime.now(UTC))
    code, said, _ = command("cluster", "status", "-c", config)
    assert code == 0
    assert "not running" not in said
    code, said, _ = command("cluster", "status", "-c", config, "--json")
    assert (code, json.loads(said)["trouble"]) == (0, None)
