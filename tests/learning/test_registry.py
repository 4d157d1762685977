"""Which weights are in use: one update after another, rolled back, refused, damaged, gone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cart import HELD, Cart
from dailies import Tutor, assert_sound, models_of, shoot
from hypothesis import given
from hypothesis import strategies as st

from daemon import models, wire
from daemon.errors import ModelError, StateError
from daemon.requests import Request, Wish, ask
from daemon.slate import Refined, Trouble
from daemon.stages import refine
from daemon.states import MODEL_TABLE, ModelEvent, ModelState, fire
from engines.errors import BadWeights
from engines.model import gate
from engines.model.refine import Tuned

WORK = refine.work
"""The work itself, before a tutor stands in for it."""


def test_two_cards_that_are_through_together_are_learned_from_one_after_the_other(cart: Cart, tutor: Tutor) -> None:
    training = cart.words["production"].pop("training")
    shoot(cart, "A001C001", "A001C002")
    shoot(cart, "A002C001", "A002C002", roll="A002", first_seed=5)
    cart.serve()
    assert tutor.tasks == []
    cart.words["production"]["training"] = training
    cart.serve()
    with cart.shift() as shift:
        first, second = models_of(shift)
    assert [task.parent for task in tutor.tasks] == ["", first.digest]
    assert (first.state, second.state, second.parent) == (ModelState.RETIRED, ModelState.ACTIVE, first.digest)
    assert_sound(cart)


def test_who_has_the_best_canaries_and_who_foretells_best_both_stay_the_measure(taught: tuple[Cart, Tutor]) -> None:
    cart, tutor = taught
    with cart.shift() as shift:
        (first,) = models_of(shift)
        better = wire.load(Refined, first.facts)
        better = replace(better, digest="b" * 64, scores=better.scores | {"mean_db": 31.0, "filmed": 0.85})
        (cart.config.models / f"{better.digest}.safetensors").write_bytes(b"")
        models.enter(shift.production, "lite", first.digest, first.card, better, shift.now())
        task = refine._task(shift.production, "lite", shift.production.store.card(first.card), "a" * 32)
    assert (task.parent, task.best, task.foreteller) == (better.digest, better.digest, first.digest)
    assert (tutor.tasks[0].best, tutor.tasks[0].foreteller) == ("", "")


def test_a_clip_that_comes_late_makes_its_card_be_learned_from_again(cart: Cart, tutor: Tutor) -> None:
    shoot(cart, "A001C001", "A001C002")
    cart.serve()
    shoot(cart, "A001C003", first_seed=7)
    cart.serve()
    assert [len({sample.clip for sample in task.samples}) for task in tutor.tasks] == [2, 3]


def test_what_was_made_from_a_model_that_was_rolled_back_meanwhile_is_refused_with_a_reason(
    taught: tuple[Cart, Tutor],
) -> None:
    cart, tutor = taught
    shoot(cart, "A002C001", "A002C002", roll="A002", first_seed=5)
    with cart.shift() as shift:

        def roll_back() -> None:
            models.rollback(shift.production, "lite", shift.now())

        cart.hands.befall("refine", roll_back)  # type: ignore[arg-type]
        shift.drive()
        first, second = models_of(shift)
    assert (first.state, second.state) == (ModelState.WITHDRAWN, ModelState.REFUSED)
    assert wire.load(Refined, second.facts).reasons == ("another model was made active while it was made",)
    assert_sound(cart)
    assert len(tutor.tasks) == 2


def test_an_update_that_changed_nothing_leaves_the_active_model_alone(taught: tuple[Cart, Tutor]) -> None:
    cart, tutor = taught
    with cart.shift() as shift:
        (model,) = models_of(shift)
        again = replace(wire.load(Refined, model.facts), passed=False, reasons=("it is no better",))
        models.enter(shift.production, "lite", model.digest, model.card, again, shift.now())
        assert models_of(shift) == [model]
    assert_sound(cart)
    assert len(tutor.tasks) == 1


def test_a_rollback_passes_over_an_ancestor_whose_weights_are_gone(taught: tuple[Cart, Tutor]) -> None:
    cart, tutor = taught
    for number in (2, 3):
        shoot(cart, f"A00{number}C001", f"A00{number}C002", roll=f"A00{number}", first_seed=11 * number)
        cart.serve()
    with cart.shift() as shift:
        first, second, third = models_of(shift)
        (cart.config.models / f"{second.digest}.safetensors").unlink()
        assert models.rollback(shift.production, "lite", shift.now()) == first.digest
        with pytest.raises(ModelError, match="gone"):
            models.promote(shift.production, second.digest, shift.now())
        assert models.active(shift.production.store, "lite") == first.digest
        assert models_of(shift)[2].state is ModelState.WITHDRAWN
        models.promote(shift.production, third.digest, shift.now())
        assert models.active(shift.production.store, "lite") == third.digest
    assert len(tutor.tasks) == 3


def test_what_cannot_be_heeded_is_told_and_the_service_goes_on(
    taught: tuple[Cart, Tutor], capsys: pytest.CaptureFixture[str]
) -> None:
    cart, tutor = taught
    state = cart.config.production_state
    with cart.shift() as shift:
        ask(state, Request(Wish.PROMOTE, "0123"))
        ask(state, Request(Wish.ROLLBACK, "lite"))
        ask(state, Request(Wish.ROLLBACK, "lite"))
        (state / "requests" / "old.json").write_text('{"pattern": "*"}')
        shift.ticks(2)
        assert models.active(shift.production.store, "lite") == ""
    told = capsys.readouterr().out
    assert "no model begins with 0123" in told
    assert "nothing to roll back" in told
    assert "request.unreadable" in told
    assert not list((state / "requests").iterdir())
    assert len(tutor.tasks) == 1


def broken(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "harm",
    [
        broken,
        lambda path: path.write_bytes(path.read_bytes()[:-8]),
        Path.unlink,
        lambda path: (path.parent / "active.json").write_text('{"lite": '),
        lambda path: (path.parent / "active.json").unlink(),
    ],
    ids=["another number", "truncated", "gone", "half a pointer", "no pointer"],
)
def test_where_the_active_model_is_damaged_its_clip_is_held_and_base_never_stands_in(
    taught: tuple[Cart, Tutor], harm
) -> None:
    cart, tutor = taught
    shoot(cart, "A002C001", roll="A002", first_seed=5)
    with cart.shift() as shift:
        (model,) = models_of(shift)
        harm(cart.config.models / f"{model.digest}.safetensors")
        shift.drive()
        clip = shift.clip("A002C001")
        assert (str(clip.state), clip.trouble.code) == (HELD, "engine.bad_weights")
        assert "retry" in clip.trouble.fix or "restore" in clip.trouble.fix
        assert [str(proxy.facts.twin) for proxy in shift.proxies("A002C001")] == ["plain"]
        models.rollback(shift.production, "lite", shift.now())
        cart.retry()
        shift.drive()
        (enhanced,) = [proxy for proxy in shift.proxies("A002C001") if proxy.facts.twin == "enhanced"]
        assert model.digest[:12] not in enhanced.facts.model
    cart.assert_honest()
    assert tutor.tasks


def test_a_child_that_answers_nonsense_costs_its_job_and_not_the_service(cart: Cart, monkeypatch) -> None:
    nonsense = '{"digest": "a", "passed": true, "reasons": [], "scores": {"mean_db": null}, "steps": 1}'
    monkeypatch.setattr(refine, "work", lambda *_: nonsense)
    shoot(cart, "A001C001", "A001C002")
    cart.serve()
    with cart.shift() as shift:
        assert models_of(shift) == []
        assert set(shift.clip_states()) == {"delivered"}
        (job,) = [job for job in shift.production.store.jobs() if job.stage == "refine"]
        assert (str(job.state), job.trouble.code) == ("failed", "worker")


@pytest.fixture
def task(taught: tuple[Cart, Tutor]) -> refine.RefineTask:
    """What was given to whoever taught."""
    (given,) = taught[1].tasks
    return given


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_candidate_that_ran_away_is_refused_and_says_so(folder, task, monkeypatch, number) -> None:
    task = replace(task, models=str(folder / "elsewhere"))

    def ran_away(parent, _cuts, _settings, _progress, _clock) -> Tuned:
        tensors = {name: np.full_like(array, number) for name, array in parent.tensors.items()}
        return Tuned(tensors, (0.3, 7.0, number), 1.0)

    monkeypatch.setattr("engines.model.update.refine", ran_away)
    monkeypatch.setattr("engines.model.gate._RENDERED", gate._RENDERED[:1])
    with np.errstate(all="ignore"):
        refined = wire.load(Refined, WORK(wire.dump(refine.RefineTask, task), lambda *_: None))
    assert not refined.passed
    assert refined.reasons == ("its outputs are not numbers",)
    assert refined.curve == (0.3, 7.0)


def test_an_update_without_a_step_or_a_lesson_makes_no_model(task: refine.RefineTask, monkeypatch) -> None:
    monkeypatch.setattr("engines.model.update.refine", lambda parent, *_: Tuned(parent.tensors, (), 1.0))
    monkeypatch.setattr("engines.model.gate._RENDERED", gate._RENDERED[:1])
    for changed, why in (
        (task, "no step fitted"),
        (replace(task, samples=tuple(s for s in task.samples if s.holdout)), "nothing yet to learn from"),
        (replace(task, samples=tuple(s for s in task.samples if not s.holdout)), "nothing yet to judge by"),
    ):
        refined = wire.load(Refined, WORK(wire.dump(refine.RefineTask, changed), lambda *_: None))
        assert (refined.digest, refined.passed) == ("", False)
        assert why in refined.reasons[0]


def test_weights_are_only_those_of_their_name(folder: Path) -> None:
    with pytest.raises(BadWeights, match="gone"):
        models.own_weights(folder / "0123.safetensors", "lite")


@given(st.lists(st.sampled_from(ModelEvent)))
def test_whatever_happens_to_a_model_what_the_gate_refused_never_becomes_active(events: list[ModelEvent]) -> None:
    state, refused = ModelState.CANDIDATE, False
    for event in events:
        if event in MODEL_TABLE[state]:
            state = fire(MODEL_TABLE, state, event)
        else:
            with pytest.raises(StateError):
                fire(MODEL_TABLE, state, event)
        refused = refused or (event is ModelEvent.REFUSED and state is ModelState.REFUSED)
        assert not (refused and state is ModelState.ACTIVE)
        assert state in MODEL_TABLE


def test_an_update_that_keeps_dying_is_given_up_and_nothing_else_suffers(cart: Cart, tutor: Tutor) -> None:
    cart.hands.befall("refine", *[lambda: Trouble("worker.died", "it died", "out of memory", "")] * 3)
    shoot(cart, "A001C001", "A001C002")
    cart.serve()
    with cart.shift() as shift:
        assert models_of(shift) == []
        assert set(shift.clip_states()) == {"delivered"}
    assert_sound(cart)
    assert tutor.tasks == []
