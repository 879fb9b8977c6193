"""The bundled detector, scored on pictures that nobody has seen before."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from core import Model
from core.modelfile import read_model_file
from core.paths import DEMO_MODEL, DEMO_PICTURE, RESOURCES
from core.predictions import Detection

SEED = 987_654  # none of the seeds in resources/demo/train.py
SIZES = ((256, 256), (640, 480), (480, 640))
PICTURES_A_SIZE = 20


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    """resources/demo/pictures.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location(
        "demo_pictures", RESOURCES / "demo" / "pictures.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_nine_of_ten_objects_are_found_in_fresh_pictures(
    pictures: ModuleType, tmp_path: Path
) -> None:
    rng = np.random.default_rng(SEED)
    total = found = claimed = 0
    with Model.open(DEMO_MODEL) as model:
        for number in range(PICTURES_A_SIZE * len(SIZES)):
            truth = pictures.make_picture(rng, SIZES[number % len(SIZES)])
            path = tmp_path / f"{number}.png"
            cv2.imwrite(str(path), truth.image_rgb[..., ::-1])
            boxes = [one for one in model.test(path).predictions if isinstance(one, Detection)]
            claimed += len(boxes)
            total += len(truth.class_ids)
            found += pictures.count_found(
                truth,
                np.array([one.box for one in boxes], np.float32).reshape(-1, 4),
                np.array([one.class_id for one in boxes], np.int64),
            )
    assert total > 200
    assert found / total >= 0.9
    assert found / claimed >= 0.9


def test_the_model_is_what_the_readme_says() -> None:
    file = read_model_file(DEMO_MODEL)
    assert file.size_bytes < 2_000_000
    assert file.onnx is not None
    assert file.onnx.opsets[""] <= 17
    assert file.metadata is not None
    assert file.metadata.task == "detect"
    assert len(file.metadata.names) == 6
    assert file.metadata.is_ultralytics
    with Model.open(DEMO_MODEL) as model:
        assert model.inputs[0].shape == (None, 3, 256, 256)
        assert model.outputs[0].shape == (None, 10, 1344)


def test_the_demos_picture_gives_its_eight_shapes() -> None:
    with Model.open(DEMO_MODEL) as model:
        result = model.test(DEMO_PICTURE)
    labels = sorted(one.label for one in result.predictions if isinstance(one, Detection))
    assert labels == [
        "circle",
        "cross",
        "cross",
        "ring",
        "ring",
        "square",
        "star",
        "triangle",
    ]
