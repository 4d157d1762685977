"""What a clip's proxies are, by the recipe's words: the specs of its presets, and what cannot be made of it.

The first preset is the delivery: a clip that it cannot carry is held. One that a further preset cannot carry is
delivered without that one, and the delivery says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from fractions import Fraction

from daemon.framing import BurnInWords, CanvasWords, DecisionWords
from daemon.recipe import Words
from daemon.slate import TWIN_FOLDER, DeliveredFile, Rendition, Twin
from daemon.turnover.naming import revision_name
from engines.errors import EncodeFailed
from engines.media.essence import AudioTrack, Essence
from engines.media.layout import sound_notes, tracks_of
from engines.media.preset import PRESETS, BurnIn, Fit, Place, Preset, derived
from engines.media.proxy import (
    Framing,
    ProxySpec,
    Rotation,
    Wanted,
    instead_of,
    pixel_aspect,
    rotation_of,
    spec_of,
    working_of,
)
from engines.media.story import mobs_of

_WORD = re.compile(r"\{(\w+)\}")
_SAME_SHAPE = 0.005
"""How far a canvas and a clip may differ in width by height and have one shape: sides are rounded to even pixels."""
_SHARES = 1 << 20


@dataclass(frozen=True, slots=True)
class Specs:
    """What is made of a clip: the proxies, the first preset's first, and the raster that they are made at.

    `notes` are what an editor must know of them.
    """

    working: ProxySpec
    proxies: tuple[ProxySpec, ...]
    notes: tuple[str, ...]


def chosen(words: Words) -> list[Preset]:
    """Return the presets that the recipe's words ask for, the first one first."""
    names = words.proxy.presets
    return [PRESETS[name] for name in names] if names else [derived(words.proxy.codec, words.proxy.width)]


def specs_for(
    essence: Essence,
    words: Words,
    clip_name: str,
    reel: str,
    said: Mapping[str, str] | None = None,
    guide: AudioTrack | None = None,
) -> Specs:
    """Return what a clip's proxies are; `said` is what burn-ins say of it, by their words, `guide` its guide mix.

    Raises:
        EncodeFailed: the first preset cannot carry the clip.
    """
    presets = chosen(words)
    wanted, notes = _wanted(essence, words, clip_name, reel, said or {})
    wanted = replace(wanted, guide=guide)
    if essence.rotation_degrees and rotation_of(presets, wanted) is not wanted.rotation:
        wanted = replace(wanted, rotation=Rotation.BAKE)
        notes.append("rotation baked: a preset cannot carry it as a tag")
    proxies: list[ProxySpec] = []
    for preset in presets:
        try:
            proxies.append(spec_of(essence, preset, wanted))
        except EncodeFailed as error:
            if not proxies:
                raise
            notes.append(f"no {preset.name}: {error.what}")
    asked = {preset.name: preset.codec for preset in presets}
    notes += [reason for spec in proxies if (reason := instead_of(asked[spec.preset], spec))]
    notes += [note for spec in proxies for note in sound_notes(essence, spec)]
    notes += [
        f"{spec.preset}: track {len(tracks_of(essence, spec))} is the guide mix" for spec in proxies if spec.guide
    ]
    return Specs(working_of(essence, proxies), tuple(proxies), tuple(dict.fromkeys(notes)))


def _wanted(
    essence: Essence, words: Words, clip_name: str, reel: str, said: Mapping[str, str]
) -> tuple[Wanted, list[str]]:
    """Return what a clip's proxies have in common, and what an editor must know of it."""
    source = words.source
    canvas = next((canvas for canvas in words.framing.canvases if _is_of(canvas, essence)), None)
    decision = _decision(canvas, words.framing.intent) if canvas else None
    framing = _framing(canvas, decision) if canvas and decision else None
    squeeze = source.squeeze or (canvas.squeeze if canvas and essence.pixel_aspect in {0, 1} else None)
    wanted = Wanted(
        clip_name=clip_name,
        reel=reel,
        deinterlace=source.deinterlace,
        rotation=source.rotation,
        squeeze=Fraction(str(squeeze)) if squeeze else None,
        framing=framing,
        fit=Fit(words.framing.fit) if words.framing.fit else None,
        burn_in=_burn_in(words.burn_in, {**said, "clip": clip_name, "reel": reel}, framing),
    )
    if words.framing.canvases and not framing:
        intent = f" for {words.framing.intent}" if words.framing.intent else ""
        return wanted, [f"not framed: the FDL has no decision{intent} on {essence.width}x{essence.height}"]
    return wanted, []


def _is_of(canvas: CanvasWords, essence: Essence) -> bool:
    """Return whether a canvas has the clip's raster, or its shape: a camera may record a canvas smaller."""
    return abs(canvas.width * essence.height / (canvas.height * essence.width) - 1) < _SAME_SHAPE


def _decision(canvas: CanvasWords, intent: str | None) -> DecisionWords | None:
    """Return the framing decision for an intent by its id or label; the first, which is the file's, without one."""
    return next((one for one in canvas.decisions if intent in {None, one.intent, one.label}), None)


def _framing(canvas: CanvasWords, decision: DecisionWords) -> Framing:
    shares = (
        decision.x / canvas.width,
        decision.y / canvas.height,
        decision.width / canvas.width,
        decision.height / canvas.height,
    )
    return Framing(*(Fraction(share).limit_denominator(_SHARES) for share in shares))


def _burn_in(words: BurnInWords, said: Mapping[str, str], framing: Framing | None) -> BurnIn:
    known = {**said, "recipient": words.recipient}
    placed = tuple((place, text) for place in Place if (text := _filled(getattr(words, place), known)))
    lines = tuple(Fraction(str(shape)) for shape in words.frame_lines)
    framed = (framing.x, framing.y, framing.width, framing.height) if framing else None
    return BurnIn(placed, _filled(words.watermark, known), lines, framed)


def _filled(template: str, known: Mapping[str, str]) -> str:
    """Return a template with its words; those of single frames and of the model stay for who draws them."""
    return _WORD.sub(lambda word: known.get(word[1], word[0]), template).strip()


@dataclass(frozen=True, slots=True)
class Written:
    """A staged file's bytes, and its signature as in `DeliveredFile`."""

    xxh128: str
    size_bytes: int
    signed: str = ""


def renditions(
    essence: Essence,
    proxies: Sequence[ProxySpec],
    written: Sequence[Sequence[Written]],
    *,
    twin: Twin,
    name: str,
    revision: int,
    identity: tuple[str, str],
    encoders: Sequence[str] = (),
) -> tuple[Rendition, ...]:
    """Return what was made under each preset, by `written` for each proxy and file.

    `name` is the clip's in the delivery, `identity` the words that MXF's identities were made of, `encoders`
    what encoded each. The first preset's files lie in the twin's folder, those of each further one in one of its own.
    """
    made = []
    for number, (spec, files) in enumerate(zip(proxies, written, strict=True)):
        folder = f"{spec.preset}/{TWIN_FOLDER[twin]}" if number else TWIN_FOLDER[twin]
        placed = tuple(
            DeliveredFile(f"{folder}/{revision_name(name, revision, spec.wrapper.suffix, sound)}", *astuple(file))
            for sound, file in enumerate(files)
        )
        tracks = tracks_of(essence, spec)
        aspect = pixel_aspect(essence, spec) or Fraction(1)
        size, mobs = (spec.width, spec.height), mobs_of(essence, spec, *identity)
        encoder = encoders[number] if encoders else ""
        made.append(Rendition(spec.preset, spec.codec, spec.wrapper, *size, aspect, tracks, placed, mobs, encoder))
    return tuple(made)
