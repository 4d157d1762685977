"""Working pictures through a session on the GPU: planes go up, planes come down, and what is between stays there.

Two streams of work: *beside* uploads the next picture and finds its motion, while the session's own packs the present
one, carries the past, runs the network, blends and brings down. What both need lies in a picture's berth. There are as
many as there are pictures under way: three, four while a shot begins. Work on the same memory is recorded once.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from engines.backends.base import Ready, Restored
from engines.gpu.graph import Recorder
from engines.gpu.machine import Machine, OnGpu
from engines.kernels import LANES
from engines.kernels.launch import Kernels
from engines.kernels.search import Greys, Search
from engines.media.frames import Picture, blended
from engines.model.carry import flow
from engines.model.hindsight import smoothed
from engines.model.noise import NoiseProfile
from engines.model.packing import pack, packed_size, planes_of, whole_codes

_PAIR, _SAMPLE = 8, 2
"""Bytes of a place's motion, and of a sample."""
_WHOLE = np.float32(1)
"""Share of what the network says that the kernel blends in: the dial turns what has been smoothed, later."""
_BY_ITSELF = 1
"""CU_STREAM_NON_BLOCKING: while a stream that waits for CUDA's common one is recorded, nobody can use the common one.
A library may want it for its first step, beside pictures that are recorded. Source: CUDA, cudaStreamIsCapturing."""

Here = npt.NDArray[np.uint16]


class Advancing(Protocol):
    """A session on the GPU, as far as it is told to go on there."""

    machine: Machine
    pictures: Kernels
    motion: Kernels
    stream_of_work: Any
    there: dict[str, Any]
    """Its memory, by the names of the network's ends."""

    def advance(self, motion: Any | None) -> None:
        """Start a step on what lies in `now` and `noise`; the past is moved along `motion`, None where it has none."""

    def may_record(self) -> bool:
        """Return whether a step can be recorded yet."""


class GpuStream(OnGpu):
    """The way of a clip; see `base.Stream`."""

    def __init__(self, session: Advancing, height: int, width: int, noise: NoiseProfile) -> None:
        self.machine, self._session = session.machine, session
        self._raster, self._packed = (height, width), packed_size(height, width)
        self._profile = noise
        self._noise = np.array((noise.shot, noise.read, noise.chroma, noise.coarse), np.float32)
        self._turn = threading.Lock()  # two threads make pictures ready while a shot begins
        self._free: list[_Berth] = []
        self._berths = 0
        self._last: _Ready | None = None
        with self.machine.working("the engine cannot be opened"):
            self._search = Search(self.machine, session.motion, height, width)
            self._beside = self.machine.cuda.Stream(_BY_ITSELF)
            self._restored = _Planes(self.machine, height, width)
        self._steps, self._readings = Recorder(session.stream_of_work, session.may_record), Recorder(self._beside)

    def ready(self, picture: Picture, before: Ready | None = None) -> Ready:
        """Start a picture's upload and its motion to the one before; returns before they are done."""
        with self._turn, self.machine.working("a picture could not be made ready"):
            berth = self._free.pop() if self._free else self._new_berth()
            ready = _Ready(picture, berth, self._free)
            for here, plane in zip(berth.planes.here, (picture.y, picture.cb, picture.cr), strict=True):
                here[:] = plane
            self._readings.run(berth.number, lambda: self._see(berth))
            if before is not None:
                self._follow(ready, cast(_Ready, before))
            berth.done.record(self._beside)
        return ready

    def step(self, now: Ready) -> Restored:
        """Take the network through a picture and bring down what it gives."""
        known, work, last = cast(_Ready, now), self._session.stream_of_work, self._last
        berth, going = known.berth, last is not None
        with self.machine.working("the engine failed in a picture"):
            if last is not None and known.before is not last.picture:
                with self._turn:
                    self._follow(known, last)
                    berth.done.record(self._beside)
            work.wait_for_event(berth.done)
            self._steps.run((berth.number, going), lambda: self._advance(berth, going=going))
            work.synchronize()
        self._last = known
        planes = (here.copy() for here in self._restored.here)
        return _Restored(now.picture, Picture(now.picture.number, *planes))

    def smoothed(self, shot: Sequence[Restored], count: int, strength: float) -> list[Picture]:
        """Return the pictures of a shot, smoothed by the processor; see `base.Stream`."""
        known = cast(Sequence[_Restored], shot)
        given = [pack(one.made) for one in known]
        motions = [flow(now[0], before[0]) for before, now in pairwise(given)]
        leaning = [*smoothed(reversed(given), reversed(motions), self._profile)][::-1][:count]
        made = [
            Picture(one.made.number, *planes_of(whole_codes(now, own), one.made))
            for one, now, own in zip(known, leaning, given, strict=False)
        ]
        if strength == 1:
            return made
        return [blended(one.filmed, now, np.float32(strength)) for one, now in zip(known, made, strict=False)]

    def reset(self) -> None:
        """Forget the past."""
        self._last = None

    def _new_berth(self) -> _Berth:
        self._berths += 1
        cuda, (rows, columns) = self.machine.cuda, self._packed
        planes, greys = _Planes(self.machine, *self._raster), Greys(self.machine, self._search.pyramid)
        motion = cuda.mem_alloc(rows * columns * _PAIR)
        return _Berth(self.machine, self._berths, planes, greys, motion, cuda.Event())

    def _see(self, berth: _Berth) -> None:
        berth.planes.upload(self._beside)
        self._search.see(berth.planes.there[0], berth.greys, self._beside)

    def _follow(self, ready: _Ready, before: _Ready) -> None:
        one, other = ready.berth, before.berth
        ready.before = before.picture
        work = (one.greys, other.greys, one.motion, self._beside)
        self._readings.run((one.number, other.number), lambda: self._search.find(*work))

    def _advance(self, berth: _Berth, *, going: bool) -> None:
        session, stream = self._session, self._session.stream_of_work
        (height, width), (rows, columns) = self._raster, self._packed
        packed, restored, field = session.there["now"], session.there["output"], (columns, rows)
        pitches, raster = (width, width // 2), (height, width, rows, columns)
        lanes = (-(-columns // LANES), rows)
        session.pictures.run(
            "packed_from_yuv422_10", *lanes, *berth.planes.there, *pitches, packed, *raster, stream=stream
        )
        session.motion.run(
            "noise_map", *field, packed, session.there["noise"], self._noise, rows, columns, stream=stream
        )
        session.advance(berth.motion if going else None)
        planes = (*berth.planes.there, *self._restored.there)
        session.motion.run("yuv422_10_blended", width // 2, height, restored, *planes, *raster, _WHOLE, stream=stream)
        self._restored.download(stream)


@dataclass(frozen=True, slots=True)
class _Restored:
    """A picture as filmed, and as the network gave it."""

    filmed: Picture
    made: Picture


class _Planes(OnGpu):
    """A working picture's planes, pinned on this side and on the GPU."""

    def __init__(self, machine: Machine, height: int, width: int) -> None:
        self.machine, self._cuda = machine, machine.cuda
        shapes = ((height, width), (height, width // 2), (height, width // 2))
        self.here: list[Here] = [machine.pinned(shape, np.uint16) for shape in shapes]
        self.there = [self._cuda.mem_alloc(rows * columns * _SAMPLE) for rows, columns in shapes]

    def upload(self, stream: Any) -> None:
        for there, here in zip(self.there, self.here, strict=True):
            self._cuda.memcpy_htod_async(there, here, stream)

    def download(self, stream: Any) -> None:
        for there, here in zip(self.there, self.here, strict=True):
            self._cuda.memcpy_dtoh_async(here, there, stream)


@dataclass(frozen=True, eq=False)
class _Berth(OnGpu):
    """What one picture takes on the GPU; `done` is when it is there and its motion found."""

    machine: Machine
    number: int
    planes: _Planes
    greys: Greys
    motion: Any
    done: Any


class _Ready:
    """A picture in its berth, which is free again once nobody holds the picture."""

    def __init__(self, picture: Picture, berth: _Berth, free: list[_Berth]) -> None:
        self.picture, self.berth, self._free = picture, berth, free
        self.before: Picture | None = None

    def __del__(self) -> None:
        self._free.append(self.berth)
