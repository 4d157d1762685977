"""Gaussian processes over clips: what is known at some of them says what holds at another, and how surely.

How alike two clips are adds up: a constant that all share, nearness of their figures, a linear share, and being of one
scene and of one camera. Each share, how far nearness reaches and how much the truth scatters are chosen by the
likelihood of what is known. Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, chapters 2 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

_SHARED = 0.5
_REACHES, _LINEAR, _SCENE, _CAMERA = (1.5, 4.0), (0.1, 0.6, 2.0), (0.0, 0.5, 2.0), (0.0, 0.3)
_NOISES = (0.01, 0.05, 0.15, 0.5)


@dataclass(frozen=True, slots=True)
class Points:
    """Clips: their figures, in units of what usually tells clips apart, and their scenes and cameras, empty if unknown.

    Shape: `[N, D]`, and `N` each.
    """

    figures: Vector
    scenes: Sequence[str]
    cameras: Sequence[str]


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
            _same(one.scenes, other.scenes),
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
    """What is said of a clip: mean, variance, the share of the prior's deviation that is left, and who says it."""

    mean: float
    variance: float
    left: float
    weights: Vector


@dataclass(frozen=True, slots=True)
class Process:
    """One number over all clips."""

    known: Points
    shares: _Shares
    noise: float
    scale: float
    inverse: Vector
    weighted: Vector

    def at(self, clip: Points) -> Told:
        """Return what it says of a clip; `clip` holds one."""
        across = self.shares(_Alike.of(self.known, clip))[:, 0]
        prior = float(self.shares(_Alike.of(clip, clip))[0, 0])
        weights = self.inverse @ across
        left = max(prior - float(across @ weights), 0.0)
        deviation = float(np.sqrt(min(left, 1.0)))
        return Told(float(across @ self.weighted), self.scale * (left + self.noise), deviation, weights)

    @property
    def left_out(self) -> Vector:
        """How far it is from each known number when that one is left out.

        Source: Rasmussen and Williams, equation 5.12.
        """
        apart: Vector = self.weighted / np.diag(self.inverse)
        return apart


def fitted(known: Points, numbers: Vector) -> list[Process]:
    """Return the process of each column that makes its numbers likeliest. Shape: `[N, T]`."""
    alike = _Alike.of(known, known)
    likelihoods: list[Vector] = []
    tried: list[tuple[_Shares, float]] = []
    for shares in _candidates(known):
        spread, turned = np.linalg.eigh(shares(alike))
        projected = (turned.T @ numbers) ** 2
        for noise in _NOISES:
            likelihoods.append(_likelihood(spread.clip(0) + noise, projected))
            tried.append((shares, noise))
    best = np.argmax(likelihoods, axis=0)
    return [_process(known, alike, column, *tried[at]) for column, at in zip(numbers.T, best, strict=True)]


def _candidates(known: Points) -> Iterator[_Shares]:
    """Yield the shares to be tried; a scene's or camera's only where something is known of one."""
    scenes, cameras = (
        tried if any(names) else tried[:1] for tried, names in ((_SCENE, known.scenes), (_CAMERA, known.cameras))
    )
    return (_Shares(*words) for words in product(_REACHES, _LINEAR, scenes, cameras))


def _likelihood(spread: Vector, projected: Vector) -> Vector:
    """Return the log likelihood of each column, its scale solved for."""
    count = len(spread)
    scale = _scale((projected / spread[:, None]).sum(0), count)
    found: Vector = -0.5 * count * np.log(scale) - 0.5 * np.log(spread).sum() - 0.5 / scale
    return found


def _scale(squared: Vector, count: int) -> Vector:
    """Return the variance that numbers have, with one clip's worth of belief in 1."""
    return (squared + 1.0) / (count + 1.0)


def _process(known: Points, alike: _Alike, numbers: Vector, shares: _Shares, noise: float) -> Process:
    inverse: Vector = np.linalg.inv(shares(alike) + noise * np.eye(len(numbers))).astype(np.float64)
    weighted = inverse @ numbers
    return Process(known, shares, noise, float(_scale(numbers @ weighted, len(numbers))), inverse, weighted)


def _same(one: Sequence[str], other: Sequence[str]) -> Vector:
    return np.array([[float(bool(name) and name == their) for their in other] for name in one])
