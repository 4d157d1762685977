from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import SidecarError
from daemon.sidecars import sony

AX100 = "cards/sony_xml/ax100_card/PRIVATE/M4ROOT"
DOCUMENTED = {
    "C0001": ("00:00:00;00", "00:00:03;14", 30, True, 210),
    "C0002": ("00:00:00;00", "00:00:05;14", 30, False, 165),
    "C0003": ("00:00:00:00", "00:00:04:23", 24, False, 120),
    "C0004": ("00:00:00;00", "00:00:03;14", 30, False, 105),
    "C0005": ("00:00:00:00", "00:00:03:11", 24, False, 84),
}


@pytest.mark.parametrize(("name", "said"), DOCUMENTED.items())
def test_each_clip_of_the_ax100_card_has_its_documented_timecode(samples, name, said):
    start, end, base, half_step, duration = said
    clip = sony.parse_clip((samples / AX100 / "CLIP" / f"{name}M01.XML").read_bytes())
    assert (str(clip.start), str(clip.changes[-1].ltc)) == (start, end)
    assert (clip.ltc_base, clip.half_step, clip.duration_frames) == (base, half_step, duration)
    assert (clip.manufacturer, clip.model) == ("Sony", "FDR-AX100")
    assert clip.created_at.startswith("2016-01-03T06:")
    assert clip.created_at.endswith("-04:00")
    assert clip.rate is None


def test_the_last_frame_of_a_59_94p_clip_is_the_second_of_its_pair(samples):
    clip = sony.parse_clip((samples / AX100 / "CLIP" / "C0001M01.XML").read_bytes())
    assert [change.ltc.second_field for change in clip.changes] == [False, True]
    assert [change.frame for change in clip.changes] == [0, 209]


def test_the_a6700_clip_has_its_timecode_rate_and_gamma(samples):
    clip = sony.parse_clip((samples / "cards/sony_xml/ilce6700/C0001M01.XML").read_bytes())
    assert str(clip.start) == "01:29:21;27"
    assert str(clip.changes[-1].ltc) == "01:29:34;26"
    assert (clip.rate, clip.interlaced, clip.duration_frames) == (Fraction(30000, 1001), False, 390)
    assert (clip.gamma, clip.primaries, clip.model) == ("rec709", "rec709", "ILCE-6700")
    assert clip.created_at == "2025-10-21T10:30:22-06:00"
    assert clip.umid == "060A2B340101010501010D4313000000CE4E5C17690906C4B0653AFFFE5881D9"
    assert clip.video_codec == "AVC_3840_2160_HP@L51"


def test_the_venice_clip_has_its_reel_and_true_24(samples):
    data = (samples / "cards/camera_metadata/venice/D001C005_210716AGM01.xml").read_bytes()
    clip = sony.parse_clip(data)
    assert (str(clip.start), clip.rate, clip.reel) == ("16:47:04:19", Fraction(24), "001")
    assert (clip.gamma, clip.model, clip.iso, clip.kelvin) == ("scene-linear", "AXS-R7", 500, 4300)


def test_the_ax100_index_names_the_five_clips_that_must_be_there(samples):
    index = sony.parse_index((samples / AX100 / "MEDIAPRO.XML").read_bytes())
    assert index.camera == "FDR-AX100"
    assert [clip.name for clip in index.materials] == list(DOCUMENTED)
    assert [clip.path for clip in index.materials] == [f"CLIP/{name}.MP4" for name in DOCUMENTED]
    rates = [60000, 30000, 24000, 30000, 24000]
    assert [clip.rate for clip in index.materials] == [Fraction(rate, 1001) for rate in rates]
    assert index.materials[0].sidecars == ("CLIP/C0001M01.XML", "THMBNL/C0001T01.JPG")
    for clip in index.materials:
        meta = sony.parse_clip((samples / AX100 / clip.sidecars[0]).read_bytes())
        assert (meta.umid, meta.duration_frames) == (clip.umid, clip.duration_frames)


def test_the_fx6_index_names_two_clips_and_their_proxies(samples):
    index = sony.parse_index((samples / "cards/sony_xml/fx6_card/XDROOT/MEDIAPRO.XML").read_bytes())
    assert index.camera == "ILME-FX6V ver.5.020"
    assert [clip.path for clip in index.materials] == ["Clip/628_1298.MXF", "Clip/628_1299.MXF"]
    assert [clip.proxies for clip in index.materials] == [("Sub/628_1298S03.MP4",), ("Sub/628_1299S03.MP4",)]
    assert [clip.duration_frames for clip in index.materials] == [710, 285]


@given(
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
    st.integers(0, 24),
    st.booleans(),
    st.booleans(),
)
def test_any_timecode_written_as_the_camera_writes_it_is_read_back(hour, minute, second, frame, drop, field):
    for base in (24, 25, 30):
        if frame >= base:
            continue
        bcd = [int(str(value), 16) for value in (frame, second, minute, hour)]
        bcd[0] |= 0x40 * drop
        bcd[3 if base == 25 else 1] |= 0x80 * field
        found = sony.parse_ltc(bytes(bcd).hex(), base)
        assert found == sony.Ltc(hour, minute, second, frame, drop, field)


@pytest.mark.parametrize(
    "value", ["", "0000000", "0000000g", "0A000000", "30000000", "00600000", "00006000", "00000024"]
)
def test_a_timecode_that_no_clock_shows_is_refused(value):
    with pytest.raises(SidecarError):
        sony.parse_ltc(value, 30)


@pytest.mark.parametrize(
    ("words", "rate", "interlaced"),
    [
        ("23.98p", Fraction(24000, 1001), False),
        ("23.976p", Fraction(24000, 1001), False),
        ("24p", Fraction(24), False),
        ("24.00p", Fraction(24), False),
        ("25p", Fraction(25), False),
        ("47.95p", Fraction(48000, 1001), False),
        ("50i", Fraction(25), True),
        ("59.94i", Fraction(30000, 1001), True),
        ("119.88p", Fraction(120000, 1001), False),
        ("", None, False),
    ],
)
def test_rates_are_exact(words, rate, interlaced):
    assert sony.parse_rate(words) == (rate, interlaced)


@pytest.mark.parametrize("words", ["p", "fast", "0p", "29.97", "1e9p", "-25p"])
def test_a_rate_that_is_none_is_refused(words):
    with pytest.raises(SidecarError):
        sony.parse_rate(words)


@pytest.mark.parametrize("uri", ["../../etc/passwd", "/etc/passwd", "http://example.org/a.mp4", "", "./"])
def test_an_index_cannot_point_out_of_its_card(uri):
    data = f'<MediaProfile><Contents><Material uri="{uri}" dur="1"/></Contents></MediaProfile>'.encode()
    with pytest.raises(SidecarError):
        sony.parse_index(data)


@pytest.mark.parametrize("data", [b"<MediaProfile/>", b"<NonRealTimeMeta/>", b"<a/>", b"not xml"])
def test_what_is_no_clip_sidecar_is_refused(data):
    with pytest.raises(SidecarError):
        sony.parse_clip(data)


def test_a_clip_without_a_timecode_table_has_no_start():
    assert sony.parse_clip(b'<NonRealTimeMeta><Duration value="10"/></NonRealTimeMeta>').start is None
