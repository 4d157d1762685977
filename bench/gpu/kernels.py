"""The kernels against the bytes that they cannot avoid, and against their twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from bench.gpu.ground import seconds_each
from engines.gpu.machine import Machine
from engines.kernels import LANES
from engines.kernels.cubin import PICTURES
from engines.kernels.launch import Kernels
from engines.kernels.twin import (
    LAYOUTS,
    REC709,
    Cdl,
    Layout,
    look,
    packed_from,
    planes_from_packed,
    planes_from_rgb,
    points,
    rgb_from,
)
from engines.model.packing import packed_size

_SIDE = 65
_TURNS, _SETS = 10, 8
"""A kernel runs so many times on so many pictures: their memory together is more than the GPU's cache."""

Launch = Callable[[list[Any], Any], object]
"""Starts a kernel on memory of the GPU and a stream."""


def measured(machine: Machine, width: int, height: int, bandwidth: float) -> Iterator[dict[str, Any]]:
    """Yield each kernel's seconds, its share of the copy bandwidth, and how far it is from its twin."""
    for row in _rows(Bench(machine, Kernels(machine, PICTURES), width, height)):
        yield row | {"share": row["bytes"] / row["seconds"] / bandwidth}


def _rows(bench: Bench) -> Iterator[dict[str, Any]]:
    for layout in LAYOUTS:
        yield bench.packed(layout)
        yield bench.planes(layout)
    for layout in LAYOUTS:
        yield bench.rgb(layout)
        yield bench.planes_of_rgb(layout)
    yield bench.look("a picture")
    yield bench.look("random colours")


def _lanes(samples: int) -> int:
    """Return how many threads a row of samples wants."""
    return -(-samples // LANES)


class Bench:
    """Measures the kernels of one source at a raster."""

    def __init__(self, machine: Machine, kernels: Kernels, width: int, height: int) -> None:
        self._machine, self._kernels, self._width, self._height = machine, kernels, width, height
        self._rows, self._columns = packed_size(height, width)

    def packed(self, layout: Layout) -> dict[str, Any]:
        """Measure planes to packed pictures."""
        planes, out = self._planes(layout), self._blank_packed()
        raster = (self._height, self._width, self._rows, self._columns)
        truth = [packed_from(layout, planes, self._rows, self._columns)]
        name = f"packed_from_{layout.name}"
        return self.row(name, _lanes(self._columns), self._rows, [*planes], [out], truth, self._planes_first(raster))

    def planes(self, layout: Layout) -> dict[str, Any]:
        """Measure packed pictures to planes."""
        packed = packed_from(layout, self._planes(layout), self._rows, self._columns)
        truth = planes_from_packed(layout, packed, self._height, self._width)
        blank = [np.zeros_like(plane) for plane in truth]
        raster = (self._height, self._width, self._rows, self._columns)
        name = f"{layout.name}_from_packed"
        return self.row(name, _lanes(self._columns), self._rows, [packed], blank, truth, self._planes_last(raster))

    def rgb(self, layout: Layout) -> dict[str, Any]:
        """Measure planes to RGB."""
        planes = self._planes(layout)
        truth = [rgb_from(layout, planes, REC709)]
        given = self._planes_first((self._height, self._width, np.array(REC709, np.float32)))
        out = [np.zeros_like(truth[0])]
        return self.row(f"rgb_from_{layout.name}", _lanes(self._width), self._height, [*planes], out, truth, given)

    def planes_of_rgb(self, layout: Layout) -> dict[str, Any]:
        """Measure RGB to planes."""
        rgb = np.random.default_rng(2).uniform(0, 1, (3, self._height, self._width)).astype(np.float16)
        truth = planes_from_rgb(layout, rgb, REC709)
        given = self._planes_last((self._height, self._width, np.array(REC709, np.float32)))
        lines = self._height // 2 if layout.half_rows else self._height
        blank = [np.zeros_like(plane) for plane in truth]
        return self.row(f"{layout.name}_from_rgb", _lanes(self._width), lines, [rgb], blank, truth, given)

    def look(self, of: str) -> dict[str, Any]:
        """Measure a CDL and a LUT on a smooth picture under noise, and on random colours, the worst for a cache."""
        rng, shape = np.random.default_rng(2), (3, self._height, self._width)
        if of == "a picture":
            ramp = np.linspace(0, 1, self._width)[None, None] * np.array([0.9, 0.8, 0.7])[:, None, None]
            wave = 0.1 * np.sin(np.linspace(0, 9, self._height))[None, :, None]
            rgb = np.clip(ramp + wave + rng.normal(0, 0.01, shape), 0, 1).astype(np.float16)
        else:
            rgb = rng.uniform(0, 1, shape).astype(np.float16)
        axis = np.linspace(0, 1, _SIDE, dtype=np.float32)
        lut = np.ascontiguousarray(np.stack(np.meshgrid(axis, axis**1.2, np.sqrt(axis), indexing="ij")[::-1], -1))
        cdl = Cdl((1.1, 0.9, 1.0), (0.01, 0.0, -0.01), (1.0, 1.1, 0.9), 1.2)
        numbers = np.array([*cdl.slope, *cdl.offset, *cdl.power, cdl.saturation], np.float32)
        with self._machine.working("the kernel failed"):
            read = self._machine.cuda.to_device(points(lut))
        pixels = self._width * self._height
        truth, blank = [look(rgb, cdl, lut)], [np.zeros_like(rgb)]
        words = (pixels, numbers, read, _SIDE)
        row = self.row("look", _lanes(pixels), 1, [rgb], blank, truth, lambda there: (*there[:2], *words))
        return row | {"kernel": f"look of {of}"}

    def row(
        self,
        name: str,
        across: int,
        down: int,
        given: list[Any],
        blank: list[Any],
        truth: Any,
        words: Callable[[list[Any]], tuple[Any, ...]],
    ) -> dict[str, Any]:
        """Run a kernel in turn on sets of memory, and compare what it gives with its twin."""
        cuda = self._machine.cuda
        with self._machine.working("the kernel failed"):
            sets = [[cuda.to_device(array) for array in (*given, *blank)] for _ in range(_SETS)]
            run = partial(self._kernels.run, name, across, down)
            works = [(lambda stream, there=there: run(*words(there), stream=stream)) for there in sets * _TURNS]
            taken = seconds_each(self._machine, works)
            off = 0.0
            for there, array, wanted in zip(sets[-1][len(given) :], blank, truth, strict=True):
                cuda.memcpy_dtoh(array, there)
                off = max(off, float(np.abs(array.astype(np.float64) - wanted.astype(np.float64)).max()))
            for memory in (memory for there in sets for memory in there):
                memory.free()
        moved = sum(array.nbytes for array in (*given, *blank))
        return {"kernel": name, "seconds": taken, "bytes": moved, "off": off}

    def _planes_first(self, more: tuple[Any, ...]) -> Callable[[list[Any]], tuple[Any, ...]]:
        return lambda there: (*there[:3], self._width, self._width // 2, there[3], *more)

    def _planes_last(self, more: tuple[Any, ...]) -> Callable[[list[Any]], tuple[Any, ...]]:
        return lambda there: (there[0], *there[1:], self._width, self._width // 2, *more)

    def _planes(self, layout: Layout) -> tuple[Any, Any, Any]:
        rng = np.random.default_rng(1)
        lines = self._height // 2 if layout.half_rows else self._height
        shapes = ((self._height, self._width), (lines, self._width // 2), (lines, self._width // 2))
        y, cb, cr = (rng.integers(0, 1 << layout.bits, shape).astype(layout.kind) for shape in shapes)
        return y, cb, cr

    def _blank_packed(self) -> Any:
        return np.zeros((8, self._rows, self._columns), np.float16)
