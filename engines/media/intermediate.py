"""Intermediate: enhanced working pictures between two jobs of one clip, in a file, every code value kept.

FFmpeg's Huffyuv in NUT: FFV1 takes a fifth fewer bytes and several times the time (docs/performance.md), and nothing of
it is ever delivered. That what is read is what was written is held by a digest over all code values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import xxhash
from av.video.frame import VideoFrame

from engines.errors import BadPart
from engines.media.conform import WORKING_FORMAT, frame_of, picture_of
from engines.media.faults import written
from engines.media.frames import Picture

_CODEC, _CONTAINER = "ffvhuff", "nut"
_OPTIONS = {"pred": "median"}
_TICK = Fraction(1, 25)
"""One picture; which rate they are shown at is the clip's business."""


class Digest:
    """A digest over pictures: their numbers and every code value, in order."""

    def __init__(self) -> None:
        self._state = xxhash.xxh3_128()

    def add(self, picture: Picture) -> None:
        """Take in a picture."""
        self._state.update(picture.number.to_bytes(8, "big"))
        for plane in (picture.y, picture.cb, picture.cr):
            self._state.update(np.ascontiguousarray(plane).data)

    @property
    def text(self) -> str:
        """The digest of all pictures until now, in hexadecimal."""
        return self._state.hexdigest()


def digest_of(picture: Picture) -> str:
    """Return the digest of one picture."""
    digest = Digest()
    digest.add(picture)
    return digest.text


class IntermediateWriter:
    """Writes the pictures of one stretch in their order; `close` makes the file whole, and `digest` is then of it."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        self.digest = Digest()
        self._name = path.name
        with written(self._name):
            self._container = av.open(str(path), "w", format=_CONTAINER, options={"fflags": "+bitexact"})
            stream: Any = self._container.add_stream(_CODEC, rate=1 / _TICK, options=dict(_OPTIONS))
            stream.width, stream.height, stream.pix_fmt = width, height, WORKING_FORMAT
            self._stream = stream

    def write(self, picture: Picture) -> None:
        """Write the next picture."""
        self.digest.add(picture)
        like = VideoFrame(picture.width, picture.height, WORKING_FORMAT)
        like.pts, like.time_base = picture.number, _TICK
        with written(self._name):
            self._container.mux(self._stream.encode(frame_of(picture, like)))

    def close(self) -> None:
        """Write what is left."""
        with written(self._name):
            self._container.mux(self._stream.encode(None))
            self._container.close()

    def abandon(self) -> None:
        """Close without finishing; what broke it is being raised already."""
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()


def intermediate_pictures(path: Path) -> Iterator[Picture]:
    """Yield the pictures of a file in their order, as they were written.

    Raises:
        BadPart: it is gone, or does not decode.
    """
    try:
        with av.open(str(path), format=_CONTAINER) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                assert frame.pts is not None
                assert frame.time_base is not None
                frame.pts = round(frame.pts * frame.time_base / _TICK)
                yield picture_of(frame)
    except (av.FFmpegError, OSError, IndexError) as error:
        raise bad_part(path.name, f"it cannot be read ({error})") from error


def bad_part(name: str, why: str) -> BadPart:
    """Return the error that says that a part is not to be joined."""
    return BadPart(
        f"the enhanced pictures in {name} cannot be joined",
        why=why,
        fix="`nearset retry` makes the clip's parts anew; if it repeats, leave out workers.split_minutes",
    )
