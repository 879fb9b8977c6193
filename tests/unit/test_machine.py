"""What this machine has, as commands and the verdict see it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from core import machine
from core.errors import MachineError
from core.machine import (
    MODULE_VARIABLE,
    TENSORRT_MODULES,
    Driver,
    Gpu,
    Package,
    TensorRTModule,
    describe,
    read_machine,
    require_gpu_stack,
)
from core.report import doctor_text

H100 = Gpu("NVIDIA H100", "9.0", 85_520_809_984, 132)
WITH_GPU = Driver("570.86", (H100,))
NO_DRIVER = Driver(None, (), "no-driver", "NVML Shared Library Not Found")
NO_GPU = Driver("570.86", (), "no-gpu")


SetMachine = Callable[..., None]


@pytest.fixture
def set_machine(monkeypatch: pytest.MonkeyPatch) -> SetMachine:
    """Say what is installed, and what the driver shows."""

    def set_it(
        driver: Driver = WITH_GPU,
        packages: dict[str, str | None] | None = None,
        *,
        jetson: bool = False,
        library: str | None = None,
        mixed: Sequence[str] = (),
    ) -> None:
        if packages is None:
            packages = {"tensorrt": "10.9.0.34", "pycuda": "2025.1"}

        def find(module: str) -> Package | None:
            known = module in packages
            return Package(module, packages[module], f"/site/{module}") if known else None

        modules = [
            TensorRTModule(
                name, packages[name], f"/site/{name}", f"/site/{name}/lib.so.10", library
            )
            for name in TENSORRT_MODULES
            if name in packages
        ]
        monkeypatch.setattr(machine, "read_driver", lambda: driver)
        monkeypatch.setattr(machine, "find_package", find)
        monkeypatch.setattr(machine, "find_tensorrt", lambda: modules)
        monkeypatch.setattr(machine, "mixed_variants", lambda: mixed)
        monkeypatch.setattr(machine, "is_jetson", lambda: jetson)
        for name in (MODULE_VARIABLE, "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
            monkeypatch.delenv(name, raising=False)

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
    set_machine: SetMachine, driver: Driver, packages: dict[str, str], kind: str, words: str
) -> None:
    set_machine(driver, packages)
    for argument in (driver, None):  # given, or read
        with pytest.raises(MachineError) as caught:
            require_gpu_stack(argument)
        assert caught.value.kind == kind
        assert words in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize("module", TENSORRT_MODULES)
def test_any_tensorrt_module_will_do(set_machine: SetMachine, module: str) -> None:
    set_machine(WITH_GPU, {module: "10.0", "pycuda": None})
    require_gpu_stack()


def test_a_jetson_needs_no_nvml_but_the_packages(set_machine: SetMachine) -> None:
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


def test_a_machine_that_runs_engines_is_described(set_machine: SetMachine) -> None:
    set_machine()
    described = json.loads(json.dumps(describe(), allow_nan=False))
    assert described["engines_run_here"] is True
    assert described["problem"] is None
    assert described["driver"] == "570.86"
    assert described["gpus"] == [
        {
            "name": "NVIDIA H100",
            "compute_capability": "9.0",
            "memory_bytes": 85_520_809_984,
            "sm_count": 132,
        }
    ]
    assert described["packages"]["tensorrt"] == {
        "version": "10.9.0.34",
        "location": "/site/tensorrt",
    }
    assert described["packages"]["tensorrt_lean"] is None
    assert described["python"]["executable"] == sys.executable


def test_a_machine_that_does_not_is_described_with_its_problem(set_machine: SetMachine) -> None:
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


def test_a_machine_is_read_once_with_all_that_the_verdict_needs(
    set_machine: SetMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_machine(WITH_GPU, {"tensorrt_lean": "10.16.1.11", "pycuda": None, "onnxruntime": None})
    here = read_machine()
    assert here.driver == WITH_GPU
    assert [module.module for module in here.modules] == ["tensorrt_lean"]
    assert (here.has_pycuda, here.onnxruntime) == (True, "")
    assert here.gpu == H100
    assert here.is_order_sure
    set_machine(NO_DRIVER, {"onnxruntime": "1.20"}, jetson=True)
    here = read_machine()
    assert (here.modules, here.has_pycuda, here.onnxruntime) == ((), False, "1.20")
    assert (here.gpu, here.tensorrt, here.is_jetson) == (None, None, True)
    set_machine(WITH_GPU)
    assert read_machine().onnxruntime is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert read_machine().driver.problem == "no-gpu"


ALL = {"tensorrt": "10.3.0", "tensorrt_lean": "10.4.0", "tensorrt_dispatch": "10.5.0"}


@pytest.mark.parametrize(
    ("variable", "used"),
    [
        (None, "tensorrt"),
        ("", "tensorrt"),
        ("tensorrt_lean", "tensorrt_lean"),
        ("tensorrt_dispatch", "tensorrt_dispatch"),
        ("os", None),
    ],
)
def test_the_module_in_use_is_the_best_or_the_one_that_the_variable_names(
    set_machine: SetMachine, monkeypatch: pytest.MonkeyPatch, variable: str | None, used: str | None
) -> None:
    set_machine(WITH_GPU, {**ALL, "pycuda": "2025.1"})
    if variable is not None:
        monkeypatch.setenv(MODULE_VARIABLE, variable)
    here = read_machine()
    assert (here.tensorrt and here.tensorrt.module) == used
    in_use = {row["module"]: row["in_use"] for row in describe()["tensorrt"]}
    assert in_use == {name: name == used for name in ALL}
    problem = here.problem()
    if used is None:
        assert problem is not None
        assert problem.kind == "no-tensorrt"
        assert "'os'" in problem.message
        assert MODULE_VARIABLE in problem.message
        assert describe()["engines_run_here"] is False
    else:
        assert problem is None
    require_gpu_stack()  # whoever loads may name a module that is installed


def test_doctor_shows_each_module_with_its_library(set_machine: SetMachine) -> None:
    set_machine(WITH_GPU, {**ALL, "pycuda": "2025.1"}, library="10.3.0")
    lines = doctor_text(describe()).splitlines()
    assert "tensorrt loads /site/tensorrt/lib.so.10 (10.3.0), in use" in lines
    assert "tensorrt_lean loads /site/tensorrt_lean/lib.so.10 (10.3.0)" in lines
    assert not any(line.startswith("warning") for line in lines)


def test_doctor_warns_of_tensorrt_for_several_cudas(set_machine: SetMachine) -> None:
    mixed = ["tensorrt-cu13 10.13.3.9", "tensorrt-cu12-libs 10.9.0.34"]
    set_machine(mixed=mixed)
    (warning,) = json.loads(json.dumps(describe()))["warnings"]
    assert all(name in warning for name in mixed)
    assert "overwrite" in warning
    assert f"warning: {warning}" in doctor_text(describe()).splitlines()
