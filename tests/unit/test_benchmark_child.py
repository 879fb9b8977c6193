"""A benchmark in a child process: the model as it is set up here, told on its way, and stopped."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.benchmark import child
from core.benchmark.child import benchmark_in_child
from core.benchmark.order import BenchmarkOrder, rows_text, text_rows
from core.benchmark.values import BenchmarkOptions, Reading
from core.child_process import ChildDied
from core.errors import Cancelled, EnginebayError, InputError, ModelError
from core.input_choices import Fill
from core.model import Model
from core.modelfile import fingerprint
from tests.unit import onnx_models


class Listener:
    def __init__(self) -> None:
        self.phases: list[str] = []
        self.rows: dict[str, list[np.ndarray]] = {}
        self.threads: set[int] = set()

    def phase(self, text: str, fraction: float | None) -> None:
        self.phases.append(text)
        self.threads.add(threading.get_ident())

    def samples(self, name: str, rows: np.ndarray) -> None:
        self.rows.setdefault(name, []).append(rows)

    def reading(self, reading: Reading) -> None:
        pass


def order(path: Path, **options: object) -> BenchmarkOrder:
    settings = {"duration_s": 0.1, "warm_up_ms": 5.0} | options
    with Model.open(path) as model:
        return BenchmarkOrder.of(
            model,
            fingerprint(path),
            BenchmarkOptions(**settings),  # type: ignore[arg-type]
        )


def test_the_result_and_what_is_told_on_its_way_are_the_same(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path, shape=("n", 3, 8, 8))
    listener = Listener()
    asked = order(path, batch=2)
    result = benchmark_in_child(asked, listener, lambda: False)
    assert result.is_complete
    assert result.options == asked.options
    assert result.model["sha256"] == asked.sha256
    assert [one.name for one in result.measurements] == ["one-at-a-time", "pipelined"]
    for one in result.measurements:
        assert one.batch == 2
        told = np.concatenate(listener.rows[one.name])
        np.testing.assert_array_equal(told, one.samples.rows)
    assert listener.threads == {threading.get_ident()}
    assert any("one at a time" in text for text in listener.phases)


def test_it_measures_the_model_as_it_is_set_up_here(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path, shape=("n", 3, "h", "w"))
    with Model.open(path) as model:
        assert model.recipe is not None
        model.use(replace(model.recipe, size_wh=(24, 16), batch=3))
        asked = BenchmarkOrder.of(
            model,
            fingerprint(path),
            BenchmarkOptions(measurements=("one-at-a-time",), duration_s=0.05),
        )
        [spec] = benchmark_in_child(asked, Listener(), lambda: False).model["inputs"]
        assert (spec["shape"], spec["fill"]) == ([3, 3, 16, 24], "random")
        model.choose_inputs({"images": Fill("zeros")}, {"images": (2, 3, 8, 8)})
        asked = replace(
            BenchmarkOrder.of(model, asked.sha256, asked.options), options=asked.options
        )
        [spec] = benchmark_in_child(asked, Listener(), lambda: False).model["inputs"]
        assert (spec["shape"], spec["fill"]) == ([2, 3, 8, 8], "zeros")


def test_stopping_gives_the_samples_so_far(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path)
    listener = Listener()
    result = benchmark_in_child(
        order(path, duration_s=3600.0), listener, lambda: bool(listener.rows)
    )
    [one] = result.measurements
    told = np.concatenate(listener.rows["one-at-a-time"])
    np.testing.assert_array_equal(told, one.samples.rows)
    assert not one.is_complete
    assert not result.is_complete


def test_stopping_before_the_model_is_open_cancels(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        benchmark_in_child(order(onnx_models.identity(tmp_path)), Listener(), lambda: True)


def test_errors_arrive_as_they_were_raised(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path)
    with pytest.raises(InputError) as caught:
        benchmark_in_child(order(path, iterations=0), Listener(), lambda: False)
    assert caught.value.kind == "benchmark-options"
    with pytest.raises(EnginebayError) as refused:
        benchmark_in_child(order(path, batch=5), Listener(), lambda: False)
    assert refused.value.kind == "input-shape"


def test_a_file_that_changed_meanwhile_is_not_measured(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path)
    asked = order(path)
    onnx_models.identity(tmp_path, shape=(1, 3, 9, 9))
    with pytest.raises(ModelError) as caught:
        benchmark_in_child(asked, Listener(), lambda: False)
    assert caught.value.kind == "file-changed"


def test_a_child_that_dies_is_an_error_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dies.py").write_text(
        "import os, sys\nsys.stdin.readline()\nprint('last words', flush=True)\nos._exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run_child = child.run_child
    monkeypatch.setattr(
        child, "run_child", lambda _module, *args, **more: run_child("dies", *args, **more)
    )
    with pytest.raises(ModelError) as caught:
        benchmark_in_child(order(onnx_models.identity(tmp_path)), Listener(), lambda: False)
    assert caught.value.kind == "benchmark-crashed"
    assert "last words" in caught.value.details
    assert not isinstance(caught.value, ChildDied)


def test_an_order_survives_json(tmp_path: Path) -> None:
    asked = BenchmarkOrder(
        path=str(tmp_path / "model.onnx"),
        sha256="00",
        options=BenchmarkOptions(
            images=(str(tmp_path / "a.png"),),
            sweep=(1, 2),
            sweep_sizes=((8, 16), (24, 32)),
            shapes={"x": (1, 2)},
            contexts=3,
            seed=7,
        ),
        allow_native_code=True,
        plugins=(str(tmp_path / "p.so"),),
        module="tensorrt_lean",
        recipe="{}",
        fills={
            "x": Fill("values", values=("1", "2")),
            "y": Fill("file", path=tmp_path / "y.npy"),
            "z": Fill("random", seed=5),
        },
        shapes={"x": (None, 2)},
        profile=1,
    )
    assert BenchmarkOrder.from_json(json.loads(json.dumps(asked.as_json()))) == asked


def test_paths_in_an_order_are_those_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = BenchmarkOptions(images=("a.png",))
    asked = BenchmarkOrder(path="m.onnx", sha256="00", options=options, plugins=("p.so",)).as_json()
    found = (asked["path"], asked["plugins"], asked["options"]["images"])
    assert found == (str(tmp_path / "m.onnx"), [str(tmp_path / "p.so")], (str(tmp_path / "a.png"),))


def test_rows_survive_as_text_exactly() -> None:
    rows = np.random.default_rng(0).normal(size=(7, 10))
    rows[2, 3] = np.nan
    np.testing.assert_array_equal(text_rows(rows_text(rows)), rows)
    assert text_rows(rows_text(rows[:0])).shape == (0, 10)
