"""The whole road, from a model file and a picture to predictions and timings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import core
from core.errors import Cancelled, EnginebayError, ImageError, InputError, ModelError
from core.model import Model
from core.predictions import ClassScore, Detection, OutputImage, TensorSummary
from tests.unit import onnx_models

NAMES = {"task": "classify", "names": "{0: 'red', 1: 'green', 2: 'blue'}", "imgsz": "[8, 8]"}
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
Rgb = tuple[int, int, int]


def picture(folder: Path, color: Rgb, size_wh: tuple[int, int] = (16, 12)) -> Path:
    """A PNG of one colour."""
    pixels = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    pixels[:] = color[::-1]
    path = folder / f"{'-'.join(map(str, color))}.png"
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize(
    ("color", "label", "class_id"), [(RED, "red", 0), (GREEN, "green", 1), (BLUE, "blue", 2)]
)
def test_a_picture_is_classified_in_its_true_colours(
    tmp_path: Path, color: Rgb, label: str, class_id: int
) -> None:
    with Model.open(onnx_models.classifier(tmp_path, metadata=NAMES)) as model:
        result = model.test(picture(tmp_path, color))
    assert result.guess.task == "classify"
    best = result.predictions[0]
    assert isinstance(best, ClassScore)
    assert (best.label, best.class_id) == (label, class_id)
    assert best.score > 0.99
    np.testing.assert_allclose(result.outputs["logits"].max(), 20.0, rtol=1e-6)


def test_boxes_come_out_in_the_pixels_of_the_picture(tmp_path: Path) -> None:
    # In a 200 x 100 picture letterboxed to 64 x 64: scale 0.32, 16 rows of padding above.
    head = onnx_models.detector_head([[32, 32, 32, 19.2]], [1], [0.75])
    path = onnx_models.constant_output(tmp_path, {"output0": head})
    with Model.open(path) as model:
        result = model.test(picture(tmp_path, RED, (200, 100)))
    [found] = result.predictions
    assert isinstance(found, Detection)
    assert (found.label, found.class_id, found.score) == ("1", 1, 0.75)
    np.testing.assert_allclose(found.box, [50, 20, 150, 80], atol=1)


def test_an_image_model_gives_the_picture_back(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path)) as model:
        result = model.test(picture(tmp_path, (255, 128, 0), (8, 8)))
    [found] = result.predictions
    assert isinstance(found, OutputImage)
    assert found.pixels.shape == (8, 8, 3)
    assert (found.pixels == (255, 128, 0)).all()


def test_an_image_model_that_takes_bgr_gives_the_pictures_own_colours_back(tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path)) as model:
        assert model.recipe is not None
        model.use(replace(model.recipe, color="bgr"))
        result = model.test(picture(tmp_path, (255, 128, 0), (8, 8)))
    [found] = result.predictions
    assert isinstance(found, OutputImage)
    assert (found.pixels == (255, 128, 0)).all()
    assert "BGR" in found.note


@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_other_input_types_take_a_picture_too(tmp_path: Path, dtype: str) -> None:
    path = (
        onnx_models.uint8_nhwc(tmp_path)
        if dtype == "uint8"
        else onnx_models.identity(tmp_path, dtype=dtype)
    )
    with Model.open(path) as model:
        result = model.test(picture(tmp_path, (0, 255, 255), (8, 8)))
    assert result.inputs["images"].dtype == dtype
    [found] = result.predictions
    assert isinstance(found, OutputImage)
    assert (found.pixels == (0, 255, 255)).all()


def test_a_free_batch_is_one(tmp_path: Path) -> None:
    with Model.open(onnx_models.classifier(tmp_path, batch="n")) as model:
        result = model.test(picture(tmp_path, RED))
    assert result.inputs["images"].shape == (1, 3, 8, 8)
    assert result.outputs["logits"].shape == (1, 3)


def test_a_fixed_batch_is_filled_and_its_first_is_read(tmp_path: Path) -> None:
    with Model.open(onnx_models.classifier(tmp_path, batch=4)) as model:
        result = model.test(picture(tmp_path, BLUE))
    assert result.outputs["logits"].shape == (4, 3)
    assert isinstance(result.predictions[0], ClassScore)
    assert result.predictions[0].class_id == 2


def test_a_data_dependent_output_has_the_shape_of_this_run(tmp_path: Path) -> None:
    with Model.open(onnx_models.nonzero(tmp_path)) as model:
        red = model.test(picture(tmp_path, RED))
        black = model.test(picture(tmp_path, (0, 0, 0)))
    assert red.outputs["output"].shape == (4, 64)
    assert black.outputs["output"].shape == (4, 0)
    assert red.guess.task == black.guess.task == "tensors"


# Stages and results


def test_every_stage_is_timed_and_the_total_holds_them(tmp_path: Path) -> None:
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        stages = model.test(picture(tmp_path, RED)).stages
    assert stages.clock == "wall-clock"
    assert (stages.host_to_device, stages.device_to_host) == (None, None)
    parts = [stages.read, stages.preprocess, stages.compute, stages.postprocess]
    assert all(part is not None and part > 0 for part in parts)
    assert stages.total >= sum(part for part in parts if part is not None)
    assert list(stages.as_json()) == [
        "read",
        "preprocess",
        "host_to_device",
        "compute",
        "device_to_host",
        "postprocess",
        "total",
    ]


def test_the_first_run_is_marked_and_the_second_is_not(tmp_path: Path) -> None:
    path = picture(tmp_path, RED)
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        assert [model.test(path).is_first for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    "build",
    [
        onnx_models.classifier,
        onnx_models.identity,
        onnx_models.nan_output,
        onnx_models.nonzero,
        onnx_models.string_output,
        onnx_models.sequence_output,
    ],
)
def test_a_result_is_json_whatever_came_out(tmp_path: Path, build: object) -> None:
    assert callable(build)
    with Model.open(build(tmp_path)) as model:
        results = [model.test(picture(tmp_path, RED)), model.test_random()]
    for result in results:
        answer = json.loads(json.dumps(result.as_json(), allow_nan=False))
        assert answer["task"] == result.guess.task
        assert answer["evidence"]
        assert len(answer["predictions"]) == len(result.predictions)
        assert answer["timing_ms"]["total"] > 0


def test_what_the_network_saw_can_be_shown(tmp_path: Path) -> None:
    with Model.open(onnx_models.classifier(tmp_path, size=10)) as model:
        seen = model.test(picture(tmp_path, (255, 128, 7), (40, 40))).network_picture()
        assert seen is not None
        assert seen.shape == (10, 10, 3)
        assert (seen == (255, 128, 7)).all()
        assert model.test_random().network_picture() is None


def test_the_stages_are_announced_in_order(tmp_path: Path) -> None:
    path, said = picture(tmp_path, RED), []
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        model.test(path, said.append)
    assert said == [
        f"reading {path.name}",
        "preparing the input",
        "running the model",
        "reading the outputs",
    ]


@pytest.mark.parametrize("stop_at", ["reading", "preparing", "running", "reading the outputs"])
def test_a_run_can_be_stopped_at_each_stage_and_the_model_stays_good(
    tmp_path: Path, stop_at: str
) -> None:
    def note(text: str) -> None:
        if text.startswith(stop_at):
            raise Cancelled

    path = picture(tmp_path, RED)
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        with pytest.raises(Cancelled):
            model.test(path, note)
        assert model.test(path).predictions


# Warnings


@pytest.mark.parametrize("with_picture", [True, False])
def test_nan_outputs_are_warned_of(tmp_path: Path, with_picture: bool) -> None:
    with Model.open(onnx_models.nan_output(tmp_path)) as model:
        result = model.test(picture(tmp_path, RED)) if with_picture else model.test_random()
    [warning] = result.warnings
    assert "Output 'output': every value is NaN. Do not trust this result" in warning
    assert result.summaries == (
        TensorSummary("output", "float32", (1, 3, 8, 8), None, None, None, 192, 0),
    )


def test_some_nan_and_some_infinite_values_are_counted(tmp_path: Path) -> None:
    values = np.zeros((1, 5, 6), np.float32)
    values[0, 0, :2] = np.nan
    values[0, 1, :3] = [np.inf, -np.inf, np.inf]
    path = onnx_models.constant_output(tmp_path, {"bad": values, "good": np.zeros((1, 2))})
    with Model.open(path) as model:
        warnings = model.test(picture(tmp_path, RED)).warnings
    assert len(warnings) == 2
    assert warnings[0].startswith("Output 'bad': 2 of 30 values are NaN.")
    assert warnings[1].startswith("Output 'bad': 3 of 30 values are infinite.")


def test_a_healthy_output_is_not_warned_of(tmp_path: Path) -> None:
    with Model.open(onnx_models.two_outputs(tmp_path)) as model:
        assert model.test(picture(tmp_path, RED)).warnings == ()


def test_outputs_that_contradict_their_shape_are_warned_of(tmp_path: Path) -> None:
    head = onnx_models.detector_head([[32, 32, 32, 16]], [0], [55.0])
    with Model.open(onnx_models.constant_output(tmp_path, {"output0": head})) as model:
        result = model.test(picture(tmp_path, RED))
    assert result.guess.task == "tensors"
    assert "not its values" in result.warnings[0]


# Without a picture


def test_a_model_without_an_image_input_runs_on_random_input(tmp_path: Path) -> None:
    with Model.open(onnx_models.no_image_input(tmp_path)) as model:
        assert model.recipe is None
        one, other = model.test_random(), model.test_random()
    assert (one.source, one.image, one.recipe) == ("random input", None, None)
    assert one.guess.task == "tensors"
    assert set(np.unique(one.inputs["ids"])) <= {0, 1}
    np.testing.assert_array_equal(one.outputs["output"], one.inputs["ids"])
    np.testing.assert_array_equal(one.outputs["output"], other.outputs["output"])
    assert (one.stages.read, one.stages.preprocess) == (None, None)
    assert (one.is_first, other.is_first) == (True, False)


def test_random_floats_lie_between_0_and_1(tmp_path: Path) -> None:
    with Model.open(onnx_models.two_inputs(tmp_path)) as model:
        inputs = model.test_random().inputs
    assert list(inputs) == ["images", "sizes"]
    for array in inputs.values():
        assert array.dtype == np.float32
        assert 0 <= array.min() < array.max() < 1


def test_a_model_that_a_picture_cannot_feed_says_so_and_still_opens(tmp_path: Path) -> None:
    path = onnx_models.no_image_input(tmp_path)
    with Model.open(path) as model, pytest.raises(ModelError) as caught:
        model.test(picture(tmp_path, RED))
    assert caught.value.kind == "no-image-input"
    assert caught.value is model.recipe_problem


# From Python


def test_a_model_is_called_on_an_array_or_a_picture(tmp_path: Path) -> None:
    with core.Model.open(onnx_models.classifier(tmp_path)) as model:
        array = np.zeros((1, 3, 8, 8), np.float32)
        array[:, 0] = 1.0
        from_array = model(array)
        from_path = model(picture(tmp_path, RED))
        from_text = model(str(picture(tmp_path, RED)))
        by_name = model.run({"images": array}).outputs
    for outputs in (from_array, from_path, from_text, by_name):
        assert list(outputs) == ["logits"]
        np.testing.assert_allclose(outputs["logits"], [[20.0, 0.0, 0.0]], atol=1e-5)


def test_an_array_that_does_not_fit_is_an_input_error(tmp_path: Path) -> None:
    with (
        Model.open(onnx_models.classifier(tmp_path)) as model,
        pytest.raises(InputError, match="expected 1 x 3 x 8 x 8, given float32 1 x 3 x 9 x 8"),
    ):
        model(np.zeros((1, 3, 9, 8), np.float32))


def test_a_picture_that_is_not_there_is_an_image_error(tmp_path: Path) -> None:
    with (
        Model.open(onnx_models.classifier(tmp_path)) as model,
        pytest.raises(ImageError, match=r"nowhere\.png"),
    ):
        model.test(tmp_path / "nowhere.png")


def test_the_tensors_are_the_sessions(tmp_path: Path) -> None:
    with Model.open(onnx_models.two_inputs(tmp_path)) as model:
        assert [spec.name for spec in model.inputs] == ["images", "sizes"]
        assert [spec.name for spec in model.outputs] == ["output"]


def test_results_survive_the_model(tmp_path: Path) -> None:
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        results = [model.test(picture(tmp_path, color)) for color in (RED, GREEN, BLUE)]
    for index, result in enumerate(results):
        assert result.outputs["logits"].argmax() == index
        assert result.inputs["images"][0, index].min() == 1.0


def test_leaving_the_with_block_closes_the_model(tmp_path: Path) -> None:
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        pass
    with pytest.raises(EnginebayError, match="closed"):
        model(np.zeros((1, 3, 8, 8), np.float32))
    model.close()
