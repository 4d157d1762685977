"""What later pictures know of earlier ones: noise goes down on both sides of time, and nothing comes from elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from engines.model import hindsight
from engines.model.carry import carried, turned
from engines.model.noise import NoiseProfile

SIZE, SIGMA = (48, 64), 0.02
NOISE = NoiseProfile(shot=0.0, read=SIGMA**2)
LEFT = 0.25  # of the noise's deviation, as a network leaves it


def estimates(count: int, clean: np.ndarray | None = None, seed: int = 5) -> list[np.ndarray]:
    """A filter's estimates of what stands still: each a mean over the pictures so far, of which it keeps 0.8."""
    rng = np.random.default_rng(seed)
    truth = np.full((1, 8, *SIZE), 0.4, np.float32) if clean is None else clean
    made, now = [], truth + rng.normal(0, LEFT * SIGMA, truth.shape)
    for _ in range(count):
        now = 0.8 * now + 0.2 * (truth + rng.normal(0, 3 * LEFT * SIGMA, truth.shape))
        made.append(now.astype(np.float32))
    return made


def smoothed(given: list[np.ndarray], motions: list[np.ndarray], noise: NoiseProfile) -> list[np.ndarray]:
    return [*hindsight.smoothed(given[::-1], motions[::-1], noise)][::-1]


def standing(count: int) -> list[np.ndarray]:
    return [np.zeros((*SIZE, 2), np.float32)] * (count - 1)


def error(made: np.ndarray, truth: float = 0.4) -> float:
    return float(np.square(made - truth).mean() ** 0.5)


def test_in_a_locked_off_shot_a_picture_gains_what_the_later_ones_saw() -> None:
    given = estimates(12)
    made = smoothed(given, standing(12), NOISE)
    assert error(made[0]) < 0.75 * error(given[0])
    assert error(made[-2]) < error(given[-2])
    assert made[-1] is given[-1]


def test_one_picture_is_given_back_as_it_came() -> None:
    given = estimates(1)
    assert smoothed(given, [], NOISE) == given


def test_what_appears_later_is_not_seen_before_it_is_there() -> None:
    given = estimates(6)
    for late in given[3:]:
        late[..., 16:32, 16:32] = 0.8
    made = smoothed(given, standing(6), NOISE)
    for picture in made[:3]:
        assert np.abs(picture[..., 16:32, 16:32] - 0.4).max() < 6 * LEFT * SIGMA
    for picture in made[3:]:
        assert np.abs(picture[..., 16:32, 16:32] - 0.8).max() < 6 * LEFT * SIGMA


@pytest.mark.parametrize("size", [4, 8, 16])
def test_a_faint_thing_that_goes_away_stays_where_it_was(size: int) -> None:
    """As faint as the noise: one pixel of it could be noise, all of it together cannot."""
    given = estimates(8)
    for early in given[:4]:
        early[..., 20 : 20 + size, 20 : 20 + size] += 1.5 * SIGMA
    made = smoothed(given, standing(8), NOISE)
    there = made[3][..., 21 : 19 + size, 21 : 19 + size].mean() - 0.4
    assert there == pytest.approx(1.5 * SIGMA, rel=0.2)


def test_without_noise_nothing_is_taken_over() -> None:
    """A picture that is a few codes brighter than the next one is another picture, where no noise was told."""
    given = [np.full((1, 8, *SIZE), 0.4 + number * 0.004, np.float32) for number in range(6)]
    made = smoothed(given, standing(6), NoiseProfile(shot=0.0, read=2.5e-7))
    for one, own in zip(made, given, strict=True):
        np.testing.assert_allclose(one, own, atol=1e-5)


def test_a_pan_is_followed_the_other_way() -> None:
    rng = np.random.default_rng(3)
    wall = np.repeat(np.repeat(rng.random((8, 20, 30), np.float32), 6, 1), 6, 2)
    one, other = (wall[:, 8 : 8 + SIZE[0], at : at + SIZE[1]] for at in (10, 13))
    motion = np.zeros((*SIZE, 2), np.float32)
    motion[..., 0] = 3  # of the other picture from the one before: what it shows was further right there
    back = turned(motion)
    np.testing.assert_allclose(back, -motion)
    inside = (slice(None), slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(carried(one, motion)[inside], other[inside], atol=1e-5)
    np.testing.assert_allclose(carried(other, back)[inside], one[inside], atol=1e-5)


def test_what_moves_gains_too_and_stays_sharp() -> None:
    rng = np.random.default_rng(4)
    wall = np.repeat(np.repeat(rng.random((1, 8, 30, 50), np.float32), 6, 2), 6, 3)
    truth = [wall[..., 8 : 8 + SIZE[0], 10 + 2 * at : 10 + 2 * at + SIZE[1]] for at in range(8)]
    noisy = [one + rng.normal(0, LEFT * SIGMA, one.shape).astype(np.float32) for one in truth]
    motion = np.zeros((*SIZE, 2), np.float32)
    motion[..., 0] = 2
    made = smoothed(noisy, [motion] * 7, NOISE)
    inside = (..., slice(4, -4), slice(4, -24))
    before = [np.square(one - clean)[inside].mean() for one, clean in zip(noisy, truth, strict=True)]
    after = [np.square(one - clean)[inside].mean() for one, clean in zip(made, truth, strict=True)]
    assert after[0] < 0.6 * before[0]
    assert all(now <= then for now, then in zip(after, before, strict=True))


def test_leaves_that_are_never_twice_the_same_keep_their_contrast() -> None:
    """As faint as the noise, and different in each picture of a pan: not what a pan over a wall shows, which gains."""
    rng = np.random.default_rng(6)
    leaves = [(0.4 + 0.6 * SIGMA * rng.standard_normal((1, 8, *SIZE))).astype(np.float32) for _ in range(8)]
    motion = np.zeros((*SIZE, 2), np.float32)
    motion[..., 0] = 1
    made = smoothed(leaves, [motion] * 7, NOISE)
    contrast = [one[:, :4].std() / own[:, :4].std() for one, own in zip(made, leaves, strict=True)]
    assert min(contrast) > 0.72


def test_colours_of_what_moves_gain_more_than_its_luma_since_they_have_no_detail_to_lose() -> None:
    given = estimates(12)
    motion = np.zeros((*SIZE, 2), np.float32)
    motion[..., 0] = 1
    made = smoothed(given, [motion] * 11, NOISE)
    gained = [error(made[0][:, part]) / error(given[0][:, part]) for part in (slice(4), slice(4, None))]
    assert gained[1] < gained[0] < 0.9
