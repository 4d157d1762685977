"""The volume that a production's state lies on refuses: the service lives, tells it, and goes on by itself."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import structlog
from cart import DELIVERED, Cart

from bench.points import Inline, Prompt
from daemon import cli
from daemon.running import Stop
from daemon.stages.deliver import _Rest
from daemon.stages.render import Render
from daemon.store import Store
from daemon.watch import Hints


@pytest.fixture
def served_here(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cart]:
    """A card on a cart whose service does its work in this process, and waits for nothing between two tries."""
    monkeypatch.setattr("daemon.running.LocalExecutor", Inline)
    monkeypatch.setattr("daemon.stages.turnover.Clerk", Prompt)
    monkeypatch.setattr("daemon.running.kept_to", lambda _: nullcontext())
    cart.words = {"workers": {"retry_seconds": 0}, "offload": {"settle_seconds": 0}, "log": {"format": "json"}}
    cart.card("A001C001.mov")
    cart.config  # noqa: B018 - writes the configuration
    before = structlog.get_config()
    yield cart
    structlog.configure(**before)


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> list[int]:
    """The database refuses the first `number` claims as a full volume does."""
    claim, refused = Store.claim, []

    def claimed(*words: object) -> object:
        if len(refused) < number:
            refused.append(1)
            raise sqlite3.OperationalError("database or disk is full")
        return claim(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "claim", claimed)
    return refused


def told(error: str) -> list[dict[str, str]]:
    lines = (json.loads(line) for line in error.splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == "service.begins_again"]


def test_a_state_volume_that_was_full_for_a_while_costs_no_clip_and_no_service(
    served_here: Cart, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    refused = refuse(monkeypatch, 2)
    assert cli._serve(served_here.folder / "config.yaml", once=True) == 0
    assert len(refused) == 2
    first, second = told(capfd.readouterr().err)
    assert first["code"] == second["code"] == "state.away"
    assert "database or disk is full" in first["why"]
    assert first["fix"]
    with served_here.shift() as shift:
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    served_here.assert_honest()


def test_one_that_stays_full_ends_a_service_that_serves_once_with_its_reason(
    served_here: Cart, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    refuse(monkeypatch, 1000)
    assert cli._serve(served_here.folder / "config.yaml", once=True) == cli.EXIT_FAILED
    assert len(told(capfd.readouterr().err)) == 3
    assert served_here.movies() == []
    monkeypatch.undo()
    served_here.serve()
    assert len(served_here.movies()) == 2


def test_a_state_whose_volume_goes_away_is_waited_for_and_no_other_is_begun_in_its_place(
    served_here: Cart, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    state = served_here.config.production_state
    elsewhere = state.with_name("elsewhere")
    aways = []

    def goes(self: Render, *words: object) -> None:
        if not aways:
            state.rename(elsewhere)
            aways.append(True)
            raise sqlite3.OperationalError("disk I/O error")
        plan(self, *words)  # type: ignore[arg-type]

    def waits(_self: Stop, _seconds: float) -> bool:
        assert not state.exists()
        aways.append(True)
        if len(aways) == 3:
            elsewhere.rename(state)
        return False

    plan = Render.plan
    monkeypatch.setattr(Render, "plan", goes)
    monkeypatch.setattr(Stop, "wait", waits)
    assert cli._serve(served_here.folder / "config.yaml", once=True) == 0
    _, away = told(capfd.readouterr().err)
    assert away["code"] == "state.away"
    assert "is not there any more" in away["what"]
    assert "begins no other" in away["fix"]
    assert len(served_here.movies()) == 2
    served_here.assert_honest()


def test_a_database_that_is_damaged_is_to_be_restored_and_not_looked_for(
    served_here: Cart, capfd: pytest.CaptureFixture[str]
) -> None:
    served_here.config.production_state.mkdir(parents=True)
    served_here.config.database.write_bytes(b"garbage" * 1000)
    assert cli._serve(served_here.folder / "config.yaml", once=True) == cli.EXIT_FAILED
    last = told(capfd.readouterr().err)[-1]
    assert "file is not a database" in last["why"]
    assert "restore its backup" in last["fix"]
    assert served_here.config.database.read_bytes() == b"garbage" * 1000


def test_a_transaction_that_sqlite_took_back_itself_tells_why(tmp_path: Path) -> None:
    store = Store(tmp_path / "state" / "nearset.sqlite")
    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"), store.transaction():
        store._db.execute("rollback")
        raise sqlite3.OperationalError("disk I/O error")
    store.close()


def test_a_root_that_may_not_be_entered_is_not_watched_and_keeps_no_service_from_starting(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = cart.config.offload.roots

    def no(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "is_dir", no)
    hints = Hints(roots)
    assert hints.take() == set()
    hints.close()


def test_a_stage_to_which_the_system_refuses_a_file_stops_no_other(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    cart.card("A001C001.mov")

    def stale(*_: object) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with cart.shift() as shift:
        monkeypatch.setattr(Render, "plan", stale)
        shift.ticks(20)
        assert shift.states() == {"A001C001": "probed"}
        monkeypatch.undo()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_a_target_may_be_away_for_weeks() -> None:
    rest = _Rest()
    for _ in range(2000):
        rest.begin(0, 30, "it is away")
    assert rest.until == 900
