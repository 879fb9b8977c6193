"""Many pictures through an engine's lanes on a fake GPU give what they give one by one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core.folder_lanes
import core.folder_run
import core.gpu_folder_run
from core.errors import Cancelled, CudaError, ImageError, ModelError
from core.folder_run import LANES, LANES_LOOK_AHEAD, LOOK_BEHIND, RunProgress, RunWay, run_images
from core.images import Image
from core.model import Model
from core.preprocess import prepare
from core.result_rows import ResultRow
from core.sessions.lanes import LaneOptions
from core.sessions.tensorrt import TensorRTSession
from core.sessions.tensorrt_lane import TensorRTLane
from tests.unit import fake_cuda, fake_cuda_graph, fake_tensorrt, preprocess_kernel
from tests.unit.fake_cuda import FakeCuda
from tests.unit.fake_cuda_graph import FakeGraphDriver
from tests.unit.fake_tensorrt import FakeTensorRT, plan, tensor

Name = str | os.PathLike[str]
FIRST = 16
"""core.folder_run.FIRST_PICTURES: these run one query after another."""


def read_noise(path: Name) -> Image:
    """Stands for a file: a number is a picture of the network's size, no two the same.

    "bad..." cannot be read, "thin..." is one pixel high, "large..." has to be resized.
    """
    name = str(path)
    if name.startswith("bad"):
        raise ImageError("not-an-image", f"{name} is no image.", "Give images.")
    shape = {"thin": (1, 900, 3), "large": (90, 70, 3)}.get(name.split()[0], (8, 8, 3))
    seed = sum(name.encode()) * 1000 + int(name.split()[-1])
    return Image(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    gpu = fake_cuda.install(monkeypatch)
    preprocess_kernel.install(gpu)
    fake_tensorrt.install_driver(monkeypatch)
    return gpu


@pytest.fixture
def bindings(monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda) -> FakeGraphDriver:
    return fake_cuda_graph.install(monkeypatch, gpu)


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda) -> FakeTensorRT:
    # The fakes take turns on two cores with other tests: how long they take says nothing.
    monkeypatch.setattr(core.gpu_folder_run, "LONGEST_QUERY_S", 1e9)
    monkeypatch.setattr(core.folder_lanes, "_SET_UP_S", 1e9)
    monkeypatch.setattr(core.folder_run, "LONGEST_RUN_S", 1e9)
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})["tensorrt"]


def engine(batch: int | None) -> bytes:
    """`images` (batch, 3, 8, 8) doubled; None: a free batch of 1 to 4."""
    shape = (-1 if batch is None else batch, 3, 8, 8)
    limits = [[[count, 3, 8, 8] for count in (1, 2, 4)]]
    profiles = {} if batch else {"profiles": limits}
    return plan([tensor("images", "input", shape, **profiles), tensor("output", "output", shape)])


@pytest.fixture
def open_model(tmp_path: Path, trt: FakeTensorRT) -> Iterator[Callable[..., Model]]:
    opened: list[Model] = []

    def build(batch: int | None = 1, data: bytes | None = None) -> Model:
        path = tmp_path / f"{len(opened)}.engine"
        path.write_bytes(data or engine(batch))
        opened.append(Model.open(path))
        return opened[-1]

    yield build
    for model in opened:
        model.close()


class Outputs:
    """What pictures gave, by path, as it was given to be read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of: dict[str, np.ndarray] = {}
        self.slowly = 0.0
        read = core.folder_run.read_outputs

        def kept(path: str, outputs: dict[str, np.ndarray], *more: Any) -> ResultRow:
            time.sleep(self.slowly)
            self.of[path] = outputs["output"].copy()
            return read(path, outputs, *more)

        monkeypatch.setattr(core.folder_run, "read_outputs", kept)
        monkeypatch.setattr(core.gpu_folder_run, "read_outputs", kept)

    def take(self) -> dict[str, np.ndarray]:
        taken, self.of = self.of, {}
        return taken


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> Outputs:
    return Outputs(monkeypatch)


def words(rows: list[ResultRow]) -> list[Any]:
    """Rows without what they took."""
    return [replace(row, time_ms=None) for row in rows]


def assert_as_one_after_another(
    model: Model,
    outputs: Outputs,
    paths: list[str],
    *,
    contexts: int = 3,
    graph: bool = True,
    on_gpu: bool = True,
    apart: float = 0.0,
    **more: Any,
) -> None:
    """Both ways give the same rows, from outputs at most `apart` different."""
    ways: list[RunWay] = []
    wanted = list(run_images(model, paths, read=read_noise, lanes=None, **more))
    plain = outputs.take()
    found = list(run_images(model, paths, read=read_noise, note_way=ways.append, **more))
    laned = outputs.take()
    assert ways == [RunWay(contexts, graph, on_gpu, "blocking")]
    assert [row.path for row in found] == paths
    assert laned.keys() == plain.keys()
    for path, array in plain.items():
        np.testing.assert_allclose(laned[path], array, atol=apart, err_msg=path, rtol=0)
    if not apart:
        assert words(found) == words(wanted)
    assert all(row.error or (row.time_ms or 0) > 0 for row in found)


# What pictures give


@pytest.mark.usefixtures("bindings")
@pytest.mark.parametrize("batch", [1, 4, None])
@pytest.mark.parametrize("more", [1, 3, 40, 43])
def test_pictures_give_what_they_give_one_after_another(
    open_model: Callable[..., Model], outputs: Outputs, batch: int | None, more: int
) -> None:
    assert_as_one_after_another(open_model(batch), outputs, names(FIRST + more))


@pytest.mark.usefixtures("bindings")
def test_a_batch_that_is_asked_for_is_a_lanes(
    open_model: Callable[..., Model], outputs: Outputs
) -> None:
    assert_as_one_after_another(open_model(None), outputs, names(FIRST + 11), batch=3)


def test_without_graphs_they_give_the_same(
    open_model: Callable[..., Model], outputs: Outputs
) -> None:
    assert_as_one_after_another(open_model(4), outputs, names(50), graph=False)


@pytest.mark.usefixtures("bindings")
def test_a_slow_reading_of_outputs_keeps_their_lane(
    open_model: Callable[..., Model], outputs: Outputs
) -> None:
    outputs.slowly = 0.003
    assert_as_one_after_another(open_model(1), outputs, names(70))


@pytest.mark.usefixtures("bindings")
@pytest.mark.parametrize("batch", [1, 4, None])
def test_pictures_that_cannot_be_read_or_placed_are_rows(
    open_model: Callable[..., Model], outputs: Outputs, batch: int | None
) -> None:
    paths = names(60)
    for place in (3, 21, 22, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 59):
        paths[place] = f"bad {place}"
    paths[45] = "thin 45"
    assert_as_one_after_another(open_model(batch), outputs, paths)


@pytest.mark.usefixtures("bindings")
def test_pictures_of_other_sizes_are_at_most_a_level_apart(
    open_model: Callable[..., Model], outputs: Outputs
) -> None:
    paths = [f"large {number}" if number % 3 else str(number) for number in range(50)]
    assert_as_one_after_another(open_model(1), outputs, paths, apart=2.001 / 255)


@pytest.mark.usefixtures("bindings")
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("limit", ["DEVICE_BYTES", "LARGEST_BYTES"])
def test_large_pictures_are_prepared_by_the_readers(
    open_model: Callable[..., Model],
    outputs: Outputs,
    batch: int,
    limit: str,
    gpu: FakeCuda,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = 6 * batch * 8 * 8 * 3  # for all in flight; less than a large picture
    monkeypatch.setattr(core.gpu_folder_run, limit, room)
    paths = [f"large {number}" if number > 30 else str(number) for number in range(50)]
    assert_as_one_after_another(open_model(batch), outputs, paths)
    assert len(gpu.launches) == 1 + 31 - FIRST  # the trial's, and the small ones'


@pytest.mark.usefixtures("bindings")
@pytest.mark.parametrize("batch", [1, 4, None])
def test_where_the_gpu_cannot_prepare_the_readers_do(
    open_model: Callable[..., Model], outputs: Outputs, gpu: FakeCuda, batch: int | None
) -> None:
    gpu.module_error = "cuModuleLoadDataEx failed: no kernel image"
    paths = [f"large {number}" for number in range(40)]
    paths[25], paths[26] = "bad 25", "thin 26"
    assert_as_one_after_another(open_model(batch), outputs, paths, on_gpu=False)


@pytest.mark.usefixtures("bindings")
def test_rows_of_a_query_that_nobody_reads_are_zeros(
    open_model: Callable[..., Model], outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[np.ndarray] = []
    cut = core.gpu_folder_run.cut_batch

    def kept(arrays: dict[str, np.ndarray], batch: int) -> Any:
        given.append(arrays["output"].copy())
        return cut(arrays, batch)

    monkeypatch.setattr(core.gpu_folder_run, "cut_batch", kept)
    paths = names(16 + 8 * 16 + 2)
    paths[-5] = "bad 1"  # the second of the last full query; by then every row was in use
    list(run_images(open_model(4), paths, read=read_noise))
    assert [bool(row.any()) for row in given[-2]] == [True, False, True, True]
    assert [bool(row.any()) for row in given[-1]] == [True, True, False, False]


@pytest.mark.usefixtures("bindings")
def test_a_single_picture_fills_all_rows_of_a_batch_whose_outputs_have_none(
    open_model: Callable[..., Model], outputs: Outputs
) -> None:
    data = plan([tensor("images", "input", (2, 3, 8, 8)), tensor("output", "output", (6, 8, 8))])
    model = open_model(data=data)
    ways: list[RunWay] = []
    list(run_images(model, names(30), read=read_noise, note_way=ways.append))
    assert ways[0].contexts == 3
    assert model.recipe is not None
    for name in names(30):
        expected = prepare(read_noise(name).pixels, model.recipe).tensor * 2
        np.testing.assert_array_equal(outputs.of[name], expected.reshape(6, 8, 8))


# When there are lanes


@pytest.mark.usefixtures("bindings")
@pytest.mark.parametrize("count", [0, 1, 3, FIRST])
def test_a_few_pictures_are_not_worth_lanes(
    open_model: Callable[..., Model], outputs: Outputs, gpu: FakeCuda, count: int
) -> None:
    ways: list[RunWay] = []
    paths = names(count)
    rows = list(run_images(open_model(4), paths, read=read_noise, note_way=ways.append))
    assert [row.path for row in rows] == paths
    assert ways == []
    assert gpu.launches == []


@pytest.mark.usefixtures("bindings")
def test_a_free_batch_has_no_lanes_before_it_is_proven(
    open_model: Callable[..., Model], outputs: Outputs, gpu: FakeCuda
) -> None:
    paths = [f"bad {number}" for number in range(40)] + names(60)
    assert_as_one_after_another(open_model(None), outputs, paths)
    assert len(gpu.launches) == 1 + 60 - 8  # the third time of 16 has the first 8 good pictures


@pytest.mark.usefixtures("bindings")
def test_a_run_has_no_lanes_before_anything_ran(
    open_model: Callable[..., Model], outputs: Outputs, gpu: FakeCuda
) -> None:
    paths = [f"bad {number}" for number in range(40)] + names(60)
    assert_as_one_after_another(open_model(4), outputs, paths)
    assert len(gpu.launches) == 1 + 60 - 8


def plain_ways(model: Model, paths: list[str], **more: Any) -> list[RunWay]:
    ways: list[RunWay] = []
    rows = list(run_images(model, paths, read=read_noise, note_way=ways.append, **more))
    assert [(row.path, row.error) for row in rows] == [(path, None) for path in paths]
    return ways


@pytest.mark.usefixtures("bindings")
def test_an_engine_that_takes_long_has_no_lanes(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.gpu_folder_run, "LONGEST_QUERY_S", 0.0)
    assert plain_ways(open_model(1), names(40)) == [RunWay()]


@pytest.mark.usefixtures("bindings")
def test_outputs_that_depend_on_the_data_have_no_lanes(open_model: Callable[..., Model]) -> None:
    data = plan(
        [tensor("images", "input", (1, 3, 8, 8)), tensor("kept", "output", (-1,))],
        program="select",
    )
    assert plain_ways(open_model(data=data), names(40)) == [RunWay()]


@pytest.mark.usefixtures("bindings")
def test_outputs_in_the_hosts_memory_have_no_lanes(open_model: Callable[..., Model]) -> None:
    shape = (1, 3, 8, 8)
    data = plan(
        [
            tensor("images", "input", shape),
            tensor("output", "output", shape),
            tensor("size", "output", (4,), fake_tensorrt.DataType.INT32, host=True),
        ]
    )
    assert plain_ways(open_model(data=data), names(40)) == [RunWay()]


@pytest.mark.usefixtures("bindings")
def test_the_contexts_and_graph_that_are_wanted_are_used(
    open_model: Callable[..., Model], outputs: Outputs
) -> None:
    wanted = LaneOptions(count=2, graph=False)
    ways = plain_ways(open_model(1), names(40), lanes=wanted)
    assert ways == [RunWay(2, False, True, "blocking")]


@pytest.mark.usefixtures("bindings")
@pytest.mark.parametrize(("room", "contexts", "lanes"), [(1, 1, 4), (2, 2, 8), (9, 3, 12)])
def test_where_contexts_are_refused_there_are_fewer(
    open_model: Callable[..., Model],
    outputs: Outputs,
    monkeypatch: pytest.MonkeyPatch,
    room: int,
    contexts: int,
    lanes: int,
) -> None:
    model = open_model(1)
    session = model.session
    assert isinstance(session, TensorRTSession)
    assert session._engine is not None
    own = session._engine.trt_engine
    create = own.create_execution_context
    alive: list[Any] = []

    def create_as_long_as_there_is_room() -> Any:
        import weakref

        if 1 + sum(ref() is not None for ref in alive) >= room:
            return None
        made = create()
        alive.append(weakref.ref(made))
        return made

    monkeypatch.setattr(own, "create_execution_context", create_as_long_as_there_is_room)
    assert_as_one_after_another(model, outputs, names(50), contexts=contexts)
    assert len(session._lanes) == lanes


@pytest.mark.usefixtures("bindings")
def test_without_memory_for_any_lane_they_run_one_after_another(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> Any:
        raise CudaError("out-of-memory", "The GPU ran out of memory.", "Close programs.")

    model = open_model(1)
    monkeypatch.setattr(model.session, "_make_lanes", refuse)
    assert plain_ways(model, names(40)) == [RunWay()]


def test_lanes_are_fewer_where_they_take_long_or_have_large_outputs(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[LaneOptions] = []
    model = open_model(1)
    monkeypatch.setattr(model.session, "_make_lanes", lambda _s, options, _v: asked.append(options))
    monkeypatch.setattr(core.folder_lanes, "_SET_UP_S", 0.2)
    shapes = {"images": (1, 3, 8, 8)}
    for query_s, output_bytes, wanted in (
        (0.0, 100, 3),
        (0.01, 100, 3),  # ten runs of 20 ms fit: 3 of each context
        (0.03, 100, 3),
        (0.0, 30_000_000, 3),  # eight times
        (0.0, 1_000_000_000, 3),
        (0.03, 1_000_000_000, 1),
    ):
        core.folder_lanes.make_lanes(
            model, shapes, LaneOptions(count=wanted), query_s, output_bytes
        )
    assert [one.depth for one in asked] == [4, 3, 1, 2, 1, 2]
    assert {one.feeds for one in asked} == {False}


# Failures, ends and bounds


@pytest.mark.usefixtures("bindings")
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("method", ["start", "wait"])
def test_a_query_that_fails_is_an_error_of_its_pictures(
    open_model: Callable[..., Model],
    outputs: Outputs,
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
    method: str,
) -> None:
    model = open_model(batch)
    calls = -1000  # until the lanes are made
    original = getattr(TensorRTLane, method)

    def failing(self: TensorRTLane) -> None:
        nonlocal calls
        calls += 1
        original(self)
        if calls == 3:
            raise ModelError("tensorrt", "It failed.", "Try.")

    def begin(_way: RunWay) -> None:
        nonlocal calls
        calls = 0

    monkeypatch.setattr(TensorRTLane, method, failing)
    rows = list(run_images(model, names(60), read=read_noise, note_way=begin))
    first = FIRST + 2 * batch
    assert [place for place, row in enumerate(rows) if row.error] == [*range(first, first + batch)]
    assert {row.error.message for row in rows if row.error} == {"It failed."}
    assert [row.path for row in rows] == names(60)
    assert model.recipe is not None
    for row in rows:
        if row.error is None:
            expected = prepare(read_noise(row.path).pixels, replace(model.recipe, batch=1)).tensor
            np.testing.assert_array_equal(outputs.of[row.path], expected * 2)


@pytest.mark.usefixtures("bindings")
def test_a_picture_that_fails_on_its_way_is_no_longer_uploaded_afterwards(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []  # of the stream, once the next picture's turn has come
    failed: list[Any] = []
    prepare_on = core.gpu_folder_run.GpuPreprocessor.prepare_on

    def failing(self: Any, lane: TensorRTLane, pixels: np.ndarray, *more: Any) -> Any:
        if failed and not waiting:
            waiting.append(len(failed[0]._queue))
        placement = prepare_on(self, lane, pixels, *more)
        if int(pixels[0, 0, 0]) == first and not failed:
            failed.append(lane.bound.stream)
            assert failed[0]._queue
            raise CudaError("cuda", "It failed.", "Try.")
        return placement

    bad = names(60)[40]
    first = int(read_noise(bad).pixels[0, 0, 0])
    monkeypatch.setattr(core.gpu_folder_run.GpuPreprocessor, "prepare_on", failing)
    rows = list(run_images(open_model(1), names(60), read=read_noise))
    assert [row.error.message for row in rows if row.error] == ["It failed."]
    assert waiting == [0]


@pytest.mark.usefixtures("bindings")
def test_a_lost_gpu_ends_the_run(open_model: Callable[..., Model], gpu: FakeCuda) -> None:
    def rows() -> Iterator[ResultRow]:
        for number, row in enumerate(run_images(open_model(1), names(200), read=read_noise)):
            if number == 40:
                gpu.kernel_error = "cuStreamSynchronize failed: misaligned address"
            yield row

    found: list[ResultRow] = []
    with pytest.raises(CudaError) as caught:
        found.extend(rows())
    assert caught.value.fatal


@pytest.mark.usefixtures("bindings")
@pytest.mark.parametrize("end", ["cancelled", "closed", "whole"])
@pytest.mark.parametrize("batch", [1, 4])
def test_whatever_ends_a_run_all_is_freed_and_the_engine_runs_on(
    open_model: Callable[..., Model], gpu: FakeCuda, end: str, batch: int
) -> None:
    model = open_model(batch)
    picture = np.ones((batch, 3, 8, 8), np.float32)
    model.session.run({"images": picture})

    def held() -> tuple[int, int]:
        return len(gpu.memory), len(gpu.pinned)

    def report(progress: RunProgress) -> None:
        if end == "cancelled" and progress.done >= 70:
            raise Cancelled

    def run() -> int:
        rows = run_images(model, names(160), read=read_noise, report=report)
        count = 0
        for _row in rows:
            count += 1
            if end == "closed" and count == 70:
                rows.close()
        return count

    counts = []
    for _turn in range(3):
        if end == "cancelled":
            with pytest.raises(Cancelled):
                run()
        else:
            assert run() == (70 if end == "closed" else 160)
        outputs = model.session.run({"images": picture}).outputs
        np.testing.assert_array_equal(outputs["output"], picture * 2)
        counts.append(held())
    # A session keeps page-locked inputs for pictures ahead; it has all of them after one run.
    assert {memory for memory, _ in counts} == {2}
    assert all(pinned <= 70 for _, pinned in counts)


@pytest.mark.usefixtures("bindings")
def test_a_run_is_cancelled_while_a_reader_hangs(open_model: Callable[..., Model]) -> None:
    released = threading.Event()

    def hanging(path: Name) -> Image:
        assert int(path) < 60 or released.wait(60)  # type: ignore[arg-type]
        return read_noise(path)

    told: list[int] = []

    def report(progress: RunProgress) -> None:
        told.append(progress.done)
        if progress.done > 40 and told.count(progress.done) == 3:  # twice while nothing came
            raise Cancelled

    model = open_model(1)
    try:
        with pytest.raises(Cancelled):
            list(run_images(model, names(100), report=report, read=hanging))
        assert not released.is_set()
        assert model.session.run({"images": np.ones((1, 3, 8, 8), np.float32)}).outputs
    finally:
        released.set()


@pytest.mark.usefixtures("bindings")
@pytest.mark.parametrize("batch", [1, 4])
def test_no_more_pictures_are_read_than_the_look_ahead_and_what_is_in_flight(
    open_model: Callable[..., Model], batch: int
) -> None:
    begun = most = 0
    lock = threading.Lock()

    def read(path: Name) -> Image:
        nonlocal begun
        with lock:
            begun += 1
        return read_noise(path)

    rows = run_images(open_model(batch), names(200), read=read)
    for finished, _row in enumerate(rows, 1):
        time.sleep(0.001)  # a slow receiver: readers have time to run ahead
        with lock:
            most = max(most, begun - finished)
    assert most <= LANES_LOOK_AHEAD + LOOK_BEHIND + 6 * batch + batch
    assert most >= batch


@pytest.mark.usefixtures("bindings")
def test_large_pictures_are_read_two_at_a_time(
    open_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.gpu_folder_run, "STAGED_BYTES", 1)
    begun = finished = most = 0
    lock = threading.Lock()

    def read(path: Name) -> Image:
        nonlocal begun, most
        with lock:
            begun += 1
            if begun > FIRST:
                most = max(most, begun - finished)
        return read_noise(path)

    for row in run_images(open_model(1), names(60), read=read):
        assert row.error is None
        with lock:
            finished += 1
    assert most <= 2 + 6 + LOOK_BEHIND


@pytest.mark.usefixtures("bindings")
def test_only_the_calling_thread_uses_cuda(open_model: Callable[..., Model], gpu: FakeCuda) -> None:
    assert len(list(run_images(open_model(1), names(80), read=read_noise))) == 80
    assert gpu.threads == {threading.get_ident()}


@pytest.mark.usefixtures("bindings")
def test_pictures_reach_the_gpu_as_bytes_from_page_locked_memory(
    open_model: Callable[..., Model], gpu: FakeCuda
) -> None:
    pinned: list[bool] = []
    seen = 0
    for row in run_images(open_model(1), names(120), read=read_noise):
        assert row.error is None
        new, seen = gpu.uploads[seen:], len(gpu.uploads)
        pinned += [gpu.is_pinned(*upload) for upload in new if upload[1] == 8 * 8 * 3]
    # The last ones wait to be read with their lanes closed.
    assert len(pinned) == 120 - FIRST
    assert all(pinned[:60])


def test_lanes_are_three_contexts_with_graphs_unless_a_benchmark_knows_better() -> None:
    assert (LANES.count, LANES.graph) == (3, True)
