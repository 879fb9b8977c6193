"""From a file to the right session: engines on a fake machine with a GPU, and refusals."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from core.building import BuildOptions, write_engine
from core.building.sidecar import write_sidecar
from core.errors import MachineError, ModelError, ModelFileError
from core.model import Model
from core.modelfile import read_model_file
from core.opening import open_session
from core.predictions import ClassScore
from core.sessions.base import NO_WEIGHTS
from core.sessions.tensorrt import TensorRTSession
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.fake_cuda import FakeCuda
from tests.unit.fake_tensorrt import DataType, FakeTensorRT, plan, simple_plan, tensor


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> FakeTensorRT:
    """A machine with one GPU, its driver, pycuda and TensorRT 10.3, all fake."""
    gpu = fake_cuda.install(monkeypatch)
    fake_tensorrt.install_driver(monkeypatch)
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})["tensorrt"]


def put(folder: Path, data: bytes, name: str = "street.engine") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def prefixed(data: bytes, metadata: dict[str, object]) -> bytes:
    """As Ultralytics writes engines: length, JSON, plan."""
    text = json.dumps(metadata).encode()
    return struct.pack("<i", len(text)) + text + data


def test_a_plan_is_given_to_tensorrt_whole(trt: FakeTensorRT, tmp_path: Path) -> None:
    data = simple_plan()
    with Model.open(put(tmp_path, data)) as model:
        assert isinstance(model.session, TensorRTSession)
        output = model(np.ones((1, 3, 8, 8), np.float32))["output"]
    np.testing.assert_array_equal(output, 2.0)
    assert trt.plans == [data]


def test_a_refusal_says_what_the_header_of_the_file_says(trt: FakeTensorRT, tmp_path: Path) -> None:
    trt.log_on["deserialize_cuda_engine"] = [(1, "Version tag does not match.")]
    path = put(tmp_path, simple_plan(version=(8, 6, 1, 6)))
    with pytest.raises(ModelError, match=rf"{path.name} was built by TensorRT 8\.6\.1\.6; here is"):
        Model.open(path)


def test_an_ultralytics_engine_is_opened_without_its_prefix(
    trt: FakeTensorRT, tmp_path: Path
) -> None:
    data = plan([tensor("images", "input", (1, 3, 32, 32)), tensor("output0", "output", (1, 2))])
    metadata = {"task": "classify", "names": {"0": "cat", "1": "dog"}, "imgsz": [32, 32]}
    path = put(tmp_path, prefixed(data, metadata))
    picture = tmp_path / "white.png"
    cv2.imwrite(str(picture), np.full((40, 50, 3), 255, np.uint8))
    with Model.open(path) as model:
        assert model.file.kind == "ultralytics-engine"
        assert model.recipe is not None
        assert model.recipe.resize == "center-crop"
        result = model.test(picture)
    assert trt.plans == [data]
    assert result.guess.task == "classify"
    labels = [one.label for one in result.predictions if isinstance(one, ClassScore)]
    assert sorted(labels) == ["cat", "dog"]
    assert result.stages.host_to_device is not None
    assert result.stages.clock == "cuda-events"


def test_what_write_engine_writes_is_opened_with_its_metadata(
    trt: FakeTensorRT, tmp_path: Path
) -> None:
    path = tmp_path / "built.engine"
    write_engine(path, simple_plan(), {"task": "detect", "names": "{0: 'a'}", "imgsz": "[8, 8]"})
    with Model.open(path) as model:
        assert model.file.metadata is not None
        assert model.file.metadata.names == ("a",)
    assert trt.plans == [simple_plan()]


def test_an_engine_with_native_code_asks_for_consent_before_tensorrt_sees_it(
    trt: FakeTensorRT, tmp_path: Path
) -> None:
    path = put(tmp_path, simple_plan(native_code=True))
    with pytest.raises(ModelError, match="embeds native code") as caught:
        Model.open(path)
    assert caught.value.kind == "needs-consent"
    assert "--allow-native-code" in caught.value.hint
    assert trt.plans == []
    with Model.open(path, allow_native_code=True) as model:
        output = model(np.ones((1, 3, 8, 8), np.float32))["output"]
    np.testing.assert_array_equal(output, 2.0)


def test_consent_is_not_asked_where_there_is_nothing_to_consent_to(
    trt: FakeTensorRT, tmp_path: Path
) -> None:
    with Model.open(put(tmp_path, simple_plan()), allow_native_code=False) as model:
        assert model.file.plan is not None
        assert not model.file.plan.embeds_native_code


def test_the_module_that_is_asked_for_is_used(
    trt: FakeTensorRT, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    versions = {"tensorrt": "10.3.0", "tensorrt_lean": "10.4.0"}
    fake_tensorrt.install(monkeypatch, trt.gpu, versions)
    path = put(tmp_path, simple_plan())
    with Model.open(path, tensorrt_module="tensorrt_lean") as model:
        assert model.session.runtime == "TensorRT lean 10.4.0 (Fake GPU)"


def test_random_input_follows_the_profile_and_the_shape_tensors_values(
    trt: FakeTensorRT, tmp_path: Path
) -> None:
    profiles = [[[1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8]]]
    values = [[[1, 1], [3, 4], [9, 9]]]
    data = plan(
        [
            tensor("images", "input", (-1, 3, 8, 8), profiles=profiles),
            tensor("size", "input", (2,), DataType.INT32, host=True, profiles=values),
            tensor("output", "output", (-1, -1)),
        ],
        program="resize",
    )
    with Model.open(put(tmp_path, data)) as model:
        result = model.test_random()
    assert result.inputs["images"].shape == (2, 3, 8, 8)
    assert result.inputs["size"].tolist() == [3, 4]
    assert result.outputs["output"].shape == (3, 4)


@pytest.mark.parametrize("told_by", ["side-car", "TensorRT", "nobody"])
def test_an_engine_without_its_weights_is_warned_of_with_every_result(
    trt: FakeTensorRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told_by: str
) -> None:
    path = put(tmp_path, simple_plan())
    if told_by == "side-car":
        onnx = onnx_models.identity(tmp_path)
        options = BuildOptions(strip_weights=True).as_json()
        write_sidecar(path, onnx, options=options, versions={})
    stripped = 4096 if told_by == "TensorRT" else -1
    stat = SimpleNamespace(STRIPPED_WEIGHTS_SIZE="stripped")
    monkeypatch.setattr(trt.module, "EngineStat", stat, raising=False)
    monkeypatch.setattr(
        fake_tensorrt.Engine, "get_engine_stat", lambda _engine, _kind: stripped, raising=False
    )
    picture = tmp_path / "grey.png"
    cv2.imwrite(str(picture), np.full((8, 8, 3), 51, np.uint8))
    with Model.open(path) as model:
        results = [model.test(picture), model.test_random()]
    for result in results:
        assert (NO_WEIGHTS in result.warnings) is (told_by != "nobody")


def test_a_picture_uses_the_smallest_batch_that_the_profile_allows(
    trt: FakeTensorRT, tmp_path: Path
) -> None:
    profiles = [[[2, 3, 8, 8], [4, 3, 8, 8], [8, 3, 8, 8]]]
    shape = (-1, 3, 8, 8)
    data = plan(
        [tensor("images", "input", shape, profiles=profiles), tensor("output", "output", shape)]
    )
    picture = tmp_path / "grey.png"
    cv2.imwrite(str(picture), np.full((8, 8, 3), 51, np.uint8))
    with Model.open(put(tmp_path, data)) as model:
        results = [model.test(picture) for _ in range(10)]
    for result in results:
        assert result.outputs["output"].shape == (2, 3, 8, 8)
        np.testing.assert_allclose(result.outputs["output"], 0.4, rtol=1e-6)
        np.testing.assert_allclose(result.inputs["images"], 0.2, rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"hello, I am text\n" * 10, "unknown"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "git-lfs-pointer"),
        (simple_plan()[:-1], "truncated-plan"),
        (prefixed(simple_plan()[:-1], {"task": "detect"}), "truncated-plan"),
    ],
)
def test_what_is_no_model_is_refused_before_any_runtime_starts(
    trt: FakeTensorRT, tmp_path: Path, data: bytes, kind: str
) -> None:
    file = read_model_file(put(tmp_path, data))
    with pytest.raises(ModelFileError) as caught:
        open_session(file)
    assert caught.value.kind == kind
    assert trt.plans == []
    assert trt.gpu.journal == []


@pytest.mark.parametrize(
    ("missing", "kind"),
    [("tensorrt", "no-tensorrt"), ("pycuda", "no-pycuda")],
)
def test_what_the_machine_lacks_is_named(
    trt: FakeTensorRT,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    missing: str,
    kind: str,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MachineError) as caught:
        Model.open(put(tmp_path, simple_plan()))
    assert caught.value.kind == kind
    assert "install" in caught.value.hint.lower()


def test_the_gpu_is_given_back_when_the_model_is_closed(trt: FakeTensorRT, tmp_path: Path) -> None:
    gpu: FakeCuda = trt.gpu
    with Model.open(put(tmp_path, simple_plan())) as model:
        model.test_random()
    assert gpu.memory == {}
    assert gpu.context_stack == []
    assert gpu.journal[-1] == "context detached"
