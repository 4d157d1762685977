"""Going back over a shot in machine code: the rule of `engines/model/hindsight.py`, with its numbers."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator

import numpy as np

from engines.model.carry import Flow
from engines.model.hindsight import DETAIL, LASTING, MOVES, MOVING, ODD, STANDING, TOLERANCE, WEIGHED
from engines.model.noise import LEAST_VARIANCE, NoiseProfile
from engines.model.packing import Codes
from engines.native.library import Lean, library
from engines.native.tensors import LANES, Floats, address, aligned


def smoothed(pictures: Iterable[Codes], motions: Iterable[Flow], noise: NoiseProfile) -> Iterator[Codes]:
    """Yield what `hindsight.smoothed_codes` of the same does; what is yielded holds until the next one."""
    earlier = iter(pictures)
    last = next(earlier)
    leaning = _Leaning(last, noise)
    yield last
    for own, motion in zip(earlier, motions, strict=True):
        yield leaning.leant(own, motion)


class _Leaning:
    """The memory that a shot is gone back over in; it holds the next picture."""

    def __init__(self, last: Codes, noise: NoiseProfile) -> None:
        height, width = last.shape[2:]
        pixels = height * width
        self._library, self._threads = library(), len(os.sched_getaffinity(0))
        self._kept = [aligned((pixels, channels)) for channels in (4, 4, LANES, 1, 1, 1, 1)]
        self._leant = np.empty_like(last)
        self._scratch = aligned((self._threads, (width + 2 * LANES) * (LANES + 5)))
        white = 1 - noise.coarse
        share = STANDING, MOVING, 1 / MOVES, TOLERANCE, LASTING * white, ODD * white, DETAIL, WEIGHED
        self._told = *share, noise.shot, noise.read, LEAST_VARIANCE
        self._run(last, np.empty(0, np.float32), begins=True)

    def leant(self, own: Codes, motion: Flow) -> Codes:
        self._run(own, motion, begins=False)
        return self._leant

    def _run(self, own: Codes, motion: Floats, *, begins: bool) -> None:
        own, motion = np.ascontiguousarray(own), np.ascontiguousarray(motion, np.float32)
        places = address(own), address(motion), address(self._leant)
        lean = Lean(*own.shape[2:], *self._told, *places, *(address(one) for one in self._kept))
        self._library.nearset_lean(
            ctypes.byref(lean), begins, address(self._scratch), self._scratch.shape[1], self._threads
        )
