"""File name endings, for dialogs and folders. Content decides when a file is opened."""

from __future__ import annotations

MODELS = (".engine", ".plan", ".trt", ".onnx")
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".jp2", ".ppm")
