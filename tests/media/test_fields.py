"""Interlaced stays interlaced at full height; rotation is kept or baked; rates are never guessed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from shots import TOLERANCE, Shot, decoded, deliver, planes, probed

from engines.errors import VariableRate
from engines.media.essence import FieldOrder
from engines.media.proxy import ProxyCodec, Rotation


def combed(number: int) -> VideoFrame:
    """Fields so unlike that any blend down the lines would show."""
    luma = np.full((192, 320), 300, np.uint16)
    luma[1::2] = 700
    luma[0::2, 8 * number : 8 * number + 40] = 500
    return planes(luma, 512, 512)


@pytest.mark.parametrize("codec", TOLERANCE)
@pytest.mark.parametrize(("order", "field"), [(FieldOrder.TOP_FIRST, 4), (FieldOrder.BOTTOM_FIRST, 5)])
def test_fields_are_kept(tmp_path: Path, codec: ProxyCodec, order: FieldOrder, field: int) -> None:
    clip = Shot(field_order=field).write(tmp_path / "news.mov", combed)
    done = deliver(clip, out=tmp_path / "proxy.mov", codec=codec, width=160)
    assert done.source.field_order is done.proxy.field_order is order
    assert (done.proxy.width, done.proxy.height) == (320, 192)
    frame = decoded(done.path, done.proxy.pixel_format)[0][0].astype(float)
    frame *= 1 if done.proxy.bits == 10 else 4
    assert abs(frame[1::2, 200:].mean() - 700) < 12
    assert abs(frame[0::2, 200:].mean() - 300) < 12


def test_a_recipe_may_deinterlace(tmp_path: Path) -> None:
    clip = Shot(field_order=4, frames=6).write(tmp_path / "news.mov", combed)
    done = deliver(clip, out=tmp_path / "proxy.mov", deinterlace=True, width=160)
    assert done.proxy.field_order is FieldOrder.PROGRESSIVE
    assert (done.proxy.frames, done.proxy.width, done.proxy.height) == (6, 160, 96)


@pytest.mark.parametrize(("degrees", "corner"), [(90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_a_baked_rotation_turns_the_picture(tmp_path: Path, degrees: int, corner: tuple[int, int]) -> None:
    def marked(number: int) -> VideoFrame:
        del number
        luma = np.full((192, 320), 200, np.uint16)
        luma[:48, :48] = 800
        return planes(luma, 512, 512)

    clip = Shot(rotation=degrees).write(tmp_path / "phone.mov", marked)
    done = deliver(clip, out=tmp_path / "proxy.mov", codec=ProxyCodec.PRORES_HQ, rotation=Rotation.BAKE)
    assert done.proxy.rotation_degrees == 0
    luma = decoded(done.path)[0][0]
    assert luma.shape == ((192, 320) if degrees == 180 else (320, 192))
    corners = {
        (y, x): abs(int(luma[16 if y == 0 else -16, 16 if x == 0 else -16]) - 800) < 20
        for y in (0, -1)
        for x in (0, -1)
    }
    assert [where for where, bright in corners.items() if bright] == [corner]


UNEVEN = (0, 33, 67, 100, 250, 283, 400, 433)


def test_a_variable_rate_waits_for_the_recipe(tmp_path: Path) -> None:
    shot = Shot(frames=8, codec="mpeg4", pixel_format="yuv420p", ticks=UNEVEN, rate=Fraction(30))
    clip = shot.write(tmp_path / "phone.mkv")
    with pytest.raises(VariableRate, match="no constant frame rate"):
        probed(clip)
    done = deliver(clip, out=tmp_path / "proxy.mov", rate=Fraction(24))
    assert done.source.variable_rate
    assert (done.proxy.rate, done.proxy.variable_rate) == (24, False)
    assert done.proxy.frames == done.source.frames == pytest.approx(24 * 0.46, abs=1)


def test_millisecond_stamps_are_a_constant_rate(tmp_path: Path) -> None:
    ticks = tuple(round(number * 1001 / 30) for number in range(40))
    shot = Shot(frames=40, codec="mpeg4", pixel_format="yuv420p", ticks=ticks, rate=Fraction(30000, 1001))
    essence = probed(shot.write(tmp_path / "phone.mkv"))
    assert (essence.rate, essence.variable_rate) == (Fraction(30000, 1001), False)


def test_an_edit_list_decides_what_is_presented(tmp_path: Path) -> None:
    """B-frames delay the first picture: MOV trims with an edit list, and all frames are presented once."""
    options = {"preset": "medium", "bf": "3", "g": "12", "qp": "10"}
    shot = Shot(frames=30, codec="libx264", pixel_format="yuv420p", options=options)
    done = deliver(shot.write(tmp_path / "long_gop.mp4"), out=tmp_path / "proxy.mov")
    assert done.source.frames == done.proxy.frames == 30
