"""TensorRTSession on a real GPU, against ONNX Runtime on the same input."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import Model
from core.building import BuildOptions
from core.errors import EnginebayError, InputError, ModelError, WrongThreadError
from core.paths import DEMO_MODEL, RESOURCES
from core.predictions import Detection
from core.results import TestResult as Outcome
from core.tensors import Profile
from tests.gpu.conftest import build
from tests.gpu.small_models import nonzero_model, reshape_model

PICTURES = sorted((RESOURCES / "demo").glob("picture-*"))


@pytest.fixture
def engine(demo_engine: Path) -> Iterator[Model]:
    with Model.open(demo_engine) as model:
        yield model


@pytest.fixture
def onnx() -> Iterator[Model]:
    with Model.open(DEMO_MODEL) as model:
        yield model


def assert_same_boxes(found: Outcome, wanted: Outcome) -> float:
    """Boxes within 2 px, scores within 0.02; gives the largest distance in pixels."""
    boxes = [one for one in found.predictions if isinstance(one, Detection)]
    expected = [one for one in wanted.predictions if isinstance(one, Detection)]
    assert len(boxes) == len(expected) > 0
    farthest = 0.0
    for want in expected:
        near = min(boxes, key=lambda one: float(np.abs(np.subtract(one.box, want.box)).max()))
        distance = float(np.abs(np.subtract(near.box, want.box)).max())
        assert near.class_id == want.class_id
        assert distance <= 2
        assert abs(near.score - want.score) <= 0.02
        farthest = max(farthest, distance)
    return farthest


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_engine_finds_what_onnx_runtime_finds(
    engine: Model, onnx: Model, picture: Path, figures: dict[str, Any]
) -> None:
    found, wanted = engine.test(picture), onnx.test(picture)
    figures[f"demo FP16 {picture.name}: largest box difference, px"] = round(
        assert_same_boxes(found, wanted), 4
    )
    assert [one.label for one in found.predictions if isinstance(one, Detection)]


def test_tensor_table_is_read_back(engine: Model) -> None:
    (image,), (output,) = engine.inputs, engine.outputs
    assert (image.name, image.dtype, image.shape) == ("images", "float32", (None, 3, 256, 256))
    limits = image.profiles[0]
    assert (limits.min[0], limits.opt[0], limits.max[0]) == (1, 1, 4)
    assert (output.name, output.dtype, output.shape) == ("output0", "float32", (None, 10, 1344))
    assert image.format == "linear"
    assert image.location == "device"


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_any_batch_of_the_profile_runs(engine: Model, onnx: Model, batch: int) -> None:
    random = np.random.default_rng(batch)
    images = random.random((batch, 3, 256, 256), np.float32)
    got, want = engine(images)["output0"], onnx(images)["output0"]
    assert got.shape == want.shape == (batch, 10, 1344)
    assert np.abs(got[:, 4:] - want[:, 4:]).max() < 0.05


def test_a_batch_outside_the_profile_names_the_limits(engine: Model) -> None:
    with pytest.raises(InputError, match="1 x 3 x 256 x 256 to 4 x 3 x 256 x 256"):
        engine(np.zeros((5, 3, 256, 256), np.float32))


def test_output_shapes_are_known_before_a_run_and_the_next_run_is_good(engine: Model) -> None:
    session = engine.session
    images = np.random.default_rng(5).random((2, 3, 256, 256), np.float32)
    before = engine(images)["output0"]
    for batch in (1, 4):
        shapes = session.output_shapes({"images": (batch, 3, 256, 256)})
        assert shapes == {"output0": (batch, 10, 1344)}
    np.testing.assert_array_equal(engine(images)["output0"], before)
    with pytest.raises(InputError, match="dimension 0 takes 1 to 4"):
        session.output_shapes({"images": (5, 3, 256, 256)})


def test_pictures_of_a_batch_have_the_boxes_that_each_has_alone(engine: Model) -> None:
    together = engine.test_batch(PICTURES[:3])
    for picture, result in zip(PICTURES[:3], together, strict=True):
        assert_same_boxes(result, engine.test(picture))


def test_results_are_the_callers_own(engine: Model) -> None:
    random = np.random.default_rng(0)
    images = [random.random((1, 3, 256, 256), np.float32) for _ in range(10)]
    outputs = [engine(image)["output0"] for image in images]
    copies = [output.copy() for output in outputs]
    for image in reversed(images):
        engine(image)
    for output, copy in zip(outputs, copies, strict=True):
        assert np.array_equal(output, copy)
    assert len({output.ctypes.data for output in outputs}) == 10


def test_the_sessions_own_buffer_gives_the_same(engine: Model) -> None:
    image = np.random.default_rng(1).random((1, 3, 256, 256), np.float32)
    buffer = engine.session.input_buffer("images", image.shape)
    buffer[...] = image
    assert np.array_equal(engine(buffer)["output0"], engine(image)["output0"])


def test_outputs_outlive_the_session(demo_engine: Path) -> None:
    with Model.open(demo_engine) as model:
        output = model(np.zeros((1, 3, 256, 256), np.float32))["output0"]
        copy = output.copy()
    assert np.array_equal(output, copy)


def test_timing_comes_from_events_and_the_first_run_is_told(engine: Model) -> None:
    image = np.zeros((1, 3, 256, 256), np.float32)
    first, second = engine.run({"images": image}), engine.run({"images": image})
    assert first.is_first
    assert not second.is_first
    timing = second.timing
    assert timing.clock == "cuda-events"
    assert timing.host_to_device_ms is not None
    assert timing.device_to_host_ms is not None
    assert min(timing.host_to_device_ms, timing.compute_ms, timing.device_to_host_ms) > 0


def test_another_thread_is_refused(engine: Model) -> None:
    errors: list[BaseException] = []

    def call() -> None:
        try:
            engine(np.zeros((1, 3, 256, 256), np.float32))
        except WrongThreadError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert engine(np.zeros((1, 3, 256, 256), np.float32))  # and nothing is broken by it


def test_data_dependent_output(workshop: Path) -> None:
    onnx_path = nonzero_model(workshop / "nonzero.onnx")
    options = BuildOptions(profiles=({"x": Profile((1, 8), (4, 8), (8, 8))},))
    target = build(onnx_path, workshop / "nonzero3.engine", options)
    random = np.random.default_rng(3)
    with Model.open(target) as model, Model.open(onnx_path) as reference:
        assert model.outputs[0].shape[1] is None
        assert model.session.output_shapes({"x": (4, 8)})["where"] == (2, None)
        for _ in range(4):
            x = random.standard_normal((4, 8)).astype(np.float32)
            got, want = model(x)["where"], reference(x)["where"]
            assert np.array_equal(got, want)
        assert model(np.full((4, 8), -1, np.float32))["where"].shape == (2, 0)
        shown = {spec.name: (spec.shape, spec.size_bytes) for spec in model.resolved_tensors()}
        assert shown == {"x": ((4, 8), 128), "where": ((2, None), None)}
        x = random.standard_normal((4, 8)).astype(np.float32)  # more than the run before gave
        assert np.array_equal(model(x)["where"], reference(x)["where"])


def test_host_shape_tensor(workshop: Path) -> None:
    onnx_path = reshape_model(workshop / "reshape.onnx")
    # The volumes agree at each of the three: 12, 24 and 48 elements.
    profile = {
        "x": Profile((1, 12), (2, 12), (4, 12)),
        "shape": Profile((2, 6), (4, 6), (8, 6)),
    }
    options = BuildOptions(optimization_level=0, profiles=(profile,))
    target = build(onnx_path, workshop / "reshape.engine", options)
    with Model.open(target) as model:
        shape_spec = next(spec for spec in model.inputs if spec.name == "shape")
        assert shape_spec.location == "host"
        assert not shape_spec.profiles or shape_spec.profiles[0].max == (8, 6)
        for rows in (2, 1, 4, 2):
            x = np.arange(rows * 12, dtype=np.float32).reshape(rows, 12)
            shape = np.array((rows * 2, 6), shape_spec.dtype)
            got = model.run({"x": x, "shape": shape}).outputs["y"]
            assert np.array_equal(got, x.reshape(rows * 2, 6))
            known = model.session.output_shapes({"x": x.shape, "shape": (2,)}, {"shape": shape})
            assert known == {"y": (rows * 2, 6)}


def damaged(engine: Path, path: Path, change: Callable[[bytearray], Any]) -> Path:
    data = bytearray(engine.read_bytes())
    change(data)
    path.write_bytes(bytes(data))
    return path


def test_a_damaged_engine_header_is_refused_with_tensorrts_words(
    demo_engine: Path, workshop: Path
) -> None:
    def break_engine_section(data: bytearray) -> None:
        at = data.index(b"ptrt", data.index(b"ftrt"))
        data[at : at + 4] = b"xxxx"

    path = damaged(demo_engine, workshop / "damaged.engine", break_engine_section)
    with pytest.raises(ModelError) as caught:
        Model.open(path)
    assert caught.value.details
    assert caught.value.hint


def test_a_truncated_engine_never_reaches_tensorrt(demo_engine: Path, workshop: Path) -> None:
    def cut(data: bytearray) -> None:
        del data[-99:]

    path = damaged(demo_engine, workshop / "short.engine", cut)
    with pytest.raises(EnginebayError) as caught:
        Model.open(path)
    assert caught.value.kind == "truncated-plan"


def test_fifty_openings_leave_the_memory_where_it_was(
    demo_engine: Path, cuda_memory: Callable[[], int], figures: dict[str, Any]
) -> None:
    image = np.zeros((1, 3, 256, 256), np.float32)

    def once() -> None:
        with Model.open(demo_engine) as model:
            model(image)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    for _ in range(10):
        once()
    free, host = cuda_memory(), resident()
    for _ in range(50):
        once()
    free_after, host_after = cuda_memory(), resident()
    figures["50 openings: GPU bytes lost"] = free - free_after
    figures["50 openings: host growth"] = round(host_after / host - 1, 4)
    assert free - free_after <= 0.05 * free
    assert free - free_after < 64 * 2**20
    assert host_after <= 1.05 * host
