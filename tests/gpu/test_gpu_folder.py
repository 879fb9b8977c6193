"""A folder run on lanes, prepared on the GPU, against the one query after another of before."""

from __future__ import annotations

import gc
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import core.folder_run
import core.gpu_folder_run
from core import Model
from core.errors import Cancelled
from core.folder_run import LANES, RunProgress, RunWay, run_images
from core.images import read_image
from core.predictions import Detection
from core.result_rows import ResultRow
from core.sessions.base import Arrays
from core.sessions.lanes import LaneOptions
from core.staged_pictures import WORTH_CORES
from core.tasks import Reading, decode
from tests.benchmarks.many_images import make_pictures

COUNT = 200
BOX_PX, SCORE = 1.0, 0.02
"""Preprocessing may be a level apart, and FP16 makes a little more of that."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_pictures(tmp_path_factory.mktemp("folder"), COUNT)


@pytest.fixture
def engine(demo_engine: Path) -> Iterator[Model]:
    with Model.open(demo_engine) as model:
        yield model


class Found:
    """The boxes of each picture, as a run reads them from its outputs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boxes: dict[str, list[Detection]] = {}
        read = core.folder_run.read_outputs

        def kept(path: str, outputs: Arrays, reading: Reading, ms: float) -> ResultRow:
            found = decode(outputs, reading).predictions
            self.boxes[path] = [one for one in found if isinstance(one, Detection)]
            return read(path, outputs, reading, ms)

        monkeypatch.setattr(core.folder_run, "read_outputs", kept)
        monkeypatch.setattr(core.gpu_folder_run, "read_outputs", kept)

    def run(
        self, model: Model, paths: list[Path], **more: Any
    ) -> tuple[list[ResultRow], dict[str, list[Detection]], list[RunWay]]:
        """Rows, boxes by picture, and how it ran."""
        self.boxes = {}
        ways: list[RunWay] = []
        rows = list(run_images(model, paths, note_way=ways.append, **more))
        return rows, self.boxes, ways


def apart(one: Detection, other: Detection) -> tuple[float, float]:
    """How far two boxes are apart at most, pixels, and their scores."""
    pairs = zip(one.box, other.box, strict=True)
    return max(abs(a - b) for a, b in pairs), abs(one.score - other.score)


def largest_differences(
    some: list[Detection], others: list[Detection], threshold: float
) -> tuple[float, float]:
    """Of the sure boxes of `some` to the nearest of their class in `others`."""
    box = score = 0.0
    for one in some:
        if one.score < threshold + SCORE:  # it may be just below in the other
            continue
        alike = [apart(one, other) for other in others if other.class_id == one.class_id]
        assert alike, f"nothing of the class of {one}"
        nearest = min(alike)
        box, score = max(box, nearest[0]), max(score, nearest[1])
    return box, score


@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize("graph", [True, False])
def test_predictions_are_those_of_one_query_after_another(
    engine: Model,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    figures: dict[str, Any],
    batch: int | None,
    graph: bool,
) -> None:
    found = Found(monkeypatch)
    wanted, plain, _ = found.run(engine, pictures, batch=batch, lanes=None)
    lanes = LaneOptions(count=LANES.count, graph=graph)
    rows, laned, ways = found.run(engine, pictures, batch=batch, lanes=lanes)
    [way] = ways
    assert way.contexts == LANES.count
    assert way.prepared_on_gpu
    assert way.graph is graph
    assert [(row.path, row.task, row.error) for row in rows] == [
        (row.path, row.task, row.error) for row in wanted
    ]
    assert any(plain.values()), "nothing is found at all"
    threshold = engine.choices.score_threshold
    box = score = 0.0
    for path, boxes in plain.items():
        for some, others in ((boxes, laned[path]), (laned[path], boxes)):
            found_box, found_score = largest_differences(some, others, threshold)
            box, score = max(box, found_box), max(score, found_score)
    figures[f"folder run on lanes, batch {batch}, graph {graph}: largest differences"] = {
        "box, px": round(box, 3),
        "score": round(score, 4),
    }
    assert box <= BOX_PX
    assert score <= SCORE


@pytest.mark.parametrize("batch", [None, 1])
def test_a_broken_picture_is_a_row_and_its_neighbours_stay_what_they_are(
    engine: Model,
    pictures: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batch: int | None,
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(pictures[0].read_bytes()[:5000])
    paths = list(pictures[:80])
    paths[5] = paths[41] = paths[42] = paths[79] = broken
    found = Found(monkeypatch)
    _, whole, _ = found.run(engine, pictures[:80], batch=batch)
    rows, boxes, ways = found.run(engine, paths, batch=batch)
    assert ways[0].contexts > 1
    assert [row.path for row in rows] == [str(path) for path in paths]
    assert [place for place, row in enumerate(rows) if row.error] == [5, 41, 42, 79]
    assert {row.error.kind for row in rows if row.error} == {"truncated-image"}
    for path in paths:
        if path != broken:
            threshold = engine.choices.score_threshold
            box, score = largest_differences(boxes[str(path)], whole[str(path)], threshold)
            assert box <= BOX_PX
            assert score <= SCORE


@pytest.mark.parametrize("end", ["whole", "closed"])
def test_processes_read_what_threads_read(
    engine: Model,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    figures: dict[str, Any],
    end: str,
) -> None:
    if (os.cpu_count() or 1) < WORTH_CORES:
        pytest.skip(f"needs {WORTH_CORES} cores")
    found = Found(monkeypatch)
    _, wanted, _ = found.run(engine, pictures, read=lambda path: read_image(path))
    begin = time.monotonic()
    taken_over = 0  # rows that were there when processes began to read
    count = 0
    found.boxes = {}

    def note(way: RunWay) -> None:
        nonlocal taken_over
        if way.reading_processes:
            taken_over = count
            found.boxes.clear()
            figures["folder run, reading processes"] = {
                "processes": way.reading_processes,
                "ready after, s": round(time.monotonic() - begin, 2),
                "rows before": count,
            }

    def endless() -> Iterator[Path]:
        for path in itertools.cycle(pictures):
            if taken_over and count > taken_over + 300 + COUNT:
                return
            assert time.monotonic() < begin + 120, "processes never read"
            yield path

    rows = run_images(engine, endless(), note_way=note)
    for row in rows:
        assert row.error is None
        count += 1
        if end == "closed" and taken_over and count == taken_over + 300 + COUNT:
            rows.close()
    threshold = engine.choices.score_threshold
    assert found.boxes.keys() == wanted.keys()
    for path, boxes in wanted.items():
        box, score = largest_differences(boxes, found.boxes[path], threshold)
        assert box <= BOX_PX
        assert score <= SCORE
    assert engine.test(pictures[0]).predictions


def host_bytes() -> int:
    """This process's resident memory; Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_is_flat_over_runs_whatever_ends_them(
    engine: Model, pictures: list[Path], cuda_memory: Any, figures: dict[str, Any]
) -> None:
    def report(progress: RunProgress) -> None:
        if progress.done >= COUNT // 2:
            raise Cancelled

    device, host = [], []
    for _turn in range(5):
        rows = list(run_images(engine, pictures))
        assert all(row.error is None for row in rows)
        with pytest.raises(Cancelled):
            list(run_images(engine, pictures, report=report))
        closed = run_images(engine, pictures)
        for _row, _ in zip(closed, range(COUNT // 2), strict=False):
            pass
        closed.close()
        assert engine.test(pictures[0]).predictions
        gc.collect()
        device.append(cuda_memory())
        host.append(host_bytes())
    # The first turns load the kernels and fill the allocators' own reserves.
    figures["folder run on lanes, three turns: memory, MB"] = {
        "device": [round((device[1] - free) / 1e6, 1) for free in device[2:]],
        "host": [round((held - host[1]) / 1e6, 1) for held in host[2:]],
    }
    assert device[1] - min(device[2:]) <= 4 << 20
    assert max(host[2:]) - host[1] <= 64 << 20
