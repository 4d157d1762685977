"""Motion and carrying: the CUDA source against its twin thread by thread, the twin against OpenCV and known truth."""

from __future__ import annotations

import ctypes
from itertools import pairwise

import cv2
import numpy as np
import pytest
from paper_kernels import at, compiled, machine_code, profile_of, run, ulps

from engines.kernels import cubin, motion_twin
from engines.kernels.pyramid import BINS, COARSE, PATCH, Pyramid, half, lattice, samples
from engines.media.frames import Picture
from engines.model import carry
from engines.model.noise import NoiseProfile
from engines.model.packing import pack, packed_size, planes_of

SIZES = [(72, 96), (66, 130), (44, 52), (12, 20)]
NOISE = NoiseProfile(2e-4, 1e-4, 0.7, 0.3)
KERNELS = ("grey_rows", "grey_columns", "halved", "counted", "stretched", "searched", "settled", "spread", "compared")
KERNELS += ("summed", "weighed", "carried_picture", "carried_state", "noise_map", "yuv422_10_blended")
each_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[1]}x{size[0]}")


@pytest.fixture(scope="session")
def paper(tmp_path_factory):
    return compiled(cubin.MOTION, tmp_path_factory.mktemp("motion"))


def texture(seed, side=900):
    """A wall with large and small things on it, in 10-bit code values."""
    rng = np.random.default_rng(seed)
    wall = np.full((side, side), 480, np.float32)
    for cells, deviation in ((14, 60), (45, 40), (180, 25)):
        drawn = rng.normal(0, deviation, (cells, cells)).astype(np.float32)
        wall += cv2.resize(drawn, (side, side), interpolation=cv2.INTER_CUBIC)
    return wall


def seen(wall, height, width, zoom=1.0, pan=(0.0, 0.0), noise=10.0, seed=0):
    """What a camera sees of a wall: luma in whole codes; the pan is in its own pixels."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x = (columns - width / 2) * np.float32(zoom) + np.float32(450 + pan[0])
    y = (rows - height / 2) * np.float32(zoom) + np.float32(450 + pan[1])
    clean = cv2.remap(wall, x, y, cv2.INTER_CUBIC)
    return np.clip(np.rint(clean + np.random.default_rng(seed).normal(0, noise, clean.shape)), 4, 1019).astype(
        np.uint16
    )


def known(height, width, zoom, pan):
    """The motion between `seen` at no zoom and pan and this one, packed pixels `[h, w, 2]`."""
    rows, columns = np.mgrid[: height // 2, : width // 2].astype(np.float64) * 2 + 0.5
    x, y = ((columns - width / 2) * (zoom - 1) + pan[0], (rows - height / 2) * (zoom - 1) + pan[1])
    return np.stack((x, y), -1) / 2


def whole(luma):
    """A picture of luma alone, grey."""
    height, width = luma.shape
    grey = np.full((height, width // 2), 512, np.uint16)
    return Picture(0, luma, grey, grey)


def off_by(found, truth, edge=32):
    """The mean endpoint error inside the picture: what comes in at its edges nobody has seen."""
    return float(np.hypot(*np.moveaxis(found - truth, -1, 0))[edge:-edge, edge:-edge].mean())


def pair(size):
    wall = texture(3)
    return seen(wall, *size, 1.02, (3.0, -2.0), seed=1), seen(wall, *size, seed=2)


@each_size
def test_grey_pictures_are_the_twins(paper, size):
    luma = pair(size)[0]
    pyramid = Pyramid.of(*size)
    truth = motion_twin.levels(luma, pyramid)
    rows, columns = pyramid.sizes[0]
    along, grey = (np.zeros((rows, columns), np.float32) for _ in range(2))
    run(paper, "grey_rows", columns, rows, at(luma), size[1], *size, at(along), rows, columns)
    run(paper, "grey_columns", columns, rows, at(along), at(grey), rows, columns)
    np.testing.assert_array_equal(grey, truth[0])
    for level, smaller in pairwise(truth):
        found = np.zeros_like(smaller)
        assert half(level.shape) == found.shape
        run(paper, "halved", *found.shape[::-1], at(level), *level.shape, at(found), *found.shape)
        np.testing.assert_array_equal(found, smaller)


@each_size
def test_how_flat_a_picture_is_is_the_twins_and_numpys(paper, size):
    luma = pair(size)[0]
    rows, columns = samples(*size)
    counts, stretch = np.zeros(BINS + BINS // COARSE, np.int32), np.zeros(1, np.float32)
    run(paper, "counted", columns, rows, at(luma), size[1], at(counts), rows, columns)
    np.testing.assert_array_equal(counts, motion_twin.counted(luma))
    run(paper, "stretched", 1, 1, at(counts), rows * columns, at(stretch))
    assert stretch[0] == motion_twin.stretched(counts)
    low, high = np.percentile(luma[::8, ::8], (1, 99), method="lower") / 1023
    np.testing.assert_allclose(stretch[0], 255 / max(high - low, 0.02), rtol=1e-6)


@each_size
def test_motion_is_the_twins_on_every_level(paper, size):
    now, before = pair(size)
    pyramid, stretch = Pyramid.of(*size), np.array([motion_twin.stretched(motion_twin.counted(before))])
    one, other = (motion_twin.levels(luma, pyramid) for luma in (now, before))
    told = None
    for level in pyramid.sought:
        shape, patches = one[level].shape, lattice(one[level].shape)
        found, motion = np.zeros((*patches, 2), np.float32), np.zeros((*shape, 2), np.float32)
        grey = at(one[level]), at(other[level])
        coarse = (at(told), *told.shape[:2]) if told is not None else (None, 0, 0)
        run(paper, "searched", *patches[::-1], *grey, *shape, *coarse, at(found), *patches)
        np.testing.assert_allclose(found, motion_twin.searched(one[level], other[level], told), atol=1e-4)
        better = np.zeros_like(found)
        run(paper, "settled", *patches[::-1], *grey, *shape, at(found), at(better), *patches)
        np.testing.assert_array_equal(better, motion_twin.settled(one[level], other[level], found))
        found = better
        run(paper, "spread", *shape[::-1], *grey, *shape, at(found), *patches, at(stretch), at(motion))
        np.testing.assert_allclose(motion, motion_twin.spread(one[level], other[level], found, stretch[0]), atol=1e-5)
        told = motion
    shape = one[0].shape
    motion, off, sums = (np.zeros((*shape, 2), np.float32) for _ in range(3))
    ends = (at(told), *told.shape[:2], at(stretch), at(motion), at(off))
    run(paper, "compared", *shape[::-1], at(one[0]), at(other[0]), *shape, *ends)
    truth = motion_twin.compared(one[0], other[0], told, stretch[0])
    np.testing.assert_array_equal(motion, truth[0])
    np.testing.assert_array_equal(off, truth[1])
    run(paper, "summed", *shape[::-1], at(off), at(sums), *shape)
    np.testing.assert_array_equal(sums, motion_twin.summed(off))
    run(paper, "weighed", *shape[::-1], at(sums), at(motion), *shape)
    np.testing.assert_array_equal(motion, motion_twin.weighed(sums, truth[0]))
    assert motion.any() or size == (12, 20)


def drift(shape, seed=5):
    return np.random.default_rng(seed).uniform(-4, 4, (*shape, 2)).astype(np.float32)


@each_size
@pytest.mark.parametrize("soft", [False, True])
def test_what_is_carried_is_the_twins(paper, size, soft):
    shape = packed_size(*size)
    rng, motion = np.random.default_rng(4), drift(shape)
    before, state = (rng.uniform(0, 1, (count, *shape)).astype(np.float16) for count in (8, 5))
    picture, hidden = np.zeros_like(before), np.zeros_like(state)
    run(paper, "carried_picture", *shape[::-1], at(before), at(motion), at(picture), *shape, int(soft))
    run(paper, "carried_state", *shape[::-1], at(state), at(motion), at(hidden), 5, *shape)
    assert ulps(picture, motion_twin.carried_picture(before, motion, soft=soft)) == 0
    assert ulps(hidden, motion_twin.carried_state(state, motion)) == 0


@each_size
def test_noise_and_codes_are_the_twins(paper, size):
    shape = packed_size(*size)
    rng = np.random.default_rng(6)
    packed, restored = (rng.uniform(0, 1.02, (8, *shape)).astype(np.float16) for _ in range(2))
    told = np.zeros((3, *shape), np.float16)
    profile = profile_of(NOISE)
    run(paper, "noise_map", *shape[::-1], at(packed), at(told), profile, *shape)
    assert ulps(told, motion_twin.noise_map(packed, NOISE)) == 0
    wide = size[0], size[1] // 2
    filmed = [rng.integers(0, 1024, side).astype(np.uint16) for side in (size, wide, wide)]
    out = [np.zeros_like(plane) for plane in filmed]
    words = (*map(at, (restored, *filmed, *out)), *size, *shape, ctypes.c_float(0.7))
    run(paper, "yuv422_10_blended", *wide[::-1], *words)
    for plane, truth in zip(out, motion_twin.blended(restored, filmed, 0.7), strict=True):
        np.testing.assert_array_equal(plane, truth)


@pytest.mark.parametrize("size", [(72, 96), (66, 130)])
@pytest.mark.parametrize(("soft", "colours"), [(False, cv2.INTER_CUBIC), (True, cv2.INTER_LINEAR)])
def test_the_twin_carries_as_the_processor_does(size, soft, colours):
    """OpenCV 5 samples where it is told, versions before by steps of 1/32; float16's last digit is what is left."""
    shape = packed_size(*size)
    rng, motion = np.random.default_rng(4), drift(shape)
    before, state = (rng.uniform(0, 1, (count, *shape)).astype(np.float16) for count in (8, 5))
    picture = motion_twin.carried_picture(before, motion, soft=soft).astype(np.float32)
    np.testing.assert_allclose(picture, carry.carried(before.astype(np.float32), motion, colours), atol=6e-4)
    hidden = motion_twin.carried_state(state, motion).astype(np.float32)
    np.testing.assert_allclose(hidden, carry.carried_state(state.astype(np.float32), motion), atol=3e-4)


def test_the_twin_tells_of_noise_as_the_processor_does():
    packed = pack(whole(pair((72, 96))[0]))
    told = motion_twin.noise_map(packed[0].astype(np.float16), NOISE).astype(np.float32)
    np.testing.assert_allclose(told, NOISE.noise_map(packed)[0], rtol=2e-3, atol=1e-4)


def test_codes_that_the_network_leaves_alone_stay_as_they_were_filmed():
    luma = np.arange(72 * 96, dtype=np.uint16).reshape(72, 96) % 1024
    picture = whole(luma)
    packed = pack(picture)[0].astype(np.float16)
    for plane, filmed in zip(
        motion_twin.blended(packed, (picture.y, picture.cb, picture.cr), 1.0),
        planes_of(pack(picture) * 1023, picture),
        strict=True,
    ):
        np.testing.assert_array_equal(plane, np.rint(filmed))


@pytest.mark.parametrize(
    ("zoom", "pan"),
    [(1.0, (2.6, -1.2)), (1.0, (15.0, 6.4)), (1.03, (0.0, 0.0)), (0.98, (4.0, 2.0)), (1.0, (40.0, -18.0))],
)
def test_a_pan_and_a_zoom_whose_truth_is_known_are_found(zoom, pan):
    """Packed pixels off on the mean, under noise of ten codes; OpenCV's search as the processor asks for it beside."""
    wall, size = texture(1), (256, 384)
    now, before = seen(wall, *size, zoom, pan, seed=1), seen(wall, *size, seed=2)
    truth = known(*size, zoom, pan)
    ours = off_by(motion_twin.motion_of(now, before), truth)
    theirs = off_by(carry.flow(pack(whole(now))[0], pack(whole(before))[0]), truth)
    assert ours < 0.08
    assert ours < theirs + 0.04


@pytest.mark.parametrize(("noise", "still"), [(10, 0.98), (30, 0.9)])
def test_a_locked_off_noisy_shot_stands_still(noise, still):
    wall, size = texture(1), (256, 384)
    found = motion_twin.motion_of(*(seen(wall, *size, noise=noise, seed=seed) for seed in (1, 2)))
    assert (found == 0).all(-1).mean() > still
    assert np.abs(found).mean() < 0.005


def test_a_shot_that_stands_still_without_noise_has_no_motion_at_all():
    luma = seen(texture(1), 72, 96, noise=0)
    assert not motion_twin.motion_of(luma, luma).any()


@each_size
def test_every_pixel_of_every_level_is_covered_by_a_patch(size):
    for rows, columns in Pyramid.of(*size).sizes[1:]:
        for side, count in zip((rows, columns), lattice((rows, columns)), strict=True):
            begins = motion_twin._origins(count, side)
            assert set(range(side)) <= {pixel for begin in begins for pixel in range(begin, begin + PATCH)}


@pytest.mark.parametrize("sm", ["86", "89", "120"])
def test_the_kernels_compile_for_each_target(sm):
    code = machine_code(sm, cubin.MOTION)
    assert all(kernel.encode() in code for kernel in KERNELS)
