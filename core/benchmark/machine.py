"""The machine that a benchmark was taken on: what must be the same for numbers to compare."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from core.machine import Machine, find_package, read_machine

_CPUINFO = Path("/proc/cpuinfo")


def machine_facts(machine: Machine | None = None) -> dict[str, Any]:
    """The `machine` of a BenchmarkResult, JSON-ready; takes milliseconds and starts no CUDA.

    Args:
        machine: what read_machine gave, where that was asked already.

    Returns:
        "cpu" (name), "cores" (logical ones that this process may use), "gpu" (name of the one
        that CUDA counts first; None where there is none), "gpu_compute_capability", "driver",
        "os", and "versions": tensorrt, onnxruntime, pycuda, numpy and python, None where absent.
    """
    machine = read_machine() if machine is None else machine
    gpu, module = machine.gpu, machine.tensorrt
    return {
        "cpu": cpu_name(),
        "cores": _cores(),
        "gpu": None if gpu is None else gpu.name,
        "gpu_compute_capability": None if gpu is None else gpu.compute_capability,
        "driver": machine.driver.version,
        "os": platform.platform(),
        "versions": {
            "tensorrt": None if module is None else module.version,
            "onnxruntime": machine.onnxruntime or None,
            "pycuda": _version("pycuda"),
            "numpy": _version("numpy"),
            "python": platform.python_version(),
        },
    }


def cpu_name() -> str:
    """The processor as its maker calls it, else its architecture."""
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(
                winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
            ) as key:
                return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
        except OSError:
            return platform.processor()
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name" and value.strip():  # not on ARM
            return value.strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _version(package: str) -> str | None:
    found = find_package(package)
    return None if found is None else found.version
