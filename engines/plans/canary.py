"""Whether an engine gives the reference's pictures: one canary a shape, what torch makes of it, and how far is too far.

The canary is arithmetic, the same everywhere and for ever; what the reference makes of it is kept with the weights, so
that who runs engines needs no torch. It goes through packed, along the motion that processors find, wherever an engine
finds its own: what is compared is the network and what it is given, not two searches.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save, save_file

from engines.backends.base import Session
from engines.errors import BadPlan, BuildFailed
from engines.media.frames import Picture
from engines.model.noise import NoiseProfile
from engines.model.packing import Packed, pack
from engines.model.weights import Weights
from engines.plans.key import PlanKey
from engines.plans.store import PlanStore

MOST_ERROR = 5e-3
"""Most that an engine's picture may be off, relative to the reference's, both as vectors. Source: the issue's goal."""
MOST_OF_CHANGE = 0.05
"""Most that it may be off, relative to what the reference changed in the picture: it is this that shows weights which
were not renewed, since most of a picture is the picture that came in."""
FRAMES = 4
CANARY_NOISE = NoiseProfile(2e-4, 1e-4)
_DEVIATION = 12.0
_SEED = 20261125


def canary(height: int, width: int) -> Iterator[tuple[Packed, Packed]]:
    """Yield the pictures and noise maps of the canary for packed pictures of `height` x `width`."""
    for picture in canary_pictures(height, width):
        packed = pack(picture)
        yield packed, CANARY_NOISE.noise_map(packed)


def canary_pictures(height: int, width: int) -> Iterator[Picture]:
    """Yield the working pictures of the canary for packed pictures of `height` x `width`: a moving pattern."""
    down, across = np.mgrid[: height * 2, : width * 2].astype(np.float32)
    for number in range(FRAMES):
        luma = 480 + 200 * np.sin((across + 3 * number) / 37) * np.cos(down / 23) + 90 * (((across + down) // 24) % 2)
        cb, cr = (512 + 60 * np.sin(plane[:, ::2] / 51 + number) for plane in (across, down))
        planes = [_codes(plane, number * 3 + at) for at, plane in enumerate((luma, cb, cr))]
        yield Picture(number, *planes)


def _noise(shape: tuple[int, ...], seed: int) -> npt.NDArray[np.float32]:
    """Return white uniform noise from a bit generator, whose stream never changes. Source: NumPy's NEP 19."""
    count = int(np.prod(shape))
    raw = np.random.PCG64(_SEED + seed).random_raw(-(-count // 4)).view(np.uint16)[:count]
    spread = _DEVIATION * 12**0.5
    return ((raw / 65535 - 0.5) * spread).astype(np.float32).reshape(shape)


def _codes(clean: npt.NDArray[np.floating], seed: int) -> npt.NDArray[np.uint16]:
    codes: npt.NDArray[np.uint16] = np.clip(np.rint(clean + _noise(clean.shape, seed)), 4, 1019).astype(np.uint16)
    return codes


def last_picture(session: Session, height: int, width: int) -> Packed:
    """Return what a session makes of the canary's last picture, which depends on all before it."""
    session.reset()
    for picture, noise in canary(height, width):
        output = session.step(picture, noise)
    last = output.copy()
    session.reset()
    return last


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an engine is from the reference: relative to its picture, and to what it changed in it."""

    error: float
    of_change: float

    @property
    def refused(self) -> str:
        """Why the engine must not serve; empty if it may."""
        if not (np.isfinite(self.error) and np.isfinite(self.of_change)):
            return "its pictures are not numbers"
        if self.error > MOST_ERROR or self.of_change > MOST_OF_CHANGE:
            return (
                f"its picture is off by {self.error:.1e} (allowed {MOST_ERROR:.0e}), "
                f"{100 * self.of_change:.1f} % of what the reference changes (allowed {100 * MOST_OF_CHANGE:.0f} %)"
            )
        return ""


def parity(session: Session, reference: Packed, height: int, width: int) -> Parity:
    """Return how far a session is from the reference on the canary of its shape."""
    output = last_picture(session, height, width)
    *_, (filmed, _) = canary(height, width)
    off = float(np.linalg.norm(output - reference))
    return Parity(off / float(np.linalg.norm(reference)), off / max(float(np.linalg.norm(reference - filmed)), 1e-9))


def reference_key(key: PlanKey) -> PlanKey:
    """Return under which key the reference of a plan's weights and shape is kept."""
    return replace(
        key, what="reference", precision="f32", library="torch", version="", renewal="", sm="", gpu="", driver=""
    )


def keep_reference(store: PlanStore, key: PlanKey, session: Session) -> Packed:
    """Make the reference of a shape with a session of the reference network, keep it and return it."""
    output = last_picture(session, key.height, key.width)
    store.save(reference_key(key), save({"output": output}), 0.0)
    return output


def reference(store: PlanStore, key: PlanKey, weights: Weights) -> Packed:
    """Return what torch makes of the canary with these weights; made in a process of its own where it is not kept.

    Raises:
        BuildFailed: it could not be made.
    """
    wanted = reference_key(replace(key, weights=weights.digest))
    try:
        kept = store.load(wanted)
    except BadPlan:
        kept = None
    data = kept or _made(wanted, weights)
    if kept is None:
        store.save(wanted, data, 0.0)
    output: Packed = load(data)["output"]
    return output


def _made(key: PlanKey, weights: Weights) -> bytes:
    with TemporaryDirectory(prefix="nearset-reference-") as name:
        folder = Path(name)
        save_file(weights.tensors, folder / "weights.safetensors")
        command = [sys.executable, "-P", "-m", "engines.plans.referee", json.dumps(asdict(key)), name]
        child = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if child.returncode:
            raise BuildFailed(
                "no engine can be proven",
                why=f"the reference could not be made ({child.stderr.strip().splitlines()[-1:]})",
                fix="reinstall nearset, so that torch is there; then `nearset retry`",
            )
        return (folder / "reference.safetensors").read_bytes()
