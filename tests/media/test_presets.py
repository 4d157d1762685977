"""Presets: each line of the spec sheet, held to the relink contract, and several of them from one pass."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from shots import Shot, Sound, decoded, deliver, opened, planes, probed, sound_of

from engines.errors import EncodeFailed
from engines.media.contract import check
from engines.media.decode import decoder_for
from engines.media.encode import Output
from engines.media.essence import FieldOrder
from engines.media.layout import file_count, sound_notes
from engines.media.packages import packages_of
from engines.media.preset import PRESETS, BurnIn, Place, Preset, ProxyCodec, SoundRule, Wrapper
from engines.media.proxy import Wanted, spec_of, working_of
from engines.render import render

SMALL = [name for name, preset in PRESETS.items() if preset.raster is None]
BURNT = BurnIn(((Place.TOP, "{mark}"), (Place.BOTTOM, "{timecode}"), (Place.TOP_LEFT, "A001C001")), "EDITOR")


def shot(**words: object) -> Shot:
    told = {"frames": 5, "rate": Fraction(24000, 1001), "timecode": "01:00:00:00", "reel": "A001REEL"}
    return Shot(**(told | {"sounds": (Sound(), Sound())} | words))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_keeps_the_relink_contract(tmp_path: Path, name: str) -> None:
    clip = shot(size=(640, 360)).write(tmp_path / "A001.mov")
    done = deliver(clip, out=tmp_path / "p", preset=PRESETS[name], burn_in=BURNT)
    assert (done.proxy.frames, done.proxy.start_frame, done.proxy.reel) == (5, 86400, "A001REEL")
    assert [track.channels for track in done.proxy.audio] == [1, 1]


def test_several_presets_come_from_one_pass(tmp_path: Path) -> None:
    clip = shot(size=(640, 360)).write(tmp_path / "A001.mov")
    essence = probed(clip)
    specs = [spec_of(essence, PRESETS[name], Wanted("A001", "A001REEL", burn_in=BURNT)) for name in PRESETS]
    outputs = [
        Output(spec, tuple(tmp_path / f"{spec.preset}{number}" for number in range(file_count(essence, spec))), "one")
        for spec in specs
    ]
    seen: list[int] = []
    with opened(clip) as files:
        working = working_of(essence, specs)
        made = render(
            decoder_for(files, essence),
            essence,
            working,
            outputs,
            enhance=lambda picture, _: seen.append(picture.number) or picture,
            progress=lambda *_: None,
        )
    assert seen == [0, 1, 2, 3, 4]
    for output, digests in zip(outputs, made.sound_digests, strict=True):
        with opened(*output.paths) as written:
            check(written, essence, output.spec, digests)
    alone = deliver(clip, out=tmp_path / "alone", preset=PRESETS["avid-dnxhr-lb-mov"])
    assert alone.path.read_bytes() == (tmp_path / "avid-dnxhr-lb-mov0").read_bytes()


def test_sound_of_44_1_khz_is_resampled_for_mxf_and_said(tmp_path: Path) -> None:
    clip = shot(sounds=(Sound(rate=44100), Sound("pcm_s16le", "s16", "stereo"))).write(tmp_path / "A001.mov")
    done = deliver(clip, out=tmp_path / "p", preset=PRESETS["avid-dnxhr-lb-op1a"])
    assert [(t.codec, t.channels, t.sample_rate, t.samples) for t in done.proxy.audio] == [
        ("pcm_s24le", 1, 48000, 10010),
        ("pcm_s16le", 2, 48000, 10010),
    ]
    assert sound_notes(done.source, done.spec)[0].startswith(
        "avid-dnxhr-lb-op1a: sound of track 1 resampled from 44100 to 48000 Hz"
    )


def test_op_atom_has_a_mono_file_for_each_channel(tmp_path: Path) -> None:
    clip = shot(sounds=(Sound("pcm_s16le", "s16", "stereo"), Sound())).write(tmp_path / "A001.mov")
    done = deliver(clip, out=tmp_path / "p", preset=PRESETS["avid-dnxhr-lb-opatom"])
    assert sorted(path.name for path in tmp_path.glob("p*")) == ["p", "p.1", "p.2", "p.3"]
    left, right = (sound_of(tmp_path / name)[0].reshape(-1) for name in ("p.1", "p.2"))
    source = sound_of(clip)[0].reshape(-1, 2)
    assert np.array_equal(left, source[:, 0])
    assert np.array_equal(right, source[:, 1])
    assert [track.channels for track in done.proxy.audio] == [1, 1, 1]


def test_late_sound_begins_with_silence_in_mxf(tmp_path: Path) -> None:
    clip = shot(sounds=(Sound(late_samples=4004),)).write(tmp_path / "A001.mov")
    done = deliver(clip, out=tmp_path / "p", preset=PRESETS["avid-dnxhr-lb-op1a"])
    (track,) = sound_of(done.path)
    assert track.shape[1] == 10010
    assert not track[0, :3984].any()
    assert track[0, 3984:].any()


def test_dnxhd_36_is_hd_only_and_lays_other_shapes_between_bars(tmp_path: Path) -> None:
    clip = shot(size=(640, 480)).write(
        tmp_path / "A001.mov", lambda _: planes(np.full((480, 640), 600, np.uint16), 512, 512)
    )
    done = deliver(clip, out=tmp_path / "p", preset=PRESETS["avid-dnxhd36-op1a"])
    assert (done.proxy.width, done.proxy.height) == (1920, 1080)
    luma = decoded(done.path, "yuv422p")[0][0]
    assert luma[540, 960] == pytest.approx(150, abs=2)
    assert luma[540, 100] == luma[540, 1820] == pytest.approx(16, abs=1)
    with pytest.raises(EncodeFailed, match="1920x1080 only"):
        spec_of(done.source, Preset("wrong", ProxyCodec.DNXHD_36), Wanted("A001", "A001"))


def test_mxf_carries_no_fields_and_says_what_to_do(tmp_path: Path) -> None:
    clip = shot(codec="prores_aw", field_order=4, rate=Fraction(25)).write(tmp_path / "A001.mov")
    essence = probed(clip)
    assert essence.field_order is FieldOrder.TOP_FIRST
    with pytest.raises(EncodeFailed, match="interlaced") as caught:
        spec_of(essence, PRESETS["avid-dnxhr-lb-op1a"], Wanted("A001", "A001"))
    assert "source.deinterlace" in caught.value.fix
    made = spec_of(essence, PRESETS["avid-dnxhr-lb-op1a"], Wanted("A001", "A001", deinterlace=True))
    assert made.wrapper is Wrapper.OP1A


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(48), Fraction(60), Fraction(100), Fraction(120)])
def test_mxf_keeps_the_rates_that_it_knows(tmp_path: Path, rate: Fraction) -> None:
    clip = shot(rate=rate, timecode="").write(tmp_path / "A001.mov")
    assert deliver(clip, out=tmp_path / "p", preset=PRESETS["avid-dnxhr-lb-opatom"]).proxy.rate == rate


@pytest.mark.parametrize("rate", [Fraction(12), Fraction(72), Fraction(120000, 1001), Fraction(90000, 3013)])
def test_a_rate_that_mxf_would_change_is_refused_before_anything_is_made(rate: Fraction, tmp_path: Path) -> None:
    essence = replace(probed(shot().write(tmp_path / "A001.mov")), rate=rate)
    with pytest.raises(EncodeFailed, match="frames a second, which avid-dnxhr-lb-op1a cannot carry"):
        spec_of(essence, PRESETS["avid-dnxhr-lb-op1a"], Wanted("A001", "A001"))
    assert spec_of(essence, PRESETS["avid-dnxhr-lb-mov"], Wanted("A001", "A001")).wrapper is Wrapper.MOV


def test_a_review_copy_shows_timecode_watermark_and_mark(tmp_path: Path) -> None:
    grey = lambda _: planes(np.full((360, 640), 400, np.uint16), 512, 512)  # noqa: E731 - one line says it
    clip = shot(size=(640, 360)).write(tmp_path / "A001.mov", grey)
    preset = PRESETS["h264-review"]
    plain = deliver(clip, out=tmp_path / "plain", preset=preset, burn_in=BURNT)
    marked = deliver(clip, out=tmp_path / "marked", preset=preset, burn_in=BURNT, mark="ENHANCED - model v3")
    first, second = (decoded(plain.path, "yuv420p")[number][0] for number in (0, 1))
    bottom = slice(320, 360)
    assert first[bottom].max() > 200
    assert np.abs(first[bottom].astype(int) - second[bottom]).max() > 50
    assert first[:40, 200:440].max() < 120
    assert decoded(marked.path, "yuv420p")[0][0][:40, 200:440].max() > 200
    assert 110 < first[160:200, 200:440].max() < 190


def test_an_anamorphic_clip_is_desqueezed_for_review_and_kept_for_the_editor(tmp_path: Path) -> None:
    clip = shot(codec="prores_aw", pixel_aspect=Fraction(2)).write(tmp_path / "A001.mov")
    review = deliver(clip, out=tmp_path / "r", preset=PRESETS["h264-review"])
    assert (review.proxy.width, review.proxy.height, review.proxy.pixel_aspect) == (640, 192, 1)
    editor = deliver(clip, out=tmp_path / "e", preset=PRESETS["avid-dnxhr-lb-mov"])
    assert (editor.proxy.width, editor.proxy.height, editor.proxy.pixel_aspect) == (320, 192, 2)
    by_recipe = deliver(
        shot().write(tmp_path / "B001.mov"), out=tmp_path / "b", preset=PRESETS["h264-review"], squeeze=Fraction(3, 2)
    )
    assert (by_recipe.proxy.width, by_recipe.proxy.height) == (480, 192)


@pytest.mark.parametrize("name", ["avid-dnxhr-lb-op1a", "avid-dnxhr-lb-opatom"])
@pytest.mark.parametrize("aspect", [Fraction(2), Fraction(16, 11)])
def test_mxf_says_that_a_picture_is_anamorphic(tmp_path: Path, name: str, aspect: Fraction) -> None:
    clip = shot(codec="prores_aw", pixel_aspect=aspect).write(tmp_path / "A001.mov")
    done = deliver(clip, out=tmp_path / "p", preset=PRESETS[name])
    with opened(done.path) as (file,):
        assert packages_of(file).shape == aspect * Fraction(320, 192)


def test_sound_that_begins_late_is_in_step_in_a_review_copy(tmp_path: Path) -> None:
    clip = shot(sounds=(Sound(late_samples=4004), Sound())).write(tmp_path / "A001.mov")
    done = deliver(clip, out=tmp_path / "p", preset=PRESETS["h264-review"])
    assert [track.codec for track in done.proxy.audio] == ["pcm_s24le", "aac"]
    assert probed(clip).audio[1].layout == "1 channels"


def test_a_review_keeps_sound_that_aac_cannot_carry_as_pcm(tmp_path: Path) -> None:
    clip = shot(sounds=(Sound(), Sound("pcm_s16le", "s16", "2.1"))).write(tmp_path / "A001.mov")
    done = deliver(clip, out=tmp_path / "p", preset=PRESETS["h264-review"])
    assert [track.codec for track in done.proxy.audio] == ["aac", "pcm_s16le"]
    assert PRESETS["h264-review"].sound is SoundRule.AAC
