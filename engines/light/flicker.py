"""Flicker: the beat of lamps on the mains, or of an LED wall, with the shutter, found over a whole clip and taken out.

A lamp's ripple and a shutter beat at one frequency in the picture, in bands where the shutter rolls: light is multiplied
by 1 + m sin(2 pi f t + k y + p). Frequency, bands and phase are one for all of a stretch of the clip; the depth m is told
place by place, since a wall may flicker and the room may not. All is told from the stops of a coarse grid, in windows
that overlap, since mains drift. What is not clearly there is left alone.

Colour is not told apart: a lamp whose colour beats with its brightness keeps that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engines.light.curve import Curve, Floats
from engines.media.frames import Picture

Doubles = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

GRID = (24, 12)
"""Rows and columns of the coarse grid: rows enough for four bands."""
LEAST_PICTURES = 24
_WINDOW, _HOP = 96, 48
_LOWEST_HZ = 0.7
"""Slower beats are not told from what a scene does."""
_CLEAR, _CLEAR_MAINS = 12.0, 6.0
"""How many times its neighbours' power a beat must have: where anything may be one, and where mains say where to look."""
_MAINS_WITHIN_HZ = 0.35
_LEAST_STOPS = 0.004
_BANDS = np.linspace(-8 * np.pi, 8 * np.pi, 641)
"""Phases over the picture's height that are tried: four bands either way."""
_ALIKE = 2.0
"""Depths that spread by no more than this many times what their noise makes them spread (variances) are one depth."""


def grid_of(picture: Picture, curve: Curve) -> Floats:
    """Return the mean luma of each place of the grid in stops."""
    codes = cv2.resize(picture.y.astype(np.float32), GRID[::-1], interpolation=cv2.INTER_AREA)
    return curve.of(codes)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A beat as it was from picture `first` on: radians a picture, radians down the picture, phase, depth by place."""

    first: int
    turn: float
    bands: float
    phase: float
    depth: Floats


@dataclass(frozen=True, slots=True)
class Flicker:
    """A clip's beat: `hz` as it is seen in the picture, its mean depth in stops, and how clear it was."""

    hz: float
    stops: float
    clear: float
    _stretches: tuple[_Stretch, ...]

    def gain(self, number: int, height: int, width: int) -> Floats:
        """Return the gain in stops `[height, width]` that takes the beat out of a picture."""
        weights = [max(_WINDOW / 2 - abs(number - x.first - _WINDOW / 2), 1e-3) for x in self._stretches]
        near = sorted(range(len(weights)), key=lambda n: -weights[n])[:2]
        total = sum(weights[n] for n in near)
        gain = np.zeros((height, width), np.float32)
        for n in near:
            gain -= np.float32(weights[n] / total) * _beat(self._stretches[n], number, height, width)
        return gain


def _beat(stretch: _Stretch, number: int, height: int, width: int) -> Floats:
    """Return what a beat adds to a picture, in stops."""
    depth = cv2.resize(stretch.depth, (width, height), interpolation=cv2.INTER_LINEAR)
    rows = (np.arange(height) + 0.5) / height
    wave = np.sin(stretch.turn * number + stretch.bands * rows + stretch.phase).astype(np.float32)
    beat: Floats = np.log2(1 + depth * wave[:, None])
    return beat


def find(grids: Sequence[Floats], rate: float, mains_hz: float | None = None, beat_hz: float | None = None) -> Flicker | None:
    """Return the beat in a clip's grids, one a picture; None where none is clear.

    `mains_hz` (50 or 60) says where to look, `beat_hz` the beat itself as it is seen; both in hertz, as is `rate`.
    """
    if len(grids) < LEAST_PICTURES:
        return None
    series = np.stack(grids).astype(np.float64)
    frequency, clear = _clearest(series, rate, mains_hz, beat_hz)
    if not clear:
        return None
    starts = range(0, max(len(series) - _HOP, 1), _HOP) if len(series) > _WINDOW else range(1)
    stretches = tuple(_stretch(series[at : at + _WINDOW], at, frequency / rate * 2 * np.pi) for at in starts)
    stops = float(np.mean([x.depth.mean() for x in stretches])) / np.log(2)
    if max(float(x.depth.max()) for x in stretches) < _LEAST_STOPS:
        return None
    return Flicker(frequency, stops, clear, stretches)


def _clearest(series: Doubles, rate: float, mains_hz: float | None, beat_hz: float | None) -> tuple[float, float]:
    """Return the clearest beat in hertz and by how much it stands out, 0 where none stands out enough."""
    steps, power = _power(series)
    hertz = steps * rate
    reach = max(1, round(4 * len(steps) * 2 / len(series) ))
    scores = np.array([power[n] / _around(power, n, reach) for n in range(len(power))])
    allowed, least = hertz >= _LOWEST_HZ, _CLEAR
    if beat_hz or mains_hz:
        wanted = [beat_hz] if beat_hz else [_seen_at(mains_hz * times, rate) for times in (2, 4)]  # type: ignore[operator]
        allowed, least = np.min([np.abs(hertz - hz) for hz in wanted], 0) <= max(_MAINS_WITHIN_HZ, rate / len(series)), _CLEAR_MAINS
    peaks = np.concatenate(([False], (power[1:-1] >= power[:-2]) & (power[1:-1] >= power[2:]), [power[-1] > power[-2]]))
    scores = np.where(allowed & peaks, scores, 0)
    best = int(scores.argmax())
    return float(hertz[best]), float(scores[best]) if scores[best] >= least else 0.0


def _seen_at(hz: float, rate: float) -> float:
    """Return where a ripple is seen at a frame rate, both in hertz."""
    return abs(hz - rate * round(hz / rate))


def _power(series: Doubles) -> tuple[Doubles, Doubles]:
    """Return frequencies, in turns a picture, and the power there, in each place's own median, slow change taken out."""
    count = len(series)
    window = np.hanning(count + 2)[1:-1]
    flat = (_even(series) * window[:, None, None]).reshape(count, -1)
    size = 1 << (4 * count - 1).bit_length()
    power = np.abs(np.fft.rfft(flat, size, axis=0)) ** 2
    own = np.median(power[size // 32 :], axis=0) + 1e-12  # where something moves, all frequencies are loud
    return np.fft.rfftfreq(size), (power / own).mean(1)


def _even(series: Doubles) -> Doubles:
    """Return the series of each place without its slow change: a parabola."""
    slow = np.vander(np.linspace(-1, 1, len(series)), 3)
    flat = series.reshape(len(series), -1)
    return (flat - slow @ np.linalg.lstsq(slow, flat, rcond=None)[0]).reshape(series.shape)


def _around(power: Doubles, at: int, reach: int) -> float:
    """Return the median power on both sides of a peak, beyond its own width."""
    beside = np.concatenate((power[max(0, at - 3 * reach) : max(0, at - reach)], power[at + reach : at + 3 * reach]))
    return float(np.median(beside)) + 1e-12 if len(beside) else np.inf


def _stretch(series: Doubles, first: int, turn: float) -> _Stretch:
    """Return the beat of one window, near a frequency in radians a picture."""
    count = len(series)
    flat = _even(series)
    near = turn + np.linspace(-1, 1, 41) * 2 * np.pi / count
    found = [_phasors(flat, first, one) for one in near]
    best = int(np.argmax([(np.abs(x) ** 2).sum() for x in found]))
    turn, phasors = float(near[best]), found[best]
    beside = [_phasors(flat, first, turn + way * 2 * np.pi * 3 / count) for way in (-1, 1)]
    noise = np.mean([np.abs(x) ** 2 for x in beside], 0) / 2 + 1e-8  # of one part of the phasor
    rows = ((np.arange(GRID[0]) + 0.5) / GRID[0])[:, None]
    weights = 1 / noise
    bands = float(_BANDS[np.argmax([np.abs((weights * phasors * np.exp(-1j * k * rows)).sum()) for k in _BANDS])])
    level = phasors * np.exp(-1j * bands * rows)
    phase = float(np.angle((weights * level).sum()))
    depth = _depths((level * np.exp(-1j * phase)).real, noise)
    nepers = depth * np.log(2)
    return _Stretch(first, turn, bands, phase + np.pi / 2, (4 * nepers / (4 + nepers**2)).astype(np.float32))


def _phasors(flat: Doubles, first: int, turn: float) -> Complex:
    """Return amplitude and phase of each place at a frequency; the real part is that of a cosine."""
    window = np.hanning(len(flat) + 2)[1:-1]
    wave = window * np.exp(-1j * turn * (first + np.arange(len(flat))))
    found: Complex = np.tensordot(wave, flat, 1) * (2 / window.sum())
    return found


def _depths(depth: Doubles, noise: Doubles) -> Doubles:
    """Return the depth at each place in stops, none below zero: one for all where they are alike, else smoothed."""
    weights = 1 / noise
    common = float((weights * depth).sum() / weights.sum())
    if float((weights * (depth - common) ** 2).mean()) <= _ALIKE:
        return np.full_like(depth, max(common, 0))
    smooth = cv2.GaussianBlur(depth * weights, (0, 0), 0.8) / cv2.GaussianBlur(weights, (0, 0), 0.8)
    clear = smooth**2 / (smooth**2 + cv2.GaussianBlur(noise, (0, 0), 0.8) / 4)  # Wiener's share
    return np.maximum(smooth * clear, 0)
