"""What a picture knows of itself: noise goes down where something is there more than once, and nothing else moves."""

from __future__ import annotations

import numpy as np
import pytest

from engines.backends.openvino import OpenVinoBackend
from engines.enhance.restore import Restore
from engines.media.frames import Picture
from engines.model.alike import heard_again, leaning
from engines.model.noise import NoiseProfile, estimate
from engines.model.packing import packed_size
from engines.model.weights import base_weights

SIGMA = 20.0  # code values
NOISE = NoiseProfile(shot=0.0, read=(SIGMA / 1023) ** 2, chroma=0.6)
LEFT = 0.3  # of the noise, as a network leaves it


def slate(height: int = 96, width: int = 128) -> Picture:
    """Clapper sticks: oblique stripes, dark and bright, over a grey board with a grain of its own, again and again."""
    rows, columns = np.mgrid[:height, :width]
    sticks = np.where((rows + columns) // 8 % 2, 550.0, 325.0)
    board = 400 + 20.0 * ((rows + columns // 2) % 4)
    y = np.where(rows < height // 2, sticks, board)
    return Picture(0, codes(y), codes(480 + y[:, ::2] / 16), codes(560 - y[:, ::2] / 16))


def codes(plane: np.ndarray) -> np.ndarray:
    return np.rint(plane).clip(4, 1019).astype(np.uint16)


def filmed_and_restored(truth: Picture, kept: float = 1.0) -> tuple[Picture, Picture]:
    """A noisy picture and a network's: a share of the noise left, and so much `kept` of luma's contrast."""
    rng = np.random.default_rng(3)
    noise = [
        rng.normal(0, SIGMA * share, plane.shape) for share, plane in zip((1, 0.6, 0.6), planes(truth), strict=True)
    ]
    noisy = [codes(plane + one) for plane, one in zip(planes(truth), noise, strict=True)]
    mean = truth.y.mean()
    still = [mean + kept * (truth.y - mean), truth.cb, truth.cr]
    return Picture(0, *noisy), Picture(0, *(codes(one + LEFT * n) for one, n in zip(still, noise, strict=True)))


def by_the_network(filmed: Picture, noise: NoiseProfile) -> Picture:
    session = OpenVinoBackend("f32").open(base_weights("lite"), *packed_size(filmed.height, filmed.width))
    stream = session.stream(filmed.height, filmed.width, noise)
    return stream.smoothed([stream.step(stream.ready(filmed))], 1, 1.0)[0]


def planes(picture: Picture) -> tuple[np.ndarray, ...]:
    return picture.y, picture.cb, picture.cr


def error(plane: np.ndarray, truth: np.ndarray) -> float:
    return float(np.square(plane.astype(float) - truth).mean() ** 0.5)


def test_a_still_of_a_slate_comes_out_quieter_in_luma_and_in_colours() -> None:
    truth = slate()
    filmed, _ = filmed_and_restored(truth)
    restored = by_the_network(filmed, NOISE)
    near, wide = leaning(filmed, restored, NOISE)
    for made in (near, wide):
        for after, before, plane in zip(planes(made), planes(restored), planes(truth), strict=True):
            assert error(after, plane) < 0.85 * error(before, plane)


def test_texture_that_the_network_took_for_noise_comes_back_where_it_is_there_often() -> None:
    truth = slate()
    filmed, restored = filmed_and_restored(truth, kept=0.85)
    made, _ = leaning(filmed, restored, NOISE)
    assert error(made.y, truth.y) < 0.5 * error(restored.y, truth.y)
    assert 0.95 < made.y.astype(float).std() / truth.y.std() < 1.02


def test_what_is_like_nothing_else_stays() -> None:
    """A hot glint on a wall that is all alike."""
    truth = Picture(
        0, *(np.full(shape, code, np.uint16) for shape, code in (((64, 80), 300), ((64, 40), 512), ((64, 40), 512)))
    )
    truth.y[30:33, 40:43] = 800
    made, wide = leaning(*filmed_and_restored(truth), NOISE)
    assert made.y[30:33, 40:43].mean() > 790
    wall = np.r_[made.y[:20].ravel(), made.y[-20:].ravel()]
    assert abs(wall.mean() - 300) < 1
    assert wall.std() < 0.5 * LEFT * SIGMA
    assert wide.y[:20].std() < made.y[:20].std()


def test_a_clean_still_is_not_touched() -> None:
    clean = slate()
    for made in leaning(clean, clean, NoiseProfile(shot=0.0, read=2.5e-7)):
        for after, before in zip(planes(made), planes(clean), strict=True):
            np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(("height", "width"), [(1, 2), (2, 2), (3, 4), (7, 50), (65, 18)])
def test_the_smallest_pictures_keep_their_shape_and_range(height: int, width: int) -> None:
    rng = np.random.default_rng(1)
    given = [
        Picture(4, *(rng.integers(300, 500, (height, side), np.uint16) for side in (width, width // 2, width // 2)))
        for _ in (0, 1)
    ]
    for made in leaning(*given, NOISE):
        assert made.number == 4
        for after, *before in zip(planes(made), planes(given[0]), planes(given[1]), strict=True):
            assert (after.shape, after.dtype) == (before[0].shape, before[0].dtype)
            assert np.min(before) <= after.min() <= after.max() <= np.max(before)


@pytest.mark.parametrize("code", [0, 64, 1023])
@pytest.mark.parametrize("noise", [NOISE, NoiseProfile(0.0, 2.5e-7), NoiseProfile(1e-3, 0.0, chroma=2.0, coarse=1.0)])
def test_one_colour_stays_that_colour(code: int, noise: NoiseProfile) -> None:
    flat = Picture(0, np.full((70, 36), code, np.uint16), *np.full((2, 70, 18), 512, np.uint16))
    for made in leaning(flat, flat, noise):
        for after, before in zip(planes(made), planes(flat), strict=True):
            np.testing.assert_array_equal(after, before)


def test_coarse_noise_may_differ_more_and_still_be_alike() -> None:
    """A wall under coarse noise, of which the network left the half: told so, more of it goes than told white."""
    filmed, restored = coarse_wall()
    white, coarse = (
        leaning(filmed, restored, NoiseProfile(0.0, NOISE.read, coarse=told))[0].y.std() for told in (0.0, 0.67)
    )
    assert coarse < 0.8 * white


def test_a_still_of_cloth_has_no_flat_place_and_is_heard_again_where_its_weave_repeats() -> None:
    """White noise, told 1.7 times too loud and coarse with it: what two places that are alike share is no noise."""
    truth = cloth()
    filmed, _ = filmed_and_restored(truth)
    told = estimate([filmed])
    assert told.read**0.5 * 1023 > 1.6 * SIGMA
    heard = heard_again(filmed, by_the_network(filmed, told), told)
    assert 0.9 * SIGMA < heard.read**0.5 * 1023 < 1.2 * SIGMA
    assert heard.coarse < 0.25
    assert heard.chroma > told.chroma


def test_the_network_goes_through_such_a_still_once_more() -> None:
    truth = cloth()
    filmed, _ = filmed_and_restored(truth)
    told = estimate([filmed])
    restore = Restore(OpenVinoBackend("f32"), base_weights("lite"), filmed.height, filmed.width, strength=1, noise=told)
    once, _ = leaning(filmed, by_the_network(filmed, told), told)
    assert error(restore(filmed).y, truth.y) < 0.8 * error(once.y, truth.y)


def test_what_was_told_right_is_heard_the_same() -> None:
    filmed, restored = filmed_and_restored(slate())
    heard = heard_again(filmed, restored, NOISE)
    assert 0.9 * NOISE.read**0.5 < heard.read**0.5 <= NOISE.read**0.5
    assert heard.coarse == NOISE.coarse


def test_coarse_noise_is_left_as_it_was_told() -> None:
    """The network's guide still holds it, and finds alike what has the same noise: that tells nothing."""
    filmed, restored = coarse_wall()
    told = NoiseProfile(0.0, NOISE.read, coarse=0.67)
    assert heard_again(filmed, restored, told) == told


@pytest.mark.parametrize(("height", "width"), [(1, 2), (12, 14), (3, 200), (200, 4)])
def test_a_picture_without_two_places_has_the_noise_that_was_told(height: int, width: int) -> None:
    small = Picture(0, np.full((height, width), 300, np.uint16), *np.full((2, height, width // 2), 512, np.uint16))
    assert heard_again(small, small, NOISE) is NOISE


def cloth(height: int = 192, width: int = 256) -> Picture:
    rows, columns = np.mgrid[:height, :width]
    y = 400 + 25 * np.sin(rows * (2 * np.pi / 20)) * np.sin(columns * (2 * np.pi / 17))
    return Picture(0, codes(y), *np.full((2, height, width // 2), 512, np.uint16))


def coarse_wall() -> tuple[Picture, Picture]:
    rng = np.random.default_rng(2)
    field = rng.normal(0, 1, (72, 96))
    for axis in (0, 1):
        field = sum(np.roll(field, by, axis) for by in (-1, 0, 1)) / 3
    field *= SIGMA / field.std()
    grey = [np.full((72, 48), 512, np.uint16)] * 2
    return Picture(0, codes(400 + field), *grey), Picture(0, codes(400 + 0.5 * field), *grey)
