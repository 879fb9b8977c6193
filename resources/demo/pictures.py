"""Pictures of flat shapes with their ground truth, drawn from a seed.

The bundled demo model is trained on these pictures, the bundled demo pictures are four of them,
and a test measures the model on fresh ones. Needs numpy and OpenCV only.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CLASS_NAMES: tuple[str, ...] = ("circle", "square", "triangle", "star", "cross", "ring")

# Lengths below are given for a 256x256 picture and grow with the picture.
_REFERENCE_SIDE = 256.0
_RADIUS_RANGE = (15.0, 56.0)
# A shape stays recognisable while this share of its own area can still be seen.
_MIN_VISIBLE = 0.75
# Two shapes whose boxes overlap more than this could be merged by a fair non-maximum suppression.
_MAX_BOX_IOU = 0.25
# A shape must differ from what lies under it by this much (Euclidean distance in RGB, 0..441).
_MIN_CONTRAST = 75.0
_SUBPIXEL_BITS = 4

Rng = np.random.Generator
FloatImage = NDArray[np.float32]
Mask = NDArray[np.uint8]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Picture:
    """One picture and the shapes in it.

    Attributes:
        image_rgb: (H, W, 3) uint8, RGB.
        boxes_xyxy: (n, 4) float32, tight boxes in pixels: left, top, right, bottom, the last two
            exclusive. A box spans the whole shape, also the part that another shape covers.
        class_ids: (n,) int64, indices into CLASS_NAMES.
    """

    image_rgb: NDArray[np.uint8]
    boxes_xyxy: NDArray[np.float32]
    class_ids: NDArray[np.int64]


def make_picture(
    rng: np.random.Generator,
    size_wh: tuple[int, int],
    *,
    count: int | None = None,
    tidy: bool = False,
) -> Picture:
    """Draws one picture.

    Args:
        rng: source of every random choice; the same state gives the same picture.
        size_wh: picture width and height in pixels, each at least 64, at most 4 to 1.
        count: number of shapes to try to place, or None for 1 to 8. Fewer are placed where
            there is no room left.
        tidy: True leaves out noise, blur, brightness changes and busy backgrounds.

    Returns:
        The picture with at least one shape.
    """
    scale = float(np.sqrt(size_wh[0] * size_wh[1]) / _REFERENCE_SIDE)
    canvas = _background(rng, size_wh, scale, tidy)
    if not tidy:
        _draw_lines(rng, canvas, scale, int(rng.integers(0, 5)))
    wanted = int(rng.integers(1, 9)) if count is None else count

    solid_masks: list[NDArray[np.bool_]] = []
    visible_masks: list[NDArray[np.bool_]] = []
    boxes: list[Box] = []
    class_ids: list[int] = []
    attempts_left = 30 * wanted
    while (len(boxes) < wanted and attempts_left > 0) or not boxes:
        attempts_left -= 1
        class_id = int(rng.integers(len(CLASS_NAMES)))
        mask = _shape_mask(rng, CLASS_NAMES[class_id], size_wh, scale)
        if mask is None:
            continue
        solid = mask >= 128
        box = _tight_box(solid)
        covered = [visible & ~solid for visible in visible_masks]
        if any(
            after.sum() < _MIN_VISIBLE * whole.sum()
            for after, whole in zip(covered, solid_masks, strict=True)
        ) or (boxes and _iou_matrix(np.array([box]), np.array(boxes)).max() > _MAX_BOX_IOU):
            continue
        fill = _contrasting_colour(rng, canvas[solid].mean(axis=0), tidy)
        _paint(rng, canvas, mask, fill, scale, shadow=tidy or rng.random() < 0.3)
        visible_masks = [*covered, solid]
        solid_masks.append(solid)
        boxes.append(box)
        class_ids.append(class_id)

    if not tidy:
        _draw_lines(rng, canvas, scale, int(rng.integers(0, 4)))
        canvas = _camera_effects(rng, canvas, scale)
    return Picture(
        image_rgb=np.clip(np.rint(canvas), 0, 255).astype(np.uint8),
        boxes_xyxy=np.array(boxes, dtype=np.float32).reshape(-1, 4),
        class_ids=np.array(class_ids, dtype=np.int64),
    )


def count_found(
    truth: Picture,
    boxes_xyxy: NDArray[np.floating],
    class_ids: NDArray[np.integer],
    iou_threshold: float = 0.5,
) -> int:
    """Counts the shapes that a detector found.

    Args:
        truth: the picture with its ground truth.
        boxes_xyxy: (m, 4) predicted boxes in pixels of that picture.
        class_ids: (m,) predicted class indices.
        iou_threshold: least intersection over union that counts as found.

    Returns:
        Number of truth shapes matched one to one, best overlap first, by a predicted box of the
        same class.
    """
    predicted = np.asarray(boxes_xyxy, dtype=np.float64).reshape(-1, 4)
    if len(predicted) == 0 or len(truth.boxes_xyxy) == 0:
        return 0
    overlap = _iou_matrix(truth.boxes_xyxy, predicted)
    overlap[truth.class_ids[:, None] != np.asarray(class_ids)[None, :]] = -1.0
    found = 0
    while overlap.max() >= iou_threshold:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        overlap[row, :] = -1.0
        overlap[:, column] = -1.0
        found += 1
    return found


def _iou_matrix(first: NDArray[np.generic], second: NDArray[np.generic]) -> NDArray[np.float64]:
    """Intersection over union of (n, 4) and (m, 4) xyxy boxes, as (n, m) float64."""
    a = first.astype(np.float64)[:, None, :]
    b = second.astype(np.float64)[None, :, :]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.clip(sides, 0.0, None).prod(axis=-1)
    union = np.prod(a[..., 2:] - a[..., :2], -1) + np.prod(b[..., 2:] - b[..., :2], -1) - common
    return np.asarray(common / np.maximum(union, 1e-9), dtype=np.float64)


def _outlines(rng: Rng, name: str) -> list[NDArray[np.float64]]:
    """Closed outlines (k, 2) float64 of a shape around 0, about 1 in radius; the second a hole."""
    if name in ("circle", "ring"):
        turn = np.linspace(0.0, 2.0 * np.pi, 72, endpoint=False)
        disc = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return [disc] if name == "circle" else [disc, disc * rng.uniform(0.5, 0.68)]
    if name == "cross":
        arm = rng.uniform(0.26, 0.36)
        quarter = np.array([[1.0, -arm], [1.0, arm], [arm, arm]])
        turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
        return [np.concatenate([quarter, quarter @ turn, -quarter, quarter @ turn.T])]
    corners = {"square": 4, "triangle": 3, "star": 10}[name]
    turn = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    radius = np.ones(corners)
    if name == "star":
        radius[1::2] = rng.uniform(0.38, 0.48)
    return [np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius[:, None]]


def _shape_mask(rng: Rng, name: str, size_wh: tuple[int, int], scale: float) -> Mask | None:
    """Random shape as (H, W) uint8 coverage 0..255, or None where it would leave the picture."""
    # The exponent favours small shapes a little, so that several fit into one picture.
    low, high = _RADIUS_RANGE
    radius = scale * (low + (high - low) * rng.uniform() ** 1.4)
    angle = rng.uniform(0.0, 2.0 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = np.array([rng.uniform(0, size_wh[0]), rng.uniform(0, size_wh[1])])
    outlines = [outline @ turn * radius + centre for outline in _outlines(rng, name)]
    if (outlines[0] < 2).any() or (outlines[0] > np.array(size_wh) - 3).any():
        return None
    mask = np.zeros((size_wh[1], size_wh[0]), dtype=np.uint8)
    for outline, value in zip(outlines, (255, 0), strict=False):
        points = np.rint(outline * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(mask, [points], [value], lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    return mask


def _tight_box(solid: NDArray[np.bool_]) -> Box:
    """Left, top, right, bottom (the last two exclusive) of the True pixels of (H, W)."""
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _colour(rng: Rng, saturation: tuple[float, float], value: tuple[float, float]) -> FloatImage:
    """Random colour as (3,) float32 RGB, 0..255."""
    rgb = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(*saturation), rng.uniform(*value))
    return np.array(rgb, dtype=np.float32) * 255.0


def _contrasting_colour(rng: Rng, under: FloatImage, vivid: bool) -> FloatImage:
    """Random colour (3,) that can be told from the mean colour (3,) under the shape."""
    saturation, value = ((0.5, 0.8), (0.85, 1.0)) if vivid else ((0.45, 1.0), (0.4, 1.0))
    candidates = [_colour(rng, saturation, value) for _ in range(12)]
    distances = [float(np.linalg.norm(candidate - under)) for candidate in candidates]
    clear = [index for index, distance in enumerate(distances) if distance >= _MIN_CONTRAST]
    return candidates[clear[0] if clear else int(np.argmax(distances))]


def _paint(
    rng: Rng, canvas: FloatImage, mask: Mask, fill: FloatImage, scale: float, shadow: bool
) -> None:
    """Paints a shape with a light fall-off, and a soft shadow if asked, onto (H, W, 3) canvas."""
    # Only the part around the shape is touched: the whole canvas would take most of the time.
    left, top, right, bottom = _tight_box(mask > 0)
    margin = round(12.0 * scale)
    region = np.s_[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin]
    part, cover = canvas[region], mask[region]
    if shadow:
        shift = np.array([[1, 0, 2.0 * scale], [0, 1, 3.0 * scale]])
        soft = cv2.warpAffine(cover, shift, cover.shape[::-1])
        soft = cv2.GaussianBlur(soft, (0, 0), 2.5 * scale)
        part *= 1.0 - soft[..., None].astype(np.float32) * np.float32(0.45 / 255.0)
    alpha = cover[..., None].astype(np.float32) / np.float32(255.0)
    light = _ramp(rng, cover.shape[::-1], turns=1.0)[..., None]
    part += alpha * (fill * (np.float32(0.85) + np.float32(0.3) * light) - part)


def _ramp(rng: Rng, size_wh: tuple[int, ...], turns: float) -> FloatImage:
    """(H, W) float32 rising from 0 to `turns` in a random direction."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    x = np.linspace(-0.5, 0.5, size_wh[0], dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    y = np.linspace(-0.5, 0.5, size_wh[1], dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    ramp = ((x + y) / np.float32(1.4142) + np.float32(0.5)) * np.float32(turns)
    return np.asarray(ramp, dtype=np.float32)


def _background(rng: Rng, size_wh: tuple[int, int], scale: float, tidy: bool) -> FloatImage:
    """(H, W, 3) float32 RGB 0..255: a gradient, mostly with a texture or clutter on it."""
    width, height = size_wh
    if tidy:
        base = _colour(rng, (0.35, 0.55), (0.5, 0.5))
        return np.asarray(base * (0.35 + _ramp(rng, size_wh, 0.75)[..., None]), dtype=np.float32)
    start, end = (_colour(rng, (0.0, 0.6), (0.1, 0.95)) for _ in range(2))
    canvas = start + _ramp(rng, size_wh, 1.0)[..., None] * (end - start)
    kind = str(rng.choice(["plain", "cloud", "stripes", "checks", "clutter"]))
    strength = rng.uniform(8.0, 30.0)
    if kind == "cloud":
        cells = int(rng.integers(4, 24))
        coarse = rng.normal(0.0, strength, (cells, cells, 3)).astype(np.float32)
        canvas += cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC)
    elif kind == "stripes":
        wave = np.sin(_ramp(rng, size_wh, rng.uniform(20.0, 120.0)))
        canvas += wave[..., None] * np.float32(strength * 0.7)
    elif kind == "checks":
        cell = scale * rng.uniform(10.0, 40.0)
        columns, rows = np.arange(width) // cell, np.arange(height) // cell
        canvas += ((rows[:, None] + columns[None, :]) % 2 * strength - strength / 2)[..., None]
    elif kind == "clutter":
        for _ in range(int(rng.integers(8, 30))):
            centre = rng.uniform(0, 1, 2) * size_wh
            patch = np.rint(centre + rng.normal(0.0, 18.0 * scale, (4, 2))).astype(np.int32)
            tint = canvas[int(centre[1]), int(centre[0])] + rng.normal(0.0, strength, 3)
            cv2.fillPoly(canvas, [patch], [float(part) for part in tint])
        cv2.GaussianBlur(canvas, (0, 0), scale * rng.uniform(0.8, 3.0), dst=canvas)
    return np.ascontiguousarray(np.clip(canvas, 0.0, 255.0), dtype=np.float32)


def _draw_lines(rng: Rng, canvas: FloatImage, scale: float, count: int) -> None:
    """Draws thin distractor lines across (H, W, 3) canvas."""
    height, width = canvas.shape[:2]
    for _ in range(count):
        ends = (rng.uniform(0, 1, (2, 2)) * (width, height)).astype(int)
        tint = [float(part) for part in _colour(rng, (0.0, 1.0), (0.1, 1.0))]
        start, end = (int(ends[0, 0]), int(ends[0, 1])), (int(ends[1, 0]), int(ends[1, 1]))
        cv2.line(canvas, start, end, tint, max(1, round(scale * rng.uniform(0.6, 1.6))))


def _camera_effects(rng: Rng, canvas: FloatImage, scale: float) -> FloatImage:
    """Blur, brightness and contrast change and gaussian noise on (H, W, 3) float32 0..255."""
    if rng.random() < 0.4:
        cv2.GaussianBlur(canvas, (0, 0), scale * rng.uniform(0.4, 1.3), dst=canvas)
    contrast, brightness = rng.uniform(0.75, 1.15), rng.uniform(-30.0, 30.0)
    canvas = (canvas - np.float32(128.0)) * np.float32(contrast) + np.float32(128.0 + brightness)
    noise = rng.standard_normal(canvas.shape, dtype=np.float32)
    return canvas + noise * np.float32(rng.uniform(0.0, 12.0))
