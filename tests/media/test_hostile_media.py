"""What a broken or hostile file does: it is refused by name, or read for what it is; never more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from shots import Shot, Sound, deliver, opened, probed

from engines.errors import MediaError, Undecodable, Unreadable
from engines.media.cadence import cadence
from engines.media.decode import LibavDecoder
from engines.media.probe import probe
from engines.media.source import demuxer_of

PLAYLISTS = {
    "concat": "ffconcat version 1.0\nfile '{secret}'\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "dash": "<?xml version='1.0'?><MPD><BaseURL>{secret}</BaseURL></MPD>",
    "avisynth": "AviSource('{secret}')\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", ["mov", "mp4", "mxf", "m3u8"])
def test_a_playlist_named_like_a_clip_opens_nothing(tmp_path: Path, kind: str, suffix: str) -> None:
    secret = Shot().write(tmp_path / "secret.mov")
    clip = tmp_path / f"A001.{suffix}"
    clip.write_text(PLAYLISTS[kind].format(secret=secret))
    with pytest.raises(Unreadable, match="not a movie that is read here"):
        probed(clip)


def test_a_movie_that_refers_to_another_file_does_not_reach_it(tmp_path: Path) -> None:
    """QuickTime's data references point outside of the movie: an alias is not followed."""
    whole = Shot(codec="mpeg4", pixel_format="yuv420p").write(tmp_path / "whole.mov")
    content = whole.read_bytes()
    marker = content.index(b"dref")
    patched = bytearray(content)
    flags = content.index(b"url ", marker) + 4
    patched[flags : flags + 4] = b"\0\0\0\0"
    patched[flags - 4 : flags] = b"alis"
    clip = tmp_path / "A001.mov"
    clip.write_bytes(patched)
    try:
        assert probed(clip).frames == 5
    except MediaError:
        return


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_card_pulled_mid_copy_is_not_delivered(tmp_path: Path, share: float) -> None:
    shot = Shot(frames=20, sounds=(Sound(),), muxer_options={"movflags": "+faststart"})
    whole = shot.write(tmp_path / "whole.mov").read_bytes()
    clip = tmp_path / "A001.mov"
    clip.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(MediaError):
        deliver(clip, out=tmp_path / "proxy.mov")


@pytest.mark.parametrize("suffix", ["mxf", "mkv", "mov"])
def test_a_file_cut_short_never_crashes(tmp_path: Path, suffix: str) -> None:
    shot = Shot(frames=10, codec="mpeg2video", pixel_format="yuv420p")
    whole = shot.write(tmp_path / f"whole.{suffix}").read_bytes()
    clip = tmp_path / f"A001.{suffix}"
    for share in range(0, 100, 7):
        clip.write_bytes(whole[: len(whole) * share // 100])
        try:
            essence = probed(clip)
        except MediaError:
            continue
        assert essence.frames <= 10


def test_two_frames_that_a_damaged_file_puts_days_apart_have_a_rate() -> None:
    for days in (1, 365):
        rate, variable = cadence([Fraction(0), Fraction(86_400 * days)], [None], Fraction(1, 90_000))
        assert rate > 0
        assert rate == Fraction(1, 86_400 * days) or variable


def test_bits_flipped_anywhere_never_crash(tmp_path: Path) -> None:
    whole = bytearray(Shot(frames=3, codec="mpeg4", pixel_format="yuv420p").write(tmp_path / "w.mov").read_bytes())
    head = whole.index(b"moov")
    clip = tmp_path / "A001.mov"
    for offset in range(head, len(whole), 17):
        broken = whole.copy()
        broken[offset] ^= 0xFF
        clip.write_bytes(broken)
        try:
            assert probed(clip).frames >= 1
        except MediaError:
            continue


def test_a_clip_that_changes_its_raster_in_the_middle_is_not_delivered(tmp_path: Path) -> None:
    """A decoder goes along with it; all that was laid out for the first raster would be wrong, or too small."""
    parts = [
        Shot(codec="mpeg2video", pixel_format="yuv420p", size=size, frames=12).write(tmp_path / f"{size[0]}.m2v")
        for size in ((320, 192), (640, 384))
    ]
    clip = tmp_path / "A001.m2v"
    clip.write_bytes(b"".join(part.read_bytes() for part in parts))
    essence = replace(probed(parts[0]), frames=24)
    with opened(clip) as files, pytest.raises(Unreadable, match="changes its raster"):
        list(LibavDecoder(files, essence).blocks())


def test_a_clip_of_more_than_a_day_is_not_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.media.probe._MAX_FRAMES", 4)
    with pytest.raises(Unreadable, match="more than 4 frames"):
        probed(Shot(frames=5).write(tmp_path / "A001.mov"))


def test_media_is_opened_through_one_door_and_xml_through_another() -> None:
    """Every other call of a demuxer or parser would be one without the list of magic bytes, or with entities."""
    root = Path(__file__).parents[2]
    ours = {
        "engines/media/encode.py",
        "engines/media/hardware.py",
        "engines/media/intermediate.py",
        "engines/media/trials.py",
    }  # what we write, and read by the name of its format
    doors = {
        r"\bav\.open\(": {"engines/media/source.py", "engines/model/footage.py", *ours},
        r"\betree\.(parse|fromstring|XML|HTML|iterparse)\(": {"daemon/sidecars/xml.py"},
        r"(?m)^(from|import) xml\b(?!\.sax\.saxutils)": set(),
        r"\b(pickle|marshal|shelve)\b|yaml\.(unsafe_)?load\(|(?<!\.)\b(eval|exec)\(": set(),
    }
    for call, files in doors.items():
        found = {
            path.relative_to(root).as_posix()
            for part in ("daemon", "engines")
            for path in (root / part).rglob("*.py")
            if re.search(call, re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text(encoding="utf-8")))
        }
        assert found <= files, call


def test_camera_raw_is_named(tmp_path: Path) -> None:
    """A MOV whose codec no decoder here knows is undecodable, not unreadable: its card goes on."""
    content = Shot(codec="prores_aw").write(tmp_path / "w.mov").read_bytes()
    clip = tmp_path / "A001C001.mov"
    clip.write_bytes(content.replace(b"apco", b"aprn").replace(b"apcn", b"aprn").replace(b"apch", b"aprn"))
    with pytest.raises(Undecodable, match="ProRes RAW"):
        probed(clip)


def test_an_empty_file_and_a_text_are_refused() -> None:
    for head in (b"", b"hello", b"\0" * 64, b"%PDF-1.7", b"PK\3\4", b"RIFF\0\0\0\0WAVE", b"FLV\1"):
        with pytest.raises(Unreadable):
            demuxer_of(head, "A001.mov")


def test_a_folder_or_device_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as files, pytest.raises((MediaError, OSError)):
        probe(files)


HOSTILE = """
import os, sys
from engines.errors import MediaError
from engines.media.decode import LibavDecoder
from engines.media.probe import probe
from engines.media.source import MediaFile
for path in sys.argv[1:]:
    try:
        essence = probe([MediaFile(os.path.basename(path), os.open(path, os.O_RDONLY))])
        assert essence.frames >= 1 and essence.rate > 0 and essence.width >= 32
    except MediaError as error:
        assert error.what and error.why and error.fix
    print(os.path.basename(path), flush=True)
"""


@pytest.mark.samples
def test_hostile_samples_neither_crash_nor_hang(samples: Path) -> None:
    clips = sorted(path for path in (samples / "hostile" / "media").iterdir() if path.is_file())
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, *map(str, clips)],
        check=False, capture_output=True, text=True, timeout=60,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [clip.name for clip in clips]
