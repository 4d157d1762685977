"""A long interview is enhanced in parts: what is delivered is what one job would have made of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cart import DELIVERED, HELD, Cart, Shift, seal, trouble
from footage import footage
from structlog.testing import capture_logs

from daemon import models, wire
from daemon.pace import Pace
from daemon.pipeline import work_of
from daemon.planning import forecast, plan_offload
from daemon.slate import Refined
from daemon.states import JobState
from daemon.volumes import GIB
from engines.backends.base import Session
from engines.backends.identity import IdentityBackend
from engines.enhance.restore import Restore
from engines.media.frames import Picture
from engines.model.weights import Weights, base_weights, save_weights

SECOND = {"split_minutes": 1 / 60, "retry_seconds": 0}


def interview(cart: Cart, frames: int = 60, clips: int = 1) -> None:
    """Offload a card with long clips on it, each two and a half times as long as a part may be."""
    folder = cart.roll()
    for number in range(1, clips + 1):
        cart.put(folder, {f"A001C{number:03}.mov": footage(number, frames=frames)})
    seal(folder)
    cart.remember(folder)


def until(shift: Shift, happens: Callable[[], object]) -> None:
    """Turn until something is so."""
    for _ in range(200):
        if happens():
            return
        shift.tick()
    raise AssertionError(f"it never was: {[(clip.state, clip.trouble) for clip in shift.clips()]}")


def well() -> None:
    """Nothing befalls this task."""


def parts(cart: Cart) -> list[str]:
    """The parts in the staging folder that are whole."""
    return sorted(path.name.removesuffix(".json") for path in cart.staging.glob("*.part.json"))


def made_whole(folder: Path, recipe: str = "") -> Cart:
    """The same clip on another cart, which does not cut it."""
    other = Cart(folder / "whole", {"provenance": {"sign": False}})
    other.recipe.write_text(recipe)
    interview(other)
    other.serve()
    return other


@pytest.mark.parametrize("words", ["{}", "{relight: {exposure_stops: 0.5}, reframe: {zoom: 1.1}}"])
def test_a_clip_made_in_parts_is_byte_for_byte_what_it_is_made_at_once(cart: Cart, tmp_path: Path, words: str) -> None:
    whole = made_whole(tmp_path, f"defaults: {words}\n")
    cart.words |= {"workers": SECOND, "provenance": {"sign": False}}
    cart.recipe.write_text(f"defaults: {words}\n")
    interview(cart)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    assert Counter(cart.hands.done) >= Counter({"part": 3, "render": 2})
    assert "part" not in whole.hands.done
    for name in ("proxy/A001C001.mov", "enhanced/A001C001.mov"):
        assert (cart.delivered() / name).read_bytes() == (whole.delivered() / name).read_bytes()
    cut, uncut = (it.record()["clips"][0]["proxies"] for it in (cart, whole))
    for one, other in zip(cut, uncut, strict=True):
        assert one["noise"] == other["noise"]
        assert one["fidelity"] == other["fidelity"]
        assert (one["model"], one["engine"]) == (other["model"], other["engine"])
    cart.assert_honest()


def test_a_service_that_is_killed_in_the_midst_takes_up_the_parts_that_are_whole(cart: Cart, tmp_path: Path) -> None:
    whole = made_whole(tmp_path)
    cart.words |= {"workers": SECOND, "provenance": {"sign": False}}
    interview(cart)
    with cart.shift() as shift:
        until(shift, lambda: len(parts(cart)) == 1)
        assert shift.states() == {"A001C001": "proxied"}
    made = parts(cart)
    before = (cart.staging / made[0]).stat()
    (cart.staging / made[0].replace(".0-20.", ".20-40.")).write_bytes(b"half a part")
    (cart.staging / f"{made[0].replace('.0-20.', '.20-40.')}.new").write_bytes(b"half a part, too")
    cart.hands.close()
    with cart.shift() as shift:
        shift.tick()
        assert (cart.staging / made[0]).stat() == before
        assert sorted(path.name for path in cart.staging.iterdir()) == [made[0], f"{made[0]}.json"]
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    assert cart.hands.done.count("part") == 3
    assert (cart.delivered() / "enhanced/A001C001.mov").read_bytes() == (
        whole.delivered() / "enhanced/A001C001.mov"
    ).read_bytes()
    cart.assert_honest()


def test_a_part_that_was_made_and_not_told_of_is_not_made_again(cart: Cart) -> None:
    """The child had done its work; the service was killed before it heard of it."""
    cart.words["workers"] = SECOND
    interview(cart)
    with cart.shift() as shift:
        until(shift, lambda: any(it.stage == "part" for it in cart.hands.running()))
        (job,) = [job for job in shift.production.store.jobs(JobState.LEASED) if job.stage == "part"]
        work_of("part")(job.task, lambda *_: None)
        (made,) = parts(cart)
        before = (cart.staging / made).stat()
        cart.hands.close()
    with cart.shift() as shift:
        until(shift, lambda: len(parts(cart)) == 3)
        assert (cart.staging / made).stat() == before
        shift.drive()
    cart.assert_honest()


def test_a_recipe_that_restores_otherwise_lets_the_parts_go_and_one_that_does_not_keeps_them(cart: Cart) -> None:
    cart.words["workers"] = SECOND
    cart.recipe.write_text("defaults: {restore: {strength: 1}}\n")
    interview(cart)
    with cart.shift() as shift:
        until(shift, lambda: len(parts(cart)) == 2)
        first = parts(cart)
        kept = {name: (cart.staging / name).stat() for name in first}
        cart.recipe.write_text("defaults: {restore: {strength: 1}, limits: {luma: 30}}\n")
        until(shift, lambda: len(parts(cart)) == 3)
        assert {name: (cart.staging / name).stat() for name in first} == kept
        cart.recipe.write_text("defaults: {restore: {strength: 0.5}, limits: {luma: 30}}\n")
        until(shift, lambda: parts(cart) and not set(parts(cart)) & kept.keys())
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_a_part_that_fails_is_tried_again(cart: Cart) -> None:
    cart.words["workers"] = SECOND
    interview(cart)
    cart.hands.befall("part", well, trouble("worker.died"), trouble("delivery.disk_full"))
    cart.serve()
    assert cart.hands.done.count("part") == 5
    assert cart.complete()["xxh128"]["enhanced/A001C001.mov"]
    cart.assert_honest()


def test_a_part_that_goes_on_failing_is_the_clips_trouble_and_its_other_parts_go(cart: Cart) -> None:
    cart.words["workers"] = SECOND
    interview(cart)
    cart.hands.befall("part", well, *(trouble("worker.hung") for _ in range(5)))
    with cart.shift() as shift:
        shift.drive()
        failed = shift.clip("A001C001")
        assert (failed.state, failed.trouble.code) == ("failed", "worker.hung")
        assert not list(cart.staging.iterdir())
        assert not shift.production.store.jobs(JobState.QUEUED, JobState.LEASED)
        cart.retry()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


@pytest.mark.parametrize("harm", ["other bytes", "cut short", "gone", "another part", "no record"])
def test_a_part_that_is_not_what_was_made_is_never_joined(cart: Cart, harm: str) -> None:
    cart.words["workers"] = SECOND
    interview(cart)

    def harmed() -> None:
        one, other, _ = (cart.staging / name for name in parts(cart))
        data = bytearray(other.read_bytes())
        data[len(data) // 2] ^= 1
        if harm == "gone":
            other.unlink()
        elif harm == "no record":
            other.with_name(f"{other.name}.json").write_text("{}")
        else:
            bad = {"other bytes": bytes(data), "cut short": bytes(data[:-2000]), "another part": one.read_bytes()}
            other.write_bytes(bad[harm])

    cart.hands.befall("render", well, harmed)  # type: ignore[arg-type]
    with cart.shift() as shift:
        shift.drive()
        held = shift.clip("A001C001")
        assert (held.state, held.trouble.code) == (HELD, "media.bad_part")
        assert shift.revisions("A001C001") == [("plain", 1)]
        cart.retry()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


@pytest.mark.parametrize(
    "words",
    ["restore: {strength: 0}", "flicker: {strength: 1}", "remove: [{line: [[0, 50], [127, 50]], width: 4}]"],
)
def test_what_costs_nothing_or_must_see_the_whole_clip_first_is_made_at_once(cart: Cart, words: str) -> None:
    cart.words["workers"] = SECOND
    cart.recipe.write_text(f"defaults: {{{words}}}\n")
    interview(cart)
    cart.serve()
    assert "part" not in cart.hands.done
    cart.assert_honest()


def test_a_clip_as_long_as_a_part_is_not_cut(cart: Cart) -> None:
    cart.words["workers"] = SECOND
    interview(cart, frames=24)
    cart.serve()
    assert "part" not in cart.hands.done
    assert len(cart.movies()) == 2


def learned(shift: Shift, factor: float) -> str:
    """Another model is made active; returns its name as records have it."""
    weights = base_weights("lite")
    day = weights.with_tensors({name: array * factor for name, array in weights.tensors.items()})
    folder = shift.cart.config.models
    save_weights(folder / f"{day.digest}.safetensors", day.tensors, {})
    facts = wire.dump(Refined, Refined(day.digest, True, (), {}, 1, 1.0, ()))
    store, now = shift.production.store, shift.now()
    store.add_model(day.digest, "lite", models.active(store, "lite"), store.cards()[0].id, facts, now.iso)
    models.promote(shift.production, day.digest, now)
    return day.name


def test_all_parts_are_of_the_weights_that_were_active_when_the_first_was_planned(cart: Cart) -> None:
    cart.words["workers"] = SECOND
    interview(cart)
    with cart.shift() as shift:
        until(shift, lambda: shift.states() == {"A001C001": "probed"})
        old = learned(shift, 2)
        until(shift, lambda: len(parts(cart)) == 1)
        learned(shift, 3)
        shift.tick()
        cart.hands.close()
    cart.serve()
    assert cart.hands.done.count("part") == 3
    (enhanced,) = [it for it in cart.record()["clips"][0]["proxies"] if it["twin"] == "enhanced"]
    assert enhanced["model"] == old
    cart.assert_honest()


def test_weights_that_are_withdrawn_meanwhile_take_their_parts_along(cart: Cart) -> None:
    cart.words["workers"] = SECOND
    interview(cart)
    with cart.shift() as shift:
        until(shift, lambda: shift.states() == {"A001C001": "probed"})
        learned(shift, 2)
        until(shift, lambda: len(parts(cart)) == 2)
        models.rollback(shift.production, "lite", shift.now())
        shift.tick()
        assert not parts(cart)
        shift.drive()
    (enhanced,) = [it for it in cart.record()["clips"][0]["proxies"] if it["twin"] == "enhanced"]
    assert enhanced["model"] == base_weights("lite").name
    cart.assert_honest()


def test_parts_of_an_engine_that_refused_the_days_weights_are_not_joined_with_those_of_one_that_took_them(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = base_weights("lite").with_tensors({n: a * 2 for n, a in base_weights("lite").tensors.items()})

    class Refusing(IdentityBackend):
        def open(self, weights: Weights, height: int, width: int) -> Session:
            return super().open(old if cart.hands.done.count("part") == 1 else weights, height, width)

    monkeypatch.setattr("daemon.stages.rendering.backend_of", lambda _: Refusing())
    cart.words["workers"] = SECOND
    interview(cart)
    cart.serve()
    assert cart.hands.done.count("part") == 4
    (enhanced,) = [it for it in cart.record()["clips"][0]["proxies"] if it["twin"] == "enhanced"]
    assert enhanced["model"] == base_weights("lite").name
    cart.assert_honest()


def test_an_enhancement_that_went_too_far_is_blended_back_from_the_same_parts(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    def astray(_self: Restore, picture: Picture, _coming: object = ()) -> Picture:
        return Picture(picture.number, picture.y + np.uint16(20), picture.cb, picture.cr)

    monkeypatch.setattr(Restore, "__call__", astray)
    cart.words["workers"] = SECOND
    interview(cart)
    cart.serve()
    assert Counter(cart.hands.done) >= Counter({"part": 3, "render": 3})
    assert cart.hands.done.count("part") == 3
    assert cart.record()["clips"][0]["held_back"]["share"] == 0.27
    cart.assert_honest()


def test_no_part_is_begun_unless_there_is_room_for_all_that_follow_and_for_their_twin(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [100 * GIB]
    for place in ("daemon.capacity.room_at", "daemon.volumes.room_at"):
        monkeypatch.setattr(place, lambda _: (100 * GIB, free[0]))
    cart.words |= {"workers": SECOND, "delivery": {"keep_free_gib": 2}}
    interview(cart)
    all_parts = 128 * 96 * 60 * 12 // 8
    with cart.shift() as shift:
        until(shift, lambda: shift.states() == {"A001C001": "proxied"})
        cart.hands.close()
        free[0] = 2 * GIB + all_parts
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": "proxied"}
        assert "part" not in cart.hands.done
        (volume,) = [it for it in shift.service.snapshot(shift.now()).volumes if it.name == "delivery"]
        assert volume.needed_bytes > all_parts
        free[0] = 3 * GIB
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
    cart.assert_honest()


def test_the_log_says_of_a_part_how_many_frames_it_had_and_what_ran(cart: Cart) -> None:
    cart.words["workers"] = SECOND
    interview(cart)
    with capture_logs() as told:
        cart.serve()
    lines = [line for line in told if line["event"] == "job.ended" and line["stage"] == "part"]
    assert [(line["frames"], line["engine"], line["clip"]) for line in lines] == [(20, "identity", "A001C001")] * 3


def test_the_pace_goes_by_clips_that_were_made_at_once(cart: Cart) -> None:
    cart.words["workers"] = SECOND
    interview(cart)
    cart.serve()
    seen = json.loads((cart.config.production_state / "pace.json").read_text())
    assert "plain" in seen
    assert "enhanced" not in seen


def test_leaving_the_word_out_makes_the_clip_at_once_and_its_parts_go(cart: Cart) -> None:
    cart.words["workers"] = SECOND
    interview(cart)
    with cart.shift() as shift:
        until(shift, lambda: len(parts(cart)) == 2)
        cart.hands.close()
    cart.words["workers"] = {}
    with cart.shift() as shift:
        assert not parts(cart)
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED}
        assert not shift.production.store.jobs(JobState.QUEUED, JobState.LEASED)
    cart.assert_honest()


def test_a_clip_is_joined_before_another_ones_parts_are_begun(cart: Cart) -> None:
    """So that it is delivered, and its parts give their room back."""
    cart.words["workers"] = SECOND
    interview(cart, clips=2)
    cart.serve()
    made = [stage for stage in cart.hands.done if stage in {"part", "render"}]
    assert made[-5:] == ["render", *["part"] * 3, "render"]
    cart.assert_honest()


def test_a_plan_counts_the_room_that_one_clips_parts_take_in_between(cart: Cart) -> None:
    interview(cart, clips=2)

    def planned() -> tuple[list[int], int]:
        rows = plan_offload(cart.config, cart.offload, Pace())
        return [row.parts_bytes for row in rows], forecast(cart.config, rows, Pace()).needed_bytes

    at_once = planned()
    cart.words["workers"] = SECOND
    takes = 128 * 96 * 60 * 12 // 8
    assert at_once[0] == [0, 0]
    assert planned() == ([takes, takes], at_once[1] + takes)
