"""What is told of a GPU: that it is there, what it is, and what failed; with a driver that a test plays."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from engines.errors import DeviceLost, GpuFault, GpuMissing, NearsetError, OutOfGpuMemory, WrongDriver
from engines.gpu import graph as graphs
from engines.gpu.device import Gpu, gpu
from engines.gpu.faults import gpu_error
from engines.gpu.graph import Graph, Recorder


class Driver:
    """NVIDIA's driver as far as it is asked; `answers` are the codes that calls fail with."""

    def __init__(self, version=13000, **answers):
        self.version, self.answers, self.calls = version, answers, []

    def __getattr__(self, function):
        def call(*arguments):
            self.calls.append(function)
            if code := self.answers.get(function):
                return code
            return self._fill(function, arguments)

        return call

    def _fill(self, function, arguments):
        if function == "cuDeviceGetName":
            arguments[0].value = b"NVIDIA RTX PRO 4500"
        elif arguments and hasattr(arguments[0], "_obj"):
            value = {"cuDriverGetVersion": self.version, "cuDeviceTotalMem_v2": 32 << 30}.get(function, 0)
            if function == "cuDeviceGetAttribute":
                value = {75: 12, 76: 0}[arguments[1]]
            arguments[0]._obj.value = value
        return 0


def test_a_gpu_is_told_by_name_sm_driver_and_memory():
    assert gpu(Driver) == Gpu("NVIDIA RTX PRO 4500", "120", "unknown CUDA 13.0", 32 << 30)


def absent():
    raise OSError("libcuda.so.1: cannot open shared object file")


def test_a_machine_without_a_driver_has_no_gpu():
    with pytest.raises(GpuMissing, match="driver is not installed"):
        gpu(absent)


@pytest.mark.parametrize(
    ("driver", "error", "said"),
    [
        (Driver(version=12040), WrongDriver, r"carries CUDA 12\.4, and CUDA 13"),
        (Driver(cuInit=100), GpuMissing, "no GPU answers"),
        (Driver(cuInit=803), WrongDriver, "cudaError 803"),
        (Driver(cuInit=999), DeviceLost, "stopped answering"),
        (Driver(cuDeviceGet=101), GpuMissing, "cuDeviceGet"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_told_with_cause_and_cure(driver, error, said):
    with pytest.raises(error, match=said) as caught:
        gpu(lambda: driver)
    assert caught.value.fix


SAID = [
    (WrongDriver, "(cudaError 35: CUDA driver version is insufficient for CUDA runtime version)"),
    (GpuMissing, "RuntimeError: cuInit failed: no CUDA-capable device is detected"),
    (OutOfGpuMemory, "MemoryError: cuMemAlloc failed: out of memory"),
    (OutOfGpuMemory, "[E] Error Code 1: Cuda Runtime (cudaError 2: out of memory)"),
    (OutOfGpuMemory, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"),
    (DeviceLost, "LogicError: cuStreamSynchronize failed: an illegal memory access was encountered"),
    (DeviceLost, "CUDA error: unspecified launch failure"),
    (DeviceLost, "cuCtxSynchronize failed: cudaError 719"),
    (DeviceLost, "LogicError: cuStreamSynchronize failed: misaligned address"),
    (DeviceLost, "LogicError: cuStreamSynchronize failed: an illegal instruction was encountered"),
    (DeviceLost, "LaunchError: cuCtxSynchronize failed: the launch timed out and was terminated"),
    (DeviceLost, "RuntimeError: cuMemcpyDtoHAsync failed: uncorrectable ECC error encountered"),
    (DeviceLost, "LogicError: cuCtxPushCurrent failed: context is destroyed"),
    (DeviceLost, "[E] IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (unknown error)"),
    (DeviceLost, "torch.AcceleratorError: CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
    (WrongDriver, "LogicError: cuInit failed: system has unsupported display driver / cuda driver combination"),
    (GpuMissing, "LogicError: cuDeviceGet failed: invalid device ordinal"),
    (GpuFault, "something that nobody has seen yet"),
]


@pytest.mark.parametrize(("error", "said"), SAID)
def test_what_the_libraries_say_becomes_our_error(error, said):
    told = gpu_error("the engine failed in a picture", said)
    assert type(told) is error
    assert isinstance(told, NearsetError)
    assert said in told.why


def test_work_is_recorded_and_run_with_one_call():
    driver, done = Driver(), []
    graph = Graph.recorded(lambda: done.append("work"), 7, driver)
    graph.launch()
    graph.launch()
    assert done == ["work"]
    assert driver.calls == [
        "cuStreamBeginCapture_v2",
        "cuStreamEndCapture",
        "cuGraphInstantiateWithFlags",
        "cuGraphDestroy",
        "cuGraphLaunch",
        "cuGraphLaunch",
    ]


@pytest.mark.parametrize("broken", [0, 901])
def test_work_that_fails_while_it_is_recorded_leaves_the_stream_free_and_says_why(broken):
    driver = Driver(cuStreamEndCapture=broken)
    with pytest.raises(ZeroDivisionError):
        Graph.recorded(lambda: 1 // 0, 7, driver)
    assert driver.calls == ["cuStreamBeginCapture_v2", "cuStreamEndCapture"]


def test_a_recording_that_was_broken_is_told():
    with pytest.raises(GpuFault, match="cudaError 901"):
        Graph.recorded(lambda: None, 7, Driver(cuStreamEndCapture=901))


def test_nobody_does_something_for_the_first_time_while_another_thread_records(monkeypatch):
    monkeypatch.setattr(graphs, "_libcuda", Driver)
    stream, at_work, overlaps = SimpleNamespace(handle=7, synchronize=lambda: None), [], []

    def work():
        overlaps.extend(at_work)
        at_work.append("another")
        time.sleep(0.02)
        at_work.pop()

    threads = [threading.Thread(target=Recorder(stream).run, args=("a step", work)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == []
