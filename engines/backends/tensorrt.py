"""The network in TensorRT or TensorRT for RTX on the GPU, in float16.

One back-end over the API that both libraries share. Plans come from the store of this machine; two engines a shape are
renewed and compared by `engines/plans/pair.py`. This process must not hold torch on CUDA. Of the lines that need a GPU
the memory, graph and kernels of pictures were run on one (2026-11-27), the engines, motion, carrying and hindsight
never: no TensorRT was there. The tests marked `gpu` and `bench/gpu` are what shows whether they hold.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from engines.backends.base import Session, Stream
from engines.backends.gpu_stream import GpuStream
from engines.errors import BackendUnavailable, BadPlan, BuildFailed, GpuFault
from engines.gpu.faults import gpu_error
from engines.gpu.graph import Recorder
from engines.gpu.machine import Machine, OnGpu
from engines.kernels.cubin import HINDSIGHT, MOTION, PICTURES, SOURCES
from engines.kernels.launch import Kernels
from engines.model.carry import Flow, flow
from engines.model.noise import NoiseProfile
from engines.model.packing import Packed
from engines.model.weights import Tensors, Weights
from engines.plans.canary import parity, reference
from engines.plans.key import plan_key
from engines.plans.library import LIBRARIES, Renewal
from engines.plans.pair import Engine, Pair
from engines.plans.store import PlanStore
from engines.plans.supply import Supplied, kernels, supplied

_GIVEN, _GOT = ("now", "noise"), "output"
_ENDS = (*_GIVEN, _GOT)
"""What goes to the GPU at a step of packed arrays, and what comes back; the past stays there."""
_SHAPES = 4
"""Most shapes whose engines are kept at once."""


class TensorRtBackend:
    """Runs networks in one of the two libraries."""

    def __init__(self, name: str, store: PlanStore) -> None:
        self.name = name
        self.library, self.store = LIBRARIES[name], store
        self.library.api()
        self.machine = Machine()
        self._said: list[str] = []
        self.logger = _logger(self.library.api(), self._said)
        self.runtime = self.library.api().Runtime(self.logger)
        self._pairs: dict[tuple[str, int, int], Pair] = {}

    def describe(self) -> str:
        """Return the library's version, the precision, the GPU and how engines are renewed."""
        library, gpu = self.library, self.machine.gpu
        return f"{self.name} {library.version()} f16, {gpu.name}, driver {gpu.driver}, {library.renewal}"

    def open(self, weights: Weights, height: int, width: int) -> Session:
        """Return a session on the engine that serves these weights.

        Raises:
            BuildFailed: there is no plan and none can be built. ParityRefused: the engine gives other pictures than the
            reference, and none served before. GpuFault: the GPU failed.
        """
        with self.machine.working("the engine cannot be opened"):
            return self._pair(weights, height, width).serving(weights).session()

    @cached_property
    def kernels(self) -> dict[str, Kernels]:
        """Return the kernels of each source."""
        machine = self.machine
        return {name: Kernels(machine, name, kernels(self.store, machine.gpu, name)) for name in SOURCES}

    def _pair(self, weights: Weights, height: int, width: int) -> Pair:
        shape = (weights.topology.digest, height, width)
        pair = self._pairs.pop(shape, None) or Pair(self._renewer(height, width), self._refusal(height, width))
        self._pairs[shape] = pair
        if len(self._pairs) > _SHAPES:
            self._pairs.pop(next(iter(self._pairs)))
        return pair

    def _renewer(self, height: int, width: int) -> Callable[[Engine | None, Weights], Engine]:
        def renewed(idle: Engine | None, weights: Weights) -> Engine:
            if self.library.renewal is Renewal.REFIT and isinstance(idle, _TensorRtEngine):
                return idle.refitted(weights)
            plan = supplied(self.store, self.library, weights, height, width, self.machine.gpu)
            engine = _TensorRtEngine(self, plan, weights)
            return engine.refitted(weights) if self.library.renewal is Renewal.REFIT else engine

        return renewed

    def _refusal(self, height: int, width: int) -> Callable[[Engine, Weights], str]:
        def refused(engine: Engine, weights: Weights) -> str:
            key = plan_key(self.library, weights, height, width, self.library.renewal, self.machine.gpu)
            return parity(engine.session(), reference(self.store, key, weights), height, width).refused

        return refused

    def failed(self, what: str) -> GpuFault | BackendUnavailable:
        """Return the error for what the library said last; it says why in its log alone."""
        said, self._said[:] = "\n".join(self._said), []
        error = gpu_error(what, said or "the library gives no reason")
        assert isinstance(error, GpuFault | BackendUnavailable)
        return error


class _TensorRtEngine:
    """A deserialised plan."""

    def __init__(self, backend: TensorRtBackend, supply: Supplied, weights: Weights) -> None:
        self.backend, self.weights = backend, weights
        self._sessions: weakref.WeakSet[_TensorRtSession] = weakref.WeakSet()
        self.engine = backend.runtime.deserialize_cuda_engine(supply.plan)
        if self.engine is None:
            raise backend.failed(f"the plan {supply.path.name} cannot be loaded")
        self._cache = _RuntimeCache(backend, supply) if hasattr(self.engine, "create_runtime_config") else None

    @property
    def in_use(self) -> bool:
        """Whether a session runs on it."""
        return bool(self._sessions)

    def session(self) -> Session:
        """Return a session with a context, a stream and buffers of its own."""
        context = self._cache.context(self.engine) if self._cache else self.engine.create_execution_context()
        if context is None:
            raise self.backend.failed("the engine gives no execution context")
        session = _TensorRtSession(self, context)
        self._sessions.add(session)
        return session

    def refitted(self, weights: Weights) -> _TensorRtEngine:
        """Return this engine with other numbers: exactly the network's kernels and biases, none missing."""
        library = self.backend.library.api()
        refitter = library.Refitter(self.engine, self.backend.logger)
        if set(refitter.get_all_weights()) != weights.tensors.keys():
            raise _unfit("its plan can exchange other weights than the network has")
        numbers: Tensors = {}
        for name, array in weights.tensors.items():
            numbers[name] = np.ascontiguousarray(array, np.float16)  # kept until it is done
            if not refitter.set_named_weights(name, library.Weights(numbers[name])):
                raise _unfit(f"it does not take {name}")
        if missing := refitter.get_missing_weights():
            raise _unfit(f"weights are missing: {', '.join(missing)}")
        if not refitter.refit_cuda_engine():
            raise self.backend.failed("the engine cannot be renewed")
        self.weights = weights
        return self


class _RuntimeCache:
    """The kernels that TensorRT for RTX compiles as it runs, kept beside the plans for the next start."""

    def __init__(self, backend: TensorRtBackend, supply: Supplied) -> None:
        gpu = backend.machine.gpu
        self.store = backend.store
        self._key = replace(supply.key, what="runtime-cache", weights="", gpu=gpu.name, driver=gpu.driver)
        self._config: Any = None  # kept: whether a context goes on reading its own is nowhere said
        self._cache: Any = None
        self._kept = b""

    def context(self, engine: Any) -> Any:
        """Return an execution context that compiles through the cache, and keep what was compiled until now."""
        if self._config is None:
            self._config = engine.create_runtime_config()
            if hasattr(self._config, "create_runtime_cache"):
                self._cache = self._filled(self._config)
                self._config.set_runtime_cache(self._cache)
        context = engine.create_execution_context(self._config)
        self._keep()
        return context

    def _filled(self, config: Any) -> Any:
        cache = config.create_runtime_cache()
        try:
            self._kept = self.store.load(self._key) or b""
        except BadPlan:
            self._kept = b""
        if self._kept:
            cache.deserialize(self._kept)
        return cache

    def _keep(self) -> None:
        given = self._cache.serialize() if self._cache is not None else None  # None, too, where it has nothing to give
        if given is not None and (compiled := bytes(given)) != self._kept:
            self.store.save(self._key, compiled, 0.0)
            self._kept = compiled


class _TensorRtSession(OnGpu):
    """A stream of pictures: its state stays on the GPU and is carried there; all of a step is recorded."""

    def __init__(self, engine: _TensorRtEngine, context: Any) -> None:
        self.machine, self.weights = engine.backend.machine, engine.weights
        self._engine, self._context = engine, context
        kernels = engine.backend.kernels
        self.pictures, self.motion, self.hindsight = kernels[PICTURES], kernels[MOTION], kernels[HINDSIGHT]
        cuda = self.machine.cuda
        names = [engine.engine.get_tensor_name(number) for number in range(engine.engine.num_io_tensors)]
        shapes = {name: tuple(engine.engine.get_tensor_shape(name)) for name in names}
        self._shape: tuple[int, int] = shapes["now"][2:]
        self._here = {name: self.machine.pinned(shapes[name], np.float16) for name in _ENDS}
        self._motion_here = self.machine.pinned((*self._shape, 2), np.float32)
        self.there = {name: cuda.mem_alloc(int(np.prod(shape)) * 2) for name, shape in shapes.items()}
        self._motion_there = cuda.mem_alloc(self._motion_here.nbytes)
        self.stream_of_work = cuda.Stream()
        for name in names:
            context.set_tensor_address(name, int(self.there[name]))
        self.may_record = _capturable(context, self.stream_of_work)
        self._recorder = Recorder(self.stream_of_work, self.may_record)
        self._bytes = {name: int(np.prod(shape)) * 2 for name, shape in shapes.items()}
        self._before: Packed | None = None

    def step(self, now: Packed, noise: Packed, motion: Flow | None = None) -> Packed:
        going = self._before is not None
        if self._before is not None:
            self._motion_here[:] = flow(now[0], self._before[0]) if motion is None else motion
        self._here["now"][:], self._here["noise"][:] = now, noise
        with self.machine.working("the engine failed in a picture"):
            self._recorder.run(going, lambda: self._enqueue(going=going))
            self.stream_of_work.synchronize()
        self._before = now
        return self._here["output"].astype(np.float32)

    def reset(self) -> None:
        self._before = None

    def stream(self, height: int, width: int, noise: NoiseProfile) -> Stream:
        return GpuStream(self, height, width, noise)

    def advance(self, motion: Any | None) -> None:
        """Start a step on what lies on the GPU; see `gpu_stream.Advancing`."""
        if motion is None:
            self._begin()
        else:
            self._carry(motion)
        if not self._context.execute_async_v3(self.stream_of_work.handle):
            raise self._engine.backend.failed("the engine failed in a picture")

    def _begin(self) -> None:
        cuda, there = self.machine.cuda, self.there
        cuda.memcpy_dtod_async(there["carried"], there["now"], self._bytes["now"], self.stream_of_work)
        cuda.memset_d8_async(there["hidden"], 0, self._bytes["hidden"], self.stream_of_work)

    def _carry(self, motion: Any) -> None:
        (rows, columns), there, run = self._shape, self.there, self.motion.run
        hidden = (there["hidden_next"], motion, there["hidden"], self.weights.topology.hidden)
        picture = (there["output"], motion, there["carried"])
        run("carried_picture", columns, rows, *picture, rows, columns, 0, stream=self.stream_of_work)
        run("carried_state", columns, rows, *hidden, rows, columns, stream=self.stream_of_work)

    def _enqueue(self, *, going: bool) -> None:
        cuda, there, stream = self.machine.cuda, self.there, self.stream_of_work
        for name in _GIVEN:
            cuda.memcpy_htod_async(there[name], self._here[name], stream)
        if going:
            cuda.memcpy_htod_async(self._motion_there, self._motion_here, stream)
        self.advance(self._motion_there if going else None)
        cuda.memcpy_dtoh_async(self._here[_GOT], there[_GOT], stream)


def _capturable(context: Any, stream: Any) -> Callable[[], bool]:
    """Return what tells whether a step can be recorded yet: libraries that compile as they run say so.

    It knows no session: one that its recorder led back to would stay until garbage is collected, and with it its memory
    and the engine's being in use.
    """
    able = getattr(context, "is_stream_capturable", lambda _: True)
    return lambda: bool(able(stream.handle))


def _unfit(why: str) -> BuildFailed:
    return BuildFailed(
        "the engine cannot be renewed",
        why=why,
        fix="`nearset engine clear`, then `nearset engine build`; if it repeats, report it with the log",
    )


def _logger(api: Any, said: list[str]) -> Any:
    """Return a logger for the library that keeps its errors in `said`."""

    class Logger(api.ILogger):  # type: ignore[misc] # the library has no types
        def log(self, severity: Any, message: str) -> None:
            if severity in {api.ILogger.ERROR, api.ILogger.INTERNAL_ERROR}:
                said.append(message)

    return Logger()
