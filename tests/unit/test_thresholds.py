"""Which thresholds matter for which reading, and for how many classes one wants names."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core import Model
from core.class_count import class_counts
from core.paths import DEMO_MODEL, DEMO_PICTURE
from core.save_outputs import write_npz
from core.tasks import TASKS, TaskGuess
from core.tasks.thresholds import thresholds_of
from tests.unit import onnx_models


@pytest.mark.parametrize(
    ("task", "layout", "expected"),
    [
        ("classify", "", ("top_k",)),
        ("detect", "ultralytics", ("score_threshold", "iou_threshold", "max_detections")),
        ("detect", "end-to-end", ("score_threshold", "max_detections")),
        ("pose", "ultralytics", ("score_threshold", "iou_threshold", "max_detections")),
        ("semantic-segment", "scores", ()),
        ("tensors", "", ()),
    ],
)
def test_a_reading_has_the_thresholds_that_change_it(
    task: str, layout: str, expected: tuple[str, ...]
) -> None:
    assert thresholds_of(TaskGuess(task, "", layout)) == expected


def test_every_task_has_an_answer() -> None:
    assert all(isinstance(thresholds_of(TaskGuess(task, "")), tuple) for task in TASKS)


def test_a_detector_and_a_classifier_say_for_how_many_classes_they_want_names(
    tmp_path: Path,
) -> None:
    with Model.open(DEMO_MODEL) as model:
        assert class_counts(model.test(DEMO_PICTURE)) == (6,)
    picture = tmp_path / "red.png"
    cv2.imwrite(str(picture), np.full((12, 16, 3), (0, 0, 255), np.uint8))
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        result = model.test(picture)
        (scores,) = result.outputs.values()
        assert class_counts(result) == (scores.shape[1],)


def test_tensors_are_saved_by_name_whatever_they_are_called(tmp_path: Path) -> None:
    arrays = {"file": np.arange(3), "a/b": np.array([["cat"]], object)}
    write_npz(tmp_path / "out.npz", arrays)
    with np.load(tmp_path / "out.npz") as saved:
        assert set(saved) == {"file", "a/b"}
        assert saved["file"].tolist() == [0, 1, 2]
        assert saved["a/b"].tolist() == [["cat"]]
