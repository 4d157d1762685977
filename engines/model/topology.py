"""The networks described once: layers, tensors, sizes. Pure data, no tensor library.

Two interpreters read it: `network.py` (torch: training and the reference) and `onnx_graph.py` (every other
back-end). So the two cannot drift apart, and initialiser names stay stable for engines that are refitted.

Restoration is a streaming, causal, recurrent U-net at half resolution on Y'CbCr 4:2:2 code values. One step takes the
picture less its local mean and how the restored picture before, carried along the motion (`carry.py`), differs from it
(differences stay exact where bfloat16 would round code values away), both divided by the noise's deviation and drawn in
where they are large, what is told of the noise, and the hidden state, carried too:

    in 8+8+3+h -> [head] c1 -> [enc1] c1 -> [down1] c2 -> [enc2] c2 -> [down2] c3 -> [mid] c3
               -> [up2] c2 (+ enc2) -> [dec2] c2 -> [up1] c1 (+ enc1) -> [dec1] c1 -> [last] 8 out + 8 gate + h hidden

Eight channels a picture: luma unshuffled by two (4), Cb and Cr unshuffled by two down the lines (2 + 2), so
that no colour is converted and no chroma resampled. The gate says of each sample how much of the picture before to
keep: what can be followed is averaged over the whole shot, as no filter of a few frames can. What is added to the
picture, (out + gate * how the carried one differs) deviations drawn in by x / sqrt(1 + x^2), is never more than
NOISE_SCALE of them: little can change where little noise is told, and nothing can run away over a long clip.

Source: the scheme is the recurrent half-resolution U-net of the project's model notes; widths by what a frame
costs on the CPU (2026-11-25, docs/log.md).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

PICTURE_CHANNELS = 8
"""Channels of one packed 4:2:2 picture at half resolution."""
NOISE_CHANNELS = 3
"""What is told of the noise: luma's deviation, chroma's, and how coarse luma's is (see `noise.py`)."""
NOISE_SCALE = 8.0
"""Deviations are told in code values / 1023 times this, so that they weigh like a picture."""
MEAN_SIDE = 9
"""Packed pixels of the window whose mean is taken from the picture before the first layer, so that what is divided
by the noise is detail and not brightness. By itself it made learning no faster (2026-11-24, docs/log.md)."""
SCHEME = 5
"""Number of the input and output scheme described above; raise it with any change that old weights would not fit."""
GRID = 8
"""Rows and columns of a picture are padded to a multiple of this: two for packing, four for two scales."""

SLOPE = 0.1
"""Slope of the leaky ReLU below zero. With a plain ReLU and a last layer of zeros the network stayed the identity;
both were changed at once (2026-11-24, docs/log.md)."""

Op = Literal["conv", "down", "up", "last"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution: 3x3 with bias.

    `conv` keeps the raster and ends in a leaky ReLU; `down` halves it and does so too; `up` is 1x1 to four times
    `outputs` and a depth-to-space by two; `last` keeps the raster and ends in none.
    `source` and `skip` name the tensors read; a skip is added to the result.
    """

    name: str
    op: Op
    inputs: int
    outputs: int
    source: str
    skip: str = ""

    @property
    def kernel(self) -> int:
        """Side of the kernel."""
        return 1 if self.op == "up" else 3

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape `[out, in, k, k]` of the weights."""
        return (self.rows, self.inputs, self.kernel, self.kernel)

    @property
    def rows(self) -> int:
        """Output channels of the convolution itself."""
        return self.outputs * 4 if self.op == "up" else self.outputs


@dataclass(frozen=True, slots=True)
class Topology:
    """A network: its size by name, its channels and its layers in order.

    Restoration's last layer gives the residual (8 channels), the gate (8) and the next hidden state. The last two are
    drawn in to bounds, so that what is carried from frame to frame stays bounded over any length. `scheme` tells, with
    the layers, what goes in and comes out.
    """

    name: str
    hidden: int
    layers: tuple[Layer, ...]
    scheme: str

    @property
    def parameters(self) -> int:
        """Count of trained numbers."""
        return sum(layer.rows * layer.inputs * layer.kernel**2 + layer.rows for layer in self.layers)

    @property
    def digest(self) -> str:
        """Digest that names the topology; weights and engines carry it."""
        text = json.dumps([[x.name, x.op, x.inputs, x.outputs, x.source, x.skip] for x in self.layers])
        return hashlib.sha256(f"{self.scheme}:{text}".encode()).hexdigest()[:16]


_WIDTHS = {
    "nano": (8, 16, 32),
    "lite": (16, 24, 48),
    "start": (16, 32, 64),  # trained first; lite is thinned from it and mid grown (resized.py)
    "mid": (32, 64, 96),
    "full": (48, 96, 160),
}
SIZES = tuple(_WIDTHS)
"""The sizes of restoration."""
_HIDDEN = {"nano": 8, "lite": 8, "start": 8, "mid": 16, "full": 24}


RELIGHT = "relight"
"""The size by which the illumination network goes; there is one."""
LIGHT_CHANNELS = 3
"""What the illumination network reads: red, green and blue in stops of scene-linear light, less the picture's mean."""
LIGHT_GRID = 32
"""Rows and columns of its picture, half the proxy's each, are padded to a multiple of this."""
LIGHT_SIDE = 128
"""Rows and columns of a window of footage that it learns from."""
LIGHT_COARSE = 4
"""Its coefficients are this much coarser than what it reads."""
_LIGHT_SCHEME = 1


WEIGHING = "weighing"
"""The size by which the network goes that weighs a still's estimates; there is one."""
ESTIMATES = 3
"""What it weighs: a still averaged over what is alike, near and wide, and as restored (see `estimates.py`)."""
_WEIGHING_SCHEME = 1


def topology(size: str) -> Topology:
    """Return the network of a size: nano, lite, start, mid or full, `relight` or `weighing`; KeyError for another."""
    named = {RELIGHT: _illumination, WEIGHING: _weighing}
    return named[size]() if size in named else _restoration(size)


def _weighing() -> Topology:
    """Return the network that weighs a still's estimates: without a past, wider and deeper than restoration's of mid.

        in 8+8+3+16 -> [head] c1 -> [enc1] c1 -> [down1] c2 -> [enc2, enc2b] c2 -> [down2] c3 -> [mid1 to mid5] c3
                    -> [up2] c2 (+ enc2b) -> [dec2, dec2b] c2 -> [up1] c1 (+ enc1) -> [dec1, dec1b] c1 -> [last] 8 + 24

    It reads detail, the near estimate, what is told of the noise, and the other estimates, and gives the residual and a
    gate for each estimate.
    """
    inputs, outputs = (1 + ESTIMATES) * PICTURE_CHANNELS + NOISE_CHANNELS, (1 + ESTIMATES) * PICTURE_CHANNELS
    first, second, third = _WIDTHS["full"]
    layers = (
        Layer("head", "conv", inputs, first, "input"),
        Layer("enc1", "conv", first, first, "head"),
        Layer("down1", "down", first, second, "enc1"),
        Layer("enc2", "conv", second, second, "down1"),
        Layer("enc2b", "conv", second, second, "enc2"),
        Layer("down2", "down", second, third, "enc2b"),
        Layer("mid1", "conv", third, third, "down2"),
        Layer("mid2", "conv", third, third, "mid1"),
        Layer("mid3", "conv", third, third, "mid2"),
        Layer("mid4", "conv", third, third, "mid3"),
        Layer("mid5", "conv", third, third, "mid4"),
        Layer("up2", "up", third, second, "mid5", skip="enc2b"),
        Layer("dec2", "conv", second, second, "up2"),
        Layer("dec2b", "conv", second, second, "dec2"),
        Layer("up1", "up", second, first, "dec2b", skip="enc1"),
        Layer("dec1", "conv", first, first, "up1"),
        Layer("dec1b", "conv", first, first, "dec1"),
        Layer("last", "last", first, outputs, "dec1b"),
    )
    scheme = f"weighing:{_WEIGHING_SCHEME}:{SLOPE}:{NOISE_SCALE}:{MEAN_SIDE}"
    return Topology(WEIGHING, 0, layers, scheme)


def _illumination() -> Topology:
    """Return the illumination network: no state, so that any picture of a clip may be asked about by itself.

        stops 3 -> [down1] 12 -> [down2] 16 -> [enc2] 16 -> [down3] 24 -> [down4] 28 -> [down5] 28 -> [mid1] -> [mid2]
                -> [up5] 28 (+ down4) -> [dec4] -> [up4] 24 (+ down3) -> [dec3] -> [up3] 16 (+ enc2) -> [dec2]
                -> [last] 2

    It gives two coefficients an eighth of the proxy: which share of the picture's variation is the light's (drawn in to
    0-1), and how bright the light is where that share is none. Source of the form: the guided filter's local linear
    model, He et al. 2010, "Guided Image Filtering", equation 4, whose coefficients are learned here.
    """
    layers = (
        Layer("down1", "down", LIGHT_CHANNELS, 12, "input"),
        Layer("down2", "down", 12, 16, "down1"),
        Layer("enc2", "conv", 16, 16, "down2"),
        Layer("down3", "down", 16, 24, "enc2"),
        Layer("down4", "down", 24, 28, "down3"),
        Layer("down5", "down", 28, 28, "down4"),
        Layer("mid1", "conv", 28, 28, "down5"),
        Layer("mid2", "conv", 28, 28, "mid1"),
        Layer("up5", "up", 28, 28, "mid2", skip="down4"),
        Layer("dec4", "conv", 28, 28, "up5"),
        Layer("up4", "up", 28, 24, "dec4", skip="down3"),
        Layer("dec3", "conv", 24, 24, "up4"),
        Layer("up3", "up", 24, 16, "dec3", skip="enc2"),
        Layer("dec2", "conv", 16, 16, "up3"),
        Layer("last", "last", 16, 2, "dec2"),
    )
    return Topology(RELIGHT, 0, layers, f"light:{_LIGHT_SCHEME}:{SLOPE}")


def _restoration(size: str) -> Topology:
    hidden = _HIDDEN[size]
    layers = _u_net(2 * PICTURE_CHANNELS + NOISE_CHANNELS + hidden, _WIDTHS[size], 2 * PICTURE_CHANNELS + hidden)
    scheme = f"{SCHEME}:{SLOPE}:{NOISE_SCALE}:{MEAN_SIDE}:{hidden}"
    return Topology(f"restore-{size}", hidden, layers, scheme)


def _u_net(inputs: int, widths: tuple[int, int, int], outputs: int) -> tuple[Layer, ...]:
    first, second, third = widths
    return (
        Layer("head", "conv", inputs, first, "input"),
        Layer("enc1", "conv", first, first, "head"),
        Layer("down1", "down", first, second, "enc1"),
        Layer("enc2", "conv", second, second, "down1"),
        Layer("down2", "down", second, third, "enc2"),
        Layer("mid1", "conv", third, third, "down2"),
        Layer("mid2", "conv", third, third, "mid1"),
        Layer("mid3", "conv", third, third, "mid2"),
        Layer("up2", "up", third, second, "mid3", skip="enc2"),
        Layer("dec2", "conv", second, second, "up2"),
        Layer("up1", "up", second, first, "dec2", skip="enc1"),
        Layer("dec1", "conv", first, first, "up1"),
        Layer("last", "last", first, outputs, "dec1"),
    )
