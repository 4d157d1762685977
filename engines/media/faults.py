"""What FFmpeg and PyAV throw, in our words: one table from their error to ours."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from av import error as ffmpeg
from av.error import (
    DecoderNotFoundError,
    DemuxerNotFoundError,
    EncoderNotFoundError,
    FFmpegError,
    InvalidDataError,
    MuxerNotFoundError,
    PatchWelcomeError,
)

from engines.errors import (
    DeviceLost,
    EncodeFailed,
    EngineError,
    GpuFault,
    MediaError,
    OutOfGpuMemory,
    Undecodable,
    Unreadable,
)

_OFFLOAD = "copy the clip again from the card; if it stays so, the recording itself is broken"

_READING: tuple[tuple[type[Exception], type[MediaError], str, str], ...] = (
    (
        DecoderNotFoundError,
        Undecodable,
        "no decoder here reads its codec",
        "transcode it, or let a proxy stand in",
    ),
    (
        PatchWelcomeError,
        Undecodable,
        "its flavour of the codec is not supported",
        "transcode it, or let a proxy stand in",
    ),
    (InvalidDataError, Unreadable, "its bytes are damaged or cut short", _OFFLOAD),
    (DemuxerNotFoundError, Unreadable, "its container is not known", _OFFLOAD),
    (ffmpeg.EOFError, Unreadable, "it ends too early", _OFFLOAD),
    (FFmpegError, Unreadable, "FFmpeg cannot read it", _OFFLOAD),
    (UnicodeDecodeError, Unreadable, "its text fields are damaged", _OFFLOAD),
    (ValueError, Unreadable, "its header holds impossible values", _OFFLOAD),
    (OverflowError, Unreadable, "its header holds impossible values", _OFFLOAD),
    (IndexError, Unreadable, "its header names a stream that is not there", _OFFLOAD),
)

_WRITING: tuple[tuple[type[Exception], str, str], ...] = (
    (EncoderNotFoundError, "the encoder is not in this build", "choose another proxy.codec"),
    (MuxerNotFoundError, "the container is not in this build", "choose another proxy.codec"),
    (PermissionError, "the encoder's device is closed to us or absent", "choose a software proxy.codec"),
    (FFmpegError, "FFmpeg cannot write it", "see the log; choose another proxy.codec or width"),
    (ValueError, "the encoder refuses these settings", "choose another proxy.codec or width"),
    (OSError, "the delivery volume refuses the write", "check its room and permissions"),
)

_CARD: tuple[tuple[type[Exception], type[GpuFault], str, str], ...] = (
    (
        MemoryError,
        OutOfGpuMemory,
        "its memory is full, or all its surfaces are taken",
        "end what else runs on the GPU, or lower workers.render; it is tried again",
    ),
    (
        FFmpegError,
        DeviceLost,
        "its driver failed in the midst of pictures that it had begun",
        "it is tried again in a new process; if it repeats, set gpu.decode and gpu.encode to none",
    ),
)
"""What FFmpeg throws where a card's decoder or encoder fails; damage of the stream's own is told before."""


@contextmanager
def on_card(what: str) -> Iterator[None]:
    """Turn what FFmpeg throws of a card at work into a GpuFault about `what`; ours go through."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        for theirs, ours, why, fix in _CARD:
            if isinstance(error, theirs):
                raise ours(what, why=f"{why} ({error})", fix=fix) from error
        raise


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn what reading throws into a MediaError about `name`; ours go through."""
    try:
        yield
    except (EngineError, MemoryError):
        raise
    except Exception as error:
        for theirs, ours, why, fix in _READING:
            if isinstance(error, theirs):
                raise ours(f"{name} cannot be read", why=f"{why} ({error})", fix=fix) from error
        raise


@contextmanager
def written(name: str) -> Iterator[None]:
    """Turn what writing throws into EncodeFailed about `name`; the cause keeps its errno."""
    try:
        yield
    except (EngineError, MemoryError):
        raise
    except Exception as error:
        for theirs, why, fix in _WRITING:
            if isinstance(error, theirs):
                raise EncodeFailed(f"{name} cannot be written", why=f"{why} ({error})", fix=fix) from error
        raise


def is_full(error: BaseException | None) -> bool:
    """Return whether an error, or what caused it, says that a volume or quota is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        error = error.__cause__
    return False
