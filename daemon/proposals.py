"""Proposals: grades for clips that nobody graded, learned from those that somebody did, or matched to another clip.

Only where training is approved, and never from what `model.exclude` names. What proposes is a model of the production
like its networks: entered in the registry with its lineage, promoted only if it comes nearer to grades that it has not
seen than no grade at all does. A proposal is made once for a clip and stays: a shot's look does not wander as the day
is graded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from math import nan
from pathlib import Path

import numpy as np

from daemon import models
from daemon.log import get
from daemon.production import Moment, Production
from daemon.publish import make_folders
from daemon.publish import replace as write_whole
from daemon.replay import is_excluded
from daemon.slate import ClipLook, Proposed, Refined
from daemon.store import Clip
from engines.colour.cdl import NEUTRAL, Cdl, Values, graded
from engines.colour.match import matched
from engines.colour.predict import (
    HEIGHT,
    LEAST,
    WIDTH,
    Graded,
    Predictor,
    Seen,
    figures_of,
    left_out_error,
    packed,
    unpacked,
)
from engines.errors import BadWeights
from engines.media.essence import Essence

SIZE = "look"
"""What the look's model is called in the registry, where networks go by their size."""
_MOST_CLIPS = 200
"""Clips that are learned from, the latest: a model of 200 is made in about a second."""
_MOST_OF = 0.5
"""Least share of a clip's time that another camera's must cover to be matched to."""


def learn(production: Production, looks: dict[int, ClipLook], now: Moment) -> None:
    """Make a model of the clips that are graded now, unless it is there already, and enter it in the registry."""
    clips = [clip for clip in production.store.clips() if _teaches(production, clip, looks.get(clip.id))][-_MOST_CLIPS:]
    if len(clips) <= LEAST:
        return
    examples = tuple(Graded(clip.name, _seen(clip), looks[clip.id].look.cdl) for clip in clips)
    data = packed(examples)
    digest = hashlib.sha256(data).hexdigest()
    if any(model.digest == digest for model in production.store.models(size=SIZE)):
        return
    ours, none = left_out_error(examples)
    reasons = () if ours < none else (f"it is {ours:.2f} from grades that it has not seen, no grade at all {none:.2f}",)
    scores = {"left_out": round(ours, 4), "no_grade": round(none, 4), "clips": float(len(clips))}
    _write(production, digest, data, scores)
    parent = models.active(production.store, SIZE)
    refined = Refined(digest, not reasons, reasons, scores, 0, 0.0, ())
    models.enter(production, SIZE, parent, clips[-1].card, refined, now)


def _teaches(production: Production, clip: Clip, look: ClipLook | None) -> bool:
    """Return whether a clip was graded by a person and may be learned from."""
    if not look or not look.origin or look.look.cdl.is_neutral or not clip.picture:
        return False
    return not is_excluded(production, clip)


def _write(production: Production, digest: str, data: bytes, scores: dict[str, float]) -> None:
    config = production.config
    assert config.production.training is not None
    lineage = {"kind": SIZE, "production": config.production.code, **config.production.training.model_dump(), **scores}
    text = json.dumps(lineage, indent=1, sort_keys=True)
    make_folders(config.models, mode=0o700)
    write_whole(data, config.models / f"{digest}.safetensors", config.models)
    write_whole(f"{text}\n".encode(), config.models / f"{digest}.json", config.models)


def propose(production: Production, clip: Clip) -> Proposed | None:
    """Return a grade for a clip from the active model; None where nothing can be said of it.

    Without a model, or where that does not know such pictures, it is no grade at all and not sure.
    """
    if not clip.picture:
        return None
    digest = models.active(production.store, SIZE)
    if not digest:
        return Proposed(NEUTRAL, "", (), is_sure=False)
    try:
        predictor = _predictor(production.config.models / f"{digest}.safetensors")
    except BadWeights as error:
        get().error("look.model", what=error.what, why=error.why, fix=error.fix)
        return Proposed(NEUTRAL, digest, (), is_sure=False)
    told = predictor.propose(_seen(clip))
    return Proposed(told.cdl if told.is_sure else NEUTRAL, digest, told.leaned_on, told.is_sure)


@lru_cache(maxsize=1)
def _predictor(path: Path) -> Predictor:
    """Return the predictor of a model; kept, since it is asked for once a clip and its file's name is its digest."""
    return Predictor(unpacked(path))


def match(clip: Clip, other: Clip, look: ClipLook | None) -> Proposed | None:
    """Return the grade that brings a clip to what another looks like under its own grade; None where one is not log."""
    if not clip.picture or not other.picture:
        return None
    return Proposed(
        _matched(clip.picture, other.picture, look.look.cdl if look else NEUTRAL), "", (other.name,), is_sure=True
    )


@lru_cache(maxsize=1024)
def _matched(picture: str, other: str, cdl: Cdl) -> Cdl:
    """Return the matching grade; kept, since it is asked for again whenever a look is."""
    return matched(_picture(picture), graded(_picture(other), cdl))


def beside(production: Production, clip: Clip, looks: dict[int, ClipLook]) -> Clip | None:
    """Return the graded clip of another card of the day and scene that covers most of a clip by timecode; or None."""
    card = production.store.card(clip.card)
    covered = [
        (_shared(clip.essence, other.essence), other)
        for other in production.store.clips()
        if other.id in looks and other.card != clip.card and other.essence and clip.essence
        if production.store.card(other.card).shoot_day == card.shoot_day
        and are_of_one_scene(clip.essence.setting.scene, other.essence.setting.scene)
    ]
    best = max(covered, key=lambda one: one[0], default=(0.0, None))
    return best[1] if best[0] >= _MOST_OF else None


def are_of_one_scene(one: str, other: str) -> bool:
    """Return whether two clips may be of one scene: a name that one lacks, or a place by coordinates, parts nobody."""
    return one == other or any(not scene or scene[0] in "+-" for scene in (one, other))


def _shared(one: Essence | None, other: Essence | None) -> float:
    """Return which share of a clip's time another covers, by their timecode."""
    assert one
    assert other
    (start, end), (from_, to) = (
        (it.start_frame / it.rate, (it.start_frame + it.frames) / it.rate) for it in (one, other)
    )
    return float((min(end, to) - max(start, from_)) / (end - start))


def with_proposal(look: ClipLook, proposal: Proposed | None, flag: str) -> ClipLook:
    """Return a clip's look under what was proposed for it; a person's grade stands over any."""
    if proposal is None or look.origin or look.flags:
        return look
    flags = () if proposal.is_sure else (flag,)
    origin = f"proposed by {proposal.model[:12]}" if proposal.model else f"matched to {', '.join(proposal.leaned_on)}"
    return replace(
        look,
        look=replace(look.look, cdl=proposal.cdl),
        origin=origin if proposal.is_sure else "",
        flags=flags,
        leaned_on=proposal.leaned_on if proposal.is_sure else (),
    )


def _seen(clip: Clip) -> Seen:
    """Return what is known of a probed clip."""
    assert clip.essence
    created, setting = clip.essence.created, clip.essence.setting
    moment = datetime.fromisoformat(created) if created else None
    figures = figures_of(_picture(clip.picture).reshape(HEIGHT, WIDTH, 3), setting.iso, setting.kelvin)
    return Seen(figures, setting.scene, clip.essence.camera, moment.timestamp() / 3600 if moment else nan)


def _picture(text: str) -> Values:
    return np.array(json.loads(text), np.float32).reshape(-1, 3)
