"""Working pictures through a session on the GPU: planes go up, planes come down, and what is between stays there.

Two streams of work: *beside* uploads the next picture and finds its motion, while the session's own packs the present
one, carries the past and runs the network, and goes back over a shot, blends and brings down. What both need lies in a
picture's berth. There are as many as there are pictures under way: three, four while a shot begins. Work on the same
memory is recorded once.

What is kept of a picture until its shot has been gone back over lies in memory of its own, once for each picture that
is held, LOOK_AHEAD at most: what the network gave, the way from the picture before, and what was filmed. Of the last a
copy is kept, 16 of 40 bytes a packed pixel: to bring it up again would take the bus and the processor's time once more.
At 1920x1080 thirteen pictures take 270 MB.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count as numbers
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from engines.backends.base import Ready, Restored
from engines.gpu.graph import Recorder
from engines.gpu.machine import Machine, OnGpu
from engines.kernels import LANES
from engines.kernels.hindsight import Hindsight
from engines.kernels.launch import Kernels, profile_of
from engines.kernels.search import Greys, Search
from engines.media.frames import Picture
from engines.model.noise import NoiseProfile
from engines.model.packing import packed_size

_SAMPLE = 2
"""Bytes of a sample."""
_BY_ITSELF = 1
"""CU_STREAM_NON_BLOCKING: while a stream that waits for CUDA's common one is recorded, nobody can use the common one.
A library may want it for its first step, beside pictures that are recorded. Source: CUDA, cudaStreamIsCapturing."""

Here = npt.NDArray[np.uint16]


class Advancing(Protocol):
    """A session on the GPU, as far as it is told to go on there."""

    machine: Machine
    pictures: Kernels
    motion: Kernels
    hindsight: Kernels
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
        self._noise = profile_of(noise)
        self._turn = threading.Lock()  # two threads make pictures ready while a shot begins
        self._work = threading.Lock()  # one steps and one smooths, on the same stream of work
        self._numbers = numbers()
        self._free: list[_Berth] = []
        self._kept: deque[_Kept] = deque()  # the one that is free longest goes first, so that pairs come again
        self._last: _Ready | None = None
        with self.machine.working("the engine cannot be opened"):
            self._search = Search(self.machine, session.motion, height, width)
            kernels = session.hindsight, session.motion
            self._hindsight = Hindsight(self.machine, *kernels, *self._packed, noise)
            self._beside = self.machine.cuda.Stream(_BY_ITSELF)
            self._out = [_Out(self.machine, _Planes(self.machine, height, width)) for _ in range(2)]
        work = session.stream_of_work
        self._steps, self._backwards = Recorder(work, session.may_record), Recorder(work)
        self._readings = Recorder(self._beside)

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
        """Take the network through a picture, and keep there what it gives."""
        known, work, last = cast(_Ready, now), self._session.stream_of_work, self._last
        berth, going = known.berth, last is not None
        with self._work, self.machine.working("the engine failed in a picture"):
            if last is not None and known.before is not last.picture:
                with self._turn:
                    self._follow(known, last)
                    berth.done.record(self._beside)
            work.wait_for_event(berth.done)
            self._steps.run((berth.number, going), lambda: self._advance(berth, going=going))
            restored = self._keep(known, follows=going)
            work.synchronize()
        self._last = known
        return restored

    def smoothed(self, shot: Sequence[Restored], count: int, strength: float) -> list[Picture]:
        """Go back over a shot and bring its first pictures down; see `base.Stream`.

        While the GPU is at a picture, the one after it is copied here.
        """
        known, made = cast(Sequence[_Restored], shot), deque[Picture]()
        assert all(one.follows for one in known[1:]), "a shot's pictures follow each other"
        last, count = len(known) - 1, min(count, len(known))
        with self._work, self.machine.working("the engine failed in going back over a shot"):
            self._hindsight.begin(known[last].kept.restored, self._session.stream_of_work)
            for at in range(last, -1, -1):
                if at < last:
                    self._lean(known[at].kept, known[at + 1].kept)
                if at < count:
                    self._give(known[at].kept, at % 2, strength)
                if at + 1 < count:
                    made.appendleft(self._out[(at + 1) % 2].picture(known[at + 1].filmed.number))
            made.appendleft(self._out[0].picture(known[0].filmed.number))
        return list(made)

    def reset(self) -> None:
        """Forget the past."""
        self._last = None

    def _new_berth(self) -> _Berth:
        cuda = self.machine.cuda
        planes, greys = _Planes(self.machine, *self._raster), Greys(self.machine, self._search.pyramid)
        motion = cuda.mem_alloc(self._hindsight.motion_bytes)
        return _Berth(self.machine, next(self._numbers), planes, greys, motion, cuda.Event())

    def _new_kept(self) -> _Kept:
        allocated, hindsight = self.machine.cuda.mem_alloc, self._hindsight
        restored, back = allocated(hindsight.picture_bytes), allocated(hindsight.motion_bytes)
        return _Kept(self.machine, next(self._numbers), _planes(self.machine, *self._raster), restored, back)

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
        packed, field = session.there["now"], (columns, rows)
        pitches, raster = (width, width // 2), (height, width, rows, columns)
        lanes = (-(-columns // LANES), rows)
        session.pictures.run(
            "packed_from_yuv422_10", *lanes, *berth.planes.there, *pitches, packed, *raster, stream=stream
        )
        session.motion.run(
            "noise_map", *field, packed, session.there["noise"], self._noise, rows, columns, stream=stream
        )
        session.advance(berth.motion if going else None)

    def _keep(self, known: _Ready, *, follows: bool) -> _Restored:
        """Start the copies of what is kept of a step; they are not recorded, since any berth meets any kept picture."""
        kept = self._kept.popleft() if self._kept else self._new_kept()
        berth, copy, stream = known.berth, self.machine.cuda.memcpy_dtod_async, self._session.stream_of_work
        for to, there, here in zip(kept.planes, berth.planes.there, berth.planes.here, strict=True):
            copy(to, there, here.nbytes, stream)
        copy(kept.restored, self._session.there["output"], self._hindsight.picture_bytes, stream)
        if follows:
            self._hindsight.turn(berth.motion, kept.back, stream)
        return _Restored(known.picture, kept, self._kept, follows=follows)

    def _lean(self, own: _Kept, later: _Kept) -> None:
        words = (own.restored, later.back, self._session.stream_of_work)
        self._backwards.run((own.number, later.number), lambda: self._hindsight.lean(*words))

    def _give(self, own: _Kept, to: int, strength: float) -> None:
        """Blend the picture that was smoothed last with what was filmed, and start its way down."""
        run, stream, out = self._session.motion.run, self._session.stream_of_work, self._out[to]
        height, width = self._raster
        planes = (self._hindsight.leaning, *own.planes, *out.planes.there)
        words = (*planes, *self._raster, *self._packed, np.float32(strength))

        def work() -> None:
            run("yuv422_10_blended", width // 2, height, *words, stream=stream)
            out.planes.download(stream)

        self._backwards.run((own.number, to, strength), work)
        out.done.record(stream)


class _Planes(OnGpu):
    """A working picture's planes, pinned on this side and on the GPU."""

    def __init__(self, machine: Machine, height: int, width: int) -> None:
        self.machine, self._cuda = machine, machine.cuda
        self.here: list[Here] = [machine.pinned(shape, np.uint16) for shape in _shapes(height, width)]
        self.there = _planes(machine, height, width)

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


@dataclass(frozen=True, eq=False)
class _Kept(OnGpu):
    """What is kept of a picture on the GPU: as filmed, as the network gave it, and the way from the one before it."""

    machine: Machine
    number: int
    planes: list[Any]
    restored: Any
    back: Any


class _Out(OnGpu):
    """A picture on its way down; `done` is when it is here."""

    def __init__(self, machine: Machine, planes: _Planes) -> None:
        self.machine, self.planes, self.done = machine, planes, machine.cuda.Event()

    def picture(self, number: int) -> Picture:
        """Wait for the picture and return it in memory of its own."""
        self.done.synchronize()
        return Picture(number, *(here.copy() for here in self.planes.here))


class _Ready:
    """A picture in its berth, which is free again once nobody holds the picture."""

    def __init__(self, picture: Picture, berth: _Berth, free: list[_Berth]) -> None:
        self.picture, self.berth, self._free = picture, berth, free
        self.before: Picture | None = None

    def __del__(self) -> None:
        self._free.append(self.berth)


class _Restored:
    """A picture that the network has been through; what is kept of it is free again once nobody holds the picture.

    `follows` says whether the step before it was that of the picture before, so that there is a way from there.
    """

    def __init__(self, filmed: Picture, kept: _Kept, free: deque[_Kept], *, follows: bool) -> None:
        self.filmed, self.kept, self.follows, self._free = filmed, kept, follows, free

    def __del__(self) -> None:
        self._free.append(self.kept)


def _shapes(height: int, width: int) -> tuple[tuple[int, int], ...]:
    return (height, width), (height, width // 2), (height, width // 2)


def _planes(machine: Machine, height: int, width: int) -> list[Any]:
    return [machine.cuda.mem_alloc(rows * columns * _SAMPLE) for rows, columns in _shapes(height, width)]
