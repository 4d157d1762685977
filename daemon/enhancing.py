"""What the assists of a recipe are to a render: steps before and after restoration, set up in the child.

Runs in the child alone: it goes through the clip once or twice before the render does, to see how the camera moved
and what stands behind what is taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from daemon.assists import Assists, Drawn
from daemon.publish import fsync_file
from daemon.worker import Progress
from engines.enhance.camera import Move, survey
from engines.enhance.plate import Plate, Sight, numbers_of, plate_of
from engines.enhance.removal import MaskOf, Removal
from engines.enhance.shapes import Mask, Shape, in_pairs, mask_of
from engines.enhance.steady import Framing, Steady
from engines.enhance.watch import Watched
from engines.media.decode import decoder_for
from engines.media.essence import Essence
from engines.media.frames import Picture
from engines.media.proxy import ProxySpec
from engines.media.source import MediaFiles
from engines.media.still import jpeg_as_shown
from engines.render import pictures, still_number

Pictures = Callable[[], Iterator[Picture]]
"""Goes through the clip's working pictures from the start."""
_LEAST_FOR_A_PLATE = 4


@dataclass(slots=True)
class Steps:
    """The steps of one render, and what they have to say once it is done."""

    before: list[Watched] = field(default_factory=list)
    after: list[Watched] = field(default_factory=list)
    say: list[Callable[[], str]] = field(default_factory=list)

    def write_layers(
        self, staged: Path, suffixes: Iterable[str], grade: Callable[[Picture], Picture] | None, matrix: str
    ) -> None:
        """Write what each step left of the picture that stands for the clip beside the staged proxy, under the look."""
        for suffix in suffixes:
            staged.with_name(f"{staged.name}{suffix}").unlink(missing_ok=True)
        for step in (*self.before, *self.after):
            path = staged.with_name(f"{staged.name}.{step.name}.jpg")
            for picture in step.seen[:1]:
                path.write_bytes(jpeg_as_shown(picture, matrix, grade))
                fsync_file(path)

    @property
    def notes(self) -> tuple[str, ...]:
        """What an editor must know of them."""
        return tuple(note for note in (say() for say in self.say) if note)


def steps_of(
    assists: Assists | None, spec: ProxySpec, essence: Essence, files: MediaFiles, progress: Progress
) -> Steps:
    """Return the steps that the words ask for, each a station of the render; the clip is gone through for them.

    Raises:
        BadMask: a painted mask cannot be read, or does not fit.
    """

    def gone_through() -> Iterator[Picture]:
        return alive(pictures(decoder_for(files, essence), essence, spec), progress, essence.frames)

    steps, number = Steps(), still_number(essence)
    if assists is None:
        return steps
    size = (spec.width, spec.height)
    still = mask_of([shape_of(one) for one in assists.remove if not one.follows], size, (essence.width, essence.height))
    move = survey(gone_through(), still) if assists.removes or assists.stabilise else None
    if assists.removes and move:
        masks = Masks(assists.remove, size, (essence.width, essence.height), move)
        removal = Removal(masks, move, plates_of(gone_through, move, masks), strength=assists.remove_strength)
        steps.before.append(Watched(removal, number))
        steps.say.append(lambda: removal.removed.note)
    if assists.stabilise or assists.frames:
        framing = Framing(assists.zoom, assists.centre, assists.roll_degrees)
        steady = Steady(move, size, strength=assists.stabilise, framing=framing)
        steps.after.append(Watched(steady, number))
        steps.say.append(lambda: steady.note)
    return steps


def alive(found: Iterator[Picture], progress: Progress, frames: int) -> Iterator[Picture]:
    """Yield pictures, and say at each that the child is alive: a clip is gone through before its render begins."""
    for picture in found:
        progress(0, frames)
        yield picture


def shape_of(drawn: Drawn) -> Shape:
    """Return a shape for the engines."""
    return Shape(drawn.kind, drawn.points, drawn.width, drawn.painted)


class Masks:
    """The mask of each picture: what stays in the frame, and what moves with what is filmed since it was drawn."""

    def __init__(self, drawn: Iterable[Drawn], size: tuple[int, int], source: tuple[int, int], move: Move) -> None:
        shapes = list(drawn)
        self._move = move
        self._still = mask_of([shape_of(one) for one in shapes if not one.follows], size, source)
        self._followed = [(one.at, mask_of([shape_of(one)], size, source)) for one in shapes if one.follows]

    def __call__(self, number: int) -> Mask:
        """Return the mask of a picture; what follows the picture is in its own shot alone."""
        mask = self._still
        for at, drawn in self._followed:
            if (way := self._move.between(number, at)) is not None:
                mask = mask | (drawn if number == at else _followed(drawn, way))
        return mask


def _followed(drawn: Mask, way: np.ndarray) -> Mask:
    height, width = drawn.shape
    moved = cv2.warpPerspective(
        drawn.astype(np.uint8) * 255, way, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return in_pairs(moved > 0)


def plates_of(gone_through: Pictures, move: Move, mask_of_picture: MaskOf | None = None) -> dict[int, Plate]:
    """Return the clean plate of each shot that is long enough for one, by the shot's number; one pass over the clip."""
    shots = {shot: move.shot_of(move.shots.index(shot)) for shot in sorted(set(move.shots))}
    chosen = {number for shot in shots.values() if len(shot) >= _LEAST_FOR_A_PLATE for number in numbers_of(shot)}
    plates: dict[int, Plate] = {}
    sights: list[Sight] = []
    for picture in gone_through():
        if picture.number >= len(move.shots):
            break
        shot = shots[move.shots[picture.number]]
        if picture.number in chosen:
            way = move.between(shot[len(shot) // 2], picture.number)
            assert way is not None, "of one shot"
            sights.append(Sight(picture, way, mask_of_picture(picture.number) if mask_of_picture else None))
        if picture.number == shot[-1] and sights:
            plates[move.shots[picture.number]] = plate_of(sights, shot[len(shot) // 2])
            sights = []
    return plates
