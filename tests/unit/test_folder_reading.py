"""A long run on a fake GPU whose pictures processes read: the same rows, however they end."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import core.folder_lanes
import core.folder_run
import core.gpu_folder_run
import core.reading_slots
import core.staged_pictures
from core.errors import Cancelled
from core.folder_run import RunProgress, RunWay, run_images
from core.images import read_image
from core.model import Model
from core.reading_process import ReadingProcess
from core.result_rows import ResultRow
from tests.unit import fake_cuda, fake_cuda_graph, fake_tensorrt, preprocess_kernel
from tests.unit.fake_cuda import FakeCuda
from tests.unit.fake_tensorrt import plan, tensor

MEGABYTE = 1 << 20
SOME = 40
"""Pictures at the end of a run; those on their way when processes take over are before them."""


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    gpu = fake_cuda.install(monkeypatch)
    preprocess_kernel.install(gpu)
    fake_tensorrt.install_driver(monkeypatch)
    fake_cuda_graph.install(monkeypatch, gpu)
    fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})
    return gpu


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fakes may take long, and two cores are enough."""
    monkeypatch.setattr(core.gpu_folder_run, "LONGEST_QUERY_S", 1e9)
    monkeypatch.setattr(core.folder_lanes, "_SET_UP_S", 1e9)
    monkeypatch.setattr(core.folder_run, "LONGEST_RUN_S", 1e9)
    monkeypatch.setattr(core.gpu_folder_run, "SETTLED_S", 0)
    monkeypatch.setattr(core.staged_pictures, "WORTH_CORES", 1)
    monkeypatch.setattr(core.staged_pictures, "process_count", lambda _cores: 2)


@pytest.fixture
def open_model(tmp_path: Path, gpu: FakeCuda) -> Iterator[Callable[..., Model]]:
    opened: list[Model] = []

    def build(batch: int = 1, side: int = 8) -> Model:
        shape = (batch, 3, side, side)
        path = tmp_path / f"{len(opened)}.engine"
        path.write_bytes(
            plan([tensor("images", "input", shape), tensor("output", "output", shape)])
        )
        opened.append(Model.open(path))
        return opened[-1]

    yield build
    for model in opened:
        model.close()


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Thirty pictures; three of them are none, or damaged. The last is larger than a slot."""
    random = np.random.default_rng(5)
    paths = [tmp_path / f"{number:02}.png" for number in range(30)]
    for number, path in enumerate(paths):
        size = {17: (90, 70), 29: (700, 600)}.get(number, (8, 8))
        cv2.imwrite(str(path), random.integers(0, 256, (*size, 3), dtype=np.uint8))
    paths[11].write_bytes(paths[17].read_bytes()[:3000])
    paths[12].unlink()
    paths[28].write_bytes(b"")
    return list(map(str, paths))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ReadingProcess]:
    """All processes that were started."""
    started: list[ReadingProcess] = []
    start = ReadingProcess.__init__

    def noted(self: ReadingProcess, *where: Any) -> None:
        start(self, *where)
        started.append(self)

    monkeypatch.setattr(ReadingProcess, "__init__", noted)
    return started


class Run:
    """A run over files, again and again, until processes have read some of them.

    Attributes:
        ways: what it told of how it runs.
        taken_over: rows that there were when processes began to read; None before.
    """

    def __init__(self, model: Model, files: list[str], **more: Any) -> None:
        self.ways: list[RunWay] = []
        self.paths: list[str] = []
        self.taken_over: int | None = None
        self._files = files
        self._count = 0
        self.rows = run_images(model, self._endless(), note_way=self._note, **more)

    def __iter__(self) -> Iterator[ResultRow]:
        for row in self.rows:
            self._count += 1
            yield row

    def _endless(self) -> Iterator[str]:
        for path in itertools.cycle(self._files):
            if path.endswith("29.png") and self.taken_over is None:
                continue  # or slots would be made for it
            if self.taken_over is not None and self._count > self.taken_over + 150 + SOME:
                return
            self.paths.append(path)
            yield path

    def _note(self, way: RunWay) -> None:
        self.ways.append(way)
        if way.reading_processes:
            self.taken_over = self._count


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each picture that goes to the GPU: whether it lies in memory that processes write to."""
    uploads: list[bool] = []
    prepare = core.gpu_folder_run.GpuPreprocessor.prepare_on

    def noted(self: Any, lane: Any, pixels: np.ndarray, *more: Any) -> Any:
        uploads.append(pixels.base is not None and pixels.base.nbytes == MEGABYTE)
        return prepare(self, lane, pixels, *more)

    monkeypatch.setattr(core.gpu_folder_run.GpuPreprocessor, "prepare_on", noted)
    return uploads


def words(row: ResultRow) -> ResultRow:
    return replace(row, time_ms=None)


@pytest.mark.parametrize("batch", [1, 4])
def test_rows_are_those_of_threads(
    open_model: Callable[[int], Model],
    files: list[str],
    gpu: FakeCuda,
    uploads: list[bool],
    batch: int,
) -> None:
    model = open_model(batch)
    expected = {
        row.path: words(row) for row in run_images(model, files, read=lambda path: read_image(path))
    }
    assert [row.path for row in expected.values() if row.error] == [
        files[number] for number in (11, 12, 28)
    ]
    uploads.clear()
    run = Run(model, files)
    rows = list(run)
    assert [row.path for row in rows] == run.paths
    assert [words(row) for row in rows] == [expected[path] for path in run.paths]
    assert run.ways == [replace(run.ways[0], reading_processes=number) for number in (0, 2)]
    assert not uploads[0]
    good = [path for path in run.paths if not expected[path].error]
    assert uploads[-SOME:] == [not path.endswith("29.png") for path in good[-SOME:]]


def test_slots_are_made_for_pictures_however_large_an_input_is(
    open_model: Callable[..., Model], files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    processes = core.staged_pictures.ReadingProcesses

    def noted(*arguments: Any) -> Any:
        made.append(processes(*arguments))
        return made[-1]

    monkeypatch.setattr(core.staged_pictures, "ReadingProcesses", noted)
    side = 300
    assert side * side * 3 * 4 > MEGABYTE > 8 * 8 * 3
    rows = run_images(open_model(1, side), itertools.cycle(files[:8]))
    while not made or made[0].state == "starting":
        next(rows)
    assert made[0].slots.slot_bytes == MEGABYTE
    rows.close()


def test_pictures_lie_in_page_locked_memory(
    open_model: Callable[[int], Model], files: list[str], gpu: FakeCuda
) -> None:
    files = files[:8]
    run = Run(open_model(1), files)
    seen, pinned = 0, []
    for _row in run:
        new, seen = gpu.uploads[seen:], len(gpu.uploads)
        if run.taken_over is not None:
            pinned += [gpu.is_pinned(*one) for one in new if one[1] == 8 * 8 * 3]
    assert len(pinned) > SOME
    assert all(pinned)
    assert max(gpu.pinned.values()) < 100 * MEGABYTE  # and is page-locked no more


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("count", [1, 2])
def test_a_process_that_is_killed_costs_no_picture(
    open_model: Callable[[int], Model],
    files: list[str],
    started: list[ReadingProcess],
    count: int,
) -> None:
    run = Run(open_model(1), files)
    rows = []
    for row in run:
        rows.append(row)
        if run.taken_over is not None and len(rows) == run.taken_over + 5:
            for process in started[:count]:
                os.kill(process.pid, signal.SIGKILL)
    assert [row.path for row in rows] == run.paths
    bad = {files[number] for number in (11, 12, 28)}
    assert all((row.error is not None) == (row.path in bad) for row in rows)


@pytest.mark.parametrize("end", ["cancelled", "closed", "whole", "before"])
def test_whatever_ends_a_run_no_process_is_left(
    open_model: Callable[[int], Model],
    files: list[str],
    gpu: FakeCuda,
    started: list[ReadingProcess],
    end: str,
) -> None:
    def report(progress: RunProgress) -> None:
        is_reading = run is not None and run.taken_over is not None
        if end == "cancelled" and is_reading and progress.done > run.taken_over + 5:
            raise Cancelled

    run: Any = None
    run = Run(open_model(1), files, report=report)
    if end == "cancelled":
        with pytest.raises(Cancelled):
            list(run)
    else:
        for _row in run:
            if end == "closed" and run.taken_over is not None:
                run.rows.close()
            if end == "before" and run.ways:
                run.rows.close()
    assert len(started) == 2 or end == "before"
    assert not [one.pid for one in started if one._child.poll() is None]
    assert all(size < 100 * MEGABYTE for size in gpu.pinned.values())
    assert not [path for path in open_files() if "enginebay-pictures" in path]


def open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return []
    return [os.readlink(one) for one in folder.iterdir() if one.exists()]  # noqa: PTH115


def test_without_memory_to_share_threads_read_all(
    open_model: Callable[[int], Model],
    files: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused: list[int] = []

    def refuse(_file: int, size: int) -> None:
        refused.append(size)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(core.reading_slots, "_reserve", refuse)
    paths = itertools.takewhile(lambda _path: len(refused) < 1, itertools.cycle(files))
    ways: list[RunWay] = []
    with caplog.at_level("INFO"):
        rows = list(run_images(open_model(1), paths, note_way=ways.append))
    # Slots of two megabytes: as many as 240 MB have, and one for each of six queries in flight.
    assert refused == [(240_000_000 // (2 * MEGABYTE) + 6) * 2 * MEGABYTE]
    assert [way.reading_processes for way in ways] == [0]
    assert "pictures are read by threads, not by processes" in caplog.text
    assert {row.path for row in rows if row.error} == {files[number] for number in (11, 12, 28)}


@pytest.mark.parametrize(
    ("number", "cores", "reader", "begins"),
    [
        (None, 16, read_image, True),
        (2016, 16, read_image, True),
        (2015, 16, read_image, False),
        (None, 3, read_image, False),
        (None, 16, lambda path: read_image(path), False),
    ],
)
def test_only_long_runs_with_enough_cores_start_processes(
    open_model: Callable[[int], Model],
    files: list[str],
    started: list[ReadingProcess],
    monkeypatch: pytest.MonkeyPatch,
    number: int | None,
    cores: int,
    reader: Any,
    begins: bool,
) -> None:
    monkeypatch.setattr(core.staged_pictures, "WORTH_CORES", 4)
    made: list[int] = []
    processes = core.staged_pictures.ReadingProcesses

    def noted(count: int, *more: Any) -> Any:
        made.append(count)
        return processes(count, *more)

    monkeypatch.setattr(core.staged_pictures, "ReadingProcesses", noted)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    paths: Any = itertools.cycle(files) if number is None else (files * 100)[:number]
    rows = run_images(open_model(1), paths, read=reader)
    for _ in range(30):
        next(rows)
    rows.close()
    assert made == ([2] if begins else [])


def test_a_run_that_has_only_begun_starts_no_process(
    open_model: Callable[[int], Model],
    files: list[str],
    started: list[ReadingProcess],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core.gpu_folder_run, "SETTLED_S", 1e9)
    rows = run_images(open_model(1), itertools.cycle(files))
    for _ in range(100):
        next(rows)
    rows.close()
    assert started == []


def test_where_the_gpu_does_not_prepare_there_are_no_processes(
    open_model: Callable[[int], Model],
    files: list[str],
    gpu: FakeCuda,
    started: list[ReadingProcess],
) -> None:
    gpu.module_error = "cuModuleLoadDataEx failed: no kernel image"
    rows = run_images(open_model(1), itertools.cycle(files))
    for _ in range(60):
        next(rows)
    rows.close()
    assert started == []
