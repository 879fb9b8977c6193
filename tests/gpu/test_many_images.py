"""A thousand pictures through an engine: rows as of single runs, and how fast that is."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import Model
from core.errors import Cancelled
from core.folder_run import RunProgress, run_images
from core.result_rows import result_row
from tests.benchmarks.many_images import make_pictures

COUNT, BATCH = 1000, 4
CANCELLED_AT = 100


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_pictures(tmp_path_factory.mktemp("many"), COUNT)


@pytest.fixture
def engine(demo_engine: Path) -> Iterator[Model]:
    with Model.open(demo_engine) as model:
        yield model


def compute_ms(model: Model, rows: int) -> float:
    """The GPU's own time for a batch, by CUDA events; the median of many runs."""
    images = np.random.default_rng(0).random((rows, 3, 256, 256), np.float32)
    runs = [model.run({"images": images}).timing for _ in range(60)]
    assert {timing.clock for timing in runs} == {"cuda-events"}
    return statistics.median(timing.compute_ms for timing in runs[10:])


def test_a_thousand_pictures_have_the_rows_of_single_runs(
    engine: Model, pictures: list[Path], figures: dict[str, Any]
) -> None:
    told: list[RunProgress] = []
    for batch in (None, 1):
        engine.test(pictures[0])
        told.clear()
        rows = list(run_images(engine, pictures, batch=batch, report=told.append))
        assert [row.path for row in rows] == [str(path) for path in pictures]
        assert [row.error for row in rows] == [None] * COUNT
        assert (told[-1].done, told[-1].failed, told[-1].total) == (COUNT, 0, COUNT)
        of_run = batch or BATCH  # the engine's largest, where nobody asks for another
        # What the GPU alone would need for them: reading and preparing is on the CPU.
        alone = COUNT / (COUNT / of_run * compute_ms(engine, of_run) / 1000)
        figures[f"{COUNT} pictures, batch {of_run}"] = {
            "images per s": round(told[-1].images_per_s),
            "images per s of GPU compute alone": round(alone),
            "ratio": round(told[-1].images_per_s / alone, 4),
        }
        for index in range(0, COUNT, 97):
            result = engine.test(pictures[index])
            one = result_row(result.source, result.decoded, result.warnings, result.stages.total)
            row = rows[index]
            assert (row.task, row.top, row.warnings) == (one.task, one.top, one.warnings)
            assert row.count == one.count
            assert row.score is not None
            assert one.score is not None
            assert abs(row.score - one.score) <= 0.02  # FP16, by other kernels for another batch


def test_a_cancelled_run_ends_and_the_engine_goes_on(engine: Model, pictures: list[Path]) -> None:
    def report(progress: RunProgress) -> None:
        if progress.done >= CANCELLED_AT:
            raise Cancelled

    paths = []

    def run() -> None:
        for row in run_images(engine, pictures, report=report):
            paths.append(row.path)

    with pytest.raises(Cancelled):
        run()
    assert paths == [str(path) for path in pictures[:CANCELLED_AT]]
    assert engine.test(pictures[0]).predictions
    after = list(run_images(engine, pictures[:8]))
    assert [(row.path, row.error) for row in after] == [(str(one), None) for one in pictures[:8]]


def test_inputs_that_are_filled_ahead_are_all_page_locked(engine: Model) -> None:
    pool = engine.session._buffers.pool  # type: ignore[attr-defined]
    buffers = [engine.session.input_buffer("images", (1, 3, 256, 256)) for _ in range(34)]
    inputs = pool("images", 1, is_input=True)
    assert all(inputs.owns(buffer) for buffer in buffers)
    for value, buffer in enumerate(buffers):
        buffer[...] = value / 34
    outputs = [engine(buffer)["output0"] for buffer in buffers]
    fresh = [engine(buffer.copy())["output0"] for buffer in buffers]
    for output, other in zip(outputs, fresh, strict=True):
        np.testing.assert_array_equal(output, other)
