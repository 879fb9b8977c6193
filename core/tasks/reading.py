"""What the tasks are given to read outputs with."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.modelfile.metadata import Metadata
from core.recipes import Placement
from core.tensors import Shape

Named = tuple[str, Shape]
"""An output's name and shape."""


@dataclass(frozen=True, slots=True)
class TaskGuess:
    """A task's name, and why it was chosen, for people."""

    task: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The picture behind the outputs, and the choices in reading them.

    Default thresholds are those of Ultralytics' non_max_suppression (utils/nms.py: conf_thres
    0.25, iou_thres 0.45, max_det 300).
    """

    picture_wh: tuple[int, int] | None = None  # None: the input was no picture
    network_wh: tuple[int, int] | None = None
    placement: Placement = field(default=Placement(1.0, 1.0, 0.0, 0.0))
    channels: int = 3
    batch: int = 1  # the input's; an output whose first dimension is another is no batch
    metadata: Metadata = field(default_factory=Metadata)
    score_threshold: float = 0.25
    iou_threshold: float = 0.45
    max_detections: int = 300
    top_k: int = 5
