"""Sound files of every kind that recorders write, and of the kinds that break."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorder import bwf, riff, talk

from engines.errors import BadWave
from engines.sound.wave import Wave, open_wave, wave_bytes

_W64 = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")


@contextmanager
def opened(data: bytes) -> Iterator[Wave]:
    fd = os.memfd_create("wave")
    os.write(fd, data)
    try:
        yield open_wave("T001.wav", fd)
    finally:
        os.close(fd)


def fmt(kind: int, channels: int, rate: int, bits: int) -> bytes:
    return struct.pack("<HHIIHH", kind, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize(
    ("kind", "bits", "code"),
    [(1, 16, "<i2"), (1, 24, ""), (1, 32, "<i4"), (3, 32, "<f4"), (3, 64, "<f8")],
)
def test_every_kind_of_sample_reads_back(kind: int, bits: int, code: str, rate: int) -> None:
    values = np.array([[0.5, -0.5], [0.25, -1.0], [0.0, 0.125]])
    if kind == 3:
        data = values.astype(code).tobytes()
    elif bits == 24:
        data = (values * 2**23).astype("<i4").reshape(-1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    else:
        data = (values * 2.0 ** (bits - 1)).astype(code).tobytes()
    with opened(riff((b"fmt ", fmt(kind, 2, rate, bits)), (b"data", data))) as wave:
        assert (wave.format.channels, wave.format.sample_rate, wave.format.frames) == (2, rate, 3)
        assert np.array_equal(wave.read(0, 3), values.astype(np.float32))
        assert np.array_equal(wave.read(-1, 5, [1])[:, 0], np.array([0, -0.5, -1.0, 0.125, 0], np.float32))


def test_rf64_and_wave64_read_as_riff_does() -> None:
    data = (np.arange(6) * 1000).astype("<i2").tobytes()
    head = fmt(1, 1, 48_000, 16)
    wide = struct.pack("<QQQI", 12 + 36 + 24 + 8 + len(data) - 8, len(data), 6, 0)
    body = b"WAVE" + b"ds64" + struct.pack("<I", 28) + wide + b"fmt " + struct.pack("<I", 16) + head
    rf64 = b"RF64" + struct.pack("<I", 0xFFFFFFFF) + body + b"data" + struct.pack("<I", 0xFFFFFFFF) + data
    chunks = [(b"fmt " + _TAIL, head), (b"data" + _TAIL, data)]
    inner = b"".join(name + struct.pack("<Q", 24 + len(it)) + it + bytes(-len(it) % 8) for name, it in chunks)
    w64 = _W64 + struct.pack("<Q", 40 + len(inner)) + b"wave" + _TAIL + inner
    for made in (rf64, w64):
        with opened(made) as wave:
            assert np.allclose(wave.read(0, 6)[:, 0] * 32768, np.arange(6) * 1000)


def test_a_file_of_more_than_four_gigabytes_is_read_at_its_end() -> None:
    frames = 3 * 2**30
    head = fmt(1, 1, 96_000, 16)
    wide = struct.pack("<QQQI", 12 + 36 + 24 + 8 + 2 * frames - 8, 2 * frames, frames, 0)
    start = b"RF64" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + b"ds64" + struct.pack("<I", 28) + wide
    start += b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", 0xFFFFFFFF)
    fd = os.memfd_create("long")
    os.write(fd, start)
    os.ftruncate(fd, len(start) + 2 * frames)
    os.pwrite(fd, struct.pack("<h", 16384), len(start) + 2 * (frames - 1))
    wave = open_wave("long.wav", fd)
    assert wave.format.frames == frames
    assert wave.read(frames - 2, 3)[:, 0].tolist() == [0.0, 0.5, 0.0]
    os.close(fd)


GOOD = bwf(talk(1, 1.0)[:4800], 3600)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (GOOD[:-100], "cut short"),
        (GOOD[:30], "cut short"),
        (b"", "none of RIFF"),
        (b"RIFF\0\0\0\0WAVE", "no `fmt` chunk"),
        (riff((b"fmt ", fmt(1, 1, 48_000, 16))), "no `data` chunk"),
        (riff((b"fmt ", fmt(1, 1, 48_000, 16)), (b"data", b"")), "no samples"),
        (riff((b"fmt ", fmt(1, 2, 48_000, 24)), (b"data", b"12345")), "no whole number of samples"),
        (riff((b"fmt ", fmt(85, 1, 48_000, 16)), (b"data", b"1234")), "format 85"),
        (riff((b"fmt ", fmt(1, 0, 48_000, 16)), (b"data", b"1234")), "0 channels"),
        (riff((b"fmt ", b"\1\0"), (b"data", b"1234")), "less than 16"),
        (GOOD.replace(b"data" + struct.pack("<I", 14400), b"data" + struct.pack("<I", 99999)), "promises 99999 bytes"),
        (riff((b"fmt ", fmt(1, 1, 48_000, 16)), kind=b"RF64"), "no `ds64` chunk"),
    ],
)
def test_a_broken_file_says_what_is_wrong_with_it(data: bytes, why: str) -> None:
    with pytest.raises(BadWave) as caught, opened(data):
        pass
    assert why in caught.value.why


def test_samples_that_are_no_numbers_are_told() -> None:
    data = np.array([0.1, np.nan], "<f4").tobytes()
    with (
        opened(riff((b"fmt ", fmt(3, 1, 48_000, 32)), (b"data", data))) as wave,
        pytest.raises(BadWave, match="no number"),
    ):
        wave.read(0, 2)


@given(st.binary(max_size=400), st.integers(0, 200))
def test_no_bytes_do_worse_than_an_error(noise: bytes, at: int) -> None:
    for data in (noise, b"RIFF" + noise, GOOD[:at] + noise + GOOD[at + len(noise) :]):
        try:
            with opened(data) as wave:
                wave.read(0, min(wave.format.frames, 100))
        except BadWave as error:
            assert error.why


@given(st.lists(st.integers(-(2**23), 2**23 - 1), min_size=1, max_size=50))
def test_what_is_written_is_what_is_read(codes: list[int]) -> None:
    samples = (np.array(codes) / 2**23).astype(np.float32)
    with opened(wave_bytes(samples, 48_000, b"", b"")) as wave:
        assert np.array_equal(wave.read(0, len(codes))[:, 0], samples)


@pytest.mark.samples
def test_files_of_real_recorders_open(samples: Path) -> None:
    found = [path for path in sorted(samples.glob("sound/**/*")) if path.suffix.lower() == ".wav"]
    assert len(found) >= 10
    for path in found:
        with path.open("rb") as file:
            assert open_wave(path.name, file.fileno()).format.frames > 0
