"""What is known of the picture before, carried over to where things are now: motion, and sampling along it.

What moves is then averaged over a shot as what stands still is. Motion is dense inverse search between the pictures as
they were filmed, at half size, so that it depends on no weights and no engine: from the restored picture it would be
0.03 dB better, and engines that round otherwise would part (2026-11-25). Where it explains the picture no better than
standing still does, it is zero, so that a locked-off shot is never resampled. Wrong motion does no lasting harm: the
network sees how what is carried differs from the picture, and keeps as little of it as it must.

Source: Kroeger et al. 2016 (DIS); carrying the restored picture along the motion as in Li et al. 2022, "Unidirectional
Video Denoising by Mimicking Backward Recurrent Modules with Look-ahead Forward Ones", section 3.2.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from engines.model.packing import PHASES, interleaved

Floats = npt.NDArray[np.float32]
"""Packed pictures `[8, h, w]`, or states `[H, h, w]`."""
Flow = npt.NDArray[np.float32]
"""Where each packed pixel was in the picture before, less where it is: x and y in packed pixels `[h, w, 2]`."""

_FINEST, _STRIDE, _REFINEMENTS = 1, 5, 2
"""DIS at half of half size, patches five pixels apart, two rounds of refinement. At a quarter moving clips lose 0.1 to
0.25 dB. What is carried loses 0.26 dB to the preset's four pixels and five rounds, for 4.5 of 7.9 ms (2026-11-25)."""
_BLUR = 1.2
"""Packed pixels, deviation of the blur under which motion is seen."""
_WINDOW = 15
"""Packed pixels over which motion is weighed against standing still."""
_EXPLAINS, _SURELY = 0.06, 0.16
"""Share of the change that motion must explain beyond standing still: none of it is taken below the first, all above
the second. Lower, and a locked-off shot follows its noise (0.03: 0.4 dB less on its later frames, 2026-11-25)."""


def flow(now: Floats, before: Floats, *, finely: bool = False) -> Flow:
    """Return the motion from a picture to the one before; `finely` takes ten times as long."""
    one, other = _grey(now, before), _grey(before, before)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM if finely else cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(0 if finely else _FINEST)
    if not finely:
        search.setPatchStride(_STRIDE)
        search.setVariationalRefinementIterations(_REFINEMENTS)
    found: Flow = search.calc(one, other, None)  # type: ignore[call-overload] # None makes it allocate
    seen = cv2.remap(other, *_where(found), cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    standing, moving = (
        cv2.blur(cv2.absdiff(one, picture).astype(np.float32), (_WINDOW, _WINDOW)) for picture in (other, seen)
    )
    explained = (standing - moving) / (standing + moving + 0.5)
    share = np.clip((explained - _EXPLAINS) / (_SURELY - _EXPLAINS), 0, 1).astype(np.float32)
    taken: Flow = found * share[..., None]
    return taken


def carried_on(
    now: Floats, before: Floats, output: Floats, hidden: Floats, motion: Flow | None = None
) -> tuple[Floats, Floats]:
    """Return the restored picture and the state before, carried to where things are now; all are batches of one."""
    motion = flow(now[0], before[0]) if motion is None else motion
    return carried(output[0], motion)[None], carried_state(hidden[0], motion)[None]


def turned(motion: Flow) -> Flow:
    """Return the motion the other way: of each packed pixel of the picture before, where it is in the next one.

    Looked up once where the pixel would be if it moved as its own place in the next picture did; an axis at a time,
    since OpenCV samples two together by 1/32 of a pixel only.
    """
    if not motion.any():
        return motion
    there = _where(-motion)
    back = [-sampled(np.ascontiguousarray(motion[..., axis]), *there, cv2.INTER_LINEAR) for axis in (0, 1)]
    return np.stack(back, -1)


def carried(before: Floats, motion: Flow, colours: int = cv2.INTER_CUBIC) -> Floats:
    """Return a packed picture sampled where the motion leads, at the picture's own raster: luma by cubic sampling."""
    if not motion.any():
        return before.copy()  # a locked-off shot costs nothing
    luma, *chroma = interleaved(before)
    x, y = _where(motion)
    columns, rows = (2 * x, 2 * x + 1), (2 * y, 2 * y + 1)
    found = np.empty_like(before)
    for phase, (down, across) in enumerate(PHASES):
        sampled(luma, columns[across], rows[down], into=found[phase])
        sampled(chroma[down], x, rows[across], colours, found[4 + phase])
    return found


def carried_state(state: Floats, motion: Flow) -> Floats:
    """Return a state `[H, h, w]` sampled where the motion leads (linear)."""
    if not motion.any():
        return state.copy()
    x, y = _where(motion)
    found = np.empty_like(state)
    for plane, into in zip(state, found, strict=True):
        sampled(plane, x, y, cv2.INTER_LINEAR, into)
    return found


def _where(motion: Flow) -> tuple[Floats, Floats]:
    """Return where each packed pixel was, x and y `[h, w]` each."""
    columns, rows = places(*motion.shape[:2])
    return columns + motion[..., 0], rows + motion[..., 1]


def cubic_gain(shift: Floats) -> Floats:
    """Return the share of white noise's variance that cubic sampling leaves along one axis, at a shift in pixels.

    Source: the sum of squares of Keys' kernel at a = -0.75, which OpenCV samples by.
    """
    after = shift - np.floor(shift)
    near = np.stack((after, 1 - after))  # [2, h, w]: to the pixels on both sides
    far = near + 1
    inner = (1.25 * near - 2.25) * near**2 + 1
    outer = -0.75 * (((far - 5) * far + 8) * far - 4)
    gain: Floats = (inner**2 + outer**2).sum(0)
    return gain


def sampled(plane: Floats, x: Floats, y: Floats, how: int = cv2.INTER_CUBIC, into: Floats | None = None) -> Floats:
    """Return a plane sampled at x and y, in an array of its own or `into` one."""
    found: Floats = cv2.remap(plane, x, y, how, into, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return found


def _grey(packed: Floats, like: Floats) -> npt.NDArray[np.uint8]:
    """Return luma at half size, blurred, 8 bit, stretched to the contrast of a picture: log footage is flat."""
    low, high = np.percentile(like[0, ::4, ::4], (1, 99))
    stretch = 255 / max(high - low, 0.02)
    luma = cv2.GaussianBlur(packed[0] + packed[1] + packed[2] + packed[3], (0, 0), _BLUR)
    grey = cv2.addWeighted(luma, stretch / 4, luma, 0, -low * stretch, dtype=cv2.CV_8U)  # saturates; no number is 0
    return np.asarray(grey, np.uint8)


@lru_cache(maxsize=8)
def places(height: int, width: int) -> tuple[Floats, Floats]:
    """Return where each packed pixel is, x and y `[h, w]` each."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return columns, rows
