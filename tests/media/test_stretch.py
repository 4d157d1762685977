"""A clip's frames from the middle on: the very ones that a decoder gives that goes through all of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shots import Shot, Sound, opened, probed, spec_for
from test_sequences import FPS, still

from engines.errors import Unreadable
from engines.media.decode import decoder_for
from engines.media.essence import Essence
from engines.media.frames import Picture
from engines.media.proxy import ProxyCodec, ProxySpec
from engines.media.stretch import frames_from
from engines.render import pictures, pictures_from

FRAMES = 40
CODECS = {
    "all intra": ("A001.mov", Shot(frames=FRAMES, codec="prores_aw", options={"profile": "0"}, sounds=(Sound(),))),
    "long groups": (
        "A001.mp4",
        Shot(frames=FRAMES, codec="libx264", pixel_format="yuv420p", options={"bf": "3", "g": "15"}, sounds=(Sound(),)),
    ),
    "open groups": (
        "A001.mov",
        Shot(
            frames=FRAMES,
            codec="libx264",
            pixel_format="yuv420p",
            options={"bf": "3", "g": "9", "x264-params": "open-gop=1"},
        ),
    ),
    "open groups, HEVC": (
        "A001.mp4",
        Shot(
            frames=FRAMES,
            codec="libx265",
            pixel_format="yuv420p",
            options={"x265-params": "keyint=9:bframes=3:open-gop=1:log-level=none:pools=1"},
        ),
    ),
    "one group": ("A001.mkv", Shot(frames=FRAMES, codec="libx264", pixel_format="yuv420p", options={"g": "500"})),
    "transport stream": (
        "A001.mts",
        Shot(frames=FRAMES, codec="libx264", pixel_format="yuv420p", options={"bf": "2", "g": "9"}),
    ),
    "tops first": (
        "A001.mov",
        Shot(frames=FRAMES, codec="prores_aw", options={"profile": "0", "flags": "+ildct"}, field_order=4),
    ),
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip of each kind."""
    folder = tmp_path_factory.mktemp("shelf")
    found = {}
    for kind, (name, shot) in CODECS.items():
        (folder / kind).mkdir()
        found[kind] = shot.write(folder / kind / name)
    return found


def spec_of(essence: Essence) -> ProxySpec:
    return spec_for(essence, codec=ProxyCodec.PRORES_PROXY, width=None, clip_name="A001", reel="A001")


@cache
def whole(path: Path) -> tuple[Essence, list[Picture]]:
    essence = probed(path)
    with opened(path) as files:
        return essence, list(pictures(decoder_for(files, essence), essence, spec_of(essence)))


def same(one: Picture, other: Picture) -> bool:
    planes = ((one.y, other.y), (one.cb, other.cb), (one.cr, other.cr))
    return one.number == other.number and all(np.array_equal(a, b) for a, b in planes)


@pytest.mark.parametrize("kind", CODECS)
@given(first=st.integers(0, FRAMES - 1), count=st.integers(1, 12))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stretch_is_what_a_whole_decode_gives_there(
    kind: str, first: int, count: int, shelf: dict[str, Path]
) -> None:
    essence, all_of_it = whole(shelf[kind])
    with opened(shelf[kind]) as files:
        found = list(pictures_from(files, essence, spec_of(essence), first, count))
    wanted = all_of_it[first : first + count]
    assert len(found) == len(wanted)
    assert all(map(same, found, wanted))


def skipped(path: Path, first: int) -> int:
    """How many frames were decoded on the way to one."""
    told: list[int] = []
    with opened(path) as files:
        assert len(list(frames_from(files, probed(path), first, 1, lambda: told.append(1)))) == 1
    return len(told)


def test_what_lies_before_the_key_frame_is_not_decoded(shelf: dict[str, Path]) -> None:
    assert skipped(shelf["all intra"], 33) == 0
    assert skipped(shelf["long groups"], 33) == 3
    assert skipped(shelf["transport stream"], 33) == 33


def test_a_rate_that_the_recipe_names_does_not_move_frames(shelf: dict[str, Path]) -> None:
    """Times in the file are of 25 frames a second, and the clip is shown at 24."""
    from fractions import Fraction

    path = shelf["all intra"]
    essence = probed(path, rate=Fraction(24))
    assert essence.rate == 24
    told: list[int] = []
    with opened(path) as files:
        (frame,) = frames_from(files, essence, 33, 1, lambda: told.append(1))
        assert np.array_equal(np.asarray(frame.planes[0]), np.asarray(_decoded(path, 33).planes[0]))
    assert len(told) == 33


def _decoded(path: Path, number: int):
    with opened(path) as files:
        frames: Iterator = frames_from(files, probed(path), 0, number + 1)
        return list(frames)[number]


def test_spanned_files_are_counted_through(tmp_path: Path) -> None:
    shot = Shot(frames=12, codec="libx264", pixel_format="yuv420p", options={"g": "6"})
    paths = [shot.write(tmp_path / name) for name in ("GX010001.mp4", "GX020001.mp4")]
    essence = probed(*paths)
    with opened(*paths) as files:
        all_of_it = list(pictures(decoder_for(files, essence), essence, spec_of(essence)))
        found = list(pictures_from(files, essence, spec_of(essence), 10, 6))
    assert all(map(same, found, all_of_it[10:16]))
    assert [picture.number for picture in found] == list(range(10, 16))


def test_stills_before_the_stretch_are_not_read(tmp_path: Path) -> None:
    paths = [still(tmp_path / f"V042.{number:04d}.exr", number / 10, FPS) for number in range(6)]
    essence = probed(*paths)
    paths[1].write_bytes(b"damaged since")
    with opened(*paths) as files:
        found = list(pictures_from(files, essence, spec_of(essence), 3, 9))
    assert [picture.number for picture in found] == [3, 4, 5]
    assert [float(picture.y.mean()) for picture in found] == sorted({float(picture.y.mean()) for picture in found})


def test_a_clip_that_lost_frames_since_it_was_measured_says_so(tmp_path: Path, shelf: dict[str, Path]) -> None:
    essence, _ = whole(shelf["all intra"])
    shorter = Shot(frames=30, codec="prores_aw", options={"profile": "0"}).write(tmp_path / "A001.mov")
    with opened(shorter) as files, pytest.raises(Unreadable, match="gave 5 frames from frame 25 on, where 10"):
        list(frames_from(files, essence, 25, 10))
