"""Telemetry with a made-up NVML: what it tells, what it does not, and which GPU is asked."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

import core.benchmark.telemetry
from core.benchmark.telemetry import Telemetry, other_processes, throttle_words
from core.benchmark.values import Reading

A, B = "GPU-aaaa", "GPU-bbbb"


def fails(code: int) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        raise pynvml.NVMLError(code)

    return call


class FakeNvml:
    """Two GPUs of a kind, called by their UUIDs; `change` makes a call answer otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        self._monkeypatch = monkeypatch
        self.asked: list[str] = []
        self.open = 0
        self.capabilities = {A: (9, 0), B: (9, 0)}
        answers: dict[str, Callable[..., Any]] = {
            "nvmlInit": lambda: self._opened(1),
            "nvmlShutdown": lambda: self._opened(-1),
            "nvmlSystemGetDriverVersion": lambda: "570.86",
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda index: (A, B)[index],
            "nvmlDeviceGetHandleByUUID": self._by_uuid,
            "nvmlDeviceGetHandleByPciBusId": {"0000:01:00.0": A, "0000:02:00.0": B}.__getitem__,
            "nvmlDeviceGetName": lambda gpu: "NVIDIA H100",
            "nvmlDeviceGetCudaComputeCapability": lambda gpu: self.capabilities[gpu],
            "nvmlDeviceGetUUID": lambda gpu: gpu,
            "nvmlDeviceGetNumGpuCores": lambda gpu: 128,
            "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=97, memory=40),
            "nvmlDeviceGetClockInfo": lambda gpu, kind: {1: 1980, 2: 2619}[kind],
            "nvmlDeviceGetPowerUsage": self._power,
            "nvmlDeviceGetTemperature": lambda gpu, sensor: 61,
            "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(total=80, used=7),
            "nvmlDeviceGetCurrentClocksEventReasons": lambda gpu: 0x1,
            "nvmlDeviceGetComputeRunningProcesses": lambda gpu: [
                SimpleNamespace(pid=os.getpid()),
                SimpleNamespace(pid=4_000_001),
            ],
        }
        for name, answer in answers.items():
            self.change(name, answer)

    def change(self, name: str, answer: Callable[..., Any]) -> None:
        self._monkeypatch.setattr(pynvml, name, answer)

    def _opened(self, by: int) -> None:
        self.open += by

    def _by_uuid(self, uuid: str) -> str:
        self.asked.append(uuid)
        if uuid not in (A, B, "MIG-1"):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return uuid

    def _power(self, gpu: str) -> int:
        return {A: 300_500, B: 70_000}[gpu]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    return FakeNvml(monkeypatch)


def read(count: int = 1, **more: Any) -> Telemetry:
    """Telemetry that was left after so many readings, or when it ended by itself."""
    enough = threading.Event()
    seen: list[Reading] = []

    def note(reading: Reading) -> None:
        seen.append(reading)
        if len(seen) == count:
            enough.set()

    telemetry = Telemetry(0.001, on_reading=note, **more)
    with telemetry:
        while not enough.wait(0.01) and telemetry._thread.is_alive():
            pass
    assert telemetry.readings[:count] == tuple(seen)[:count]
    return telemetry


def test_everything_that_nvml_tells_is_read(nvml: FakeNvml) -> None:
    telemetry = read(3)
    first = telemetry.readings[0]
    assert first == Reading(
        at_ms=first.at_ms,
        utilization=97.0,
        sm_clock_mhz=1980.0,
        memory_clock_mhz=2619.0,
        power_w=300.5,
        temperature_c=61.0,
        memory_used_bytes=7,
        throttle_reasons=(),  # it was idle, which slows nothing down
        other_processes=1,
    )
    times = [one.at_ms for one in telemetry.readings]
    assert len(times) >= 3
    assert 0 <= times[0] < times[1] < times[2]
    assert telemetry.latest == telemetry.readings[-1]
    assert telemetry.since(times[1]) == telemetry.readings[1:]
    assert telemetry.now_ms > times[-1]
    assert telemetry.why_none == ""
    assert nvml.open == 0


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ("nvmlDeviceGetUtilizationRates", "utilization"),
        ("nvmlDeviceGetClockInfo", "sm_clock_mhz"),
        ("nvmlDeviceGetClockInfo", "memory_clock_mhz"),
        ("nvmlDeviceGetPowerUsage", "power_w"),
        ("nvmlDeviceGetTemperature", "temperature_c"),
        ("nvmlDeviceGetMemoryInfo", "memory_used_bytes"),
        ("nvmlDeviceGetComputeRunningProcesses", "other_processes"),
    ],
)
def test_what_a_gpu_does_not_tell_is_none_and_the_rest_is_read(
    nvml: FakeNvml, call: str, field: str
) -> None:
    nvml.change(call, fails(pynvml.NVML_ERROR_NOT_SUPPORTED))
    telemetry = read()
    missing = [
        name
        for name in Reading.__dataclass_fields__
        if getattr(telemetry.readings[0], name) is None
    ]
    clocks = ["sm_clock_mhz", "memory_clock_mhz"]
    assert missing == (clocks if field in clocks else [field])
    assert telemetry.why_none == ""


def test_an_older_driver_is_asked_for_throttle_reasons(nvml: FakeNvml) -> None:
    nvml.change(
        "nvmlDeviceGetCurrentClocksEventReasons", fails(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
    )
    nvml.change("nvmlDeviceGetCurrentClocksThrottleReasons", lambda gpu: 0x44)
    assert read().readings[0].throttle_reasons == ("power", "thermal")


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0x000, ()),
        (0x103, ()),  # idle, clocks that were set, the display's clocks
        (0x004, ("power",)),
        (0x020, ("thermal",)),
        (0x060, ("thermal",)),
        (0x008, ("hardware",)),
        (0x048, ("thermal",)),  # the hardware's reason is known
        (0x088, ("power brake",)),
        (0x014, ("power", "sync boost")),
    ],
)
def test_only_reasons_that_slow_it_down_are_told(bits: int, words: tuple[str, ...]) -> None:
    assert throttle_words(bits) == words


@pytest.mark.parametrize(
    ("pids", "own", "count"),
    [
        ([], {1}, 0),
        ([1], {1}, 0),
        ([1, 2, 3], {1, 3}, 1),
        ([2, 2, 1], {1}, 1),
        ([7], {1}, None),  # may be this one, as the host numbers it
    ],
)
def test_other_processes_are_those_that_are_not_ours(
    pids: list[int], own: set[int], count: int | None
) -> None:
    assert other_processes(pids, own) == count


def test_processes_that_belong_to_the_benchmark_are_not_others(nvml: FakeNvml) -> None:
    assert read(own_pids=[4_000_001]).readings[0].other_processes == 0


@pytest.mark.parametrize(
    ("arguments", "visible", "power"),
    [
        ({}, None, 300.5),
        ({}, "1", 70.0),
        ({}, B, 70.0),
        ({"uuid": B}, "0", 70.0),
        ({"pci_bus_id": "0000:02:00.0"}, "0", 70.0),
    ],
)
def test_the_gpu_that_cuda_uses_is_read(
    nvml: FakeNvml,
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, str],
    visible: str | None,
    power: float,
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert read(**arguments).readings[0].power_w == power


def test_a_slice_of_a_gpu_is_asked_by_its_own_name(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1,MIG-2")
    nvml.change("nvmlDeviceGetPowerUsage", fails(pynvml.NVML_ERROR_NOT_SUPPORTED))
    assert read().readings[0].power_w is None
    assert nvml.asked == ["MIG-1"]


@pytest.mark.parametrize(
    ("visible", "uuid", "words"),
    [("", "", "no GPU that CUDA would use"), (None, "GPU-gone", "no such GPU: Not Found")],
)
def test_no_gpu_gives_no_readings_and_says_why(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, visible: str | None, uuid: str, words: str
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    telemetry = read(uuid=uuid)
    assert (telemetry.readings, telemetry.latest) == ((), None)
    assert words in telemetry.why_none
    assert nvml.open == 0


def test_of_gpus_of_several_kinds_none_is_guessed(nvml: FakeNvml) -> None:
    nvml.capabilities[B] = (8, 9)
    telemetry = read()
    assert telemetry.readings == ()
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in telemetry.why_none
    assert read(uuid=B).readings


def test_without_nvml_it_says_so(nvml: FakeNvml) -> None:
    nvml.change("nvmlInit", fails(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))
    telemetry = read()
    assert telemetry.readings == ()
    assert "NVML Shared Library Not Found" in telemetry.why_none


def test_without_its_python_package_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "nvidia-ml-py is not installed" in read().why_none


def test_a_gpu_that_disappears_ends_the_readings_and_nothing_else(nvml: FakeNvml) -> None:
    counts = iter([7, 7])

    def memory(gpu: str) -> SimpleNamespace:
        used = next(counts, None)
        if used is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return SimpleNamespace(total=80, used=used)

    nvml.change("nvmlDeviceGetCount", lambda: 0)  # it reads each GPU's memory, too
    nvml.change("nvmlDeviceGetMemoryInfo", memory)
    nvml.change("nvmlShutdown", fails(pynvml.NVML_ERROR_GPU_IS_LOST))
    telemetry = read(3, uuid=A)
    assert len(telemetry.readings) == 2
    assert "GPU is lost" in telemetry.why_none


def test_an_error_inside_the_block_ends_the_readings_too(nvml: FakeNvml) -> None:
    telemetry = Telemetry(0.001)
    with pytest.raises(ValueError, match="mine"), telemetry:
        raise ValueError("mine")
    assert not telemetry._thread.is_alive()


def test_readings_of_a_long_run_are_thinned(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.benchmark.telemetry, "READINGS_KEPT", 8)
    telemetry = read(1)
    assert len(telemetry.readings) <= 8
    enough = threading.Event()
    seen: list[Reading] = []

    def note(reading: Reading) -> None:
        seen.append(reading)
        if len(seen) == 30:
            enough.set()

    with Telemetry(0.0001, on_reading=note) as many:
        assert enough.wait(30)
    assert len(many.readings) <= 8
    assert many.readings[0] == seen[0]
    assert many.latest == seen[-1]
