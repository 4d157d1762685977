"""DJI's subtitles: what a drone says of its exposure, in the words of each model."""

from __future__ import annotations

import pytest

from daemon.sidecars.dji import parse_iso, parse_kelvin


@pytest.mark.parametrize(
    ("line", "iso"),
    [
        (b"[iso : 100] [shutter : 1/60.0] [fnum : 280]", 100),
        (b"[iso: 220] [shutter: 1/8000.0]", 220),
        (b"F/2.8, SS 30.15, ISO 260, EV -1.7, GPS (8.2090, 47.4692, 18)", 260),
        (b"ISO:100 TV:60 EV: 0 IR:F2.8", 100),
        (b"isolated 4000", 0),
        (b"ISO: auto", 0),
        (b"ISO 99999999999", 0),
        (b"", 0),
    ],
)
def test_every_wording_is_read_and_nothing_else(line: bytes, iso: int) -> None:
    assert parse_iso(line) == iso


def test_what_most_of_a_clip_was_exposed_at_counts() -> None:
    assert parse_iso(b"[iso : 100]\n" * 2 + b"[iso : 400]\n" * 3) == 400


@pytest.mark.samples
def test_every_drone_at_hand_is_read(samples) -> None:
    told = {path.name: parse_iso(path.read_bytes()) for path in (samples / "cards/dji_srt").iterdir()}
    assert len(told) == 8
    assert all(told.values())
    assert (told["mavic_mini.SRT"], told["MAVIC3_first60k.srt"]) == (260, 250)


def test_the_white_balance_is_the_one_of_most_of_the_clip() -> None:
    assert parse_kelvin(b"[iso : 100] [ct : 5500]\n" * 3 + b"[ct: 5115]\n") == 5500
    assert parse_kelvin(b"[iso : 100]") == 0
