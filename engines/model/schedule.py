"""What every training loop here does alike: how its rate goes, and how the averaged network, which ships, follows."""

from __future__ import annotations

import math

import torch
from torch import nn


def rate(step: int, gone: float, *, highest: float, lowest: float, warmup_steps: int) -> float:
    """Return a step's learning rate: up in a line over the first steps, then down along a cosine.

    `gone` is how much of the run lies behind, 0-1.
    """
    warm = min(1.0, (step + 1) / warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * gone))
    return warm * (lowest + (highest - lowest) * cosine)


def follow(averaged: nn.Module, network: nn.Module, count: int, most: float) -> None:
    """Let the averaged network follow: keeping `most` of itself, and count / (count + 9) of itself at first."""
    keep = min(most, count / (count + 9))
    with torch.no_grad():
        torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - keep)
