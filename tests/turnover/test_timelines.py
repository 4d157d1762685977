"""Timelines in every form, read back by the libraries that others read them with, and by exact arithmetic."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import aaf2
import opentimelineio as otio
import pytest
from defusedxml import ElementTree
from handed import clip, roll
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sidecars import edl, fcp7, fcpxml
from daemon.sidecars import otio as otio_file
from daemon.sidecars.stringout import Stringout, StringoutClip
from daemon.turnover.roll import Roll, TurnoverClip
from daemon.turnover.timelines import aafs, left_out, stringouts, texts
from engines.media.essence import AudioTrack
from engines.media.timecode import Timecode, frames_a_day, may_drop

RATES = {
    "23.976": (Fraction(24000, 1001), False),
    "24": (Fraction(24), False),
    "25": (Fraction(25), False),
    "29.97df": (Fraction(30000, 1001), True),
    "29.97ndf": (Fraction(30000, 1001), False),
    "47.952": (Fraction(48000, 1001), False),
    "50": (Fraction(50), False),
    "59.94df": (Fraction(60000, 1001), True),
}
STARTS = ("01:00:00:00", "00:00:00:00", "23:59:58:00")


def three_takes(rate: Fraction, *, drop: bool) -> Roll:
    """An hour in, at midnight, and across midnight."""
    return roll(*(clip(f"A001C00{n}", rate, drop=drop, start=start, frames=180) for n, start in enumerate(STARTS, 1)))


def of_roll(made: Roll) -> tuple[Stringout, dict[str, bytes]]:
    """The stringout and all its timelines but the AAF, which takes ten times as long as the others together."""
    found = stringouts("A001", [made])
    (stringout,) = found.values()
    return stringout, texts(found)


def aaf_of(stringout: Stringout) -> bytes:
    return aafs({"A001": stringout}, "2026-11-24T18:00:00+00:00")["A001.aaf"]


def told(stringout: Stringout) -> list[tuple[str, int, int]]:
    return [(one.name, one.start_frame, one.frames) for one in stringout.clips]


def read(text: str, adapter: str, **words: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the adapters' own deprecations
        found = otio.adapters.read_from_string(text, adapter, **words)
    return found if isinstance(found, otio.schema.Timeline) else next(iter(found))


def takes(timeline: Any) -> list[tuple[str, int, int]]:
    """Name, first frame and length of each take on the first picture track."""
    return [
        (one.name, round(one.source_range.start_time.value), round(one.source_range.duration.value))
        for one in timeline.video_tracks()[0].find_clips()
    ]


@pytest.mark.parametrize("label", RATES)
def test_opentimelineio_reads_its_own_form(label: str) -> None:
    rate, drop = RATES[label]
    stringout, files = of_roll(three_takes(rate, drop=drop))
    timeline = read(files["A001.otio"].decode(), "otio_json")
    assert takes(timeline) == told(stringout)
    assert timeline.global_start_time.to_timecode(float(rate), drop).replace(";", ":") == "01:00:00:00"
    first = next(iter(timeline.video_tracks()[0]))
    assert first.source_range.start_time.rate == float(rate)
    media = first.media_references()
    assert {key: one.target_url for key, one in media.items()} == {
        "DEFAULT_MEDIA": "proxy/A001C001.mov",
        "enhanced": "enhanced/A001C001.mov",
    }
    assert first.metadata["nearset"]["reel"] == "A001R1JL"
    assert [len(list(track)) for track in timeline.audio_tracks()] == [3, 3]
    assert read(timeline.to_json_string(), "otio_json").is_equivalent_to(timeline)


@pytest.mark.parametrize("label", RATES)
def test_an_fcp_7_xml_reads_as_the_same_takes(label: str) -> None:
    rate, drop = RATES[label]
    stringout, files = of_roll(three_takes(rate, drop=drop))
    timeline = read(files["A001.xml"].decode(), "fcp_xml")
    assert takes(timeline) == told(stringout)
    assert len(timeline.audio_tracks()) == 2
    assert timeline.global_start_time.value == stringout.start.frame
    for one, take in zip(timeline.video_tracks()[0].find_clips(), stringout.clips, strict=True):
        assert one.media_reference.available_range.start_time.value == take.start_frame
        assert one.media_reference.target_url == take.path
        timecode = one.media_reference.metadata["fcp_xml"]["timecode"]
        assert timecode["reel"]["name"] == "A001R1JL"
        assert timecode["displayformat"] == ("DF" if drop else "NDF")


@pytest.mark.parametrize("label", ["24", "25", "50"])
def test_an_fcpxml_reads_as_the_same_takes(label: str) -> None:
    """The adapter takes 1001/24000s for 23 frames a second; slowed rates are read exactly below."""
    stringout, files = of_roll(three_takes(RATES[label][0], drop=False))
    timeline = read(files["A001.fcpxml"].decode(), "fcpx_xml")
    assert takes(timeline) == told(stringout)
    assert [one.media_reference.target_url for one in timeline.video_tracks()[0].find_clips()] == [
        take.path for take in stringout.clips
    ]


@pytest.mark.parametrize("label", RATES)
def test_an_aaf_leads_from_sequence_through_master_clip_and_movie_to_the_tape(label: str, tmp_path: Path) -> None:
    rate, drop = RATES[label]
    (stringout,) = stringouts("A001", [three_takes(rate, drop=drop)]).values()
    data = aaf_of(stringout)
    (tmp_path / "A001.aaf").write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timeline = otio.adapters.read_from_file(str(tmp_path / "A001.aaf"))
    assert takes(timeline) == told(stringout)
    assert timeline.global_start_time.value == stringout.start.frame
    assert len(timeline.audio_tracks()) == 2
    with opened(tmp_path, data) as file:
        (sequence,) = file.content.toplevel()
        assert sequence.name == "A001"
        assert len(list(file.content.mastermobs())) == 3
        (tape,) = [mob for mob in file.content.sourcemobs() if isinstance(mob.descriptor, aaf2.essence.TapeDescriptor)]
        (counting,) = [slot for slot in tape.slots if isinstance(slot.segment, aaf2.components.Timecode)]
        assert tape.name == "A001R1JL"
        assert (counting.segment.fps, counting.segment.drop) == (stringout.label_rate, drop)
        assert str(counting.edit_rate) in {str(rate), f"{rate.numerator}/{rate.denominator}"}
        for master, take in zip(file.content.mastermobs(), stringout.clips, strict=True):
            movie = next(iter(master.slots)).segment.mob
            on_tape = next(iter(movie.slots)).segment
            assert (on_tape.mob.mob_id, on_tape.start, on_tape.length) == (tape.mob_id, take.start_frame, 180)
            assert [one["URLString"].value for one in movie.descriptor["Locator"].value] == [take.path]


def test_the_same_take_is_the_same_master_clip_in_roll_and_day_and_a_revision_is_another(tmp_path: Path) -> None:
    made = three_takes(Fraction(24), drop=False)
    revised = replace(made.clips[0], published=tuple(replace(one, xxh128="99" * 16) for one in made.clips[0].published))

    def masters(found: dict[str, Stringout]) -> list[str]:
        (stringout,) = found.values()
        with opened(tmp_path, aaf_of(stringout)) as file:
            return [str(mob.mob_id) for mob in file.content.mastermobs()]

    roll_ids = masters(stringouts("A001", [made]))
    day_ids = masters(stringouts("SHOW_20261124", [made], of_day=True))
    new_ids = masters(stringouts("A001", [replace(made, clips=(revised, *made.clips[1:]))]))
    assert roll_ids == day_ids
    assert [one == other for one, other in zip(roll_ids, new_ids, strict=True)] == [False, True, True]


@contextmanager
def opened(folder: Path, data: bytes) -> Iterator[Any]:
    """An AAF, read with the library that others read it with, too."""
    (folder / "A001.aaf").write_bytes(data)
    with aaf2.open(str(folder / "A001.aaf")) as file:
        yield file


@pytest.mark.parametrize("label", RATES)
def test_an_edl_is_there_where_it_tells_the_truth_and_reads_as_the_same_takes(label: str) -> None:
    rate, drop = RATES[label]
    made = three_takes(rate, drop=drop)
    made = replace(made, clips=made.clips[:2])  # an EDL has no day after
    stringout, files = of_roll(made)
    if label == "29.97ndf":
        assert "A001.edl" not in files
        assert "drop-frame" in left_out(stringouts("A001", [made]))["A001.edl"]
        return
    text = files["A001.edl"].decode()
    timeline = read(text, "cmx_3600", rate=float(rate))
    assert takes(timeline) == told(stringout)
    assert ("FCM: DROP FRAME" in text) is drop
    assert [one.metadata["cmx_3600"]["reel"] for one in timeline.find_clips()] == ["A001R1JL"] * 2


def test_no_edl_of_a_take_that_crosses_midnight_and_the_record_says_why() -> None:
    made = three_takes(Fraction(25), drop=False)
    assert "A001.edl" not in of_roll(made)[1]
    assert left_out(stringouts("A001", [made])) == {
        "A001.edl": "A001C003 crosses midnight, and its end would lie before its start"
    }


def test_no_edl_of_takes_with_and_without_drop_frame() -> None:
    rate = Fraction(30000, 1001)
    made = roll(clip("A", rate, drop=True), clip("B", rate))
    assert "with and without drop-frame" in left_out(stringouts("A001", [made]))["A001.edl"]
    assert not of_roll(made)[0].drop_frame


def with_reel(made: TurnoverClip, reel: str) -> TurnoverClip:
    return replace(made, essence=replace(made.essence, reel=reel))


def test_a_long_reel_makes_a_file32_and_is_whole_in_it() -> None:
    reel = "A001C001_261124_R1JL_AND_MORE_32"
    text = of_roll(roll(with_reel(clip("A001C001", Fraction(24)), reel)))[1]["A001.edl"].decode()
    assert text.splitlines()[3].startswith(f"000001  {reel} V ")
    timeline = read(text, "cmx_3600", rate=24)
    (one,) = timeline.find_clips()
    assert one.metadata["cmx_3600"]["reel"] == reel


def test_an_edl_has_room_for_999_events_and_a_file32_for_9999() -> None:
    (stringout,) = stringouts("A001", [roll(clip("A", Fraction(24), frames=1))]).values()
    many = replace(stringout, clips=stringout.clips * 1000)
    assert "\r\n001000  A001R1JL" in edl.compose(many).decode()
    assert not edl.why_not(many)
    assert edl.why_not(replace(stringout, clips=stringout.clips * 10_000)) == "it has more than 9999 events"


def test_mixed_rates_make_a_timeline_each_as_they_make_an_ale_each() -> None:
    found = stringouts("A001", [roll(clip("A", Fraction(24)), clip("B", Fraction(24)), clip("C", Fraction(25)))])
    assert {name: [one.name for one in stringout.clips] for name, stringout in found.items()} == {
        "A001": ["A", "B"],
        "A001_25": ["C"],
    }


def test_a_days_timelines_find_each_roll_in_its_folder() -> None:
    other = replace(roll(clip("B001C001", Fraction(24))), name="B001")
    (stringout,) = stringouts("SHOW_20261124", [roll(clip("A001C001", Fraction(24))), other], of_day=True).values()
    assert [(one.roll, one.path) for one in stringout.clips] == [
        ("A001", "A001/proxy/A001C001.mov"),
        ("B001", "B001/proxy/B001C001.mov"),
    ]


def test_a_take_with_less_sound_leaves_its_place_empty(tmp_path: Path) -> None:
    silent = clip("A001C002", Fraction(24))
    silent = replace(silent, essence=replace(silent.essence, audio=()))
    stringout, files = of_roll(roll(clip("A001C001", Fraction(24)), silent))
    for name, adapter in (("A001.otio", "otio_json"), ("A001.xml", "fcp_xml")):
        timeline = read(files[name].decode(), adapter)
        assert takes(timeline) == told(stringout)
        assert [[one.name for one in track.find_clips()] for track in timeline.audio_tracks()] == [["A001C001"]] * 2
    with opened(tmp_path, aaf_of(stringout)) as file:
        (sequence,) = file.content.toplevel()
        kinds = [[type(one).__name__ for one in slot.segment.components] for slot in list(sequence.slots)[2:]]
        assert [found for found in kinds if found] == [["SourceClip", "Filler"]] * 2


NAMES = st.text(min_size=1, max_size=12)
SOUND = st.lists(
    st.builds(
        AudioTrack, st.just(0), st.just("pcm_s24le"), st.integers(1, 3), st.sampled_from([44100, 48000, 96000]),
        st.sampled_from([16, 24]), st.just(1), st.just("mono"), st.just(True),
    ),
    max_size=3,
).map(tuple)  # fmt: skip


@st.composite
def any_roll(draw: st.DrawFn) -> Roll:
    rate, drop = draw(st.sampled_from(sorted(RATES.values())))
    made = []
    for number in range(draw(st.integers(1, 4))):
        one = clip(f"C{number}", rate, drop=drop, frames=draw(st.integers(1, 10_000)))
        start = draw(st.integers(0, frames_a_day(rate, drop=drop) - 1))
        essence = replace(one.essence, start_frame=start, audio=draw(SOUND))
        made.append(replace(one, name=draw(NAMES), essence=essence))
    return roll(*made)


@settings(deadline=None)
@given(any_roll())
def test_every_form_tells_the_same_whatever_the_names(made: Roll) -> None:
    (stringout,) = stringouts("A001", [made]).values()
    spans = [(one.start_frame, one.frames) for one in stringout.clips]
    assert [at for at, _ in stringout.placed()] == [sum(n for _, n in spans[:k]) for k in range(len(spans))]

    apple = ElementTree.fromstring(fcpxml.compose(stringout))
    for element in (*apple.iter("asset"), *apple.iter("asset-clip")):
        assert element.get("name") is not None
    assert [_frames(one, stringout, "start", "duration") for one in apple.iter("asset")] == spans
    assert [_frames(one, stringout, "start", "duration") for one in apple.iter("asset-clip")] == spans

    xmeml = ElementTree.fromstring(fcp7.compose(stringout))
    files = [one for one in xmeml.iter("file") if one.find("pathurl") is not None]
    assert [int(one.findtext("timecode/frame") or -1) for one in files] == [start for start, _ in spans]
    assert [one.findtext("timecode/string") for one in files] == [
        Timecode(start, stringout.rate, stringout.drop_frame).label for start, _ in spans
    ]
    clips = [item for item in xmeml.iter("clipitem") if (item.get("id") or "").endswith("-0")]
    assert [int(item.findtext("out") or 0) for item in clips] == [frames for _, frames in spans]
    channels = sum(one.channels for one in stringout.clips)
    assert len(list(xmeml.iter("clipitem"))) == len(spans) + channels

    plain = json.loads(otio_file.compose(stringout))
    picture = plain["tracks"]["children"][0]["children"]
    assert [one["source_range"]["start_time"]["value"] for one in picture] == [start for start, _ in spans]
    assert [one["name"] for one in picture] == [one.name for one in stringout.clips]


def _frames(element: Any, stringout: Stringout, *names: str) -> tuple[int, ...]:
    """Exact seconds as frames; a fraction of a frame would show."""
    found = [Fraction(element.get(name).removesuffix("s")) * stringout.rate for name in names]
    assert all(one.denominator == 1 for one in found)
    return tuple(int(one) for one in found)


@given(any_roll())
def test_an_edl_that_is_there_never_ends_before_it_begins(made: Roll) -> None:
    (stringout,) = stringouts("A001", [made]).values()
    if edl.why_not(stringout):
        assert may_drop(stringout.rate) or any(map(stringout.crosses_midnight, stringout.clips))
        return
    events = [line.split()[-4:] for line in edl.compose(stringout).decode().splitlines() if " C   " in line]
    assert len(events) == len(stringout.clips)
    frames = [[Timecode.parse(label, stringout.rate).frame for label in event] for event in events]
    assert all(b - a == d - c > 0 for a, b, c, d in frames)


def test_a_take_without_a_name_that_ends_at_midnight_is_in_no_edl() -> None:
    one = clip(" ", Fraction(24), start="23:59:59:23", frames=1)
    (stringout,) = stringouts("A001", [roll(one)]).values()
    assert "crosses midnight" in edl.why_not(stringout)


def test_a_grade_goes_into_otio_edl_and_aaf(tmp_path: Path) -> None:
    (stringout,) = stringouts("A001", [roll(clip("A001C001", Fraction(24)))]).values()
    sop = "(1.1 1.0 0.9)(0.01 0.0 -0.01)(1.0 1.0 1.2)"
    graded = replace(stringout, clips=(replace(stringout.clips[0], asc_sop=sop, asc_sat="0.9"),))
    files = texts({"A001": graded})
    cut = read(files["A001.edl"].decode(), "cmx_3600", rate=24)
    (edl,) = cut.find_clips()
    assert list(edl.metadata["cdl"]["asc_sop"]["slope"]) == [1.1, 1.0, 0.9]
    assert edl.metadata["cdl"]["asc_sat"] == 0.9
    timeline = read(files["A001.otio"].decode(), "otio_json")
    (plain,) = timeline.video_tracks()[0].find_clips()
    assert plain.metadata["nearset"]["asc_sop"] == sop
    with opened(tmp_path, aaf_of(graded)) as file:
        (master,) = file.content.mastermobs()
        assert dict(master.comments.items())["ASC_SOP"] == sop


def test_urls_are_safe_whatever_a_folder_is_called() -> None:
    (stringout,) = stringouts("A001", [roll(clip("A001C001", Fraction(24)))]).values()
    odd: StringoutClip = replace(stringout.clips[0], path="A 1/proxy/A#1?.mov")
    assert odd.url == "A%201/proxy/A%231%3F.mov"
