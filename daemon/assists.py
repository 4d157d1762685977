"""Words of the assists: mattes, clean plates, removal, slap comps, a steady camera; and what of them a render is told.

Points are pixels of the source's frame, x to the right and y down. All of it is off until a recipe says otherwise. A
path is taken from the recipe's folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from daemon import yamlfile
from daemon.section import Section
from engines.media.essence import Essence

if TYPE_CHECKING:
    from daemon.recipe import Words

_KINDS = ("line", "box", "ellipse", "outline", "painted")
_STILLS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
_LEAST = {"line": 2, "box": 2, "ellipse": 2, "outline": 3}


def _points(value: object) -> object:
    """Return points as pairs of numbers; ValueError for anything else."""
    if value is None or isinstance(value, tuple):
        return value
    pairs = value if isinstance(value, list) else []
    if not pairs or not all(isinstance(pair, list) and len(pair) == 2 and all(map(_is_pixel, pair)) for pair in pairs):  # noqa: PLR2004 - x and y
        raise ValueError("points such as [[0, 121], [639, 121]] are needed, pixels of the source's frame")
    return tuple((float(x), float(y)) for x, y in pairs)


def _point(value: object) -> object:
    if value is None or isinstance(value, tuple):
        return value
    if not (isinstance(value, list) and len(value) == 2 and all(map(_is_pixel, value))):  # noqa: PLR2004 - x and y
        raise ValueError("a point such as [960, 540] is needed, pixels of the source's frame")
    return (float(value[0]), float(value[1]))


def _is_pixel(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 65536  # noqa: PLR2004 - pixels


def _shapes(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Points = Annotated[tuple[tuple[float, float], ...] | None, BeforeValidator(_points, json_schema_input_type=list)]
Point = Annotated[tuple[float, float] | None, BeforeValidator(_point, json_schema_input_type=list)]


class ShapeWords(Section):
    """A shape: exactly one of line, box, ellipse, outline and painted."""

    line: Points = Field(None, description="Points of a line, [[x, y], [x, y], …]; takes a width.")
    width: float | None = Field(None, gt=0, le=1000, description="Pixels, of a line.")
    box: Points = Field(None, description="Two corners.")
    ellipse: Points = Field(None, description="Two corners of the box around it.")
    outline: Points = Field(None, description="Corners of a closed outline.")
    painted: str | None = Field(None, min_length=1, description="Path of a PNG as large as the frame; white is inside.")
    follow: Literal["picture", "frame"] = Field(
        "picture", description="picture: moves with what is filmed; frame: stays."
    )
    at: int = Field(0, ge=0, description="Number of the frame that it was drawn on, from 0.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"exactly one of {', '.join(_KINDS)} is needed, not {' and '.join(kinds) or 'none'}")
        points, least = getattr(self, kinds[0]), _LEAST.get(kinds[0], 0)
        if least and (len(points) < least or (kinds[0] in {"box", "ellipse"} and len(points) != least)):
            raise ValueError(f"{kinds[0]} needs {least} points{'' if kinds[0] in {'box', 'ellipse'} else ' or more'}")
        if (self.width is None) == (kinds[0] == "line"):
            raise ValueError("a line needs a width, and nothing else has one")
        return self


Shapes = Annotated[tuple[ShapeWords, ...], BeforeValidator(_shapes, json_schema_input_type=list)]


class MatteWords(Section):
    """A matte in `mattes/`, beside the proxies."""

    key: Literal["green", "blue", "plate"] | None = Field(
        None, description="Colour of the screen, or plate: the difference from the clip's clean plate."
    )
    form: Literal["prores4444", "exr"] = Field(
        "prores4444", description="prores4444: a movie; exr: half-float stills, one a frame, in a folder of their own."
    )
    edges: float = Field(1.0, ge=0, le=1, description="How far edges are refined; 0: by colour alone.")
    spill: float = Field(1.0, ge=0, le=1, description="How far the screen's light on the actor goes.")
    garbage: Shapes = Field((), description="Shapes that are never covered.")
    keep: Shapes = Field((), description="Shapes that are always covered.")


class PlateWords(Section):
    """A clean plate in `plates/`, with its validity as alpha."""

    enabled: bool = Field(default=False, description="Make it.")
    takes: str | None = Field(
        None, min_length=1, description="Pattern of other clips of the set-up that it is made of, too."
    )


class RemoveWords(Section):
    """Wires and rigs taken out of the enhanced twin. A list of shapes alone may stand for it."""

    shapes: Shapes = Field((), description="What is taken out.")
    strength: float = Field(1.0, ge=0, le=1, description="0: as filmed, 1: taken out.")


class CompWords(Section):
    """A slap comp in `comp/`: the matte's actor over a plate."""

    over: str | None = Field(None, min_length=1, description="A still's path, or the name of a clip.")
    sync: Literal["start", "timecode"] = Field("start", description="What of a clip's plate is in step.")
    loop: bool = Field(
        default=False, description="From the start again where the plate ends; else its last frame is held."
    )
    position: Point = Field(None, description="Pixels that the plate is moved by.")
    scale: float = Field(1.0, ge=0.1, le=10, description="Size of the plate.")
    track: Literal["frame", "picture"] = Field("frame", description="picture: the plate moves with what is filmed.")


class StabiliseWords(Section):
    """A steadier camera in the enhanced twin."""

    strength: float = Field(0.0, ge=0, le=1, description="0: as filmed.")
    zoom: float = Field(1.06, ge=1, le=2, description="Room that it gets: no edge is made up.")


class ReframeWords(Section):
    """Another framing in the enhanced twin."""

    zoom: float = Field(1.0, ge=1, le=4, description="1: as filmed.")
    centre: Point = Field(None, description="Pixel of the source's frame that comes into the middle.")
    roll_degrees: float = Field(0.0, ge=-15, le=15, description="Clockwise.")


def lacking(folder: Path, name: str) -> str:
    """Return what is wrong with a picture that the recipe names, empty for nothing: children read its folder alone."""
    path = Path(folder, name).resolve()
    if not path.is_file():
        return "is not there"
    return "" if path.is_relative_to(folder.resolve()) else f"lies outside of {folder}, where children do not read"


def is_still(over: str) -> bool:
    """Return whether what a comp is put over is a still's path, and not a clip's name."""
    return Path(over).suffix.lower() in _STILLS


def painted_in(shapes: tuple[ShapeWords, ...]) -> Iterator[str]:
    """Yield the paths of painted masks."""
    return (shape.painted for shape in shapes if shape.painted)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A shape as a render is told: see `engines.enhance.shapes.Shape`; `stamp` changes when a painted one does."""

    kind: str
    points: tuple[tuple[float, float], ...]
    width: float
    painted: str
    stamp: str
    follows: bool
    at: int


@dataclass(frozen=True, slots=True)
class Assists:
    """What is done to the enhanced twin beside restoration; `centre` as shares of the frame."""

    remove: tuple[Drawn, ...]
    remove_strength: float
    stabilise: float
    zoom: float
    centre: tuple[float, float]
    roll_degrees: float

    @property
    def changes_nothing(self) -> bool:
        """Whether all dials are at rest."""
        return not (self.removes or self.stabilise or self.frames)

    @property
    def removes(self) -> bool:
        """Whether anything is taken out."""
        return bool(self.remove and self.remove_strength)

    @property
    def frames(self) -> bool:
        """Whether it is framed otherwise."""
        return self.zoom != 1 or self.centre != (0.5, 0.5) or self.roll_degrees != 0


def drawn(shapes: tuple[ShapeWords, ...], folder: Path) -> tuple[Drawn, ...]:
    """Return shapes as a render is told; relative paths start from the recipe's folder."""
    found = []
    for shape in shapes:
        kind = next(kind for kind in _KINDS if getattr(shape, kind) is not None)
        path = str(Path(folder, shape.painted).resolve()) if shape.painted else ""
        points = () if shape.painted else getattr(shape, kind)
        found.append(Drawn(kind, points, shape.width or 0.0, path, stamp(path), shape.follow == "picture", shape.at))
    return tuple(found)


def stamp(path: str) -> str:
    """Return what tells one state of a file from another; empty where there is none."""
    try:
        found = Path(path).stat() if path else None
    except OSError:
        found = None
    return f"{found.st_size}:{found.st_mtime_ns}" if found else ""


def assists(words: Words, essence: Essence, folder: Path) -> Assists | None:
    """Return what is done to the enhanced twin beside restoration; None where all dials are at rest."""
    remove, stabilise, reframe = words.remove, words.stabilise, words.reframe
    x, y = reframe.centre or (essence.width / 2, essence.height / 2)
    made = Assists(
        remove=drawn(remove.shapes, folder) if remove.strength else (),
        remove_strength=remove.strength if remove.shapes else 0.0,
        stabilise=stabilise.strength,
        zoom=reframe.zoom * (stabilise.zoom if stabilise.strength else 1.0),
        centre=(x / essence.width, y / essence.height),
        roll_degrees=reframe.roll_degrees,
    )
    return None if made.changes_nothing else made


def spell_out(document: yamlfile.Document, path: yamlfile.Path, value: Any) -> None:
    """Make of `remove: [shapes]` the section that it stands for, places and all."""
    if not isinstance(value, dict) or not isinstance(shapes := value.get("remove"), list):
        return
    short, long = (*path, "remove"), (*path, "remove", "shapes")
    value["remove"] = {"shapes": shapes}
    document.places |= {
        (*long, *place[len(short) :]): at for place, at in list(document.places.items()) if place[: len(short)] == short
    }


def look_for_files(document: yamlfile.Document, path: yamlfile.Path, words: Words, folder: Path) -> None:
    """Note a fault for each painted mask and each still plate that is not there."""
    for section, word, shapes in (
        ("remove", "shapes", words.remove.shapes),
        ("matte", "garbage", words.matte.garbage),
        ("matte", "keep", words.matte.keep),
    ):
        for painted in painted_in(shapes):
            if lacks := lacking(folder, painted):
                document.fault((*path, section, word), f"the painted mask {painted} {lacks}; put it there or name it")
    over = words.comp.over
    if over and is_still(over) and (lacks := lacking(folder, over)):
        document.fault((*path, "comp", "over"), f"the plate {over} {lacks}; put it there, or name a clip")
