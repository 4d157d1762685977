"""Rooms: what a place sounds like with nobody in it, learned from its room tones and kept as the networks are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cart import Cart, Shift
from recorder import RATE, bwf, camera_roll, heard, shot, sound_roll, talk
from scipy.signal import lfilter
from structlog.testing import capture_logs
from typer.testing import CliRunner

from daemon import models
from daemon.cli import app
from daemon.errors import ModelError
from daemon.modelcard import page
from daemon.purge import purge
from daemon.requests import Request, Wish, ask
from daemon.rooms import is_room_tone, room_of
from daemon.sidecars import ixml
from daemon.sounds import recording_of
from daemon.states import ModelState
from daemon.store import Store
from engines.errors import BadWeights
from engines.sound import denoise
from engines.sound.mix import highpassed
from engines.sound.room import Room, faults, learned, noise_of, packed, tried, unpacked
from engines.sound.wave import Samples

NOON = 12 * 3600
FRAMES = 72
APPROVED = {"training": {"approved_by": "Line producer", "reference": "Deal memo 12"}}
SCENE = ixml.Ixml(scene="12A", take="3", location="KITCHEN", tracks=((1, "Boom"),))
TONE = ixml.Ixml(scene="RT", take="1", location="KITCHEN", tracks=((1, "Boom"),))


def hum(seed: int, seconds: float = 8.0, level: float = 0.003, fall: float = 0.9) -> Samples:
    """A place's noise, standing still and falling with pitch."""
    noise = lfilter([1], [1, -fall], np.random.default_rng(seed).standard_normal(round(seconds * RATE)))
    return (noise / noise.std() * level).astype(np.float32)


def approve(cart: Cart, *exclude: str) -> None:
    """Approve learning: from the sound, and not from the pictures, whose network has stories of its own."""
    cart.words["production"] = APPROVED
    cart.words["model"] = {"exclude": ["A001", "B001", *exclude]}


def lay(cart: Cart, roll: str = "A001", day: str = "20260302") -> None:
    """A camera card of one clip, five seconds into the scene of seed 1."""
    sound = heard(talk(1), 5.0, FRAMES, seed=ord(roll[0]))
    camera_roll(cart, {f"{roll}C001.mov": shot(sound, FRAMES, "12:00:05:00")}, roll, day)


def takes(tone: Samples | None, words: ixml.Ixml = TONE) -> dict[str, bytes]:
    """A scene's take, and after it a room tone."""
    scene = {"T003.wav": bwf(talk(1) + hum(9, 20.0), NOON, words=SCENE)}
    return scene | ({} if tone is None else {"T004.wav": bwf(tone, NOON + 60, words=words)})


def rooms(shift: Shift) -> list[tuple[str, str]]:
    return [(model.size, str(model.state)) for model in shift.production.store.models()]


def mix_of(cart: Cart, roll: str = "A001", day: str = "20260302") -> dict[str, Any]:
    """The last guide mix of a roll's one clip, as the record has it."""
    (clip,) = cart.record(roll, day)["clips"]
    return [proxy for proxy in clip["proxies"] if proxy["twin"] == "sound"][-1]


def test_an_approved_production_learns_a_room_and_its_mixes_say_so(cart: Cart) -> None:
    approve(cart)
    lay(cart)
    sound_roll(cart, takes(hum(1)))
    with cart.shift() as shift:
        shift.drive()
        (model,) = shift.production.store.models()
        assert (model.size, model.state) == ("room KITCHEN", ModelState.ACTIVE)
    mix = mix_of(cart)
    assert mix["model"] == f"room KITCHEN@{model.digest[:12]}"
    assert "noise learned from room tone SR001/T004" in mix["marks"]
    lineage = json.loads((cart.config.models / f"{model.digest}.json").read_text())
    assert (lineage["approved_by"], lineage["tone"], lineage["parent"]) == ("Line producer", "SR001/T004", "base")
    assert lineage["trials"]["Boom"]["reduction_db"] >= 8
    assert json.loads((cart.config.models / "active.json").read_text())["room KITCHEN"] == model.digest
    shown = CliRunner().invoke(app, ["model", "show", model.digest[:12], "-c", str(cart.folder / "config.yaml")]).stdout
    assert "SR001/T004" in shown
    assert "reduction_db" in shown
    store = Store(cart.config.production_state / "nearset.sqlite", read_only=True)
    assert "room KITCHEN" in page(cart.config, store)
    store.close()
    cart.assert_honest()


@pytest.mark.parametrize("exclude", [None, ["T004*"]])
def test_nothing_is_learned_without_approval_nor_from_what_is_excluded(cart: Cart, exclude: list[str] | None) -> None:
    if exclude:
        approve(cart, *exclude)
    lay(cart)
    sound_roll(cart, takes(hum(1)))
    with cart.shift() as shift:
        shift.drive()
        assert rooms(shift) == []
    assert mix_of(cart)["model"] == ""
    assert not [mark for mark in mix_of(cart)["marks"] if "room tone" in mark]


def test_a_room_tone_in_which_somebody_talks_is_refused_and_the_mix_is_made_without(cart: Cart) -> None:
    approve(cart)
    lay(cart)
    tone = hum(1)
    tone[: 2 * RATE] += talk(4)[: 2 * RATE]
    sound_roll(cart, takes(tone))
    with cart.shift() as shift:
        shift.drive()
        (model,) = shift.production.store.models()
        assert model.state is ModelState.REFUSED
        assert "something happens in it" in model.facts
    assert mix_of(cart)["model"] == ""
    assert not list(cart.config.models.glob("*.safetensors"))


def test_a_room_tone_of_a_second_teaches_nothing_and_is_told(cart: Cart) -> None:
    approve(cart)
    lay(cart)
    sound_roll(cart, takes(hum(1, 1.0)))
    with capture_logs() as told, cart.shift() as shift:
        shift.drive()
        assert rooms(shift) == []
    (line,) = [line for line in told if line["event"] == "model.not_made"]
    assert "shorter than 4 s" in line["reasons"][0]


def test_another_place_is_another_room_and_a_place_without_a_name_goes_by_its_scene(cart: Cart) -> None:
    approve(cart)
    lay(cart)
    street = {"T005.wav": bwf(hum(2), NOON + 90, words=ixml.Ixml(scene="RT", location="STREET", tracks=((1, "Boom"),)))}
    sound_roll(cart, takes(None) | street)
    with cart.shift() as shift:
        shift.drive()
        assert rooms(shift) == [("room STREET", "active")]
    assert mix_of(cart)["model"] == ""
    named = recording_of((1, 48_000, 24, False, 9), None, ixml.Ixml(scene="12A", note="room tone"))
    assert (is_room_tone("T009", named), room_of(named)) == (True, "room of scene 12A")


def test_files_a_track_teach_one_room(cart: Cart) -> None:
    approve(cart)
    words = [ixml.Ixml(scene="RT", location="KITCHEN", family="F9", tracks=((1, name),)) for name in ("Boom", "Lav")]
    tones = {f"T004_Tr{n}.wav": bwf(hum(n), NOON + 60, words=one) for n, one in enumerate(words, 1)}
    sound_roll(cart, tones)
    with cart.shift() as shift:
        shift.drive()
        (model,) = shift.production.store.models()
    assert set(unpacked(cart.config.models / f"{model.digest}.safetensors").spectra) == {"Boom", "Lav"}


def test_the_next_day_knows_the_room_and_a_newer_tone_takes_its_place_for_what_comes_then(cart: Cart) -> None:
    """A finished mix is not made again because a room became better known."""
    approve(cart)
    lay(cart)
    sound_roll(cart, takes(hum(1)))
    cart.serve()
    first = mix_of(cart)
    lay(cart, "B001", "20260303")
    sound_roll(cart, {"S003.wav": bwf(talk(1), NOON, words=SCENE)}, "SR002", "20260303")
    cart.serve()
    assert mix_of(cart, "B001", "20260303")["model"] == first["model"]
    sound_roll(cart, {"S104.wav": bwf(hum(3), NOON, words=TONE)}, "SR003", "20260304")
    with cart.shift() as shift:
        shift.drive()
        assert rooms(shift) == [("room KITCHEN", "retired"), ("room KITCHEN", "active")]
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1), ("sound", 1)]
    assert mix_of(cart) == first


def test_a_room_that_knows_it_less_well_does_not_take_the_place_of_the_one_in_use() -> None:
    """In use: a room of the very noise. The candidate: a tone whose first half was quieter by 1.4 dB."""
    tone = hum(5, 16.0)
    tone[: len(tone) // 2] *= 0.85
    poor, good = tried(tone, learned(tone)), tried(tone, learned(hum(6, 16.0)))
    assert good.reduction_db > poor.reduction_db + 0.5
    (why,) = faults({"Boom": poor}, {"Boom": good})
    assert "the room in use" in why
    assert faults({"Boom": good}, {"Boom": poor}) == ()


def test_a_rollback_withdraws_a_room_for_the_one_before(cart: Cart) -> None:
    approve(cart)
    lay(cart)
    sound_roll(cart, takes(hum(1)))
    sound_roll(cart, {"S104.wav": bwf(hum(3), NOON + 99, words=TONE)}, "SR003")
    with cart.shift() as shift:
        shift.drive()
        first, second = shift.production.store.models()
        ask(cart.config.production_state, Request(Wish.ROLLBACK, "room KITCHEN"))
        shift.drive()
        assert rooms(shift) == [("room KITCHEN", "active"), ("room KITCHEN", "withdrawn")]
        assert models.active(shift.production.store, "room KITCHEN") == first.digest
    lay(cart, "B001", "20260303")
    sound_roll(cart, {"S003.wav": bwf(talk(1), NOON, words=SCENE)}, "SR004", "20260303")
    cart.serve()
    assert mix_of(cart, "B001", "20260303")["model"] == f"room KITCHEN@{first.digest[:12]}"
    assert second.digest != first.digest


def test_a_damaged_room_makes_no_mix_and_keeps_no_picture(cart: Cart) -> None:
    approve(cart)
    cart.words["workers"] = {"retry_seconds": 0}
    sound_roll(cart, takes(hum(1)))
    cart.serve()
    (path,) = cart.config.models.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    lay(cart)
    with capture_logs() as told:
        cart.serve()
    assert cart.complete()["undelivered"] == []
    assert "sound" not in cart.record()["clips"][0]["current"]
    assert any("not those that it is named for" in str(line) for line in told)


def test_a_purge_takes_rooms_with_all_else_and_lists_them(cart: Cart) -> None:
    approve(cart)
    sound_roll(cart, takes(hum(1)))
    with cart.shift() as shift:
        shift.drive()
        (model,) = shift.production.store.models()
    receipt = json.loads(purge(cart.config, "2026-03-02T18:00:00+00:00").read_text())
    gone = {entry["path"]: entry["sha256"] for entry in receipt["destroyed"]}
    assert gone[f"models/{model.digest}.safetensors"] == model.digest
    assert not cart.config.models.exists()


def test_a_room_is_named_in_full_or_not_at_all(cart: Cart) -> None:
    cart.serve()
    with cart.shift() as shift, pytest.raises(ModelError, match="nothing to roll back"):
        models.rollback(shift.production, "room NOWHERE", shift.now())


@pytest.mark.parametrize("hertz", [0.0, 80.0, 200.0])
@pytest.mark.parametrize("fall", [0.0, 0.9, 0.99])
def test_a_rooms_noise_is_that_of_its_frames_behind_any_high_pass(fall: float, hertz: float) -> None:
    tone = hum(1, 20.0, fall=fall)
    ours = noise_of(learned(np.concatenate([tone, tone])), hertz)
    theirs = denoise.profile(highpassed(tone, RATE, hertz), RATE, is_room=True)
    hertz_of = np.fft.rfftfreq(denoise.frame_samples(RATE), 1 / RATE)
    bins = (hertz_of > 3 * max(hertz, 60)) & (hertz_of < 20_000)
    assert np.abs(10 * np.log10(ours[bins] / theirs[bins])).mean() < 0.5


@pytest.mark.parametrize("fall", [0.0, 0.9, 0.99])
def test_a_room_takes_eight_db_and_more_from_noise_that_it_did_not_hear(fall: float) -> None:
    tone = hum(2, 8.0, fall=fall)
    trial = tried(tone, learned(tone))
    assert trial.reduction_db > 11
    assert trial.spread_db < 1


def test_a_room_comes_back_from_its_file_and_the_same_room_gives_the_same_bytes(tmp_path: Path) -> None:
    tone = {name: learned(hum(seed, 4.0)) for seed, name in enumerate(("Boom", "Lav \u00c4nna", "1 of 2"))}
    room = Room({}, {}).with_tracks(tone, "SR001/T004").with_tracks({"Boom": learned(hum(9, 4.0))}, "SR002/T001")
    data = packed(room)
    assert data == packed(Room(dict(reversed(room.spectra.items())), room.labels))
    (tmp_path / "r.safetensors").write_bytes(data)
    back = unpacked(tmp_path / "r.safetensors")
    assert back.labels == {"Boom": "SR002/T001", "Lav \u00c4nna": "SR001/T004", "1 of 2": "SR001/T004"}
    assert all((back.spectra[name] == room.spectra[name]).all() for name in tone)


def test_a_file_that_is_no_room_is_told(tmp_path: Path) -> None:
    for data in (b"", b"\0" * 64, packed(Room({"Boom": learned(hum(1)) * np.float32(np.nan)}, {"Boom": "T"}))):
        (tmp_path / "r.safetensors").write_bytes(data)
        with pytest.raises(BadWeights, match="cannot be used"):
            unpacked(tmp_path / "r.safetensors")
