"""Output shapes that are known before a run, and the profile that a session is held to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from core.errors import InputError, ModelError
from core.sessions.onnx import OnnxSession
from core.sessions.tensorrt import TensorRTSession
from core.tensors import Shape
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.fake_tensorrt import DataType, FakeTensorRT, plan, tensor

PICTURE = (1, 3, 8, 8)
DYNAMIC = (-1, 3, 8, 8)
TO_FOUR = [[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8]]
TO_SIXTEEN = [[8, 3, 8, 8], [8, 3, 8, 8], [16, 3, 8, 8]]


@pytest.fixture(params=["8.6.1", "10.3.0", "11.0.0"])
def trt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FakeTensorRT:
    gpu = fake_cuda.install(monkeypatch)
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": request.param})["tensorrt"]


def dynamic() -> TensorRTSession:
    tensors = [
        tensor("images", "input", DYNAMIC, profiles=[TO_FOUR, TO_SIXTEEN]),
        tensor("output", "output", DYNAMIC),
    ]
    return TensorRTSession(plan(tensors), "x.engine")


def batch(count: int, value: float = 1.0) -> np.ndarray:
    return np.full((count, 3, 8, 8), value, np.float32)


# TensorRT


def test_an_engines_output_shapes_follow_the_input_shapes(trt: FakeTensorRT) -> None:
    with dynamic() as session:
        for count, profile in ((1, 0), (3, 0), (12, 1)):
            shapes = session.output_shapes({"images": (count, 3, 8, 8)})
            assert shapes == {"output": (count, 3, 8, 8)}
            assert session.profile == profile
    assert trt.calls["execute_async_v3"] == 0


def test_a_run_after_the_question_is_bound_anew(trt: FakeTensorRT) -> None:
    with dynamic() as session:
        session.run({"images": batch(2)})
        session.output_shapes({"images": (4, 3, 8, 8)})
        result = session.run({"images": batch(2, 5)})
        assert result.outputs["output"].shape == (2, 3, 8, 8)
        assert (result.outputs["output"] == 10).all()
        session.output_shapes({"images": (16, 3, 8, 8)})
        assert (session.run({"images": batch(3, 2)}).outputs["output"] == 4).all()


def test_what_the_data_decides_is_none(trt: FakeTensorRT) -> None:
    tensors = [tensor("images", "input", PICTURE), tensor("kept", "output", (-1,))]
    with TensorRTSession(plan(tensors, program="select"), "x.engine") as session:
        assert session.output_shapes({"images": PICTURE}) == {"kept": (None,)}


def test_a_shape_tensors_values_decide_and_without_them_nothing_is_claimed(
    trt: FakeTensorRT,
) -> None:
    tensors = [
        tensor("images", "input", (1, 4)),
        tensor(
            "size", "input", (2,), DataType.INT32, host=True, profiles=[[[1, 1], [4, 4], [9, 9]]]
        ),
        tensor("output", "output", (-1, -1)),
    ]
    shapes: dict[str, tuple[int, ...]] = {"images": (1, 4), "size": (2,)}
    with TensorRTSession(plan(tensors, program="resize"), "x.engine") as session:
        size = np.array([3, 5], np.int32)
        assert session.output_shapes(shapes, {"size": size}) == {"output": (3, 5)}
        assert session.output_shapes(shapes) == {"output": (None, None)}
        with pytest.raises(InputError, match="expected int32"):
            session.output_shapes(shapes, {"size": size.astype(np.float32)})


def test_a_shape_outside_every_profile_never_reaches_tensorrt(trt: FakeTensorRT) -> None:
    with dynamic() as session:
        calls = trt.calls["set_input_shape"]
        with pytest.raises(InputError, match="dimension 0 takes 1 to 4"):
            session.output_shapes({"images": (17, 3, 8, 8)})
        with pytest.raises(InputError, match="No array was given for input 'images'"):
            session.output_shapes({})
        assert trt.calls["set_input_shape"] == calls


@pytest.mark.parametrize("method", ["set_input_shape", "infer_shapes"])
def test_what_tensorrt_refuses_is_a_model_error_and_the_session_stays_good(
    trt: FakeTensorRT, method: str
) -> None:
    with dynamic() as session:
        session.run({"images": batch(2)})
        trt.log_on = {method: [(1, "Error Code 3: no such shape")]}
        with pytest.raises(ModelError, match="no such shape"):
            session.output_shapes({"images": (3, 3, 8, 8)})
        trt.log_on = {}
        assert (session.run({"images": batch(2, 3)}).outputs["output"] == 6).all()


def test_a_closed_engine_says_so(trt: FakeTensorRT) -> None:
    with dynamic() as session:
        pass
    with pytest.raises(ModelError, match="closed"):
        session.output_shapes({"images": PICTURE})


# The pin


def test_a_pinned_profile_is_used_though_another_would_fit(trt: FakeTensorRT) -> None:
    narrow = [[1, 3, 8, 8], [1, 3, 8, 8], [2, 3, 8, 8]]
    tensors = [
        tensor("images", "input", DYNAMIC, profiles=[TO_FOUR, narrow]),
        tensor("output", "output", DYNAMIC),
    ]
    with TensorRTSession(plan(tensors), "x.engine") as session:
        used = []
        for pin in (None, 1, None):
            session.pin_profile(pin)
            session.run({"images": batch(2)})
            used.append(session.profile)
        assert used == [0, 1, 1]  # without a pin the profile stays while it fits
        session.pin_profile(1)
        with pytest.raises(InputError, match="profile 1"):
            session.run({"images": batch(4)})
        session.pin_profile(None)
        assert session.run({"images": batch(4)}).outputs["output"].shape == (4, 3, 8, 8)


@pytest.mark.parametrize("profile", [-1, 2, 99])
def test_a_profile_that_is_not_there_cannot_be_pinned(trt: FakeTensorRT, profile: int) -> None:
    with dynamic() as session:
        session.pin_profile(1)
        with pytest.raises(InputError, match="the model has profiles 0 to 1") as caught:
            session.pin_profile(profile)
        assert caught.value.kind == "no-profile"
        assert session.pinned_profile == 1


# ONNX


def onnx(
    folder: Path, inputs: list[onnx_models.Value], out: list[onnx_models.Value]
) -> OnnxSession:
    """Gives its first input back, under each output's name."""
    first = inputs[0][0]
    nodes = [helper.make_node("Identity", [first], [name]) for name, _, _ in out]
    return OnnxSession(onnx_models.save(folder / "m.onnx", nodes, inputs, out))


def test_an_onnxs_output_shapes_follow_its_symbols(tmp_path: Path) -> None:
    inputs: list[onnx_models.Value] = [
        ("x", "float32", ("n", 3, "h", None)),
        ("y", "float32", ("m",)),
    ]
    with onnx(tmp_path, inputs, [("out", "float32", ("n", 3, "h", None))]) as session:
        assert session.symbols["x"] == ("n", None, "h", None)
        shapes: dict[str, tuple[int, ...]] = {"x": (2, 3, 5, 7), "y": (9,)}
        expected: Shape = (2, 3, 5, None)
        assert session.output_shapes(shapes) == {"out": expected}
        with pytest.raises(InputError, match="expected"):
            session.output_shapes({"x": (2, 4, 5, 7), "y": (9,)})
        with pytest.raises(InputError, match="no optimization profiles"):
            session.pin_profile(0)


def test_what_an_onnx_does_not_say_is_not_claimed(tmp_path: Path) -> None:
    with OnnxSession(onnx_models.nonzero(tmp_path)) as session:
        assert session.output_shapes({"images": PICTURE}) == {"output": (4, None)}
    with OnnxSession(onnx_models.sequence_output(tmp_path)) as session:
        assert session.output_shapes({"images": PICTURE}) == {"parts": None}
