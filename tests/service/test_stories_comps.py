"""Comps over a clip, in step and looped; a clean plate of several takes; and all dials at rest at once."""

from __future__ import annotations

import json
from functools import cache
from io import BytesIO

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from cart import Cart, seal
from footage import footage
from screened import NAME, ask, current, offload, screened

from daemon.hashing import hash_bytes

SIZE = (128, 96)
REST = {
    "relight": {f"{dial}_stops": 0 for dial in ("exposure", "key", "fill", "ratio", "practicals", "tint")}
    | {"key_warmth_kelvin": 0, "windows": [{"at": [60, 40], "size": [20, 20]}]},
    "flicker": {"strength": 0, "mains_hz": 50},
    "limits": {"stops": 0, "protected_stops": 0, "regions": [{"at": [60, 40], "size": [20, 20]}]},
    "remove": {"shapes": [{"line": [[0, 40], [127, 40]], "width": 5}], "strength": 0},
    "stabilise": {"strength": 0, "zoom": 1.5},
    "reframe": {"zoom": 1, "centre": [64, 48], "roll_degrees": 0},
    "matte": {"key": None, "form": "exr", "edges": 0, "spill": 0},
    "plate": {"enabled": False, "takes": "A*"},
    "comp": {"over": None, "loop": True},
}


def test_all_dials_at_rest_at_once_give_the_plain_proxy_bit_for_bit_and_nothing_beside_it(cart: Cart) -> None:
    cart.words["provenance"] = {"sign": False}  # each file's signature is another
    ask(cart, **REST)
    offload(cart, footage())
    cart.serve()
    made = current(cart)
    plain, enhanced = (hash_bytes("xxh128", (cart.delivered() / made[twin]).read_bytes()) for twin in made)
    assert made.keys() == {"plain", "enhanced"}
    assert plain == enhanced


@cache
def movie(greys: tuple[int, ...], start: str) -> bytes:
    """A clip of plain greys, one a frame."""
    return _movie([np.full((SIZE[1], SIZE[0], 3), grey, np.uint8) for grey in greys], start)


def _movie(pictures: list[np.ndarray], start: str = "01:00:00:00", matrix: int = 1) -> bytes:
    buffer = BytesIO()
    with av.open(buffer, "w", format="mov", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("prores_ks", rate=24)
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv422p10le"
        stream.metadata["timecode"] = start
        stream.codec_context.colorspace = matrix
        for number, rgb in enumerate(pictures):
            frame = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv422p10le", dst_colorspace=matrix)
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def behind(cart: Cart) -> list[int]:
    """The grey behind the actor in each frame of the current comp, to the next ten."""
    with av.open(str(cart.delivered() / current(cart)["comp"])) as file:
        return [round(int(frame.to_ndarray(format="rgb24")[8, 8].mean()), -1) for frame in file.decode(video=0)]


def test_a_comp_goes_in_step_with_the_clip_it_lies_over_or_loops_it(cart: Cart) -> None:
    over = {"over": "B001C001"}
    ask(cart, matte={"key": "green"}, comp=over)
    offload(cart, screened(frames=5))
    offload(cart, movie((60, 90, 120, 150), "00:59:59:22"), "B001C001")
    with cart.shift() as shift:
        shift.drive()
        assert behind(cart) == [60, 90, 120, 150, 150], "the last one is held"
        ask(cart, matte={"key": "green"}, comp=over | {"loop": True})
        shift.drive()
        assert behind(cart) == [60, 90, 120, 150, 60]
        ask(cart, matte={"key": "green"}, comp=over | {"sync": "timecode", "loop": True})
        shift.drive()
        assert behind(cart) == [120, 150, 60, 90, 120], "two frames in by the clock"
        assert [name for name in shift.revisions(NAME) if name[0] == "comp"] == [("comp", 1), ("comp", 2), ("comp", 3)]


def test_a_comp_over_a_clip_of_another_matrix_has_the_plates_own_colour(cart: Cart) -> None:
    """A plate from a phone of BT.601 over a BT.709 actor: its red stays its red."""
    ask(cart, matte={"key": "green"}, comp={"over": "B001C001"})
    offload(cart, screened(frames=2))
    red = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    red[:] = (180, 40, 50)
    offload(cart, _movie([red] * 2, matrix=6), "B001C001")
    cart.serve()
    with av.open(str(cart.delivered() / current(cart)["comp"])) as file:
        frame = next(file.decode(video=0))
        shown = frame.to_ndarray(format="rgb24")[8, 8]
    assert int(frame.colorspace) in {1, 2}
    assert np.abs(shown.astype(int) - (180, 40, 50)).max() <= 6


def test_a_clean_plate_is_made_of_all_takes_of_a_set_up_where_the_actor_stood_elsewhere(cart: Cart) -> None:
    rng = np.random.default_rng(9)
    wall = cv2.resize(rng.integers(60, 190, (12, 16, 3), np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    roll = cart.roll()
    for take in range(4):
        shot = wall.copy()
        shot[30:90, 4 + 30 * take : 30 + 30 * take] = (230, 30, 30)  # he stands where he stands, all the take
        noise = [rng.integers(-2, 3, shot.shape) for _ in range(6)]
        pictures = [np.clip(shot + one, 0, 255).astype(np.uint8) for one in noise]
        cart.put(roll, {f"A001C00{take + 1}.mov": _movie(pictures)})
    seal(roll)
    words = {"restore": {"strength": 0}, "plate": {"enabled": True, "takes": "A001C00[234]"}}
    cart.recipe.write_text(json.dumps({"clips": {NAME: words}}), encoding="utf-8")
    cart.serve()
    (mine,) = [clip for clip in cart.record()["clips"] if clip["name"] == NAME]
    plate = cv2.imread(str(cart.delivered() / mine["current"]["plate"]), cv2.IMREAD_UNCHANGED)
    valid, rgb = plate[..., 3] > 0, plate[..., 2::-1] / 257
    where_he_stood = (slice(36, 84), slice(8, 26))
    assert valid[where_he_stood].mean() > 0.9, "the other takes have seen what is behind him"
    assert np.abs(rgb - wall)[where_he_stood].mean() < 8
    made = [proxy for proxy in mine["proxies"] if proxy["twin"] == "plate"]
    assert "from 24 pictures" in made[-1]["marks"][0], "of all four takes, once all are delivered"
