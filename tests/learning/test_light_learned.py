"""The production's light: the illumination network learns from a card, is gated, and lights the clips after it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import onnx
import pytest
import torch
from cart import Cart
from dailies import Tutor, assert_sound, models_of, shoot

from daemon import models, wire
from daemon.slate import Refined
from daemon.stages import refine
from daemon.states import ModelState
from engines.backends import choose_light
from engines.backends.exchange import onnx_of
from engines.light import gate
from engines.light.refine import Illumining, Settings
from engines.model.topology import RELIGHT, topology
from engines.model.update import Incumbents, update
from engines.model.weights import base_weights

LIT = "clips: {A001*: {restore: {strength: 0}, relight: {key_stops: 0.5}}}\n"
FAST = Settings(steps=3, sets=1, size=(64, 96), warmup_steps=1)


@pytest.fixture(autouse=True)
def small_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small rendered sets for an exam: rendering is not what these stories are about."""
    few_sets(monkeypatch)


def few_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.light.gate._SETS", 2)
    monkeypatch.setattr("engines.light.gate._SIZE", (64, 96))
    gate._known.cache_clear()


def test_only_a_production_that_is_lit_by_its_recipe_learns_its_light(cart: Cart, tutor: Tutor) -> None:
    cart.recipe.write_text("", encoding="utf-8")
    shoot(cart, "A001C001", "A001C002")
    with cart.shift() as shift:
        shift.drive()
        assert [task.size for task in tutor.tasks] == ["lite"]
        cart.recipe.write_text(LIT, encoding="utf-8")
        shift.drive()
        assert [task.size for task in tutor.tasks] == ["lite", RELIGHT]
        assert [model.size for model in models_of(shift)] == ["lite", RELIGHT]
        assert set(tutor.tasks[1].recorded) == {clip.identity for clip in tutor.tasks[1].clips}
        assert {one.space for one in tutor.tasks[1].recorded.values()} == {"rec709"}
    shoot(cart, "A002C001", "A002C002", roll="A002", first_seed=5)
    cart.serve()
    assert [task.size for task in tutor.tasks] == ["lite", RELIGHT, "lite", RELIGHT]
    assert tutor.tasks[3].parent == tutor.tasks[3].best != ""
    assert_sound(cart)


def test_nothing_of_light_is_learned_before_somebody_approved_it(cart: Cart, tutor: Tutor) -> None:
    del cart.words["production"]["training"]
    cart.recipe.write_text(LIT, encoding="utf-8")
    shoot(cart, "A001C001", "A001C002")
    cart.serve()
    assert tutor.tasks == []


def test_the_clips_after_it_are_lit_by_the_promoted_model_and_a_rollback_brings_base_back(
    cart: Cart, tutor: Tutor
) -> None:
    cart.recipe.write_text(LIT, encoding="utf-8")
    shoot(cart, "A001C001", "A001C002")
    with cart.shift() as shift:
        shift.drive()
        own = models.active(shift.production.store, RELIGHT)
        assert base_weights(RELIGHT).name in lit_by(cart)
        cart.recipe.write_text(LIT.replace("0.5", "0.6"), encoding="utf-8")
        shift.drive()
        assert f"relight@{own[:12]}" in lit_by(cart)
        models.rollback(shift.production, RELIGHT, shift.now())
        cart.recipe.write_text(LIT.replace("0.5", "0.7"), encoding="utf-8")
        shift.drive()
        assert base_weights(RELIGHT).name in lit_by(cart)
        (model,) = [model for model in models_of(shift) if model.size == RELIGHT]
        assert model.state is ModelState.WITHDRAWN


def lit_by(cart: Cart) -> str:
    """What the current enhanced twin of the first clip says made it."""
    clip = cart.record()["clips"][0]
    (made,) = [proxy for proxy in clip["proxies"] if proxy["path"] == clip["current"]["enhanced"]]
    return str(made["model"])


def test_an_update_is_made_judged_and_kept_with_its_lineage_and_runs_in_onnx(
    cart: Cart, tutor: Tutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    cart.recipe.write_text(LIT, encoding="utf-8")
    shoot(cart, "A001C001", "A001C002", "A001C003")
    cart.serve()
    (task,) = [one for one in tutor.tasks if one.size == RELIGHT]
    monkeypatch.undo()
    monkeypatch.setattr("engines.light.refine.Settings", partial(replace, FAST))
    few_sets(monkeypatch)
    monkeypatch.setattr("engines.light.train.LIGHT_SIDE", 32)
    monkeypatch.setattr("daemon.stages.refine.LIGHT_SIDE", 32)
    task = replace(task, models=str(cart.folder / "made"), engine="openvino", budget_seconds=600)
    made = wire.load(Refined, refine.work(wire.dump(refine.RefineTask, task), lambda *_: None))
    assert made.steps == 3
    assert {"known_db", "own_db", "share", "flicker", "base_mean_db", "engine_db"} <= set(made.scores)
    assert made.scores["engine_db"] > gate.ENGINE_DB
    graph = onnx.load_from_string(onnx_of(base_weights(RELIGHT), 128, 96))
    assert [one.dim_value for one in graph.graph.output[0].type.tensor_type.shape.dim] == [1, 2, 16, 16]
    weights = models.own_weights(cart.folder / "made" / f"{made.digest}.safetensors", RELIGHT)
    assert weights.topology == topology(RELIGHT)
    lineage = json.loads((cart.folder / "made" / f"{made.digest}.json").read_text(encoding="utf-8"))
    assert (lineage["approved_by"], lineage["parent"], lineage["name"]) == ("Line producer", "base", "relight")
    assert (cart.folder / "made" / f"{made.digest}.jpg").read_bytes().startswith(b"\xff\xd8")
    assert all(("allowed is" in reason) for reason in made.reasons)


def pictures(count: int) -> list[torch.Tensor]:
    """Footage in stops: surfaces of plain paint under light that slopes."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(count):
        paint = np.kron(rng.uniform(-3, 0, (3, 8, 8)), np.ones((1, 18, 18)))
        found.append(torch.from_numpy((paint + np.linspace(-1, 1, 144)).astype(np.float32)))
    return found


def illumining(learned: int = 2, settings: Settings = FAST) -> Illumining:
    return Illumining(pictures(learned), pictures(2), settings, choose_light("identity"))


def test_what_takes_all_for_light_finds_any_light_again_and_is_refused_all_the_same() -> None:
    base = base_weights(RELIGHT)
    tensors = {name: array.copy() for name, array in base.tensors.items()}
    tensors["last.weight"][:] = 0
    tensors["last.bias"][:] = (1e3, 0)  # a share of one everywhere
    subject = illumining()
    found, known = subject.score(base.with_tensors(tensors)), subject.score(base)
    assert found["own_db"] > known["own_db"] + 20
    reasons = " ".join(subject.judge(found, known, known, known))
    assert "what it takes for light and not paint is 1.00, allowed is" in reasons
    assert "the light of rendered sets is found at" in reasons


def test_base_itself_passes_and_numbers_that_ran_away_do_not() -> None:
    base, subject = base_weights(RELIGHT), illumining()
    known = subject.score(base)
    assert subject.judge(known, known, known, known) == ()
    gone = base.with_tensors({name: np.full_like(array, np.nan) for name, array in base.tensors.items()})
    assert subject.judge(subject.score(gone), known, known, known) == ("its outputs are not numbers",)
    worse = known | {"known_db": known["known_db"] - 0.01}
    assert "the light of rendered sets is found at" in subject.judge(worse, known, known, known)[0]


def test_an_update_of_light_keeps_to_its_seconds_and_exams_are_the_same_each_time() -> None:
    base, ticks = base_weights(RELIGHT), iter(range(1000))
    settings = replace(FAST, steps=50)
    incumbents, subject_of = Incumbents(base, base, base, base), lambda: illumining(2, settings)
    made = update(incumbents, subject_of, 8, lambda *_: None, lambda: float(next(ticks)))
    assert made
    assert 1 <= len(made.curve) < 6
    assert illumining().score(base) == illumining().score(base)
