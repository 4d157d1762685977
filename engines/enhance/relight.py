"""Relight: the balance and colour of a picture's own light, by dials, in scene-linear light. One picture in, one out.

Light is told from what it falls on by the illumination network (`engines/light/`); dials make a gain of it at half
resolution, limits hold it, and it is multiplied on at full resolution, channel by channel. It casts no shadow and takes
none away: a window is a gain, no lamp. All at zero is the very picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from engines.backends.base import LightBackend
from engines.enhance.restore import HIGHEST, LOWEST
from engines.light import protect
from engines.light.curve import MOST_STOPS, Curve, Floats
from engines.light.dials import Bring, Dials, Limits, Region, Window
from engines.light.illumination import LUMA, Illumination
from engines.light.still import halved, rgb_codes, to_ycbcr
from engines.light.track import Track
from engines.light.zones import Zones, gains, limited, weight_of
from engines.media.frames import CODE_MAX, Picture, Plane
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
        size = np.abs(gain[::4, ::4])
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
    bring: Bring = Bring()
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
        stops = self.curve.of(rgb_codes(halved(picture), self.matrix))
        light = self._light(stops)
        zones = self._zones(light, is_cut=self._light.is_cut)
        whole, local = gains(self.dials, light, zones, self._windows(stops @ LUMA), self.bring)
        protected = self._protection(stops, is_cut=self._light.is_cut)
        gain = limited(whole, local, self.limits, protected)
        self.change.note(gain, protected)
        return lit(picture, gain, self.curve, self.matrix)

    def _scale(self) -> float:
        return self.width / 2 / self.source_width

    def _track(self, window: Window) -> Track:
        x, y, wide, high = (value * self._scale() for value in (*window.at, *window.size))
        return Track(*(round(side) for side in (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)))

    def _windows(self, luma: Floats) -> list[Floats]:
        still = np.eye(2, 3, dtype=np.float32)
        return [
            weight_of(window, *luma.shape[:2], self._scale(), track(luma) if window.track else still)
            for window, track in zip(self.dials.windows, self._tracks, strict=True)
        ]

    def _protection(self, stops: Floats, *, is_cut: bool) -> Floats | None:
        """Return what is protected, 0-1 `[h, w]`; None where nothing is."""
        detectors = [protect.skin] * self.limits.skin + [protect.writing] * self.limits.text
        height, width = stops.shape[:2]
        if not detectors and not self.limits.regions:
            return None
        sparse = np.ascontiguousarray(stops[::2, ::2])
        found = [detector(sparse) for detector in detectors]
        found += [self._region(region, (height, width))[::2, ::2] for region in self.limits.regions]
        now = np.maximum.reduce(found)
        if self._protected is not None and not is_cut:
            now = self._protected + np.float32(_FOLLOW) * (now - self._protected)
        self._protected = now
        return np.asarray(cv2.resize(now, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    def _region(self, region: Region, size: tuple[int, ...]) -> Floats:
        box = Window(region.at, region.size, feather=0.1, shape="box")
        return weight_of(box, size[0], size[1], self._scale(), np.eye(2, 3, dtype=np.float32))


def lit(picture: Picture, gain: Floats, curve: Curve, matrix: str) -> Picture:
    """Return a picture under a gain in stops, `[h, w]` or `[h, w, 3]` of any raster; where that is zero, bit for bit.

    Colour changes as it does at half resolution, channel by channel. Luma changes by the curve at each pixel, and by what
    colour adds to that at half resolution.
    """
    codes = halved(picture)
    height, width = codes.shape[:2]
    gain = np.clip(gain, -MOST_STOPS, MOST_STOPS)
    half = gain if gain.shape[:2] == (height, width) else cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    channels = cv2.split(half) if half.ndim > 2 else [half] * 3  # noqa: PLR2004 - one gain for all three
    of_luma = half @ LUMA if half.ndim > 2 else half  # noqa: PLR2004 - as above
    rgb = np.clip(rgb_codes(codes, matrix), 0, CODE_MAX)
    changes = [curve.change(code, one) for code, one in zip(cv2.split(rgb), channels, strict=True)]
    y, cb, cr = cv2.split(cv2.transform(cv2.merge(changes), to_ycbcr(matrix)))
    y -= curve.change(np.ascontiguousarray(codes[..., 0]), of_luma)
    fine = cv2.resize(of_luma, (picture.width, picture.height), interpolation=cv2.INTER_LINEAR)
    own = curve.change(picture.y.astype(np.float32), fine)
    own += cv2.resize(y, (picture.width, picture.height), interpolation=cv2.INTER_LINEAR)
    wide = [cv2.resize(plane, (width, picture.height), interpolation=cv2.INTER_LINEAR) for plane in (cb, cr)]
    planes = zip((picture.y, picture.cb, picture.cr), (own, *wide), strict=True)
    return Picture(picture.number, *(_added(plane, change) for plane, change in planes))


def _added(plane: Plane, change: Floats) -> Plane:
    """Return codes and their change, rounded; kept inside what interfaces carry unless they were outside already."""
    wanted = np.asarray(cv2.add(plane, change, dtype=cv2.CV_16U), np.uint16)
    if plane.min() >= LOWEST and plane.max() <= HIGHEST:
        return np.clip(wanted, LOWEST, HIGHEST, out=wanted)
    return np.clip(wanted, np.minimum(plane, LOWEST), np.maximum(plane, HIGHEST))
