"""Proposes a grade for a clip that has none, from the production's graded clips, and says how sure it is.

A grade is told as a hand on the dials has it: contrast, where middle grey lands and gamma, each for all channels and
then for red and blue against green. Each of these is a Gaussian process (`process.py`) over the figures that bear on
it, the scene and the camera: near a graded clip it says what was done there, far from all it falls back on no grade.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from engines.colour.cdl import Cdl
from engines.colour.process import Points, Process, fitted
from engines.errors import BadWeights

Vector = npt.NDArray[np.float64]

HEIGHT, WIDTH = 9, 16
"""Raster of the small log picture that clips are told apart by."""
LEAST = 3
"""Graded clips below which nothing is proposed."""
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
_SCALES = np.array([0.12, 0.10, 0.03, 0.03, 0.03, 2.0, 150.0])
"""What tells clips apart: range and key of luma, tint (red, blue) of what is nearly grey, colourfulness, stops of
sensitivity, mired of white balance. The last two count little beside what is seen."""
_SPREAD = np.array([0.15, 0.06, 0.06, 0.06, 0.02, 0.02, 0.08, 0.04, 0.04, 0.15])
"""What a usual grade's dials vary by, in their order below."""
_BEARING = {(0, 5): (0,), (1, 5): (3, 6), (2, 6): (1, 4, 7), (3, 6): (2, 5, 8), (4,): (9,)}
"""Which figures bear on which dials: range on contrast, key on middle grey and gamma, tint on red and blue,
colourfulness on saturation. No more of them, since a handful of clips must do."""
_NEARLY_GREY, _BLACK = 0.04, 0.15
"""How far from grey a white wall or a grey card may be in a log picture; below which luma it is too dark to tell."""
_ISO, _KELVIN = 800, 5600
"""What a camera is taken to be set to where it does not say."""
_GREY = 0.4
"""About where middle grey lies in ACEScct (0.414) and in the cameras' logs (0.28 to 0.49)."""
_SPLIT = np.array([[0, 1, 0], [1, -1, 0], [0, -1, 1]], np.float64)
"""Red, green, blue to green, red over green, blue over green."""
_SURE = 0.6
"""Largest share of the prior's deviation, mean over the ten numbers, that a proposal may have left."""
_Z90 = 1.645
"""Of a normal distribution; few clips widen it as Student's does (Abramowitz and Stegun 26.7.5)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a clip: its figures (`figures_of`), its scene and camera, empty where they are not known.

    `hours` is when it was filmed, in hours since whenever, NaN where that is not known.
    """

    figures: tuple[float, ...]
    scene: str = ""
    camera: str = ""
    hours: float = nan


@dataclass(frozen=True, slots=True)
class Graded:
    """A clip that a person graded: its name, what is known of it and its grade."""

    name: str
    seen: Seen
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


def figures_of(picture: npt.NDArray[np.float32], iso: int = 0, kelvin: int = 0) -> tuple[float, ...]:
    """Return the figures of a small log picture (`[H, W, 3]`) and of the camera's settings, 0 where not known."""
    luma, tint = _luma_and_tint(picture)
    green = tint[..., 1:2]
    grey = _mean(tint - green, np.exp(-np.linalg.norm(tint - green, axis=-1) / _NEARLY_GREY) * (luma - _BLACK).clip(0))
    low, high = np.quantile(luma, [0.05, 0.95])
    key = (luma * _middle(*luma.shape)).sum()
    stops, mired = np.log2((iso or _ISO) / _ISO), 1e6 / (kelvin or _KELVIN)
    colourful = np.linalg.norm(tint, axis=-1).mean()
    return tuple(float(figure) for figure in (high - low, key, grey[0], grey[2], colourful, stops, mired))


def _luma_and_tint(picture: npt.NDArray[np.float32]) -> tuple[Vector, Vector]:
    values = np.asarray(picture, np.float64)
    luma = values @ _WEIGHTS
    return luma, values - luma[..., None]


def _mean(values: Vector, weights: Vector) -> Vector:
    mean: Vector = (values * weights[..., None]).sum((0, 1)) / (weights.sum() + 1e-9)
    return mean


def _middle(height: int, width: int) -> Vector:
    """Return how much each place counts for the key: what matters is seldom at the edge. Sums to 1."""
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    weights: Vector = window / window.sum()
    return weights


class Predictor:
    """What the graded clips of a production say; `LEAST` or more of them."""

    def __init__(self, graded: tuple[Graded, ...]) -> None:
        self._graded = graded
        raw = np.array([one.seen.figures for one in graded]) / _SCALES
        self._centre = raw.mean(axis=0)
        dials = np.array([dials_of(one.cdl) for one in graded]) / _SPREAD
        found: dict[int, tuple[tuple[int, ...], Process]] = {}
        for bearing, of_dials in _BEARING.items():
            known = self._points(raw, tuple(one.seen for one in graded), bearing)
            processes = fitted(known, dials[:, list(of_dials)])
            found |= {dial: (bearing, process) for dial, process in zip(of_dials, processes, strict=True)}
        self._processes = [found[dial] for dial in range(len(_SPREAD))]

    def propose(self, seen: Seen) -> Proposal:
        """Return the grade for a clip."""
        raw = np.array([seen.figures]) / _SCALES
        told = [process.at(self._points(raw, (seen,), bearing)) for bearing, process in self._processes]
        mean = np.array([one.mean for one in told])
        deviation = np.sqrt([one.variance for one in told])
        left = np.mean([one.left for one in told])
        weight = np.mean([one.weights for one in told], axis=0)
        reach = _Z90 * (1 + (_Z90**2 + 1) / (4 * (len(self._graded) + 1)))
        low, high = ((mean + sign * reach * deviation) * _SPREAD for sign in (-1, 1))
        leaned_on = tuple(self._graded[number].name for number in np.argsort(-weight)[:3])
        return Proposal(
            _grade(mean * _SPREAD), tuple(low.tolist()), tuple(high.tolist()), leaned_on, bool(left <= _SURE)
        )

    def left_out(self) -> float:
        """Return how far it is from each grade when that one is left out, root mean square, in usual deviations."""
        return float(np.sqrt(np.mean([process.left_out**2 for _, process in self._processes])))

    def _points(self, raw: Vector, seen: tuple[Seen, ...], bearing: tuple[int, ...]) -> Points:
        figures = (raw - self._centre)[:, list(bearing)]
        hours = np.array([one.hours for one in seen])
        return Points(figures, [one.scene for one in seen], [one.camera for one in seen], hours)


def packed(graded: tuple[Graded, ...]) -> bytes:
    """Return graded clips as the bytes of a safetensors file: all that a predictor is."""
    tensors = {
        "figures": np.array([one.seen.figures for one in graded]),
        "numbers": np.array([one.cdl.numbers for one in graded]),
        "hours": np.array([one.seen.hours for one in graded]),
    }
    words = [(one.name, one.seen.scene, one.seen.camera) for one in graded]
    return save(tensors, {"clips": json.dumps(words)})


def unpacked(path: Path) -> tuple[Graded, ...]:
    """Return the graded clips of a file.

    Raises:
        BadWeights: it is damaged, or no such file.
    """
    try:
        with safe_open(path, "numpy") as file:
            words = json.loads(file.metadata()["clips"])
            figures, numbers, hours = (file.get_tensor(name) for name in ("figures", "numbers", "hours"))
        _check(figures, len(_SCALES))
        _check(numbers, len(_SPREAD))
        told = zip(figures.tolist(), words, hours.tolist(), strict=True)
        seen = [Seen(tuple(row), scene, camera, when) for row, (_, scene, camera), when in told]
        rows = zip(words, seen, numbers.tolist(), strict=True)
        return tuple(Graded(name, clip, Cdl.of(tuple(cdl))) for (name, *_), clip, cdl in rows)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BadWeights(
            f"the look model {path.name} cannot be used",
            why=str(error),
            fix="`nearset model list` shows others to promote",
        ) from error


def _check(rows: Vector, width: int) -> None:
    """Raise ValueError unless rows have this width and are numbers."""
    if rows.ndim != 2 or rows.shape[1] != width or not np.isfinite(rows).all():  # noqa: PLR2004 - clips by numbers
        raise ValueError(f"rows of {width} finite numbers are due, these are {rows.shape}")


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
