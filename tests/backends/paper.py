# ruff: noqa: ARG002, N802 - these take what the real ones take, under their names
"""TensorRT, pycuda and the driver on paper: what they do is done by OpenVINO on the processor, in memory of this side.

Shows that the back-end asks the libraries in the right order, keeps its state, renews and compares; not that TensorRT
or a GPU answers as these do.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import threading
import weakref
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save

sys.path.insert(0, str(Path(__file__).parents[1] / "kernels"))

import paper_kernels

from engines.gpu.device import Gpu
from engines.openvino_core import compiled

_COMPILED = TemporaryDirectory(prefix="nearset-paper-")
GPU = Gpu("Paper RTX", "89", "580.65 CUDA 13.0", 24 << 30)


class Memory:
    """What the GPU would hold; its address is where it lies here. As with pycuda, not every thread can free it."""

    def __init__(self, driver, count):
        self.driver, self.bytes = driver, np.zeros(count, np.uint8)
        driver.held += 1

    def __int__(self):
        return self.bytes.ctypes.data

    def __del__(self):
        free = self.driver.depth or threading.get_ident() == self.driver.owner
        self.driver.held -= bool(free)

    def free(self):
        """Nothing: it is free once nobody holds it."""


class Event:
    """A place in a stream's work, reached or not."""

    def __init__(self):
        self.stream, self.reached = None, True

    def record(self, stream):
        mark = SimpleNamespace(reached=False)
        self.stream, self.mark = stream, mark
        stream.put(lambda: setattr(mark, "reached", True))

    def synchronize(self):
        self.stream.until(lambda: self.mark.reached)

    def time_since(self, other):
        return 1.0


class Stream:
    """Work in its order, as lazy as a GPU may be: done when somebody waits for it, and not before."""

    def __init__(self, driver, flags=0):
        self.driver, self.work, self.recording = driver, deque(), None
        self.handle = len(driver.streams) + 1
        driver.streams[self.handle] = self

    def put(self, work):
        with self.driver.turn:
            (self.work if self.recording is None else self.recording).append(work)

    def synchronize(self):
        assert self.recording is None, "nothing can be waited for while work is recorded"
        self.until(lambda: not self.work)

    def wait_for_event(self, event):
        mark = event.mark
        self.put(lambda: event.stream.until(lambda: mark.reached))

    def until(self, done):
        with self.driver.turn:
            while not done():
                self.work.popleft()()


class Driver:
    """pycuda.driver: memory, streams, events, kernels that run thread by thread. Each thread pushes its own context.

    `held` counts the memory that was not freed; its bytes stay, since work may still be under way on them.
    """

    def __init__(self):
        self.memory, self.streams, self.asked = {}, {}, []
        self.turn, self.pushed = threading.RLock(), threading.local()
        self.held, self.owner = 0, threading.get_ident()
        self.Stream, self.Event = functools.partial(Stream, self), Event

    def init(self):
        self.asked.append("init")

    def Device(self, number):
        assert number == 0
        return SimpleNamespace(retain_primary_context=lambda: SimpleNamespace(push=self.push, pop=self.pop))

    @property
    def depth(self):
        return getattr(self.pushed, "depth", 0)

    def push(self):
        self.pushed.depth = self.depth + 1

    def pop(self):
        self.pushed.depth = self.depth - 1

    @property
    def Context(self):
        return SimpleNamespace(synchronize=lambda: [stream.synchronize() for stream in self.streams.values()])

    def pagelocked_empty(self, shape, kind):
        return np.zeros(shape, kind)

    def mem_get_info(self):
        return (1 << 20) - self.held, 1 << 20

    def mem_alloc(self, count):
        memory = Memory(self, count)
        self.memory[int(memory)] = memory.bytes
        return memory

    def do(self, work, stream):
        assert self.depth, "no context is this thread's"
        stream.put(work)

    def memcpy_htod_async(self, there, here, stream):
        assert here.flags.c_contiguous
        there = there.bytes  # work under way holds no memory, as on a GPU
        assert here.nbytes == there.nbytes
        self.do(lambda: there.__setitem__(slice(None), here.reshape(-1).view(np.uint8)), stream)

    def memcpy_dtoh_async(self, here, there, stream):
        there = there.bytes
        assert here.nbytes == there.nbytes
        self.do(lambda: here.__setitem__(..., there.view(here.dtype).reshape(here.shape)), stream)

    def to_device(self, array):
        there = self.mem_alloc(array.nbytes)
        there.bytes[:] = array.reshape(-1).view(np.uint8)
        return there

    def memcpy_dtoh(self, here, there):
        for stream in self.streams.values():
            stream.synchronize()
        here[...] = there.bytes.view(here.dtype).reshape(here.shape)

    def memcpy_dtod_async(self, to, source, count, stream):
        to, source = to.bytes, source.bytes
        assert count == source.nbytes == to.nbytes
        self.do(lambda: to.__setitem__(slice(None), source), stream)

    def memset_d8_async(self, there, value, count, stream):
        there = there.bytes
        assert count == there.nbytes
        self.do(lambda: there.fill(value), stream)

    def module_from_buffer(self, code):
        library = kernels_of(code.decode())
        return SimpleNamespace(get_function=lambda name: functools.partial(self.launch, library, name))

    def launch(self, library, name, *given, block, grid, stream):
        words = [as_c(value) for value in given]
        field = (block[0] * grid[0], block[1] * grid[1])
        self.do(lambda: paper_kernels.run(library, name, *field, *words), stream)


def as_c(value):
    """A word of a kernel as its compiler lays it."""
    if isinstance(value, Memory):
        return ctypes.c_void_p(int(value))
    if isinstance(value, np.ndarray):
        floats = ctypes.c_float * len(value)
        fields = type("Floats", (ctypes.Structure,), {"_fields_": [("floats", floats)]})
        return fields(floats(*value))
    return {np.int32: ctypes.c_int, np.float32: ctypes.c_float, np.intp: ctypes.c_void_p}[type(value)](value.item())


@functools.cache
def kernels_of(name):
    """The kernels of a source, compiled once for all tests."""
    return paper_kernels.compiled(name, Path(_COMPILED.name))


class Cuda:
    """The driver's C interface as far as graphs go; `launched` counts how often a recording was run."""

    def __init__(self, driver):
        self.driver, self.graphs, self.launched = driver, {}, 0

    def cuStreamBeginCapture_v2(self, stream, mode):
        self.driver.streams[stream.value].recording = []
        return 0

    def cuStreamEndCapture(self, stream, graph):
        recorded = self.driver.streams[stream.value]
        graph._obj.value = len(self.graphs) + 1
        self.graphs[graph._obj.value], recorded.recording = recorded.recording, None
        return 0

    def cuGraphInstantiateWithFlags(self, handle, graph, flags):
        handle._obj.value = graph.value
        return 0

    def cuGraphDestroy(self, graph):
        return 0

    def cuGraphExecDestroy(self, handle):
        return 0

    def cuGraphLaunch(self, handle, stream):
        self.launched += 1
        for work in self.graphs[handle.value]:
            self.driver.streams[stream.value].put(work)
        return 0


class Library:
    """The `tensorrt` module; a plan is the ONNX graph itself. `sick` names what goes wrong, `refits` what it did."""

    __version__ = "11.4.0"

    def __init__(self, driver):
        self.driver, self.sick, self.refits, self.loaded, self.compilations = driver, "", [], 0, 0
        self.engine = Engine

    class ILogger:
        ERROR, INTERNAL_ERROR = 1, 0

    Logger = ILogger

    class ComputeCapability:
        SM89 = 89

    def Weights(self, array):
        return array

    def Runtime(self, logger):
        return SimpleNamespace(deserialize_cuda_engine=lambda plan: self.deserialised(plan, logger))

    def deserialised(self, plan, logger):
        if self.sick == "loading":
            logger.log(self.ILogger.ERROR, "IRuntime::deserializeCudaEngine: (cudaError 2: out of memory)")
            return None
        self.loaded += 1
        return self.engine(self, onnx.load_model_from_string(plan))

    def Refitter(self, engine, logger):
        return Refitter(self, engine, logger)


class Engine:
    def __init__(self, library, graph):
        self.library, self.graph = library, graph
        ends = (*graph.graph.input, *graph.graph.output)
        self.shapes = {end.name: [x.dim_value for x in end.type.tensor_type.shape.dim] for end in ends}
        self.num_io_tensors = len(self.shapes)

    def get_tensor_name(self, number):
        return list(self.shapes)[number]

    def get_tensor_shape(self, name):
        return self.shapes[name]

    def create_execution_context(self, config=None):
        return Context(self, config)


class Context:
    def __init__(self, engine, config):
        self.engine, self.addresses = engine, {}
        self.config = config and weakref.ref(config)
        self.run = compiled(engine.graph, "f32").create_infer_request()

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        if self.engine.library.sick == "running":
            return False
        if self.config and not self.config().cache.compiled:
            self.engine.library.compilations += 1
            self.config().cache.compiled = b"kernels"
        driver = self.engine.library.driver
        driver.do(self.step, driver.streams[stream])
        return True

    def step(self):
        memory = self.engine.library.driver.memory
        shaped = {
            name: memory[self.addresses[name]].view(np.float16).reshape(shape)
            for name, shape in self.engine.shapes.items()
        }
        ends = {end.name for end in self.engine.graph.graph.output}
        made = self.run.infer({name: array for name, array in shaped.items() if name not in ends})
        for port, array in made.items():
            shaped[port.any_name][...] = array


class Refitter:
    def __init__(self, library, engine, logger):
        self.library, self.engine, self.given = library, engine, {}
        self.names = [x.name for x in engine.graph.graph.initializer if not x.name.startswith("bound")]

    def get_all_weights(self):
        return [*self.names, "extra"] if self.library.sick == "names" else self.names

    def set_named_weights(self, name, array):
        assert array.dtype == np.float16
        self.given[name] = array
        return self.library.sick != "setting"

    def get_missing_weights(self):
        return ["last.bias"] if self.library.sick == "missing" else [x for x in self.names if x not in self.given]

    def refit_cuda_engine(self):
        self.library.refits.append(len(self.given))
        if self.library.sick != "lazy":
            for tensor in self.engine.graph.graph.initializer:
                if tensor.name in self.given:
                    tensor.CopyFrom(numpy_helper.from_array(self.given[tensor.name], tensor.name))
        return True


def laid_out(monkeypatch):
    """Put paper in the place of driver, pycuda and library; return the three."""
    from engines.gpu import graph, machine
    from engines.model.half import half
    from engines.model.onnx_graph import onnx_graph
    from engines.plans import canary, library, supply
    from engines.plans.build import Built, clamped

    driver = Driver()
    cuda, trt = Cuda(driver), Library(driver)
    monkeypatch.setattr(graph, "_libcuda", lambda: cuda)
    monkeypatch.setattr(machine, "gpu", lambda: GPU)
    monkeypatch.setattr(machine, "_pycuda", lambda: driver)
    monkeypatch.setattr(library.Library, "api", lambda _: trt)

    def built(_library, weights, height, width, *_):
        return Built(
            clamped(half(onnx_graph(weights.topology, weights.tensors, height, width))).SerializeToString(), 0.1
        )

    monkeypatch.setattr(supply, "built", built)
    monkeypatch.setattr(supply, "cubin", lambda _, name: name.encode())
    monkeypatch.setattr(canary, "_made", made)
    return driver, cuda, trt


def backend(monkeypatch, folder, name="tensorrt"):
    """The back-end itself, on paper."""
    from engines.backends.tensorrt import TensorRtBackend
    from engines.plans.store import PlanStore

    laid_out(monkeypatch)
    return TensorRtBackend(name, PlanStore(folder, 1 << 30))


def made(key, weights):
    """The reference, made in this process."""
    from engines.backends.eager import EagerBackend
    from engines.plans.canary import last_picture

    return save({"output": last_picture(EagerBackend().open(weights, key.height, key.width), key.height, key.width)})
