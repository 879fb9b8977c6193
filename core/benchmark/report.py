"""A benchmark as JSON, as text for people, and its samples as CSV."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from core.benchmark.samples import COLUMNS
from core.benchmark.statistics import (
    Summary,
    images_per_s,
    latency_of,
    summary,
    throughput_per_s,
)
from core.benchmark.swept import size_text
from core.benchmark.values import ARRANGED, BenchmarkResult, Measurement, Reading
from core.csv_lines import csv_lines
from core.tensors import bytes_text
from core.text import counted, printable

CSV_COLUMNS = (
    "query",
    *(name if name == "lane" else f"{name}_ms" for name in COLUMNS),
    "enqueue_ms",
    "host_to_device_ms",
    "compute_ms",
    "device_to_host_ms",
    "latency_ms",
)
"""Of samples_csv: the samples' own columns, then how long the stages took."""

_STAGES = (
    ("host_to_device_ms", "copy in"),
    ("compute_ms", "compute"),
    ("device_to_host_ms", "copy out"),
    ("enqueue_ms", "enqueue"),
)

_TRIED = {"": "tried", "find-best": "tried for the best", "sweep": "tried in the sweep"}


def json_safe(value: Any) -> Any:
    """The same of what JSON has: lists, plain numbers, None for what is no finite number.

    What is none of these (a path) becomes its text.
    """
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [json_safe(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return json_safe(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, bool, int)) else str(value)


def measurement_json(measurement: Measurement) -> dict[str, Any]:
    """One measurement, JSON-ready; times in milliseconds.

    A stage is null where it was not measured, the copies also where nothing was copied.
    "samples" counts the queries that were measured.
    """
    m = measurement
    return {
        "name": m.name,
        "convention": m.convention,
        "samples": m.samples.queries,
        "latency_ms": _json(summary(latency_of(m))),
        **{name: _json(found) for name, found in stages_of(m).items()},
        "throughput_per_s": throughput_per_s(m.samples),
        "images_per_s": images_per_s(m),
        "batch": m.batch,
        "contexts": m.contexts,
        "graph": m.graph,
        "why_no_graph": m.why_no_graph,
        "transfers": m.transfers,
        "arrangement": m.arrangement,
        "tried_by": m.tried_by,
        "size_wh": json_safe(m.size_wh),
        "first_run_ms": json_safe(m.first_run_ms),
        "device_memory_bytes": m.device_memory_bytes,
        "complete": m.is_complete,
        "warnings": [asdict(mark) for mark in m.marks],
    }


def stages_of(measurement: Measurement) -> dict[str, Summary | None]:
    """The stages' summaries under their names in the JSON; None as measurement_json says."""
    samples = measurement.samples
    found = {
        "host_to_device_ms": summary(samples.host_to_device),
        "compute_ms": summary(samples.compute),
        "device_to_host_ms": summary(samples.device_to_host),
        "enqueue_ms": summary(samples.enqueue),
    }
    for copy in ("host_to_device_ms", "device_to_host_ms"):
        one = found[copy]
        if one is not None and one.max == 0:
            found[copy] = None
    return found


def result_json(result: BenchmarkResult) -> dict[str, Any]:
    """A whole benchmark without its samples, JSON-ready: what `enginebay bench --json` prints."""
    return {
        "model": json_safe(result.model),
        "machine": json_safe(result.machine),
        "convention": _main_convention(result),
        "measurements": [measurement_json(one) for one in result.measurements],
        "tried": [measurement_json(one) for one in result.tried],
        "telemetry": [json_safe(asdict(one)) for one in result.telemetry],
        "taken_at": result.taken_at,
        "complete": result.is_complete,
        "options": json_safe(asdict(result.options)),
    }


def main_measurement(result: BenchmarkResult) -> Measurement | None:
    """The pipelined one, else the first: what one line about a result speaks of.

    One without samples, as of a benchmark that was ended or failed, stands behind those with some.
    """
    found = sorted(
        result.measurements, key=lambda one: (not one.samples.queries, one.name != "pipelined")
    )
    return found[0] if found else None


def _main_convention(result: BenchmarkResult) -> str:
    main = main_measurement(result)
    return "" if main is None else main.convention


def _json(found: Summary | None) -> dict[str, float] | None:
    return None if found is None else found.as_json()


def samples_csv(measurement: Measurement) -> str:
    """One line a query under CSV_COLUMNS, in milliseconds; empty where it was not measured."""
    samples = measurement.samples
    table = np.column_stack(
        [
            samples.rows,
            samples.enqueue,
            samples.host_to_device,
            samples.compute,
            samples.device_to_host,
            samples.latency,
        ]
    )
    lane = COLUMNS.index("lane")
    rows = (
        [
            index,
            *(
                None if math.isnan(value) else int(value) if at == lane else value
                for at, value in enumerate(row)
            ),
        ]
        for index, row in enumerate(table.tolist())
    )
    return csv_lines(CSV_COLUMNS, rows)


def result_text(result: BenchmarkResult) -> str:
    """What `enginebay bench` prints for people."""
    model = result.model
    words = str(model.get("name") or model.get("path") or "a model")
    words += f" on {model['runtime']}" if model.get("runtime") else ""
    lines = [printable(", ".join((words, *_place_words(result))))]
    if not result.is_complete:
        lines.append("It was ended early: what follows is what was measured until then.")
    for one in result.measurements:
        lines += ["", *_measurement_lines(one)]
    for tried_by, title in _TRIED.items():
        if tried := [one for one in result.tried if one.tried_by == tried_by]:
            lines += ["", title, *_tried_lines(tried, on_cpu=is_on_cpu(result))]
            failures = (mark for one in tried for mark in one.marks if mark.kind == "failed")
            lines += [f"  ! {printable(mark.message)}" for mark in failures]
    if not is_on_cpu(result):
        lines += _telemetry_lines(result.telemetry)
    return "\n".join(lines)


def _place_words(result: BenchmarkResult) -> list[str]:
    """What the runtime's own words do not say of the machine; they end with the GPU's name."""
    machine = result.machine
    if is_on_cpu(result):
        cores = machine.get("cores")
        return [str(machine["cpu"])] * bool(machine.get("cpu")) + [f"{cores} cores"] * bool(cores)
    return [f"driver {machine.get('driver')}"] * bool(machine.get("driver"))


def is_on_cpu(result: BenchmarkResult) -> bool:
    """Whether the model ran on the CPU, as the session's own words for its runtime say."""
    return str(result.model.get("runtime", "")).endswith("(CPU)")


def _measurement_lines(m: Measurement) -> list[str]:
    name = m.name.replace("-", " ")
    lines = [f"{name}: {printable(m.convention)}"]
    facts = [counted(m.samples.queries, "sample")]
    rate, images = throughput_per_s(m.samples), images_per_s(m)
    if rate is not None and images is not None:
        facts.append(f"{rate:,.1f} queries/s x batch {m.batch} = {images:,.1f} images/s")
    if m.first_run_ms is not None:
        facts.append(f"first run {m.first_run_ms:,.2f} ms, not counted")
    if m.device_memory_bytes is not None:
        facts.append(f"{bytes_text(m.device_memory_bytes)} on the device")
    lines.append(f"  {'; '.join(facts)}")
    rows = [
        (label, *(f"{value:,.3f}" for value in found.as_json().values()))
        for label, found in _labelled(m)
        if found is not None
    ]
    if rows:
        lines += _columns(("ms", "min", "mean", "p50", "p90", "p95", "p99", "max"), rows)
    if m.why_no_graph:
        lines.append(f"  no CUDA graph: {printable(m.why_no_graph)}")
    for mark in m.marks:
        lines += [f"  ! {printable(mark.message)}", f"    {printable(mark.advice)}"]
    return lines


def _labelled(m: Measurement) -> list[tuple[str, Summary | None]]:
    stages = stages_of(m)
    return [
        ("latency", summary(latency_of(m))),
        *((label, stages[name]) for name, label in _STAGES),
    ]


def _tried_lines(tried: Sequence[Measurement], *, on_cpu: bool) -> list[str]:
    """A line each; how contexts share the bus comes last, as it is words."""
    rows, has_sizes = [], any(m.size_wh for m in tried)
    has_memory = any(m.device_memory_bytes is not None for m in tried)
    for m in tried:
        rate, images, latency = throughput_per_s(m.samples), images_per_s(m), summary(latency_of(m))
        rows.append(
            (
                counted(m.contexts, "thread" if on_cpu else "context"),
                *(() if on_cpu else ("graph" if m.graph else "no graph",)),
                str(m.batch),
                *([size_text(m.size_wh) if m.size_wh else ""] if has_sizes else ()),
                "" if rate is None else f"{rate:,.1f}",
                "" if images is None else f"{images:,.1f}",
                "" if latency is None else f"{latency.p50:,.3f}",
                "" if latency is None else f"{latency.p99:,.3f}",
                *((bytes_text(m.device_memory_bytes),) if has_memory else ()),
            )
        )
    size = ("size",) if has_sizes else ()
    titles = ("", "batch", *size, "queries/s", "images/s", "p50 ms", "p99 ms")
    titles += ("memory",) if has_memory else ()
    lines = _columns(titles if on_cpu else ("", *titles), rows)
    width = max(map(len, lines))
    arranged = ("", *(ARRANGED.get(m.arrangement, m.arrangement) for m in tried))
    return [
        f"{line.ljust(width)}  {words}".rstrip()
        for line, words in zip(lines, arranged, strict=True)
    ]


def _telemetry_lines(telemetry: Sequence[Reading]) -> list[str]:
    parts = []
    for field, label, unit in (
        ("sm_clock_mhz", "clock", "MHz"),
        ("power_w", "power", "W"),
        ("temperature_c", "temperature", "°C"),
        ("utilization", "busy", "%"),
    ):
        values = [value for one in telemetry if (value := getattr(one, field)) is not None]
        if values:
            low, high = f"{min(values):,.0f}", f"{max(values):,.0f}"
            parts.append(f"{label} {low if low == high else f'{low} to {high}'} {unit}")
    return ["", f"the GPU meanwhile: {', '.join(parts)}"] if parts else []


def _columns(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned lines: the first column to the left, all others, numbers mostly, to the right."""
    widths = [max(len(row[at]) for row in (titles, *rows)) for at in range(len(titles))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (titles, *rows)
    ]
