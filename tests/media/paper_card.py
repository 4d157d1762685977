"""A card on paper: the processor's decoder behind a card's manners, and what a card may do wrong.

Shows that a card is asked, tried, refused and left in the right way; not that an NVIDIA GPU answers as this one does.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from av.error import ExternalError, InvalidDataError
from av.error import MemoryError as NoMemory
from av.video.frame import VideoFrame

from engines.media.picture import Coding
from engines.media.preset import ProxyCodec
from engines.media.source import MediaFile, open_container

FORMS = {
    "yuv420p": "nv12",
    "yuvj420p": "nv12",
    "yuv420p10le": "p010le",
    "yuv422p": "nv16",
    "yuv422p10le": "p210le",
}
X264 = Coding("libx264", "yuv420p", {"preset": "ultrafast", "crf": "20", "bf": "0"}, "avc1", on_card=True)
BLURRED = Coding("libx264", "yuv420p", {"preset": "ultrafast", "qp": "51"}, "avc1", on_card=True)


class PaperCard:
    """A card that decodes `forms`; `sick` says what befalls it from picture `at` of the `opening`th movie on."""

    name = "NVDEC (Paper RTX, SM 89)"

    def __init__(self, forms: tuple[str, ...] = tuple(FORMS), sick: str = "", at: int = 0, opening: int = 2) -> None:
        self.forms, self.sick, self.at, self.opening = forms, sick, at, opening
        self.opened = 0
        self.codings = {ProxyCodec.H264: X264}

    def open(self, file: MediaFile) -> Any:
        self.opened += 1
        if self.sick == "closed":
            raise ExternalError(errno.EIO, "CUDA_ERROR_UNKNOWN")
        return Movie(self, file, self.sick if self.opened >= self.opening else "")


class Movie:
    """A container whose picture comes as a card gives it."""

    def __init__(self, card: PaperCard, file: MediaFile, sick: str) -> None:
        self.card, self.sick, self.pictures = card, sick, 0
        self.real = open_container(file)
        for stream in self.real.streams.video:
            stream.codec_context.thread_count = 1  # as a card is fed: nothing is held back for threads
        self.streams = self.real.streams

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.real.close()

    def demux(self, *streams: Any) -> Iterator[Packet]:
        for packet in self.real.demux(*streams):
            yield Packet(self, packet)


class Packet:
    """A packet of the movie: sound goes through, the picture comes from the card."""

    def __init__(self, movie: Movie, packet: Any) -> None:
        self.movie, self.packet, self.stream = movie, packet, packet.stream
        self.is_corrupt = packet.is_corrupt or self.befalls("torn")

    def befalls(self, sick: str) -> bool:
        return self.movie.sick == sick and self.movie.pictures >= self.movie.card.at

    def has_sidedata(self, kind: str) -> bool:
        return self.befalls("changed") or self.packet.has_sidedata(kind)

    def decode(self) -> list[Any]:
        if self.stream.type != "video":
            return self.packet.decode()
        if self.befalls("full"):
            raise NoMemory(errno.ENOMEM, "Cannot allocate memory")
        if self.befalls("damaged"):
            raise InvalidDataError(errno.EINVAL, "Invalid data found")
        return [self.given(frame) for frame in self.packet.decode()]

    def given(self, frame: VideoFrame) -> VideoFrame:
        """Return a picture as a card has it; what it cannot decode comes as an error, as with no fallback."""
        if self.befalls("lost"):
            raise ExternalError(errno.EIO, "CUDA_ERROR_LAUNCH_FAILED")
        if frame.format.name not in self.movie.card.forms:
            raise InvalidDataError(errno.ENOSYS, "no format of the card fits")
        wrong, uncropped = self.befalls("wrong"), self.befalls("uncropped")
        self.movie.pictures += 1
        if uncropped:
            return frame.reformat(frame.width + 8, frame.height)
        made = semiplanar(frame)
        if wrong:
            np.frombuffer(memoryview(made.planes[1]), np.uint8)[7:8] ^= 4
        return made


def semiplanar(frame: VideoFrame) -> VideoFrame:
    """The same codes with Cb and Cr by turns, at the upper end of their words; written beside what takes them apart."""
    made = VideoFrame(frame.width, frame.height, FORMS[frame.format.name])
    wide = made.format.components[0].bits > 8
    kind, shift = (np.uint16, 6) if wide else (np.uint8, 0)

    def rows(plane: Any, count: int) -> Any:
        return np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)[:, :count]

    y, cb, cr = (rows(plane, plane.width) for plane in frame.planes)
    rows(made.planes[0], frame.width)[:] = y << shift
    rows(made.planes[1], 2 * cb.shape[1])[:] = np.stack((cb, cr), -1).reshape(cb.shape[0], -1) << shift
    made.pts, made.time_base = frame.pts, frame.time_base
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    made.color_primaries, made.color_trc = frame.color_primaries, frame.color_trc
    return made
