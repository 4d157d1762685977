"""What is known of the picture before, carried over to where things are now: motion, and sampling along it.

What moves is then averaged over a shot as what stands still is. Motion is dense inverse search between the picture and
the restored one before, at half size; where it explains the picture no better than standing still does, it is zero,
so that a locked-off shot is never resampled. Wrong motion does no lasting harm: the network sees how what is carried
differs from the picture, and keeps as little of it as it must.

Source: Kroeger et al. 2016 (DIS); carrying the restored picture along the motion as in Li et al. 2022, "Unidirectional
Video Denoising by Mimicking Backward Recurrent Modules with Look-ahead Forward Ones", section 3.2.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
"""Packed pictures `[8, h, w]`, or states `[H, h, w]`."""
Flow = npt.NDArray[np.float32]
"""Where each packed pixel was in the picture before, less where it is: x and y in packed pixels `[h, w, 2]`."""

_FINEST = 1
"""DIS at half of half size: at a quarter moving clips lose 0.1 to 0.25 dB, at half nothing is won (2026-11-25)."""
_WINDOW = 15
"""Packed pixels over which motion is weighed against standing still."""
_EXPLAINS, _SURELY = 0.06, 0.16
"""Share of the change that motion must explain beyond standing still: none of it is taken below the first, all above
the second. Lower, and a locked-off shot follows its noise (0.03: 0.4 dB less on its later frames, 2026-11-25)."""


def flow(now: Floats, before: Floats) -> Flow:
    """Return the motion from a noisy picture to the restored one before."""
    one, other = _grey(now, before, 1.2), _grey(before, before, 0.9)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(_FINEST)
    found: Flow = search.calc(one, other, None)  # type: ignore[call-overload] # None makes it allocate
    rows, columns = places(*one.shape)
    x, y = columns + found[..., 0], rows + found[..., 1]
    seen = cv2.remap(other, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    standing, moving = (
        cv2.blur(cv2.absdiff(one, picture).astype(np.float32), (_WINDOW, _WINDOW)) for picture in (other, seen)
    )
    explained = (standing - moving) / (standing + moving + 0.5)
    share = np.clip((explained - _EXPLAINS) / (_SURELY - _EXPLAINS), 0, 1).astype(np.float32)
    taken: Flow = found * share[..., None]
    return taken


def carried(before: Floats, motion: Flow) -> Floats:
    """Return a packed picture sampled where the motion leads, at the picture's own raster (cubic)."""
    rows, columns = places(*motion.shape[:2])
    x, y = columns + motion[..., 0], rows + motion[..., 1]
    found = np.empty_like(before)
    luma = np.empty((before.shape[1] * 2, before.shape[2] * 2), np.float32)
    for channel, (down, across) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        luma[down::2, across::2] = before[channel]
    for channel, (down, across) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        found[channel] = _sampled(luma, 2 * x + across, 2 * y + down)
    for first in (4, 6):
        chroma = np.empty((before.shape[1] * 2, before.shape[2]), np.float32)
        chroma[0::2], chroma[1::2] = before[first], before[first + 1]
        for down in (0, 1):
            found[first + down] = _sampled(chroma, x, 2 * y + down)
    return found


def carried_state(state: Floats, motion: Flow) -> Floats:
    """Return a state `[H, h, w]` sampled where the motion leads (linear)."""
    rows, columns = places(*motion.shape[:2])
    x, y = columns + motion[..., 0], rows + motion[..., 1]
    found: Floats = np.stack([cv2.remap(plane, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE) for plane in state])
    return found


def _sampled(plane: Floats, x: Floats, y: Floats) -> Floats:
    found: Floats = cv2.remap(plane, x, y, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return found


def _grey(packed: Floats, like: Floats, sigma: float) -> npt.NDArray[np.uint8]:
    """Return luma at half size, blurred, 8 bit, stretched to the contrast of a picture: log footage is flat."""
    low, high = np.percentile(like[0, ::4, ::4], (1, 99))
    luma = cv2.GaussianBlur(packed[:4].mean(0), (0, 0), sigma)
    grey: npt.NDArray[np.uint8] = np.clip((luma - low) * (255 / max(high - low, 0.02)), 0, 255).astype(np.uint8)
    return grey


@lru_cache(maxsize=8)
def places(height: int, width: int) -> tuple[Floats, Floats]:
    """Return each packed pixel's own row and column, `[h, w]` each."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return rows, columns
