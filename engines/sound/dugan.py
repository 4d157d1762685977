"""Gain sharing over open microphones: as many as are open, together they are as loud as one.

Each track's gain is its level over the level of all together, so that whoever speaks has the mix and the others'
rooms go down, with no gate that opens and shuts.

Source: D. Dugan, Automatic microphone mixing, JAES 23 (1975), and US patent 3,992,584 (lapsed): gain in dB is the
track's level less the level of the sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from engines.sound.wave import Samples

STEP_SECONDS = 0.01
_SMOOTHING_SECONDS = 0.05
"""Slower, and a word's beginning is in the other microphone's room; faster, and vowels are modulated."""
_QUIET = 1e-12


def step_samples(sample_rate: int) -> int:
    """Return how many samples a step of the gains is."""
    return round(STEP_SECONDS * sample_rate)


def power(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Return the smoothed power of each step of one track."""
    step = step_samples(sample_rate)
    count = -(-len(samples) // step)
    padded = np.pad(samples, (0, count * step - len(samples))).reshape(count, step)
    return smoothed((padded.astype(np.float64) ** 2).mean(axis=1))


def smoothed(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return powers smoothed both ways in time, so that no gain comes late."""
    keep = np.exp(-STEP_SECONDS / _SMOOTHING_SECONDS)
    forward = lfilter([1 - keep], [1, -keep], powers)
    both: NDArray[np.float64] = lfilter([1 - keep], [1, -keep], forward[::-1])[::-1]
    return np.maximum(both, 0)


def shared_gains(powers: Sequence[NDArray[np.float64]], together: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return each track's gain, 0 to 1, at each step; `together` is the power of the tracks' plain sum.

    Where microphones hear the same, their sum is louder than their powers added, and where they hear it turned
    round it is quieter: the louder of the two is shared.
    """
    shared = np.maximum(together, np.sum(powers, axis=0)) + _QUIET
    return [np.sqrt(np.minimum(own / shared, 1.0)) for own in powers]


def at_samples(gains: NDArray[np.float64], count: int, sample_rate: int) -> Samples:
    """Return a gain for each sample, straight between the middles of the steps."""
    step = step_samples(sample_rate)
    middles = (np.arange(len(gains)) + 0.5) * step
    return np.interp(np.arange(count), middles, gains).astype(np.float32)
