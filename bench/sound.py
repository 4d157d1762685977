"""Sync and guide mix against what they promise.

    python -m bench.sound [--samples DIR] [--cases N] [--decoys N] [--seed N] [--only sync|speed|mix]

Sync: real speech and location sound with known offsets, reverberation, -6 to 20 dB SNR, 0 to 50 ppm drift, with right,
wrong or no timecode: 99 % of true pairs within a quarter frame, no wrong one accepted. Speed: 100 clips against 100
sound files in 60 s. Mix: loudness, true peak, gain sharing, and noise reduction against ffmpeg's afftdn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench import mixing
from bench.soundstage import Stage
from engines.sound.fingerprint import RATE, Print, print_of
from engines.sound.pairing import Candidate, paired
from engines.sound.sync import Hear, Match, guesses, matched
from engines.sound.wave import Samples

_QUARTER_FRAME = 0.25 / 24


def hearing(sound: Samples) -> Hear:
    """Return an ear on samples."""

    def hear(first: float, seconds: float) -> Samples:
        begin, count = round(first * RATE), round(seconds * RATE)
        result = np.zeros(count, np.float32)
        inside = slice(max(begin, 0), min(begin + count, len(sound)))
        if inside.stop > inside.start:
            result[inside.start - begin : inside.stop - begin] = sound[inside]
        return result

    return hear


def found(clip: Samples, sounds: list[Samples], prints: list[Print], told: float | None) -> tuple[int, Match] | None:
    """Return what a clip was found in, if in anything; `told` is where timecode says that it lies in each."""
    candidates = [
        Candidate(len(sound) / RATE, 0, told, hearing(sound), lambda print_=print_: print_)
        for sound, print_ in zip(sounds, prints, strict=True)
    ]
    pairing = paired(clip, candidates)
    return (pairing.found[0].candidate, pairing.found[0].match) if pairing.found else None


def bench_sync(stage: Stage, cases: int, decoys: int) -> bool:
    """Return whether true pairs are found and wrong ones refused."""
    right = 0
    sound, print_ = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
    errors, strengths, drifts = [], [], []
    for case in range(cases):
        if case % 10 == 0:
            sound = _recorded(stage, stage.talk(90.0))
            print_ = print_of(sound)
        seconds, snr = float(stage.rng.choice([3, 5, 10, 20, 40])), float(stage.rng.uniform(-6, 20))
        ppm, first = float(stage.rng.uniform(0, 50)), float(stage.rng.uniform(0, 89 - seconds))
        clip = stage.scratch(sound, first, seconds, snr, ppm)
        told = (None, first + stage.rng.uniform(-0.5, 0.5), first + stage.rng.choice([-1, 1]) * 37.0)[case % 3]
        match = found(clip, [sound], [print_], told)
        error = abs(match[1].seconds - first) if match else np.inf
        right += error <= _QUARTER_FRAME
        if match:
            errors.append(error)
            strengths.append(match[1].strength)
            drifts += [match[1].drift_ppm - ppm] if seconds >= 20 else []
        if error > _QUARTER_FRAME:
            print(f"  missed: {seconds:.0f} s, {snr:.1f} dB, {ppm:.0f} ppm, error {error * 1000:.1f} ms, {match}")
    print(f"true pairs within a quarter frame: {right} of {cases} ({right / cases:.2%})")
    print(f"median error {np.median(errors) * 1e3:.3f} ms; weakest accepted {min(strengths):.1f}")
    print(f"drift off by {np.median(np.abs(drifts)):.1f} ppm (median, clips of 20 s and more)")
    wrong, loudest = _decoys(stage, decoys)
    print(f"wrong pairs accepted: {wrong} of {decoys} decoys; their highest peak {loudest:.1f} deviations")
    return right / cases >= 0.99 and wrong == 0


def _decoys(stage: Stage, count: int) -> tuple[int, float]:
    """Return how many clips were matched with a sound that is not theirs, and the highest peak of all of them."""
    wrong, loudest = 0, 0.0
    for case in range(count):
        if case % 10 == 0:
            own = stage.talk(60.0, half=0)  # no second of the one is in the other, at no speed
            sound = _recorded(stage, stage.talk(90.0, half=1))
            if case % 20 == 0:  # the same voice, the same text at the same speed, cut elsewhere: another take's sound
                whole = stage.speech[0]
                own, sound = whole[: len(whole) // 2], whole[len(whole) // 2 :]
            print_ = print_of(sound)
        seconds = float(stage.rng.choice([3, 5, 10, 20]))
        first = float(stage.rng.uniform(0, len(own) / RATE - seconds))
        clip = stage.scratch(own, first, seconds, float(stage.rng.uniform(-6, 20)), float(stage.rng.uniform(0, 50)))
        if case % 100 == 99:
            print(f"  {case + 1} decoys, {wrong} wrong, highest {loudest:.1f}", flush=True)
        told = None if case % 2 else float(stage.rng.uniform(0, len(sound) / RATE - seconds))
        if accepted := found(clip, [sound], [print_], told):
            wrong += 1
            print(f"  wrong: {seconds:.0f} s, {accepted[1]}")
        for guess in guesses(print_of(clip), [print_])[:1]:
            match = matched(clip, hearing(sound), guess.seconds)
            loudest = max(loudest, match.strength if match else 0.0)
    return wrong, loudest


def _recorded(stage: Stage, talk: Samples) -> Samples:
    """Return what a recorder has of talk: its own hiss, and no place's loop that the camera would hear, too."""
    return (talk + stage.rng.standard_normal(len(talk)) * 0.004).astype(np.float32)


def bench_speed(stage: Stage) -> bool:
    """Return whether a day of 100 clips of 30 s and 100 sound files of 120 s, without timecode, takes 60 s or less."""
    sounds = [stage.talk(120.0) for _ in range(100)]
    clips, truth = [], []
    for number in range(100):
        truth.append(float(stage.rng.uniform(0, 90)))
        clips.append(stage.scratch(sounds[number], truth[-1], 30.0, float(stage.rng.uniform(-6, 20)), 20.0))
    began, used = time.perf_counter(), time.process_time()
    prints = [print_of(sound) for sound in sounds]
    matches = [found(clip, sounds, prints, None) for clip in clips]
    seconds, used = time.perf_counter() - began, time.process_time() - used
    right = sum(
        match is not None and match[0] == number and abs(match[1].seconds - truth[number]) <= _QUARTER_FRAME
        for number, match in enumerate(matches)
    )
    print(f"100 x 100: {seconds:.1f} s, {used:.1f} s of one core; {right} right")
    return seconds <= 60 and right >= 99


def main() -> int:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, default=Path("../shared/samples"))
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--decoys", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--only", choices=["sync", "speed", "mix"])
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], bool]] = {
        "sync": lambda: bench_sync(
            Stage.of(arguments.samples, RATE, arguments.seed), arguments.cases, arguments.decoys
        ),
        "speed": lambda: bench_speed(Stage.of(arguments.samples, RATE, arguments.seed + 1)),
        "mix": lambda: mixing.bench(Stage.of(arguments.samples, mixing.RATE, arguments.seed + 2)),
    }
    outcomes = [part() for name, part in parts.items() if arguments.only in {None, name}]
    print("met" if all(outcomes) else "MISSED")
    return int(not all(outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
