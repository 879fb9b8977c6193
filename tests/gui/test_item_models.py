"""The tables' and the filmstrip's models, watched by Qt's own model tester."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPixmap
from PySide6.QtTest import QTest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from gui.inference_thread import to_qimage
from gui.item_models.rows import Row, RowsModel, TableView
from gui.item_models.values import ValuesModel
from gui.panels.filmstrip import FilmModel
from tests.gui.fakes import FakeThread

ROWS = [
    Row(("ring", "0.95", "1, 2  3 x 4"), "a ring", (10, 200, 30)),
    Row(("star", "0.90", "5, 6  7 x 8")),
    Row(("cross", "0.85", "9, 9  9 x 9")),
]
ROLES = Qt.ItemDataRole


def texts(model: QAbstractItemModel) -> list[list[str]]:
    """What a view would show."""
    return [
        [model.index(row, column).data() for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


# -- rows --------------------------------------------------------------------------------


def test_rows_model_keeps_qts_rules_through_resets(
    qapp: object, qtmodeltester: ModelTester
) -> None:
    model = RowsModel(("name", "score", "box"), (1,))
    qtmodeltester.check(model)
    for rows in (ROWS, ROWS[:1], [], ROWS):
        model.show_rows(rows)
        assert texts(model) == [list(row.cells) for row in rows]


def test_rows_model_has_nothing_to_say_of_no_cell(qapp: object) -> None:
    model = RowsModel(("name", "score", "box"))
    assert model.data(QModelIndex()) is None
    model.show_rows(ROWS)
    assert model.data(QModelIndex()) is None
    assert model.rowCount(model.index(0, 0)) == 0


def test_rows_model_aligns_numbers_right_and_shows_colours_and_tooltips(qapp: object) -> None:
    model = RowsModel(("name", "score", "box"), (1,))
    model.show_rows(ROWS)
    aligned = [model.index(0, column).data(ROLES.TextAlignmentRole) for column in (0, 1)]
    assert not aligned[0] & Qt.AlignmentFlag.AlignRight
    assert aligned[1] & Qt.AlignmentFlag.AlignRight
    assert model.index(0, 0).data(ROLES.DecorationRole) == QColor(10, 200, 30)
    assert model.index(0, 1).data(ROLES.DecorationRole) is None
    assert model.index(0, 2).data(ROLES.ToolTipRole) == "a ring"
    assert model.index(1, 2).data(ROLES.ToolTipRole) == "5, 6  7 x 8", "elided cells need one"


@pytest.fixture
def table(qtbot: QtBot) -> TableView:
    model = RowsModel(("name", "score", "box"), (1,))
    model.show_rows(ROWS)
    view = TableView()
    model.setParent(view)
    view.setModel(model)
    qtbot.addWidget(view)
    view.show()
    qtbot.waitExposed(view)
    return view


def copied(table: TableView) -> list[list[str]]:
    """What Ctrl+C puts on the clipboard, as lines of cells."""
    QGuiApplication.clipboard().setText("before")
    QTest.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    return [line.split("\t") for line in QGuiApplication.clipboard().text().split("\n")]


def test_copying_without_a_selection_gives_the_whole_table(table: TableView) -> None:
    table.clearSelection()
    assert copied(table) == [["name", "score", "box"], *(list(row.cells) for row in ROWS)]


def test_copying_gives_the_selected_rows_with_their_titles(table: TableView) -> None:
    table.selectRow(1)
    assert copied(table) == [["name", "score", "box"], list(ROWS[1].cells)]


def test_copying_leaves_hidden_columns_out(table: TableView) -> None:
    table.setColumnHidden(1, True)
    assert copied(table)[0] == ["name", "box"]


# -- values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.zeros((0, 5), np.float16),
        np.array([["cat", "dog"]], dtype=object),
        np.array([[True, False]]),
        np.full((2, 2), 2**62, np.int64),
    ],
    ids=["floats", "empty", "texts", "bools", "large integers"],
)
def test_values_model_keeps_qts_rules_for_any_dtype(
    qapp: object, qtmodeltester: ModelTester, values: np.ndarray
) -> None:
    model = ValuesModel()
    qtmodeltester.check(model)
    model.show_values(values)
    assert (model.rowCount(), model.columnCount()) == values.shape
    assert all(isinstance(text, str) for row in texts(model) for text in row)
    model.show_values(None)
    assert (model.rowCount(), model.columnCount()) == (0, 0)


def test_values_model_has_nothing_to_say_of_no_cell(qapp: object) -> None:
    model = ValuesModel()
    model.show_values(np.ones((2, 2), np.float32))
    assert model.data(QModelIndex()) is None


def test_ten_million_values_are_shown_without_copying_them(qapp: object) -> None:
    values = np.arange(10_000_000, dtype=np.float32).reshape(10_000, 1_000)
    model = ValuesModel()
    model.show_values(values)
    assert (model.rowCount(), model.columnCount()) == (10_000, 1_000)
    assert model.index(5_000, 500).data() == "5.0005e+06"
    values[5_000, 500] = -1.5  # a copy would not notice
    assert model.index(5_000, 500).data() == "-1.5"
    assert model._values is not None
    assert np.shares_memory(model._values, values)


def test_a_huge_row_is_cut_to_what_a_view_can_count(qapp: object) -> None:
    values = np.broadcast_to(np.float32(1), (1, 50_000_000))
    model = ValuesModel()
    model.show_values(values)
    assert 0 < model.columnCount() * 100 < 2**31, "Qt's views count pixels in 32 bits"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_no_healthy_output_has_stand_out(qapp: object, value: float) -> None:
    model = ValuesModel()
    model.show_values(np.array([[1.0, value]], np.float32))
    assert model.index(0, 0).data(ROLES.ForegroundRole) is None
    color = model.index(0, 1).data(ROLES.ForegroundRole)
    assert color.red() > 2 * color.green()


# -- the filmstrip -----------------------------------------------------------------------

PATHS = [Path(f"/pictures/{number}.png") for number in range(40)]


@pytest.fixture
def thread(qapp: object) -> Iterator[FakeThread]:
    thread = FakeThread()
    yield thread
    thread.stop(0)


def picture_of(icon: QIcon) -> QPixmap:
    return icon.pixmap(icon.availableSizes()[0])


def answer_all(thread: FakeThread, color: int = 200) -> list[Path]:
    """Make the thumbnails that are asked for; gives their paths."""
    made: list[Path] = []
    while thread.waiting:
        request: Any = thread.take()
        thread.finish((request, to_qimage(np.full((72, 144, 3), color, np.uint8))))
        made.append(request)
    return made


def test_film_model_keeps_qts_rules_while_images_come_and_go(
    thread: FakeThread, qtmodeltester: ModelTester
) -> None:
    model = FilmModel(thread)
    qtmodeltester.check(model)
    for count in (1, 3, 0, 2):
        model.show_paths(PATHS[:count])
        shown = [model.index(row, 0).data() for row in range(model.rowCount())]
        assert shown == [path.name for path in PATHS[:count]]
        for row in range(count):
            model.index(row, 0).data(ROLES.DecorationRole)
        answer_all(thread)
    assert model.data(QModelIndex()) is None


def test_a_thumbnail_is_asked_for_when_it_is_seen_and_only_once(thread: FakeThread) -> None:
    model = FilmModel(thread)
    model.show_paths(PATHS)
    assert thread.asked == [], "what nobody sees costs nothing"
    for _ in range(3):
        model.index(7, 0).data(ROLES.DecorationRole)
    assert thread.asked == [PATHS[7]]
    answer_all(thread)
    icon = model.index(7, 0).data(ROLES.DecorationRole)
    pixel = picture_of(icon).toImage().pixelColor(72, 72)
    assert pixel == QColor(200, 200, 200)
    assert thread.asked == [PATHS[7]]


def test_every_thumbnail_on_screen_is_made_however_wide_the_screen(thread: FakeThread) -> None:
    model = FilmModel(thread)
    model.show_paths(PATHS)
    dirty = set(range(len(PATHS)))
    model.dataChanged.connect(lambda first, last: dirty.update(range(first.row(), last.row() + 1)))
    made: set[Path] = set()
    while dirty:  # a view: paints what changed, again and again
        for row in sorted(dirty):
            model.index(row, 0).data(ROLES.DecorationRole)
        dirty.clear()
        made |= set(answer_all(thread))
    assert made == set(PATHS)


def test_a_picture_without_a_thumbnail_is_not_asked_for_again_and_again(
    thread: FakeThread,
) -> None:
    from core.errors import ImageError

    model = FilmModel(thread)
    model.show_paths(PATHS[:1])
    for _ in range(3):
        model.index(0, 0).data(ROLES.DecorationRole)
        if thread.waiting:
            thread.take()
            thread.fail(ImageError("damaged-image", "0.png is damaged.", "Save it again."))
    assert len(thread.asked) == 1
