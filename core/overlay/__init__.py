"""Draw predictions on a picture, for saving. The window draws its own, sharper outlines."""

from __future__ import annotations

from core.overlay.colors import class_color, ink_on
from core.overlay.drawing import draw
from core.overlay.fills import paint_map, paint_masks

__all__ = ["class_color", "draw", "ink_on", "paint_map", "paint_masks"]
