"""The build child's work, on a builder that is none."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core import build_child
from core.build import BuildOptions
from core.errors import CudaError, MachineError, ModelError, ModelFileError
from core.modelfile import read_model_file
from core.tensors import Profile
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.fake_tensorrt import FakeTensorRT, simple_plan

PROFILE = Profile(min=(1, 3, 8, 8), opt=(2, 3, 8, 8), max=(4, 3, 8, 8))


class Flag(enum.IntEnum):
    FP16 = 0
    VERSION_COMPATIBLE = 15


class BuilderProfile:
    def __init__(self) -> None:
        self.shapes: dict[str, Any] = {}
        self.values: dict[str, Any] = {}

    def set_shape(self, name: str, low: list[int], opt: list[int], high: list[int]) -> None:
        if not all(a <= b <= c for a, b, c in zip(low, opt, high, strict=True)):
            raise RuntimeError("Shape provided for min is inconsistent with other shapes.")
        self.shapes[name] = (low, opt, high)

    def set_shape_input(self, name: str, low: list[int], opt: list[int], high: list[int]) -> None:
        self.values[name] = (low, opt, high)


class Config:
    builder_optimization_level = 3

    def __init__(self) -> None:
        self.flags: list[int] = []
        self.profiles: list[BuilderProfile] = []

    def set_flag(self, flag: int) -> None:
        self.flags.append(flag)

    def add_optimization_profile(self, profile: BuilderProfile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1


class OldConfig:
    """TensorRT 8.5: no optimization level."""

    __slots__ = ("flags", "profiles", "profiling_verbosity")

    def __init__(self) -> None:
        self.flags: list[int] = []
        self.profiles: list[BuilderProfile] = []


class StandInBuilder:
    """trt.Builder and trt.OnnxParser in one, as a test wants them."""

    def __init__(self, state: FakeTensorRT, names: dict[str, Any]) -> None:
        self.state = state
        self.config: Any = Config()
        self.network_flags: int | None = None
        self.parsed = ""
        self.num_errors = 0
        self.log: list[tuple[int, str]] = []
        self.plan: bytes | None = simple_plan()
        inputs = [
            SimpleNamespace(name="images", is_shape_tensor=False),
            SimpleNamespace(name="size", is_shape_tensor=True),
        ]
        self.network = SimpleNamespace(num_inputs=2, get_input=inputs.__getitem__)
        defaults: dict[str, Any] = {
            "Builder": lambda logger: self,
            "OnnxParser": lambda network, logger: self,
            "BuilderFlag": Flag,
            "ProfilingVerbosity": SimpleNamespace(DETAILED="detailed"),
            "NetworkDefinitionCreationFlag": SimpleNamespace(EXPLICIT_BATCH=0),
        }
        for name, value in (defaults | names).items():
            setattr(state.module, name, value)

    def create_network(self, flags: int) -> Any:
        self.network_flags = flags
        return self.network

    def create_builder_config(self) -> Any:
        return self.config

    def create_optimization_profile(self) -> BuilderProfile:
        return BuilderProfile()

    def parse_from_file(self, path: str) -> bool:
        self.parsed = path
        return self.num_errors == 0

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
            monitor.phase_start("Building", None, 7)
            assert monitor.step_complete("Building", 1) is True
            monitor.phase_finish("Building")
        logger = self.state.module.logger  # type: ignore[attr-defined]
        for severity, text in self.log:
            logger.log(fake_tensorrt.Severity(severity), text)
        return self.plan


Prepare = Callable[..., StandInBuilder]


@pytest.fixture
def prepare(monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """A full module of a version whose builder is the stand-in."""

    def install(version: str = "10.3.0", module: str = "tensorrt", **names: Any) -> StandInBuilder:
        gpu = fake_cuda.install(monkeypatch)
        state = fake_tensorrt.install(monkeypatch, gpu, {module: version})[module]
        builder = StandInBuilder(state, names)
        state.module.Builder = lambda logger: (  # type: ignore[attr-defined]
            setattr(state.module, "logger", logger) or builder
        )
        return builder

    return install


def order(folder: Path, **options: Any) -> dict[str, Any]:
    chosen = json.loads(json.dumps(asdict(BuildOptions(**options))))
    (folder / "model.onnx").write_bytes(b"\x08\x08\x3a\x00")  # IR version 8, an empty graph
    return {
        "onnx": str(folder / "model.onnx"),
        "part": str(folder / "out.part"),
        "options": chosen,
    }


def test_weights_outside_the_folder_are_refused_before_tensorrt_looks(
    prepare: Prepare, tmp_path: Path
) -> None:
    builder, wanted = prepare(), order(tmp_path)
    wanted["onnx"] = str(onnx_models.external_data(tmp_path, "/etc/passwd"))
    with pytest.raises(ModelFileError) as caught:
        build_child._build(wanted, lambda _text: None)
    assert caught.value.kind == "external-data-outside"
    assert builder.parsed == ""


def test_a_build_says_what_it_does_and_writes_the_engine(prepare: Prepare, tmp_path: Path) -> None:
    builder, said = prepare(), []
    build_child._build(order(tmp_path, metadata={"task": "detect"}), said.append)
    assert said == [
        "loading the builder", "reading the ONNX", "trying kernels", "writing the engine"
    ]  # fmt: skip
    assert builder.parsed == str(tmp_path / "model.onnx")
    assert builder.config.profiling_verbosity == "detailed"
    assert read_model_file(tmp_path / "out.part").kind == "ultralytics-engine"
    assert builder.state.gpu.context_stack == []


@pytest.mark.parametrize(
    ("flags", "expected"),
    [(SimpleNamespace(EXPLICIT_BATCH=0), 1), (SimpleNamespace(STRONGLY_TYPED=0), 0)],
    ids=["up to 10", "from 11 on"],
)
def test_explicit_batch_is_asked_for_where_it_exists(
    prepare: Prepare, tmp_path: Path, flags: Any, expected: int
) -> None:
    builder = prepare(NetworkDefinitionCreationFlag=flags)
    build_child._build(order(tmp_path), lambda text: None)
    assert builder.network_flags == expected


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({}, []),
        ({"fp16": True}, [Flag.FP16]),
        ({"fp16": True, "version_compatible": True}, [Flag.FP16, Flag.VERSION_COMPATIBLE]),
    ],
)
def test_what_is_chosen_becomes_builder_flags(
    prepare: Prepare, tmp_path: Path, options: dict[str, bool], flags: list[Flag]
) -> None:
    builder = prepare()
    build_child._build(order(tmp_path, **options), lambda text: None)
    assert builder.config.flags == flags


@pytest.mark.parametrize(
    ("option", "version", "hint"),
    [("fp16", "11.4.0", "TensorRT 11"), ("version_compatible", "8.5.3", "8.6 or newer")],
)
def test_a_flag_that_this_tensorrt_lacks_is_refused_never_dropped(
    prepare: Prepare, tmp_path: Path, option: str, version: str, hint: str
) -> None:
    prepare(version, BuilderFlag=SimpleNamespace(TF32=6))
    with pytest.raises(ModelError) as caught:
        build_child._build(order(tmp_path, **{option: True}), lambda text: None)
    assert caught.value.kind == "option-not-available"
    assert version in caught.value.message
    assert hint in caught.value.hint
    assert not (tmp_path / "out.part").exists()


def test_the_optimization_level_is_set_where_it_exists(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare()
    build_child._build(order(tmp_path, optimization_level=5), lambda text: None)
    assert builder.config.builder_optimization_level == 5
    build_child._build(order(tmp_path), lambda text: None)
    assert builder.config.builder_optimization_level == 5  # None leaves it alone
    old = prepare("8.5.3")
    old.config = OldConfig()
    build_child._build(order(tmp_path, optimization_level=5), lambda text: None)
    assert old.config.flags == []


def test_each_profile_is_added_with_its_shapes(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare()
    other = Profile((8, 3, 8, 8), (8, 3, 8, 8), (8, 3, 8, 8))
    values = Profile((1, 1), (2, 2), (9, 9))
    options = order(tmp_path, profiles=({"images": PROFILE, "size": values}, {"images": other}))
    build_child._build(options, lambda text: None)
    assert [profile.shapes for profile in builder.config.profiles] == [
        {"images": ([1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8])},
        {"images": ([8, 3, 8, 8], [8, 3, 8, 8], [8, 3, 8, 8])},
    ]
    # A shape tensor's limits are those of its values, and have a call of their own.
    assert [profile.values for profile in builder.config.profiles] == [
        {"size": ([1, 1], [2, 2], [9, 9])},
        {},
    ]


@pytest.mark.parametrize(
    ("profiles", "kind", "words"),
    [
        (({"pictures": PROFILE},), "unknown-input", "no input 'pictures'"),
        (({"images": Profile((4,), (2,), (1,))},), "bad-profile", "'images' does not hold"),
    ],
)
def test_a_profile_that_does_not_fit_the_model_is_refused(
    prepare: Prepare, tmp_path: Path, profiles: Any, kind: str, words: str
) -> None:
    prepare()
    with pytest.raises(ModelError, match=words) as caught:
        build_child._build(order(tmp_path, profiles=profiles), lambda text: None)
    assert caught.value.kind == kind
    assert "images, size" in caught.value.hint or "must not decrease" in caught.value.hint


def test_the_parsers_faults_are_told_the_first_in_the_message(
    prepare: Prepare, tmp_path: Path
) -> None:
    prepare().num_errors = 2
    with pytest.raises(
        ModelError, match=r"refuses model\.onnx: no importer for operator 0"
    ) as caught:
        build_child._build(order(tmp_path), lambda text: None)
    assert caught.value.kind == "onnx-parser"
    assert caught.value.details.splitlines() == [
        "In node 0 (parseGraph): no importer",
        "In node 1 (parseGraph): no importer",
    ]


def test_a_build_that_tensorrt_gives_up_says_its_reason(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare()
    builder.plan, builder.log = None, [(1, "Error Code 10: Internal Error (no kernel for conv)")]
    with pytest.raises(ModelError, match=r"could not build model\.onnx: no kernel for conv"):
        build_child._build(order(tmp_path), lambda text: None)
    assert not (tmp_path / "out.part").exists()
    builder.log = [(1, "Error Code 1: Cuda Runtime (out of memory)")]
    with pytest.raises(CudaError, match=r"memory for model\.onnx: 12\.3 GB are free"):
        build_child._build(order(tmp_path), lambda text: None)


def test_a_builder_that_tensorrt_does_not_give_is_an_error_with_the_reason(
    prepare: Prepare, tmp_path: Path
) -> None:
    def refuse(logger: Any) -> Any:
        logger.log(fake_tensorrt.Severity.WARNING, "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    prepare().state.module.Builder = refuse  # type: ignore[attr-defined]
    with pytest.raises(MachineError) as caught:
        build_child._build(order(tmp_path), lambda text: None)
    assert caught.value.kind == "driver-too-old"


def test_a_fault_of_the_parser_that_is_known_says_what_it_means(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fault:
        def desc(self) -> str:
            return "scales: network input that is shape tensor must have type Int32"

        def __str__(self) -> str:
            return f"In node 7 (importResize): INVALID_NODE: {self.desc()}"

    builder = prepare()
    builder.num_errors = 1
    monkeypatch.setattr(builder, "get_error", lambda index: Fault(), raising=True)
    with pytest.raises(ModelError, match="Tensor scales decides a shape") as caught:
        build_child._build(order(tmp_path), lambda text: None)
    assert caught.value.kind == "shape-tensor-type"
    assert caught.value.details == str(Fault())


def test_the_builders_own_progress_is_passed_on(prepare: Prepare, tmp_path: Path) -> None:
    class IProgressMonitor:
        def __init__(self) -> None:
            self.is_initialised = True

    builder, said = prepare(IProgressMonitor=IProgressMonitor), []
    build_child._build(order(tmp_path), said.append)
    assert "Building, 7 steps" in said
    assert builder.config.progress_monitor.is_initialised


def test_a_module_without_a_builder_says_which_one_has_it(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare(module="tensorrt_lean")
    del builder.state.module.Builder  # type: ignore[attr-defined]
    with pytest.raises(
        MachineError, match=r"tensorrt_lean 10\.3\.0 runs engines but cannot"
    ) as caught:
        build_child._build(order(tmp_path), lambda text: None)
    assert caught.value.kind == "no-builder"


def test_a_folder_that_is_not_there_is_an_error_with_a_hint(
    prepare: Prepare, tmp_path: Path
) -> None:
    prepare()
    wanted = order(tmp_path) | {"part": str(tmp_path / "nowhere" / "out.part")}
    with pytest.raises(ModelError) as caught:
        build_child._build(wanted, lambda text: None)
    assert caught.value.kind == "cannot-save"
