"""What later pictures know of earlier ones: the restored pictures of a shot, smoothed from its end to its beginning.

The network leans on the past alone, so what it says of a picture holds nothing of what the next ones show of the same
things. Going back, each picture takes over of the next one, carried along the motion, as much as the two agree: what
stands still is then averaged over both sides of time, and where things were covered, moved otherwise or changed, the
picture stays as it was. Nothing is learned here, so that every model of every production gains alike.

Source: Rauch, Tung and Striebel 1965, "Maximum likelihood estimates of linear dynamic systems": the smoother runs back
over a filter's estimates and needs no observation again. Its gain is a constant here, and less where the two estimates
differ by more than two of one thing would, above all where they differ by as much as there is to be seen; how much less
was measured (docs/log.md, 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import tee

import cv2
import numpy as np
import numpy.typing as npt

from engines.model.carry import Floats, Flow, carried, turned
from engines.model.noise import NoiseProfile
from engines.model.packing import Codes, Packed, of_codes, whole_codes

STANDING, MOVING, MOVES = 0.9, 0.7, 0.5
"""Most that is taken over of what stands still and, of luma, of what moves, by this many packed pixels a picture or
more: each sampling softens, and softens again in the picture before."""
TOLERANCE = 1.5
"""Difference, squared and in units of the noise, at which 1/e of it is taken over."""
LASTING = 1.0
"""Weight of a difference that is alike over a neighbourhood: it tells wrong motion from noise, where noise is white."""
ODD, DETAIL = 0.4, 0.1
"""Weight of a difference in parts of the picture's own detail, and detail that every place is taken to have, squared
and in units of the noise: two that differ by as much as there is to be seen show two things, water or leaves that
turned, and what is only seen a little askew differs by a part of it. Where noise is white, again."""
COLOURS, WEIGHED = cv2.INTER_LINEAR, 2 / 3
"""How colours are sampled: 0.02 dB better than cubic, since they are soft anyway, and faster. For the same reason as
much of them is taken over of what moves as of what stands still, and how far luma differs weighs so much: 0.05 dB."""
AROUND = (3, 3)
"""Packed pixels over which a difference is weighed."""


def smoothed(pictures: Iterable[Packed], motions: Iterable[Flow], noise: NoiseProfile) -> Iterator[Packed]:
    """Yield the restored pictures of one shot, each leaning on those after it, **from the last one to the first**.

    Shape: pictures and results `[1, 8, h, w]`, code values / 1023. Both are given from the last one on; `motions` are
    one less: that of each picture from the one before, as `carry.flow` gives it. The last picture is as it was.
    """
    earlier = iter(pictures)
    later = next(earlier)
    yield later
    for own, motion in zip(earlier, motions, strict=True):
        back = turned(motion)
        later = _leant(own[0], carried(later[0], back, COLOURS), _most(back), noise)[None]
        yield later


def smoothed_codes(pictures: Iterable[Codes], motions: Iterable[Flow], noise: NoiseProfile) -> Iterator[Codes]:
    """Yield the same in whole code values; what is leant on is not rounded."""
    given, made = tee(map(of_codes, pictures))
    yield from map(whole_codes, smoothed(made, motions, noise), given)


def _most(motion: Flow) -> Floats:
    """Return the largest share of luma that may be taken over, `[h, w]`."""
    moves = np.minimum(cv2.magnitude(motion[..., 0], motion[..., 1]) * np.float32(1 / MOVES), np.float32(1))
    share: Floats = np.float32(STANDING) + np.float32(MOVING - STANDING) * moves
    return share


def _leant(own: Floats, later: Floats, most: Floats, noise: NoiseProfile) -> Floats:
    """Return a picture that has taken over of the next one what agrees with it, in the next one's place."""
    difference = np.subtract(later, own, out=later)  # in memory anew: a fifth of all this more
    luma, white = difference[:4], 1 - noise.coarse
    per_noise: Floats = np.float32(1) / noise.deviation(own[:4].mean(0))
    lasting = _around(luma.mean(0) * per_noise)
    per_noise *= per_noise * np.float32(1 / 4)
    apart = _around(_squared(luma) * per_noise) + np.float32(LASTING * white) * lasting * lasting
    detail = _around(_squared(own[:2] - own[3:1:-1]) * per_noise)  # along both diagonals
    weight = -apart * (np.float32(1 / TOLERANCE) + np.float32(ODD * white) / (detail + np.float32(DETAIL)))
    luma *= most * cv2.exp(weight)
    difference[4:] *= np.float32(STANDING) * cv2.exp(weight * np.float32(WEIGHED))
    difference += own
    return difference


def _squared(planes: Floats) -> Floats:
    """Return the sum of the squares of planes `[n, h, w]`."""
    total: Floats = np.einsum("chw,chw->hw", planes, planes)
    return total


def _around(field: npt.NDArray[np.float32]) -> Floats:
    mean: Floats = cv2.blur(field, AROUND, borderType=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return mean
