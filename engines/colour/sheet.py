"""The contact sheet of a clip's look: camera log, show look and this clip's look side by side, each with its scopes.

For who would rather look than read: a waveform of luma over the columns of the picture, and a vectorscope of chroma.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from engines.colour.grade import Grade
from engines.colour.look import Look
from engines.media.essence import CodeRange
from engines.media.frames import CODE_MAX, Picture
from engines.media.ycbcr import rgb_of

Pixels = npt.NDArray[np.uint8]

_WIDTH, _SCOPE, _GAP, _TITLE = 480, 150, 8, 22
_BACK, _INK, _LINE = (20, 22, 26), (217, 221, 227), (70, 76, 86)
_QUALITY = 88
_MARKS = (64, 502, 940)
"""Black, half and white of legal luma, drawn into the waveform."""
_MAGNIFIED = 2
"""Pictures of the world fill the inner half of a vectorscope; what lies beyond is drawn at its edge."""
_BRIGHT = 90.0


def sheet(picture: Picture, show: Look, look: Look, luts: Path, *, matrix: str, code_range: CodeRange) -> bytes:
    """Return the sheet as JPEG; the show's look is left out where it is the clip's."""
    shown = {"camera log": (picture, matrix)}
    for title, one in {"show look": show, "this clip's look": look}.items():
        if title == "this clip's look" or one != look:
            shown[title] = (
                Grade(one, luts, matrix=matrix, code_range=code_range)(picture),
                matrix if one.keeps_encoding else "bt709",
            )
    panels = [_panel(title, *of) for title, of in shown.items()]
    whole = Image.new("RGB", (len(panels) * (_WIDTH + _GAP) + _GAP, panels[0].height + 2 * _GAP), _BACK)
    for number, panel in enumerate(panels):
        whole.paste(panel, (_GAP + number * (_WIDTH + _GAP), _GAP))
    buffer = io.BytesIO()
    whole.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _panel(title: str, picture: Picture, matrix: str) -> Image.Image:
    codes = np.stack([picture.y, np.repeat(picture.cb, 2, 1), np.repeat(picture.cr, 2, 1)], -1).astype(np.float32)
    height = max(2, round(_WIDTH * picture.height / picture.width))
    codes = cv2.resize(codes, (_WIDTH, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    panel = Image.new("RGB", (_WIDTH, _TITLE + height + _GAP + _SCOPE), _BACK)
    panel.paste(Image.fromarray((rgb_of(codes, matrix).clip(0, 1) * 255).round().astype(np.uint8)), (0, _TITLE))
    top = _TITLE + height + _GAP
    panel.paste(Image.fromarray(waveform(codes[..., 0])), (0, top))
    panel.paste(Image.fromarray(vectorscope(codes[..., 1], codes[..., 2])), (_WIDTH - _SCOPE, top))
    ImageDraw.Draw(panel).text((2, 3), title, fill=_INK, font=ImageFont.load_default(14))
    return panel


def waveform(luma: npt.NDArray[np.float32]) -> Pixels:
    """Return luma codes by column, 1023 at the top. Shape: `[150, 322, 3]`."""
    width = _WIDTH - _SCOPE - _GAP
    columns = np.broadcast_to(np.linspace(0, width - 1, luma.shape[1]), luma.shape)
    rows = (CODE_MAX - luma) / CODE_MAX * (_SCOPE - 1)
    lines = [((CODE_MAX - mark) * (_SCOPE - 1) // CODE_MAX, slice(None)) for mark in _MARKS]
    return _trace(rows, columns, (_SCOPE, width), lines)


def vectorscope(cb: npt.NDArray[np.float32], cr: npt.NDArray[np.float32]) -> Pixels:
    """Return chroma codes, Cb to the right and Cr up, grey in the middle, twice as large. Shape: `[150, 150, 3]`."""
    middle, spread = (_SCOPE - 1) / 2, _MAGNIFIED * (_SCOPE - 1) / CODE_MAX
    rows, columns = middle - (cr - CODE_MAX / 2) * spread, middle + (cb - CODE_MAX / 2) * spread
    return _trace(rows, columns, (_SCOPE, _SCOPE), [(_SCOPE // 2, slice(None)), (slice(None), _SCOPE // 2)])


def _trace(
    rows: npt.NDArray[Any], columns: npt.NDArray[Any], size: tuple[int, int], lines: Sequence[tuple[int | slice, ...]]
) -> Pixels:
    """Return how often values fall on each place, green on dark, over the lines of a graticule."""
    at = rows.round().astype(np.int64).clip(0, size[0] - 1) * size[1] + columns.round().astype(np.int64)
    hits = np.bincount(at.reshape(-1), minlength=size[0] * size[1]).reshape(size)
    bright = (np.log1p(hits) * _BRIGHT).clip(0, 255).astype(np.uint8)
    scope = np.full((*size, 3), 12, np.uint8)
    for line in lines:
        scope[line] = _LINE
    traced: Pixels = np.maximum(scope, bright[..., None] * np.array([0.55, 1.0, 0.65])).astype(np.uint8)
    return traced
