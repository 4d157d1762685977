"""The screen behind an actor: its light over the picture, and how much of each pixel it covers by colour alone.

A lens mixes actor and screen as light, so light is what is unmixed here. Everything is told in the screen's own
measure, its purity being one, so that green and blue, Rec.709 and log, bright and dim screens look alike to what
refines the matte.

Source: the colour difference key (P. Vlahos, US patent 3595987), in light. That the screen's R'G'B' lie on a line is
ours: paint of one colour under more or less light is one in a display's code values, and in a camera's log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from engines.errors import NoScreen
from engines.media.frames import Picture
from engines.media.ycbcr import BLACK, LUMA_SPAN, NEUTRAL, chroma_weights, codes_of, rgb_of

Floats = npt.NDArray[np.float32]
Light = tuple[Floats, Floats, Floats]
"""Red, green and blue light `[H, W]`, 1 at white."""

_GAMMA = 2.4
"""From code values to light, whatever the camera's curve: where contrast was shrunk as log does (six keys, 2026-11-27),
undoing that first did no better."""
_DARK = 1e-9
"""What nothing is taken for, of 0-1: a power of 0 takes a processor seven times as long."""
_DIRECTIONS = {"green": (-0.3854, -0.4542), "blue": (0.5, -0.0459)}
"""Cb and Cr of the pure primaries. Source: ITU-R BT.709-6, item 3.3."""
_WITHIN_DEGREES = 32.0
"""How far a painted screen's hue may lie from its primary's."""
_LEAST_CODES = 24.0
"""10-bit chroma codes under which nothing is taken for a screen: a grey wall's noise lies below."""
_LEAST_SHARE = 0.01
"""Share of a picture that a screen must at least fill."""
_BINS = 96
_NEAR = 0.45
"""Distance from the commonest chroma, in that chroma's size, within which a pixel may show bare screen."""
_OFF_PAINT = 0.03
"""R'G'B' that bare screen lies off its paint's line at most: smoke before it lies further off."""
_ROUNDS, _VEILED, _LEAST_OFF = 12, 1.5, 0.008
"""Of the fit of that line: how often, how much sooner what is paler than it is let go, and R'G'B' of noise."""
_LEAST_SPREAD = 2e-4
"""Variance of R'G'B' under which a screen is lit too evenly to show a slope."""
_STEEPEST = 1.1
_REACHES = (3, 6, 10, 30)
"""Parts of the picture's height over which the screen's light is carried on, the finest where it is bare."""
_DOUBT = 0.02
"""Weight of the wider reach beside a finer one."""
_OFF_AXIS = 0.6
"""How much of what lies beside the screen's axis counts against it being screen."""
_NOISE, _ACTOR = 0.05, 0.95
"""Alpha by colour that noise and folds may make of bare screen, and the screen's light of an actor."""
_LEAST_PURE = 1e-3
"""Purity of a screen's light that it is never taken below, so that what is dark divides by something."""


class KeyColour(StrEnum):
    """Colours of screens."""

    GREEN = "green"
    BLUE = "blue"

    @property
    def channels(self) -> tuple[int, int, int]:
        """Which of R, G and B is the screen's own, and which are the others."""
        return (1, 0, 2) if self is KeyColour.GREEN else (2, 0, 1)


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen's R'G'B' over the picture, also where it is covered. Shape: `[H/8, W/16, 3]`. Range: 0-1."""

    colour: KeyColour
    rgb: Floats

    def light(self, height: int, width: int) -> Light:
        """Return its light at a raster."""
        lit = _lit(*np.moveaxis(self.rgb, -1, 0))
        red, green, blue = (np.asarray(cv2.resize(plane, (width, height)), np.float32) for plane in lit)
        return red, green, blue

    @property
    def codes(self) -> tuple[Floats, Floats, Floats]:
        """Its Y', Cb and Cr `[H/8, W/16]`, 10-bit codes."""
        y, cb, cr = np.moveaxis(codes_of(self.rgb), -1, 0)
        return y, cb, cr


@dataclass(frozen=True, slots=True)
class Measured:
    """A picture in its screen's measure.

    Shape: `luma` and `alpha` `[H, W]`, `along` and `beside` `[H, W/2]`. Range: `along` is 1 and the others 0 on bare
    screen; `alpha`, by colour alone, 0-1 with 1 where no screen is seen. Luma is of code values, the others of light.
    """

    luma: Floats
    along: Floats
    beside: Floats
    alpha: Floats


def light_of(picture: Picture) -> Light:
    """Return the light of a picture, 0 below black."""
    of_cr, green_of_cb, green_of_cr, of_cb = chroma_weights("bt709")
    raster = (picture.width, picture.height)
    cb, cr = (
        np.asarray(cv2.resize(_float(plane) - NEUTRAL, raster) / LUMA_SPAN, np.float32)
        for plane in (picture.cb, picture.cr)
    )
    luma = np.asarray((_float(picture.y) - BLACK) / LUMA_SPAN, np.float32)
    rgb = (luma + of_cr * cr, luma + green_of_cb * cb + green_of_cr * cr, luma + of_cb * cb)
    return _lit(*(np.asarray(plane, np.float32) for plane in rgb))


def rgb_of_light(light: Floats) -> Floats:
    """Return the R'G'B' of light, 0 where there is none."""
    return np.asarray(cv2.pow(np.maximum(light, np.float32(_DARK)), 1 / _GAMMA), np.float32)


def purity_of(light: Light, colour: KeyColour) -> tuple[Floats, Floats]:
    """Return how far the screen's channel is above the mean of the others, and how far these are apart."""
    main, one, other = (light[channel] for channel in colour.channels)
    return np.asarray(main - (one + other) / 2, np.float32), one - other


def screen_of(picture: Picture, colour: KeyColour, allowed: npt.NDArray[np.bool_] | None = None) -> Screen:
    """Return the screen of a picture; `allowed` `[H, W]` is where it may be looked for.

    Raises:
        NoScreen: no part of the picture is of that colour.
    """
    y, cb, cr = (_shrunk(plane, picture) for plane in planes(picture))
    rgb = rgb_of(np.stack((y, cb, cr), -1))
    cb, cr = cb - NEUTRAL, cr - NEUTRAL
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
    near = might & (np.hypot(cb - peak[0], cr - peak[1]) < _NEAR * float(np.hypot(*peak)))
    main, *others = colour.channels
    paint = _paint_of(rgb[near][:, main], rgb[near][:, others])
    off = np.abs(rgb[..., others] - paint.others(rgb[..., main])).max(-1)
    bare = near & (off < _OFF_PAINT)
    found = np.empty_like(rgb)
    found[..., main] = _spread(rgb[..., main], bare if bare.any() else near)
    found[..., others] = paint.others(found[..., main])
    return Screen(colour, found)


def measured(picture: Picture, screen: Screen) -> Measured:
    """Return a picture in its screen's measure."""
    height, width = picture.height, picture.width
    pure, apart = purity_of(light_of(picture), screen.colour)
    screen_pure, screen_apart = purity_of(screen.light(height, width), screen.colour)
    screen_pure = np.maximum(screen_pure, np.float32(_LEAST_PURE))
    along = pure / screen_pure
    beside = (apart - along * screen_apart) / screen_pure
    alpha = 1 - np.clip(along - _OFF_AXIS * np.abs(beside), 0, 1)
    alpha = np.clip((alpha - _NOISE) / (_ACTOR - _NOISE), 0, 1)
    halves = (cv2.resize(plane, (width // 2, height), interpolation=cv2.INTER_AREA) for plane in (along, beside))
    near, far = (np.clip(plane, -3, 3).astype(np.float32) for plane in halves)
    return Measured(_luma_of(picture, screen), near, far, alpha.astype(np.float32))


def planes(picture: Picture) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Return the three planes of a picture."""
    return picture.y, picture.cb, picture.cr


@dataclass(frozen=True, slots=True)
class _Paint:
    """A screen's paint: the other two channels of its R'G'B' by its own one, whatever light falls on it."""

    at: float
    middle: Floats
    slope: Floats

    def others(self, main: Floats) -> Floats:
        return np.asarray(self.middle + self.slope * (main[..., None] - np.float32(self.at)), np.float32)


def _paint_of(main: Floats, others: Floats) -> _Paint:
    """Return the paint of what may be bare screen: `[N]` and `[N, 2]`; what is veiled is paler, and soon let go."""
    weight = np.ones(main.shape, np.float32)
    for _ in range(_ROUNDS):
        share = weight / weight.sum()
        at, middle = float((share * main).sum()), (share[:, None] * others).sum(0)
        off = main - at
        lean = (share * off) @ (others - middle) / (float((share * off**2).sum()) + _LEAST_SPREAD)
        paint = _Paint(at, middle.astype(np.float32), np.clip(lean, 0, _STEEPEST).astype(np.float32))
        beyond = others - paint.others(main)
        beyond /= np.maximum(1.5 * np.median(np.abs(beyond), 0), _LEAST_OFF)
        weight = np.prod(1 / (1 + np.where(beyond > 0, _VEILED * beyond, beyond) ** 2), axis=1, dtype=np.float32)
    return paint


def _lit(*rgb: Floats) -> Light:
    red, green, blue = (np.asarray(cv2.pow(np.maximum(plane, np.float32(_DARK)), _GAMMA), np.float32) for plane in rgb)
    return red, green, blue


def _luma_of(picture: Picture, screen: Screen) -> Floats:
    """Return luma beside the screen's, in twice the size of its chroma."""
    y, cb, cr = screen.codes
    size = np.maximum(2 * np.hypot(cb - NEUTRAL, cr - NEUTRAL), 2.0)
    raster = (picture.width, picture.height)
    luma = (_float(picture.y) - cv2.resize(y, raster)) / cv2.resize(size.astype(np.float32), raster)
    return np.asarray(np.clip(luma, -3, 3), np.float32)


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
    """Return a plane's values on bare screen, carried on where it is covered: ever finer normalised convolution."""
    share = bare.astype(np.float32)
    found = np.full(plane.shape, plane[bare].mean(), np.float32)
    for part in _REACHES:
        sigma = plane.shape[0] / part
        weight = cv2.GaussianBlur(share, (0, 0), sigma)
        found = (cv2.GaussianBlur(plane * share, (0, 0), sigma) + _DOUBT * found) / (weight + _DOUBT)
    return np.asarray(found, np.float32)
