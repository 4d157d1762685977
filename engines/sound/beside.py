"""A guide mix beside a clip's own sound: one more track among the blocks of its decoder, sample for sample."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from engines.media.decode import Block, Decoder, Sound
from engines.media.essence import Essence
from engines.sound.wave import Wave

_FULL_SCALE = 2**31


class Beside:
    """A decoder that gives a wave file of one channel and up to 24 bit as the track behind the clip's own.

    Both begin together; what the file lacks of the picture's length is missing in the track, too.
    """

    def __init__(self, decoder: Decoder, wave: Wave, essence: Essence) -> None:
        self._decoder, self._wave, self._essence = decoder, wave, essence

    def blocks(self) -> Iterator[Block]:
        """Yield the clip's blocks, behind each picture the sound of its time.

        Raises:
            MediaError: the clip breaks while decoding, or the wave file does.
        """
        shown = 0
        for block in self._decoder.blocks():
            yield block
            if isinstance(block, VideoFrame):
                yield from self._between(self._at(shown), self._at(shown + 1))
                shown += 1

    def describe(self) -> str:
        """Return what decoded the clip's own blocks."""
        return self._decoder.describe()

    def _at(self, frame: int) -> int:
        """Return the first sample of a frame, the file's end for the end of the last."""
        rate = self._wave.format.sample_rate
        return min(round(Fraction(frame * rate) / self._essence.rate), self._wave.format.frames)

    def _between(self, first: int, end: int) -> Iterator[Sound]:
        if end > first:
            samples = self._wave.read(first, end - first)[:, 0].astype(np.float64) * _FULL_SCALE
            frame = AudioFrame.from_ndarray(samples.astype(np.int32).reshape(1, -1), "s32", "mono")
            frame.sample_rate = self._wave.format.sample_rate
            yield Sound(len(self._essence.audio), frame)
