"""A VFX house delivers EXR: one still a frame, rate and timecode from the header or the recipe."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from shots import decoded, opened, probed, spec_for

from engines.errors import Undecodable, Unreadable, VariableRate
from engines.media.contract import check
from engines.media.decode import decoder_for
from engines.media.encode import Output
from engines.media.proxy import ProxyCodec
from engines.media.sequence import attributes
from engines.media.timecode import Timecode
from engines.render import render


def still(path: Path, grey: float, extra: bytes = b"") -> Path:
    """Write an EXR of one scene-linear grey, with more header attributes."""
    context = av.CodecContext.create("exr", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 320, 192, "gbrpf32le", Fraction(1, 24)
    frame = VideoFrame(320, 192, "gbrpf32le")
    for plane in frame.planes:
        np.frombuffer(plane, np.float32)[:] = grey
    frame.pts = 0
    content = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    path.write_bytes(with_attributes(content, extra) if extra else content)
    return path


def with_attributes(content: bytes, extra: bytes) -> bytes:
    """Put attributes at the front of an EXR's header and move its line offsets."""
    size = len(extra)
    head_end = 8
    while content[head_end]:
        name_end = content.index(b"\0", head_end)
        type_end = content.index(b"\0", name_end + 1)
        head_end = type_end + 5 + struct.unpack_from("<I", content, type_end + 1)[0]
    head_end += 1
    first = struct.unpack_from("<Q", content, head_end)[0]
    count = (first - head_end) // 8
    offsets = struct.unpack_from(f"<{count}Q", content, head_end)
    moved = struct.pack(f"<{count}Q", *(offset + size for offset in offsets))
    return content[:8] + extra + content[8:head_end] + moved + content[first:]


def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
    return name + b"\0" + kind + b"\0" + struct.pack("<I", len(value)) + value


FPS = attribute(b"framesPerSecond", b"rational", struct.pack("<iI", 24000, 1001))
LABEL = attribute(b"timeCode", b"timecode", struct.pack("<II", 0x10_20_30_23 & 0xFFFFFFFF, 0))
REEL = attribute(b"reelName", b"string", b"V042")


def test_a_sequence_becomes_one_clip(tmp_path: Path) -> None:
    greys = (0.0, 0.18, 0.5, 1.0)
    paths = [still(tmp_path / f"shot.{n:04}.exr", grey, FPS + LABEL + REEL) for n, grey in enumerate(greys)]
    with opened(*paths) as files:
        essence = probed(*paths)
        assert (essence.frames, essence.rate, essence.reel) == (4, Fraction(24000, 1001), "V042")
        assert Timecode(essence.start_frame, essence.rate).label == "10:20:30:23"
        codec = ProxyCodec.PRORES_HQ
        spec = spec_for(essence, codec=codec, width=None, clip_name="shot", reel="V042")
        out = tmp_path / "proxy.mov"
        made = render(
            decoder_for(files, essence), essence, spec, [Output(spec, (out,))], enhance=None, progress=lambda *_: None
        )
    with opened(out) as written:
        check(written, essence, spec, made.sound_digests[0])
    for frame, grey in zip(decoded(out), greys, strict=True):
        assert frame[0].mean() == pytest.approx(64 + 876 * bt709(grey), abs=2)


def bt709(linear: float) -> float:
    return 4.5 * linear if linear < 0.018 else 1.099 * linear**0.45 - 0.099


def test_a_sequence_without_a_rate_waits_for_the_recipe(tmp_path: Path) -> None:
    path = still(tmp_path / "shot.0001.exr", 0.18)
    with pytest.raises(VariableRate, match="without a frame rate"):
        probed(path)
    assert probed(path, rate=Fraction(25)).rate == 25


def test_a_damaged_still_names_itself(tmp_path: Path) -> None:
    good = still(tmp_path / "shot.0001.exr", 0.18)
    bad = tmp_path / "shot.0002.exr"
    bad.write_bytes(b"nothing")
    essence = probed(good, bad, rate=Fraction(24))
    with opened(good, bad) as files, pytest.raises(Unreadable, match=r"shot\.0002\.exr"):
        list(decoder_for(files, essence).blocks())


@pytest.mark.parametrize("head", [b"II*\0" + b"\0" * 60, b"MM\0*" + b"\0" * 60, b"\0\0\1\0RED2" + b"\0" * 60])
def test_raw_stills_are_named(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "A001.dng"
    path.write_bytes(head)
    with pytest.raises(Undecodable, match="camera raw"):
        probed(path)


def test_a_broken_header_ends_the_list_of_attributes() -> None:
    assert attributes(b"") == {}
    assert attributes(b"\x76\x2f\x31\x01\2\0\0\0" + REEL[:-2]) == {}
    assert attributes(b"\x76\x2f\x31\x01\2\0\0\0" + REEL + b"\0") == {"reelName": b"V042"}
