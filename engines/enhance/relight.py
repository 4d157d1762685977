"""Relight: the balance and colour of a picture's own light, by dials, in scene-linear light. One picture in, one out.

Light is told from what it falls on by the illumination network (`engines/light/`) at half resolution; dials make a gain
of it at a quarter, limits hold it, and it is multiplied on at full resolution, channel by channel. It casts no shadow
and takes none away: a window is a gain, no lamp. All at zero is the very picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from engines.backends.base import LightBackend
from engines.light import protect
from engines.light.curve import Curve, Floats
from engines.light.dials import Bring, Dials, Limits, Region, Window
from engines.light.illumination import Illumination, luma_of
from engines.light.stops import halved, rgb_codes, to_ycbcr
from engines.light.track import Track
from engines.light.zones import Zones, gains, limited, weight_of
from engines.media.frames import HIGHEST, LOWEST, Picture, Plane
from engines.model.weights import Weights

_FOLLOW = 0.3
"""Share of a new picture's protection that is taken: a detector that blinks must not."""


@dataclass(slots=True)
class Change:
    """What was done to a clip's light, in stops: the most, and the mean over places and pictures."""

    most_stops: float = 0.0
    mean_stops: float = 0.0
    protected_share: float = 0.0
    pictures: int = 0

    def note(self, gain: Floats, protected: Floats | None) -> None:
        """Take in a picture's gain and protection."""
        self.pictures += 1
        size = np.abs(gain[::2, ::2])
        self.most_stops = max(self.most_stops, float(size.max()))
        self.mean_stops += (float(size.mean()) - self.mean_stops) / self.pictures
        share = 0.0 if protected is None else float((protected > 0.5).mean())  # noqa: PLR2004 - more than half
        self.protected_share += (share - self.protected_share) / self.pictures


@dataclass(slots=True)
class Relight:
    """The relighting of one clip; `source_width` is that of the frame in whose pixels windows and regions are told."""

    backend: LightBackend
    weights: Weights
    curve: Curve
    matrix: str
    dials: Dials
    limits: Limits
    height: int
    width: int
    source_width: int
    bring: Bring = field(default_factory=Bring)
    change: Change = field(default_factory=Change)
    _light: Illumination | None = None
    _zones: Zones = field(default_factory=Zones)
    _tracks: list[Track] = field(default_factory=list)
    _protected: Floats | None = None

    def __post_init__(self) -> None:
        if self.is_off:
            return
        self._light = Illumination(self.backend, self.weights, self.height // 2, self.width // 2)
        self._tracks = [self._track(window) for window in self.dials.windows]

    @property
    def is_off(self) -> bool:
        """Whether every picture comes out as it came in."""
        return self.dials.is_neutral and self.bring == Bring()

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return the relit picture, with all dials at zero the same one."""
        del coming
        if self._light is None:
            return picture
        codes = halved(picture)
        rgb = rgb_codes(codes, self.matrix)
        stops = self.curve.of(rgb)
        light = self._light(stops)
        coarse = np.asarray(cv2.resize(light, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
        zones = self._zones(coarse, is_cut=self._light.is_cut)
        whole, local = gains(self.dials, coarse, zones, self._windows(stops, coarse.shape), self.bring)
        protected = self._protection(stops, coarse.shape, is_cut=self._light.is_cut)
        gain = limited(whole, local, self.limits, protected)
        self.change.note(gain, protected)
        return _lit(picture, codes, rgb, gain, self.curve, self.matrix)

    def _scale(self) -> float:
        return self.width / 2 / self.source_width

    def _track(self, window: Window) -> Track:
        x, y, wide, high = (value * self._scale() for value in (*window.at, *window.size))
        return Track(*(round(side) for side in (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)))

    def _windows(self, stops: Floats, size: tuple[int, ...]) -> list[Floats]:
        if not self._tracks:
            return []
        luma = luma_of(stops)
        still = np.eye(2, 3, dtype=np.float32)
        return [
            _sized(
                weight_of(window, luma.shape[0], luma.shape[1], self._scale(), track(luma) if window.track else still),
                size,
            )
            for window, track in zip(self.dials.windows, self._tracks, strict=True)
        ]

    def _protection(self, stops: Floats, size: tuple[int, ...], *, is_cut: bool) -> Floats | None:
        """Return what is protected, 0-1 of a size; None where nothing is."""
        detectors = [protect.skin] * self.limits.skin + [protect.writing] * self.limits.text
        if not detectors and not self.limits.regions:
            return None
        sparse = np.ascontiguousarray(stops[::2, ::2])
        found = [_sized(detector(sparse), size) for detector in detectors]
        found += [_sized(self._region(region, stops.shape[:2]), size) for region in self.limits.regions]
        now = np.asarray(np.maximum.reduce(found), np.float32)
        if self._protected is not None and not is_cut:
            now = self._protected + np.float32(_FOLLOW) * (now - self._protected)
        self._protected = now
        return now

    def _region(self, region: Region, size: tuple[int, ...]) -> Floats:
        box = Window(region.at, region.size, feather=0.1, shape="box")
        return weight_of(box, size[0], size[1], self._scale(), np.eye(2, 3, dtype=np.float32))


def _sized(plane: Floats, size: tuple[int, ...]) -> Floats:
    return np.asarray(cv2.resize(plane, (size[1], size[0])), np.float32)


def _split(channels: Any) -> list[Floats]:
    return [np.asarray(channel, np.float32) for channel in cv2.split(channels)]


def lit(picture: Picture, gain: Floats, curve: Curve, matrix: str) -> Picture:
    """Return a picture under a gain in stops, `[h, w]` or `[h, w, 3]` of any raster; where that is zero, bit for bit.

    Colour changes as it does at half resolution, channel by channel. Luma changes by the curve at each pixel, and by
    what colour adds to that at half resolution.
    """
    codes = halved(picture)
    return _lit(picture, codes, rgb_codes(codes, matrix), gain, curve, matrix)


def _lit(picture: Picture, codes: Floats, rgb: Floats, gain: Floats, curve: Curve, matrix: str) -> Picture:
    height, width = codes.shape[:2]
    size, colours = (picture.width, picture.height), gain.ndim > 2  # noqa: PLR2004 - a gain for each channel
    if gain.shape[:2] != (height, width):
        gain = np.asarray(cv2.resize(gain, (width, height)), np.float32)
    rows = np.asarray(curve.rows_of(gain), np.float32)
    of_luma = luma_of(rows) if colours else rows
    channels = _split(rows) if colours else [rows] * 3
    changes = [curve.change(code, row) for code, row in zip(_split(rgb), channels, strict=True)]
    y, cb, cr = _split(cv2.transform(cv2.merge(changes), to_ycbcr(matrix)))
    y -= curve.change(np.ascontiguousarray(codes[..., 0]), of_luma)
    own = curve.change(picture.y.astype(np.float32), _sized(of_luma, size[::-1]))
    own += _sized(y, size[::-1])
    wide = [_sized(plane, (picture.height, width)) for plane in (cb, cr)]
    planes = zip((picture.y, picture.cb, picture.cr), (own, *wide), strict=True)
    return Picture(picture.number, *(_added(plane, change) for plane, change in planes))


def _added(plane: Plane, change: Floats) -> Plane:
    """Return codes and their change, rounded; kept inside what interfaces carry unless they were outside already."""
    wanted = np.asarray(cv2.add(plane, change, dtype=cv2.CV_16U), np.uint16)
    if plane.min() >= LOWEST and plane.max() <= HIGHEST:
        return np.clip(wanted, LOWEST, HIGHEST, out=wanted)
    return np.clip(wanted, np.minimum(plane, LOWEST), np.maximum(plane, HIGHEST))
