"""Prints how fast a look is put on a 1080p frame, and how far the baked LUT is from OpenColorIO's direct path.

Run: `python -m bench.colour`; exits 1 if a goal is missed. The frames are the demo's scene, exposed from -4 to +4 stops
and encoded by each camera's own curve. CPU milliseconds count over all threads, so a neighbour's load does not; wall
ones are shown.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
from PyOpenColorIO import ColorSpaceTransform

from bench.media import scene
from engines.colour.cdl import Cdl
from engines.colour.grade import Grade
from engines.colour.look import ACESCCT, Look
from engines.colour.spaces import SPACES, Levels
from engines.colour.transform import camera_values, config, direct
from engines.media.essence import CodeRange
from engines.media.frames import Picture
from engines.media.ycbcr import codes_of, rgb_of

GOAL_MS, GOAL_ERROR = 12.0, 1e-3
ROUNDS = 12
LOOK = Cdl((1.06, 1.0, 0.95), (0.01, -0.005, 0.0), (1.05, 1.02, 1.0), 0.92)
HERE = Path()


def log_values(space: str, height: int = 1080, width: int = 1920) -> np.ndarray:
    """Return a camera's values of a lit scene. Shape: `[H, W, 3]`. Range: as its curve gives them."""
    linear = scene(7, width, height).astype(np.float32) ** 2.2
    linear *= np.exp2(np.linspace(-4, 4, width, dtype=np.float32))[None, :, None]
    into = config().getProcessor(ColorSpaceTransform("Linear Rec.709 (sRGB)", SPACES[space].ocio))
    values = np.ascontiguousarray(linear.reshape(-1, 3))
    into.getDefaultCPUProcessor().applyRGB(values)
    return values.reshape(height, width, 3)


def picture_of_values(values: np.ndarray, space: str) -> Picture:
    """Return the working picture that a camera would record of its values."""
    legal = values if SPACES[space].levels is Levels.LEGAL else (values * 1023 - 64) / 876
    codes = np.rint(codes_of(legal)).clip(4, 1019).astype(np.uint16)
    return Picture(0, *(np.ascontiguousarray(codes[:, :: 1 if plane == 0 else 2, plane]) for plane in range(3)))


def recorded(picture: Picture) -> np.ndarray:
    """Return a picture's Y'CbCr codes at the columns that have chroma of their own. Shape: `[H, W / 2, 3]`."""
    return np.stack([picture.y[:, ::2], picture.cb, picture.cr], -1).astype(np.float32)


def error(space: str) -> tuple[float, float]:
    """Return the mean error of the baked look and its 99.9th percentile, of 0-1, over what the camera recorded."""
    look = Look(space, cdl=LOOK)
    picture = picture_of_values(log_values(space, 540, 960), space)
    ours = rgb_of(recorded(Grade(look, HERE, matrix="bt709", code_range=CodeRange.LEGAL)(picture)))
    truth = camera_values(rgb_of(recorded(picture)), look, CodeRange.LEGAL).reshape(-1, 3)
    direct(look, HERE).applyRGB(truth)
    off = np.abs(ours.reshape(-1, 3) - truth.clip(0, 1))
    return float(off.mean()), float(np.quantile(off, 0.999))


def speed(space: str) -> tuple[float, float]:
    """Return CPU and wall milliseconds of one 1080p frame, the best of some."""
    grade = Grade(Look(space, cdl=LOOK), HERE, matrix="bt709", code_range=CodeRange.LEGAL)
    picture = picture_of_values(log_values(space), space)
    cpu, wall = [], []
    for _ in range(ROUNDS):
        at, at_wall = time.process_time(), time.perf_counter()
        grade(picture)
        cpu.append(time.process_time() - at)
        wall.append(time.perf_counter() - at_wall)
    return 1e3 * min(cpu), 1e3 * min(wall)


def main() -> int:
    """Measure, print, and tell whether the goals are met."""
    cores = len(os.sched_getaffinity(0))
    cpu, wall = speed("arri_logc3")
    print(f"1080p frame: {cpu:.1f} CPU ms, so {cpu / 2:.1f} ms on two cores; best wall {wall:.1f} ms on {cores}")
    met = cpu / 2 <= GOAL_MS
    print(f"{'space':28}{'mean error':>12}{'99.9 %':>10}")
    for name, space in SPACES.items():
        if not space.is_display:
            mean, tail = error(name)
            met &= mean <= GOAL_ERROR
            print(f"{name:28}{mean:12.6f}{tail:10.5f}")
    print(f"{ACESCCT} CDL and ACES 2 baked to 65^3: goals {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
