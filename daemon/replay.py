"""The replay store as the production keeps it: how much room it takes, and what may no longer be in it.

The database says which cuts are kept; their files lie in the replay folder, named by digest. A cut's row goes
before its file, and files that no row names go at the next start, so that a crash in between leaves nothing behind.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from pathlib import Path

from daemon.log import get
from daemon.production import Production
from daemon.states import ModelState
from daemon.store import Clip, KeptSample

_OURS = re.compile(r"[0-9a-f]{64}\.(safetensors|json|jpg)|.*\.(part|sidecar)")
"""Names that are given in the folders of models and replay."""


def is_excluded(production: Production, clip: Clip) -> bool:
    """Return whether the configuration keeps a clip from being learned from: it, a file of it, or its roll is named.

    Case does not count, and neither does the way in which the clip is named: to learn less is the safe side.
    """
    names = [clip.name, production.store.card(clip.card).roll]
    names += [Path(path).name for path in clip.found.files]
    patterns = [pattern.casefold() for pattern in production.config.model.exclude]
    return any(fnmatch.fnmatchcase(name.casefold(), pattern) for pattern in patterns for name in names)


def tidy(production: Production) -> None:
    """Bring the folders in line with database and configuration; at the start, while no child runs."""
    production.store.drop_queued("sample", "refine", "room")
    _forget_excluded(production)
    _sweep(production.config.replay, {f"{sample.digest}.safetensors" for sample in production.store.samples()})
    _sweep(production.config.models, _named_by_models(production))


def make_room(production: Production) -> None:
    """Thin the fullest cards, oldest first, until the cuts fit; the holdout and one cut of each card stay."""
    room = int(production.config.refine.replay_gib * 2**30)
    samples = production.store.samples()
    taken = sum(sample.size_bytes for sample in samples)
    while taken > room:
        gone = _least_missed([sample for sample in samples if not sample.holdout])
        if gone is None:
            get().warning("replay.full", room_gib=production.config.refine.replay_gib, bytes=taken)
            return
        _forget(production, gone)
        samples.remove(gone)
        taken -= gone.size_bytes
        get().info("replay.thinned", clip=gone.clip[:12], first_frame=gone.first_frame)


def _least_missed(samples: list[KeptSample]) -> KeptSample | None:
    """Return a cut of the fullest card, of the clip that most are kept of; None where each card has but one."""
    cards = Counter(sample.card for sample in samples)
    card, count = cards.most_common(1)[0] if cards else (0, 0)
    if count <= 1:
        return None
    of_card = [sample for sample in samples if sample.card == card]
    clip = Counter(sample.clip for sample in of_card).most_common(1)[0][0]
    return next(sample for sample in of_card if sample.clip == clip)


def _forget_excluded(production: Production) -> None:
    """Forget the cuts of clips that were excluded since, or are no more what they were."""
    clips = {(clip.card, clip.identity): clip for clip in production.store.clips() if clip.identity}
    for sample in production.store.samples():
        clip = clips.get((sample.card, sample.clip))
        if clip is None or is_excluded(production, clip):
            _forget(production, sample)
            get().warning(
                "replay.forgotten",
                clip=clip.name if clip else sample.clip[:12],
                first_frame=sample.first_frame,
                why="model.exclude names it" if clip else "its camera file is another one now",
                fix="`nearset model show` tells which models learned from it; `nearset model rollback` withdraws one",
            )


def _forget(production: Production, sample: KeptSample) -> None:
    production.store.forget_sample(sample.digest)
    (production.config.replay / f"{sample.digest}.safetensors").unlink(missing_ok=True)


def _named_by_models(production: Production) -> set[str]:
    """Return the files that the models of the database have; the weights of refused ones are not kept."""
    names = set()
    for model in production.store.models():
        names |= {f"{model.digest}.json", f"{model.digest}.jpg"}
        if model.state is not ModelState.REFUSED:
            names.add(f"{model.digest}.safetensors")
    return names


def _sweep(folder: Path, keep: set[str]) -> None:
    """Remove what children left behind that were killed before their answer was taken."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in keep and not path.is_dir():
            path.unlink()
