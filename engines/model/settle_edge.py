"""The last layer of the network that refines keys, solved for; what the layers before it tell is taken as it is.

It takes seconds of a processor where steps take hours, and is as good as they are where what the network reads, and
not what it has to tell, has changed. Torch, like training; nothing that keys needs it.

Source: least absolute error by reweighted least squares (Holland and Welsch 1977), drawn to the weights of before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

_SOME, _FLAT = 1600, 300
"""Places taken of a key: where alpha is neither here nor there, and where it is."""
_ENDS = (0.01, 0.99)
_EDGE_WEIGHT = 2.0
_ROUNDS = 4
_LEAST_OFF = 0.03
"""Error of alpha under which all count as squares."""
_DRAWN = 1e-4
"""How much the weights of before count, of what the mean of the features' squares does."""


class Taught(Protocol):
    """A key of known alpha."""

    @property
    def inputs(self) -> Halves:
        """The key as the network reads it `[12, h, w]`."""

    @property
    def truth(self) -> Halves:
        """Its true alpha as phases `[4, h, w]`."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Places of keys: what the last layer reads there `[N, F]`, alpha by colour and in truth `[N, 4]`, weight `[N]`."""

    read: Floats
    alpha: Floats
    truth: Floats
    weight: Floats


class Network(Protocol):
    """A network whose last layer, a 3x3 convolution, can be told apart."""

    def kept(self, inputs: Tensor) -> Tensor:
        """Return what its last layer reads."""

    def last(self) -> torch.nn.Conv2d:
        """Return its last layer."""


@torch.no_grad()
def settle(network: Network, pool: Sequence[Taught], rng: np.random.Generator) -> list[float]:
    """Solve for the last layer of a network, in place; return the mean error of alpha before each round."""
    parts = [_rows(network, one, rng) for one in pool]
    rows = Rows(*(np.concatenate([getattr(part, word) for part in parts]) for word in Rows.__slots__))
    last = network.last()
    assert last.bias is not None, "each layer of it has a bias"
    before = torch.cat((last.weight.flatten(1), last.bias[:, None]), 1).numpy().astype(np.float64)
    now, errors = before.copy(), []
    for _ in range(_ROUNDS):
        found = rows.alpha + rows.read @ now.T.astype(np.float32)
        off = np.abs(np.clip(found, 0, 1) - rows.truth).mean(1)
        errors.append(float(np.average(off, weights=rows.weight)))
        now = np.stack([_solved(rows, found[:, phase], phase, before[phase]) for phase in range(len(now))])
    last.weight.copy_(torch.from_numpy(now[:, :-1].reshape(tuple(last.weight.shape))))
    last.bias.copy_(torch.from_numpy(now[:, -1]))
    return errors


def _rows(network: Network, one: Taught, rng: np.random.Generator) -> Rows:
    inputs = torch.from_numpy(one.inputs.astype(np.float32))[None]
    alpha, truth = (planes.astype(np.float32).reshape(4, -1) for planes in (one.inputs[4:8], one.truth))
    told = np.concatenate((alpha, truth))
    between = ((told > _ENDS[0]) & (told < _ENDS[1])).any(0)
    sorts = [np.flatnonzero(which) for which in (between, ~between)]
    taken = [rng.choice(sort, min(len(sort), n), replace=False) for sort, n in zip(sorts, (_SOME, _FLAT), strict=True)]
    weights = [np.full(len(few), len(sort) / max(1, len(few))) for few, sort in zip(taken, sorts, strict=True)]
    places = np.concatenate(taken)
    read = functional.unfold(network.kept(inputs), 3, padding=1)[0][:, torch.from_numpy(places)].T.numpy()
    with_bias = np.concatenate((read, np.ones((len(places), 1), np.float32)), 1)
    return Rows(with_bias, alpha[:, places].T, truth[:, places].T, np.concatenate(weights).astype(np.float32))


def _solved(rows: Rows, found: Floats, phase: int, before: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return one phase's weights; what goes beyond an end where alpha is at it is right as it is."""
    truth = rows.truth[:, phase]
    beyond = ((truth >= _ENDS[1]) & (found > 1)) | ((truth <= _ENDS[0]) & (found < 0))
    wanted = np.where(beyond, found, truth)
    edge = 1 + _EDGE_WEIGHT * ((truth > _ENDS[0]) & (truth < _ENDS[1]))
    weight = rows.weight * edge / (np.abs(found - wanted) + _LEAST_OFF)
    weighed = rows.read.T * weight.astype(np.float32)
    squares = (weighed @ rows.read).astype(np.float64)
    drawn = _DRAWN * np.trace(squares) / len(squares)
    aim = weighed.astype(np.float64) @ (wanted - rows.alpha[:, phase]) + drawn * before
    return np.linalg.solve(squares + drawn * np.eye(len(squares)), aim)
