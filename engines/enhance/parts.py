"""Parts: the restoration of a long clip made in several jobs, and joined to what one job would have made of it.

A part begins WARM_UP pictures early, so that the network's state is there when its own first picture comes, and sees
LOOK_AHEAD pictures beyond its end. `Joined` stands where the restoration stands and gives the pictures of all parts,
each in its place. Which place that is, is held by number and by content: of the first and the last picture that a part
was made of there are digests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.enhance import LOOK_AHEAD, Enhance
from engines.media.frames import Picture
from engines.media.intermediate import Digest, IntermediateWriter, bad_part, digest_of, intermediate_pictures

WARM_UP = 24
"""Pictures that a part begins early: 12 are enough for 55 dB under the strongest noise that was tried, 24 give 68 dB.
Source: our measurement, 2026-11-27 (`bench/seams.py`; docs/performance.md)."""


@dataclass(frozen=True, slots=True)
class Made:
    """A part as it was made: pictures `first` to before `end`, and the `digest` over them.

    `head` and `tail` are the digests of the pictures that the first and the last of them were made of.
    """

    first: int
    end: int
    digest: str
    head: str
    tail: str


def begins(first: int) -> int:
    """Return the number of the picture that a part's work begins with."""
    return max(0, first - WARM_UP)


def make_part(pictures: Iterable[Picture], enhance: Enhance, first: int, end: int, path: Path) -> Made:
    """Write a part's enhanced pictures; `pictures` begin with `begins(first)` and go on LOOK_AHEAD beyond `end`.

    Raises:
        MediaError: the clip breaks, or the file cannot be written.
    """
    writer: IntermediateWriter | None = None
    head = tail = ""
    try:
        for picture, coming in _with_coming(pictures):
            if picture.number == end:
                break
            made = enhance(picture, coming)
            if picture.number < first:
                continue
            writer = writer or IntermediateWriter(path, picture.width, picture.height)
            writer.write(made)
            head = head or digest_of(picture)
            tail = digest_of(picture) if picture.number == end - 1 else ""
        if writer:
            writer.close()
    except BaseException:
        if writer:
            writer.abandon()
        raise
    if writer is None or not tail:
        raise bad_part(path.name, f"its clip ended before picture {end - 1}")
    return Made(first, end, writer.digest.text, head, tail)


def _with_coming(pictures: Iterable[Picture]) -> Iterator[tuple[Picture, Sequence[Picture]]]:
    """Yield each picture with the next ones, LOOK_AHEAD or fewer at the end."""
    held: list[Picture] = []
    for picture in pictures:
        held.append(picture)
        if len(held) > LOOK_AHEAD:
            yield held.pop(0), tuple(held)
    while held:
        yield held.pop(0), tuple(held)


class Joined:
    """The restoration of a clip as its parts hold it, picture after picture."""

    def __init__(self, parts: Sequence[tuple[Path, Made]], frames: int) -> None:
        ends = [0, *(made.end for _, made in parts)]
        if ends[-1] != frames or any(made.first != end for (_, made), end in zip(parts, ends, strict=False)):
            raise bad_part(parts[0][0].name if parts else "no file", f"the parts are not pictures 0 to {frames - 1}")
        self._parts = iter(parts)
        self._number = 0
        self._next()

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return the restored picture.

        Raises:
            BadPart: a part is gone or damaged, or was made of other pictures.
        """
        del coming
        if self._number == self._made.end:
            self._next()
        made = next(self._pictures, None)
        if made is None or made.number != picture.number or picture.number != self._number:
            found = "ends" if made is None else f"goes on with picture {made.number}"
            raise bad_part(self._path.name, f"it {found} where picture {picture.number} is wanted")
        self._digest.add(made)
        self._check(picture)
        self._number += 1
        return made

    def _check(self, picture: Picture) -> None:
        """Raise BadPart unless the picture is the one that its part was made of, and a part's end what was written."""
        ends = {self._made.first: self._made.head, self._made.end - 1: self._made.tail}
        if (known := ends.get(picture.number)) and known != digest_of(picture):
            raise bad_part(self._path.name, f"its picture {picture.number} was made of another picture")
        if picture.number == self._made.end - 1:
            if self._digest.text != self._made.digest:
                raise bad_part(self._path.name, "its pictures are not those that were written")
            if next(self._pictures, None) is not None:
                raise bad_part(self._path.name, "it holds more pictures than its part has")

    def _next(self) -> None:
        self._path, self._made = next(self._parts)
        self._pictures = intermediate_pictures(self._path)
        self._digest = Digest()
