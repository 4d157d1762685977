"""The production's model: what it may learn from, how it is judged, promoted and rolled back."""

from __future__ import annotations

import json
from functools import partial

import pytest
from cart import Cart, trouble
from dailies import Tutor, models_of, samples_of, shoot
from footage import footage

from daemon import models, wire
from daemon.errors import ModelError, StateError
from daemon.hashing import hash_bytes
from daemon.requests import Request, Wish, ask
from daemon.slate import Refined
from daemon.stages import sample
from daemon.states import ModelEvent, ModelState
from engines.model import gate
from engines.model.refine import Settings


def test_nothing_is_learned_before_somebody_approved_it(cart: Cart) -> None:
    del cart.words["production"]["training"]
    shoot(cart, "A001C001", "A001C002")
    cart.serve()
    assert not cart.config.replay.exists()
    assert samples_of(cart) == []
    assert not list(cart.config.models.glob("*.safetensors"))


def test_a_card_is_learned_from_after_it_is_delivered(cart: Cart, tutor: Tutor) -> None:
    shoot(cart, "A001C001", "A001C002", "A001C003")
    cart.serve()
    stages = cart.hands.done
    assert stages.index("sample") > max(n for n, stage in enumerate(stages) if stage == "render")
    assert stages[-1] == "refine"
    with cart.shift() as shift:
        samples = shift.production.store.samples()
        (model,) = models_of(shift)
        assert {s.digest for s in samples} == {path.stem for path in cart.config.replay.glob("*.safetensors")}
        assert any(s.holdout for s in samples)
        assert not {s.clip for s in samples if s.holdout} & {s.clip for s in samples if not s.holdout}
        assert model.state is ModelState.ACTIVE
        noise = shift.production.store.camera_noise()
        assert noise[0].clips == 3
    lineage = json.loads((cart.config.models / f"{model.digest}.json").read_text())
    assert (lineage["approved_by"], lineage["reference"], lineage["card"]) == ("Line producer", "Deal memo 12", "A001")
    cart.assert_honest()


def test_the_same_footage_is_never_kept_twice(taught: tuple[Cart, Tutor]) -> None:
    cart, _ = taught
    kept = sorted(path.name for path in cart.config.replay.iterdir())
    cart.serve()
    shoot(cart, "A001C001", "A001C002", roll="A001_again", first_seed=11)
    cart.serve()
    assert sorted(path.name for path in cart.config.replay.iterdir()) == kept
    assert cart.hands.done.count("refine") == 1


def test_an_excluded_roll_is_never_sampled(cart: Cart) -> None:
    cart.words["model"] = {"exclude": ["A001"]}
    shoot(cart, "A001C001", "A001C002")
    cart.serve()
    assert "sample" not in cart.hands.done


def test_what_no_manifest_vouches_for_is_never_learned_from(cart: Cart) -> None:
    cart.words["offload"] = {"require_manifest": False}
    folder = cart.roll()
    cart.put(folder, {"A001C001.mov": footage(1, frames=20)})
    cart.serve()
    assert "render" in cart.hands.done
    assert "sample" not in cart.hands.done


def test_a_clip_that_cannot_be_sampled_stays_delivered(cart: Cart, tutor: Tutor) -> None:
    cart.hands.befall("sample", *[trouble("media.unreadable")] * 3)
    shoot(cart, "A001C001", "A001C002")
    cart.serve()
    with cart.shift() as shift:
        assert set(shift.clip_states()) == {"delivered"}


def test_a_refused_candidate_leaves_its_reason_and_the_active_model_stays(taught: tuple[Cart, Tutor]) -> None:
    cart, tutor = taught
    tutor.verdicts.append(("it shifts colour by 0.0031",))
    shoot(cart, "A002C001", "A002C002", roll="A002", first_seed=5)
    cart.serve()
    with cart.shift() as shift:
        first, second = models_of(shift)
    assert (first.state, second.state) == (ModelState.ACTIVE, ModelState.REFUSED)
    assert wire.load(Refined, second.facts).reasons == ("it shifts colour by 0.0031",)
    assert not (cart.config.models / f"{second.digest}.safetensors").exists()
    assert (cart.config.models / f"{second.digest}.json").exists()


def test_a_proxy_interrupts_learning_and_learning_begins_again(cart: Cart, tutor: Tutor) -> None:
    shoot(cart, "A001C001", "A001C002")
    with cart.shift() as shift:
        for _ in range(400):
            shift.tick()
            if any(running.stage == "refine" for running in cart.hands.running()):
                break
        shoot(cart, "A002C001", roll="A002", first_seed=5)
        cart.hands.lag = 40
        shift.ticks(30)
        assert "refine" not in {running.stage for running in cart.hands.running()}
        cart.hands.lag = 2
        shift.drive()
        assert all(model.state is not ModelState.CANDIDATE for model in models_of(shift))
        jobs = [job for job in shift.production.store.jobs() if job.stage == "refine"]
        assert {str(job.state) for job in jobs} == {"done"}
    cart.assert_honest()


def test_a_rollback_holds_for_the_next_clip(taught: tuple[Cart, Tutor]) -> None:
    cart, _ = taught
    shoot(cart, "A002C001", "A002C002", roll="A002", first_seed=22)
    cart.serve()
    with cart.shift() as shift:
        first, second = models_of(shift)
        assert models.active_weights(cart.config.models, "lite") == cart.config.models / f"{second.digest}.safetensors"
        ask(cart.config.production_state, Request(Wish.ROLLBACK, "lite"))
        shift.tick()
        assert models.active(shift.production.store, "lite") == first.digest
        shoot(cart, "A003C001", roll="A003", first_seed=40)
        shift.drive()
        (enhanced,) = [p for p in shift.proxies("A003C001") if p.facts.twin == "enhanced"]
        assert enhanced.facts.model == f"restore-lite@{first.digest[:12]}"
        ask(cart.config.production_state, Request(Wish.PROMOTE, second.digest))
        shift.tick()
        assert models.active(shift.production.store, "lite") == second.digest


def test_what_was_rolled_back_is_no_measure_for_what_comes_after(taught: tuple[Cart, Tutor]) -> None:
    cart, _ = taught
    with cart.shift() as shift:
        assert models.rollback(shift.production, "lite", shift.now()) == ""
        assert models.best(shift.production.store, "lite") == ""
        with pytest.raises(ModelError, match="base weights"):
            models.rollback(shift.production, "lite", shift.now())


def test_a_refused_model_is_never_promoted_by_hand(cart: Cart, tutor: Tutor) -> None:
    tutor.verdicts.append(("it flickers",))
    shoot(cart, "A001C001", "A001C002")
    cart.serve()
    with cart.shift() as shift:
        (model,) = models_of(shift)
        with pytest.raises(StateError):
            models.promote(shift.production, model.digest, shift.now())
        with pytest.raises(StateError):
            shift.production.store.happen_to_model(model.digest, ModelEvent.PROMOTED, shift.now().iso)


def test_a_real_update_from_first_cut_to_verdict(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.model.refine.Settings", partial(Settings, steps=3, sheets=1))
    monkeypatch.setattr("engines.model.gate._RENDERED", gate._RENDERED[:1])
    cart.words["engine"] = "openvino"
    cart.words["refine"] = {"samples_a_clip": 2, "budget_seconds": 600}
    shoot(cart, "A001C001", "A001C002", "A001C003")
    cart.serve()
    with cart.shift() as shift:
        (model,) = models_of(shift)
    refined = wire.load(Refined, model.facts)
    assert refined.steps == 3
    assert refined.scores["engine_db"] > 45
    assert refined.passed is (not refined.reasons)
    lineage = json.loads((cart.config.models / f"{model.digest}.json").read_text())
    assert (lineage["parent"], lineage["steps"], lineage["settings"]["steps"]) == ("base", 3, 3)
    assert lineage["settings"]["seed"] > 0
    assert (lineage["approved_by"], lineage["reference"], lineage["card"]) == ("Line producer", "Deal memo 12", "A001")
    assert lineage["scores"] == refined.scores
    clips = {clip["name"]: clip for clip in lineage["clips"]}
    assert {clip["identity"] for clip in clips.values()} == {sample["clip"] for sample in lineage["samples"]}
    assert {clip["holdout"] for clip in clips.values()} == {True, False}
    for name in ("A001C001", "A001C002", "A001C003"):
        (digest,) = clips[name]["files"].values()
        assert digest == hash_bytes("xxh128", (cart.roll() / f"{name}.mov").read_bytes())
    assert (cart.config.models / f"{model.digest}.jpg").read_bytes().startswith(b"\xff\xd8")


def test_the_sampling_of_a_clip_reads_only_that_clip(taught: tuple[Cart, Tutor]) -> None:
    cart, _ = taught
    with cart.shift() as shift:
        clip = shift.clip("A001C001")
        (job,) = [j for j in shift.production.store.jobs() if (j.stage, j.clip) == ("sample", clip.id)]
        task = wire.load(sample.SampleTask, job.task)
    assert [file.path for file in task.source.files] == ["A001C001.mov"]
    assert task.replay == str(cart.config.replay)
