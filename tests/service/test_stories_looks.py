"""Looks on the cart: a grade is on both twins, a late one revises what it touches, an unknown space is asked about."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from cart import DELIVERED, HELD, Cart, seal
from footage import footage
from shots import Shot

from daemon.volumes import RootIdentity

WARM = b"""<ColorCorrection id="A001C001"><SOPNode><Slope>1.2 1.0 0.8</Slope><Offset>0 0 0</Offset><Power>1 1 1</Power>
</SOPNode><SatNode><Saturation>0.9</Saturation></SatNode></ColorCorrection>"""
COLD = WARM.replace(b"1.2 1.0 0.8", b"0.8 1.0 1.2")


def offload(cart: Cart, *names: str) -> Path:
    roll = cart.roll()
    cart.put(roll, {f"{name}.mov": footage(number, codec="prores_ks") for number, name in enumerate(names, 1)})
    seal(roll)
    cart.remember(roll)
    return roll


def grade(cart: Cart, name: str, data: bytes, day: str = "20260302") -> Path:
    path = cart.offload / day / "Looks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def picture(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)


def as_slog3(cart: Cart) -> None:
    cart.recipe.write_text("defaults: {source: {space: slog3_sgamut3cine}}\n")
    cart.show_lut()


def twins(cart: Cart, name: str) -> tuple[Path, Path]:
    return cart.delivered() / "proxy" / f"{name}.mov", cart.delivered() / "enhanced" / f"{name}.mov"


def test_both_twins_carry_the_show_look_and_say_so(cart: Cart) -> None:
    roll = offload(cart, "A001C001")
    as_slog3(cart)
    cart.serve()
    plain, enhanced = twins(cart, "A001C001")
    assert np.array_equal(picture(plain), picture(enhanced)), "the engine of this story changes nothing"
    assert np.abs(picture(plain) - picture(roll / "A001C001.mov")).mean() > 5
    cart.assert_honest()


def test_rec709_and_clips_whose_recipe_wants_no_look_stay_as_recorded(cart: Cart) -> None:
    offload(cart, "A001C001", "A001C002")
    cart.recipe.write_text("clips: {A001C002: {source: {space: arri_logc4}, proxy: {look: none}}}\n")
    cart.serve()
    for name in ("A001C001", "A001C002"):
        shown, recorded = picture(twins(cart, name)[0]), picture(cart.roll() / f"{name}.mov")
        assert np.abs(shown - recorded).mean() < 3


@pytest.mark.parametrize("colour", [(9, 18, 9), (9, 16, 9), (6, 1, 6)], ids=["HLG", "PQ", "601"])
def test_a_graded_clip_that_is_no_log_is_shown_as_what_it_was_recorded_in(
    cart: Cart, colour: tuple[int, int, int]
) -> None:
    roll = cart.roll()
    for name in ("A001C001", "A001C002"):
        Shot(2, size=(160, 96), codec="prores_ks", reel=name, colour=colour).write(roll / f"{name}.mov")
    seal(roll)
    cart.remember(roll)
    grade(cart, "A001C001.cdl", WARM)
    cart.serve()
    for twin in twins(cart, "A001C001"):
        assert tags(twin) == tags(cart.delivered() / "proxy" / "A001C002.mov") == colour


def tags(path: Path) -> tuple[int, int, int]:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace)


def test_a_grade_that_lies_in_the_days_looks_is_on_its_clip_alone(cart: Cart) -> None:
    offload(cart, "A001C001", "A001C002")
    as_slog3(cart)
    grade(cart, "A001C001.cdl", WARM)
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
        looks = {clip.name: shift.proxies(clip.name)[0].facts.look for clip in shift.clips()}
        assert looks["A001C001"].look.cdl.slope == (1.2, 1.0, 0.8)
        assert looks["A001C001"].origin == "20260302/Looks/A001C001.cdl"
        assert looks["A001C002"].look.cdl.is_neutral
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_a_grade_that_arrives_later_revises_only_what_it_touches(cart: Cart) -> None:
    offload(cart, "A001C001", "A001C002")
    as_slog3(cart)
    with cart.shift() as shift:
        shift.drive()
        before = picture(twins(cart, "A001C001")[0])
        path = grade(cart, "A001C001.cdl", WARM)
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("enhanced", 2), ("plain", 1), ("plain", 2)]
        assert shift.revisions("A001C002") == [("enhanced", 1), ("plain", 1)]
        warm = picture(twins(cart, "A001C001_r2")[0])
        assert (warm - before)[..., 0].mean() > (warm - before)[..., 2].mean() + 5
        path.write_bytes(COLD)
        shift.drive()
        assert ("plain", 3) in shift.revisions("A001C001")
        path.unlink()
        shift.drive()
        assert ("plain", 4) in shift.revisions("A001C001")
    assert np.array_equal(picture(twins(cart, "A001C001_r4")[0]), before)
    cart.assert_honest()


def test_a_grade_stands_while_its_root_is_away_and_over_a_restart(cart: Cart) -> None:
    offload(cart, "A001C001")
    as_slog3(cart)
    grade(cart, "A001C001.cdl", WARM)
    cart.serve()
    cart.offload.rename(cart.folder / "gone")
    with cart.shift() as shift:
        shift.ticks(6)
        assert shift.states() == {"A001C001": DELIVERED}
    (cart.folder / "gone").rename(cart.offload)
    with cart.shift() as shift:
        shift.drive()
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]
    cart.assert_honest()


def test_a_mount_point_without_its_mount_takes_no_look_away(cart: Cart, monkeypatch) -> None:
    offload(cart, "A001C001")
    as_slog3(cart)
    nas = cart.folder / "looks"
    nas.mkdir()
    (nas / "A001C001.cdl").write_bytes(WARM)
    cart.words["colour"] |= {"looks": ["looks"]}
    with cart.shift() as shift:
        shift.drive()
        made = shift.revisions("A001C001")
        assert shift.proxies("A001C001")[-1].facts.look.origin == "A001C001.cdl"
    nas.rename(cart.folder / "unplugged")
    nas.mkdir()
    with monkeypatch.context() as unmounted, cart.shift() as shift:
        unmounted.setattr("daemon.stages.looks.identify", lambda _: RootIdentity(device=-1, marker=None))
        shift.ticks(6)
        assert shift.revisions("A001C001") == made
    with cart.shift() as shift:  # empty on its own volume: somebody took the grade away
        shift.drive()
        assert len(shift.revisions("A001C001")) == len(made) + 2
    cart.assert_honest()


def test_two_grades_that_claim_a_clip_alike_are_told_and_none_is_taken(cart: Cart) -> None:
    offload(cart, "A001C001")
    as_slog3(cart)
    grade(cart, "first.cdl", WARM)
    grade(cart, "second.cdl", COLD)
    with cart.shift() as shift:
        shift.drive()
        (plain, _) = shift.proxies("A001C001")
        assert plain.facts.look.look.cdl.is_neutral
        assert any("needs a look" in mark and "second.cdl" in mark for mark in plain.facts.marks)


EDL = b"""TITLE: DAY 1
001 A001C001 V C 01:00:00:02 01:00:00:04 00:00:00:00 00:00:00:02
*ASC_SOP (1.2 1 0.8)(0 0 0)(1 1 1)
*ASC_SAT 0.9
"""
ALE = b"Heading\nFPS\t24\n\nColumn\nName\tASC_SOP\tASC_SAT\n\nData\nA001C001.mov\t(1.2 1 0.8)(0 0 0)(1 1 1)\t0.9\n"


AMF = b"""<acesMetadataFile version="2.0"><clipId><clipName>A001C001</clipName></clipId><pipeline>
<lookTransform applied="false"><cdlWorkingSpace><fromCdlWorkingSpace><transformId>
urn:ampas:aces:transformId:v2.0:CSC.Academy.ACEScct_to_ACES.a2.v1</transformId></fromCdlWorkingSpace></cdlWorkingSpace>
<SOPNode><Slope>1.2 1 0.8</Slope><Offset>0 0 0</Offset><Power>1 1 1</Power></SOPNode></lookTransform>
</pipeline></acesMetadataFile>"""


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("B001.ccc", WARM.replace(b"A001C001", b"A001C0*")),
        ("grades.edl", EDL),
        ("grades.ale", ALE),
        ("A001C001.amf", AMF),
    ],
    ids=["wildcard", "reel and timecode", "ALE", "AMF"],
)
def test_grades_come_by_wildcard_timecode_ale_and_amf(cart: Cart, name: str, data: bytes) -> None:
    offload(cart, "A001C001")
    as_slog3(cart)
    grade(cart, name, data)
    with cart.shift() as shift:
        shift.drive()
        assert shift.proxies("A001C001")[0].facts.look.look.cdl.slope == (1.2, 1.0, 0.8)
        assert shift.revisions("A001C001") == [("enhanced", 1), ("plain", 1)]


def test_a_grade_for_a_camera_is_on_its_clips_and_a_clips_own_goes_before_it(cart: Cart) -> None:
    roll = cart.roll()
    for name in ("A001C001", "A001C002"):
        camera = {"make": "ARRI", "model": "ALEXA 35"}
        clip = Shot(2, size=(160, 96), reel=name, metadata=camera, muxer_options={"movflags": "use_metadata_tags"})
        clip.write(roll / f"{name}.mov")
    seal(roll)
    cart.remember(roll)
    as_slog3(cart)
    grade(cart, "cameras.ccc", WARM.replace(b"A001C001", b"ARRI ALEXA 35"))
    grade(cart, "A001C002.cdl", COLD.replace(b"A001C001", b"A001C002"))
    with cart.shift() as shift:
        shift.drive()
        slopes = {clip.name: shift.proxies(clip.name)[0].facts.look.look.cdl.slope for clip in shift.clips()}
    assert slopes == {"A001C001": (1.2, 1.0, 0.8), "A001C002": (0.8, 1.0, 1.2)}


CUBE = "LUT_3D_SIZE 2\n" + "".join(f"{b} {g} {r}\n" for b in (0, 1) for g in (0, 1) for r in (0, 1))
SHAPED = (  # as Resolve writes it, with a title that a colourist gave it
    "LUT_1D_SIZE 2\nLUT_3D_SIZE 2\n0 0 0\n1 1 1\n" + CUBE.partition("\n")[2]
)
CLF = """<ProcessList id="swap" compCLFversion="3"><Matrix inBitDepth="32f" outBitDepth="32f"><Array dim="3 3">
0 0 1
0 1 0
1 0 0
</Array></Matrix></ProcessList>"""


@pytest.mark.parametrize(("name", "text"), [("A001C001.cube", CUBE), ("A001C001.clf", CLF)])
def test_a_lut_that_lies_in_the_days_looks_goes_before_the_shows(cart: Cart, name: str, text: str) -> None:
    offload(cart, "A001C001", "A001C002")
    as_slog3(cart)
    grade(cart, name, text.encode())
    with cart.shift() as shift:
        shift.drive()
        looks = {clip.name: shift.proxies(clip.name)[0].facts.look for clip in shift.clips()}
    assert looks["A001C001"].look.lut != looks["A001C002"].look.lut
    assert looks["A001C001"].look.lut.endswith(Path(name).suffix)
    record = cart.record()["clips"][0]["proxies"][0]["look"]
    assert (cart.delivered() / "looks" / record["lut"]).read_text() == text
    cart.assert_honest()


@pytest.mark.parametrize("before", ["TITLE \"K1S1 'warm'\"\n", "\ufeff"], ids=["title", "byte order mark"])
def test_a_resolve_lut_with_a_title_or_a_mark_is_read_as_one_without(cart: Cart, before: str) -> None:
    offload(cart, "A001C001", "A001C002")
    as_slog3(cart)
    grade(cart, "A001C001.cube", (before + SHAPED).encode())
    grade(cart, "A001C002.cube", SHAPED.encode())
    with cart.shift() as shift:
        shift.drive()
        assert set(shift.clip_states()) == {DELIVERED}
        first, second = (shift.proxies(name)[0].facts.look.look.lut for name in ("A001C001", "A001C002"))
    assert first == second


def test_a_lut_for_legal_levels_is_refused_and_not_read_as_one_for_full_range(cart: Cart) -> None:
    offload(cart, "A001C001")
    as_slog3(cart)
    grade(cart, "A001C001.cube", b"LUT_IN_VIDEO_RANGE\n" + CUBE.encode())
    with cart.shift() as shift:
        shift.drive()
        (undone,) = shift.service.snapshot(shift.now()).cards[0].clips[0].undone
    assert "it says LUT_IN_VIDEO_RANGE" in undone.trouble.why
    assert undone.trouble.fix == "export it for full range, 0 to 1 from black to white"


def test_the_dits_grade_goes_before_the_cameras_own_and_a_roll_is_never_written(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1, codec="prores_ks"), "A001C001.cdl": COLD})
    seal(roll)
    cart.remember(roll)
    as_slog3(cart)
    with cart.shift() as shift:
        shift.drive()
        assert shift.proxies("A001C001")[-1].facts.look.look.cdl.slope == (0.8, 1.0, 1.2)
        grade(cart, "A001C001.cc", WARM)
        shift.drive()
        assert shift.proxies("A001C001")[-1].facts.look.look.cdl.slope == (1.2, 1.0, 0.8)
    cart.assert_honest()


def test_a_hostile_look_is_refused_and_the_show_goes_on(cart: Cart, capsys: pytest.CaptureFixture[str]) -> None:
    offload(cart, "A001C001")
    as_slog3(cart)
    grade(cart, "A001C001.cdl", b'<!DOCTYPE x [<!ENTITY a "b">]>' + WARM)
    grade(cart, "A001C001.cube", b"LUT_3D_SIZE 100\n" + b"0 0 0\n" * 1000000)
    cart.serve()
    said = capsys.readouterr().out
    assert "look.refused" in said
    assert "sizes go from 2 to 65" in said
    cart.assert_honest()


def test_a_look_that_cannot_be_put_on_is_told_of_its_clip_until_it_is_mended(cart: Cart) -> None:
    """A LUT whose export broke off lies there for one clip, and a list of grades has a slip in the row of another."""
    offload(cart, "A001C001", "A001C002", "A001C003")
    as_slog3(cart)
    lut = grade(cart, "A001C001.cube", b"LUT_3D_SIZE 2\n0 0 nan\n" + b"0 0 0\n" * 7)
    listed = grade(cart, "grades.ale", ALE.replace(b"1.2 1 0.8", b"1.2 one 0.8").replace(b"A001C001", b"A001C003"))
    grade(cart, "A001C001.cc", WARM)
    grade(cart, "A001C002.amf", AMF.replace(b"ACEScct", b"ACEScc").replace(b"A001C001", b"A001C002"))
    with cart.shift() as shift:
        shift.drive()
        told = {
            clip.name: [one.trouble.why for one in clip.undone]
            for clip in shift.service.snapshot(shift.now()).cards[0].clips
        }
        assert "the entry '0 0 nan' is not three numbers" in told["A001C001"][0]
        assert any("ACEScc_to_ACES" in why and "colour.working is acescct" in why for why in told["A001C002"])
        (slip,) = told["A001C003"]
        assert slip.startswith("the grade of A001C003 in 20260302/Looks/grades.ale is no grade that can be used")
        assert "'one' is no number" in slip
        record = {clip["name"]: clip["undone"] for clip in cart.record()["clips"]}
        assert record["A001C001"][0]["fix"] == "export it as .cube of 33 or 65 nodes a side"
        lut.unlink()
        listed.write_bytes(ALE.replace(b"A001C001", b"A001C003"))
        shift.drive()
        (card,) = shift.service.snapshot(shift.now()).cards
        assert [len(clip.undone) for clip in card.clips] == [0, 1, 0]
        assert not cart.record()["clips"][0]["undone"]
    cart.assert_honest()


def test_a_lut_the_library_refuses_holds_its_clip_alone(cart: Cart) -> None:
    offload(cart, "A001C001", "A001C002")
    as_slog3(cart)
    path = grade(cart, "A001C001.clf", b'<ProcessList id="x" compCLFversion="3"></ProcessList>')
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"A001C001": HELD, "A001C002": DELIVERED}
        assert shift.clip("A001C001").trouble.code == "engine.bad_look"
        path.unlink()
        shift.drive()
        assert shift.states() == {"A001C001": DELIVERED, "A001C002": DELIVERED}


def test_a_look_of_a_root_of_the_show_is_found(cart: Cart) -> None:
    offload(cart, "A001C001")
    as_slog3(cart)
    (cart.folder / "looks").mkdir()
    (cart.folder / "looks" / "grades.ccc").write_bytes(WARM)
    cart.words["colour"] |= {"looks": ["looks"]}
    with cart.shift() as shift:
        shift.drive()
        assert shift.proxies("A001C001")[-1].facts.look.origin == "grades.ccc"


def test_a_camera_that_speaks_of_an_unknown_curve_is_asked_about(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(
        roll,
        {
            "DJI_0001.MOV": footage(1),
            "DJI_0001.SRT": b"1\n00:00:00,000 --> 00:00:00,020\n[iso: 220] [color_md : dlog_m] [ev: 0]\n",
            "A001C002.mov": footage(2),
        },
    )
    seal(roll)
    cart.remember(roll)
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"DJI_0001": HELD, "A001C002": DELIVERED}
        trouble = shift.clip("DJI_0001").trouble
        assert trouble.code == "media.unknown_space"
        assert 'cameras: {"*": NAME}' in trouble.fix
    cart.words["colour"] = {"cameras": {"*": "rec709"}}
    with cart.shift() as shift:
        shift.drive()
        assert shift.states() == {"DJI_0001": DELIVERED, "A001C002": DELIVERED}
    cart.assert_honest()


def test_a_show_lut_that_cannot_be_used_is_a_fault_of_the_configuration(cart: Cart) -> None:
    from daemon.errors import ConfigError

    (cart.folder / "show.cube").write_text("LUT_3D_SIZE 2\n0 0 nan\n" + "0 0 0\n" * 7)
    cart.words["colour"] = {"show_lut": "show.cube"}
    with pytest.raises(ConfigError, match="not three numbers"), cart.shift():
        pass
