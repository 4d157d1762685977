"""How far pictures went from those that they were made of: figures alone, as a record keeps them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Departure:
    """How far a picture went: each figure is 0 where nothing changed.

    `luma` and `chroma`: code values of 10 bit, root mean square over areas of 16 x 16 samples. `structure`: 1 - SSIM's
    contrast and structure term, 0-2. `edge` and `temporal`: energy of the steps in space and from picture to picture,
    gained or lost in proportion to the source's; -1 is all of it.
    """

    luma: float = 0.0
    chroma: float = 0.0
    structure: float = 0.0
    edge: float = 0.0
    temporal: float = 0.0


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A clip's figures over its whole length, and each figure where it was `worst` for a second; `frames` measured.

    `changed` are the pictures that were not given back as they came.
    """

    mean: Departure
    worst: Departure
    frames: int
    changed: int
