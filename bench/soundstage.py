"""The stage of the sound bench: real speech and location sound, and what a camera at a distance hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from scipy.signal import fftconvolve

from engines.sound.wave import Samples

SPEECH = ("sound/speech_sync/timbl_1.mp3", "footage/mdn_friday.mp4", "footage/torchcodec_nasa_13013.mp4")
SPEECH_SHORT = tuple(f"footage/grid_{name}.mpg" for name in ("bbaf2n", "lrwp9a", "lwbsza", "swiz3n"))
PLACES = (
    "footage/media3_concert_50p.mov",
    "footage/flutter_bee.mp4",
    "footage/media3_hlg_editlist.mp4",
    "footage/media3_london_pan_60p.mp4",
    "cards/canon/MVI_4823.AVI",
)


def load(path: Path, rate: int) -> Samples:
    """Return a file's first sound track as one channel at a rate."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", rate)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


@dataclass
class Stage:
    """Speech and places at one rate; everything drawn comes from `rng`."""

    speech: list[Samples]
    places: list[Samples]
    rate: int
    rng: np.random.Generator

    @staticmethod
    def of(samples: Path, rate: int, seed: int) -> Stage:
        """Return the stage that the shared samples set."""
        return Stage(
            [load(samples / path, rate) for path in (*SPEECH, *SPEECH_SHORT)],
            [load(samples / path, rate) for path in PLACES],
            rate,
            np.random.default_rng(seed),
        )

    def talk(self, seconds: float, half: int | None = None) -> Samples:
        """Return speech that was never said before: pieces of the real, each at a speed of its own, in any order.

        `half` takes it all from the first (0) or the second half of each recording.
        """
        parts: list[Samples] = []
        left = round(seconds * self.rate)
        while left > 0:
            source = self.speech[self.rng.choice(len(self.speech), p=self._lengths())]
            if half is not None:
                source = source[half * len(source) // 2 : (half + 1) * len(source) // 2]
            length = min(round(self.rng.uniform(1.0, 4.0) * self.rate), len(source) - 1)
            first = int(self.rng.integers(0, len(source) - length))
            piece = stretched(source[first : first + length], float(self.rng.uniform(0.75, 1.3)))
            parts.append(piece / (piece.std() + 1e-6) * 0.08)
            left -= len(piece)
        return np.concatenate(parts)[: round(seconds * self.rate)].astype(np.float32)

    def _lengths(self) -> np.ndarray:
        lengths = np.array([len(part) for part in self.speech], float)
        return lengths / lengths.sum()

    def noise(self, count: int) -> Samples:
        """Return a place's real sound, from a place and a moment of its own, as long as asked for, deviation one."""
        place = self.places[self.rng.integers(len(self.places))]
        piece = np.roll(place, int(self.rng.integers(len(place))))
        piece = np.tile(piece, -(-count // len(piece)))[:count]
        hiss = self.rng.standard_normal(count)
        return (0.8 * piece / (piece.std() + 1e-9) + 0.6 * hiss).astype(np.float32)

    def room(self) -> np.ndarray:
        """Return a room's answer: direct sound, and what comes back for 0.2 to 0.8 s, louder than it or not."""
        count = round(self.rng.uniform(0.2, 0.8) * self.rate)
        answer = self.rng.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
        answer[: round(0.002 * self.rate)] = 0
        answer *= self.rng.uniform(0.3, 1.5) / np.sqrt((answer**2).sum())
        answer[0] = 1.0
        return answer

    def scratch(self, sound: Samples, first: float, seconds: float, snr_db: float, ppm: float) -> Samples:
        """Return what a camera heard from a second of the sound on: its room, its noise, its own clock."""
        times = (first + np.arange(round(seconds * self.rate)) / self.rate * (1 + ppm * 1e-6)) * self.rate
        begin, end = int(times[0]) - 8, int(times[-1]) + 9
        piece = np.zeros(end - begin)
        inside = slice(max(begin, 0), min(end, len(sound)))
        piece[inside.start - begin : inside.stop - begin] = sound[inside]
        clean = fftconvolve(at(piece, times - begin), self.room())[: len(times)]
        loud = self.noise(len(times)) * (clean.std() + 1e-9) * 10 ** (-snr_db / 20)
        return ((clean + loud) * self.rng.uniform(0.2, 1.5)).astype(np.float32)


def at(samples: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return samples at places between them, by a cubic through four."""
    whole = np.clip(places.astype(int), 1, len(samples) - 3)
    part = places - whole
    a, b, c, d = (samples[whole + step] for step in (-1, 0, 1, 2))
    return b + 0.5 * part * (c - a + part * (2 * a - 5 * b + 4 * c - d + part * (3 * (b - c) + d - a)))


def stretched(samples: Samples, speed: float) -> Samples:
    """Return samples played so much faster."""
    return at(np.pad(samples, 4), np.arange(0, len(samples) - 1, speed) + 4).astype(np.float32)
