"""What this machine has: GPUs and driver, TensorRT modules, pycuda, ONNX Runtime.

Nothing here starts CUDA or imports TensorRT, which can crash a machine without a GPU.
"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import MachineError
from core.machine.driver import Driver, Gpu, as_cuda_sees, read_driver
from core.machine.packages import Package, find_package
from core.machine.tensorrt_modules import (
    MODULE_VARIABLE,
    TENSORRT_MODULES,
    TensorRTModule,
    find_tensorrt,
    mixed_variants,
)

__all__ = [
    "MODULE_VARIABLE",
    "TENSORRT_MODULES",
    "Driver",
    "Gpu",
    "Machine",
    "Package",
    "TensorRTModule",
    "describe",
    "find_package",
    "find_tensorrt",
    "is_jetson",
    "no_driver_error",
    "no_gpu_error",
    "read_driver",
    "read_machine",
    "require_gpu_stack",
]


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides whether a model can run here, read once.

    Attributes:
        driver: the driver and the GPUs that CUDA will see, in its order.
        modules: the TensorRT modules that are installed, best first.
        has_pycuda: True when pycuda is installed.
        onnxruntime: ONNX Runtime's version, "" when it is not recorded, None when absent.
        system: "Linux" or "Windows", as platform.system says.
        is_jetson: True on Jetson boards, whose TensorRT comes with the system.
        wanted_module: what the environment variable ENGINEBAY_TENSORRT names.
        is_order_sure: False when GPUs of several kinds are there and only CUDA knows which of
            them it counts as the first.
    """

    driver: Driver
    modules: tuple[TensorRTModule, ...]
    has_pycuda: bool
    onnxruntime: str | None
    system: str
    is_jetson: bool
    wanted_module: str | None = None
    is_order_sure: bool = True

    @property
    def tensorrt(self) -> TensorRTModule | None:
        """The module that will be used: the one that is wanted, else the best."""
        for module in self.modules:
            if self.wanted_module in (None, module.module):
                return module
        return None

    @property
    def gpu(self) -> Gpu | None:
        """The GPU that will be used: CUDA's first. None where NVML does not show it (Jetson)."""
        return self.driver.gpus[0] if self.driver.gpus else None

    def problem(self) -> MachineError | None:
        """What engines need and this machine lacks, the first thing of several."""
        # Jetson boards have CUDA without NVML's library; there the driver proves itself later.
        if self.driver.problem and not self.is_jetson:
            return no_driver_error() if self.driver.problem == "no-driver" else no_gpu_error()
        if not self.modules:
            return MachineError(
                "no-tensorrt",
                "TensorRT is not installed in this Python.",
                "Install it: python3 -m uv sync --extra gpu (or --extra lean, for "
                "version-compatible engines only).",
            )
        if self.tensorrt is None:
            return MachineError(
                "no-tensorrt",
                f"{MODULE_VARIABLE} asks for {self.wanted_module!r}, which is not installed in "
                "this Python.",
                f"Unset it, or set it to one of {', '.join(TENSORRT_MODULES)} that is installed.",
            )
        if not self.has_pycuda:
            return MachineError(
                "no-pycuda",
                "pycuda is not installed in this Python.",
                "Install it: pip install pycuda. It is compiled on installing, so the CUDA "
                "toolkit (nvcc) and a C++ compiler must be there first.",
            )
        return None


def read_machine(driver: Driver | None = None) -> Machine:
    """Look at this machine: a few milliseconds; imports no TensorRT and starts no CUDA.

    Args:
        driver: what read_driver gave, where that was asked already.
    """
    driver, sure = as_cuda_sees(read_driver() if driver is None else driver, os.environ)
    runtime = find_package("onnxruntime")
    return Machine(
        driver=driver,
        modules=tuple(find_tensorrt()),
        has_pycuda=find_package("pycuda") is not None,
        onnxruntime=None if runtime is None else runtime.version or "",
        system=platform.system(),
        is_jetson=is_jetson(),
        wanted_module=os.environ.get(MODULE_VARIABLE) or None,  # set to nothing is not set
        is_order_sure=sure,
    )


def require_gpu_stack(driver: Driver | None = None) -> None:
    """Prove that engines can be run here, as far as that shows without starting CUDA.

    Raises:
        MachineError: kind "no-driver", "no-gpu", "no-tensorrt" or "no-pycuda", the first that
            is missing.
    """
    # Which module is used is the loading's to decide: a caller may name another.
    problem = replace(read_machine(driver), wanted_module=None).problem()
    if problem is not None:
        raise problem


def no_driver_error() -> MachineError:
    """Engines need NVIDIA's driver, and none answers."""
    return MachineError(
        "no-driver",
        "No NVIDIA driver answers on this machine, so TensorRT engines cannot run here.",
        "Install NVIDIA's driver, or open the ONNX that the engine came from: it runs on the CPU.",
    )


def no_gpu_error() -> MachineError:
    """The driver is there and shows no GPU."""
    return MachineError(
        "no-gpu",
        "The NVIDIA driver is installed but shows no GPU.",
        "Check nvidia-smi and CUDA_VISIBLE_DEVICES, or open the ONNX: it runs on the CPU.",
    )


def is_jetson() -> bool:
    """True on NVIDIA's Jetson boards."""
    return Path("/etc/nv_tegra_release").exists()


def describe() -> dict[str, Any]:
    """Everything that `enginebay doctor` prints, JSON-ready."""
    driver = read_driver()
    machine = read_machine(driver)
    problem = machine.problem()
    in_use = machine.tensorrt
    packages = {
        name: None
        if (found := find_package(name)) is None
        else {"version": found.version, "location": found.location}
        for name in (
            *TENSORRT_MODULES,
            "pycuda",
            "onnxruntime",
            "PySide6",
            "cv2",
            "numpy",
            "PIL",
            "pyqtgraph",
        )
    }
    return {
        "system": platform.platform(),
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "driver": driver.version,
        "gpus": [
            {
                "name": gpu.name,
                "compute_capability": gpu.compute_capability,
                "memory_bytes": gpu.memory_bytes,
                "sm_count": gpu.sm_count,
            }
            for gpu in driver.gpus
        ],
        "packages": packages,
        "tensorrt": [
            {
                "module": found.module,
                "version": found.version,
                "library": found.library_path,
                "library_version": found.library_version,
                "in_use": found is in_use,
            }
            for found in machine.modules
        ],
        "warnings": _warnings(),
        "engines_run_here": problem is None,
        "problem": None if problem is None else problem.as_json(),
    }


def _warnings() -> list[str]:
    mixed = mixed_variants()
    if not mixed:
        return []
    return [
        f"TensorRT is installed for several CUDA versions: {', '.join(mixed)}. They overwrite each "
        "other: uninstall all, then install the one for your driver."
    ]
