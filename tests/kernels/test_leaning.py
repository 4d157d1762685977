"""Going back over a shot: the CUDA source against its twin thread by thread, the twin against what processors do."""

from __future__ import annotations

import ctypes

import cv2
import numpy as np
import pytest
from paper_kernels import at, compiled, machine_code, profile_of, run, ulps

from engines.kernels import cubin, hindsight_twin
from engines.kernels.hindsight import gain_of
from engines.model import carry, hindsight
from engines.model.noise import NoiseProfile

SIZES = [(36, 48), (33, 65), (9, 13), (1, 3)]
NOISE = NoiseProfile(2e-4, 1e-4, 0.7, 0.3)
each_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[1]}x{size[0]}")


@pytest.fixture(scope="session")
def paper(tmp_path_factory):
    return compiled(cubin.HINDSIGHT, tmp_path_factory.mktemp("hindsight"))


class Gain(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_float)
        for name in ("standing", "moving", "moves", "tolerance", "lasting", "odd", "detail", "weighed")
    ]


def drift(size, most=4.0, seed=5):
    """Motion of all kinds, and none in a quarter of the picture."""
    motion = np.random.default_rng(seed).uniform(-most, most, (*size, 2)).astype(np.float32)
    motion[: size[0] // 2, : size[1] // 2] = 0
    return motion


def wall(size, seed=1):
    """A packed picture of large things in whole codes / 1023."""
    drawn = np.random.default_rng(seed).uniform(0.1, 0.8, (8, 6, 6))
    large = np.stack([cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR) for plane in drawn])
    return (np.rint(large * 1023) / 1023).astype(np.float32)


def alike(size, count, apart=0.4, seed=2):
    """Pictures that differ by some of the noise, and one that shows something else in its middle."""
    rng, clean = np.random.default_rng(seed), wall(size)
    pictures = [clean + apart * NOISE.deviation(clean) * rng.standard_normal(clean.shape) for _ in range(count)]
    pictures[-1][:, size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] += 0.15
    return [(np.rint(picture * 1023) / 1023).astype(np.float32) for picture in pictures]


@each_size
def test_motion_that_is_turned_is_the_twins(paper, size):
    motion, back = drift(size), np.zeros((*size, 2), np.float32)
    run(paper, "turned", *size[::-1], at(motion), at(back), *size)
    np.testing.assert_array_equal(back, hindsight_twin.turned(motion))


@each_size
@pytest.mark.parametrize("noise", [NOISE, NoiseProfile(0.0, 0.0)], ids=["noisy", "clean"])
def test_what_is_leant_is_the_twins(paper, size, noise):
    own, later = (picture.astype(np.float16) for picture in alike(size, 2))
    back, into = drift(size, 0.8), np.zeros_like(own)
    words = profile_of(noise)
    gain = Gain(*gain_of(noise))
    run(paper, "leant", *size[::-1], at(own), at(later), at(back), at(into), words, gain, *size)
    assert ulps(into, hindsight_twin.leant(own, later, back, noise)) <= 1
    assert (into != own).any() == (noise is NOISE)


@each_size
def test_the_twin_turns_motion_as_the_processor_does(size):
    """OpenCV samples one plane where it is told, both together by steps of 1/32."""
    motion = drift(size)
    columns, rows = carry.places(*size)
    where = columns - motion[..., 0], rows - motion[..., 1]
    found = hindsight_twin.turned(motion)
    for axis in (0, 1):
        plane = carry.sampled(np.ascontiguousarray(motion[..., axis]), *where, cv2.INTER_LINEAR)
        np.testing.assert_allclose(found[..., axis], -plane, atol=1e-5)
    np.testing.assert_allclose(found, carry.turned(motion), atol=2 * 8 / 64)


@pytest.mark.parametrize("size", SIZES[:3], ids=lambda size: f"{size[1]}x{size[0]}")
def test_the_twin_goes_back_over_a_shot_as_the_processor_does(size):
    """Twelve pictures, kept in half: a tenth of a code from float's, two at an edge where motion is rounded there."""
    given = alike(size, 12)
    motions = [drift(size, 0.2, seed) for seed in range(11)]
    truth = [*hindsight.smoothed([picture[None] for picture in given[::-1]], motions[::-1], NOISE)][::-1]
    found = hindsight_twin.smoothed([picture.astype(np.float16) for picture in given], motions, NOISE)
    off = [np.abs(picture - wanted[0]) * 1023 for picture, wanted in zip(found, truth, strict=True)]
    assert max(map(np.max, off)) < 2
    assert max(map(np.mean, off)) < 0.15
    assert np.abs(found[0] - given[0]).mean() * 1023 > 0.75
    np.testing.assert_array_equal(found[-1], given[-1].astype(np.float16))


def test_pictures_that_are_the_same_stay_so_to_the_bit():
    given = [wall((24, 32)).astype(np.float16)] * 4
    still = [np.zeros((24, 32, 2), np.float32)] * 3
    for picture in hindsight_twin.smoothed(given, still, NOISE):
        np.testing.assert_array_equal(picture, given[0])


@pytest.mark.parametrize("sm", ["86", "89", "120"])
def test_the_kernels_compile_for_each_target(sm):
    code = machine_code(sm, cubin.HINDSIGHT)
    assert all(kernel in code for kernel in (b"turned", b"leant"))
