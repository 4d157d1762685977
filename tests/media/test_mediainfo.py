"""What MediaInfo, which is not ours and which cutting rooms ask, says of each preset's media."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from pymediainfo import MediaInfo
from shots import Shot, Sound, deliver

from engines.media.preset import PRESETS, ProxyCodec, Wrapper

CODECS = {
    ProxyCodec.DNXHR_LB: "DNxHR LB",
    ProxyCodec.DNXHD_36: "DNxHD 36",
    ProxyCodec.PRORES_PROXY: "ProRes 422 Proxy",
    ProxyCodec.PRORES_LT: "ProRes 422 LT",
    ProxyCodec.PRORES_HQ: "ProRes 422 HQ",
    ProxyCodec.H264: "AVC",
}
WRAPPERS = {Wrapper.MOV: "QuickTime", Wrapper.OP1A: "OP-1a", Wrapper.OPATOM: "OP-Atom"}
START = "09:59:59:22"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shot = Shot(
        frames=6,
        rate=Fraction(24000, 1001),
        timecode=START,
        reel="A001R1AB",
        sounds=(Sound(), Sound()),
        size=(640, 360),
    )
    return shot.write(tmp_path_factory.mktemp("camera") / "A001C001.mov")


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if not preset.guide_mix])
def test_mediainfo_reads_codec_wrapper_rate_timecode_and_sound(clip: Path, tmp_path: Path, name: str) -> None:
    preset = PRESETS[name]
    done = deliver(clip, out=tmp_path / f"proxy{preset.wrapper.suffix}", preset=preset)
    found: list[dict[str, Any]] = [track.to_data() for track in MediaInfo.parse(done.path).tracks]
    (general,), (video,) = ([one for one in found if one["track_type"] == kind] for kind in ("General", "Video"))
    sound = [one for one in found if one["track_type"] == "Audio"]
    starts = [one["time_code_of_first_frame"] for one in found if one.get("type") == "Time code"]
    assert general["format_profile"] == WRAPPERS[preset.wrapper]
    assert f"{video['commercial_name']} {video['format_profile']}".startswith(CODECS[preset.codec])
    assert (video["width"], video["height"]) == (done.spec.width, done.spec.height)
    assert (video["frame_rate"], video["frame_count"], video["scan_type"]) == ("23.976", "6", "Progressive")
    assert starts[0] == START
    assert [(one["channel_s"], one["sampling_rate"]) for one in sound] == (
        [] if preset.wrapper is Wrapper.OPATOM else [(1, 48000), (1, 48000)]  # its sound lies in files of their own
    )
    if preset.wrapper.is_mxf:
        assert general["package_name"] == "A001C001 / A001R1AB"
