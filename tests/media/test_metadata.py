"""What is believed of a container's own words: reel, camera, time."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import pytest
from av.packet import Packet
from av.video.frame import VideoFrame
from shots import probed

from engines.media.essence import Setting, TimecodeSource
from engines.media.metadata import camera_of, created_of, reel_of, setting_of
from engines.media.timecode import Timecode


def test_the_reel_is_the_first_that_is_told_and_an_empty_one_is_none():
    assert reel_of({"reel": "B", "reel_name": "A"}) == "A"
    assert reel_of({"reel_name": "", "com.apple.proapps.reel": "A001"}) == "A001"
    assert reel_of({"title": "A001"}) == ""


def test_the_camera_is_maker_and_model_or_what_there_is_of_it():
    assert camera_of({"make": "Sony", "model": "ILCE-7M3"}) == "Sony ILCE-7M3"
    assert camera_of({"product_name": "HVR-Z5"}) == "HVR-Z5"
    assert camera_of({}) == ""


def test_scene_sensitivity_and_white_balance_are_those_that_are_told_and_make_sense():
    said = {"com.apple.proapps.scene": "12A", "com.arri.camera.exposureindexasa": "800", "whitebalance": "4300K"}
    assert setting_of(said | {"location": "+51.5335-000.1261/"}) == Setting("12A", 800, 4300)
    assert setting_of({"com.arri.camera.whitebalancekelvin": "5600"}) == Setting("", 0, 5600)
    assert setting_of({"location": "+51.5335-000.1261/"}).scene == "+51.5335-000.1261/"
    assert setting_of({"iso": "9999999", "white_balance": "auto"}) == Setting()


@pytest.mark.parametrize("never_set", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "today"])
def test_a_clock_that_was_never_set_tells_no_time(never_set):
    assert created_of({"creation_time": never_set}) == ""
    later = {"creation_time": never_set, "date": "2026-11-24T03:00:00+01:00"}
    assert created_of(later) == "2026-11-24T03:00:00+01:00"


def test_sonys_timecode_is_read_from_rtmd_where_there_is_no_tmcd(tmp_path):
    path = tmp_path / "C0001.MP4"
    path.write_bytes(sony_clip(hours=10, minutes=20, seconds=30, frames=7))
    essence = probed(path)
    assert Timecode(essence.start_frame, essence.rate).label == "10:20:30:07"
    assert essence.timecode_source is TimecodeSource.RTMD


def sony_clip(**label: int) -> bytes:
    """A clip whose only timecode is in its metadata samples, as XAVC S has it: subtitles, under another name."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        picture: Any = file.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 128, 96, "yuv420p"
        metadata: Any = file.add_mux_stream("mov_text", rate=25)
        for number in range(4):
            frame = VideoFrame(128, 96, "yuv420p")
            frame.pts = number
            file.mux(picture.encode(frame))
        file.mux(picture.encode(None))
        clock = (label["hours"], label["minutes"], label["seconds"], 0, label["frames"])
        sample = Packet(b"\0\x1c" + bytes(11) + bytes(clock) + bytes(20))
        sample.stream, sample.pts, sample.dts = metadata, 0, 0
        sample.time_base, sample.duration = Fraction(1, 25), 4
        file.mux(sample)
    return buffer.getvalue().replace(b"tx3g", b"rtmd").replace(b"sbtl", b"meta")
