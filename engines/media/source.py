"""A media file as the engines get it: an open descriptor, a demuxer forced from its first bytes, no way out.

Names and suffixes prove nothing: a text file named `.mov` must not become a playlist that opens other files.
The demuxer is chosen from magic bytes against a list, and nothing but this one file can be opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer

from engines.errors import Undecodable, Unreadable
from engines.media.faults import translated

_HEAD_BYTES = 64 * 1024 + 16
_MXF_KEY = bytes.fromhex("060e2b34020501010d0102")
_MAX_STREAMS = 128
_TS_PACKETS = ((188, 0), (192, 4), (204, 0))


@dataclass(frozen=True, slots=True)
class MediaFile:
    """An open, regular file: `name` for messages, `fd` to read from. Whoever opened it closes it."""

    name: str
    fd: int

    @property
    def url(self) -> str:
        """What FFmpeg opens: this very file, whatever has become of its path."""
        return f"/proc/self/fd/{self.fd}"


class MediaFiles(Protocol):
    """A clip's files in order. Stills are open one at a time: what one gave is read before the next is asked for."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, number: int, /) -> MediaFile:
        """Return one of them, open."""

    def __iter__(self) -> Iterator[MediaFile]:
        """Yield all of them in order, each open."""


def demuxer_of(head: bytes, name: str) -> str:
    """Return FFmpeg's demuxer for a file's first bytes.

    Raises:
        Unreadable: the bytes are none of the containers that cameras and recorders write.
        Undecodable: they are camera raw; it is named.
    """
    for magic, offset, raw in _RAW:
        if head[offset : offset + len(magic)] == magic:
            raise Undecodable(
                f"{name} is {raw}, camera raw",
                why="no decoder here makes a picture of it",
                fix="transcode it with the vendor's tool, or let a proxy stand in with offload.stand_ins",
            )
    for matches, demuxer in KNOWN:
        if matches(head):
            return demuxer
    raise Unreadable(
        f"{name} is not a movie that is read here",
        why=f"it begins with {head[:12]!r}, which no camera's container does" if head else "it is empty",
        fix="check that the offload is complete; if it is camera raw, let a proxy stand in for it",
    )


def open_container(file: MediaFile) -> InputContainer:
    """Return the opened container, its demuxer forced, nothing else reachable.

    Raises:
        Unreadable: no known container, or one that is damaged at its head.
    """
    with translated(file.name):
        return _opened(file, None)


def open_on_card(file: MediaFile) -> InputContainer:
    """Return the container as above, its picture decoded by the GPU or not at all; what FFmpeg throws goes through."""
    container = _opened(file, HWAccel("cuda", allow_software_fallback=False))
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.thread_count = 1  # each further one takes a surface of the card's few
    return container


def _opened(file: MediaFile, card: HWAccel | None) -> InputContainer:
    demuxer = demuxer_of(os.pread(file.fd, _HEAD_BYTES, 0), file.name)
    options = {"protocol_whitelist": "file", "format_whitelist": demuxer, "max_streams": str(_MAX_STREAMS)}
    if demuxer == "mov":
        options |= {"enable_drefs": "0", "use_absolute_path": "0"}
    return av.open(file.url, mode="r", format=demuxer, options=options, metadata_errors="replace", hwaccel=card)


def _is_mov(head: bytes) -> bool:
    return head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"} and len(head) > 8  # noqa: PLR2004 - a box


def _is_mxf(head: bytes) -> bool:
    return _MXF_KEY in head


def _is_ts(head: bytes) -> bool:
    return any(
        len(head) > 4 * size and all(head[offset + size * n] == 0x47 for n in range(4))  # noqa: PLR2004 - sync byte
        for size, offset in _TS_PACKETS
    )


KNOWN = (
    (_is_mov, "mov"),
    (_is_mxf, "mxf"),
    (lambda head: head[:4] == b"\x1a\x45\xdf\xa3", "matroska"),
    (lambda head: head[:4] == b"RIFF" and head[8:12] in {b"AVI ", b"AVIX"}, "avi"),
    (lambda head: head[:4] == b"\x00\x00\x01\xba", "mpeg"),
    (lambda head: head[:4] == b"\x00\x00\x01\xb3", "mpegvideo"),
    (lambda head: head[:9] == b"YUV4MPEG2", "yuv4mpegpipe"),
    (lambda head: head[:3] == b"\x1f\x07\x00", "dv"),
    (_is_ts, "mpegts"),
)

_RAW = (
    (b"RED1", 4, "R3D"),
    (b"RED2", 4, "R3D"),
    (b"ARRI", 0, "ARRIRAW"),
    (b"ftypcrx ", 4, "Canon Cinema RAW Light"),
    (b"II*\0", 0, "DNG or TIFF"),
    (b"MM\0*", 0, "DNG or TIFF"),
)
