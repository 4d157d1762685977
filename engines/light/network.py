"""The illumination network in torch: for training, and as the float32 reference that engines are compared with."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.model.network import bounded, convolutions, through
from engines.model.topology import RELIGHT, topology
from engines.model.weights import Weights

LUMA = (0.2126, 0.7152, 0.0722)
"""What red, green and blue weigh. Source: ITU-R BT.709-6, item 3.2; in stops here, so that light and paint add."""


class LightNetwork(nn.Module):
    """What share of a picture's variation is the light's, and how bright the light is beside that."""

    def __init__(self) -> None:
        super().__init__()
        self.topology = topology(RELIGHT)
        self.convolutions = convolutions(self.topology)
        last = self.convolutions["last"]
        assert isinstance(last, nn.Conv2d)
        nn.init.normal_(last.weight, std=1e-2)

    def forward(self, stops: Tensor) -> Tensor:
        """Return the coefficients `[N, 2, h/4, w/4]`, share 0-1 and light in stops, of a picture `[N, 3, h, w]`.

        Range: stops of scene-linear red, green and blue less their mean luma; h and w are multiples of LIGHT_GRID.
        """
        share, light = torch.split(through(self.topology, self.convolutions, stops), 1, 1)
        return torch.cat(((bounded(share) + 1) / 2, light), 1)

    def light(self, stops: Tensor) -> Tensor:
        """Return the light in stops `[N, 1, h, w]`, less the picture's mean, of any picture's stops `[N, 3, h, w]`.

        Where the picture is twice as bright, so is the light: what is read is less the mean, which is added again.
        """
        luma = luma_of(stops)
        mean = luma.mean((1, 2, 3), keepdim=True)
        coefficients = functional.interpolate(
            self(stops - mean), size=stops.shape[-2:], mode="bilinear", align_corners=False
        )
        return coefficients[:, :1] * (luma - mean) + coefficients[:, 1:] + mean


def luma_of(stops: Tensor) -> Tensor:
    """Return luma in stops `[N, 1, h, w]`: the weighted mean of the channels' stops."""
    return (stops * stops.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def light_network_of(weights: Weights) -> LightNetwork:
    """Return the network with these weights, ready to run."""
    network = LightNetwork()
    network.load_state_dict({f"convolutions.{name}": torch.from_numpy(x) for name, x in weights.tensors.items()})
    return network.eval()
