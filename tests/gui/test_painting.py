"""What is painted over a picture, and of a tensor, down to the pixel."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from core.overlay import class_color
from core.predictions import Detection
from gui.inference_thread import to_qimage
from gui.panels.image_view import ImageView
from gui.panels.overlay_labels import LabelPlaces
from gui.panels.timings import StageBar
from tests.gui.fakes import STAGES
from tests.gui.hands import luminance

GROUND = QColor(30, 60, 90)
RING = Detection("ring", 0, 0.95, (60.0, 80.0, 160.0, 140.0))
STAR = Detection("star", 1, 0.90, (60.0, 80.0, 160.0, 140.0))


@pytest.fixture
def view(qtbot: QtBot) -> ImageView:
    """A plain picture of 300 x 200 pixels, one screen pixel each."""
    view = ImageView()
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    qtbot.waitExposed(view)
    picture = QImage(300, 200, QImage.Format.Format_RGB32)
    picture.fill(GROUND)
    view.show_picture(picture)
    view.show_actual_size()
    return view


def painted(view: ImageView) -> QImage:
    return view.viewport().grab().toImage()


def at(view: ImageView, image: QImage, x: float, y: float) -> QColor:
    """The painted colour at a point of the picture."""
    point = view.viewportTransform().map(QPointF(x, y))
    return image.pixelColor(int(point.x()), int(point.y()))


def color_of(found: Detection) -> QColor:
    return QColor(*class_color(found.class_id))


def count(image: QImage, color: QColor) -> int:
    """How many pixels have exactly this colour."""
    pixels = np.frombuffer(image.convertToFormat(QImage.Format.Format_RGB32).constBits(), np.uint32)
    return int((pixels == color.rgb()).sum())


def test_a_box_is_drawn_along_its_edges_in_its_class_colour(view: ImageView) -> None:
    view.show_overlay([RING], ())
    image = painted(view)
    x1, y1, x2, y2 = RING.box
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
    for x, y in ((middle_x, y2), (x1, middle_y), (x2, middle_y), (150.0, y1)):
        assert at(view, image, x, y) == color_of(RING), (x, y)
    for x, y in ((middle_x, middle_y), (x1 - 10, middle_y), (middle_x, y2 + 10)):
        assert at(view, image, x, y) == GROUND, (x, y)


@pytest.mark.parametrize("class_id", [0, 1, 2, 3, 74, 141, 149, 191])
def test_a_label_stands_on_the_box_and_can_be_read(view: ImageView, class_id: int) -> None:
    found = Detection("ring", class_id, 0.95, RING.box)
    view.show_overlay([found], ())
    image = painted(view)
    x1, y1, *_ = RING.box
    height = view.fontMetrics().height()
    assert at(view, image, x1 + 1, y1 - height / 2) == color_of(found)
    corner = view.viewportTransform().map(QPointF(x1, y1 - height))
    label = image.copy(int(corner.x()) + 1, int(corner.y()) + 1, 30, height - 3)
    ground = luminance(color_of(found))
    contrasts = []
    for x in range(label.width()):
        for y in range(label.height()):
            ink = luminance(label.pixelColor(x, y))
            contrasts.append((max(ink, ground) + 0.05) / (min(ink, ground) + 0.05))
    assert max(contrasts) > 4.5, "WCAG 2.1, 1.4.3"
    assert sum(contrast > 2 for contrast in contrasts) > 10, "it is text"


def test_a_box_follows_the_picture_when_it_is_zoomed(view: ImageView) -> None:
    view.show_overlay([RING], ())
    view.zoom(2.0)
    image = painted(view)
    x1, y1, x2, y2 = RING.box
    assert at(view, image, (x1 + x2) / 2, y2) == color_of(RING)
    assert at(view, image, (x1 + x2) / 2, (y1 + y2) / 2) == GROUND


def test_a_highlighted_box_is_filled(view: ImageView) -> None:
    view.show_overlay([RING], ())
    middle = (110.0, 110.0)
    assert at(view, painted(view), *middle) == GROUND
    view.highlight(0)
    assert at(view, painted(view), *middle) != GROUND
    view.highlight(-1)
    assert at(view, painted(view), *middle) == GROUND


def test_labels_of_boxes_that_coincide_are_both_whole(view: ImageView) -> None:
    def shown(found: list[Detection], color: QColor) -> int:
        """Pixels of a colour outside the boxes, where only labels are."""
        view.show_overlay(found, ())
        image = painted(view)
        area = view.viewportTransform().mapRect(QRectF(QPointF(60, 80), QPointF(160, 140)))
        painter = QPainter(image)
        painter.fillRect(area.adjusted(-1, -1, 1, 1), GROUND)
        painter.end()
        return count(image, color)

    alone = shown([RING], color_of(RING))
    assert alone > 100
    assert shown([RING, STAR], color_of(RING)) == alone
    view.show_overlay([RING, STAR], ())
    label_ground = count(painted(view), color_of(STAR))
    view.show_overlay([STAR, STAR], ())
    assert label_ground > 100, "the second label found a place of its own"


def test_labels_never_overlap_and_stay_inside_the_view(view: ImageView) -> None:
    ground = QRectF(view.viewport().rect())
    places = LabelPlaces(ground, 18)
    areas = [(x, y, x + 90, y + 50) for x in (-20, 0, 40, 330) for y in (-10, 0, 100, 280)]
    found = [places.find(area, 70.0, must=False) for area in areas * 4]
    taken = [one for one in found if one is not None]
    assert len(taken) >= len(areas)
    assert len(taken) < 4 * len(areas), "those without a place are left out"
    for one, other in combinations(taken, 2):
        assert not one.intersects(other), (one, other)
    for one in taken:
        assert ground.contains(one), one


def test_boxes_zoomed_out_of_sight_leave_no_label_behind(view: ImageView) -> None:
    view.show_overlay([RING], ())
    view.zoom(6.0)
    view.centerOn(290, 190)
    assert count(painted(view), color_of(RING)) == 0


def test_the_label_of_the_highlighted_box_is_always_shown(view: ImageView) -> None:
    crowd = [RING] * 12
    view.show_overlay(crowd, ())
    before = count(painted(view), color_of(RING))
    last = Detection("last", 3, 0.3, RING.box)
    view.show_overlay([*crowd, last], ())
    without = count(painted(view), color_of(last))
    view.highlight(len(crowd))
    assert count(painted(view), color_of(last)) > without + 100
    assert before > 0


def test_lines_of_text_are_painted_in_the_corner_and_go_away(view: ImageView) -> None:
    plain = painted(view)
    view.show_overlay((), ("ring  0.951", "star  0.049"))
    with_lines = painted(view)
    assert with_lines != plain
    assert with_lines.copy(0, 150, 400, 150) == plain.copy(0, 150, 400, 150), "only the corner"
    view.show_overlay((), ())
    assert painted(view) == plain


def test_the_empty_view_says_what_to_do_in_dark_and_light(
    view: ImageView, same_colors: None
) -> None:
    from gui.theme import apply_theme

    view.show_picture(None)
    for theme in ("light", "dark"):
        apply_theme(theme)
        view.show_empty_text("", "")
        frame_only = painted(view)
        view.show_empty_text("Drop images here", "or press Ctrl+I")
        with_text = painted(view)
        changed = [
            with_text.pixelColor(x, y).lightnessF() - frame_only.pixelColor(x, y).lightnessF()
            for x in range(0, with_text.width(), 2)
            for y in range(0, with_text.height(), 2)
            if with_text.pixel(x, y) != frame_only.pixel(x, y)
        ]
        assert len(changed) > 50, theme
        assert max(abs(change) for change in changed) > 0.4, f"readable in {theme}"


def test_single_pixels_are_sharp_squares_at_a_high_zoom(view: ImageView) -> None:
    picture = to_qimage(
        np.indices((20, 20)).sum(0)[..., None].repeat(3, 2).astype(np.uint8) % 2 * 255
    )
    view.show_picture(picture)
    view.show_actual_size()
    view.zoom(8.0)
    image = painted(view)
    white, black = QColor(255, 255, 255), QColor(0, 0, 0)
    center = [at(view, image, x + 0.5, 10.5) for x in range(8, 12)]
    assert center in ([white, black] * 2, [black, white] * 2)
    assert at(view, image, 10.1, 10.1) == at(view, image, 10.8, 10.8), "no shading inside a pixel"


# -- the stages --------------------------------------------------------------------------


def test_the_bar_of_stages_is_divided_as_the_time_was(qtbot: QtBot) -> None:
    bar = StageBar()
    qtbot.addWidget(bar)
    bar.resize(400, 14)
    bar.show_stages(STAGES)  # read 1, prepare 2, compute 3, interpret 4 of 10
    image = bar.grab().toImage()
    row = [image.pixelColor(x, 7).name() for x in range(400)]
    widths = [row.count(color) for color in dict.fromkeys(row)]
    assert widths == pytest.approx([40, 80, 120, 160], abs=2)
    bar.show_stages(None)
    assert len({bar.grab().toImage().pixelColor(x, 7).name() for x in range(400)}) == 1
