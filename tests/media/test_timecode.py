"""Labels and frame counts: each frame of a day has one label, each label one frame."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.media.timecode import Timecode, frames_a_day, label_rate, may_drop

NTSC = Fraction(30000, 1001)
RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    NTSC,
    Fraction(30),
    Fraction(48000, 1001),
    Fraction(48),
    Fraction(50),
    2 * NTSC,
    Fraction(60),
    Fraction(100),
    4 * NTSC,
    Fraction(120),
]
COUNTED = st.sampled_from([(rate, drop) for rate in RATES for drop in (False, True) if not drop or may_drop(rate)])


@given(COUNTED, st.integers(0, 120 * 86400))
def test_frame_to_label_and_back(counted: tuple[Fraction, bool], frame: int) -> None:
    rate, drop = counted
    frame %= frames_a_day(rate, drop=drop)
    timecode = Timecode(frame, rate, drop)
    assert Timecode.parse(timecode.label, rate) == timecode


@given(COUNTED, st.integers(0, 120 * 86400))
def test_the_next_frame_has_the_next_label(counted: tuple[Fraction, bool], frame: int) -> None:
    rate, drop = counted
    frame %= frames_a_day(rate, drop=drop)
    here = Timecode(frame, rate, drop)
    assert here.plus(1).label != here.label
    assert here.plus(1).plus(-1) == here
    assert here.plus(frames_a_day(rate, drop=drop)) == here


@pytest.mark.parametrize(
    ("label", "frame", "rate"),
    [
        ("00:00:59;29", 1799, NTSC),
        ("00:01:00;02", 1800, NTSC),
        ("00:09:59;29", 17981, NTSC),
        ("00:10:00;00", 17982, NTSC),
        ("01:00:00;00", 107892, NTSC),
        ("00:01:00;04", 3600, 2 * NTSC),
        ("23:59:59;29", 2589407, NTSC),
    ],
)
def test_drop_frame_by_the_book(label: str, frame: int, rate: Fraction) -> None:
    assert Timecode(frame, rate, drop=True).label == label
    assert Timecode.parse(label, rate).frame == frame


def test_midnight_wraps() -> None:
    assert Timecode.parse("23:59:59:23", Fraction(24)).plus(1).label == "00:00:00:00"
    assert Timecode.parse("23:59:59;29", NTSC).plus(1).label == "00:00:00;00"


def test_23_976_never_drops() -> None:
    with pytest.raises(ValueError, match="does not exist at"):
        Timecode(0, Fraction(24000, 1001), drop=True)
    assert not may_drop(Fraction(25))


@pytest.mark.parametrize(
    "label", ["00:01:00;00", "00:01:00;01", "24:00:00:00", "00:60:00:00", "00:00:00:30", "1:2", ""]
)
def test_labels_that_do_not_exist(label: str) -> None:
    with pytest.raises(ValueError, match=r"exist|timecode|leaves out"):
        Timecode.parse(label, NTSC)


def test_labels_a_second() -> None:
    assert [label_rate(rate) for rate in RATES] == [24, 24, 25, 30, 30, 48, 48, 50, 60, 60, 100, 120, 120]
