"""The weighing network in torch: for training, and as the float32 reference that the engine is compared with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from engines.model.network import bounded, convolutions, local_mean, softened, tensors_of, through
from engines.model.resized import lay_into
from engines.model.topology import ESTIMATES, NOISE_SCALE, PICTURE_CHANNELS, WEIGHING, topology
from engines.model.weights import Weights

_FURTHER = np.float32(0.1)
"""Of its random numbers, what a further layer begins with beside letting through what comes."""


class WeighingNetwork(nn.Module):
    """What of each estimate of a still to take, sample by sample, and what all of them miss."""

    def __init__(self) -> None:
        super().__init__()
        self.topology = topology(WEIGHING)
        self.convolutions = convolutions(self.topology)

    def forward(self, filmed: Tensor, estimates: Tensor, noise: Tensor) -> Tensor:
        """Return the still `[N, 8, h, w]` of what was filmed and its estimates `[N, E, 8, h, w]`, near one first.

        Range: code values / 1023; noise `[N, 3, h, w]` (`NoiseProfile.noise_map`); h and w are multiples of four.
        """
        unit = torch.cat((noise[:, :1].expand(-1, 4, -1, -1), noise[:, 1:2].expand(-1, 4, -1, -1)), 1)
        deviation = unit / NOISE_SCALE
        detail = softened((filmed - local_mean(filmed)) / deviation)
        changes = [(estimate - filmed) / deviation for estimate in estimates.unbind(1)]
        near, *others = [softened(change) for change in changes]
        last = through(self.topology, self.convolutions, torch.cat((detail, near, noise, *others), 1)).float()
        out, *gates = torch.split(last, [PICTURE_CHANNELS] * (1 + ESTIMATES), 1)
        shares = [(bounded(gate) + 1) / 2 for gate in gates]
        wanted = out + torch.stack([share * change for share, change in zip(shares, changes, strict=True)]).sum(0)
        return filmed + unit * bounded(wanted / NOISE_SCALE)


def weighing_network_of(weights: Weights) -> WeighingNetwork:
    """Return the network with these weights, ready to run."""
    network = WeighingNetwork()
    network.load_state_dict({f"convolutions.{name}": torch.from_numpy(x) for name, x in weights.tensors.items()})
    return network.eval()


def grown(restoration: Weights, less: float) -> WeighingNetwork:
    """Return the network as it starts, of restoration's numbers; its hidden state counts so much `less` at first.

    What it has learned of pictures and noise holds for a still, and what leans on the picture before leans on the near
    estimate. The hidden state's place is taken by the other estimates. New channels begin at random and unheard
    (`resized.py`), further layers nearly let through what comes.
    """
    network, others = WeighingNetwork(), PICTURE_CHANNELS * (ESTIMATES - 1)
    tensors, known = tensors_of(network), restoration.tensors
    lay_into(tensors, known)
    for layer in network.topology.layers:
        weight = f"{layer.name}.weight"
        if weight not in known:
            tensors[weight] *= _FURTHER
            tensors[weight][:, :, 1, 1] += np.eye(layer.outputs, dtype=np.float32)
    tensors["head.weight"][:, -others:] *= less
    tensors["last.weight"][-others:] *= less
    tensors["last.bias"][-others:] = -1.5  # a tenth of each
    network.load_state_dict({f"convolutions.{name}": torch.from_numpy(x) for name, x in tensors.items()})
    return network
