"""What systemd is told: that the service is there, what it does, and that it lives, only where all of it gets on."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cart import DELIVERED, Cart, Shift

from daemon.notify import Notifier
from daemon.scan import Scan, scan
from daemon.turns import Turns, await_database


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.line.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.line.setblocking(False)
        self._words: list[str] = []

    def listen(self) -> None:
        """Take what is said; a line that nobody listens to fills up."""
        while True:
            try:
                self._words.append(self.line.recv(4096).decode())
            except BlockingIOError:
                return

    def heard(self) -> list[str]:
        """What was said since it was last asked."""
        self.listen()
        words, self._words = self._words, []
        return words

    def is_fed(self) -> bool:
        return "WATCHDOG=1" in self.heard()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    there = Manager(str(tmp_path / "notify"))
    yield there
    there.line.close()


@contextmanager
def turning(cart: Cart, manager: Manager) -> Iterator[tuple[Turns, Shift]]:
    """A service that is told to say that it lives every 20 seconds; time stands still by itself."""
    with cart.shift() as shift:
        rest = cart.clock.advance
        turns = Turns(shift.service, cart.hands, cart.clock, Notifier(manager.address, 20.0), rest)
        yield turns, shift


def pass_by(cart: Cart, turns: Turns, manager: Manager, seconds: int) -> None:
    """So much time; a turn takes five seconds, so that a story takes few."""
    for _ in range(seconds // 5):
        turns.turn()
        cart.clock.advance(5)
        manager.listen()


def test_a_service_that_gets_on_says_that_it_is_there_what_it_does_and_that_it_lives(
    cart: Cart, manager: Manager
) -> None:
    cart.card("A001C001.mov")
    with turning(cart, manager) as (turns, shift):
        turns.begin()
        assert manager.heard()[-1] == "READY=1"
        pass_by(cart, turns, manager, 100)
        words = manager.heard()
        assert words.count("WATCHDOG=1") == 20, "four times in each period"
        assert any(word.startswith("STATUS=render A001C001") for word in words)
        assert "STATUS=idle; 1 of 1 clips delivered, 0 jobs wait" in words
        assert shift.states() == {"A001C001": DELIVERED}


def test_while_a_scan_hangs_the_watchdog_is_not_fed(
    cart: Cart, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed = []

    def hangs(root: Path) -> Scan:
        manager.heard()
        cart.clock.advance(300)  # a mount that does not answer: the thread waits in the kernel
        fed.append(manager.is_fed())
        return scan(root)

    with turning(cart, manager) as (turns, _):
        turns.begin()
        pass_by(cart, turns, manager, 5)
        assert manager.is_fed()
        monkeypatch.setattr("daemon.stages.intake.scan", hangs)
        pass_by(cart, turns, manager, 40)
        assert fed
        assert not any(fed)


def test_a_root_that_is_never_scanned_though_it_is_due_starves_the_watchdog(
    cart: Cart, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    with turning(cart, manager) as (turns, shift):
        pass_by(cart, turns, manager, 5)
        assert manager.is_fed()
        monkeypatch.setattr(shift.service._stages["intake"], "plan", lambda *_: None)
        pass_by(cart, turns, manager, 95)
        manager.heard()
        pass_by(cart, turns, manager, 20)
        words = manager.heard()
        assert "WATCHDOG=1" not in words
        assert "STATUS=stuck: scan" in words


def test_a_database_that_another_process_holds_is_waited_for_and_no_turn_is_begun(cart: Cart, manager: Manager) -> None:
    cart.card("A001C001.mov")
    with turning(cart, manager) as (turns, shift):
        pass_by(cart, turns, manager, 5)
        other = sqlite3.connect(cart.config.production_state / "nearset.sqlite", isolation_level=None)
        other.execute("begin exclusive")
        assert turns.turn() is None
        assert "STATUS=waits for the database, which another process holds" in manager.heard()
        pass_by(cart, turns, manager, 20)
        assert manager.is_fed(), "it may be a backup"
        pass_by(cart, turns, manager, 20)
        manager.heard()
        pass_by(cart, turns, manager, 20)
        assert not manager.is_fed()
        other.execute("rollback")
        other.close()
        pass_by(cart, turns, manager, 100)
        assert manager.is_fed()
        assert shift.states() == {"A001C001": DELIVERED}


def test_a_start_waits_for_a_database_that_another_process_holds(cart: Cart, manager: Manager) -> None:
    path = cart.config.database
    await_database(path, Notifier(manager.address), pytest.fail, lambda: False)  # there is none yet
    cart.serve()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 3:
            other.execute("rollback")

    await_database(path, Notifier(manager.address), rest, lambda: False)
    assert len(rests) == 3
    assert manager.heard() == ["STATUS=waits for the database, which another process holds"]
    other.execute("begin exclusive")
    await_database(path, Notifier(manager.address), pytest.fail, lambda: True)  # somebody stops the unit meanwhile
    other.close()


def test_a_worker_that_nobody_can_kill_starves_the_watchdog(cart: Cart, manager: Manager) -> None:
    cart.card("A001C001.mov")
    cart.hands.lag = 10_000
    with turning(cart, manager) as (turns, shift):
        pass_by(cart, turns, manager, 140)
        assert cart.hands.running()
        assert manager.is_fed(), "a hung child is the executor's to kill, at 120 seconds"
        pass_by(cart, turns, manager, 20)
        manager.heard()
        pass_by(cart, turns, manager, 20)
        words = manager.heard()
        assert "WATCHDOG=1" not in words
        assert "STATUS=stuck: workers" in words
        cart.hands.close()
        shift.production.store.expired(None)


def test_a_stop_begins_nothing_new_and_waits_for_what_is_under_way_for_its_time(cart: Cart, manager: Manager) -> None:
    cart.card("A001C001.mov", "A001C002.mov")
    cart.hands.lag = 4
    with turning(cart, manager) as (turns, shift):
        while not cart.hands.running():
            pass_by(cart, turns, manager, 5)
        begun = len(shift.production.store.jobs())
        turns.drain(lambda: cart.clock.advance(1) is not None)
        assert "STOPPING=1" in manager.heard()
        assert not cart.hands.running()
        assert cart.hands.done == ["manifest"]
        assert begun == len([job for job in shift.production.store.jobs() if job.stage == "manifest"])
    cart.hands.lag = 10_000
    with turning(cart, manager) as (turns, _):
        while not cart.hands.running():
            pass_by(cart, turns, manager, 5)
        before = cart.clock.monotonic()
        turns.drain(lambda: cart.clock.advance(1) is not None)
        assert 20 <= cart.clock.monotonic() - before < 22
        turns.drain(lambda: True)
        assert cart.clock.monotonic() - before < 22, "somebody asked a second time"
        cart.hands.close()


def test_a_socket_without_a_file_is_spoken_to_as_well() -> None:
    there = Manager(f"@nearset-test-{os.getpid()}")
    Notifier(there.address).ready()
    assert there.heard() == ["READY=1"]
    there.line.close()


def test_a_clip_says_nothing_to_the_manager_and_writes_nothing_on_its_terminal(manager: Manager) -> None:
    Notifier(manager.address).status("render A001\nMAINPID=1\x1b[2J 40 %")
    assert manager.heard() == [r"STATUS=render A001 MAINPID=1\x1b[2J 40 %"]


def test_a_notifier_is_for_this_process_alone() -> None:
    given = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid()), "PATH": "/bin"}
    notifier = Notifier.from_environment(given)
    assert (notifier.address, notifier.watchdog_seconds) == ("/run/x", 20.0)
    assert given == {"PATH": "/bin"}, "children have no word with the manager"
    assert not Notifier.from_environment({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}).watchdog_seconds
    Notifier("/nobody/listens").ready()
    Notifier().ready()


class Unit:
    """A process as systemd runs it."""

    def __init__(self, folder: Path, name: str, *words: str) -> None:
        self.manager = Manager(str(folder / f"{name}.notify"))
        told = {"NOTIFY_SOCKET": self.manager.address, "WATCHDOG_USEC": "20000000"}
        environment = os.environ | told | {"NEARSET_WORKERS": str(folder / "children.sock")}
        command = [sys.executable, "-c", "from daemon.cli import main; main()", name, *words]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=folder)
        self.manager.line.settimeout(100)

    def says(self, word: str) -> None:
        """Wait until it says so."""
        while word not in self.manager.line.recv(4096).decode():
            assert self.process.poll() is None

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(100)
        self.manager.line.close()
        return code


def test_run_and_its_worker_unit_start_tell_and_stop_as_systemd_asks(cart: Cart, tmp_path: Path) -> None:
    cart.card("A001C001.mov")
    words = ("--config", str(cart.config.state.root.parent / "config.yaml"))
    worker = Unit(tmp_path, "worker", *words)
    worker.says("READY=1")
    run = Unit(tmp_path, "run", *words)
    run.says("READY=1")
    run.says("STATUS=idle; 1 of 1 clips delivered, 0 jobs wait")
    worker.says("STATUS=2 children")
    assert run.stop() == 0
    assert worker.stop() == 0
    assert len(cart.movies()) == 2
    assert not (tmp_path / "children.sock").exists()
    assert cart.untouched()
