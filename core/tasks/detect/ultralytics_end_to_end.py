"""Detection, Ultralytics' end-to-end heads: (1, N, 6), finished.

x1, y1, x2, y2 in the network's pixels, score, class. Source: ultralytics/nn/modules/head.py,
Detect with end2end (v10Detect).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.predictions import Detection
from core.sessions.base import Arrays
from core.tasks.detect.boxes import detections, plausible_classes, plausible_scores
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "detect", "end-to-end"


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence | None:
    """Rows of six, as many as such heads give."""
    metadata = reading.metadata
    if len(outputs) != 1 or reading.network_wh is None or len(outputs[0][1]) != 3:
        return None
    if metadata.task not in (None, "detect"):
        return None
    batch, rows, columns = outputs[0][1]
    if batch not in (None, reading.batch) or columns != 6:
        return None
    said = metadata.task == "detect"
    if not said and rows is not None and not 50 <= rows <= 1000:
        return None
    words = f"the output (1, {rows or 'N'}, 6) is an end-to-end detector's"
    if said:
        return Evidence(f"metadata says detect and {words}", "certain")
    return Evidence(words)


def decode(outputs: Arrays, reading: Reading) -> list[Detection] | None:
    """Boxes in the picture's pixels, best first; None when the values are no detections."""
    head = next(iter(outputs.values()))[0].astype(np.float32, copy=False)
    if not (plausible_scores(head[:, 4]) and plausible_classes(head[:, 5])):
        return None
    keep = head[:, 4] >= reading.choices.score_threshold
    found = head[keep & np.isfinite(head).all(axis=1)]
    names = reading.choices.class_names or reading.metadata.names
    return detections(found[:, :4], found[:, 4], found[:, 5].astype(int), names, reading)
