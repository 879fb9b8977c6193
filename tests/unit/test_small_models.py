"""The models that the GPU suite builds engines from, on ONNX Runtime: they do what they are for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.model import Model
from core.predictions import ClassMap, ClassScore, OutputImage
from tests.gpu import small_models


def save_picture(path: Path, pixels: np.ndarray) -> Path:
    cv2.imwrite(str(path), pixels[..., ::-1])
    return path


def flat(color: tuple[int, int, int]) -> np.ndarray:
    return np.full((48, 60, 3), color, np.uint8)


@pytest.mark.parametrize(
    ("color", "label"),
    [
        ((200, 20, 20), "red"),
        ((20, 200, 20), "green"),
        ((20, 20, 200), "blue"),
        ((90, 90, 90), "dull"),
    ],
)
def test_the_classifier_names_a_pictures_color(
    tmp_path: Path, color: tuple[int, int, int], label: str
) -> None:
    path = save_picture(tmp_path / "flat.png", flat(color))
    with Model.open(small_models.classifier_model(tmp_path / "m.onnx")) as model:
        result = model.test(path)
    assert result.guess.task == "classify"
    best = result.predictions[0]
    assert isinstance(best, ClassScore)
    assert best.label == label
    assert best.score > 0.5


def test_the_segmenter_tells_the_halves_of_a_picture_apart(tmp_path: Path) -> None:
    pixels = np.concatenate([flat((200, 20, 20)), flat((20, 20, 200))], axis=1)
    path = save_picture(tmp_path / "halves.png", pixels)
    with Model.open(small_models.segmenter_model(tmp_path / "m.onnx")) as model:
        result = model.test(path)
    assert result.guess.task == "semantic-segment"
    [found] = result.predictions
    assert isinstance(found, ClassMap)
    assert found.class_ids.shape == (48, 120)
    assert np.all(found.class_ids[:, :58] == 0)
    assert np.all(found.class_ids[:, 62:] == 2)
    assert {one.label for one in found.shares} == {"red", "blue"}


def test_no_two_classes_of_the_segmenter_tie_at_any_color() -> None:
    levels = np.arange(0, 256, 3) / 255
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    scores = grid @ small_models.SEGMENTER_WEIGHTS.T + small_models.SEGMENTER_BIAS
    best = np.sort(scores, axis=1)
    # More than half floats' steps and TF32's about 0.5: 2 ** -12.
    assert (best[:, -1] - best[:, -2]).min() > 3 * 2**-12


def test_the_negative_is_a_picture_of_the_inputs_size(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "flat.png", flat((200, 100, 0)))
    with Model.open(small_models.negative_model(tmp_path / "m.onnx")) as model:
        model.choose_inputs({}, {"images": (1, 3, 24, 32)})
        result = model.test(path)
    assert result.guess.task == "image"
    [found] = result.predictions
    assert isinstance(found, OutputImage)
    assert found.pixels.shape == (24, 32, 3)
    assert np.all(found.pixels[1:-1, 1:-1] == (55, 155, 255))
    # At a corner 5 of the 9 points lie outside and count as black.
    assert tuple(found.pixels[0, 0]) == (round(255 - 200 * 4 / 9), round(255 - 100 * 4 / 9), 255)


@pytest.mark.parametrize(
    "make",
    [
        small_models.classifier_model,
        small_models.segmenter_model,
        small_models.negative_model,
    ],
)
def test_tensorrt_8_6_can_read_them(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    import onnx

    model = onnx.load(str(make(tmp_path / "m.onnx")))
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version <= 8
    assert [one.version <= 17 for one in model.opset_import] == [True]
    assert {node.op_type for node in model.graph.node} <= {"Conv", "GlobalAveragePool", "Reshape"}
