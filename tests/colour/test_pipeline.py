"""The look on a picture: as colour-science and OpenColorIO, keeps levels, changes nothing where it need not."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PyOpenColorIO import CDLTransform, ColorSpaceTransform
from shots import TOLERANCE, Shot, codes, deliver

from engines.colour.cdl import NEUTRAL, Cdl, graded
from engines.colour.grade import Grade
from engines.colour.look import Look, Working
from engines.colour.spaces import SPACES, Levels
from engines.colour.transform import camera_values, config, direct
from engines.errors import BadLook
from engines.media.essence import CodeRange
from engines.media.frames import Picture
from engines.media.proxy import ProxyCodec
from engines.media.ycbcr import codes_of, rgb_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import tells of optional parts that are not installed
    import colour

LOG = [name for name, space in SPACES.items() if not space.is_display]
NO_LUTS = Path()
CURVES: dict[str, tuple[str, Any]] = {
    "arri_logc3": ("Linear ARRI Wide Gamut 3", colour.models.log_encoding_ARRILogC3),
    "arri_logc4": ("Linear ARRI Wide Gamut 4", colour.models.log_encoding_ARRILogC4),
    "slog3_sgamut3": ("Linear S-Gamut3", colour.models.log_encoding_SLog3),
    "slog3_sgamut3cine": ("Linear S-Gamut3.Cine", colour.models.log_encoding_SLog3),
    "slog3_venice_sgamut3": ("Linear Venice S-Gamut3", colour.models.log_encoding_SLog3),
    "slog3_venice_sgamut3cine": ("Linear Venice S-Gamut3.Cine", colour.models.log_encoding_SLog3),
    "clog2_cgamut": ("Linear CinemaGamut D55", colour.models.log_encoding_CanonLog2),
    "clog3_cgamut": ("Linear CinemaGamut D55", colour.models.log_encoding_CanonLog3),
    "vlog_vgamut": ("Linear V-Gamut", colour.models.log_encoding_VLog),
    "log3g10_rwg": ("Linear REDWideGamutRGB", colour.models.log_encoding_Log3G10),
    "davinci_intermediate": ("Linear DaVinci WideGamut", colour.models.oetf_DaVinciIntermediate),
    "bmdfilm_gen5": ("Linear BMD WideGamut Gen5", colour.models.oetf_BlackmagicFilmGeneration5),
    "apple_log": ("Linear Rec.2020", colour.models.log_encoding_AppleLogProfile),
    "dlog_dgamut": ("Linear D-Gamut", colour.models.log_encoding_DJIDLog),
}
GREY = {"slog3_sgamut3": 420, "vlog_vgamut": 433, "clog2_cgamut": 410, "dlog_dgamut": 408}


def through(source: str, target: str, values: np.ndarray) -> np.ndarray:
    rgb = np.repeat(values.astype(np.float32)[:, None], 3, 1)
    config().getProcessor(ColorSpaceTransform(source, target)).getDefaultCPUProcessor().applyRGB(rgb)
    return rgb[:, 1]


def flat(y: int, cb: int = 512, cr: int = 512, size: tuple[int, int] = (40, 64)) -> Picture:
    height, width = size
    planes = ((height, width), y), ((height, width // 2), cb), ((height, width // 2), cr)
    return Picture(3, *(np.full(shape, code, np.uint16) for shape, code in planes))


@pytest.mark.parametrize("name", CURVES)
def test_a_cameras_curve_is_the_one_that_colour_science_has(name: str) -> None:
    linear, encode = CURVES[name]
    scene = np.geomspace(1e-3, 20, 400)
    with np.errstate(invalid="ignore"):  # colour-science takes the logarithm of what its line below black replaces
        theirs = np.asarray(encode(scene))
    recordable = theirs <= 1  # C-Log3 ends at 14
    assert recordable.sum() >= 350
    assert np.abs(through(linear, SPACES[name].ocio, scene) - theirs)[recordable].max() <= 1e-4


GAMUTS = {
    "Linear ARRI Wide Gamut 3": ("ARRI Wide Gamut 3", "CAT02"),
    "Linear ARRI Wide Gamut 4": ("ARRI Wide Gamut 4", "CAT02"),
    "Linear S-Gamut3": ("S-Gamut3", "CAT02"),
    "Linear S-Gamut3.Cine": ("S-Gamut3.Cine", "CAT02"),
    "Linear Venice S-Gamut3": ("Venice S-Gamut3", "CAT02"),
    "Linear Venice S-Gamut3.Cine": ("Venice S-Gamut3.Cine", "CAT02"),
    "Linear V-Gamut": ("V-Gamut", "Bradford"),
    "Linear REDWideGamutRGB": ("REDWideGamutRGB", "Bradford"),
    "Linear CinemaGamut D55": ("Cinema Gamut", "CAT02"),
    "Linear D-Gamut": ("DJI D-Gamut", "CAT02"),
    "Linear BMD WideGamut Gen5": ("Blackmagic Wide Gamut", "CAT02"),
    "Linear DaVinci WideGamut": ("DaVinci Wide Gamut", "CAT02"),
    "Linear Rec.2020": ("ITU-R BT.2020", "Bradford"),
}
"""By what each maker adapts to ACES's white."""


@pytest.mark.parametrize("linear", GAMUTS)
def test_a_cameras_gamut_is_the_one_that_colour_science_has(linear: str) -> None:
    name, adaptation = GAMUTS[linear]
    primaries = np.eye(3, dtype=np.float32)
    config().getProcessor(ColorSpaceTransform(linear, "ACES2065-1")).getDefaultCPUProcessor().applyRGB(primaries)
    spaces = colour.RGB_COLOURSPACES
    gamut = spaces[name].copy()
    gamut.use_derived_transformation_matrices(name == "DJI D-Gamut")  # DJI rounds its matrix by 1.7e-4
    theirs = colour.matrix_RGB_to_RGB(gamut, spaces["ACES2065-1"], adaptation)
    assert np.abs(primaries.T - theirs).max() <= 1e-4


def test_acescct_and_rec709s_display_are_those_that_colour_science_has() -> None:
    scene = np.geomspace(1e-3, 60, 400)
    assert np.abs(through("ACEScg", "ACEScct", scene) - colour.models.log_encoding_ACEScct(scene)).max() <= 1e-4


@pytest.mark.parametrize(("name", "code"), GREY.items())
def test_grey_of_cameras_that_name_code_values_lies_where_their_makers_say(name: str, code: int) -> None:
    assert SPACES[name].levels is Levels.CODE
    legal = np.full((1, 3), (code - 64) / 876, np.float32)
    values = camera_values(legal, Look(name), CodeRange.LEGAL)
    linear = through(SPACES[name].ocio, "ACEScg", values[:, 0])
    assert linear[0] == pytest.approx(0.18, rel=0.03)


def test_a_full_range_file_says_the_same_as_a_legal_one() -> None:
    legal = np.full((1, 3), 0.41, np.float32)
    assert camera_values(legal, Look("slog3_sgamut3"), CodeRange.FULL)[0, 0] == np.float32(0.41)
    assert camera_values(legal, Look("arri_logc3"), CodeRange.LEGAL)[0, 0] == np.float32(0.41)


NUMBERS = st.tuples(*(st.floats(0.25, 2.5, width=32) for _ in range(3)))


@given(NUMBERS, st.tuples(*(st.floats(-0.25, 0.25, width=32) for _ in range(3))), NUMBERS, st.floats(0, 2, width=32))
@settings(max_examples=30, deadline=None)
def test_our_arithmetic_of_a_grade_is_opencolorios(slope: Any, offset: Any, power: Any, saturation: float) -> None:
    cdl = Cdl(slope, offset, power, saturation)
    transform = CDLTransform()
    transform.setSlope(slope)
    transform.setOffset(offset)
    transform.setPower(power)
    transform.setSat(saturation)
    values = np.random.default_rng(1).uniform(-0.1, 1.2, (200, 3)).astype(np.float32)
    theirs = values.copy()
    config().getProcessor(transform).getDefaultCPUProcessor().applyRGB(theirs)
    assert np.allclose(graded(values, cdl), theirs, rtol=1e-3, atol=1e-3)


def test_a_neutral_grade_changes_nothing() -> None:
    values = np.random.default_rng(2).uniform(-0.1, 1.2, (200, 3)).astype(np.float32)
    assert np.allclose(graded(values, NEUTRAL), values, atol=1e-6)
    assert Look("rec709").changes_nothing
    assert not Look("arri_logc3").changes_nothing
    neutral, none = (direct(Look("arri_logc3", cdl=cdl), NO_LUTS) for cdl in (NEUTRAL, Cdl()))
    first, second = values.copy(), values.copy()
    neutral.applyRGB(first)
    none.applyRGB(second)
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["arri_logc4", "slog3_sgamut3cine"])
@pytest.mark.parametrize("working", Working)
def test_the_baked_look_is_the_direct_one(name: str, working: Working) -> None:
    look = Look(name, working, Cdl((1.1, 1.0, 0.95), (0.01, 0.0, -0.01), (1.05, 1.0, 1.0), 0.9))
    rng = np.random.default_rng(3)
    codes = (rng.uniform(150, 800, (64, 32, 1)) + rng.normal(0, 12, (64, 32, 3))).astype(np.float32)
    codes[..., 1:] = 512 + rng.normal(0, 20, (64, 32, 2))
    picture = Picture(
        0,
        *(np.ascontiguousarray(np.repeat(codes[..., 0], 2, 1)).astype(np.uint16),),
        *(codes[..., plane].astype(np.uint16) for plane in (1, 2)),
    )
    made = Grade(look, NO_LUTS, matrix="bt709", code_range=CodeRange.LEGAL)(picture)
    recorded = np.stack([picture.y[:, ::2], picture.cb, picture.cr], -1).astype(np.float32)
    truth = camera_values(rgb_of(recorded), look, CodeRange.LEGAL).reshape(-1, 3)
    direct(look, NO_LUTS).applyRGB(truth)
    ours = rgb_of(np.stack([made.y[:, ::2], made.cb, made.cr], -1).astype(np.float32)).reshape(-1, 3)
    assert np.abs(ours - truth.clip(0, 1)).mean() <= 1e-3


def test_two_looks_at_once_are_two_looks() -> None:
    """OpenColorIO's processor cache takes two LUTs of one size for the same."""
    picture = flat(500)
    first, second = (
        Grade(Look(name), NO_LUTS, matrix="bt709", code_range=CodeRange.LEGAL) for name in ("arri_logc3", "arri_logc4")
    )
    assert first(picture).y[0, 0] != second(picture).y[0, 0]
    assert first(picture).number == picture.number


def test_a_graded_picture_is_legal_whatever_it_was() -> None:
    wild = Picture(
        0, *(np.random.default_rng(4).integers(0, 1024, shape, np.uint16) for shape in ((48, 64), (48, 32), (48, 32)))
    )
    made = Grade(Look("slog3_sgamut3"), NO_LUTS, matrix="bt709", code_range=CodeRange.LEGAL)(wild)
    assert 64 <= made.y.min() <= made.y.max() <= 940
    assert 64 <= made.cb.min() <= made.cr.max() <= 960


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
def test_a_grade_on_what_is_made_for_a_display_stays_in_its_own_matrix_and_beyond_white(matrix: str) -> None:
    look = Look("rec709", cdl=Cdl(slope=(1.1, 1.0, 0.9)))
    picture = flat(700, 470, 560)
    made = Grade(look, NO_LUTS, matrix=matrix, code_range=CodeRange.LEGAL)(picture)
    before, after = (
        rgb_of(np.array([one.y[0, 0], one.cb[0, 0], one.cr[0, 0]], np.float32), matrix) for one in (picture, made)
    )
    assert after == pytest.approx(before * look.cdl.slope, abs=2e-3)
    highlights = Grade(look, NO_LUTS, matrix=matrix, code_range=CodeRange.LEGAL)(flat(1000))
    assert 980 < highlights.y[0, 0] <= 1019, "a grade takes no highlights away that were recorded above white"


def test_a_lut_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.cube").write_text("LUT_3D_SIZE 2\n0 0 0\n")
    with pytest.raises(BadLook, match=r"broken\.cube"):
        direct(Look("arri_logc3", lut="broken.cube"), tmp_path)


def test_a_show_lut_takes_what_the_working_space_gives(tmp_path: Path) -> None:
    rows = [f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    (tmp_path / "unit.cube").write_text("LUT_3D_SIZE 2\n" + "\n".join(rows) + "\n")
    values = np.full((1, 3), 0.4, np.float32)
    direct(Look("arri_logc3", Working.CAMERA, lut="unit.cube"), tmp_path).applyRGB(values)
    assert values[0] == pytest.approx(0.4, abs=1e-5)


SOURCES = {
    "8 bit full": ("libx264", "yuv422p", 8, True, {"qp": "0"}),
    "10 bit legal": ("v210", "yuv422p10le", 10, False, {}),
    "12 bit legal": ("ffv1", "yuv422p12le", 12, False, {}),
}
RAMP = np.linspace(100, 900, 30)
"""Luma of ten bits, legal, 64 to 940."""


def ramp_of(source: str, folder: Path) -> tuple[Path, np.ndarray]:
    """A clip of the ramp as a camera of so many bits and such levels records it; and what it recorded, 0-1 legal."""
    codec, pixel_format, bits, is_full, options = SOURCES[source]
    legal = (RAMP - 64) / 876
    recorded = np.rint(legal * (2**bits - 1) if is_full else (64 + 876 * legal) * 2 ** (bits - 10)).astype(np.uint16)
    kind = np.uint8 if bits == 8 else np.uint16

    def paint(_: int) -> av.VideoFrame:
        frame = av.VideoFrame(320, 192, pixel_format)
        patches = np.kron(recorded.reshape(3, 10), np.ones((64, 32)))
        for plane, values in zip(frame.planes, (patches, 2 ** (bits - 1), 2 ** (bits - 1)), strict=True):
            rows = np.frombuffer(plane, kind).reshape(plane.height, -1)
            rows[:, : plane.width] = values
        frame.color_range = 2 if is_full else 1
        return frame

    shot = Shot(2, size=(320, 192), codec=codec, pixel_format=pixel_format, options=options)
    clip = replace(shot, color_range=2 if is_full else 1).write(
        folder / f"log.{'mkv' if codec == 'ffv1' else 'mov'}", paint
    )
    return clip, recorded / (2**bits - 1) if is_full else (recorded / 2 ** (bits - 10) - 64) / 876


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("codec", TOLERANCE)
def test_a_log_ramp_under_a_look_comes_back_from_each_codec_by_decoded_value(
    tmp_path: Path, codec: ProxyCodec, source: str
) -> None:
    clip, legal = ramp_of(source, tmp_path)
    look = Look("arri_logc3", cdl=Cdl((1.05, 1.05, 1.05)))
    code_range = CodeRange.FULL if "full" in source else CodeRange.LEGAL
    grade = Grade(look, NO_LUTS, matrix="bt709", code_range=code_range)
    done = deliver(clip, out=tmp_path / "proxy.mov", codec=codec, grade=grade, look=look)
    values = np.repeat(legal[:, None], 3, 1).astype(np.float32)
    direct(look, NO_LUTS).applyRGB(values)
    expected = codes_of(values.clip(0, 1))[:, 0]
    with av.open(str(done.path)) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc)) == (1, 1, 1)
    luma = codes(frame, frame.format.name)[0].astype(float) * (1 if frame.format.name.endswith("10le") else 4)
    found = luma.reshape(3, 64, 10, 32)[:, 16:-16, :, 8:-8].mean((1, 3)).reshape(-1)
    assert np.abs(found - expected).max() <= TOLERANCE[codec]
