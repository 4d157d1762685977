"""The dials of light: what a director of photography asks of a clip's light, and how far it may go. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, fields

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tint:
    """A change of light's colour, its luma kept: warmer by kelvin from 5600 K (negative: colder), greener by stops."""

    warmth_kelvin: float = 0.0
    tint_stops: float = 0.0

    @property
    def is_neutral(self) -> bool:
        """Whether nothing changes."""
        return not (self.warmth_kelvin or self.tint_stops)


@dataclass(frozen=True, slots=True)
class Window:
    """A soft window of light, or with negative stops a flag; `at` is its middle, in pixels of the source's frame.

    `feather` is the share of its radius over which it fades, to both sides. With `track` it goes with the picture.
    """

    at: Pair
    size: Pair
    feather: float = 0.5
    stops: float = 0.0
    tint: Tint = Tint()
    shape: str = "ellipse"
    track: bool = True


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the picture that is protected; `at` is its middle, in pixels of the source's frame."""

    at: Pair
    size: Pair


@dataclass(frozen=True, slots=True)
class Limits:
    """How far light may be changed, in stops: at all, and beside the whole picture's exposure in what is protected."""

    stops: float = 3.0
    protected_stops: float = 0.5
    skin: bool = True
    text: bool = True
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class Dials:
    """What becomes of a clip's light, in stops and kelvin; nothing by default.

    `key_stops` goes where the light is strong, `fill_stops` where it is weak, `ratio_stops` half each way;
    `practicals_stops` where it is a stop and a half above key. `key` and `ambient` are the colours of both.
    """

    exposure_stops: float = 0.0
    key_stops: float = 0.0
    fill_stops: float = 0.0
    ratio_stops: float = 0.0
    practicals_stops: float = 0.0
    tint: Tint = Tint()
    key: Tint = Tint()
    ambient: Tint = Tint()
    windows: tuple[Window, ...] = ()

    @property
    def is_neutral(self) -> bool:
        """Whether nothing changes."""
        return self == Dials(windows=self.windows) and all(w.stops == 0 and w.tint.is_neutral for w in self.windows)


@dataclass(frozen=True, slots=True)
class Level:
    """A clip's light as it was measured: mean and spread of its stops."""

    mean_stops: float
    spread_stops: float


@dataclass(frozen=True, slots=True)
class Bring:
    """What brings one clip's light to another's: stops for the whole picture, and contrast about its mean."""

    stops: float = 0.0
    mean_stops: float = 0.0
    contrast: float = 1.0


_CONTRAST = (0.6, 1.6)
"""Least and most contrast of light that a match makes: beyond it, it is another light and no balance of this one."""


def brought(own: Level, hero: Level) -> Bring:
    """Return what brings a clip's light to a hero clip's."""
    contrast = min(max(hero.spread_stops / max(own.spread_stops, 0.05), _CONTRAST[0]), _CONTRAST[1])
    return Bring(hero.mean_stops - own.mean_stops, own.mean_stops, contrast)


def told(dials: Dials) -> tuple[str, ...]:
    """Return the dials that are turned, in words, for marks."""
    said = []
    for one in fields(dials):
        value = getattr(dials, one.name)
        if isinstance(value, Tint):
            said += [f"{one.name} {x.name} {getattr(value, x.name):g}" for x in fields(value) if getattr(value, x.name)]
        elif isinstance(value, float) and value:
            said.append(f"{one.name} {value:+g}")
    if dials.windows:
        said.append(f"{len(dials.windows)} window{'s' * (len(dials.windows) != 1)}")
    return tuple(said)
