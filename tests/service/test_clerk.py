"""AAFs are composed in a process of their own, and what waits for one is written at a later turn."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import aaf2
import pytest
from cart import DELIVERED, Cart

from bench.points import Prompt
from daemon.clerk import Clerk, Cuts
from daemon.errors import DeliveryError
from daemon.production import Moment
from daemon.sidecars.stringout import Stringout
from daemon.turnover.timelines import stringouts

sys.path.insert(0, str(Path(__file__).parents[1] / "turnover"))
from handed import clip, roll

NOW = Moment(0.0, datetime(2026, 3, 2, 18, 0, tzinfo=UTC))


def cuts(*names: str) -> dict[str, Stringout]:
    return stringouts("A001", [roll(*(clip(name, Fraction(24)) for name in names))])


def test_a_real_clerk_composes_beside_and_lets_its_process_go(tmp_path: Path) -> None:
    clerk, asked = Clerk(), cuts("A001C001", "A001C002")
    assert clerk.aafs(tmp_path, asked, NOW) is None
    clerk._asked[tmp_path].made.result(timeout=100)
    made = clerk.aafs(tmp_path, asked, NOW)
    assert made
    assert clerk._pool is None
    (tmp_path / "A001.aaf").write_bytes(made["A001.aaf"])
    with aaf2.open(str(tmp_path / "A001.aaf"), "r") as file:
        assert sorted(mob.name for mob in file.content.mastermobs()) == ["A001C001", "A001C002"]


def test_what_is_asked_otherwise_meanwhile_is_composed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[Cuts, Future[dict[str, bytes]]]] = []

    def begin(clerk: Clerk, asked: Cuts, now: Moment) -> Future[dict[str, bytes]]:
        begun.append((asked, Future()))
        return begun[-1][1]

    monkeypatch.setattr(Clerk, "_begin", begin)
    clerk, folder = Clerk(), Path("A001")
    assert clerk.aafs(folder, cuts("A001C001"), NOW) is None
    assert clerk.aafs(folder, cuts("A001C001", "A001C002"), NOW) is None
    begun[0][1].set_result({"A001.aaf": b"of before"})
    assert clerk.aafs(folder, cuts("A001C001", "A001C002"), NOW) is None
    begun[1][1].set_result({"A001.aaf": b"as it is"})
    assert clerk.aafs(folder, cuts("A001C001", "A001C002"), NOW) == {"A001.aaf": b"as it is"}
    assert len(begun) == 2


def test_a_clerk_that_cannot_says_why_and_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: Future[dict[str, bytes]] = Future()
    broken.set_exception(RuntimeError("no room to write"))
    monkeypatch.setattr(Clerk, "_begin", lambda *_: broken)
    clerk = Clerk()
    with pytest.raises(DeliveryError) as told:
        clerk.aafs(Path("A001"), cuts("A001C001"), NOW)
    assert "no room to write" in told.value.why
    assert not clerk._asked


def test_a_roll_that_waits_for_its_aaf_is_neither_complete_nor_forgotten(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = Prompt.aafs
    asked: list[Path] = []

    def slowly(clerk: Prompt, folder: Path, wanted: Cuts, now: Moment) -> dict[str, bytes] | None:
        asked.append(folder)
        return compose(clerk, folder, wanted, now) if len(asked) % 5 == 0 else None

    monkeypatch.setattr(Prompt, "aafs", slowly)
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        while not asked:
            shift.tick()
        assert not shift.service.is_idle()
        assert not (cart.delivered() / ".complete").exists()
        shift.drive()
        assert shift.clip_states() == [DELIVERED]
    assert cart.complete()
    assert (cart.delivered().parent / ".complete").exists(), "the day, too, though it waited for its own"
    cart.assert_honest()


def test_a_clerk_that_is_killed_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Future[dict[str, bytes]]] = []

    def begin(clerk: Clerk, asked: Cuts, now: Moment) -> Future[dict[str, bytes]]:
        begun.append(Future())
        return begun[-1]

    monkeypatch.setattr(Clerk, "_begin", begin)
    clerk, folder, asked = Clerk(), Path("A001"), cuts("A001C001")
    assert clerk.aafs(folder, asked, NOW) is None
    begun[0].set_exception(BrokenProcessPool("killed"))
    assert clerk.aafs(folder, asked, NOW) is None
    begun[1].set_result({"A001.aaf": b"made"})
    assert clerk.aafs(folder, asked, NOW) == {"A001.aaf": b"made"}
