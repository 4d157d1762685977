"""The production's model: what it may learn from, how it is judged, promoted, rolled back and destroyed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cart import Cart, footage, seal, trouble
from typer.testing import CliRunner

from daemon import models, wire
from daemon.cli import app
from daemon.errors import ConfigError, ModelError, StateError
from daemon.purge import purge
from daemon.requests import Request, Wish, ask
from daemon.service import locked
from daemon.slate import Refined
from daemon.stages import refine, sample
from daemon.states import ModelEvent, ModelState
from engines.model import gate
from engines.model.refine import Settings
from engines.model.weights import base_weights, save_weights

APPROVED = {"production": {"training": {"approved_by": "Line producer", "reference": "Deal memo 12"}}}


@pytest.fixture
def cart(tmp_path: Path) -> Cart:
    return Cart(tmp_path, words={**APPROVED, "refine": {"samples_a_clip": 2, "budget_seconds": 5}})


def shoot(cart: Cart, *names: str, roll: str = "A001", first_seed: int = 1) -> None:
    """Offload a card of clips long enough to be learned from."""
    folder = cart.roll(roll)
    for seed, name in enumerate(names, first_seed):
        cart.put(folder, {name: footage(seed, frames=20)})
    seal(folder)
    cart.remember(folder)


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Refining that makes base's weights anew, a little different each time, and is judged as the list says."""
    reasons: list[tuple[str, ...]] = []
    made = iter(range(1, 100))

    def work(text: str, _progress: object) -> str:
        task = wire.load(refine.RefineTask, text)
        parent = base_weights(task.size)
        nudged = {name: array + 1e-6 * next(made) for name, array in parent.tensors.items()}
        candidate = parent.with_tensors({name: array.astype("float32") for name, array in nudged.items()})
        Path(task.models).mkdir(parents=True, exist_ok=True)
        save_weights(Path(task.models) / f"{candidate.digest}.safetensors", candidate.tensors, task.lineage)
        refused = reasons.pop(0) if reasons else ()
        scores = {"mean_db": 30.1, "base_mean_db": 30.0}
        return wire.dump(Refined, Refined(candidate.digest, not refused, refused, scores, 3, 1.0, (0.2, 0.1)))

    monkeypatch.setattr(refine, "work", work)
    return reasons


def model_states(cart: Cart) -> list[str]:
    with cart.shift() as shift:
        return [str(model.state) for model in shift.production.store.models()]


def test_nothing_is_learned_before_somebody_approved_it(cart: Cart) -> None:
    del cart.words["production"]
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    assert not cart.config.replay.exists()
    assert model_states(cart) == []


def test_a_card_is_learned_from_after_it_is_delivered(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    shoot(cart, "A001C001.mov", "A001C002.mov", "A001C003.mov")
    cart.serve()
    stages = cart.hands.done
    assert stages.index("sample") > max(n for n, stage in enumerate(stages) if stage == "render")
    assert stages[-1] == "refine"
    with cart.shift() as shift:
        samples = shift.production.store.samples()
        (model,) = shift.production.store.models()
        assert {s.digest for s in samples} == {path.stem for path in cart.config.replay.glob("*.safetensors")}
        assert any(s.holdout for s in samples)
        assert not {s.clip for s in samples if s.holdout} & {s.clip for s in samples if not s.holdout}
        assert model.state is ModelState.ACTIVE
        noise = shift.production.store.camera_noise()
        assert noise[0].clips == 3
    lineage = json.loads((cart.config.models / f"{model.digest}.json").read_text())
    assert (lineage["approved_by"], lineage["reference"], lineage["card"]) == ("Line producer", "Deal memo 12", "A001")
    cart.assert_honest()


def test_the_same_footage_is_never_kept_twice(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    kept = sorted(path.name for path in cart.config.replay.iterdir())
    cart.serve()
    shoot(cart, "A001C001.mov", "A001C002.mov", roll="A001_again")
    cart.serve()
    assert sorted(path.name for path in cart.config.replay.iterdir()) == kept
    assert cart.hands.done.count("refine") == 1


@pytest.mark.parametrize("pattern", ["A001C002", "A001C00[2]", "A00?C002"])
def test_excluded_clips_are_never_sampled(cart: Cart, verdicts: list[tuple[str, ...]], pattern: str) -> None:
    del verdicts
    cart.words["model"] = {"exclude": [pattern]}
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    with cart.shift() as shift:
        excluded = shift.clip("A001C002").identity
        assert excluded not in {s.clip for s in shift.production.store.samples()}
        assert shift.production.store.samples()


def test_an_excluded_roll_is_never_sampled(cart: Cart) -> None:
    cart.words["model"] = {"exclude": ["A001"]}
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    assert "sample" not in cart.hands.done


def test_what_no_manifest_vouches_for_is_never_learned_from(cart: Cart) -> None:
    cart.words["offload"] = {"require_manifest": False}
    folder = cart.roll()
    cart.put(folder, {"A001C001.mov": footage(1, frames=20)})
    cart.serve()
    assert "render" in cart.hands.done
    assert "sample" not in cart.hands.done


def test_a_clip_that_cannot_be_sampled_stays_delivered(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    cart.hands.befall("sample", *[trouble("media.unreadable")] * 3)
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    with cart.shift() as shift:
        assert set(shift.clip_states()) == {"delivered"}


def test_a_refused_candidate_leaves_its_reason_and_the_active_model_stays(
    cart: Cart, verdicts: list[tuple[str, ...]]
) -> None:
    verdicts += [(), ("it shifts colour by 0.0031",)]
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    shoot(cart, "A002C001.mov", "A002C002.mov", roll="A002", first_seed=5)
    cart.serve()
    with cart.shift() as shift:
        first, second = shift.production.store.models()
    assert (first.state, second.state) == (ModelState.ACTIVE, ModelState.REFUSED)
    assert wire.load(Refined, second.facts).reasons == ("it shifts colour by 0.0031",)
    assert not (cart.config.models / f"{second.digest}.safetensors").exists()
    assert (cart.config.models / f"{second.digest}.json").exists()


def test_a_proxy_interrupts_learning_and_learning_begins_again(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    shoot(cart, "A001C001.mov", "A001C002.mov")
    with cart.shift() as shift:
        for _ in range(400):
            shift.tick()
            if any(running.stage == "refine" for running in cart.hands.running()):
                break
        shoot(cart, "A002C001.mov", roll="A002", first_seed=5)
        cart.hands.lag = 40
        shift.ticks(30)
        assert "refine" not in {running.stage for running in cart.hands.running()}
        cart.hands.lag = 2
        shift.drive()
        assert all(model.state is not ModelState.CANDIDATE for model in shift.production.store.models())
        jobs = [job for job in shift.production.store.jobs() if job.stage == "refine"]
        assert {str(job.state) for job in jobs} == {"done"}
    cart.assert_honest()


def test_a_rollback_holds_for_the_next_clip(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    for number in (1, 2):
        shoot(cart, f"A00{number}C001.mov", f"A00{number}C002.mov", roll=f"A00{number}", first_seed=10 * number)
        cart.serve()
    with cart.shift() as shift:
        first, second = shift.production.store.models()
        assert models.active_weights(cart.config.models, "lite") == cart.config.models / f"{second.digest}.safetensors"
        ask(cart.config.production_state, Request(Wish.ROLLBACK, "lite"))
        shift.tick()
        assert models.active(shift.production.store, "lite") == first.digest
        shoot(cart, "A003C001.mov", roll="A003", first_seed=40)
        shift.drive()
        (enhanced,) = [p for p in shift.proxies("A003C001") if p.facts.twin == "enhanced"]
        assert enhanced.facts.model == f"restore-lite@{first.digest[:12]}"
        ask(cart.config.production_state, Request(Wish.PROMOTE, second.digest))
        shift.tick()
        assert models.active(shift.production.store, "lite") == second.digest


def test_what_was_rolled_back_is_no_measure_for_what_comes_after(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    with cart.shift() as shift:
        assert models.rollback(shift.production, "lite", shift.now()) == ""
        assert models.best(shift.production.store, "lite") == ""
        with pytest.raises(ModelError, match="base weights"):
            models.rollback(shift.production, "lite", shift.now())


def test_a_refused_model_is_never_promoted_by_hand(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    verdicts.append(("it flickers",))
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    with cart.shift() as shift:
        (model,) = shift.production.store.models()
        with pytest.raises(StateError):
            models.promote(shift.production, model.digest, shift.now())
        with pytest.raises(StateError):
            shift.production.store.happen_to_model(model.digest, ModelEvent.PROMOTED, shift.now().iso)


def test_the_replay_store_keeps_within_its_room(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    cart.words["refine"] = {"samples_a_clip": 2, "replay_gib": 0.0006}
    for number in range(1, 4):
        names = [f"A00{number}C00{clip}.mov" for clip in range(1, 5)]
        shoot(cart, *names, roll=f"A00{number}", first_seed=10 * number)
        cart.serve()
    with cart.shift() as shift:
        samples = shift.production.store.samples()
    assert {path.stem for path in cart.config.replay.glob("*")} == {s.digest for s in samples}
    learned = [s for s in samples if not s.holdout]
    assert {s.card for s in learned} == {1, 2, 3}
    size = sum(s.size_bytes for s in samples)
    assert size <= 0.0006 * 2**30 or len(learned) == 3


def test_a_real_update_from_first_cut_to_verdict(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.model.refine.Settings", partial(Settings, steps=3, sheets=1))
    monkeypatch.setattr("engines.model.gate._RENDERED", gate._RENDERED[:1])
    cart.words["refine"] = {"samples_a_clip": 2, "budget_seconds": 600}
    shoot(cart, "A001C001.mov", "A001C002.mov", "A001C003.mov")
    cart.serve()
    with cart.shift() as shift:
        (model,) = shift.production.store.models()
    refined = wire.load(Refined, model.facts)
    assert refined.steps == 3
    assert refined.scores["engine_db"] > 45
    assert refined.passed is (not refined.reasons)
    lineage = json.loads((cart.config.models / f"{model.digest}.json").read_text())
    assert lineage["parent"] == "base"
    assert {s["clip"] for s in lineage["samples"]}
    assert (cart.config.models / f"{model.digest}.png").read_bytes().startswith(b"\x89PNG")


def test_purge_leaves_nothing_and_says_what_it_was(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    state, movies = cart.config.production_state, cart.movies()
    outside = cart.folder / "precious"
    outside.write_text("not ours")
    (state / "link").symlink_to(outside)
    kept = {path.relative_to(state).as_posix() for path in state.rglob("*") if path.is_file() or path.is_symlink()}
    result = CliRunner().invoke(app, ["purge", "TEST", "--yes", "--config", str(cart.folder / "config.yaml")])
    assert result.exit_code == 0, result.output
    receipt = json.loads(Path(result.stdout.strip()).read_text())
    assert receipt["complete"]
    assert {file["path"] for file in receipt["destroyed"]} == kept
    assert all(len(file["sha256"]) == 64 for file in receipt["destroyed"] if file["path"] != "link")
    assert any("deliveries" in line for line in receipt["out_of_reach"])
    assert not state.exists()
    assert outside.read_text() == "not ours"
    assert cart.movies() == movies


def test_a_production_that_is_served_is_not_purged(cart: Cart) -> None:
    with cart.shift(), pytest.raises(ConfigError, match="served already"), locked(cart.config):
        purge(cart.config, "2026-03-02T18:00:00+00:00")
    assert (cart.config.production_state / "nearset.sqlite").exists()


def test_one_production_never_opens_another_ones_files(tmp_path: Path, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    mine, other = Cart(tmp_path / "mine", words=dict(APPROVED)), Cart(tmp_path / "other", words=dict(APPROVED))
    other.words["production"] = {**APPROVED["production"], "code": "OTHER"}
    shoot(other, "B001C001.mov", "B001C002.mov", roll="B001", first_seed=30)
    other.serve()
    shoot(mine, "A001C001.mov", "A001C002.mov")
    opened = recorded(mine.serve)
    assert any(str(tmp_path / "mine") in path for path in opened)
    assert not [path for path in opened if str(tmp_path / "other") in path]


_watching: list[set[str]] = []


def recorded(act: Callable[[], None]) -> set[str]:
    """Return every path that is opened while something is done (the work side runs in this process here)."""
    if not _watching:
        sys.addaudithook(lambda event, args: _watching[0].add(str(args[0])) if event == "open" and _watching else None)
    _watching.insert(0, set())
    act()
    return _watching[0]


def test_the_sampling_of_a_clip_reads_only_that_clip(cart: Cart, verdicts: list[tuple[str, ...]]) -> None:
    del verdicts
    shoot(cart, "A001C001.mov", "A001C002.mov")
    cart.serve()
    with cart.shift() as shift:
        clip = shift.clip("A001C001")
        (job,) = [j for j in shift.production.store.jobs() if (j.stage, j.clip) == ("sample", clip.id)]
        task = wire.load(sample.SampleTask, job.task)
    assert [file.path for file in task.source.files] == ["A001C001.mov"]
    assert task.replay == str(cart.config.replay)
