"""What is told of a job: one line, with all that whoever looks into it the next morning needs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cart import DELIVERED, Cart, trouble
from structlog.testing import capture_logs

from daemon.outcomes import Ending, outcome_of
from daemon.pace import BENCHED, Pace
from daemon.planning import PlannedClip, forecast
from daemon.rows import NO_TROUBLE
from daemon.slate import Twin
from daemon.states import JobState


def ended(lines: list[Any], stage: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "job.ended" and line["stage"] == stage]


def test_each_job_has_one_line_that_says_all_of_it(cart: Cart) -> None:
    cart.card("A001C001.mov")
    with capture_logs() as told, cart.shift() as shift:
        shift.drive()
    plain, enhanced = ended(told, "render")
    assert (plain["clip"], plain["roll"], plain["outcome"], plain["attempt"]) == ("A001C001", "A001", "done", 1)
    assert plain["frames"] == enhanced["frames"] > 0
    assert plain["rate"] == round(plain["frames"] / plain["seconds"], 2)
    assert not {"engine", "model"} & plain.keys()
    assert enhanced["engine"].startswith("identity")
    assert enhanced["model"]
    (hashed,) = ended(told, "manifest")
    assert hashed["bytes"] == (cart.roll() / "A001C001.mov").stat().st_size
    assert {line["log_level"] for line in (plain, enhanced, hashed)} == {"info"}
    published = [line for line in told if line["event"] == "proxy.published"]
    assert {(line["clip"], line["roll"]) for line in published} == {("A001C001", "A001")}


def test_what_stumbles_is_a_warning_with_its_trouble_and_what_is_given_up_an_error(cart: Cart) -> None:
    cart.card("A001C001.mov")
    cart.words["workers"] = {"attempts": 2, "retry_seconds": 0}
    cart.hands.befall("probe", trouble("worker.died"), trouble("worker.hung"))
    with capture_logs() as told, cart.shift() as shift:
        shift.drive()
    first, second = ended(told, "probe")
    assert (first["outcome"], first["log_level"], first["code"]) == ("retried", "warning", "worker.died")
    assert (second["outcome"], second["log_level"], second["attempt"]) == ("given up", "error", 2)
    assert (second["what"], second["why"], second["fix"]) == ("it stumbled", "a test said so", "nothing to do")


def test_a_clock_that_jumps_is_told_and_one_that_goes_on_is_not(cart: Cart) -> None:
    with capture_logs() as told, cart.shift() as shift:
        shift.ticks(3)
        shift.cart.clock.advance(3600)  # an hour in which nothing turned
        shift.ticks(3)
        shift.cart.clock._utc -= timedelta(minutes=5)
        shift.ticks(3)
    (jump,) = (line for line in told if line["event"] == "clock.jumped")
    assert jump["seconds"] == -300.0


@pytest.mark.parametrize("is_off", [False, True])
def test_what_stumbled_while_the_clock_was_years_ahead_is_tried_again_once_it_is_right(
    cart: Cart, *, is_off: bool
) -> None:
    cart.card("A001C001.mov")
    cart.words["provenance"] = {"sign": False}  # a key that was made then signs nothing before
    cart.clock._utc += timedelta(days=1000)
    cart.hands.befall("probe", trouble("worker.died"))
    with cart.shift() as shift:
        while not any(job.not_before for job in shift.production.store.jobs(JobState.QUEUED)):
            shift.ticks(1)
        if not is_off:
            cart.clock._utc -= timedelta(days=1000)
            shift.drive()
            assert shift.states() == {"A001C001": DELIVERED}
    if is_off:
        cart.clock._utc -= timedelta(days=1000)
        cart.serve()
    assert len(cart.movies()) == 2
    cart.assert_honest()


def test_an_answer_of_a_hostile_child_is_told_without_what_it_is_not(cart: Cart) -> None:
    cart.card("A001C001.mov")
    with cart.shift() as shift:
        shift.drive()
        (job, *_) = shift.production.store.jobs()
        clip = shift.clip("A001C001")
        for answer in ('{"model": ["x"], "passed": "yes", "sent_bytes": {}}', "[1]", "no JSON"):
            told = outcome_of(shift.production, clip, job, Ending.DONE, 1.0, answer, NO_TROUBLE)
            assert (told.said, told.passed) == ({}, None)


def test_the_pace_that_was_seen_outlasts_a_restart_and_one_that_cannot_be_read_is_measured_anew(cart: Cart) -> None:
    cart.card("A001C001.mov")
    state = cart.config.production_state
    assert Pace.kept(state).rate(Twin.PLAIN) == 108e6
    assert "2026-11-24" in BENCHED
    cart.serve()
    seen = Pace.kept(state)
    assert (seen.jobs(Twin.PLAIN), seen.jobs(Twin.ENHANCED)) == (1, 1)
    assert seen.rate(Twin.PLAIN) != 108e6
    (state / "pace.json").write_text('{"plain": "fast"}')
    assert Pace.kept(state).jobs(Twin.PLAIN) == 0
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}


def test_how_far_a_pace_goes_up_and_down_comes_from_the_jobs_that_were_seen() -> None:
    assert Pace().factor(Twin.PLAIN, 1) == pytest.approx(2)
    assert Pace({Twin.PLAIN: [(100.0, 1.0)] * 3}).factor(Twin.PLAIN, 1) == 1
    uneven = Pace({Twin.PLAIN: [(100.0, seconds) for seconds in (1.0, 1.0, 2.0, 4.0, 4.0)]})
    assert uneven.factor(Twin.PLAIN, 1) > uneven.factor(Twin.PLAIN, 50) > 1, "many clips are known better than one"


def test_how_long_the_queue_takes_is_a_range(cart: Cart) -> None:
    cart.card(*(f"A001C{number:03}.mov" for number in range(1, 5)))
    with cart.shift() as shift:
        while not shift.clips() or "probed" not in shift.clip_states():
            shift.tick()
        seen = shift.service.snapshot(shift.now())
        least, most = seen.eta_range_seconds
        assert least <= seen.eta_seconds <= most
        shift.drive()
        assert shift.service.snapshot(shift.now()).eta_range_seconds == (0.0, 0.0)


def test_a_plan_takes_the_pace_that_was_seen_and_says_how_far_it_may_be_off(cart: Cart) -> None:
    cart.words["workers"] = {"render": 2}
    row = PlannedClip("A001", "C001", "", "", 60.0, 3 << 30, 3 << 30, 400.0, "", 300.0, 5.0)
    guessed = forecast(cart.config, [row], Pace())
    assert (guessed.quick_seconds, guessed.slow_seconds) == (100.0, 400.0)
    assert guessed.basis.endswith(BENCHED)
    seen = Pace({twin: [(100.0, 1.0)] * 5 for twin in (Twin.PLAIN, Twin.ENHANCED)})
    known = forecast(cart.config, [row], seen)
    assert (known.quick_seconds, known.slow_seconds) == (200.0, 200.0)
    assert known.lines()[0] == "takes 3 min (as the last 10 renderings went here)"
    assert forecast(cart.config, [row] * 10_000, seen).lines()[1].startswith("DOES NOT FIT: 60000.0 GiB needed")
