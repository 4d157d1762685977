"""Trials: what a card does with pictures that are made for it: each codec, chroma and depth that cameras record.

For whoever looks at a machine before there is footage. A clip is tried by itself all the same (`hardware.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from tempfile import TemporaryFile
from typing import IO, Any

import av

from engines.errors import EngineError
from engines.media.essence import Essence
from engines.media.hardware import Hardware, pattern
from engines.media.preset import PRESETS, ProxyCodec
from engines.media.probe import probe
from engines.media.proxy import ProxySpec, Wanted, spec_of
from engines.media.source import MediaFile

_SIZE, _RATE, _PICTURES = (1920, 1080), Fraction(24), 8
_QUIET = {"x265-params": "log-level=error"}
STREAMS = (
    ("H.264 4:2:0 8 bit", "libx264", "yuv420p"),
    ("H.264 4:2:0 10 bit", "libx264", "yuv420p10le"),
    ("H.264 4:2:2 10 bit", "libx264", "yuv422p10le"),
    ("HEVC 4:2:0 8 bit", "libx265", "yuv420p"),
    ("HEVC 4:2:0 10 bit", "libx265", "yuv420p10le"),
    ("HEVC 4:2:2 10 bit", "libx265", "yuv422p10le"),
)
"""What cameras record that cards may decode, and what makes it here."""


@dataclass(frozen=True, slots=True)
class Ability:
    """Something that a card may do, and why it does not, empty where it does."""

    name: str
    why_not: str


def abilities(hardware: Hardware) -> Iterator[Ability]:
    """Yield what a card decodes and encodes at 1920x1080, each tried."""
    for name, encoder, form in STREAMS:
        with TemporaryFile() as file:
            made(file, encoder, form)
            media = MediaFile(name, file.fileno())
            essence = probe([media])
            try:
                why = explained(partial(hardware.why_not_decode, media, essence))
            except EngineError as error:
                why = f"its trial cannot be made: {error.why}"
            yield Ability(f"decode {name}", why)
    for preset in PRESETS.values():
        if preset.codec is ProxyCodec.H264 and not preset.guide_mix:
            spec = spec_of(essence, preset, Wanted("trial", ""))
            yield Ability("encode H.264", explained(partial(_why_not_encode, hardware, essence, spec)))


def _why_not_encode(hardware: Hardware, essence: Essence, spec: ProxySpec) -> str:
    return hardware.coding(essence, spec)[1]


def explained(ask: Callable[[], str]) -> str:
    """Return why something is not done, with what FFmpeg said first of it: its codes alone tell none of a card's lacks.

    For a process that does nothing else: FFmpeg's log is heard by Python, and is loud in all threads meanwhile.
    """
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as said:
            why = ask()
    finally:
        av.logging.set_level(before)
    return f"{why}; FFmpeg: {said[0][2].strip()}" if why and said else why


def made(file: IO[bytes], encoder: str, form: str, size: tuple[int, int] = _SIZE, pictures: int = _PICTURES) -> None:
    """Write a movie of pictures in slow waves, encoded by the processor."""
    with av.open(file, "w", format="mov") as container:
        options = {"preset": "ultrafast"} | (_QUIET if encoder == "libx265" else {})
        stream: Any = container.add_stream(encoder, rate=_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, form
        stream.codec_context.color_range = 1
        for number in range(pictures):
            frame = pattern(*size, number).reformat(format=form)
            frame.pts, frame.time_base = number, 1 / _RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.flush()
