"""Estimates of a still: what the network says of it, and that averaged over what is alike in it, near and wide."""

from __future__ import annotations

from typing import NamedTuple

from engines.backends.base import Restored, Session, Stream
from engines.media.frames import Picture
from engines.model.alike import heard_again, leaning
from engines.model.noise import NoiseProfile


class Estimates(NamedTuple):
    """What may be taken of a still, and the noise that all of it goes by."""

    restored: Picture
    near: Picture
    wide: Picture
    noise: NoiseProfile


def estimates(session: Session, stream: Stream, stepped: Restored, noise: NoiseProfile) -> Estimates | None:
    """Return the estimates of a still that the network has been through; None where nothing was restored.

    Where places that are alike tell of less noise than was told, the network goes through the picture once more first.
    """
    filmed, (restored,) = stepped.filmed, stream.smoothed([stepped], 1, 1.0)
    if restored is filmed:
        return None
    heard = heard_again(filmed, restored, noise)
    if heard != noise:
        again = session.stream(filmed.height, filmed.width, heard)
        again.reset()
        restored = again.smoothed([again.step(again.ready(filmed))], 1, 1.0)[0]
    return Estimates(restored, *leaning(filmed, restored, heard), heard)
