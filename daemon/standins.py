"""Stand-ins: what may be rendered where nothing here decodes a clip: the camera's own proxy, or a DIT's transcode.

Only what `offload.stand_ins` allows, by the clip's name; that timecode and length agree is checked when it is
probed. Every delivery made from one is marked so.
"""

from __future__ import annotations

from pathlib import Path

from daemon.beneath import mark, open_beneath
from daemon.cards.base import MOVIES, stem, suffix
from daemon.errors import NearsetError
from daemon.log import get
from daemon.production import Production
from daemon.slate import CameraFile, CardPlace
from daemon.store import Clip


def stand_in_for(production: Production, clip: Clip) -> tuple[CardPlace, CameraFile] | None:
    """Return the stand-in of a clip and where it lies; None where there is none, or none is allowed."""
    allowed = production.config.offload.stand_ins
    known = production.store.files(clip.card)
    for path in clip.found.stand_ins if allowed.camera else ():
        if path in known:
            card = production.store.card(clip.card)
            return CardPlace(card.root, card.path), CameraFile(path, known[path].mark)
    for folder in allowed.folders:
        for candidate in sorted(folder.rglob("*")):
            relative = candidate.relative_to(folder).as_posix()
            is_named_so = stem(relative).lower() == clip.name.lower() and suffix(relative) in MOVIES
            if is_named_so and candidate.is_file() and (found := _marked(folder, relative)):
                return CardPlace(str(folder), "."), found
    return None


def _marked(folder: Path, relative: str) -> CameraFile | None:
    """Return a transcode as it looks now; None where it is a link or went away, which the log tells."""
    try:
        with open_beneath(folder, relative) as file:
            return CameraFile(relative, mark(file))
    except NearsetError as error:
        get().warning("stand_in.refused", path=relative, code=error.code, why=error.why, fix=error.fix)
        return None
