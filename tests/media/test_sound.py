"""Sound: PCM bit for bit, every track in order; compressed sound decoded, its priming gone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from shots import Shot, Sound, deliver, probed, sound_of

from engines.media.proxy import ProxyCodec

MONO_24, MONO_16 = Sound(), Sound("pcm_s16le", "s16")
STEREO_24 = Sound("pcm_s24le", "s32", "stereo")


@pytest.mark.parametrize("tracks", [1, 2, 8])
@pytest.mark.parametrize("sound", [MONO_24, MONO_16, STEREO_24, Sound("pcm_s24be", "s32"), Sound("pcm_f32le", "flt")])
def test_pcm_is_kept_bit_for_bit(tmp_path: Path, tracks: int, sound: Sound) -> None:
    clip = Shot(sounds=(sound,) * tracks).write(tmp_path / "A001.mov")
    done = deliver(clip, out=tmp_path / "proxy.mov")
    assert len(done.proxy.audio) == tracks
    for seed, written in enumerate(sound_of(done.path)):
        expected = sound.samples(9600, seed)
        assert np.array_equal(written, expected if expected.shape == written.shape else expected.reshape(1, -1))


def test_each_track_keeps_its_layout_language_and_name(tmp_path: Path) -> None:
    sounds = (Sound("pcm_s24le", "s32", "5.1"), Sound(language="ger", title="Boom"), STEREO_24)
    done = deliver(
        Shot(sounds=sounds).write(tmp_path / "A001.mov"),
        out=tmp_path / "proxy.mov",
    )
    assert [track.layout for track in done.proxy.audio] == ["5.1", "mono", "stereo"]
    assert [track.language for track in done.proxy.audio] == ["", "ger", ""]
    assert [track.name for track in done.proxy.audio] == ["", "Boom", ""]


def test_a_language_that_quicktime_spells_otherwise_is_kept(tmp_path: Path) -> None:
    shot = Shot(codec="mpeg4", pixel_format="yuv420p", sounds=(Sound(language="deu"),))
    done = deliver(shot.write(tmp_path / "A001.mkv"), out=tmp_path / "proxy.mov")
    assert (done.source.audio[0].language, done.proxy.audio[0].language) == ("deu", "ger")


def test_compressed_sound_loses_its_priming_and_keeps_its_length(tmp_path: Path) -> None:
    aac = Sound("aac", "fltp", "stereo")
    shot = Shot(frames=50, codec="mpeg4", pixel_format="yuv420p", sounds=(aac,))
    clip = shot.write(tmp_path / "phone.mp4")
    done = deliver(clip, out=tmp_path / "proxy.mov", codec=ProxyCodec.DNXHR_LB)
    assert done.source.audio[0].samples == done.proxy.audio[0].samples
    assert done.source.audio[0].samples == pytest.approx(96000, abs=1024)
    assert done.proxy.audio[0].codec == "pcm_s24le"
    [first] = sound_of(done.path)
    original = aac.samples(96000, 0)
    lag = np.correlate(first[0, ::2][:6000].astype(float), original[0, :4000], "valid").argmax()
    assert lag == 0


@pytest.mark.parametrize("late", [0, 480, 12000])
def test_sound_that_begins_after_the_picture_stays_in_step_with_it(tmp_path: Path, late: int) -> None:
    shot = Shot(frames=25, sounds=(Sound("pcm_s16le", "s16", late_samples=late), MONO_24))
    done = deliver(shot.write(tmp_path / "phone.mov"), out=tmp_path / "proxy.mov")
    for essence in (done.source, done.proxy):
        assert essence.audio[0].starts_seconds == pytest.approx(late / 48000, abs=0.001)
        assert [track.samples for track in essence.audio] == [48000, 48000]
    assert done.proxy.audio[1].starts_seconds == 0


def test_sound_that_begins_before_the_picture_is_told(tmp_path: Path) -> None:
    path = tmp_path / "phone.mov"
    shot = Shot(frames=5, ticks=(400, 440, 480, 520, 560), rate=Fraction(25), codec="prores_aw", sounds=(MONO_24,))
    done = deliver(shot.write(path), out=tmp_path / "proxy.mov")
    assert done.source.notes == ("sound of track 1 begins 0.400 s before the picture, in the proxy with it",)


def test_a_silent_clip_has_no_tracks(tmp_path: Path) -> None:
    assert probed(Shot().write(tmp_path / "mos.mov")).audio == ()
