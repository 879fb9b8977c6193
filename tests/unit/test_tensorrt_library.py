"""Which TensorRT module is used, and what its log becomes."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from core.errors import MachineError, ModelError
from core.tensorrt_library import LogLine, LogTape, deserialize, load_library, refusal
from core.translator import Circumstances
from tests.unit import fake_cuda, fake_tensorrt
from tests.unit.fake_cuda import FakeCuda

ALL = {"tensorrt": "10.3.0", "tensorrt_lean": "10.4.0", "tensorrt_dispatch": "10.5.0"}
FULL, LEAN, DISPATCH = ALL


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return fake_cuda.install(monkeypatch)


@pytest.mark.parametrize(
    ("installed", "variable", "argument", "expected"),
    [
        ((FULL, LEAN, DISPATCH), None, None, FULL),
        ((LEAN, DISPATCH), None, None, LEAN),
        ((DISPATCH,), None, None, DISPATCH),
        ((FULL, LEAN, DISPATCH), LEAN, None, LEAN),
        ((FULL, LEAN, DISPATCH), LEAN, DISPATCH, DISPATCH),
        ((FULL, LEAN), "", None, FULL),
    ],
)
def test_the_best_module_is_used_unless_one_is_named(
    monkeypatch: pytest.MonkeyPatch,
    gpu: FakeCuda,
    installed: tuple[str, ...],
    variable: str | None,
    argument: str | None,
    expected: str,
) -> None:
    states = fake_tensorrt.install(monkeypatch, gpu, {name: ALL[name] for name in installed})
    if variable is not None:
        monkeypatch.setenv("ENGINEBAY_TENSORRT", variable)
    library = load_library(argument)
    assert (library.module, library.version) == (expected, ALL[expected])
    assert library.trt is states[expected].module


def test_plugins_are_registered_by_the_full_module_only(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda
) -> None:
    states = fake_tensorrt.install(monkeypatch, gpu, ALL)
    load_library(FULL)
    load_library(LEAN)
    assert states[FULL].calls["init_libnvinfer_plugins"] == 1
    assert not hasattr(states[LEAN].module, "init_libnvinfer_plugins")


def test_a_module_is_started_once_per_process(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, ALL)
    assert load_library() is load_library(FULL)


@pytest.mark.parametrize("source", ["variable", "argument"])
def test_an_unknown_module_name_is_refused_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda, source: str
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, ALL)
    if source == "variable":
        monkeypatch.setenv("ENGINEBAY_TENSORRT", "os")
    with pytest.raises(MachineError, match="'os' is no TensorRT module") as caught:
        load_library("os" if source == "argument" else None)
    assert caught.value.kind == "no-tensorrt"
    assert all(name in caught.value.hint for name in ALL)


def test_nothing_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, {})
    with pytest.raises(MachineError, match="not installed") as caught:
        load_library()
    assert "install" in caught.value.hint.lower()


def put_broken_module(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> None:
    (folder / f"{name}.py").write_text("raise ImportError('libnvinfer.so.10: not found')\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, name)


def test_a_module_that_cannot_be_imported_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda, tmp_path: Path
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, {LEAN: ALL[LEAN]})
    put_broken_module(monkeypatch, tmp_path, FULL)
    assert load_library().module == LEAN


def test_modules_that_cannot_be_imported_are_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda, tmp_path: Path
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, {})
    put_broken_module(monkeypatch, tmp_path, FULL)
    with pytest.raises(MachineError, match="installed but cannot be imported") as caught:
        load_library()
    assert caught.value.kind == "no-tensorrt"
    assert caught.value.details == "tensorrt: libnvinfer.so.10: not found"


def test_a_refusal_is_translated_with_what_the_module_says_of_itself(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, ALL)
    text = "6: The engine plan file is not compatible with this version of TensorRT"
    last = LogLine(1, "Error Code 4: Internal Error (Engine deserialization failed.)")
    lines = [LogLine(4, "verbose"), LogLine(2, "a warning"), LogLine(1, text), last]
    seen = Circumstances(file="best.engine", plan_version="10.3.0.26")
    error = refusal(load_library(LEAN), lines, "It fails", seen)
    assert error.kind == "tensorrt-version"
    assert error.message == (
        "best.engine was built by TensorRT 10.3.0.26; here is tensorrt_lean 10.4.0."
    )
    assert error.hint == "Build it again here from its ONNX, or install tensorrt==10.3.0."
    assert error.details == f"a warning\n{text}\n{last.text}"
    unnamed = refusal(load_library(LEAN), lines, "It fails")
    assert unnamed.message == (
        "The engine was built by another TensorRT; here is tensorrt_lean 10.4.0."
    )


def test_an_unknown_refusal_is_told_by_its_first_error(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, ALL)
    lines = [LogLine(2, "careful"), LogLine(1, "something else"), LogLine(1, "and more")]
    error = refusal(load_library(), lines, "It fails")
    assert (error.kind, error.message) == ("tensorrt", "It fails: something else")


NO_DRIVER = [
    (1, "createInferRuntime: Error Code 6: API Usage Error (CUDA initialization failure with error:"
        " 35 In checkCudaInstallation at runtime.cpp:811)"),
    (1, "[checkMacros.cpp::catchCudaError::250] Error Code 1: Cuda Runtime (In catchCudaError)"),
]  # fmt: skip


@pytest.mark.parametrize("gives_one", [True, False], ids=["one that crashes", "none"])
def test_a_runtime_that_cannot_use_the_driver_is_never_used(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda, gives_one: bool
) -> None:
    """10.16 and 11.4 give one whose next use is a crash; pybind11 raises where there is none."""
    state = fake_tensorrt.install(monkeypatch, gpu, ALL)[FULL]
    state.log_on["Runtime"] = NO_DRIVER
    state.gives_runtime = gives_one
    gpu.context_stack.append(fake_cuda.Context(gpu))
    with pytest.raises(MachineError) as caught:
        deserialize(load_library(), b"ftrt", "x.engine", allow_native_code=True)
    assert caught.value.kind == "driver-too-old"
    assert caught.value.details.splitlines() == [text for _, text in NO_DRIVER]
    assert state.plans == []


def test_what_the_runtime_warned_of_explains_a_silent_refusal(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda
) -> None:
    state = fake_tensorrt.install(monkeypatch, gpu, ALL)[FULL]
    state.log_on["Runtime"] = [
        (2, "The logger passed into createInferRuntime differs from one already registered"),
    ]
    state.log_on["deserialize_cuda_engine"] = []
    gpu.context_stack.append(fake_cuda.Context(gpu))
    with pytest.raises(ModelError, match="another library in this process") as caught:
        deserialize(load_library(), b"ftrt", "x.engine", allow_native_code=False)
    assert caught.value.kind == "second-logger"


def test_a_warning_is_the_reason_where_there_is_no_error(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, ALL)
    error = refusal(load_library(), [LogLine(3, "note"), LogLine(2, "careful")], "It fails")
    assert error.message == "It fails: careful"


def test_a_capture_holds_its_own_lines_only_and_all_reach_pythons_logging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tape = LogTape()
    with caplog.at_level(logging.DEBUG, "core.tensorrt_library"):
        tape.write(1, "before")
        with tape.capture() as first:
            tape.write(2, "one")
            tape.write(4, "two")
        with tape.capture() as second:
            tape.write(0, "three")
    assert first == [LogLine(2, "one")]  # what is less than a warning gives no reasons
    assert second == [LogLine(0, "three")]
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "before"),
        ("WARNING", "one"),
        ("DEBUG", "two"),
        ("CRITICAL", "three"),
    ]


def test_a_capture_is_filled_when_the_block_raises() -> None:
    tape = LogTape()
    collected: list[LogLine] = []

    def fail() -> None:
        nonlocal collected
        with tape.capture() as collected:
            tape.write(1, "the reason")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert collected == [LogLine(1, "the reason")]
