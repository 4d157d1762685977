"""Eager CUDA's session with the processor in the GPU's place: the past stays where its network runs, and is carried."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_contract import NOISE, shot

from engines.backends.eager import EagerBackend
from engines.backends.eager_cuda import _EagerCudaSession
from engines.enhance import LOOK_AHEAD
from engines.enhance.restore import Restore
from engines.model.network import network_of
from engines.model.weights import base_weights


class OnTheProcessor(_EagerCudaSession):
    """Memory and recording here; a recording writes its outputs where they were, as a graph does."""

    def __init__(self, weights, height, width):
        self.weights, self._shape = weights, (height, width)
        self._network = network_of(weights)
        self._inputs, self._outputs, self._graph, self._before = [], [], None, None

    def _prepare(self, channels):
        self._inputs = [torch.ones(1, count, *self._shape).to(memory_format=torch.channels_last) for count in channels]
        self._outputs = [part.clone() for part in self._advance()]
        self._graph = SimpleNamespace(replay=self._replay)

    def _replay(self):
        for kept, made in zip(self._outputs, self._advance(), strict=True):
            kept.copy_(made)


def restored(backend, pictures):
    restore = Restore(backend, base_weights("lite"), 72, 96, strength=1.0, noise=NOISE)
    return [restore(one, pictures[number + 1 : number + 1 + LOOK_AHEAD]) for number, one in enumerate(pictures)]


@pytest.fixture(scope="module")
def pictures():
    """Two shots."""
    dark = shot(6, 72, 96, seed=2)
    for picture in dark:
        picture.y[:] = picture.y // 3
    return [*shot(6, 72, 96), *dark]


def test_a_clip_comes_out_as_the_reference_restores_it(pictures):
    found = restored(SimpleNamespace(open=OnTheProcessor), pictures)
    for one, other in zip(found, restored(EagerBackend(), pictures), strict=True):
        for plane, truth in zip((one.y, one.cb, one.cr), (other.y, other.cb, other.cr), strict=True):
            assert np.abs(plane.astype(int) - truth).max() <= 1
