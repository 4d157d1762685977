"""The guide mix as a track of those proxies whose preset says so, behind the camera's own, and of no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from cart import Cart
from recorder import RATE, bwf, camera_roll, heard, shot, sound_roll, talk

FRAMES = 72
MOV, GUIDE, ATOM = "prores-proxy-mov", "prores-proxy-mov-guide", "avid-dnxhr-lb-opatom-guide"


@pytest.fixture
def filmed(cart: Cart) -> Cart:
    """A card with sound of its own, delivered under a preset without and one with the guide mix."""
    cart.words["delivery"] = {"presets": [MOV, GUIDE]}
    camera_roll(cart, {"A001C001.mov": shot(heard(talk(1), 5.0, FRAMES), FRAMES, "12:00:05:00")})
    cart.serve()
    return cart


def proxies(cart: Cart, revision: int) -> list[dict[str, Any]]:
    (clip,) = cart.record()["clips"]
    return [proxy for proxy in clip["proxies"] if proxy["twin"] != "sound" and proxy["revision"] == revision]


def tracks(path: Path) -> list[np.ndarray]:
    """The samples of each track of a file."""
    with av.open(str(path)) as container:
        count = len(container.streams.audio)
    found = []
    for number in range(count):
        with av.open(str(path)) as container:
            found.append(np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=number)]))
    return found


def test_the_mix_comes_behind_the_cameras_tracks_as_a_revision_and_only_where_a_preset_says_so(filmed: Cart) -> None:
    roll = filmed.delivered()
    assert [len(tracks(roll / path)) for path in ("proxy/A001C001.mov", f"{GUIDE}/proxy/A001C001.mov")] == [1, 1]
    sound_roll(filmed, {"12A-T003.wav": bwf(talk(1), 12 * 3600)})
    filmed.serve()

    for twin in ("proxy", "enhanced"):
        alone, beside = tracks(roll / twin / "A001C001_r2.mov"), tracks(roll / GUIDE / twin / "A001C001_r2.mov")
        (mix,) = tracks(roll / "sound" / "A001C001.wav")
        assert len(alone) == 1
        np.testing.assert_array_equal(beside[0], alone[0])
        np.testing.assert_array_equal(beside[1], mix)
        assert len(mix) == FRAMES * RATE // 24
    for proxy in proxies(filmed, 2):
        assert [len(rendition["audio"]) for rendition in proxy["renditions"]] == [1, 2]
        assert f"{GUIDE}: track 2 is the guide mix" in proxy["marks"]
    filmed.serve()
    assert proxies(filmed, 3) == []
    filmed.assert_honest()


def test_a_clip_whose_mix_is_switched_off_gets_its_own_tracks_back(filmed: Cart) -> None:
    sound_roll(filmed, {"12A-T003.wav": bwf(talk(1), 12 * 3600)})
    filmed.serve()
    filmed.recipe.write_text("clips: {A*: {mix: {enabled: false}}}\n")
    filmed.serve()
    assert [len(rendition["audio"]) for rendition in proxies(filmed, 3)[0]["renditions"]] == [1, 1]
    filmed.assert_honest()


def test_avid_gets_it_as_one_more_file_of_the_same_clip(cart: Cart) -> None:
    cart.words["delivery"] = {"presets": [ATOM]}
    clip = shot(heard(talk(1), 5.0, FRAMES), FRAMES, "12:00:05:00", size=(256, 144))
    camera_roll(cart, {"A001C001.mov": clip})
    sound_roll(cart, {"12A-T003.wav": bwf(talk(1), 12 * 3600)})
    cart.serve()
    (first, last) = (proxies(cart, number)[0]["renditions"][0] for number in (1, 2))
    assert (len(first["files"]), len(last["files"])) == (2, 3)
    cart.assert_honest()


def test_a_mix_that_somebody_changed_holds_the_clip_and_says_how_to_go_on(
    filmed: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound_roll(filmed, {"12A-T003.wav": bwf(talk(1), 12 * 3600)})
    filmed.serve()
    mix = filmed.delivered() / "sound" / "A001C001.wav"
    before = mix.read_bytes()
    mix.write_bytes(before[:-3] + b"\0\0\1")
    filmed.recipe.write_text("clips: {A*: {restore: {strength: 0.5}}}\n")
    with filmed.shift() as shift, monkeypatch.context() as patch:
        patch.setattr(Cart, "assert_no_lie", lambda _: None)  # somebody else's lie
        shift.drive()
        (clip,) = shift.production.store.clips_named("A001C001")
        assert (clip.state, clip.trouble.code) == ("held", "delivery.mix_changed")
        assert "put it back" in clip.trouble.fix
    mix.write_bytes(before)
    filmed.retry()
    filmed.serve()
    assert [proxy["twin"] for proxy in proxies(filmed, 3)] == ["enhanced"]
    assert json.loads((filmed.delivered() / ".complete").read_text())["undelivered"] == []
    filmed.assert_honest()
