"""The shapes that motion is sought in: a pyramid of half-size luma, and on each of its levels a lattice of patches.

`motion.cu` holds the same numbers; a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.model.packing import packed_size

PATCH, STRIDE = 8, 3
"""Pixels of a level: a patch's side, and how far patches lie apart; each pixel is covered by four to nine."""
FINEST, LEVELS = 1, 6
"""Motion is sought from the coarsest level to this one, half of half size; most levels that a pyramid has."""
_LEAST = 16
"""Pixels that the shorter side of the coarsest level has at least: two patches."""
SETTLINGS = 2
"""How often the patches of a level ask their neighbours for a better displacement."""
BINS, COARSE = 1024, 32
"""Codes that are counted one by one to see how flat a picture is, and together."""

Size = tuple[int, int]
"""Rows and columns."""


@dataclass(frozen=True, slots=True)
class Pyramid:
    """The levels for packed pictures of `height` x `width`, level 0 being as large."""

    height: int
    width: int

    @classmethod
    def of(cls, height: int, width: int) -> Pyramid:
        """Return the levels for working pictures of `height` x `width`."""
        return cls(*packed_size(height, width))

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Rows and columns of each level, finest first; each is half of the one before, rounded up."""
        sizes = [(self.height, self.width)]
        while len(sizes) < LEVELS and (len(sizes) <= FINEST or min(half(sizes[-1])) >= _LEAST):
            sizes.append(half(sizes[-1]))
        return tuple(sizes)

    @property
    def sought(self) -> tuple[int, ...]:
        """Numbers of the levels on which motion is sought, in this order."""
        return tuple(range(len(self.sizes) - 1, FINEST - 1, -1))


def half(size: Size) -> Size:
    """Return rows and columns of the next level."""
    return -(-size[0] // 2), -(-size[1] // 2)


def lattice(size: Size) -> Size:
    """Return how many patches lie below and beside each other on a level; the last ones end where it ends."""
    down, across = (max(0, -(-(side - PATCH) // STRIDE)) + 1 for side in size)
    return down, across


def samples(height: int, width: int) -> Size:
    """Return how many rows and columns of luma are counted: every eighth."""
    return -(-height // 8), -(-width // 8)
