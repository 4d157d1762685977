"""The network in torch: for training, and as the float32 reference that every engine is compared with."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.model.carry_torch import carried_batch, carried_states, flows
from engines.model.topology import MEAN_SIDE, NOISE_SCALE, PICTURE_CHANNELS, SLOPE, Layer, Topology
from engines.model.weights import Tensors, Weights


class Network(nn.Module):
    """The recurrent U-net that a topology describes; stateless, the caller carries the state."""

    def __init__(self, topology: Topology) -> None:
        super().__init__()
        self.topology = topology
        self.convolutions = convolutions(topology)
        last, bias = self._named("last").weight, self._named("last").bias
        gates = slice(PICTURE_CHANNELS, 2 * PICTURE_CHANNELS)
        nn.init.normal_(last, std=1e-2)
        nn.init.normal_(last[:PICTURE_CHANNELS], std=1e-3)  # starts near the identity
        nn.init.constant_(bias[gates], -1.0)  # type: ignore[index] # keeps a quarter of what was before

    def forward(self, now: Tensor, carried: Tensor, noise: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return the restored picture and the next hidden state.

        Shape: pictures `[N, 8, h, w]`, noise `[N, 3, h, w]` (`NoiseProfile.noise_map`), hidden `[N, H, h, w]`; h and w
        are half the picture's and multiples of four. Range: code values / 1023; `carried` is the output before,
        clamped to 0-1 by the caller, so that nothing can run away over a long clip.
        """
        unit = torch.cat((noise[:, :1].expand(-1, 4, -1, -1), noise[:, 1:2].expand(-1, 4, -1, -1)), 1)
        deviation = unit / NOISE_SCALE
        detail, change = (now - local_mean(now)) / deviation, (carried - now) / deviation
        last = through(
            self.topology, self.convolutions, torch.cat((softened(detail), softened(change), noise, hidden), dim=1)
        )
        out, gate, state = torch.split(last, [PICTURE_CHANNELS, PICTURE_CHANNELS, self.topology.hidden], 1)
        wanted = (out + (bounded(gate) + 1) / 2 * change) / NOISE_SCALE
        return now + unit * bounded(wanted), bounded(state)

    def run(self, noisy: Tensor, noise: Tensor, motion: Tensor | None = None) -> Iterator[Tensor]:
        """Yield the restored pictures of sequences `[T, N, 8, h, w]` whose noise is told as `[T, N, 3, h, w]`.

        `motion` is that of each picture from the one before, `[T-1, N, h, w, 2]`; found here where not given.
        """
        output, hidden = noisy[0], noisy.new_zeros(noisy.shape[1], self.topology.hidden, *noisy.shape[-2:])
        for number, (now, told) in enumerate(zip(noisy, noise, strict=True)):
            carried = output.float().clamp(0, 1)
            if number:
                moved = flows(now, noisy[number - 1]) if motion is None else motion[number - 1]
                carried, hidden = carried_batch(carried, moved), carried_states(hidden.float(), moved)
            output, hidden = self(now, carried, told, hidden)
            yield output

    def from_both_ends(self, pictures: Tensor, noise: Tensor) -> Tensor:
        """Return one sequence `[T, 8, h, w]` restored on the way there and on the way back: the mean of both.

        Better than either: a picture early in the sequence has no past yet, but a future.
        """
        with torch.inference_mode():
            there = torch.cat(list(self.run(pictures[:, None], noise[:, None])))
            back = torch.cat(list(self.run(pictures.flip(0)[:, None], noise.flip(0)[:, None]))).flip(0)
        return ((there + back) / 2).clamp(0, 1).clone()

    def _named(self, name: str) -> nn.Conv2d:
        layer = self.convolutions[name]
        assert isinstance(layer, nn.Conv2d)
        return layer


def convolutions(topology: Topology) -> nn.ModuleDict:
    """Return the convolutions of a topology by name, drawn at random; every bias is zero."""
    made = nn.ModuleDict({layer.name: _convolution(layer) for layer in topology.layers})
    for convolution in made.values():
        assert isinstance(convolution, nn.Conv2d)
        nn.init.kaiming_normal_(convolution.weight, a=SLOPE)
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type] # every layer has a bias
    return made


def through(topology: Topology, convolutions: nn.ModuleDict, value: Tensor) -> Tensor:
    """Return what the last layer makes of the network's input `[N, C, h, w]`."""
    tensors = {"input": value}
    for layer in topology.layers:
        value = convolutions[layer.name](tensors[layer.source])
        if layer.op == "up":
            value = functional.pixel_shuffle(value, 2)
        if layer.skip:
            value = value + tensors[layer.skip]
        if layer.op in {"conv", "down"}:
            value = functional.leaky_relu(value, SLOPE)
        tensors[layer.name] = value
    return value


def network_of(weights: Weights) -> Network:
    """Return the network with these weights, ready to run."""
    network = Network(weights.topology)
    network.load_state_dict({f"convolutions.{name}": torch.from_numpy(x) for name, x in weights.tensors.items()})
    return network.eval()


def tensors_of(network: nn.Module) -> Tensors:
    """Return a network's numbers under the topology's names, copied."""
    state = network.state_dict()
    return {
        name.removeprefix("convolutions."): value.cpu().contiguous().numpy().copy() for name, value in state.items()
    }


def softened(in_noise: Tensor) -> Tensor:
    """Return what is measured in the noise with its large values drawn in: x / sqrt(1 + |x|)."""
    return in_noise * torch.rsqrt(1 + in_noise.abs())


def bounded(value: Tensor) -> Tensor:
    """Return a value drawn in to between -1 and 1: x / sqrt(1 + x^2), which a CPU does in a third of a tanh's time."""
    return value * torch.rsqrt(1 + value * value)


def local_mean(picture: Tensor) -> Tensor:
    """Return the mean over a window of MEAN_SIDE, of what lies inside the picture.

    Sums of shifted pictures: torch's average pooling takes two to four times as long (2026-11-28).
    """
    return _mean_along(_mean_along(picture, 2), 3)


def _mean_along(picture: Tensor, axis: int) -> Tensor:
    """Return the mean over a window along an axis, of what lies inside."""
    side, length = MEAN_SIDE // 2, picture.shape[axis]
    beside = (side, side) if axis == picture.ndim - 1 else (0, 0, side, side)
    padded = functional.pad(picture, beside)
    total = sum((padded.narrow(axis, shift, length) for shift in range(1, MEAN_SIDE)), padded.narrow(axis, 0, length))
    at = torch.arange(length, device=picture.device)
    inside = (at + side).clamp(max=length - 1) - (at - side).clamp(min=0) + 1
    return total / inside.view(-1, *[1] * (picture.ndim - 1 - axis))


def _convolution(layer: Layer) -> nn.Conv2d:
    stride = 2 if layer.op == "down" else 1
    return nn.Conv2d(layer.inputs, layer.rows, layer.kernel, stride=stride, padding=layer.kernel // 2)
