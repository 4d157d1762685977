"""Writers: several proxies of one picture, each encoded in a thread of its own, a bounded number of blocks behind.

What breaks in one of them is raised to the caller, and none of the files is then to be used.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from engines.media.conform import frame_of, picture_of
from engines.media.decode import Block, Sound
from engines.media.encode import Output, ProxyWriter
from engines.media.essence import Essence

_DEPTH = 6
"""Blocks that wait for a writer."""


class Writers:
    """Writes proxies of one clip; leaving it without an error makes them whole."""

    def __init__(self, outputs: Sequence[Output], essence: Essence) -> None:
        self._outputs, self._essence = outputs, essence
        self._writers: list[_Writer] = []

    def __enter__(self) -> Self:
        try:
            self._writers.extend(_Writer(ProxyWriter(output, self._essence)) for output in self._outputs)
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for writer in self._writers:
                    writer.finish()
                return
        except BaseException:
            self._abandon()
            raise
        self._abandon()

    @property
    def digests(self) -> tuple[tuple[str, ...], ...]:
        """Digest of each track's samples as written, for each proxy."""
        return tuple(writer.digests for writer in self._writers)

    def put(self, block: Block) -> None:
        """Give all of them a block to write; raises what broke before in one of them."""
        for writer in self._writers[1:]:
            writer.put(_copied(block))
        self._writers[0].put(block)

    def _abandon(self) -> None:
        for writer in self._writers:
            writer.abandon()


def _copied(block: Block) -> Block:
    """Return a block of its own: what writes it tags and numbers it."""
    if isinstance(block, VideoFrame):
        return frame_of(picture_of(block), block)
    frame = block.frame
    copy = AudioFrame.from_ndarray(frame.to_ndarray(), frame.format.name, frame.layout.name)
    copy.sample_rate = frame.sample_rate
    return Sound(block.track, copy)


class _Writer:
    """A proxy that is written in a thread of its own, a bounded number of blocks behind."""

    def __init__(self, writer: ProxyWriter) -> None:
        self._writer = writer
        self._blocks: queue.Queue[Block | None] = queue.Queue(_DEPTH)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    @property
    def digests(self) -> tuple[str, ...]:
        """Digest of each track's samples as written."""
        return self._writer.digests

    def put(self, block: Block) -> None:
        """Give it a block to write; raises what broke before."""
        if self._error is not None:
            raise self._error
        self._blocks.put(block)

    def finish(self) -> None:
        """Make the proxy whole; raises what broke."""
        self._join()
        if self._error is not None:
            raise self._error
        self._writer.close()

    def abandon(self) -> None:
        """Stop, and leave files that are not to be used."""
        self._join()
        self._writer.abandon()

    def _join(self) -> None:
        if self._thread.is_alive():
            self._blocks.put(None)
            self._thread.join()

    def _write(self) -> None:
        """Write blocks until none comes; after an error they are taken and dropped, so that nobody waits."""
        while (block := self._blocks.get()) is not None:
            if self._error is not None:
                continue
            try:
                if isinstance(block, Sound):
                    self._writer.write_sound(block.track, block.frame)
                else:
                    self._writer.write_picture(block)
            except BaseException as caught:  # noqa: BLE001 - raised again in the caller's thread
                self._error = caught
