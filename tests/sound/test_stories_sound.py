"""Sound rolls beside camera cards: in any order, in sync by what is heard, and never in the picture's way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
from cart import Cart
from jsonschema import Draft202012Validator
from recorder import RATE, bwf, camera_roll, heard, shot, sound_roll, talk
from structlog.testing import capture_logs

from daemon import recipe
from daemon.errors import RecipeError
from daemon.sidecars import ale, bext, ixml
from daemon.slate import Trouble
from daemon.stages import landing
from engines.sound.loudness import loudness, true_peak
from engines.sound.wave import Samples, Wave, open_wave

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "nearset.schema.json").read_text())
NOON = 12 * 3600
FRAMES = 72


def lay(cart: Cart, frames: int = FRAMES, start: str = "12:00:05:00") -> None:
    """A camera card of one clip, five seconds into the scene of seed 1."""
    camera_roll(cart, {"A001C001.mov": shot(heard(talk(1), 5.0, frames), frames, start)})


def mix_of(path: Path) -> tuple[Wave, Samples]:
    fd = os.open(path, os.O_RDONLY)
    wave = open_wave(path.name, fd)
    samples = wave.read(0, wave.format.frames)[:, 0]
    os.close(fd)
    return wave, samples


def sound_lanes(cart: Cart) -> list[Any]:
    """Production sound in the roll's timeline: the audio tracks behind the camera's one."""
    timeline = otio.adapters.read_from_file(str(cart.delivered() / "A001.otio"))
    return list(timeline.audio_tracks())[1:]


def test_proxies_go_out_at_once_and_get_their_sound_when_the_roll_arrives(cart: Cart) -> None:
    lay(cart)
    cart.serve()
    assert cart.complete()["undelivered"] == []
    assert cart.record()["clips"][0]["sound"] is None
    proxies = cart.record()["clips"][0]["proxies"]

    sound_roll(cart, {"12A-T003.wav": bwf(talk(1), NOON)})
    cart.serve()

    (clip,) = cart.record()["clips"]
    assert [proxy for proxy in clip["proxies"] if proxy["twin"] != "sound"] == proxies
    (pair,) = clip["sound"]["pairs"]
    assert abs(pair["offset_seconds"] - 5.0) < 0.25 / 24
    assert (pair["by"], pair["roll"], pair["scene"], pair["take"]) == ("timecode and waveform", "SR001", "12A", "3")
    assert pair["confidence"] > 0.6
    assert abs(pair["drift_ppm"]) < 20
    assert clip["current"]["sound"] == "sound/A001C001.wav"
    wave, samples = mix_of(cart.delivered() / "sound" / "A001C001.wav")
    assert wave.format.frames == FRAMES * RATE // 24
    assert bext.parse(wave.bext, "mix").time_reference == (NOON + 5) * RATE
    assert abs(loudness(samples, RATE) + 23) < 0.5
    assert true_peak(samples) <= -1.0 + 0.01
    row = ale.parse((cart.delivered() / "A001.ale").read_text(), "A001.ale").rows[0]
    assert {key: row[key] for key in ("Sound TC", "Sound Roll", "Scene", "Take", "Guide Mix")} == {
        "Sound TC": "12:00:05:00",
        "Sound Roll": "SR001",
        "Scene": "12A",
        "Take": "3",
        "Guide Mix": "A001C001.wav",
    }
    Draft202012Validator(SCHEMA).validate(cart.record())
    page = (cart.delivered() / "report" / "index.html").read_text()
    assert page.count("<polygon") == 2
    assert "<bdi>SR001</bdi>/<bdi>12A-T003</bdi>, scene" in page
    mix, iso = sound_lanes(cart)
    assert mix[0].media_reference.target_url == "sound/A001C001.wav"
    assert iso[0].media_reference.target_url == "../SR001/12A-T003.wav"
    begins = NOON * RATE + round(pair["offset_seconds"] * RATE)
    assert iso[0].source_range.start_time == otio.opentime.RationalTime(begins, RATE)
    assert iso.duration().to_seconds() == FRAMES / 24
    cart.assert_honest()


def test_a_complete_roll_is_not_written_anew_for_each_clip_that_is_found(cart: Cart) -> None:
    takes = {
        number: shot(heard(talk(1), 3.0 * number, FRAMES), FRAMES, f"12:00:0{3 * number}:00", number)
        for number in (1, 2, 3)
    }
    camera_roll(cart, {f"A001C00{number}.mov": clip for number, clip in takes.items()})
    with cart.shift() as shift:
        shift.drive()
        sound_roll(cart, {"12A-T003.wav": bwf(talk(1), NOON)})
        with capture_logs() as told:
            shift.drive()
    assert [line["clip"] for line in told if line["event"] == "sync.found"] == ["A001C001", "A001C002", "A001C003"]
    assert len([line for line in told if line["event"] == "roll.complete"]) <= 2
    assert len({clip["current"]["sound"] for clip in cart.record()["clips"]}) == 3
    cart.assert_honest()


def test_sound_that_came_first_waits_for_its_pictures(cart: Cart) -> None:
    sound_roll(cart, {"12A-T003.wav": bwf(talk(1), NOON)})
    cart.serve()
    assert not list(cart.delivery.rglob("*.wav"))
    lay(cart)
    cart.serve()
    assert cart.record()["clips"][0]["current"]["sound"] == "sound/A001C001.wav"
    cart.assert_honest()


def test_a_clip_with_the_wrong_timecode_is_found_by_ear(cart: Cart) -> None:
    lay(cart, start="03:33:00:00")
    sound_roll(cart, {"T003.wav": bwf(talk(1), NOON), "T004.wav": bwf(talk(2), NOON + 60)})
    cart.serve()
    (pair,) = cart.record()["clips"][0]["sound"]["pairs"]
    assert (pair["by"], pair["file"]) == ("waveform", "T003")
    assert abs(pair["offset_seconds"] - 5.0) < 0.25 / 24
    assert pair["timecode_off_seconds"] is not None


def test_playback_that_two_takes_hold_is_held_and_shown(cart: Cart) -> None:
    lay(cart, start="03:33:00:00")
    sound_roll(cart, {"T003.wav": bwf(talk(1), NOON), "T004.wav": bwf(talk(1), NOON + 60)})
    cart.serve()
    sound = cart.record()["clips"][0]["sound"]
    assert sound["pairs"] == []
    assert {rival["file"] for rival in sound["rivals"]} == {"T003", "T004"}
    assert "only one can be right" in sound["held"]
    assert "sound" not in cart.record()["clips"][0]["current"]
    assert "only one can be right" in (cart.delivered() / "report" / "index.html").read_text()
    cart.assert_honest()


def test_what_nobody_recorded_is_in_sync_with_nothing(cart: Cart) -> None:
    lay(cart)
    sound_roll(cart, {"T003.wav": bwf(talk(2), NOON)})
    cart.serve()
    sound = cart.record()["clips"][0]["sound"]
    assert (sound["pairs"], sound["rivals"]) == ([], [])
    assert "clearly heard in none" in sound["held"]


def test_a_file_that_was_cut_short_is_held_and_keeps_nothing_else(cart: Cart) -> None:
    lay(cart)
    whole = bwf(talk(1), NOON)
    sound_roll(cart, {"T003.wav": whole, "T004.wav": bwf(talk(2), NOON + 60)[: len(whole) // 2]})
    with cart.shift() as shift:
        shift.drive()
        broken = shift.clip("T004")
        assert (broken.state, broken.trouble.code) == ("held", "media.bad_wave")
        assert "cut short" in broken.trouble.why
    assert cart.record()["clips"][0]["sound"]["pairs"][0]["file"] == "T003"
    assert cart.complete()["undelivered"] == []


def test_a_file_whose_bytes_are_not_its_manifests_is_held(cart: Cart) -> None:
    folder = sound_roll(cart, {"T003.wav": bwf(talk(1), NOON)})
    data = bytearray((folder / "T003.wav").read_bytes())
    data[-1] ^= 1
    (folder / "T003.wav").write_bytes(data)
    lay(cart)
    with cart.shift() as shift:
        shift.drive()
        assert shift.clip("T003").trouble.code == "clip.bad_hash"
    assert cart.record()["clips"][0]["sound"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (ixml.Ixml(scene="12A", time_reference=77), "neither is believed"),
        (ixml.Ixml(scene="12A", tracks=((1, "Boom"), (9, "Lav"))), "names 2 tracks"),
    ],
)
def test_ixml_that_lies_is_told_and_keeps_nothing(cart: Cart, words: ixml.Ixml, said: str) -> None:
    lay(cart)
    sound_roll(cart, {"T003.wav": bwf(talk(1), NOON, words=words)})
    cart.serve()
    (pair,) = cart.record()["clips"][0]["sound"]["pairs"]
    assert abs(pair["offset_seconds"] - 5.0) < 0.25 / 24
    assert said in pair["notes"][0]
    assert pair["by"] == ("waveform" if "believed" in said else "timecode and waveform")


def test_a_silent_camera_is_in_sync_only_where_the_recipe_trusts_timecode(cart: Cart) -> None:
    cart.recipe.write_text("{}")
    camera_roll(cart, {"A001C001.mov": shot(None, FRAMES, "12:00:05:00")})
    sound_roll(cart, {"T003.wav": bwf(talk(1), NOON)})
    cart.serve()
    assert "timecode_alone" in cart.record()["clips"][0]["sound"]["held"]
    cart.recipe.write_text("rolls:\n  A*: {mix: {timecode_alone: true}}\n")
    cart.serve()
    (pair,) = cart.record()["clips"][0]["sound"]["pairs"]
    assert (pair["by"], pair["offset_seconds"], pair["confidence"]) == ("timecode", 5.0, 0.0)
    mix = cart.record()["clips"][0]["proxies"][-1]
    assert "in sync by timecode alone, not confirmed" in mix["marks"]


def test_files_a_track_are_one_take_and_all_its_isos_are_mixed(cart: Cart) -> None:
    lay(cart)
    boom, lav = talk(1), np.roll(talk(1), 30) * 0.5 + talk(3) * 0.001
    words = ixml.Ixml(scene="12A", take="3", family="F1")
    sound_roll(
        cart,
        {"T003.TAKE/T003_Tr1.wav": bwf(boom, NOON, words=words), "T003.TAKE/T003_Tr2.wav": bwf(lav, NOON, words=words)},
    )
    cart.serve()
    sound = cart.record()["clips"][0]["sound"]
    assert [pair["file"] for pair in sound["pairs"]] == ["T003_Tr1"]
    assert [file["path"] for file in sound["pairs"][0]["files"]] == ["T003.TAKE/T003_Tr1.wav", "T003.TAKE/T003_Tr2.wav"]
    urls = [track[0].media_reference.target_url for track in sound_lanes(cart)[1:]]
    assert urls == ["../SR001/T003.TAKE/T003_Tr1.wav", "../SR001/T003.TAKE/T003_Tr2.wav"]
    assert cart.record()["clips"][0]["current"]["sound"] == "sound/A001C001.wav"


def test_two_recorders_that_both_heard_the_clip_are_both_in_sync(cart: Cart) -> None:
    lay(cart)
    sound_roll(cart, {"T003.wav": bwf(talk(1), NOON)}, "SR001")
    sound_roll(cart, {"Z03.wav": bwf(talk(1)[RATE:], NOON + 1)}, "ZOOM")
    cart.serve()
    pairs = cart.record()["clips"][0]["sound"]["pairs"]
    assert {pair["roll"]: round(pair["offset_seconds"]) for pair in pairs} == {"SR001": 5, "ZOOM": 4}


def test_another_loudness_makes_a_new_mix_and_no_new_picture(cart: Cart) -> None:
    cart.recipe.write_text("{}")
    lay(cart)
    sound_roll(cart, {"T003.wav": bwf(talk(1), NOON)})
    cart.serve()
    cart.recipe.write_text("defaults:\n  mix: {loudness_lufs: -24}\n")
    with cart.shift() as shift:
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1), ("sound", 1), ("sound", 2)]
    _, samples = mix_of(cart.delivered() / "sound" / "A001C001_r2.wav")
    assert abs(loudness(samples, RATE) + 24) < 0.5
    cart.assert_honest()


def test_a_mix_that_is_not_wanted_is_not_made(cart: Cart) -> None:
    cart.recipe.write_text("defaults:\n  mix: {enabled: false}\n")
    lay(cart)
    sound_roll(cart, {"T003.wav": bwf(talk(1), NOON)})
    cart.serve()
    assert cart.record()["clips"][0]["sound"]["pairs"]
    assert not list(cart.delivery.rglob("*.wav"))


def test_a_sync_that_fails_for_good_leaves_the_picture_delivered(cart: Cart) -> None:
    cart.hands.befall("sync", *[Trouble("worker.died", "the child ended", "killed", "see the log")] * 3)
    cart.words["workers"] = {"retry_seconds": 0}
    lay(cart)
    sound_roll(cart, {"T003.wav": bwf(talk(1), NOON)})
    with cart.shift() as shift:
        shift.drive()
        assert shift.states()["A001C001"] == "delivered"
    assert cart.complete()["undelivered"] == []


def test_a_power_cut_as_the_mix_lands_costs_nothing(cart: Cart, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(cart)
    sound_roll(cart, {"T003.wav": bwf(talk(1), NOON)})
    publish = landing.publish_new

    def cut(staged: Path, target: Path, xxh128: str) -> None:
        publish(staged, target, xxh128)
        if target.suffix == ".wav":
            raise KeyboardInterrupt

    monkeypatch.setattr(landing, "publish_new", cut)
    with pytest.raises(KeyboardInterrupt):
        cart.serve()
    monkeypatch.undo()
    cart.serve()
    assert cart.mixes() == ["20260302/A001/sound/A001C001.wav"]
    cart.assert_honest()


def test_words_of_the_mix_are_told_with_their_lines(cart: Cart) -> None:
    cart.recipe.write_text("defaults:\n  mix:\n    loudness_lufs: loud\n    drift: guess\n    hum: 1\n")
    with pytest.raises(RecipeError) as caught:
        recipe.load(cart.recipe, cart.config)
    assert [line in caught.value.why for line in ("recipe.yaml:3", "recipe.yaml:4", "recipe.yaml:5")] == [True] * 3
