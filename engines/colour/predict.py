"""Proposes a grade for a clip that has none, from the production's graded clips, and says how sure it is.

A grade is told as a hand on the dials has it: contrast, where middle grey lands and gamma, each for all channels and
then for red and blue against green. For each of these a Gaussian process over the figures of the log picture that bear
on it: near a graded clip it says what was done there, far from all it falls back on no grade at all. Which share is
linear, how far a clip reaches and how much the hand varies is chosen by the likelihood of the grades that are there.
Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, chapters 2 and 5.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from engines.colour.cdl import Cdl
from engines.errors import BadWeights

Vector = npt.NDArray[np.float64]

LEAST = 3
"""Graded clips below which nothing is proposed."""
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
_SCALES = np.array([0.08, 0.10, 0.12, 0.04, 0.04, 0.05, 0.05, 0.03, 0.35, 0.35])
"""What a usual day's figures vary by: luma's shadow, middle, highlight, tint in middle and highlight, chroma, hour."""
_SPREAD = np.array([0.15, 0.06, 0.06, 0.06, 0.02, 0.02, 0.08, 0.04, 0.04, 0.15])
"""What a usual grade's dials vary by, in their order below."""
_EXPOSURE, _RED, _BLUE, _CHROMA = (0, 1, 2), (3, 5, 8, 9), (4, 6, 8, 9), (1, 7)
_BEARING = (*(_EXPOSURE, _RED, _BLUE) * 3, _CHROMA)
"""Which figures bear on a dial: light on those of all channels, tint and hour on red and blue, chroma on saturation."""
_GREY = 0.4
"""About where middle grey lies in ACEScct (0.414) and in the cameras' logs (0.28 to 0.49)."""
_SPLIT = np.array([[0, 1, 0], [1, -1, 0], [0, -1, 1]], np.float64)
"""Red, green, blue to green, red over green, blue over green."""
_REACHES, _LINEAR, _NOISES = (1.5, 4.0), (0.1, 0.6, 2.0), (0.01, 0.05, 0.15, 0.5)
_SURE = 0.6
"""Largest share of the prior's deviation, mean over the ten numbers, that a proposal may have left."""
_Z90 = 1.645


@dataclass(frozen=True, slots=True)
class Graded:
    """A clip that a person graded: its name, its figures and its grade."""

    name: str
    figures: tuple[float, ...]
    cdl: Cdl


@dataclass(frozen=True, slots=True)
class Proposal:
    """A grade for a clip, the 90 % interval of each of its ten dials (`dials_of`), and the clips that it leans on most.

    `is_sure` is False where it says little more than that it does not know.
    """

    cdl: Cdl
    low: tuple[float, ...]
    high: tuple[float, ...]
    leaned_on: tuple[str, ...]
    is_sure: bool


def figures_of(picture: npt.NDArray[np.float32], hour: float | None) -> tuple[float, ...]:
    """Return the figures of a small log picture (`[..., 3]`) and the hour of the day, None where it is not known."""
    values = np.asarray(picture, np.float64).reshape(-1, 3)
    luma = values @ _WEIGHTS
    shadow, middle, light = np.quantile(luma, [0.05, 0.5, 0.95])
    tint = values - luma[:, None]
    mid, bright = (np.median(tint[luma >= np.quantile(luma, part)], axis=0) for part in (0.25, 0.75))
    angle = 0.0 if hour is None else hour / 12 * np.pi
    turn = (0.0, 0.0) if hour is None else (float(np.sin(angle)), float(np.cos(angle)))
    chroma = np.median(np.abs(tint - np.median(tint, axis=0)))
    return tuple(float(f) for f in (shadow, middle, light, mid[0], mid[2], bright[0], bright[2], chroma, *turn))


class Predictor:
    """What the graded clips of a production say; `LEAST` or more of them."""

    def __init__(self, graded: tuple[Graded, ...]) -> None:
        self._graded = graded
        raw = np.array([one.figures for one in graded]) / _SCALES
        self._centre = raw.mean(axis=0)
        self._at = raw - self._centre
        targets = np.array([dials_of(one.cdl) for one in graded]) / _SPREAD
        self._outputs = [
            _fit(self._at[:, list(bearing)], told) for bearing, told in zip(_BEARING, targets.T, strict=True)
        ]

    def propose(self, figures: tuple[float, ...]) -> Proposal:
        """Return the grade for a clip of these figures."""
        at = np.array(figures) / _SCALES - self._centre
        told = [
            output.at(self._at[:, list(bearing)], at[list(bearing)])
            for bearing, output in zip(_BEARING, self._outputs, strict=True)
        ]
        mean = np.array([one.mean for one in told])
        deviation = np.sqrt([one.variance for one in told])
        left = np.mean([one.left for one in told])
        weight = np.mean([np.abs(one.weights) for one in told], axis=0)
        low, high = ((mean + sign * _Z90 * deviation) * _SPREAD for sign in (-1, 1))
        most = np.argsort(-weight)[:3]
        leaned_on = tuple(self._graded[number].name for number in most)
        return Proposal(
            _grade(mean * _SPREAD), tuple(low.tolist()), tuple(high.tolist()), leaned_on, bool(left <= _SURE)
        )

    def left_out(self) -> float:
        """Return how far it is from each grade when that one is left out, root mean square, in usual deviations.

        Source: Rasmussen and Williams, equation 5.12.
        """
        residuals = [output.weighted / np.diag(output.inverse) for output in self._outputs]
        return float(np.sqrt(np.mean(np.square(residuals))))


def packed(graded: tuple[Graded, ...]) -> bytes:
    """Return graded clips as the bytes of a safetensors file: all that a predictor is."""
    tensors = {
        "figures": np.array([one.figures for one in graded]),
        "numbers": np.array([one.cdl.numbers for one in graded]),
    }
    return save(tensors, {"names": json.dumps([one.name for one in graded])})


def unpacked(path: Path) -> tuple[Graded, ...]:
    """Return the graded clips of a file.

    Raises:
        BadWeights: it is damaged, or no such file.
    """
    try:
        with safe_open(path, "numpy") as file:
            names = json.loads(file.metadata()["names"])
            figures, numbers = file.get_tensor("figures"), file.get_tensor("numbers")
        rows = zip(names, figures.tolist(), numbers.tolist(), strict=True)
        return tuple(Graded(name, tuple(row), Cdl.of(tuple(cdl))) for name, row, cdl in rows)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BadWeights(
            f"the look model {path.name} cannot be used",
            why=str(error),
            fix="`nearset model list` shows others to promote",
        ) from error


def left_out_error(graded: tuple[Graded, ...]) -> tuple[float, float]:
    """Return how far proposals are from the grades of clips left out in turn, and how far no grade at all is.

    Units: a usual grade's deviation, root mean square over clips and dials.
    """
    dials = np.array([dials_of(one.cdl) for one in graded]) / _SPREAD
    return Predictor(graded).left_out(), float(np.sqrt(np.mean(dials**2)))


def dials_of(cdl: Cdl) -> Vector:
    """Return a grade as ten dials, 0 for no grade.

    Log slope, shift of middle grey and log power, each of green and then of red and blue over it; saturation.
    """
    slope = np.maximum(cdl.slope, 1e-3)
    shift = slope * _GREY + np.array(cdl.offset) - _GREY
    threes = [_SPLIT @ three for three in (np.log(slope), shift, np.log(cdl.power))]
    return np.array([*np.concatenate(threes), cdl.saturation - 1])


def _grade(dials: Vector) -> Cdl:
    log_slope, shift, log_power = (np.linalg.solve(_SPLIT, dials[at : at + 3]) for at in (0, 3, 6))
    slope = np.exp(log_slope)
    offset = shift + _GREY - slope * _GREY
    numbers = np.concatenate([slope, offset, np.exp(log_power), np.maximum(dials[9:] + 1, 0)])
    return Cdl.of(tuple(numbers.round(5).tolist()))


@dataclass(frozen=True, slots=True)
class _Told:
    mean: float
    variance: float
    left: float
    weights: Vector


@dataclass(frozen=True, slots=True)
class _Output:
    """One number's process: how far a clip reaches, the linear share, noise and scale, and what was solved for."""

    reach: float
    linear: float
    noise: float
    scale: float
    inverse: Vector
    weighted: Vector

    def at(self, known: Vector, at: Vector) -> _Told:
        across = _kernel(known, at[None], self.reach, self.linear)[:, 0]
        prior = float(_kernel(at[None], at[None], self.reach, self.linear)[0, 0])
        weights = self.inverse @ across
        left = max(prior - float(across @ weights), 0.0)
        return _Told(
            float(across @ self.weighted),
            self.scale * (left + self.noise),
            float(np.sqrt(min(left, 1.0))),
            weights,
        )


def _fit(at: Vector, targets: Vector) -> _Output:
    """Return the process that makes the targets likeliest, its scale solved for."""
    candidates = (_solved(at, targets, *words) for words in product(_REACHES, _LINEAR, _NOISES))
    return max(candidates, key=lambda found: found[0])[1]


def _solved(at: Vector, targets: Vector, reach: float, linear: float, noise: float) -> tuple[float, _Output]:
    count = len(targets)
    covariance = _kernel(at, at, reach, linear) + noise * np.eye(count)
    inverse = np.linalg.inv(covariance)
    weighted = inverse @ targets
    scale = (float(targets @ weighted) + 1.0) / (count + 1.0)  # one clip's worth of belief in the usual spread
    likelihood = -0.5 * count * np.log(scale) - 0.5 * np.linalg.slogdet(covariance)[1] - 0.5 / scale
    return float(likelihood), _Output(reach, linear, noise, scale, inverse.astype(np.float64), weighted)


def _kernel(one: Vector, other: Vector, reach: float, linear: float) -> Vector:
    """Return how alike clips are. Shape: `[N, D]` and `[M, D]` to `[N, M]`; a constant lets all share an offset."""
    apart = ((one[:, None] - other[None]) ** 2).sum(-1)
    alike: Vector = 0.5 + np.exp(-apart / (2 * reach**2)) + linear * (one @ other.T) / one.shape[1]
    return alike
