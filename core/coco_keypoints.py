"""The 17 keypoints of a person, as COCO has them (cocodataset.org, person_keypoints)."""

from __future__ import annotations

NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""In the order in which models give them."""

LIMBS = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
    (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip
"""Which are joined, by their place in NAMES; COCO's own "skeleton" counts from 1."""

SEEN = 0.25
"""From which score on a keypoint is drawn (ultralytics/utils/plotting.py, Annotator.kpts)."""
