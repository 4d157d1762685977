"""Cards that keep sound in files of its own: P2's VIDEO and AUDIO folders."""

from __future__ import annotations

import os
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
import pytest
from shots import spec_for

from engines.media.contract import check
from engines.media.decode import LibavDecoder
from engines.media.encode import Output
from engines.media.probe import probe
from engines.media.proxy import ProxyCodec
from engines.media.source import MediaFile
from engines.render import render
from engines.sound.scratch import scratch


def video(path):
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("mpeg2video", rate=Fraction(25), options={"qscale": "3"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(10):
            luma = np.full((360, 320), 40 + number * 10, np.uint8)
            frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def recorded(folder, name):
    """A clip's picture and its two tracks, as P2 lays them down."""
    video(folder / f"{name}.mov")
    for number, hertz in enumerate((220, 440)):
        wave(folder / f"{name}{number:02}.mov", hertz)
    return [folder / f"{name}{ending}.mov" for ending in ("", "00", "01")]


@contextmanager
def opened(files):
    media = [MediaFile(path.name, os.open(path, os.O_RDONLY)) for path in files]
    yield media
    for file in media:
        os.close(file.fd)


@pytest.fixture
def clip(tmp_path):
    with opened(recorded(tmp_path, "0001AB")) as files:
        yield files


def wave(path, hertz):
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        codes = (8000 * np.sin(2 * np.pi * hertz * np.arange(19200) / 48000)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(codes[None], format="s16", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_sound_in_files_of_its_own_becomes_the_clips_tracks_in_order(clip, tmp_path):
    essence = probe(clip)
    assert essence.frames == 10
    assert [(track.index, track.channels, track.samples) for track in essence.audio] == [(0, 1, 19200), (1, 1, 19200)]
    spec = spec_for(essence, codec=ProxyCodec.PRORES_PROXY, width=None, clip_name="0001AB", reel="P2A001")
    target = tmp_path / "proxy.mov"
    made = render(
        LibavDecoder(clip, essence), essence, spec, [Output(spec, (target,))], enhance=None, progress=lambda *_: None
    )
    assert len(set(made.sound_digests[0])) == 2
    with target.open("rb") as written:
        check([MediaFile("proxy.mov", written.fileno())], essence, spec, made.sound_digests[0])


def test_the_sound_of_a_shot_in_two_clips_goes_on_with_its_picture(tmp_path):
    with opened([*recorded(tmp_path, "0001AB"), *recorded(tmp_path, "0002CD")]) as files:
        essence = probe(files)
        assert essence.frames == 20
        assert [(track.index, track.samples) for track in essence.audio] == [(0, 38400), (1, 38400)]
        spec = spec_for(essence, codec=ProxyCodec.PRORES_PROXY, width=None, clip_name="0001AB", reel="P2A001")
        target = tmp_path / "proxy.mov"
        outputs = [Output(spec, (target,))]
        made = render(LibavDecoder(files, essence), essence, spec, outputs, enhance=None, progress=lambda *_: None)
        with target.open("rb") as written:
            check([MediaFile("proxy.mov", written.fileno())], essence, spec, made.sound_digests[0])
        heard = scratch(files, essence)
    once = heard[: len(heard) // 2]
    peaks = [np.argmax(np.abs(np.fft.rfft(half))) * 8000 / len(half) for half in (once, heard[len(once) :])]
    assert peaks == pytest.approx([220, 220], abs=4)
