"""Shot matching: the CDL that brings one clip's log picture to another's, by least squares.

Two cameras on one scene do not see the same points, so what is matched is how values are spread: quantiles of red,
green, blue and luma, and of saturation. Ten numbers against a hundred and more equations, by Gauss-Newton from no
grade.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.colour.cdl import Cdl, graded

Vector = npt.NDArray[np.float64]

_QUANTILES = np.linspace(0.02, 0.98, 25)
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
_STEPS, _NUDGE = 25, 1e-4
_HOLD = np.array([0.02] * 3 + [0.02] * 3 + [0.05] * 3 + [0.05])
"""How strongly each number holds to no grade: only as much as keeps what a picture cannot tell from running away."""


def matched(source: npt.NDArray[np.float32], target: npt.NDArray[np.float32]) -> Cdl:
    """Return the grade that brings the source's picture to the target's. Shape: `[..., 3]` each, log values."""
    wanted = _spread(np.asarray(target, np.float32).reshape(-1, 3))
    picture = np.asarray(source, np.float32).reshape(-1, 3)
    free = np.zeros(10)
    error = _error(free, picture, wanted)
    damping = 1e-3
    for _ in range(_STEPS):
        slope = np.stack([(_error(free + step, picture, wanted) - error) / _NUDGE for step in np.eye(10) * _NUDGE], 1)
        step = np.linalg.solve(slope.T @ slope + damping * np.eye(10), -slope.T @ error)
        tried = _error(free + step, picture, wanted)
        if tried @ tried < error @ error:
            free, error, damping = free + step, tried, damping / 3
        else:
            damping *= 4
    return _grade(free)


def _error(free: Vector, picture: npt.NDArray[np.float32], wanted: Vector) -> Vector:
    return np.concatenate([_spread(graded(picture, _grade(free))) - wanted, 0.02 * _HOLD * free])


def _spread(values: npt.NDArray[np.float32]) -> Vector:
    """Return a picture's quantiles of red, green, blue, luma and of how far colours are from grey."""
    luma = values @ _WEIGHTS
    away = np.linalg.norm(values - luma[:, None], axis=1)
    planes = [*values.T.astype(np.float64), luma, away, values[:, 0] - luma, values[:, 2] - luma]
    return np.concatenate([np.quantile(plane, _QUANTILES) for plane in planes])


def _grade(free: Vector) -> Cdl:
    free = np.clip(free, -2, 2)
    return Cdl.of((*np.exp(free[:3]), *free[3:6], *np.exp(free[6:9]), float(np.exp(free[9]))))
