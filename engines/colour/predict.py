"""Proposes a grade for a clip that has none, from the production's graded clips, and says how sure it is.

A grade is told as a hand on the dials has it: contrast, where middle grey lands and gamma, each for all channels and
then for red and blue against green. Each of these is a Gaussian process (`process.py`) over the figures that bear on
it, the scene and the camera: near a graded clip it says what was done there, far from all it falls back on no grade.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from engines.colour.cdl import Cdl
from engines.colour.process import Points, Process, fitted
from engines.errors import BadWeights

Vector = npt.NDArray[np.float64]

LEAST = 3
"""Graded clips below which nothing is proposed."""
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
_SCALES = np.array([0.08, 0.10, 0.12, 0.04, 0.04, 0.05, 0.05, 0.03, 0.35, 0.35, 1.0, 40.0])
"""What a usual day's figures vary by: luma's shadow, middle, highlight, tint in middle and highlight, chroma, hour,
stops of sensitivity, mired of white balance."""
_SPREAD = np.array([0.15, 0.06, 0.06, 0.06, 0.02, 0.02, 0.08, 0.04, 0.04, 0.15])
"""What a usual grade's dials vary by, in their order below."""
_EXPOSURE, _RED, _BLUE, _CHROMA = (0, 1, 2, 10), (3, 5, 8, 9, 11), (4, 6, 8, 9, 11), (1, 7)
_BEARING = {_EXPOSURE: (0, 3, 6), _RED: (1, 4, 7), _BLUE: (2, 5, 8), _CHROMA: (9,)}
"""Which figures bear on which dials: light on those of all channels, tint, hour and white balance on red and blue,
chroma on saturation."""
_ISO, _KELVIN = 800, 5600
"""What a camera is taken to be set to where it does not say."""
_GREY = 0.4
"""About where middle grey lies in ACEScct (0.414) and in the cameras' logs (0.28 to 0.49)."""
_SPLIT = np.array([[0, 1, 0], [1, -1, 0], [0, -1, 1]], np.float64)
"""Red, green, blue to green, red over green, blue over green."""
_SURE = 0.6
"""Largest share of the prior's deviation, mean over the ten numbers, that a proposal may have left."""
_Z90 = 1.645


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a clip: its figures (`figures_of`), its scene and camera, empty where they are not known."""

    figures: tuple[float, ...]
    scene: str = ""
    camera: str = ""


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


def figures_of(
    picture: npt.NDArray[np.float32], hour: float | None = None, iso: int = 0, kelvin: int = 0
) -> tuple[float, ...]:
    """Return the figures of a small log picture (`[..., 3]`), the hour of the day and the camera's settings.

    The hour is None and the settings are 0 where they are not known.
    """
    values = np.asarray(picture, np.float64).reshape(-1, 3)
    luma = values @ _WEIGHTS
    shadow, middle, light = np.quantile(luma, [0.05, 0.5, 0.95])
    tint = values - luma[:, None]
    mid, bright = (np.median(tint[luma >= np.quantile(luma, part)], axis=0) for part in (0.25, 0.75))
    chroma = np.median(np.abs(tint - np.median(tint, axis=0)))
    angle = 0.0 if hour is None else hour / 12 * np.pi
    turn = (0.0, 0.0) if hour is None else (float(np.sin(angle)), float(np.cos(angle)))
    settings = np.log2((iso or _ISO) / _ISO), 1e6 / (kelvin or _KELVIN)
    of_picture = (shadow, middle, light, mid[0], mid[2], bright[0], bright[2], chroma)
    return tuple(float(figure) for figure in (*of_picture, *turn, *settings))


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
        weight = np.mean([np.abs(one.weights) for one in told], axis=0)
        low, high = ((mean + sign * _Z90 * deviation) * _SPREAD for sign in (-1, 1))
        leaned_on = tuple(self._graded[number].name for number in np.argsort(-weight)[:3])
        return Proposal(
            _grade(mean * _SPREAD), tuple(low.tolist()), tuple(high.tolist()), leaned_on, bool(left <= _SURE)
        )

    def left_out(self) -> float:
        """Return how far it is from each grade when that one is left out, root mean square, in usual deviations."""
        return float(np.sqrt(np.mean([process.left_out**2 for _, process in self._processes])))

    def _points(self, raw: Vector, seen: tuple[Seen, ...], bearing: tuple[int, ...]) -> Points:
        figures = (raw - self._centre)[:, list(bearing)]
        return Points(figures, [one.scene for one in seen], [one.camera for one in seen])


def packed(graded: tuple[Graded, ...]) -> bytes:
    """Return graded clips as the bytes of a safetensors file: all that a predictor is."""
    tensors = {
        "figures": np.array([one.seen.figures for one in graded]),
        "numbers": np.array([one.cdl.numbers for one in graded]),
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
            figures, numbers = file.get_tensor("figures"), file.get_tensor("numbers")
        _check(figures, len(_SCALES))
        _check(numbers, len(_SPREAD))
        seen = [Seen(tuple(row), *of) for row, (_, *of) in zip(figures.tolist(), words, strict=True)]
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
