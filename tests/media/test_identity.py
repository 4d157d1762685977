"""An editor relinks: frames, rate, timecode, drop flag, reel and raster of a proxy are the source's."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from shots import RATES, TOLERANCE, Shot, deliver, probed

from engines.media.essence import TimecodeSource
from engines.media.proxy import ProxyCodec
from engines.media.timecode import Timecode


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("codec", TOLERANCE)
def test_a_proxy_carries_timecode_and_reel(tmp_path: Path, codec: ProxyCodec, rate: str) -> None:
    frames_a_second, label = RATES[rate]
    shot = Shot(rate=frames_a_second, timecode=label, reel="A002R1AB", size=(320, 192))
    done = deliver(shot.write(tmp_path / "A002C001.mov"), out=tmp_path / "proxy.mov", codec=codec)
    for essence in (done.source, done.proxy):
        assert essence.rate == frames_a_second
        assert essence.frames == 5
        assert Timecode(essence.start_frame, essence.rate, essence.drop_frame).label == label
        assert essence.drop_frame == (";" in label)
        assert essence.timecode_source is TimecodeSource.TMCD
        assert essence.reel == "A002R1AB"


def test_48_and_fast_rates_keep_their_labels(tmp_path: Path) -> None:
    for number, rate in enumerate((Fraction(48000, 1001), Fraction(48), Fraction(50), Fraction(60))):
        shot = Shot(rate=rate, timecode="02:03:04:47", reel="B001")
        done = deliver(shot.write(tmp_path / f"fast{number}.mov"), out=tmp_path / f"out{number}.mov")
        assert done.proxy.rate == rate
        assert Timecode(done.proxy.start_frame, rate).label == "02:03:04:47"


def test_without_timecode_the_time_of_day_stands_in_and_is_marked(tmp_path: Path) -> None:
    shot = Shot(codec="mpeg4", pixel_format="yuv420p", metadata={"creation_time": "2026-11-24T14:30:05.000000Z"})
    essence = probed(shot.write(tmp_path / "phone.mp4"))
    assert essence.timecode_source is TimecodeSource.TIME_OF_DAY
    assert Timecode(essence.start_frame, essence.rate).label == "14:30:05:00"


def test_a_big_raster_is_halved_and_a_small_one_kept(tmp_path: Path) -> None:
    wide = Shot(frames=2, size=(1920, 1080)).write(tmp_path / "wide.mov")
    done = deliver(wide, out=tmp_path / "half.mov", codec=ProxyCodec.DNXHR_LB)
    assert (done.proxy.width, done.proxy.height) == (960, 540)
    small = Shot(frames=2, size=(640, 360)).write(tmp_path / "small.mov")
    done = deliver(small, out=tmp_path / "same.mov", codec=ProxyCodec.DNXHR_LB)
    assert (done.proxy.width, done.proxy.height) == (640, 360)


def test_anamorphic_stays_anamorphic(tmp_path: Path) -> None:
    shot = Shot(pixel_aspect=Fraction(2), codec="prores_aw")
    done = deliver(shot.write(tmp_path / "scope.mov"), out=tmp_path / "proxy.mov")
    assert done.source.pixel_aspect == done.proxy.pixel_aspect == Fraction(2)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_clip_keeps_its_tag(tmp_path: Path, degrees: int) -> None:
    done = deliver(Shot(rotation=degrees).write(tmp_path / "phone.mov"), out=tmp_path / "proxy.mov")
    assert done.source.rotation_degrees == done.proxy.rotation_degrees == degrees
    assert (done.proxy.width, done.proxy.height) == (320, 192)


def test_spanned_files_are_one_clip(tmp_path: Path) -> None:
    first = Shot(frames=5, timecode="01:00:00:00", reel="A001").write(tmp_path / "A001_1.mov")
    second = Shot(frames=3, timecode="01:00:00:05", reel="A001").write(tmp_path / "A001_2.mov")
    done = deliver(first, second, out=tmp_path / "proxy.mov")
    assert done.proxy.frames == 8
    assert Timecode(done.proxy.start_frame, done.proxy.rate).label == "01:00:00:00"


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    clip = Shot(timecode="01:00:00:00", frames=12).write(tmp_path / "A001.mov")
    for codec in TOLERANCE:
        plain = deliver(clip, out=tmp_path / f"plain_{codec}.mov", codec=codec).path
        again = deliver(clip, out=tmp_path / f"again_{codec}.mov", codec=codec).path
        kept = deliver(clip, out=tmp_path / f"kept_{codec}.mov", codec=codec, enhance=lambda picture, _: picture).path
        assert plain.read_bytes() == again.read_bytes() == kept.read_bytes(), codec
