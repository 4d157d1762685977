"""Signing of what a stage makes: what it was made of, from the control process, and the statement, in the child."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.production import Production
from daemon.slate import Origin, Twin, VerifiedFile
from daemon.store import Clip
from daemon.worker import Progress


def origin_of(production: Production, clip: Clip, recipe: str, sources: Sequence[Clip] = ()) -> Origin | None:
    """Return what a clip's files are signed as made of, its own files unless other `sources` are named.

    None where the configuration has nothing signed.
    """
    config = production.config
    if not config.provenance.sign:
        return None
    files: tuple[VerifiedFile, ...] = ()
    for source in sources or (clip,):
        known = production.store.files(source.card)
        files += tuple(known[path] for path in (*source.found.files, *source.found.sidecars) if path in known)
    return Origin(str(config.certificates), config.production.code, clip.custody, clip.identity, recipe, files)


def sign_mix(staged: Path, origin: Origin | None, clip: str, progress: Progress) -> str:
    """Sign a staged guide mix, and return its signature.

    Raises:
        NotSigned: the key is missing.
    """
    if origin is None:
        return ""
    from daemon.provenance import Statement, sign

    return sign(staged, staged.suffix, Statement(clip, Twin.SOUND, origin, None, ()), progress)


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a twin's files: its look's steps, and what enhanced how many pictures, how far (0-1)."""

    clip: str
    twin: Twin
    look: tuple[str, ...]
    model: str
    engine: str
    strength: float
    changed: int


def sign_proxy(staged: Path, suffix: str, origin: Origin | None, said: Said, progress: Progress) -> str:
    """Sign a staged file that will be named with a suffix, and return its signature; before it is checked and hashed.

    Raises:
        NotSigned: the key is missing or the library refuses. DiskFull: there is no room for the signed copy.
    """
    if origin is None:
        return ""
    from daemon.provenance import Statement, enhancement_of, sign

    done = enhancement_of(said.model, said.engine, said.strength, said.changed)
    return sign(staged, suffix, Statement(said.clip, said.twin, origin, done, said.look), progress)
