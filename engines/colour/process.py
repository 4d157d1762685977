"""Gaussian processes over clips: what is known at some of them says what holds at another, and how surely.

How alike two clips are adds up: a constant that all share, nearness of their figures, a linear share, and being of one
scene (by its name, or by the time where it has none) and of one camera. How large each share is, how far nearness
reaches and how much the truth scatters is not chosen but averaged over, each by the likelihood of what is known: of a
few clips the likeliest alone is far too sure (docs/log.md). Source: Rasmussen and Williams, Gaussian Processes for
Machine Learning, chapters 2 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

_SHARED = 0.5
_REACHES, _LINEAR, _SCENE, _CAMERA = (1.5, 4.0), (0.1, 0.6, 2.0), (0.0, 0.3, 1.0), (0.0, 0.1)
_NOISES = (0.01, 0.05, 0.15, 0.5)
_SETUP_HOURS = 0.7
"""How long a set-up lasts: clips this far apart are of one scene by 0.6."""
_LEAST_WEIGHT = 0.01
"""Likelihood, of that of all candidates together, below which one is not asked."""


@dataclass(frozen=True, slots=True)
class Points:
    """Clips: their figures, in units of what usually tells clips apart, their scenes and cameras, empty if unknown.

    Shape: `[N, D]`, and `N` each. `hours` are hours since whenever, NaN if unknown.
    """

    figures: Vector
    scenes: Sequence[str]
    cameras: Sequence[str]
    hours: Vector


@dataclass(frozen=True, slots=True)
class _Alike:
    """By what clips are alike: the squared distance of their figures, their product, one scene, one camera."""

    apart: Vector
    product: Vector
    scene: Vector
    camera: Vector

    @classmethod
    def of(cls, one: Points, other: Points) -> _Alike:
        apart = ((one.figures[:, None] - other.figures[None]) ** 2).sum(-1)
        return cls(
            apart,
            one.figures @ other.figures.T / one.figures.shape[1],
            _of_one_scene(one, other),
            _same(one.cameras, other.cameras),
        )


@dataclass(frozen=True, slots=True)
class _Shares:
    """How far nearness reaches, and the linear, the scene's and the camera's share."""

    reach: float
    linear: float
    scene: float
    camera: float

    def __call__(self, alike: _Alike) -> Vector:
        near = np.exp(-alike.apart / (2 * self.reach**2))
        total: Vector = (
            _SHARED + near + self.linear * alike.product + self.scene * alike.scene + self.camera * alike.camera
        )
        return total


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a clip: mean, variance, the share of the prior's deviation left, and each known clip's say."""

    mean: float
    variance: float
    left: float
    weights: Vector


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One number over all clips under some shares; `weight` is how likely they are."""

    weight: float
    shares: _Shares
    noise: float
    scale: float
    inverse: Vector
    weighted: Vector

    def at(self, to_known: _Alike, to_itself: _Alike) -> Told:
        across = self.shares(to_known)[:, 0]
        prior = float(self.shares(to_itself)[0, 0])
        weights = self.inverse @ across
        left = max(prior - float(across @ weights), 0.0)
        deviation = float(np.sqrt(min(left, 1.0)))
        return Told(float(across @ self.weighted), self.scale * (left + self.noise), deviation, weights)


@dataclass(frozen=True, slots=True)
class Process:
    """One number over all clips."""

    known: Points
    candidates: tuple[_Candidate, ...]

    def at(self, clip: Points) -> Told:
        """Return what it says of a clip; `clip` holds one."""
        to_known, to_itself = _Alike.of(self.known, clip), _Alike.of(clip, clip)
        told = [candidate.at(to_known, to_itself) for candidate in self.candidates]
        by = np.array([candidate.weight for candidate in self.candidates])
        means = np.array([one.mean for one in told])
        mean = float(by @ means)
        variance = by @ (np.array([one.variance for one in told]) + means**2) - mean**2
        left = by @ np.array([one.left for one in told])
        return Told(mean, float(variance), float(left), by @ np.array([np.abs(one.weights) for one in told]))

    @property
    def left_out(self) -> Vector:
        """How far it is from each known number when that one is left out.

        Source: Rasmussen and Williams, equation 5.12.
        """
        apart: Vector = np.sum([one.weight * one.weighted / np.diag(one.inverse) for one in self.candidates], axis=0)
        return apart


def fitted(known: Points, numbers: Vector) -> list[Process]:
    """Return the process of each column of numbers. Shape: `[N, T]`."""
    alike = _Alike.of(known, known)
    likelihoods: list[Vector] = []
    tried: list[tuple[_Shares, float]] = []
    for shares in _candidates(known):
        spread, turned = np.linalg.eigh(shares(alike))
        projected = (turned.T @ numbers) ** 2
        for noise in _NOISES:
            likelihoods.append(_likelihood(spread.clip(0) + noise, projected))
            tried.append((shares, noise))
    likely = np.exp(np.array(likelihoods) - np.max(likelihoods, axis=0))
    weights = np.where(likely < _LEAST_WEIGHT * likely.sum(0), 0, likely)
    weights /= weights.sum(0)
    return [
        Process(known, tuple(_candidate(alike, column, of[at], *tried[at]) for at in np.flatnonzero(of)))
        for column, of in zip(numbers.T, weights.T, strict=True)
    ]


def _candidates(known: Points) -> Iterator[_Shares]:
    """Yield the shares to be tried; a scene's or camera's only where something is known of one."""
    scenes, cameras = (
        tried if is_known else tried[:1]
        for tried, is_known in (
            (_SCENE, any(known.scenes) or not np.isnan(known.hours).all()),
            (_CAMERA, any(known.cameras)),
        )
    )
    return (_Shares(*words) for words in product(_REACHES, _LINEAR, scenes, cameras))


def _likelihood(spread: Vector, projected: Vector) -> Vector:
    """Return the log likelihood of each column, its scale integrated out under one clip's worth of belief in 1."""
    squared = (projected / spread[:, None]).sum(0)
    found: Vector = -0.5 * (len(spread) + 1) * np.log(squared + 1) - 0.5 * np.log(spread).sum()
    return found


def _candidate(alike: _Alike, numbers: Vector, weight: float, shares: _Shares, noise: float) -> _Candidate:
    inverse: Vector = np.linalg.inv(shares(alike) + noise * np.eye(len(numbers))).astype(np.float64)
    weighted = inverse @ numbers
    scale = (float(numbers @ weighted) + 1) / (len(numbers) + 1)
    return _Candidate(float(weight), shares, noise, scale, inverse, weighted)


def _of_one_scene(one: Points, other: Points) -> Vector:
    """Return whether clips are of one scene; how near in time they are where one of them has no scene's name."""
    near = np.nan_to_num(np.exp(-(((one.hours[:, None] - other.hours[None]) / _SETUP_HOURS) ** 2) / 2))
    named = np.array([[bool(name and their) for their in other.scenes] for name in one.scenes])
    return np.where(named, _same(one.scenes, other.scenes), near)


def _same(one: Sequence[str], other: Sequence[str]) -> Vector:
    return np.array([[float(bool(name) and name == their) for their in other] for name in one])
