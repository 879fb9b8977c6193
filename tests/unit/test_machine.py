from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import PIL
import pynvml
import pytest

from core import machine, verdict
from core.errors import MachineError, ModelFileError
from core.machine import (
    TENSORRT_MODULES,
    Driver,
    Gpu,
    Package,
    describe,
    find_package,
    find_tensorrt,
    read_driver,
    require_gpu_stack,
)
from core.modelfile import ModelFile, OnnxHeader, read_model_file
from core.verdict import Verdict, judge
from tests.unit.plan_writer import Plan, with_prefix

H100 = Gpu("NVIDIA H100", "9.0", 85_520_809_984)
WITH_GPU = Driver("570.86", (H100,))
NO_DRIVER = Driver(None, (), "no-driver", "NVML Shared Library Not Found")
NO_GPU = Driver("570.86", (), "no-gpu")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path in which install() puts packages; on leaving, all is as before."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def install(site: Path, module: str, version: str | None, *, record: str | None = None) -> None:
    """A package that must not be imported, with a record named `record` or as the module."""
    (site / module).mkdir()
    (site / module / "__init__.py").write_text("raise RuntimeError('imported')\n")
    if version is not None:
        name = record or module
        info = site / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if record is None:
            (info / "top_level.txt").write_text(f"{module}\n")
    importlib.invalidate_caches()


def test_an_installed_package_has_its_version_and_place() -> None:
    found = find_package("pytest")
    assert found == Package("pytest", pytest.__version__, str(pytest.__file__))


def test_a_package_whose_record_has_another_name_is_found() -> None:
    found = find_package("PIL")
    assert found is not None
    assert found.version == PIL.__version__
    found = find_package("cv2")
    assert found is not None
    assert found.version is not None


@pytest.mark.parametrize("module", ["enginebay_has_no_such_module", "no.such.parent", ""])
def test_a_missing_package_is_none(module: str) -> None:
    assert find_package(module) is None


def test_finding_a_package_does_not_import_it(site: Path) -> None:
    install(site, "fake_runtime", "1.2.3")
    found = find_package("fake_runtime")
    assert found == Package("fake_runtime", "1.2.3", str(site / "fake_runtime" / "__init__.py"))
    assert "fake_runtime" not in sys.modules


def test_a_package_may_have_no_record(site: Path) -> None:
    install(site, "fake_bare", None)
    found = find_package("fake_bare")
    assert found == Package("fake_bare", None, str(site / "fake_bare" / "__init__.py"))


def test_a_front_end_without_a_record_has_its_bindings_version(site: Path) -> None:
    install(site, "fake_front", "10.9.0.34", record="fake_front_bindings")
    found = find_package("fake_front")
    assert found is not None
    assert found.version == "10.9.0.34"


def test_a_folder_without_code_is_found_as_a_place(site: Path) -> None:
    (site / "fake_namespace").mkdir()
    importlib.invalidate_caches()
    found = find_package("fake_namespace")
    assert found == Package("fake_namespace", None, str(site / "fake_namespace"))


def test_a_module_without_a_spec_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fake_loaded", SimpleNamespace(__spec__=None))  # type: ignore[arg-type]
    assert find_package("fake_loaded") is None


def test_tensorrt_modules_are_found_best_first(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("fake_trt", "fake_trt_lean", "fake_trt_dispatch")
    monkeypatch.setattr(machine, "TENSORRT_MODULES", names)
    assert find_tensorrt() == []
    install(site, "fake_trt_dispatch", "10.3.0")
    install(site, "fake_trt_lean", "10.3.0")
    assert [found.module for found in find_tensorrt()] == ["fake_trt_lean", "fake_trt_dispatch"]
    install(site, "fake_trt", "10.9.0")
    assert [found.module for found in find_tensorrt()] == list(names)


def test_tensorrt_comes_before_its_lean_and_dispatch_runtimes() -> None:
    assert TENSORRT_MODULES == ("tensorrt", "tensorrt_lean", "tensorrt_dispatch")


class FakeNvml:
    """Stands for the driver's management library."""

    def __init__(self, gpus: list[Gpu], *, fails: str = "") -> None:
        self._gpus = gpus
        self._fails = fails
        self.calls: list[str] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers: dict[str, Callable[..., Any]] = {
            "nvmlInit": lambda: None,
            "nvmlShutdown": lambda: None,
            "nvmlSystemGetDriverVersion": lambda: "570.86",
            "nvmlDeviceGetCount": lambda: len(self._gpus),
            "nvmlDeviceGetHandleByIndex": lambda index: self._gpus[index],
            "nvmlDeviceGetName": lambda gpu: gpu.name,
            "nvmlDeviceGetCudaComputeCapability": lambda gpu: tuple(
                int(part) for part in gpu.compute_capability.split(".")
            ),
            "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(total=gpu.memory_bytes),
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, self._recorded(name, answer))

    def _recorded(self, name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.calls.append(name)
            if name == self._fails:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
            return answer(*args)

        return call


@pytest.mark.parametrize("count", [1, 2, 8])
def test_the_driver_and_its_gpus_are_read(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    gpus = [H100, Gpu("NVIDIA A2", "8.6", 16 * 10**9)] * 4
    nvml = FakeNvml(gpus[:count])
    nvml.install(monkeypatch)
    assert read_driver() == Driver("570.86", tuple(gpus[:count]), "", "")
    assert nvml.calls[0] == "nvmlInit"
    assert nvml.calls.count("nvmlShutdown") == 1
    assert nvml.calls[-1] == "nvmlShutdown"


def test_without_nvml_there_is_no_driver_and_its_words_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nvml = FakeNvml([H100], fails="nvmlInit")
    nvml.install(monkeypatch)
    driver = read_driver()
    assert (driver.version, driver.gpus, driver.problem) == (None, (), "no-driver")
    assert "Not Found" in driver.note
    assert nvml.calls == ["nvmlInit"]


def test_a_driver_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml([]).install(monkeypatch)
    assert read_driver() == Driver("570.86", (), "no-gpu", "")


@pytest.mark.parametrize(
    "call", ["nvmlSystemGetDriverVersion", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"]
)
def test_a_driver_that_fails_shows_no_gpu_and_is_let_go(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    nvml = FakeNvml([H100], fails=call)
    nvml.install(monkeypatch)
    driver = read_driver()
    assert (driver.gpus, driver.problem) == ((), "no-gpu")
    assert driver.note
    assert nvml.calls[-1] == "nvmlShutdown"


Machine = Callable[..., None]


@pytest.fixture
def set_machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Say what is installed, and what the driver shows."""

    def set_it(
        driver: Driver = WITH_GPU,
        packages: dict[str, str | None] | None = None,
        *,
        jetson: bool = False,
    ) -> None:
        if packages is None:
            packages = {"tensorrt": "10.9.0.34", "pycuda": "2025.1"}

        def find(module: str) -> Package | None:
            known = module in packages
            return Package(module, packages[module], f"/site/{module}") if known else None

        monkeypatch.setattr(machine, "read_driver", lambda: driver)
        monkeypatch.setattr(machine, "find_package", find)
        monkeypatch.setattr(machine, "is_jetson", lambda: jetson)
        monkeypatch.setattr(verdict, "read_driver", lambda: driver)

    return set_it


@pytest.mark.parametrize(
    ("driver", "packages", "kind", "words"),
    [
        (NO_DRIVER, {}, "no-driver", "driver"),
        (NO_DRIVER, {"tensorrt": "10.0", "pycuda": "2025.1"}, "no-driver", "driver"),
        (NO_GPU, {"tensorrt": "10.0", "pycuda": "2025.1"}, "no-gpu", "no GPU"),
        (WITH_GPU, {}, "no-tensorrt", "TensorRT"),
        (WITH_GPU, {"pycuda": "2025.1"}, "no-tensorrt", "TensorRT"),
        (WITH_GPU, {"tensorrt": "10.0"}, "no-pycuda", "pycuda"),
        (WITH_GPU, {"tensorrt_lean": "10.0"}, "no-pycuda", "pycuda"),
    ],
)
def test_the_first_thing_that_is_missing_is_told(
    set_machine: Machine, driver: Driver, packages: dict[str, str], kind: str, words: str
) -> None:
    set_machine(driver, packages)
    for argument in (driver, None):  # given, or read
        with pytest.raises(MachineError) as caught:
            require_gpu_stack(argument)
        assert caught.value.kind == kind
        assert words in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize("module", TENSORRT_MODULES)
def test_any_tensorrt_module_will_do(set_machine: Machine, module: str) -> None:
    set_machine(WITH_GPU, {module: "10.0", "pycuda": None})
    require_gpu_stack()


def test_a_jetson_needs_no_nvml_but_the_packages(set_machine: Machine) -> None:
    set_machine(NO_DRIVER, jetson=True)
    require_gpu_stack()
    set_machine(NO_DRIVER, {"tensorrt": "8.5"}, jetson=True)
    with pytest.raises(MachineError, match="pycuda"):
        require_gpu_stack()


def test_a_jetson_is_told_by_its_release_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for there in (True, False):
        with monkeypatch.context() as patch:
            patch.setattr(
                Path, "exists", lambda self, there=there: there and "nv_tegra" in self.name
            )
            assert machine.is_jetson() is there


def test_a_machine_that_runs_engines_is_described(set_machine: Machine) -> None:
    set_machine()
    described = json.loads(json.dumps(describe(), allow_nan=False))
    assert described["engines_run_here"] is True
    assert described["problem"] is None
    assert described["driver"] == "570.86"
    assert described["gpus"] == [
        {"name": "NVIDIA H100", "compute_capability": "9.0", "memory_bytes": 85_520_809_984}
    ]
    assert described["packages"]["tensorrt"] == {
        "version": "10.9.0.34",
        "location": "/site/tensorrt",
    }
    assert described["packages"]["tensorrt_lean"] is None
    assert described["python"]["executable"] == sys.executable


def test_a_machine_that_does_not_is_described_with_its_problem(set_machine: Machine) -> None:
    set_machine(NO_DRIVER, {"onnxruntime": "1.20"})
    described = json.loads(json.dumps(describe(), allow_nan=False))
    assert described["engines_run_here"] is False
    assert described["problem"]["kind"] == "no-driver"
    assert described["driver"] is None
    assert described["gpus"] == []
    assert described["packages"]["onnxruntime"]["version"] == "1.20"


def test_this_very_machine_can_be_described() -> None:
    described = json.loads(json.dumps(describe(), allow_nan=False))
    for name in ("onnxruntime", "PySide6", "cv2", "numpy", "PIL", "pyqtgraph"):
        assert described["packages"][name]["version"], name


def model_file(folder: Path, data: bytes) -> ModelFile:
    path = folder / "model"
    path.write_bytes(data)
    return read_model_file(path)


ENGINE = Plan(layout="ftrt-8.6", version=(10, 9, 0, 34), compute_capability=(9, 0))
ONNX = b"\x08\x08\x3a\x00"  # ir_version 8, an empty graph


def altered(**changes: Any) -> bytes:
    return dataclasses.replace(ENGINE, **changes).to_bytes()


def test_an_engine_that_matches_runs(tmp_path: Path, set_machine: Machine) -> None:
    set_machine()
    for data in (ENGINE.to_bytes(), with_prefix(ENGINE.to_bytes(), {"task": "detect"})):
        answer = judge(model_file(tmp_path, data))
        assert (answer.can_run, answer.reason) == (True, "ok")


def test_an_onnx_runs_anywhere(tmp_path: Path, set_machine: Machine) -> None:
    set_machine(NO_DRIVER, {})
    answer = judge(model_file(tmp_path, ONNX))
    assert (answer.can_run, answer.reason) == (True, "ok")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\nsize 5\n", "git-lfs-pointer"),
        (ENGINE.to_bytes()[:-1], "truncated-plan"),
        (b"\x08\x08\x3a\x05", "truncated-onnx"),
        (b"words", "unknown"),
    ],
)
def test_a_file_that_is_no_model_runs_nowhere(
    tmp_path: Path, set_machine: Machine, data: bytes, reason: str
) -> None:
    set_machine()
    file = model_file(tmp_path, data)
    answer = judge(file)
    problem = file.problem()
    assert problem is not None
    assert answer == Verdict(False, reason, problem.message, problem.hint)


@pytest.mark.parametrize(
    ("driver", "packages", "reason"),
    [
        (NO_DRIVER, {"tensorrt": "10.9.0.34", "pycuda": "2025.1"}, "no-driver"),
        (NO_GPU, {"tensorrt": "10.9.0.34", "pycuda": "2025.1"}, "no-gpu"),
        (WITH_GPU, {"pycuda": "2025.1"}, "no-tensorrt"),
        (WITH_GPU, {"tensorrt": "10.9.0.34"}, "no-pycuda"),
    ],
)
def test_an_engine_does_not_run_without_the_gpu_stack(
    tmp_path: Path,
    set_machine: Machine,
    driver: Driver,
    packages: dict[str, str | None],
    reason: str,
) -> None:
    set_machine(driver, packages)
    answer = judge(model_file(tmp_path, ENGINE.to_bytes()))
    assert (answer.can_run, answer.reason) == (False, reason)
    assert answer.message
    assert answer.hint


@pytest.mark.parametrize("sections", [("LEAN", "ENGN"), ("ENGN", "LEAN")])
def test_embedded_code_needs_consent_before_anything_else(
    tmp_path: Path, set_machine: Machine, sections: tuple[str, ...]
) -> None:
    set_machine()
    data = altered(sections=sections, version=(8, 6, 1, 6), compute_capability=(7, 5))
    answer = judge(model_file(tmp_path, data))
    assert (answer.can_run, answer.reason) == (None, "needs-consent")


def test_an_engine_for_another_gpu_can_only_be_tried(tmp_path: Path, set_machine: Machine) -> None:
    set_machine()
    answer = judge(model_file(tmp_path, altered(compute_capability=(8, 6))))
    assert (answer.can_run, answer.reason) == (None, "other-gpu")
    assert "8.6" in answer.message
    assert "9.0" in answer.message


def test_a_hardware_compatible_engine_runs_on_another_gpu(
    tmp_path: Path, set_machine: Machine
) -> None:
    set_machine()
    data = altered(compute_capability=(8, 6), hardware_compatibility=1)
    answer = judge(model_file(tmp_path, data))
    assert (answer.can_run, answer.reason) == (True, "ok")


def test_a_gpu_that_nobody_knows_is_no_obstacle(tmp_path: Path, set_machine: Machine) -> None:
    set_machine()
    answer = judge(model_file(tmp_path, altered(sm_count=0)))  # implausible, so not read
    assert answer.can_run is True
    set_machine(NO_DRIVER, jetson=True)
    answer = judge(model_file(tmp_path, ENGINE.to_bytes()))
    assert answer.can_run is True


@pytest.mark.parametrize(
    ("here", "can_run"),
    [
        ({"tensorrt": "10.9.0.34"}, True),
        ({"tensorrt": "10.9.1"}, True),
        ({"tensorrt": "10.8.0"}, None),
        ({"tensorrt": "10.90.0"}, None),
        ({"tensorrt": "8.6.1"}, None),
        ({"tensorrt": "8.6.1", "tensorrt_lean": "10.9.0"}, True),
        ({"tensorrt": None}, True),  # its version is unknown: nothing speaks against it
    ],
)
def test_the_tensorrt_that_built_an_engine_is_the_one_that_runs_it(
    tmp_path: Path, set_machine: Machine, here: dict[str, str | None], can_run: bool | None
) -> None:
    set_machine(WITH_GPU, {**here, "pycuda": "2025.1"})
    answer = judge(model_file(tmp_path, ENGINE.to_bytes()))
    assert (answer.can_run, answer.reason) == (can_run, "ok" if can_run else "other-version")
    if not can_run:
        assert "10.9.0.34" in answer.message
        assert str(here["tensorrt"]) in answer.message
        assert "tensorrt==10.9.0" in answer.hint


def test_an_engine_without_a_version_is_not_said_to_match(
    tmp_path: Path, set_machine: Machine
) -> None:
    set_machine()
    answer = judge(model_file(tmp_path, Plan(layout="flatbuffer-5").to_bytes()))
    assert (answer.can_run, answer.reason) == (None, "unknown-version")


def test_judging_asks_the_functions_that_prove_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(driver: Driver) -> None:
        assert driver is WITH_GPU
        raise MachineError("no-pycuda", "No pycuda.", "Install it.")

    monkeypatch.setattr(verdict, "read_driver", lambda: WITH_GPU)
    monkeypatch.setattr(verdict, "require_gpu_stack", refuse)
    answer = judge(model_file(tmp_path, ENGINE.to_bytes()))
    assert answer == Verdict(False, "no-pycuda", "No pycuda.", "Install it.")


def test_a_verdict_from_an_error_and_its_json() -> None:
    answer = Verdict.refused(ModelFileError("kind", "What happened.", "What to do."))
    assert answer.as_json() == {
        "can_run": False,
        "reason": "kind",
        "message": "What happened.",
        "hint": "What to do.",
    }


def test_onnx_is_judged_without_asking_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "read_driver", lambda: pytest.fail("not for ONNX"))
    header = OnnxHeader(8, "", {"": 17}, {}, is_truncated=False)
    file = ModelFile(path=Path("m.onnx"), kind="onnx", size_bytes=4, onnx=header)
    assert judge(file).can_run is True
