"""Fidelity: how far an enhanced picture went from the one that it was made of, and how it is brought back.

Five figures of each clip, measured while it is rendered, before the look: luma, chroma, structure, edge and temporal
energy. All on pictures averaged over 4 x 4 pixels, where noise is a quarter of itself: that noise goes is what the
restoration is for, and is hardly counted. Decides nothing; which figures are too high is the recipe's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from engines.enhance import Enhance
from engines.media.departure import Departure, Fidelity
from engines.media.frames import CODE_MAX, Picture, Plane, blended
from engines.model.noise import NoiseProfile

_Small = npt.NDArray[np.float32]

_FINE_HALVINGS, _COARSE_HALVINGS = 2, 2
"""To a quarter of the sides, for structure, edges and motion, and from there to areas for luma and chroma."""
_RUN_FRAMES = 24
"""Pictures that are judged together: about a second, so that one bad second is not lost in a long clip."""
_STEP_CODES = 32.0
"""A step, in space or time, counts from here on, in code values of the averaged picture, and from _CLEAR deviations of
the steps that the clip's own noise makes: its going must not be taken for edges or motion that went. Without that a
standing shot with noise of 30 code values lost 0.65 of its motion to a restoration that took noise (2026-11-27)."""
_CLEAR = 4.0
_BRIGHT = 0.92
"""Signal at which noise is loudest, of 0-1: white."""
_LEAST_SHARE = 0.005
"""Of the picture: so much of it, at the threshold, is added to both energies: a still or flat one gives no ratio."""
_C2 = (0.03 * 876) ** 2
"""SSIM's second constant for legal luma. Source: Wang et al. 2004, equation 13, K2 = 0.03."""
_WINDOW = (7, 7)


class _Sums:
    """Sums over pictures, from which a departure is made."""

    def __init__(self) -> None:
        self.frames = 0
        self._luma = self._chroma = self._structure = 0.0
        self._edges = np.zeros(2)
        self._motion = np.zeros(2)

    def add(self, luma: float, chroma: float, structure: float, edges: _Pair, motion: _Pair) -> None:
        self.frames += 1
        self._luma += luma
        self._chroma += chroma
        self._structure += structure
        self._edges += edges
        self._motion += motion

    def departure(self) -> Departure:
        if not self.frames:
            return Departure()
        return Departure(
            round((self._luma / self.frames) ** 0.5, 3),
            round((self._chroma / self.frames) ** 0.5, 3),
            round(max(self._structure / self.frames, 0.0), 5),
            round(float(self._edges[1] / self._edges[0]) - 1, 4),
            round(float(self._motion[1] / self._motion[0]) - 1, 4) if self._motion[0] else 0.0,
        )


_Pair = tuple[float, float]
"""Energy of the source and of what was made of it."""


class Measured:
    """An enhancement that is measured as it goes, blended with its source where `share` is below 1 (0-1).

    `noise` is the clip's, None where it is not known and 32 code values make a step.
    """

    def __init__(self, enhance: Enhance, share: float = 1.0, noise: NoiseProfile | None = None) -> None:
        self._enhance, self._share = enhance, np.float32(share)
        self._step_codes = _clear_of(noise) if noise else _STEP_CODES
        self._whole, self._run = _Sums(), _Sums()
        self._runs: list[Departure] = []
        self._changed = 0
        self._before: tuple[_Small, _Small] | None = None

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return the enhanced picture, brought back toward the source by the share."""
        made = self._enhance(picture, coming)
        if made is not picture and self._share < 1:
            made = blended(picture, made, self._share)
        self._measure(picture, made)
        return made

    def fidelity(self) -> Fidelity:
        """Return the figures of all pictures until now."""
        runs = [*self._runs, self._run.departure()]
        worst = (max((getattr(run, word.name) for run in runs), key=abs) for word in fields(Departure))
        return Fidelity(self._whole.departure(), Departure(*worst), self._whole.frames, self._changed)

    def _measure(self, source: Picture, made: Picture) -> None:
        same = made is source or _is_same(source, made)
        self._changed += not same
        fine, step = _averaged(source.y, _FINE_HALVINGS), self._step_codes
        other = fine if same else _averaged(made.y, _FINE_HALVINGS)
        found = (
            _squared(fine, other),
            0.0 if same else _chroma(source, made),
            0.0 if same else _structure(fine, other),
            _energies(*_gradients(fine, other), step),
            _energies(fine - self._before[0], other - self._before[1], step) if self._before else (0.0, 0.0),
        )
        self._before = fine, other
        for sums in (self._whole, self._run):
            sums.add(*found)
        if self._run.frames == _RUN_FRAMES:
            self._runs.append(self._run.departure())
            self._run = _Sums()


def _clear_of(noise: NoiseProfile) -> float:
    """Return the code values from which a step of the averaged picture is clear of a clip's noise.

    A mean over 4 samples a side keeps a quarter of white noise's deviation and more of coarse noise's: along one side
    (4 + 2 (3 r + 2 r^2 + r^3)) / 16 of the variance, where r is the correlation of neighbours. A step is of two.
    """
    r, side = noise.coarse, 2**_FINE_HALVINGS
    left: float = (side + 2 * sum((side - apart) * r**apart for apart in range(1, side))) / side**2
    loudest = float(noise.deviation(np.full(1, _BRIGHT, np.float32))[0]) * CODE_MAX
    return max(_STEP_CODES, _CLEAR * 2**0.5 * left * loudest)


def _is_same(one: Picture, other: Picture) -> bool:
    pairs = ((one.y, other.y), (one.cb, other.cb), (one.cr, other.cr))
    return all(np.array_equal(plane, made) for plane, made in pairs)


def _averaged(plane: Plane, halvings: int) -> _Small:
    """Return a plane averaged over 2 to the power of `halvings` samples a side, a halving at a time: each is quick."""
    return _halved(plane, halvings).astype(np.float32)


def _halved(plane: npt.NDArray[Any], times: int) -> npt.NDArray[Any]:
    for _ in range(times):
        size = max(1, plane.shape[1] // 2), max(1, plane.shape[0] // 2)
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return plane


def _squared(one: _Small, other: _Small) -> float:
    """Return the mean square change of areas."""
    return float(np.square(_halved(other - one, _COARSE_HALVINGS)).mean())


def _chroma(source: Picture, made: Picture) -> float:
    """Return the mean square change of Cb and Cr, added: of the distance in their plane."""
    pairs = ((source.cb, made.cb), (source.cr, made.cr))
    return sum(_squared(_averaged(one, _FINE_HALVINGS), _averaged(other, _FINE_HALVINGS)) for one, other in pairs)


def _structure(one: _Small, other: _Small) -> float:
    """Return 1 - the mean contrast and structure term of SSIM. Source: Wang et al. 2004, equations 10 and 12."""
    mean, other_mean = cv2.blur(one, _WINDOW), cv2.blur(other, _WINDOW)
    variance = cv2.blur(one * one, _WINDOW) - mean * mean
    other_variance = cv2.blur(other * other, _WINDOW) - other_mean * other_mean
    covariance = cv2.blur(one * other, _WINDOW) - mean * other_mean
    return 1 - float(((2 * covariance + _C2) / (variance + other_variance + _C2)).mean())


def _gradients(one: _Small, other: _Small) -> tuple[_Small, _Small]:
    """Return the steps to the right and down of both, in one row each."""
    return _steps(one), _steps(other)


def _steps(small: _Small) -> _Small:
    return np.concatenate((np.diff(small, axis=1).ravel(), np.diff(small, axis=0).ravel()))


def _energies(one: _Small, other: _Small, threshold: float) -> _Pair:
    """Return the energies of steps where either picture has one, both raised by the least that counts."""
    squares, others = (one * one).ravel(), (other * other).ravel()
    counts = (np.maximum(squares, others) > threshold * threshold).astype(np.float32)
    least = _LEAST_SHARE * one.size * threshold * threshold
    return float(squares @ counts) + least, float(others @ counts) + least
