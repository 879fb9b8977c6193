"""A benchmark as JSON, text and CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from core.benchmark.report import (
    CSV_COLUMNS,
    json_safe,
    main_measurement,
    measurement_json,
    result_json,
    result_text,
    samples_csv,
)
from core.benchmark.samples import Samples
from core.benchmark.values import Mark, Reading
from tests.unit.benchmark_values import a_measurement, a_result, samples_of

NUMBERS = ("min", "mean", "p50", "p90", "p95", "p99", "max")
MARK = Mark("noisy", "It varies.", "Lock the clocks.")


def test_a_measurement_worked_out_by_hand() -> None:
    # Compute 1, 2, 3, 4 ms after 0.25 ms in and before 0.125 ms out, one after another: 11.5 ms.
    found = measurement_json(
        a_measurement(
            samples_of([1.0, 2.0, 3.0, 4.0]),
            batch=2,
            contexts=3,
            graph=True,
            first_run_ms=7.5,
            device_memory_bytes=1000,
            marks=(MARK,),
        )
    )
    assert found == {
        "name": "pipelined",
        "convention": "with transfers, 1 context, no CUDA graph, spin wait",
        "samples": 4,
        "latency_ms": {
            "min": 1.375, "mean": 2.875, "p50": 2.375, "p90": 4.375, "p95": 4.375, "p99": 4.375,
            "max": 4.375,
        },
        "host_to_device_ms": dict.fromkeys(NUMBERS, 0.25),
        "compute_ms": {
            "min": 1.0, "mean": 2.5, "p50": 2.0, "p90": 4.0, "p95": 4.0, "p99": 4.0, "max": 4.0,
        },
        "device_to_host_ms": dict.fromkeys(NUMBERS, 0.125),
        "enqueue_ms": dict.fromkeys(NUMBERS, 0.0625),
        "throughput_per_s": pytest.approx(4 / 11.5 * 1000, rel=1e-15),
        "images_per_s": pytest.approx(8 / 11.5 * 1000, rel=1e-15),
        "batch": 2,
        "contexts": 3,
        "graph": True,
        "why_no_graph": "",
        "transfers": True,
        "arrangement": "apart",
        "tried_by": "",
        "size_wh": None,
        "first_run_ms": 7.5,
        "device_memory_bytes": 1000,
        "complete": True,
        "warnings": [{"kind": "noisy", "message": "It varies.", "advice": "Lock the clocks."}],
    }  # fmt: skip


def test_copies_that_did_not_happen_are_null() -> None:
    found = measurement_json(a_measurement(samples_of([1.0] * 3, h2d=0.0, d2h=0.0)))
    assert found["host_to_device_ms"] is found["device_to_host_ms"] is None
    assert found["latency_ms"]["max"] == 1.0


@pytest.mark.parametrize("rows", [np.empty((0, 10)), np.full((2, 10), np.nan)])
def test_what_was_not_measured_is_null_and_never_nan(rows: np.ndarray) -> None:
    broken = a_measurement(Samples(rows), first_run_ms=float("nan"), is_complete=False)
    found = result_json(a_result(broken, is_complete=False))
    one = json.loads(json.dumps(found, allow_nan=False))["measurements"][0]
    assert one["latency_ms"] is one["compute_ms"] is one["throughput_per_s"] is None
    assert one["first_run_ms"] is one["images_per_s"] is None
    assert (one["complete"], found["complete"]) == (False, False)


def test_a_result_has_the_commands_keys_and_the_pipelined_convention() -> None:
    alone = a_measurement(name="one-at-a-time", convention="alone")
    flight = a_measurement(convention="in flight")
    found = result_json(a_result(alone, flight, tried=(flight, flight)))
    assert list(found) == [
        "model", "machine", "convention", "measurements", "tried", "telemetry", "taken_at",
        "complete", "options",
    ]  # fmt: skip
    assert found["convention"] == "in flight"
    assert [one["name"] for one in found["measurements"]] == ["one-at-a-time", "pipelined"]
    assert len(found["tried"]) == 2
    assert found["telemetry"][0]["sm_clock_mhz"] == 1980.0
    assert found["options"]["measurements"] == ["one-at-a-time", "pipelined"]
    assert result_json(a_result(alone))["convention"] == "alone"
    json.dumps(found, allow_nan=False)


def test_a_line_about_a_result_speaks_of_what_was_measured() -> None:
    alone = a_measurement(name="one-at-a-time")
    pipelined = a_measurement()
    stopped = a_measurement(Samples(np.empty((0, 10))), is_complete=False)
    assert main_measurement(a_result(alone, pipelined)) is pipelined
    assert main_measurement(a_result(alone, stopped)) is alone
    assert main_measurement(a_result(stopped)) is stopped


def test_json_knows_no_paths_arrays_and_infinities() -> None:
    value = {1: (np.int64(2), np.array([1.5, np.inf])), "p": Path("a"), "b": True, "n": None}
    assert json_safe(value) == {"1": [2, [1.5, None]], "p": "a", "b": True, "n": None}


def test_the_text_names_the_conventions_the_numbers_and_the_advice() -> None:
    alone = a_measurement(name="one-at-a-time", convention="wall time", first_run_ms=4.5)
    flight = a_measurement(
        samples_of([1.0, 2.0, 3.0, 4.0]),
        convention="in flight",
        batch=8,
        device_memory_bytes=48_000_000,
        why_no_graph="it copies to the host",
        marks=(MARK,),
    )
    telemetry = [
        Reading(at_ms=0, sm_clock_mhz=1980, power_w=300.4),
        Reading(at_ms=1, sm_clock_mhz=1830, power_w=300.2),
    ]
    text = result_text(a_result(alone, flight, tried=(flight,), telemetry=tuple(telemetry)))
    lines = text.splitlines()
    assert lines[0] == "a.engine on tensorrt 10.3.0 (NVIDIA H200), driver 570.86"
    assert "one at a time: wall time" in lines
    assert "pipelined: in flight" in lines
    assert "first run 4.50 ms, not counted" in text
    assert "347.8 queries/s x batch 8 = 2,782.6 images/s" in text  # 4 in 11.5 ms
    assert "  no CUDA graph: it copies to the host" in lines
    assert lines[lines.index("  ! It varies.") + 1] == "    Lock the clocks."
    assert "48 MB" in text
    assert "the GPU meanwhile: clock 1,830 to 1,980 MHz, power 300 W" in lines
    head = next(line for line in lines if line.split()[:2] == ["ms", "min"])
    row = [line for line in lines if line.startswith("  compute ")][1]
    assert row.split() == ["compute", "1.000", "2.500", "2.000", *["4.000"] * 4]
    ends = [head.index(title) + len(title) for title in ("min", "mean", "p50", "max")]
    assert [row[end - 1] for end in ends] == ["0"] * 4  # numbers end under their titles


def test_a_cancelled_benchmark_says_so_and_the_cpus_names_the_cpu() -> None:
    model = {"name": "a.onnx", "runtime": "ONNX Runtime 1.20.0 (CPU)"}
    text = result_text(a_result(is_complete=False, model=model))
    assert text.splitlines()[0] == "a.onnx on ONNX Runtime 1.20.0 (CPU), A CPU, 8 cores"
    assert "ended early" in text
    assert "meanwhile" not in text


def test_what_was_tried_is_told_apart_by_what_tried_it_and_how_contexts_share_the_bus() -> None:
    ways = ("apart", "shared-copies", "queued-ahead")
    best = [a_measurement(contexts=3, arrangement=way, tried_by="find-best") for way in ways]
    text = result_text(a_result(tried=(*best, a_measurement(contexts=3, tried_by="sweep"))))
    lines = text.splitlines()
    at = lines.index("tried for the best")
    rows = lines[at + 2 : at + 5]
    assert len(set(rows)) == 3
    assert rows[0] == lines[lines.index("tried in the sweep") + 2]
    assert rows[1].endswith("  inputs copied on one stream")
    assert rows[2].endswith("  a second query queued on each")


def test_on_the_cpu_nothing_is_said_of_contexts_and_graphs() -> None:
    model = {"name": "a.onnx", "runtime": "ONNX Runtime 1.20.0 (CPU)"}
    text = result_text(
        a_result(a_measurement(convention=""), model=model, tried=(a_measurement(),))
    )
    assert "1 thread " in text
    assert "graph" not in text
    assert "context" not in text


def test_names_from_files_cannot_command_the_terminal() -> None:
    text = result_text(a_result(model={"name": "a\x1b[31m.engine"}))
    assert "\x1b" not in text


def test_samples_as_csv_have_a_line_a_query_and_nothing_for_what_was_not_measured() -> None:
    rows = samples_of([1.0, 2.0], lanes=2).rows.copy()
    rows[1, 8] = np.nan
    table = list(csv.reader(io.StringIO(samples_csv(a_measurement(Samples(rows))))))
    assert tuple(table[0]) == CSV_COLUMNS
    first, second = (dict(zip(table[0], line, strict=True)) for line in table[1:])
    assert (first["query"], first["lane"], first["wall_ms"]) == ("0", "0", "1.375")
    assert (second["query"], second["lane"], second["wall_ms"]) == ("1", "1", "")
    assert (second["start_h2d_ms"], second["compute_ms"], second["latency_ms"]) == (
        "1.375", "2.0", "2.375",
    )  # fmt: skip


def test_no_samples_as_csv_are_the_columns_alone() -> None:
    assert samples_csv(a_measurement(Samples(np.empty((0, 10))))) == ",".join(CSV_COLUMNS) + "\n"
