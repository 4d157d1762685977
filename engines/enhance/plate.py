"""Clean plates: what a shot shows where nobody stands, by a registered median in time, and where to believe it.

Pictures spread over the shot are brought over its middle one, first by the camera's move, then by the flow that is
left over to a first median, in which what moves through is gone. A pixel is valid where enough of the pictures have
seen it and most of those agree; everything else is flagged, and is not to be used. What stands still all the shot is
background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engines.enhance.camera import (
    Floats,
    Grey,
    Homography,
    Move,
    along,
    between,
    grey,
    inside,
    left_over,
    places,
    sampled,
)
from engines.enhance.shapes import Mask, grown
from engines.media.frames import Picture

PICTURES = 25
"""Pictures of a shot that its plate is made of: a median of more is hardly quieter, and each takes 2 MB at 960x540."""
_LEAST_SEEN = 4
"""Pictures that must have seen a pixel."""
_AGREE = 0.7
"""Share of those that must agree with their median."""
_APART = 16.0
"""10-bit codes of luma, and of each chroma, within which they do."""
_KEPT_OFF = 2
"""Pixels that samples keep off a mask: a cubic's reach."""

_UNSEEN = np.uint16(65535)
Codes = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Plate:
    """A shot's plate as its picture number `picture.number` would show it, and where it is valid `[H, W]`."""

    picture: Picture
    valid: Mask

    def way(self, move: Move, number: int) -> Homography:
        """Return where pixels of a picture of the shot lie in the plate."""
        found = move.between(number, self.picture.number)
        assert found is not None, "a plate is asked for pictures of its own shot"
        return found

    @property
    def share(self) -> float:
        """Share of the picture that is valid."""
        return float(self.valid.mean())


@dataclass(frozen=True, slots=True)
class Sight:
    """A picture of what the plate shows, where its pixels lie from the plate's, and what in it is not to be used."""

    picture: Picture
    way: Homography
    mask: Mask | None = None


def numbers_of(shot: range) -> list[int]:
    """Return which pictures of a shot its plate is made of, its middle one among them."""
    middle = shot[len(shot) // 2]
    spread_out = np.linspace(shot[0], shot[-1], min(PICTURES, len(shot))).round().astype(int)
    return sorted({middle, *(int(number) for number in spread_out)})


def plate_of(sights: Sequence[Sight], number: int) -> Plate:
    """Return the plate of what was sighted, as picture `number` frames it; that one is among them.

    Raises:
        ValueError: no sight is of that number.
    """
    framed = next((sight for sight in sights if sight.picture.number == number), None)
    if framed is None:
        raise ValueError(f"no sight of picture {number}")
    close = [_closer(sight, framed) for sight in sights]
    first, _ = _median([_brought(sight) for sight in close], number)
    base = grey(first)
    picture, valid = _median([_brought(sight, base) for sight in close], number)
    return Plate(picture, valid)


def _closer(sight: Sight, framed: Sight) -> Sight:
    """Return a sight whose way is told anew, straight from the plate's frame: along a shot small errors add up."""
    if sight is framed:
        return sight
    way = between(grey(framed.picture), grey(sight.picture), framed.mask, sight.way)
    return Sight(sight.picture, way, sight.mask)


def _brought(sight: Sight, base: Grey | None = None) -> tuple[Codes, Codes, Codes]:
    """Return a sight's planes over the plate's frame, unseen where it has not seen it; by flow, too, with a base."""
    picture = sight.picture
    whole = (slice(0, picture.height), slice(0, picture.width))
    x, y = places(sight.way, whole)
    avoid = None if sight.mask is None else grown(sight.mask, _KEPT_OFF)
    if base is not None:
        brought = cv2.remap(grey(picture), x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        flow = left_over(base, np.asarray(brought, np.uint8), _seen(x, y, picture, avoid))
        x, y = along(x, y, flow)
    return _coded(sampled(picture, x, y), _seen(x, y, picture, avoid))


def _seen(x: Floats, y: Floats, picture: Picture, avoid: Mask | None) -> Mask:
    seen = inside(x, y, picture.y.shape)
    if avoid is not None:
        seen &= cv2.remap(avoid.astype(np.uint8), x, y, cv2.INTER_NEAREST, None, cv2.BORDER_CONSTANT, 1) == 0
    return seen


def _coded(planes: tuple[Floats, Floats, Floats], seen: Mask) -> tuple[Codes, Codes, Codes]:
    masks = (seen, seen[:, ::2], seen[:, ::2])
    y, cb, cr = (
        np.where(mask, np.clip(np.rint(plane), 0, 1023), _UNSEEN).astype(np.uint16)
        for plane, mask in zip(planes, masks, strict=True)
    )
    return y, cb, cr


def _median(brought: Sequence[tuple[Codes, Codes, Codes]], number: int) -> tuple[Picture, Mask]:
    """Return the median picture and where it is valid."""
    planes, valids = [], []
    for stack in (np.stack(planes) for planes in zip(*brought, strict=True)):
        median, valid = _median_plane(stack)
        planes.append(median)
        valids.append(valid if valid.shape[1] == brought[0][0].shape[1] else np.repeat(valid, 2, axis=1))
    return Picture(number, *planes), np.logical_and.reduce(valids)


def _median_plane(stack: Codes) -> tuple[Codes, Mask]:
    """Return the median over `[N, H, W]`, of an even count the lower of the middle two, and where it is valid."""
    ranked = np.sort(stack, axis=0)
    count = (stack != _UNSEEN).sum(0)
    middle = np.maximum(count - 1, 0) // 2
    median = np.take_along_axis(ranked, middle[None], 0)[0]
    agree = (np.abs(stack.astype(np.int32) - median) <= _APART).sum(0)
    valid = (count >= _LEAST_SEEN) & (agree >= _AGREE * count)
    return np.where(count > 0, median, 512).astype(np.uint16), valid
