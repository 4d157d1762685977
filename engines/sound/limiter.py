"""A true-peak limiter: nothing above the ceiling, between samples neither, and no click where it sets in.

The gain that each sample needs is held for as long as it looks ahead, then averaged over the same time: the average
of held minima is never above what the middle one needs.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from engines.sound.loudness import oversampled_peaks, true_peak
from engines.sound.wave import Samples

_AHEAD_SECONDS = 0.004
_ROUNDS = 4


def limited(samples: Samples, sample_rate: int, ceiling_dbtp: float) -> Samples:
    """Return samples whose true peak is at most the ceiling; those that never reach it are the same."""
    aim = ceiling_dbtp
    for _ in range(_ROUNDS):
        over = true_peak(samples) - ceiling_dbtp
        if over <= 0:
            break
        samples = _once(samples, sample_rate, aim)
        aim -= 0.05  # a gain that moves makes peaks of its own between samples
    return samples


def _once(samples: Samples, sample_rate: int, ceiling_dbtp: float) -> Samples:
    ceiling = 10 ** (ceiling_dbtp / 20)
    needed = np.minimum(ceiling / np.maximum(np.concatenate(oversampled_peaks(samples)), 1e-9), 1.0)
    width = 2 * round(_AHEAD_SECONDS * sample_rate) + 1
    held = minimum_filter1d(needed.astype(np.float64), width, mode="nearest")
    gain = np.minimum(uniform_filter1d(held, width, mode="nearest"), 1.0)
    below: Samples = (samples * gain).astype(np.float32)
    return below
