"""The matrix: the relink contract on every preset, frame rate, audio layout and start, with figures.

python -m bench.matrix [--cells N] [--json]

A cell is one source clip and one preset; all presets of a clip come from one pass. Prints for each preset and rate how
many cells keep the contract, and every line that one breaks; exits 1 if any does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from daemon.guides import track_of
from daemon.sounds import MIX_RATE
from engines.errors import EngineError
from engines.media.contract import check
from engines.media.decode import decoder_for
from engines.media.encode import Output
from engines.media.essence import Essence
from engines.media.layout import file_count
from engines.media.preset import PRESETS, BurnIn, Place
from engines.media.probe import probe
from engines.media.proxy import Wanted, spec_of, working_of
from engines.media.source import MediaFile
from engines.media.timecode import Timecode, frames_a_day
from engines.render import render
from engines.sound.beside import Beside
from engines.sound.wave import open_wave, wave_bytes

RATES = {
    "23.976": (Fraction(24000, 1001), False),
    "24": (Fraction(24), False),
    "25": (Fraction(25), False),
    "29.97 DF": (Fraction(30000, 1001), True),
    "29.97 NDF": (Fraction(30000, 1001), False),
    "47.952": (Fraction(48000, 1001), False),
    "50": (Fraction(50), False),
    "59.94 DF": (Fraction(60000, 1001), True),
}
SOUNDS = ((0, 24), *product((1, 2, 8), (16, 24)))
"""Mono tracks and their bits."""
STARTS = ("00:00:00:00", "01:00:00:00", "midnight")
"""`midnight`: the label of the clip's middle frame is 00:00:00:00."""
FRAMES = 11
_SIZE = (480, 270)
_REEL = "A001R1DM"
_BURN_IN = BurnIn(((Place.BOTTOM, "{timecode}"), (Place.TOP_LEFT, "A001C001")), "EDITORIAL")


@dataclass(frozen=True)
class Shot:
    """One source clip of the matrix."""

    rate: str
    sounds: int
    bits: int
    start: str

    @property
    def name(self) -> str:
        """How a report names it."""
        sound = f"{self.sounds} x {self.bits} bit" if self.sounds else "no sound"
        return f"{self.rate}, {sound}, from {self.start}"

    @property
    def timecode(self) -> Timecode:
        """Its start."""
        rate, drop = RATES[self.rate]
        if self.start == "midnight":
            return Timecode(frames_a_day(rate, drop=drop) - FRAMES // 2, rate, drop)
        return Timecode.parse(self.start, rate, drop=drop)


def shots() -> list[Shot]:
    """Return all source clips."""
    return [Shot(rate, *sound, start) for rate, sound, start in product(RATES, SOUNDS, STARTS)]


def spread(count: int) -> list[Shot]:
    """Return so many of them, every rate, audio layout and start among them where there is room."""
    rates = list(RATES)
    return [
        Shot(rates[number % len(rates)], *SOUNDS[number % len(SOUNDS)], STARTS[number % len(STARTS)])
        for number in range(count)
    ]


def written(shot: Shot, path: Path) -> Path:
    """Write a source clip as a camera would: ProRes in MOV, mono PCM tracks."""
    start = shot.timecode
    kind, codec = (np.int16, "pcm_s16le") if shot.bits == 16 else (np.int32, "pcm_s24le")
    noise = np.random.default_rng(1)
    with av.open(str(path), "w", format="mov", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("prores_aw", rate=start.rate, options={"profile": "0"})
        video.width, video.height, video.pix_fmt = *_SIZE, "yuv422p10le"
        video.time_base = video.codec_context.time_base = 1 / start.rate
        video.metadata.update({"timecode": start.label, "reel_name": _REEL})
        tracks = [container.add_stream(codec, rate=48000, layout="mono") for _ in range(shot.sounds)]
        for number in range(FRAMES):
            frame = VideoFrame(*_SIZE, "yuv422p10le")
            for plane in frame.planes:
                plane.update(bytes(np.full(plane.buffer_size // 2, 300 + 10 * number, np.uint16)))
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for track in tracks:
            samples = noise.integers(-(2**15), 2**15, (1, round(FRAMES * 48000 / start.rate)), kind)
            block = AudioFrame.from_ndarray(
                samples * (256 if kind is np.int32 else 1), codec[4:7].replace("24", "32"), "mono"
            )
            block.sample_rate = 48000
            container.mux(track.encode(block))
            container.mux(track.encode(None))
    return path


def judged(shot: Shot, folder: Path) -> dict[str, str]:
    """Return for each preset which lines of the contract it breaks, empty where it keeps them."""
    path = written(shot, folder / "source.mov")
    with ExitStack() as opening:
        source = [MediaFile(path.name, opening.enter_context(path.open("rb")).fileno())]
        essence = probe(source)
        if wrong := _unlike(essence, shot):
            return dict.fromkeys(PRESETS, f"the source is not what was to be written: {wrong}")
        wanted = Wanted("A001C001", _REEL, burn_in=_BURN_IN, guide=track_of(essence))
        specs = [spec_of(essence, preset, wanted) for preset in PRESETS.values()]
        outputs = [
            Output(spec, tuple(folder / f"{spec.preset}.{n}" for n in range(file_count(essence, spec))), shot.name, "M")
            for spec in specs
        ]
        mix = opening.enter_context(_mix(essence, folder / "mix.wav").open("rb"))
        decoder = Beside(decoder_for(source, essence), open_wave("mix.wav", mix.fileno()), essence)
        made = render(decoder, essence, working_of(essence, specs), outputs, enhance=None, progress=lambda *_: None)
    return {
        output.spec.preset: _broken(output, essence, digests)
        for output, digests in zip(outputs, made.sound_digests, strict=True)
    }


def _mix(essence: Essence, path: Path) -> Path:
    """Write a guide mix as `mix` does: mono, 24 bit at 48 kHz, as long as the picture."""
    samples = np.random.default_rng(2).uniform(-1, 1, (track_of(essence).samples, 1)).astype(np.float32)
    path.write_bytes(wave_bytes(samples, MIX_RATE, b"", b""))
    return path


def _unlike(essence: Essence, shot: Shot) -> str:
    start = shot.timecode
    label = Timecode(essence.start_frame, essence.rate, essence.drop_frame).label
    bits = {track.bits for track in essence.audio} or {shot.bits}
    got = (essence.frames, essence.rate, label, essence.drop_frame, len(essence.audio), bits)
    want = (FRAMES, start.rate, start.label, start.drop, shot.sounds, {shot.bits})
    return "" if got == want else f"{got} instead of {want}"


def _broken(output: Output, essence: Essence, digests: tuple[str, ...]) -> str:
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in output.paths]
        try:
            check([MediaFile(file.name, file.fileno()) for file in files], essence, output.spec, digests)
        except EngineError as error:
            return error.why
    for path in output.paths:
        path.unlink()
    return ""


def run(chosen: list[Shot]) -> Iterator[tuple[Shot, dict[str, str]]]:
    """Yield each clip with what its presets break."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        for shot in chosen:
            yield shot, judged(shot, Path(name))


def main() -> int:
    """Run the matrix and print its table."""
    parser = argparse.ArgumentParser(description="the relink contract on every preset, rate, audio layout and start")
    parser.add_argument("--cells", type=int, default=0, help="how many source clips; 0: all")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    began = time.monotonic()
    found = dict(run(spread(words.cells) if words.cells else shots()))
    broken = [f"{preset}, {shot.name}: {why}" for shot, cells in found.items() for preset, why in cells.items() if why]
    count = sum(len(cells) for cells in found.values())
    if words.json:
        print(json.dumps({"cells": count, "clips": len(found), "broken": broken}))
    else:
        _show(found, broken, f"{count} cells of {len(found)} clips in {time.monotonic() - began:.0f} s")
    return int(bool(broken))


def _show(found: dict[Shot, dict[str, str]], broken: list[str], told: str) -> None:
    print("preset".ljust(30) + "".join(rate.rjust(11) for rate in RATES))
    for preset in PRESETS:
        row = preset.ljust(30)
        for rate in RATES:
            cells = [cells[preset] for shot, cells in found.items() if shot.rate == rate]
            row += f"{sum(not why for why in cells)}/{len(cells)}".rjust(11)
        print(row)
    print(f"\n{told}: {len(broken)} break the relink contract")
    for line in broken:
        print(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
