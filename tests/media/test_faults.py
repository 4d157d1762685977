"""Each thing that FFmpeg throws becomes an error of ours, with its cause kept."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import pytest
from shots import Shot, Sound, opened, probed, spec_for

from engines.errors import EncodeFailed, EngineError, MediaError, Undecodable, Unreadable
from engines.media.decode import decoder_for
from engines.media.encode import Output
from engines.media.faults import is_full, translated, written
from engines.media.layout import file_count
from engines.media.preset import PRESETS
from engines.media.proxy import ProxyCodec, Wanted, spec_of
from engines.render import render

FFMPEG = sorted(
    {kind for kind in vars(av.error).values() if isinstance(kind, type) and issubclass(kind, av.FFmpegError)}
    - {av.error.MemoryError},
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", FFMPEG)
def test_every_ffmpeg_error_is_mapped(kind: type[av.FFmpegError]) -> None:
    cause = kind(1, "boom")
    with pytest.raises(MediaError) as reading, translated("A001.mov"):
        raise cause
    with pytest.raises(EncodeFailed) as writing, written("A001.mov"):
        raise cause
    for caught in (reading, writing):
        assert caught.value.__cause__ is cause
        assert "A001.mov" in caught.value.what


@pytest.mark.parametrize("kind", [ValueError, OverflowError, IndexError])
def test_what_pyav_throws_while_reading_is_mapped(kind: type[Exception]) -> None:
    with pytest.raises(Unreadable), translated("A001.mov"):
        raise kind("boom")


def test_running_out_of_memory_is_nobodys_clip() -> None:
    """Neither the clip nor the delivery is to blame: it goes through to the job's retry."""
    for boundary in (translated, written):
        with pytest.raises(MemoryError), boundary("A001.mov"):
            raise av.error.MemoryError(1, "boom")


def test_a_missing_decoder_is_undecodable() -> None:
    with pytest.raises(Undecodable), translated("A001.mov"):
        raise av.error.DecoderNotFoundError(1, "boom")


def test_ours_go_through_and_bugs_too() -> None:
    ours = EngineError("a", why="b", fix="c")
    with pytest.raises(EngineError) as caught, translated("A001.mov"):
        raise ours
    assert caught.value is ours
    with pytest.raises(ZeroDivisionError), written("A001.mov"):
        raise ZeroDivisionError


def test_a_full_volume_keeps_its_errno(tmp_path: Path) -> None:
    clip = Shot(frames=30, size=(640, 360)).write(tmp_path / "A001.mov")
    essence = probed(clip)
    spec = spec_for(essence, codec=ProxyCodec.PRORES_HQ, width=None, clip_name="A001", reel="A001")
    with opened(clip) as files, pytest.raises(EncodeFailed) as caught:
        render(
            decoder_for(files, essence),
            essence,
            spec,
            [Output(spec, (Path("/dev/full"),))],
            enhance=None,
            progress=lambda *_: None,
        )
    assert is_full(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC


@pytest.mark.parametrize("name", ["avid-dnxhr-lb-op1a", "avid-dnxhr-lb-opatom"])
def test_a_volume_that_is_full_for_one_file_of_mxf_keeps_its_errno(tmp_path: Path, name: str) -> None:
    clip = Shot(frames=30, size=(640, 360), sounds=(Sound(),)).write(tmp_path / "A001.mov")
    essence = probed(clip)
    spec = spec_of(essence, PRESETS[name], Wanted("A001", "A001"))
    paths = (*(tmp_path / f"{number}" for number in range(1, file_count(essence, spec))), Path("/dev/full"))
    with opened(clip) as files, pytest.raises(EncodeFailed) as caught:
        decoder, outputs = decoder_for(files, essence), [Output(spec, paths)]
        render(decoder, essence, spec, outputs, enhance=None, progress=lambda *_: None)
    assert is_full(caught.value)


def test_a_raster_too_small_for_dnxhr_says_what_to_do(tmp_path: Path) -> None:
    essence = probed(Shot(size=(160, 96)).write(tmp_path / "A001.mov"))
    with pytest.raises(EncodeFailed, match="too small for dnxhr_lb"):
        spec_for(essence, codec=ProxyCodec.DNXHR_LB, width=None, clip_name="A001", reel="A001")
