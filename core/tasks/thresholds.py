"""Which of the user's choices change what a reading finds."""

from __future__ import annotations

from typing import Literal

from core.tasks.reading import TaskGuess

Threshold = Literal["score_threshold", "iou_threshold", "max_detections", "top_k"]
"""A field of Choices."""

_FINDS_OBJECTS = ("detect", "instance-segment", "obb", "pose")
_SUPPRESSED = ("end-to-end", "efficient-nms", "detr", "ssd-finished", "masks")
"""Layouts whose boxes come out as a set already, so that nothing is suppressed here."""


def thresholds_of(guess: TaskGuess) -> tuple[Threshold, ...]:
    """The thresholds that matter for a way to read outputs; () where none does."""
    if guess.task == "classify":
        return ("top_k",)
    if guess.task not in _FINDS_OBJECTS:
        return ()
    if guess.layout in _SUPPRESSED:
        return ("score_threshold", "max_detections")
    return ("score_threshold", "iou_threshold", "max_detections")
