"""Whether a clip enhanced in parts shows where it was cut: goal 55 dB at every seam, and no jump in flicker.

    python -m bench.seams [--samples DIR] [--model lite|mid] [--only overlap|real] [--clip TEXT] [--json FILE]

A part whose work begins so many pictures early is as near to the clip made at once, at its first own picture, as a
restoration that began there is after so many pictures: so one such run gives the whole table by overlap. Then real
files are cut as the service cuts them, and what keeps the pictures in between is weighed.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.video.frame import VideoFrame

from bench.metrics import psnr
from engines.backends import choose
from engines.enhance import LOOK_AHEAD
from engines.enhance.parts import WARM_UP, Joined, begins, make_part
from engines.enhance.restore import Restore
from engines.media.conform import WORKING_FORMAT, frame_of, picture_of
from engines.media.decode import decoder_for
from engines.media.frames import Picture
from engines.media.preset import ProxyCodec, derived
from engines.media.probe import probe
from engines.media.proxy import Wanted, spec_of
from engines.media.source import MediaFile
from engines.model.footage import decode_clean
from engines.model.noise import NoiseProfile, estimate
from engines.model.packing import pictures_of
from engines.model.synthetic import Noise, add_noise
from engines.model.weights import base_weights
from engines.render import pictures, pictures_from

CLEAN = (
    ("footage/sam2_05_juggle.mp4", 3),
    ("footage/flutter_bee.mp4", 3),
    ("footage/sam2_01_dog.mp4", 3),
    ("footage/mdn_friday.mp4", 2),
    ("footage/media3_london_pan_60p.mp4", 1),
    ("footage/editly_palawan.mp4", 4),
)
NOISES = {
    "none": None,
    "middle": Noise("white", shot=0.5 * 0.03**2 / 0.4, read=0.03 * 0.7),
    "high": Noise("white", shot=0.5 * 0.06**2 / 0.4, read=0.06 * 0.7),
}
"""Poisson-Gaussian noise, as `bench.restore` has it."""
REAL = (
    "footage/sam2_01_dog.mp4",
    "footage/media3_concert_50p.mov",
    "footage/videocontext_bar_lowlight.webm",
    "footage/intel_asl_book.mkv",
)
OVERLAPS = (0, 1, 2, 4, 8, 12, 16, 24, 32, 48)
STARTS = (12, 30)
GOAL_DB, GOAL_JUMP = 55.0, 0.02
"""A seam's step may differ so far, as a share, from that of the clip made at once."""
_BESIDE = 6
"""Steps on either side of a seam that it is held against."""
_FRAMES, _PICTURES, _WIDTH = 110, 120, 480
"""Of clean footage and of each real file, and how wide that is made: so the bench takes minutes on a processor."""
_EXACT_DB = 120.0
"""What is shown for pictures that are the same, or differ in single codes."""
CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "Huffyuv (ffvhuff), median": ("ffvhuff", "nut", {"pred": "median"}),
    "Huffyuv (ffvhuff), left": ("ffvhuff", "nut", {"pred": "left"}),
    "FFV1, Rice, context 0": (
        "ffv1",
        "matroska",
        {"level": "3", "coder": "rice", "context": "0", "slices": "4", "g": "1"},
    ),
    "H.264, quantiser 0, ultrafast": ("libx264", "matroska", {"qp": "0", "preset": "ultrafast", "g": "1"}),
    "uncompressed": ("rawvideo", "nut", {}),
}


@dataclass(frozen=True, slots=True)
class Seam:
    """A seam of a real file: PSNR of the first picture behind it, in dB, and luma's step across it in code values.

    `step` is of the joined clip, `at_once` of the one that was not cut, `beside` the mean of that one's steps around.
    """

    clip: str
    size: str
    at: int
    db: float
    step: float
    at_once: float
    beside: float

    @property
    def jump(self) -> float:
        """How far the step differs from that of the clip made at once, as a share."""
        return abs(self.step / self.at_once - 1) if self.at_once else float(self.step > 0)


def restorer(model: str, first: Picture, noise: NoiseProfile) -> Restore:
    """Return a fresh restoration."""
    return Restore(choose("auto"), base_weights(model), first.height, first.width, strength=1.0, noise=noise)


def restored(seen: Sequence[Picture], model: str, noise: NoiseProfile) -> list[Picture]:
    """Return what a fresh restoration makes of pictures."""
    restore = restorer(model, seen[0], noise)
    return [restore(picture, seen[n + 1 : n + 1 + LOOK_AHEAD]) for n, picture in enumerate(seen)]


def by_overlap(samples: Path, model: str, only: str) -> dict[str, dict[int, list[float]]]:
    """Return by noise and overlap how near the first picture behind a seam is, in dB, a figure a clip and seam."""
    found: dict[str, dict[int, list[float]]] = {name: {overlap: [] for overlap in OVERLAPS} for name in NOISES}
    for path, divide in CLEAN:
        if only not in path:
            continue
        clean = decode_clean(samples / path, divide, _FRAMES)[0].astype(np.float32) / 1023
        for name, noise in NOISES.items():
            shown = clean
            if noise:
                shown = add_noise(torch.from_numpy(clean), noise, torch.Generator().manual_seed(7))[0].numpy()
            seen = pictures_of(shown)
            told = estimate(seen[:8])
            at_once = restored(seen, model, told)
            for start in STARTS:
                late = restored(seen[start:], model, told)
                for overlap in OVERLAPS:
                    if overlap < len(late):
                        there = psnr([late[overlap]], [at_once[start + overlap]])
                        found[name][overlap].append(min(there, _EXACT_DB))
            print(f"{Path(path).stem:24.24} {name:7} {_line(found[name])}", flush=True)
    return found


def _line(row: dict[int, list[float]]) -> str:
    return "  ".join(f"{overlap}: {min(values[-len(STARTS) :]):.1f}" for overlap, values in row.items() if values)


def real_seams(samples: Path, path: str, model: str, folder: Path) -> tuple[list[Seam], list[Picture]]:
    """Return the seams of a real file's first pictures, cut in three as the service cuts a clip, and those enhanced."""
    with (samples / path).open("rb") as opened:
        files = [MediaFile(Path(path).name, opened.fileno())]
        essence = probe(files, rate=Fraction(25) if path.endswith("webm") else None)
        spec = spec_of(essence, derived(ProxyCodec.DNXHR_LB, _WIDTH), Wanted("bench", "A001"))
        seen = list(islice(pictures(decoder_for(files, essence), essence, spec), _PICTURES))
        noise = estimate(seen[:8])
        at_once = restored(seen, model, noise)
        cuts = (0, len(seen) // 3, 2 * len(seen) // 3, len(seen))
        parts = []
        for first, end in pairwise(cuts):
            start = begins(first)
            stretch = pictures_from(files, essence, spec, start, end + LOOK_AHEAD - start)
            file = folder / f"{first}.part"
            parts.append((file, make_part(stretch, restorer(model, seen[0], noise), first, end, file)))
    join = Joined(parts, len(seen))
    together = [join(picture) for picture in seen]
    size = f"{seen[0].width}x{seen[0].height}"
    return [_seam(Path(path).stem, size, at, together, at_once) for at in cuts[1:-1]], at_once


def _seam(clip: str, size: str, at: int, together: list[Picture], at_once: list[Picture]) -> Seam:
    around = [n for n in range(at - _BESIDE, at + _BESIDE + 1) if n != at and 1 <= n < len(at_once)]
    return Seam(
        clip,
        size,
        at,
        round(min(psnr([together[at]], [at_once[at]]), _EXACT_DB), 1),
        round(_step(together, at), 4),
        round(_step(at_once, at), 4),
        round(float(np.mean([_step(at_once, n) for n in around])), 4),
    )


def _step(shown: list[Picture], at: int) -> float:
    """Return by how much luma changes from a picture to the next, root mean square in code values."""
    return float(np.sqrt(np.square(shown[at].y.astype(np.float32) - shown[at - 1].y).mean()))


def between(shown: list[Picture], folder: Path) -> dict[str, dict[str, float]]:
    """Return bytes a pixel and CPU milliseconds a picture of writing and reading, by codec."""
    found = {}
    for name, (codec, container, options) in CODECS.items():
        path = folder / "between"
        write, _ = _timed(partial(_write, shown, path, codec, container, options))
        read, back = _timed(partial(_read, path, container))
        assert all(
            np.array_equal(getattr(one, k), getattr(two, k))
            for one, two in zip(back, shown, strict=True)
            for k in ("y", "cb", "cr")
        )
        pixels = shown[0].width * shown[0].height * len(shown)
        found[name] = {
            "mb_a_picture": round(path.stat().st_size / len(shown) / 1e6, 3),
            "bits_a_pixel": round(path.stat().st_size * 8 / pixels, 2),
            "write_ms": round(write * 1e3 / len(shown), 1),
            "read_ms": round(read * 1e3 / len(shown), 1),
        }
    return found


def _write(shown: list[Picture], path: Path, codec: str, container: str, options: dict[str, str]) -> None:
    with av.open(str(path), "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=25, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = shown[0].width, shown[0].height, WORKING_FORMAT
        for picture in shown:
            like = VideoFrame(picture.width, picture.height, WORKING_FORMAT)
            like.pts, like.time_base = picture.number, Fraction(1, 25)
            file.mux(stream.encode(frame_of(picture, like)))
        file.mux(stream.encode(None))


def _read(path: Path, container: str) -> list[Picture]:
    with av.open(str(path), format=container) as file:
        file.streams.video[0].thread_type = "AUTO"
        return [picture_of(frame) for frame in file.decode(video=0)]


def _timed(work: Any) -> tuple[float, Any]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    made = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, made


def cut_really(samples: Path, model: str, only: str) -> tuple[list[Seam], dict[str, dict[str, dict[str, float]]]]:
    """Return the seams of real files, and by file what its enhanced pictures take in between."""
    seams: list[Seam] = []
    kept = {}
    with tempfile.TemporaryDirectory() as name:
        for path in (path for path in REAL if only in path):
            found, shown = real_seams(samples, path, model, Path(name))
            seams += found
            for seam in found:
                steps = f"step {seam.step}, made at once {seam.at_once}, around {seam.beside}"
                print(f"{seam.clip:28.28} {seam.size:9} at {seam.at:3}: {seam.db} dB, {steps}", flush=True)
            kept[Path(path).stem] = between(shown[:48], Path(name))
            for codec, figures in kept[Path(path).stem].items():
                print(f"  {codec:30} {figures}", flush=True)
    return seams, kept


def main() -> int:
    """Measure, print, and tell whether the goals are met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, default=Path("../shared/samples"))
    parser.add_argument("--model", default="lite")
    parser.add_argument("--only", choices=["overlap", "real"])
    parser.add_argument("--clip", default="", help="only clips whose name contains this")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    told = arguments.samples, arguments.model, arguments.clip
    seams, kept = cut_really(*told) if arguments.only != "overlap" else ([], {})
    table = by_overlap(*told) if arguments.only != "real" else {}
    if table:
        print(f"\n{'overlap':8}" + "".join(f"{noise:>20}" for noise in table))
    for overlap in OVERLAPS if table else ():
        cells = (f"{min(row[overlap]):.1f} (mean {np.mean(row[overlap]):.1f})" for row in table.values())
        print(f"{overlap:<8}" + "".join(f"{cell:>20}" for cell in cells))
    worst = min([*(seam.db for seam in seams), *(min(row[WARM_UP]) for row in table.values())])
    jump = max((seam.jump for seam in seams), default=0.0)
    met = worst >= GOAL_DB and jump <= GOAL_JUMP
    steps = f", step across a real seam off by {jump:.2%} at most (goal {GOAL_JUMP:.0%})" if seams else ""
    print(f"with {WARM_UP} pictures: worst seam {worst:.1f} dB (goal {GOAL_DB:g}){steps}: {'met' if met else 'MISSED'}")
    if arguments.json:
        found = {"by_overlap": table, "seams": [asdict(seam) for seam in seams], "between": kept}
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
