"""What a roll's folder tells: ALE against golden files, record, `.complete`, report, names."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import warnings
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import pytest
from handed import clip, roll
from hypothesis import given
from hypothesis import strategies as st

from daemon import turnover
from daemon.errors import DeliveryError, SidecarError
from daemon.sidecars import ale
from daemon.slate import Trouble
from daemon.turnover.editorial import ales
from daemon.turnover.naming import reel_name, revision_name, safe_name, unique
from daemon.turnover.record import complete, record
from daemon.turnover.report import report
from daemon.turnover.roll import TurnoverClip, UndeliveredClip

GOLDEN = Path(__file__).parents[1] / "golden"
SAMPLES = Path(os.environ.get("NEARSET_SAMPLES", Path(__file__).parents[3] / "shared" / "samples"))
DF = Fraction(30000, 1001)
RATES = {
    "23976": (Fraction(24000, 1001), False, "01:00:00:00"),
    "24": (Fraction(24), False, "01:00:00:00"),
    "25": (Fraction(25), False, "23:59:59:20"),
    "2997df": (DF, True, "00:59:59;20"),
    "2997ndf": (DF, False, "00:59:59:20"),
    "5994df": (Fraction(60000, 1001), True, "10:00:00;00"),
}


@pytest.mark.parametrize("label", RATES)
def test_an_ale_is_the_golden_one(label):
    rate, drop, start = RATES[label]
    (text,) = ales("A001", [roll(clip("A001C001_261124_R1JL", rate, drop=drop, start=start))]).values()
    assert text.encode() == (GOLDEN / f"{label}.ale").read_bytes()


def test_mixed_rates_make_an_ale_each_the_commonest_under_the_rolls_name():
    made = ales("A001", [roll(clip("A", Fraction(24)), clip("B", Fraction(24)), clip("C", Fraction(25)))])
    assert list(made) == ["A001.ale", "A001_25.ale"]
    assert [row["Name"] for row in ale.parse(made["A001.ale"], "A001.ale").rows] == ["A", "B"]


def heading(*clips: TurnoverClip) -> dict[str, str]:
    (text,) = ales("A001", [roll(*clips)]).values()
    return dict(ale.parse(text, "ale").heading)


def in_raster(width: int, height: int) -> TurnoverClip:
    made = clip(f"A{width}", Fraction(24))
    return replace(made, published=tuple(replace(one, width=width, height=height) for one in made.published))


def with_sound(*sample_rates: int) -> TurnoverClip:
    made = clip("A", Fraction(24))
    track = made.essence.audio[0]
    audio = tuple(replace(track, index=n, sample_rate=rate) for n, rate in enumerate(sample_rates))
    return replace(made, essence=replace(made.essence, audio=audio))


@pytest.mark.parametrize(
    ("rasters", "told"),
    [
        ([(1920, 1080), (1920, 1080)], "1080"),
        ([(1280, 720)], "720"),
        ([(2048, 1152)], "CUSTOM"),
        ([(1920, 1080), (1280, 720)], "CUSTOM"),
        ([(1280, 720), (1920, 1080)], "CUSTOM"),
    ],
)
def test_the_video_format_is_that_of_all_clips_or_custom(rasters, told):
    assert heading(*(in_raster(*raster) for raster in rasters))["VIDEO_FORMAT"] == told


@pytest.mark.parametrize(
    ("sample_rates", "told"),
    [((48000, 48000), "48khz"), ((44100,), "44khz"), ((96000,), None), ((48000, 44100), None), ((), None)],
)
def test_the_audio_format_is_one_that_avid_names_or_left_out(sample_rates, told):
    assert heading(with_sound(*sample_rates)).get("AUDIO_FORMAT") == told


def test_a_name_with_tabs_and_line_ends_stays_one_cell():
    (text,) = ales("A001", [roll(clip("A\t001\r\nC\x1b[2J", Fraction(24)))]).values()
    (row,) = ale.parse(text, "ale").rows
    assert row["Name"] == "A 001  C [2J"
    assert row["Tape"] == "A001R1JL"


@given(st.lists(st.dictionaries(st.sampled_from(["Tape", "Notes"]), st.text(min_size=1)), min_size=1, max_size=4))
def test_any_values_come_back_as_they_went_but_for_control_characters(rows):
    columns = ("Name", "Tape", "Notes")
    text = ale.compose(ale.Ale((("FPS", "24"),), columns, tuple({"Name": "x"} | row for row in rows)))
    back = ale.parse(text, "ale").rows
    assert len(back) == len(rows)
    for one, other in zip(rows, back, strict=True):
        for column, value in one.items():
            assert (
                other.get(column, "") == "".join(c if c.isprintable() else " " for c in value).strip()
                or not value.strip()
            )


def test_the_reference_adapter_reads_it_at_24():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the adapter's own deprecations; what it reads is what counts
        import opentimelineio as otio

        (text,) = ales("A001", [roll(clip("A001C001", Fraction(24), start="01:02:03:04"))]).values()
        (read,) = otio.adapters.read_from_string(text, "ale", fps=24)
    assert read.name == "A001C001"
    assert read.source_range.start_time.to_timecode() == "01:02:03:04"
    assert read.source_range.duration.value == 100


@pytest.mark.parametrize("name", ["sample.ale", "sample_cdl.ale", "sample_blanks.ale", "sampleUHD.ale"])
def test_real_ales_are_read(name):
    path = SAMPLES / "sidecars" / "ale" / name
    if not path.exists():
        pytest.skip("the shared samples are not here")
    read = ale.parse(path.read_text(encoding="utf-8-sig"), name)
    assert "Name" in read.columns
    assert read.rows
    windows = path.read_text(encoding="utf-8-sig").replace("\n", "\r\n")
    assert ale.parse(windows, name) == read


@pytest.mark.parametrize(
    "text", ["", "Heading\n", "Heading\n\nColumn\n\nData\n", "Heading\nColumn\nA\tB\nData\n1\t2\t3\n"]
)
def test_what_is_no_ale_is_refused(text):
    with pytest.raises(SidecarError):
        ale.parse(text, "x.ale")


def test_the_record_is_the_chain_from_camera_file_to_proxy():
    (told,) = json.loads(record(roll(clip("A001C001", Fraction(24))), {}, {}))["clips"]
    assert told["custody"]["files"][0]["hashes"]["xxh128"] == "ef" * 16
    assert told["current"] == {"plain": "proxy/A001C001.mov", "enhanced": "enhanced/A001C001.mov"}
    assert [(proxy["twin"], proxy["model"], proxy["xxh128"]) for proxy in told["proxies"]] == [
        ("plain", "", "ab" * 16),
        ("enhanced", "restore-lite@1", "cd" * 16),
    ]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_never_gets_into_the_record_and_is_named(number):
    made = clip("A001C001", Fraction(24))
    noisy = replace(
        made, published=(made.published[0], replace(made.published[1], noise={"shot": 0.1, "read": number}))
    )
    with pytest.raises(DeliveryError) as told:
        record(roll(made, noisy), {}, {})
    assert f"clips[1].proxies[1].noise.read is {number}" in told.value.why
    assert "shot" not in told.value.why


def test_complete_vouches_for_media_and_sidecars_and_names_what_was_held():
    left = UndeliveredClip("A001C009", "held", Trouble("clip.bad_hash", "what", "why", "fix"))
    told = json.loads(complete(roll(clip("A001C001", Fraction(24)), undelivered=(left,)), {"A001.ale": "00"}))
    assert told["xxh128"] == {
        "proxy/A001C001.mov": "ab" * 16,
        "enhanced/A001C001.mov": "cd" * 16,
        "A001.ale": "00",
    }
    assert told["undelivered"][0]["code"] == "clip.bad_hash"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.policy = ""
        self.script = ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        named = dict(attributes)
        assert not any(name.startswith("on") for name in named)
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202egnp.exe", "x" * 4096]
)
def test_a_hostile_name_is_text_in_the_report_and_nothing_else(name):
    plain, hostile = _Page(), _Page()
    plain.feed(report(roll(clip("A001C001", Fraction(24)))))
    hostile.feed(report(roll(clip(name, Fraction(24)))))
    assert hostile.tags == plain.tags
    assert name in hostile.text


def test_the_reports_one_script_is_the_one_its_policy_names():
    page = report(roll(clip("A", Fraction(24))))
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_sliders_licence_is_with_it_in_the_package_and_in_the_page():
    vendored = Path(turnover.__file__).parent / "vendor" / "img-comparison-slider.LICENSE"
    licence = vendored.read_text(encoding="utf-8")
    assert all(text in licence for text in ("MIT License", "Copyright (c) ", "WITHOUT WARRANTY OF ANY KIND"))
    assert licence in report(roll(clip("A", Fraction(24))))


def test_the_report_tells_what_was_held_with_cause_and_cure():
    left = UndeliveredClip(
        "A001C009", "held", Trouble("clip.bad_hash", "bytes differ", "xxh128 expected", "copy it again")
    )
    page = report(roll(undelivered=(left,)))
    assert all(text in page for text in ("A001C009", "bytes differ", "xxh128 expected", "copy it again"))


@given(st.text())
def test_a_safe_name_is_safe(name):
    safe = safe_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}", safe)
    assert safe_name(safe) == safe
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,31}", reel_name(name))


@given(st.lists(st.text(max_size=6), max_size=12))
def test_unique_names_are_unique_in_any_case_and_keep_their_order(names):
    made = unique(names)
    assert len({name.lower() for name in made}) == len(names) == len(made)
    assert made == unique(names)


def test_the_first_revision_has_the_clips_name():
    assert [revision_name("A001C001", number) for number in (1, 2, 10)] == [
        "A001C001.mov",
        "A001C001_r2.mov",
        "A001C001_r10.mov",
    ]


def test_no_clip_is_named_like_another_ones_revision():
    names = unique(["A", "A_r2", "B_R10"])
    files = {revision_name(name, number).lower() for name in names for number in range(1, 12)}
    assert len(files) == 3 * 11
