"""How well and how fast `restore` works, against ffmpeg's denoisers, on footage no training saw.

    python -m bench.restore [--samples DIR] [--frames N] [--model lite|mid] [--noise TEXT] [--quick|--real]
                            [--pictures DIR]

Clips are averaged down until their own noise is gone, made noisy once with a fixed seed, and restored by each. Of
each filter several strengths are tried and the best counts. Rates are wall-clock frames a second in this run.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import torch
from av.video.frame import VideoFrame
from PIL import Image

from bench.apart import NOTHING, apart, place, psnr_put_right
from bench.filters import PEERS, filtered, settings
from bench.metrics import flicker, interval, psnr, ssim, warping_error
from engines.backends import choose
from engines.enhance import LOOK_AHEAD
from engines.enhance.restore import BLOCK, Restore
from engines.media.conform import WORKING_FORMAT
from engines.media.frames import Picture
from engines.model.footage import TRAINING, decode_clean
from engines.model.packing import pack, pictures_of
from engines.model.still_noise import first_noise
from engines.model.synthetic import Noise, add_noise
from engines.model.weights import base_weights

CLIPS = (
    ("footage/sam2_05_juggle.mp4", 2),
    ("footage/vmaf_park_joy_480x270.y4m", 1),
    ("footage/flutter_bee.mp4", 2),
    ("footage/videocontext_bar_lowlight.webm", 2),
    ("footage/media3_8k_terrarium.mp4", 8),
)
NOISES = {
    "Poisson-Gaussian, low": Noise("white", shot=0.5 * 0.015**2 / 0.4, read=0.015 * 0.7),
    "Poisson-Gaussian, middle": Noise("white", shot=0.5 * 0.03**2 / 0.4, read=0.03 * 0.7),
    "Poisson-Gaussian, high": Noise("white", shot=0.5 * 0.06**2 / 0.4, read=0.06 * 0.7),
    "demosaicked": Noise("bayer", shot=0.5 * 0.03**2 / 0.4, read=0.03 * 0.7),
    "coarse, correlated": Noise("coarse", shot=0.5 * 0.03**2 / 0.4, read=0.03 * 0.7, blur=1.0, white=0.3, mix=0.3),
    "after H.264": Noise("coarse", shot=0.5 * 0.03**2 / 0.4, read=0.03 * 0.7, blur=0.6, white=0.5, mix=0.3),
}

THREE = PEERS[:3]
"""The filters of the first goal; the others count bm3d, too."""
GOAL_THREE_DB, GOAL_ALL_DB, GOAL_REAL_DB, GOAL_CLEAN_DB, GOAL_SPEED = 1.5, 2.0, 0.5, 45.0, 8.0
TOLD = (1.0, 1.25, 1.5, 2.0, 3.0)
"""How many times the measured deviation is told of real noise."""
STRENGTHS = (1.0, 1.5, 2.0, 3.0, 4.5, 6.5, 9.0)
"""Of nlmeans on a still; the best for each picture counts, chosen by the truth."""
_BEFORE, _TIMED = BLOCK, 2 * BLOCK
"""Pictures before the rate is taken, and those it is taken of: whole blocks."""
METRICS = (psnr, ssim, flicker, warping_error)


@dataclass(frozen=True, slots=True)
class Run:
    """What to measure: the network's size, its peers, and where to leave pictures."""

    model: str
    peers: tuple[str, ...]
    pictures: Path | None


@dataclass(frozen=True, slots=True)
class Row:
    """One clip under one noise: each measure by method, and rates in frames a second."""

    clip: str
    noise: str
    size: str
    measured: dict[str, dict[str, float]]
    fps: dict[str, float]

    def gain(self, peers: tuple[str, ...]) -> float:
        """Return how far `restore` is over the best peer, in dB."""
        scores = self.measured["psnr"]
        return scores["restore"] - max(scores[peer] for peer in peers)


def measure(samples: Path, frames: int, only: str, run: Run) -> list[Row]:
    """Return a row for each clip and noise; noise is drawn once a clip."""
    trained = {footage.path for footage in TRAINING}
    rows = []
    for path, divide in CLIPS:
        assert path not in trained, path
        clean = decode_clean(samples / path, divide, frames)[0].astype(np.float32) / 1023
        for number, (name, noise) in enumerate(NOISES.items()):
            if only not in name:
                continue
            generator = torch.Generator().manual_seed(100 + number)
            noisy = add_noise(torch.from_numpy(clean), noise, generator)[0].numpy()
            if name.startswith("after H.264"):
                noisy = through_h264(noisy)
            rows.append(_row(Path(path).stem, name, clean, noisy, run))
            print(_line(rows[-1], run.peers), flush=True)
    return rows


def through_h264(noisy: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return pictures after a camera's H.264: 4:2:2, 10 bit, long GOP, quantiser 22."""
    pictures, buffer = pictures_of(noisy), BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream: Any = container.add_stream("libx264", rate=24, options={"qp": "22", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = pictures[0].width, pictures[0].height, WORKING_FORMAT
        for picture in pictures:
            frame = VideoFrame(picture.width, picture.height, WORKING_FORMAT)
            for plane, codes in zip(frame.planes, (picture.y, picture.cb, picture.cr), strict=True):
                padded = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                padded[:, : plane.width] = codes
                plane.update(padded.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        coded = [_photograph_of(frame) for frame in container.decode(video=0)]
    return np.concatenate([pack(picture) for picture in coded])[:, :, : noisy.shape[2], : noisy.shape[3]]


def _row(clip: str, name: str, clean: npt.NDArray[np.float32], noisy: npt.NDArray[np.float32], run: Run) -> Row:
    before, truth = pictures_of(noisy), pictures_of(clean)
    results = {"unfiltered": (before, 0.0), "restore": (restored(before, run.model), rate(before, run.model))}
    sigma = float(np.std(before[0].y.astype(np.float64) - truth[0].y) / 4)
    for method in run.peers:
        tried = [filtered(before, setting) for setting in settings(method, sigma)]
        results[method] = max(tried, key=lambda result: psnr(result[0], truth))
    if run.pictures:
        stages = [results[stage][0] for stage in ("unfiltered", "restore", "nlmeans")]
        save_crops(run.pictures / f"{clip}_{name.replace(', ', '_')}.png", *stages, truth)
    measured = {metric.__name__: {m: round(metric(r[0], truth), 4) for m, r in results.items()} for metric in METRICS}
    size = f"{before[0].width}x{before[0].height}"
    return Row(clip, name, size, measured, {m: round(r[1], 2) for m, r in results.items() if r[1]})


def restored(pictures: list[Picture], model: str, times: float = 1.0) -> list[Picture]:
    """Return what `restore` makes of a clip; the network is told so many `times` the deviation that is measured."""
    restore = _restorer(pictures, model, times)
    return [restore(picture, pictures[at : at + LOOK_AHEAD]) for at, picture in enumerate(pictures, 1)]


def rate(pictures: list[Picture], model: str) -> float:
    """Return how many pictures a second `restore` makes in the midst of a shot: of this one, there and back again."""
    restore, there_and_back = _restorer(pictures, model, 1.0), cycle([*pictures, *pictures[-2:0:-1]])
    shot = [replace(next(there_and_back), number=number) for number in range(_BEFORE + _TIMED + LOOK_AHEAD)]
    for number in range(_BEFORE + _TIMED):
        if number == _BEFORE:
            began = time.perf_counter()
        restore(shot[number], shot[number + 1 : number + 1 + LOOK_AHEAD])
    return _TIMED / (time.perf_counter() - began)


def _restorer(pictures: list[Picture], model: str, times: float) -> Restore:
    noise, first = first_noise(pictures[:8]), pictures[0]
    noise = replace(noise, shot=noise.shot * times**2, read=noise.read * times**2)
    return Restore(choose("auto"), base_weights(model), first.height, first.width, strength=1, noise=noise)


def save_crops(path: Path, *stages: list[Picture]) -> None:
    """Save luma crops at 1:1 side by side: noisy, restored, nlmeans, truth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    crops = []
    for pictures in stages:
        y = pictures[-1].y
        top, left = max(0, y.shape[0] // 2 - 120), max(0, y.shape[1] // 2 - 120)
        crops.append(np.clip((y[top : top + 240, left : left + 240].astype(np.float64) - 64) / 876 * 255, 0, 255))
    Image.fromarray(np.concatenate(crops, 1).astype(np.uint8)).save(path)


def _line(row: Row, peers: tuple[str, ...]) -> str:
    parts = "  ".join(f"{name} {value:.2f}" for name, value in row.measured["psnr"].items())
    speed = row.fps["restore"] / row.fps["nlmeans"]
    return f"{row.clip:26.26} {row.noise:24} {row.size:8}  {parts}  over best {row.gain(peers):+.2f} dB  {speed:.0f}x"


def summary(rows: list[Row], peers: tuple[str, ...]) -> dict[str, Any]:
    """Return gains over the best filter by noise with their intervals, the other measures, and the speed ratio."""
    found: dict[str, Any] = {}
    for kind in dict.fromkeys(row.noise.split(",")[0] for row in rows):
        alike = [row for row in rows if row.noise.startswith(kind)]
        found[kind] = _gain([row.gain(peers) for row in alike])
        if peers != THREE:
            found[kind]["over_three_db"] = _gain([row.gain(THREE) for row in alike])["gain_db"]
    for metric in ("ssim", "flicker", "warping_error"):
        methods = rows[0].measured[metric]
        found[metric] = {m: round(float(np.nanmean([row.measured[metric][m] for row in rows])), 4) for m in methods}
    found["speed_over_nlmeans"] = round(float(np.median([r.fps["restore"] / r.fps["nlmeans"] for r in rows])), 1)
    return found


def _gain(gains: list[float]) -> dict[str, float]:
    mean, low, high = interval(gains)
    return {"gain_db": round(mean, 2), "low_db": round(low, 2), "high_db": round(high, 2)}


def clean_db(samples: Path, frames: int, model: str) -> dict[str, float]:
    """Return how near clean footage comes out, by clip, in dB."""
    found = {}
    for path, divide in CLIPS:
        pictures = pictures_of(decode_clean(samples / path, divide, frames)[0].astype(np.float32) / 1023)
        found[Path(path).stem] = round(psnr(restored(pictures, model), pictures), 1)
    return found


def real_pairs(samples: Path, model: str) -> dict[str, Any]:
    """Return what `restore` and nlmeans, at its best strength for each picture, make of real noise, in dB.

    One noisy photograph each, the mean of many as truth: evaluation only. Told other levels than the one that is
    measured, the network shows what the measuring costs; the best of these for each picture only the truth can choose.
    What shot and mean are apart by light and by place is told, and both once more with that put right (`apart.py`).
    Source: Xu et al. 2018 (PolyU).
    """
    rows, louder, beside = [], [], []
    for path in sorted((samples / "noise/polyu_noncommercial/crops").glob("*_real.*")):
        before, truth = (_photograph(file) for file in (path, path.with_name(path.name.replace("_real", "_mean"))))
        tried = [filtered([before], f"nlmeans=s={s}")[0][0] for s in STRENGTHS]
        made = [restored([before], model, times)[0] for times in TOLD]
        at = place(before, truth)
        off = apart(before, truth, at)
        louder.append([psnr([one], [truth]) for one in made])
        beside.append(float(np.hypot(*at)))
        rows.append(
            [
                score
                for by in (NOTHING, off)
                for score in (
                    *(psnr_put_right(one, truth, by) for one in (before, made[0])),
                    max(psnr_put_right(one, truth, by) for one in tried),
                )
            ]
        )
        print(
            f"{path.stem:42.42} unfiltered {rows[-1][0]:.2f}  restore {rows[-1][1]:.2f}  nlmeans {rows[-1][2]:.2f}"
            f"  {beside[-1]:.2f} pixels beside; put right {rows[-1][4]:.2f}  {rows[-1][5]:.2f}",
            flush=True,
        )
    table = np.array(rows)
    filmed, ours, theirs = table[:, :3].mean(0).round(2).tolist()
    return {
        "pairs": len(rows),
        "unfiltered_db": filmed,
        "restore_db": ours,
        "nlmeans_best_db": theirs,
        "over_nlmeans": _gain(list(table[:, 1] - table[:, 2])),
        "told_other_levels_db": dict(zip(map(str, TOLD), np.mean(louder, 0).round(2).tolist(), strict=True))
        | {"best of each": round(float(np.max(louder, 1).mean()), 2)},
        "worse_than_unfiltered": int((table[:, 1] < table[:, 0]).sum()),
        "least_over_unfiltered_db": round(float((table[:, 1] - table[:, 0]).min()), 2),
        "beside_the_mean_pixels": {"median": round(float(np.median(beside)), 2), "most": round(max(beside), 2)},
        "over_nlmeans_put_right": _gain(list(table[:, 4] - table[:, 5])),
    }


def _photograph(path: Path) -> Picture:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    return _photograph_of(
        frame.reformat(frame.width // 2 * 2, frame.height // 2 * 2, WORKING_FORMAT, dst_color_range="MPEG")
    )


def _photograph_of(frame: VideoFrame) -> Picture:
    planes = [
        np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)[:, : plane.width].copy()
        for plane in frame.planes
    ]
    return Picture(0, *planes)


def main() -> int:
    """Measure, print, and tell whether the goals are met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, default=Path("../shared/samples"))
    parser.add_argument("--frames", type=int, default=24, help="a second; two of the clips have only 10 and 8")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--noise", default="", help="only noises whose name contains this")
    parser.add_argument("--quick", action="store_true", help="without bm3d and real pairs")
    parser.add_argument("--real", action="store_true", help="real pairs alone")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    peers = THREE if arguments.quick else PEERS
    rows, found = [], {}
    if not arguments.real:
        run = Run(arguments.model, peers, arguments.pictures)
        rows = measure(arguments.samples, arguments.frames, arguments.noise, run)
        found = summary(rows, peers) | {"clean_db": clean_db(arguments.samples, arguments.frames, arguments.model)}
    if not arguments.quick:
        found["real"] = real_pairs(arguments.samples, arguments.model)
    if arguments.json:
        arguments.json.write_text(
            json.dumps(found | {"rows": [asdict(row) for row in rows]}, indent=1), encoding="utf-8"
        )
    print(json.dumps(found, indent=1))
    verdicts = goals(found)
    for goal, met in verdicts.items():
        print(f"{'met   ' if met else 'MISSED'}  {goal}")
    return 0 if all(verdicts.values()) else 1


def goals(found: dict[str, Any]) -> dict[str, bool]:
    """Return which of the goals that this run measured are met."""
    white, coarse, real = (found.get(kind) for kind in ("Poisson-Gaussian", "coarse", "real"))
    verdicts = {}
    if "clean_db" in found:
        verdicts[f"{GOAL_SPEED} times as fast as nlmeans"] = found["speed_over_nlmeans"] >= GOAL_SPEED
        verdicts[f"clean pictures at {GOAL_CLEAN_DB} dB"] = min(found["clean_db"].values()) >= GOAL_CLEAN_DB
    if white:
        over_three = white.get("over_three_db", white["gain_db"])
        verdicts[f"{GOAL_THREE_DB:+} dB over {', '.join(THREE)}, Poisson-Gaussian"] = over_three >= GOAL_THREE_DB
    for name, kind in (("Poisson-Gaussian", white), ("correlated", coarse)):
        if kind and "over_three_db" in kind:
            verdicts[f"{GOAL_ALL_DB:+} dB over every filter, {name}"] = kind["gain_db"] >= GOAL_ALL_DB
    if real:
        verdicts[f"{GOAL_REAL_DB:+} dB over nlmeans, real"] = real["over_nlmeans"]["gain_db"] >= GOAL_REAL_DB
        verdicts["no real picture worse than unfiltered"] = not real["worse_than_unfiltered"]
    return verdicts


if __name__ == "__main__":
    raise SystemExit(main())
