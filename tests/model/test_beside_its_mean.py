"""What a shot and its mean are apart by light and by place is told from noise."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bench.apart import NOTHING, apart, place, psnr_put_right
from bench.metrics import psnr
from engines.media.frames import Picture
from engines.model.leaves import dead_leaves

SCENE = cv2.blur(dead_leaves(320, 320, 3)[0].astype(np.float32), (5, 5))


def picture(luma: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Picture:
    y = np.rint(luma).clip(4, 1019).astype(np.uint16)
    return Picture(0, y, *(np.full((y.shape[0], y.shape[1] // 2), 512, np.uint16),) * 2)


def shifted(across: float, down: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    way = np.array([[1, 0, across], [0, 1, down]], np.float32)
    return np.asarray(
        cv2.warpAffine(SCENE, way, SCENE.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    )


def noise(deviation: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(2).normal(0, deviation, SCENE.shape).astype(np.float32)


@pytest.mark.parametrize(("across", "down"), [(0.3, 0.0), (-0.2, 0.25), (0.0, 0.0)])
def test_a_shot_beside_its_mean_is_found_where_it_is(across: float, down: float) -> None:
    shot, truth = picture(shifted(across, down) + noise(8)), picture(SCENE)
    assert place(shot, truth) == pytest.approx((across, down), abs=0.05)


def test_what_is_beside_and_in_other_light_is_as_good_as_its_noise_put_right() -> None:
    truth, grain = picture(SCENE), noise(8)
    beside = picture(1.02 * shifted(0.25, 0.15) + 6 + grain)
    in_place = psnr([picture(SCENE + grain)], [truth])
    assert psnr([beside], [truth]) < in_place - 2
    assert psnr_put_right(beside, truth, apart(beside, truth, place(beside, truth))) == pytest.approx(in_place, abs=0.4)


def test_with_nothing_put_right_it_is_the_psnr_of_all_benches_and_of_noise_alone_nothing_is_put_right() -> None:
    truth, shot = picture(SCENE), picture(SCENE + noise(8))
    assert psnr_put_right(shot, truth, NOTHING) == pytest.approx(psnr([shot], [truth]))
    off = apart(shot, truth, place(shot, truth))
    assert psnr_put_right(shot, truth, off) == pytest.approx(psnr([shot], [truth]), abs=0.1)
