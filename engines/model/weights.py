"""Weights of a network as a file: safetensors with a JSON card beside it that tells how they were made.

Content-addressed by digest, checked at loading: the right topology, the right shapes, finite numbers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from engines.errors import BadWeights
from engines.model.topology import Topology, topology
from engines.whole import write_whole

Tensors = dict[str, npt.NDArray[np.float32]]
"""Numbers of a network by name: `<layer>.weight` `[out, in, k, k]` and `<layer>.bias` `[out]`."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Trained numbers of one topology, float32."""

    topology: Topology
    tensors: Tensors
    card: dict[str, Any]
    digest: str

    @property
    def name(self) -> str:
        """Name for records: topology and the first twelve digits of the digest."""
        return f"{self.topology.name}@{self.digest[:12]}"

    def with_tensors(self, tensors: Tensors) -> Weights:
        """Return other numbers of the same topology, named by their own digest."""
        return Weights(self.topology, tensors, {}, hashlib.sha256(save_tensors(tensors)).hexdigest())


def load_weights(path: Path, size: str) -> Weights:
    """Return the weights in a file, checked against the topology of a size.

    Raises:
        BadWeights: truncated, of another topology, or not finite.
    """
    data = path.read_bytes()
    try:
        tensors = load_tensors(data)
    except (SafetensorError, ValueError) as error:
        raise _bad(path, str(error)) from error
    network = topology(size)
    check_tensors(network, tensors, path)
    card_path = path.with_suffix(".json")
    card = json.loads(card_path.read_text(encoding="utf-8")) if card_path.exists() else {}
    if card.get("topology", network.digest) != network.digest:
        raise _bad(path, f"its card names the topology {card['topology']}, and {network.name} is {network.digest}")
    return Weights(network, tensors, card, hashlib.sha256(data).hexdigest())


def base_weights(size: str) -> Weights:
    """Return the base weights of a size that ship with nearset."""
    with resources.as_file(
        resources.files("engines") / "model" / "base" / f"{topology(size).name}.safetensors"
    ) as path:
        if not path.exists():
            raise BadWeights(
                f"there are no base weights of size {size}",
                why="this version ships others",
                fix="set enhance.restore.model to one that `nearset config schema` lists",
            )
        return load_weights(path, size)


def save_weights(path: Path, tensors: Tensors, card: dict[str, Any]) -> None:
    """Write tensors and their card, whole, under their final names."""
    for target, data in (
        (path, save_tensors(tensors)),
        (path.with_suffix(".json"), (json.dumps(card, indent=2, sort_keys=True) + "\n").encode()),
    ):
        write_whole(target, data)


def check_tensors(network: Topology, tensors: Tensors, path: Path) -> None:
    """Raise BadWeights unless the tensors are exactly the topology's, float32 and finite."""
    wanted = {f"{layer.name}.weight": layer.weight_shape for layer in network.layers} | {
        f"{layer.name}.bias": (layer.rows,) for layer in network.layers
    }
    if wanted.keys() != tensors.keys():
        raise _bad(path, f"its layers are not those of {network.name}")
    for name, shape in wanted.items():
        array = tensors[name]
        if array.shape != shape or array.dtype != np.float32:
            raise _bad(path, f"{name} is {array.dtype}{list(array.shape)}, not float32{list(shape)}")
        if not np.isfinite(array).all():
            raise _bad(path, f"{name} holds values that are not finite")


def _bad(path: Path, why: str) -> BadWeights:
    return BadWeights(
        f"{path.name} cannot be used", why=why, fix="restore the file from where it came, or train it again"
    )
