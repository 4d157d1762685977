"""Undone: looks that cannot be put on, steps of an enhanced twin that is not made, entries that miss: cause and cure.

What is asked for beside the proxies and was not made is told by its own stage. Both are of now: they are looked up, and
never kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from daemon.assists import assists
from daemon.production import Production
from daemon.recipe import Words
from daemon.slate import Trouble, Twin, Undone
from daemon.stages.looks import subject_of
from daemon.stages.render import plain_alone, want_of, why_not_enhanced
from daemon.store import Clip

STEPS = ("removal", "flicker", "relight", "steady", "reframe")
"""Steps beside restoration, in the order in which they are taken."""
NO_TWIN = "undone.no_enhanced_twin"
"""Code of a step that has no twin to be taken in."""
NO_LOOK = "undone.look"
"""Code of a grade or LUT that was laid there for a clip and cannot be put on it."""

NO_ENTRY = "undone.entry"
"""Code of an entry of the recipe that no clip has, because of capitals or a file's ending."""


def entries_missed(production: Production, clips: Sequence[Clip]) -> dict[int, tuple[Undone, ...]]:
    """Return the entries of the recipe that clips would have but for capitals or a file's ending.

    Each is told of the first clip of a roll that it misses, and of no other.
    """
    found: defaultdict[int, tuple[Undone, ...]] = defaultdict(tuple)
    rolls = {card.id: card.roll for card in production.store.cards()}
    told = set()
    for clip in clips:
        roll = rolls[clip.card]
        for place, name in production.recipes.missed(clip=clip.name, roll=roll):
            if (clip.card, place) not in told:
                told.add((clip.card, place))
                why = f"{place} differs from {name} by capitals or a file's ending alone"
                fix = f"write it as {name} is written: capitals count, and no name of a clip has a file's ending"
                trouble = Trouble(NO_ENTRY, "an entry of the recipe holds for no clip; told once a roll", why, fix)
                found[clip.id] += (Undone("entry", trouble),)
    return found


def looks_undone(production: Production, clip: Clip, words: Words) -> Iterator[Undone]:
    """Yield the looks that were laid there for a probed clip and cannot be put on it."""
    if words.proxy.look != "none":
        for why, fix in production.looks.unused(subject_of(production, clip)):
            yield Undone("look", Trouble(NO_LOOK, "a look was not put on it", why, fix))


def steps_undone(production: Production, clip: Clip, words: Words) -> Iterator[Undone]:
    """Yield the steps that a probed clip's words ask for and that are taken in no twin of it."""
    asked = tuple(steps_asked(production, clip, words))
    if not asked:
        return
    why, landed = why_not_enhanced(production, clip), production.store.proxies(clip.id, Twin.ENHANCED)
    if not why or (landed and landed[-1].want == want_of(production, clip, words, Twin.ENHANCED)):
        return
    fix = _cure(production, clip, words)
    for step in asked:
        yield Undone(step, Trouble(NO_TWIN, f"{step} was not done: no enhanced twin is made", why, fix))


def steps_asked(production: Production, clip: Clip, words: Words) -> Iterator[str]:
    """Yield the steps beside restoration that a probed clip's words ask for, in the order in which they are taken."""
    assert clip.essence is not None
    done, light = assists(words, clip.essence, production.recipes.folder), words.light
    still = words.stabilise.model_copy(update={"strength": 0.0})
    framed = assists(words.model_copy(update={"stabilise": still}), clip.essence, production.recipes.folder)
    asked = (
        done is not None and done.removes,
        bool(light.strength),
        light.relights,
        done is not None and bool(done.stabilise),
        framed is not None and framed.frames,
    )
    yield from (step for step, is_asked in zip(STEPS, asked, strict=True) if is_asked)


def _cure(production: Production, clip: Clip, words: Words) -> str:
    assert clip.essence is not None
    if not production.config.enhance.restore.enabled:
        way = "set enhance.restore.enabled to true in the configuration"
    elif plain_alone(production.config, clip.essence, words):
        way = "set source.deinterlace of this clip to true in the recipe"
    else:
        way = "ask for less of it, or raise this clip's limits in the recipe"
    return f"{way}; or take the word out of the recipe"
