"""Sound on its way into a proxy: the samples of each track that its layout names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.stream import Disposition

from engines.media.essence import AudioTrack
from engines.media.layout import FLOAT_PCM, PCM
from engines.media.preset import SoundRule

_FORMATS = {**dict((*PCM.values(), *FLOAT_PCM.values())), "aac": "fltp"}
_MOV_LANGUAGES = {
    "deu": "ger",
    "fra": "fre",
    "nld": "dut",
    "ell": "gre",
    "zho": "chi",
    "ces": "cze",
    "slk": "slo",
}
"""QuickTime's language table knows the bibliographic codes of ISO 639-2 only."""


def canonical(frame: AudioFrame, sample_format: str, resampler: AudioResampler) -> list[AudioFrame]:
    """Return a block in an interleaved sample format, samples untouched where it has that width already."""
    if frame.format.name == sample_format and frame.sample_rate == resampler.rate:
        return [frame]
    return list(resampler.resample(frame))


def samples_of(frame: AudioFrame, codec: str) -> bytes:
    """Return the bytes of an interleaved block's samples as the PCM codec keeps them, without padding."""
    count = frame.samples * len(frame.layout.channels)
    if codec == "pcm_s24le":
        samples = np.frombuffer(memoryview(frame.planes[0]), np.int32)[:count]
        return (samples & ~0xFF).tobytes()
    return bytes(memoryview(frame.planes[0])[: count * frame.format.bytes])


def sound_stream(container: Any, track: AudioTrack) -> Any:
    """Return a new stream of a container for a track as the proxy holds it."""
    stream: Any = container.add_stream(track.codec, rate=track.sample_rate, layout=track.layout)
    stream.disposition = Disposition.default  # else MOV disables each track but the first
    if track.language:
        stream.metadata["language"] = _MOV_LANGUAGES.get(track.language, track.language)
    if track.name:
        stream.metadata["title"] = track.name  # MOV calls it `name`
    return stream


@dataclass
class SoundOut:
    """One audio stream being written; `digest` is of its samples as written, of none where they are compressed."""

    track: AudioTrack
    stream: Any
    mux: Callable[[Any], None]

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256()
        self._next = round(self.track.starts_seconds * self.track.sample_rate)

    def write(self, block: AudioFrame) -> None:
        """Write a block in the stream's own format."""
        if self.track.lossless:
            self.digest.update(samples_of(block, self.track.codec))
        block.pts, block.time_base = self._next, Fraction(1, self.track.sample_rate)
        self._next += block.samples
        self.mux(self.stream.encode(block))

    def close(self) -> None:
        """Flush the encoder."""
        self.mux(self.stream.encode(None))


class SoundFeed:
    """Brings one source track into the streams made of it: one, or one a channel."""

    def __init__(self, source: AudioTrack, outs: Sequence[SoundOut], rule: SoundRule) -> None:
        self._outs, self._layout = outs, source.layout
        first = outs[0].track
        self._format = _FORMATS[first.codec]
        self._resampler = AudioResampler(self._format, source.layout, first.sample_rate)
        self._splits = len(outs) > 1
        self._left = first.samples if rule is SoundRule.MXF else None
        lead = round(max(source.starts_seconds, Fraction(0)) * first.sample_rate) if rule is SoundRule.MXF else 0
        self._rate, self._channels, self._lead = first.sample_rate, source.channels, lead

    def write(self, frame: AudioFrame) -> None:
        """Write a block as decoded."""
        frame.pts = None
        self._put(canonical(frame, self._format, self._resampler))

    def close(self) -> None:
        """Write what the resampler holds, silence to the picture's end, and flush the encoders."""
        if self._left is not None:
            self._put(self._resampler.resample(None))
            self._put([self._silence(self._left)] if self._left else [])
        for out in self._outs:
            out.close()

    def _put(self, blocks: Sequence[AudioFrame]) -> None:
        for block in self._within(blocks) if self._left is not None else blocks:
            if not self._splits:
                self._outs[0].write(block)
                continue
            samples = block.to_ndarray().reshape(-1, self._channels)
            for channel, out in enumerate(self._outs):
                out.write(self._frame(np.ascontiguousarray(samples[:, channel]), "mono"))

    def _within(self, blocks: Sequence[AudioFrame]) -> Iterator[AudioFrame]:
        """Yield the blocks behind the silence that a late track begins with, up to the picture's end."""
        for block in blocks:
            if self._lead:
                lead, self._lead = min(self._lead, self._left or 0), 0
                self._left = (self._left or 0) - lead
                if lead:
                    yield self._silence(lead)
            count = min(block.samples, self._left or 0)
            if count:
                self._left = (self._left or 0) - count
                kept = block.to_ndarray().reshape(-1)[: count * self._channels]
                yield block if count == block.samples else self._frame(kept, self._layout)

    def _silence(self, count: int) -> AudioFrame:
        kind = np.int16 if self._format == "s16" else np.int32
        return self._frame(np.zeros(count * self._channels, kind), self._layout)

    def _frame(self, samples: Any, layout: str) -> AudioFrame:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), self._format, layout)
        frame.sample_rate = self._rate
        return frame
