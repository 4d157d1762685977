"""The network in torch: for training, and as the float32 reference that every engine is compared with."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.model.topology import GAIN, MEAN_SIDE, NOISE_SCALE, SLOPE, Layer, Topology
from engines.model.weights import Tensors, Weights


class Network(nn.Module):
    """The recurrent U-net that a topology describes; stateless, the caller carries the state."""

    def __init__(self, topology: Topology) -> None:
        super().__init__()
        self.topology = topology
        self.convolutions = nn.ModuleDict({layer.name: _convolution(layer) for layer in topology.layers})
        for layer in topology.layers:
            nn.init.kaiming_normal_(self._named(layer.name).weight, a=SLOPE)
            nn.init.zeros_(self._named(layer.name).bias)  # type: ignore[arg-type] # every layer has a bias
        with torch.no_grad():
            self._named("head").weight.mul_(GAIN)  # details are small numbers; the layers behind work near one
        nn.init.normal_(self._named("out").weight, std=1e-3)  # starts near the identity
        nn.init.normal_(self._named("gate").weight, std=1e-2)
        nn.init.constant_(self._named("gate").bias, -1.0)  # type: ignore[arg-type] # keeps a quarter of what was before

    def forward(
        self, now: Tensor, before: Tensor, output_before: Tensor, noise: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the restored picture and the next hidden state.

        Shape: pictures `[N, 8, h, w]`, noise `[N, 1, h, w]` (see NOISE_SCALE), hidden `[N, H, h, w]`; h and w are
        half the picture's and multiples of four. Range: code values / 1023; what is fed back as `output_before` is
        clamped to 0-1 by the caller, so that nothing can run away over a long clip.
        """
        detail, change, kept = ((part / noise) for part in (now - _local_mean(now), before - now, output_before - now))
        tensors = {"input": torch.cat((detail, change, kept, noise, hidden), dim=1)}
        for layer in self.topology.layers:
            value = self.convolutions[layer.name](tensors[layer.source])
            if layer.op == "up":
                value = functional.pixel_shuffle(value, 2)
            if layer.skip:
                value = value + tensors[layer.skip]
            if layer.op in {"conv", "down"}:
                value = functional.leaky_relu(value, SLOPE)
            elif layer.op == "gate":
                value = torch.sigmoid(value)
            elif layer.op == "state":
                value = torch.tanh(value)
            tensors[layer.name] = value
        return now + noise * torch.tanh(tensors["out"] + tensors["gate"] * kept), tensors["hidden"]

    def run(self, noisy: Tensor, deviation: Tensor) -> Iterator[Tensor]:
        """Yield the restored pictures of sequences `[T, N, 8, h, w]` whose luma noise is `[T, N, 1, h, w]`."""
        before = fed_back = noisy[0]
        hidden = noisy.new_zeros(noisy.shape[1], self.topology.hidden, *noisy.shape[-2:])
        for now, level in zip(noisy, deviation, strict=True):
            output, hidden = self(now, before, fed_back, level * NOISE_SCALE, hidden)
            before, fed_back = now, output.clamp(0, 1)
            yield output

    def _named(self, name: str) -> nn.Conv2d:
        layer = self.convolutions[name]
        assert isinstance(layer, nn.Conv2d)
        return layer


def network_of(weights: Weights) -> Network:
    """Return the network with these weights, ready to run."""
    network = Network(weights.topology)
    network.load_state_dict({f"convolutions.{name}": torch.from_numpy(x) for name, x in weights.tensors.items()})
    return network.eval()


def tensors_of(network: Network) -> Tensors:
    """Return a network's numbers under the topology's names, copied."""
    state = network.state_dict()
    return {name.removeprefix("convolutions."): value.contiguous().numpy().copy() for name, value in state.items()}


def _local_mean(picture: Tensor) -> Tensor:
    """Return the mean over a window of MEAN_SIDE, of what lies inside the picture."""
    side = MEAN_SIDE // 2
    down = functional.avg_pool2d(picture, (MEAN_SIDE, 1), 1, (side, 0), count_include_pad=False)
    return functional.avg_pool2d(down, (1, MEAN_SIDE), 1, (0, side), count_include_pad=False)


def _convolution(layer: Layer) -> nn.Conv2d:
    stride = 2 if layer.op == "down" else 1
    return nn.Conv2d(layer.inputs, layer.rows, layer.kernel, stride=stride, padding=layer.kernel // 2)
