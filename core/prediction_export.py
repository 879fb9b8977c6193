"""Predictions of many pictures as one JSON object: our own, or COCO's.

Polygons go along the edges of a mask's pixels, so that they hold exactly its pixels; holes are
filled, for COCO's polygons have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core import coco_keypoints
from core.errors import InputError
from core.predictions import Located, Mask, OrientedBox, Pose, Segment
from core.results import TestResult

Polygon = list[float]
"""x1 y1 x2 y2 ..., pixels of the picture."""


def predictions_json(results: Sequence[TestResult]) -> dict[str, object]:
    """All predictions of all pictures, as `enginebay run --json` tells them, and masks.

    Returns:
        {"images": [{"path", "width", "height", "task", "layout", "evidence", "predictions",
        "warnings"}]}; width and height are null without a picture, and a segment has "polygons".
    """
    return {"images": [_image_json(result) for result in results]}


def _image_json(result: TestResult) -> dict[str, object]:
    width, height = result.reading.picture_wh or (None, None)
    predictions = []
    for found in result.predictions:
        more: dict[str, object] = {}
        if isinstance(found, Segment):
            more["polygons"] = polygons(found.mask)
        predictions.append(found.as_json() | more)
    return {
        "path": result.source,
        "width": width,
        "height": height,
        "task": result.guess.task,
        "layout": result.guess.layout,
        "evidence": result.guess.evidence,
        "predictions": predictions,
        "warnings": list(result.warnings),
    }


def coco_json(results: Sequence[TestResult]) -> dict[str, object]:
    """What has a place in the pictures, in COCO's object detection format.

    Ids count from 1; a category's is the class id + 1. Boxes are x, y, width, height. Keypoints
    are x, y and 2, or 0, 0 and 0 where they scored under coco_keypoints.SEEN. Source:
    cocodataset.org, Data format.

    Args:
        results: of one model.

    Returns:
        {"images", "annotations", "categories"}; each annotation also has its "score".

    Raises:
        InputError: kind "no-picture", if one of them had no picture.
    """
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    names: dict[int, str] = {}
    points = 0
    file_names = _file_names([result.source for result in results])
    for image_id, (result, file_name) in enumerate(zip(results, file_names, strict=True), 1):
        if result.reading.picture_wh is None:
            raise InputError(
                "no-picture",
                f"{result.source} is no picture, and COCO's format is for pictures.",
                "Save it as plain JSON instead.",
            )
        width, height = result.reading.picture_wh
        images.append({"id": image_id, "file_name": file_name, "width": width, "height": height})
        known = result.reading.given_names
        names |= dict(enumerate(known))
        for found in result.predictions:
            if isinstance(found, Located):
                annotations.append(_annotation(found, len(annotations) + 1, image_id))
                names[found.class_id] = found.label
                points = max(points, len(found.keypoints) if isinstance(found, Pose) else 0)
    categories = [_category(class_id, name, points) for class_id, name in sorted(names.items())]
    return {"images": images, "annotations": annotations, "categories": categories}


def _file_names(sources: Sequence[str]) -> list[str]:
    """The files' names; with their folders where two are called the same."""
    paths = [Path(source) for source in sources]
    counts = Counter(path.name for path in paths)
    return [path.name if counts[path.name] == 1 else path.as_posix() for path in paths]


def _category(class_id: int, name: str, points: int) -> dict[str, object]:
    category: dict[str, object] = {"id": class_id + 1, "name": name, "supercategory": ""}
    if points == len(coco_keypoints.NAMES):
        category["keypoints"] = list(coco_keypoints.NAMES)
        category["skeleton"] = [[one + 1, other + 1] for one, other in coco_keypoints.LIMBS]
    elif points:
        category["keypoints"] = [str(index + 1) for index in range(points)]
        category["skeleton"] = []
    return category


def _annotation(found: Located, annotation_id: int, image_id: int) -> dict[str, object]:
    x1, y1, x2, y2 = found.box
    annotation: dict[str, object] = {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": found.class_id + 1,
        "bbox": [_short(x1), _short(y1), _short(x2 - x1), _short(y2 - y1)],
        "area": _short((x2 - x1) * (y2 - y1)),
        "segmentation": [],
        "iscrowd": 0,
        "score": round(found.score, 6),
    }
    if isinstance(found, Segment):
        annotation["segmentation"] = polygons(found.mask)
        annotation["area"] = int(found.mask.bits.sum())
    elif isinstance(found, OrientedBox):
        annotation["segmentation"] = [[_short(value) for xy in found.corners for value in xy]]
        annotation["area"] = _short(_area(np.array(found.corners)))
    elif isinstance(found, Pose):
        seen = [score >= coco_keypoints.SEEN for _, _, score in found.keypoints]
        annotation["keypoints"] = [
            value
            for (x, y, _), is_seen in zip(found.keypoints, seen, strict=True)
            for value in ((_short(x), _short(y), 2) if is_seen else (0, 0, 0))
        ]
        annotation["num_keypoints"] = sum(seen)
    return annotation


def _short(value: float) -> float:
    return round(float(value), 3)


def _area(corners: np.ndarray) -> float:
    """Of a polygon (n, 2), by the shoelace formula."""
    x, y = corners.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def polygons(mask: Mask) -> list[Polygon]:
    """A mask's outer outlines along the edges of its pixels, in the picture's pixels.

    Returns:
        One for each connected part (pixels that touch at a corner are connected).
    """
    import cv2

    # OpenCV's outlines go through the pixels' middles. Twice as large, a pixel is 2 x 2, and the
    # first of them stands for its left (upper) edge, the second for its right (lower) one.
    twice = np.ascontiguousarray(mask.bits, np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    outlines, _ = cv2.findContours(twice, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for outline in outlines:
        edges = (outline.reshape(-1, 2) + 1) // 2
        moved = np.any(edges != np.roll(edges, 1, axis=0), axis=1)
        found.append((edges[moved] + (mask.left, mask.top)).ravel().tolist())
    return found
