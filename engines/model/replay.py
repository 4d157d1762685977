"""The replay store: what a production's model learns from, as small moving cuts of its own verified footage.

One file a sample, named by the digest of its pixels, so that no cut is kept twice. A sample holds the working
pictures as they came (10-bit code values) and what was measured of their noise. Knows no database and no
budget: what goes and what stays is the caller's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor
from torch.nn import functional

from engines.errors import BadSample
from engines.media.frames import CODE_MAX, Picture
from engines.model.grain import Grain, measure
from engines.model.noise import NoiseProfile, estimate
from engines.model.packing import pack
from engines.model.synthetic import pack_planes, planes
from engines.whole import write_whole

FRAMES = 8
"""Pictures of a sample, in a row."""
SIDE = 288
"""Rows and columns of a sample in the working picture, or less where that is smaller; a multiple of 24."""
AVERAGED = 3
"""A production's own clean pictures are its restored samples averaged down by this."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A sample's name and size."""

    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A sample's contents: packed code values / 1023 `[T, 8, h, w]` as filmed, and their noise."""

    pictures: Tensor
    grain: Grain

    def truth(self, restored: Tensor) -> Tensor:
        """Return clean pictures of this content, from what a network made of these, `[T, 8, h, w]` to a third of it.

        Averaging alone leaves a third of white noise and more of coarse, and who learns to keep that keeps noise; what
        the network took from fine detail is lost in averaging (our measurement, docs/log.md, 2026-11-27).
        """
        return averaged(restored)

    def truths(self, restored: Tensor) -> tuple[Tensor, ...]:
        """Return what to learn from as clean: this content as the network restored it, and a third of that size."""
        return restored, self.truth(restored)


def averaged(pictures: Tensor) -> Tensor:
    """Return pictures of a third the size, `[T, 8, h, w]` to `[T, 8, h/3, w/3]`."""
    luma, chroma = planes(pictures)
    return pack_planes(functional.avg_pool2d(luma, AVERAGED), functional.avg_pool2d(chroma, AVERAGED))


class Replay:
    """The samples of one production, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, pictures: list[Picture], profile: NoiseProfile) -> Kept:
        """Keep pictures in a row as a sample, whole and flushed; what is there already is not written again."""
        codes = np.rint(np.concatenate([pack(picture) for picture in pictures]) * CODE_MAX).astype(np.uint16)
        digest = hashlib.sha256(codes.tobytes()).hexdigest()
        path = self.path(digest)
        if not path.exists():
            power = measure(pictures, profile).power
            about = {"shot": repr(profile.shot), "read": repr(profile.read)}
            about["sha256"] = _noise_digest(power, about["shot"], about["read"])
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(path, save({"codes": codes, "power": power}, about))
        return Kept(digest, path.stat().st_size)

    def load(self, digest: str) -> Cut:
        """Return a sample.

        Raises:
            BadSample: it is not there, or is not what its name says.
        """
        try:
            with safe_open(self.path(digest), framework="numpy") as file:
                codes, power = file.get_tensor("codes"), file.get_tensor("power")
                about = file.metadata()
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise _bad(digest, str(error)) from error
        if hashlib.sha256(codes.tobytes()).hexdigest() != digest:
            raise _bad(digest, "its pixels are not those that were kept")
        shot, read, told = (about.get(name, "") for name in ("shot", "read", "sha256"))
        if _noise_digest(power, shot, read) != told:
            raise _bad(digest, "its noise is not what was measured")
        profile = NoiseProfile(float(shot), float(read))
        pictures = torch.from_numpy(codes.astype(np.float32) / np.float32(CODE_MAX))
        return Cut(pictures, Grain(profile, power.astype(np.float32)))

    def forget(self, digest: str) -> None:
        """Remove a sample."""
        self.path(digest).unlink(missing_ok=True)

    def digests(self) -> set[str]:
        """Return what is kept."""
        return {path.stem for path in self._folder.glob("*.safetensors")}

    def path(self, digest: str) -> Path:
        """Return where a sample lies."""
        return self._folder / f"{digest}.safetensors"


def cuts(
    pictures: Iterable[Picture], frames: int, count: int, seed: int
) -> Iterator[tuple[list[Picture], NoiseProfile]]:
    """Return up to `count` cuts of a clip of `frames` pictures, spread over it, each with the noise told there.

    Where in the picture a cut lies is drawn from the seed. The clip is read once and not beyond the last cut.
    """
    rng = np.random.default_rng(seed)
    starts = _starts(frames, count)
    window: list[Picture] = []
    for picture in pictures:
        if not starts:
            return
        if picture.number >= starts[0]:
            window.append(picture)
        if len(window) == FRAMES:
            yield _cropped(window, rng), estimate(window)
            window = []
            starts.pop(0)


def _starts(frames: int, count: int) -> list[int]:
    """Return the first frames of cuts that do not overlap, spread evenly."""
    count = min(count, frames // FRAMES)
    return [number * frames // count + (frames // count - FRAMES) // 2 for number in range(count)]


def _cropped(pictures: list[Picture], rng: np.random.Generator) -> list[Picture]:
    height, width = (min(SIDE, side // 24 * 24) for side in (pictures[0].height, pictures[0].width))
    top = int(rng.integers(0, pictures[0].height - height + 1)) // 2 * 2
    left = int(rng.integers(0, pictures[0].width - width + 1)) // 2 * 2
    return [
        Picture(
            picture.number,
            _crop(picture.y, top, left, height, width),
            _crop(picture.cb, top, left // 2, height, width // 2),
            _crop(picture.cr, top, left // 2, height, width // 2),
        )
        for picture in pictures
    ]


def _crop(plane: npt.NDArray[np.uint16], top: int, left: int, height: int, width: int) -> npt.NDArray[np.uint16]:
    return np.ascontiguousarray(plane[top : top + height, left : left + width])


def _noise_digest(power: npt.NDArray[np.float32], shot: str, read: str) -> str:
    """Return the digest of what a sample tells of its noise; its name is that of its pixels alone."""
    return hashlib.sha256(b"\n".join((power.tobytes(), shot.encode(), read.encode()))).hexdigest()


def _bad(digest: str, why: str) -> BadSample:
    return BadSample(f"sample {digest[:12]} cannot be used", why=why, fix="it is left out; the next card brings others")
