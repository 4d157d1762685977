"""Sync: where in a sound file a clip's first frame lies, by ear. A match is clear, or it is none.

Fingerprints say cheaply which files and places to look at; there the camera's own sound and the file are compared
to a fraction of a sample, window by window, and a line through the windows gives offset and drift. Nothing is
accepted because it is the best of what there is: a peak must stand clear of all else in reach and of a decoy, the
same sound played backwards, which has the same spectrum and the same loudness and cannot be right.

Source: Knapp and Carter, The generalized correlation method for estimation of time delay, IEEE ASSP 24 (1976).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from engines.sound.fingerprint import PRINT_RATE, RATE, Print
from engines.sound.wave import Samples

Hear: TypeAlias = Callable[[float, float], Samples]
"""Gives a sound file's samples at RATE: from a second on, so many seconds; silence outside the file."""

CLEAR_STRENGTH = 13.0
"""Least height of a peak, in deviations of the curve that it stands in. Source: docs/performance.md, 2026-11-25."""
CLEAR_CONFIDENCE = 0.6
"""Least confidence of a match."""
WIDE_SECONDS = 0.3
"""How far about a guess of fingerprints is looked: some columns of them."""
_LOOKED_AT, _FEWEST_AND_MOST = 180, (4, 60)
"""Seconds of sound that are compared closely for a clip, in places of its length: three seconds look like many."""
_WINDOW_SECONDS = 8.0
_LEAST_SECONDS = 0.5
"""Shortest piece of sound that says anything."""
_MOST_WINDOWS = 24
_DRIFT_PPM = 150.0
"""Two crystals are never further apart."""
_GOOD_WINDOW = 6.0
"""Height from which a window's own peak counts, in deviations of its curve."""
_OWN_SECONDS = 0.1
"""What lies so near a peak is the room's answer to it, not a rival."""
_LOWEST_HZ, _HIGHEST_HZ = 120.0, 3_700.0
_SILENCE = 1e-6
"""Deviation of samples that holds nothing but a converter's last bits: -120 dBFS."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Where a clip may lie: in which of the sounds, at which second, and how well the fingerprints agree."""

    sound: int
    seconds: float
    strength: float


@dataclass(frozen=True, slots=True)
class Match:
    """Where a clip's first frame lies in a sound file, in seconds of the file, and how sure that is.

    `drift_ppm` is how much faster the recorder's clock runs than the camera's. `strength` is the peak in deviations of
    its curve, `confidence` 0 to 1 how far it stands above the loudest rival: 0.9 is ten times as high. `windows` are
    how many pieces of the clip agreed by themselves.
    """

    seconds: float
    drift_ppm: float
    strength: float
    confidence: float
    windows: int

    @property
    def is_clear(self) -> bool:
        """Whether the match can be accepted without anybody's look."""
        return self.strength >= CLEAR_STRENGTH and self.confidence >= CLEAR_CONFIDENCE


def is_silent(mono: Samples) -> bool:
    """Return whether there is nothing to hear."""
    return len(mono) == 0 or float(mono.std()) < _SILENCE


def guesses(clip: Print, sounds: Sequence[Print]) -> list[Guess]:
    """Return the best places of a clip among sounds by their fingerprints, the best first; more for a short clip.

    A place needs a second of overlap, or all of what is shorter.
    """
    most = round(np.clip(_LOOKED_AT * PRINT_RATE / max(clip.shape[1], 1), *_FEWEST_AND_MOST))
    found = [guess for number, sound in enumerate(sounds) for guess in _places(clip, sound, number, most)]
    return sorted(found, key=lambda guess: -guess.strength)[:most]


def _places(clip: Print, sound: Print, number: int, most: int) -> list[Guess]:
    """Return the best places of a clip in one sound; strength is the sum over what overlaps, in deviations."""
    columns, length = clip.shape[1], sound.shape[1]
    if not columns or not length:
        return []
    size = next_fast_len(columns + length, real=True)
    product = (rfft(sound, size, axis=1) * np.conj(rfft(clip, size, axis=1))).sum(axis=0)
    lags = np.arange(-columns + 1, length)
    overlap = np.minimum(lags + columns, length) - np.maximum(lags, 0)
    least = min(PRINT_RATE, columns, length)
    curve = irfft(product, size)[lags] / np.sqrt(np.maximum(overlap, least) * clip.shape[0])
    curve[overlap < least] = -np.inf
    found = []
    for _ in range(most):
        best = int(np.argmax(curve))
        if not np.isfinite(curve[best]):
            break
        found.append(Guess(number, float(lags[best]) / PRINT_RATE, float(curve[best])))
        curve[max(best - PRINT_RATE, 0) : best + PRINT_RATE] = -np.inf
    return found


def matched(clip: Samples, hear: Hear, guess_seconds: float, reach_seconds: float = WIDE_SECONDS) -> Match | None:
    """Return the match of a clip's own sound (at RATE) about a guess; None where there is nothing to compare."""
    found = _peak(clip, hear, guess_seconds, reach_seconds)
    if found is None or found.strength < CLEAR_STRENGTH:
        return found
    decoy = _peak(clip[::-1].copy(), hear, guess_seconds, reach_seconds)
    rival = decoy.strength / found.strength if decoy else 0.0
    return Match(
        found.seconds, found.drift_ppm, found.strength, min(found.confidence, max(1 - rival, 0.0)), found.windows
    )


@dataclass(frozen=True, slots=True)
class _Window:
    """The curve of one piece of a clip: `middle` in seconds of the clip, `curve` over lags about the guess."""

    middle: float
    curve: NDArray[np.float32]
    peak: int
    height: float


def _peak(clip: Samples, hear: Hear, guess: float, reach: float) -> Match | None:
    windows = [
        window for first, count in _pieces(len(clip)) if (window := _window(clip, hear, guess, reach, first, count))
    ]
    if not windows:
        return None
    best = max(windows, key=lambda window: window.height)
    slope, agreeing = _slope(windows, best)
    middle = len(clip) / RATE / 2 if len(agreeing) > 1 else best.middle
    total = np.sum([_shifted(window.curve, slope * (window.middle - middle)) for window in windows], axis=0)
    peak, strength, confidence = _standing(total)
    lag = (_between(total, peak) - (len(total) - 1) / 2) / RATE
    return Match(guess + lag - slope / RATE * middle, slope / RATE * 1e6, strength, confidence, len(agreeing))


def _pieces(count: int) -> list[tuple[int, int]]:
    """Return pieces of a clip as (first, count), spread over all of it where it is long."""
    length = min(round(_WINDOW_SECONDS * RATE), count)
    if length < _LEAST_SECONDS * RATE:
        return []
    number = min(max(count // length, 1), _MOST_WINDOWS)
    firsts = np.linspace(0, count - length, number).astype(int)
    return [(int(first), length) for first in firsts]


def _window(clip: Samples, hear: Hear, guess: float, reach: float, first: int, count: int) -> _Window | None:
    piece = clip[first : first + count]
    margin = round(reach * RATE)
    about = hear(guess + (first - margin) / RATE, (count + 2 * margin) / RATE)
    if is_silent(piece) or is_silent(about):
        return None
    curve = _phat(piece, about, 2 * margin + 1)
    peak, height, _ = _standing(curve)
    return _Window((first + count / 2) / RATE, curve, peak, height)


def _phat(piece: Samples, about: Samples, lags: int) -> NDArray[np.float32]:
    """Return the correlation of a piece with what lies about it, by phase alone, over `lags` places."""
    size = next_fast_len(len(about) + len(piece), real=True)
    cross = rfft(about, size) * np.conj(rfft(piece, size))
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    magnitude = np.abs(cross)
    cross = np.where(
        (hertz > _LOWEST_HZ) & (hertz < _HIGHEST_HZ) & (magnitude > 0), cross / np.maximum(magnitude, 1e-20), 0
    )
    curve: NDArray[np.float32] = irfft(cross, size)[:lags].astype(np.float32)
    return curve


def _standing(curve: NDArray[np.float32]) -> tuple[int, float, float]:
    """Return where a curve's peak is, its height in deviations, and how far its rivals are below it, 0 to 1."""
    peak = int(np.argmax(curve))
    centre = float(np.median(curve))
    deviation = 1.4826 * float(np.median(np.abs(curve - centre))) or 1e-12  # of a normal distribution
    own = round(_OWN_SECONDS * RATE)
    rivals = np.concatenate([curve[: max(peak - own, 0)], curve[peak + own :]])
    rival = float(rivals.max()) - centre if len(rivals) else 0.0
    height = float(curve[peak]) - centre
    return peak, height / deviation, max(1 - rival / height, 0.0) if height > 0 else 0.0


def _slope(windows: list[_Window], best: _Window) -> tuple[float, list[_Window]]:
    """Return the drift in samples a second and the windows that agree on it: the median of the slopes between them."""
    near = [
        window
        for window in windows
        if window.height >= _GOOD_WINDOW
        and abs(window.peak - best.peak) <= abs(window.middle - best.middle) * _DRIFT_PPM * 1e-6 * RATE + 2
    ]
    slopes = [
        (_between(b.curve, b.peak) - _between(a.curve, a.peak)) / (b.middle - a.middle)
        for number, a in enumerate(near)
        for b in near[number + 1 :]
        if b.middle - a.middle >= _WINDOW_SECONDS / 2
    ]
    return (float(np.median(slopes)) if slopes else 0.0), near


def _between(curve: NDArray[np.float32], peak: int) -> float:
    """Return the place of a peak between samples, by the parabola through it and its neighbours."""
    if not 0 < peak < len(curve) - 1:
        return float(peak)
    left, top, right = (float(value) for value in curve[peak - 1 : peak + 2])
    bend = left - 2 * top + right
    return peak + (0.5 * (left - right) / bend if bend < 0 else 0.0)


def _shifted(curve: NDArray[np.float32], samples: float) -> NDArray[np.float32]:
    """Return a curve moved so that what lay at `samples` further lies here; its ends are held."""
    places = np.clip(np.arange(len(curve)) + round(samples), 0, len(curve) - 1)
    return curve[places]
