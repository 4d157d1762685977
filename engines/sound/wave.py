"""Sound files of recorders: RIFF, RF64, BW64 and W64, mono and poly, of any length.

Owns the chunks and the samples; what `bext` and `iXML` say is read elsewhere. Samples are read by position from an
open descriptor and never mapped: a map of a file that shrinks, or whose volume goes away, kills the process.

Source: EBU Tech 3285 (BWF) and 3306 (RF64), ITU-R BS.2088 (BW64), Sonic Foundry's Wave64 format.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engines.errors import BadWave

Samples: TypeAlias = NDArray[np.float32]
"""Samples at full scale 1.0: `[N]` of one channel, or `[N, C]`."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FORMATS = {(_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)}
_RATES = range(8_000, 384_001)
_MOST_CHANNELS = 128
_MOST_CHUNKS = 4096
"""How many are looked at: what lies behind so many is no recorder's."""
_TEXT_BYTES = 16 << 20
"""Largest `bext` or `iXML` that is read."""
_UNKNOWN = 0xFFFFFFFF
"""What a 32-bit size says where `ds64` has the true one."""
_GUID_BYTES = 16
_W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
"""How every Wave64 identifier but the first goes on after its four letters."""


@dataclass(frozen=True, slots=True)
class WaveFormat:
    """How the samples lie in the file; `frames` counts samples of one channel."""

    channels: int
    sample_rate: int
    bits: int
    is_float: bool
    frames: int
    first_byte: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.bits // 8

    @property
    def seconds(self) -> float:
        """Length as the file's own sample rate has it."""
        return self.frames / self.sample_rate


@dataclass(frozen=True, slots=True)
class Wave:
    """An open sound file: `bext` and `ixml` as they stand in it, empty where there is none.

    `notes` say what is odd and does no harm.
    """

    name: str
    fd: int
    format: WaveFormat
    bext: bytes
    ixml: bytes
    notes: tuple[str, ...] = ()

    def read(self, first: int, count: int, channels: Sequence[int] | None = None) -> Samples:
        """Return samples `[count, C]` from a position on, of the channels asked for or all; silence outside the file.

        Raises:
            BadWave: the file is shorter than it was when it was opened, or holds what is no number.
        """
        known = self.format
        begin, end = max(first, 0), min(first + count, known.frames)
        wanted = list(range(known.channels)) if channels is None else list(channels)
        result = np.zeros((count, len(wanted)), np.float32)
        if end > begin:
            read = self._decoded(begin, end - begin)
            result[begin - first : end - first] = read if channels is None else read[:, wanted]
        if known.is_float and not np.isfinite(result).all():
            raise bad_wave(self.name, "it holds samples that are no numbers", "record it anew, or leave this file out")
        return result

    def blocks(self, count: int, channels: Sequence[int] | None = None) -> Iterator[Samples]:
        """Yield the whole file in blocks of `count` samples, the last one shorter."""
        for first in range(0, self.format.frames, count):
            yield self.read(first, min(count, self.format.frames - first), channels)

    def _decoded(self, first: int, count: int) -> Samples:
        known = self.format
        data = _exactly(self.fd, self.name, known.first_byte + first * known.frame_bytes, count * known.frame_bytes)
        return _floats(data, known.bits, is_float=known.is_float).reshape(count, known.channels)


def bad_wave(name: str, why: str, fix: str = "copy it again from the recorder, or repair it there") -> BadWave:
    """Return the error that says that a file is no sound file to go by."""
    return BadWave(f"{name} cannot be read as a sound file", why=why, fix=fix)


def open_wave(name: str, fd: int) -> Wave:
    """Return the sound file behind a descriptor, its chunks gone through and its samples untouched.

    Raises:
        BadWave: it is none, is cut short, contradicts itself, or has samples of a kind that no recorder writes.
    """
    size = os.fstat(fd).st_size
    chunks, notes = _chunks(name, fd, size)
    if "fmt " not in chunks or "data" not in chunks:
        lacking = "fmt " if "fmt " not in chunks else "data"
        raise bad_wave(name, f"it has no `{lacking.strip()}` chunk")
    texts = {kind: _text(name, fd, chunks[kind]) for kind in ("bext", "iXML") if kind in chunks}
    found = _format(name, _exactly(fd, name, chunks["fmt "][0], min(chunks["fmt "][1], 40)), chunks["data"])
    return Wave(name, fd, found, texts.get("bext", b""), texts.get("iXML", b""), notes)


Span: TypeAlias = tuple[int, int]
"""Where a chunk's content begins and how many bytes it has."""


def _chunks(name: str, fd: int, size: int) -> tuple[dict[str, Span], tuple[str, ...]]:
    """Return the first chunk of each kind, and notes."""
    head = _exactly(fd, name, 0, min(size, 40))
    if head[:4] in {b"RIFF", b"RF64", b"BW64"} and head[8:12] == b"WAVE":
        return _riff_chunks(name, fd, size, head)
    if head[:_GUID_BYTES] == _W64_RIFF and head[24:28] == b"wave":
        return _w64_chunks(name, fd, size), ()
    raise bad_wave(name, "it begins as none of RIFF, RF64, BW64 and Wave64")


def _riff_chunks(name: str, fd: int, size: int, head: bytes) -> tuple[dict[str, Span], tuple[str, ...]]:
    told = struct.unpack_from("<I", head, 4)[0] + 8
    wide = _ds64(name, fd, head) if head[:4] != b"RIFF" else {}
    told = wide.get("riff", told)
    if told > size:
        raise bad_wave(name, f"it is cut short: its head promises {told} bytes, and {size} are there")
    chunks: dict[str, Span] = {}
    end, position = told if told > 12 else size, 12  # noqa: PLR2004 - a size of nothing was never written
    for _ in range(_MOST_CHUNKS):
        if position + 8 > end:
            break
        kind, length = struct.unpack("<4sI", _exactly(fd, name, position, 8))
        label = kind.decode("latin-1")
        if length == _UNKNOWN and label in wide:
            length = wide[label]
        _check_inside(name, label, position + 8, length, size)
        chunks.setdefault(label, (position + 8, length))
        position += 8 + length + length % 2
    return chunks, (f"{size - told} bytes lie behind its end",) if size > told + told % 2 else ()


def _ds64(name: str, fd: int, head: bytes) -> dict[str, int]:
    """Return the 64-bit sizes of an RF64 or BW64 file. Source: EBU Tech 3306, 3."""
    if head[12:16] != b"ds64" or struct.unpack_from("<I", head, 16)[0] < 28:  # noqa: PLR2004 - its fixed part
        raise bad_wave(name, "it is RF64 and has no `ds64` chunk with its sizes")
    riff, data, _, count = struct.unpack("<QQQI", _exactly(fd, name, 20, 28))
    sizes = {"riff": riff + 8, "data": data}
    for number in range(min(count, 64)):
        kind, length = struct.unpack("<4sQ", _exactly(fd, name, 48 + 12 * number, 12))
        sizes[kind.decode("latin-1")] = length
    return sizes


def _w64_chunks(name: str, fd: int, size: int) -> dict[str, Span]:
    told = struct.unpack("<Q", _exactly(fd, name, 16, 8))[0]
    if told > size:
        raise bad_wave(name, f"it is cut short: its head promises {told} bytes, and {size} are there")
    chunks: dict[str, Span] = {}
    position = 40
    for _ in range(_MOST_CHUNKS):
        if position + 24 > told:
            break
        kind, length = struct.unpack("<16sQ", _exactly(fd, name, position, 24))
        if length < 24:  # noqa: PLR2004 - its own head is counted
            raise bad_wave(name, f"a chunk of it says that it has {length} bytes, less than its own head")
        label = kind[:4].decode("latin-1") if kind[4:] == _W64_TAIL else kind.hex()
        _check_inside(name, label, position + 24, length - 24, size)
        chunks.setdefault(label, (position + 24, length - 24))
        position += length + -length % 8
    return chunks


def _check_inside(name: str, kind: str, first: int, length: int, size: int) -> None:
    if first + length > size:
        raise bad_wave(name, f"its `{kind.strip()}` chunk promises {length} bytes, and {size - first} are there")


def _text(name: str, fd: int, span: Span) -> bytes:
    if span[1] > _TEXT_BYTES:
        raise bad_wave(name, f"its metadata has {span[1]} bytes, more than {_TEXT_BYTES}")
    return _exactly(fd, name, *span)


def _format(name: str, fmt: bytes, data: Span) -> WaveFormat:
    if len(fmt) < 16:  # noqa: PLR2004 - the least that Tech 3285 has
        raise bad_wave(name, f"its `fmt` chunk has {len(fmt)} bytes, less than 16")
    kind, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", fmt)
    if kind == _EXTENSIBLE and len(fmt) >= 26:  # noqa: PLR2004 - up to the sub-format
        kind = struct.unpack_from("<H", fmt, 24)[0]
    if (kind, bits) not in _FORMATS:
        raise bad_wave(name, f"its samples are of format {kind} with {bits} bits", "export it as PCM or float")
    if not 1 <= channels <= _MOST_CHANNELS or rate not in _RATES:
        raise bad_wave(name, f"it says that it has {channels} channels at {rate} Hz")
    if frame_bytes != channels * bits // 8:
        raise bad_wave(name, f"{channels} channels of {bits} bits cannot lie in {frame_bytes} bytes")
    first, length = data
    if length == 0:
        raise bad_wave(name, "it holds no samples: the recorder lost power, or never began")
    if length % frame_bytes:
        raise bad_wave(name, f"its {length} bytes of sound are no whole number of samples of {frame_bytes} bytes")
    return WaveFormat(channels, rate, bits, kind == _FLOAT, length // frame_bytes, first)


def _exactly(fd: int, name: str, first: int, count: int) -> bytes:
    """Return bytes of a file, all of them.

    Raises:
        BadWave: they are not there.
    """
    parts = []
    while count > 0:
        part = os.pread(fd, count, first)
        if not part:
            raise bad_wave(name, f"it ends at byte {first}, in the midst of something")
        parts.append(part)
        first, count = first + len(part), count - len(part)
    return b"".join(parts)


def _floats(data: bytes, bits: int, *, is_float: bool) -> Samples:
    """Return samples as floats at full scale 1.0. 24 bits become the upper three bytes of 32."""
    if is_float:
        return np.frombuffer(data, np.dtype(f"<f{bits // 8}")).astype(np.float32)
    if bits == 24:  # noqa: PLR2004 - three bytes, which numpy has no type for
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) * np.float32(2.0**-31)
    scale = np.float32(2.0 ** (1 - bits))
    return np.frombuffer(data, np.dtype(f"<i{bits // 8}")).astype(np.float32) * scale


def wave_bytes(samples: Samples, sample_rate: int, bext: bytes, ixml: bytes) -> bytes:
    """Return the bytes of a Broadcast Wave file of one channel, 24 bits; what is above full scale is clipped.

    Up to some eight hours at 48 kHz: beyond that the sizes of RIFF end.
    """
    codes = np.clip(np.round(samples.astype(np.float64) * 2**23), -(2**23), 2**23 - 1).astype("<i4")
    data = codes.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    fmt = struct.pack("<HHIIHH", _PCM, 1, sample_rate, sample_rate * 3, 3, 24)
    chunks = [(b"bext", bext), (b"iXML", ixml), (b"fmt ", fmt), (b"data", data)]
    body = b"".join(kind + struct.pack("<I", len(text)) + text + bytes(len(text) % 2) for kind, text in chunks if text)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body
