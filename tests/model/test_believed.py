"""What is taken from a still is believed as far as the picture shows that it is noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.media.frames import Picture
from engines.model.noise import NoiseProfile
from engines.model.trust import believed, shown

NOISE = NoiseProfile(shot=0.0, read=(12 / 1023) ** 2, chroma=0.6)
TOLD = NOISE.noise_map(np.full((1, 8, 40, 60), 0.5, np.float32))


def still(luma: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Picture:
    y = np.rint(luma).clip(4, 1019).astype(np.uint16)
    return Picture(0, y, *(np.full((y.shape[0], y.shape[1] // 2), 512, np.uint16),) * 2)


def noise(deviation: float, height: int = 80, width: int = 120) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(3).normal(0, deviation, (height, width))


def test_a_wall_shows_its_noise_and_a_lawn_from_edge_to_edge_shows_none() -> None:
    assert shown(still(500 + noise(12)), NOISE) == 1
    assert shown(still(500 + noise(12) + noise(40)), NOISE) == 0


def test_a_lawn_under_enough_sky_shows_the_noise_that_the_sky_has() -> None:
    luma = 500 + noise(40)
    luma[:16] = 700 + noise(12)[:16]
    under_little = shown(still(luma), NOISE)
    luma[:32] = 700 + noise(12)[:32]
    assert 0 < under_little < shown(still(luma), NOISE) == 1


def test_a_ramp_is_flat() -> None:
    assert shown(still(np.linspace(200, 800, 120)[None] + noise(12)), NOISE) == 1


@pytest.mark.parametrize("code", [4, 1019])
def test_what_is_clipped_shows_nothing(code: int) -> None:
    assert shown(still(np.full((80, 120), float(code))), NOISE) == 0


def test_a_picture_of_a_few_blocks_shows_nothing() -> None:
    assert shown(still(500 + noise(12, 40, 80)), NOISE) == 0


def test_noise_as_loud_as_told_is_taken_and_of_what_is_twice_as_loud_a_third() -> None:
    rng = np.random.default_rng(5)
    taken = rng.normal(0, 12 / 1023, (1, 8, 40, 60)).astype(np.float32)
    assert float(believed(taken, TOLD).mean()) > 0.97
    assert float(believed(2 * taken, TOLD).mean()) == pytest.approx(1.1**2 / 4, abs=0.03)


def test_fur_beside_a_wall_is_doubted_and_the_wall_is_not() -> None:
    rng = np.random.default_rng(6)
    taken = rng.normal(0, 10 / 1023, (1, 8, 40, 60)).astype(np.float32)
    taken[..., 30:] *= 3
    share = believed(taken, TOLD)[0, 0]
    assert share[:, :20].min() > 0.9
    assert share[:, 40:].max() < 0.3


def test_nothing_taken_is_believed_and_colour_says_nothing() -> None:
    taken = np.zeros((1, 8, 40, 60), np.float32)
    taken[0, 4:] = 0.2
    assert (believed(taken, TOLD) == 1).all()


@given(st.floats(0, 1), st.floats(1e-9, 1e-1), st.integers(1, 40), st.integers(1, 40))
def test_any_share_is_one(loud: float, read: float, height: int, width: int) -> None:
    taken = np.random.default_rng(7).normal(0, loud, (1, 8, height, width)).astype(np.float32)
    told = NoiseProfile(0.0, read).noise_map(np.full_like(taken, 0.5))
    share = believed(taken, told)
    assert share.shape == (1, 1, height, width)
    assert 0 <= share.min() <= share.max() <= 1
    assert 0 <= shown(still(500 + noise(1000 * loud, height, 2 * width)), NoiseProfile(0.0, read)) <= 1
