"""The CUDA source against its twin: compiled for the processor and run thread by thread, and for three GPUs by nvcc."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper_kernels import at, compiled, run, ulps

from engines.errors import BackendUnavailable, BuildFailed
from engines.kernels import cubin, twin
from engines.kernels.twin import LAYOUTS, REC709, Cdl, Layout
from engines.media.frames import Picture
from engines.model.packing import pack, packed_size, unpack

TEN = Layout(half_rows=False, bits=10)
SIZES = [(36, 52), (18, 34), (17, 20)]


@pytest.fixture(scope="session")
def paper(tmp_path_factory):
    return compiled(cubin.PICTURES, tmp_path_factory.mktemp("pictures"))


class Matrix(ctypes.Structure):
    _fields_ = [("red", ctypes.c_float), ("blue", ctypes.c_float)]


class CdlNumbers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_float * 3) for name in ("slope", "offset", "power")] + [("saturation", ctypes.c_float)]


def planes_of(layout, height, width, seed=1):
    rng = np.random.default_rng(seed)
    rows = -(-height // 2) if layout.half_rows else height
    shapes = ((height, width), (rows, width // 2), (rows, width // 2))
    return tuple(rng.integers(0, 1 << layout.bits, shape).astype(layout.kind) for shape in shapes)


def empty_planes(layout, height, width):
    return tuple(np.zeros_like(plane) for plane in planes_of(layout, height, width))


def picture_of(height, width, seed=1):
    return np.random.default_rng(seed).uniform(-0.05, 1.1, (3, height, width)).astype(np.float16)


each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
each_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[1]}x{size[0]}")


@each_size
@each_layout
def test_packed_pictures_are_the_twins(paper, layout, size):
    (height, width), planes = size, planes_of(layout, *size)
    rows, columns = packed_size(height, width)
    packed = np.zeros((8, rows, columns), np.float16)
    pitches = (planes[0].shape[1], planes[1].shape[1])
    run(
        paper,
        f"packed_from_{layout.name}",
        columns,
        rows,
        *map(at, planes),
        *pitches,
        at(packed),
        height,
        width,
        rows,
        columns,
    )
    assert ulps(packed, twin.packed_from(layout, planes, rows, columns)) <= 1


@each_size
@each_layout
def test_planes_of_packed_pictures_are_the_twins(paper, layout, size):
    height, width = size
    rows, columns = packed_size(height, width)
    packed = np.random.default_rng(2).uniform(-0.1, 1.1, (8, rows, columns)).astype(np.float16)
    planes = empty_planes(layout, height, width)
    pitches = (planes[0].shape[1], planes[1].shape[1])
    run(
        paper,
        f"{layout.name}_from_packed",
        columns,
        rows,
        at(packed),
        *map(at, planes),
        *pitches,
        height,
        width,
        rows,
        columns,
    )
    for plane, truth in zip(planes, twin.planes_from_packed(layout, packed, height, width), strict=True):
        assert np.abs(plane.astype(int) - truth).max() <= 1


@each_layout
def test_rgb_is_the_twins(paper, layout):
    height, width = SIZES[0]
    planes = planes_of(layout, height, width)
    rgb = np.zeros((3, height, width), np.float16)
    pitches = (planes[0].shape[1], planes[1].shape[1])
    run(
        paper,
        f"rgb_from_{layout.name}",
        width,
        height,
        *map(at, planes),
        *pitches,
        at(rgb),
        height,
        width,
        Matrix(*REC709),
    )
    np.testing.assert_allclose(rgb.astype(float), twin.rgb_from(layout, planes, REC709).astype(float), atol=2e-3)


@each_size
@each_layout
def test_planes_of_rgb_are_the_twins(paper, layout, size):
    height, width = size
    rgb, planes = picture_of(height, width), empty_planes(layout, height, width)
    pitches = (planes[0].shape[1], planes[1].shape[1])
    fields = (width // 2, planes[1].shape[0])
    run(paper, f"{layout.name}_from_rgb", *fields, at(rgb), *map(at, planes), *pitches, height, width, Matrix(*REC709))
    for plane, truth in zip(planes, twin.planes_from_rgb(layout, rgb, REC709), strict=True):
        assert np.abs(plane.astype(int) - truth).max() <= 1


GRADE = Cdl((1.1, 0.95, 1.0), (-0.02, 0.01, 0.03), (0.9, 1.05, 1.2), 1.3)


def lut_of(side, seed=3):
    """A LUT that bends and mixes colours, `[b, g, r, 3]`."""
    axis = np.linspace(0, 1, side, dtype=np.float32)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    mixed = np.stack((red**1.4, 0.8 * green + 0.2 * red, np.sqrt(blue)), -1)
    return np.ascontiguousarray(mixed + np.random.default_rng(seed).uniform(0, 0.02, mixed.shape), np.float32)


@pytest.mark.parametrize("side", [65, 17])
def test_a_look_is_the_twins(paper, side):
    rgb, lut = picture_of(18, 34), lut_of(side)
    out, pixels = np.zeros_like(rgb), rgb.shape[1] * rgb.shape[2]
    numbers = CdlNumbers(
        *((ctypes.c_float * 3)(*x) for x in (GRADE.slope, GRADE.offset, GRADE.power)), GRADE.saturation
    )
    read = twin.points(lut)
    run(paper, "look", pixels, 1, at(rgb), at(out), pixels, numbers, at(read), side)
    np.testing.assert_allclose(out.astype(float), twin.look(rgb, GRADE, lut).astype(float), atol=2e-3)


def neutral(side):
    axis = np.linspace(0, 1, side, dtype=np.float32)
    return np.ascontiguousarray(np.stack(np.meshgrid(axis, axis, axis, indexing="ij")[::-1], -1))


@given(seed=st.integers(0, 1000), side=st.sampled_from([2, 17, 65]))
def test_a_neutral_look_changes_nothing(seed, side):
    rgb = np.random.default_rng(seed).uniform(0, 1, (3, 4, 6)).astype(np.float16)
    np.testing.assert_allclose(twin.look(rgb, Cdl(), neutral(side)).astype(float), rgb.astype(float), atol=6e-4)


def test_a_look_at_the_corners_of_its_lut_is_the_lut():
    lut = lut_of(17)
    corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, 1, 8).astype(np.float16)
    red, green, blue = (corners[channel, 0].astype(int) * 16 for channel in range(3))
    np.testing.assert_allclose(twin.look(corners, Cdl(), lut)[:, 0].T, lut[blue, green, red], atol=1e-3)


@pytest.mark.parametrize("size", [(72, 96), (66, 130), (17, 20)])
def test_the_twin_packs_as_the_processor_does(size):
    """`engines/model/packing.py` is what every other engine gets."""
    height, width = size
    planes = planes_of(TEN, height, width)
    picture = Picture(0, *planes)
    packed = twin.packed_from(TEN, planes, *packed_size(height, width))
    np.testing.assert_array_equal(packed, pack(picture)[0].astype(np.float16))
    back = twin.planes_from_packed(TEN, packed, height, width)
    for plane, truth in zip(back, unpack(packed[None].astype(np.float32), picture), strict=True):
        np.testing.assert_array_equal(plane, np.clip(np.rint(truth), 0, 1023))


@pytest.mark.parametrize(
    "layout", [layout for layout in LAYOUTS if not layout.half_rows], ids=lambda layout: layout.name
)
def test_what_is_packed_comes_back(layout):
    """8 and 10 bit exactly; of 16 bit float16 keeps the upper ten or eleven."""
    planes = planes_of(layout, 36, 52)
    back = twin.planes_from_packed(layout, twin.packed_from(layout, planes, 20, 28), 36, 52)
    most = 32 if layout.bits == 16 else 0
    for plane, before in zip(back, planes, strict=True):
        assert np.abs(plane.astype(int) - before).max() <= most


def test_grey_stays_grey_and_white_is_one():
    planes = tuple(np.full(shape, value, np.uint16) for shape, value in (((4, 8), 940), ((4, 4), 512), ((4, 4), 512)))
    np.testing.assert_array_equal(twin.rgb_from(TEN, planes, REC709), np.ones((3, 4, 8), np.float16))


def test_rgb_that_comes_from_planes_goes_back_to_them():
    """A slow gradient: chroma that lies between pixels is filtered both ways, so only what is smooth comes back."""
    ramp = np.linspace(200, 800, 64)[None].repeat(8, 0)
    planes = (
        np.rint(ramp).astype(np.uint16),
        np.rint(ramp[:, ::2] / 4 + 400).astype(np.uint16),
        np.full((8, 32), 500, np.uint16),
    )
    back = twin.planes_from_rgb(TEN, twin.rgb_from(TEN, planes, REC709), REC709)
    for plane, before in zip(back, planes, strict=True):
        assert np.abs(plane.astype(int) - before)[:, 1:-1].max() <= 1


@pytest.mark.parametrize("sm", ["86", "89", "120"])
def test_the_kernels_compile_for_each_target(sm):
    try:
        cubin.compiler()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    code = cubin.cubin(sm, cubin.PICTURES)
    assert code.startswith(b"\x7fELF")
    for layout in LAYOUTS:
        for kernel in ("packed_from_{}", "{}_from_packed", "rgb_from_{}", "{}_from_rgb"):
            assert kernel.format(layout.name).encode() in code
    assert b"look" in code


def test_a_missing_compiler_is_told_with_its_cure(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BackendUnavailable, match="CUDA's toolkit"):
        cubin.cubin("89", cubin.PICTURES)


def test_a_source_that_does_not_compile_is_told(monkeypatch):
    try:
        cubin.compiler()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    monkeypatch.setattr(cubin, "source", lambda _: "no kernel;")
    with pytest.raises(BuildFailed, match="cannot be compiled for SM 89"):
        cubin.cubin("89", cubin.PICTURES)
