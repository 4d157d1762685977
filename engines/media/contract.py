"""The relink contract, checked on the written file itself: what is not equal is named, line by line.

Source: the contract as cutting rooms hold it: frames, rate, start timecode, drop flag, reel, every audio
track in order with its samples, raster, pixel aspect, field order and rotation.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from engines.errors import ContractBroken
from engines.media.encode import canonical, pcm_for, pixel_aspect, samples_of
from engines.media.essence import AudioTrack, Essence, FieldOrder
from engines.media.probe import Progress, probe, quiet, told
from engines.media.proxy import ProxySpec, Rotation
from engines.media.source import MediaFile, open_container
from engines.media.timecode import Timecode

_SYNC_SECONDS = Fraction(2, 1000)
"""How far sound may move against its picture: MOV keeps edits to a thousandth of a second."""


def check(
    written: MediaFile,
    essence: Essence,
    spec: ProxySpec,
    sound_digests: tuple[str, ...],
    progress: Progress = quiet,
) -> None:
    """Raise ContractBroken unless the written proxy keeps every line; `sound_digests` are the source's."""
    proxy = probe([written], progress=progress)
    lines = _lines(proxy, essence, spec)
    lines["sound, bit for bit"] = (sound_digests, _digests(written, proxy, progress))
    broken = [f"{line}: {got} instead of {wanted}" for line, (wanted, got) in lines.items() if wanted != got]
    if broken:
        raise ContractBroken(
            f"the proxy of {spec.clip_name} breaks the relink contract",
            why="; ".join(broken),
            fix="it was not delivered; report this with the clip's codec and the recipe",
        )


def _lines(proxy: Essence, essence: Essence, spec: ProxySpec) -> dict[str, tuple[object, object]]:
    start = Timecode(essence.start_frame, essence.rate, essence.drop_frame).label
    order = FieldOrder.PROGRESSIVE if spec.deinterlace else essence.field_order
    turn = essence.rotation_degrees if spec.rotation is Rotation.TAG else 0
    return {
        "frames": (essence.frames, proxy.frames),
        "rate": (essence.rate, proxy.rate),
        "constant rate": (False, proxy.variable_rate),
        "start timecode": (start, Timecode(proxy.start_frame, proxy.rate, proxy.drop_frame).label),
        "drop-frame flag": (essence.drop_frame, proxy.drop_frame),
        "reel": (spec.reel, proxy.reel),
        "raster": (f"{spec.width}x{spec.height}", f"{proxy.width}x{proxy.height}"),
        "pixel aspect": (pixel_aspect(essence, spec) or Fraction(1), proxy.pixel_aspect),
        "field order": (order, proxy.field_order),
        "rotation": (turn, proxy.rotation_degrees),
        "sound in step with the picture": (True, all(map(_in_sync, essence.audio, proxy.audio))),
        "audio tracks": (len(essence.audio), len(proxy.audio)),
        "audio layout": (
            [(track.channels, track.sample_rate, track.samples) for track in essence.audio],
            [(track.channels, track.sample_rate, track.samples) for track in proxy.audio],
        ),
    }


def _in_sync(track: AudioTrack, written: AudioTrack) -> bool:
    """Return whether a track begins as long after the first frame as the source's; before it no proxy has room."""
    return abs(max(track.starts_seconds, Fraction(0)) - written.starts_seconds) <= _SYNC_SECONDS


def _digests(written: MediaFile, proxy: Essence, progress: Progress) -> tuple[str, ...]:
    """Return the digest of each track's samples, decoded from the written file."""
    formats = [pcm_for(track) for track in proxy.audio]
    digests = [hashlib.sha256() for _ in proxy.audio]
    resamplers = [
        AudioResampler(sample_format, track.layout, track.sample_rate)
        for (_, sample_format), track in zip(formats, proxy.audio, strict=True)
    ]
    with open_container(written) as container:
        tracks = {stream.index: number for number, stream in enumerate(container.streams.audio)}
        packets = container.demux(list(container.streams.audio)) if tracks else iter(())
        for packet in told(packets, written, progress):
            number = tracks[packet.stream.index]
            codec, sample_format = formats[number]
            for frame in packet.decode():
                assert isinstance(frame, AudioFrame)
                frame.pts = None
                for block in canonical(frame, sample_format, resamplers[number]):
                    digests[number].update(samples_of(block, codec))
    return tuple(digest.hexdigest() for digest in digests)
