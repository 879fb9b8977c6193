"""What every detection layout shares: suppression, and boxes in the picture's own pixels."""

from __future__ import annotations

import numpy as np

from core.predictions import Detection, class_label
from core.tasks.reading import Reading

_FIRST_TRIED = 600  # boxes
_FRACTION_LIMIT = 2.0  # a box's largest number, where boxes are fractions of the picture


def plausible_scores(scores: np.ndarray) -> bool:
    """Whether all lie in 0..1; NaN is warned of elsewhere."""
    low, high = scores.min(initial=0), scores.max(initial=0)
    if np.isnan(low):  # the slower way past NaN
        low, high = (
            np.fmin.reduce(scores, axis=None, initial=0),
            np.fmax.reduce(scores, axis=None, initial=0),
        )
    return bool(low >= -0.001 and high <= 1.001)


def plausible_classes(class_ids: np.ndarray) -> bool:
    """Whether all are whole numbers from 0; NaN is warned of elsewhere."""
    ids = class_ids[np.isfinite(class_ids)]
    return bool((ids >= 0).all() and (ids == np.rint(ids)).all())


def corners_of(boxes_cxcywh: np.ndarray) -> np.ndarray:
    """Boxes (n, 4) given by middle and size, as x1 y1 x2 y2."""
    half = boxes_cxcywh[:, 2:] / 2
    middle = boxes_cxcywh[:, :2]
    corners: np.ndarray = np.concatenate([middle - half, middle + half], axis=1)
    return corners


def in_pixels(boxes: np.ndarray, reading: Reading) -> np.ndarray:
    """Boxes in pixels of the network's picture, where they come so or as fractions of it.

    The values tell: whole sets of boxes that lie within the first two pixels do not occur.

    Args:
        boxes: (n, 4) float32: x1 y1 x2 y2, or cx cy w h. All that there are, not those above a
            threshold, or the answer would hang on the threshold.
        reading: the network picture's size.
    """
    finite = boxes[np.isfinite(boxes)]
    if reading.network_wh is None or finite.size == 0 or finite.max() > _FRACTION_LIMIT:
        return boxes
    scaled: np.ndarray = boxes * np.array([*reading.network_wh] * 2, np.float32)
    return scaled


def columns_in_pixels(head: np.ndarray, picked: np.ndarray, reading: Reading) -> np.ndarray:
    """in_pixels for some columns of a raw head; all are looked at only where these do not tell.

    Args:
        head: (4 or more, N), a box in each column's first four numbers.
        picked: (n,) int, which columns; their boxes are finite.
        reading: as in_pixels.

    Returns:
        (n, 4) float32.
    """
    boxes: np.ndarray = head[:4, picked].T.astype(np.float32)
    if boxes.max(initial=0) <= _FRACTION_LIMIT:
        boxes = in_pixels(head[:4].T.astype(np.float32), reading)[picked]
    return boxes


def plausible_corners(boxes_xyxy: np.ndarray) -> bool:
    """Whether the second corner is right of and below the first, in all but a few of (n, 4).

    Boxes by middle and size, or as offsets from anchors, fail that.
    """
    known = boxes_xyxy[np.isfinite(boxes_xyxy).all(axis=1)]
    ordered = np.all(known[:, 2:] >= known[:, :2], axis=1)
    return len(known) == 0 or bool(np.mean(ordered) >= 0.95)


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
        Indices of the boxes that stay, int: all of them, or at least the best max_detections.
    """
    # What stays depends on better boxes alone, so the worse ones need a look only where the best
    # few hundred leave too little: a threshold of 0 would else take seconds.
    order = np.argsort(-scores, kind="stable")
    count = _FIRST_TRIED
    while True:
        tried = order[:count]
        kept: np.ndarray = tried[
            _suppress_all(boxes_xyxy[tried], scores[tried], class_ids[tried], reading)
        ]
        if len(kept) >= reading.choices.max_detections or count >= len(order):
            return kept
        count *= 3


def _suppress_all(
    boxes_xyxy: np.ndarray, scores: np.ndarray, class_ids: np.ndarray, reading: Reading
) -> np.ndarray:
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
