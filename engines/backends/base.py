"""Back-ends: whatever runs the network. One protocol, and every one of them passes the same contract test.

A back-end opens a session for one clip; the session keeps the recurrent state inside, near the arithmetic. Where an
engine is proven and judged, packed arrays go in and out. A clip goes through the session's *stream*, working pictures
in and out, so that what stands around the network (packing, motion, rounding) is done where the network runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engines.media.frames import Picture
from engines.model.carry import Flow
from engines.model.noise import NoiseProfile
from engines.model.packing import Packed
from engines.model.weights import Weights


class Ready(Protocol):
    """A picture made ready for its step; it lives no longer than what it was made by."""

    @property
    def picture(self) -> Picture:
        """The picture as filmed."""


class Restored(Protocol):
    """A picture that the network has been through, kept where the network runs; it lives as `Ready` does."""

    @property
    def filmed(self) -> Picture:
        """The picture as filmed."""


class Stream(Protocol):
    """A session's way for working pictures. What is made by one stream goes into no other."""

    def ready(self, picture: Picture, before: Ready | None = None) -> Ready:
        """Return a picture made ready; `before` is the one whose step will come before its own, if that is known.

        What is done here depends on no weights and no past, so that one more thread may call it, beside the one that
        steps.
        """

    def step(self, now: Ready) -> Restored:
        """Take the network through a picture; its motion to the one before is found here where it is not ready."""

    def smoothed(self, shot: Sequence[Restored], count: int, strength: float) -> list[Picture]:
        """Return the first `count` pictures of what was stepped through of a shot, each leaning on those after it.

        They come as far from what was filmed as `strength` says: 0 is that, 1 as restored. See `model/hindsight.py`.
        One more thread may call it, beside the one that steps.
        """

    def reset(self) -> None:
        """Forget the past: the next picture begins a shot."""


class Session(Protocol):
    """One clip's stream through the network.

    `weights` are those that run: others than were asked for only where the back-end refused these and said so.
    """

    weights: Weights

    def step(self, now: Packed, noise: Packed, motion: Flow | None = None) -> Packed:
        """Return the restored picture.

        Shape: `now` and the result `[1, 8, h, w]`, noise `[1, 3, h, w]`. Range: code values / 1023. The result
        is valid until the next step. `motion` is `carry.flow` from `now` to the picture of the step before, found here
        where it is not given.
        """

    def reset(self) -> None:
        """Forget the past: the next picture begins a shot."""

    def stream(self, height: int, width: int, noise: NoiseProfile) -> Stream:
        """Return the way for pictures of `height` x `width` with this noise.

        It shares the session's past: who uses it leaves the steps to it.
        """


class Backend(Protocol):
    """Runs networks somewhere."""

    name: str

    def describe(self) -> str:
        """Return what runs and how, for records: `openvino 2026.4 bf16`."""

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session for packed pictures of `height` x `width`."""


class LightSession(Protocol):
    """The illumination network for one clip; it has no state."""

    weights: Weights

    def coefficients(self, stops: Packed) -> Packed:
        """Return share and light `[1, 2, h/4, w/4]` of a picture's stops `[1, 3, h, w]`, less their mean.

        The result is valid until the next call.
        """


class LightBackend(Protocol):
    """Runs the illumination network somewhere."""

    def describe(self) -> str:
        """Return what runs and how, for records."""

    def open_light(self, weights: Weights, height: int, width: int) -> LightSession:
        """Return a session for pictures of `height` x `width`, multiples of LIGHT_GRID."""
