"""The kernels against the bytes that they cannot avoid, and against their twin."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.gpu.ground import seconds
from engines.gpu.machine import Machine
from engines.kernels.launch import Kernels
from engines.kernels.twin import LAYOUTS, Cdl, Layout, look, packed_from
from engines.model.packing import packed_size

_SIDE = 65


def measured(machine: Machine, width: int, height: int, bandwidth: float) -> list[dict[str, Any]]:
    """Return each kernel's milliseconds, its share of the copy bandwidth, and how far it is from its twin."""
    kernels = Kernels(machine)
    rows = [_packed(machine, kernels, layout, width, height) for layout in LAYOUTS]
    rows.append(_look(machine, kernels, width, height))
    return [row | {"share": row["bytes"] / row["seconds"] / bandwidth} for row in rows]


def _packed(machine: Machine, kernels: Kernels, layout: Layout, width: int, height: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    lines = height // 2 if layout.half_rows else height
    shapes = ((height, width), (lines, width // 2), (lines, width // 2))
    planes = tuple(rng.integers(0, 1 << layout.bits, shape).astype(layout.kind) for shape in shapes)
    rows, columns = packed_size(height, width)
    out = np.zeros((8, rows, columns), np.float16)
    with machine.working("the kernel failed"):
        there = [machine.cuda.to_device(plane) for plane in planes]
        target = machine.cuda.mem_alloc(out.nbytes)
        name, pitches = f"packed_from_{layout.name}", (width, width // 2)
        given = (*there, *pitches, target, height, width, rows, columns)
        taken = seconds(machine, lambda stream: kernels.run(name, columns, rows, *given, stream=stream))
        machine.cuda.memcpy_dtoh(out, target)
    off = np.abs(out.astype(np.float32) - packed_from(layout, planes, rows, columns).astype(np.float32)).max()
    moved = sum(plane.nbytes for plane in planes) + out.nbytes
    return {"kernel": name, "seconds": taken, "bytes": moved, "off": float(off)}


def _look(machine: Machine, kernels: Kernels, width: int, height: int) -> dict[str, Any]:
    rgb = np.random.default_rng(2).uniform(0, 1, (3, height, width)).astype(np.float16)
    axis = np.linspace(0, 1, _SIDE, dtype=np.float32)
    lut = np.ascontiguousarray(np.stack(np.meshgrid(axis, axis**1.2, np.sqrt(axis), indexing="ij")[::-1], -1))
    cdl = Cdl((1.1, 0.9, 1.0), (0.01, 0.0, -0.01), (1.0, 1.1, 0.9), 1.2)
    numbers = np.array([*cdl.slope, *cdl.offset, *cdl.power, cdl.saturation], np.float32)
    out, pixels = np.zeros_like(rgb), width * height
    with machine.working("the kernel failed"):
        source, points = machine.cuda.to_device(rgb), machine.cuda.to_device(lut)
        target = machine.cuda.mem_alloc(out.nbytes)
        given = (source, target, pixels, numbers, points, _SIDE)
        taken = seconds(machine, lambda stream: kernels.run("look", pixels, 1, *given, stream=stream))
        machine.cuda.memcpy_dtoh(out, target)
    off = np.abs(out.astype(np.float32) - look(rgb, cdl, lut).astype(np.float32)).max()
    return {"kernel": "look", "seconds": taken, "bytes": 2 * rgb.nbytes, "off": float(off)}
