"""Seeds: a whole sidecar for every parser in `daemon/sidecars/`, and media of every container, to be mutated.

Each must be read as it is: a seed that is refused tries nothing of what lies behind the refusal.
"""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from bench.media import movie
from daemon import circles
from daemon.sidecars import ale, amf, ascmhl, bext, cdl, dji, edl, fdl, gamma, ixml, lut, mhl, mpls, p2, sony, xml
from daemon.sidecars.ascmhl import Entry, Generation, Link, RecordedHash, Reference
from engines.colour.cdl import Cdl
from engines.colour.spaces import SPACES
from engines.sound.wave import open_wave

_AT = "2026-11-24T18:00:00+00:00"
_CDL = Cdl((1.1, 1.0, 0.9), (0.01, 0.0, 0.0), (1.0, 1.0, 1.0), 0.9)
_ROWS = ({"Name": "A001C001", "Tape": "A001R1DM", "ASC_SOP": "(1.1 1 0.9)(0.01 0 0)(1 1 1)", "ASC_SAT": "0.9"},)
_ALE = ale.Ale((("FIELD_DELIM", "TABS"), ("FPS", "24")), ("Name", "Tape", "ASC_SOP", "ASC_SAT"), _ROWS)
_EDL = b"""TITLE: A001
FCM: NON-DROP FRAME
001  A001R1DM V     C        01:00:00:00 01:00:04:00 01:00:00:00 01:00:04:00
* FROM CLIP NAME: A001C001
* ASC_SOP: (1.1 1 0.9)(0.01 0 0)(1 1 1)
* ASC_SAT: 0.9
"""
_CUBE = b'TITLE "show"\nLUT_3D_SIZE 2\n' + b"".join(b"%d %d %d\n" % (n & 1, n >> 1 & 1, n >> 2) for n in range(8))
_CLF = b"""<?xml version="1.0"?><ProcessList compCLFversion="3.0" id="show"><LUT1D inBitDepth="32f" outBitDepth="32f">
<Array dim="2 3">0 0 0 1 1 1</Array></LUT1D></ProcessList>"""
_SONY = b"""<?xml version="1.0"?>
<NonRealTimeMeta xmlns="urn:schemas-professionalDisc:nonRealTimeMeta:ver.2.00">
<TargetMaterial umidRef="060A2B340101010501010D43"/><Duration value="48"/><LtcChangeTable tcFps="24" halfStep="false">
<LtcChange frameCount="0" value="00000001" status="increment"/>
<LtcChange frameCount="47" value="23010001" status="end"/></LtcChangeTable>
<CreationDate value="2026-11-24T18:00:00+00:00"/>
<VideoFormat><VideoFrame videoCodec="AVC_1920_1080_HP@L41" formatFps="23.98p"/></VideoFormat>
<Device manufacturer="Sony" modelName="ILME-FX6V"/><AcquisitionRecord><Group name="Camera">
<Item name="CaptureGammaEquation" value="s-log3"/><Item name="CaptureColorPrimaries" value="s-gamut3-cine"/>
<Item name="ISOSensitivity" value="800"/></Group></AcquisitionRecord></NonRealTimeMeta>"""
_MEDIAPRO = b"""<?xml version="1.0"?>
<MediaProfile xmlns="http://xmlns.sony.net/pro/metadata/mediaprofile"><Properties>
<System systemKind="ILME-FX6V"/><Attached mediaId="1"/></Properties><Contents>
<Material uri="./Clip/C0001.MXF" umid="06" dur="48" fps="23.98p" videoType="AVC">
<Proxy uri="./Sub/C0001S03.MP4"/><RelevantInfo uri="./Clip/C0001M01.XML"/></Material></Contents></MediaProfile>"""
_P2 = b"""<?xml version="1.0"?><P2Main xmlns="urn:schemas-Professional-Plug-in:P2:ClipMetadata:v3.0"><ClipContent>
<GlobalClipID>A</GlobalClipID><Relation><Connection><Next><GlobalClipID>B</GlobalClipID></Next></Connection></Relation>
</ClipContent></P2Main>"""
_GAMMA = b'<?xml version="1.0"?><Clip><Gamma>Log C</Gamma><Item name="ColorSpace" value="Wide Gamut"/></Clip>'
_SRT = b"1\n00:00:00,000 --> 00:00:00,033\n[iso : 100] [color_md : dlog_m] [ct : 5500]\n\n" * 4
_CSV = b"Scene,Take,Circled\n12A,3,yes\n12A,4,no\n"
_MHL = (
    b'<?xml version="1.0"?><hashlist version="1.1"><hash><file>A001/A001C001.mov</file><size>4</size>'
    b"<md5>8d777f385d3dfec8815d20f7496026dc</md5></hash></hashlist>"
)


@dataclass(frozen=True)
class Seed:
    """A sidecar as it is whole, and what reads it."""

    name: str
    data: bytes
    parse: Callable[[bytes], Any]


def sidecars() -> list[Seed]:
    """Return a seed for every parser."""
    link = Link(1, "0001_A001.mhl", "c4" + "1" * 88)
    return [
        Seed("ale", ale.compose(_ALE).encode(), lambda data: ale.grades(ale.parse(_text(data), "it"), "it")),
        Seed("amf", amf.compose(_HANDED), amf.parse),
        Seed("asc mhl generation", _generation(), ascmhl.parse_generation),
        Seed("asc mhl chain", ascmhl.compose_chain([link]), ascmhl.parse_chain),
        Seed(
            "asc mhl ignore", b"*.tmp\n/a/**\n![x]\n", lambda data: ascmhl.ignore_spec(tuple(_text(data).split("\n")))
        ),
        Seed("bext", bext.compose(_BEXT), lambda data: bext.parse(data, "it")),
        Seed("cdl", cdl.compose_ccc({"A001C001": _CDL}, "12A"), cdl.parse),
        Seed("circles", _CSV, lambda data: circles.parse(data, "circled.csv")),
        Seed("clf", _CLF, lambda data: lut.check(data, ".clf", source="it")),
        Seed("cube", _CUBE, lambda data: lut.check(data, ".cube", source="it")),
        Seed("dji", _SRT, lambda data: (dji.parse_iso(data), dji.parse_kelvin(data), dji.parse_colour(data))),
        Seed("edl", _EDL, edl.parse),
        Seed("fdl", _fdl(), fdl.parse),
        Seed("gamma", _GAMMA, gamma.parse),
        Seed("ixml", ixml.compose(_IXML), lambda data: ixml.parse(data, "it")),
        Seed("mhl", _MHL, mhl.parse),
        Seed("mpls", _playlist(), lambda data: mpls.parse(data, "it")),
        Seed("p2", _P2, lambda data: p2.parse(data, "it")),
        Seed("sony clip", _SONY, sony.parse_clip),
        Seed("sony index", _MEDIAPRO, sony.parse_index),
        Seed("wave", _wave(), _read_wave),
        Seed("xml", _GAMMA, xml.parse),
    ]


_BEXT = bext.Bext("sSCENE=12A\r\nsTAKE=3\r\n", "recorder", "ref", "2026-11-24", "18:00:00", 3_110_400_000)
_IXML = ixml.Ixml(
    project="SHOW",
    scene="12A",
    take="3",
    circled=True,
    file_rate=48000,
    timestamp_rate=48000,
    timecode_rate=Fraction(24000, 1001),
    time_reference=3_110_400_000,
    tracks=((1, "BOOM"), (2, "LAV")),
)


_HANDED = amf.Handed("A001C001", "A001C001.mov", _AT, next(iter(SPACES.values())), _CDL)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _generation() -> bytes:
    entry = Entry("A001C001.mov", 4, (RecordedHash("xxh128", "0" * 32, "original"),), "")
    nested = Reference("A002/ascmhl/0001.mhl", "c4" + "1" * 88)
    made = Generation("transfer", _AT, (entry,), ("*.tmp",), (nested,))
    return ascmhl.compose_generation(made, tool="offload", version="1", hostname="cart")


def _fdl() -> bytes:
    decision = {
        "framing_intent_id": "1",
        "dimensions": {"width": 1920, "height": 800},
        "anchor_point": {"x": 0, "y": 140},
    }
    canvas = {"dimensions": {"width": 1920, "height": 1080}, "framing_decisions": [decision], "anamorphic_squeeze": 1.0}
    told = {"framing_intents": [{"id": "1", "label": "2.40"}], "default_framing_intent": "1"}
    return json.dumps(told | {"contexts": [{"canvases": [canvas]}]}).encode()


def _playlist() -> bytes:
    items = b"".join(struct.pack(">H5s4sH", 11, b"%05d" % number, b"M2TS", 1 + 4 * number) for number in range(2))
    return struct.pack(">4s4sI", b"MPLS", b"0200", 12) + struct.pack(">IHHH", len(items) + 6, 0, 2, 0) + items


def _wave() -> bytes:
    chunks = [
        (b"bext", bext.compose(_BEXT)),
        (b"iXML", ixml.compose(_IXML)),
        (b"fmt ", struct.pack("<HHIIHH", 1, 2, 48000, 288000, 6, 24)),
        (b"data", bytes(600)),
    ]
    body = b"".join(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def _read_wave(data: bytes) -> None:
    descriptor = os.memfd_create("take.wav")
    try:
        os.write(descriptor, data)
        open_wave("take.wav", descriptor)
    finally:
        os.close(descriptor)


def media(folder: Path) -> dict[str, bytes]:
    """Return tiny clips by file name: the containers and codecs that cameras write."""
    made = {}
    for encoder in ("prores_ks", "mpeg4"):
        path = folder / f"{encoder}.mov"
        movie(path, frames=3, width=64, height=48, tracks=1, encoder=encoder)
        made[path.name] = path.read_bytes()
    made |= {
        "h264.mp4": _muxed("mp4", "libx264", "yuv420p"),
        "mpeg2.mxf": _muxed("mxf", "mpeg2video", "yuv420p"),
        "h264.mts": _muxed("mpegts", "libx264", "yuv420p"),
        "mjpeg.mov": _muxed("mov", "mjpeg", "yuvj420p"),
    }
    return made


def _muxed(container: str, codec: str, pixel_format: str) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for number in range(3):
            grey = np.full((48, 64, 3), 60 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=pixel_format)
            frame.pts = number
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()
