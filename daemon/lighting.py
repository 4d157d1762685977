"""The recipe's words for light, and what a clip's enhanced twin is made with by them.

`relight` and `flicker` are dials, `limits` bound what dials do; all are off, or as wide as is harmless, by default.
Words are pixels of the source's frame, stops and kelvin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from daemon.section import Section
from engines.light.dials import Dials, Limits, Region, Tint, Window, told

_WARM_KELVIN = 1500


def _pair(value: Any) -> Any:
    """Return a pair as YAML gives it, a list, as a tuple; ValueError for anything else."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(x, int | float) for x in value):  # noqa: PLR2004
        return tuple(float(x) for x in value)
    if isinstance(value, tuple):
        return value
    raise ValueError("two numbers are needed, such as [640, 360]")


def _extent(value: Any) -> Any:
    pair = _pair(value)
    if min(pair) <= 0:
        raise ValueError("a width and a height above zero are needed, such as [320, 180]")
    return pair


Place = Annotated[tuple[float, float], BeforeValidator(_pair)]
Extent = Annotated[tuple[float, float], BeforeValidator(_extent)]


class WindowWords(Section):
    """A soft window of light on the picture; a flag where its stops are negative."""

    at: Place = Field(description="Its middle, in pixels of the source's frame, in the clip's first picture.")
    size: Extent = Field(description="Its width and height, in the same pixels.")
    feather: float = Field(0.5, ge=0, le=1, description="Share of its radius over which it fades.")
    stops: float = Field(0.0, ge=-3, le=3, description="How much brighter; negative: a flag.")
    warmth_kelvin: float = Field(0.0, ge=-_WARM_KELVIN, le=_WARM_KELVIN, description="Warmer; negative: colder.")
    tint_stops: float = Field(0.0, ge=-1, le=1, description="Plus green; negative: minus green.")
    shape: Literal["ellipse", "box"] = "ellipse"
    track: bool = Field(default=True, description="Goes with what it lies on.")


class RelightWords(Section):
    """The balance and colour of a picture's own light; it casts no new shadow."""

    exposure_stops: float = Field(0.0, ge=-3, le=3, description="The whole picture.")
    key_stops: float = Field(0.0, ge=-3, le=3, description="Where the light is strong.")
    fill_stops: float = Field(0.0, ge=-3, le=3, description="Where the light is weak.")
    ratio_stops: float = Field(0.0, ge=-3, le=3, description="Key over fill, half each way.")
    practicals_stops: float = Field(0.0, ge=-3, le=3, description="Lamps in shot and what they burn.")
    warmth_kelvin: float = Field(0.0, ge=-_WARM_KELVIN, le=_WARM_KELVIN, description="All light, warmer from 5600 K.")
    tint_stops: float = Field(0.0, ge=-1, le=1, description="All light, plus green.")
    key_warmth_kelvin: float = Field(0.0, ge=-_WARM_KELVIN, le=_WARM_KELVIN, description="Key alone, warmer.")
    key_tint_stops: float = Field(0.0, ge=-1, le=1, description="Key alone, plus green.")
    ambient_warmth_kelvin: float = Field(0.0, ge=-_WARM_KELVIN, le=_WARM_KELVIN, description="Fill alone, warmer.")
    ambient_tint_stops: float = Field(0.0, ge=-1, le=1, description="Fill alone, plus green.")
    windows: list[WindowWords] = Field([], max_length=8, description="Soft windows and flags.")
    match: str | None = Field(None, min_length=1, description="Name of a clip whose light this one is brought to.")

    @property
    def dials(self) -> Dials:
        """The dials that these words turn."""
        return Dials(
            self.exposure_stops,
            self.key_stops,
            self.fill_stops,
            self.ratio_stops,
            self.practicals_stops,
            Tint(self.warmth_kelvin, self.tint_stops),
            Tint(self.key_warmth_kelvin, self.key_tint_stops),
            Tint(self.ambient_warmth_kelvin, self.ambient_tint_stops),
            tuple(
                Window(x.at, x.size, x.feather, x.stops, Tint(x.warmth_kelvin, x.tint_stops), x.shape, x.track)
                for x in self.windows
            ),
        )


class FlickerWords(Section):
    """The beat of lamps on the mains, or of an LED wall, with the shutter."""

    strength: float = Field(0.0, ge=0, le=1, description="0: as filmed, 1: taken out, where it is clearly there.")
    mains_hz: Literal[50, 60] | None = Field(None, description="The mains that lamps were on; default: any beat.")
    beat_hz: float | None = Field(None, ge=0.7, le=500, description="The beat as it is seen, where it is known.")


class RegionWords(Section):
    """A part of the picture that is protected."""

    at: Place = Field(description="Its middle, in pixels of the source's frame.")
    size: Extent = Field(description="Its width and height, in the same pixels.")


class LightLimitsWords(Section):
    """How far a clip's light may be changed, and what is protected."""

    stops: float = Field(3.0, ge=0, le=6, description="Most change of light.")
    protected_stops: float = Field(0.5, ge=0, le=6, description="Most in what is protected, beside the exposure.")
    protect: list[Literal["skin", "text"]] = Field(["skin", "text"], description="What is looked for and protected.")
    regions: list[RegionWords] = Field([], max_length=16, description="Parts that are protected, too.")

    @property
    def bounds(self) -> Limits:
        """The limits that these words set."""
        regions = tuple(Region(x.at, x.size) for x in self.regions)
        return Limits(self.stops, self.protected_stops, "skin" in self.protect, "text" in self.protect, regions)


@dataclass(frozen=True, slots=True)
class Light:
    """What becomes of a clip's light: flicker taken out by a strength, dials, limits; `mains_hz`, `beat_hz` 0: any."""

    strength: float
    mains_hz: float
    beat_hz: float
    dials: Dials
    limits: Limits
    matches: bool

    @property
    def relights(self) -> bool:
        """Whether anything but flicker is asked for."""
        return self.matches or not self.dials.is_neutral

    @property
    def is_off(self) -> bool:
        """Whether the picture stays what it is."""
        return not (self.strength or self.relights)

    def marks(self, *, beats: bool) -> tuple[str, ...]:
        """Return what an editor must know of it; `beats` says whether a flicker was found."""
        said = [f"relit: {', '.join(told(self.dials))}"] if not self.dials.is_neutral else []
        flicker = "flicker taken out" if beats else "no flicker was found: nothing is taken out"
        return (*said, *([flicker] if self.strength else []))


def light_of(relight: RelightWords, flicker: FlickerWords, limits: LightLimitsWords) -> Light:
    """Return what words ask for."""
    return Light(
        flicker.strength,
        float(flicker.mains_hz or 0),
        flicker.beat_hz or 0.0,
        relight.dials,
        limits.bounds,
        relight.match is not None,
    )
