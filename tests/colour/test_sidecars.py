"""Looks from strangers: real ones parse or are refused with a reason, hostile ones are refused, ours can be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lxml import etree

from daemon.errors import SidecarError
from daemon.looks import LookFile, read
from daemon.sidecars import amf, cdl, lut
from daemon.sidecars.amf import Handed
from engines.colour.cdl import Cdl
from engines.colour.look import ACESCCT, DISPLAY, VIEW
from engines.colour.spaces import SPACES
from engines.colour.transform import config

BESIDE = Path(__file__).parents[2].parent / "shared" / "samples"
SIDECARS = Path(os.environ.get("NEARSET_SAMPLES", BESIDE)) / "sidecars"
CORRECTION = (
    '<ColorCorrection id="A001C001"><SOPNode><Slope>1.1 1 0.9</Slope><Offset>0.01 0 0</Offset><Power>1 1 1</Power>'
    "</SOPNode><SatNode><Saturation>0.9</Saturation></SatNode></ColorCorrection>"
)
AMF = """<aces:acesMetadataFile xmlns:aces="urn:ampas:aces:amf:v2.0" xmlns:cdl="urn:ASC:CDL:v1.01" version="2.0">
<aces:clipId><aces:clipName>A001C001</aces:clipName></aces:clipId><aces:pipeline>{looks}</aces:pipeline>
</aces:acesMetadataFile>"""
LOOK = """<aces:lookTransform applied="{applied}"><aces:cdlWorkingSpace><aces:fromCdlWorkingSpace><aces:transformId>
urn:ampas:aces:transformId:v1.5:ACEScsc.Academy.{space}_to_ACES.a1.0.3</aces:transformId></aces:fromCdlWorkingSpace>
</aces:cdlWorkingSpace><cdl:ASC_SOP><cdl:Slope>2 2 2</cdl:Slope><cdl:Offset>0.1 0.1 0.1</cdl:Offset>
<cdl:Power>1 1 1</cdl:Power></cdl:ASC_SOP></aces:lookTransform>"""


def of_samples(*folders: str) -> dict[str, LookFile]:
    """What the real sidecars of some folders hold, by name."""
    if not SIDECARS.is_dir():
        pytest.skip("the shared samples are not here; set NEARSET_SAMPLES to their folder")
    paths = sorted(path for folder in folders for path in (SIDECARS / folder).rglob("*") if path.is_file())
    return {path.name: read(path.name, path.read_bytes()) for path in paths}


@pytest.mark.samples
def test_every_real_cdl_is_read_whatever_its_suffix_and_spelling() -> None:
    found = of_samples("cdl")
    assert len(found) == 8
    for name, file in found.items():
        assert file.corrections, f"{name}: {file.refused}"
    (one,) = found["cdl_test1.cc"].corrections
    assert one.cdl.slope != (1, 1, 1)
    assert {file.corrections[0].cdl.saturation for name, file in found.items() if "SAT" in name} != {1.0}


@pytest.mark.samples
def test_every_real_ale_edl_amf_and_lut_is_read_or_refused_with_a_reason() -> None:
    found = of_samples("ale", "edl", "amf", "cube", "lut_other")
    for name, file in found.items():
        assert file.refused or file.lut or Path(name).suffix in {".ale", ".edl", ".amf"}, name
        if file.refused:
            assert "\n" not in file.refused
            assert len(file.refused) > 20
    assert found["sample_cdl.ale"].corrections
    assert len(found["cdl_example01.edl"].corrections) == 39
    assert any("power above" in one.refused for one in found["cdl.edl"].corrections)
    assert found["avid_example.edl"] == LookFile()
    assert found["example1.amf"].refused or found["example1.amf"].corrections == ()
    assert found["LogC_Video.cube"].lut
    assert "is no LUT that can be used" in found["lustre_33x33x33.3dl"].refused


@pytest.mark.parametrize("suffix", [".cdl", ".cc", ".ccc", ".amf", ".clf"])
@pytest.mark.parametrize("head", ["<!DOCTYPE x>", '<!DOCTYPE x [<!ENTITY a "b">]>'])
def test_entities_and_doctypes_are_refused(suffix: str, head: str) -> None:
    body = AMF.format(looks=LOOK.format(applied="false", space="ACEScct")) if suffix == ".amf" else CORRECTION
    refused = read(f"A001C001{suffix}", f"{head}{body}".encode()).refused
    assert "DOCTYPE" in refused


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("LUT_3D_SIZE 100\n" + "0 0 0\n" * 1_000_000, "sizes go from 2 to 65"),
        ("LUT_3D_SIZE 2\n" + "0 0 0\n" * 1_000_000, "holds 1000000 entries where 8 are due"),
        ("LUT_3D_SIZE 2\n" + "0 0 0\n" * 7, "holds 7 entries where 8 are due"),
        ("LUT_3D_SIZE 2\n" + "0 0 0\n" * 7 + "0 nan 0\n", "not three numbers"),
        ("LUT_3D_SIZE 2\n" + "0 0 0\n" * 7 + "0 0 inf\n", "not three numbers"),
        ("LUT_3D_SIZE 2\n" + "0 0 0\n" * 7 + "0 0\n", "not three numbers"),
        ("LUT_3D_SIZE -2\n", "sizes go from 2 to 65"),
        ("LUT_1D_SIZE 99999999999\n", "sizes go from 2 to 65536"),
        ("TITLE x\n0 0 0\n", "neither LUT_1D_SIZE nor LUT_3D_SIZE"),
    ],
)
def test_a_cube_that_makes_no_sense_gets_a_clear_error(text: str, why: str) -> None:
    assert why in read("show.cube", text.encode()).refused


def test_a_lut_that_is_no_text_too_long_or_of_another_kind_is_refused() -> None:
    for data, suffix, why in (
        (b"\xff\xfe\0", ".cube", "no text"),
        (b" " * (lut.LIMIT_BYTES + 1), ".cube", "more than"),
        (b"0 0 0", ".3dl", "not read"),
        (b"<ProcessList><Reference path='/etc/passwd'/></ProcessList>", ".clf", "another file"),
        (b"<ProcessList><LUT3D><Array dim='99999 9 9 3'/></LUT3D></ProcessList>", ".clf", "too large"),
    ):
        with pytest.raises(SidecarError, match=why):
            lut.check(data, suffix, source="x")


@pytest.mark.parametrize("numbers", ["nan 1 1", "1 1", "1e9 1 1", "-1 1 1", "one 1 1"])
def test_a_grade_that_no_hand_makes_is_refused(numbers: str) -> None:
    data = CORRECTION.replace("1.1 1 0.9", numbers).encode()
    with pytest.raises(SidecarError):
        cdl.parse(data)


SLIP_ALE = """Heading
FPS\t24

Column
Name\tASC_SOP

Data
A001C001\t(1 1 one)(0 0 0)(1 1 1)
A001C002\t(1.1 1 1)(0 0 0)(1 1 1)
"""
SLIP_EDL = """001 A001 V C 01:00:00:00 01:00:01:00 01:00:00:00 01:00:01:00
* FROM CLIP NAME: A001C001
*ASC_SOP (1 1 one)(0 0 0)(1 1 1)
002 A001 V C 01:00:02:00 01:00:03:00 01:00:01:00 01:00:02:00
* FROM CLIP NAME: A001C002
*ASC_SOP (1.1 1 1)(0 0 0)(1 1 1)
"""


@pytest.mark.parametrize(("name", "text"), [("day.ale", SLIP_ALE), ("day.edl", SLIP_EDL)])
def test_a_slip_in_a_list_takes_away_one_clips_grade_and_no_others(name: str, text: str) -> None:
    slip, good = read(name, text.encode()).corrections
    assert slip.refused.startswith(f"the grade of A001C001 in {name} is no grade that can be used: 'one'")
    assert slip.fix
    assert (good.name, good.cdl.slope, good.refused) == ("A001C002", (1.1, 1.0, 1.0), "")


def test_an_amf_is_asked_for_the_grade_that_is_still_to_be_given() -> None:
    to_be_given = amf.parse(AMF.format(looks=LOOK.format(applied="false", space="ACEScct")).encode())
    (one,) = to_be_given
    assert (one.name, one.cdl.slope, one.working) == ("A001C001", (2.0, 2.0, 2.0), "acescct")
    assert amf.parse(AMF.format(looks=LOOK.format(applied="true", space="ACEScct")).encode()) == ()
    (elsewhere,) = amf.parse(AMF.format(looks=LOOK.format(applied="false", space="ACEScg")).encode())
    assert elsewhere.working not in {"", "acescct"}
    twice = LOOK.format(applied="false", space="ACEScct") * 2
    with pytest.raises(SidecarError, match="another transform than one CDL"):
        amf.parse(AMF.format(looks=twice).encode())


@pytest.mark.parametrize("name", [name for name, space in SPACES.items() if space.aces])
def test_an_amf_of_ours_is_in_the_order_of_its_schema_and_names_what_the_config_knows(name: str) -> None:
    grade = Cdl((1.1, 1.0, 0.9), (0.01, 0.0, 0.0), (1.05, 1.0, 1.0), 0.9)
    data = amf.compose(Handed("A001C001", "A001 C001.mov", "2026-03-02T08:00:00+00:00", SPACES[name], grade))
    (said,) = amf.parse(data)
    assert said.cdl == grade
    root = etree.fromstring(data)
    local = [etree.QName(element).localname for element in root]
    assert local == ["amfInfo", "clipId", "pipeline"]
    assert root.get("version") == "2.0"
    pipeline = [etree.QName(element).localname for element in root[2]]
    assert pipeline == ["pipelineInfo", "inputTransform", "lookTransform", "outputTransform"]
    assert [etree.QName(element).localname for element in root[1]] == ["clipName", "file"]
    assert root[1][1].text == "A001%20C001.mov"
    known = [config().getColorSpace(space) for space in (SPACES[name].ocio, ACESCCT, DISPLAY)]
    ids = " ".join(space.getInterchangeAttribute("amf_transform_ids") for space in known).split()
    named = [element.text for element in root.iter("{*}transformId")]
    assert len(named) == 4
    assert set(named) <= set(ids), f"{VIEW} is one of {DISPLAY}'s"
