"""Signing of what a stage makes: what it was made of, from the control process, and the statement, in the child."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from daemon.production import Production
from daemon.slate import Origin, Twin, VerifiedFile
from daemon.store import Clip
from daemon.worker import Progress
from engines.media.departure import Fidelity


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

    return sign(staged, Statement(clip, Twin.SOUND, origin, None, ()), progress)


def sign_proxy(
    staged: Path,
    origin: Origin | None,
    *,
    clip: str,
    twin: Twin,
    look: tuple[str, ...],
    model: str,
    engine: str,
    strength: float,
    fidelity: Fidelity | None,
    progress: Progress,
) -> str:
    """Sign a staged proxy, before it is checked and hashed since it is never changed after, and return its signature.

    Raises:
        NotSigned: the key is missing or the library refuses. DiskFull: there is no room for the signed copy.
    """
    if origin is None:
        return ""
    from daemon.provenance import Statement, enhancement_of, sign

    done = enhancement_of(model, engine, strength, fidelity.changed) if fidelity else None
    return sign(staged, Statement(clip, twin, origin, done, look), progress)
