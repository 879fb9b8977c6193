"""Trust marks: when a number may not mean what it seems to, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.benchmark.report import stages_of
from core.benchmark.statistics import Summary, latency_of, summary
from core.benchmark.values import Mark, Measurement, Reading
from core.text import counted

NOISY_COV = 2.5
"""Percent; trtexec 11.1 calls compute times above it unstable (samples/common/
sampleReporting.cpp)."""

HOST_BOUND = 0.8
"""Median of enqueue by that of compute: trtexec's enqueueBoundReportingThreshold, same file."""

TRANSFER_BOUND = 1.0
"""Median of one copy by that of compute, from which on trtexec warns; same file."""

CLOCK_FALL = 0.03
"""Part that the SM clock may lose between a measurement's first and last third. Our own: the
clock moves in steps of 15 MHz, 1 % or less of what it runs at, so this is several steps."""

DRIFT = 0.03
"""Part by which p50 may differ between the first and the last tenth. Our own."""

DRIFT_SAMPLES = 100
"""From how many on drift is told: a p50 of fewer than ten samples in a tenth says little."""

PERCENTILE_SAMPLES = {"p99": 100, "p95": 20, "p90": 10}
"""With fewer samples a percentile by nearest rank is just their maximum."""


def trust_marks(
    measurement: Measurement, telemetry: Sequence[Reading], *, on_gpu: bool = True
) -> tuple[Mark, ...]:
    """Why the measurement's numbers may not be trusted; () where nothing speaks against them.

    Args:
        measurement: what was measured; its own marks are not looked at.
        telemetry: the readings taken while it was measured, in their order.
        on_gpu: False for the CPU, where starting a query is running it and what a GPU does
            meanwhile does not matter.
    """
    m = measurement
    stages = stages_of(m)
    compute, enqueue = stages["compute_ms"], stages["enqueue_ms"]
    marks = [_incomplete(m), _too_few(m)]
    if compute is not None:
        marks.append(_noisy(m, compute, on_gpu=on_gpu))
        if on_gpu:
            marks.append(_host_bound(m, enqueue, compute))
            marks.append(_transfer_bound(stages["host_to_device_ms"], compute, "in"))
            marks.append(_transfer_bound(stages["device_to_host_ms"], compute, "out"))
    marks.append(_several_contexts(m, on_gpu=on_gpu))
    if m.name != "end-to-end":  # its queries are not alike: each has its own picture
        marks.append(_drift(m))
    if on_gpu:
        marks += [_clocks_falling(telemetry), _throttled(telemetry), _other_processes(telemetry)]
    return tuple(mark for mark in marks if mark is not None)


def _incomplete(m: Measurement) -> Mark | None:
    if m.is_complete:
        return None
    return Mark(
        "incomplete",
        f"It was ended early, after {counted(m.samples.queries, 'sample')}.",
        "Let it run to its end before you compare it with others.",
    )


def _too_few(m: Measurement) -> Mark | None:
    count = int(np.isfinite(latency_of(m)).sum())  # not every query is timed
    if m.samples.measured is not None:
        count = max(count, m.samples.measured * count // max(m.samples.count, 1))
    if not count:
        return Mark("too-few-samples", "No query was measured.", "Measure longer.")
    doubtful = [name for name, needed in PERCENTILE_SAMPLES.items() if count < needed]
    if not doubtful:
        return None
    names = doubtful[0] if len(doubtful) == 1 else f"{', '.join(doubtful[:-1])} and {doubtful[-1]}"
    return Mark(
        "too-few-samples",
        f"Of {counted(count, 'sample')} {names} {'is' if len(doubtful) == 1 else 'are'} just the "
        "maximum.",
        f"Do not trust {names}, or measure longer: it takes {PERCENTILE_SAMPLES[doubtful[0]]} "
        "samples at least.",
    )


def _noisy(m: Measurement, compute: Summary, *, on_gpu: bool) -> Mark | None:
    if not compute.cov > NOISY_COV:
        return None
    if on_gpu and m.contexts > 1:
        advice = (
            "Queries that share the GPU take unequal times: look at one at a time to see how "
            "steady the GPU itself is."
        )
    elif on_gpu:
        advice = (
            "Lock the GPU's clocks (nvidia-smi --lock-gpu-clocks), use the spin wait, close what "
            "else runs, and measure again."
        )
    elif m.contexts > 1:
        advice = "Close what else runs, use fewer threads, and measure again."
    else:
        advice = "Close what else runs, and measure again."
    return Mark(
        "noisy",
        f"Compute times vary by {compute.cov:.1f} % (coefficient of variation; more than "
        f"{NOISY_COV} % is unsteady).",
        advice,
    )


def _host_bound(m: Measurement, enqueue: Summary | None, compute: Summary) -> Mark | None:
    if enqueue is None or not enqueue.median > HOST_BOUND * compute.median > 0:
        return None
    if m.graph:
        advice = "A larger batch gives the GPU more to do for each start."
    else:
        advice = "A CUDA graph starts a query with one call; a larger batch helps, too."
    return Mark(
        "host-bound",
        f"Starting a query takes the host {enqueue.median:.3f} ms, computing it the GPU "
        f"{compute.median:.3f} ms (medians), so the GPU may wait for the host.",
        advice,
    )


def _transfer_bound(copy: Summary | None, compute: Summary, way: str) -> Mark | None:
    if copy is None or not copy.median >= TRANSFER_BOUND * compute.median > 0:
        return None
    what = "inputs in" if way == "in" else "outputs out"
    smaller = "smaller inputs (uint8, FP16)" if way == "in" else "smaller outputs (FP16, top-k)"
    return Mark(
        "transfer-bound",
        f"Copying the {what} takes {copy.median:.3f} ms, computing {compute.median:.3f} ms "
        "(medians), so the copy may set the pace.",
        f"Use {smaller} or keep them on the GPU; measuring without transfers shows the model "
        "alone.",
    )


def _several_contexts(m: Measurement, *, on_gpu: bool) -> Mark | None:
    if m.contexts < 2 or not m.samples.count:
        return None
    place = "GPU" if on_gpu else "CPU"
    return Mark(
        "several-contexts",
        f"Latency is that of {m.contexts} queries that share the {place}.",
        "Trust the throughput here; for the latency of a query alone look at one at a time.",
    )


def _drift(m: Measurement) -> Mark | None:
    latency = latency_of(m)
    if len(latency) < DRIFT_SAMPLES:
        return None
    tenth = len(latency) // 10
    first, last = summary(latency[:tenth]), summary(latency[-tenth:])
    if first is None or last is None or first.p50 <= 0:
        return None
    change = last.p50 / first.p50 - 1
    if abs(change) <= DRIFT:
        return None
    way = "slower" if change > 0 else "faster"
    return Mark(
        "drift",
        f"It got {abs(change) * 100:.1f} % {way} while it was measured: p50 of the first tenth "
        f"{_ms(first.p50)}, of the last {_ms(last.p50)}.",
        "Warm up longer, look at the clocks and the temperature, and measure again.",
    )


def _ms(value: float) -> str:
    """Milliseconds in three digits at least: two that differ by DRIFT never look alike."""
    return f"{value:,.3f} ms" if value >= 1 else f"{value:#.3g} ms"


def _clocks_falling(telemetry: Sequence[Reading]) -> Mark | None:
    clocks = [one.sm_clock_mhz for one in telemetry if one.sm_clock_mhz is not None]
    third = len(clocks) // 3
    if not third:
        return None
    first, last = float(np.mean(clocks[:third])), float(np.mean(clocks[-third:]))
    if not last < (1 - CLOCK_FALL) * first:
        return None
    return Mark(
        "clocks-falling",
        f"The GPU's SM clock fell from {first:,.0f} to {last:,.0f} MHz, by "
        f"{(1 - last / first) * 100:.1f} %.",
        "Measure longer until it stays, or lock it below that (nvidia-smi --lock-gpu-clocks).",
    )


def _throttled(telemetry: Sequence[Reading]) -> Mark | None:
    slowed = [one.throttle_reasons for one in telemetry if one.throttle_reasons]
    if not slowed:
        return None
    reasons = list(dict.fromkeys(reason for reasons in slowed for reason in reasons))
    return Mark(
        "throttled",
        f"The GPU slowed itself down ({', '.join(reasons)}) in {len(slowed)} of "
        f"{counted(len(telemetry), 'reading')}.",
        "Look at its cooling and its power limit (nvidia-smi -q -d PERFORMANCE,POWER), or lock a "
        "clock that it can hold.",
    )


def _other_processes(telemetry: Sequence[Reading]) -> Mark | None:
    most = max((one.other_processes or 0 for one in telemetry), default=0)
    if not most:
        return None
    return Mark(
        "other-process",
        f"{most} other process{'es' * (most != 1)} had the GPU open to compute.",
        "Look with nvidia-smi which, end what can be ended, and measure again.",
    )
