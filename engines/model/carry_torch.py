"""What `carry.py` does, in torch and in batches, with gradients to what is carried: for training and the reference."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engines.model.carry import Flow, flow, places


def flows(now: Tensor, before: Tensor) -> Tensor:
    """Return the motion of a batch of pictures as filmed, `[N, h, w, 2]`; found by the CPU, wherever they are."""
    pairs = zip(now.cpu().numpy(), before.cpu().numpy(), strict=True)
    return torch.from_numpy(np.stack([flow(one, other) for one, other in pairs])).to(now.device)


def carried_past(output: Tensor, hidden: Tensor, motion: Flow) -> tuple[Tensor, Tensor]:
    """Return what `carried_on` does of the restored picture and the state before, where these are, as they are kept."""
    along = torch.from_numpy(motion)[None].to(output.device)
    return carried_batch(output.float(), along).to(output.dtype), carried_states(hidden.float(), along).to(hidden.dtype)


def carried_batch(before: Tensor, motion: Tensor) -> Tensor:
    """Return what `carried` does of a batch `[N, 8, h, w]`, with gradients to the picture."""
    count, _, height, width = before.shape
    luma, at = functional.pixel_shuffle(before[:, :4], 2), _base(height, width, motion.device) + motion
    lumas = [2 * at + at.new_tensor([across, down]) for down in (0, 1) for across in (0, 1)]
    found = _sampled_batch(luma, torch.cat(lumas, 1), "bicubic").reshape(count, 4, height, width)
    chroma = before[:, 4:].reshape(count, 2, 2, height, width).permute(0, 1, 3, 2, 4)
    chroma = chroma.reshape(count, 2, 2 * height, width)
    chromas = [at * at.new_tensor([1, 2]) + at.new_tensor([0, down]) for down in (0, 1)]
    colours = _sampled_batch(chroma, torch.cat(chromas, 1), "bicubic").reshape(count, 4, height, width)
    return torch.cat((found, colours), 1)


def carried_states(state: Tensor, motion: Tensor) -> Tensor:
    """Return what `carried_state` does of a batch `[N, H, h, w]`, with gradients to the state."""
    return _sampled_batch(state, _base(*state.shape[-2:], motion.device) + motion, "bilinear")


def _sampled_batch(planes: Tensor, at: Tensor, mode: str) -> Tensor:
    size = planes.new_tensor([planes.shape[-1] - 1, planes.shape[-2] - 1])
    return functional.grid_sample(planes, at / size * 2 - 1, mode=mode, padding_mode="border", align_corners=True)


@lru_cache(maxsize=8)
def _base(height: int, width: int, device: torch.device) -> Tensor:
    return torch.from_numpy(np.stack(places(height, width), -1)).to(device)
