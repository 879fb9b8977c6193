"""Every kind of prediction over a picture: what is painted, and what is under the mouse."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from core.overlay import class_color
from core.predictions import (
    ClassMap,
    ClassScore,
    ClassShare,
    DenseMap,
    Detection,
    Embedding,
    Mask,
    OrientedBox,
    Pose,
    Prediction,
    Segment,
    TensorSummary,
)
from gui.overlay_layers import dense_table, layers_of
from gui.panels.image_view import ImageView

GROUND = QColor(30, 60, 90)
WIDTH, HEIGHT = 300, 200
BOX = (60.0, 80.0, 160.0, 140.0)


def ring() -> Segment:
    """A mask as large as its box, but for a hole in the middle."""
    bits = np.ones((60, 100), bool)
    bits[20:40, 40:60] = False
    return Segment("ring", 3, 0.9, BOX, Mask(60, 80, bits))


def diamond() -> OrientedBox:
    corners = ((110.0, 80.0), (160.0, 110.0), (110.0, 140.0), (60.0, 110.0))
    return OrientedBox("diamond", 1, 0.9, BOX, corners)


def person(seen: float = 0.9) -> Pose:
    """All keypoints at the left edge but the wrists, which are at the right."""
    points = [(65.0, 85.0 + 3 * i, seen) for i in range(17)]
    points[9] = (150.0, 100.0, seen)
    return Pose("person", 0, 0.9, BOX, tuple(points))


def halves() -> ClassMap:
    """Background on the left, class 5 on the right."""
    ids = np.zeros((HEIGHT, WIDTH), np.uint16)
    ids[:, WIDTH // 2 :] = 5
    return ClassMap("map", ids, (ClassShare("background", 0, 0.5), ClassShare("road", 5, 0.5)))


def slope() -> DenseMap:
    """From 0 at the left to 299 at the right; the first row is NaN."""
    values = np.tile(np.arange(WIDTH, dtype=np.float32), (HEIGHT, 1))
    values[0] = np.nan
    return DenseMap("depth", values, 0.0, 299.0, "linear")


EVERY: dict[str, list[Prediction]] = {
    "boxes": [Detection("ring", 0, 0.9, BOX), Detection("far", 1, 0.5, (-50.0, -9.0, 900.0, 9.0))],
    "masks": [ring()],
    "turned": [diamond()],
    "poses": [person(), Pose("hand", 0, 0.5, BOX, ((70.0, 90.0, 0.9), (float("nan"), 0.0, 0.9)))],
    "classes": [halves()],
    "many classes": [
        ClassMap(
            "map",
            np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH),
            tuple(ClassShare(f"a very long name of class {i} " * 5, i, 0.01) for i in range(100)),
        )
    ],
    "dense": [slope()],
    "flat": [DenseMap("flat", np.zeros((HEIGHT, WIDTH), np.float32), 0.0, 0.0, "")],
    "two maps": [halves(), slope()],
    "scores": [ClassScore("cat", 1, 0.5)],
    "embedding": [Embedding("vector", np.ones(4, np.float32), 2.0)],
    "tensors": [TensorSummary("out", "float32", (1,), 0.0, 1.0, 0.5, 0, 0)],
    "none": [],
}


@pytest.fixture
def view(qtbot: QtBot) -> ImageView:
    """A plain picture of 300 x 200 pixels, one screen pixel each."""
    view = ImageView()
    qtbot.addWidget(view)
    view.resize(420, 320)
    view.show()
    qtbot.waitExposed(view)
    picture = QImage(WIDTH, HEIGHT, QImage.Format.Format_RGB32)
    picture.fill(GROUND)
    view.show_picture(picture)
    view.show_actual_size()
    return view


def show(view: ImageView, predictions: list[Prediction]) -> None:
    view.show_overlay(predictions, (), layers_of(predictions, (WIDTH, HEIGHT)))


def at(view: ImageView, x: float, y: float) -> QColor:
    """The painted colour at a point of the picture."""
    image = view.viewport().grab().toImage()
    point = view.viewportTransform().map(QPointF(x, y))
    return image.pixelColor(int(point.x()), int(point.y()))


def mixed(color: tuple[int, int, int], opacity: float) -> tuple[int, ...]:
    """A colour over the ground."""
    ground = (GROUND.red(), GROUND.green(), GROUND.blue())
    return tuple(
        round(over * opacity + under * (1 - opacity))
        for over, under in zip(color, ground, strict=True)
    )


def rgb(color: QColor) -> tuple[int, int, int]:
    return color.red(), color.green(), color.blue()


@pytest.mark.parametrize("kind", EVERY)
def test_every_kind_is_painted_at_any_zoom(view: ImageView, kind: str) -> None:
    show(view, EVERY[kind])
    for scale in (0.05, 0.3, 1.0, 7.0, 63.0):
        view.resetTransform()
        view.zoom(scale)
        for row in (-1, 0, 1):
            view.highlight(row)
            assert not view.viewport().grab().isNull()


@pytest.mark.parametrize("kind", EVERY)
def test_every_kind_is_painted_in_the_smallest_view(view: ImageView, kind: str) -> None:
    view.setMinimumSize(1, 1)
    view.resize(12, 12)
    show(view, EVERY[kind])
    assert not view.viewport().grab().isNull()


def test_a_mask_is_laid_over_its_pixels_alone(view: ImageView) -> None:
    show(view, [ring()])
    view.set_opacity(0.5)
    expected = mixed(class_color(3), 0.5)
    assert rgb(at(view, 80.5, 125.5)) == pytest.approx(expected, abs=2)
    assert at(view, 110.5, 110.5) == GROUND, "its hole"
    assert at(view, 200.5, 110.5) == GROUND, "beside it"
    view.set_opacity(0.0)
    assert at(view, 80.5, 125.5) == GROUND


def test_a_masks_outline_stays_as_wide_when_the_picture_is_enlarged(view: ImageView) -> None:
    show(view, [ring()])
    view.set_opacity(0.0)
    view.zoom(8.0)
    view.centerOn(110, 140)
    assert at(view, 110.0, 139.5) == QColor(*class_color(3))
    for y in (138.5, 140.5):  # a picture pixel is eight of the screen
        assert at(view, 110.0, y) == GROUND


def test_a_turned_box_is_painted_along_its_own_edges(view: ImageView) -> None:
    show(view, [diamond()])
    assert at(view, 85.0, 125.0) != GROUND, "the middle of an edge"
    assert at(view, 62.0, 138.0) == GROUND, "a corner of the box around it"


def test_limbs_join_keypoints_that_are_seen(view: ImageView) -> None:
    show(view, [person()])
    middle = (107.5, (106.0 + 100.0) / 2)  # between the left elbow (7) and the left wrist (9)
    assert at(view, *middle) != GROUND
    show(view, [person(seen=0.1)])
    assert at(view, *middle) == GROUND


def test_a_class_map_colours_classes_and_leaves_the_background_clear(view: ImageView) -> None:
    show(view, [halves()])
    view.set_opacity(1.0)
    assert at(view, 250.5, 50.5) == QColor(*class_color(5))
    assert at(view, 50.5, 50.5) == GROUND
    view.highlight(0)  # the background's row: shown alone
    assert at(view, 50.5, 50.5) == QColor(*class_color(0))
    assert at(view, 250.5, 50.5) == GROUND


def test_a_dense_map_goes_from_dark_to_bright_and_leaves_nan_clear(view: ImageView) -> None:
    show(view, [slope()])
    view.set_opacity(1.0)
    colors = dense_table()
    assert at(view, 0.5, 60.5) == QColor.fromRgb(colors[0])
    assert at(view, 299.5, 60.5) == QColor.fromRgb(colors[254])
    assert at(view, 150.5, 0.5) == GROUND
    lightness = [QColor.fromRgb(color).lightnessF() for color in (colors[0], colors[254])]
    assert lightness[0] < lightness[1]


def test_of_two_maps_the_one_of_the_chosen_row_is_shown(view: ImageView) -> None:
    show(view, [halves(), slope()])
    view.set_opacity(1.0)
    assert at(view, 250.5, 50.5) == QColor(*class_color(5))
    view.highlight(2)  # two rows of classes, then the dense map's
    assert at(view, 250.5, 50.5) == QColor.fromRgb(dense_table()[round(250 / 299 * 254)])


@pytest.mark.parametrize(
    ("kind", "point", "row"),
    [
        ("boxes", (110, 110), 0),
        ("boxes", (20, 5), 1),
        ("boxes", (20, 150), -1),
        ("masks", (80, 125), 0),
        ("masks", (110, 110), -1),  # in the hole
        ("turned", (110, 110), 0),
        ("turned", (62, 138), -1),  # in the box around it, and not in it
        ("poses", (110, 110), 0),
        ("classes", (50, 50), 0),
        ("classes", (250, 50), 1),
        ("dense", (50, 50), 0),
        ("two maps", (250, 50), 1),
        ("scores", (50, 50), -1),
        ("none", (50, 50), -1),
    ],
)
def test_the_mouse_over_a_prediction_tells_its_row(
    view: ImageView, qtbot: QtBot, kind: str, point: tuple[int, int], row: int
) -> None:
    show(view, EVERY[kind])
    told: list[int] = []
    view.box_hovered.connect(told.append)
    place = view.viewportTransform().map(QPointF(point[0] + 0.5, point[1] + 0.5)).toPoint()
    qtbot.mouseMove(view.viewport(), place + QPoint(3, 0))
    qtbot.mouseMove(view.viewport(), place)
    assert told[-1] == row


@pytest.mark.parametrize("kind", ["boxes", "masks", "turned", "poses", "classes"])
def test_a_highlighted_row_changes_what_is_painted(view: ImageView, kind: str) -> None:
    show(view, EVERY[kind])
    plain = view.viewport().grab().toImage()
    view.highlight(0)
    assert view.viewport().grab().toImage() != plain
    view.highlight(-1)
    assert view.viewport().grab().toImage() == plain


def test_the_same_picture_is_not_made_ready_for_the_screen_twice(
    view: ImageView, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = QImage(8, 8, QImage.Format.Format_RGB32)
    view.show_picture(picture)
    made = view._item.pixmap().cacheKey()
    view.show_picture(picture)
    assert view._item.pixmap().cacheKey() == made
    view.show_picture(QImage(8, 8, QImage.Format.Format_RGB32))
    assert view._item.pixmap().cacheKey() != made


def test_in_a_crowd_only_boxes_with_room_for_it_are_labelled(view: ImageView) -> None:
    def labelled(width: float) -> bool:
        """Whether a dozen lines above the box, where only its label is, have its colour."""
        boxes = [Detection("a label", 7, 0.9, (40.0, 100.0, 40.0 + width, 103.0))] * 80
        show(view, list(boxes))
        return at(view, 41.5, 92.5) == QColor(*class_color(7))

    assert not labelled(9.0)
    assert labelled(200.0)
    show(view, [Detection("a label", 7, 0.9, (40.0, 100.0, 49.0, 103.0))])
    assert at(view, 41.5, 92.5) == QColor(*class_color(7)), "alone it always is"
