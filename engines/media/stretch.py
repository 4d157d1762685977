"""Stretch: a clip's frames from one of them on, without decoding what lies before where frames are found by their time.

Owns the way to a frame by its number. That is sure where a container has an index and all frames have the one distance
that the clip is said to have; anywhere else they are counted from the start. Gives no sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engines.errors import Unreadable
from engines.media.cadence import snapped
from engines.media.decode import decoder_for
from engines.media.essence import Essence
from engines.media.faults import translated
from engines.media.probe import main_video, parted
from engines.media.sequence import CONTAINER, decoded
from engines.media.source import MediaFile, MediaFiles, open_container

_INDEXED = ("mov", "mxf", "matroska")
"""Containers in which a key frame is found by its time. In others a seek may land within a group of pictures."""


def frames_from(
    files: MediaFiles, essence: Essence, first: int, count: int, alive: Callable[[], None] = lambda: None
) -> Iterator[VideoFrame]:
    """Yield `count` presented frames from number `first` on, fewer only where the clip ends.

    They are the frames that a decoder gives that goes through the whole clip. `alive` is told of each frame that is
    decoded on the way to the first.

    Raises:
        MediaError: the clip breaks while decoding, or lacks frames that it was said to have.
    """
    wanted = min(count, essence.frames - first)
    found = 0
    for frame in islice(_from(files, essence, first, alive), wanted):
        found += 1
        yield frame
    if found != wanted:
        raise Unreadable(
            f"{files[0].name} gave {found} frames from frame {first} on, where {wanted} were counted",
            why="some of its frames do not decode, or lie at another time than was measured",
            fix="look at the clip; copy it again from the card, or leave out workers.split_minutes",
        )


def _from(files: MediaFiles, essence: Essence, first: int, alive: Callable[[], None]) -> Iterator[VideoFrame]:
    if essence.container == CONTAINER:
        yield from decoded([files[number] for number in range(first, len(files))])
        return
    if first and (file := _found_by_time(files, essence)):
        with translated(file.name), open_container(file) as container:
            sought = _sought(container, file, essence, first, alive)
            if (frame := next(sought, None)) is not None:
                yield frame
                yield from sought
                return
    number = 0
    for block in decoder_for(files, essence).blocks():
        if not isinstance(block, VideoFrame):
            continue
        if number >= first:
            yield block
        else:
            alive()
        number += 1


def _found_by_time(files: MediaFiles, essence: Essence) -> MediaFile | None:
    """Return the file whose frames' times tell their numbers; None where they must be counted."""
    if essence.variable_rate or not any(kind in essence.container for kind in _INDEXED):
        return None
    (part, *more) = parted(files)
    if more:
        return None
    with translated(part.picture.name), open_container(part.picture) as container:
        video = main_video(container, part.picture.name)
        declared = (video.average_rate, video.guessed_rate, video.base_rate)
    is_borne_out = any(rate and snapped(rate) == essence.rate for rate in declared)  # else the recipe names another
    return part.picture if is_borne_out else None


def _sought(
    container: InputContainer, file: MediaFile, essence: Essence, first: int, alive: Callable[[], None]
) -> Iterator[VideoFrame]:
    """Yield the frames from a number on, from the key frame before it; none at all where that cannot be found."""
    video = main_video(container, file.name)
    video.thread_type = "AUTO"
    start = next(container.decode(video), None)
    if start is None or start.pts is None or video.time_base is None:
        return
    try:
        container.seek(start.pts + int(first / essence.rate / video.time_base), stream=video)
    except FFmpegError:
        return  # an MXF that was cut short has no index
    wanted = first
    for frame in container.decode(video):
        number = _number(frame, start.pts, video, essence)
        if number < wanted and wanted == first:
            alive()
        elif number == wanted:
            wanted += 1
            yield frame
        else:
            return  # the first one was passed over, or a frame is missing


def _number(frame: VideoFrame, start: int, video: VideoStream, essence: Essence) -> int:
    assert frame.pts is not None
    return round(Fraction(frame.pts - start) * (video.time_base or 0) * essence.rate)
