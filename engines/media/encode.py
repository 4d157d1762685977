"""Encode: one proxy in its wrapper: picture, every track of sound, timecode, reel. The same frames give the same bytes.

No dates and no encoder's name are written, so that a proxy's hash depends on its source and recipe alone; MXF's
identities depend on the words that the caller names a rendering by.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from engines.media.essence import AudioTrack, Essence
from engines.media.faults import written
from engines.media.layout import sources_of, tracks_of
from engines.media.mxf import MxfFile
from engines.media.picture import Coding, PictureOut
from engines.media.preset import SoundRule, Wrapper
from engines.media.proxy import ProxySpec
from engines.media.story import story_of
from engines.media.timecode import Timecode
from engines.media.tracks import SoundFeed, SoundOut, sound_stream

_BLOCK_BYTES = 1 << 20
_FORMATS = {Wrapper.MOV: "mov", Wrapper.OP1A: "mxf", Wrapper.OPATOM: "mxf_opatom"}


@dataclass(frozen=True, slots=True)
class Output:
    """A proxy to write, and its files: one, or `file_count` of them, the picture's first.

    `revision` stands for this rendering of this clip and `tape` for what its reel is unique in: MXF's identities are
    made of them. `mark` says that the picture is enhanced, empty where it is not. `coding` is None where the processor
    encodes.
    """

    spec: ProxySpec
    paths: tuple[Path, ...]
    revision: str = ""
    tape: str = ""
    mark: str = ""
    coding: Coding | None = None


class _Wrapped:
    """One file being written; `own` is the one track of an OP-Atom file."""

    def __init__(self, path: Path, essence: Essence, output: Output, own: int | None) -> None:
        spec = output.spec
        self._story = story_of(essence, spec, output.revision, output.tape, own)
        self._file = MxfFile(path, self._story.sounds) if spec.wrapper.is_mxf else None
        options = {"fflags": "+bitexact"}
        if not spec.wrapper.is_mxf:
            options["movflags"] = "+write_colr"
        if spec.wrapper is Wrapper.OPATOM:
            options["mxf_audio_edit_rate"] = f"{essence.rate.numerator}/{essence.rate.denominator}"
        where: Any = self._file or str(path)
        self.container: Any = av.open(
            where, "w", format=_FORMATS[spec.wrapper], options=options, buffer_size=_BLOCK_BYTES
        )
        if spec.wrapper.is_mxf:
            start = Timecode(essence.start_frame, essence.rate, essence.drop_frame)
            self.container.metadata.update({"reel_name": spec.reel, "timecode": start.label})

    def mux(self, packets: Any) -> None:
        for packet in packets:
            self.container.mux(packet)

    def close(self) -> None:
        self.container.close()
        if self._file:
            self._file.tell_again(self._story)
            self._file.close()

    def abandon(self) -> None:
        """Close without finishing: it is thrown away, and what broke it is being raised already."""
        with suppress(av.FFmpegError, OSError, ValueError):
            self.container.close()
        if self._file:
            with suppress(OSError):
                self._file.close()


class ProxyWriter:
    """Writes one proxy; `close` makes it whole."""

    def __init__(self, output: Output, essence: Essence) -> None:
        self._name = output.paths[0].name
        self._files: list[_Wrapped] = []
        tracks = tracks_of(essence, output.spec)
        apart = output.spec.wrapper is Wrapper.OPATOM
        try:
            with written(self._name):
                self._files += [
                    _Wrapped(path, essence, output, n if apart else None) for n, path in enumerate(output.paths)
                ]
                first = self._files[0]
                self._picture = PictureOut(first.container, essence, output.spec, output.mark, first.mux, output.coding)
                self._outs = [self._out(track, self._files[track.index + 1] if apart else first) for track in tracks]
        except BaseException:
            self.abandon()
            raise
        self._feeds = _feeds(sources_of(essence, output.spec), self._outs, output.spec.sound, apart=apart)

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each track's samples, in order; of none where a track is compressed."""
        return tuple(out.digest.hexdigest() for out in self._outs)

    def write_picture(self, frame: VideoFrame) -> None:
        """Write a working frame."""
        with written(self._name):
            self._picture.write(frame)

    def write_sound(self, track: int, frame: AudioFrame) -> None:
        """Write a block of a track; the guide mix only where the proxy holds it."""
        if track < len(self._feeds):
            with written(self._name):
                self._feeds[track].write(frame)

    def close(self) -> None:
        """Flush encoders and finish the files."""
        with written(self._name):
            self._picture.close()
            for feed in self._feeds:
                feed.close()
            for file in self._files:
                file.close()

    def abandon(self) -> None:
        """Close the files without finishing them; they are not to be used."""
        for file in self._files:
            file.abandon()

    def _out(self, track: AudioTrack, file: _Wrapped) -> SoundOut:
        return SoundOut(track, sound_stream(file.container, track), file.mux)


def _feeds(sources: Sequence[AudioTrack], outs: list[SoundOut], rule: SoundRule, *, apart: bool) -> list[SoundFeed]:
    """Return what brings each source track into the streams made of it."""
    feeds, at = [], 0
    for source in sources:
        count = source.channels if apart else 1
        feeds.append(SoundFeed(source, outs[at : at + count], rule))
        at += count
    return feeds
