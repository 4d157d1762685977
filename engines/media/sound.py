"""The sound of a clip, measured by decoding it: which tracks, how many samples, and when each begins.

Every sample counts as presented: priming is gone and edit lists are applied. Opens nothing; `probe.py` goes
through the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from engines.media.essence import AudioTrack


def sound_of(container: InputContainer) -> tuple[list[AudioStream], tuple[str, ...]]:
    """Return the audio streams that decode, in order, and a note for each that does not."""
    known = [stream for stream in container.streams.audio if stream.codec_context is not None]
    lost = [stream.index for stream in container.streams.audio if stream.codec_context is None]
    return known, tuple(f"sound of stream {index} has no decoder here: not in the proxy" for index in lost)


@dataclass(slots=True)
class _Heard:
    samples: int = 0
    starts: Fraction | None = None


class Listener:
    """Counts what the packets of a container's tracks decode to."""

    def __init__(self, container: InputContainer) -> None:
        self.tracks, self.notes = sound_of(container)
        self._in_step = container.format.name == "mxf"
        self._heard = {track.index: _Heard() for track in self.tracks}

    def hear(self, packet: Packet[Stream]) -> None:
        """Take in a packet of one of the tracks."""
        heard = self._heard[packet.stream.index]
        for frame in packet.decode():
            if isinstance(frame, AudioFrame):
                heard.samples += frame.samples
                if heard.starts is None and frame.pts is not None and frame.time_base is not None:
                    heard.starts = frame.pts * frame.time_base

    def measured(self, picture_starts: Fraction | None, first_number: int = 0) -> tuple[AudioTrack, ...]:
        """Return the tracks, numbered on from `first_number`; `picture_starts` is when the first frame is shown.

        In MXF all tracks begin together; that FFmpeg gives reordered pictures a later time there means nothing.
        """
        tracks = []
        for number, stream in enumerate(self.tracks, first_number):
            heard = self._heard[stream.index]
            known = heard.starts is not None and picture_starts is not None and not self._in_step
            late = heard.starts - picture_starts if known else Fraction(0)  # type: ignore[operator] # both are known
            tracks.append(_track(number, stream, heard.samples, late))
        return tuple(tracks)


def notes_on(tracks: Sequence[AudioTrack]) -> tuple[str, ...]:
    """Return what an editor must know of tracks that begin before the picture: a proxy has no time before its first."""
    return tuple(
        f"sound of track {track.index + 1} begins {-float(track.starts_seconds):.3f} s before the picture, "
        "in the proxy with it"
        for track in tracks
        if track.starts_seconds < 0
    )


def _track(number: int, stream: Any, samples: int, starts_seconds: Fraction) -> AudioTrack:
    context = stream.codec_context
    codec = context.name
    lossless = codec.startswith("pcm_") or codec in {"alac", "flac"}
    return AudioTrack(
        index=number,
        codec=codec,
        channels=context.channels,
        sample_rate=context.sample_rate,
        bits=_bits(codec, context.format.name if context.format else ""),
        samples=samples,
        layout=context.layout.name,
        lossless=lossless,
        language="" if stream.metadata.get("language", "und") == "und" else stream.metadata["language"],
        name=stream.metadata.get("title") or stream.metadata.get("name", ""),
        starts_seconds=starts_seconds,
    )


def _bits(codec: str, sample_format: str) -> int:
    for bits in (24, 32, 64, 16):
        if codec.startswith("pcm_") and str(bits) in codec:
            return bits
    if codec in {"pcm_alaw", "pcm_mulaw"} or sample_format.startswith("s16"):
        return 16
    return 8 if codec in {"pcm_u8", "pcm_s8"} else 24
