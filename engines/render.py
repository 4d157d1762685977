"""Render: decode, conform, enhance, grade, encode, overlapped on bounded queues; memory is flat in clip length.

Each station is a thread, and so is each proxy that is encoded of the one picture; the libraries underneath release the
interpreter, so all run at once. What breaks in one of them ends all and is raised to the caller.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from av.video.frame import VideoFrame

from engines.enhance import LOOK_AHEAD, Enhance, Step
from engines.media.conform import Conform, frame_of, picture_of
from engines.media.decode import Block, Decoder
from engines.media.encode import Output
from engines.media.essence import Essence
from engines.media.frames import Picture
from engines.media.proxy import ProxySpec
from engines.media.source import MediaFiles
from engines.media.still import jpeg
from engines.media.stretch import frames_from
from engines.media.writers import Writers

T = TypeVar("T")

_DEPTH = 6
"""Blocks that wait between two stations: enough to even out, few enough to stay small (2 MB at 960x540)."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Finished proxies of one clip: their frames, their still, and the digests of the sound of each."""

    frames: int
    still: bytes
    sound_digests: tuple[tuple[str, ...], ...]


def render(
    decoder: Decoder,
    essence: Essence,
    working: ProxySpec,
    outputs: Sequence[Output],
    *,
    enhance: Enhance | None,
    before: Sequence[Step] = (),
    after: Sequence[Step] = (),
    grade: Callable[[Picture], Picture] | None = None,
    shown: Essence | None = None,
    progress: Callable[[int, int], None],
) -> Rendered:
    """Write the proxies and return what was made; `grade` puts the look on, and `shown` says what colour it then has.

    `working` says at which raster the clip is decoded, enhanced and graded, once for all of them.

    Each of the steps `before` and `after` restoration is a station of its own, in their order.

    Raises:
        MediaError: the source breaks, or an encoder refuses; no file of `outputs` is then to be used.
    """
    shown = shown or essence
    stations = [_Ahead(_conformed(decoder.blocks(), essence, working))]
    steps: list[tuple[Enhance, int]] = [(step, step.look_ahead) for step in before]
    steps += [] if enhance is None else [(enhance, LOOK_AHEAD)]
    steps += [(step, step.look_ahead) for step in after]
    for step, ahead in steps:
        stations.append(_Ahead(_enhanced(stations[-1], step, ahead)))
    if grade is not None:
        stations.append(_Ahead(_graded(stations[-1], grade)))
    still, frames = b"", 0
    try:
        with Writers(outputs, shown) as writers:
            for block in stations[-1]:
                is_picture = isinstance(block, VideoFrame)
                if isinstance(block, VideoFrame) and frames == still_number(essence):
                    still = jpeg(block, shown.matrix)
                frames += is_picture
                writers.put(block)
                if is_picture:
                    progress(frames, essence.frames)
    finally:
        for station in reversed(stations):
            station.close()
    return Rendered(frames, still, writers.digests)


def first_pictures(decoder: Decoder, essence: Essence, spec: ProxySpec, count: int) -> list[Picture]:
    """Return the first working pictures of a clip, to measure its noise on."""
    return list(islice(pictures(decoder, essence, spec), count))


def pictures(decoder: Decoder, essence: Essence, spec: ProxySpec) -> Iterator[Picture]:
    """Yield the working pictures of a clip, before anything enhances them."""
    for block in _conformed(decoder.blocks(), essence, spec):
        if isinstance(block, VideoFrame):
            yield picture_of(block)


def pictures_from(
    files: MediaFiles,
    essence: Essence,
    spec: ProxySpec,
    first: int,
    count: int,
    alive: Callable[[], None] = lambda: None,
) -> Iterator[Picture]:
    """Yield `count` working pictures from number `first` on, fewer only at the clip's end; see `frames_from`."""
    frames = frames_from(files, essence, first, count, alive)
    yield from (
        picture_of(frame) for frame in _conformed(frames, essence, spec, first) if isinstance(frame, VideoFrame)
    )


@contextmanager
def ahead(source: Iterable[T]) -> Iterator[Iterator[T]]:
    """Give what an iterable yields, which works ahead of its reader in a thread, by a bounded number."""
    station = _Ahead(source)
    try:
        yield station
    finally:
        station.close()


def still_number(essence: Essence) -> int:
    """Return which frame stands for the clip in reports: the middle one."""
    return essence.frames // 2


def _conformed(blocks: Iterable[Block], essence: Essence, spec: ProxySpec, first: int = 0) -> Iterator[Block]:
    conform = Conform(essence, spec, first)
    for block in blocks:
        if isinstance(block, VideoFrame):
            yield from conform(block)
        else:
            yield block
    yield from conform.flush()


def _enhanced(blocks: Iterable[Block], enhance: Enhance, ahead: int = LOOK_AHEAD) -> Iterator[Block]:
    """Yield the blocks in their order, each picture enhanced once the next ones that it must see are there."""
    held: deque[tuple[Block, Picture | None]] = deque()

    def first() -> Block:
        block, before = held.popleft()
        if before is None or not isinstance(block, VideoFrame):
            return block
        after = enhance(before, [picture for _, picture in held if picture])
        return block if after is before else frame_of(after, block)

    for block in blocks:
        held.append((block, picture_of(block) if isinstance(block, VideoFrame) else None))
        while held and (held[0][1] is None or sum(1 for _, picture in held if picture) > ahead):
            yield first()
    while held:
        yield first()


def _graded(blocks: Iterable[Block], grade: Callable[[Picture], Picture]) -> Iterator[Block]:
    for block in blocks:
        yield frame_of(grade(picture_of(block)), block) if isinstance(block, VideoFrame) else block


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


class _Ahead(Iterator[T]):
    """An iterator that works ahead of its reader in a thread, by a bounded number of blocks."""

    def __init__(self, source: Iterable[T]) -> None:
        self._source = source
        self._blocks: queue.Queue[T | _End] = queue.Queue(_DEPTH)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fill, daemon=True)
        self._thread.start()

    def __next__(self) -> T:
        block = self._blocks.get()
        if isinstance(block, _End):
            self._blocks.put(block)
            if block.error is not None:
                raise block.error
            raise StopIteration
        return block

    def close(self) -> None:
        """Stop working ahead and wait for the thread."""
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._blocks.get(timeout=0.05)
            except queue.Empty:
                continue

    def _fill(self) -> None:
        error: BaseException | None = None
        try:
            for block in self._source:
                self._blocks.put(block)
                if self._stop.is_set():
                    break
        except BaseException as caught:  # noqa: BLE001 - raised again in the reader's thread
            error = caught
        self._blocks.put(_End(error))
