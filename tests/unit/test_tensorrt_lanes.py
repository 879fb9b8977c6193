"""Lanes and CUDA graphs of a TensorRTSession, against a fake GPU, TensorRT and cuda-bindings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from core.cuda_graph import NO_BINDINGS, NotCaptured, capture
from core.errors import CudaError, InputError, ModelError
from core.sessions.lanes import LaneOptions
from core.sessions.tensorrt import TensorRTSession
from tests.unit import fake_cuda, fake_cuda_graph, fake_tensorrt
from tests.unit.fake_cuda import FakeCuda
from tests.unit.fake_cuda_graph import FakeGraphDriver, Status
from tests.unit.fake_tensorrt import DataType, FakeTensorRT, plan, simple_plan, tensor

SHAPES = {"images": (1, 3, 8, 8)}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return fake_cuda.install(monkeypatch)


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda) -> FakeTensorRT:
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})["tensorrt"]


@pytest.fixture
def bindings(monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda) -> FakeGraphDriver:
    return fake_cuda_graph.install(monkeypatch, gpu)


@pytest.fixture
def without_bindings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.cuda_graph.graph_driver", lambda: None)


@pytest.fixture
def session(trt: FakeTensorRT) -> Iterator[TensorRTSession]:
    with TensorRTSession(simple_plan(), "x.engine") as opened:
        yield opened


def picture(value: float) -> np.ndarray:
    return np.full((1, 3, 8, 8), value, np.float32)


# A session's own runs


def test_the_third_run_with_the_same_shapes_is_a_graph(
    session: TensorRTSession, trt: FakeTensorRT, bindings: FakeGraphDriver
) -> None:
    for value in (1.0, 2.0, 3.0, 4.0):
        outputs = session.run({"images": picture(value)}).outputs
        np.testing.assert_array_equal(outputs["output"], picture(value * 2))
    assert bindings.launches == 2
    assert trt.calls["execute_async_v3"] == 3  # two runs and the capture
    assert bindings.modes == ["thread-local"]


def test_a_graph_is_made_anew_for_other_shapes_and_freed_at_the_end(
    trt: FakeTensorRT, gpu: FakeCuda, bindings: FakeGraphDriver
) -> None:
    limits = [[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8]]
    free = plan(
        [
            tensor("images", "input", (-1, 3, 8, 8), profiles=[limits]),
            tensor("output", "output", (-1, 3, 8, 8)),
        ]
    )
    with TensorRTSession(free, "x.engine") as session:
        for batch in (1, 1, 1, 2, 2, 2):
            given = np.full((batch, 3, 8, 8), float(batch), np.float32)
            outputs = session.run({"images": given}).outputs
            np.testing.assert_array_equal(outputs["output"], given * 2)
        assert bindings.launches == 2
    assert bindings.live == 0
    assert gpu.journal.index("graph destroyed") < gpu.journal.index("execution context destroyed")


@pytest.mark.usefixtures("without_bindings")
def test_without_cuda_bindings_every_run_is_plain(
    session: TensorRTSession, trt: FakeTensorRT
) -> None:
    for value in (1.0, 2.0, 3.0, 4.0):
        outputs = session.run({"images": picture(value)}).outputs
        np.testing.assert_array_equal(outputs["output"], picture(value * 2))
    assert trt.calls["execute_async_v3"] == 4


def test_an_engine_that_cannot_be_captured_runs_on(
    session: TensorRTSession, bindings: FakeGraphDriver
) -> None:
    bindings.end_status = Status.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
    for value in (1.0, 2.0, 3.0, 4.0):
        outputs = session.run({"images": picture(value)}).outputs
        np.testing.assert_array_equal(outputs["output"], picture(value * 2))
    assert bindings.launches == 0


def test_a_capture_ends_also_where_the_work_fails(
    session: TensorRTSession, gpu: FakeCuda, bindings: FakeGraphDriver
) -> None:
    from core.cuda import open_context

    cuda = open_context()
    stream = cuda.stream()

    def work() -> bool:
        cuda.allocate(256, "testing")
        return True

    with pytest.raises(NotCaptured, match="capturing"):
        capture(cuda, stream, work)
    assert stream.captured is None
    cuda.close()


@pytest.mark.usefixtures("without_bindings")
def test_a_capture_without_cuda_bindings_says_how_to_get_it(session: TensorRTSession) -> None:
    [lane] = session.lanes(SHAPES, LaneOptions())
    assert not lane.graph
    assert lane.why_no_graph == NO_BINDINGS
    assert "pip install cuda-bindings" in NO_BINDINGS


# Lanes


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize("wait", ["spin", "blocking"])
def test_lanes_run_apart_from_one_another(
    session: TensorRTSession, bindings: FakeGraphDriver, graph: bool, wait: str
) -> None:
    options = LaneOptions(count=3, graph=graph, wait=wait)  # type: ignore[arg-type]
    lanes = session.lanes(SHAPES, options)
    assert [lane.graph for lane in lanes] == [graph] * 3
    for value, lane in enumerate(lanes, 1):
        lane.input("images")[...] = value
        lane.start()
    for value, lane in enumerate(lanes, 1):
        lane.wait()
        np.testing.assert_array_equal(lane.outputs()["output"], picture(value * 2.0))
        times = lane.times()
        assert times.start >= 0
        assert min(times.host_to_device, times.compute, times.device_to_host) >= 0


def test_queries_queued_on_one_context_keep_their_own_arrays(
    session: TensorRTSession, trt: FakeTensorRT, bindings: FakeGraphDriver
) -> None:
    lanes = session.lanes(SHAPES, LaneOptions(count=2, depth=2))
    assert len(lanes) == 4
    contexts = [lane.bound for lane in lanes]  # type: ignore[attr-defined]
    assert contexts[0] is contexts[2]
    assert contexts[1] is contexts[3]
    for value, lane in enumerate(lanes, 1):
        lane.input("images")[...] = value
        lane.start()
    lanes[0].wait()  # the second one on its context is still to come
    np.testing.assert_array_equal(lanes[0].outputs()["output"], picture(2.0))
    assert not lanes[2].outputs()["output"].any()
    lanes[2].wait()
    np.testing.assert_array_equal(lanes[2].outputs()["output"], picture(6.0))


def test_closing_lanes_frees_all_they_had_and_the_session_runs_on(
    session: TensorRTSession, gpu: FakeCuda, bindings: FakeGraphDriver
) -> None:
    before = session.run({"images": picture(1.0)}).outputs
    memory, pinned = len(gpu.memory), len(gpu.pinned)
    lanes = session.lanes(SHAPES, LaneOptions(count=2, depth=2))
    for lane in lanes:
        lane.close()
        lane.close()
    assert (len(gpu.memory), len(gpu.pinned)) == (memory, pinned)
    after = session.run({"images": picture(5.0)}).outputs
    np.testing.assert_array_equal(before["output"], picture(2.0))
    np.testing.assert_array_equal(after["output"], picture(10.0))


def test_a_run_closes_lanes_that_were_left_open(
    session: TensorRTSession, gpu: FakeCuda, bindings: FakeGraphDriver
) -> None:
    session.lanes(SHAPES, LaneOptions(count=2))
    outputs = session.run({"images": picture(3.0)}).outputs
    np.testing.assert_array_equal(outputs["output"], picture(6.0))
    assert len(gpu.memory) == 2


def test_without_transfers_inputs_and_outputs_stay_on_the_device(
    session: TensorRTSession, gpu: FakeCuda, bindings: FakeGraphDriver
) -> None:
    uploads = len(gpu.uploads)
    [lane] = session.lanes(SHAPES, LaneOptions(transfers=False))
    lane.input("images")[...] = 7
    for _ in range(3):
        lane.start()
        lane.wait()
    assert len(gpu.uploads) == uploads + 1  # once, before the first
    address = lane.device_address("output")  # type: ignore[attr-defined]
    found = gpu.device_bytes(address, 768).view(np.float32)
    assert (found == 14).all()
    assert not lane.outputs()["output"].any()


def test_a_lane_that_is_fed_by_another_leaves_its_input_alone(
    session: TensorRTSession, gpu: FakeCuda, bindings: FakeGraphDriver
) -> None:
    [lane] = session.lanes(SHAPES, LaneOptions(feeds=False))
    address = lane.device_address("images")  # type: ignore[attr-defined]
    gpu.device_bytes(address, 768)[...] = picture(4.0).reshape(-1).view(np.uint8)
    lane.start()
    lane.wait()
    np.testing.assert_array_equal(lane.outputs()["output"], picture(8.0))


def test_outputs_that_depend_on_the_data_have_no_graph_and_one_query_a_context(
    trt: FakeTensorRT, bindings: FakeGraphDriver
) -> None:
    kept = plan(
        [tensor("images", "input", (1, 3, 8, 8)), tensor("kept", "output", (-1,))],
        program="select",
    )
    with TensorRTSession(kept, "x.engine") as session:
        [lane] = session.lanes(SHAPES, LaneOptions(depth=3))
        assert not lane.graph
        assert "depend on the data" in lane.why_no_graph
        numbers = lane.input("images")
        numbers[...] = -1
        numbers[0, 0, 0, :2] = (3, 4)
        lane.start()
        lane.wait()
        np.testing.assert_array_equal(lane.outputs()["kept"], [3, 4])


def test_shape_tensors_need_values_and_have_no_graph(
    trt: FakeTensorRT, bindings: FakeGraphDriver
) -> None:
    limits = [[[2, 2], [4, 4], [8, 8]]]
    sized = plan(
        [
            tensor("x", "input", (2, 2)),
            tensor("size", "input", (2,), DataType.INT32, host=True, profiles=limits),
            tensor("y", "output", (-1, -1)),
        ],
        program="resize",
    )
    with TensorRTSession(sized, "x.engine") as session:
        shapes = {"x": (2, 2), "size": (2,)}
        with pytest.raises(ModelError, match="'size'"):
            session.lanes(shapes, LaneOptions())
        [lane] = session.lanes(shapes, LaneOptions(), {"size": np.array([4, 4], np.int32)})
        assert "host's memory" in lane.why_no_graph
        lane.input("x")[...] = 3
        lane.start()
        lane.wait()
        np.testing.assert_array_equal(lane.outputs()["y"], np.full((4, 4), 6, np.float32))


def test_a_second_context_that_is_refused_says_how_to_get_one(
    session: TensorRTSession,
    trt: FakeTensorRT,
    gpu: FakeCuda,
    bindings: FakeGraphDriver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert session._engine is not None
    monkeypatch.setattr(session._engine.trt_engine, "create_execution_context", lambda: None)
    with pytest.raises(ModelError, match="runs on 1 execution context") as caught:
        session.lanes(SHAPES, LaneOptions(count=2))
    assert caught.value.kind == "contexts"
    assert "profile" in caught.value.hint
    assert gpu.memory == {}


def test_a_second_context_without_a_free_profile_is_refused_before_tensorrt_crashes(
    session: TensorRTSession, bindings: FakeGraphDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert session._engine is not None
    engine = session._engine.trt_engine
    create = engine.create_execution_context

    def create_as_8_6_does() -> object:
        context = create()
        context.active_optimization_profile = -1
        return context

    monkeypatch.setattr(engine, "create_execution_context", create_as_8_6_does)
    with pytest.raises(ModelError, match="Every optimization profile is in use") as caught:
        session.lanes(SHAPES, LaneOptions(count=2))
    assert caught.value.kind == "contexts"


def test_beside_others_inputs_are_copied_one_after_another_on_one_stream(
    session: TensorRTSession, bindings: FakeGraphDriver
) -> None:
    lanes = session.lanes(SHAPES, LaneOptions(count=2, share_copies=True))
    copies = {id(lane._copies) for lane in lanes}  # type: ignore[attr-defined]
    assert len(copies) == 1
    assert None not in copies
    for value, lane in enumerate(lanes, 1):
        lane.input("images")[...] = value
        lane.start()
    lanes[1].wait()  # its copy comes behind the other's
    np.testing.assert_array_equal(lanes[1].outputs()["output"], picture(4.0))
    lanes[0].wait()
    times = lanes[0].times()
    assert times.waited >= 0
    [alone] = session.lanes(SHAPES, LaneOptions())
    assert alone._copies is None  # type: ignore[attr-defined]
    assert alone.times().waited == 0


def test_lanes_that_have_no_room_leave_nothing_behind(
    session: TensorRTSession, gpu: FakeCuda, bindings: FakeGraphDriver
) -> None:
    gpu.largest = 500
    with pytest.raises(CudaError, match="ran out of memory"):
        session.lanes(SHAPES, LaneOptions())
    assert gpu.memory == {}
    assert gpu.pinned == {}


def test_lanes_check_shapes_as_a_run_does(session: TensorRTSession) -> None:
    with pytest.raises(InputError, match="expected 1 x 3 x 8 x 8"):
        session.lanes({"images": (2, 3, 8, 8)}, LaneOptions())


def test_a_query_that_fails_on_the_gpu_is_told_by_wait(
    session: TensorRTSession, gpu: FakeCuda, bindings: FakeGraphDriver
) -> None:
    [lane] = session.lanes(SHAPES, LaneOptions())
    gpu.kernel_error = "cuStreamSynchronize failed: misaligned address"
    lane.start()
    with pytest.raises(CudaError) as caught:
        lane.wait()
    assert caught.value.fatal


@pytest.mark.parametrize("graph", [True, False])
def test_of_short_queries_only_some_are_timed(
    session: TensorRTSession,
    bindings: FakeGraphDriver,
    monkeypatch: pytest.MonkeyPatch,
    graph: bool,
) -> None:
    monkeypatch.setattr("core.sessions.tensorrt_lane._EVENTS_MS", 1e9)
    [lane] = session.lanes(SHAPES, LaneOptions(graph=graph, timed_every=3))
    timed = []
    for value in range(7):
        lane.input("images")[...] = value
        lane.start()
        lane.wait()
        timed.append(bool(np.isfinite(lane.times()).all()))
        np.testing.assert_array_equal(lane.outputs()["output"], picture(value * 2.0))
    assert sum(timed) == 2
    assert timed.index(True) + 3 == len(timed) - 1 - timed[::-1].index(True)


def test_long_queries_are_all_timed(
    session: TensorRTSession, bindings: FakeGraphDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.sessions.tensorrt_lane._EVENTS_MS", 1e-9)
    [lane] = session.lanes(SHAPES, LaneOptions(timed_every=8))
    for _ in range(3):
        lane.start()
        lane.wait()
        assert np.isfinite(lane.times()).all()
