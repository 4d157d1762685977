"""The network that refines a key's edges: what it is, its weights, and how it runs on the processor without torch.

Six 3x3 convolutions at half resolution, the middle ones dilated and residual, reach as far as hair and motion blur
take; two more at a sixteenth tell them where they are, deep in an actor or at his edge, since screen's light on a
grey coat looks like a thin veil. It reads a picture in its screen's measure and adds to the alpha that colour alone
gives.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from engines.errors import BadWeights
from engines.model.packing import PHASES
from engines.openvino_core import compiled

Floats = npt.NDArray[np.float32]
Tensors = dict[str, Floats]

INPUTS, WIDTH, OUTPUTS = 12, 24, 4
DILATIONS = (1, 1, 2, 4, 1)
"""Of the convolutions but the last."""
AROUND, AROUND_DILATIONS = 8, (1, 2)
"""Packed pixels that are one for the convolutions that see far, and those convolutions' dilations."""
GRID = 2 * AROUND
"""Pixels that a picture's sides are padded to a multiple of."""
_PRECISION = "f32"
"""Whole precision: alpha of ten bits shows what bfloat16 rounds away."""
NAME = "matte-edge"


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor by name."""
    sizes = [(INPUTS, WIDTH), *[(WIDTH, WIDTH)] * (len(DILATIONS) - 1), (WIDTH, OUTPUTS)]
    around = [(INPUTS, WIDTH), (WIDTH, WIDTH)]
    named = [(f"conv{number}", *size) for number, size in enumerate(sizes)]
    named += [(f"around{number}", *size) for number, size in enumerate(around)]
    found: dict[str, tuple[int, ...]] = {}
    for name, before, after in named:
        found |= {f"{name}.weight": (after, before, 3, 3), f"{name}.bias": (after,)}
    return found


def packed(luma: Floats, along: Floats, beside: Floats, alpha: Floats) -> Floats:
    """Return what the network reads, `[12, H/2, W/2]`; H and W even."""
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
    digest: str

    @property
    def name(self) -> str:
        """Name for records: the network and the first twelve digits of its weights' digest."""
        return f"{NAME}@{self.digest[:12]}"


@lru_cache(maxsize=1)
def edge_weights() -> EdgeWeights:
    """Return the weights that ship with nearset.

    Raises:
        BadWeights: missing, truncated, of another topology, or not finite.
    """
    folder = resources.files("engines") / "model" / "base"
    try:
        data = (folder / f"{NAME}.safetensors").read_bytes()
        tensors = load_tensors(data)
        card = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    except (OSError, SafetensorError, ValueError) as error:
        raise _bad(str(error)) from error
    if {name: array.shape for name, array in tensors.items()} != shapes():
        raise _bad("its layers are not those of the network")
    if not all(np.isfinite(array).all() for array in tensors.values()):
        raise _bad("it holds values that are not finite")
    return EdgeWeights(tensors, card, hashlib.sha256(data).hexdigest())


class EdgeSession:
    """The network, compiled for one size."""

    def __init__(self, weights: EdgeWeights, height: int, width: int) -> None:
        self._height, self._width = height, width
        rows, columns = -(-height // GRID) * GRID, -(-width // GRID) * GRID
        self._beyond = (rows - height, columns - width)
        graph = _graph(weights.tensors, rows // 2, columns // 2)
        self._request = compiled(graph, _PRECISION).create_infer_request()

    def __call__(self, luma: Floats, along: Floats, beside: Floats, alpha: Floats) -> Floats:
        """Return what is to be added to alpha `[H, W]`; luma and alpha are `[H, W]`, the others `[H, W/2]`."""
        below, right = self._beyond
        full = [np.pad(plane, ((0, below), (0, right)), "edge") for plane in (luma, alpha)]
        half = [np.pad(plane, ((0, below), (0, right // 2)), "edge") for plane in (along, beside)]
        result = self._request.infer({"picture": packed(full[0], half[0], half[1], full[1])[None]})
        phases: Floats = np.array(next(iter(result.values()))[0], np.float32)
        return unpacked(phases)[: self._height, : self._width]


def _graph(tensors: Tensors, height: int, width: int) -> onnx.ModelProto:
    side = (AROUND, AROUND)
    nodes = [
        helper.make_node("AveragePool", ["picture"], ["coarse"], kernel_shape=side, strides=side),
        *_live("around0", "coarse", AROUND_DILATIONS[0]),
        *_live("around1", "around0_live", AROUND_DILATIONS[1]),
        helper.make_node(
            "Resize",
            ["around1_live", "", "wider"],
            ["around"],
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        ),
        *_live("conv0", "picture", DILATIONS[0]),
        helper.make_node("Add", ["conv0_live", "around"], ["kept0"]),
    ]
    for number, dilation in list(enumerate(DILATIONS))[1:]:
        nodes += _live(f"conv{number}", f"kept{number - 1}", dilation)
        nodes.append(helper.make_node("Add", [f"conv{number}_live", f"kept{number - 1}"], [f"kept{number}"]))
    nodes.append(_conv(f"conv{len(DILATIONS)}", f"kept{len(DILATIONS) - 1}", "added", 1))
    wider = numpy_helper.from_array(np.array((1, 1, AROUND, AROUND), np.float32), "wider")
    kernels = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in tensors.items()]
    graph = helper.make_graph(
        nodes,
        NAME,
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, (1, INPUTS, height, width))],
        [helper.make_tensor_value_info("added", TensorProto.FLOAT, (1, OUTPUTS, height, width))],
        [wider, *kernels],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def _live(name: str, before: str, dilation: int) -> list[onnx.NodeProto]:
    return [_conv(name, before, name, dilation), helper.make_node("Relu", [name], [f"{name}_live"])]


def _conv(name: str, before: str, after: str, dilation: int) -> onnx.NodeProto:
    inputs = [before, f"{name}.weight", f"{name}.bias"]
    return helper.make_node(
        "Conv", inputs, [after], kernel_shape=(3, 3), pads=(dilation,) * 4, dilations=(dilation,) * 2
    )


def _bad(why: str) -> BadWeights:
    return BadWeights(f"the weights {NAME} cannot be used", why=why, fix="install nearset again")
