"""The screen behind an actor: its colour over the picture, and how much of each pixel it covers by colour alone.

Everything is told in the screen's own measure, its chroma being one along its own axis, so that green and blue, Rec.709
and log, bright and dim screens look alike to what refines the matte.

Source: the colour difference key (P. Vlahos, US patent 3595987), on the chroma axis of the screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from engines.errors import NoScreen
from engines.media.frames import Picture

Floats = npt.NDArray[np.float32]

_CHROMA_CENTRE = 512.0
_DIRECTIONS = {"green": (-0.3854, -0.4542), "blue": (0.5, -0.0459)}
"""Cb and Cr of the pure primaries. Source: ITU-R BT.709-6, item 3.3."""
_WITHIN_DEGREES = 32.0
"""How far a painted screen's hue may lie from its primary's."""
_LEAST_CODES = 24.0
"""10-bit chroma codes under which nothing is taken for a screen: a grey wall's noise lies below."""
_LEAST_SHARE = 0.01
"""Share of a picture that a screen must at least fill."""
_BINS = 96
_NEAR = 0.35
"""Distance from the commonest chroma, in the screen's measure, within which a pixel shows bare screen."""
_SMOOTH = 10
"""The screen's light changes over a tenth of the picture's height, not faster."""
_OFF_AXIS = 0.55
"""How much of what lies beside the screen's axis counts against it being screen."""


class KeyColour(StrEnum):
    """Colours of screens."""

    GREEN = "green"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen's Y', Cb and Cr over the picture, chroma around zero. Shape: `[H/8, W/16]`. Range: 10-bit codes."""

    y: Floats
    cb: Floats
    cr: Floats

    def at(self, height: int, width: int) -> tuple[Floats, Floats, Floats]:
        """Return the three at a raster."""
        y, cb, cr = (cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in self._planes)
        return y.astype(np.float32), cb.astype(np.float32), cr.astype(np.float32)

    @property
    def _planes(self) -> tuple[Floats, Floats, Floats]:
        return self.y, self.cb, self.cr


@dataclass(frozen=True, slots=True)
class Measured:
    """A picture in its screen's measure.

    Shape: `luma` and `alpha` `[H, W]`, `along` and `beside` `[H, W/2]`. Range: `along` is 1 and the others 0 on bare
    screen; `alpha`, by colour alone, 0-1 with 1 where no screen is seen.
    """

    luma: Floats
    along: Floats
    beside: Floats
    alpha: Floats


def screen_of(picture: Picture, colour: KeyColour, allowed: npt.NDArray[np.bool_] | None = None) -> Screen:
    """Return the screen of a picture; `allowed` `[H, W]` is where it may be looked for.

    Raises:
        NoScreen: no part of the picture is of that colour.
    """
    y, cb, cr = (_shrunk(plane, picture) for plane in planes(picture))
    cb, cr = cb - np.float32(_CHROMA_CENTRE), cr - np.float32(_CHROMA_CENTRE)
    looked = np.ones(y.shape, bool)
    if allowed is not None:
        looked = cv2.resize(allowed.astype(np.uint8), _small(picture), interpolation=cv2.INTER_NEAREST) > 0
    hue = _DIRECTIONS[colour]
    size = np.hypot(cb, cr)
    towards = (cb * hue[0] + cr * hue[1]) / (np.maximum(size, 1) * np.hypot(*hue))
    might = looked & (size > _LEAST_CODES) & (towards > np.cos(np.radians(_WITHIN_DEGREES)))
    if might.mean() < _LEAST_SHARE:
        raise NoScreen(
            f"no {colour} screen was found",
            why=f"{might.mean():.1%} of picture {picture.number} is of that colour",
            fix="take the matte out of this clip's recipe, or name the screen's colour in matte.key",
        )
    peak = _commonest(cb[might], cr[might])
    strength = float(np.hypot(*peak))
    bare = might & (np.hypot(cb - peak[0], cr - peak[1]) < _NEAR * strength)
    return Screen(*(_spread(plane, bare) for plane in (y, cb, cr)))


def measured(picture: Picture, screen: Screen) -> Measured:
    """Return a picture in its screen's measure."""
    height, width = picture.height, picture.width
    screen_y, _, _ = screen.at(height, width)
    _, cb, cr = screen.at(height, width // 2)
    size = np.maximum(np.hypot(cb, cr), 1.0)
    of_cb, of_cr = _float(picture.cb) - _CHROMA_CENTRE, _float(picture.cr) - _CHROMA_CENTRE
    along = (of_cb * cb + of_cr * cr) / size**2
    beside = (of_cb * cr - of_cr * cb) / size**2
    luma = (_float(picture.y) - screen_y) / (2 * cv2.resize(size, (width, height)))
    covered = np.clip(along - _OFF_AXIS * np.abs(beside), 0, 1)
    alpha = 1 - cv2.resize(covered, (width, height), interpolation=cv2.INTER_LINEAR)
    return Measured(np.clip(luma, -3, 3), along, beside, alpha.astype(np.float32))


def planes(picture: Picture) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Return the three planes of a picture."""
    return picture.y, picture.cb, picture.cr


def _small(picture: Picture) -> tuple[int, int]:
    return max(8, picture.width // 16), max(8, picture.height // 8)


def _shrunk(plane: npt.NDArray[np.uint16], picture: Picture) -> Floats:
    return np.asarray(cv2.resize(_float(plane), _small(picture), interpolation=cv2.INTER_AREA), np.float32)


def _float(plane: npt.NDArray[np.uint16]) -> Floats:
    return plane.astype(np.float32)


def _commonest(cb: Floats, cr: Floats) -> tuple[float, float]:
    """Return the chroma that most pixels share, stronger ones counting more."""
    reach = float(max(np.abs(cb).max(), np.abs(cr).max())) + 1
    counts, rows, columns = np.histogram2d(cb, cr, _BINS, ((-reach, reach),) * 2, weights=np.hypot(cb, cr))
    smooth = cv2.GaussianBlur(counts.astype(np.float32), (0, 0), 2.0)
    row, column = np.unravel_index(int(smooth.argmax()), smooth.shape)
    return float(rows[row : row + 2].mean()), float(columns[column : column + 2].mean())


def _spread(plane: Floats, bare: npt.NDArray[np.bool_]) -> Floats:
    """Return a plane's values on bare screen, carried over to where it is covered: normalised convolution."""
    share = bare.astype(np.float32)
    sigma = plane.shape[0] / _SMOOTH
    weight = cv2.GaussianBlur(share, (0, 0), sigma)
    spread = cv2.GaussianBlur(plane * share, (0, 0), sigma)
    mean = float(plane[bare].mean())
    found: Floats = (spread + 1e-3 * mean) / (weight + 1e-3)
    return found.astype(np.float32)
