"""Pictures into and out of a card beside the processor: frames a second, and whether they are the same.

    python -m bench.gpu --part video

Rates are from the first picture on: what a card takes to be opened is told beside them. Decoding counts where all
pictures are the processor's to the bit; encoding is shown with its size and PSNR beside
x264's, which say whether the card's setting means what x264's does. What a card does not do is a row that says why.
"""

from __future__ import annotations

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
from engines.media.trials import STREAMS, explained

RASTERS = {(1920, 1080): 240, (3840, 2160): 96}
"""Pictures of each, beside its size."""
_DISTINCT, _TRIED = 12, 24
_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "18"}, "libx265": {"preset": "ultrafast", "crf": "20"}}


def measured(*, is_quick: bool = False) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of stream, and one for the preset's H.264, at each raster; at the smaller if quick.

    What the card does not do is a row of that, and takes no time of the processor's.
    """
    hardware = here()
    if hardware.card is None:
        yield {"why": hardware.lacks}
        return
    yield {"card": hardware.name}
    with TemporaryDirectory() as name:
        folder = Path(name)
        for (width, height), frames in list(RASTERS.items())[: 1 if is_quick else None]:
            shown, raster = _shown(width, height), {"raster": f"{width}x{height}"}
            for stream, encoder, form in STREAMS:
                yield {"stream": stream} | raster | _decoding(folder, hardware, (encoder, form), shown, frames)
            yield {"encode": "H.264"} | raster | _encoding(folder, hardware, shown, frames)


def _decoding(
    folder: Path, hardware: Hardware, kind: tuple[str, str], shown: list[VideoFrame], frames: int
) -> dict[str, Any]:
    clip = folder / "clip.mov"
    _written(clip, *kind, shown, _TRIED)
    with clip.open("rb") as opened:
        file = MediaFile(clip.name, opened.fileno())
        essence = probe([file])
        if why := explained(lambda: hardware.why_not_decode(file, essence)):
            return {"card_fps": None, "why": why}
    _written(clip, *kind, shown, frames)
    with clip.open("rb") as opened:
        file = MediaFile(clip.name, opened.fileno())
        essence = probe([file])
        processor, card = (lambda: LibavDecoder([file], essence)), (lambda: LibavDecoder([file], essence, hardware))
        row: dict[str, Any] = {}
        for name, decoder in (("processor", processor()), ("card", card())):
            row |= {f"{name}_{word}": value for word, value in _rate(decoder).items()}
        last = card()
        both = zip(processor().blocks(), last.blocks(), strict=True)
        is_same = [isinstance(one, VideoFrame) and isinstance(it, VideoFrame) and same(one, it) for one, it in both]
        return row | {"pictures": len(is_same), "not_the_same": is_same.count(False), "decoded_by": last.describe()}


def _rate(decoder: LibavDecoder) -> dict[str, float]:
    """Return pictures a second after the first, and the seconds to it."""
    began = time.perf_counter()
    times = [time.perf_counter() for _ in decoder.blocks()]
    return {"fps": (len(times) - 1) / (times[-1] - times[0]), "first_s": times[0] - began}


def _encoding(folder: Path, hardware: Hardware, shown: list[VideoFrame], frames: int) -> dict[str, Any]:
    with (folder / "clip.mov").open("rb") as opened:
        essence = probe([MediaFile("clip.mov", opened.fileno())])
    spec = spec_of(essence, derived(ProxyCodec.H264, essence.width), Wanted("bench", "A001"))
    if why := explained(lambda: hardware.coding(essence, spec)[1]):
        return {"nvenc_fps": None, "why": why}
    row: dict[str, Any] = {}
    for name, coding in (("x264", None), ("nvenc", hardware.coding(essence, spec)[0])):
        output = Output(spec, (folder / f"{name}.mov",), coding=coding)
        row |= {f"{name}_{word}": value for word, value in _encoded(output, essence, shown, frames).items()}
    return row


def _encoded(output: Output, essence: Essence, shown: list[VideoFrame], frames: int) -> dict[str, float]:
    """Return pictures a second after the first, the seconds to it, bytes, and the PSNR of the first pictures' luma."""
    began, times = time.perf_counter(), []
    writer = ProxyWriter(output, essence)
    for number in range(frames):
        frame = shown[number % _DISTINCT]
        frame.pts, frame.time_base = number, 1 / essence.rate
        writer.write_picture(frame)
        times.append(time.perf_counter())
    writer.close()
    taken = time.perf_counter() - times[0]
    with av.open(str(output.paths[0])) as container:
        read = [frame for frame, _ in zip(container.decode(video=0), range(_DISTINCT), strict=False)]
    found = [
        luma_decibels(given.reformat(format=back.format.name), back) for given, back in zip(shown, read, strict=True)
    ]
    size = output.paths[0].stat().st_size
    return {
        "fps": (frames - 1) / taken,
        "first_s": times[0] - began,
        "bytes": size,
        "luma_db": float(np.mean(found)),
    }


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


def _written(path: Path, encoder: str, form: str, shown: list[VideoFrame], frames: int) -> None:
    options = _OPTIONS[encoder] | ({"x265-params": "log-level=error"} if encoder == "libx265" else {})
    with av.open(str(path), "w", format="mov") as container:
        stream: Any = container.add_stream(encoder, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = shown[0].width, shown[0].height, form
        stream.codec_context.color_range = 1
        pictures = [frame.reformat(format=form) for frame in shown]
        for number in range(frames):
            picture = pictures[number % _DISTINCT]
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
