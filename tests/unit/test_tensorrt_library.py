"""Which TensorRT module is used, and what its log becomes."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from core.errors import MachineError
from core.tensorrt_library import LogLine, LogTape, load_library, refusal
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
    assert library.version_numbers == tuple(int(part) for part in ALL[expected].split("."))


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


# Texts as TensorRT prints them (8.6 and 10), and what Enginebay makes of them.
VERSION = "Engines run only with the TensorRT that built them"
GPU = "the kind of GPU"
PLUGIN = "plugin library"
MEMORY = "smaller batch"


@pytest.mark.parametrize(
    ("text", "telling", "hint"),
    [
        (
            "1: [runtime.cpp::parsePlan::314] Error Code 1: Serialization (Serialization assertion "
            "plan->header.magicTag == rt::kPLAN_MAGIC_TAG failed.)",
            "Serialization assertion plan->header.magicTag == rt::kPLAN_MAGIC_TAG failed.",
            VERSION,
        ),
        (
            "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization assertion "
            "stdVersionRead == kSERIALIZATION_VERSION failed.Version tag does not match. Note: "
            "Current Version: 240, Serialized Engine Version: 239)",
            "Serialization assertion stdVersionRead == kSERIALIZATION_VERSION failed.Version tag "
            "does not match. Note: Current Version: 240, Serialized Engine Version: 239",
            VERSION,
        ),
        (
            "6: The engine plan file is not compatible with this version of TensorRT, expecting "
            "library version 8.2.3 got 8.2.1, please rebuild.",
            "6: The engine plan file is not compatible with this version of TensorRT, expecting "
            "library version 8.2.3 got 8.2.1, please rebuild.",
            VERSION,
        ),
        (
            "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file "
            "is generated on an incompatible device, expecting compute 8.9 got compute 8.6, please "
            "rebuild.)",
            "The engine plan file is generated on an incompatible device, expecting compute 8.9 "
            "got compute 8.6, please rebuild.",
            GPU,
        ),
        (
            "IPluginRegistry::getPluginCreator: Error Code 4: API Usage Error (Cannot find plugin: "
            "EfficientIdxNMS_TRT, version: 1, namespace:.)",
            "Cannot find plugin: EfficientIdxNMS_TRT, version: 1, namespace:.",
            PLUGIN,
        ),
        (
            "3: getPluginCreator could not find plugin: X version: 1",
            "3: getPluginCreator could not find plugin: X version: 1",
            PLUGIN,
        ),
        (
            "1: [defaultAllocator.cpp::allocate::19] Error Code 1: Cuda Runtime (out of memory)",
            "out of memory",
            MEMORY,
        ),
        (
            "2: [executionContext.cpp::ExecutionContext::470] Error Code 2: OutOfMemory "
            "(no further information)",
            "2: [executionContext.cpp::ExecutionContext::470] Error Code 2: OutOfMemory "
            "(no further information)",
            MEMORY,
        ),
        ("something else altogether", "something else altogether", "See the details"),
    ],
)
def test_tensorrts_words_become_a_cause_and_a_next_step(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda, text: str, telling: str, hint: str
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, ALL)
    last = LogLine(1, "Error Code 4: Internal Error (Engine deserialization failed.)")
    lines = [LogLine(4, "verbose"), LogLine(2, "a warning"), LogLine(1, text), last]
    error = refusal(load_library(), lines, "It fails")
    assert error.message == f"It fails: {telling}"
    assert hint in error.hint
    assert error.details == f"a warning\n{text}\n{last.text}"


def test_the_version_hint_names_the_module_that_is_here(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, ALL)
    error = refusal(load_library(LEAN), [LogLine(1, "wrong version")], "It fails")
    assert "tensorrt_lean 10.4.0" in error.hint


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
