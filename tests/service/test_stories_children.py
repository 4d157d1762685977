"""Real children, of the service's own and of a worker unit beside it: one contract for both."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from cart import DELIVERED, Cart, Shift

from daemon.children import OwnChild, Spawn, spawned
from daemon.crew import Crew, hired, hiring
from daemon.errors import WorkersAway
from daemon.executor import LocalExecutor, Report
from daemon.lanes import limits_of
from daemon.worker import Limits


class Children(LocalExecutor):
    """Real children; a poll waits for their word while one is at work, and not at all for one that `hangs`."""

    hangs = False
    unit: Unit | None = None

    def poll(self, now: float, wait_seconds: float) -> list[Report]:
        del wait_seconds
        return super().poll(now, 30 if self.running() and not self.hangs else 0)

    def pid(self, lane: str) -> int:
        """The process that does the lane's work now."""
        while self.unit:  # it may not have taken the line yet
            for hand in self.unit.crew._hands:
                if hand.lane == lane:
                    return hand.child.process.pid
        return self._posts[lane][0].child.process.pid  # type: ignore[attr-defined]


class Unit:
    """A worker unit, in a thread of this process."""

    def __init__(self, address: Path, limits: Mapping[str, Limits]) -> None:
        self.crew = Crew(address, limits)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._is_over.is_set():
            self.crew.turn(0.02)
        self.crew.close()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()


@pytest.fixture
def address(tmp_path: Path) -> Path:
    return tmp_path / "children.sock"


@contextmanager
def at_work(cart: Cart, spawn: Spawn, unit: Unit | None = None) -> Iterator[Children]:
    executor = Children({"custody": 1, "render": 1}, limits_of(cart.config), hung_seconds=60, spawn=spawn)
    executor.unit = unit
    executor.open()
    try:
        yield executor
    finally:
        executor.close()


@pytest.fixture(params=["own", "hired"])
def children(request: pytest.FixtureRequest, cart: Cart, address: Path) -> Iterator[Children]:
    if request.param == "own":
        with at_work(cart, spawned) as executor:
            yield executor
        return
    unit = Unit(address, limits_of(cart.config))
    try:
        with at_work(cart, hiring(address), unit) as executor:
            yield executor
        assert not unit.crew._hands, "who is let go is gone when the line ends"
    finally:
        unit.stop()


def until(shift: Shift, state: str) -> None:
    for _ in range(100):
        if state in shift.clip_states():
            return
        shift.tick()
    raise AssertionError(shift.clip_states())


def test_real_children_deliver_a_card(cart: Cart, children: Children) -> None:
    cart.card("A001C001.mov")
    with cart.shift(children) as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_child_that_is_killed_costs_one_attempt(cart: Cart, children: Children) -> None:
    cart.card("A001C001.mov")
    with cart.shift(children) as shift:
        until(shift, "manifested")
        os.kill(children.pid("render"), signal.SIGKILL)
        os.kill(children.pid("custody"), signal.SIGKILL)
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_child_that_hangs_is_killed_and_its_job_tried_again(cart: Cart, children: Children) -> None:
    cart.card("A001C001.mov")
    with cart.shift(children) as shift:
        until(shift, "probed")
        stopped = children.pid("render")
        os.kill(stopped, signal.SIGSTOP)
        children.hangs = True
        shift.ticks(2)
        assert children.running()
        cart.clock.advance(61)
        shift.tick()
        (job,) = [job for job in shift.production.store.jobs() if job.stage == "render"]
        assert (job.state, job.trouble.code) == ("queued", "worker.hung")
        assert job.trouble.what == "render made no progress for 60 s and was ended"
        assert "the machine is too busy" in job.trouble.why
        assert "damaged" not in job.trouble.why
        assert children.pid("render") != stopped
        children.hangs = False
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_worker_unit_that_restarts_costs_one_attempt_and_is_waited_for(cart: Cart, address: Path) -> None:
    limits = limits_of(cart.config)
    cart.card("A001C001.mov")
    unit = Unit(address, limits)
    with at_work(cart, hiring(address), unit) as executor, cart.shift(executor) as shift:
        until(shift, "probed")
        os.kill(executor.pid("render"), signal.SIGSTOP)
        executor.hangs = True
        shift.ticks(2)
        unit.stop()
        shift.ticks(3)
        assert not executor.running()
        assert (executor.free("custody"), executor.free("render")) == (0, 0)
        assert "worker unit" in executor.away
        (job,) = [job for job in shift.production.store.jobs() if job.stage == "render"]
        assert (job.state, job.attempt, job.trouble.code) == ("queued", 1, "worker.died")
        executor.unit = unit = Unit(address, limits)
        executor.hangs = False
        cart.clock.advance(31)
        shift.drive()
        assert not executor.away
        assert shift.states() == {"A001C001": DELIVERED}
    unit.stop()
    cart.assert_honest()


def test_when_the_control_process_dies_its_children_in_the_worker_unit_die_too(cart: Cart, address: Path) -> None:
    unit = Unit(address, limits_of(cart.config))
    child = hired(address, "custody")
    while not unit.crew._hands:
        continue
    (hand,) = unit.crew._hands
    child.pipe.close()  # what the kernel does for a process that was killed
    assert hand.child.process.wait(100) is not None, "it ends, and nobody else ends it"
    unit.stop()


def test_a_worker_unit_takes_no_word_but_a_lane_and_no_lane_but_its_own(cart: Cart, address: Path) -> None:
    limits = {"custody": limits_of(cart.config)["custody"]}
    unit = Unit(address, limits)
    for lane in ("deliver", "render", "x" * 100, "../../bin/sh"):
        child = hired(address, lane)
        with pytest.raises((EOFError, ConnectionError)):
            child.pipe.recv_bytes()
        child.end()
    assert not unit.crew._hands
    assert address.stat().st_mode & 0o777 == 0o600
    unit.stop()


def test_another_users_worker_unit_is_no_worker_unit_and_another_user_gets_no_child(
    cart: Cart, address: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = Unit(address, limits_of(cart.config))
    monkeypatch.setattr("daemon.crew._peer", lambda _: os.getuid() + 1)
    with pytest.raises(WorkersAway, match="of user"):
        hired(address, "custody")
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(address))
        with suppress(ConnectionError):  # as the kernel tells it, by what was read until the line was closed
            Connection(os.dup(line.fileno())).send_bytes(b"custody")
            line.settimeout(100)
            assert not line.recv(1)
    assert not unit.crew.count
    unit.stop()


def test_the_child_that_delivers_is_never_hired(address: Path) -> None:
    child = hiring(address)("deliver", Limits(16 << 30, destinations=("s3.example.com",)))
    assert type(child) is OwnChild
    child.end()
