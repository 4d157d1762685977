"""A clip restored in parts: no seam is seen, nothing is out of its place, and what does not fit is not joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.backends import choose
from engines.enhance import LOOK_AHEAD
from engines.enhance.parts import WARM_UP, Joined, Made, begins, make_part
from engines.enhance.restore import Restore
from engines.errors import BadPart, EncodeFailed
from engines.media.frames import Picture
from engines.media.intermediate import IntermediateWriter, intermediate_pictures
from engines.model.noise import estimate
from engines.model.weights import base_weights

FRAMES, CUT, SIZE = 96, 61, (96, 160)


@cache
def filmed() -> tuple[Picture, ...]:
    """A pan over a textured wall, then a cut to a thing that moves before a dark one; all of it noisy."""
    rng = np.random.default_rng(11)
    wall = np.kron(rng.integers(250, 650, (40, 60)), np.ones((8, 8)))
    made = []
    for number in range(FRAMES):
        if number < CUT:
            luma = wall[2 * number // 3 :, number:][: SIZE[0], : SIZE[1]].copy()
        else:
            luma = np.full(SIZE, 160.0)
            luma[30:60, number : number + 40] = 700
        planes = [luma, np.full((SIZE[0], SIZE[1] // 2), 470.0), np.full((SIZE[0], SIZE[1] // 2), 540.0)]
        noisy = (np.rint(plane + rng.normal(0, 22, plane.shape)).clip(4, 1019).astype(np.uint16) for plane in planes)
        made.append(Picture(number, *noisy))
    return tuple(made)


def restorer(strength: float = 1.0) -> Restore:
    noise = estimate(filmed()[:8])
    return Restore(choose("openvino"), base_weights("lite"), *SIZE, strength=strength, noise=noise)


@cache
def at_once() -> list[Picture]:
    restore = restorer()
    return [restore(it, filmed()[it.number + 1 : it.number + 1 + LOOK_AHEAD]) for it in filmed()]


def in_parts(
    folder: Path, bounds: Sequence[int], enhance: Callable[[], Callable[..., Picture]] = restorer
) -> list[tuple[Path, Made]]:
    """Make the parts between bounds, each as a job of its own."""
    made = []
    for first, end in pairwise(bounds):
        path = folder / f"{first}.part"
        seen = filmed()[begins(first) : end + LOOK_AHEAD]
        made.append((path, make_part(seen, enhance(), first, end, path)))
    return made


def joined(parts: list[tuple[Path, Made]]) -> list[Picture]:
    join = Joined(parts, FRAMES)
    return [join(picture) for picture in filmed()]


def db(one: Picture, other: Picture) -> float:
    pairs = ((one.y, other.y), (one.cb, other.cb), (one.cr, other.cr))
    error = sum(float(((a.astype(float) - b) ** 2).sum()) for a, b in pairs) / (2 * one.y.size)
    return float(10 * np.log10(1023**2 / max(error, 1e-9)))


def step(shown: list[Picture], at: int) -> float:
    return float(np.sqrt(np.square(shown[at].y.astype(float) - shown[at - 1].y).mean()))


@pytest.mark.timeout(300)  # the network is compiled for each part, and a machine that is busy otherwise may take long
@given(bounds=st.sets(st.integers(1, FRAMES - 1), min_size=1, max_size=2))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_a_clip_is_cut_no_seam_is_seen(bounds: set[int], tmp_path: Path) -> None:
    together = joined(in_parts(tmp_path, [0, *sorted(bounds), FRAMES]))
    assert [picture.number for picture in together] == list(range(FRAMES))
    assert min(map(db, together, at_once())) >= 55
    for seam in bounds:
        assert step(together, seam) == pytest.approx(step(at_once(), seam), rel=0.01)


def test_without_the_pictures_before_it_a_seam_would_be_seen(tmp_path: Path) -> None:
    """What the overlap is for: else the test above would hold without it."""
    path = tmp_path / "50.part"
    late = make_part(filmed()[50 : 56 + LOOK_AHEAD], restorer(), 50, 56, path)
    assert late.first == 50
    assert db(next(iter(intermediate_pictures(path))), at_once()[50]) < 50


def test_a_part_that_begins_at_a_cut_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    together = joined(in_parts(tmp_path, [0, CUT, FRAMES]))
    assert min(map(db, together, at_once())) > 100


@pytest.mark.parametrize("ahead", [1, 4, 9, LOOK_AHEAD])
def test_a_cut_just_before_a_seam_sees_beyond_it(tmp_path: Path, ahead: int) -> None:
    """A shot's first picture leans on those that come, and those are the next part's."""
    together = joined(in_parts(tmp_path, [0, CUT + ahead, FRAMES]))
    assert min(map(db, together, at_once())) >= 55


@given(bounds=st.sets(st.integers(1, FRAMES - 1), max_size=4))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_with_strength_zero_the_joined_pictures_are_those_that_were_filmed(bounds: set[int], tmp_path: Path) -> None:
    parts = in_parts(tmp_path, [0, *sorted(bounds), FRAMES], lambda: restorer(0.0))
    assert all(map(same, joined(parts), filmed()))


def same(one: Picture, other: Picture) -> bool:
    return one.number == other.number and all(
        np.array_equal(a, b) for a, b in ((one.y, other.y), (one.cb, other.cb), (one.cr, other.cr))
    )


@given(seed=st.integers(0, 2**32 - 1), half=st.integers(1, 40), rows=st.integers(1, 60), first=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_code_value_and_number_comes_back(tmp_path: Path, seed: int, half: int, rows: int, first: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = ((rows, 2 * half), (rows, half), (rows, half))
    made = [
        Picture(first + number, *(rng.integers(0, 1024, shape, np.uint16) for shape in shapes)) for number in range(3)
    ]
    writer = IntermediateWriter(tmp_path / "a.part", 2 * half, rows)
    for picture in made:
        writer.write(picture)
    writer.close()
    assert all(map(same, intermediate_pictures(tmp_path / "a.part"), made))
    assert len(list(intermediate_pictures(tmp_path / "a.part"))) == 3


def brighter() -> Callable[..., Picture]:
    return lambda picture, _: Picture(picture.number, picture.y + np.uint16(1), picture.cb, picture.cr)


@pytest.fixture
def three(tmp_path: Path) -> list[tuple[Path, Made]]:
    return in_parts(tmp_path, [0, 30, 60, FRAMES], brighter)


def test_parts_that_lack_one_or_stand_in_another_order_are_no_clip(three: list[tuple[Path, Made]]) -> None:
    for wrong in (three[:2], three[1:], [three[0], three[2]], [three[1], three[0], three[2]], []):
        with pytest.raises(BadPart, match="the parts are not pictures 0 to 95"):
            Joined(wrong, FRAMES)


def test_a_part_that_was_made_of_another_picture_is_refused_at_either_end(three: list[tuple[Path, Made]]) -> None:
    path, made = three[1]
    for other, at in ((replace(made, head="0" * 32), 30), (replace(made, tail="0" * 32), 59)):
        with pytest.raises(BadPart, match=f"picture {at} was made of another"):
            joined([three[0], (path, other), three[2]])


def test_a_part_whose_pictures_are_not_those_that_were_written_is_refused(three: list[tuple[Path, Made]]) -> None:
    (one, made), (other, _), last = three
    for harm, why in (
        (lambda: other.write_bytes(other.read_bytes()[:-3000]), "ends where picture|not those that were written|read"),
        (lambda: other.write_bytes(one.read_bytes()), "goes on with picture 0 where picture 30"),
        (lambda: other.write_bytes(b""), "cannot be read"),
        (other.unlink, "cannot be read"),
    ):
        harm()
        with pytest.raises(BadPart, match=why):
            joined([(one, made), three[1], last])


def test_a_clip_that_ends_before_its_part_does_makes_no_part(tmp_path: Path) -> None:
    with pytest.raises(BadPart, match="ended before picture 99"):
        make_part(filmed()[begins(90) :], brighter(), 90, 100, tmp_path / "90.part")


def test_what_breaks_while_a_part_is_made_is_raised_and_its_file_let_go(tmp_path: Path) -> None:
    def breaks(picture: Picture, _: Sequence[Picture]) -> Picture:
        if picture.number == 40:
            raise MemoryError
        return picture

    with pytest.raises(MemoryError):
        make_part(filmed()[begins(30) :], breaks, 30, 60, tmp_path / "30.part")
    with pytest.raises(EncodeFailed):
        make_part(filmed()[begins(30) :], brighter(), 30, 60, tmp_path / "nowhere" / "30.part")


def test_a_part_begins_as_early_as_its_state_needs_and_never_before_the_clip() -> None:
    assert (begins(0), begins(10), begins(100)) == (0, 0, 100 - WARM_UP)
