"""The benchmark on a real engine: graphs, contexts, cancelling, telemetry, and its figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import Model
from core.benchmark.listener import Silent
from core.benchmark.run import run_benchmark
from core.benchmark.statistics import latency_of, summary, throughput_per_s
from core.benchmark.values import BenchmarkOptions, BenchmarkResult
from core.cuda_graph import graph_driver
from core.input_choices import parse_fill
from core.paths import RESOURCES
from core.sessions.lanes import LaneOptions
from tests.gpu.test_speed import benchmark

needs_graphs = pytest.mark.skipif(graph_driver() is None, reason="needs cuda-bindings")
SHORT: dict[str, Any] = {"duration_s": 0.3, "warm_up_ms": 100.0}
STATM = Path("/proc/self/statm")


def measured(engine: Path, **options: Any) -> BenchmarkResult:
    with Model.open(engine) as model:
        wanted = BenchmarkOptions(**{**SHORT, **options})
        return run_benchmark(model, wanted, Silent(), lambda: False, sha256="0" * 64)


@needs_graphs
def test_lanes_and_graphs_give_what_a_plain_run_gives(demo_engine: Path) -> None:
    rng = np.random.default_rng(3)
    with Model.open(demo_engine) as model:
        session, recipe = model.session, model.recipe
        assert recipe is not None
        images = [rng.random((1, *recipe.shape[1:]), np.float32) for _ in range(6)]
        expected = [session.run({recipe.input: image}).outputs for image in images]
        assert session._graph is not None  # type: ignore[attr-defined]
        assert session._graph.why_not == ""  # type: ignore[attr-defined]
        for options in (
            LaneOptions(),
            LaneOptions(graph=False),
            LaneOptions(count=3),
            LaneOptions(count=3, graph=False),
            LaneOptions(count=2, depth=2),
            LaneOptions(count=2, wait="blocking"),
        ):
            lanes = session.lanes({recipe.input: images[0].shape}, options)
            assert all(lane.graph == options.graph for lane in lanes), lanes[0].why_no_graph
            for turn in range(0, len(images), len(lanes)):
                group = list(zip(lanes, range(turn, len(images)), strict=False))
                for lane, number in group:
                    lane.input(recipe.input)[...] = images[number]
                    lane.start()
                for lane, number in group:
                    lane.wait()
                    for name, array in expected[number].items():
                        np.testing.assert_allclose(lane.outputs()[name], array, atol=2e-3)
                    assert min(lane.times()) >= 0
            for lane in lanes:
                lane.close()
        again = session.run({recipe.input: images[0]}).outputs
        for name, array in expected[0].items():
            np.testing.assert_allclose(again[name], array, atol=2e-3)


@needs_graphs
def test_a_whole_benchmark_with_the_best_and_telemetry(
    demo_engine: Path, figures: dict[str, Any]
) -> None:
    picture = str(RESOURCES / "demo" / "picture-1.jpg")
    result = measured(
        demo_engine,
        measurements=("one-at-a-time", "pipelined", "end-to-end"),
        find_best=True,
        images=(picture,),
        sweep=(1, 2, 4),
    )
    assert result.is_complete
    assert [one.name for one in result.measurements] == ["one-at-a-time", "pipelined", "end-to-end"]
    assert result.measurements[0].graph
    rates = {
        f"{one.contexts} contexts{', graph' if one.graph else ''}, batch {one.batch}": round(
            throughput_per_s(one.samples) or 0
        )
        for one in result.tried
    }
    assert all(rate > 0 for rate in rates.values()), [one.marks for one in result.tried]
    assert len(result.telemetry) > 3
    last = result.telemetry[-1]
    assert last.sm_clock_mhz
    assert last.temperature_c
    assert last.memory_used_bytes
    figures["benchmark, demo engine: queries a second"] = rates


def test_an_engine_that_cannot_be_captured_is_measured_plainly(nonzero_engine: Path) -> None:
    result = measured(nonzero_engine, measurements=("one-at-a-time",))
    [one] = result.measurements
    assert not one.graph
    assert one.why_no_graph
    assert one.samples.count > 10


def test_shape_tensors_are_measured_plainly(reshape_engine: Path) -> None:
    with Model.open(reshape_engine) as model:
        fill = parse_fill("4,6")
        model.choose_inputs({"shape": fill}, {"x": (2, 12)})
        wanted = BenchmarkOptions(**SHORT, measurements=("one-at-a-time",))
        [one] = run_benchmark(model, wanted, Silent(), lambda: False, sha256="").measurements
    assert not one.graph
    assert "host" in one.why_no_graph
    assert one.samples.count > 10


@needs_graphs
@pytest.mark.skipif(not STATM.exists(), reason="needs Linux's /proc")
def test_a_hundred_thousand_runs_leave_memory_and_p50_where_they_were(
    demo_engine: Path, cuda_memory: Any, figures: dict[str, Any]
) -> None:
    def host() -> int:
        return int(STATM.read_text().split()[1]) * 4096

    with Model.open(demo_engine) as model:
        many = BenchmarkOptions(
            measurements=("one-at-a-time",), iterations=100_000, duration_s=0.1, warm_up_ms=500
        )
        run_benchmark(model, BenchmarkOptions(**SHORT), Silent(), lambda: False, sha256="")
        before = host(), cuda_memory()
        result = run_benchmark(model, many, Silent(), lambda: False, sha256="")
        after = host(), cuda_memory()
    [one] = result.measurements
    assert one.samples.count >= 100_000
    latency = latency_of(one)
    tenth = len(latency) // 10
    first, last = summary(latency[:tenth]), summary(latency[-tenth:])
    assert first is not None
    assert last is not None
    rows = one.samples.rows.nbytes
    clocks = [reading.sm_clock_mhz for reading in result.telemetry if reading.sm_clock_mhz]
    figures["100,000 runs"] = {
        "p50_ms of the first and the last tenth": [round(first.p50, 4), round(last.p50, 4)],
        "host bytes beside the samples": after[0] - before[0] - rows,
        "device bytes": before[1] - after[1],
        "sm_clock_mhz, lowest and highest": [min(clocks), max(clocks)],
    }
    assert abs(before[1] - after[1]) < 5_000_000
    assert after[0] - before[0] - 3 * rows < 30_000_000  # rows, and the array they come from


def test_cancelling_keeps_the_samples_so_far(demo_engine: Path) -> None:
    calls = iter(range(1_000_000))
    with Model.open(demo_engine) as model:
        options = BenchmarkOptions(measurements=("one-at-a-time",), duration_s=60.0)
        result = run_benchmark(model, options, Silent(), lambda: next(calls) > 25, sha256="")
    [one] = result.measurements
    assert not result.is_complete
    assert not one.is_complete
    assert one.samples.count > 10


def test_the_command_prints_its_json(demo_engine: Path, tmp_path: Path) -> None:
    times = tmp_path / "times.json"
    command = ["bench", str(demo_engine), "--duration", "0.3", "--json", "--no-save"]
    done = subprocess.run(
        [sys.executable, "-m", "gui", *command, "--export-times", str(times)],
        cwd=RESOURCES.parent,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    names = [one["name"] for one in answer["measurements"]]
    assert names[:2] == ["one-at-a-time", "pipelined"]
    for one in answer["measurements"]:
        assert set(one["latency_ms"]) == {"min", "mean", "p50", "p90", "p95", "p99", "max"}
        assert one["host_to_device_ms"]["p50"] > 0
    assert "latencyMs" in json.loads(times.read_text())[0]


@needs_graphs
def test_the_benchmark_against_bare_loops_of_driver_calls(figures: dict[str, Any]) -> None:
    sample = os.environ.get("ENGINEBAY_SAMPLE_ENGINE")
    if not sample:
        pytest.skip("needs a static engine with one input: ENGINEBAY_SAMPLE_ENGINE")
    figures["benchmark against bare loops, 640 x 640 engine"] = benchmark("gpu_benchmark", sample)


def test_the_window_while_a_benchmark_runs(demo_engine: Path, figures: dict[str, Any]) -> None:
    found = benchmark("live_window", demo_engine, "--duration", 1.2, "--rounds", 3)
    figures["window while a benchmark runs"] = found
