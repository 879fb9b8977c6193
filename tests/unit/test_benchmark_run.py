"""Whole benchmarks of real ONNX models on the CPU: what is measured, refused, noted and kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core.benchmark.checks import LEFT_OUT
from core.benchmark.listener import Silent
from core.benchmark.run import run_benchmark
from core.benchmark.statistics import throughput_per_s
from core.benchmark.sweep import FAILED
from core.benchmark.values import BenchmarkOptions, BenchmarkResult, Reading
from core.errors import CudaError, EnginebayError, ImageError, InputError, ModelError
from core.model import Model
from core.modelfile import fingerprint
from core.sessions.lanes import Lane, LaneOptions
from tests.unit import onnx_models
from tests.unit.endless_model import endless


class Listener:
    def __init__(self) -> None:
        self.phases: list[tuple[str, float | None]] = []
        self.rows: dict[str, int] = {}
        self.threads: set[int] = set()

    def phase(self, text: str, fraction: float | None) -> None:
        self.phases.append((text, fraction))
        self.threads.add(threading.get_ident())

    def samples(self, name: str, rows: np.ndarray) -> None:
        assert rows.ndim == 2
        assert rows.shape[1] == 10
        self.rows[name] = self.rows.get(name, 0) + len(rows)
        self.threads.add(threading.get_ident())

    def reading(self, reading: Reading) -> None:
        pass


def short(**more: Any) -> BenchmarkOptions:
    settings: dict[str, Any] = {"duration_s": 0.05, "warm_up_ms": 5.0, "iterations": 5}
    return BenchmarkOptions(**(settings | more))


def run(model: Model, options: BenchmarkOptions) -> BenchmarkResult:
    return run_benchmark(model, options, Silent(), lambda: False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return onnx_models.identity(tmp_path, shape=("n", 3, 8, 8))


@pytest.fixture
def model(path: Path) -> Iterator[Model]:
    with Model.open(path) as model:
        yield model


def picture(path: Path) -> str:
    assert cv2.imwrite(str(path), np.full((12, 16, 3), 90, np.uint8))
    return str(path)


def test_one_at_a_time_and_pipelined_are_measured_by_default(model: Model, path: Path) -> None:
    listener = Listener()
    result = run_benchmark(model, short(), listener, lambda: False)
    assert [one.name for one in result.measurements] == ["one-at-a-time", "pipelined"]
    assert [one.contexts for one in result.measurements] == [1, 2]
    assert result.is_complete
    for one in result.measurements:
        assert one.is_complete
        assert len(one.samples.rows) >= 5
        assert one.first_run_ms is not None
        assert one.first_run_ms > 0
        assert one.batch == 1
        assert not one.graph
        assert "on the CPU" in one.convention
        rows = one.samples.rows
        assert (rows[:, 1] >= rows[:, 0]).all()
        assert (one.samples.compute > 0).all()
        # The caller waits at least as long as it computes.
        assert (one.samples.column("wall") >= one.samples.compute - 1e-6).all()
        assert (rows[:, 0] >= 5.0 - 1e-6).all(), "times count from the warm-up's start"
        assert listener.rows[one.name] == len(rows)
    assert result.model["sha256"] == fingerprint(path)
    assert result.model["inputs"] == [
        {"name": "images", "dtype": "float32", "shape": [1, 3, 8, 8], "fill": "random"}
    ]
    assert result.machine["versions"]["onnxruntime"]
    assert result.taken_at.endswith("+00:00")
    assert listener.threads == {threading.get_ident()}
    fractions = [fraction for _text, fraction in listener.phases if fraction is not None]
    assert all(0 <= fraction <= 1 for fraction in fractions)


def test_each_batch_of_a_sweep_is_tried_and_counts_its_images(model: Model) -> None:
    result = run(model, short(measurements=(), sweep=(1, 4)))
    assert result.measurements == ()
    assert [(one.name, one.batch) for one in result.tried] == [("pipelined", 1), ("pipelined", 4)]


def test_each_size_of_a_sweep_is_tried_in_the_batch_that_was_asked_for(tmp_path: Path) -> None:
    free = onnx_models.identity(tmp_path, shape=("n", 3, "h", "w"))
    with Model.open(free) as model:
        asked = short(measurements=(), batch=2, sweep=(1,), sweep_sizes=((8, 16), (32, 24)))
        result = run(model, asked)
        assert model.shapes == {}
    assert [(one.batch, one.size_wh) for one in result.tried] == [
        (1, None),
        (2, (8, 16)),
        (2, (32, 24)),
    ]
    assert {one.tried_by for one in result.tried} == {"sweep"}
    assert all(len(one.samples.rows) >= 5 for one in result.tried)


def test_a_size_that_does_not_fit_is_refused_before_anything_is_measured(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.benchmark.sweep.measure_way", pytest.fail)
    with pytest.raises(InputError, match="images"):
        run(model, short(measurements=(), sweep_sizes=((8, 8), (16, 8))))


def test_the_best_is_measured_at_length_and_what_was_tried_is_kept(model: Model) -> None:
    result = run(model, short(measurements=("pipelined",), find_best=True))
    assert [one.contexts for one in result.tried] == [1, 2, 3, 4]
    rates = [throughput_per_s(one.samples) for one in result.tried]
    best = max(range(4), key=lambda index: rates[index] or 0)
    [winner] = result.measurements
    assert winner.contexts == result.tried[best].contexts
    assert not any(one.graph for one in result.tried), "there are no graphs on the CPU"
    assert {one.tried_by for one in result.tried} == {"find-best"}
    assert {one.tried_by for one in result.measurements} == {""}


class Refusing:
    """In place of a session's lanes: no more than so many, else this error."""

    def __init__(self, model: Model, most: int, error: EnginebayError | MemoryError) -> None:
        self.lanes, self.most, self.error = model.session.lanes, most, error
        self.asked: list[int] = []
        model.session.lanes = self  # type: ignore[method-assign,assignment]

    def __call__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        options: LaneOptions,
        values: Mapping[str, np.ndarray],
    ) -> Sequence[Lane]:
        self.asked.append(options.count)
        if options.count > self.most:
            raise self.error
        return self.lanes(shapes, options, values)


CONTEXTS = ModelError("contexts", "It runs on 2 contexts.", "Use fewer.")


@pytest.mark.parametrize("error", [CONTEXTS, MemoryError("40 GiB")])
def test_a_way_that_is_refused_is_noted_and_the_rest_goes_on(
    model: Model, error: EnginebayError | MemoryError
) -> None:
    refusing = Refusing(model, 2, error)
    result = run(model, short(find_best=True))
    assert refusing.asked[:5] == [1, 1, 2, 3, 4]
    assert [bool(len(one.samples.rows)) for one in result.tried] == [True, True, False, False]
    for one in result.tried[2:]:
        [mark] = one.marks
        assert mark.kind == FAILED
        assert mark.message
        assert not one.is_complete
    assert result.measurements[1].contexts <= 2
    assert result.is_complete


def test_a_measurement_that_fails_leaves_the_others(model: Model) -> None:
    Refusing(model, 2, CONTEXTS)
    result = run(model, short(contexts=3))
    one, other = result.measurements
    assert len(one.samples.rows)
    assert not len(other.samples.rows)
    assert other.marks[0].message == CONTEXTS.message
    assert not result.is_complete


def test_contexts_that_nobody_asked_for_become_as_many_as_there_is_room_for(model: Model) -> None:
    refusing = Refusing(model, 1, CONTEXTS)
    result = run(model, short(sweep=(2,)))
    assert refusing.asked == [1, 2, 1, 1]
    pipelined = result.measurements[1]
    assert len(pipelined.samples.rows)
    assert pipelined.contexts == 1
    assert [m.message for m in pipelined.marks if m.kind == "contexts"] == [CONTEXTS.message]
    assert result.tried[0].contexts == 1
    assert result.is_complete


def test_where_nothing_can_be_measured_the_reason_is_the_error(model: Model) -> None:
    Refusing(model, 0, CONTEXTS)
    with pytest.raises(ModelError) as caught:
        run(model, short())
    assert caught.value.kind == "contexts"


def test_a_gpu_that_is_lost_ends_it_with_what_was_measured_before(model: Model) -> None:
    refusing = Refusing(model, 1, CudaError("cuda-context-lost", "Gone.", "Restart.", fatal=True))
    result = run(model, short(sweep=(1, 2)))
    assert refusing.asked == [1, 2]
    assert len(result.measurements[0].samples.rows)
    assert result.measurements[1].marks[0].kind == FAILED
    assert not result.is_complete


def test_stopping_keeps_what_there_is_and_measures_nothing_more(model: Model) -> None:
    listener = Listener()
    result = run_benchmark(
        model, short(duration_s=3600.0), listener, lambda: bool(listener.rows.get("one-at-a-time"))
    )
    [one] = result.measurements
    assert len(one.samples.rows)
    assert not one.is_complete
    assert not result.is_complete
    assert any(mark.kind == "incomplete" for mark in one.marks)


def test_a_query_that_takes_hours_is_interrupted(tmp_path: Path) -> None:
    path = endless(tmp_path)
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    with Model.open(path) as model:
        result = run_benchmark(model, short(measurements=("one-at-a-time",)), Silent(), stop.is_set)
    assert not result.is_complete
    assert not len(result.measurements[0].samples.rows)


def test_options_that_do_not_fit_are_refused_and_the_model_is_as_it_was(model: Model) -> None:
    recipe = model.recipe
    listener = Listener()
    for options in (
        short(iterations=0),
        short(shapes={"images": (1, 4, 8, 8)}),
        short(shapes={"nothing": (1,)}),
        short(profile=3),
    ):
        with pytest.raises(InputError):
            run_benchmark(model, options, listener, lambda: False)
    assert listener.phases == []
    assert (model.recipe, model.shapes, model.session.pinned_profile) == (recipe, {}, None)


def test_the_options_shapes_hold_for_the_benchmark_only(model: Model) -> None:
    result = run(model, short(measurements=("one-at-a-time",), shapes={"images": (3, 3, 8, 8)}))
    assert result.measurements[0].batch == 3
    assert model.shapes == {}
    assert model.test_random().outputs["output"].shape == (1, 3, 8, 8)


def test_end_to_end_measures_pictures_from_file_to_predictions(
    model: Model, tmp_path: Path
) -> None:
    images = (picture(tmp_path / "a.png"), picture(tmp_path / "b.png"))
    listener = Listener()
    result = run_benchmark(
        model,
        short(measurements=("end-to-end",), images=images, iterations=7),
        listener,
        lambda: False,
    )
    [one] = result.measurements
    rows = one.samples.rows
    assert len(rows) >= 7
    assert listener.rows == {"end-to-end": len(rows)}
    assert one.batch == 1
    assert one.is_complete
    assert one.first_run_ms is not None
    begins, ends, wall = rows[:, 2], rows[:, 7], rows[:, 8]
    np.testing.assert_allclose(ends - begins, wall)
    assert (wall > 0).all()
    assert (np.diff(ends) >= 0).all(), "predictions come in the pictures' order"
    rate = throughput_per_s(one.samples)
    assert rate == pytest.approx(len(rows) / ends[-1] * 1000)
    assert np.isnan(rows[:, [0, 1, 3, 4, 5, 6]]).all(), "the stages overlap"


def test_end_to_end_stops_with_the_samples_so_far(model: Model, tmp_path: Path) -> None:
    images = (picture(tmp_path / "a.png"),)
    listener = Listener()
    result = run_benchmark(
        model,
        short(measurements=("end-to-end",), images=images, duration_s=3600.0),
        listener,
        lambda: bool(listener.rows),
    )
    [one] = result.measurements
    assert len(one.samples.rows) == listener.rows["end-to-end"]
    assert not one.is_complete


def test_end_to_end_too_a_query_that_takes_hours_is_interrupted(tmp_path: Path) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    options = short(measurements=("end-to-end",), images=(picture(tmp_path / "a.png"),))
    with Model.open(endless(tmp_path, (1, 3, 8, 8))) as model:
        [one] = run_benchmark(model, options, Silent(), stop.is_set).measurements
    timer.join()
    assert one.samples.count == 0
    assert not one.is_complete


def test_pictures_that_cannot_be_read_leave_the_others_to_be_measured(
    model: Model, tmp_path: Path
) -> None:
    good, broken = picture(tmp_path / "a.png"), []
    for name in ("b.png", "c.png"):
        (tmp_path / name).write_bytes(b"no picture")
        broken.append(str(tmp_path / name))
    result = run(model, short(measurements=("end-to-end",), images=(*broken, good)))
    assert result.options.images == (good,)
    [one] = result.measurements
    assert one.samples.count >= 5
    mark = next(mark for mark in one.marks if mark.kind == LEFT_OUT)
    assert mark.message.startswith("2 of 3 pictures could not be read")
    assert "b.png" in mark.message
    assert mark.message.endswith("(and 1 more)")
    assert mark.advice


def test_a_picture_that_cannot_be_read_is_an_error_where_there_is_no_other(
    model: Model, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    options = short(measurements=("end-to-end",), images=(str(broken),))
    listener = Listener()
    with pytest.raises(ImageError) as caught:
        run_benchmark(model, options, listener, lambda: False)
    assert "broken.png" in caught.value.message
    assert listener.rows == {}


def test_end_to_end_needs_a_model_that_takes_pictures(tmp_path: Path) -> None:
    path = onnx_models.save(
        tmp_path / "rows.onnx",
        [onnx_models.helper.make_node("Identity", ["x"], ["y"])],
        [("x", "int64", (4,))],
        [("y", "int64", (4,))],
    )
    with Model.open(path) as model:
        options = short(measurements=("end-to-end",), images=(picture(tmp_path / "a.png"),))
        with pytest.raises(EnginebayError) as caught:
            run(model, options)
        assert caught.value is model.recipe_problem
