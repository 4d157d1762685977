"""A still's noise, as it is read: on a wall, on a photograph whose camera emptied its walls, on fur, on a thumbnail."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_photographs import PLAIN

from engines.errors import BadWeights
from engines.media.frames import CODE_MAX, Picture
from engines.model.footage import Still
from engines.model.leaves import dead_leaves
from engines.model.noise import LEAST_VARIANCE, NoiseProfile, estimate
from engines.model.packing import pictures_of
from engines.model.patches import Patches
from engines.model.photograph import light_of, mean_of_exposures, photographs
from engines.model.still_noise import clues, first_noise, noise_of_still, put_right
from engines.model.strands import strands
from engines.model.synthetic import Noise, add_noise, pack_planes, planes
from engines.model.train_still_noise import KINDS, Lesson, Scenes, Settings, Stills, fitted

WHITE = Noise("white", shot=0.0, read=0.03)


@cache
def fur() -> Still:
    return strands(700, 700, 3)


def seen(still: Still, side: int = 160) -> torch.Tensor:
    """A still from footage's distance, packed."""
    return Patches([], [still], torch.Generator().manual_seed(2)).still(1, side)


def noisy(clean: torch.Tensor, noise: Noise = WHITE) -> tuple[Picture, float]:
    """A picture with noise put on, and the deviation of luma's, code values / 1023."""
    shown, _ = add_noise(clean, noise, torch.Generator().manual_seed(1))
    return pictures_of(shown.numpy())[0], luma_of(shown - clean)


def luma_of(packed: torch.Tensor) -> float:
    return float(planes(packed)[0].square().mean() ** 0.5)


def told(noise: NoiseProfile, picture: Picture) -> float:
    """The deviation of luma that is told of a picture."""
    deviation = noise.deviation(picture.y.astype(np.float32) / np.float32(CODE_MAX))
    return float((deviation**2).mean() ** 0.5)


def wall(side: int = 160) -> torch.Tensor:
    """A grey wall with a shadow across it."""
    luma = torch.linspace(0.25, 0.6, 2 * side).expand(1, 1, 2 * side, 2 * side)
    return pack_planes(luma, torch.full((1, 2, 2 * side, side), 512 / 1023))


@pytest.mark.parametrize("read", [0.006, 0.03, 0.08])
def test_a_wall_is_read_as_well_as_it_is_measured(read: float) -> None:
    picture, true = noisy(wall(), replace(WHITE, read=read))
    assert told(estimate([picture]), picture) == pytest.approx(true, rel=0.1)
    assert told(noise_of_still(picture), picture) == pytest.approx(true, rel=0.25)


def test_fur_and_grass_without_a_flat_place_are_seldom_taken_for_noise() -> None:
    """Quiet blocks tell of them more than twice what is there; what is read is within a factor of two in most."""
    measured, read = [], []
    for number, deviation in enumerate((0.01, 0.02, 0.03)):
        picture, true = noisy(seen(strands(700, 700, number)), replace(WHITE, read=deviation))
        measured.append(told(estimate([picture]), picture) / true)
        read.append(told(noise_of_still(picture), picture) / true)
    assert np.median(measured) > 2, measured
    assert 0.5 < np.median(read) < 2, read
    assert np.abs(np.log(read)).mean() < 0.35 * np.abs(np.log(measured)).mean(), (read, measured)


def test_a_photograph_is_read_where_its_camera_has_emptied_the_flat_places() -> None:
    """A camera's denoiser takes noise from the wall and leaves it on the leaves, and the wall is what is measured."""
    camera = replace(PLAIN, shot=0.004, mosaic="edges", denoiser="means", strength=2.5, spared=0.6, quality=95)
    rng, measured, read = np.random.default_rng(1), [], []
    for seed in (4, 5, 6):
        leaves = seen(dead_leaves(700, 700, seed))
        light = light_of(torch.cat((wall()[..., :100], leaves[..., 100:]), -1), camera, 320)
        true = mean_of_exposures(light, camera, rng, 6)
        shown = photographs(light, camera, rng)
        picture, there = pictures_of(shown.numpy())[0], luma_of(shown - true)
        measured.append(told(estimate([picture]), picture) / there)
        read.append(told(first_noise([picture]), picture) / there)
    assert max(measured) < 0.8, measured
    assert np.abs(np.log(read)).mean() < 0.5 * np.abs(np.log(measured)).mean(), (read, measured)


def test_a_clip_is_measured_as_before() -> None:
    clip = [noisy(wall(64), replace(WHITE, read=0.01 * n))[0] for n in (1, 2)]
    assert first_noise(clip) == estimate(clip)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (48, 64), (64, 100), (1, 400)])
def test_a_thumbnail_has_too_few_blocks_to_be_read(height: int, width: int) -> None:
    small = Picture(0, np.full((height, width), 300, np.uint16), *np.full((2, height, width // 2), 512, np.uint16))
    assert noise_of_still(small) == estimate([small])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1023), st.integers(0, 1023), st.floats(0, 200), st.integers(0, 9))
def test_whatever_a_still_shows_its_noise_is_a_number(level: int, colour: int, loud: float, seed: int) -> None:
    """Black, white, one colour, nothing but noise: what is read is bounded, for the file may be anything."""
    field = np.random.default_rng(seed).normal(0, loud, (3, 160, 176))
    y, cb, cr = np.clip(np.array([level, colour, colour])[:, None, None] + field, 0, 1023).astype(np.uint16)
    found = noise_of_still(Picture(0, y, np.ascontiguousarray(cb[:, ::2]), np.ascontiguousarray(cr[:, ::2])))
    assert 0 <= found.shot < 10
    assert LEAST_VARIANCE <= found.read < 10
    assert 0.3 <= found.chroma <= 2
    assert 0 <= found.coarse <= 0.95


def test_a_file_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.model.still_noise.FILE", "gone.safetensors")
    with pytest.raises(BadWeights, match="reads a still's noise") as raised:
        noise_of_still(noisy(wall())[0])
    assert raised.value.fix == "reinstall nearset"


def test_what_is_to_be_read_is_what_puts_the_measured_right() -> None:
    picture, true = noisy(seen(fur()))
    measured = estimate([picture])
    shown = clues(picture, measured)
    assert shown is not None
    louder, colours, coarser = put_right(true, true / 2, 0.1, shown[-3:]).tolist()
    assert told(measured, picture) * np.exp(louder) == pytest.approx(true, rel=1e-3)
    assert told(measured, picture) * measured.chroma * np.exp(colours) == pytest.approx(true / 2, rel=1e-3)
    assert measured.coarse + coarser == pytest.approx(0.1, abs=1e-3)


def test_a_lesson_is_the_same_whoever_makes_it_and_shows_all_kinds() -> None:
    stills = Stills(Scenes([dead_leaves(700, 700, 1)], [fur()]), seed=5, count=len(KINDS))
    for number, one in enumerate(stills.made()):
        other = stills[number]
        assert one is not None
        assert other is not None
        assert np.array_equal(one.clues, other.clues)
        assert np.array_equal(one.wanted, other.wanted)
        assert np.isfinite(one.clues).all()
        assert np.isfinite(one.wanted).all()


def test_what_clues_tell_is_learned_and_judged_on_what_was_not_shown() -> None:
    """Lessons whose first clue tells what is to be read."""
    rng = np.random.default_rng(1)
    drawn = rng.normal(size=(400, 8)).astype(np.float32)
    lessons = [Lesson(row, np.repeat(row[:1], 3)) for row in drawn]
    taught, errors = fitted(lessons, Settings(count=400, judged=60, steps=400, batch=64, hidden=8))
    assert taught["first.weight"].shape == (8, 8)
    for kind in KINDS:
        assert max(errors[f"{kind}, read"]) < 0.5 * min(errors[f"{kind}, as measured"])
