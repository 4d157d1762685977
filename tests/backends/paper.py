# ruff: noqa: ARG002, N802 - these take what the real ones take, under their names
"""TensorRT, pycuda and the driver on paper: what they do is done by OpenVINO on the processor, in memory of this side.

Shows that the back-end asks the libraries in the right order, keeps its state, renews and compares; not that TensorRT
or a GPU answers as these do.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnx
from onnx import numpy_helper

from engines.gpu.device import Gpu
from engines.openvino_core import compiled

GPU = Gpu("Paper RTX", "89", "580.65 CUDA 13.0", 24 << 30)


class Stream:
    handle = 7

    def synchronize(self):
        """All was done at once."""


class Driver:
    """pycuda.driver: memory by address, copies at once; `asked` counts them. A recording does nothing by itself."""

    def __init__(self):
        self.memory, self.asked, self.depth = {}, [], 0
        self.recording = None
        self.Stream = Stream

    def init(self):
        self.asked.append("init")

    def Device(self, number):
        assert number == 0
        return SimpleNamespace(retain_primary_context=lambda: SimpleNamespace(push=self.push, pop=self.pop))

    def push(self):
        self.depth += 1

    def pop(self):
        self.depth -= 1

    def pagelocked_empty(self, shape, kind):
        return np.zeros(shape, kind)

    def mem_alloc(self, count):
        address = 4096 * (len(self.memory) + 1)
        self.memory[address] = np.zeros(count // 2, np.float16)
        return address

    def do(self, work):
        assert self.depth, "no context is this thread's"
        if self.recording is None:
            work()
        else:
            self.recording.append(work)

    def memcpy_htod_async(self, there, here, stream):
        self.do(lambda: self.memory[there].__setitem__(slice(None), here.ravel()))

    def memcpy_dtoh_async(self, here, there, stream):
        self.do(lambda: here.__setitem__(..., self.memory[there].reshape(here.shape)))

    def memcpy_dtod_async(self, to, source, count, stream):
        assert count == self.memory[source].nbytes == self.memory[to].nbytes
        self.do(lambda: self.memory[to].__setitem__(slice(None), self.memory[source]))

    def memset_d8_async(self, there, value, count, stream):
        self.do(lambda: self.memory[there].fill(value))


class Cuda:
    """The driver's C interface as far as graphs go; `launched` counts how often a recording was run."""

    def __init__(self, driver):
        self.driver, self.graphs, self.launched = driver, {}, 0

    def cuStreamBeginCapture_v2(self, stream, mode):
        self.driver.recording = []
        return 0

    def cuStreamEndCapture(self, stream, graph):
        graph._obj.value = len(self.graphs) + 1
        self.graphs[graph._obj.value], self.driver.recording = self.driver.recording, None
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
            work()
        return 0


class Library:
    """The `tensorrt` module; a plan is the ONNX graph itself. `sick` names what goes wrong, `refits` what it did."""

    __version__ = "11.4.0"

    def __init__(self, driver):
        self.driver, self.sick, self.refits, self.loaded = driver, "", [], 0

    class ILogger:
        ERROR, INTERNAL_ERROR = 1, 0

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
        return Engine(self, onnx.load_model_from_string(plan))

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

    def create_execution_context(self):
        return Context(self)


class Context:
    def __init__(self, engine):
        self.engine, self.addresses = engine, {}
        self.run = compiled(engine.graph, "f32").create_infer_request()

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        assert stream == Stream.handle
        if self.engine.library.sick == "running":
            return False
        self.engine.library.driver.do(self.step)
        return True

    def step(self):
        memory = self.engine.library.driver.memory
        shaped = {name: memory[self.addresses[name]].reshape(shape) for name, shape in self.engine.shapes.items()}
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
    from engines.plans import library, supply
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
    return driver, cuda, trt
