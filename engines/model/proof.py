"""A proof: a held-out picture as it was filmed, by base and by the candidate, side by side at 1:1."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from engines.model.gate import Filmed
from engines.model.network import network_of
from engines.model.synthetic import planes
from engines.model.weights import Weights


def proof(cut: Filmed, models: Sequence[Weights]) -> bytes:
    """Return a JPEG of a cut's last frame: as filmed, then by each of the models."""
    pictures = [cut.pictures[-1:]]
    for weights in models:
        with torch.inference_mode():
            pictures.append(list(network_of(weights).run(cut.pictures[:, None], cut.noise[:, None]))[-1])
    strip = np.concatenate([_rgb(picture.float()) for picture in pictures], axis=1)
    buffer = BytesIO()
    Image.fromarray(strip).save(buffer, "JPEG", quality=93, subsampling=0)
    return buffer.getvalue()


def _rgb(packed: Tensor) -> npt.NDArray[np.uint8]:
    """Return a packed picture `[1, 8, h, w]` as R'G'B' 8 bit. Source: ITU-R BT.709-6, items 3.2 and 3.4."""
    luma, chroma = planes(packed)
    y = (luma[0, 0] * 1023 - 64) / 876
    cb, cr = ((chroma[0] * 1023 - 512) / 896).repeat_interleave(2, dim=-1)
    rgb = torch.stack((y + 1.5748 * cr, y - 0.187324 * cb - 0.468124 * cr, y + 1.8556 * cb), -1)
    codes: npt.NDArray[np.uint8] = (rgb.clamp(0, 1) * 255).nan_to_num().round().to(torch.uint8).numpy()
    return codes
