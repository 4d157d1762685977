"""What a turn of the loop costs while jobs are on their way, and that it overlooks nothing by it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from cart import DELIVERED, HELD, Cart, Hands, Shift, legacy, seal
from footage import footage

from daemon import telling
from daemon.hashing import hash_bytes
from daemon.states import JobState
from daemon.store import Store

CLIPS = 12


@dataclass
class Slow(Hands):
    """Hands that put every task of one stage off until they are told otherwise."""

    stalled: str = ""

    def free(self, lane: str) -> int:
        return 1 - sum(it == lane and running.stage != self.stalled for it, running, _ in self._tasks.values())

    def start(self, lane: str, job: int, token: str, stage: str, task: str, now: float) -> None:
        super().start(lane, job, token, stage, task, now)
        if stage == self.stalled:
            self._due[job] = 1_000_000

    def go_on(self) -> None:
        self.stalled = ""
        self._due = dict.fromkeys(self._due, 1)


@pytest.mark.parametrize(("stage", "state"), [("manifest", "manifested"), ("probe", "ready"), ("render", "probed")])
def test_a_turn_looks_at_the_card_and_not_at_each_clip_whose_job_is_on_its_way(
    cart: Cart, monkeypatch: pytest.MonkeyPatch, stage: str, state: str
) -> None:
    looked: Counter[str] = Counter()
    files = Store.files

    def counted(store: Store, card: int) -> object:
        looked["files"] += 1
        return files(store, card)

    monkeypatch.setattr(Store, "files", counted)
    roll = cart.roll()
    cart.put(roll, {f"A001C{number:03}.mov": footage(1) for number in range(CLIPS)})
    seal(roll)
    hands = Slow(lag=1, stalled=stage)
    with cart.shift(hands) as shift:
        for _ in range(60):
            shift.tick()
            if set(shift.clip_states()) == {state}:
                break
        shift.tick()
        looked.clear()
        shift.tick()
        assert set(shift.clip_states()) == {state}
        assert len(shift.production.store.jobs(JobState.QUEUED, JobState.LEASED)) == CLIPS
        assert looked["files"] <= 1  # the scan's own
        hands.go_on()
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
    cart.assert_honest()


@pytest.mark.parametrize("stage", ["probe", "render"])
def test_a_recipe_that_changes_while_a_job_is_on_its_way_is_what_is_delivered(cart: Cart, stage: str) -> None:
    cart.recipe.write_text("defaults: {proxy: {width: 128}}")
    cart.card("A001C001.mov")
    hands = Slow(lag=1, stalled=stage)
    with cart.shift(hands) as shift:
        shift.ticks(12)
        assert [job.stage for job in shift.production.store.jobs(JobState.LEASED)] == [stage]
        cart.recipe.write_text("defaults: {proxy: {width: 64, codec: prores_lt}}")
        shift.ticks(2)
        hands.go_on()
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
        assert {(proxy.facts.width, proxy.facts.codec) for proxy in shift.proxies("A001C001")} == {(64, "prores_lt")}
    cart.assert_honest()


def test_a_manifest_that_comes_while_its_clip_is_hashed_is_heeded(cart: Cart) -> None:
    roll, data = cart.roll(), footage(1)
    cart.put(roll, {"A001C001.mov": data, "A001.mhl": legacy({"A001C001.mov": data})})
    hands = Slow(lag=1, stalled="manifest")
    with cart.shift(hands) as shift:
        shift.ticks(8)
        assert shift.clip_states() == ["manifested"]
        seal(roll, {"A001C001.mov": b"another recording"})
        shift.ticks(8)
        hands.go_on()
        shift.drive()
        (clip,) = shift.clips()
        assert (clip.state, clip.trouble.code) == (HELD, "clip.bad_hash")
        assert hash_bytes("xxh128", data) in clip.trouble.why
    assert not cart.movies()


def test_a_second_manifest_that_agrees_costs_a_second_reading_and_nothing_else(cart: Cart) -> None:
    roll, data = cart.roll(), footage(1)
    cart.put(roll, {"A001C001.mov": data, "A001.mhl": legacy({"A001C001.mov": data})})
    hands = Slow(lag=1, stalled="manifest")
    with cart.shift(hands) as shift:
        shift.ticks(8)
        seal(roll, {"A001C001.mov": data})
        shift.ticks(8)
        hands.go_on()
        shift.drive()
        assert shift.clip_states() == [DELIVERED]
    (file,) = cart.record()["clips"][0]["custody"]["files"]
    assert set(file["manifest"]) == {"md5", "xxh128"}
    assert hands.done.count("manifest") == 2
    cart.assert_honest()


def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the log says from now on."""
    lines: list[dict[str, Any]] = []

    def line(event: str, **words: Any) -> None:
        lines.append({"event": event} | words)

    monkeypatch.setattr(telling, "get", lambda: SimpleNamespace(info=line, warning=line))
    return lines


def test_the_log_says_once_why_a_card_waits_and_why_a_clip_stopped(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(monkeypatch)
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.mov": footage(2)})
    with cart.shift() as shift:
        shift.drive()
        waits = [line["why"] for line in lines if line["event"] == "card.waits"]
        assert waits == ["still being copied: A001C001.mov", "waits for a manifest that vouches for A001C001.mov"]
        assert {line["clips"] for line in lines} == {2}
        lines.clear()
        seal(roll, {"A001C001.mov": footage(1), "A001C002.mov": footage(3)})
        shift.drive()
        (stopped,) = [line for line in lines if line["event"] == "clip.stopped"]
        assert (stopped["clip"], stopped["state"], stopped["code"]) == ("A001C002", HELD, "clip.bad_hash")
        assert "expected" in stopped["why"]
        assert "again" in stopped["fix"]


def test_the_queue_has_an_eta_that_comes_down_to_nothing(cart: Cart) -> None:
    cart.card("A001C001.mov", "A001C002.mov", "A001C003.mov")
    etas: list[float] = []
    with cart.shift() as shift:
        while not etas or not shift.service.is_idle():
            shift.tick()
            etas.append(shift.service.snapshot(shift.now()).eta_seconds)
    longest = etas.index(max(etas))
    assert etas[longest] > etas[(longest + len(etas)) // 2] > 0, "half the work later it is less"
    assert etas[-1] == 0


def test_a_status_asks_the_database_as_often_for_six_clips_as_for_one_and_names_what_is_newest(cart: Cart) -> None:
    cart.recipe.write_text("defaults: {proxy: {width: 128}}")
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        for_one = asked(shift)
        cart.card(*(f"A002C{number:03}.mov" for number in range(5)), roll="A002", first_seed=10)
        shift.drive()
        assert asked(shift) == for_one > 0
        cart.recipe.write_text("defaults: {proxy: {width: 64}}")
        shift.drive()
        for roll in shift.service.snapshot(shift.now()).cards:
            assert [clip.name for clip in roll.clips] == [f"{roll.roll}C{number:03}" for number in numbers(roll.roll)]
            assert {clip.plain for clip in roll.clips} == {f"proxy/{clip.name}_r2.mov" for clip in roll.clips}
            assert {clip.enhanced for clip in roll.clips} == {f"enhanced/{clip.name}_r2.mov" for clip in roll.clips}


def numbers(roll: str) -> range:
    return range(1, 2) if roll == "A001" else range(5)


def asked(shift: Shift) -> int:
    """How many statements a status asks of the database."""
    statements: list[str] = []
    database = shift.production.store._db
    database.set_trace_callback(statements.append)
    shift.service.snapshot(shift.now())
    database.set_trace_callback(None)
    return len(statements)
