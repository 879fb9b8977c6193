"""An engine's layers by the inspector and the profiler, against a fake TensorRT."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from core.errors import Cancelled, EnginebayError, ModelError, WrongThreadError
from core.layers.engine_layers import read_engine_layers, time_engine_layers
from core.sessions import layer_timing
from core.sessions.layer_timing import WARM_UP_RUNS, repeat
from core.sessions.tensorrt import TensorRTSession
from tests.unit import fake_cuda, fake_tensorrt
from tests.unit.fake_cuda import FakeCuda
from tests.unit.fake_tensorrt import FakeTensorRT, plan, simple_plan, tensor
from tests.unit.layer_json import NAMES, of_10, of_11

PICTURE = (1, 3, 8, 8)
DYNAMIC = (-1, 3, 8, 8)
TO_FOUR = [[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8]]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return fake_cuda.install(monkeypatch)


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda) -> FakeTensorRT:
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})["tensorrt"]


@pytest.fixture(autouse=True)
def no_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs alone decide when timing ends."""
    monkeypatch.setattr(layer_timing, "LEAST_SECONDS", 0.0)


@pytest.fixture
def session(trt: FakeTensorRT) -> Iterator[TensorRTSession]:
    with TensorRTSession(simple_plan(layers=of_10()), "x.engine") as opened:
        assert isinstance(opened, TensorRTSession)
        yield opened


def test_an_open_engine_tells_its_layers(session: TensorRTSession) -> None:
    table = read_engine_layers(session)
    assert table.source == "engine"
    assert [layer.name for layer in table.layers] == list(NAMES)
    assert table.schema == "TensorRT 8 to 10"


@pytest.mark.parametrize("value", [of_10(), of_11()], ids=["8 to 10", "11"])
def test_free_dimensions_are_those_of_the_optimum_or_as_wanted(
    trt: FakeTensorRT, value: dict[str, object]
) -> None:
    tensors = [
        tensor("images", "input", DYNAMIC, profiles=[TO_FOUR]),
        tensor("output", "output", DYNAMIC),
    ]
    with TensorRTSession(plan(tensors, layers=value), "x.engine") as session:
        assert isinstance(session, TensorRTSession)
        assert read_engine_layers(session).layers[0].inputs[0].dims == (2, 3, 8, 8)
        table = read_engine_layers(session, {"images": np.zeros((4, 3, 8, 8), np.float32)})
        assert table.layers[0].inputs[0].dims == (4, 3, 8, 8)
        # The next run finds its own shapes again.
        outputs = session(np.ones((1, 3, 8, 8), np.float32))
        assert outputs["output"].shape == (1, 3, 8, 8)


@pytest.mark.parametrize("nothing", ["", None])
@pytest.mark.parametrize("has_names_only", [False, True])
def test_layers_are_asked_one_by_one_where_tensorrt_tells_nothing_of_the_whole(
    trt: FakeTensorRT, caplog: pytest.LogCaptureFixture, has_names_only: bool, nothing: str | None
) -> None:
    trt.told_nothing = nothing
    value = of_10()
    of_profile_1 = [{**one, "Name": f"{one['Name']} [profile 1]"} for one in value["Layers"]]
    value["Layers"] += of_profile_1
    if has_names_only:
        value["Layers"] = [one["Name"] for one in value["Layers"]]
    tensors = [
        tensor("images", "input", DYNAMIC, profiles=[TO_FOUR, TO_FOUR]),
        tensor("output", "output", DYNAMIC),
    ]
    trt.log_on["get_engine_information"] = [(1, "invalid encoded reference to a slot")]
    with TensorRTSession(plan(tensors, layers=value), "x.engine") as session:
        assert isinstance(session, TensorRTSession)
        table = read_engine_layers(session)
    assert [layer.name for layer in table.layers] == list(NAMES)
    assert table.detailed is not has_names_only
    assert table.schema == "TensorRT 8 to 10"
    if not has_names_only:
        assert table.layers[0].inputs[0].dims == (2, 3, 8, 8)
        assert [one.name for one in table.inputs] == ["images"]
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


def test_times_are_the_means_of_runs_without_the_warm_up(session: TensorRTSession) -> None:
    table = time_engine_layers(session, read_engine_layers(session), runs=10)
    # The fake's layer k takes (k + 1) x run milliseconds: runs 5 to 14 have the mean 9.5
    # (a lane's first run comes before the warm-up).
    assert WARM_UP_RUNS == 3
    assert table.runs == 10
    assert [layer.time_ms for layer in table.layers] == [9.5, 19.0, 28.5, 38.0, 47.5]
    assert [layer.median_ms for layer in table.layers] == [9.5, 19.0, 28.5, 38.0, 47.5]
    assert sum(layer.share or 0 for layer in table.layers) == pytest.approx(1)


def test_timing_has_a_context_of_its_own_and_the_session_gets_a_new_one(
    session: TensorRTSession, trt: FakeTensorRT
) -> None:
    picture = np.ones(PICTURE, np.float32)
    before = session(picture)["output"]
    made = trt.calls["create_execution_context"]
    time_engine_layers(session, read_engine_layers(session), {"images": picture}, runs=10)
    assert trt.calls["create_execution_context"] == made + 1
    assert trt.gpu.journal.count("execution context destroyed") == 2  # the session's own before
    runs = trt.calls["execute_async_v3"]
    np.testing.assert_array_equal(session(picture)["output"], before)
    assert trt.calls["execute_async_v3"] == runs + 1


def test_a_failing_run_gives_the_sessions_context_back(
    session: TensorRTSession, trt: FakeTensorRT
) -> None:
    table = read_engine_layers(session)
    trt.log_on["execute_async_v3"] = [(1, "Error Code 1: something broke")]
    with pytest.raises(EnginebayError):
        time_engine_layers(session, table)
    trt.log_on.clear()
    assert session(np.ones(PICTURE, np.float32))["output"][0, 0, 0, 0] == 2


def test_no_room_for_another_context_is_told(session: TensorRTSession, trt: FakeTensorRT) -> None:
    table = read_engine_layers(session)
    trt.log_on["create_execution_context"] = [(1, "Error Code 2: OutOfMemory (no room)")]
    with pytest.raises(EnginebayError) as caught:
        time_engine_layers(session, table)
    assert caught.value.hint
    trt.log_on.clear()
    assert session(np.ones(PICTURE, np.float32))["output"][0, 0, 0, 0] == 2


def test_a_stop_keeps_the_runs_so_far_and_says_so(session: TensorRTSession) -> None:
    answers = iter([False] * (WARM_UP_RUNS + 4) + [True])
    table = time_engine_layers(session, read_engine_layers(session), stop=lambda: next(answers))
    assert table.runs == 4
    assert any("cancelled" in note and "4 runs" in note for note in table.notes)


def test_a_stop_before_the_first_run_gives_nothing(session: TensorRTSession) -> None:
    table = read_engine_layers(session)
    for count in (0, WARM_UP_RUNS):
        answers = iter([False] * count + [True])
        with pytest.raises(Cancelled):
            time_engine_layers(session, table, stop=answers.__next__)


def test_times_of_layers_that_are_not_listed_are_refused(session: TensorRTSession) -> None:
    table = read_engine_layers(session)
    assert session._engine is not None
    session._engine.trt_engine.layers = {"Layers": ["another"]}
    with pytest.raises(EnginebayError) as caught:
        time_engine_layers(session, table)
    assert caught.value.kind == "profile-mismatch"


def test_names_alone_can_be_timed_too(trt: FakeTensorRT) -> None:
    with TensorRTSession(
        simple_plan(layers={"Layers": ["a", "b"], "Bindings": []}), "x.engine"
    ) as session:
        assert isinstance(session, TensorRTSession)
        table = time_engine_layers(session, read_engine_layers(session))
    assert not table.detailed
    assert [layer.time_ms for layer in table.layers] == [9.5, 19.0]
    assert "--profilingVerbosity=detailed" in table.notes[0]


def test_an_engine_that_tells_nothing_is_refused_clearly(trt: FakeTensorRT) -> None:
    with TensorRTSession(simple_plan(layers=""), "x.engine") as session:
        assert isinstance(session, TensorRTSession)
        with pytest.raises(EnginebayError) as caught:
            read_engine_layers(session)
    assert caught.value.kind == "empty"
    assert "--profilingVerbosity=detailed" in caught.value.hint


@pytest.mark.parametrize("module", ["tensorrt_lean", "tensorrt_dispatch"])
def test_the_lean_runtimes_are_not_even_asked(
    monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda, module: str
) -> None:
    fake_tensorrt.install(monkeypatch, gpu, {module: "10.3.0"})
    with TensorRTSession(simple_plan(layers=of_10()), "x.engine") as session:
        assert isinstance(session, TensorRTSession)
        with pytest.raises(ModelError) as caught:
            read_engine_layers(session)
    assert caught.value.kind == "no-inspector"
    assert module in caught.value.message
    assert "engine broken" not in gpu.journal


def test_a_module_without_profiler_is_told(
    session: TensorRTSession, monkeypatch: pytest.MonkeyPatch, trt: FakeTensorRT
) -> None:
    monkeypatch.delattr(trt.module, "IProfiler")
    with pytest.raises(ModelError) as caught:
        time_engine_layers(session, read_engine_layers(session))
    assert caught.value.kind == "no-profiler"


def test_layers_are_for_the_sessions_thread(session: TensorRTSession) -> None:
    from threading import Thread

    found: list[str] = []

    def ask() -> None:
        try:
            session.layer_json()
        except WrongThreadError:
            found.append("refused")

    thread = Thread(target=ask)
    thread.start()
    thread.join()
    assert found == ["refused"]


def test_timing_goes_on_until_runs_and_seconds_are_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    ran: list[int] = []
    # The clock ticks at the beginning and after each run from the second on.
    assert repeat(lambda: ran.append(1), runs=2, seconds=5.0) == (2 + 4, True)
    assert repeat(lambda: None, runs=2, seconds=1000.0, most=7) == (7, True)
