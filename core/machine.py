"""What this machine has: GPUs and driver, TensorRT modules, pycuda, ONNX Runtime.

Asked of NVIDIA's management library (NVML) and of Python's package index on disk. Nothing here
starts CUDA or imports TensorRT, which can crash a machine without a GPU.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from core.errors import MachineError

TENSORRT_MODULES = ("tensorrt", "tensorrt_lean", "tensorrt_dispatch")
"""Python modules that can run engines, best first: full, lean (version-compatible engines
only), dispatch (the same, with the lean runtime taken from the engine)."""


_DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    **{
        # The front-end package, its CUDA variants, and the bindings that each re-exports.
        module: (
            module,
            *(f"{module}_{cuda}" for cuda in ("cu13", "cu12", "cu11")),
            f"{module}_bindings",
            *(f"{module}_{cuda}_bindings" for cuda in ("cu13", "cu12", "cu11")),
        )
        for module in TENSORRT_MODULES
    },
    "PySide6": ("PySide6-Essentials", "PySide6"),
    "cv2": (
        "opencv-python-headless",
        "opencv-python",
        "opencv-contrib-python-headless",
        "opencv-contrib-python",
    ),
    "PIL": ("pillow",),
}
"""Under which names a module's package may be installed, where not under its own."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU as the driver sees it."""

    name: str
    compute_capability: str  # "9.0"
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Driver:
    """The NVIDIA driver and its GPUs, or the reason why there is none."""

    version: str | None
    gpus: tuple[Gpu, ...]
    problem: str = ""  # "", "no-driver" or "no-gpu"
    note: str = ""  # NVML's own words


@dataclass(frozen=True, slots=True)
class Package:
    """An installed Python package."""

    module: str
    version: str | None  # None: the module is there without a package record
    location: str


def read_driver() -> Driver:
    """Ask NVML for the driver and the GPUs. Takes a few milliseconds; needs no CUDA."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Driver(None, (), "no-driver", str(error))
    try:
        version = pynvml.nvmlSystemGetDriverVersion()
        gpus = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
            try:
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle).total
            except pynvml.NVMLError_NotSupported:  # GPUs that share the system's memory
                memory = 0
            gpus.append(Gpu(pynvml.nvmlDeviceGetName(handle), f"{major}.{minor}", memory))
        return Driver(version, tuple(gpus), "" if gpus else "no-gpu")
    except pynvml.NVMLError as error:
        return Driver(None, (), "no-gpu", str(error))
    finally:
        pynvml.nvmlShutdown()


def find_package(module: str) -> Package | None:
    """Find an installed package without importing it."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = spec.submodule_search_locations or []
    location = spec.origin or next(iter(places), "")
    # By name, as asking every installed package what it holds takes 30 ms and more.
    for name in _DISTRIBUTIONS.get(module, (module, f"{module}_bindings")):
        try:
            return Package(module, importlib.metadata.version(name), location)
        except importlib.metadata.PackageNotFoundError:
            continue
    return Package(module, None, location)


def find_tensorrt() -> list[Package]:
    """The installed TensorRT modules, best first."""
    return [found for name in TENSORRT_MODULES if (found := find_package(name)) is not None]


def require_gpu_stack(driver: Driver | None = None) -> None:
    """Prove that engines can be run here, as far as that shows without starting CUDA.

    Raises:
        MachineError: kind "no-driver", "no-gpu", "no-tensorrt" or "no-pycuda", the first that
            is missing.
    """
    driver = read_driver() if driver is None else driver
    # Jetson boards have CUDA without NVML's library; there the driver proves itself later.
    if driver.problem and not is_jetson():
        raise no_driver_error() if driver.problem == "no-driver" else no_gpu_error()
    if not find_tensorrt():
        raise MachineError(
            "no-tensorrt",
            "TensorRT is not installed in this Python.",
            "Install it: python3 -m uv sync --extra gpu (or --extra lean, for version-compatible "
            "engines only).",
        )
    if find_package("pycuda") is None:
        raise MachineError(
            "no-pycuda",
            "pycuda is not installed in this Python.",
            "Install it: pip install pycuda. It is compiled on installing, so the CUDA toolkit "
            "(nvcc) and a C++ compiler must be there first.",
        )


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


def describe() -> dict[str, object]:
    """Everything that `enginebay doctor` prints, JSON-ready."""
    driver = read_driver()
    problem: MachineError | None = None
    try:
        require_gpu_stack(driver)
    except MachineError as error:
        problem = error
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
            }
            for gpu in driver.gpus
        ],
        "packages": packages,
        "engines_run_here": problem is None,
        "problem": None if problem is None else problem.as_json(),
    }
