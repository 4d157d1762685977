"""The enhancements, one file each: a picture in, a picture out, a dial that at zero changes nothing.

In the enhanced twin removal comes first, so that restoration sees no wire, and what moves the picture last, so that
nothing is resampled before all else is done. What is made of a picture beside it (matte, plate, comp) is a file of its
own on the same timecode.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from engines.media.frames import Picture

Enhance = Callable[[Picture, Sequence[Picture]], Picture]
"""What becomes of a picture; the next ones, LOOK_AHEAD or fewer at a clip's end, may be looked at."""
LOOK_AHEAD = 13
"""Pictures an enhancement sees coming: a picture restored leans on later ones too (`restore.py`)."""


class Step(Protocol):
    """An enhancement that stands before or behind restoration, and says how many pictures it must see coming."""

    name: str
    look_ahead: int

    def __call__(self, picture: Picture, coming: Sequence[Picture]) -> Picture:
        """Return what becomes of a picture; the same one where nothing changes."""


def in_turn(steady: Enhance, restore: Enhance, relight: Enhance) -> Enhance:
    """Return the three as one: light that beats is steadied before the past is leaned on, what is restored is relit.

    `steady` must give one picture the same however often it is asked: what comes is seen by it, too.
    """

    def enhanced(picture: Picture, coming: Sequence[Picture]) -> Picture:
        restored = restore(steady(picture, ()), [steady(one, ()) for one in coming])
        return relight(restored, ())

    return enhanced
