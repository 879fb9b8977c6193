"""What the driver's management library says, and which GPUs CUDA will see."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from core.machine.driver import Driver, Gpu, as_cuda_sees, read_driver

H100 = Gpu("NVIDIA H100", "9.0", 85_520_809_984, 132, "GPU-1111aaaa-0000")
A2 = Gpu("NVIDIA A2", "8.6", 16 * 10**9, 10, "GPU-2222bbbb-0000")
T4 = Gpu("Tesla T4", "7.5", 15 * 10**9, 40, "GPU-2233cccc-0000")


class FakeNvml:
    """Stands for the driver's management library."""

    def __init__(self, gpus: list[Gpu], *, fails: str = "") -> None:
        self._gpus = gpus
        self._fails = fails
        self.calls: list[str] = []
        self.cores = {"9.0": 16_896, "8.6": 1_280, "7.5": 2_560}

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
            "nvmlDeviceGetNumGpuCores": lambda gpu: self.cores[gpu.compute_capability],
            "nvmlDeviceGetUUID": lambda gpu: gpu.uuid,
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
    gpus = [H100, A2, T4] * 3
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


@pytest.mark.parametrize(
    ("capability", "cores", "sm_count"),
    [
        ("8.0", 6_912, 108),
        ("8.9", 18_176, 142),
        ("12.0", 8_960, 70),
        ("6.1", 2_560, 20),
        ("9.0", 100, None),  # no whole number of multiprocessors
        ("14.0", 128, None),  # nobody knows yet how many cores those have
    ],
)
def test_cores_are_counted_as_multiprocessors(
    monkeypatch: pytest.MonkeyPatch, capability: str, cores: int, sm_count: int | None
) -> None:
    nvml = FakeNvml([Gpu("G", capability, 0)])
    nvml.cores = {capability: cores}
    nvml.install(monkeypatch)
    assert read_driver().gpus[0].sm_count == sm_count


@pytest.mark.parametrize(
    ("call", "seen"),
    [
        ("nvmlDeviceGetNumGpuCores", dataclasses.replace(H100, sm_count=None)),
        ("nvmlDeviceGetUUID", dataclasses.replace(H100, sm_count=None, uuid="")),
    ],
)
def test_a_driver_that_tells_less_still_shows_its_gpus(
    monkeypatch: pytest.MonkeyPatch, call: str, seen: Gpu
) -> None:
    FakeNvml([H100], fails=call).install(monkeypatch)
    assert read_driver() == Driver("570.86", (seen,))


PCI = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@pytest.mark.parametrize(
    ("gpus", "environment", "seen", "sure"),
    [
        ((H100,), {}, (H100,), True),
        ((H100, H100), {}, (H100, H100), True),
        ((T4, H100), {}, (T4, H100), False),  # CUDA counts the fastest first, whichever it is
        ((T4, H100), PCI, (T4, H100), True),
        ((T4, H100), {"CUDA_VISIBLE_DEVICES": "1"}, (T4, H100), False),
        ((T4, H100), {**PCI, "CUDA_VISIBLE_DEVICES": "1"}, (H100,), True),
        ((T4, H100), {**PCI, "CUDA_VISIBLE_DEVICES": " 1 , 0 "}, (H100, T4), True),
        ((T4, H100), {**PCI, "CUDA_VISIBLE_DEVICES": "1,7,0"}, (H100,), True),
        ((T4, H100), {**PCI, "CUDA_VISIBLE_DEVICES": "0,0"}, (T4,), True),
        ((T4, H100), {"CUDA_VISIBLE_DEVICES": "GPU-1111"}, (H100,), True),
        ((T4, A2), {"CUDA_VISIBLE_DEVICES": "GPU-2222bbbb-0000,GPU-2233"}, (A2, T4), True),
        ((T4, A2), {"CUDA_VISIBLE_DEVICES": "GPU-22"}, (), True),  # which of the two?
        ((T4, H100), {"CUDA_VISIBLE_DEVICES": ""}, (), True),
        ((T4, H100), {"CUDA_VISIBLE_DEVICES": "-1"}, (), True),
        ((H100,), {"CUDA_VISIBLE_DEVICES": "MIG-abcd"}, (H100,), True),
        ((), {"CUDA_VISIBLE_DEVICES": "0"}, (), True),
    ],
)
def test_the_gpus_are_those_that_cuda_will_see(
    gpus: tuple[Gpu, ...], environment: Mapping[str, str], seen: tuple[Gpu, ...], sure: bool
) -> None:
    driver, is_sure = as_cuda_sees(Driver("570.86", gpus), environment)
    assert (driver.gpus, is_sure) == (seen, sure)
    assert driver.problem == ("no-gpu" if gpus and not seen else "")
    assert driver.version == "570.86"
