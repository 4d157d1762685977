"""How far an enhanced picture went from its source: what counts, what hardly does, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.enhance.fidelity import Measured
from engines.media.departure import Departure, Fidelity
from engines.media.frames import Picture, blended
from engines.model.noise import NoiseProfile

HEIGHT, WIDTH = 96, 160


def scene(number: int, noise: float = 0.0) -> Picture:
    """A picture of squares that move to the right, with noise of so many code values."""
    rng = np.random.default_rng(number)
    squares = np.kron(np.random.default_rng(7).integers(200, 800, (HEIGHT // 16, WIDTH // 16)), np.ones((16, 16)))
    y = np.roll(squares, 4 * number, axis=1) + noise * rng.standard_normal((HEIGHT, WIDTH))
    c = 512 + noise * rng.standard_normal((2, HEIGHT, WIDTH // 2))
    return Picture(number, *(np.clip(np.rint(plane), 4, 1019).astype(np.uint16) for plane in (y, *c)))


def measured(change: Callable[[Picture], Picture], noise: float = 0.0, frames: int = 30) -> Fidelity:
    watched = Measured(lambda picture, _coming: change(picture))
    for number in range(frames):
        watched(scene(number, noise))
    return watched.fidelity()


def with_luma(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Picture], Picture]:
    def changed(picture: Picture) -> Picture:
        return Picture(
            picture.number, change(picture.y.astype(float)).round().astype(np.uint16), picture.cb, picture.cr
        )

    return changed


def soft(plane: np.ndarray) -> np.ndarray:
    return sum(np.roll(plane, shift, axis=axis) for shift in range(-6, 7) for axis in (0, 1)) / 26


def test_what_is_given_back_as_it_came_went_nowhere() -> None:
    found = measured(lambda picture: picture, noise=20)
    assert astuple(found.mean) == astuple(found.worst) == (0, 0, 0, 0, 0)
    assert (found.frames, found.changed) == (30, 0)


def standing(number: int, noise: float) -> Picture:
    """A shot in which nothing moves but the noise."""
    still, rng = scene(0), np.random.default_rng(number)
    y = still.y + noise * rng.standard_normal((HEIGHT, WIDTH))
    return Picture(number, np.clip(np.rint(y), 4, 1019).astype(np.uint16), still.cb, still.cr)


def gone_through(pictures: Callable[[int], Picture], made: Callable[[int], Picture], noise: float) -> Departure:
    told = NoiseProfile(0.0, (noise / 1023) ** 2)
    watched = Measured(lambda picture, _coming: made(picture.number), noise=told)
    for number in range(30):
        watched(pictures(number))
    return watched.fidelity().worst


def test_loud_noise_that_goes_from_a_standing_shot_is_no_motion_that_went() -> None:
    found = gone_through(lambda number: standing(number, 45), lambda number: standing(number, 0), 45)
    assert abs(found.temporal) < 0.1
    assert abs(found.edge) < 0.1


def test_motion_that_is_smeared_is_seen_under_loud_noise_too() -> None:
    def smeared(number: int) -> Picture:
        near = [scene(max(0, number + shift)).y.astype(float) for shift in range(-8, 9)]
        return Picture(number, (sum(near) / len(near)).round().astype(np.uint16), scene(number).cb, scene(number).cr)

    assert gone_through(lambda number: scene(number, 45), smeared, 45).temporal < -0.6


def test_noise_that_goes_is_hardly_counted() -> None:
    found = measured(lambda picture: scene(picture.number), noise=30).worst
    assert found.luma < 3
    assert found.chroma < 4
    assert found.structure < 0.01
    assert abs(found.edge) < 0.05
    assert abs(found.temporal) < 0.05


def test_a_picture_that_got_brighter_went_by_just_so_many_code_values() -> None:
    found = measured(with_luma(lambda y: y + 10), noise=10)
    assert found.worst == Departure(luma=10.0)
    assert found.changed == 30


def test_a_tint_is_told_as_chroma_and_as_nothing_else() -> None:
    found = measured(lambda it: Picture(it.number, it.y, it.cb + np.uint16(8), it.cr)).worst
    assert found == Departure(chroma=8.0)


def test_soft_edges_lose_energy_and_structure_and_sharpened_ones_gain() -> None:
    assert measured(with_luma(soft)).worst.edge < -0.3
    assert measured(with_luma(soft)).worst.structure > 0.05
    assert measured(with_luma(lambda y: np.clip(y + 0.5 * (y - soft(y)), 4, 1019))).worst.edge > 0.3


def test_flicker_in_a_still_shot_is_energy_that_was_not_there() -> None:
    watched = Measured(lambda it, _: with_luma(lambda y: y + 40 * (it.number % 2))(it))
    for number in range(24):
        still = scene(0)
        watched(Picture(number, still.y, still.cb, still.cr))
    assert watched.fidelity().worst.temporal > 10


def test_one_bad_second_in_a_long_clip_is_found() -> None:
    spoilt = with_luma(lambda y: y + 50)
    found = measured(lambda it: spoilt(it) if 48 <= it.number < 72 else it, frames=480)
    assert found.worst.luma == pytest.approx(50)
    assert found.mean.luma == pytest.approx(50 * 0.05**0.5, rel=0.01)


@pytest.mark.parametrize("size", [(32, 64), (35, 66), (96, 160)])
def test_every_raster_can_be_measured(size: tuple[int, int]) -> None:
    rows, columns = size
    planes = (np.full((rows, columns), 500, np.uint16), *(np.full((rows, columns // 2), 512, np.uint16),) * 2)
    watched = Measured(lambda it, _: with_luma(lambda y: y + 4)(it))
    for number in range(3):
        watched(Picture(number, *planes))
    assert watched.fidelity().worst == Departure(luma=4.0)


@given(st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_a_blend_lies_between_source_and_enhancement_sample_by_sample(share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, made = (
        Picture(3, *(rng.integers(0, 1024, shape, np.uint16) for shape in ((8, 16), (8, 8), (8, 8)))) for _ in "ab"
    )
    between = blended(source, made, np.float32(share))
    assert between.number == 3
    for one, it, other in zip(*((p.y, p.cb, p.cr) for p in (source, between, made)), strict=True):
        assert np.all((np.minimum(one, other) <= it) & (it <= np.maximum(one, other)))


def test_half_the_way_back_is_half_as_far() -> None:
    watched = Measured(lambda it, _: with_luma(lambda y: y + 20)(it), 0.5)
    for number in range(5):
        watched(scene(number))
    assert watched.fidelity().worst.luma == 10
