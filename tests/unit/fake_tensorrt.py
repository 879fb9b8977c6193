"""A stand-in for the tensorrt modules, with the API that 8.5 to 11 share, over fake_cuda's memory.

A plan is made by `plan()`: a real outer header, and inside it a description of the engine in JSON.
Engines compute with numpy on the fake device memory when the stream gets there.
"""

from __future__ import annotations

import enum
import json
import struct
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import core.machine
import core.opening
import core.tensorrt_library
from core.machine import TENSORRT_MODULES, Driver, Gpu
from core.tensors import TENSORRT_DTYPES, numpy_dtype
from tests.unit.fake_cuda import FakeCuda, LaunchError

Json = dict[str, Any]


class DataType(enum.IntEnum):
    """tensorrt.DataType, and a type that this Enginebay has never heard of."""

    FLOAT = 0
    HALF = 1
    INT8 = 2
    INT32 = 3
    BOOL = 4
    UINT8 = 5
    FP8 = 6
    BF16 = 7
    INT64 = 8
    INT4 = 9
    FUTURE = 42


class TensorIOMode(enum.Enum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class TensorLocation(enum.Enum):
    DEVICE = 0
    HOST = 1


class Severity(enum.IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


def tensor(
    name: str,
    mode: str,
    shape: Sequence[int],
    dtype: DataType = DataType.FLOAT,
    **more: Any,
) -> Json:
    """One tensor of a plan; -1 for free dimensions.

    Args:
        more: host (bool), profiles ([[min, opt, max], ...]), vectorized_dim, format.
    """
    return {"name": name, "mode": mode, "shape": list(shape), "dtype": int(dtype), **more}


def plan(
    tensors: Sequence[Json],
    *,
    program: str = "double",
    version: tuple[int, int, int, int] = (10, 3, 0, 26),
    native_code: bool = False,
    **more: Any,
) -> bytes:
    """A plan's bytes: header, section table, engine.

    Args:
        program: what the engine does: see ExecutionContext._programs.
        native_code: True embeds a section like a lean runtime's.
        more: implicit_batch, old_api; layers: the engine inspector's JSON, as a value or a text.
    """
    engine = json.dumps({"tensors": list(tensors), "program": program, **more}).encode()
    bodies = [(b"NGNE", engine)] + ([(b"NAEL", b"\x7fELF")] if native_code else [])
    at = 32 + 24 * len(bodies)
    table, content = b"", b""
    for tag, body in bodies:
        table += tag + struct.pack("<IQQ", 0, at + len(content), len(body))
        content += body
    size = at + len(content)
    header = b"ftrt" + struct.pack("<IQQ", 0, len(bodies), size) + bytes(version) + bytes(4)
    return header + table + content


def simple_plan(**more: Any) -> bytes:
    """`images` float32 (1, 3, 8, 8) to `output` of the same shape, doubled."""
    shape = (1, 3, 8, 8)
    return plan([tensor("images", "input", shape), tensor("output", "output", shape)], **more)


class FakeTensorRT:
    """One module's state, for tests to look at and turn.

    Attributes:
        calls: how often each method was called, by name.
        plans: what was deserialized.
        log_on: lines (severity, text) that a method logs before it fails, by method name; a
            method that is named here fails. "Runtime" only logs; see gives_runtime.
        gives_runtime: False makes Runtime() raise what pybind11 does where TensorRT gives none.
        told_nothing: what the inspector gives where it fails; a null string of C++ comes as None.
    """

    def __init__(self, gpu: FakeCuda, name: str, version: str, *, full: bool) -> None:
        self.gpu = gpu
        self.name = name
        self.version = version
        self.full = full
        self.calls: Counter[str] = Counter()
        self.plans: list[bytes] = []
        self.gives_runtime = True
        self.told_nothing: str | None = ""
        self.log_on: dict[str, list[tuple[int, str]]] = {}
        self.loggers: list[Any] = []
        self.module = self._module()

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def fails(self, method: str) -> bool:
        """Count a call; log and fail where the test wants it."""
        self.calls[method] += 1
        lines = self.log_on.get(method)
        for severity, text in lines or []:
            self.log(severity, text)
        return lines is not None

    def log(self, severity: int, text: str) -> None:
        for logger in self.loggers[:1]:  # TensorRT keeps the first that it is given
            logger.log(Severity(severity), text)

    def _module(self) -> ModuleType:
        state = self
        module = ModuleType(self.name)
        module.__spec__ = ModuleSpec(self.name, None)

        class ILogger:
            def __init__(self) -> None:
                self.is_initialised = True

        class IOutputAllocator:
            def __init__(self) -> None:
                self.is_initialised = True

        class IProfiler:
            def __init__(self) -> None:
                self.is_initialised = True

        class Runtime:
            engine_host_code_allowed = False

            def __init__(self, logger: ILogger) -> None:
                assert isinstance(logger, ILogger), "a logger of another module"
                assert logger.is_initialised, "ILogger.__init__() must be called"
                assert state.gpu.context_stack, "TensorRT without CUDA: a crash"
                state.loggers.append(logger)
                state.fails("Runtime")
                if not state.gives_runtime:
                    raise TypeError("pybind11::init(): factory function returned nullptr")

            def deserialize_cuda_engine(self, data: bytes) -> Engine | None:
                return _deserialize(state, self, bytes(data))

            def __del__(self) -> None:
                state.gpu.journal.append("runtime destroyed")

        names: Json = {
            "__version__": self.version,
            "ILogger": ILogger,
            "IOutputAllocator": IOutputAllocator,
            "IProfiler": IProfiler,
            "Runtime": Runtime,
            "DataType": DataType,
            "TensorIOMode": TensorIOMode,
            "TensorLocation": TensorLocation,
        }
        if self.full:
            names |= {
                "Builder": type("Builder", (), {}),
                "LayerInformationFormat": enum.Enum("LayerInformationFormat", "ONELINE JSON"),
                "TensorFormat": enum.Enum("TensorFormat", "LINEAR CHW2"),
                "init_libnvinfer_plugins": self._init_plugins,
            }
        for name, value in names.items():
            setattr(module, name, value)
        return module

    def _init_plugins(self, logger: Any, namespace: str) -> bool:
        self.calls["init_libnvinfer_plugins"] += 1
        return True


def _deserialize(state: FakeTensorRT, runtime: Any, data: bytes) -> Engine | None:
    state.plans.append(bytes(data))
    if state.fails("deserialize_cuda_engine"):
        return None
    if data[:4] != b"ftrt":
        state.log(1, "Error Code 1: Serialization (magicTag assertion failed)")
        return None
    sections = [
        struct.unpack_from("<4sIQQ", data, 32 + 24 * index)
        for index in range(struct.unpack_from("<Q", data, 8)[0])
    ]
    if any(tag == b"NAEL" for tag, *_ in sections) and not runtime.engine_host_code_allowed:
        state.log(1, "Error Code 1: Internal Error (getEngineHostCodeAllowed() is false)")
        return None
    _, _, offset, size = sections[0]
    kind = EngineOf10 if state.major >= 10 else EngineOf8
    return kind(state, runtime, json.loads(data[offset : offset + size]))


class Engine:
    """ICudaEngine."""

    def __init__(self, state: FakeTensorRT, runtime: Any, description: Json) -> None:
        self.state, self._runtime = state, runtime
        self.program: str = description["program"]
        self.tensors: dict[str, Json] = {one["name"]: one for one in description["tensors"]}
        self.has_implicit_batch_dimension = description.get("implicit_batch", False)
        self.layers: Any = description.get("layers", {"Layers": [], "Bindings": []})
        self.num_io_tensors = len(self.tensors)
        counts = [len(one.get("profiles", [])) for one in self.tensors.values()]
        self.num_optimization_profiles = max(1, *counts)

    def __del__(self) -> None:
        self.state.gpu.journal.append("engine destroyed")

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode[self.tensors[name]["mode"].upper()]

    def get_tensor_location(self, name: str) -> TensorLocation:
        return TensorLocation.HOST if self.is_on_host(name) else TensorLocation.DEVICE

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType(self.tensors[name]["dtype"])

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.tensors[name]["shape"])

    def get_tensor_format(self, name: str) -> Any:
        if not self.state.full:
            raise TypeError("Unregistered type : nvinfer1::TensorFormat")
        return self.state.module.TensorFormat.LINEAR

    def get_tensor_format_desc(self, name: str) -> str:
        plain = "Row major linear FP32 format (kLINEAR)"
        return str(self.tensors[name].get("format", plain))

    def get_tensor_vectorized_dim(self, name: str) -> int:
        return int(self.tensors[name].get("vectorized_dim", -1))

    def get_tensor_profile_shape(self, name: str, index: int) -> list[tuple[int, ...]]:
        return [tuple(limit) for limit in self.tensors[name]["profiles"][index]]

    @property
    def num_layers(self) -> int:
        return 0 if isinstance(self.layers, str) else len(self.layers["Layers"])

    def create_engine_inspector(self) -> EngineInspector | None:
        if not self.state.full:
            self.state.gpu.journal.append("engine broken")
            raise TypeError("Unregistered type : nvinfer1::IEngineInspector")
        return None if self.state.fails("create_engine_inspector") else EngineInspector(self)

    def create_execution_context(self) -> ExecutionContext | None:
        if self.state.fails("create_execution_context"):
            return None
        return ExecutionContext(self)

    def is_on_host(self, name: str) -> bool:
        return bool(self.tensors[name].get("host", False))


class EngineOf8(Engine):
    """ICudaEngine up to TensorRT 9."""

    def get_profile_shape_input(self, index: int, name: str) -> list[list[int]]:
        assert isinstance(index, int)
        return list(self.tensors[name]["profiles"][index])


class EngineOf10(Engine):
    """ICudaEngine from TensorRT 10 on."""

    def get_tensor_profile_values(self, index: int, name: str) -> list[list[int]]:
        assert isinstance(index, int)
        return list(self.tensors[name]["profiles"][index])


class EngineInspector:
    """IEngineInspector: the first layer's first input has the context's dimensions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.execution_context: ExecutionContext | None = None

    def get_engine_information(self, form: enum.Enum) -> str | None:
        assert form.name == "JSON"
        layers = self._engine.layers
        if isinstance(layers, str):
            return layers
        if self._engine.state.fails("get_engine_information"):
            return self._engine.state.told_nothing
        for layer in layers["Layers"]:
            self._fill_in(layer)
        return json.dumps(layers)

    def get_layer_information(self, index: int, form: enum.Enum) -> str | None:
        """Tells of the layers of profile 0 alone."""
        assert form.name == "JSON"
        layer = self._engine.layers["Layers"][index]
        if "[profile " in (layer if isinstance(layer, str) else layer["Name"]):
            self._engine.state.log(1, "invalid encoded reference to a slot")
            return self._engine.state.told_nothing
        self._fill_in(layer)
        return json.dumps(layer) + "\n"

    def _fill_in(self, layer: Any) -> None:
        context = self.execution_context
        for one in layer["Inputs"] if isinstance(layer, dict) else ():
            if context is not None and one["Name"] in self._engine.tensors:
                one["Dimensions"] = list(context.get_tensor_shape(one["Name"]))


class ExecutionContext:
    """IExecutionContext."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._state = engine.state
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self._allocators: dict[str, Any] = {}
        self.active_optimization_profile = 0  # 8.6's further ones have -1: none is free
        self.profiler: Any = None
        self.enqueue_emits_profile = True
        self._enqueued = 0

    def __del__(self) -> None:
        self._state.gpu.journal.append("execution context destroyed")

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        if self._state.fails("set_optimization_profile_async"):
            raise RuntimeError("Error in set optimization profile async.")
        assert stream in self._state.gpu.streams
        self.active_optimization_profile = index
        self._shapes.clear()
        return True

    def set_input_shape(self, name: str, shape: Sequence[int]) -> bool:
        if self._state.fails("set_input_shape"):
            return False
        profiles = self._engine.tensors[name].get("profiles")
        if profiles:
            low, _, high = profiles[self.active_optimization_profile]
            if not all(a <= b <= c for a, b, c in zip(low, shape, high, strict=True)):
                self._state.log(1, "Error Code 3: API Usage Error (shape out of profile)")
                return False
        self._shapes[name] = tuple(shape)
        return True

    def infer_shapes(self) -> list[str]:
        if self._state.fails("infer_shapes"):
            raise RuntimeError("Error in infer shapes.")
        return [
            name
            for name, one in self._engine.tensors.items()
            if one["mode"] == "input"
            and name not in (self._addresses if self._engine.is_on_host(name) else self._shapes)
        ]

    def set_tensor_address(self, name: str, address: int) -> bool:
        if self._state.fails("set_tensor_address"):
            return False
        assert type(address) is int
        if not self._engine.is_on_host(name) and address not in self._state.gpu.memory:
            self._state.log(1, f"Error Code 3: API Usage Error (bad address for {name})")
            return False
        self._addresses[name] = address
        return True

    def set_output_allocator(self, name: str, allocator: Any) -> bool:
        if self._state.fails("set_output_allocator"):
            return False
        assert isinstance(allocator, self._state.module.IOutputAllocator)
        assert allocator.is_initialised, "IOutputAllocator.__init__() must be called"
        self._allocators[name] = allocator
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        one = self._engine.tensors[name]
        if one["mode"] == "input":
            return self._shapes.get(name, tuple(one["shape"]))
        if self._engine.program == "select":
            return tuple(one["shape"])
        if self._engine.program == "resize" and not self._engine.is_on_host(name):
            return tuple(int(value) for value in self._host_values("size"))
        first = next(iter(self._inputs()))
        given = self._shapes.get(first, tuple(self._engine.tensors[first]["shape"]))
        return tuple(given[index] if dim < 0 else dim for index, dim in enumerate(one["shape"]))

    def execute_async_v3(self, stream_handle: int) -> bool:
        if self._state.fails("execute_async_v3"):
            return False
        gpu = self._state.gpu
        gpu.called()
        stream = gpu.streams[stream_handle]
        if self._engine.program == "select":
            stream.synchronize()  # a data-dependent shape blocks the host
            return self._select()
        stream.enqueue(self._compute)
        if self.profiler is not None and self.enqueue_emits_profile:
            stream.synchronize()
            self._report()
        return True

    def _report(self) -> None:
        """Layer k of n takes k + 1 ms in the first run, twice that in the second, and so on."""
        assert isinstance(self.profiler, self._state.module.IProfiler)
        assert self.profiler.is_initialised, "IProfiler.__init__() must be called"
        self._enqueued += 1
        for place, layer in enumerate(self._engine.layers["Layers"]):
            name = layer if isinstance(layer, str) else layer["Name"]
            self.profiler.report_layer_time(name, float((place + 1) * self._enqueued))

    def _compute(self) -> None:
        gpu = self._state.gpu
        if gpu.kernel_error:
            text, gpu.kernel_error = gpu.kernel_error, ""
            raise LaunchError(text)
        numbers = self._first_input()
        for rank, name in enumerate(self._outputs()):
            shape = self.get_tensor_shape(name)
            if self._engine.is_on_host(name):
                self._host_array(name)[:] = numbers.shape
                continue
            values = np.resize(numbers.astype(np.float64) * (2 + rank), shape)
            self._write(self._addresses[name], values.astype(self._dtype(name)))

    def _select(self) -> bool:
        """The positive values of the first input: as many as there are."""
        numbers = self._first_input()
        kept = numbers[numbers > 0]
        for name in self._outputs():
            allocator = self._allocators[name]
            size = max(kept.nbytes, 1)
            notify_first = self._state.major % 2 == 0  # the order is not promised
            if notify_first:
                allocator.notify_shape(name, kept.shape)
            if self._state.major >= 10:
                address = allocator.reallocate_output_async(name, 0, size, 256, 1)
                self._state.calls["reallocate_output_async"] += 1
            else:
                address = allocator.reallocate_output(name, 0, size, 256)
                self._state.calls["reallocate_output"] += 1
            if not notify_first:
                allocator.notify_shape(name, kept.shape)
            if not address:
                self._state.log(1, "Error Code 2: OutOfMemory (Requested size was large.)")
                return False
            self._write(address, np.ascontiguousarray(kept))
        return True

    def _inputs(self) -> list[str]:
        return [name for name, one in self._engine.tensors.items() if one["mode"] == "input"]

    def _outputs(self) -> list[str]:
        return [name for name, one in self._engine.tensors.items() if one["mode"] == "output"]

    def _dtype(self, name: str) -> np.dtype:
        return numpy_dtype(TENSORRT_DTYPES[self._engine.tensors[name]["dtype"]])

    def _first_input(self) -> np.ndarray:
        name = next(one for one in self._inputs() if not self._engine.is_on_host(one))
        shape, dtype = self._shapes[name], self._dtype(name)
        size = int(np.prod(shape)) * dtype.itemsize
        data = self._state.gpu.device_bytes(self._addresses[name], size)
        return data.copy().view(dtype).reshape(shape)

    def _write(self, address: int, values: np.ndarray) -> None:
        data = values.reshape(-1).view(np.uint8)
        self._state.gpu.device_bytes(address, data.size)[:] = data

    def _host_array(self, name: str) -> np.ndarray:
        import ctypes

        dtype = self._dtype(name)
        count = int(np.prod(self._engine.tensors[name]["shape"]))
        kind = ctypes.c_uint8 * (count * dtype.itemsize)
        return np.ctypeslib.as_array(kind.from_address(self._addresses[name])).view(dtype)

    def _host_values(self, name: str) -> Sequence[int]:
        if name not in self._addresses:
            return [-1] * int(np.prod(self._engine.tensors[name]["shape"]))
        return [int(value) for value in self._host_array(name)]


def install(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda, versions: Mapping[str, str]
) -> dict[str, FakeTensorRT]:
    """Put fake modules, by name and version, where Enginebay looks; no others are there."""
    monkeypatch.setattr(core.tensorrt_library, "_libraries", {})
    monkeypatch.delenv(core.tensorrt_library.MODULE_VARIABLE, raising=False)
    # Who provides which module takes 30 ms to find out, and nobody provides these.
    monkeypatch.setattr("importlib.metadata.packages_distributions", dict)
    states = {}
    for name in TENSORRT_MODULES:
        if name in versions:
            states[name] = FakeTensorRT(gpu, name, versions[name], full=name == "tensorrt")
            monkeypatch.setitem(sys.modules, name, states[name].module)
        else:
            monkeypatch.setitem(sys.modules, name, None)
    return states


def install_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make NVML see one H100."""
    driver = Driver("555.42", (Gpu("Fake GPU", "9.0", FakeCuda.total_bytes),))
    monkeypatch.setattr(core.machine, "read_driver", lambda: driver)
    # A trial's child process would find none of the fakes; tests of trials make their own.
    monkeypatch.setattr(core.opening, "ensure_tried", lambda *_arguments, **_options: None)
