"""How the camera moved: from picture to picture over a shot, and what moves beyond it.

A `Move` says of each picture where its pixels lie in the shot's first one, by a homography; a shot is what lies
between two cuts. What is left over (parallax, things that move) is optical flow, carried over from beside where a
mask says that the picture is not to be believed.

Source: Shi and Tomasi 1994 and Bouguet 2000 (points and their pyramidal tracking), Barath et al. 2020 (MAGSAC++),
Kroeger et al. 2016 (DIS); the carrying over is normalised convolution, Knutsson and Westin 1993.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from engines.enhance.shapes import Mask, grown
from engines.media.frames import Picture

Floats = npt.NDArray[np.float32]
Grey = npt.NDArray[np.uint8]
"""Luma of 8 bits `[H, W]`."""
Homography = npt.NDArray[np.float64]
"""3x3, of pixel positions x, y, 1."""

_POINTS, _QUALITY, _APART = 600, 0.005, 8
_ENOUGH, _SOME = 40, 12
"""Points that agree: for a homography, for a turn, shift and scale; fewer tell nothing."""
_MORE = 1.15
"""How many more points a homography must explain than turn, shift and scale do: it bends to noise and actors, too."""
_OFF = 1.0
"""Pixels that a point may be off and still agree."""
_STILL = 0.06
"""Pixels of median motion below which a camera stands."""
_BESIDE = 0.25
_CUT = 0.055
"""Mean absolute change between two thumbnails, of 0-1, that means a cut; as `restore` has it."""
_MARGIN = 6
"""Pixels around a mask where points are not believed."""
_SURE = 8.0
"""8-bit codes that pictures may differ by after the flow, and it is half believed."""


def grey(picture: Picture) -> Grey:
    """Return luma in 8 bits, stretched to the legal range."""
    return np.asarray(cv2.convertScaleAbs(picture.y, alpha=255 / 876, beta=-64 * 255 / 876), np.uint8)


@dataclass(slots=True)
class Move:
    """How a clip's camera moved: of each picture the homography into its shot's first, and the number of the shot."""

    to_first: list[Homography] = field(default_factory=list)
    shots: list[int] = field(default_factory=list)

    def between(self, one: int, other: int) -> Homography | None:
        """Return where pixels of one picture lie in another; None across a cut, or where there is no such picture."""
        if not (0 <= one < len(self.shots) and 0 <= other < len(self.shots)) or self.shots[one] != self.shots[other]:
            return None
        found = np.linalg.solve(self.to_first[other], self.to_first[one])
        return np.asarray(found / found[2, 2], np.float64)

    def shot_of(self, number: int) -> range:
        """Return the numbers of the pictures of the shot that a picture is in."""
        shot = self.shots[number]
        first = self.shots.index(shot)
        return range(first, first + self.shots.count(shot))


def survey(pictures: Iterable[Picture], mask: Mask | None = None) -> Move:
    """Return how the camera moved over pictures; nothing is believed inside the mask `[H, W]`."""
    move = Move()
    before: Grey | None = None
    for picture in pictures:
        now = grey(picture)
        way = None if before is None else _way(now, before, mask)
        move.to_first.append(np.eye(3) if way is None else move.to_first[-1] @ way)
        move.shots.append(move.shots[-1] + (way is None) if move.shots else 0)
        before = now
    return move


def _way(now: Grey, before: Grey, mask: Mask | None) -> Homography | None:
    """Return where a picture's pixels lie in the one before; None where a cut is between them."""
    way = between(now, before, mask)
    if not _is_unlike(before, now):
        return way
    size = (now.shape[1], now.shape[0])
    brought = cv2.warpPerspective(before, way, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    seen = cv2.warpPerspective(np.full_like(before, 255), way, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return None if _is_unlike(np.where(seen > 0, brought, now).astype(np.uint8), now) else way


def between(one: Grey, other: Grey, mask: Mask | None = None, guess: Homography | None = None) -> Homography:
    """Return where pixels of a picture lie in another of the same shot; no motion where nothing can be told."""
    allowed = None if mask is None else (~grown(mask, _MARGIN)).astype(np.uint8)
    points = cv2.goodFeaturesToTrack(one, _POINTS, _QUALITY, _APART, mask=allowed)
    if points is None or len(points) < _SOME:
        return np.eye(3) if guess is None else guess
    first = points.copy() if guess is None else cv2.perspectiveTransform(points, guess).astype(np.float32)
    found, there = _tracked(one, other, points, first)
    back, again = _tracked(other, one, found, points.copy())
    good = (there[:, 0] > 0) & (again[:, 0] > 0) & (np.hypot(*(back - points)[:, 0].T) < _OFF)
    if mask is not None:
        at = np.clip(np.round(found[:, 0]), 0, (mask.shape[1] - 1, mask.shape[0] - 1)).astype(int)
        good &= ~mask[at[:, 1], at[:, 0]]
    return _fitted(points[good, 0], found[good, 0], guess)


def _tracked(one: Grey, other: Grey, points: Any, first: Any) -> tuple[Any, Any]:
    """Return where points `[N, 1, 2]` of a picture are in another, sought from a first guess, and which were found."""
    found, there, _ = cv2.calcOpticalFlowPyrLK(
        one, other, points, first, winSize=(21, 21), maxLevel=4, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
    )
    return found, there


def _fitted(one: Floats, other: Floats, guess: Homography | None) -> Homography:
    standing = np.eye(3) if guess is None else guess
    if len(one) < _SOME:
        return standing
    if guess is None and np.median(np.hypot(*(other - one).T)) < _STILL:
        return standing
    similar, close = cv2.estimateAffinePartial2D(one, other, method=cv2.RANSAC, ransacReprojThreshold=_OFF)
    agreeing = 0 if similar is None else int(close.sum())
    if len(one) >= _ENOUGH:
        homography, agree = cv2.findHomography(one, other, cv2.USAC_MAGSAC, _OFF)
        if homography is not None and agree.sum() >= max(_ENOUGH, _MORE * agreeing):
            return np.asarray(homography, np.float64)
    return standing if agreeing < _SOME else np.vstack((similar, (0, 0, 1)))


def places(homography: Homography, window: tuple[slice, slice]) -> tuple[Floats, Floats]:
    """Return where the pixels of a window (rows, columns) lie by a homography, x and y."""
    rows, columns = np.mgrid[window].astype(np.float32)
    h = homography.astype(np.float32)
    depth = h[2, 0] * columns + h[2, 1] * rows + h[2, 2]
    x = (h[0, 0] * columns + h[0, 1] * rows + h[0, 2]) / depth
    y = (h[1, 0] * columns + h[1, 1] * rows + h[1, 2]) / depth
    return x, y


def left_over(now: Grey, brought: Grey, believed: Mask) -> Floats:
    """Return the flow `[H, W, 2]` from a picture to one brought over it; where not believed it is that from beside."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(1)
    flow: Floats = search.calc(_filled(now, believed), _filled(brought, believed), None)  # type: ignore[call-overload] # None makes it allocate
    seen = moved(brought, flow)
    off = cv2.blur(cv2.absdiff(now, seen).astype(np.float32), (5, 5)) / _SURE
    weight = (believed / (1 + off**2)).astype(np.float32)
    smooth = spread(flow, weight, 5.0, spread(flow, weight, 30.0, np.zeros_like(flow)))
    return np.asarray(smooth + weight[..., None] * (flow - smooth), np.float32)


def spread(values: Floats, weight: Floats | Mask, sigma: float, instead: Floats) -> Floats:
    """Return values averaged by weight over some pixels; `instead` where there is next to no weight."""
    share_of = weight.astype(np.float32)
    channels = values if values.ndim == 3 else values[..., None]  # noqa: PLR2004 - with channels
    total = np.asarray(cv2.GaussianBlur(share_of, (0, 0), sigma))[..., None]
    summed = np.asarray(cv2.GaussianBlur(channels * share_of[..., None], (0, 0), sigma)).reshape(channels.shape)
    share = total / (total + np.float32(1e-3))
    mean = summed / np.maximum(total, np.float32(1e-6))
    found = share * mean + (1 - share) * instead.reshape(channels.shape)
    return np.asarray(found, np.float32).reshape(values.shape)


def moved(plane: Grey, flow: Floats) -> Grey:
    """Return a plane sampled where a flow leads."""
    rows, columns = np.mgrid[: plane.shape[0], : plane.shape[1]].astype(np.float32)
    found = cv2.remap(plane, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    return np.asarray(found, np.uint8)


def sampled(picture: Picture, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Return luma at x and y `[h, w]`, and chroma at those of even columns `[h, w/2]`, cubic."""
    half = ((x[:, ::2] / 2).astype(np.float32), np.ascontiguousarray(y[:, ::2]))
    luma, *chroma = (
        np.asarray(cv2.remap(plane.astype(np.float32), *at, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE), np.float32)
        for plane, at in ((picture.y, (x, y)), (picture.cb, half), (picture.cr, half))
    )
    return luma, chroma[0], chroma[1]


def along(x: Floats, y: Floats, flow: Floats) -> tuple[Floats, Floats]:
    """Return positions x and y themselves sampled where a flow leads: two motions, one after the other."""
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    there = ((columns + flow[..., 0]).astype(np.float32), (rows + flow[..., 1]).astype(np.float32))
    at_x, at_y = (cv2.remap(at, *there, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE) for at in (x, y))
    return np.asarray(at_x, np.float32), np.asarray(at_y, np.float32)


def inside(x: Floats, y: Floats, shape: Sequence[int]) -> Mask:
    """Return where x and y lie in a picture of a shape (rows, columns), or a quarter of a pixel beside it."""
    rows, columns = shape[0] - 1 + _BESIDE, shape[1] - 1 + _BESIDE
    return (x >= -_BESIDE) & (y >= -_BESIDE) & (x <= columns) & (y <= rows)


def _filled(plane: Grey, believed: Mask) -> Grey:
    """Return a plane whose unbelieved pixels are averages of what lies beside: no flow then holds on to them."""
    if believed.all():
        return plane
    values = plane.astype(np.float32)
    beside = spread(values, believed, 3.0, spread(values, believed, 20.0, np.full_like(values, values.mean())))
    return np.where(believed, plane, np.clip(beside, 0, 255)).astype(np.uint8)


def _is_unlike(before: Grey, now: Grey) -> bool:
    size = (32, 18)
    one, other = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(np.float32) for plane in (before, now))
    return float(np.abs(one - other).mean() / 255) > _CUT
