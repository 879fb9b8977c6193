"""What Ultralytics' heads for shapes share: boxes, scores and classes, with more numbers a box.

Raw heads (1, 4 + classes + more, N) have a column for each cell of the grids, to be suppressed
here. End-to-end heads (1, N, 6 + more) are finished: box, score, class, more. Source:
ultralytics/nn/modules/head.py, Segment, OBB, Pose and Detect.postprocess.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.tasks.detect.boxes import columns_in_pixels, plausible_classes, plausible_scores
from core.tasks.detect.ultralytics import STRIDE_SETS, cells
from core.tasks.reading import Reading
from core.tensors import Shape


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What scored high enough, in the network's pixels, all finite.

    Attributes:
        boxes: (n, 4) float32, as the head gives them.
        scores: (n,) float32, 0..1.
        class_ids: (n,) int.
        more: (n, k) float32, what the head says besides.
    """

    boxes: np.ndarray
    scores: np.ndarray
    class_ids: np.ndarray
    more: np.ndarray

    def take(self, rows: np.ndarray) -> Candidates:
        """Those of these rows, in their order."""
        return Candidates(
            self.boxes[rows], self.scores[rows], self.class_ids[rows], self.more[rows]
        )

    def with_boxes(self, boxes: np.ndarray) -> Candidates:
        """The same with other boxes, as those brought to the picture."""
        return replace(self, boxes=boxes)

    def seen(self) -> Candidates:
        """Those whose boxes, x1 y1 x2 y2, are more than a line."""
        return self.take(np.flatnonzero((self.boxes[:, 2:] > self.boxes[:, :2]).all(axis=1)))

    def best(self, count: int) -> Candidates:
        """At most so many, the best first."""
        return self.take(np.argsort(-self.scores, kind="stable")[:count])


def raw_candidates(head: np.ndarray, classes: int, reading: Reading) -> Candidates | None:
    """Read a raw head (4 + classes + more, N); None when the scores are none.

    Boxes that come as fractions, as in the exports to TensorFlow, are brought to pixels.
    """
    scores = head[4 : 4 + classes].max(axis=0, initial=0)
    if not plausible_scores(head[4 : 4 + classes]):
        return None
    rows = np.flatnonzero(scores >= reading.choices.score_threshold)
    rows = rows[np.isfinite(head[:, rows]).all(axis=0)]
    kept = head[:, rows].T.astype(np.float32)
    by_class = kept[:, 4 : 4 + classes]
    return Candidates(
        columns_in_pixels(head, rows, reading),
        by_class.max(axis=1, initial=0),
        by_class.argmax(axis=1) if len(kept) else np.empty(0, int),
        kept[:, 4 + classes :],
    )


def finished_candidates(head: np.ndarray, reading: Reading) -> Candidates | None:
    """Read an end-to-end head (N, 6 + more); None when scores or classes are none."""
    if not (plausible_scores(head[:, 4]) and plausible_classes(head[:, 5])):
        return None
    kept = head[head[:, 4] >= reading.choices.score_threshold]
    kept = kept[np.isfinite(kept).all(axis=1)].astype(np.float32)
    return Candidates(kept[:, :4], kept[:, 4], kept[:, 5].astype(int), kept[:, 6:])


def corners_of(cxcywh: np.ndarray) -> np.ndarray:
    """Boxes (n, 4) of middle and size as x1 y1 x2 y2."""
    half = cxcywh[:, 2:4] / 2
    corners: np.ndarray = np.concatenate([cxcywh[:, :2] - half, cxcywh[:, :2] + half], axis=1)
    return corners


def grid_words(columns: int | None, network_wh: tuple[int, int]) -> str:
    """At which strides the grids have so many cells together, for people; "" at none known."""
    for strides in STRIDE_SETS:
        if columns == cells(network_wh, strides):
            steps = ", ".join(str(stride) for stride in strides)
            return f"a column for each cell at strides {steps}"
    return ""


def three_dimensions(shape: Shape, reading: Reading) -> tuple[int | None, int | None] | None:
    """The last two of three dimensions, where the first can be the input's batch."""
    if len(shape) != 3 or shape[0] not in (None, reading.batch):
        return None
    return shape[1], shape[2]


def could_be_finished(rows: int | None, reading: Reading) -> bool:
    """Whether end-to-end heads give so many rows: 300 by default, some hundreds otherwise."""
    return rows is None or reading.metadata.task is not None or 50 <= rows <= 1000


def picture_size(reading: Reading) -> tuple[int, int]:
    """Width and height of what predictions are placed in, pixels."""
    return reading.picture_wh or reading.network_wh or (0, 0)
