"""Gaussian processes over clips: what is known at some of them says what holds at another, and how surely.

Before anything is known a hand is taken to go none, half or all of the way to a balanced picture. From there, how alike
two clips are adds up: a constant that all share, nearness of their figures, a linear share, and being of one scene (by
its name; where it has none, by the time and white balance) and of one camera. How far the hand goes, how large each
share is and how much the truth scatters is not chosen but averaged over, by the likelihood of what is known: of a few
clips the likeliest alone is far too sure. Numbers of one family are judged together, since a few clips say little of
each (docs/log.md). Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, chapters 2 and 5.
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
_WAYS = (0.0, 0.5, 1.0)
_NOISES = (0.01, 0.05, 0.15, 0.5)
_SETUP_HOURS = 0.7
"""How long a set-up lasts: clips this far apart are of one scene by 0.6."""
_OTHER_BALANCE = 0.1
"""How much less so where their white balance was set apart: it is set for a scene's light, all its cameras alike."""
_SET_APART_MIRED = 5.0
"""White balance further apart than two makers' scales round one setting to. It is about 80 K at 4000 K."""
_EVIDENCE = 0.5
"""How much of a family's likelihood counts: its numbers were set by one hand at one picture, not each on its own."""
_LEAST_WEIGHT = 0.05
"""Likelihood, of that of the likeliest candidate, below which one is not asked."""


@dataclass(frozen=True, slots=True)
class Points:
    """Clips: their figures, in units of what usually tells clips apart, their scenes and cameras, empty if unknown.

    Shape: `[N, D]`, and `N` each. `hours` are hours since whenever, `mired` the white balance set; NaN if unknown.
    """

    figures: Vector
    scenes: Sequence[str]
    cameras: Sequence[str]
    hours: Vector
    mired: Vector


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at clips: numbers, and what each would be if its picture were balanced. Shape: `[N, T]` both."""

    points: Points
    numbers: Vector
    balance: Vector


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
class _Belief:
    """What is taken for true: the shares, how far towards balance the hand goes, and the noise over the scale."""

    shares: _Shares
    way: float
    noise: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One number over all clips under one belief; `weight` is how likely that is."""

    weight: float
    belief: _Belief
    scale: float
    inverse: Vector
    weighted: Vector

    @classmethod
    def of(cls, weight: float, belief: _Belief, alike: _Alike, numbers: Vector, balance: Vector) -> _Candidate:
        rest = numbers - belief.way * balance
        inverse: Vector = np.linalg.inv(belief.shares(alike) + belief.noise * np.eye(len(rest))).astype(np.float64)
        weighted = inverse @ rest
        return cls(weight, belief, (float(rest @ weighted) + 1) / (len(rest) + 1), inverse, weighted)

    def at(self, to_known: _Alike, to_itself: _Alike, balance: float) -> Told:
        across = self.belief.shares(to_known)[:, 0]
        prior = float(self.belief.shares(to_itself)[0, 0])
        weights = self.inverse @ across
        left = max(prior - float(across @ weights), 0.0)
        mean = self.belief.way * balance + float(across @ self.weighted)
        return Told(mean, self.scale * (left + self.belief.noise), float(np.sqrt(min(left, 1.0))), weights)


@dataclass(frozen=True, slots=True)
class Process:
    """One number over all clips."""

    known: Points
    candidates: tuple[_Candidate, ...]

    def at(self, clip: Points, balance: float) -> Told:
        """Return what it says of a clip; `clip` holds one, `balance` is what would balance it."""
        to_known, to_itself = _Alike.of(self.known, clip), _Alike.of(clip, clip)
        told = [candidate.at(to_known, to_itself, balance) for candidate in self.candidates]
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


def fitted(family: Sequence[Known]) -> list[list[Process]]:
    """Return the process of each column of each of a family's numbers; one belief is weighed for all of them."""
    alike = [_Alike.of(known.points, known.points) for known in family]
    shares = list(_candidates(family[0].points))
    beliefs = [_Belief(*words) for words in product(shares, _WAYS, _NOISES)]
    likelihoods = sum(_likelihoods(known, of, shares) for known, of in zip(family, alike, strict=True))
    likely = np.exp(_EVIDENCE * (likelihoods - np.max(likelihoods)))
    likely[likely < _LEAST_WEIGHT] = 0
    asked = [(float(likely[at] / likely.sum()), beliefs[at]) for at in np.flatnonzero(likely)]
    return [
        [
            Process(known.points, tuple(_Candidate.of(*believed, of, *columns) for believed in asked))
            for columns in zip(known.numbers.T, known.balance.T, strict=True)
        ]
        for known, of in zip(family, alike, strict=True)
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


def _likelihoods(known: Known, alike: _Alike, shares: Sequence[_Shares]) -> Vector:
    """Return the log likelihood of each belief, all columns together; shares, then ways, then noises.

    Each column's scale is integrated out under one clip's worth of belief in 1.
    """
    noises = np.array(_NOISES)
    found = []
    for tried in shares:
        spread, turned = np.linalg.eigh(tried(alike))
        wide = spread.clip(0)[:, None] + noises
        for way in _WAYS:
            projected = (turned.T @ (known.numbers - way * known.balance)) ** 2
            squared = projected.T @ (1 / wide) + 1
            of_scale = -0.5 * (len(spread) + 1) * np.log(squared).sum(0)
            found.append(of_scale - 0.5 * len(projected.T) * np.log(wide).sum(0))
    return np.concatenate(found)


def _of_one_scene(one: Points, other: Points) -> Vector:
    """Return whether clips are of one scene; how near in time and light they are where one has no scene's name."""
    near = np.nan_to_num(np.exp(-(((one.hours[:, None] - other.hours[None]) / _SETUP_HOURS) ** 2) / 2))
    near *= np.where(np.abs(one.mired[:, None] - other.mired[None]) > _SET_APART_MIRED, _OTHER_BALANCE, 1)
    named = np.array([[bool(name and their) for their in other.scenes] for name in one.scenes])
    return np.where(named, _same(one.scenes, other.scenes), near)


def _same(one: Sequence[str], other: Sequence[str]) -> Vector:
    return np.array([[float(bool(name) and name == their) for their in other] for name in one])
