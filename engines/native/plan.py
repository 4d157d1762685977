"""A network laid out for the machine code: its stages in order, their kernels, and the tensors between them."""

from __future__ import annotations

import ctypes
import os
from enum import IntEnum

import numpy as np

from engines.model.packing import Codes
from engines.model.topology import NOISE_CHANNELS, NOISE_SCALE, PICTURE_CHANNELS, SLOPE, Layer
from engines.model.weights import Weights
from engines.native.library import Stage, Step, library
from engines.native.tensors import (
    LANES,
    Floats,
    address,
    aligned,
    bordered,
    phased_kernels,
    plain_kernels,
    scratch_floats,
    tiled_kernels,
)


class _Kind(IntEnum):
    CARRY, PREPARE, CONVOLVE, DOWN, UP, LAST = range(6)


_KINDS = {"conv": _Kind.CONVOLVE, "down": _Kind.DOWN, "up": _Kind.UP, "last": _Kind.LAST}
_KERNELS = {"conv": tiled_kernels, "down": plain_kernels, "up": phased_kernels, "last": tiled_kernels}
_TOLD = -(-NOISE_CHANNELS // LANES) * LANES
"""Channels that hold what is told of the noise."""


class Plan:
    """One network at one size, with the memory that it works in and what it keeps of the past; one step at a time."""

    def __init__(self, weights: Weights, height: int, width: int) -> None:
        """Lay out a network for packed pictures of `height` x `width`.

        Raises:
            ValueError: the size is off the network's grid of four.
            BackendUnavailable: it cannot run here.
        """
        if height % 4 or width % 4:
            raise ValueError(f"{height}x{width} is not on the network's grid of four")
        self._library, self._weights, self._size = library(), weights, (height, width)
        self._kept: list[Floats] = []
        self._tensors: dict[str, tuple[Floats, int, int]] = {}
        self._hidden, self._threads = weights.topology.hidden, len(os.sched_getaffinity(0))
        self._made("input", height, width, 2 * PICTURE_CHANNELS + self._hidden + _TOLD)
        stages = [self._around(_Kind.CARRY), self._around(_Kind.PREPARE)]
        stages += [self._stage(layer) for layer in weights.topology.layers]
        self._stages = (Stage * len(stages))(*stages)
        most = max(scratch_floats(stage.inputs, stage.outputs, width) for stage in stages)
        self._scratch = aligned((self._threads, most + (-most) % 16))
        pixels = height * width
        self._past = [aligned((pixels, channels)) for channels in (LANES, LANES, 4, 4, self._hidden)]
        self._fresh = True

    def step(
        self, now: Floats, noise: Floats, motion: Floats | None, output: Floats, codes: Codes | None = None
    ) -> None:
        """Take the network through a picture, into `output`, clamped to 0-1, and `codes`, as `whole_codes` gives them.

        Shape: `now`, `output` and `codes` `[1, 8, h, w]`, noise `[1, 3, h, w]`, motion to the picture of the step
        before `[h, w, 2]`; the first step after a reset looks at none. Range: code values / 1023, of `codes` whole.
        """
        height, width = self._size
        assert now.shape == output.shape == (1, PICTURE_CHANNELS, height, width)
        assert output.flags.c_contiguous
        assert codes is None or (codes.shape == output.shape and codes.flags.c_contiguous)
        motion = motion if motion is not None and not self._fresh else np.zeros((height, width, 2), np.float32)
        read = [np.ascontiguousarray(one, np.float32) for one in (now, noise, motion)]
        places = (address(one) for one in (*read, output, *self._past))
        wanted = None if codes is None else address(codes)
        step = Step(height, width, self._hidden, self._fresh, NOISE_SCALE, *places, wanted)
        wrong = self._library.nearset_step(
            ctypes.byref(self._stages),
            len(self._stages),
            ctypes.byref(step),
            address(self._scratch),
            self._scratch.shape[1],
            self._threads,
        )
        assert not wrong, "a plan that is too long"
        self._fresh = False

    def reset(self) -> None:
        """Forget the past."""
        self._fresh = True

    def _around(self, kind: _Kind) -> Stage:
        """Return a stage before the layers; it writes what the first one reads."""
        tensor, height, width = self._tensors["input"]
        return Stage(kind, height, width, 0, 0, tensor.shape[2], target=address(tensor))

    def _stage(self, layer: Layer) -> Stage:
        source, height, width = self._tensors[layer.source]
        inputs = source.shape[2]
        kernels, bias = (self._weights.tensors[f"{layer.name}.{part}"] for part in ("weight", "bias"))
        if layer.source == "input":
            kernels = self._told_last(kernels)
        if layer.op == "up":
            bias = bias.reshape(-1, 4).T
        doubled, halved = (layer.op == "up") + 1, (layer.op == "down") + 1
        return Stage(
            _KINDS[layer.op],
            height,
            width,
            inputs,
            kernels.shape[1],
            layer.outputs,
            SLOPE if layer.op in {"conv", "down"} else 1,
            address(source),
            address(self._tensors[layer.skip][0]) if layer.skip else None,
            address(self._buffer(_KERNELS[layer.op](kernels))),
            address(self._buffer(np.ascontiguousarray(bias, np.float32))),
            self._made(layer.name, height * doubled // halved, width * doubled // halved, layer.outputs),
        )

    def _told_last(self, kernels: Floats) -> Floats:
        """Return the first layer's kernels with the noise after the state, which has whole lanes."""
        pictures = 2 * PICTURE_CHANNELS
        order = [*range(pictures), *range(pictures + NOISE_CHANNELS, kernels.shape[1])]
        return kernels[:, [*order, *range(pictures, pictures + NOISE_CHANNELS)]]

    def _made(self, name: str, height: int, width: int, channels: int) -> int:
        tensor = self._buffer(bordered(height, width, channels))
        self._tensors[name] = tensor, height, width
        return address(tensor)

    def _buffer(self, array: Floats) -> Floats:
        self._kept.append(array)
        return array
