"""Relight, within render: what a clip's light is made to be, planned from the recipe and set up in the child.

Flicker is found, and light matched, by going through the clip once before it is made, and through the hero clip where
one is named. The hero is matched as it was filmed, whatever its own dials say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.lighting import Light
from daemon.presets import specs_for
from daemon.production import Production
from daemon.publish import fsync_file
from daemon.recipe import Words
from daemon.stages.landing import BEFORE
from daemon.stages.probe import Source, opened, source_of, words_of
from daemon.store import Clip
from engines.colour.spaces import camera_space
from engines.media.essence import Essence
from engines.media.proxy import ProxySpec

if TYPE_CHECKING:
    from engines.backends.base import LightBackend
    from engines.enhance import Enhance
    from engines.enhance.relight import Relight
    from engines.light.curve import Floats
    from engines.light.dials import Bring, Level
    from engines.light.flicker import Flicker
    from engines.light.illumination import Illumination
    from engines.media.frames import Picture
    from engines.media.source import MediaFiles
    from engines.model.weights import Weights


@dataclass(frozen=True, slots=True)
class Hero:
    """The clip whose light another is brought to; `identity` is of its bytes, `space` its colour space by name."""

    identity: str
    source: Source
    essence: Essence
    spec: ProxySpec
    space: str


@dataclass(frozen=True, slots=True)
class LightTask:
    """What becomes of a clip's light; `hero` is None where none is named, or none was probed."""

    light: Light
    space: str
    hero: Hero | None


def light_task(production: Production, clip: Clip, words: Words) -> LightTask | None:
    """Return what becomes of a probed clip's light; None where it stays as it is.

    Raises:
        UnknownSpace: in which space it, or its hero, was recorded is not known, so that nothing is known of its light.
    """
    light = words.light
    if light.is_off:
        return None
    assert clip.essence is not None
    hero = _hero(production, clip, words)
    if light.matches and hero is None and light.dials.is_neutral and not light.strength:
        return None
    return LightTask(light, space_of(production, clip.essence, words), hero)


def light_marks(production: Production, clip: Clip, done: dict[str, float]) -> tuple[str, ...]:
    """Return what an editor must know of the light in a clip's enhanced twin, by what was done (`Lighting.figures`)."""
    words = words_of(production, clip)
    marks = list(words.light.marks(beats="flicker_hz" in done))
    if name := words.relight.match:
        known = hero_identity(production, clip, words)
        marks.append(f"light matched to {name}" if known else f"light not matched: {name} is no clip that was probed")
    return tuple(marks)


def hero_identity(production: Production, clip: Clip, words: Words) -> str:
    """Return the identity of the clip that words name as hero; empty where there is none yet."""
    found = _named(production, clip, words)
    return found.identity if found else ""


def _named(production: Production, clip: Clip, words: Words) -> Clip | None:
    """Return the probed clip whose light is matched, one of the same card before others."""
    if not words.relight.match:
        return None
    named = production.store.clips_named(words.relight.match)
    found = [other for other in named if other.essence and other.id != clip.id]
    return min(found, key=lambda other: other.card != clip.card, default=None)


def _hero(production: Production, clip: Clip, words: Words) -> Hero | None:
    other = _named(production, clip, words)
    if other is None or other.essence is None:
        return None
    theirs = words_of(production, other)
    space = space_of(production, other.essence, theirs)
    spec = specs_for(other.essence, theirs, other.name, other.reel).working
    return Hero(other.identity, source_of(production, other), other.essence, spec, space)


def space_of(production: Production, essence: Essence, words: Words) -> str:
    """Return the name of the space that a clip was recorded in.

    Raises:
        UnknownSpace: it is not known.
    """
    return camera_space(essence, word=words.source.space, cameras=production.config.colour.cameras).name


@dataclass(frozen=True, slots=True)
class Lighting:
    """What lights a clip in a child: the enhancements around restoration, and what to tell of them."""

    enhance: Enhance
    relight: Relight
    flicker: Flicker | None
    match_stops: float
    model: str
    engine: str
    before: list[Picture]

    def figures(self) -> dict[str, float]:
        """Return what was done, once it is done; frequencies in hertz, all else in stops but a share of the picture."""
        change = self.relight.change
        found = (
            {}
            if self.relight.is_off
            else {
                "most_stops": change.most_stops,
                "mean_stops": change.mean_stops,
                "protected_share": change.protected_share,
            }
        )
        if self.flicker:
            found |= {"flicker_hz": self.flicker.hz, "flicker_stops": self.flicker.stops}
        if self.match_stops:
            found["match_stops"] = self.match_stops
        return {name: round(value, 4) for name, value in found.items()}


def lighting(
    task: LightTask,
    restore: Enhance,
    files: MediaFiles,
    essence: Essence,
    spec: ProxySpec,
    *,
    models: str,
    engine: str,
    alive: Callable[[], None],
) -> Lighting:
    """Return what lights a clip, restoration in its midst; in a child.

    Raises:
        MediaError: the clip, or its hero, breaks. SourceChanged: the hero is not what was hashed.
    """
    from engines.backends import choose_light
    from engines.enhance import in_turn
    from engines.enhance.flicker import Deflicker
    from engines.enhance.relight import Relight
    from engines.light.curve import curve_of
    from engines.render import still_number

    backend, weights, light = choose_light(engine), _weights(Path(models)), task.light
    beat, bring = _seen(task, files, essence, spec, backend, weights, alive)
    curve = curve_of(task.space, essence.code_range, essence.transfer)
    plain = curve_of(task.space, essence.code_range, essence.transfer, shoulder=False)
    relight = Relight(
        backend,
        weights,
        curve,
        essence.matrix,
        light.dials,
        light.limits,
        spec.height,
        spec.width,
        essence.width,
        bring,
    )
    before: list[Picture] = []

    def relit(picture: Picture, coming: object) -> Picture:
        del coming
        if picture.number == still_number(essence):
            before.append(picture)
        return relight(picture)

    enhance = in_turn(Deflicker(beat, light.strength, plain, essence.matrix), restore, relit)
    name, runs = ("", "") if relight.is_off else (weights.name, backend.describe())
    return Lighting(enhance, relight, beat, bring.stops, name, runs, before)


def _weights(models: Path) -> Weights:
    from daemon.models import active_weights, own_weights
    from engines.model.topology import RELIGHT
    from engines.model.weights import base_weights

    own = active_weights(models, RELIGHT)
    return own_weights(own, RELIGHT) if own else base_weights(RELIGHT)


def _seen(
    task: LightTask,
    files: MediaFiles,
    essence: Essence,
    spec: ProxySpec,
    backend: LightBackend,
    weights: Weights,
    alive: Callable[[], None],
) -> tuple[Flicker | None, Bring]:
    """Go through the clip, and its hero, for what must be known before; not at all where nothing asks for it."""
    from engines.light.dials import Bring, brought
    from engines.light.flicker import find
    from engines.light.illumination import Illumination

    def eye(at: ProxySpec) -> Illumination | None:
        return Illumination(backend, weights, at.height // 2, at.width // 2) if task.hero else None

    light = task.light
    if not (light.strength or task.hero):
        return None, Bring()
    grids, level = _measured(files, essence, spec, task.space, eye(spec), alive)
    beat = find(grids, float(essence.rate), light.mains_hz or None, light.beat_hz or None) if light.strength else None
    return beat, brought(level, _level_of(task.hero, eye(task.hero.spec), alive)) if task.hero else Bring()


def _measured(
    files: MediaFiles,
    essence: Essence,
    spec: ProxySpec,
    space: str,
    illumination: Illumination | None,
    alive: Callable[[], None],
) -> tuple[list[Floats], Level]:
    from engines.light.curve import curve_of
    from engines.light.level import measured
    from engines.media.decode import decoder_for
    from engines.render import pictures

    def heard() -> Iterator[Picture]:
        for picture in pictures(decoder_for(files, essence), essence, spec):
            alive()
            yield picture

    curve = curve_of(space, essence.code_range, essence.transfer)
    return measured(heard(), curve, essence.matrix, illumination, grids=True)


def _level_of(hero: Hero, illumination: Illumination | None, alive: Callable[[], None]) -> Level:
    with opened(hero.source.place, hero.source.files) as files:
        return _measured(files, hero.essence, hero.spec, hero.space, illumination, alive)[1]


def joined(*names: str) -> str:
    """Return names of what ran one after the other, each once."""
    return ", ".join(dict.fromkeys(name for name in names if name))


def write_before(light: Lighting, grade: Callable[[Picture], Picture] | None, matrix: str, staged: Path) -> None:
    """Write the still from before a clip was relit beside its staged proxy, under the same look, for the report.

    A clip that was not relit has none.
    """
    from engines.media.still import jpeg_as_shown

    if light.relight.is_off or not light.before:
        return
    path = staged.with_name(f"{staged.name}{BEFORE}")
    path.write_bytes(jpeg_as_shown(light.before[0], matrix, grade))
    fsync_file(path)
