"""What needs no look stays as it was, bit for bit; strength 0 is the plain picture under a look, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from cart import Cart, seal
from shots import Shot, decoded, deliver, planes

from engines.backends.eager import EagerBackend
from engines.colour.cdl import Cdl
from engines.colour.grade import Grade
from engines.colour.look import Look
from engines.enhance.restore import Restore
from engines.media.conform import picture_of
from engines.media.essence import CodeRange
from engines.media.frames import Picture
from engines.media.proxy import ProxyCodec
from engines.model.noise import NoiseProfile
from engines.model.weights import base_weights

SIZE = (320, 192)


def wild(number: int) -> VideoFrame:
    """Noise over all codes that an interface may carry, 4 to 1019, beyond legal on both sides."""
    rng = np.random.default_rng(number)
    shapes = (SIZE[::-1], (SIZE[1], SIZE[0] // 2), (SIZE[1], SIZE[0] // 2))
    return planes(*(rng.integers(4, 1020, shape).astype(np.uint16) for shape in shapes))


def test_rec709_without_a_grade_is_delivered_as_it_was_recorded_bit_for_bit(cart: Cart, tmp_path: Path) -> None:
    roll = cart.roll()
    clip = Shot(frames=3, size=SIZE).write(roll / "A001C001.mov", wild)
    seal(roll)
    cart.words["proxy"] = {"codec": "prores_hq"}
    cart.show_lut()
    cart.serve()
    without = deliver(clip, out=tmp_path / "without.mov", codec=ProxyCodec.PRORES_HQ)
    shown = decoded(cart.delivered() / "proxy" / "A001C001.mov")
    for ours, theirs in zip(shown, decoded(without.path), strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert cart.record()["clips"][0]["proxies"][0]["look"] is None


@pytest.mark.parametrize(
    ("codec", "pixel_format"), [(ProxyCodec.PRORES_HQ, "yuv422p10le"), (ProxyCodec.DNXHR_LB, "yuv422p")]
)
def test_strength_zero_is_the_plain_picture_under_a_look_too(
    tmp_path: Path, codec: ProxyCodec, pixel_format: str
) -> None:
    clip = Shot(frames=3, size=SIZE).write(tmp_path / "log.mov", wild)
    look = Look("slog3_sgamut3cine", cdl=Cdl((1.1, 1.0, 0.9), (0.01, 0.0, 0.0), saturation=0.9))
    grade = Grade(look, Path(), matrix="bt709", code_range=CodeRange.LEGAL)
    noise = NoiseProfile(1e-4, 1e-4)
    restore = Restore(EagerBackend(), base_weights("lite"), *SIZE[::-1], strength=0, noise=noise)
    plain = deliver(clip, out=tmp_path / "plain.mov", codec=codec, grade=grade)
    enhanced = deliver(clip, out=tmp_path / "enhanced.mov", codec=codec, enhance=restore, grade=grade)
    pairs = zip(decoded(enhanced.path, pixel_format), decoded(plain.path, pixel_format), strict=True)
    assert all(np.array_equal(*planes) for pair in pairs for planes in zip(*pair, strict=True))


def test_the_look_goes_on_what_restore_made(tmp_path: Path) -> None:
    """In that order: what restores sees the camera's log, and the look is on its picture."""
    clip = Shot(frames=2, size=SIZE).write(tmp_path / "log.mov", lambda _: flat(400))
    seen: list[int] = []

    def lighter(picture: Picture, *_: object) -> Picture:
        seen.append(int(picture.y[0, 0]))
        return Picture(picture.number, picture.y + np.uint16(100), picture.cb, picture.cr)

    grade = Grade(Look("arri_logc4"), Path(), matrix="bt709", code_range=CodeRange.LEGAL)
    done = deliver(clip, out=tmp_path / "p.mov", codec=ProxyCodec.PRORES_HQ, enhance=lighter, grade=grade)
    assert seen == [400, 400]
    expected = float(grade(picture_of(flat(500))).y[0, 0])
    assert decoded(done.path)[0][0].mean() == pytest.approx(expected, abs=2)


def flat(code: int) -> VideoFrame:
    return planes(np.full(SIZE[::-1], code, np.uint16), 512, 512)
