"""Loudness and true peak of samples.

Source: ITU-R BS.1770-5 annexes 1 and 2; EBU R 128 and Tech 3341 (gating, 400 ms blocks). The coefficients at any
sample rate are those of the analogue filters behind the standard's table for 48 kHz (bilinear transform).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly, sosfilt

from engines.sound.wave import Samples

SILENT_LUFS = -70.0
"""What is quieter counts as silence. Source: BS.1770-5, annex 1."""
_RELATIVE_GATE_LU = 10.0
_BLOCK_SECONDS, _STEP_SECONDS = 0.4, 0.1
_OVERSAMPLING = 4
_PIECE = 1 << 18
_EDGE = 64
"""Samples read beside a piece, so that pieces are oversampled as the whole is."""


def loudness(samples: Samples, sample_rate: int) -> float:
    """Return the integrated loudness in LUFS of samples `[N]` or `[N, C]` of front channels; -inf for silence."""
    power = block_power(samples, sample_rate)
    gated = power[_lufs(power) > SILENT_LUFS]
    if not len(gated):
        return -math.inf
    relative = float(_lufs(gated.mean())) - _RELATIVE_GATE_LU
    return float(_lufs(gated[_lufs(gated) > relative].mean()))


def block_power(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Return the K-weighted power, summed over channels, of each block of 400 ms, a new one each 100 ms."""
    channels = samples.reshape(len(samples), -1)
    step = round(_STEP_SECONDS * sample_rate)
    steps = np.zeros(len(channels) // step)
    for channel in channels.T:
        steps += _step_power(channel, sample_rate, step)
    width = round(_BLOCK_SECONDS / _STEP_SECONDS)
    if len(steps) < width:
        return np.zeros(0)
    return np.convolve(steps, np.full(width, 1 / width), "valid")


def true_peak(samples: Samples) -> float:
    """Return the true peak in dBTP of samples `[N]`, oversampled four times; -inf for silence.

    Source: BS.1770-5, annex 2.
    """
    highest = max((float(piece.max()) for piece in oversampled_peaks(samples)), default=0.0)
    return 20 * math.log10(highest) if highest > 0 else -math.inf


def oversampled_peaks(samples: Samples) -> list[NDArray[np.float32]]:
    """Return for each sample the highest value that the signal takes about it, in pieces that make up the whole."""
    pieces = []
    for first in range(0, len(samples), _PIECE):
        begin = max(first - _EDGE, 0)
        end = min(first + _PIECE, len(samples))
        part = samples[begin : min(end + _EDGE, len(samples))]
        fine = np.abs(resample_poly(part, _OVERSAMPLING, 1)).reshape(-1, _OVERSAMPLING).max(axis=1)
        peaks = np.maximum(fine, np.abs(part))[first - begin : end - begin]
        pieces.append(peaks.astype(np.float32))
    return pieces


def _step_power(channel: Samples, sample_rate: int, step: int) -> NDArray[np.float64]:
    """Return the K-weighted mean power of each step, a minute at a time."""
    weighting = k_weighting(sample_rate)
    state = np.zeros((len(weighting), 2))
    powers = []
    piece = step * 600
    for first in range(0, len(channel) // step * step, piece):
        part = channel[first : min(first + piece, len(channel) // step * step)].astype(np.float64)
        weighted, state = sosfilt(weighting, part, zi=state)
        powers.append((weighted.reshape(-1, step) ** 2).mean(axis=1))
    return np.concatenate(powers) if powers else np.zeros(0)


def k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """Return the two stages of the K weighting as second-order sections. Source: BS.1770-5, annex 1, tables 1 and 2."""
    return np.array([_shelf(sample_rate), _rumble(sample_rate)])


def _shelf(sample_rate: int) -> list[float]:
    hertz, gain_db, quality = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = math.tan(math.pi * hertz / sample_rate)
    high = 10 ** (gain_db / 20)
    middle = high**0.4996667741545416
    a0 = 1 + k / quality + k * k
    return [
        (high + middle * k / quality + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - middle * k / quality + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / quality + k * k) / a0,
    ]


def _rumble(sample_rate: int) -> list[float]:
    hertz, quality = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * hertz / sample_rate)
    a0 = 1 + k / quality + k * k
    return [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0]


def _lufs(power: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-30)))
