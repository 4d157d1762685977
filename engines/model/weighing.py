"""The last word on a still: a small network weighs its estimates, sample by sample, and adds what all of them miss.

A wall wants the wide average, print the near one, fur what was filmed; no number of a whole picture tells how much of
each is best (docs/log.md, 2026-11-28). The network is one for every production and every engine: the estimates are the
production's own, and a still, of which there are few, is weighed on the processor in whole precision.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import onnx
from onnx import helper

from engines.media.frames import Picture
from engines.model.estimates import Estimates
from engines.model.onnx_graph import (
    changed_nodes,
    constant,
    layer_nodes,
    model_of,
    output_nodes,
    read_nodes,
    taken_nodes,
    tensor,
)
from engines.model.packing import Packed, pack, planes_of, whole_codes
from engines.model.topology import ESTIMATES, NOISE_CHANNELS, PICTURE_CHANNELS, WEIGHING
from engines.model.trust import believed, shown
from engines.model.weights import Weights, base_weights
from engines.openvino_core import compiled, ov

_INPUTS = ("filmed", "near", "wide", "restored", "noise")
_GATED = ("near", "wide", "restored")
_HALF = 0.5
"""How far the network takes luma from the near estimate, which no training has seen, in a picture that shows no noise
by itself; in others all the way, where what it takes may be noise (`trust.py`)."""
_SURE = 0.85
"""How far a picture goes that shows no noise by itself: what was filmed is never far wrong."""
_TURNED = {PICTURE_CHANNELS: [3, 2, 1, 0, 5, 4, 7, 6], NOISE_CHANNELS: [0, 1, 2]}
"""Where a packed picture's samples are, and what is told of its noise, once it is turned upside down."""
_LUMA = np.array([1] * 4 + [0] * 4, np.float32).reshape(1, -1, 1, 1)


def weighed(filmed: Picture, found: Estimates) -> Picture:
    """Return the still, of what was filmed and its estimates.

    Raises:
        BadWeights: the file that came with nearset is gone or damaged.
    """
    packed = [pack(one) for one in (filmed, found.near, found.wide, found.restored)]
    source, near, *_ = packed
    told, by_itself = found.noise.noise_map(source), shown(filmed, found.noise)
    said = _seen_twice(*packed, told)
    doubted = 1 - believed(source - said, told) * np.float32(_HALF + (1 - _HALF) * by_itself)
    whole = said + _LUMA * doubted * (near - said)
    made = source + np.float32(_SURE + (1 - _SURE) * by_itself) * (whole - source)
    return Picture(filmed.number, *planes_of(whole_codes(made, source), filmed))


def weighing_graph(weights: Weights, height: int, width: int) -> onnx.ModelProto:
    """Return the model for packed pictures of `height` x `width`, batch one; see `WeighingNetwork.forward`.

    Raises:
        ValueError: height or width is no multiple of four.
    """
    if height % 4 or width % 4:
        raise ValueError(f"{height}x{width} is not on the network's grid of four")
    nodes = [
        constant("parts", [PICTURE_CHANNELS] * (1 + ESTIMATES), np.int64),
        *read_nodes("filmed"),
        *(node for name in _GATED for node in changed_nodes(name, "filmed", f"{name}_change")),
        helper.make_node(
            "Concat",
            ["detail_softened", "near_change_softened", "noise", "wide_change_softened", "restored_change_softened"],
            ["input"],
            axis=1,
        ),
        *(node for layer in weights.topology.layers for node in layer_nodes(layer)),
        helper.make_node("Split", ["last", "parts"], ["out", *(f"{name}_gate" for name in _GATED)], axis=1),
        *(node for name in _GATED for node in taken_nodes(f"{name}_gate", f"{name}_change", f"{name}_taken")),
        helper.make_node("Sum", ["out", *(f"{name}_taken" for name in _GATED)], ["wanted"]),
        *output_nodes("filmed", "wanted"),
    ]
    channels = [PICTURE_CHANNELS] * (1 + ESTIMATES) + [NOISE_CHANNELS]
    read = [tensor(name, count, height, width) for name, count in zip(_INPUTS, channels, strict=True)]
    given = [tensor("output", PICTURE_CHANNELS, height, width)]
    return model_of(weights.topology.name, nodes, read, given, weights.tensors)


@lru_cache(1)
def _compiled(height: int, width: int) -> ov.CompiledModel:
    return compiled(weighing_graph(base_weights(WEIGHING), height, width), "f32")


def _seen_twice(*read: Packed) -> Packed:
    """Return what the network makes of a still on the mean, as it is and turned upside down: it errs otherwise there.

    0.03 dB of real photographs, 0.05 of made ones, 0.07 of noise put on; two more ways round add 0.01 to 0.03
    (2026-11-28).
    """
    turned = _turned(_run(*(_turned(one) for one in read)))
    return (_run(*read) + turned) * np.float32(0.5)


def _turned(packed: Packed) -> Packed:
    """Return a packed picture, or what is told of its noise, turned by half a circle."""
    return packed[:, _TURNED[packed.shape[1]], ::-1, ::-1]


def _run(*read: Packed) -> Packed:
    """Return what the network makes of what it reads, in `_INPUTS`' order."""
    request = _compiled(*read[0].shape[2:]).create_infer_request()
    for name, array in zip(_INPUTS, read, strict=True):
        request.set_tensor(name, ov.Tensor(np.ascontiguousarray(array, np.float32), shared_memory=True))
    request.infer()
    made: Packed = request.get_tensor("output").data.copy()
    return made
