"""What sound files say of themselves: bext, iXML, and the rules of time between a recorder and a camera."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import SidecarError
from daemon.sidecars import bext, ixml
from daemon.sounds import Recording, recording_of, speeds, told_offset
from engines.media.essence import CodeRange, Essence, FieldOrder, TimecodeSource
from engines.sound.wave import open_wave

WORDS = st.text(st.characters(codec="ascii", exclude_characters="\0\r\n<>&", categories=["L", "N", "P"]), max_size=20)
NTSC = Fraction(24000, 1001)


@given(WORDS, WORDS, st.integers(0, 2**64 - 1))
def test_bext_reads_back_as_it_was_written(description: str, originator: str, reference: int) -> None:
    told = bext.Bext(description.strip(), originator.strip(), "", "2026-03-02", "12:00:00", reference, 1, "A=PCM")
    assert bext.parse(bext.compose(told), "T001") == told


@settings(max_examples=40)
@given(st.text(max_size=20), st.integers(0, 2**64 - 1), st.booleans(), st.sampled_from([NTSC, Fraction(25), None]))
def test_ixml_reads_back_as_it_was_written(scene: str, reference: int, circled: bool, rate: Fraction | None) -> None:
    plain = "".join(character if character.isprintable() else " " for character in scene).strip()
    told = ixml.Ixml(
        scene=plain, take="3", circled=circled, timecode_rate=rate, time_reference=reference, tracks=((1, "Boom"),)
    )
    assert ixml.parse(ixml.compose(told) + b"\0 ", "T001") == told


@given(st.binary(max_size=700))
def test_no_bytes_do_worse_to_the_readers_than_an_error(data: bytes) -> None:
    for read in (bext.parse, ixml.parse):
        try:
            read(data, "T001")
        except SidecarError as error:
            assert "T001" in str(error)


def test_ixml_with_entities_is_refused() -> None:
    with pytest.raises(SidecarError, match="DOCTYPE"):
        ixml.parse(b'<!DOCTYPE x [<!ENTITY a "b">]><BWFXML><SCENE>&a;</SCENE></BWFXML>', "T001")


@pytest.mark.samples
@pytest.mark.parametrize(
    ("path", "scene", "take", "label"),
    [
        ("sounddevices_702T/A101_1.WAV", "A101", "1", "12:39:59:00"),
        ("sounddevices_702T/A101_3.WAV", "A101", "3", "12:40:14:00"),
        ("sounddevices_702T/A101_4.WAV", "A101", "4", "12:40:15:00"),
        ("zoom_F8/Scene_1_2AG-T001.TAKE/Scene_1_2AG-T001_Tr1.WAV", "Scene_1_2AG", "001", "22:40:10:00"),
        ("metacorder/Sr001-2C-01_01.WAV", "2C", "01", "13:37:30:08"),
        ("zoom_H4n/STE-000.wav", "", "", "17:54:35:00"),
    ],
)
def test_real_recorders_are_understood(samples: Path, path: str, scene: str, take: str, label: str) -> None:
    with (samples / "sound" / path).open("rb") as file:
        wave = open_wave(path, file.fileno())
        words = ixml.parse(wave.ixml, path) if wave.ixml else None
        known = wave.format
        measured = (known.channels, known.sample_rate, known.bits, known.is_float, known.frames)
        recording = recording_of(measured, bext.parse(wave.bext, path), words)
    assert (recording.scene, recording.take) == (scene, take)
    timecode = recording.timecode(Fraction(25))
    assert timecode is not None
    assert timecode.label == label
    assert recording.notes == ()


def essence(rate: Fraction, start_frame: int) -> Essence:
    return Essence(
        container="mov", codec="mpeg4", profile="", width=128, height=96, pixel_aspect=Fraction(1),
        pixel_format="yuv420p", bits=8, frames=48, rate=rate, variable_rate=False, field_order=FieldOrder.PROGRESSIVE,
        rotation_degrees=0, code_range=CodeRange.LEGAL, matrix="bt709", primaries="bt709", transfer="bt709",
        start_frame=start_frame, drop_frame=False, timecode_source=TimecodeSource.TMCD, reel="A001", camera="",
        created="", audio=(),
    )  # fmt: skip


def at(start_seconds: Fraction | int, rate: Fraction | None) -> Recording:
    return Recording(
        1, 48_000, 24, False, 480_000, ("",), start_samples=round(start_seconds * 48_000), timecode_rate=rate
    )


def test_timecodes_that_agree_place_a_clip() -> None:
    hour = 3600 * 24
    assert told_offset(at(3600, Fraction(24)), essence(Fraction(24), hour + 48)) == 2.0
    slow = Fraction(3600 * 1001, 1000)  # the label 01:00:00:00 at 23.976, in seconds
    assert told_offset(at(slow, NTSC), essence(NTSC, hour + 48)) == pytest.approx(2.002)
    # a recorder at 24 beside a camera at 23.976: the labels agree, the seconds do not
    assert told_offset(at(3600, Fraction(24)), essence(NTSC, hour + 48)) == 2.0
    assert speeds(at(3600, Fraction(24)), essence(NTSC, hour)) == (1.0, 1.001, pytest.approx(1 / 1.001))


def test_midnight_and_what_has_no_timecode() -> None:
    assert told_offset(at(86_399, None), essence(Fraction(25), 25)) == 2.0
    assert told_offset(Recording(1, 48_000, 24, False, 1, ("",)), essence(Fraction(25), 25)) is None
    made_up = replace(essence(Fraction(25), 25), timecode_source=TimecodeSource.TIME_OF_DAY)
    assert told_offset(at(0, None), made_up) is None


def test_words_that_contradict_the_samples_are_not_believed() -> None:
    measured = (2, 48_000, 24, False, 480_000)
    told = bext.Bext(time_reference=48_000)
    assert (
        recording_of(measured, told, ixml.Ixml(file_rate=48_048)).start_samples == 48_000
    )  # pulled up: that is no lie
    for lie in (ixml.Ixml(file_rate=96_000), ixml.Ixml(timestamp_rate=44_100), ixml.Ixml(time_reference=1)):
        recording = recording_of(measured, told, lie)
        assert recording.start_samples is None
        assert "believed" in recording.notes[0]
    late = recording_of(measured, bext.Bext(time_reference=2**40), None)
    assert (late.start_samples, "more than a day" in late.notes[0]) == (None, True)
