"""A matte as a sequence of stills, made in the child: the folder whole, and a list that names each still by SHA-256.

The list is what is signed: one statement for all of a clip's stills. It reads as `sha256sum -c` does.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from daemon.hashing import hash_file
from daemon.provenance import LIST
from daemon.publish import fsync_file, fsync_folder
from daemon.slate import DeliveredFile
from daemon.worker import Progress
from engines.enhance.matte import Matte
from engines.errors import ContractBroken
from engines.media import exr
from engines.media.essence import Essence
from engines.media.proxy import ProxySpec
from engines.media.still import rgb_of

SAID = (
    "R'G'B' of the actor, freed of the screen, as the camera recorded it (0 black, 1 white of the legal range), "
    "before the look and not multiplied by alpha"
)


def written(
    mattes: Iterator[Matte], folder: Path, stem: str, essence: Essence, spec: ProxySpec, progress: Progress
) -> list[str]:
    """Write mattes as stills into a new folder, and return the names in it: the stills in order, then their list.

    Raises:
        ContractBroken: they are not as many as the clip has frames. EncodeFailed, OSError: one was not written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    sequence = exr.Sequence(stem, essence, spec, SAID)
    lines = []
    for number, matte in enumerate(mattes):
        height, width = matte.alpha.shape
        path = sequence.write(folder, number, rgb_of(matte.fill, essence.matrix), matte.alpha)
        fsync_file(path)
        sequence.check(folder, number, height, width)
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
        progress(number + 1, essence.frames)
    if len(lines) != essence.frames:
        why = f"there are {len(lines)} stills, and {essence.frames} frames in the clip"
        raise ContractBroken(f"the matte of {stem} is not as long as its clip", why=why, fix="look at the clip's end")
    listed = folder / f"{stem}{LIST}"
    listed.write_text("".join(lines), encoding="utf-8")
    fsync_file(listed)
    fsync_folder(folder)
    return [*(line.split()[1] for line in lines), listed.name]


def hashed(folder: Path, names: list[str], signed: str, progress: Progress) -> tuple[DeliveredFile, ...]:
    """Return what a staged folder holds, by name; the list, which is last, is what was signed."""
    found = []
    for name in names:
        with (folder / name).open("rb", buffering=0) as file:
            digest = hash_file(file, (), progress=lambda _: progress(1, 1))["xxh128"]
        signature = signed if name == names[-1] else ""
        found.append(DeliveredFile(name, digest, (folder / name).stat().st_size, signature))
    return tuple(found)
