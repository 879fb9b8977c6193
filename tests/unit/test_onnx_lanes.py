"""Lanes of an ONNX: the same outputs as a run, on one thread or several, and interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.errors import Cancelled, InputError, ModelError
from core.paths import DEMO_MODEL
from core.sessions.lanes import Lane, LaneOptions
from core.sessions.onnx import OnnxSession
from tests.unit import onnx_models


def close(lanes: Sequence[Lane]) -> None:
    for lane in lanes:
        lane.close()
        lane.close()  # twice is allowed


@pytest.mark.parametrize("count", [1, 3])
def test_lanes_give_what_a_run_gives(count: int) -> None:
    with OnnxSession(DEMO_MODEL) as session:
        [spec] = session.inputs
        shape = (1, 3, 256, 256)
        pictures = [
            np.random.default_rng(seed).random(shape).astype(np.float32) for seed in range(count)
        ]
        expected = [session.run({spec.name: picture}).outputs for picture in pictures]
        lanes = session.lanes({spec.name: shape}, LaneOptions(count=count))
        assert len(lanes) == count
        for lane, picture in zip(lanes, pictures, strict=True):
            assert lane.input(spec.name).shape == shape
            lane.input(spec.name)[...] = picture
        for _round in range(3):
            for lane in lanes:
                lane.start()
            for lane, outputs in zip(lanes, expected, strict=True):
                lane.wait()
                found = lane.outputs()
                assert list(found) == list(outputs)
                for name, array in outputs.items():
                    np.testing.assert_allclose(found[name], array, atol=1e-5)
        close(lanes)


@pytest.mark.parametrize("count", [1, 2])
def test_times_lie_within_what_the_caller_saw_and_are_all_compute(
    tmp_path: Path, count: int
) -> None:
    with OnnxSession(onnx_models.identity(tmp_path)) as session:
        before = time.perf_counter()
        lanes = session.lanes({"images": (1, 3, 8, 8)}, LaneOptions(count=count))
        for lane in lanes:
            lane.start()
            lane.wait()
            times = lane.times()
            elapsed = (time.perf_counter() - before) * 1000
            assert times.host_to_device == times.device_to_host == 0
            assert 0 <= times.start <= times.start + times.compute <= elapsed
            assert times.compute > 0
        close(lanes)


def test_a_shape_that_does_not_fit_is_refused_before_there_are_lanes(tmp_path: Path) -> None:
    with OnnxSession(onnx_models.identity(tmp_path)) as session:
        with pytest.raises(InputError) as caught:
            session.lanes({"images": (1, 3, 9, 8)}, LaneOptions())
        assert caught.value.kind == "input-shape"
        with pytest.raises(InputError):
            session.lanes({}, LaneOptions())


@pytest.mark.parametrize("count", [1, 2])
def test_a_query_that_is_interrupted_is_cancelled(tmp_path: Path, count: int) -> None:
    with OnnxSession(onnx_models.identity(tmp_path)) as session:
        lanes = session.lanes({"images": (1, 3, 8, 8)}, LaneOptions(count=count))
        for lane in lanes:
            lane.interrupt()
            lane.start()
            with pytest.raises(Cancelled):
                lane.wait()
        close(lanes)


def test_a_run_that_fails_says_so_where_it_is_waited_for(tmp_path: Path) -> None:
    """The data has eight rows, the model reshapes to as many as the other input says."""
    path = onnx_models.save(
        tmp_path / "reshape.onnx",
        [onnx_models.helper.make_node("Reshape", ["data", "shape"], ["out"])],
        [("data", "float32", (8,)), ("shape", "int64", (1,))],
        [("out", "float32", ("n",))],
    )
    with OnnxSession(path) as session:
        lanes = session.lanes({"data": (8,), "shape": (1,)}, LaneOptions(count=2))
        for lane in lanes:
            lane.input("shape")[...] = 5
            lane.start()
        for lane in lanes:
            with pytest.raises(ModelError) as caught:
                lane.wait()
            assert caught.value.kind == "onnxruntime"
        lanes[0].input("shape")[...] = 8
        lanes[0].start()
        lanes[0].wait()
        assert lanes[0].outputs()["out"].shape == (8,)
        close(lanes)


def test_closing_ends_the_threads_also_with_a_query_in_flight(tmp_path: Path) -> None:
    with OnnxSession(onnx_models.identity(tmp_path)) as session:
        before = threading.active_count()
        lanes = session.lanes({"images": (1, 3, 8, 8)}, LaneOptions(count=3))
        assert threading.active_count() == before + 3
        lanes[1].start()
        close(lanes)
        assert threading.active_count() == before


def test_a_closed_model_has_no_lanes(tmp_path: Path) -> None:
    session = OnnxSession(onnx_models.identity(tmp_path))
    session.close()
    with pytest.raises(ModelError) as caught:
        session.lanes({"images": (1, 3, 8, 8)}, LaneOptions())
    assert caught.value.kind == "closed"
