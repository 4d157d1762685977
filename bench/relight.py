"""Prints how well light is told, flicker taken out and shots matched, and what relighting costs.

Run: `python -m bench.relight`; exits 1 if a goal is missed. Light: rendered sets whose light is known, error in stops,
one brightness a picture free, against a blur of the picture (Retinex) and a gamma of it, each at the best of its
settings over these very sets. Flicker: a beat multiplied onto real footage in linear light; what is left of it
against what was put on; and what became of all other frequencies of the picture's brightness. Match: a clip at another
exposure, brought to its own other half. Time: processor time of relight over restore's, 960x540.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np

from bench.sets import lit_sets
from engines.backends import choose, choose_light
from engines.enhance.flicker import Deflicker
from engines.enhance.relight import Relight, lit
from engines.enhance.restore import Restore
from engines.light.curve import FLOOR, curve_of
from engines.light.dials import Bring, Dials, Level, Limits, Tint, brought
from engines.light.flicker import find, grid_of
from engines.light.illumination import Illumination, luma_of
from engines.light.level import measured
from engines.media.essence import CodeRange
from engines.media.frames import Picture
from engines.model.noise import estimate
from engines.model.weights import base_weights

CURVE, MATRIX = curve_of("rec709", CodeRange.LEGAL, "bt709"), "bt709"
LINEAR = curve_of("rec709", CodeRange.LEGAL, "bt709", shoulder=False)
HEIGHT, WIDTH = 540, 960
BLURS, GAMMAS = (4, 8, 16, 32, 64, 128), (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FOOTAGE = ("sam2_bedroom.mp4", "sam2_01_dog.mp4", "sam2_05_juggle.mp4", "editly_palawan.mp4")
BEATS = ((4.0, 0.10, 0.0), (10.0, 0.05, 5.0))
"""Hertz as seen, depth in linear light, radians over the picture's height."""
PICTURES = 96


def told_light() -> bool:
    """Return whether light is told better than by blur and gamma, by a fifth."""
    eye = Illumination(choose_light("auto"), base_weights("relight"), HEIGHT // 2, WIDTH // 2)
    errors: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, lit_set in lit_sets(HEIGHT // 2, WIDTH // 2):
        exposure = 0.18 / np.exp2(np.log2(lit_set.picture + 1e-4).mean())
        stops = np.log2(np.minimum(lit_set.picture * exposure, 8) + FLOOR).astype(np.float32)
        true = luma_of(np.log2(lit_set.light * exposure + 1e-5).astype(np.float32))
        luma = luma_of(stops)
        eye.forget()
        errors["ours"][name].append(apart(eye(stops), true))
        for blur in BLURS:
            errors[f"blur {blur}"][name].append(apart(cv2.GaussianBlur(luma, (0, 0), blur), true))
        for gamma in GAMMAS:
            errors[f"gamma {gamma}"][name].append(apart(luma * np.float32(gamma), true))
    means = {method: float(np.mean([np.mean(found) for found in sets.values()])) for method, sets in errors.items()}
    best = {kind: min((m for m in means if m.startswith(kind)), key=means.__getitem__) for kind in ("blur", "gamma")}
    print("error of the light, stops RMS")
    for method in ("ours", *best.values()):
        row = "  ".join(f"{name} {np.mean(found):.3f}" for name, found in errors[method].items())
        print(f"  {method:10} {means[method]:.3f}   {row}")
    gains = {kind: 1 - means["ours"] / means[method] for kind, method in best.items()}
    print(f"  better than blur by {100 * gains['blur']:.1f} %, than gamma by {100 * gains['gamma']:.1f} %; goal 20 %")
    return min(gains.values()) >= 0.2


def apart(found: np.ndarray, true: np.ndarray) -> float:
    error = found - true
    return float(error.std())


def clip(path: Path, count: int, height: int, width: int) -> tuple[list[Picture], float]:
    """Return a clip's first working pictures and its rate."""
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for number, frame in zip(range(count), container.decode(stream), strict=False):
            small = frame.reformat(width, height, "yuv422p10le", interpolation="AREA", dst_color_range="MPEG")
            planes = [np.frombuffer(memoryview(p), np.uint16).reshape(p.height, -1)[:, : p.width] for p in small.planes]
            found.append(Picture(number, *(plane.copy() for plane in planes)))
        return found, float(stream.average_rate)


def beat(hz: float, depth: float, bands: float, rate: float, number: int, rows: int) -> np.ndarray:
    """Return a beat in stops by row."""
    down = (np.arange(rows) + 0.5) / rows
    return np.log2(1 + depth * np.sin(2 * np.pi * hz / rate * number + bands * down + 0.7)).astype(np.float32)


def flickered(picture: Picture, stops: np.ndarray) -> Picture:
    """Return a picture with a beat put on in linear light, all three planes by R'G'B'."""
    return lit(picture, np.repeat(stops[:, None], picture.width // 2, 1), LINEAR, MATRIX)


def steadied(samples: Path) -> bool:
    """Return whether a beat on real footage goes by 20 dB and nothing else goes."""
    met = True
    print("flicker put on real footage: found at, removed at its frequency, all other frequencies")
    for name in FOOTAGE:
        clean, rate = clip(samples / "footage" / name, PICTURES, HEIGHT // 2 // 2 * 2, WIDTH // 2)
        own = [grid_of(picture, CURVE) for picture in clean]
        left_alone = find(own, rate) is None
        met &= left_alone
        for hz, depth, bands in BEATS:
            put = [flickered(p, beat(hz, depth, bands, rate, p.number, p.height // 2)) for p in clean]
            before = [grid_of(picture, CURVE) for picture in put]
            steady = Deflicker(find(before, rate), 1.0, LINEAR, MATRIX)
            after = [grid_of(steady(picture), CURVE) for picture in put]
            removed, elsewhere = decibels(own, before, after, hz / rate)
            met &= removed >= 20 and abs(elsewhere) <= 0.3
            print(f"  {name:24} {hz:4.1f} Hz {depth:.2f}  {removed:5.1f} dB  {elsewhere:+.3f} dB")
        print(f"  {name:24} without a beat: {'left alone' if left_alone else 'TOUCHED'}")
    print("  goals: 20 dB, 0.3 dB")
    return met


def decibels(
    own: list[np.ndarray], before: list[np.ndarray], after: list[np.ndarray], turns: float
) -> tuple[float, float]:
    """Return by how much the beat's power at its frequency went, and by how much that of all others changed, in dB.

    At its frequency the difference from the clean footage is measured; elsewhere the brightness itself, all places.
    """
    window = np.hanning(len(own) + 2)[1:-1, None]
    flat = {
        name: np.stack(grids).reshape(len(own), -1) for name, grids in (("own", own), ("in", before), ("out", after))
    }
    wave = (window[:, 0] * np.exp(-2j * np.pi * turns * np.arange(len(own)))) @ np.stack(
        [flat["in"] - flat["own"], flat["out"] - flat["own"]]
    ).transpose(1, 0, 2).reshape(len(own), -1)
    put, left = np.split(np.abs(wave) ** 2, 2)
    powers = [(np.abs(np.fft.rfft((x - x.mean(0)) * window, axis=0)) ** 2).sum(1) for x in (flat["own"], flat["out"])]
    bins = np.arange(len(powers[0])) / len(own)
    others = (np.abs(bins - turns) > 2.5 / len(own)) & (bins > 0)
    elsewhere = 10 * np.log10(powers[1][others].sum() / powers[0][others].sum())
    return float(10 * np.log10(put.sum() / left.sum())), float(elsewhere)


def level_of(pictures: list[Picture]) -> Level:
    eye = Illumination(choose_light("auto"), base_weights("relight"), HEIGHT // 2, WIDTH // 2)
    return measured(pictures, CURVE, MATRIX, eye, grids=False)[1]


def relit(dials: Dials, bring: Bring) -> Relight:
    weights = base_weights("relight")
    return Relight(choose_light("auto"), weights, CURVE, MATRIX, dials, Limits(), HEIGHT, WIDTH, WIDTH, bring)


def matched(samples: Path) -> bool:
    """Return whether mean log-illumination comes within a tenth of a stop of the hero's."""
    worst = 0.0
    print("match to hero: mean of the light in stops, before and after, off the hero's")
    for name in FOOTAGE[:3]:
        pictures, _ = clip(samples / "footage" / name, 48, HEIGHT, WIDTH)
        hero = level_of(pictures[:24])
        for stops in (-1.0, 0.6):
            other = [
                lit(p, np.full((HEIGHT // 2, WIDTH // 2), stops, np.float32), CURVE, MATRIX) for p in pictures[24:]
            ]
            own = level_of([Picture(n, p.y, p.cb, p.cr) for n, p in enumerate(other)])
            relight = relit(Dials(), brought(own, hero))
            made = [relight(p) for p in other]
            after = level_of([Picture(n, p.y, p.cb, p.cr) for n, p in enumerate(made)])
            off = after.mean_stops - hero.mean_stops
            worst = max(worst, abs(off))
            print(f"  {name:24} exposed {stops:+.1f}: {own.mean_stops - hero.mean_stops:+.3f} -> {off:+.3f}")
    print(f"  worst {worst:.3f}; goal 0.1")
    return worst <= 0.1


def cpu_of(enhance: Callable[[Picture], Picture], pictures: list[Picture]) -> float:
    """Return processor time a picture in milliseconds, best of three goes."""
    enhance(pictures[0])
    found = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF)
        for picture in pictures[1:]:
            enhance(picture)
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append(1e3 * spent / (len(pictures) - 1))
    return min(found)


def timed(samples: Path) -> bool:
    """Return whether relight adds a quarter of restore's time at most, and is the same picture at zero."""
    pictures, _ = clip(samples / "footage" / FOOTAGE[0], 13, HEIGHT, WIDTH)
    restore = Restore(
        choose("openvino"), base_weights("lite"), HEIGHT, WIDTH, strength=1.0, noise=estimate(pictures[:8])
    )
    base = cpu_of(restore, pictures)
    print(f"processor time a picture, {WIDTH}x{HEIGHT}: restore {base:.1f} ms")
    shares = []
    for name, dials in (
        ("key and fill", Dials(key_stops=0.5, fill_stops=-0.3)),
        ("key, fill and their colour", Dials(key_stops=0.5, fill_stops=-0.3, key=Tint(300.0))),
    ):
        cost = cpu_of(relit(dials, Bring()), pictures)
        shares.append(cost / base)
        print(f"  {name:28} {cost:.1f} ms, {100 * cost / base:.0f} %")
    same = all(relit(Dials(), Bring())(picture) is picture for picture in pictures)
    print(f"  goal 25 %; all at zero gives the {'very picture' if same else 'picture CHANGED'}")
    return same and max(shares) <= 0.25


def main() -> int:
    """Measure, print, and tell whether the goals are met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, default=Path("../shared/samples"))
    parser.add_argument("--only", choices=("light", "flicker", "match", "time"))
    arguments = parser.parse_args()
    parts = {
        "time": lambda: timed(arguments.samples),
        "match": lambda: matched(arguments.samples),
        "flicker": lambda: steadied(arguments.samples),
        "light": told_light,
    }
    met = [part() for name, part in parts.items() if arguments.only in {None, name}]
    print(f"goals {'met' if all(met) else 'MISSED'}")
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
