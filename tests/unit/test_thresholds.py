"""Which thresholds matter for which reading, and for how many classes one wants names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.save_outputs import write_npz
from core.tasks import TASKS, TaskGuess
from core.tasks.thresholds import thresholds_of


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


def test_tensors_are_saved_by_name_whatever_they_are_called(tmp_path: Path) -> None:
    arrays = {"file": np.arange(3), "a/b": np.array([["cat"]], object)}
    write_npz(tmp_path / "out.npz", arrays)
    with np.load(tmp_path / "out.npz") as saved:
        assert set(saved) == {"file", "a/b"}
        assert saved["file"].tolist() == [0, 1, 2]
        assert saved["a/b"].tolist() == [["cat"]]
