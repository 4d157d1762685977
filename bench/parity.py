"""How near engines come to float32 torch over a hundred pictures, each fed back into the next.

    python -m bench.parity [--samples DIR] [--frames N] [--engine NAME ...]

OpenVINO as it runs here, and the float16 graph that TensorRT is given, run by ONNX Runtime on the processor with its
state in float16: what float16 costs this network, and no figure of TensorRT's own. Engines on a GPU are asked where
they can run. Random pictures, and real ones as they were filmed. Exit code 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.backends import choose
from engines.backends.base import Backend, Session
from engines.backends.eager import EagerBackend
from engines.errors import EngineError
from engines.model.carry import Flow, carried_on
from engines.model.footage import decode_clean
from engines.model.half import half
from engines.model.noise import NoiseProfile, estimate
from engines.model.onnx_graph import onnx_graph
from engines.model.packing import Packed
from engines.model.weights import Weights, base_weights
from engines.plans.build import clamped
from engines.plans.canary import MOST_ERROR
from engines.plans.store import PlanStore

LEAST_DB = 50.0
SHAPE = (96, 160)
CLIP, DIVIDE = "footage/sam2_05_juggle.mp4", 2.0
ENGINES = ("native", "openvino", "float16 graph", "eager-cuda", "tensorrt", "tensorrt-rtx")


class HalfGraph:
    """The float16 graph in ONNX Runtime on the processor."""

    name = "float16 graph"

    def describe(self) -> str:
        """Return the runtime's version and the precision."""
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__} f16, processor"

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session on the graph that TensorRT is given."""
        import onnxruntime

        graph = clamped(half(onnx_graph(weights.topology, weights.tensors, height, width)))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
        return _HalfSession(onnxruntime.InferenceSession(graph.SerializeToString(), options), weights)


class _HalfSession:
    def __init__(self, session: Any, weights: Weights) -> None:
        self.weights, self._session = weights, session
        self._before: tuple[Packed, Packed, Packed] | None = None
        (self._hidden,) = (x.shape for x in session.get_inputs() if x.name == "hidden")

    def step(self, now: Packed, noise: Packed, motion: Flow | None = None) -> Packed:
        picture = now.astype(np.float16)
        past = carried_on(now, *self._before, motion) if self._before else (picture, np.zeros(self._hidden, np.float16))
        given = {"now": picture, "carried": past[0], "noise": noise, "hidden": past[1]}
        given = {name: array.astype(np.float16) for name, array in given.items()}
        output, hidden = self._session.run(["output", "hidden_next"], given)
        self._before = now, output.astype(np.float32), hidden.astype(np.float32)
        restored: Packed = output.astype(np.float32)
        return restored

    def reset(self) -> None:
        self._before = None


@dataclass(frozen=True, slots=True)
class Nearness:
    """How far an engine is: worst picture in dB, all pictures as vectors, and that over what the reference changed."""

    worst_db: float
    error: float
    of_change: float


def nearness(backend: Backend, weights: Weights, pictures: npt.NDArray[np.float32], noise: NoiseProfile) -> Nearness:
    """Return how near a back-end comes to the reference on pictures `[T, 8, h, w]`."""
    sessions = [each.open(weights, *pictures.shape[2:]) for each in (backend, EagerBackend())]
    worst, off, whole, change = np.inf, 0.0, 0.0, 0.0
    for picture in pictures:
        now = np.ascontiguousarray(picture[None])
        one, truth = (session.step(now, noise.noise_map(now)).copy() for session in sessions)
        error = float(((one - truth) ** 2).sum())
        worst = min(worst, -10 * float(np.log10(max(error / one.size, 1e-20))))
        off, whole, change = off + error, whole + float((truth**2).sum()), change + float(((truth - now) ** 2).sum())
    return Nearness(worst, (off / whole) ** 0.5, (off / change) ** 0.5)


def random_pictures(count: int) -> npt.NDArray[np.float32]:
    """Return pictures of white noise about grey."""
    drawn = np.random.default_rng(5).normal(0.5, 0.12, (count, 8, *SHAPE))
    return (np.rint(np.clip(drawn, 0, 1) * 1023) / 1023).astype(np.float32)


def real_pictures(samples: Path, count: int) -> npt.NDArray[np.float32]:
    """Return pictures of a real shot, there and back if it is shorter."""
    clip = decode_clean(samples / CLIP, DIVIDE, count)[0].astype(np.float32) / 1023
    cut = clip[:, :, : SHAPE[0], : SHAPE[1]]
    order = [*range(len(cut)), *range(len(cut) - 2, 0, -1)]
    return cut[[order[number % len(order)] for number in range(count)]]


def _backends(names: list[str], folder: Path) -> Iterator[tuple[str, Backend]]:
    for name in names:
        try:
            yield name, HalfGraph() if name == HalfGraph.name else choose(name, PlanStore(folder, 1 << 30))
        except EngineError as error:
            print(f"{name}: {error.what}: {error.why}", file=sys.stderr)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, default=Path("../shared/samples"))
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--engine", action="append", choices=ENGINES)
    arguments = parser.parse_args()
    weights = base_weights("lite")
    shots = {"random": (random_pictures(arguments.frames), NoiseProfile(0.0, 0.12**2))}
    if (arguments.samples / CLIP).exists():
        real = real_pictures(arguments.samples, arguments.frames)
        shots["real"] = (real, _noise(real))
    missed = False
    with TemporaryDirectory() as folder:
        for name, backend in _backends(arguments.engine or list(ENGINES), Path(folder)):
            for shot, (pictures, noise) in shots.items():
                found = nearness(backend, weights, pictures, noise)
                missed |= found.error > MOST_ERROR or (name == "openvino" and found.worst_db < LEAST_DB)
                print(
                    f"{backend.describe():40} {shot:7} worst {found.worst_db:5.1f} dB, "
                    f"relative error {found.error:.1e}, {100 * found.of_change:.2f} % of the change",
                    flush=True,
                )
    return int(missed)


def _noise(pictures: npt.NDArray[np.float32]) -> NoiseProfile:
    from engines.model.packing import pictures_of

    return estimate(pictures_of(pictures[:8]))


if __name__ == "__main__":
    raise SystemExit(main())
