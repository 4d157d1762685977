"""Production sound in timelines: on its sample, under its picture, named as the recorder named it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import aaf2
import opentimelineio as otio
import pytest
from defusedxml import ElementTree
from handed import clip, roll
from hypothesis import given
from hypothesis import strategies as st
from test_timelines import RATES, opened, read

from daemon.sidecars.lanes import SoundCut, SoundFile, lanes, span
from daemon.slate import Published, Twin
from daemon.sounds import ClipSound, Pair, PlacedSound, Recording, TakeFile
from daemon.turnover.roll import Roll, TurnoverClip
from daemon.turnover.timelines import aafs, stringouts, texts

HOUR = 3600


def recorded(*tracks: str, seconds: float = 60.0, rate: int = 48_000, begins: int | None = HOUR) -> Recording:
    """A poly file of a recorder, begun so many seconds after midnight."""
    return Recording(
        len(tracks), rate, 24, False, round(seconds * rate), tracks, scene="12A", take="3", tape="SR001",
        start_samples=None if begins is None else begins * rate, timestamp_rate=rate,
    )  # fmt: skip


def found(
    recording: Recording, offset_seconds: float, name: str = "12A-T003", sound_roll: str = "SR001"
) -> PlacedSound:
    pair = Pair(1, offset_seconds, 3.2, 80.0, 0.9, "timecode and waveform", 0.01, None)
    file = TakeFile(name, f"{name}.wav", "ac" * 16, recording)
    return PlacedSound(pair, name, sound_roll, recording, (file,))


def in_sync(made: TurnoverClip, *placed: PlacedSound, mix: bool = False) -> TurnoverClip:
    published = made.published
    if mix:
        facts = Published(
            Twin.SOUND, 1, f"sound/{made.name}.wav", "11" * 16, 9, 0, 0, "pcm_s24le", "", "", "r", "t", {}
        )
        published = (*published, facts)
    return replace(made, published=published, sound=ClipSound(placed, "", (), None))


def take(label: str, *placed: PlacedSound, name: str = "A001C001", mix: bool = False) -> TurnoverClip:
    rate, drop = RATES[label]
    return in_sync(clip(name, rate, drop=drop, frames=100), *placed, mix=mix)


def of(made: Roll) -> dict[str, bytes]:
    """All but the AAF, which takes ten times as long as the others together."""
    return texts(stringouts("A001", [made]))


def aaf_of(made: Roll) -> bytes:
    return aafs(stringouts("A001", [made]), made.written_at)["A001.aaf"]


def sound_tracks(timeline: Any) -> list[Any]:
    """The audio tracks behind the camera's two."""
    return list(timeline.audio_tracks())[2:]


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("label", RATES)
def test_otio_has_each_iso_on_its_sample_under_its_picture(label: str, rate: int) -> None:
    recording = recorded("Boom", "Lav Anna", rate=rate)
    timeline = read(of(roll(take(label, found(recording, 7.123456))))["A001.otio"].decode(), "otio_json")
    tracks = sound_tracks(timeline)
    assert [track.name for track in tracks] == ["Boom", "Lav Anna"]
    picture = next(iter(timeline.video_tracks()[0]))
    for number, track in enumerate(tracks, 1):
        (sound,) = track
        start, length = sound.source_range.start_time, sound.source_range.duration
        assert (start.value, start.rate) == (HOUR * rate + round(7.123456 * rate), rate)
        assert length.value == float(100 * rate / RATES[label][0])
        assert abs(track.duration().to_seconds() - picture.source_range.duration.to_seconds()) < 1e-9
        assert sound.media_reference.target_url == "../SR001/12A-T003.wav"
        assert sound.media_reference.available_range.start_time.value == HOUR * rate
        told = sound.metadata["nearset"]
        assert (told["channel"], told["track"], told["Sound Roll"]) == (number, track.name, "SR001")
        assert (told["offset_seconds"], told["drift_ppm"], told["confidence"]) == (7.123456, 3.2, 0.9)
        assert told["link"] == picture.metadata["nearset"]["link"]
        seconds = otio.opentime.RationalTime(start.value, rate).to_seconds() * float(RATES[label][0])
        assert told["Sound TC"] == recording.timecode(RATES[label][0], round(7.123456 * rate) / rate).label  # type: ignore[union-attr]
        assert abs(seconds - round(seconds)) <= 0.5
    assert read(timeline.to_json_string(), "otio_json").is_equivalent_to(timeline)


def test_sound_that_begins_late_and_ends_early_leaves_its_place_empty() -> None:
    """One second late; three seconds and a half frame long, of which only whole frames are laid."""
    recording = recorded("Boom", seconds=3 + 0.5 / 24)
    second = take("24", found(recorded("Boom"), 0.0), name="A001C002")
    timeline = read(of(roll(take("24", found(recording, -1.0)), second))["A001.otio"].decode(), "otio_json")
    (track,) = sound_tracks(timeline)
    kinds = [(type(one).__name__, one.source_range.duration.rescaled_to(24).value) for one in track]
    assert kinds == [("Gap", 24), ("Clip", 72), ("Gap", 4), ("Clip", 100)]
    assert track[1].source_range.start_time.value == HOUR * 48_000


def test_two_takes_of_a_recorder_share_a_track_and_two_recorders_do_not() -> None:
    first, second = recorded("Boom", seconds=2.0), recorded("Boom", begins=HOUR + 2)
    other = recorded("Boom", "Zoom L")
    placed = (found(first, 0.0), found(second, -2.0, "12A-T004"), found(other, 1.0, "Z01", "ZOOM"))
    timeline = read(of(roll(take("24", *placed)))["A001.otio"].decode(), "otio_json")
    names = [(track.name, [one.name for one in track.find_clips()]) for track in sound_tracks(timeline)]
    assert names == [("Boom", ["12A-T003", "12A-T004"]), ("Boom", ["Z01"]), ("Zoom L", ["Z01"])]


def test_the_guide_mix_comes_first_and_lies_in_the_delivery() -> None:
    files = of(roll(take("25", found(recorded("Boom"), 7.0), mix=True)))
    timeline = read(files["A001.otio"].decode(), "otio_json")
    mix, boom = sound_tracks(timeline)
    assert (mix.name, boom.name) == ("Guide mix", "Boom")
    assert mix[0].media_reference.target_url == "sound/A001C001.wav"
    assert mix[0].source_range.start_time.value == HOUR * 48_000
    of_day = texts(stringouts("D", [roll(take("25", found(recorded("Boom"), 7.0), mix=True))], of_day=True))
    urls = [track[0].media_reference.target_url for track in sound_tracks(read(of_day["D.otio"].decode(), "otio_json"))]
    assert urls == ["A001/sound/A001C001.wav", "SR001/12A-T003.wav"]


@pytest.mark.parametrize("label", RATES)
def test_an_aaf_leads_from_the_cut_to_the_sound_file_and_its_roll_by_the_sample(label: str, tmp_path: Path) -> None:
    rate, drop = RATES[label]
    data = aaf_of(roll(take(label, found(recorded("Boom", "Lav"), 7.123456))))
    (tmp_path / "A001.aaf").write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timeline = otio.adapters.read_from_file(str(tmp_path / "A001.aaf"))
    assert [track.name for track in sound_tracks(timeline)] == ["Boom", "Lav"]
    assert [[one.name for one in track.find_clips()] for track in sound_tracks(timeline)] == [["12A-T003"]] * 2
    with opened(tmp_path, data) as file:
        (sequence,) = file.content.toplevel()
        slots = {slot.name: slot for slot in sequence.slots}
        for channel, name in enumerate(("Boom", "Lav"), 1):
            (cut,) = slots[name].segment.components
            assert (cut.start, cut.length) == (0, 100)
            by_name = {slot.name: slot for slot in cut.mob.slots}
            master = by_name[name]
            assert float(master.edit_rate) == 48_000
            assert master.segment.start == round(7.123456 * 48_000)
            assert 0 <= master.segment.length - 100 * 48_000 / rate < 1
            wave = master.segment.mob
            assert isinstance(wave.descriptor, aaf2.essence.PCMDescriptor)
            assert [one["URLString"].value for one in wave.descriptor["Locator"].value] == ["../SR001/12A-T003.wav"]
            on_roll = master.segment.slot.segment
            assert master.segment.slot.name == name
            assert master.segment.slot["PhysicalTrackNumber"].value == channel
            assert (on_roll.start, on_roll.mob.name) == (HOUR * 48_000, "SR001")
            comments = dict(cut.mob.comments.items())
            assert (comments["Sound Roll"], comments["Scene"], comments["Picture"]) == ("SR001", "12A", "A001C001")
            assert comments["Sound TC"]
        (counting,) = [slot for slot in on_roll.mob.slots if isinstance(slot.segment, aaf2.components.Timecode)]
        assert counting.segment.start == 0
    assert not drop or counting.segment.fps in {30, 60}


def test_an_aaf_has_one_sound_file_however_many_takes_lie_in_it(tmp_path: Path) -> None:
    recording = recorded("Boom")
    made = roll(take("24", found(recording, 2.0)), take("24", found(recording, 30.0), name="A001C002"))
    with opened(tmp_path, aaf_of(made)) as file:
        waves = [mob for mob in file.content.sourcemobs() if isinstance(mob.descriptor, aaf2.essence.PCMDescriptor)]
        assert [mob.name for mob in waves] == ["12A-T003.wav"]
        cuts = [mob for mob in file.content.mastermobs() if mob.name == "12A-T003"]
        starts = [next(iter(mob.slots)).segment.start for mob in cuts]
    assert starts == [96_000, 1_440_000]


@pytest.mark.parametrize("label", RATES)
def test_an_fcp_7_xml_ties_sound_to_its_picture_and_keeps_its_sample_in_ticks(label: str) -> None:
    rate = RATES[label][0]
    files = of(roll(take(label, found(recorded("Boom", "Lav"), 7.123456))))
    timeline = read(files["A001.xml"].decode(), "fcp_xml")
    assert [[one.name for one in track.find_clips()] for track in sound_tracks(timeline)] == [
        ["12A-T003 Boom"],
        ["12A-T003 Lav"],
    ]
    root = ElementTree.fromstring(files["A001.xml"])
    picture = next(item for item in root.iter("clipitem"))
    sounds = [item for item in root.iter("clipitem") if (item.get("id") or "").startswith("soundclip")]
    tied = [link.findtext("linkclipref") for link in picture.iter("link")]
    assert [item.get("id") for item in sounds] == tied[-2:]
    for channel, item in enumerate(sounds, 1):
        assert [link.findtext("linkclipref") for link in item.iter("link")] == tied
        assert item.findtext("sourcetrack/trackindex") == str(channel)
        assert int(item.findtext("in") or -1) == round(Fraction(round(7.123456 * 48_000), 48_000) * rate)
        ticks = int(item.findtext("pproTicksIn") or -1)
        assert ticks == round(7.123456 * 48_000) * 5_292_000
        length = int(item.findtext("pproTicksOut") or -1) - ticks
        assert abs(length - 100 * 254_016_000_000 / rate) <= 0.5
    file = sounds[0].find("file")
    assert file is not None
    assert (file.findtext("pathurl"), file.findtext("timecode/reel/name")) == ("../SR001/12A-T003.wav", "SR001")
    assert len(sounds[1].find("file") or ()) == 0


@pytest.mark.parametrize("label", RATES)
def test_an_fcpxml_hangs_sound_from_its_take_at_an_exact_time(label: str) -> None:
    rate = RATES[label][0]
    made = take(label, found(recorded("Boom", "Lav.1"), 7.123456))
    data = of(roll(made))["A001.fcpxml"]
    root = ElementTree.fromstring(data)
    (sound,) = root.findall(".//spine/asset-clip/asset-clip")
    asset = {one.get("id"): one for one in root.iter("asset")}[sound.get("ref")]
    assert Fraction((sound.get("start") or "").removesuffix("s")) == HOUR + Fraction(round(7.123456 * 48_000), 48_000)
    assert Fraction((sound.get("duration") or "").removesuffix("s")) == 100 / rate
    assert Fraction((sound.get("offset") or "").removesuffix("s")) == made.essence.start_frame / rate
    assert (asset.get("src"), asset.get("hasVideo"), asset.get("audioChannels")) == ("../SR001/12A-T003.wav", None, "2")
    assert [one.get("role") for one in sound.iter("audio-channel-source")] == ["dialogue.Boom", "dialogue.Lav 1"]
    if label in {"24", "25", "50"}:
        timeline = read(data.decode(), "fcpx_xml")  # the adapter takes every connected clip for picture
        (lane,) = [track for track in timeline.tracks if track.name == "-1"]
        (one,) = lane.find_clips()
        begins = round((HOUR + Fraction(7.123456)) * rate - Fraction(1, 2))
        assert (one.name, one.source_range.start_time.value, one.source_range.duration.value) == (
            "12A-T003",
            begins,
            100,
        )


def test_sound_without_timecode_is_laid_by_its_place_alone() -> None:
    timeline = read(of(roll(take("24", found(recorded("", begins=None), 7.0))))["A001.otio"].decode(), "otio_json")
    (track,) = sound_tracks(timeline)
    assert track.name == "A3"
    assert track[0].source_range.start_time.value == 7 * 48_000
    assert track[0].metadata["nearset"]["Sound TC"] == ""


@given(
    st.floats(-50, 50), st.integers(1, 500), st.sampled_from(sorted({rate for rate, _ in RATES.values()})),
    st.integers(1, 3_000_000), st.sampled_from([44_100, 48_000, 96_000]),
)  # fmt: skip
def test_a_cut_never_leaves_its_take_nor_its_file(
    offset: float, frames: int, rate: Fraction, samples: int, sample_rate: int
) -> None:
    at, length, start = span(offset, frames, rate, samples, sample_rate)
    a_frame = sample_rate / rate
    if not length:
        return
    assert at >= 0
    assert at + length <= frames
    assert start >= 0
    assert start + length * a_frame <= samples + 1
    assert abs(start - (Fraction(offset) * sample_rate + at * a_frame)) <= 1
    assert at == 0 or start < a_frame + 1  # no whole frame of sound is left out before it
    assert at + length == frames or start + (length + 1) * a_frame > samples


CUTS = st.lists(st.tuples(st.integers(0, 80), st.integers(1, 20), st.integers(1, 4)), max_size=5)


@given(st.lists(CUTS, max_size=4))
def test_lanes_hold_every_channel_once_and_none_over_another(takes: list[list[tuple[int, int, int]]]) -> None:
    def cut(number: int, at: int, frames: int, channels: int) -> SoundCut:
        file = SoundFile(
            f"T{number}", "SR", f"T{number}.wav", "", 48_000, 24, 9, 0, Fraction(24), False, ("",) * channels
        )
        return SoundCut(file, at, frames, 0)

    cuts = [[cut(number, *words) for number, words in enumerate(one)] for one in takes]
    laid = lanes(cuts)
    held = sorted((one.take, one.cut.file.name, one.channel) for lane in laid for one in lane.cuts)
    wanted = [
        (take, cut.file.name, channel)
        for take, found in enumerate(cuts)
        for cut in found
        for channel in range(1, len(cut.file.tracks) + 1)
    ]
    assert held == sorted(wanted)
    for lane in laid:
        for number in range(len(takes)):
            spans = [(one.cut.at, one.cut.at + one.cut.frames) for one in lane.under(number)]
            assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
