"""The relink contract, checked on the written file itself: what is not equal is named, line by line.

Source: the contract as cutting rooms hold it: frames, rate, start timecode, drop flag, reel, every audio
track in order with its samples, raster, pixel aspect, field order and rotation. What a preset makes of the sound
(`tracks.py`) is held to that; compressed sound to its tracks, rates and lengths alone.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from engines.errors import ContractBroken
from engines.media.essence import AudioTrack, Essence, FieldOrder
from engines.media.layout import pcm_for, tracks_of
from engines.media.packages import ungrouped
from engines.media.probe import Progress, probe, quiet, told
from engines.media.proxy import ProxySpec, Rotation, pixel_aspect
from engines.media.source import MediaFiles, open_container
from engines.media.timecode import Timecode
from engines.media.tracks import canonical, samples_of

_SYNC_SECONDS = Fraction(2, 1000)
"""How far sound may move against its picture: MOV keeps edits to a thousandth of a second."""


def check(
    written: MediaFiles,
    essence: Essence,
    spec: ProxySpec,
    sound_digests: tuple[str, ...],
    progress: Progress = quiet,
) -> None:
    """Raise ContractBroken unless the written proxy keeps every line; `sound_digests` are of what was to be written."""
    proxy = probe(written, progress=progress)
    lines = _lines(proxy, essence, spec)
    lines["sound, bit for bit"] = (sound_digests, _digests(written, proxy, progress))
    if spec.wrapper.is_mxf:
        del lines["pixel aspect"]  # FFmpeg does not read it there; the packages have it
        lines["one clip on its reel"] = ([], ungrouped(written, essence, spec))
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
    tracks = tracks_of(essence, spec)
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
        "sound in step with the picture": (True, all(map(_in_sync, tracks, proxy.audio))),
        "audio tracks": (len(tracks), len(proxy.audio)),
        "audio layout": ([*map(_layout, tracks)], [*map(_layout, proxy.audio)]),
    }


def _layout(track: AudioTrack) -> tuple[object, ...]:
    return track.codec, track.channels, track.sample_rate, track.samples


def _in_sync(track: AudioTrack, written: AudioTrack) -> bool:
    """Return whether a track begins when it is to, from the first frame on."""
    return abs(track.starts_seconds - written.starts_seconds) <= _SYNC_SECONDS


def _digests(written: MediaFiles, proxy: Essence, progress: Progress) -> tuple[str, ...]:
    """Return the digest of each track's samples, decoded from the written files; of none where it is compressed."""
    found: list[str] = []
    for file in written:
        with open_container(file) as container:
            streams = list(container.streams.audio)
            tracks = {
                stream.index: _Samples(track)
                for stream, track in zip(streams, proxy.audio[len(found) :], strict=False)  # the rest lies elsewhere
            }
            for packet in told(container.demux(streams) if streams else iter(()), file, progress):
                for frame in packet.decode():
                    assert isinstance(frame, AudioFrame)
                    tracks[packet.stream.index].take(frame)
        found += [track.digest.hexdigest() for track in tracks.values()]
    return tuple(found)


class _Samples:
    """Digests the samples of a written track."""

    def __init__(self, track: AudioTrack) -> None:
        self.digest = hashlib.sha256()
        self._lossless = track.lossless
        self._codec, self._format = pcm_for(track)
        self._resampler = AudioResampler(self._format, track.layout, track.sample_rate)

    def take(self, frame: AudioFrame) -> None:
        """Take a decoded block in."""
        if not self._lossless:
            return
        frame.pts = None
        for block in canonical(frame, self._format, self._resampler):
            self.digest.update(samples_of(block, self._codec))
