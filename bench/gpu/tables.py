"""The rows of a day with a GPU as the tables of docs/performance.md; a cell that was not measured is empty."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]

_SIZES, _RASTERS = ("lite", "mid", "full"), ("960x540", "1920x1080", "3840x2160")
_ENGINES = ("tensorrt", "tensorrt-rtx")
_STREAMS = [
    f"{codec} {chroma}" for codec in ("H.264", "HEVC") for chroma in ("4:2:0 8 bit", "4:2:0 10 bit", "4:2:2 10 bit")
]
_LAYOUTS = [f"yuv{chroma}_{bits}" for chroma in (420, 422) for bits in (8, 10, 16)]
_KERNELS = (
    *(f"packed_from_{layout}" for layout in _LAYOUTS),
    *(f"{layout}_from_packed" for layout in _LAYOUTS),
    *(f"rgb_from_{layout}" for layout in _LAYOUTS),
    *(f"{layout}_from_rgb" for layout in _LAYOUTS),
    *("look of a picture", "look of random colours"),
)
_MOTION = (
    *("grey levels and motion, all of it", "grey_rows", "grey_columns", "halved", "counted", "stretched", "searched"),
    *("settled", "spread", "compared", "summed", "weighed", "carried_picture", "carried_state", "noise_map"),
    *("yuv422_10_blended", "turned", "leant"),
)
_OF_KERNELS = ("µs", "of copy bandwidth", "off the twin")
_NETWORK = {
    "build s": "build_s",
    "first engine s": "open_s",
    "renewal + parity + swap s (goal 2)": "renew_s",
    "plain ms": "plain_ms",
    "refit-marked ms (goal 1.03x)": "refit_marked_ms",
    "graph ms": "graph_ms",
    "2 contexts fps": "two_contexts_fps",
    "3 contexts fps": "three_contexts_fps",
    "of matrix rate (goal 0.4)": "rate_share",
    "of bandwidth floor (goal 0.7)": "band_share",
}


def read(paths: Iterable[Path]) -> list[Row]:
    """Return the rows of several runs, the later one's last; a line that was cut off as it was written is left out."""
    rows = []
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
    return rows


def tables(rows: Sequence[Row]) -> str:
    """Return all tables; of what was measured twice the last counts."""
    parts = [
        _ground(rows),
        _table("Kernels at 1920x1080", ("kernel", *_OF_KERNELS), [(name, *_kernel(rows, name)) for name in _KERNELS]),
        *(_engine(rows, name) for name in _ENGINES),
        _said(rows, "parity"),
        _speed(rows),
        _table(
            "Eager CUDA, recorded step alone, ms (share of the matrix rate)",
            ("", *_RASTERS),
            [(size, *(_eager(rows, size, raster) for raster in _RASTERS)) for size in _SIZES],
        ),
        _said(rows, "pipeline"),
        *_video(rows),
        _table(
            "Motion, carrying and leaning",
            ("kernel", *(f"{raster} {word}" for raster in _RASTERS[:2] for word in _OF_KERNELS)),
            [(name, *(x for raster in _RASTERS[:2] for x in _kernel(rows, name, raster))) for name in _MOTION],
        ),
        _whys(rows),
    ]
    return "\n\n".join(parts)


def _table(title: str, head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rules = ["|" + "---|" * len(head)]
    return "\n".join([f"**{title}**", "", _line(head), *rules, *map(_line, lines)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _found(rows: Sequence[Row], step: str, **named: Any) -> Row:
    """Return all that the rows of a step say of what is named."""
    found: Row = {}
    for row in rows:
        if row["step"] == step and all(row.get(name) == value for name, value in named.items()):
            found |= row
    return found


def _number(value: Any, scale: float = 1.0) -> str:
    return f"{value * scale:.3g}" if isinstance(value, int | float) else ""


def _ground(rows: Sequence[Row]) -> str:
    device = _found(rows, "device")
    name = f"{device['gpu']} (SM {device['sm']}, driver {device['driver']})" if "gpu" in device else ""
    rates = [_number(_found(rows, "ground", by=by).get("matrix_flops"), 1e-12) for by in ("torch", *_ENGINES)]
    head = ("device", "copy GB/s", *(f"float16 matrix TFLOPS, {by}" for by in ("torch", *_ENGINES)))
    return _table("Device", head, [(name, _number(_found(rows, "ground").get("copy_bytes_s"), 1e-9), *rates)])


def _kernel(rows: Sequence[Row], name: str, raster: str | None = None) -> tuple[str, str, str]:
    row = _found(rows, "motion", kernel=name, raster=raster) if raster else _found(rows, "kernels", kernel=name)
    off = row.get("off", row.get("off_mean_pixels"))
    return _number(row.get("seconds"), 1e6), _number(row.get("share")), _number(off)


def _engine(rows: Sequence[Row], engine: str) -> str:
    lines = []
    for size in _SIZES:
        for raster in _RASTERS:
            row = _found(rows, f"engines {engine}", size=size, raster=raster)
            lines.append((f"{size} {raster}", *(_number(row.get(word)) for word in _NETWORK.values())))
    return _table(f"Networks in {engine}", ("network, raster", *_NETWORK), lines)


def _speed(rows: Sequence[Row]) -> str:
    lines = []
    for engine, model in (*((name, "lite") for name in _ENGINES), ("eager-cuda", "lite"), ("eager-cuda", "mid")):
        found = [_last(rows, engine=engine, model=model, size=raster) for raster in _RASTERS]
        lines.append((f"{engine}, {model}", *(_number(row.get("fps")) for row in found)))
    return _table("A step as the service takes it, fps", ("", *_RASTERS), lines)


def _last(rows: Sequence[Row], **named: Any) -> Row:
    """Return the last row of whatever step that is what is named."""
    return next((row for row in reversed(rows) if all(row.get(name) == value for name, value in named.items())), {})


def _eager(rows: Sequence[Row], size: str, raster: str) -> str:
    row = _found(rows, "eager", size=size, raster=raster)
    return f"{_number(row['step_ms'])} ({_number(row['of_matrix_rate'])})" if "step_ms" in row else ""


def _video(rows: Sequence[Row]) -> tuple[str, str]:
    words = ("processor_fps", "card_fps", "card_first_s", "not_the_same")
    decoding, encoding = [], []
    for raster in _RASTERS[1:]:
        for stream in _STREAMS:
            row = _found(rows, "video", stream=stream, raster=raster)
            decoding.append((f"{stream}, {raster}", *(_number(row.get(word)) for word in words)))
        row = _found(rows, "video", encode="H.264", raster=raster)
        for name in ("x264", "nvenc"):
            figures = (_number(row.get(f"{name}_{word}")) for word in ("fps", "first_s", "bytes", "luma_db"))
            encoding.append((f"{name}, {raster}", *figures))
    head = ("stream", "processor fps", "NVDEC fps", "NVDEC's first picture s", "pictures that differ")
    return (
        _table("Decoding", head, decoding),
        _table(
            "H.264 at the review preset's quality", ("", "fps", "first picture s", "bytes", "luma PSNR dB"), encoding
        ),
    )


def _said(rows: Sequence[Row], part: str) -> str:
    """Return what a part's processes said, but for where in the code they failed."""
    said = [(row["step"], row["said"]) for row in rows if row["step"].split(" ")[0] == part and "said" in row]
    lines = [f"- {step}: {line}" for step, line in said if not line.startswith((" ", "Traceback", "The above"))]
    return "\n".join([f"**{part.capitalize()}**", "", *lines])


def _whys(rows: Sequence[Row]) -> str:
    """Return what was not measured, or not to its end, and why."""
    lines: dict[str, None] = {}
    for row in rows:
        what = [str(row[name]) for name in ("size", "raster", "stream", "encode", "by", "engine") if row.get(name)]
        for word in ("not_run", "failed", "why", "missing"):
            if row.get(word):
                lines[f"- {' '.join([row['step'], *what])}: {word.replace('_', ' ')}: {row[word]}"] = None
    return "\n".join(["**Not measured**", "", *(lines or {"- nothing": None})])
