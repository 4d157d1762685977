"""What a camera makes of light: photographs to learn from, their truth, and what is told of their noise."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from engines.media.frames import Picture
from engines.model.leaves import dead_leaves
from engines.model.lessons import Lessons, Scenes, Teaching
from engines.model.noise import estimate
from engines.model.packing import pictures_of
from engines.model.patches import Patches
from engines.model.photograph import Camera, coded_again, light_of, mean_of_exposures, photographs, random_camera
from engines.model.prints import LENGTH, Print, Prints
from engines.model.still_noise import noise_of_still
from engines.model.synthetic import pack_planes, planes

PLAIN = Camera(
    soft=0.0,
    enlarged=1.0,
    shot=0.0,
    read=0.0,
    red=1.0,
    blue=1.0,
    mosaic="none",
    denoiser="none",
    strength=1.0,
    coarser=1.0,
    left=0.0,
    spared=0.0,
    smear=0.5,
    median=0,
    gamma=2.2,
    contrast=0.0,
    sharp=0.0,
    radius=1.0,
    quality=0,
    subsampling="4:2:0",
)
"""Three perfect sensors and no picture of the camera's own."""


def wedge(side: int) -> torch.Tensor:
    """A grey wedge, dark to light: flat patches of eight brightnesses."""
    luma = torch.linspace(0.1, 0.85, 8).repeat_interleave(side // 8).expand(1, 1, side, side)
    return pack_planes(luma, torch.full((1, 2, side, side // 2), 512 / 1023))


def pictures(packed: torch.Tensor) -> list[Picture]:
    return pictures_of(packed.numpy())


def leaves() -> torch.Tensor:
    return Patches([], [dead_leaves(300, 300, 1)], torch.Generator().manual_seed(1)).still(1, 64)


def noise_of(camera: Camera, scene: torch.Tensor, seed: int = 1) -> np.ndarray:
    """Luma of one exposure less what the camera gives on the mean."""
    light, rng = light_of(scene, camera, 128), np.random.default_rng(seed)
    truth = mean_of_exposures(light, camera, rng, 8)
    return (planes(photographs(light, camera, rng))[0] - planes(truth)[0])[0, 0].numpy()


def test_a_camera_that_does_nothing_gives_the_scene_back():
    scene = wedge(64)
    taken = photographs(light_of(scene, PLAIN, 64), PLAIN, np.random.default_rng(1))
    assert float((taken - scene).abs().max()) < 1 / 1023


@pytest.mark.parametrize("mosaic", ["linear", "edges"])
def test_a_mosaic_gives_every_colour_where_it_was(mosaic: str):
    light = np.broadcast_to(np.array([0.5, 0.3, 0.1], np.float32), (1, 32, 32, 3)).copy()
    seen, straight = (
        photographs(light, camera, np.random.default_rng(1)) for camera in (replace(PLAIN, mosaic=mosaic), PLAIN)
    )
    inner = slice(4, -4)
    assert float((seen - straight)[..., inner, inner].abs().max()) <= 1 / 1023


@pytest.mark.parametrize("denoiser", ["bilateral", "means", "starlet"])
def test_a_camera_of_its_own_empties_flat_places_first(denoiser: str):
    noisy = replace(PLAIN, shot=0.001, read=0.01)
    quiet = replace(noisy, denoiser=denoiser, strength=1.5)
    left = [noise_of(quiet, scene).std() / noise_of(noisy, scene).std() for scene in (wedge(128), leaves())]
    assert left[0] < 0.8
    assert left[1] > left[0] + 0.05


def test_what_the_camera_gives_back_of_the_noise_is_there():
    quiet = replace(PLAIN, read=0.02, denoiser="means", strength=2.0)
    kept = [noise_of(replace(quiet, left=left), wedge(128)).std() for left in (0.0, 0.3, 1.0)]
    assert kept[0] < kept[1] < kept[2]


def test_the_truth_has_hardly_any_noise_and_the_sharpening_of_the_camera():
    camera = replace(PLAIN, read=0.02, mosaic="linear", denoiser="starlet", sharp=1.0, quality=92)
    light, rng = light_of(leaves(), camera, 128), np.random.default_rng(1)
    one, other = (mean_of_exposures(light, camera, rng, 4) for _ in range(2))
    exposed = photographs(light, camera, rng)
    assert float((one - other).std()) < 0.5 * float((exposed - one).std())
    soft = mean_of_exposures(light, replace(camera, sharp=0.0), rng, 4)
    assert float(one.std()) > float(soft.std())


def test_cameras_are_drawn_widely_and_again_the_same():
    drawn = [random_camera(np.random.default_rng(seed)) for seed in range(200)]
    assert drawn == [random_camera(np.random.default_rng(seed)) for seed in range(200)]
    assert {camera.denoiser for camera in drawn} == {"none", "bilateral", "means", "starlet"}
    assert {camera.mosaic for camera in drawn} == {"none", "linear", "edges"}
    assert min(camera.quality for camera in drawn) == 0


def test_a_picture_that_was_cut_and_coded_once_more_has_blocks_that_begin_where_it_was_cut():
    coded = coded_again(replace(PLAIN, read=0.03), np.random.default_rng(1))
    assert 65 <= coded.again < 93
    camera = replace(coded, quality=97, again=65, cut=(3, 5))
    card = pack_planes(torch.full((1, 1, 128, 128), 0.4), torch.full((1, 2, 128, 64), 512 / 1023))
    light = light_of(card, camera, 128)
    luma = planes(photographs(light, camera, np.random.default_rng(1)))[0][0, 0].numpy()
    steps = [np.abs(np.diff(luma, axis=axis)).mean(1 - axis) for axis in (0, 1)]
    edges = [[step[row::8].mean() for row in range(8)] for step in steps]
    assert [int(np.argmax(edge)) for edge in edges] == [2, 4]  # the last row and column before a block


@cache
def scenes() -> Scenes:
    """A pan over leaves, and leaves to lay together."""
    stills = [dead_leaves(700, 700, seed) for seed in (1, 2)]
    pan = Patches([], stills, torch.Generator().manual_seed(1)).laid(LENGTH, 160)
    return Scenes([(pan * 1023).round().numpy().astype(np.uint16)], stills)


def prints() -> Prints:
    return Prints(scenes().shots, scenes().stills, seed=1, count=2)


@cache
def a_print(number: int) -> Print:
    return prints()[number]


def test_a_print_is_the_same_whoever_takes_it():
    for one, other in zip((a_print(0), a_print(1)), prints().taken(2), strict=True):
        assert np.array_equal(one.noisy, other.noisy)
        assert np.array_equal(one.truth, other.truth)
        assert (one.alone, one.together) == (other.alone, other.together)


def test_a_lesson_of_a_print_is_told_what_was_read_and_measured_on_it():
    kept = a_print(0)
    noisy = torch.from_numpy(kept.noisy.astype(np.float32)) / 1023
    assert kept.alone == noise_of_still(*pictures(noisy[:1]))
    assert kept.together == estimate(pictures(noisy))
    for length, profile in ((1, kept.alone), (LENGTH, kept.together)):
        wanted, seen, told = kept.cut(length, 24, torch.Generator().manual_seed(1))
        assert wanted.shape == seen.shape == (length, 8, 24, 24)
        assert torch.equal(told, torch.from_numpy(profile.noise_map(seen.numpy())))


def test_truth_and_exposure_are_turned_alike():
    kept = a_print(1)
    for seed in range(8):
        wanted, seen, _ = kept.cut(3, 32, torch.Generator().manual_seed(seed))
        assert float((seen - wanted).std()) < 0.5 * float(wanted.std())


def test_lessons_show_photographs_as_often_as_they_should():
    teaching = Teaching(batch=2, side=24, short_until=0.0, clean_share=0.0, photographs=0.5)
    shown = replace(scenes(), prints=[a_print(0)])
    lessons = Lessons(shown, teaching, seed=1, rank=0, steps=40)
    lengths = [lessons[number].noisy.shape[0] for number in range(40)]
    assert set(lengths) == {1, teaching.short, teaching.length}
    only = Lessons(shown, replace(teaching, photographs=1.0), seed=1, rank=0, steps=1)[0]
    told = {float(np.float32(profile.coarse)) for profile in (a_print(0).alone, a_print(0).together)}
    assert set(only.noise[:, :, 2].unique().tolist()) <= told
