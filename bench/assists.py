"""How well the assists work: keys, wires and clean plates against ffmpeg and the truth, and the rate of each.

    python -m bench.assists [--samples DIR] [--only keys|wires|plates|rates] [--json FILE]

Keys are composited by us from footage that no training saw, so that alpha is exact; wires are drawn on footage whose
camera moves; plates are sought behind patches of other footage that move through. Everything is seeded. Rates are of
processor time at 960x540, since the machine is shared.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from bench.keyers import chromakeys, unwired
from bench.relight import CURVE, LINEAR, MATRIX, PICTURES, beat, relit
from engines.enhance.camera import survey
from engines.enhance.comp import Comp, Placing
from engines.enhance.flicker import Deflicker
from engines.enhance.matte import Difference, Key, Limits, ended
from engines.enhance.plate import Plate, Sight, numbers_of, plate_of
from engines.enhance.removal import REACH, Removal
from engines.enhance.screen import KeyColour, measured, screen_of
from engines.enhance.shapes import Mask, Shape, mask_of
from engines.enhance.steady import Framing, Steady
from engines.light.dials import Bring, Dials
from engines.light.flicker import find, grid_of
from engines.media.conform import WORKING_FORMAT
from engines.media.frames import Picture
from engines.media.still import rgb_of
from engines.model.footage import TRAINING
from engines.model.keys import coverage, kept_apart, keyed

Floats = npt.NDArray[np.float32]

GOAL_KEY, GOAL_WIRE_DB, GOAL_PLATE_DB, GOAL_PRECISION = 0.5, 6.0, 35.0, 0.95
FRONTS = (
    "footage/media3_webcam_man_bt601.mov",
    "footage/videocontext_bar_lowlight.webm",
    "footage/media3_8k_terrarium.mp4",
    "footage/intel_asl_again.mkv",
    "footage/flutter_bee.mp4",
    "footage/imageio_cockatoo_444.mp4",
)
"""What is put before a screen; no training saw any of it."""
MOVING = (
    ("footage/media3_london_pan_60p.mp4", (320, 240), 0),
    ("footage/editly_palawan.mp4", (640, 360), 0),
    ("footage/media3_hlg_editlist.mp4", (640, 360), 10),
    ("footage/media3_hdr10_rooftop.mp4", (640, 360), 0),
    ("cards/gopro/karma.mp4", (428, 240), 0),
)
"""Footage whose camera moves: path, size, and the first frame taken."""
_FRAMES = 36
_WIRE = 7.0
"""Pixels of the mask's line; the wire itself is five wide."""
_RIGHT = 40.0
"""10-bit codes of luma that a plate may be off the truth and still be right: ten of eight bits."""


def shot(path: Path, size: tuple[int, int], frames: int, first: int = 0) -> list[Picture]:
    """Return pictures of a clip at a size."""
    found: list[Picture] = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= first:
                small = frame.reformat(*size, WORKING_FORMAT, interpolation="AREA", dst_color_range="MPEG")
                planes = [
                    np.frombuffer(memoryview(plane), np.uint16).reshape(plane.height, -1)[:, : plane.width].copy()
                    for plane in small.planes
                ]
                found.append(Picture(len(found), *planes))
            if len(found) == frames:
                break
    return found


def sad(alpha: Floats, truth: Floats) -> float:
    """Return the sum of absolute differences, in thousands. Source: Rhemann et al. 2009."""
    return float(np.abs(alpha - truth).sum() / 1000)


def gradient_error(alpha: Floats, truth: Floats) -> float:
    """Return the squared difference of Gaussian gradients, in thousands. Source: Rhemann et al. 2009, sigma 1.4."""
    one, other = _slope(alpha), _slope(truth)
    return float(((one - other) ** 2).sum() / 1000)


def _slope(alpha: Floats) -> Floats:
    smooth = cv2.GaussianBlur(alpha, (0, 0), 1.4)
    return np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)) / 8


def keys(samples: Path) -> dict[str, Any]:
    """Return SAD and gradient error of the key, of colour alone, and of chromakey at the best of its settings."""
    trained = {footage.path for footage in TRAINING}
    rows = []
    for number, (path, colour) in enumerate(zip(FRONTS, cycle(KeyColour), strict=False)):
        assert path not in trained, path
        rng = np.random.default_rng(9000 + number)
        front = kept_apart(np.clip(rgb_of(shot(samples / path, (640, 360), 1, 4)[0]), 0, 1), colour)
        made = keyed(front, coverage(360, 640, rng), colour, rng)
        screen = screen_of(made.picture, colour)
        y, cb, cr = (float(plane.mean()) for plane in screen.codes)
        ours = Key(colour, 360, 640, limits=Limits())(made.picture).alpha
        alone = ended(measured(made.picture, screen).alpha)
        theirs = chromakeys(made.picture, (y, cb, cr))
        row = {
            "clip": f"{Path(path).stem} {colour}",
            "sad": [sad(ours, made.alpha), sad(alone, made.alpha), min(sad(one, made.alpha) for one in theirs)],
            "gradient": [
                gradient_error(ours, made.alpha),
                gradient_error(alone, made.alpha),
                min(gradient_error(one, made.alpha) for one in theirs),
            ],
        }
        rows.append(row)
        print(
            f"{row['clip']:36} SAD, gradient: ours, colour alone, chromakey",
            *(_three(row[m]) for m in ("sad", "gradient")),
            flush=True,
        )
    ratios = {m: float(np.sum([r[m][0] for r in rows]) / np.sum([r[m][2] for r in rows])) for m in ("sad", "gradient")}
    return {"rows": rows, "ratio": ratios, "met": all(ratio <= GOAL_KEY for ratio in ratios.values())}


def _three(numbers: Any) -> str:
    return " ".join(f"{number:.3f}" for number in numbers)


def wires(samples: Path) -> dict[str, Any]:
    """Return how far the filled wires are from the truth, against delogo and removelogo on the same pixels."""
    rows: list[dict[str, Any]] = []
    for path, size, first in MOVING:
        clean = shot(samples / path, size, _FRAMES, first)
        ends = _across_the_way(clean)
        mask = mask_of([Shape("line", ends, _WIRE)], size, size)
        wired = [_wired(picture, mask_of([Shape("line", ends, 5)], size, size)) for picture in clean]
        filled, removal = _removed(wired, mask)
        for before, after in zip(wired, filled, strict=True):
            assert np.array_equal(before.y[~mask], after.y[~mask]), "luma outside the mask changed"
            outside = ~mask[:, ::2]
            assert np.array_equal(before.cb[outside], after.cb[outside]), "chroma outside the mask changed"
            assert np.array_equal(before.cr[outside], after.cr[outside]), "chroma outside the mask changed"
        rows_of, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        left, top = max(1, int(columns[0])), max(1, int(rows_of[0]))  # delogo keeps a pixel off the edge
        box = (left, top, min(len(columns), size[0] - 1 - left), min(len(rows_of), size[1] - 1 - top))
        peers = unwired(wired, mask, box)
        seen = [mask & (one.y != other.y) for one, other in zip(wired, filled, strict=True)]
        lumas = {"ours": [picture.y.astype(np.float32) for picture in filled], **peers}
        over_seen = {name: _db(luma, clean, seen) for name, luma in lumas.items()}
        over_mask = {name: _db(luma, clean, [mask] * len(clean)) for name, luma in lumas.items()}
        unseen = removal.removed.unseen / max(1, removal.removed.masked)
        gain, gain_of_all = _gain(over_seen), _gain(over_mask)
        rows.append(
            {"clip": Path(path).stem, "filled": over_seen, "mask": over_mask, "gain": gain, "gain_of_all": gain_of_all}
            | {"unseen": unseen}
        )
        print(
            f"{rows[-1]['clip']:28} filled pixels {over_seen}, gain {gain:+.1f} dB; whole mask {over_mask}, "
            f"{gain_of_all:+.1f} dB; never seen {unseen:.1%}",
            flush=True,
        )
    gain, of_all = (float(np.mean([row[word] for row in rows])) for word in ("gain", "gain_of_all"))
    each = sum(row["gain"] >= GOAL_WIRE_DB for row in rows)
    return {"rows": rows, "gain_db": gain, "gain_of_all_db": of_all, "clips_over_goal": each, "met": each == len(rows)}


def _gain(db: dict[str, float]) -> float:
    return db["ours"] - max(found for name, found in db.items() if name != "ours")


def _across_the_way(clean: Sequence[Picture]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ends of a wire across the camera's way: along it, what hangs in front of the lens hides one line."""
    width, height = clean[0].width, clean[0].height
    move = survey(clean)
    ways = [move.between(number, number + 8) for number in range(0, len(clean) - 8, 8)]
    x, y = np.mean([np.abs(way[:2, 2]) for way in ways if way is not None], axis=0)
    if x >= y:
        return ((round(width * 0.55), 1), (round(width * 0.55), height - 2))
    return ((2, round(height * 0.55)), (width - 3, round(height * 0.55)))


def _wired(picture: Picture, wire: Mask) -> Picture:
    planes = [picture.y.copy(), picture.cb.copy(), picture.cr.copy()]
    for plane, code, mask in zip(planes, (130, 512, 512), (wire, wire[:, ::2], wire[:, ::2]), strict=True):
        plane[mask] = code
    return Picture(picture.number, *planes)


def _removed(wired: Sequence[Picture], mask: Mask) -> tuple[list[Picture], Removal]:
    move = survey(wired, mask)
    plates: dict[int, Plate] = {}
    for number in sorted(set(move.shots)):
        numbers = move.shot_of(move.shots.index(number))
        chosen = numbers_of(numbers)
        middle = numbers[len(numbers) // 2]
        sights = [Sight(wired[one], move.between(middle, one), mask) for one in chosen]  # type: ignore[arg-type] # of one shot
        plates[number] = plate_of(sights, middle)
    removal = Removal(lambda _: mask, move, plates)
    return [removal(one, wired[one.number + 1 : one.number + 1 + REACH]) for one in wired], removal


def _db(found: Sequence[Floats], clean: Sequence[Picture], masks: Sequence[Mask]) -> float:
    """Return PSNR of luma over masks, peak 1023."""
    errors = [(one - other.y.astype(np.float32))[mask] for one, other, mask in zip(found, clean, masks, strict=True)]
    return round(float(10 * np.log10(1023**2 / np.mean(np.concatenate(errors) ** 2))), 2)


def plates(samples: Path) -> dict[str, Any]:
    """Return how near plates come to what stands behind patches of other footage that move through."""
    rows = []
    for number, (path, size, first) in enumerate(MOVING):
        clean = shot(samples / path, size, _FRAMES, first)
        patch = shot(samples / FRONTS[number], (size[0] // 2, size[1] // 2), 1, 4)[0]
        acted = [_acted(picture, patch, picture.number / _FRAMES) for picture in clean]
        middle = len(clean) // 2
        move = survey(acted)
        plate = plate_of(
            [Sight(acted[one], move.between(middle, one)) for one in numbers_of(range(len(acted)))],  # type: ignore[arg-type] # of one shot
            middle,
        )
        off = np.abs(plate.picture.y.astype(np.float32) - clean[middle].y)
        db = _db([plate.picture.y.astype(np.float32)], [clean[middle]], [plate.valid])
        precision = float((off[plate.valid] <= _RIGHT).mean())
        covered = float((acted[middle].y != clean[middle].y).mean())
        rows.append(
            {"clip": Path(path).stem, "db": db, "precision": precision, "valid": plate.share, "covered": covered}
        )
        print(
            f"{rows[-1]['clip']:28} {db:.1f} dB where valid ({plate.share:.0%}), precision {precision:.4f}", flush=True
        )
    db, precision = (float(np.mean([row[word] for row in rows])) for word in ("db", "precision"))
    return {"rows": rows, "db": db, "precision": precision, "met": db >= GOAL_PLATE_DB and precision >= GOAL_PRECISION}


def _acted(picture: Picture, patch: Picture, share: float) -> Picture:
    """Return a picture before which two patches move, one each way."""
    height, width = picture.height, picture.width
    planes = [picture.y.copy(), picture.cb.copy(), picture.cr.copy()]
    for at, row in ((share, 0.15), (1 - share, 0.55)):
        covered = np.zeros((height, width), np.uint8)
        centre = (int((1.3 * at - 0.15) * width), int((row + 0.15) * height))
        cv2.ellipse(covered, centre, (width // 9, height // 5), 0, 0, 360, 1, cv2.FILLED)
        mask = covered > 0
        mask = np.repeat(mask[:, ::2] | mask[:, 1::2], 2, 1)
        for plane, of_patch, over in zip(
            planes, (patch.y, patch.cb, patch.cr), (mask, mask[:, ::2], mask[:, ::2]), strict=True
        ):
            rolled = np.roll(np.tile(of_patch, (3, 3)), centre[0] // 2 * 2 * plane.shape[1] // width, axis=1)
            plane[over] = rolled[: plane.shape[0], : plane.shape[1]][over]
    return Picture(picture.number, *planes)


def rates(samples: Path) -> dict[str, Any]:
    """Return CPU milliseconds a picture of each assist at 960x540, and what two cores make of them a second."""
    size, count = (960, 540), 14
    clean = shot(samples / "footage/editly_palawan.mp4", size, count)
    rng = np.random.default_rng(3)
    front = np.clip(rgb_of(shot(samples / FRONTS[1], size, 1, 4)[0]), 0, 1)
    made = keyed(kept_apart(front, KeyColour.GREEN), coverage(540, 960, rng), KeyColour.GREEN, rng)
    mask = mask_of([Shape("line", ((528, 1), (528, 538)), _WIRE)], size, size)
    wired = [_wired(picture, mask) for picture in clean]
    key = Key(KeyColour.GREEN, 540, 960, limits=Limits())
    key(made.picture)
    move = survey(wired, mask)
    sights = [Sight(clean[one], move.between(7, one)) for one in range(count)]  # type: ignore[arg-type] # of one shot
    plate = plate_of(sights, 7)
    comp = Comp(key, lambda _: clean[0], grade=None, placing=Placing())
    removal = Removal(lambda _: mask, move)
    steady = Steady(move, size, strength=1.0, framing=Framing(zoom=1.1))
    difference = Difference(plate, limits=Limits())
    own = grid_of(clean[0], CURVE)
    flicker = find([own + beat(4.0, 0.1, 0.0, 24.0, one, own.shape[0])[:, None] for one in range(PICTURES)], 24.0)
    assert flicker is not None, "a beat over the whole picture is found"
    deflicker = Deflicker(flicker, 1.0, LINEAR, MATRIX)
    relight = relit(Dials(key_stops=0.5, fill_stops=-0.3), Bring())
    relight(clean[0])
    spent = {
        "key": _cpu_ms(lambda _: key(made.picture), 3),
        "difference": _cpu_ms(lambda number: difference(clean[number]), 2),
        "comp": _cpu_ms(lambda _: comp(made.picture), 2),
        "survey": _cpu_ms(lambda number: survey(clean[number : number + 2]), 4),
        "removal": _cpu_ms(lambda number: removal(wired[number], wired[number + 1 : number + 17]), 3),
        "steady and reframe": _cpu_ms(lambda number: steady(clean[number]), 3),
        "flicker, looking for it": _cpu_ms(lambda number: grid_of(clean[number], CURVE), 4),
        "flicker, taking it out": _cpu_ms(lambda number: deflicker(clean[number]), 4),
        "relight": _cpu_ms(lambda number: relight(clean[1 + number]), 8),
        "plate, each of its pictures": _cpu_ms(lambda _: plate_of(sights, 7), 1) / count,
    }
    for name, ms in spent.items():
        print(f"{name:32} {ms:7.1f} CPU ms, {2000 / ms:6.1f} fps on two cores", flush=True)
    return {"cpu_ms": {name: round(ms, 1) for name, ms in spent.items()}, "met": True}


def _cpu_ms(work: Callable[[int], object], count: int) -> float:
    began = time.process_time()
    for number in range(count):
        work(number)
    return (time.process_time() - began) / count * 1000


def main() -> int:
    """Measure, print, and tell whether the goals are met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, default=Path("../shared/samples"))
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    benches = {"keys": keys, "wires": wires, "plates": plates, "rates": rates}
    found = {name: bench(arguments.samples) for name, bench in benches.items() if arguments.only in {"", name}}
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    for name, result in found.items():
        sums = {word: value for word, value in result.items() if word not in {"rows", "met"}}
        print(f"{'met   ' if result['met'] else 'MISSED'}  {name}: {json.dumps(sums)}")
    return 0 if all(result["met"] for result in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
