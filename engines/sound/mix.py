"""The guide mix: isos to one channel that a cutting room can listen to all day.

High-pass and noise reduction on each track, gain sharing over all, a leveller, loudness to target, true peak under
the ceiling. A track is held one at a time, since a scene's isos do not all fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt

from engines.sound import denoise, dugan
from engines.sound.limiter import limited
from engines.sound.loudness import SILENT_LUFS, block_power, loudness, true_peak
from engines.sound.wave import Samples

Track: TypeAlias = Callable[[], Samples]
"""Gives one iso's samples, each time it is asked, all tracks in step and as long."""

_TOLERANCE_LU = 0.1
_ROUNDS = 6
_MOST_GAIN_DB = 40.0
"""A whisper is brought up, the hiss of a muted recorder is not."""
_STEP_SECONDS = 0.1
_LEVELLER_SECONDS = 3.0
_LEVELLER_DB = 9.0
"""Most that the leveller moves either way, at full strength."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a guide mix is made: dials 0 to 1, `highpass_hz` 0 for none."""

    loudness_lufs: float = -23.0
    ceiling_dbtp: float = -1.0
    highpass_hz: float = 80.0
    noise_reduction: float = 0.5
    leveller: float = 0.5


@dataclass(frozen=True, slots=True)
class Mixed:
    """A guide mix, and what was measured of it; `reached` is False where there was too little to bring up."""

    samples: Samples
    loudness_lufs: float
    true_peak_dbtp: float
    reached: bool


def mixed(
    tracks: Sequence[Track],
    sample_rate: int,
    settings: Settings,
    rooms: Sequence[NDArray[np.float64] | None] = (),
) -> Mixed:
    """Return the guide mix of isos; `rooms` are the noise profiles known of tracks, None where the track is its own."""
    known = list(rooms) or [None] * len(tracks)
    shared = share(
        [_cleaned(track, sample_rate, settings, room) for track, room in zip(tracks, known, strict=True)], sample_rate
    )
    levelled = shared * _rider(shared, sample_rate, settings)
    return _to_loudness(levelled, sample_rate, settings)


def share(tracks: Sequence[Track], sample_rate: int) -> Samples:
    """Return the sum of tracks with their gains shared; a single one is itself."""
    if len(tracks) == 1:
        return tracks[0]()
    powers, plain = [], np.zeros(0, np.float32)
    for track in tracks:
        samples = track()
        powers.append(dugan.power(samples, sample_rate))
        plain = samples.copy() if not len(plain) else plain + samples
    gains = dugan.shared_gains(powers, dugan.power(plain, sample_rate))
    total = np.zeros_like(plain)
    for track, gain in zip(tracks, gains, strict=True):
        total += track() * dugan.at_samples(gain, len(total), sample_rate)
    return total


def _cleaned(track: Track, sample_rate: int, settings: Settings, room: NDArray[np.float64] | None) -> Track:
    def clean() -> Samples:
        samples = highpassed(track(), sample_rate, settings.highpass_hz)
        if settings.noise_reduction <= 0:
            return samples
        noise = denoise.profile(samples, sample_rate) if room is None else room
        return denoise.quieted(samples, sample_rate, noise, settings.noise_reduction * denoise.MOST_DB)

    return clean


def highpassed(samples: Samples, sample_rate: int, hertz: float) -> Samples:
    """Return samples without what lies below, in step with what they were; 0 leaves them alone."""
    if hertz <= 0 or len(samples) < sample_rate // 100:
        return samples
    filtered: Samples = sosfiltfilt(high_pass(hertz, sample_rate), samples, padlen=0).astype(np.float32)
    return filtered


def high_pass(hertz: float, sample_rate: int) -> NDArray[np.float64]:
    """Return the high-pass as second-order sections, of which sound goes through both ways in time."""
    sections: NDArray[np.float64] = butter(2, hertz, "highpass", fs=sample_rate, output="sos")
    return sections


def _rider(samples: Samples, sample_rate: int, settings: Settings) -> Samples | float:
    """Return the leveller's gain for each sample: slowly towards the middle loudness, and still where nobody speaks."""
    power = block_power(samples, sample_rate)
    if settings.leveller <= 0 or not len(power):
        return 1.0
    lufs = -0.691 + 10 * np.log10(np.maximum(power, 1e-30))
    speaks = lufs > max(SILENT_LUFS, loudness(samples, sample_rate) - 10)
    if not speaks.any():
        return 1.0
    middle = float(np.median(lufs[speaks]))
    wanted = np.clip((middle - lufs) * settings.leveller, -_LEVELLER_DB, _LEVELLER_DB)
    places = np.flatnonzero(speaks)
    held = np.interp(np.arange(len(lufs)), places, wanted[places])
    smooth = uniform_filter1d(held, round(_LEVELLER_SECONDS / _STEP_SECONDS), mode="nearest")
    middles = (np.arange(len(smooth)) * _STEP_SECONDS + 0.2) * sample_rate
    gain: Samples = np.interp(np.arange(len(samples)), middles, 10 ** (smooth / 20)).astype(np.float32)
    return gain


def _to_loudness(samples: Samples, sample_rate: int, settings: Settings) -> Mixed:
    """Return samples at the loudness asked for and under the ceiling; limiting makes quieter, so it goes round."""
    gain_db = 0.0
    result, measured = samples, loudness(samples, sample_rate)
    for _ in range(_ROUNDS):
        if not math.isfinite(measured):
            break
        gain_db += settings.loudness_lufs - measured
        gain_db = min(gain_db, _MOST_GAIN_DB)
        raised = (samples * np.float32(10 ** (gain_db / 20))).astype(np.float32)
        result = limited(raised, sample_rate, settings.ceiling_dbtp)
        measured = loudness(result, sample_rate)
        if abs(measured - settings.loudness_lufs) <= _TOLERANCE_LU or gain_db >= _MOST_GAIN_DB:
            break
    is_there = abs(measured - settings.loudness_lufs) <= 0.5  # noqa: PLR2004 - R 128's own tolerance
    return Mixed(result, measured, true_peak(result), reached=is_there)
