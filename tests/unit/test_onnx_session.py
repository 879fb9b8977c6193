"""OnnxSession: bit for bit what ONNX Runtime gives, and its refusals in words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import helper

from core.errors import InputError, ModelError, ModelFileError
from core.modelfile import read_model_file
from core.opening import OpenOptions, open_session
from core.sessions.onnx import OnnxSession
from tests.unit import onnx_models
from tests.unit.onnx_models import Dims

Builder = Callable[[Path], Path]


def plain_run(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What ONNX Runtime gives without Enginebay in between."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def random_input(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return (np.random.default_rng(3).random(shape) * 200 - 50).astype(dtype)


@pytest.mark.parametrize(
    ("build", "name", "shape", "dtype"),
    [
        (onnx_models.identity, "images", (1, 3, 8, 8), "float32"),
        (onnx_models.classifier, "images", (1, 3, 8, 8), "float32"),
        (onnx_models.two_outputs, "images", (1, 3, 8, 8), "float32"),
        (onnx_models.nan_output, "images", (1, 3, 8, 8), "float32"),
        (onnx_models.nonzero, "images", (1, 3, 8, 8), "float32"),
        (onnx_models.uint8_nhwc, "images", (1, 8, 8, 3), "uint8"),
        (onnx_models.no_image_input, "ids", (1, 16), "int64"),
        (
            lambda folder: onnx_models.identity(folder, dtype="float16"),
            "images",
            (1, 3, 8, 8),
            "float16",
        ),
    ],
    ids=["identity", "classifier", "two", "nan", "nonzero", "uint8", "int64", "float16"],
)
def test_outputs_are_bit_for_bit_those_of_onnx_runtime(
    tmp_path: Path, build: Builder, name: str, shape: tuple[int, ...], dtype: str
) -> None:
    path = build(tmp_path)
    inputs = {name: random_input(shape, dtype)}
    expected = plain_run(path, inputs)
    with OnnxSession(path) as session:
        outputs = session.run(inputs).outputs
    assert list(outputs) == list(expected)
    for output, array in expected.items():
        assert outputs[output].dtype == array.dtype
        assert outputs[output].shape == array.shape
        assert outputs[output].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((1, 3, 8, 8), "float32", (1, 3, 8, 8)),
        (("batch", 3, "height", None), "float16", (None, 3, None, None)),
        ((2,), "bfloat16", (2,)),
        ((2,), "float64", (2,)),
        ((2,), "bool", (2,)),
        ((2,), "string", (2,)),
        ((), "int32", ()),
    ],
)
def test_the_tensor_table_has_names_dtypes_and_shapes(
    tmp_path: Path, shape: Dims, dtype: str, expected: tuple[int | None, ...]
) -> None:
    with OnnxSession(onnx_models.identity(tmp_path, shape=shape, dtype=dtype)) as session:
        (one,), (other,) = session.inputs, session.outputs
    assert (one.name, one.mode, one.dtype, one.shape) == ("images", "input", dtype, expected)
    assert (other.name, other.mode, other.dtype, other.shape) == (
        "output",
        "output",
        dtype,
        expected,
    )
    assert one.location == "device"
    assert one.profiles == ()


def test_the_runtime_names_its_version_and_its_device(tmp_path: Path) -> None:
    with OnnxSession(onnx_models.identity(tmp_path)) as session:
        assert session.runtime == f"ONNX Runtime {onnxruntime.__version__} (CPU)"


def test_the_timing_is_wall_clock_without_copies(tmp_path: Path) -> None:
    with OnnxSession(onnx_models.identity(tmp_path)) as session:
        timing = session.run({"images": np.zeros((1, 3, 8, 8), np.float32)}).timing
    assert timing.clock == "wall-clock"
    assert timing.compute_ms > 0
    assert timing.host_to_device_ms is None
    assert timing.device_to_host_ms is None


def test_a_free_batch_takes_any_batch(tmp_path: Path) -> None:
    with OnnxSession(onnx_models.identity(tmp_path, shape=("batch", 3, 8, 8))) as session:
        for batch in (1, 5):
            array = random_input((batch, 3, 8, 8), "float32")
            np.testing.assert_array_equal(session(array)["output"], array)


def test_a_wrong_dtype_is_refused_before_onnx_runtime_sees_it(tmp_path: Path) -> None:
    with (
        OnnxSession(onnx_models.identity(tmp_path)) as session,
        pytest.raises(InputError, match="expected float32, given float64"),
    ):
        session(np.zeros((1, 3, 8, 8)))


def from_another_ir(folder: Path) -> Path:
    return onnx_models.save(
        folder / "ir.onnx",
        [helper.make_node("Identity", ["a"], ["b"])],
        [("a", "float32", (1,))],
        [("b", "float32", (1,))],
        ir_version=99,
    )


def unknown_in_the_default_domain(folder: Path) -> Path:
    return onnx_models.save(
        folder / "sparkle.onnx",
        [helper.make_node("Sparkle", ["a"], ["b"])],
        [("a", "float32", (1,))],
        [("b", "float32", (1,))],
    )


def dangling_input(folder: Path) -> Path:
    return onnx_models.save(
        folder / "dangling.onnx",
        [helper.make_node("Identity", ["nowhere"], ["b"])],
        [("a", "float32", (1,))],
        [("b", "float32", (1,))],
    )


def dangling_input_in_a_telling_folder(folder: Path) -> Path:
    telling = folder / "opset12 ir version"
    telling.mkdir()
    return dangling_input(telling)


@pytest.mark.parametrize(
    ("build", "kind", "message", "hint"),
    [
        (
            onnx_models.unknown_operator,
            "unsupported-operator",
            "unknown_operator.onnx uses the operator acme.Sparkle, which",
            "custom operator",
        ),
        (
            unknown_in_the_default_domain,
            "unsupported-operator",
            "sparkle.onnx uses the operator Sparkle, which",
            "custom operator",
        ),
        (
            onnx_models.from_the_future,
            "onnx-version",
            "future.onnx is newer than this ONNX Runtime: Opset 999 is under development",
            "Update onnxruntime",
        ),
        (
            from_another_ir,
            "onnx-version",
            "ir.onnx is newer than this ONNX Runtime: Unsupported model IR version: 99, max",
            "Update onnxruntime",
        ),
        (dangling_input, "onnxruntime", "ONNX Runtime refuses dangling.onnx", "onnx.checker"),
        (
            dangling_input_in_a_telling_folder,
            "onnxruntime",
            "ONNX Runtime refuses dangling.onnx",
            "onnx.checker",
        ),
    ],
)
def test_a_refused_model_says_why_and_what_to_do(
    tmp_path: Path, build: Builder, kind: str, message: str, hint: str
) -> None:
    with pytest.raises(ModelError) as caught:
        OnnxSession(build(tmp_path))
    error = caught.value
    assert error.kind == kind
    assert error.message.startswith(message)
    assert "\n" not in error.message
    assert hint in error.hint
    assert error.details


def test_weights_that_are_not_there_are_told_before_onnx_runtime_looks(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        OnnxSession(onnx_models.external_data_missing(tmp_path))
    assert caught.value.kind == "external-data"
    assert caught.value.message == (
        "external.onnx keeps weights in another file weights.bin, which is not there."
    )
    assert "beside the ONNX" in caught.value.hint


def test_weights_outside_the_folder_are_refused_before_onnx_runtime_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(768))
    folder = tmp_path / "models"
    folder.mkdir()
    path = onnx_models.external_data(folder, "../weights.bin")
    monkeypatch.setattr(onnxruntime, "InferenceSession", None)
    with pytest.raises(ModelFileError) as caught:
        OnnxSession(path)
    assert caught.value.kind == "external-data-outside"


def test_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    path = onnx_models.external_data(tmp_path, "weights.bin")
    np.full((1, 3, 8, 8), 2, np.float32).tofile(tmp_path / "weights.bin")
    with OnnxSession(path) as session:
        assert session(np.ones((1, 3, 8, 8), np.float32))["output"].max() == 3


def test_a_run_that_fails_is_a_model_error(tmp_path: Path) -> None:
    inputs = {"values": np.zeros(10, np.float32), "shape": np.array([7])}
    with (
        OnnxSession(onnx_models.failing_at_run_time(tmp_path)) as session,
        pytest.raises(ModelError, match="ONNX Runtime failed to run the model") as caught,
    ):
        session.run(inputs)
    assert caught.value.kind == "onnxruntime"
    assert "Reshape" in caught.value.details


def test_strings_come_out_as_objects(tmp_path: Path) -> None:
    with OnnxSession(onnx_models.string_output(tmp_path)) as session:
        assert session.outputs[1].dtype == "string"
        words = session(np.zeros((1, 3, 8, 8), np.float32))["words"]
    assert words.tolist() == ["cat", "dog"]


def test_a_sequence_comes_out_as_an_array_of_objects(tmp_path: Path) -> None:
    with OnnxSession(onnx_models.sequence_output(tmp_path)) as session:
        parts = session(np.zeros((1, 3, 8, 8), np.float32))["parts"]
    assert (parts.dtype, parts.shape) == (object, (2,))
    assert [part.shape for part in parts] == [(1, 3, 8, 8), (2,)]


def test_a_closed_session_says_so(tmp_path: Path) -> None:
    session = OnnxSession(onnx_models.identity(tmp_path))
    session.close()
    session.close()
    with pytest.raises(ModelError, match="closed") as caught:
        session(np.zeros((1, 3, 8, 8), np.float32))
    assert caught.value.kind == "closed"


def test_an_onnx_file_is_opened_by_content_whatever_its_name(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path).rename(tmp_path / "model.engine")
    with open_session(read_model_file(path)) as session:
        assert isinstance(session, OnnxSession)


@pytest.mark.parametrize(("spin", "entry"), [(False, "1"), (True, None)])
def test_threads_stop_spinning_after_a_run_unless_they_are_to_go_on(
    tmp_path: Path, spin: bool, entry: str | None
) -> None:
    file = read_model_file(onnx_models.identity(tmp_path))
    with open_session(file, OpenOptions(spin=spin)) as session:
        assert isinstance(session, OnnxSession)
        options = session._session.get_session_options()
        found = None
        with contextlib.suppress(RuntimeError):  # ONNX Runtime's word on what nobody set
            found = options.get_session_config_entry("session.force_spinning_stop")
        assert found == entry
