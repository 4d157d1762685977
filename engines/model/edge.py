"""The network that refines a key's edges: what it is, its weights, and how it runs on the processor without torch.

Six 3x3 convolutions at half resolution, the middle ones dilated and residual: twenty pixels of reach to each side, which
is what hair and motion blur take. It reads a picture in its screen's measure and adds to the alpha that colour alone gives.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import openvino as ov
from onnx import TensorProto, helper, numpy_helper
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from engines.errors import BadWeights
from engines.model.packing import PHASES

Floats = npt.NDArray[np.float32]
Tensors = dict[str, Floats]

INPUTS, WIDTH, OUTPUTS = 12, 24, 4
DILATIONS = (1, 1, 2, 4, 1)
"""Of the convolutions but the last."""
NAME = "matte-edge"


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor by name."""
    sizes = [(INPUTS, WIDTH), *[(WIDTH, WIDTH)] * (len(DILATIONS) - 1), (WIDTH, OUTPUTS)]
    found: dict[str, tuple[int, ...]] = {}
    for number, (before, after) in enumerate(sizes):
        found |= {f"conv{number}.weight": (after, before, 3, 3), f"conv{number}.bias": (after,)}
    return found


def packed(luma: Floats, along: Floats, beside: Floats, alpha: Floats) -> Floats:
    """Return what the network reads, `[12, H/2, W/2]`; H even."""
    full = [plane[row::2, column::2] for plane in (luma, alpha) for row, column in PHASES]
    half = [plane[row::2] for plane in (along, beside) for row in (0, 1)]
    return np.stack([*full, *half])


def unpacked(phases: Floats) -> Floats:
    """Return a plane `[H, W]` of its four phases `[4, H/2, W/2]`."""
    plane = np.empty((phases.shape[1] * 2, phases.shape[2] * 2), np.float32)
    for phase, (row, column) in zip(phases, PHASES, strict=True):
        plane[row::2, column::2] = phase
    return plane


@dataclass(frozen=True, slots=True)
class EdgeWeights:
    """Trained numbers of the network, and the card that tells how they were made."""

    tensors: Tensors
    card: dict[str, Any]


@lru_cache(maxsize=1)
def edge_weights() -> EdgeWeights:
    """Return the weights that ship with nearset.

    Raises:
        BadWeights: missing, truncated, of another topology, or not finite.
    """
    folder = resources.files("engines") / "model" / "base"
    try:
        tensors = load_tensors((folder / f"{NAME}.safetensors").read_bytes())
        card = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    except (OSError, SafetensorError, ValueError) as error:
        raise _bad(str(error)) from error
    if {name: array.shape for name, array in tensors.items()} != shapes():
        raise _bad("its layers are not those of the network")
    if not all(np.isfinite(array).all() for array in tensors.values()):
        raise _bad("it holds values that are not finite")
    return EdgeWeights(tensors, card)


class EdgeSession:
    """The network, compiled for one size."""

    def __init__(self, weights: EdgeWeights, height: int, width: int) -> None:
        core = ov.Core()
        model = core.read_model(_graph(weights.tensors, height // 2, width // 2).SerializeToString(), b"")
        self._request = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"}).create_infer_request()

    def __call__(self, inputs: Floats) -> Floats:
        """Return what is to be added to alpha, as phases `[4, H/2, W/2]`."""
        result = self._request.infer({"picture": inputs[None]})
        found: Floats = np.array(next(iter(result.values()))[0], np.float32)
        return found


def _graph(tensors: Tensors, height: int, width: int) -> onnx.ModelProto:
    nodes, before = [], "picture"
    for number, dilation in enumerate(DILATIONS):
        nodes.append(_conv(number, before, f"sum{number}", dilation))
        nodes.append(helper.make_node("Relu", [f"sum{number}"], [f"live{number}"]))
        if number:
            nodes.append(helper.make_node("Add", [f"live{number}", before], [f"kept{number}"]))
        before = f"kept{number}" if number else f"live{number}"
    nodes.append(_conv(len(DILATIONS), before, "added", 1))
    graph = helper.make_graph(
        nodes,
        NAME,
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, (1, INPUTS, height, width))],
        [helper.make_tensor_value_info("added", TensorProto.FLOAT, (1, OUTPUTS, height, width))],
        [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def _conv(number: int, before: str, after: str, dilation: int) -> onnx.NodeProto:
    names = [before, f"conv{number}.weight", f"conv{number}.bias"]
    return helper.make_node(
        "Conv", names, [after], kernel_shape=(3, 3), pads=(dilation,) * 4, dilations=(dilation,) * 2
    )


def _bad(why: str) -> BadWeights:
    return BadWeights(f"the weights {NAME} cannot be used", why=why, fix="install nearset again")
