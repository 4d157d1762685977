"""Sound on its way into a proxy: the samples of each track that its layout names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
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
        self._outs, self._channels = outs, source.channels
        first = outs[0].track
        self._format = _FORMATS[first.codec]
        layout = source.layout if len(outs) > 1 else first.layout
        self._layout = layout if layout != source.layout else ""
        self._resampler = AudioResampler(self._format, layout, first.sample_rate)
        late = round(max(source.starts_seconds, Fraction(0)) * first.sample_rate)
        self._span = _Span(first, self._format, source.layout, late) if rule is SoundRule.MXF else None

    def write(self, frame: AudioFrame) -> None:
        """Write a block as decoded."""
        if self._layout:  # the source says nothing of its channels, and the codec wants to know
            frame = _named(frame, self._layout)
        frame.pts = None
        self._put(canonical(frame, self._format, self._resampler))

    def close(self) -> None:
        """Write what the resampler holds, silence to the picture's end, and flush the encoders."""
        if self._span:
            self._put(self._resampler.resample(None))
            for block in self._span.rest():
                self._write(block)
        for out in self._outs:
            out.close()

    def _put(self, blocks: Sequence[AudioFrame]) -> None:
        for block in blocks:
            for part in self._span.within(block) if self._span else [block]:
                self._write(part)

    def _write(self, block: AudioFrame) -> None:
        if len(self._outs) == 1:
            self._outs[0].write(block)
            return
        samples = block.to_ndarray().reshape(-1, self._channels)
        for channel, out in enumerate(self._outs):
            out.write(_block(samples[:, channel], self._format, "mono", block.sample_rate))


class _Span:
    """Keeps a track to the picture's span: silence before one that begins late, silence behind one that ends early."""

    def __init__(self, track: AudioTrack, sample_format: str, layout: str, late: int) -> None:
        self._rate, self._format, self._layout = track.sample_rate, sample_format, layout
        self._left, self._late = track.samples, min(late, track.samples)
        self._channels = len(AudioLayout(layout).channels)

    def within(self, block: AudioFrame) -> Iterator[AudioFrame]:
        """Yield what of a block lies within the span, behind the silence before the first one."""
        if self._late:
            late, self._late = self._late, 0
            yield self._silence(late)
        count = min(block.samples, self._left)
        if count:
            self._left -= count
            kept = block.to_ndarray().reshape(-1)[: count * self._channels]
            yield block if count == block.samples else _block(kept, self._format, self._layout, self._rate)

    def rest(self) -> Iterator[AudioFrame]:
        """Yield the silence up to the span's end."""
        if self._left:
            yield self._silence(self._left)

    def _silence(self, count: int) -> AudioFrame:
        self._left -= count
        kind = np.int16 if self._format == "s16" else np.int32
        return _block(np.zeros(count * self._channels, kind), self._format, self._layout, self._rate)


def _named(frame: AudioFrame, layout: str) -> AudioFrame:
    named = AudioFrame.from_ndarray(frame.to_ndarray(), frame.format.name, layout)
    named.sample_rate = frame.sample_rate
    return named


def _block(samples: Any, sample_format: str, layout: str, rate: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples).reshape(1, -1), sample_format, layout)
    frame.sample_rate = rate
    return frame
