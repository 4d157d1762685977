"""Proposes a grade for a clip that has none, from the production's graded clips, and says how sure it is.

A grade is told as a hand on the dials has it: contrast, where middle grey lands and gamma, each for all channels and
then for red and blue against green. Each of these is a Gaussian process (`process.py`) over the figures that bear on
it, the scene and the camera: near a graded clip it says what was done there, far from all it falls back on no grade.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from engines.colour.cdl import Cdl
from engines.colour.process import Known, Points, Process, fitted
from engines.errors import BadWeights

Vector = npt.NDArray[np.float64]

HEIGHT, WIDTH = 9, 16
"""Raster of the small log picture that clips are told apart by."""
LEAST = 3
"""Graded clips below which nothing is proposed."""
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
_SCALES = np.array([0.20, 0.16, 0.03, 0.03, 0.06, 2.0, 150.0])
"""What tells clips apart: range and key of luma on a display, tint (red, blue) of what is nearly grey, colourfulness,
stops of sensitivity, mired of white balance. The last two count little beside what is seen."""
_SPREAD = np.array([0.15, 0.06, 0.06, 0.06, 0.02, 0.02, 0.08, 0.04, 0.04, 0.15])
"""What a usual grade's dials vary by, in their order below."""
_SEEN_BY_HAND = {(0, 5): (0,), (1, 5): (3,), (2, 6): (4,), (3, 6): (5,), (4,): (9,)}
_BESIDE = {(1, 5): (6,), (2, 6): (1, 7), (3, 6): (2, 8)}
_FAMILIES = (_SEEN_BY_HAND, _BESIDE)
"""Which figures bear on which dials: range on contrast, key on middle grey and gamma, tint on red and blue,
colourfulness on saturation. No more of them, since a handful of clips must do. One family is what a balance is set by,
the other what is seldom touched: it scatters otherwise."""
_STEEP, _GREY_SHOWN = 9.0, 0.46
"""Of the curve from log to a display, `1 / (1 + exp(-steep (log - shown)))`: within 0.04 of what ACES 2's output for
Rec.709 makes of grey. What a hand sets it sets on a display."""
_BALANCED_RANGE, _BALANCED_KEY = 0.6, 0.4
"""Of a balanced picture on a display: 5 % to 95 % of luma, and about middle grey."""
_NEARLY_GREY, _BLACK = 0.04, 0.15
"""How far from grey a white wall or a grey card may be in a log picture; below which luma it is too dark to tell."""
_ISO, _MIRED = 800, 1e6 / 5600
"""What a camera is taken to be set to where it does not say."""
_MEASURED = "2"
"""Of which make the figures are: a model of another's cannot be asked about these."""
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
    shown, colours = _luma_and_tint(1 / (1 + np.exp(-_STEEP * (np.asarray(picture, np.float64) - _GREY_SHOWN))))
    luma, tint = _luma_and_tint(np.asarray(picture, np.float64))
    green = tint[..., 1:2]
    grey = _mean(tint - green, np.exp(-np.linalg.norm(tint - green, axis=-1) / _NEARLY_GREY) * (luma - _BLACK).clip(0))
    low, high = np.quantile(shown, [0.05, 0.95])
    key = (shown * _middle(*luma.shape)).sum()
    stops, mired = np.log2((iso or _ISO) / _ISO), 1e6 / kelvin if kelvin else 0.0
    colourful = np.linalg.norm(colours, axis=-1).mean()
    return tuple(float(figure) for figure in (high - low, key, grey[0], grey[2], colourful, stops, mired))


def _luma_and_tint(picture: Vector) -> tuple[Vector, Vector]:
    luma = picture @ _WEIGHTS
    return luma, picture - luma[..., None]


def _balance(figures: Vector) -> Vector:
    """Return the dials that would balance pictures, in usual deviations. Shape: `[N, 7]` to `[N, 10]`."""
    dials = np.zeros((len(figures), len(_SPREAD)))
    dials[:, 0] = (_BALANCED_RANGE - figures[:, 0]) / _BALANCED_RANGE
    dials[:, 3] = (_BALANCED_KEY - figures[:, 1]) / (_STEEP / 4)
    dials[:, 4:6] = -figures[:, 2:4]
    dials /= _SPREAD
    return dials


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
        figures = _settled([one.seen for one in graded])
        self._centre = (figures / _SCALES).mean(axis=0)
        dials, balance = np.array([dials_of(one.cdl) for one in graded]) / _SPREAD, _balance(figures)
        seen = tuple(one.seen for one in graded)
        found: dict[int, tuple[tuple[int, ...], Process]] = {}
        for family in _FAMILIES:
            known = [
                Known(self._points(seen, bearing), dials[:, list(of)], balance[:, list(of)])
                for bearing, of in family.items()
            ]
            for (bearing, of), processes in zip(family.items(), fitted(known), strict=True):
                found |= {dial: (bearing, process) for dial, process in zip(of, processes, strict=True)}
        self._processes = [found[dial] for dial in range(len(_SPREAD))]

    def propose(self, seen: Seen) -> Proposal:
        """Return the grade for a clip."""
        balance = _balance(_settled([seen]))[0]
        told = [
            process.at(self._points((seen,), bearing), float(balanced))
            for (bearing, process), balanced in zip(self._processes, balance, strict=True)
        ]
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

    def _points(self, seen: tuple[Seen, ...], bearing: tuple[int, ...]) -> Points:
        figures = (_settled(seen) / _SCALES - self._centre)[:, list(bearing)]
        mired = np.array([one.figures[-1] or nan for one in seen])
        hours = np.array([one.hours for one in seen])
        return Points(figures, [one.scene for one in seen], [one.camera for one in seen], hours, mired)


def _settled(seen: Sequence[Seen]) -> Vector:
    """Return clips' figures, with what a camera is taken to be set to where it did not say. Shape: `[N, 7]`."""
    figures = np.array([one.figures for one in seen])
    figures[:, -1] = np.where(figures[:, -1] > 0, figures[:, -1], _MIRED)
    return figures


def packed(graded: tuple[Graded, ...]) -> bytes:
    """Return graded clips as the bytes of a safetensors file: all that a predictor is."""
    tensors = {
        "figures": np.array([one.seen.figures for one in graded]),
        "numbers": np.array([one.cdl.numbers for one in graded]),
        "hours": np.array([one.seen.hours for one in graded]),
    }
    words = [(one.name, one.seen.scene, one.seen.camera) for one in graded]
    return save(tensors, {"clips": json.dumps(words), "measured": _MEASURED})


def unpacked(path: Path) -> tuple[Graded, ...]:
    """Return the graded clips of a file.

    Raises:
        BadWeights: it is damaged, or no such file.
    """
    try:
        with safe_open(path, "numpy") as file:
            told_of = file.metadata()
            if told_of.get("measured") != _MEASURED:
                raise ValueError("its clips were measured by an older release; the next grade makes a new one")  # noqa: TRY301
            words = json.loads(told_of["clips"])
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
