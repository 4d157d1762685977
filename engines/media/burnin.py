"""Burn-ins: words and lines over the picture of a review copy, drawn on working frames at the delivered raster.

Words that stay are drawn once as masks; the timecode is set from its characters' masks, each in a cell of one width,
so that it does not tremble. Ink is legal white, its ground is the picture at half brightness.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from engines.media.frames import Picture, Plane
from engines.media.preset import BurnIn, Place

_WHITE, _BLACK, _NEUTRAL = 940, 64, 512
_FULL = 256
"""A mask's value where ink covers all."""
_GROUND = 128
"""How much of the picture the ground of words takes, of 256."""
_WATERMARK = 56
"""How much of the picture the watermark's ink takes, of 256."""
_LINE = 160
"""How much of the picture a frame line takes, of 256."""
Mask = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class _Stamp:
    """Ink over a ground at a place: masks `[h, w]` 0-256, x even."""

    x: int
    y: int
    ink: Mask
    ground: int


class Burner:
    """Draws what is burnt in on each picture of one clip; `area` (x, y, width, height) is where the picture lies."""

    def __init__(
        self,
        burn_in: BurnIn,
        raster: tuple[int, int],
        area: tuple[int, int, int, int],
        *,
        mark: str,
        timecode: Callable[[int], str],
    ) -> None:
        self._width, self._height = raster
        self._size = max(12, self._height // 30)
        self._timecode = timecode
        self._stamps = [*_lines(burn_in, area)]
        if burn_in.watermark:
            self._stamps.append(self._watermark(_plain(burn_in.watermark)))
        self._moving: list[tuple[Place, str]] = []
        for place, template in burn_in.words:
            text = _plain(template.replace("{mark}", mark)).strip()
            if "{timecode}" in text:
                self._moving.append((place, text))
            elif text:
                self._stamps.append(self._placed(place, _words(text, self._size)))

    def __call__(self, picture: Picture) -> None:
        """Draw on a picture, in place."""
        for stamp in self._stamps:
            _draw(picture, stamp)
        for place, template in self._moving:
            text = template.replace("{timecode}", self._timecode(picture.number))
            _draw(picture, self._placed(place, _cells(text, self._size)))

    def _placed(self, place: Place, ink: Mask) -> _Stamp:
        """Return words at their place, cut to the raster."""
        ink = ink[: self._height, : self._width - self._width % 2]
        margin_x, margin_y = self._width // 40, self._height // 40
        right, middle = self._width - ink.shape[1] - margin_x, (self._width - ink.shape[1]) // 2
        x = right if place.endswith("right") else margin_x if place.endswith("left") else middle
        y = margin_y if place.startswith("top") else self._height - ink.shape[0] - margin_y
        return _Stamp(max(0, x) // 2 * 2, max(0, y), ink, _GROUND)

    def _watermark(self, text: str) -> _Stamp:
        size = max(12, min(self._height // 8, 2 * self._width // max(1, len(text))))
        ink = _words(text, size)[: self._height, : self._width - self._width % 2]
        x, y = (self._width - ink.shape[1]) // 2, (self._height - ink.shape[0]) // 2
        return _Stamp(x // 2 * 2, y, (ink.astype(np.uint32) * _WATERMARK // _FULL).astype(np.uint16), 0)


def _draw(picture: Picture, stamp: _Stamp) -> None:
    height, width = stamp.ink.shape
    rows, columns = slice(stamp.y, stamp.y + height), slice(stamp.x, stamp.x + width)
    _blend(picture.y[rows, columns], _BLACK, stamp.ground)
    _blend(picture.y[rows, columns], _WHITE, stamp.ink)
    half = slice(stamp.x // 2, stamp.x // 2 + width // 2)
    ink = stamp.ink[:, 0::2][:, : width // 2]
    for plane in (picture.cb, picture.cr):
        _blend(plane[rows, half], _NEUTRAL, stamp.ground)
        _blend(plane[rows, half], _NEUTRAL, ink)


def _blend(codes: Plane, colour: int, share: Mask | int) -> None:
    """Bring codes to a colour in place, by a share of 256."""
    if isinstance(share, int) and share == 0:
        return
    codes[:] = (codes.astype(np.uint32) * (_FULL - np.uint32(share)) + np.uint32(colour) * share) // _FULL


def _lines(burn_in: BurnIn, area: tuple[int, int, int, int]) -> list[_Stamp]:
    """Return the frame lines as thin stamps."""
    x, y, width, height = area
    boxes = []
    for shape in burn_in.frame_lines:
        inner = min(Fraction(width), height * shape), min(Fraction(height), width / shape)
        boxes.append((x + (width - inner[0]) / 2, y + (height - inner[1]) / 2, *inner))
    if framed := burn_in.framed:
        boxes.append((x + framed[0] * width, y + framed[1] * height, framed[2] * width, framed[3] * height))
    return [stamp for box in boxes for stamp in _box(*(round(side) for side in box))]


def _box(x: int, y: int, width: int, height: int) -> list[_Stamp]:
    x, width = x // 2 * 2, width // 2 * 2
    across, down = np.full((2, width), _LINE, np.uint16), np.full((height, 2), _LINE, np.uint16)
    return [
        _Stamp(x, y, across, 0),
        _Stamp(x, y + height - 2, across, 0),
        _Stamp(x, y, down, 0),
        _Stamp(x + width - 2, y, down, 0),
    ]


def _plain(text: str) -> str:
    """Return words in the characters that the font has: accents and long dashes go, what else it lacks is `?`."""
    ascii_only = "".join(
        "-" if unicodedata.category(character) == "Pd" else character
        for character in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(character)
    )
    return ascii_only.encode("ascii", "replace").decode()


def _words(text: str, size: int) -> Mask:
    """Return words as ink with room around, an even number of columns."""
    font: Any = _font(size)
    left, _, right, _ = font.getbbox(text)
    ascent, descent = font.getmetrics()
    pad = size // 4
    width = round(right - left) + 2 * pad
    image = Image.new("L", (width + width % 2, ascent + descent + 2 * pad))
    ImageDraw.Draw(image).text((pad - left, pad), text, 255, font)
    return _mask(image)


def _cells(text: str, size: int) -> Mask:
    """Return words with each character in a cell of one width."""
    cells = [_cell(character, size) for character in text]
    ink = np.concatenate(cells, axis=1)
    return ink[:, : ink.shape[1] - ink.shape[1] % 2]


@lru_cache(maxsize=512)
def _cell(character: str, size: int) -> Mask:
    font: Any = _font(size)
    ascent, descent = font.getmetrics()
    pad = size // 4
    width = round(font.getlength("0")) + 2
    image = Image.new("L", (width, ascent + descent + 2 * pad))
    ImageDraw.Draw(image).text((width / 2, pad + ascent), character, 255, font, anchor="ms")
    return _mask(image)


def _mask(image: Image.Image) -> Mask:
    return (np.asarray(image).astype(np.uint32) * _FULL // 255).astype(np.uint16)


@lru_cache(maxsize=16)
def _font(size: int) -> Any:
    """Return Pillow's own font: nothing on the machine is looked for."""
    return ImageFont.load_default(size)
