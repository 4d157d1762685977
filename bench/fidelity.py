"""What measuring an enhanced picture's fidelity costs, in processor time, beside the enhancement itself.

python -m bench.fidelity [FRAMES]

960x540, model lite, the best processor engine here. Goal: below 5 % of the enhancement alone, and so of the render.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np

from engines.backends import choose
from engines.enhance.fidelity import Measured
from engines.enhance.restore import Restore
from engines.media.frames import Picture
from engines.model.noise import NoiseProfile, estimate
from engines.model.weights import base_weights

_HEIGHT, _WIDTH, _GOAL = 540, 960, 0.05


def shot(frames: int) -> list[Picture]:
    """Return a noisy shot that pans."""
    rng = np.random.default_rng(1)
    scene = np.kron(rng.integers(150, 850, (_HEIGHT // 12, _WIDTH // 12)), np.ones((12, 12)))
    found = []
    for number in range(frames):
        y = np.roll(scene, 2 * number, axis=1) + 12 * rng.standard_normal((_HEIGHT, _WIDTH))
        c = 512 + 8 * rng.standard_normal((2, _HEIGHT, _WIDTH // 2))
        found.append(Picture(number, *(np.clip(np.rint(plane), 4, 1019).astype(np.uint16) for plane in (y, *c))))
    return found


def main() -> int:
    """Run it, print both figures, and tell whether the goal is met."""
    pictures = shot(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
    noise: NoiseProfile = estimate(pictures[:8])
    restore = Restore(choose("auto"), base_weights("lite"), _HEIGHT, _WIDTH, strength=1.0, noise=noise)
    made, began = [], time.process_time()
    for number, picture in enumerate(pictures):
        made.append(restore(picture, pictures[number + 1 : number + 5]))
    enhancing = time.process_time() - began

    def ready(picture: Picture, _coming: Sequence[Picture]) -> Picture:
        return made[picture.number]

    watched, began = Measured(ready, noise=noise), time.process_time()
    for picture in pictures:
        watched(picture)
    measuring = time.process_time() - began
    share = measuring / enhancing
    each = 1000 / len(pictures)
    print(f"enhancing {enhancing * each:.1f} CPU ms a picture, measuring {measuring * each:.2f}: {share:.2%}")
    return int(share >= _GOAL)


if __name__ == "__main__":
    raise SystemExit(main())
