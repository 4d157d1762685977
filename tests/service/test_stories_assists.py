"""Assists: the recipe asks for a matte, a plate, a comp; a wire goes; and at rest nothing changes."""

from __future__ import annotations

import json

import av
import cv2
import numpy as np
import pytest
from cart import Cart
from footage import footage
from PIL import Image
from screened import NAME, ask, current, offload, screened

from daemon.hashing import hash_bytes
from daemon.slate import Twin


def test_a_matte_a_plate_and_a_comp_lie_beside_the_proxies_on_the_same_timecode(cart: Cart) -> None:
    still = cart.recipe.parent / "harbour.png"
    Image.new("RGB", (256, 192), (20, 40, 120)).save(still)
    ask(cart, matte={"key": "green"}, plate={"enabled": True}, comp={"over": "harbour.png"})
    offload(cart, screened())
    with cart.shift() as shift:
        shift.drive()
    found = current(cart)
    assert found["matte"] == f"mattes/{NAME}.mov"
    assert found["plate"] == f"plates/{NAME}.png"
    assert found["comp"] == f"comp/{NAME}.mov"
    folder = cart.delivered()
    with av.open(str(folder / found["matte"])) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.codec_tag) == ("prores", "ap4h")
        assert stream.metadata["timecode"] == "01:00:00:00"
        frames = list(file.decode(video=0))
    assert len(frames) == 8
    alpha = _alpha(frames[0])
    assert alpha[40:80, 40:60].mean() > 0.97
    assert alpha[5:25, 5:25].mean() < 0.03
    with av.open(str(folder / found["comp"])) as file:
        rgb = next(file.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(rgb[10, 10].astype(int) - (20, 40, 120)).max() <= 6, "the harbour behind"
    assert np.abs(rgb[60, 50].astype(int) - (151, 140, 145)).max() <= 12, "the actor before it"
    plate = cv2.imread(str(folder / found["plate"]), cv2.IMREAD_UNCHANGED)
    assert plate.shape == (96, 128, 4)
    assert plate.dtype == np.uint16
    assert "clean plate of picture" in json.dumps(cart.record())
    text = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert all(f"{NAME}_{twin}.jpg" in text for twin in ("matte", "plate", "comp"))


def _alpha(frame: av.VideoFrame) -> np.ndarray:
    plane = frame.planes[3]
    codes = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, plane.line_size // 2)
    return codes[:, : plane.width] / 4095  # the decoder gives 4444 twelve bits


def test_other_words_make_a_new_matte_and_leave_the_proxies(cart: Cart) -> None:
    ask(cart, matte={"key": "green"})
    offload(cart, screened())
    with cart.shift() as shift:
        shift.drive()
        ask(
            cart,
            restore={"strength": 0},
            matte={"key": "green", "garbage": [{"box": [[0, 0], [20, 96]], "follow": "frame"}]},
        )
        shift.drive()
        assert shift.revisions(NAME) == [("enhanced", 1), ("matte", 1), ("matte", 2), ("plain", 1)]
        ask(cart)
        shift.drive()
    assert set(current(cart)) == {"plain", "enhanced"}


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"remove": {"shapes": [{"line": [[0, 40], [127, 40]], "width": 5}], "strength": 0}},
        {"remove": [], "stabilise": {"strength": 0}, "reframe": {"zoom": 1}},
    ],
)
def test_each_assist_at_zero_gives_the_plain_proxy_bit_for_bit(cart: Cart, words: dict[str, object]) -> None:
    cart.words["provenance"] = {"sign": False}  # each file's signature is another
    ask(cart, **words)
    offload(cart, footage())
    with cart.shift() as shift:
        shift.drive()
    plain, enhanced = (
        hash_bytes("xxh128", (cart.delivered() / current(cart)[twin]).read_bytes())
        for twin in (Twin.PLAIN, Twin.ENHANCED)
    )
    assert plain == enhanced


def test_a_wire_that_is_taken_out_makes_a_new_enhanced_twin_that_says_what_nobody_has_seen(cart: Cart) -> None:
    ask(cart)
    offload(cart, footage(frames=8))
    with cart.shift() as shift:
        shift.drive()
        ask(cart, remove=[{"line": [[20, 0], [20, 95]], "width": 4, "follow": "frame"}])
        shift.drive()
        assert shift.revisions(NAME) == [("enhanced", 1), ("enhanced", 2), ("plain", 1)]
    (clip,) = cart.record()["clips"]
    (second,) = [proxy for proxy in clip["proxies"] if proxy["revision"] == 2]
    assert any(mark.startswith("removal: ") for mark in second["marks"])
    assert (cart.delivered() / "report" / f"{NAME}_r2_removal.jpg").is_file()
