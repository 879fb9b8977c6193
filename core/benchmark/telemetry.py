"""What the GPU does meanwhile, asked of the driver's management library (NVML) on a thread."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any

from core.benchmark.values import Reading
from core.machine.driver import as_cuda_sees, read_driver

_REASONS = (
    (0x004, "power"),  # SwPowerCap
    (0x020, "thermal"),  # SwThermalSlowdown
    (0x040, "thermal"),  # HwThermalSlowdown
    (0x080, "power brake"),  # HwPowerBrakeSlowdown
    (0x010, "sync boost"),  # SyncBoost: as slow as the slowest of its group
    (0x200, "board limit"),  # BoardLimit
    (0x400, "reliability"),  # Reliability
)
"""What slows a GPU down, by the bits of nvml.h (nvmlClocksEventReasons, before that
nvmlClocksThrottleReasons). GpuIdle and clocks that somebody set are none of it."""

_HARDWARE = 0x008
"""HwSlowdown, which is also set beside the two reasons that tell more of it."""

READINGS_KEPT = 10_000

_JOIN_S = 2.0  # NVML may hang with a GPU that is gone; nobody waits longer for it


class Telemetry:
    """Reads the GPU from entering the block to leaving it, on a thread of its own.

    Nothing that NVML does or lacks is raised: `why_none` says why there are no readings, or no
    more of them. All attributes may be read on any thread.

    Attributes:
        readings: what was read so far, oldest first; the first at once, then every `interval_s`.
        why_none: a sentence; "" while all is well.
    """

    def __init__(
        self,
        interval_s: float = 0.2,
        *,
        pci_bus_id: str = "",
        uuid: str = "",
        own_pids: Collection[int] = (),
        on_reading: Callable[[Reading], None] | None = None,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            interval_s: seconds from one reading to the next.
            pci_bus_id: of the GPU that is used, as CUDA gives it ("0000:65:00.0").
            uuid: of the GPU that is used ("GPU-..." or "MIG-..."); either is enough. Without
                both it is the one that CUDA will count first by its environment variables.
            own_pids: further processes that belong to the benchmark; this process and its parent
                always do.
            on_reading: told each reading, on the telemetry's thread. Must be quick and must not
                raise.
        """
        self.readings: tuple[Reading, ...] = ()
        self.why_none = ""
        self._interval_s = interval_s
        self._pci_bus_id = pci_bus_id
        self._uuid = uuid
        self._own_pids = {os.getpid(), os.getppid(), *own_pids}
        self._on_reading = on_reading
        self._ended = threading.Event()
        self._begin = 0.0
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    @property
    def latest(self) -> Reading | None:
        """The newest reading; None before the first."""
        readings = self.readings
        return readings[-1] if readings else None

    @property
    def now_ms(self) -> float:
        """Milliseconds since the block was entered, as Reading.at_ms counts them."""
        return (time.perf_counter() - self._begin) * 1000

    def since(self, at_ms: float) -> tuple[Reading, ...]:
        """The readings from a moment on: those taken during one measurement."""
        return tuple(one for one in self.readings if one.at_ms >= at_ms)

    def __enter__(self) -> Telemetry:
        """Start reading; `at_ms` counts from here. Once only."""
        self._begin = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            import pynvml
        except ImportError:
            self.why_none = "nvidia-ml-py is not installed, so the GPU's clocks are not known."
            return
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            self.why_none = f"The driver's management library (NVML) does not answer: {error}."
            return
        try:
            handle = self._handle(pynvml)
            if handle is not None:
                self._read_on(pynvml, handle)
        except pynvml.NVMLError as error:
            self.why_none = f"The GPU stopped answering the driver's management library: {error}."
        finally:
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()

    def _read_on(self, nvml: Any, handle: Any) -> None:
        """Read until the end.

        Raises:
            NVMLError: if the GPU is lost.
        """
        wanted_ms = 0.0
        while True:
            reading = _read(nvml, handle, self.now_ms, self._own_pids)
            if self._ended.is_set():  # the block is over: nobody expects a call any more
                return
            if len(self.readings) >= READINGS_KEPT:  # a day's run: half as many, half as often
                self.readings = self.readings[::2]
                self._interval_s *= 2
            self.readings = (*self.readings, reading)
            if self._on_reading is not None:
                self._on_reading(reading)
            # Kept to the clock, and not read twice at once after a slow reading.
            wanted_ms = max(wanted_ms + self._interval_s * 1000, self.now_ms)
            if self._ended.wait(max(wanted_ms - self.now_ms, 1.0) / 1000):
                return

    def _handle(self, nvml: Any) -> Any:
        """The GPU's handle; None, with why_none said, where it is not known which one is meant."""
        try:
            if self._uuid:
                return nvml.nvmlDeviceGetHandleByUUID(self._uuid)
            if self._pci_bus_id:
                return nvml.nvmlDeviceGetHandleByPciBusId(self._pci_bus_id)
            chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
            if chosen.startswith("MIG-"):
                return nvml.nvmlDeviceGetHandleByUUID(chosen)
            every = read_driver()
            seen, sure = as_cuda_sees(every, os.environ)
            if not seen.gpus:
                self.why_none = "The driver shows no GPU that CUDA would use."
            elif not sure:
                self.why_none = (
                    "There are GPUs of several kinds, and which one CUDA counts first is not "
                    "known: set CUDA_DEVICE_ORDER=PCI_BUS_ID."
                )
            elif seen.gpus[0].uuid:
                return nvml.nvmlDeviceGetHandleByUUID(seen.gpus[0].uuid)
            elif len(every.gpus) == 1:
                return nvml.nvmlDeviceGetHandleByIndex(0)
            else:
                self.why_none = "The driver does not name its GPUs, so the right one is not known."
        except nvml.NVMLError as error:
            self.why_none = f"The driver's management library (NVML) shows no such GPU: {error}."
        return None


def _read(nvml: Any, handle: Any, at_ms: float, own_pids: Collection[int]) -> Reading:
    def ask(name: str, *arguments: int) -> Any:
        call = getattr(nvml, name, None)
        return None if call is None else _quietly(nvml, call, handle, *arguments)

    load = ask("nvmlDeviceGetUtilizationRates")
    memory = ask("nvmlDeviceGetMemoryInfo")
    milliwatts = ask("nvmlDeviceGetPowerUsage")
    reasons = ask("nvmlDeviceGetCurrentClocksEventReasons")
    if reasons is None:  # an older driver, or an older nvidia-ml-py
        reasons = ask("nvmlDeviceGetCurrentClocksThrottleReasons")
    processes = ask("nvmlDeviceGetComputeRunningProcesses")
    return Reading(
        at_ms=at_ms,
        utilization=None if load is None else float(load.gpu),
        sm_clock_mhz=_float(ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM)),
        memory_clock_mhz=_float(ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM)),
        power_w=None if milliwatts is None else milliwatts / 1000,
        temperature_c=_float(ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU)),
        memory_used_bytes=None if memory is None else int(memory.used),
        throttle_reasons=throttle_words(reasons or 0),
        other_processes=None
        if processes is None
        else other_processes([one.pid for one in processes], own_pids),
    )


def throttle_words(reasons: int) -> tuple[str, ...]:
    """The bits of NVML's clocks event reasons that slow a GPU down, as words, each once."""
    words = dict.fromkeys(word for bit, word in _REASONS if reasons & bit)
    if reasons & _HARDWARE and not reasons & 0x0C0:
        words["hardware"] = None
    return tuple(words)


def other_processes(pids: Collection[int], own_pids: Collection[int]) -> int | None:
    """How many of the processes that NVML lists are not ours.

    None where none of several is: in a container NVML may list them as the host numbers them,
    so that one of them may be this one.
    """
    listed = set(pids)
    ours = listed & set(own_pids)
    return None if listed and not ours else len(listed) - len(ours)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _quietly(nvml: Any, call: Callable[..., Any], *arguments: Any) -> Any:
    """The call's answer; None for what this GPU, system or driver does not tell.

    Raises:
        NVMLError: if the GPU is lost.
    """
    try:
        return call(*arguments)
    except nvml.NVMLError as error:
        if getattr(error, "value", None) == nvml.NVML_ERROR_GPU_IS_LOST:
            raise
        return None
