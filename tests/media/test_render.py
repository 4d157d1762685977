"""Rendering: stations side by side, memory flat, and one station's failure ends all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shots import Shot, Sound, decoded, deliver, grain, opened, planes, probed, spec_for

from engines.enhance import LOOK_AHEAD
from engines.errors import ContractBroken, Unreadable
from engines.media.contract import check
from engines.media.decode import decoder_for
from engines.media.encode import Output
from engines.media.essence import Essence, FieldOrder
from engines.media.frames import Picture
from engines.media.proxy import ProxyCodec, raster
from engines.render import first_pictures, pictures, render


def rendering_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "_fill" in thread.name]


def darker(picture: Picture, _: Sequence[Picture]) -> Picture:
    return Picture(picture.number, (picture.y // 2).astype(np.uint16), picture.cb, picture.cr)


def test_an_enhanced_twin_holds_what_the_enhancement_made(tmp_path: Path) -> None:
    clip = Shot(frames=4).write(tmp_path / "A001.mov", lambda _: planes(np.full((192, 320), 800, np.uint16), 512, 512))
    done = deliver(clip, out=tmp_path / "e.mov", codec=ProxyCodec.PRORES_HQ, enhance=darker)
    assert [round(frame[0].mean()) for frame in decoded(done.path)] == [400] * 4


def test_pictures_reach_the_enhancement_numbered_in_order(tmp_path: Path) -> None:
    seen: list[int] = []

    def watched(picture: Picture, coming: Sequence[Picture]) -> Picture:
        seen.append(picture.number)
        ahead = range(picture.number + 1, min(picture.number + 1 + LOOK_AHEAD, 20))
        assert [other.number for other in coming] == list(ahead)
        return picture

    options = {"bf": "3", "g": "8"}
    shot = Shot(frames=20, codec="libx264", pixel_format="yuv420p", options=options)
    deliver(shot.write(tmp_path / "A001.mp4"), out=tmp_path / "p.mov", enhance=watched)
    assert seen == list(range(20))


def test_a_failing_enhancement_ends_the_render_and_its_threads(tmp_path: Path) -> None:
    def fails(picture: Picture, _: Sequence[Picture]) -> Picture:
        if picture.number == 3:
            raise MemoryError
        return picture

    clip = Shot(frames=60).write(tmp_path / "A001.mov")
    with pytest.raises(MemoryError):
        deliver(clip, out=tmp_path / "p.mov", enhance=fails)
    assert rendering_threads() == []


def test_a_clip_that_breaks_while_decoding_says_so(tmp_path: Path) -> None:
    shot = Shot(frames=30, codec="prores_aw", options={"profile": "3"})
    clip = shot.write(tmp_path / "A001.mov")
    essence = probed(clip)
    content = bytearray(clip.read_bytes())
    start = content.index(b"icpf", len(content) // 2)
    content[start : start + 4] = b"junk"
    clip.write_bytes(content)
    spec = spec_for(essence, codec=ProxyCodec.PRORES_PROXY, width=None, clip_name="A001", reel="A001")
    with opened(clip) as files, pytest.raises(Unreadable):
        render(
            decoder_for(files, essence),
            essence,
            spec,
            [Output(spec, (tmp_path / "p.mov",))],
            enhance=None,
            progress=lambda *_: None,
        )
    assert rendering_threads() == []


def test_progress_counts_to_the_end_and_the_still_is_the_middle(tmp_path: Path) -> None:
    greys = (100, 300, 500, 700, 900)
    shot = Shot(frames=5)
    clip = shot.write(tmp_path / "A001.mov", lambda n: planes(np.full((192, 320), greys[n], np.uint16), 512, 512))
    essence = probed(clip)
    spec = spec_for(essence, codec=ProxyCodec.PRORES_PROXY, width=None, clip_name="A001", reel="A001")
    told: list[tuple[int, int]] = []
    with opened(clip) as files:
        decoder = decoder_for(files, essence)
        progress = lambda done, whole: told.append((done, whole))  # noqa: E731 - one line says it
        made = render(decoder, essence, spec, [Output(spec, (tmp_path / "p.mov",))], enhance=None, progress=progress)
        first = first_pictures(decoder_for(files, essence), essence, spec, 2)
    assert told == [(number, 5) for number in range(1, 6)]
    assert [picture.y.mean() for picture in first] == [100, 300]
    still = Image.open(BytesIO(made.still))
    assert still.size == (320, 192)
    assert np.asarray(still).mean() == pytest.approx((500 - 64) / 876 * 255, abs=2)


BROKEN = {
    "frames": {"frames": 6},
    "rate": {"rate": 24},
    "start timecode": {"start_frame": 90001},
    "pixel aspect": {"pixel_aspect": 2},
    "field order": {"field_order": FieldOrder.TOP_FIRST},
    "rotation": {"rotation_degrees": 90},
}


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_of_the_contract_is_named(tmp_path: Path, line: str) -> None:
    clip = Shot(timecode="01:00:00:00", codec="prores_aw", pixel_aspect=1).write(tmp_path / "A001.mov")
    done = deliver(clip, out=tmp_path / "p.mov")
    wrong: Essence = replace(done.source, **BROKEN[line])
    with opened(done.path) as written, pytest.raises(ContractBroken, match=line):
        check(written, wrong, done.spec, done.rendered.sound_digests[0])


def test_another_sound_or_reel_breaks_the_contract(tmp_path: Path) -> None:
    done = deliver(Shot().write(tmp_path / "A001.mov"), out=tmp_path / "p.mov")
    with opened(done.path) as written, pytest.raises(ContractBroken, match="reel: A001 instead of B002"):
        check(written, done.source, replace(done.spec, reel="B002"), done.rendered.sound_digests[0])
    with opened(done.path) as written, pytest.raises(ContractBroken, match="bit for bit"):
        check(written, done.source, done.spec, ("other",))


@pytest.mark.parametrize(
    ("source", "width", "expected"),
    [
        ((1920, 1080), None, (960, 540)),
        ((3840, 2160), None, (1920, 1080)),
        ((4096, 2160), None, (2048, 1080)),
        ((1280, 720), None, (1280, 720)),
        ((1998, 1080), None, (1998, 1080)),
        ((1080, 1920), None, (1080, 1920)),
        ((3840, 2160), 1280, (1280, 720)),
        ((2048, 858), 1024, (1024, 428)),
        ((641, 361), None, (640, 360)),
    ],
)
def test_rasters(source: tuple[int, int], width: int | None, expected: tuple[int, int]) -> None:
    assert raster(source, width) == expected


def test_a_clip_of_an_hour_is_not_taken_for_hung_while_it_is_gone_through(tmp_path: Path) -> None:
    clip = Shot(frames=12, sounds=(Sound(),)).write(tmp_path / "A001.mov")
    probing: list[tuple[int, int]] = []
    source = probed(clip, progress=lambda done, total: probing.append((done, total)))
    assert len(probing) >= source.frames
    assert [done for done, _ in probing] == sorted(done for done, _ in probing)
    assert {total for _, total in probing} == {clip.stat().st_size}
    done = deliver(clip, out=tmp_path / "p.mov")
    checking: list[int] = []
    with opened(done.path) as written:
        check(written, source, done.spec, done.rendered.sound_digests[0], lambda count, _: checking.append(count))
    assert len(checking) > source.frames


@pytest.mark.parametrize(("size", "proxy_codec"), [((360, 288), "dnxhr_lb"), ((1080, 480), "prores_proxy")])
def test_rows_that_end_anywhere_are_scaled_alike_each_time(
    tmp_path: Path, size: tuple[int, int], proxy_codec: str
) -> None:
    shot = Shot(frames=40, size=size, codec="mpeg2video", pixel_format="yuv420p", options={"qscale": "2"})
    clip = shot.write(tmp_path / "A001.mov", lambda _: grain(size, 1, "yuv420p"))
    source = probed(clip)
    spec = spec_for(source, codec=ProxyCodec(proxy_codec), width=None, clip_name="A001", reel="A001")
    with opened(clip) as files:
        once = [picture.y.copy() for picture in pictures(decoder_for(files, source), source, spec)]
    with opened(clip) as files:
        again = [picture.y.copy() for picture in pictures(decoder_for(files, source), source, spec)]
    assert all(np.array_equal(first, second) for first, second in zip(once, again, strict=True))
