"""What sync listens to: one channel at 8 kHz, of a sound file or of a camera's own tracks, and its fingerprint.

Speech and claps have what tells them apart below 4 kHz, and every sample less is time won.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from engines.sound.wave import Samples, Wave

RATE = 8_000
"""Samples a second of everything that is listened to."""
PRINT_RATE = 50
"""Columns of a fingerprint a second."""
BANDS = 12
Print: TypeAlias = NDArray[np.float32]
"""A fingerprint `[BANDS, columns]`: how each band's level moves, each column's mean and each band's own being zero."""

_HOP = RATE // PRINT_RATE
_FRAME = 2 * _HOP
_LOWEST_HZ, _HIGHEST_HZ = 150.0, 3_700.0
_BLOCK_SECONDS = 60
_BLOCK = _BLOCK_SECONDS * RATE
"""What is held of a sound file at a time: all its channels at its own rate, so that hours of many tracks fit."""
_SLOW_COLUMNS = 2 * PRINT_RATE
"""A band's level is told against its mean over so many columns: rooms and gains differ, what moves is alike."""
_QUIET = 1e-10
"""Power of a band below which it counts as silence: -100 dBFS."""
_REACH = 3.0
"""Largest deviation of a fingerprint, in its own deviations: one slam must not outweigh a sentence."""


def to_rate(samples: Samples, sample_rate: int) -> Samples:
    """Return samples of one channel at RATE."""
    ratio = Fraction(RATE, sample_rate)
    if ratio == 1:
        return samples
    resampled: Samples = resample_poly(samples, ratio.numerator, ratio.denominator).astype(np.float32)
    return resampled


def heard(wave: Wave, first_seconds: float, seconds: float) -> Samples:
    """Return so many seconds of a sound file's mean over its channels, from a position on, at RATE.

    Positions outside the file are silent. The edges are as exact as the middle: more is read than is given.
    """
    left = round(seconds * RATE)
    blocks = [
        _heard(wave, first_seconds + done / RATE, min(_BLOCK, left - done) / RATE) for done in range(0, left, _BLOCK)
    ]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _heard(wave: Wave, first_seconds: float, seconds: float) -> Samples:
    rate = wave.format.sample_rate
    ratio = Fraction(RATE, rate)
    edge = 32 * ratio.denominator
    first = round(first_seconds * rate)
    count = -(-round(seconds * RATE) * ratio.denominator // ratio.numerator)
    mono = wave.read(first - edge, count + 2 * edge).mean(axis=1)
    skip = edge * ratio.numerator // ratio.denominator
    return to_rate(mono, rate)[skip : skip + round(seconds * RATE)]


def print_of_wave(wave: Wave, progress: Callable[[int, int], None] = lambda *_: None) -> Print:
    """Return the fingerprint of a whole sound file, in blocks, so that hours of it fit."""
    blocks = []
    left = round(wave.format.seconds * RATE)
    for number in range(-(-left // (_BLOCK_SECONDS * RATE))):
        first = number * _BLOCK_SECONDS
        progress(first * RATE, left)
        blocks.append(_levels(heard(wave, first, min(_BLOCK_SECONDS, left / RATE - first) + _HOP / RATE)))
    return _moving(np.concatenate(blocks, axis=1)) if blocks else np.zeros((BANDS, 0), np.float32)


def print_of(mono: Samples) -> Print:
    """Return the fingerprint of samples at RATE."""
    padded = np.concatenate([mono, np.zeros(_HOP, np.float32)])
    blocks = [_levels(padded[first : first + _BLOCK + _HOP]) for first in range(0, max(len(mono), 1), _BLOCK)]
    return _moving(np.concatenate(blocks, axis=1))


def _levels(mono: Samples) -> NDArray[np.float32]:
    """Return the level of each band, `[BANDS, columns]` in natural logarithms of power."""
    count = max((len(mono) - _FRAME) // _HOP + 1, 0)
    if not count:
        return np.zeros((BANDS, 0), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(mono, _FRAME)[::_HOP][:count]
    window = np.hanning(_FRAME).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 / window.sum() ** 2
    levels: NDArray[np.float32] = np.log(power @ _bands().T + _QUIET).T.astype(np.float32)
    return levels


def _bands() -> NDArray[np.float32]:
    """Return which bins make up each band, `[BANDS, bins]`; bands are as wide as the ear's, so in equal ratios."""
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, BANDS + 1)
    bins = np.fft.rfftfreq(_FRAME, 1 / RATE)
    inside = (bins >= edges[:-1, None]) & (bins < edges[1:, None])
    return inside.astype(np.float32)


def _moving(levels: NDArray[np.float32]) -> Print:
    """Return how the levels move about their own slow mean, each band of deviation one."""
    if levels.shape[1] == 0:
        return levels
    slow = _running_mean(levels, min(_SLOW_COLUMNS, levels.shape[1]))
    moved = levels - slow
    deviation = moved.std(axis=1, keepdims=True)
    moved = np.where(deviation > 1e-3, moved / np.maximum(deviation, 1e-3), 0)  # noqa: PLR2004 - a band that stands still
    clipped: Print = np.clip(moved, -_REACH, _REACH).astype(np.float32)
    return clipped


def _running_mean(levels: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    total = np.cumsum(np.pad(levels, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    columns = np.arange(levels.shape[1])
    first = np.clip(columns - width // 2, 0, None)
    last = np.clip(columns + width // 2 + 1, None, levels.shape[1])
    return ((total[:, last] - total[:, first]) / (last - first)).astype(np.float32)
