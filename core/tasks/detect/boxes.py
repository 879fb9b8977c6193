"""What every detection layout shares: suppression, and boxes in the picture's own pixels."""

from __future__ import annotations

import numpy as np

from core.predictions import Detection, class_label
from core.tasks.reading import Reading


def plausible_scores(scores: np.ndarray) -> bool:
    """Whether all lie in 0..1; NaN is warned of elsewhere."""
    low, high = (
        np.fmin.reduce(scores, axis=None, initial=0),
        np.fmax.reduce(scores, axis=None, initial=0),
    )
    return bool(low >= -0.001 and high <= 1.001)


def plausible_classes(class_ids: np.ndarray) -> bool:
    """Whether all are whole numbers from 0; NaN is warned of elsewhere."""
    ids = class_ids[np.isfinite(class_ids)]
    return bool((ids >= 0).all() and (ids == np.rint(ids)).all())


def suppress(
    boxes_xyxy: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, reading: Reading
) -> np.ndarray:
    """Class-wise non-maximum suppression at the reading's thresholds.

    Args:
        boxes_xyxy: (n, 4) float, finite.
        scores: (n,) float.
        class_ids: (n,) int.
        reading: the thresholds.

    Returns:
        Indices of the boxes that stay, int.
    """
    if len(boxes_xyxy) == 0:
        return np.empty(0, int)
    import cv2

    # OpenCV keeps classes apart by an offset, which takes coordinates of 0 and more.
    corners = boxes_xyxy[:, :2] - boxes_xyxy[:, :2].min()
    corners_and_sizes = np.concatenate([corners, boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        corners_and_sizes.astype(np.float64).tolist(),
        scores.tolist(),
        class_ids.tolist(),
        reading.choices.score_threshold,
        reading.choices.iou_threshold,
    )
    return np.asarray(kept, int).reshape(-1)


def detections(
    boxes_xyxy: np.ndarray,
    scores: np.ndarray,
    class_ids: np.ndarray,
    names: tuple[str, ...],
    reading: Reading,
) -> list[Detection]:
    """Boxes of the network's picture as detections in the picture's pixels, best first.

    Args:
        boxes_xyxy: (n, 4) float, x1 y1 x2 y2 in pixels of the network's picture.
        scores: (n,) float, 0..1.
        class_ids: (n,) int.
        names: by class id; () for numbers.
        reading: the picture and the box's way there.

    Returns:
        At most max_detections; those that lie outside of the picture are left out.
    """
    size = reading.picture_wh or reading.network_wh or (0, 0)
    boxes = reading.placement.to_picture(boxes_xyxy, size)
    order = np.argsort(-scores, kind="stable")[: reading.choices.max_detections]
    rows = zip(
        boxes[order].tolist(), scores[order].tolist(), class_ids[order].tolist(), strict=True
    )
    return [
        Detection(class_label(names, class_id), class_id, score, (x1, y1, x2, y2))
        for (x1, y1, x2, y2), score, class_id in rows
        if x2 > x1 and y2 > y1
    ]
