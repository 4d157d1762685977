"""The CUDA source against its twin: compiled for the processor and run thread by thread, and for three GPUs by nvcc."""

from __future__ import annotations

import ctypes
import re
import subprocess
from dataclasses import dataclass

import numpy as np
import paper_kernels
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import BackendUnavailable, BuildFailed
from engines.kernels import LANES, cubin, twin
from engines.kernels.twin import LAYOUTS, REC709, Cdl, Layout
from engines.media.frames import Picture
from engines.model.packing import pack, packed_size, unpack

TEN = Layout(half_rows=False, bits=10)
SIZES = [(17, 20), (34, 144), (17, 120)]
"""Rows of which nothing, a beginning, or all fits whole words."""


@pytest.fixture(scope="session")
def paper(tmp_path_factory):
    return paper_kernels.compiled(cubin.PICTURES, tmp_path_factory.mktemp("pictures"))


def run(library, name, samples, rows, *arguments):
    """Run a kernel for every thread of rows of samples; what it reads at once is counted from here."""
    for bytes_at_once in (4, 8, 16):
        library.words_read(bytes_at_once)
    paper_kernels.run(library, name, -(-samples // LANES), rows, *arguments)


def at(array):
    """Where an array lies, whatever its pitch."""
    return ctypes.c_void_p(array.ctypes.data)


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


@dataclass(frozen=True)
class Memory:
    """How planes lie: samples before the first one, and behind each row."""

    before: int
    behind: int

    def held(self, plane):
        """A view of zeros like a plane, laid out so in memory that begins at a multiple of 64 bytes."""
        rows, columns = plane.shape
        pitch = columns + self.behind
        room = np.zeros(self.before + rows * pitch + 64, plane.dtype)
        first = -room.ctypes.data % 64 // plane.itemsize + self.before
        return room[first : first + rows * pitch].reshape(rows, pitch)[:, :columns]

    def filled(self, planes):
        laid = tuple(self.held(plane) for plane in planes)
        for there, plane in zip(laid, planes, strict=True):
            there[:] = plane
        return laid


DENSE, PADDED, SHIFTED = Memory(0, 0), Memory(0, 32), Memory(1, 7)
each_memory = pytest.mark.parametrize("memory", [DENSE, PADDED, SHIFTED], ids=["dense", "padded", "shifted"])


def pitches(planes):
    return planes[0].strides[0] // planes[0].itemsize, planes[1].strides[0] // planes[1].itemsize


def behind_rows(plane):
    """What lies behind a plane's rows in memory: nobody writes there."""
    rows, columns = plane.shape
    return np.lib.stride_tricks.as_strided(plane, (rows, plane.strides[0] // plane.itemsize))[:, columns:]


@each_memory
@each_size
@each_layout
def test_packed_pictures_are_the_twins(paper, layout, size, memory):
    (height, width), planes = size, planes_of(layout, *size)
    rows, columns = packed_size(height, width)
    packed, laid = np.zeros((8, rows, columns), np.float16), memory.filled(planes)
    raster = (height, width, rows, columns)
    run(paper, f"packed_from_{layout.name}", columns, rows, *map(at, laid), *pitches(laid), at(packed), *raster)
    np.testing.assert_array_equal(packed, twin.packed_from(layout, planes, rows, columns))


@each_memory
@each_size
@each_layout
def test_planes_of_packed_pictures_are_the_twins(paper, layout, size, memory):
    height, width = size
    rows, columns = packed_size(height, width)
    packed = np.random.default_rng(2).uniform(-0.1, 1.1, (8, rows, columns)).astype(np.float16)
    planes = tuple(memory.held(plane) for plane in empty_planes(layout, height, width))
    raster = (height, width, rows, columns)
    run(paper, f"{layout.name}_from_packed", columns, rows, at(packed), *map(at, planes), *pitches(planes), *raster)
    for plane, truth in zip(planes, twin.planes_from_packed(layout, packed, height, width), strict=True):
        np.testing.assert_array_equal(plane, truth)
    assert not any(behind_rows(plane).any() for plane in planes)


@each_memory
@each_size
@each_layout
def test_rgb_is_the_twins(paper, layout, size, memory):
    (height, width), planes = size, planes_of(layout, *size)
    rgb, laid = np.zeros((3, height, width), np.float16), memory.filled(planes)
    name, more = f"rgb_from_{layout.name}", (height, width, Matrix(*REC709))
    run(paper, name, width, height, *map(at, laid), *pitches(laid), at(rgb), *more)
    np.testing.assert_allclose(rgb.astype(float), twin.rgb_from(layout, planes, REC709).astype(float), atol=1e-3)


@each_memory
@each_size
@each_layout
def test_planes_of_rgb_are_the_twins(paper, layout, size, memory):
    height, width = size
    rgb = picture_of(height, width)
    planes = tuple(memory.held(plane) for plane in empty_planes(layout, height, width))
    name, more = f"{layout.name}_from_rgb", (height, width, Matrix(*REC709))
    run(paper, name, width, planes[1].shape[0], at(rgb), *map(at, planes), *pitches(planes), *more)
    for plane, truth in zip(planes, twin.planes_from_rgb(layout, rgb, REC709), strict=True):
        assert np.abs(plane.astype(int) - truth).max() <= 1
    assert not any(behind_rows(plane).any() for plane in planes)


@each_layout
def test_rows_that_lie_well_are_read_sixteen_bytes_at_a_time_and_others_never(paper, layout):
    """A shifted plane read so would be a fault of the GPU."""
    height, width = 16, 256
    planes, (rows, columns) = planes_of(layout, height, width), packed_size(height, width)
    packed = np.zeros((8, rows, columns), np.float16)
    for memory, is_wide in ((DENSE, True), (PADDED, True), (SHIFTED, False)):
        laid = memory.filled(planes)
        raster = (height, width, rows, columns)
        run(paper, f"packed_from_{layout.name}", columns, rows, *map(at, laid), *pitches(laid), at(packed), *raster)
        assert bool(paper.words_read(16)) is is_wide
        name, more = f"rgb_from_{layout.name}", (height, width, Matrix(*REC709))
        rgb = np.zeros((3, height, width), np.float16)
        run(paper, name, width, height, *map(at, laid), *pitches(laid), at(rgb), *more)
        assert bool(paper.words_read(8 if layout.bits == 8 else 16)) is is_wide


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout.bits == 16], ids=lambda layout: layout.name)
def test_every_code_is_packed_as_its_quotient_rounds(paper, layout):
    """The kernel multiplies where the twin divides: all 65,536 luma codes come out the same."""
    height, width = 256, 256
    luma = np.arange(65536, dtype=np.uint16).reshape(height, width)
    chroma = np.ascontiguousarray(luma.reshape(-1, width // 2)[: planes_of(layout, height, width)[1].shape[0]])
    planes, (rows, columns) = (luma, chroma, chroma), packed_size(height, width)
    packed = np.zeros((8, rows, columns), np.float16)
    raster = (height, width, rows, columns)
    run(paper, f"packed_from_{layout.name}", columns, rows, *map(at, planes), *pitches(planes), at(packed), *raster)
    np.testing.assert_array_equal(packed, twin.packed_from(layout, planes, rows, columns))


GRADE = Cdl((1.1, 0.95, 1.0), (-0.02, 0.01, 0.03), (0.9, 1.05, 1.2), 1.3)


def lut_of(side, seed=3):
    """A LUT that bends and mixes colours, `[b, g, r, 3]`."""
    axis = np.linspace(0, 1, side, dtype=np.float32)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    mixed = np.stack((red**1.4, 0.8 * green + 0.2 * red, np.sqrt(blue)), -1)
    return np.ascontiguousarray(mixed + np.random.default_rng(seed).uniform(0, 0.02, mixed.shape), np.float32)


@pytest.mark.parametrize("size", [(18, 34), (17, 35), (16, 48)], ids=lambda size: f"{size[1]}x{size[0]}")
@pytest.mark.parametrize("side", [65, 17])
def test_a_look_is_the_twins(paper, side, size):
    rgb, lut = picture_of(*size), lut_of(side)
    out, pixels = np.zeros_like(rgb), rgb.shape[1] * rgb.shape[2]
    numbers = CdlNumbers(
        *((ctypes.c_float * 3)(*x) for x in (GRADE.slope, GRADE.offset, GRADE.power)), GRADE.saturation
    )
    read = twin.points(lut)
    run(paper, "look", pixels, 1, at(rgb), at(out), pixels, numbers, at(read), side)
    np.testing.assert_allclose(out.astype(float), twin.look(rgb, GRADE, lut).astype(float), atol=1e-3)


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


def assert_all_kernels(code):
    for layout in LAYOUTS:
        for kernel in ("packed_from_{}", "{}_from_packed", "rgb_from_{}", "{}_from_rgb"):
            assert kernel.format(layout.name).encode() in code
    assert b"look" in code


@pytest.mark.parametrize("sm", ["86", "89"])
def test_the_kernels_compile_for_each_target(sm):
    assert_all_kernels(paper_kernels.machine_code(sm, cubin.PICTURES))


def test_on_the_newest_target_every_kernel_moves_sixteen_bytes_at_once_and_keeps_all_in_registers(tmp_path):
    try:
        nvcc = cubin.compiler()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    words = ["--cubin", "-arch=sm_120", "-Xptxas", "-v", "--keep", f"--keep-dir={tmp_path}", f"-I{cubin.HEADERS}"]
    command = [nvcc, *words, str(cubin.HEADERS / "pictures.cu"), "-o", str(tmp_path / "out")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert_all_kernels((tmp_path / "out").read_bytes())
    kept = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", said)
    assert set(kept) == {("0", "0", "0")}
    kernels = (tmp_path / "pictures.ptx").read_text().split(".visible .entry ")[1:]
    assert len(kernels) == 4 * len(LAYOUTS) + 1
    for kernel in kernels:
        assert re.search(r"(ld\.global\.nc|st\.global)\.v4\.[ub]32", kernel), kernel.partition("(")[0]


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
