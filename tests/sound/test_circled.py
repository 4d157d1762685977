"""What the mixer circled on the recorder comes first in the camera's queue."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cart import Cart, Shift
from recorder import bwf, camera_roll, shot, sound_roll, talk

from daemon.requests import Request, Wish, ask
from daemon.sidecars.ixml import Ixml
from daemon.slate import Twin
from daemon.store import Proxy

NOON = 12 * 3600
FRAMES = 12


def proxies(shift: Shift, name: str) -> list[Proxy]:
    return [proxy for proxy in shift.proxies(name) if proxy.facts.twin is Twin.PLAIN]


@pytest.mark.parametrize("by", ["recorder", "script supervisor"])
def test_a_circled_take_of_the_sound_roll_comes_first(cart: Cart, tmp_path: Path, by: str) -> None:
    take = Ixml(scene="12A", take="4")
    if by == "recorder":
        take = replace(take, circled=True)
    else:
        (tmp_path / "circled.csv").write_text("Scene,Take\n12A,4\n")
        cart.words["queue"] = {"circle_takes": [str(tmp_path)]}
    files = {f"A001C00{n}.mov": shot(None, FRAMES, f"12:{10 * n}:05:00", n) for n in (1, 2, 3)}
    sound = talk(1, 12.0)
    for wish, stage in ((Wish.PAUSE, "render"), (Wish.PAUSE, "sync")):
        ask(cart.config.production_state, Request(wish, stage))
    with cart.shift() as shift:
        camera_roll(cart, files)
        sound_roll(cart, {"T003.wav": bwf(sound, NOON + 600), "T004.wav": bwf(sound, NOON + 1800, words=take)})
        shift.drive()
        shift.ticks(6)
        assert {clip.name for clip in shift.clips() if clip.circled} == {"A001C003"}
        ask(cart.config.production_state, Request(Wish.RESUME, "render"))
        shift.drive()
        landed = sorted((proxy.id, name) for name in shift.states() for proxy in proxies(shift, name))
        assert [name for _, name in landed] == ["A001C003", "A001C001", "A001C002"]
    cart.assert_honest()
