"""Instance segmentation, a finished box and a mask for each object, the suppression done.

boxes, scores and labels as in core.tasks.detect.ssd_finished, and masks (K, 1, h, w) or
(1, K, h, w), shares 0..1 of which those above a half are the object. They cover the network's
picture where they have its size (torchvision pastes them into it), else each its own box
(TensorFlow's detection_masks, ONNX's model zoo). Sources: pytorch/vision
torchvision/models/detection/roi_heads.py, paste_masks_in_image; tensorflow/models
research/object_detection/utils/ops.py, reframe_box_masks_to_image_masks; onnx/models
mask-rcnn/README.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.placement import Placement
from core.predictions import Mask, Segment, class_label
from core.sessions.base import Arrays
from core.tasks.detect import ssd_finished
from core.tasks.detect.boxes import plausible_scores
from core.tasks.detect.parts import Parts, parts_of, plain_name, read_parts
from core.tasks.mask_regions import mask_regions
from core.tasks.reading import Evidence, Named, Reading
from core.tasks.ultralytics_heads import picture_size
from core.tensors import Shape

TASK, LAYOUT = "instance-segment", "masks"

_NAMES = ("masks", "detection_masks", "det_masks")
_THRESHOLD = 0.5


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """Finished detections, and one output more with a plane for each of them."""
    if reading.network_wh is None or reading.metadata.task not in (None, "segment"):
        return None
    found = _parts(outputs, reading)
    if found is None:
        return None
    parts, masks = found
    words = f"{parts.boxes}, {' and '.join(parts.vectors)} are"
    how = "named as" if parts.named else "shaped like"
    return Evidence(f"{words} {how} finished detections, and {masks} has a mask for each")


def _parts(outputs: Sequence[Named], reading: Reading) -> tuple[Parts, str] | None:
    """The detections' parts, and the name of the masks."""
    planes = [one for one in outputs if len(one[1]) == 4]
    named = [one for one in planes if plain_name(one[0]) in _NAMES]
    fitting = named or (planes if len(outputs) == 4 else [])
    if len(fitting) != 1:
        return None
    [masks] = fitting
    parts = parts_of([one for one in outputs if one is not masks], reading.batch)
    if parts is None or not (parts.named or parts.count is None):
        return None
    shapes = dict(outputs)
    count = shapes[parts.boxes][-2]
    return (parts, masks[0]) if _is_for(count, masks[1], reading.batch) else None


def _is_for(count: int | None, masks: Shape, batch: int) -> bool:
    """Whether masks are (K, 1, h, w) or (1, K, h, w), for as many boxes."""
    first, second = masks[:2]
    return (second in (None, 1) and (None in (first, count) or first == count)) or (
        first in (None, batch) and (None in (second, count) or second == count)
    )


def decode(outputs: Arrays, reading: Reading) -> list[Segment] | None:
    """Objects with their masks in the picture's pixels, best first.

    Returns:
        None when the values are no detections or no shares.

    Raises:
        InputError: kind "masks-too-large", where the masks would not fit into memory.
    """
    shapes = [(name, array.shape) for name, array in outputs.items()]
    found = _parts(shapes, reading)
    finished = None if found is None else read_parts(outputs, found[0])
    if found is None or finished is None:
        return None
    parts, name = found
    boxes = ssd_finished.boxes_of(finished, parts, reading)
    planes = outputs[name]
    alone = planes.shape[:2] == (outputs[parts.boxes].shape[-2], 1)
    planes = planes[:, 0] if alone else planes[0]
    if boxes is None or len(planes) < len(finished.rows) or not plausible_scores(planes):
        return None
    placed = reading.placement.to_picture(boxes, picture_size(reading))
    seen = (placed[:, 2:] > placed[:, :2]).all(axis=1)
    keep = np.flatnonzero(seen & (finished.scores >= reading.choices.score_threshold))
    keep = keep[np.argsort(-finished.scores[keep], kind="stable")]
    keep = keep[: reading.choices.max_detections]
    masks = _masks(planes[finished.rows[keep]], boxes[keep], placed[keep], reading)
    names, ids = reading.given_names, finished.class_ids[keep].tolist()
    rows = zip(ids, finished.scores[keep].tolist(), placed[keep].tolist(), masks, strict=True)
    return [
        Segment(class_label(names, class_id), class_id, score, (x1, y1, x2, y2), mask)
        for class_id, score, (x1, y1, x2, y2), mask in rows
    ]


def _masks(
    planes: np.ndarray, boxes: np.ndarray, placed: np.ndarray, reading: Reading
) -> list[Mask]:
    """A mask for each object, as large as its box in the picture.

    Args:
        planes: (n, h, w) shares.
        boxes: (n, 4) x1 y1 x2 y2 in the network's pixels.
        placed: the same in the picture's, cut to it.
        reading: the picture's place in the network's.
    """
    assert reading.network_wh is not None  # recognise asked for it
    place = reading.placement
    size = (planes.shape[2], planes.shape[1])
    masks = []
    for plane, box, region in zip(
        planes, boxes, mask_regions(placed, picture_size(reading)).tolist(), strict=True
    ):
        left, top, right, bottom = region
        # From the picture's pixels of this region to the network's, then to those that the plane
        # covers.
        start = (0.0, 0.0) if size == reading.network_wh else (float(box[0]), float(box[1]))
        covered = size if size == reading.network_wh else tuple((box[2:] - box[:2]).tolist())
        across, down = size[0] / covered[0], size[1] / covered[1]
        there = Placement(
            place.scale_x * across,
            place.scale_y * down,
            (place.offset_x + left * place.scale_x - start[0]) * across,
            (place.offset_y + top * place.scale_y - start[1]) * down,
        )
        values = there.plane_to_picture(
            plane.astype(np.float32), size, (right - left, bottom - top)
        )
        masks.append(Mask(left, top, values > _THRESHOLD))
    return masks
