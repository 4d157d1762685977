"""Mattes: how much of each pixel the actor covers, and the actor's own colour, freed of the screen behind.

A chroma key by the screen's colour, its edges refined by a small network; or the difference from a clean plate.
Shapes from the recipe say what is garbage and what is kept. A matte holds for its picture alone; nothing is carried
over in time.

Source: the matting equation C = aF + (1-a)B, of light, solved for F where a is known (Smith and Blinn 1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from av.video.frame import VideoFrame

from engines.enhance.camera import along, between, grey, inside, left_over, places, sampled
from engines.enhance.plate import Plate
from engines.enhance.screen import (
    Floats,
    KeyColour,
    Screen,
    light_of,
    measured,
    planes,
    purity_of,
    rgb_of_light,
    screen_of,
)
from engines.enhance.shapes import Mask
from engines.media.frames import CODE_MAX, Picture
from engines.media.ycbcr import BLACK, NEUTRAL, codes_of
from engines.model.edge import EdgeSession, edge_weights

MATTE_FORMAT = "yuva444p10le"
_THIN = 0.1
"""Alpha below which the actor's colour is not told from the screen's any more."""
_BLACK, _WHITE = 0.004, 0.996
"""Alpha nearer than this to an end is that end: one code of eight bits."""
_SPILL = 0.25
"""Share of the screen's hue, beside other colour, that an actor may have of his own."""
_TO_CODES = (codes_of(np.eye(3, dtype=np.float32)) - codes_of(np.zeros(3, np.float32))).T
"""From a change of R'G'B' to one of Y'CbCr codes."""
_DIFFERS, _PARTS = 14.0, 44.0
"""10-bit codes from the plate: below the first it is the plate, above the second it is not."""


@dataclass(frozen=True, slots=True)
class Matte:
    """One picture's matte: alpha `[H, W]` 0-1, and the actor's colour, not multiplied by it."""

    alpha: Floats
    fill: Picture


class Puller(Protocol):
    """Whatever pulls mattes."""

    def __call__(self, picture: Picture) -> Matte:
        """Return a picture's matte."""

    @property
    def note(self) -> str:
        """What an editor must know of the mattes pulled."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What shapes say of a matte: never covered, always covered; None where nothing is said."""

    garbage: Mask | None = None
    keep: Mask | None = None

    def put_on(self, alpha: Floats) -> Floats:
        """Return alpha within the limits; what is kept beats what is garbage."""
        found = alpha
        if self.garbage is not None:
            found = np.where(self.garbage, np.float32(0), found)
        if self.keep is not None:
            found = np.where(self.keep, np.float32(1), found)
        return np.asarray(found, np.float32)


class Key:
    """A chroma key. `edges` 0-1 is how far the network refines it, `spill` 0-1 how far the screen's light goes."""

    def __init__(
        self, colour: KeyColour, height: int, width: int, *, edges: float = 1.0, spill: float = 1.0, limits: Limits
    ) -> None:
        self._colour, self._limits = colour, limits
        self._edges, self._spill = np.float32(edges), np.float32(spill)
        self._session = EdgeSession(edge_weights(), height, width) if edges else None
        self._allowed = None if limits.garbage is None else ~limits.garbage

    def __call__(self, picture: Picture) -> Matte:
        """Return a picture's matte.

        Raises:
            NoScreen: no part of the picture is of the screen's colour.
        """
        screen = screen_of(picture, self._colour, self._allowed)
        alpha = self._limits.put_on(self._alpha(picture, screen))
        return Matte(alpha, freed(picture, alpha, screen, self._spill))

    @property
    def note(self) -> str:
        """What an editor must know of it."""
        return f"matte: {self._colour} key"

    def _alpha(self, picture: Picture, screen: Screen) -> Floats:
        found = measured(picture, screen)
        alpha = found.alpha
        if self._session is not None:
            alpha = alpha + self._edges * self._session(found.luma, found.along, found.beside, found.alpha)
        return ended(alpha)


class Difference:
    """A difference matte against a clean plate of the same shot or set-up, wherever the camera looks."""

    def __init__(self, plate: Plate, *, limits: Limits) -> None:
        self._plate, self._limits = plate, limits
        self._grey = grey(plate.picture)
        self._unseen = self._pixels = 0

    def __call__(self, picture: Picture) -> Matte:
        """Return a picture's matte; where the plate is not valid all is kept, and counted."""
        now = grey(picture)
        way = between(now, self._grey)
        x, y = places(way, (slice(0, picture.height), slice(0, picture.width)))
        seen = inside(x, y, now.shape)
        brought = cv2.remap(self._grey, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        close = cv2.absdiff(now, np.asarray(brought, np.uint8)) < _PARTS / 4
        flow = left_over(now, np.asarray(brought, np.uint8), seen & close)
        x, y = along(x, y, flow)
        valid = cv2.remap(self._plate.valid.astype(np.uint8), x, y, cv2.INTER_NEAREST, None, cv2.BORDER_CONSTANT, 0) > 0
        self._unseen += int((~valid).sum())
        self._pixels += valid.size
        alpha = np.where(valid, _unlike(picture, sampled(self._plate.picture, x, y)), np.float32(1))
        return Matte(self._limits.put_on(alpha), picture)

    @property
    def note(self) -> str:
        """What an editor must know of it."""
        share = self._unseen / max(1, self._pixels)
        return f"matte: difference from the clean plate{f', {share:.1%} never seen and kept' if share else ''}"


def ended(alpha: Floats) -> Floats:
    """Return alpha within 0-1, next to an end at that end."""
    stretched = (alpha - _BLACK) / (_WHITE - _BLACK)
    return np.asarray(np.clip(stretched, 0, 1), np.float32)


def frame_of_matte(matte: Matte, like: VideoFrame) -> VideoFrame:
    """Return a matte as a frame with alpha, 4:4:4, timed like another: colour not multiplied, alpha of full range."""
    fill = matte.fill
    frame = VideoFrame(fill.width, fill.height, MATTE_FORMAT)
    full = [
        cv2.resize(plane, (fill.width, fill.height), interpolation=cv2.INTER_LINEAR) for plane in (fill.cb, fill.cr)
    ]
    alpha = np.rint(matte.alpha * CODE_MAX).astype(np.uint16)
    for plane, codes in zip(frame.planes, (fill.y, *full, alpha), strict=True):
        np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)[:, : plane.width] = codes
    frame.pts, frame.time_base = like.pts, like.time_base
    return frame


def over(matte: Matte, front: Picture, back: Picture) -> Picture:
    """Return a front over a back by a matte, mixed as light; where only one of them shows its codes are its own."""
    share = matte.alpha
    lights = zip(light_of(front), light_of(back), strict=True)
    rgb = [rgb_of_light(share * one + (1 - share) * other) for one, other in lights]
    size = (front.width // 2, front.height)
    y, *chroma = cv2.split(cv2.transform(cv2.merge(rgb), _TO_CODES))
    halves = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) + NEUTRAL for plane in chroma]
    half = np.asarray(cv2.resize(share, size, interpolation=cv2.INTER_AREA), np.float32)
    codes = (np.clip(np.rint(plane), 4, 1019).astype(np.uint16) for plane in (y + BLACK, *halves))
    found = (
        np.where(of >= 1, one, np.where(of <= 0, other, mixed))
        for of, one, other, mixed in zip((share, half, half), planes(front), planes(back), codes, strict=True)
    )
    return Picture(front.number, *found)


def freed(picture: Picture, alpha: Floats, screen: Screen, spill: np.float32) -> Picture:
    """Return the actor's own colour: the screen's share taken out, and its light on him, both as light."""
    seen, behind = light_of(picture), screen.light(picture.height, picture.width)
    more, veil = 1 / np.maximum(alpha, np.float32(_THIN)), np.minimum(1 - alpha, np.float32(1 - _THIN))
    red, green, blue = (np.maximum((one - veil * other) * more, 0) for one, other in zip(seen, behind, strict=True))
    pure, apart = purity_of((red, green, blue), screen.colour)
    of_screen, _ = purity_of(behind, screen.colour)
    less = spill * np.maximum(pure - _SPILL * np.abs(apart), 0) / np.maximum(of_screen, _THIN * of_screen.max())
    rid = (rgb_of_light(own - less * of) for own, of in zip((red, green, blue), behind, strict=True))
    change = cv2.merge([one - rgb_of_light(other) for one, other in zip(rid, seen, strict=True)])
    luma, *chroma = cv2.split(cv2.transform(change, _TO_CODES))
    size = (picture.width // 2, picture.height)
    changes = (luma, *(cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in chroma))
    codes = (plane + by for plane, by in zip(planes(picture), changes, strict=True))
    return Picture(picture.number, *(np.clip(np.rint(plane), 4, 1019).astype(np.uint16) for plane in codes))


def _unlike(picture: Picture, plate: tuple[Floats, Floats, Floats]) -> Floats:
    """Return 0 where a picture is its plate, 1 where it is not, between the two by how far it is off."""
    luma = np.abs(picture.y.astype(np.float32) - plate[0])
    chroma = np.hypot(picture.cb - plate[1], picture.cr - plate[2])
    off = np.hypot(luma, cv2.resize(chroma, (picture.width, picture.height), interpolation=cv2.INTER_LINEAR))
    calm = cv2.GaussianBlur(off.astype(np.float32), (0, 0), 1.0)
    rising = np.asarray(np.clip((calm - _DIFFERS) / (_PARTS - _DIFFERS), 0, 1), np.float32)
    return np.asarray(rising * rising * (3 - 2 * rising), np.float32)
