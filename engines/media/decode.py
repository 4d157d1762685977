"""Decode: a clip's presented frames and sound, in one pass, in order. The seam for other decoders.

A vendor's raw tool fits behind `Decoder`: it gives the same two kinds of block in the same order.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from engines.errors import Unreadable
from engines.media.essence import Essence
from engines.media.faults import on_card, translated
from engines.media.hardware import PROCESSOR, Declined, Hardware, concerns, pictures
from engines.media.probe import Part, main_video, parted
from engines.media.sequence import CONTAINER, decoded
from engines.media.sound import sound_of
from engines.media.source import MediaFile, MediaFiles, open_container


@dataclass(frozen=True, slots=True)
class Sound:
    """A block of one audio track, by the track's index in the essence; format as decoded."""

    track: int
    frame: AudioFrame


Block = VideoFrame | Sound


class Decoder(Protocol):
    """Gives a clip's picture and sound as presented."""

    def blocks(self) -> Iterator[Block]:
        """Yield frames in presentation order, exactly as many as the essence says, and sound as it comes.

        Raises:
            MediaError: the clip breaks while decoding. GpuFault: a card fails in the midst of it.
        """

    def describe(self) -> str:
        """Return what decoded the blocks that were given, for records."""


@dataclass(slots=True)
class _Given:
    """What a file gave so far: pictures, and blocks of each sound track."""

    pictures: int = 0
    sounds: Counter[int] = field(default_factory=Counter)

    def noted(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield blocks and count them."""
        for block in blocks:
            if isinstance(block, Sound):
                self.sounds[block.track] += 1
            else:
                self.pictures += 1
            yield block

    def beyond(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yield the blocks of the same file, from its beginning, that were not given yet."""
        again = _Given()
        for block in again.noted(blocks):
            if isinstance(block, Sound):
                is_new = again.sounds[block.track] > self.sounds[block.track]
            else:
                is_new = again.pictures > self.pictures
            if is_new:
                yield block


@dataclass(slots=True)
class _Ran:
    """How many pictures a card and the processor decoded, and why not the card."""

    by_card: int = 0
    by_processor: int = 0
    whys: dict[str, None] = field(default_factory=dict)

    def told(self, card: str) -> str:
        """Return it for records."""
        why = "; ".join(self.whys)
        if not self.by_card:
            return f"{PROCESSOR} instead of {card}: {why}" if why else PROCESSOR
        return f"{card}, and {PROCESSOR} for {self.by_processor} pictures: {why}" if self.by_processor else card


class LibavDecoder:
    """FFmpeg's decoders, over one movie or spanned ones; `hardware` does what it was seen to do right."""

    def __init__(self, files: MediaFiles, essence: Essence, hardware: Hardware | None = None) -> None:
        self._files, self._essence = files, essence
        self._hardware = hardware if hardware and concerns(essence) else None
        self._ran = _Ran()

    def describe(self) -> str:
        """Return what decoded the blocks that were given."""
        return self._ran.told(self._hardware.name if self._hardware else "")

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks of all files in order."""
        blocks: Iterator[Block] = (block for part in parted(self._files) for block in self._part(part))
        if self._essence.variable_rate:
            blocks = _conformed(blocks, self._essence)
        yield from _counted(blocks, self._essence, self._files[0].name)

    def _part(self, part: Part) -> Iterator[Block]:
        """Return the blocks of one stretch; sound that lies in files of its own comes with the picture of its time."""
        picture = self._file(part.picture)
        return heapq.merge(picture, *self._apart(part.sounds), key=_seconds) if part.sounds else picture

    def _file(self, file: MediaFile) -> Iterator[Block]:
        """Yield a file's blocks: by the card as far as it goes, and by the processor from there on."""
        given = _Given()
        with translated(file.name):
            if self._hardware:
                try:
                    yield from given.noted(self._by_card(self._hardware, file))
                except Declined as declined:
                    self._ran.whys[
                        f"from picture {given.pictures} on {declined}" if given.pictures else str(declined)
                    ] = None
                else:
                    return
                finally:
                    self._ran.by_card += given.pictures
            with open_container(file) as container:
                for block in given.beyond(self._demuxed(container, file, _decoded)):
                    self._ran.by_processor += isinstance(block, VideoFrame)
                    yield block

    def _by_card(self, hardware: Hardware, file: MediaFile) -> Iterator[Block]:
        """Yield a file's blocks as the card gives them.

        Raises:
            Declined: it is not for the card, or not any more. GpuFault: the card failed.
        """
        if why := hardware.why_not_decode(file, self._essence):
            raise Declined(why)
        assert hardware.card
        with on_card("the card cannot be opened"):
            container = hardware.card.open(file)
        with container:
            yield from self._demuxed(container, file, lambda packet: pictures(packet, self._essence))

    def _apart(self, sounds: Sequence[MediaFile]) -> list[Iterator[Block]]:
        """Return the sound that lies in files of its own, numbered on behind the picture's tracks."""
        streams = []
        track = len(self._essence.audio) - sum(_tracks_in(file) for file in sounds)
        for file in sounds:
            streams.append(_sound_file(file, track))
            track += _tracks_in(file)
        return streams

    def _demuxed(self, container: InputContainer, file: MediaFile, decode: _Decode) -> Iterator[Block]:
        video = main_video(container, file.name)
        video.thread_type = "AUTO"
        sound, _ = sound_of(container)
        tracks = {stream.index: number for number, stream in enumerate(sound)}
        for packet in container.demux([video, *sound]):
            for frame in decode(packet) if packet.stream.index == video.index else packet.decode():
                if isinstance(frame, VideoFrame):
                    self._check_raster(frame, file)
                    yield frame
                elif isinstance(frame, AudioFrame):
                    yield Sound(tracks[packet.stream.index], frame)

    def _check_raster(self, frame: VideoFrame, file: MediaFile) -> None:
        """Refuse a frame of another size than was probed: all that follows is laid out for that one."""
        raster = (self._essence.width, self._essence.height)
        if (frame.width, frame.height) != raster:
            raise Unreadable(
                f"{file.name} changes its raster in the middle",
                why=f"a frame has {frame.width}x{frame.height} where {raster[0]}x{raster[1]} was measured",
                fix="look at the clip; no camera changes its raster within a recording: transcode it",
            )


_Decode = Callable[[Any], Iterable[object]]
"""Gives the frames of a packet of the picture."""


def _decoded(packet: Packet[Any]) -> Iterable[object]:
    return packet.decode()


def _tracks_in(file: MediaFile) -> int:
    with translated(file.name), open_container(file) as container:
        return len(sound_of(container)[0])


def _sound_file(file: MediaFile, first_track: int) -> Iterator[Block]:
    with translated(file.name), open_container(file) as container:
        sound, _ = sound_of(container)
        tracks = {stream.index: first_track + number for number, stream in enumerate(sound)}
        for packet in container.demux(sound):
            for frame in packet.decode():
                if isinstance(frame, AudioFrame):
                    yield Sound(tracks[packet.stream.index], frame)


def _seconds(block: Block) -> Fraction:
    """Return when a block is presented."""
    frame = block if isinstance(block, VideoFrame) else block.frame
    assert frame.pts is not None
    assert frame.time_base is not None
    return frame.pts * frame.time_base


class SequenceDecoder:
    """Image sequences: one still a frame, no sound."""

    def __init__(self, files: MediaFiles, essence: Essence) -> None:
        self._files, self._essence = files, essence

    def blocks(self) -> Iterator[Block]:
        """Yield the stills in order."""
        yield from _counted(decoded(self._files), self._essence, self._files[0].name)

    def describe(self) -> str:
        """Return what decoded: stills are the processor's."""
        return PROCESSOR


def _counted(blocks: Iterable[Block], essence: Essence, name: str) -> Iterator[Block]:
    """Yield blocks and raise at the end unless they were exactly the essence's frames."""
    count = 0
    for block in blocks:
        count += isinstance(block, VideoFrame)
        yield block
    if count != essence.frames:
        raise Unreadable(
            f"{name} gave {count} frames where {essence.frames} were counted",
            why="some of its frames do not decode",
            fix="look at the clip; copy it again from the card",
        )


def _conformed(blocks: Iterator[Block], essence: Essence) -> Iterator[Block]:
    """Yield blocks with the frames of a variable-rate clip set to the essence's constant rate.

    Each output time takes the latest frame presented by then, as a player would show it.
    """
    shown: VideoFrame | None = None
    first: Fraction | None = None
    made = 0
    for block in blocks:
        if not isinstance(block, VideoFrame):
            yield block
            continue
        assert block.pts is not None
        assert block.time_base is not None
        time = block.pts * block.time_base
        first = time if first is None else first
        while shown is not None and made < essence.frames and Fraction(made) / essence.rate < time - first:
            made += 1
            yield shown
        shown = block
    while shown is not None and made < essence.frames:
        made += 1
        yield shown


def decoder_for(files: MediaFiles, essence: Essence, hardware: Hardware | None = None) -> Decoder:
    """Return the decoder of a clip; a vendor's raw tool is chosen here by the essence."""
    if essence.container == CONTAINER:
        return SequenceDecoder(files, essence)
    return LibavDecoder(files, essence, hardware)
