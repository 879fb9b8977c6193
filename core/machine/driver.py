"""The NVIDIA driver and its GPUs, asked of the driver's management library (NVML): no CUDA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

_CORES_PER_SM = {
    "3": 192, "5": 128, "6.0": 64, "6": 128, "7": 64, "8.0": 64, "8": 128,
    "9": 128, "10": 128, "11": 128, "12": 128,
}  # fmt: skip
"""CUDA cores of a multiprocessor by compute capability, or by its major where all are alike.

From NVIDIA's cuda-samples, helper_cuda.h, _ConvertSMVer2Cores.
"""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU as the driver sees it."""

    name: str
    compute_capability: str  # "9.0"
    memory_bytes: int  # 0 where it is the system's
    sm_count: int | None = None  # multiprocessors
    uuid: str = ""  # "GPU-...", as CUDA_VISIBLE_DEVICES takes it


@dataclass(frozen=True, slots=True)
class Driver:
    """The NVIDIA driver and its GPUs, or the reason why there is none."""

    version: str | None
    gpus: tuple[Gpu, ...]
    problem: str = ""  # "", "no-driver" or "no-gpu"
    note: str = ""  # NVML's own words


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
            capability = f"{major}.{minor}"
            name = pynvml.nvmlDeviceGetName(handle)
            cores, uuid = 0, ""
            try:
                uuid = pynvml.nvmlDeviceGetUUID(handle)
                cores = pynvml.nvmlDeviceGetNumGpuCores(handle)
            except pynvml.NVMLError:  # an older driver, or a slice of a GPU
                pass
            gpus.append(Gpu(name, capability, memory, _sm_count(cores, capability), uuid))
        return Driver(version, tuple(gpus), "" if gpus else "no-gpu")
    except pynvml.NVMLError as error:
        return Driver(None, (), "no-gpu", str(error))
    finally:
        pynvml.nvmlShutdown()


def _sm_count(cores: int, capability: str) -> int | None:
    per_sm = _CORES_PER_SM.get(capability, _CORES_PER_SM.get(capability.partition(".")[0]))
    return cores // per_sm if per_sm and cores and cores % per_sm == 0 else None


def as_cuda_sees(driver: Driver, environment: Mapping[str, str]) -> tuple[Driver, bool]:
    """The GPUs that CUDA will see, in its order, and whether that order is sure.

    By the CUDA C++ Programming Guide's CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER: numbers or
    beginnings of UUIDs up to the first that does not exist; CUDA counts the fastest GPU first
    unless told to count as NVML does.
    """
    gpus = driver.gpus
    sure = (
        len({gpu.compute_capability for gpu in gpus}) < 2
        or environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    )
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if not gpus or chosen is None or "MIG-" in chosen:  # NVML lists slices of GPUs elsewhere
        return driver, sure
    visible: list[Gpu] = []
    for item in (text.strip() for text in chosen.split(",")):
        if item.startswith("GPU-"):
            fitting = [gpu for gpu in gpus if gpu.uuid.startswith(item)]
        else:
            fitting = [gpus[int(item)]] if item.isdecimal() and int(item) < len(gpus) else []
        if len(fitting) != 1 or any(gpu is fitting[0] for gpu in visible):
            break
        visible += fitting
    sure = sure or "GPU-" in chosen
    if not visible:
        return replace(driver, gpus=(), problem="no-gpu"), True
    return (replace(driver, gpus=tuple(visible)) if sure else driver), sure
