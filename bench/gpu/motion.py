"""Motion and carrying on the GPU: each kernel against the bytes that it cannot avoid and its twin; all of a search.

Going back over a shot is measured in `hindsight.py`, and told here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from bench.gpu.ground import seconds
from bench.gpu.hindsight import Hindsight
from bench.gpu.kernels import Bench
from engines.gpu.graph import Graph
from engines.gpu.machine import Machine
from engines.kernels import motion_twin
from engines.kernels.cubin import MOTION
from engines.kernels.launch import Kernels, profile_of
from engines.kernels.pyramid import BINS, COARSE, FINEST, lattice, samples
from engines.kernels.search import Greys, Search
from engines.media.frames import Plane
from engines.model.noise import NoiseProfile

_HIDDEN = 8
"""Channels of lite's state."""
_NOISE = NoiseProfile(2e-4, 1e-4, 0.7, 0.2)


def measured(machine: Machine, width: int, height: int, bandwidth: float) -> Iterator[dict[str, Any]]:
    """Yield the whole search, then each kernel: seconds, share of the copy bandwidth, how far it is from its twin."""
    bench, back = _Motion(machine, width, height), Hindsight(machine, width, height)
    raster = {"raster": f"{width}x{height}"}
    yield bench.search() | raster
    for rows in (bench.seeing, bench.finding, bench.weighing, bench.carrying, bench.ends, back.leaning):
        for row in rows():
            yield row | {"share": row["bytes"] / row["seconds"] / bandwidth} | raster


class _Motion(Bench):
    def __init__(self, machine: Machine, width: int, height: int) -> None:
        super().__init__(machine, Kernels(machine, MOTION), width, height)
        with machine.working("motion cannot be sought"):
            self._search = Search(machine, self._kernels, height, width)
        self._luma = [_filmed(height, width, pan) for pan in (3.0, 0.0)]
        pyramid = self._search.pyramid
        self._greys = [motion_twin.levels(luma, pyramid) for luma in self._luma]
        self._stretch = np.array([motion_twin.stretched(motion_twin.counted(self._luma[1]))])

    def seeing(self) -> list[dict[str, Any]]:
        """Measure what is made of a plane of luma."""
        luma, (rows, columns), counted = self._luma[0], self._search.pyramid.sizes[0], samples(*self._luma[0].shape)
        along, grey = motion_twin.grey_rows(luma, rows, columns), self._greys[0][0]
        half, counts = self._greys[0][1], motion_twin.counted(luma)
        luma_words = (self._width, self._height, self._width)
        stretch = np.array([motion_twin.stretched(counts)])
        bins = np.zeros(BINS + BINS // COARSE, np.int32)
        return [
            self._one("grey_rows", along.shape, [luma], along, lambda at: (at[0], *luma_words, at[1], rows, columns)),
            self._one("grey_columns", along.shape, [along], grey, lambda at: (at[0], at[1], rows, columns)),
            self._one("halved", half.shape, [grey], half, lambda at: (at[0], rows, columns, at[1], *half.shape)),
            # what is counted goes on being counted as it runs again: its time and bytes are told, not its numbers
            self.row(
                "counted",
                counted[1],
                counted[0],
                [luma],
                [bins],
                [counts],
                lambda at: (at[0], self._width, at[1], *counted),
            )
            | {"off": None},
            self._one("stretched", (1, 1), [counts], stretch, lambda at: (at[0], counted[0] * counted[1], at[1])),
        ]

    def finding(self) -> list[dict[str, Any]]:
        """Measure the search on its finest level, where nearly all of its patches are, begun at rest."""
        now, before = (greys[FINEST] for greys in self._greys)
        size, patches = now.shape, lattice(now.shape)
        found = motion_twin.searched(now, before, None)
        settled = motion_twin.settled(now, before, found)
        motion = motion_twin.spread(now, before, settled, self._stretch[0])
        return [
            self._one(
                "searched", patches, [now, before], found, lambda at: (*at[:2], *size, None, 0, 0, at[2], *patches)
            ),
            self._one(
                "settled", patches, [now, before, found], settled, lambda at: (*at[:2], *size, *at[2:], *patches)
            ),
            self._one(
                "spread",
                size,
                [now, before, settled, self._stretch],
                motion,
                lambda at: (*at[:2], *size, at[2], *patches, *at[3:]),
            ),
        ]

    def weighing(self) -> list[dict[str, Any]]:
        """Measure how motion is weighed against standing still."""
        now, before = (greys[0] for greys in self._greys)
        size, coarse = now.shape, self._coarse()
        motion, off = motion_twin.compared(now, before, coarse, self._stretch[0])
        sums = motion_twin.summed(off)
        taken = motion_twin.weighed(sums, motion)
        return [
            self.row(
                "compared",
                size[1],
                size[0],
                [now, before, coarse, self._stretch],
                [np.zeros_like(motion), np.zeros_like(off)],
                [motion, off],
                lambda at: (*at[:2], *size, at[2], *coarse.shape[:2], *at[3:]),
            ),
            self._one("summed", size, [off], sums, lambda at: (*at, *size)),
            # it works in place, and again on what it made: as with counting
            self._one("weighed", size, [sums], taken, lambda at: (*at, *size)) | {"off": None},
        ]

    def carrying(self) -> list[dict[str, Any]]:
        """Measure the past on its way to where things are now."""
        size, rng = self._search.pyramid.sizes[0], np.random.default_rng(2)
        before, state = (rng.uniform(0, 1, (count, *size)).astype(np.float16) for count in (8, _HIDDEN))
        motion = (self._coarse().repeat(2, 0).repeat(2, 1) * 2)[: size[0], : size[1]].astype(np.float32)
        picture, hidden = motion_twin.carried_picture(before, motion), motion_twin.carried_state(state, motion)
        return [
            self._one("carried_picture", size, [before, motion], picture, lambda at: (*at, *size, 0)),
            self._one("carried_state", size, [state, motion], hidden, lambda at: (*at, _HIDDEN, *size)),
        ]

    def ends(self) -> list[dict[str, Any]]:
        """Measure what the network is told of noise, and the codes that go out."""
        size, rng = self._search.pyramid.sizes[0], np.random.default_rng(3)
        packed = rng.uniform(0, 1, (8, *size)).astype(np.float16)
        profile = profile_of(_NOISE)
        wide = (self._height, self._width // 2)
        filmed = [rng.integers(0, 1024, shape).astype(np.uint16) for shape in (self._luma[0].shape, wide, wide)]
        raster = (self._height, self._width, *size)
        return [
            self._one(
                "noise_map", size, [packed], motion_twin.noise_map(packed, _NOISE), lambda at: (*at, profile, *size)
            ),
            self.row(
                "yuv422_10_blended",
                wide[1],
                wide[0],
                [packed, *filmed],
                [np.zeros_like(plane) for plane in filmed],
                motion_twin.blended(packed, filmed, 0.7),
                lambda at: (*at, *raster, np.float32(0.7)),
            ),
        ]

    def search(self) -> dict[str, Any]:
        """Measure a picture's grey levels and motion as one graph, and how far that is from the twin's on the mean."""
        cuda, size = self._machine.cuda, self._search.pyramid.sizes[0]
        found = np.zeros((*size, 2), np.float32)
        with self._machine.working("motion was not found"):
            stream, motion = cuda.Stream(), cuda.mem_alloc(found.nbytes)
            luma = [cuda.to_device(plane) for plane in self._luma]
            greys = [Greys(self._machine, self._search.pyramid) for _ in luma]
            self._search.see(luma[1], greys[1], stream)

            def work() -> None:
                self._search.see(luma[0], greys[0], stream)
                self._search.find(greys[0], greys[1], motion, stream)

            graph = Graph.recorded(work, stream.handle)
            taken = seconds(self._machine, lambda _stream: graph.launch(), stream=stream)
            cuda.memcpy_dtoh(found, motion)
        off = np.hypot(*np.moveaxis(found - motion_twin.motion_of(*self._luma), -1, 0)).mean()
        return {"kernel": "grey levels and motion, all of it", "seconds": taken, "off_mean_pixels": float(off)}

    def _coarse(self) -> Any:
        """Return motion at half the packed raster: that of the pan which was filmed."""
        rows, columns = self._search.pyramid.sizes[FINEST]
        return np.ascontiguousarray(np.broadcast_to(np.array([0.75, 0.0], np.float32), (rows, columns, 2)))

    def _one(self, name: str, field: tuple[int, int], given: list[Any], truth: Any, words: Any) -> dict[str, Any]:
        """Measure a kernel that gives one array."""
        return self.row(name, field[1], field[0], given, [np.zeros_like(truth)], [truth], words)


def _filmed(height: int, width: int, pan: float) -> Plane:
    """Return luma of a wall with things on it, seen so many pixels further to the right, under noise."""
    rng, wall = np.random.default_rng(7), np.full((height, width + 16), 480, np.float32)
    for cells, deviation in ((8, 60), (40, 40), (160, 25)):
        drawn = rng.normal(0, deviation, (cells, 2 * cells)).astype(np.float32)
        wall += cv2.resize(drawn, wall.shape[::-1], interpolation=cv2.INTER_CUBIC)
    seen = wall[:, int(pan) : int(pan) + width] + np.random.default_rng(int(pan)).normal(0, 10, (height, width))
    return np.clip(np.rint(seen), 4, 1019).astype(np.uint16)
