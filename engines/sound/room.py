"""A room: the noise of one place, track by track, as its room tone taught it; and whether that may be used.

Learned from the first half of a room tone and judged on the second: what is no longer the same half a tone later (a
voice, a car, a door) is no noise to take out of a scene. What is kept is the spectrum before any high-pass, finer than
a frame of noise reduction is, so that it holds whatever the recipe's dials say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from scipy.signal import sosfreqz, welch

from engines.errors import BadWeights
from engines.sound.denoise import frame_samples, frame_window, quieted
from engines.sound.mix import high_pass, highpassed
from engines.sound.wave import Samples

RATE = 48_000
"""Samples a second at which rooms are learned and used."""
LEAST_SECONDS = 4.0
_FINE = 4 * frame_samples(RATE)
"""Samples of a spectrum that is kept: bins of 2.6 Hz, a quarter of a long frame's."""
_ASKED_DB = 12.0
"""Reduction that is asked for in the trial, the dial's middle."""
_LEAST_DB = 8.0
"""Reduction of sound that was not learned from, below which a room is refused: what the mix promises."""
_MOST_SPREAD_DB = 1.5
"""How far the halves may part, mean over bands: 0.5 of four seconds of noise, 11 with a voice in one (docs/log.md)."""
_BEHIND_DB = 0.5
"""How far a room may be behind the one in use on the tone that it was learned from itself."""
_TRIAL_HIGHPASS_HZ = 80.0
_BANDS_HZ = (100.0, 12_000.0)
_BANDS = 48

Spectrum = NDArray[np.float32]
"""Power of each bin of 2.6 Hz, `[bins]`, of samples at full scale 1.0."""


@dataclass(frozen=True, slots=True)
class Room:
    """Noise by track, and for each track the room tone that it was learned from."""

    spectra: dict[str, Spectrum]
    labels: dict[str, str]

    def with_tracks(self, spectra: Mapping[str, Spectrum], label: str) -> Room:
        """Return the room with what another room tone taught; tracks that it does not have stay as they were."""
        return Room(self.spectra | dict(spectra), self.labels | dict.fromkeys(spectra, label))


@dataclass(frozen=True, slots=True)
class Trial:
    """How a track's noise does on what it was not learned from.

    `reduction_db` of 12 that are asked for; `spread_db` is how far the halves part.
    """

    reduction_db: float
    spread_db: float


def learned(samples: Samples) -> Spectrum:
    """Return the noise of a track of a room tone (at RATE, four seconds or more), from its first half."""
    return _spectrum(samples[: len(samples) // 2])


def tried(samples: Samples, noise: Spectrum) -> Trial:
    """Return how a noise does on the second half of a track of a room tone (at RATE)."""
    half = samples[len(samples) // 2 :]
    unheard = highpassed(half, RATE, _TRIAL_HIGHPASS_HZ)
    after = quieted(unheard, RATE, noise_of(noise, _TRIAL_HIGHPASS_HZ), _ASKED_DB)
    reduction = 10 * np.log10((_power(unheard) + 1e-20) / (_power(after) + 1e-20))
    spread = np.abs(_in_bands(noise) - _in_bands(_spectrum(half))).mean()
    return Trial(round(float(reduction), 3), round(float(spread), 3))


def faults(trials: Mapping[str, Trial], before: Mapping[str, Trial]) -> tuple[str, ...]:
    """Return why a room may not be used, nothing where it may; `before` are trials of the one in use, same tracks."""
    found = []
    for track, trial in trials.items():
        if trial.spread_db > _MOST_SPREAD_DB:
            found.append(f"{track}: its halves are {trial.spread_db:.1f} dB apart, something happens in it")
        elif trial.reduction_db < _LEAST_DB:
            found.append(f"{track}: takes only {trial.reduction_db:.1f} dB from what it was not learned from")
        elif track in before and trial.reduction_db < before[track].reduction_db - _BEHIND_DB:
            found.append(
                f"{track}: takes {trial.reduction_db:.1f} dB, the room in use takes {before[track].reduction_db:.1f} dB"
            )
    return tuple(found)


def noise_of(spectrum: Spectrum, highpass_hz: float) -> NDArray[np.float64]:
    """Return the noise power of each bin of a long frame, `[bins]`, as `denoise.profile` has it, behind a high-pass.

    What a frame's window makes of a noise of this spectrum, from its correlation (Wiener and Khinchin).
    """
    power = spectrum.astype(np.float64)
    if highpass_hz > 0:
        hertz = np.fft.rfftfreq(_FINE, 1 / RATE)
        power = power * np.abs(sosfreqz(high_pass(highpass_hz, RATE), hertz, fs=RATE)[1]) ** 4  # both ways in time
    size = frame_samples(RATE)
    correlation = np.fft.irfft(power, _FINE)
    window = np.correlate(frame_window(size), frame_window(size), "full")[size - 1 :]
    lags = correlation[:size] * window
    lags[1:] += lags[1:][::-1].copy()  # negative lags, folded into the frame
    noise: NDArray[np.float64] = np.maximum(np.fft.rfft(lags).real, 0.0)
    return noise


def packed(room: Room) -> bytes:
    """Return a room as the bytes of a safetensors file; the same room gives the same bytes."""
    tracks = sorted(room.spectra)
    words = json.dumps([(track, room.labels[track]) for track in tracks])
    return save({"power": np.stack([room.spectra[track] for track in tracks])}, {"tracks": words})


def unpacked(path: Path) -> Room:
    """Return the room of a file.

    Raises:
        BadWeights: it is damaged, or no such file.
    """
    try:
        with safe_open(path, "numpy") as file:
            words, power = json.loads(file.metadata()["tracks"]), file.get_tensor("power")
        _check(power, len(words))
        spectra = {str(track): row for (track, _), row in zip(words, power, strict=True)}
        return Room(spectra, {str(track): str(label) for track, label in words})
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BadWeights(
            f"the room {path.name[:12]} cannot be used",
            why=str(error),
            fix="`nearset model rollback` of the room makes the one before active; then `nearset retry`",
        ) from error


def _check(power: Spectrum, tracks: int) -> None:
    """Raise ValueError unless there is a spectrum for each track."""
    if power.shape != (tracks, _FINE // 2 + 1) or not np.isfinite(power).all() or (power < 0).any():
        raise ValueError(f"{tracks} rows of {_FINE // 2 + 1} powers are due, these are {power.shape}")


def _spectrum(samples: Samples) -> Spectrum:
    """Return the mean power of each fine bin. Source: P. D. Welch, IEEE Trans. Audio Electroacoustics 15 (1967)."""
    _, power = welch(samples, RATE, "hann", _FINE, detrend=False, return_onesided=False, scaling="density")
    spectrum: Spectrum = (power[: _FINE // 2 + 1] * RATE).astype(np.float32)
    return spectrum


def _power(samples: Samples) -> float:
    return float((samples.astype(np.float64) ** 2).mean())


def _in_bands(spectrum: Spectrum) -> NDArray[np.float64]:
    """Return a spectrum's level in dB in bands of equal ratio: single bins of so short a tone are ragged."""
    edges = np.geomspace(*_BANDS_HZ, _BANDS + 1)
    hertz = np.fft.rfftfreq(_FINE, 1 / RATE)
    bands = [spectrum[(hertz >= low) & (hertz < high)] for low, high in pairwise(edges)]
    return np.array([10 * np.log10(float(band.mean()) + 1e-20) for band in bands])
