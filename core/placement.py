"""Where a picture lies in the network's picture, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the picture lies in the network's picture: network = picture * scale + offset.

    Coordinates are those of pixel edges: the middle of the first pixel is at 0.5.
    """

    scale_x: float
    scale_y: float
    offset_x: float  # pixels of the network's picture
    offset_y: float

    def to_picture(self, boxes_xyxy: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
        """Boxes from network pixels to picture pixels, clipped to the picture.

        Args:
            boxes_xyxy: (n, 4) float, x1 y1 x2 y2.
            size_wh: the picture's size.

        Returns:
            (n, 4) float32.
        """
        boxes = self.points_to_picture(boxes_xyxy.reshape(-1, 2)).reshape(-1, 4)
        clipped: np.ndarray = np.clip(boxes, 0, np.array([*size_wh, *size_wh], np.float32))
        return clipped

    def points_to_picture(self, points_xy: np.ndarray) -> np.ndarray:
        """Points (n, 2) from network pixels to picture pixels, float32, not clipped."""
        offset = np.array([self.offset_x, self.offset_y], np.float32)
        scale = np.array([self.scale_x, self.scale_y], np.float32)
        points: np.ndarray = (points_xy.astype(np.float32) - offset) / scale
        return points

    def plane_to_picture(
        self,
        plane: np.ndarray,
        network_wh: tuple[int, int],
        picture_wh: tuple[int, int],
        how: Literal["linear", "nearest"] = "linear",
    ) -> np.ndarray:
        """A map over the network's picture, at any resolution, as a map over the picture.

        Args:
            plane: (h, w) or (h, w, channels) float32 or uint8, covering the network's picture.
            network_wh: the network picture's size.
            picture_wh: the picture's size.
            how: the interpolation; "nearest" for class numbers.

        Returns:
            (H, W) or (H, W, channels), the plane's dtype. Where the network did not look (beside
            a centre crop) its edge goes on.
        """
        import cv2

        across = plane.shape[1] / network_wh[0]
        down = plane.shape[0] / network_wh[1]
        # cv2 counts from pixel middles: plane = (picture + 0.5) * scale + offset - 0.5.
        step_x, step_y = self.scale_x * across, self.scale_y * down
        to_plane = np.array(
            [
                [step_x, 0, self.offset_x * across + 0.5 * step_x - 0.5],
                [0, step_y, self.offset_y * down + 0.5 * step_y - 0.5],
            ],
            np.float64,
        )
        interpolation = cv2.INTER_LINEAR if how == "linear" else cv2.INTER_NEAREST
        return np.asarray(
            cv2.warpAffine(
                np.ascontiguousarray(plane),
                to_plane,
                picture_wh,
                flags=interpolation | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )


IN_PLACE = Placement(1.0, 1.0, 0.0, 0.0)
"""The picture is the network's picture."""
