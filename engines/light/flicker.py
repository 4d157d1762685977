"""Flicker: the beat of lamps on the mains, or of an LED wall, with the shutter, found over a whole clip and taken out.

A lamp's ripple and a shutter beat at one frequency in the picture, in bands where the shutter rolls: light is
multiplied by 1 + m sin(2 pi f t + k y + p). Frequency, bands and phase are one for all of a stretch of the clip; the
depth m is told place by place, since a wall may flicker and the room may not. All is told from the stops of a coarse
grid, in windows that overlap, since mains drift. What is not clearly there is left alone.

Colour is not told apart: a lamp whose colour beats with its brightness keeps that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engines.light.curve import FLOOR, Curve, Floats
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
"""How many times its neighbours' power a beat must have: anywhere, and where mains say where to look."""
_MAINS_WITHIN_HZ = 0.35
_LEAST_STOPS = 0.002
_TRIED = 6
_LOUD, _LEAST_PLACES, _ONE_WAVE = 8.0, 6, 0.8
"""A place beats where its power is so many times its noise; so many must, and their waves agree to this share."""
_BANDS = np.linspace(-8 * np.pi, 8 * np.pi, 641)
"""Phases over the picture's height that are tried: four bands either way."""
_ALIKE, _AGREE = 0.15, 0.8
"""Depths within a share of each other, or their noise, are alike; where so many (by weight) are, there is one."""
_LEAST_SEEN = 0.05


def grid_of(picture: Picture, curve: Curve) -> Floats:
    """Return the mean luma of each place of the grid in stops."""
    codes = cv2.resize(picture.y.astype(np.float32), GRID[::-1], interpolation=cv2.INTER_AREA)
    return curve.of(np.asarray(codes, np.float32))


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


def find(
    grids: Sequence[Floats], rate: float, mains_hz: float | None = None, beat_hz: float | None = None
) -> Flicker | None:
    """Return the beat in a clip's grids, one a picture; None where none is clear.

    `mains_hz` (50 or 60) says where to look, `beat_hz` the beat itself as it is seen; both in hertz, as is `rate`.
    """
    if len(grids) < LEAST_PICTURES:
        return None
    series = np.stack(grids).astype(np.float64)
    for frequency, clear in _clearest(series, rate, mains_hz, beat_hz)[:_TRIED]:
        turn = frequency / rate * 2 * np.pi
        if _is_one_wave(_even(series), turn):
            starts = range(0, len(series) - _HOP, _HOP) if len(series) > _WINDOW else range(1)
            stretches = tuple(_stretch(series[at : at + _WINDOW], at, turn) for at in starts)
            stops = float(np.mean([x.depth.mean() for x in stretches])) / float(np.log(2))
            return Flicker(frequency, stops, clear, stretches) if stops >= _LEAST_STOPS else None
    return None


def _clearest(series: Doubles, rate: float, mains_hz: float | None, beat_hz: float | None) -> list[tuple[float, float]]:
    """Return the beats that stand out, in hertz and by how much, the clearest first."""
    steps, power = _power(series)
    hertz = steps * rate
    reach = max(1, round(8 * len(steps) / len(series)))
    scores = np.array([power[n] / _around(power, n, reach) for n in range(len(power))])
    allowed, least = hertz >= _LOWEST_HZ, _CLEAR
    if beat_hz or mains_hz:
        wanted = [beat_hz] if beat_hz else [_seen_at((mains_hz or 0) * times, rate) for times in (2, 4)]
        within = max(_MAINS_WITHIN_HZ, rate / len(series))
        allowed, least = np.min([np.abs(hertz - hz) for hz in wanted], 0) <= within, _CLEAR_MAINS
    peaks = np.concatenate(([False], (power[1:-1] >= power[:-2]) & (power[1:-1] >= power[2:]), [power[-1] > power[-2]]))
    found = np.flatnonzero(allowed & peaks & (scores >= least))
    return sorted(((float(hertz[n]), float(scores[n])) for n in found), key=lambda one: -one[1])


def _is_one_wave(flat: Doubles, turn: float) -> bool:
    """Return whether what beats at a frequency is one wave over the picture: what moves in a scene is many."""
    phasors, noise = _phasors(flat, 0, turn), _noise(flat, 0, turn)
    _, level = _unbanded(phasors, noise)
    loud = np.abs(phasors) ** 2 > _LOUD * noise
    return bool(loud.sum() >= _LEAST_PLACES and np.abs(level[loud].sum()) >= _ONE_WAVE * np.abs(level[loud]).sum())


def _noise(flat: Doubles, first: int, turn: float) -> Doubles:
    """Return the variance of one part of each place's phasor, by what is beside the frequency."""
    aside = 2 * np.pi * 3 / len(flat)
    beside = [np.abs(_phasors(flat, first, turn + way * aside)) ** 2 for way in (-1, 1)]
    noise: Doubles = np.mean(beside, 0) / 2 + 1e-8
    return noise


def _unbanded(phasors: Complex, noise: Doubles) -> tuple[float, Complex]:
    """Return the bands of a wave in radians down the picture, and its phasors without them."""
    rows = ((np.arange(GRID[0]) + 0.5) / GRID[0])[:, None]
    sums = [np.abs((phasors / noise * np.exp(-1j * bands * rows)).sum()) for bands in _BANDS]
    bands = float(_BANDS[int(np.argmax(sums))])
    return bands, phasors * np.exp(-1j * bands * rows)


def _seen_at(hz: float, rate: float) -> float:
    """Return where a ripple is seen at a frame rate, both in hertz."""
    return abs(hz - rate * round(hz / rate))


def _power(series: Doubles) -> tuple[Doubles, Doubles]:
    """Return frequencies, in turns a picture, and the power there in each place's median, slow change taken out."""
    count = len(series)
    window = np.hanning(count + 2)[1:-1]
    flat = (_even(series) * window[:, None, None]).reshape(count, -1)
    size = 1 << (4 * count - 1).bit_length()
    power = np.abs(np.fft.rfft(flat, size, axis=0)) ** 2
    own = np.median(power[size // 32 :], axis=0) + 1e-12  # where something moves, all frequencies are loud
    return np.asarray(np.fft.rfftfreq(size), np.float64), np.asarray((power / own).mean(1), np.float64)


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
    seen = _sensitivity(series)
    phasors, noise = phasors / seen, _noise(flat, first, turn) / seen**2
    bands, level = _unbanded(phasors, noise)
    phase = float(np.angle((level / noise).sum()))
    depth = _depths((level * np.exp(-1j * phase)).real, noise)
    nepers = depth * np.log(2)
    return _Stretch(first, turn, bands, phase + np.pi / 2, (4 * nepers / (4 + nepers**2)).astype(np.float32))


def _phasors(flat: Doubles, first: int, turn: float) -> Complex:
    """Return amplitude and phase of each place at a frequency; the real part is that of a cosine."""
    window = np.hanning(len(flat) + 2)[1:-1]
    wave = window * np.exp(-1j * turn * (first + np.arange(len(flat))))
    found: Complex = np.tensordot(wave, flat, 1) * (2 / window.sum())
    return found


def _sensitivity(series: Doubles) -> Doubles:
    """Return which share of a beat each place shows: in the dark the FLOOR under stops hides it."""
    light = np.exp2(series.mean(0))
    seen: Doubles = np.maximum((light - FLOOR) / light, _LEAST_SEEN)
    return seen


def _depths(depth: Doubles, noise: Doubles) -> Doubles:
    """Return the depth at each place in stops, none below zero: one for all where nearly all agree, else smoothed."""
    weights = 1 / noise
    order = depth.ravel().argsort()
    heavy = np.cumsum(weights.ravel()[order])
    common = max(float(depth.ravel()[order][np.searchsorted(heavy, heavy[-1] / 2)]), 0)
    agrees = np.abs(depth - common) <= np.maximum(2 * np.sqrt(noise), _ALIKE * common)
    if common > _LEAST_STOPS and weights[agrees].sum() >= _AGREE * weights.sum():
        return np.full_like(depth, (weights * depth)[agrees].sum() / weights[agrees].sum())
    smooth = cv2.GaussianBlur(depth * weights, (0, 0), 0.8) / cv2.GaussianBlur(weights, (0, 0), 0.8)
    clear = smooth**2 / (smooth**2 + cv2.GaussianBlur(noise, (0, 0), 0.8) / 4)  # Wiener's share
    return np.asarray(np.maximum(smooth * clear, 0), np.float64)
