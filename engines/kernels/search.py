"""Motion between two pictures on the GPU: which kernels of `motion.cu` run on what memory, and in which order."""

from __future__ import annotations

from math import prod
from typing import Any

from engines.gpu.machine import Machine, OnGpu
from engines.kernels.launch import Kernels
from engines.kernels.pyramid import BINS, COARSE, FINEST, SETTLINGS, Pyramid, lattice, samples

_FLOAT, _PAIR = 4, 8
"""Bytes of a float, and of two."""
_COUNTS_BYTES = (BINS + BINS // COARSE) * 4


class Greys(OnGpu):
    """A picture as motion is sought in it: its grey levels, and how flat it is."""

    def __init__(self, machine: Machine, pyramid: Pyramid) -> None:
        self.machine = machine
        self.levels = [machine.cuda.mem_alloc(prod(size) * _FLOAT) for size in pyramid.sizes]
        self.counts, self.stretch = machine.cuda.mem_alloc(_COUNTS_BYTES), machine.cuda.mem_alloc(_FLOAT)


class Search(OnGpu):
    """Finds motion between pictures of `height` x `width`, in memory of its own: one at a time, on one stream."""

    def __init__(self, machine: Machine, kernels: Kernels, height: int, width: int) -> None:
        self.machine, self._cuda, self._kernels, self._raster = machine, machine.cuda, kernels, (height, width)
        self.pyramid = Pyramid.of(height, width)
        sizes, whole = self.pyramid.sizes, prod(self.pyramid.sizes[0])
        self._along = self._cuda.mem_alloc(whole * _FLOAT)
        self._off, self._sums = (self._cuda.mem_alloc(whole * _PAIR) for _ in range(2))
        most = prod(lattice(sizes[FINEST]))
        self._found, self._better = (self._cuda.mem_alloc(most * _PAIR) for _ in range(2))
        self._motions = {level: self._cuda.mem_alloc(prod(sizes[level]) * _PAIR) for level in self.pyramid.sought}

    def see(self, luma: Any, greys: Greys, stream: Any) -> None:
        """Make the grey levels of a plane of luma."""
        run, sizes, (height, width) = self._kernels.run, self.pyramid.sizes, self._raster
        rows, columns = sizes[0]
        run("grey_rows", columns, rows, luma, width, height, width, self._along, rows, columns, stream=stream)
        run("grey_columns", columns, rows, self._along, greys.levels[0], rows, columns, stream=stream)
        for level in range(1, len(sizes)):
            given, made = (greys.levels[level - 1], *sizes[level - 1]), (greys.levels[level], *sizes[level])
            run("halved", sizes[level][1], sizes[level][0], *given, *made, stream=stream)
        down, across = samples(height, width)
        self._cuda.memset_d8_async(greys.counts, 0, _COUNTS_BYTES, stream)
        run("counted", across, down, luma, width, greys.counts, down, across, stream=stream)
        run("stretched", 1, 1, greys.counts, down * across, greys.stretch, stream=stream)

    def find(self, now: Greys, before: Greys, motion: Any, stream: Any) -> None:
        """Write the motion from a picture to the one before at the packed raster, `[h, w, 2]` floats."""
        run, coarse = self._kernels.run, (None, 0, 0)
        for level in self.pyramid.sought:
            size = self.pyramid.sizes[level]
            greys = (now.levels[level], before.levels[level], *size)
            patches = self._displaced(greys, coarse, lattice(size), stream)
            into = self._motions[level]
            run("spread", size[1], size[0], *greys, patches, *lattice(size), before.stretch, into, stream=stream)
            coarse = (into, *size)
        rows, columns = self.pyramid.sizes[0]
        greys = (now.levels[0], before.levels[0], rows, columns)
        run("compared", columns, rows, *greys, *coarse, before.stretch, motion, self._off, stream=stream)
        run("summed", columns, rows, self._off, self._sums, rows, columns, stream=stream)
        run("weighed", columns, rows, self._sums, motion, rows, columns, stream=stream)

    def _displaced(self, greys: tuple[Any, ...], coarse: tuple[Any, ...], patches: tuple[int, int], stream: Any) -> Any:
        """Seek the displacements of a level's patches, let them settle, and return where they lie."""
        run, (down, across) = self._kernels.run, patches
        found, better = self._found, self._better
        run("searched", across, down, *greys, *coarse, found, down, across, stream=stream)
        for _ in range(SETTLINGS):
            run("settled", across, down, *greys, found, better, down, across, stream=stream)
            found, better = better, found
        return found
