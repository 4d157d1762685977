"""A card goes through two boxes beside the head; one of them loses its power, hangs, or comes back as another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cart import Cart, Shift, seal
from footage import footage

from bench.boxes import Boxes
from daemon.cluster.fleet import RayFleet
from daemon.executor import LocalExecutor, Report
from daemon.lanes import limits_of

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]
_HUNG = 1e9
"""Time here is the story's: nothing hangs by it unless the story says so."""


class Crews(LocalExecutor):
    """Children on the boxes alone: this machine hashes and renders nothing; who did what is written down."""

    did: list[tuple[str, bool]]

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        del wait_seconds
        reports = super().poll(now, 0.05)
        self.did += [(report.node, report.trouble is None) for report in reports]
        return reports


@contextmanager
def shift(cart: Cart, cluster: Boxes, own: int = 0) -> Iterator[tuple[Shift, Crews]]:
    fleet = RayFleet(cart.config, cluster.file)
    executor = Crews({"custody": own, "render": own}, limits_of(cart.config), _HUNG, 12 * _HUNG, fleet=fleet)
    executor.did = []
    executor.open()
    try:
        with cart.shift(executor) as begun:
            yield begun, executor
    finally:
        executor.close()


def until(begun: Shift, seen: Callable[[], object], most: int = 1600) -> None:
    for _ in range(most):
        if seen():
            return
        begun.tick()
    raise AssertionError(f"it never came to that: {begun.clips()}")


def states(executor: Crews) -> dict[str, str]:
    return {node.name: node.state for node in executor.nodes}


def both_at_work(executor: Crews) -> bool:
    return states(executor) == {"box2": "at work", "box3": "at work"}


def renders_on(executor: Crews, name: str) -> bool:
    return any(task.node == name and task.stage == "render" and task.done for task in executor.running())


def long_card(cart: Cart, clips: int, roll: str = "A001", seed: int = 1) -> None:
    """A card whose clips take a second or two to render."""
    folder = cart.roll(roll)
    for number in range(clips):
        data = footage(seed + number, frames=120, size=(640, 352))
        cart.put(folder, {f"{roll}C{number + 1:03}_260302_R1AB.mov": data})
    seal(folder)
    cart.remember(folder)


@pytest.fixture(autouse=True)
def all_boxes_on(cluster: Boxes) -> Iterator[None]:
    yield
    for box in cluster.nodes.values():
        if not box._all():
            box.start()


def test_a_card_is_delivered_by_two_boxes(cart, cluster):
    cart.card(*(f"A001C00{number}_260302_R1AB.mov" for number in range(1, 5)))
    with shift(cart, cluster) as (begun, executor):
        until(begun, lambda: both_at_work(executor))
        begun.drive(1600)
        assert set(begun.clip_states()) == {"delivered"}
        assert {name for name, _ in executor.did} == {"box2", "box3"}
        assert all(done for _, done in executor.did)
        cart.assert_honest()


def test_a_box_that_drains_gets_nothing_more_until_it_is_back(cart, cluster, command):
    file = cluster.nodes["box3"].file
    with shift(cart, cluster) as (begun, executor):
        until(begun, lambda: both_at_work(executor))
        assert command("cluster", "drain", file)[0] == 0
        until(begun, lambda: states(executor) == {"box2": "at work", "box3": "draining"})
        cart.card("A001C001_260302_R1AB.mov", "A001C002_260302_R1AB.mov")
        begun.drive(1600)
        assert set(begun.clip_states()) == {"delivered"}
        assert {name for name, _ in executor.did} == {"box2"}
        assert command("cluster", "drain", file, "--back")[0] == 0
        until(begun, lambda: both_at_work(executor))


def test_a_long_clip_is_enhanced_by_both_boxes_at_once_and_joined(cart, cluster):
    cart.words["workers"] = {"split_minutes": 0.02}
    long_card(cart, 1)
    with shift(cart, cluster) as (begun, executor):
        until(begun, lambda: both_at_work(executor))
        until(begun, lambda: {it.node for it in executor.running() if it.stage == "part"} == {"box2", "box3"})
        begun.drive(1600)
        assert begun.clip_states() == ["delivered"]
        assert all(done for _, done in executor.did)
        assert len(cart.movies()) == 2
        cart.assert_honest()


def test_a_box_that_loses_its_power_costs_a_try_and_nothing_else(cart, cluster):
    long_card(cart, 4)
    with shift(cart, cluster) as (begun, executor):
        until(begun, lambda: both_at_work(executor))
        until(begun, lambda: renders_on(executor, "box2"))
        cluster.nodes["box2"].kill()
        until(begun, lambda: ("box2", False) in executor.did)
        begun.drive(1600)
        assert set(begun.clip_states()) == {"delivered"}
        assert states(executor)["box2"] == "away"
        assert len(cart.movies()) == 8
        cart.assert_honest()


def test_a_box_with_another_version_gets_no_work(cart, cluster):
    box = cluster.nodes["box3"]
    box.kill()
    box.start_as("0.0.9")
    cart.card("A001C001_260302_R1AB.mov")
    with shift(cart, cluster) as (begun, executor):
        until(begun, lambda: states(executor) == {"box2": "at work", "box3": "refused"})
        (refused,) = (node for node in executor.nodes if node.name == "box3")
        assert "nearset 0.0.9 there" in refused.why
        assert "join again" in refused.fix
        begun.drive(1600)
        assert {name for name, _ in executor.did} == {"box2"}
        cart.assert_honest()
    box.kill()


def test_a_box_whose_node_file_does_not_name_the_production_gets_nothing_of_it(cart, cluster, tmp_path):
    cart.words["production"] = {"code": "RIVAL"}
    cart.card("A001C001_260302_R1AB.mov")
    with shift(cart, cluster) as (begun, executor):
        why = "its node file does not name this production"
        until(begun, lambda: [(node.state, node.why) for node in executor.nodes] == [("refused", why)] * 2)
        assert executor.free("render") == executor.free("custody") == 0
    assert not list(Path(cluster.folder).glob("state-*/RIVAL"))


def test_who_has_not_the_token_is_not_let_in(cluster, tmp_path):
    script = (
        "import ray, sys\n"
        f"ray.init(address='{cluster.file.cluster_address}', _node_ip_address='{cluster.file.address}')\n"
    )
    wrong = tmp_path / "token"
    wrong.write_text("f" * 64)
    told = os.environ | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(wrong),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "3",
        "RAY_gcs_server_request_timeout_seconds": "3",
    }
    said = subprocess.run(
        [sys.executable, "-c", script], env=told, capture_output=True, text=True, timeout=120, check=False
    )
    assert said.returncode != 0
    assert "InvalidAuthToken" in said.stderr


def test_a_box_whose_volume_is_not_mounted_stops_no_clip_and_works_once_it_is(cart, cluster, tmp_path):
    """It says that the files are missing; the head looks itself before it believes that of a clip."""
    box = cluster.nodes["box3"]
    before = box.file.read_text()
    box.kill()
    box.file.write_text(f"{before}shared: {{{cart.folder}: {tmp_path}/not-mounted}}\n")
    box.start()
    with shift(cart, cluster, own=1) as (begun, executor):
        until(begun, lambda: both_at_work(executor))
        long_card(cart, 3)
        until(begun, lambda: ("box3", False) in executor.did)
        until(begun, lambda: states(executor)["box3"] == "refused")
        assert "mounted there" in next(node.fix for node in executor.nodes if node.name == "box3")
        begun.drive(1600)
        assert set(begun.clip_states()) == {"delivered"}
        assert ("box3", True) not in executor.did
        (tmp_path / "not-mounted").symlink_to(cart.folder)
        until(begun, lambda: both_at_work(executor))
        long_card(cart, 3, roll="A002", seed=4)
        until(begun, lambda: ("box3", True) in executor.did)
        begun.drive(1600)
        assert set(begun.clip_states()) == {"delivered"}
        cart.assert_honest()
    box.kill()
    box.file.write_text(before)


def test_a_purge_reaches_the_boxes_and_names_the_one_it_could_not(cart, cluster, command):
    long_card(cart, 3)
    cart.words |= {"executor": "ray", "cluster": {"file": str(cluster.head.file)}}
    held = {name: cluster.folder / f"state-{name}" / "TEST" for name in cluster.nodes}
    with shift(cart, cluster) as (begun, executor):
        until(begun, lambda: both_at_work(executor))
        until(begun, lambda: all(list(home.rglob("*.pem")) for home in held.values()))  # the key that signs is there
        begun.drive(1600)
    cluster.nodes["box3"].kill()
    code, said, _ = command("purge", "TEST", "--yes", "--config", cart.folder / "config.yaml")
    assert code == 0
    receipt = json.loads(Path(said.strip().splitlines()[-1]).read_text())
    assert not held["box2"].exists()
    assert held["box3"].exists()
    assert {line["path"] for line in receipt["destroyed_on_nodes"]["box2"]} >= {"certificates/key.pem"}
    (missed,) = (line for line in receipt["out_of_reach"] if "box3" in line)
    assert "nearset cluster forget TEST" in missed
    code, said, _ = command("cluster", "forget", "TEST", cluster.nodes["box3"].file)
    assert code == 0
    assert "certificates/key.pem" in {line["path"] for line in json.loads(said)}
    assert not held["box3"].exists()
