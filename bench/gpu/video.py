"""Pictures into and out of a card beside the processor: frames a second, and whether they are the same.

    python -m bench.gpu.video

Decoding counts where all pictures are the processor's to the bit; encoding is shown with its size and PSNR beside
x264's, which say whether the card's setting means what x264's does. What a card does not do is a row that says why.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame

from bench.media import noisy_codes, scene
from engines.media.decode import LibavDecoder
from engines.media.encode import Output, ProxyWriter
from engines.media.essence import Essence
from engines.media.hardware import Hardware, here
from engines.media.preset import derived
from engines.media.probe import probe
from engines.media.proxy import ProxyCodec, Wanted, spec_of
from engines.media.semiplanar import luma_decibels, same
from engines.media.source import MediaFile
from engines.media.trials import STREAMS

RASTERS = ((1920, 1080), (3840, 2160))
_DISTINCT, _FRAMES = 12, 240
_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "18"}, "libx265": {"preset": "ultrafast", "crf": "20"}}


def measured() -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of stream, and one for the preset's H.264, at each raster."""
    hardware = here()
    if hardware.card is None:
        yield {"nothing measured": hardware.lacks}
        return
    yield {"card": hardware.name}
    with TemporaryDirectory() as name:
        for width, height in RASTERS:
            shown = _shown(width, height)
            for stream, encoder, form in STREAMS:
                clip = Path(name, "clip.mov")
                _written(clip, encoder, form, shown)
                yield {"stream": stream, "raster": f"{width}x{height}"} | _decoding(clip, hardware)
            yield {"encode": "H.264", "raster": f"{width}x{height}"} | _encoding(clip, hardware, shown, Path(name))


def _decoding(clip: Path, hardware: Hardware) -> dict[str, Any]:
    with clip.open("rb") as opened:
        file = MediaFile(clip.name, opened.fileno())
        essence = probe([file])
        row: dict[str, Any] = {"processor_fps": _rate(LibavDecoder([file], essence))}
        if why := hardware.why_not_decode(file, essence):
            return row | {"card_fps": None, "why": why}
        row["card_fps"] = _rate(LibavDecoder([file], essence, hardware))
        pairs = zip(
            LibavDecoder([file], essence).blocks(), LibavDecoder([file], essence, hardware).blocks(), strict=True
        )
        is_same = [isinstance(one, VideoFrame) and isinstance(it, VideoFrame) and same(one, it) for one, it in pairs]
        return row | {"pictures": len(is_same), "not_the_same": is_same.count(False)}


def _rate(decoder: LibavDecoder) -> float:
    began = time.perf_counter()
    count = sum(1 for _ in decoder.blocks())
    return count / (time.perf_counter() - began)


def _encoding(clip: Path, hardware: Hardware, shown: list[VideoFrame], folder: Path) -> dict[str, Any]:
    with clip.open("rb") as opened:
        essence = probe([MediaFile(clip.name, opened.fileno())])
    spec = spec_of(essence, derived(ProxyCodec.H264, essence.width), Wanted("bench", "A001"))
    coding, why = hardware.coding(essence, spec)
    row = _encoded(Output(spec, (folder / "x264.mov",)), essence, shown, "x264")
    if coding is None:
        return row | {"nvenc_fps": None, "why": why}
    return row | _encoded(Output(spec, (folder / "nvenc.mov",), coding=coding), essence, shown, "nvenc")


def _encoded(output: Output, essence: Essence, shown: list[VideoFrame], name: str) -> dict[str, Any]:
    writer, began = ProxyWriter(output, essence), time.perf_counter()
    for number in range(_FRAMES):
        frame = shown[number % _DISTINCT]
        frame.pts, frame.time_base = number, 1 / essence.rate
        writer.write_picture(frame)
    writer.close()
    taken = time.perf_counter() - began
    with av.open(str(output.paths[0])) as container:
        read = [frame for frame, _ in zip(container.decode(video=0), range(_DISTINCT), strict=False)]
    found = [
        luma_decibels(given.reformat(format=back.format.name), back) for given, back in zip(shown, read, strict=True)
    ]
    size = output.paths[0].stat().st_size
    return {f"{name}_fps": _FRAMES / taken, f"{name}_bytes": size, f"{name}_luma_db": float(np.mean(found))}


def _shown(width: int, height: int) -> list[VideoFrame]:
    rng, shown = np.random.default_rng(1), []
    for number in range(_DISTINCT):
        frame = VideoFrame(width, height, "yuv422p10le")
        planes = noisy_codes(scene(number, width, height), rng, 0.002, 0.012)
        for plane, codes in zip(frame.planes, planes, strict=True):
            rows = np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)
            rows[:, : plane.width] = codes
        shown.append(frame)
    return shown


def _written(path: Path, encoder: str, form: str, shown: list[VideoFrame]) -> None:
    options = _OPTIONS[encoder] | ({"x265-params": "log-level=error"} if encoder == "libx265" else {})
    with av.open(str(path), "w", format="mov") as container:
        stream: Any = container.add_stream(encoder, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = shown[0].width, shown[0].height, form
        stream.codec_context.color_range = 1
        pictures = [frame.reformat(format=form) for frame in shown]
        for number in range(_FRAMES):
            picture = pictures[number % _DISTINCT]
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    for line in measured():
        print(json.dumps(line), flush=True)
