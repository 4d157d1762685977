"""Prints how near proposed grades come, against the show's look alone and the nearest graded clip; and shots matched.

Run: `python -m bench.look`; exits 1 if a goal is missed. Frames of the shared footage become synthetic log by each
camera's own curve under the light of scenes: exposure, white balance, hour. "Grades" follow rules a DIT would (bring
exposure and balance half-way home, contrast by range, saturation by colour, warmth by hour) with a hand that varies.
Days are drawn ten times.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import av
import numpy as np
from PyOpenColorIO import ColorSpaceTransform

from engines.colour.cdl import Cdl, graded
from engines.colour.look import ACESCCT, Look
from engines.colour.match import matched
from engines.colour.predict import Graded, Predictor, dials_of, figures_of
from engines.colour.transform import config, direct

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import tells of optional parts that are not installed
    import colour

COUNTS = (5, 10, 20, 40)
JUDGED, DAYS, SCENES = 20, 8, 8
SIZE = (32, 18)
GOAL_MATCH = 1.5
HAND = 0.0018
"""Deviation of an offset between two tries at one shot; the other numbers in proportion; told in ΔE2000 below."""


def stills(samples: Path) -> list[np.ndarray]:
    """Return linear Rec.709 pictures of the shared footage, two a clip. Shape: `[18, 32, 3]`."""
    found = []
    for path in sorted((samples / "footage").iterdir()):
        try:
            with av.open(str(path)) as container:
                frames = [frame for _, frame in zip(range(24), container.decode(video=0), strict=False)]
        except (av.FFmpegError, IndexError):
            continue
        for frame in (frames[0], frames[-1]) if frames else ():
            rgb = frame.reformat(*SIZE, "rgb24", interpolation="AREA").to_ndarray().astype(np.float32) / 255
            found.append(rgb**2.2)
    return found


def into(target: str, linear: np.ndarray) -> np.ndarray:
    """Return linear Rec.709 in another space."""
    values = np.ascontiguousarray(linear.reshape(-1, 3), np.float32)
    transform = ColorSpaceTransform("Linear Rec.709 (sRGB)", target)
    config().getProcessor(transform).getDefaultCPUProcessor().applyRGB(values)
    return values.reshape(linear.shape)


def lab(acescct: np.ndarray, cdl: Cdl) -> np.ndarray:
    """Return CIE Lab on a Rec.709 display of a graded picture."""
    rgb = np.ascontiguousarray(graded(acescct, cdl).reshape(-1, 3), np.float32)
    OUTPUT.applyRGB(rgb)
    space = colour.RGB_COLOURSPACES["ITU-R BT.709"]
    return colour.XYZ_to_Lab((rgb.clip(0, 1) ** 2.4) @ space.matrix_RGB_to_XYZ.T, space.whitepoint)


OUTPUT = direct(Look("arri_logc3"), Path())


def shoot(pictures: list[np.ndarray], rng: np.random.Generator, count: int) -> list[tuple[np.ndarray, float]]:
    """Return a day's clips: small log pictures in ACEScct, each with its hour."""
    scenes = [(rng.normal(0, 0.9), rng.normal(0, 0.12, 3), rng.uniform(6, 23)) for _ in range(SCENES)]
    clips = []
    for _ in range(count):
        stops, balance, hour = scenes[rng.integers(SCENES)]
        light = np.exp2(stops + rng.normal(0, 0.3)) * np.exp(balance + rng.normal(0, 0.02, 3))
        clips.append((into(ACESCCT, pictures[rng.integers(len(pictures))] * light.astype(np.float32)), hour))
    return clips


def dit(picture: np.ndarray, hour: float, rng: np.random.Generator) -> Cdl:
    """Return the grade that the rules ask for, by a hand that varies."""
    shadow, middle, light, red, blue, *_, chroma, _, _ = figures_of(picture, hour)
    warmth = 0.012 * np.cos((hour - 19) / 24 * 2 * np.pi)
    lift = 0.5 * (0.40 - middle)
    offset = lift + np.array([-0.5 * red + warmth, 0, -0.5 * blue - warmth]) + rng.normal(0, HAND, 3)
    contrast = np.exp(0.5 * (0.36 - (light - shadow)))
    slope = contrast * np.exp(rng.normal(0, 2 * HAND, 3))
    power = np.exp(0.3 * (0.40 - middle) + rng.normal(0, 2 * HAND, 3))
    saturation = float(np.clip(1.15 - 4 * chroma + rng.normal(0, 10 * HAND), 0.4, 1.6))
    pivot = 0.40 * (1 - slope)
    return Cdl(tuple(slope.tolist()), tuple((offset + pivot).tolist()), tuple(power.tolist()), saturation)


def day(pictures: list[np.ndarray], seed: int) -> tuple[dict[tuple[int, str], list[float]], list[bool]]:
    """Return the errors (ΔE2000, mean over a picture) by count and method of one day, and whether intervals held."""
    rng = np.random.default_rng(seed)
    clips = shoot(pictures, rng, max(COUNTS) + JUDGED)
    known = [Graded(str(n), figures_of(*clip), dit(*clip, rng)) for n, clip in enumerate(clips)]
    errors: dict[tuple[int, str], list[float]] = {}
    held: list[bool] = []
    for count in COUNTS:
        predictor, scale = Predictor(tuple(known[:count])), np.std([one.figures for one in known], axis=0) + 1e-6
        for clip, truth in list(zip(clips, known, strict=True))[max(COUNTS) :]:
            proposal = predictor.propose(truth.figures)
            apart = [np.linalg.norm((np.array(one.figures) - truth.figures) / scale) for one in known[:count]]
            told = {"show": Cdl(), "nearest": known[int(np.argmin(apart))].cdl, "ours": proposal.cdl}
            wanted = lab(clip[0], truth.cdl)
            for name, cdl in told.items():
                delta = colour.delta_E(wanted, lab(clip[0], cdl), method="CIE 2000").mean()
                errors.setdefault((count, name), []).append(float(delta))
            held += [
                low <= dial <= high
                for low, dial, high in zip(proposal.low, dials_of(truth.cdl), proposal.high, strict=True)
            ]
    return errors, held


def hand_error(pictures: list[np.ndarray], rng: np.random.Generator) -> float:
    """Return the mean ΔE2000 between two tries of the hand at one shot: a floor for any proposal."""
    deltas = []
    for clip in shoot(pictures, rng, 40):
        first, second = (lab(clip[0], dit(*clip, rng)) for _ in range(2))
        deltas.append(colour.delta_E(first, second, method="CIE 2000").mean())
    return float(np.mean(deltas))


def match_error(pictures: list[np.ndarray], rng: np.random.Generator) -> float:
    """Return the mean ΔE2000 after known perturbations of footage were matched away."""
    errors = []
    for picture in pictures:
        log = into(ACESCCT, picture)
        wanted = Cdl(
            tuple(np.exp(rng.normal(0, 0.08, 3)).tolist()),
            tuple(rng.normal(0, 0.03, 3).tolist()),
            tuple(np.exp(rng.normal(0, 0.06, 3)).tolist()),
            float(rng.uniform(0.8, 1.2)),
        )
        target = graded(log, wanted)
        errors.append(colour.delta_E(lab(log, wanted), lab(log, matched(log, target)), method="CIE 2000").mean())
    return float(np.mean(errors))


def main() -> int:
    """Measure, print, and tell whether the goals are met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, default=Path("../shared/samples"))
    arguments = parser.parse_args()
    pictures = stills(arguments.samples)
    errors: dict[tuple[int, str], list[float]] = {}
    held: list[bool] = []
    for seed in range(DAYS):
        found, within = day(pictures, seed)
        held += within
        for key, deltas in found.items():
            errors.setdefault(key, []).extend(deltas)
    print(f"{len(pictures)} pictures, {DAYS} days of {JUDGED} judged clips; dE2000 mean / 90th percentile")
    for count in COUNTS:
        row = {name: errors[count, name] for name in ("show", "nearest", "ours")}
        cells = (f"{n} {np.mean(d):5.2f} / {np.quantile(d, 0.9):5.2f}" for n, d in row.items())
        print(f"{count:3} graded  {'  '.join(cells)}")
    again = hand_error(pictures, np.random.default_rng(2))
    print(f"the hand itself, two tries at one shot: {again:.2f}")
    coverage, match = float(np.mean(held)), match_error(pictures, np.random.default_rng(1))
    print(f"90 % intervals hold {100 * coverage:.1f} %; matched shots {match:.2f}")
    mean = {key: float(np.mean(deltas)) for key, deltas in errors.items()}
    met = (
        mean[10, "ours"] <= mean[10, "show"] / 2
        and mean[5, "ours"] < mean[5, "nearest"]
        and 0.85 <= coverage <= 0.95
        and match <= GOAL_MATCH
    )
    print(f"goals {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
