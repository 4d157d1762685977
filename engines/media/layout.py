"""Which sound tracks a proxy has of its source's, as its preset has it. Pure data, nothing is opened.

PCM stays as it is; compressed sound becomes PCM of 24 bit (16 where the source is 16). MXF gets 48 kHz and just as many
samples as its pictures last; OP-Atom a track for each channel.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from engines.media.essence import AudioTrack, Essence
from engines.media.preset import SoundRule, Wrapper
from engines.media.proxy import ProxySpec

PCM = {8: ("pcm_u8", "u8"), 16: ("pcm_s16le", "s16"), 24: ("pcm_s24le", "s32"), 32: ("pcm_s32le", "s32")}
FLOAT_PCM = {32: ("pcm_f32le", "flt"), 64: ("pcm_f64le", "dbl")}
MXF_RATE = 48000
"""What MXF's writer takes. Source: FFmpeg 8.1, libavformat/mxfenc.c."""
_AAC_FRAME = 1024
_AAC_LAYOUTS = frozenset({"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1(wide)"})
_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo"}
"""What tracks of a MOV that says nothing of its channels are taken for where a codec wants to know."""
_AAC_RATES = frozenset({96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000})


def tracks_of(essence: Essence, spec: ProxySpec) -> tuple[AudioTrack, ...]:
    """Return the sound tracks that a proxy has, in order, as it will hold them."""
    made = [track for source in sources_of(essence, spec) for track in _made_of(source, essence, spec)]
    return tuple(replace(track, index=number) for number, track in enumerate(made))


def sources_of(essence: Essence, spec: ProxySpec) -> tuple[AudioTrack, ...]:
    """Return the tracks that a proxy's are made of: the clip's own, then the guide mix where it holds one."""
    return (*essence.audio, *([spec.guide] if spec.guide else ()))


def sound_notes(essence: Essence, spec: ProxySpec) -> list[str]:
    """Return what an editor must know of how a preset changed the sound."""
    notes = []
    for source in essence.audio:
        track = _made_of(source, essence, spec)[0]
        changed = []
        if track.sample_rate != source.sample_rate:
            changed.append(f"resampled from {source.sample_rate} to {track.sample_rate} Hz")
        if spec.sound is SoundRule.MXF and source.lossless and track.bits != source.bits:
            changed.append(f"of {track.bits} instead of {source.bits} bit")
        if spec.sound is SoundRule.MXF and _seconds_unlike(source, essence):
            changed.append("begun and ended with the picture")
        if changed:
            notes.append(f"{spec.preset}: sound of track {source.index + 1} {', '.join(changed)}")
    return notes


def _seconds_unlike(source: AudioTrack, essence: Essence) -> bool:
    """Return whether a track's length or start is another than the picture's by a sample or more."""
    lasts = essence.frames / essence.rate * source.sample_rate
    return abs(source.samples - lasts) >= 1 or abs(source.starts_seconds) * source.sample_rate >= 1


def _made_of(source: AudioTrack, essence: Essence, spec: ProxySpec) -> list[AudioTrack]:
    starts = max(source.starts_seconds, Fraction(0))
    if spec.sound is SoundRule.MXF:
        bits = 16 if source.bits <= 16 else 24  # noqa: PLR2004 - bits
        samples = round(essence.frames * MXF_RATE / essence.rate)
        codec = PCM[bits][0]
        track = replace(source, codec=codec, bits=bits, lossless=True, starts_seconds=Fraction(0))
        track = replace(track, sample_rate=MXF_RATE, samples=samples)
        if spec.wrapper is Wrapper.OPATOM:
            return [replace(track, channels=1, layout="mono")] * source.channels
        return [track]
    if spec.sound is SoundRule.AAC and _fits_aac(source):
        samples = -(-source.samples // _AAC_FRAME) * _AAC_FRAME
        layout = _LAYOUTS.get(source.layout, source.layout)
        track = replace(source, codec="aac", bits=24, lossless=False, samples=samples, layout=layout)
        return [replace(track, starts_seconds=starts)]
    codec, _ = pcm_for(source)
    bits = {16: 16, 8: 8}.get(source.bits, 24) if not source.lossless else source.bits
    return [replace(source, codec=codec, bits=bits, lossless=True, starts_seconds=starts)]


def _fits_aac(track: AudioTrack) -> bool:
    """Return whether AAC keeps a track: one that begins late comes back too early, by the encoder's priming.

    Source: our measurement with FFmpeg 8.1, 2026-11-27.
    """
    layout = _LAYOUTS.get(track.layout, track.layout)
    return layout in _AAC_LAYOUTS and track.sample_rate in _AAC_RATES and track.starts_seconds <= 0


def pcm_for(track: AudioTrack) -> tuple[str, str]:
    """Return the PCM codec and the sample format that carry a track: PCM as it is, the rest in 24 or 16."""
    if track.codec.startswith("pcm_f"):
        return FLOAT_PCM[64 if track.bits == 64 else 32]  # noqa: PLR2004 - bits
    if track.lossless:
        return PCM.get(track.bits, PCM[24])
    return PCM[16] if track.bits == 16 else PCM[24]  # noqa: PLR2004 - bits


def file_count(essence: Essence, spec: ProxySpec) -> int:
    """Return how many files a proxy is: one, or in OP-Atom one a track."""
    return 1 + len(tracks_of(essence, spec)) if spec.wrapper is Wrapper.OPATOM else 1
