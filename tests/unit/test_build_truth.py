"""What is told of an engine after its build; the engine runs on a fake TensorRT, the ONNX really.

The fake engine gives its input times 2, or on further outputs times 3, 4 ...
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from onnx import helper

from core.building import BuildOptions, first_run
from core.building.truth import Truth, tell_truth
from core.errors import Cancelled, CudaError, ModelFileError
from core.opening import OpenOptions
from core.sessions.base import NO_WEIGHTS
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.fake_cuda import FakeCuda
from tests.unit.fake_tensorrt import DataType, FakeTensorRT, plan, simple_plan, tensor
from tests.unit.layer_json import of_10

SHAPE = (1, 3, 8, 8)
FREE = (-1, 3, 8, 8)


FP16 = BuildOptions(precision=frozenset({"fp16"}))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return fake_cuda.install(monkeypatch)


@pytest.fixture(autouse=True)
def trt(monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda) -> FakeTensorRT:
    fake_tensorrt.install_driver(monkeypatch)
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})["tensorrt"]


def multiplied(
    folder: Path,
    by: float = 2.0,
    *,
    shape: Any = SHAPE,
    dtype: str = "float32",
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """An ONNX that gives its input times `by`."""
    number = np.array(by, np.dtype(dtype))
    return onnx_models.save(
        folder / "model.onnx",
        [helper.make_node("Mul", ["images", "by"], ["output"])],
        [("images", dtype, shape)],
        [("output", dtype, shape)],
        {"by": number},
        metadata=metadata,
    )


def engine(folder: Path, content: bytes | None = None) -> Path:
    path = folder / "model.engine"
    path.write_bytes(simple_plan(layers=of_10()) if content is None else content)
    return path


def told(folder: Path, onnx: Path, options: BuildOptions = FP16, **more: Any) -> Truth:
    path = folder / "model.engine"
    if not path.exists():
        engine(folder)
    return tell_truth(onnx, path, options, **{"picture": None, **more})


def test_an_engine_that_does_what_its_onnx_does_agrees(tmp_path: Path) -> None:
    truth = told(tmp_path, multiplied(tmp_path))
    assert truth.first_run is not None
    assert truth.first_run.verdict == "agrees"
    [output] = truth.first_run.outputs
    assert (output.largest, output.cosine) == (0.0, pytest.approx(1.0))
    assert truth.engine_bytes == (tmp_path / "model.engine").stat().st_size
    assert [(one.mode, one.name) for one in truth.tensors] == [
        ("input", "images"),
        ("output", "output"),
    ]
    assert truth.warnings() == ()
    sentences = truth.sentences()
    assert "You asked for FP16: 67 % of the layers (2 of 3) are FP16" in " ".join(sentences)
    assert any("the engine gives what its ONNX gives" in one for one in sentences)
    assert "Input images: float32 1 x 3 x 8 x 8." in sentences


@pytest.mark.parametrize(("by", "verdict"), [(2.03, "agrees"), (2.5, "differs")])
def test_the_verdict_is_by_the_precisions_tolerance(
    tmp_path: Path, by: float, verdict: str
) -> None:
    # 2 instead of 2.03 is up to 1.5 % of the largest value away, and some 0.75 % on average, as
    # the input's values lie in 0..1: FP16's mean of 0.5 % would not take it, BF16's 2 % does.
    # 2 instead of 2.5 is up to 20 % away, and 10 % on average.
    layers = copy.deepcopy(of_10())
    layers["Layers"][1]["Weights"]["Type"] = "BF16"
    engine(tmp_path, simple_plan(layers=layers))
    truth = told(tmp_path, multiplied(tmp_path, by))
    assert truth.first_run is not None
    assert truth.first_run.tolerance is not None
    assert truth.first_run.tolerance.precision == "BF16"
    assert truth.first_run.verdict == verdict
    assert bool(truth.warnings()) is (verdict == "differs")


def test_fp32_all_through_is_told_though_fp16_was_asked_for(tmp_path: Path) -> None:
    described = {
        "Layers": [
            {
                "Name": "mul", "LayerType": "ElementWise",
                "Inputs": [], "Outputs": [
                    {"Name": "output", "Dimensions": list(SHAPE),
                     "Format/Datatype": "Row major linear FP32"}
                ],
            }
        ],
        "Bindings": ["images", "output"],
    }  # fmt: skip
    truth = told(tmp_path, multiplied(tmp_path), layer_json=json.dumps(described))
    [warning] = truth.warnings()
    assert warning.startswith("You asked for FP16, and no layer is in it")
    typed = told(
        tmp_path,
        multiplied(tmp_path),
        BuildOptions(precision=frozenset({"fp16"}), strongly_typed=True),
        layer_json=json.dumps(described),
    )
    assert "strongly typed" in typed.warnings()[0]


def test_an_engine_of_names_alone_says_that_it_cannot_be_known(tmp_path: Path) -> None:
    names = json.dumps({"Layers": ["a", "b"], "Bindings": []})
    engine(tmp_path, simple_plan(layers=names))
    truth = told(tmp_path, multiplied(tmp_path), layer_json=names)
    assert not truth.precision.is_known
    assert any("cannot be known" in one for one in truth.sentences())
    assert truth.first_run is not None
    assert truth.first_run.tolerance is not None
    assert truth.first_run.tolerance.precision == "FP16"  # the wish


def test_layer_information_that_cannot_be_read_is_said_and_asked_again(tmp_path: Path) -> None:
    truth = told(tmp_path, multiplied(tmp_path), layer_json="{")
    assert truth.precision.is_known  # by the engine itself
    assert any("not known from the build" in one for one in truth.sentences())


def test_what_the_build_does_not_tell_of_a_layer_the_opened_engine_does(tmp_path: Path) -> None:
    layers = of_10()
    untold = copy.deepcopy(layers)
    for one in untold["Layers"]:
        one.pop("Weights", None)
        for side in (*one["Inputs"], *one["Outputs"]):
            side["Format/Datatype"] = "N/A due to dynamic shapes"
    engine(tmp_path, simple_plan(layers=layers))
    truth = told(tmp_path, multiplied(tmp_path), layer_json=json.dumps(untold))
    assert "?" not in {one.name for one in truth.precision.shares}
    assert truth.precision.is_known


def test_the_engines_shapes_are_the_onnxs(tmp_path: Path) -> None:
    profiles = [[[2, 3, 8, 8], [4, 3, 8, 8], [8, 3, 8, 8]]]
    tensors = [
        tensor("images", "input", FREE, profiles=profiles),
        tensor("output", "output", FREE),
    ]
    engine(tmp_path, plan(tensors, layers=of_10()))
    truth = told(tmp_path, multiplied(tmp_path, shape=("n", 3, 8, 8)))
    assert truth.first_run is not None
    assert truth.first_run.verdict == "agrees"
    assert "Input images: float32 ? x 3 x 8 x 8, profiles 2 x 3 x 8 x 8 / " in " ".join(
        truth.sentences()
    )


def test_inputs_are_given_in_the_onnxs_own_dtype(tmp_path: Path) -> None:
    # TensorRT 8 narrows INT64 to INT32.
    tensors = [
        tensor("images", "input", (1, 16), DataType.INT32),
        tensor("output", "output", (1, 16), DataType.INT32),
    ]
    engine(tmp_path, plan(tensors, layers=of_10()))
    truth = told(tmp_path, multiplied(tmp_path, 2, shape=(1, 16), dtype="int64"))
    assert truth.first_run is not None
    assert truth.first_run.verdict == "agrees"
    assert truth.first_run.outputs[0].equal == 1.0


def picture(folder: Path) -> Path:
    path = folder / "red.png"
    assert cv2.imwrite(str(path), np.full((12, 16, 3), (0, 0, 255), np.uint8))
    return path


CLASSES = {"task": "classify", "names": "['red', 'green', 'blue']", "imgsz": "[8, 8]"}


def reduced(folder: Path, weights: list[float]) -> Path:
    """Gives [1, 3] logits: the means of the channels times 2, times these."""
    return onnx_models.save(
        folder / "model.onnx",
        [
            helper.make_node("GlobalAveragePool", ["images"], ["means"]),
            helper.make_node("Flatten", ["means"], ["flat"]),
            helper.make_node("Mul", ["flat", "weights"], ["output"]),
        ],
        [("images", "float32", SHAPE)],
        [("output", "float32", (1, 3))],
        {"weights": np.array([weights], np.float32)},
        metadata=CLASSES,
    )


def test_a_picture_goes_through_the_recipe_and_what_both_see_is_compared(tmp_path: Path) -> None:
    # The fake engine gives the first three of its input's values, doubled: of a red picture
    # those are 1, so its logits are [2, 2, 2]: class 0 first. So does the ONNX by its means.
    tensors = [tensor("images", "input", SHAPE), tensor("output", "output", (1, 3))]
    engine(tmp_path, plan(tensors, layers=of_10()))
    onnx = reduced(tmp_path, [2, 0, 0])
    truth = told(tmp_path, onnx, picture=picture(tmp_path))
    run = truth.first_run
    assert run is not None
    assert run.source == "red.png"
    assert run.predictions is not None
    assert run.predictions.agrees
    assert run.predictions.sentence.startswith("Both see 'red' first")
    # [2, 0, 0] against [2, 2, 2]: far apart, whatever both see.
    assert run.verdict == "differs"


def test_a_picture_that_cannot_be_read_is_said_and_random_input_taken(tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    truth = told(tmp_path, multiplied(tmp_path), picture=bad)
    assert truth.first_run is not None
    assert truth.first_run.source == "seeded random input"
    assert truth.first_run.verdict == "agrees"
    assert any(
        one.startswith("It was tried on random input instead of bad.png: ")
        for one in truth.sentences()
    )


def test_by_default_an_image_model_gets_the_bundled_picture(tmp_path: Path) -> None:
    truth = tell_truth(multiplied(tmp_path), engine(tmp_path), FP16)
    assert truth.first_run is not None
    assert truth.first_run.source == "picture-1.jpg"
    assert truth.first_run.verdict == "agrees"


def test_predictions_that_differ_make_a_difference(tmp_path: Path) -> None:
    tensors = [tensor("images", "input", SHAPE), tensor("output", "output", (1, 3))]
    engine(tmp_path, plan(tensors, layers=of_10()))
    onnx = onnx_models.save(
        tmp_path / "model.onnx",
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "logits"], ["output"]),
        ],
        [("images", "float32", SHAPE)],
        [("output", "float32", (1, 3))],
        {"zero": np.array(0, np.float32), "logits": np.array([[1.98, 2.005, 1.0]], np.float32)},
        metadata=CLASSES,
    )
    run = told(tmp_path, onnx, picture=picture(tmp_path)).first_run
    assert run is not None
    assert run.predictions is not None
    assert run.predictions.sentence.startswith("The ONNX sees 'green' first")


def test_both_never_hold_memory_at_the_same_time(
    tmp_path: Path, gpu: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    true_open = first_run.open_session

    def watched(*arguments: Any) -> Any:
        held.append(len(gpu.memory))
        return true_open(*arguments)

    monkeypatch.setattr(first_run, "open_session", watched)
    told(tmp_path, multiplied(tmp_path))
    assert held == [0]


def test_without_onnx_runtime_it_is_said_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = multiplied(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    truth = told(tmp_path, onnx)
    assert truth.first_run is not None
    assert truth.first_run.verdict == "not-compared"
    assert "ONNX Runtime cannot be imported" in " ".join(truth.sentences())
    assert truth.warnings() == ()


def test_too_large_an_onnx_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_run, "MOST_WEIGHTS", 3)  # the model has one float32
    truth = told(tmp_path, multiplied(tmp_path))
    assert truth.first_run is not None
    assert truth.first_run.note == "it has 4 B of weights; above 3 B it is not run on the CPU."


def test_other_inputs_are_said(tmp_path: Path) -> None:
    truth = told(tmp_path, onnx_models.identity(tmp_path, input_name="pixels"))
    assert truth.first_run is not None
    assert truth.first_run.note == "the ONNX has the inputs pixels, the engine images."


def test_an_engine_that_does_not_open_is_a_warning_and_the_rest_is_told(
    tmp_path: Path, trt: FakeTensorRT
) -> None:
    trt.log_on["deserialize_cuda_engine"] = [(1, "Version tag does not match.")]
    truth = told(tmp_path, multiplied(tmp_path), layer_json=json.dumps(of_10()))
    assert truth.tensors == ()
    assert truth.precision.is_known
    assert truth.first_run is not None
    assert truth.first_run.note == "the engine did not run."
    assert truth.warnings()[0].startswith("The engine could not be tried: ")


def test_a_lost_cuda_context_is_not_swallowed(tmp_path: Path, gpu: FakeCuda) -> None:
    gpu.kernel_error = "an illegal memory access was encountered"
    with pytest.raises(CudaError) as caught:
        told(tmp_path, multiplied(tmp_path))
    assert caught.value.fatal


def test_cancelling_ends_it(tmp_path: Path) -> None:
    def cancel(_fraction: float | None, text: str) -> None:
        if "on the CPU" in text:
            raise Cancelled

    with pytest.raises(Cancelled):
        told(tmp_path, multiplied(tmp_path), progress=cancel)


def test_without_comparing_only_the_layers_are_told(tmp_path: Path, trt: FakeTensorRT) -> None:
    truth = told(tmp_path, multiplied(tmp_path), compare=False, layer_json=json.dumps(of_10()))
    assert truth.first_run is None
    assert truth.precision.is_known
    assert trt.calls["deserialize_cuda_engine"] == 0


def test_a_truncated_engine_is_refused(tmp_path: Path) -> None:
    engine(tmp_path, simple_plan()[:-4])
    with pytest.raises(ModelFileError):
        told(tmp_path, multiplied(tmp_path))


def test_the_json_can_be_written_and_has_the_sentences(tmp_path: Path) -> None:
    truth = told(tmp_path, multiplied(tmp_path), opening=OpenOptions())
    value = json.loads(json.dumps(truth.as_json(), allow_nan=False))
    assert value["precision"]["asked"] == ["FP16"]
    assert value["precision"]["shares"][0]["name"] == "FP16"
    assert value["first_run"]["verdict"] == "agrees"
    assert value["first_run"]["tolerance"]["precision"] == "FP16"
    assert value["sentences"] == list(truth.sentences())


def test_a_stripped_engine_is_not_run(tmp_path: Path, trt: FakeTensorRT) -> None:
    truth = told(tmp_path, multiplied(tmp_path), BuildOptions(strip_weights=True))
    assert trt.calls["deserialize_cuda_engine"] == 0
    assert truth.first_run is not None
    assert truth.first_run.verdict == "not-compared"
    assert truth.warnings() == (NO_WEIGHTS,)
    assert (
        "The engine was not compared with its ONNX: it was built without its weights; refit it "
        "first." in truth.sentences()
    )
