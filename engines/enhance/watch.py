"""A step that is looked over the shoulder: the picture of one number, as the step left it, is kept."""

from __future__ import annotations

from collections.abc import Sequence

from engines.enhance import Step
from engines.media.frames import Picture


class Watched:
    """A step, and in `seen` what it made of the picture of a number."""

    def __init__(self, step: Step, number: int) -> None:
        self._step, self._number = step, number
        self.name, self.look_ahead = step.name, step.look_ahead
        self.seen: list[Picture] = []

    def __call__(self, picture: Picture, coming: Sequence[Picture] = ()) -> Picture:
        """Return what the step makes of a picture."""
        made = self._step(picture, coming)
        if picture.number == self._number:
            self.seen.append(made)
        return made
