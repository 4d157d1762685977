"""Motion as a GPU finds it against OpenCV's, which processors use: on known truth, and by what it is for.

    python -m bench.motion [--samples DIR] [--frames 8] [--model lite]

The kernels' numpy twin (`engines/kernels/motion_twin.py`) stands for the GPU, so that none is needed. First pans and
zooms of a drawn wall, whose motion is known, under noise of ten codes: mean endpoint error in packed pixels, away from
the edges. Then three clips of `bench.restore` under its noise, cut to their middle: what is restored with either
motion, in dB over all samples of the pictures. Goal: none is more than 0.1 dB below OpenCV's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from bench.metrics import psnr
from bench.restore import CLIPS, NOISES
from engines.backends.eager import EagerBackend
from engines.kernels.motion_twin import motion_of
from engines.media.frames import Picture
from engines.model.carry import Flow, flow
from engines.model.footage import decode_clean
from engines.model.noise import NoiseProfile, estimate
from engines.model.packing import pack, pictures_of, planes_of
from engines.model.synthetic import add_noise
from engines.model.weights import base_weights

GOAL_DB = 0.1
_CLIPS, _NOISES = (0, 1, 3), ("Poisson-Gaussian, middle", "Poisson-Gaussian, high")
_HEIGHT, _WIDTH = 256, 384
_EDGE = 32
"""Packed pixels at an edge that are not judged: what comes in there nobody has seen."""
_CAMERA = (
    (1.0, (0.0, 0.0)),
    (1.0, (2.6, -1.2)),
    (1.0, (15.0, 6.4)),
    (1.03, (0.0, 0.0)),
    (0.98, (4.0, 2.0)),
    (1.0, (40.0, -18.0)),
    (1.0, (60.0, 30.0)),
)
_WALLS = (1, 7, 8)
Finds = Callable[[Picture, Picture], Flow]


def opencv(now: Picture, before: Picture) -> Flow:
    """Return the motion that processors find."""
    return flow(pack(now)[0], pack(before)[0])


def ours(now: Picture, before: Picture) -> Flow:
    """Return the motion that a GPU finds."""
    return motion_of(now.y, before.y)


def endpoint_error(find: Finds, zoom: float, pan: tuple[float, float]) -> float:
    """Return how far motion is from the truth on the mean, in packed pixels; `pan` is in the picture's own."""
    rows, columns = np.mgrid[: _HEIGHT // 2, : _WIDTH // 2] * 2 + 0.5
    x, y = (columns - _WIDTH / 2) * (zoom - 1) + pan[0], (rows - _HEIGHT / 2) * (zoom - 1) + pan[1]
    truth, errors = np.stack((x, y), -1) / 2, []
    for seed in _WALLS:
        wall = _wall(seed)
        found = find(_filmed(wall, zoom, pan, 1), _filmed(wall, 1.0, (0.0, 0.0), 2))
        errors.append(np.hypot(*np.moveaxis(found - truth, -1, 0))[_EDGE:-_EDGE, _EDGE:-_EDGE].mean())
    return float(np.mean(errors))


def _wall(seed: int) -> npt.NDArray[np.float32]:
    rng, side = np.random.default_rng(seed), 900
    wall = np.full((side, side), 480, np.float32)
    for cells, deviation in ((14, 60), (45, 40), (180, 25)):
        drawn = rng.normal(0, deviation, (cells, cells)).astype(np.float32)
        wall += cv2.resize(drawn, (side, side), interpolation=cv2.INTER_CUBIC)
    return wall


def _filmed(wall: npt.NDArray[np.float32], zoom: float, pan: tuple[float, float], seed: int) -> Picture:
    rows, columns = np.mgrid[:_HEIGHT, :_WIDTH].astype(np.float32)
    x, y = (columns - _WIDTH / 2) * zoom + 450 + pan[0], (rows - _HEIGHT / 2) * zoom + 450 + pan[1]
    clean = cv2.remap(wall, x.astype(np.float32), y.astype(np.float32), cv2.INTER_CUBIC)
    noisy = clean + np.random.default_rng(seed).normal(0, 10, clean.shape)
    grey = np.full((_HEIGHT, _WIDTH // 2), 512, np.uint16)
    return Picture(0, np.clip(np.rint(noisy), 4, 1019).astype(np.uint16), grey, grey)


def restored(pictures: list[Picture], noise: NoiseProfile, model: str, find: Finds) -> list[Picture]:
    """Return pictures as the reference network restores them, one after another, with the motion that `find` finds."""
    weights, packed = base_weights(model), [pack(picture) for picture in pictures]
    session, found = EagerBackend().open(weights, *packed[0].shape[2:]), []
    for number, picture in enumerate(pictures):
        motion = find(picture, pictures[number - 1]) if number else None
        output = session.step(packed[number], noise.noise_map(packed[number]), motion)
        codes = np.clip(np.rint(output * 1023), 4, 1019).astype(np.uint16)
        found.append(Picture(number, *planes_of(codes, picture)))
    return found


def cut(path: Path, divide: int, frames: int) -> npt.NDArray[np.float32]:
    """Return the middle of a clip, averaged down, packed."""
    clean = decode_clean(path, divide, frames)[0].astype(np.float32) / 1023
    height, width = (
        min(side, most // 2) // 4 * 4 for side, most in zip(clean.shape[2:], (_HEIGHT, _WIDTH), strict=True)
    )
    top, left = (clean.shape[2] - height) // 2, (clean.shape[3] - width) // 2
    return np.ascontiguousarray(clean[:, :, top : top + height, left : left + width])


def main() -> int:
    """Measure, print, and tell whether the goal is met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, default=Path("../shared/samples"))
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--model", default="lite")
    arguments = parser.parse_args()
    for zoom, pan in _CAMERA:
        errors = [endpoint_error(find, zoom, pan) for find in (opencv, ours)]
        print(
            f"zoom {zoom}, pan {pan} pixels: OpenCV {errors[0]:.3f}, ours {errors[1]:.3f} packed pixels off", flush=True
        )
    worst = 0.0
    for path, divide in (CLIPS[number] for number in _CLIPS):
        clean = cut(arguments.samples / path, divide, arguments.frames)
        truth = pictures_of(clean)
        for number, name in enumerate(_NOISES):
            generator = torch.Generator().manual_seed(100 + number)
            noisy = pictures_of(add_noise(torch.from_numpy(clean), NOISES[name], generator)[0].numpy())
            noise = estimate(noisy)
            scores = [psnr(restored(noisy, noise, arguments.model, find), truth) for find in (opencv, ours)]
            worst = min(worst, scores[1] - scores[0])
            told = f"OpenCV {scores[0]:.2f}, ours {scores[1]:.2f} dB ({scores[1] - scores[0]:+.3f})"
            print(f"{Path(path).stem:28} {name:26} {truth[0].width}x{truth[0].height}  {told}", flush=True)
    met = worst >= -GOAL_DB
    print(f"worst {worst:+.3f} dB, goal {-GOAL_DB} {'met' if met else 'MISSED'}")
    return int(not met)


if __name__ == "__main__":
    raise SystemExit(main())
