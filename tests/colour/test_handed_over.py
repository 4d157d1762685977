"""What is handed over makes the proxy's picture of the camera original again, with OpenColorIO alone."""

from __future__ import annotations

import base64
import hashlib
import warnings
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from cart import Cart, seal
from footage import footage
from lxml import etree
from PIL import Image
from PyOpenColorIO import (
    INTERP_TETRAHEDRAL,
    TRANSFORM_DIR_INVERSE,
    ColorSpaceTransform,
    Config,
    FileTransform,
    GroupTransform,
    Transform,
)
from shots import Shot, planes

from daemon.sidecars import amf, cdl
from engines.colour.exchange import clfs
from engines.colour.grade import Grade
from engines.colour.look import Look, Working
from engines.colour.sheet import vectorscope, waveform
from engines.colour.transform import output_cube
from engines.media.conform import picture_of
from engines.media.essence import CodeRange
from engines.media.frames import Picture
from engines.media.ycbcr import rgb_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import tells of optional parts that are not installed
    import colour

GRADE = b"""<ColorCorrection id="A001C001"><SOPNode><Slope>1.1 1.0 0.92</Slope><Offset>0.01 0 -0.01</Offset>
<Power>1.05 1 1</Power></SOPNode><SatNode><Saturation>0.9</Saturation></SatNode></ColorCorrection>"""


def codes(picture: Picture) -> np.ndarray:
    return np.stack([picture.y[:, ::2], picture.cb, picture.cr], -1).astype(np.float32).reshape(-1, 3)


def scene(number: int) -> VideoFrame:
    """A log picture from black to a window, in the colours of skin, leaves, cloth and sky."""
    rng = np.random.default_rng(number)
    luma = np.kron(np.linspace(110, 760, 240).reshape(12, 20), np.ones((16, 16)))
    cb, cr = (np.kron(512 + rng.normal(0, 22, (12, 20)), np.ones((16, 8))) for _ in range(2))
    return planes(luma.astype(np.uint16), cb.astype(np.uint16), cr.astype(np.uint16))


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE Lab of Rec.709 on a display of gamma 2.4."""
    space = colour.RGB_COLOURSPACES["ITU-R BT.709"]
    return colour.XYZ_to_Lab((rgb.clip(0, 1) ** 2.4) @ space.matrix_RGB_to_XYZ.T, space.whitepoint)


@pytest.mark.parametrize("working", ["acescct", "camera"])
def test_the_camera_original_with_what_was_handed_over_is_the_proxys_picture(cart: Cart, working: str) -> None:
    roll = cart.roll()
    Shot(frames=2).write(roll / "A001C001.mov", scene)
    seal(roll)
    cart.put(roll.parents[1] / "Looks", {"A001C001.cc": GRADE})
    cart.recipe.write_text("defaults: {source: {space: slog3_sgamut3cine}}\n")
    cart.words["colour"] = {"working": working}
    if working == "camera":
        cart.show_lut()
    with cart.shift() as shift:
        shift.drive()
        (look,) = {proxy.facts.look for proxy in shift.proxies("A001C001")}
    looks = cart.delivered() / "looks"
    record = cart.record()["clips"][0]["proxies"][0]["look"]
    with av.open(str(roll / "A001C001.mov")) as container:
        original = picture_of(next(container.decode(video=0)))

    config = Config.CreateFromBuiltinConfig(record["config"])
    group = GroupTransform()
    if working == "acescct":
        group.appendTransform(ColorSpaceTransform("S-Log3 S-Gamut3.Cine", "ACEScct"))
    group.appendTransform(FileTransform(str(looks / "A001C001.cdl")))
    group.appendTransform(FileTransform(str(looks / record["lut"])))
    theirs = np.ascontiguousarray((rgb_of(codes(original)) * 876 + 64) / 1023, np.float32)
    config.getProcessor(group).getDefaultCPUProcessor().applyRGB(theirs)

    grade = Grade(look.look, cart.config.luts, matrix="bt709", code_range=CodeRange.LEGAL)
    ours = rgb_of(codes(grade(original)))
    delta = colour.delta_E(lab(ours), lab(theirs), method="CIE 2000")
    assert delta.mean() < 0.5
    assert np.quantile(delta, 0.99) < 1
    cart.assert_honest()


@pytest.mark.parametrize(
    ("space", "working"),
    [("davinci_intermediate", "acescct"), ("davinci_intermediate", "camera"), ("arri_logc3", "camera")],
)
def test_an_amf_says_all_of_a_look_that_aces_has_no_names_for(cart: Cart, space: str, working: str) -> None:
    roll = cart.roll()
    Shot(frames=2).write(roll / "A001C001.mov", scene)
    seal(roll)
    cart.put(roll.parents[1] / "Looks", {"A001C001.cc": GRADE})
    cart.recipe.write_text(f"defaults: {{source: {{space: {space}}}}}\n")
    cart.words["colour"] = {"working": working}
    cart.show_lut()
    with cart.shift() as shift:
        shift.drive()
        (look,) = {proxy.facts.look for proxy in shift.proxies("A001C001")}
    looks = cart.delivered() / "looks"
    said = etree.fromstring((looks / "A001C001.amf").read_bytes()).find("{*}pipeline")
    assert said is not None

    def named(path: str) -> Transform:
        """What an AMF names: a CLF beside it, whose digest it gives, or a camera's space by ACES's id."""
        file = said.findtext(f"{path}/{{*}}file")
        if file is None:
            assert "CSC.Arri.LogC3_to_ACES" in said.findtext(f"{path}/{{*}}transformId", "")
            return ColorSpaceTransform("ARRI LogC3 (EI800)", "ACES2065-1")
        digest = base64.b64decode(said.findtext(f"{path}/{{*}}hash", ""))
        assert digest == hashlib.sha256((looks / file).read_bytes()).digest()
        assert f"looks/{file}" in cart.complete()["xxh128"]
        return FileTransform(str(looks / file), interpolation=INTERP_TETRAHEDRAL)

    back = named("{*}lookTransform/{*}cdlWorkingSpace/{*}fromCdlWorkingSpace") if working == "camera" else None
    way = (
        GroupTransform([back], direction=TRANSFORM_DIR_INVERSE)
        if back
        else ColorSpaceTransform("ACES2065-1", "ACEScct")
    )
    steps = [named("{*}inputTransform"), way, FileTransform(str(looks / "A001C001.cdl"))]
    steps += [back or ColorSpaceTransform("ACEScct", "ACES2065-1"), named("{*}outputTransform")]
    config = Config.CreateFromBuiltinConfig(cart.record()["clips"][0]["proxies"][0]["look"]["config"])
    with av.open(str(roll / "A001C001.mov")) as container:
        original = picture_of(next(container.decode(video=0)))
    theirs = np.ascontiguousarray(rgb_of(codes(original)), np.float32)
    config.getProcessor(GroupTransform(steps)).getDefaultCPUProcessor().applyRGB(theirs)
    ours = rgb_of(codes(Grade(look.look, cart.config.luts, matrix="bt709", code_range=CodeRange.LEGAL)(original)))
    delta = colour.delta_E(lab(ours), lab(theirs), method="CIE 2000")
    assert delta.mean() < 0.5
    assert np.quantile(delta, 0.99) < 1
    cart.assert_honest()


def test_a_look_that_clf_has_no_words_for_is_handed_over_without_an_amf(tmp_path: Path) -> None:
    (tmp_path / "show.cube").write_text(output_cube(Look("clog3_cgamut", Working.CAMERA)))
    assert clfs(Look("clog3_cgamut", Working.CAMERA, lut="show.cube"), tmp_path) == {}, "its curve is a table"
    assert list(clfs(Look("clog3_cgamut", lut="show.cube"), tmp_path)) == ["show_from_aces_by_acescct.clf"]


def test_each_form_says_the_same_grade(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1), "A001C002.mov": footage(2)})
    seal(roll)
    cart.put(roll.parents[1] / "Looks", {"A001C001.cc": GRADE})
    cart.recipe.write_text("clips: {A001C001: {source: {space: arri_logc4}}}\n")
    cart.serve()
    looks, (graded,) = cart.delivered() / "looks", cdl.parse(GRADE)
    for name in ("A001C001.cdl", "A001.ccc"):
        (said,) = cdl.parse((looks / name).read_bytes())
        assert (said.name, said.cdl) == ("A001C001", graded.cdl)
    (said,) = amf.parse((looks / "A001C001.amf").read_bytes())
    assert (said.name, said.cdl, said.working) == ("A001C001", graded.cdl, "acescct")
    rows = (cart.delivered() / "A001.ale").read_text(encoding="utf-8").splitlines()
    assert "(1.100000 1.000000 0.920000)(0.010000 0.000000 -0.010000)(1.050000 1.000000 1.000000)\t0.900000" in rows[-2]
    assert not (looks / "A001C002.cdl").exists(), "Rec.709 without a grade stays as recorded"
    record = {clip["name"]: clip["proxies"][0]["look"] for clip in cart.record()["clips"]}
    assert record["A001C002"] is None
    assert record["A001C001"]["steps"][0] == "ARRI LogC4, legal levels"
    assert {f"looks/{name}" for name in ("A001C001.cdl", "A001.ccc", "A001C001.amf", record["A001C001"]["lut"])} < set(
        cart.complete()["xxh128"]
    )


def test_a_look_that_goes_takes_its_files_with_it(cart: Cart) -> None:
    roll = cart.roll()
    cart.put(roll, {"A001C001.mov": footage(1)})
    seal(roll)
    cart.recipe.write_text("defaults: {source: {space: arri_logc4}}\n")
    cart.show_lut()
    with cart.shift() as shift:
        shift.drive()
        assert (cart.delivered() / "looks" / "A001C001.cdl").exists()
        cart.recipe.write_text("defaults: {source: {space: arri_logc4}, proxy: {look: none}}\n")
        shift.drive()
        assert not list((cart.delivered() / "looks").glob("A001C001.*"))
    cart.assert_honest()


def test_the_report_shows_log_show_look_and_this_clips_look_beside_each_other(cart: Cart) -> None:
    roll = cart.roll()
    Shot(frames=2).write(roll / "A001C001.mov", scene)
    seal(roll)
    cart.put(roll.parents[1] / "Looks", {"A001C001.cc": GRADE})
    cart.recipe.write_text("defaults: {source: {space: slog3_sgamut3cine}}\n")
    cart.show_lut()
    cart.serve()
    sheet = cart.delivered() / "report" / "A001C001_look.jpg"
    with Image.open(sheet) as image:
        assert image.width > 3 * 480
        strip = np.asarray(image)[60:200].astype(float)
    panels = [strip[:, start : start + 480].mean((0, 1)) for start in (8, 496, 984)]
    assert np.abs(panels[1] - panels[2]).max() > 2, "the grade is seen"
    page = (cart.delivered() / "report" / "index.html").read_text(encoding="utf-8")
    assert "A001C001_look.jpg" in page
    assert "20260302/Looks/A001C001.cc" in page
    assert "report/A001C001_look.jpg" in cart.complete()["xxh128"]
    cart.assert_honest()


def test_scopes_show_levels_where_they_are() -> None:
    luma = np.full((90, 160), 940, np.float32)
    assert int(waveform(luma)[..., 1].sum(1).argmax()) == round((1023 - 940) / 1023 * 149)
    scope = vectorscope(np.full((9, 16), 512, np.float32), np.full((9, 16), 700, np.float32))
    row, column = np.unravel_index(int(scope[..., 1].argmax()), scope.shape[:2])
    assert (row, column) == (round(74.5 - 2 * (700 - 511.5) / 1023 * 149), round(74.5 + 2 * 0.5 / 1023 * 149))
