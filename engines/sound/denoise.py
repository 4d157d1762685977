"""Noise reduction for dialogue: what stands still in a track's spectrum is learned, and taken back as far as asked.

The gain of each band is Wiener's. What stands above the noise is sought in a neighbourhood of time and pitch, before
and after, which is what keeps single bands from twinkling; the gain never falls below what the dial allows. Low pitches
are seen through frames twice as long as the others: there a voice's harmonics lie close and move slowly.

Source: Ephraim and Malah, Speech enhancement using a minimum mean-square error short-time spectral amplitude
estimator, IEEE ASSP 32 (1984); Plapous, Marro and Scalart, Improved signal-to-noise ratio estimation for speech
enhancement, IEEE ASLP 14 (2006), for the second and third look; the neighbourhood instead of the frame before, and all
constants: our own measurement, 2026-11-25 and 27 (docs/log.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter1d
from scipy.signal import firwin, oaconvolve

from engines.sound.wave import Samples

MOST_DB = 24.0
"""Reduction at full strength."""
_SPLIT_HZ, _SPLIT_TAPS = 800.0, 4095
"""Below it the long frames are heard, above it the short ones; taps of the filter between them at 48 kHz."""
_LONG_NEIGHBOURS, _NEIGHBOURS = (0.6, 0.9), (1.0, 1.0)
"""Deviation of the neighbourhood in frames and in bins, of long frames and of short ones."""
_LOOKS = 3
_OVER = 1.2
"""How much more noise is assumed than was learned: noise left over is heard sooner than speech that lacks a little."""
_PROFILE_BINS = 5
"""Bins over which a profile is averaged; noise learned from few frames is ragged by itself."""
_QUIET_SHARE = 0.1
"""Share of the frames that is taken for noise alone where no room tone is known."""
_SETTLE_FRAMES = 8
"""Frames over which loudness is smoothed before the quiet ones are sought: a pause, not a gap between two syllables."""
_BATCH = 1024
_OVERLAP = 1.5
"""What the squared Hann windows of four frames add up to."""


def frame_samples(sample_rate: int) -> int:
    """Return the length of a long frame, 96 ms and a multiple of eight; a short one has half of it."""
    return 8 * round(0.012 * sample_rate)


def profile(samples: Samples, sample_rate: int, *, is_room: bool = False) -> NDArray[np.float64]:
    """Return the noise power of each bin of a long frame: of a room tone that of all frames, else of the quietest.

    Frames without any sound (a muted fader, an edit) are left out. Zeros where nothing is left.
    """
    size = frame_samples(sample_rate)
    loud = np.concatenate([part.sum(axis=1) for part in _powers(samples, size)] or [np.zeros(0)])
    sounding = loud > 1e-12 * size
    if not sounding.any():
        return np.zeros(size // 2 + 1)
    settled = np.convolve(loud, np.full(_SETTLE_FRAMES, 1 / _SETTLE_FRAMES), "same")
    chosen = sounding if is_room else sounding & (settled <= np.quantile(settled[sounding], _QUIET_SHARE))
    total, count, first = np.zeros(size // 2 + 1), 0, 0
    for part in _powers(samples, size):
        mine = chosen[first : first + len(part)]
        total, count, first = total + part[mine].sum(axis=0), count + int(mine.sum()), first + len(part)
    smooth: NDArray[np.float64] = uniform_filter1d(total / max(count, 1), _PROFILE_BINS, mode="nearest")
    return smooth


def quieted(samples: Samples, sample_rate: int, noise: NDArray[np.float64], reduction_db: float) -> Samples:
    """Return samples with their noise taken back by at most `reduction_db`; at 0 they are the same, bit for bit.

    `noise` is a profile at the same sample rate. As long as the samples, and in step with them.
    """
    if reduction_db <= 0 or not noise.any():
        return samples
    floor = 10 ** (-reduction_db / 20)
    high = _seen_through(samples, _of_short_frames(noise), floor, _NEIGHBOURS)
    low = _seen_through(samples, noise, floor, _LONG_NEIGHBOURS)
    low -= high
    taps = firwin(_SPLIT_TAPS, _SPLIT_HZ, fs=sample_rate).astype(np.float32)
    high += oaconvolve(low, taps, "same")
    return high


def _of_short_frames(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a long frame's profile as short frames have it: what a Hann window makes of one of twice its length.

    The weights bring the squared spectrum of the one window onto that of the other, to 0.3 % of its height.
    """
    return np.convolve(np.pad(noise, 2, "reflect"), np.array([1, 4, 6, 4, 1]) / 16, "valid")[::2] / 2


def _seen_through(
    samples: Samples, noise: NDArray[np.float64], floor: float, neighbours: tuple[float, float]
) -> Samples:
    """Return samples quieted in frames that have the bins of a profile."""
    size = 2 * (len(noise) - 1)
    window = frame_window(size)
    result = np.zeros(len(samples) + 2 * size, np.float32)
    told = np.maximum(noise, noise.max() * 1e-9) * _OVER
    for first, frames in _frames(samples, size):
        spectra = np.fft.rfft(frames * window, axis=1)
        gains = np.maximum(_wiener(np.abs(spectra) ** 2 / told, neighbours), floor)
        back = np.fft.irfft(spectra * gains, size, axis=1) * (window / _OVERLAP)
        for number, frame in enumerate(back):
            at = (first + number) * (size // 4)
            result[at : at + size] += frame
    return result[size * 3 // 4 :][: len(samples)]


def _wiener(ratios: NDArray[np.float64], neighbours: tuple[float, float]) -> NDArray[np.float64]:
    """Return the gain of each frame and bin from its power over the noise's."""
    prior = np.maximum(gaussian_filter(ratios, neighbours) - 1, 0)
    for _ in range(_LOOKS):
        gain = prior / (1 + prior)
        prior = gaussian_filter(gain * gain * ratios, neighbours)
    wiener: NDArray[np.float64] = prior / (1 + prior)
    return wiener


def frame_window(size: int) -> NDArray[np.float64]:
    """Return the window that each frame is seen through, going in and coming out."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def _frames(samples: Samples, size: int) -> list[tuple[int, NDArray[np.float32]]]:
    """Return the frames, four about each sample, in batches with the number of the first."""
    step = size // 4
    padded = np.pad(samples, (size * 3 // 4, 2 * size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::step]
    count = (len(samples) + size * 3 // 4) // step + 1
    return [(first, frames[first : min(first + _BATCH, count)]) for first in range(0, count, _BATCH)]


def _powers(samples: Samples, size: int) -> list[NDArray[np.float64]]:
    """Return the power of each whole frame inside the samples, in batches."""
    if len(samples) < size:
        return []
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 4]
    window = frame_window(size)
    return [
        np.abs(np.fft.rfft(frames[first : first + _BATCH] * window, axis=1)) ** 2
        for first in range(0, len(frames), _BATCH)
    ]
