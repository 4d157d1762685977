"""One track of a sound file in a clip's time: from its first frame on, as long as its picture, at one sample rate."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from engines.sound.wave import Samples, Wave

_BLOCK_SECONDS = 60
_EDGE_SECONDS = 0.02
_FINE = 4
"""Oversampling before a place between samples is read off straight: -80 dB and better up to 12 kHz."""


def placed(
    wave: Wave, channel: int, offset_seconds: float, count: int, sample_rate: int, drift_ppm: float = 0.0
) -> Samples:
    """Return a track as `count` samples at a rate; `offset_seconds` is where in the file the first one lies.

    With a drift the file is read so much faster, else it is as it was recorded, to the nearest sample. Silence where
    the file has nothing.
    """
    result = np.zeros(count, np.float32)
    block = _BLOCK_SECONDS * sample_rate
    for first in range(0, count, block):
        length = min(block, count - first)
        seconds = offset_seconds + first / sample_rate * (1 + drift_ppm * 1e-6)
        result[first : first + length] = _block(wave, channel, seconds, length, sample_rate, drift_ppm)
    return result


def _block(wave: Wave, channel: int, seconds: float, count: int, sample_rate: int, drift_ppm: float) -> Samples:
    rate = wave.format.sample_rate
    edge = round(_EDGE_SECONDS * rate)
    begin = round(seconds * rate)
    needed = -(-(count + 2) * rate // sample_rate) + 2 * edge + round(abs(drift_ppm) * 1e-6 * count)
    part = wave.read(begin - edge, needed, [channel])[:, 0]
    if rate != sample_rate:
        ratio = Fraction(sample_rate, rate)
        part = resample_poly(part, ratio.numerator, ratio.denominator).astype(np.float32)
    skip = edge * sample_rate / rate
    if drift_ppm == 0:
        kept: Samples = part[round(skip) : round(skip) + count]
        return kept
    fine = resample_poly(part, _FINE, 1)
    within = (seconds - begin / rate) * sample_rate
    places = (skip + within + np.arange(count) * (1 + drift_ppm * 1e-6)) * _FINE
    between: Samples = np.interp(places, np.arange(len(fine)), fine).astype(np.float32)
    return between
