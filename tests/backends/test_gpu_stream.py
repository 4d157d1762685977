"""A clip's way over a GPU without the library that runs networks: uploads, motion, carrying, two streams, recordings.

In the network's place the past itself comes out, so that what a picture gives is the first one carried on and on, and
whatever was read too early, written too late or recorded wrongly is seen in the end. On paper, and on a GPU where
pycuda and nvcc are: no TensorRT need be there.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import paper
from test_paper_gpu import pan

from engines.backends.gpu_stream import GpuStream
from engines.enhance import LOOK_AHEAD
from engines.errors import BackendUnavailable
from engines.gpu.machine import Machine, OnGpu
from engines.kernels import hindsight_twin, launch, motion_twin
from engines.kernels.cubin import SOURCES
from engines.kernels.launch import Kernels
from engines.model.noise import NoiseProfile
from engines.model.packing import pack, packed_size

HEIGHT, WIDTH, CLIP = 72, 96, 12
NOISE = NoiseProfile(2e-4, 1e-4, 0.7, 0.2)


@pytest.fixture(params=["paper", pytest.param("gpu", marks=pytest.mark.gpu)])
def machine(request, monkeypatch):
    if request.param == "paper":
        paper.laid_out(monkeypatch)
        monkeypatch.setattr(launch, "cubin", lambda _, name: name.encode())
    try:
        return Machine()
    except BackendUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def kernels(machine):
    return [Kernels(machine, name) for name in SOURCES]


class Past(OnGpu):
    """A session whose network gives back what it was given of the past, or at a shot's first picture that one."""

    def __init__(self, machine, kernels):
        self.machine, self.size = machine, packed_size(HEIGHT, WIDTH)
        self.pictures, self.motion, self.hindsight = kernels
        self.bytes = 8 * self.size[0] * self.size[1] * 2
        with machine.working("no session"):
            self.stream_of_work = machine.cuda.Stream()
            self.there = {name: machine.cuda.mem_alloc(self.bytes) for name in ("now", "carried", "output")}
            self.there["noise"] = machine.cuda.mem_alloc(self.bytes // 8 * 3)

    def advance(self, motion):
        (rows, columns), there, work = self.size, self.there, self.stream_of_work
        past = there["now"] if motion is None else there["carried"]
        if motion is not None:
            field = (there["output"], motion, past, rows, columns, 0)
            self.motion.run("carried_picture", columns, rows, *field, stream=work)
        self.machine.cuda.memcpy_dtod_async(there["output"], past, self.bytes, work)

    def may_record(self):
        return True


class Same(Past):
    """A session whose network changes nothing."""

    def advance(self, motion):  # noqa: ARG002 - it has no past
        there, work = self.there, self.stream_of_work
        self.machine.cuda.memcpy_dtod_async(there["output"], there["now"], self.bytes, work)


def streamed(machine, kernels, pictures):
    """A clip as the service takes it: each picture is made ready in a thread beside the step of the one before."""
    stream, found = GpuStream(Past(machine, kernels), HEIGHT, WIDTH, NOISE), []
    with ThreadPoolExecutor(1) as beside:
        now = stream.ready(pictures[0])
        for following in (*pictures[1:], None):
            coming = beside.submit(stream.ready, following, now) if following else None
            found.extend(stream.smoothed([stream.step(now)], 1, 1.0))
            now = coming.result() if coming else None
    return found


def planes_of(picture):
    return picture.y, picture.cb, picture.cr


def test_the_first_picture_is_carried_through_the_clip_as_the_twin_carries_it(machine, kernels):
    pictures = pan(2 * CLIP, HEIGHT, WIDTH)[:CLIP]
    found, carried = streamed(machine, kernels, pictures), pack(pictures[0])[0].astype(np.float16)
    for number, (picture, given) in enumerate(zip(pictures, found, strict=True)):
        if number:
            motion = motion_twin.motion_of(picture.y, pictures[number - 1].y)
            carried = motion_twin.carried_picture(carried, motion)
        truth = motion_twin.blended(carried, planes_of(picture), 1.0)
        for plane, wanted in zip(planes_of(given), truth, strict=True):
            assert np.abs(plane.astype(int) - wanted).mean() <= 1, number


@pytest.mark.parametrize(("count", "strength"), [(3, 0.7), (8, 1.0)])
def test_a_shot_is_gone_back_over_as_the_twin_does_and_its_first_pictures_come_down(machine, kernels, count, strength):
    """Six pictures, then the last four of them once more, as when a block leans on the beginning of the next one."""
    pictures = pan(12, HEIGHT, WIDTH)[:6]
    stream = GpuStream(Same(machine, kernels), HEIGHT, WIDTH, NOISE)
    shot = [stream.step(stream.ready(picture)) for picture in pictures]
    motions = [motion_twin.motion_of(now.y, before.y) for before, now in pairwise(pictures)]
    given = [pack(picture)[0].astype(np.float16) for picture in pictures]
    for first in (0, 2):
        filmed, truth = pictures[first:], hindsight_twin.smoothed(given[first:], motions[first:], NOISE)
        found = stream.smoothed(shot[first:], count, strength)
        assert [one.number for one in found] == [one.number for one in filmed[:count]]
        for one, leaning, then in zip(found, truth, filmed, strict=False):
            wanted = motion_twin.blended(leaning, planes_of(then), strength)
            off = [np.abs(plane.astype(int) - other) for plane, other in zip(planes_of(one), wanted, strict=True)]
            assert max(plane.mean() for plane in off) < 0.1
            assert max(plane.max() for plane in off) <= 2
        assert np.abs(found[0].y.astype(int) - filmed[0].y).mean() > 1


def test_pictures_that_do_not_follow_each_other_are_no_shot(machine, kernels):
    pictures = pan(2, HEIGHT, WIDTH)
    stream = GpuStream(Same(machine, kernels), HEIGHT, WIDTH, NOISE)
    first = stream.step(stream.ready(pictures[0]))
    stream.reset()
    with pytest.raises(AssertionError, match="follow each other"):
        stream.smoothed([first, stream.step(stream.ready(pictures[1]))], 2, 1.0)


def test_what_is_kept_of_pictures_is_free_again_once_nobody_holds_them(machine, kernels):
    stream = GpuStream(Same(machine, kernels), HEIGHT, WIDTH, NOISE)
    ahead, free = deque(maxlen=LOOK_AHEAD - 1), []
    for picture in pan(2 * LOOK_AHEAD, HEIGHT, WIDTH):
        ahead.append(stream.step(stream.ready(picture)))
        with machine.working("nothing can be asked"):
            free.append(machine.cuda.mem_get_info()[0])
    assert len(set(free[LOOK_AHEAD:])) == 1


def test_clips_that_end_in_other_threads_leave_the_gpu_as_it_was(machine, kernels):
    """A GPU counts by blocks of megabytes, so that there it takes more clips to show that each left something."""
    clips, block = (4, 0) if isinstance(machine.cuda, paper.Driver) else (64, 4 << 20)
    pictures, free = pan(3, HEIGHT, WIDTH), []
    for _ in range(clips):
        clip = threading.Thread(target=streamed, args=(machine, kernels, pictures))
        clip.start()
        clip.join()
        with machine.working("nothing can be asked"):
            free.append(machine.cuda.mem_get_info()[0])
    assert free[-1] >= free[1] - block  # the first ones load what stays
