"""Pairing: which of a day's recordings a clip belongs to, and where. Timecode proposes, the ear decides.

Each recorder is asked by itself, since several may have heard the clip; two takes of one recorder cannot both have.
Where two are clear at the same time, one is taken only if it stands as far above the other as a match must stand above
all else in its own take; else neither is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines.sound.clap import agree, claps
from engines.sound.fingerprint import RATE, Print, print_of
from engines.sound.sync import CLEAR_CONFIDENCE, Hear, Match, guesses, is_silent, matched
from engines.sound.wave import Samples

TIMECODE_REACH_SECONDS = 1.5
"""How far about its timecode a clip is looked for; jammed clocks part by less in a day."""
_LEAST_OVERLAP_SECONDS = 0.5
_HEARD_SECONDS = 3.0
"""Least that a clip and a recording have in common where no timecode speaks for them; all of a clip that is shorter."""
_CLAP_SECONDS = 0.02
"""Sound goes seven metres in it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recording that a clip may lie in.

    `told` is where in it the clip's first frame lies by timecode, in seconds, None without. `speeds` are how fast it
    may run beside the clip. `recorder` tells recorders apart. `hear` and `print_of` are asked only where needed.
    """

    seconds: float
    recorder: int
    told: float | None
    hear: Hear
    print_of: Callable[[], Print]
    speeds: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, slots=True)
class Found:
    """A clear match: with which candidate, where, and what speaks for it."""

    candidate: int
    match: Match
    by_timecode: bool
    claps_agree: bool | None


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a clip was found in, in order of time; `rivals` are matches of which only one can be right."""

    found: tuple[Found, ...]
    rivals: tuple[Found, ...]


def paired(clip: Samples, candidates: Sequence[Candidate]) -> Pairing:
    """Return where a clip's own sound (at RATE) was found; nothing where it is silent or no match is clear."""
    if is_silent(clip):
        return Pairing((), ())
    seconds = len(clip) / RATE
    found: list[Found] = []
    rivals: list[Found] = []
    for recorder in sorted({candidate.recorder for candidate in candidates}):
        own = [number for number, candidate in enumerate(candidates) if candidate.recorder == recorder]
        clear = _by_timecode(clip, candidates, own) or _by_ear(clip, candidates, own)
        kept, torn = _parted(clear, seconds, candidates)
        rivals += torn
        found += kept
    witnessed = [_witnessed(clip, each, candidates[each.candidate]) for each in found]
    return Pairing(tuple(sorted(witnessed, key=lambda each: -each.match.seconds)), tuple(rivals))


def overlap_seconds(told: float, clip_seconds: float, seconds: float) -> float:
    """Return how much of a clip lies in a recording, if its first frame lies at `told`."""
    return min(told + clip_seconds, seconds) - max(told, 0.0)


def _by_timecode(clip: Samples, candidates: Sequence[Candidate], own: Iterable[int]) -> list[Found]:
    found = []
    for number in own:
        candidate = candidates[number]
        if candidate.told is None:
            continue
        reach = TIMECODE_REACH_SECONDS
        if overlap_seconds(candidate.told, len(clip) / RATE + 2 * reach, candidate.seconds) < _LEAST_OVERLAP_SECONDS:
            continue
        if match := _best(clip, candidate, candidate.told, reach):
            found.append(Found(number, match, by_timecode=True, claps_agree=None))
    return found


def _by_ear(clip: Samples, candidates: Sequence[Candidate], own: Sequence[int]) -> list[Found]:
    best: dict[int, Match] = {}
    for guess in guesses(print_of(clip), [candidates[number].print_of() for number in own]):
        number = own[guess.sound]
        match = _best(clip, candidates[number], guess.seconds, None)
        if match and _shared_seconds(clip, match, candidates[number]) < min(_HEARD_SECONDS, len(clip) / RATE - 0.1):
            continue
        if match and (number not in best or match.strength > best[number].strength):
            best[number] = match
    return [Found(number, match, by_timecode=False, claps_agree=None) for number, match in sorted(best.items())]


def _shared_seconds(clip: Samples, match: Match, candidate: Candidate) -> float:
    return overlap_seconds(match.seconds, len(clip) / RATE, candidate.seconds)


def _best(clip: Samples, candidate: Candidate, guess: float, reach: float | None) -> Match | None:
    """Return the clear match about a guess at the speed that is heard best, None where none is clear."""
    tried = []
    for speed in candidate.speeds:
        words = {} if reach is None else {"reach_seconds": reach}
        if (match := matched(clip, _at_speed(candidate.hear, speed), guess / speed, **words)) and match.is_clear:
            tried.append(replace(match, seconds=match.seconds * speed, drift_ppm=match.drift_ppm + (speed - 1) * 1e6))
    return max(tried, key=lambda match: match.strength, default=None)


def _at_speed(hear: Hear, speed: float) -> Hear:
    """Return an ear that hears a recording run so much faster."""
    if speed == 1.0:
        return hear

    def faster(first: float, seconds: float) -> Samples:
        count = round(seconds * RATE)
        heard = hear(first * speed, (count + 2) / RATE * speed)
        at_speed: Samples = np.interp(np.arange(count) * speed, np.arange(len(heard)), heard).astype(np.float32)
        return at_speed

    return faster


def _parted(clear: Sequence[Found], seconds: float, candidates: Sequence[Candidate]) -> tuple[list[Found], list[Found]]:
    """Return the matches that can stand, and those torn: which claim the same time of the clip, and none drowns."""
    spans = [
        (max(-each.match.seconds, 0.0), min(candidates[each.candidate].seconds - each.match.seconds, seconds))
        for each in clear
    ]

    def rivals(number: int) -> list[int]:
        begin, end = spans[number]
        return [
            other
            for other, (from_, to) in enumerate(spans)
            if other != number and min(end, to) - max(begin, from_) > _LEAST_OVERLAP_SECONDS
        ]

    def drowns(number: int, other: int) -> bool:
        return 1 - clear[other].match.strength / clear[number].match.strength >= CLEAR_CONFIDENCE

    kept: list[Found] = []
    torn: list[Found] = []
    for number, each in enumerate(clear):
        beside = rivals(number)
        if any(drowns(other, number) for other in beside):
            continue
        if all(drowns(number, other) for other in beside):
            kept.append(_beside(each, [clear[other].match.strength for other in beside]))
        else:
            torn.append(each)
    return kept, torn


def _beside(found: Found, rivals: Sequence[float]) -> Found:
    """Return a match whose confidence counts the rivals in other takes, too."""
    least = min((1 - rival / found.match.strength for rival in rivals), default=1.0)
    return replace(found, match=replace(found.match, confidence=min(found.match.confidence, least)))


def _witnessed(clip: Samples, found: Found, candidate: Candidate) -> Found:
    sound = candidate.hear(found.match.seconds, len(clip) / RATE)
    return replace(found, claps_agree=agree(claps(clip), claps(sound), 0.0, _CLAP_SECONDS))
