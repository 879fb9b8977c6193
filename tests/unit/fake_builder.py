"""A stand-in for TensorRT's builder, with exactly the names that a version has.

The names are those of tensorrt's Python bindings 8.5 to 11.4. As in pybind11's classes, an
attribute that a version lacks can neither be read nor set.
"""

from __future__ import annotations

import enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit import fake_cuda, fake_tensorrt
from tests.unit.fake_tensorrt import FakeTensorRT, simple_plan

VERSIONS = ("8.5.3", "8.6.1", "10.3.0", "10.16.1", "11.4.0")

_ALL_FLAGS = "REFIT DISABLE_TIMING_CACHE TF32 SPARSE_WEIGHTS GPU_FALLBACK"
_FLAGS = {
    "8.5.3": f"FP16 INT8 {_ALL_FLAGS}",
    "8.6.1": f"FP16 INT8 FP8 VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME {_ALL_FLAGS}",
    "10.3.0": "FP16 INT8 FP8 BF16 VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME STRIP_PLAN "
    f"REFIT_IDENTICAL {_ALL_FLAGS}",
    "10.16.1": "FP16 INT8 FP8 BF16 VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME STRIP_PLAN "
    f"REFIT_IDENTICAL {_ALL_FLAGS}",
    "11.4.0": f"VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME STRIP_PLAN REFIT_IDENTICAL {_ALL_FLAGS}",
}
_NETWORK = {
    "8.5.3": {"EXPLICIT_BATCH": 0},
    "8.6.1": {"EXPLICIT_BATCH": 0},
    "10.3.0": {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1},
    "10.16.1": {"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1},
    "11.4.0": {"STRONGLY_TYPED": 0},
}
_CONFIG = (
    "profiling_verbosity", "default_device_type", "DLA_core", "flags", "profiles", "pools",
    "previews", "cache", "calibration_profile",
)  # fmt: skip
_CONFIG_MORE = {
    "8.5.3": ("int8_calibrator",),
    "8.6.1": (
        "int8_calibrator", "builder_optimization_level", "hardware_compatibility_level",
        "plugins_to_serialize",
    ),
    "10.3.0": (
        "int8_calibrator", "builder_optimization_level", "hardware_compatibility_level",
        "plugins_to_serialize", "progress_monitor",
    ),
    "11.4.0": (
        "builder_optimization_level", "hardware_compatibility_level", "plugins_to_serialize",
        "progress_monitor",
    ),
}  # fmt: skip
_CONFIG_MORE["10.16.1"] = _CONFIG_MORE["10.3.0"]


class Network:
    """INetworkDefinition."""

    def __init__(self) -> None:
        self.inputs = [
            SimpleNamespace(name="images", shape=(-1, 3, 8, 8), is_shape_tensor=False),
        ]
        self.layer_types: list[str] = ["CONVOLUTION"]

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    def get_input(self, index: int) -> Any:
        return self.inputs[index]

    @property
    def num_layers(self) -> int:
        return len(self.layer_types)

    def get_layer(self, index: int) -> Any:
        return SimpleNamespace(type=self.layer_types[index])


class BuilderProfile:
    """IOptimizationProfile."""

    def __init__(self) -> None:
        self.shapes: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.refuses = False

    def set_shape(self, name: str, low: list[int], opt: list[int], high: list[int]) -> None:
        if self.refuses:
            raise RuntimeError("Shape provided for min is inconsistent with other shapes.")
        self.shapes[name] = (low, opt, high)

    def set_shape_input(self, name: str, low: list[int], opt: list[int], high: list[int]) -> None:
        self.values[name] = (low, opt, high)


class Cache:
    """ITimingCache: the GPU that it is of, then what was measured."""

    def __init__(self, content: set[str]) -> None:
        self.content = content

    def serialize(self) -> bytes:
        return ("gpu1:" + ",".join(sorted(self.content))).encode()

    def combine(self, other: Cache, ignore_mismatch: bool) -> bool:
        assert ignore_mismatch is False
        self.content |= other.content
        return True


def _config_class(version: str) -> type:
    class Config:
        __slots__ = (*_CONFIG, *_CONFIG_MORE[version])

        def __init__(self) -> None:
            self.flags: set[Any] = {"TF32"}  # on by itself
            self.profiles: list[BuilderProfile] = []
            self.pools: dict[Any, int] = {}
            self.previews: list[Any] = []
            self.cache: Cache | None = None

        def set_flag(self, flag: Any) -> None:
            self.flags.add(flag.name)

        def clear_flag(self, flag: Any) -> None:
            self.flags.discard(flag.name)

        def set_memory_pool_limit(self, pool: Any, size: int) -> None:
            self.pools[pool.name] = size

        def set_preview_feature(self, feature: Any, on: bool) -> None:
            self.previews.append(feature)

        def add_optimization_profile(self, profile: BuilderProfile) -> int:
            self.profiles.append(profile)
            return len(self.profiles) - 1

        def set_calibration_profile(self, profile: BuilderProfile) -> bool:
            assert not version.startswith("11"), "calibration ended with TensorRT 11"
            self.calibration_profile = profile
            return True

        def create_timing_cache(self, data: bytes) -> Cache | None:
            if not data:
                return Cache(set())
            gpu, _, rest = data.decode("latin-1").partition(":")
            if not gpu.startswith("gpu"):
                return None  # no timing cache at all
            cache = Cache(set(filter(None, rest.split(","))))
            cache.is_foreign = gpu != "gpu1"  # type: ignore[attr-defined]
            return cache

        def set_timing_cache(self, cache: Cache, ignore_mismatch: bool) -> bool:
            assert ignore_mismatch is False
            if getattr(cache, "is_foreign", False):
                return False
            self.cache = cache
            return True

        def get_timing_cache(self) -> Cache | None:
            return self.cache

    return Config


class StandInBuilder:
    """trt.Builder and trt.OnnxParser in one, as a test wants them."""

    def __init__(self, state: FakeTensorRT, version: str, names: dict[str, Any]) -> None:
        self.state = state
        self.config_class = _config_class(version)
        self.config: Any = None
        self.network_flags: int | None = None
        self.parsed = ""
        self.num_errors = 0
        self.num_DLA_cores = 0
        self.refuses_shapes = False
        self.vc_plugins: list[str] = []
        self.parser_flags: list[str] = []
        self.log: list[tuple[int, str]] = []
        self.plan: bytes | None = simple_plan()
        self.network = Network()
        self.during_build: Any = lambda config: None
        flags = enum.Enum("BuilderFlag", _FLAGS[version])  # type: ignore[misc]
        levels = {"NONE": 0, "AMPERE_PLUS": 1}
        if version == "10.16.1" or version.startswith("11"):
            levels["SAME_COMPUTE_CAPABILITY"] = 2
        found: dict[str, Any] = {
            "OnnxParser": lambda network, logger: self,
            "BuilderFlag": flags,
            "IBuilderConfig": self.config_class,
            "ProfilingVerbosity": enum.Enum("ProfilingVerbosity", "LAYER_NAMES_ONLY NONE DETAILED"),
            "MemoryPoolType": enum.Enum("MemoryPoolType", "WORKSPACE DLA_MANAGED_SRAM"),
            "DeviceType": enum.Enum("DeviceType", "GPU DLA"),
            "LayerType": SimpleNamespace(QUANTIZE="QUANTIZE", CONVOLUTION="CONVOLUTION"),
            "NetworkDefinitionCreationFlag": enum.IntEnum(  # type: ignore[misc]
                "NetworkDefinitionCreationFlag", _NETWORK[version]
            ),
            "get_plugin_registry": lambda: SimpleNamespace(),
        }
        if version != "8.5.3":
            found["OnnxParserFlag"] = enum.Enum("OnnxParserFlag", "NATIVE_INSTANCENORM")
            found["HardwareCompatibilityLevel"] = enum.IntEnum(  # type: ignore[misc]
                "HardwareCompatibilityLevel", levels
            )
        if not version.startswith("11"):
            found["IInt8EntropyCalibrator2"] = type(
                "IInt8EntropyCalibrator2", (), {"__init__": lambda self: None}
            )
            sharing = {} if version == "8.5.3" else {"PROFILE_SHARING_0806": "sharing"}
            found["PreviewFeature"] = SimpleNamespace(**sharing)
        if not version.startswith("8"):
            found["IProgressMonitor"] = type(
                "IProgressMonitor", (), {"__init__": lambda self: setattr(self, "is_ready", True)}
            )
        for name, value in (found | names).items():
            setattr(state.module, name, value)

    def create_network(self, flags: int) -> Any:
        self.network_flags = flags
        return self.network

    def create_builder_config(self) -> Any:
        self.config = self.config_class()
        return self.config

    def create_optimization_profile(self) -> BuilderProfile:
        profile = BuilderProfile()
        profile.refuses = self.refuses_shapes
        return profile

    def set_flag(self, flag: Any) -> None:
        assert not self.parsed, "the parser's flags count only before it parses"
        self.parser_flags.append(flag.name)

    def parse_from_file(self, path: str) -> bool:
        assert Path(path).exists()
        self.parsed = path
        return self.num_errors == 0

    def get_used_vc_plugin_libraries(self) -> list[str]:
        return self.vc_plugins

    def get_error(self, index: int) -> Any:
        class Fault:
            def desc(self) -> str:
                return f"no importer for operator {index}"

            def __str__(self) -> str:
                return f"In node {index} (parseGraph): no importer"

        return Fault()

    def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
        assert network is self.network
        if monitor := getattr(config, "progress_monitor", None):
            assert monitor.is_ready, "IProgressMonitor.__init__() must be called"
            monitor.phase_start("Building", None, 7)
            assert monitor.step_complete("Building", 1) is True
            monitor.phase_finish("Building")
        logger = self.state.module.logger  # type: ignore[attr-defined]
        for severity, text in self.log:
            logger.log(fake_tensorrt.Severity(severity), text)
        self.during_build(config)
        return self.plan


def install_builder(
    monkeypatch: pytest.MonkeyPatch, version: str, module: str = "tensorrt", **names: Any
) -> StandInBuilder:
    """A TensorRT of a version of VERSIONS, whose builder is a stand-in, over a fake GPU."""
    gpu = fake_cuda.install(monkeypatch)
    state = fake_tensorrt.install(monkeypatch, gpu, {module: version})[module]
    builder = StandInBuilder(state, version, names)
    state.module.Builder = lambda logger: (  # type: ignore[attr-defined]
        setattr(state.module, "logger", logger) or builder
    )
    return builder
