"""How a picture moves to the next one, and the next one brought back over it: optical flow with its doubts.

Flow is dense inverse search on denoised luma at half size. Where forward and backward flow disagree, or what is
brought back looks otherwise than the noise explains, the mask says no.

Source: Kroeger et al. 2016 (DIS); forward-backward check as in Sundaram et al. 2010, equation 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from engines.model.synthetic import pack_planes, planes

_EXPLAINED = 4.0
"""Deviations of the denoised pictures' difference, averaged over 5x5, above which motion is not believed."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Brought:
    """The next pictures over the present ones: packed `[T-1, 8, h, w]`, and where to believe them `[T-1, 1, h, w]`."""

    pictures: Tensor
    mask: Tensor


def bring_back(noisy: Tensor, denoised: Tensor, deviation: Tensor) -> Brought:
    """Return each next noisy picture moved onto the one before, by the motion seen in the denoised ones.

    Shape: packed pictures `[T, 8, h, w]`, deviation of their luma noise `[T, 1, h, w]`. Range: code values / 1023.
    """
    half = [_luma(picture) for picture in denoised]
    pictures, masks = [], []
    for number in range(len(noisy) - 1):
        there, back = _flow(half[number], half[number + 1]), _flow(half[number + 1], half[number])
        pictures.append(_warped(noisy[number + 1], there))
        seen = _warped(denoised[number + 1], there)
        masks.append(_believed(there, back, denoised[number], seen, deviation[number]))
    return Brought(torch.stack(pictures), torch.stack(masks))


def _luma(packed: Tensor) -> npt.NDArray[np.uint8]:
    """Return luma at half size, 8 bit, stretched to the picture's own contrast: log footage is flat."""
    luma = packed[:4].mean(0).numpy()
    low, high = np.percentile(luma, (1, 99))
    stretched: npt.NDArray[np.uint8] = np.clip((luma - low) / max(high - low, 0.02) * 255, 0, 255).astype(np.uint8)
    return stretched


def _flow(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> Floats:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: Floats = search.calc(one, other, None)  # type: ignore[call-overload] # None makes it allocate
    return flow


def _warped(packed: Tensor, flow: Floats) -> Tensor:
    """Return a packed picture sampled where the flow (at half size) leads."""
    luma, chroma = planes(packed[None])
    height, width = luma.shape[2:]
    full = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * 2
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(
        luma[0, 0].numpy(),
        columns + full[..., 0],
        rows + full[..., 1],
        cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REPLICATE,
    )
    half = full[:, ::2]
    rows, columns = np.mgrid[:height, : width // 2].astype(np.float32)
    colours = [
        cv2.remap(
            plane.numpy(),
            columns + half[..., 0] / 2,
            rows + half[..., 1],
            cv2.INTER_LANCZOS4,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for plane in chroma[0]
    ]
    return pack_planes(torch.from_numpy(moved)[None, None], torch.from_numpy(np.stack(colours))[None])[0]


def _believed(there: Floats, back: Floats, now: Tensor, seen: Tensor, deviation: Tensor) -> Tensor:
    """Return 1 where the motion is believed, 0 elsewhere, `[1, h, w]`."""
    height, width = there.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    x, y = columns + there[..., 0], rows + there[..., 1]
    returned = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    apart = ((there + returned) ** 2).sum(-1)
    most = 0.01 * ((there**2).sum(-1) + (returned**2).sum(-1)) + 0.5
    inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    change = (now[:4] - seen[:4]).mean(0).abs()[None, None]
    calm = functional.avg_pool2d(change, 5, 1, 2, count_include_pad=False)[0]
    explained = calm < _EXPLAINED * 0.5 * (deviation + 0.002)
    return (torch.from_numpy((apart < most) & inside)[None] & explained).float()
