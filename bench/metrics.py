"""What is measured of restored pictures: PSNR, SSIM, flicker where nothing moves, and warping error."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from engines.media.frames import Picture

Floats = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float64]
_STILL = 1.0
"""Most that a truth's luma may change from frame to frame in 10-bit code values, for a place to be still."""


def psnr(pictures: list[Picture], truth: list[Picture]) -> float:
    """Return PSNR in dB over all samples of the 10-bit 4:2:2 pictures, peak 1023."""
    return decibels(
        one - other
        for pair in zip(pictures, truth, strict=True)
        for one, other in zip(*(planes(picture) for picture in pair), strict=True)
    )


def planes(picture: Picture) -> list[Plane]:
    """Return y, cb and cr in code values."""
    return [plane.astype(np.float64) for plane in (picture.y, picture.cb, picture.cr)]


def decibels(errors: Iterable[Plane]) -> float:
    """Return the PSNR of errors in 10-bit code values, all samples alike."""
    power = count = 0.0
    for error in errors:
        power, count = power + float((error**2).sum()), count + error.size
    return float(10 * np.log10(1023**2 / max(power / count, 1e-9)))


def ssim(pictures: list[Picture], truth: list[Picture]) -> float:
    """Return the mean SSIM of luma. Source: Wang et al. 2004, Gaussian window of 1.5, K 0.01 and 0.03."""
    return float(np.mean([_ssim(_luma(a), _luma(b)) for a, b in zip(pictures, truth, strict=True)]))


def _ssim(one: Floats, other: Floats) -> float:
    def mean(plane: Floats) -> Floats:
        blurred: Floats = cv2.GaussianBlur(plane, (11, 11), 1.5)
        return blurred

    low, high = (0.01 * 1023) ** 2, (0.03 * 1023) ** 2
    a, b = mean(one), mean(other)
    variance, covariance = mean(one * one) - a * a + mean(other * other) - b * b, mean(one * other) - a * b
    return float(((2 * a * b + low) * (2 * covariance + high) / ((a * a + b * b + low) * (variance + high))).mean())


def flicker(pictures: list[Picture], truth: list[Picture]) -> float:
    """Return the luma deviation over time in 10-bit code values where the truth is still; nan where it never is."""
    planes, still = np.stack([_luma(p) for p in pictures]), np.stack([_luma(p) for p in truth])
    calm = np.abs(np.diff(still, axis=0)).max(0) <= _STILL
    return float(planes[len(planes) // 2 :].std(0)[calm].mean()) if calm.any() else float("nan")


def warping_error(pictures: list[Picture], truth: list[Picture]) -> float:
    """Return the mean squared luma change along the truth's motion, in 10-bit code values, where motion is believed.

    Source: Lai et al. 2018; the flow is Farnebäck's, which nothing that is judged here uses.
    """
    errors = []
    for number in range(len(pictures) - 1):
        now, after = _luma(truth[number]), _luma(truth[number + 1])
        flow = cv2.calcOpticalFlowFarneback(_bytes(now), _bytes(after), None, 0.5, 4, 15, 3, 5, 1.1, 0)  # type: ignore[call-overload]
        rows, columns = np.mgrid[: now.shape[0], : now.shape[1]].astype(np.float32)
        x, y = columns + flow[..., 0], rows + flow[..., 1]
        seen, brought = (cv2.remap(p, x, y, cv2.INTER_LINEAR) for p in (after, _luma(pictures[number + 1])))
        believed = np.abs(seen - now) < 8
        errors.append(((brought - _luma(pictures[number])) ** 2)[believed].mean())
    return float(np.mean(errors)) ** 0.5


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % bootstrap interval."""
    rng, array = np.random.default_rng(1), np.array(values)
    means = [rng.choice(array, len(array)).mean() for _ in range(2000)]
    return float(array.mean()), float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


def _luma(picture: Picture) -> Floats:
    return picture.y.astype(np.float32)


def _bytes(luma: Floats) -> npt.NDArray[np.uint8]:
    scaled: npt.NDArray[np.uint8] = np.clip((luma - 64) / 876 * 255, 0, 255).astype(np.uint8)
    return scaled
