"""Real footage: what the probe measures is what the samples' own list says, and where not, why."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from shots import probed

from engines.errors import MediaError
from engines.media.timecode import Timecode

ROW = re.compile(
    r"^\| `((?:footage|cards|noise)/[^`]+)` \|[^|]*\| ([^|]+) \| ([^|]+) \| (\d+) \| ([^|]+) \|", re.MULTILINE
)
PRESENTED = {
    "cards/avchd/Sony ILCE-7M3 (A7M3).mts": 13,  # interlaced: its 26 packets are fields
    "footage/intel_car_topdown_cut.mp4": 62,  # one packet lies before the edit list's start
    "footage/media3_hlg_editlist.mp4": 77,  # the edit list trims nine frames of the head
    "footage/torchcodec_nasa_13013.mp4": 390,  # the list counts its first stream, the picture is the larger one
}
UNEVEN = {
    "footage/editly_kohlipe1_cut.mp4",  # the cut left pictures out near its end
    "footage/intel_bottles_cut.mp4",  # the cut left pictures out near its end
    "footage/media3_hdr10_rooftop.mp4",  # the phone dropped frames
}
CUT_SHORT = {"cards/mxf_sony/SonyXAVC_LongGOP_green_pixelation_early_Frames.MXF"}
OTHER_RATE = {
    "footage/torchcodec_nasa_13013.mp4",  # the list's rate is of its first stream
    "footage/media3_hlg_editlist.mp4",  # the list's rate is trimmed seconds over all packets
}


@pytest.mark.samples
def test_the_samples_are_what_their_list_says(samples: Path) -> None:
    rows = ROW.findall((samples / "MANIFEST.md").read_text())
    assert len(rows) > 40
    for path, _, fps, frames, timecode in rows:
        if path.endswith(".yuv"):
            continue
        try:
            essence = probed(samples / path)
        except MediaError as error:
            assert path in UNEVEN | CUT_SHORT, error
            assert error.code == ("media.variable_rate" if path in UNEVEN else "media.unreadable")
            continue
        assert essence.frames == PRESENTED.get(path, int(frames)), path
        if path not in OTHER_RATE:
            assert essence.rate == pytest.approx(Fraction(fps.strip()), rel=0.03), path
        if timecode.strip() != "no":
            label = Timecode(essence.start_frame, essence.rate, essence.drop_frame).label
            assert label == timecode.strip(), path
