"""What is asked of a benchmark, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.benchmark.samples import Samples

MeasurementName = Literal["one-at-a-time", "pipelined", "end-to-end"]
MEASUREMENTS: tuple[MeasurementName, ...] = ("one-at-a-time", "pipelined", "end-to-end")

DEFINITIONS: Mapping[MeasurementName, str] = {
    "one-at-a-time": "Wall time of one query alone: copy the inputs in, compute, copy the outputs "
    "out, wait until all is done. On a GPU its parts are measured by CUDA events.",
    "pipelined": "Queries in flight on several execution contexts, each with its own stream and "
    "buffers; on the CPU on several threads. Latency is copy in + compute + copy out, on a GPU by "
    "CUDA events; throughput is queries over the span from the first copy in to the last copy "
    "out, as trtexec computes both.",
    "end-to-end": "Image files to predictions: reading and preparing pictures on other threads "
    "while the model runs, and reading its outputs. Latency is a picture's wall time from opening "
    "its file to its predictions: with pictures read ahead, most of it is waiting for its turn.",
}
"""For tooltips."""

Arrangement = Literal["apart", "shared-copies", "queued-ahead"]
"""How several contexts share the bus: each copies in on its own stream; all on one, one after
another; or each has a second query queued behind the first, as trtexec does."""

ARRANGED: Mapping[str, str] = {
    "apart": "",
    "shared-copies": "inputs copied on one stream",
    "queued-ahead": "a second query queued on each",
}
"""Each Arrangement in words."""

TriedBy = Literal["", "find-best", "sweep"]
TRIED_BY: tuple[TriedBy, ...] = ("", "find-best", "sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOptions:
    """How to measure. A measurement ends when both duration and iterations are reached."""

    measurements: tuple[MeasurementName, ...] = ("one-at-a-time", "pipelined")
    duration_s: float = 3.0  # after the warm-up, as trtexec's --duration
    iterations: int = 10  # at least, as trtexec's --iterations
    warm_up_ms: float = 200.0  # as trtexec's --warmUp
    warm_up_runs: int = 3  # at least
    contexts: int | None = None  # execution contexts, threads on the CPU; None: the default
    find_best: bool = False  # try 1 to 4 contexts with and without graph, keep the winner
    graph: bool = True  # captured as CUDA graph where the engine can be
    transfers: bool = True  # False: inputs and outputs stay on the device
    time_all: bool = False  # time every query by events, of short ones too; costs them some 10 us
    wait: Literal["spin", "blocking"] = "spin"
    batch: int | None = None  # None: the recipe's, or the profile's best
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # by input
    profile: int | None = None
    images: tuple[str, ...] = ()  # for end-to-end; needs at least one
    sweep: tuple[int, ...] = ()  # batches to measure one after another, pipelined
    sweep_sizes: tuple[tuple[int, int], ...] = ()  # likewise widths and heights of the picture
    seed: int = 0  # of the random inputs


@dataclass(frozen=True, slots=True)
class Mark:
    """Why a number may not be trusted, and what to do about it: one sentence each."""

    kind: str  # "noisy", "host-bound", "transfer-bound", "clocks-falling", "throttled", ...
    message: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What NVML told of the GPU at one moment; None for what it does not tell."""

    at_ms: float  # since the benchmark's start
    utilization: float | None = None  # 0..100
    sm_clock_mhz: float | None = None
    memory_clock_mhz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    memory_used_bytes: int | None = None
    throttle_reasons: tuple[str, ...] = ()  # "thermal", "power", ... those that slow it down
    other_processes: int | None = None  # how many besides this one compute on it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measurement:
    """One of MEASUREMENTS, or a point of a sweep."""

    name: MeasurementName
    convention: str  # "with transfers, 3 contexts, CUDA graph; trtexec 8.x to 10.x count so"
    samples: Samples
    batch: int
    contexts: int
    graph: bool  # whether a graph was really used
    transfers: bool
    first_run_ms: float | None = None  # told apart; not in the samples
    device_memory_bytes: int | None = None  # of buffers and contexts
    why_no_graph: str = ""
    arrangement: str = "apart"  # an Arrangement
    tried_by: TriedBy = ""  # what tried it; "" for MEASUREMENTS, and in files that do not say
    size_wh: tuple[int, int] | None = None  # the picture's, where a sweep varied it
    marks: tuple[Mark, ...] = ()
    is_complete: bool = True  # False when it was cancelled


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenchmarkResult:
    """A whole benchmark of one model on one machine."""

    model: Mapping[str, Any]  # "path", "name", "sha256", "kind", "runtime", "inputs"
    machine: Mapping[str, Any]  # "cpu", "gpu", "driver", versions by package
    options: BenchmarkOptions
    measurements: tuple[Measurement, ...]
    telemetry: tuple[Reading, ...] = ()
    tried: tuple[Measurement, ...] = ()  # by find_best and sweep, in their order
    taken_at: str = ""  # ISO 8601, UTC
    is_complete: bool = True
