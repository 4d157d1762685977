"""Restore: noise out, detail kept, by the recurrent network. One picture in, one out; state inside.

The network goes some pictures ahead of those that are given back, and each of these then takes over what later ones
know of it (`hindsight.py`), a block of pictures at a time. Where a block begins goes by the picture's number, so that a
clip made in parts comes out as the whole one.

At the start of a clip and at each cut there is nothing yet to lean on: there the network first goes through the
pictures that come, last one first, so that a shot's first picture comes out as quiet as its later ones. A clip of
one picture, a still, has neither past nor future; it leans on what is alike in it (`alike.py`), and what of that to
take is weighed (`weighing.py`), on the processor whatever runs the network. That takes seconds, so that shots of one
picture within a clip, as a strobe makes them, do without.

While the network is at a picture, the next one is made ready beside it, its motion above all, which depends on no
weights: on the processor in a thread (docs/performance.md), on a GPU by a stream of its own. A block is smoothed beside
the picture after those that it leans on.

The dial is `strength`: 0 gives back the very picture, 1 what the network says. The network
adds to what was filmed at most a bounded share of the noise that was told, and starts anew at each cut. Fine
regular texture under strong noise is smoothed with it (docs/performance.md).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, takewhile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engines.backends.base import Backend, Ready, Restored, Stream
from engines.enhance import LOOK_AHEAD
from engines.media.frames import CODE_MAX, Picture, blended
from engines.model.estimates import estimates
from engines.model.noise import NoiseProfile
from engines.model.packing import packed_size
from engines.model.weighing import weighed
from engines.model.weights import Weights

_BEGINNING = 4
"""Pictures that a shot's first one leans on. Restored, eight pictures long, Poisson-Gaussian noise, middle and high:
+0.45 dB with two, +0.68 with four, +0.78 with six; the first picture alone +2.1, +2.7 and +3.0 dB (2026-11-25)."""
BLOCK = 8
"""Pictures that are smoothed at once."""
_BEYOND = LOOK_AHEAD - 1 - BLOCK
"""Pictures beyond a block that it leans on: its last one sees four, its first one eleven. Eight gained 0.04 dB more,
and cost a third more (2026-11-28)."""
_CUT = 0.055
"""Mean absolute change between two luma thumbnails that means a cut, of 0-1; a cut between dark shots can be missed."""
_THUMB = 8
"""Luma samples to a side of what a thumbnail's pixel averages, every second one in both directions."""

Thumbnail = npt.NDArray[np.float32]


class Restore:
    """The restoration of one clip, picture after picture; `weights` are those that run."""

    name = "restore"

    def __init__(
        self,
        backend: Backend,
        weights: Weights,
        height: int,
        width: int,
        *,
        strength: float,
        noise: NoiseProfile,
    ) -> None:
        session = backend.open(weights, *packed_size(height, width)) if strength else None
        self._stream, self._strength = session.stream(height, width, noise) if session else None, strength
        self._session, self._noise = session, noise
        self.weights = session.weights if session else weights
        self._before: Thumbnail | None = None
        self._beside = ThreadPoolExecutor(2, thread_name_prefix="restore")  # one makes ready, one smooths
        self._next: tuple[Picture, Future[Ready]] | None = None
        self._ahead: deque[_Ahead] = deque()  # from the picture that is asked for on, as far as the network is
        self._made: deque[Picture] = deque()  # of the same, those that are done

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return the restored picture, with strength 0 the same one; `coming` are the next ones, few or none."""
        stream = self._stream
        if stream is None:
            return picture
        known, still = [picture, *coming], self._before is None and not coming
        self._step(stream, known, BLOCK + _BEYOND)
        if still:
            return self._by_itself(stream, self._ahead.popleft().restored)
        smoothing = None
        if not self._made:
            left = BLOCK - picture.number % BLOCK
            smoothing = self._beside.submit(stream.smoothed, self._shot(left + _BEYOND), left, self._strength)
        self._step(stream, known, LOOK_AHEAD)
        if smoothing:
            self._made.extend(smoothing.result())
        self._ahead.popleft()
        return self._made.popleft()

    def _step(self, stream: Stream, known: Sequence[Picture], most: int) -> None:
        """Take the network through the known pictures that it has not been through, up to so many from the first."""
        for at in range(len(self._ahead), min(len(known), most)):
            self._ahead.append(self._stepped(stream, known[at], known[at + 1 :]))

    def _stepped(self, stream: Stream, picture: Picture, coming: Sequence[Picture]) -> _Ahead:
        """Take the network through a picture; the next one is made ready meanwhile."""
        known, self._next = self._next, None
        now = known[1].result() if known and known[0] is picture else stream.ready(picture)
        if coming:
            self._next = coming[0], self._beside.submit(stream.ready, coming[0], now)
        small = _thumbnail(picture)
        begins = self._before is None or _is_cut(self._before, small)
        if begins:
            stream.reset()
            for follower in reversed(_same_shot(small, coming[:_BEGINNING])):
                stream.step(stream.ready(follower))
        self._before = small
        return _Ahead(stream.step(now), begins)

    def _by_itself(self, stream: Stream, stepped: Restored) -> Picture:
        """Return a still: what the network gives of it leans on what is alike in it, and is weighed with that."""
        filmed = stepped.filmed
        found = estimates(self._session, stream, stepped, self._noise) if self._session else None
        return blended(filmed, weighed(filmed, found), np.float32(self._strength)) if found else filmed

    def _shot(self, most: int) -> list[Restored]:
        """Return of what the network has been through the pictures of the present shot, so many at most."""
        first, *others = islice(self._ahead, most)
        return [first.restored, *(ahead.restored for ahead in takewhile(lambda ahead: not ahead.begins, others))]


class _Ahead(NamedTuple):
    """A picture that the network has been through, and whether it begins a shot."""

    restored: Restored
    begins: bool


def _same_shot(small: Thumbnail, coming: Sequence[Picture]) -> list[Picture]:
    """Return of the coming pictures those before the next cut."""
    found: list[Picture] = []
    for picture in coming:
        before, small = small, _thumbnail(picture)
        if _is_cut(before, small):
            break
        found.append(picture)
    return found


def _is_cut(before: Thumbnail, after: Thumbnail) -> bool:
    """Return whether two pictures are of two shots, by coarse luma thumbnails that average noise away."""
    return after.size > 0 and float(np.abs(after - before).mean()) > _CUT


def _thumbnail(picture: Picture) -> Thumbnail:
    """Return luma, 0-1, averaged; whole rows are summed first, which is seven times as fast at 1080p."""
    rows, columns = (side // (2 * _THUMB) for side in picture.y.shape)
    lines = picture.y[: 2 * _THUMB * rows : 2].reshape(rows, _THUMB, picture.width).sum(1, dtype=np.uint32)
    sums = lines[:, : 2 * _THUMB * columns : 2].reshape(rows, columns, _THUMB).sum(2, dtype=np.uint32)
    thumbnail: Thumbnail = sums.astype(np.float32) * np.float32(1 / (CODE_MAX * _THUMB**2))
    return thumbnail
