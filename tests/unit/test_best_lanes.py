"""What a run over many pictures takes from benchmarks, and says of itself in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import core.benchmark.best_lanes
import core.folder_lanes
import core.gpu_folder_run
from core.benchmark.best_lanes import best_lanes
from core.benchmark.history import History
from core.benchmark.listener import Silent
from core.benchmark.run import run_benchmark
from core.benchmark.values import BenchmarkOptions
from core.errors import Cancelled
from core.folder_run import LANES
from core.model import Model
from core.modelfile import fingerprint
from core.sessions.lanes import LaneOptions
from tests.unit import fake_cuda, fake_cuda_graph, fake_tensorrt, onnx_models, preprocess_kernel
from tests.unit.benchmark_values import a_measurement, a_result
from tests.unit.fake_tensorrt import simple_plan

SEARCH = BenchmarkOptions(find_best=True)
GPU = "Fake GPU"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Model]:
    gpu = fake_cuda.install(monkeypatch)
    preprocess_kernel.install(gpu)
    fake_cuda_graph.install(monkeypatch, gpu)
    fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})
    fake_tensorrt.install_driver(monkeypatch)
    # How long the fakes take says nothing.
    monkeypatch.setattr(core.gpu_folder_run, "LONGEST_QUERY_S", 1e9)
    monkeypatch.setattr(core.folder_lanes, "_SET_UP_S", 1e9)
    monkeypatch.setattr(core.benchmark.best_lanes, "_known", {})
    monkeypatch.setattr(core.benchmark.best_lanes, "machine_facts", lambda: {"gpu": GPU})
    path = tmp_path / "a.engine"
    path.write_bytes(simple_plan())
    with Model.open(path) as model:
        yield model


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "benchmarks")


def found(model: Model, contexts: int, graph: bool, **more: Any) -> Any:
    """The result of a search on this GPU that these won."""
    result = a_result(a_measurement(contexts=contexts, graph=graph), options=SEARCH)
    facts = {"sha256": fingerprint(model.file.path)}
    return replace(result, model=result.model | facts, machine=result.machine | {"gpu": GPU} | more)


def test_what_won_on_this_gpu_is_used(engine: Model, history: History) -> None:
    history.save(found(engine, 2, graph=False))
    assert best_lanes(engine, history=history) == LaneOptions(count=2, graph=False)


def test_what_won_elsewhere_or_for_another_file_is_not(engine: Model, history: History) -> None:
    history.save(found(engine, 2, graph=False, gpu="Another GPU"))
    other = found(engine, 4, graph=False)
    history.save(replace(other, model=other.model | {"sha256": "cd" * 32}))
    assert best_lanes(engine, history=history) == LANES


def test_without_any_benchmark_the_file_is_not_read(engine: Model, history: History) -> None:
    def refuse(*_told: Any) -> None:
        raise AssertionError("it was hashed")

    assert best_lanes(engine, refuse, history) == LANES


def test_the_file_is_hashed_once_and_that_can_be_stopped(engine: Model, history: History) -> None:
    history.save(found(engine, 2, graph=True))

    def stop(*_told: Any) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        best_lanes(engine, stop, history)
    assert best_lanes(engine, history=history).count == 2
    assert best_lanes(engine, stop, history).count == 2  # known by now
    engine.file.path.unlink()
    assert best_lanes(engine, history=history) == LANES


def test_an_onnx_has_no_lanes_to_choose(tmp_path: Path, history: History) -> None:
    with Model.open(onnx_models.identity(tmp_path, shape=(1, 3, 8, 8))) as model:
        history.save(found(model, 2, graph=False))
        assert best_lanes(model, history=history) == LANES


@pytest.mark.parametrize(
    ("options", "contexts", "graph"),
    [
        ({}, 3, True),
        ({"contexts": 2}, 2, True),
        ({"graph": False}, 3, False),
        ({"contexts": 1, "measurements": ("pipelined", "end-to-end")}, 1, True),
    ],
)
def test_end_to_end_says_how_it_really_ran(
    engine: Model, tmp_path: Path, options: dict[str, Any], contexts: int, graph: bool
) -> None:
    one = str(tmp_path / "one.png")
    cv2.imwrite(one, np.full((12, 16, 3), 90, np.uint8))
    settings: dict[str, Any] = {
        "measurements": ("end-to-end",),
        "images": (one,),
        "duration_s": 0.05,
        "warm_up_ms": 1.0,
        "iterations": 5,
    }
    result = run_benchmark(engine, BenchmarkOptions(**(settings | options)), Silent(), bool)
    measured = result.measurements[-1]
    assert (measured.name, measured.is_complete) == ("end-to-end", True)
    assert (measured.contexts, measured.graph) == (contexts, graph)
    what = f"{contexts} context{'s' * (contexts > 1)}, {'CUDA graph' if graph else 'no CUDA graph'}"
    assert measured.convention == (
        f"with transfers, {what}, blocking wait, preprocessed on the GPU; from image files to "
        "predictions, which trtexec does not measure"
    )
    assert (measured.samples.rows[:, 7] >= 0).all(), "what the warm-up did does not count"


def test_end_to_end_of_an_engine_without_lanes_says_so(
    engine: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.gpu_folder_run, "LONGEST_QUERY_S", 0.0)
    one = str(tmp_path / "one.png")
    cv2.imwrite(one, np.full((12, 16, 3), 90, np.uint8))
    options = BenchmarkOptions(measurements=("end-to-end",), images=(one,), duration_s=0.05)
    [measured] = run_benchmark(engine, options, Silent(), bool).measurements
    # The session's own runs are a graph from the third on.
    assert measured.convention.startswith("with transfers, 1 context, CUDA graph, spin wait; ")
