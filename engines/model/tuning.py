"""Tuning: a few hundred small steps from weights that are in use, drawn back toward them and averaged.

One loop for every network; what a step learns from is the caller's. Source of the pull: L2-SP, Li et al. 2018,
"Explicit Inductive Bias for Transfer Learning with Convolutional Networks", equation 2.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from engines.model.network import tensors_of
from engines.model.schedule import follow, rate
from engines.model.weights import Tensors


@dataclass(frozen=True, slots=True)
class Loop:
    """How a network is tuned, whatever it learns from."""

    steps: int = 240
    budget_seconds: float = 120.0
    seed: int = 0
    rate: float = 4e-4
    warmup_steps: int = 10
    ema: float = 0.97
    pull: float = 1e-3  # L2-SP, toward the weights it began from
    clip_norm: float = 0.5


@dataclass(frozen=True, slots=True)
class Tuned:
    """Candidate weights, the loss of each step, and how long it took."""

    tensors: Tensors
    curve: tuple[float, ...]
    seconds: float


N = TypeVar("N", bound=nn.Module)


def tune(
    network: N,
    loss_of: Callable[[N], Tensor],
    loop: Loop,
    progress: Callable[[int, int], None],
    clock: Callable[[], float] = time.monotonic,
    began: float | None = None,
) -> Tuned:
    """Return what becomes of a network in training by a step's loss; `began` is when its budget did."""
    began = clock() if began is None else began
    origin, averaged = deepcopy(network), deepcopy(network)
    optimiser = torch.optim.Adam(network.parameters(), lr=loop.rate, betas=(0.9, 0.98))
    curve: list[float] = []
    for step in range(loop.steps):
        if clock() - began > loop.budget_seconds:
            break
        for group in optimiser.param_groups:
            group["lr"] = rate(
                step, step / loop.steps, highest=loop.rate, lowest=0.1 * loop.rate, warmup_steps=loop.warmup_steps
            )
        loss = loss_of(network) + loop.pull * _apart(network, origin)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(network.parameters(), loop.clip_norm)
        optimiser.step()
        follow(averaged, network, step + 1, loop.ema)
        curve.append(loss.item())
        progress(step + 1, loop.steps)
    return Tuned(tensors_of(averaged), tuple(curve), clock() - began)


def _apart(network: nn.Module, origin: nn.Module) -> Tensor:
    """Return the squared distance of the weights from where they began."""
    pairs = zip(network.parameters(), origin.parameters(), strict=True)
    return torch.stack([((now - then.detach()) ** 2).sum() for now, then in pairs]).sum()
