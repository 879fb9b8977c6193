"""The Tensors tab: slices, marks, statistics, copying and saving; and the Input tab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QSpinBox
from pytestqt.qtbot import QtBot

from core.predictions import summarize
from core.tensor_statistics import Mark, measure
from gui.item_models.values import FOLD, ValuesModel
from gui.panels.network_input import NetworkInput
from gui.panels.tensor_detail import TensorDetail
from gui.problem import Problem
from gui.tensor_thread import Draw, Measure, TensorThread
from tests.gui.fakes import FakeThread
from tests.gui.limits import WAIT_MS

MakeDetail = Callable[..., TensorDetail]


@pytest.fixture
def make_detail(qtbot: QtBot) -> Iterator[MakeDetail]:
    """Build and show panels; their threads end with the test."""
    made: list[TensorDetail] = []

    def make(thread: TensorThread | FakeThread | None = None) -> TensorDetail:
        detail = TensorDetail(thread or TensorThread())
        qtbot.addWidget(detail)
        made.append(detail)
        detail.resize(340, 600)
        detail.show()
        qtbot.waitExposed(detail)
        return detail

    yield make
    for detail in made:
        assert detail.stop(WAIT_MS)


def _show(detail: TensorDetail, array: np.ndarray, **inputs: np.ndarray) -> None:
    detail.show_outputs([summarize("out", array)], {"out": array}, inputs)


def _measured(qtbot: QtBot, detail: TensorDetail) -> None:
    qtbot.waitUntil(lambda: not detail._jobs, timeout=WAIT_MS)


def _cell(detail: TensorDetail, row: int, column: int) -> str:
    return str(detail.values.model().index(row, column).data())


# -- slices ------------------------------------------------------------------------------


def test_a_chosen_slice_and_its_field_stay_over_runs(qtbot: QtBot) -> None:
    detail = TensorDetail()
    qtbot.addWidget(detail)
    array = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    _show(detail, array)
    field = detail.findChild(QSpinBox)
    assert field is not None
    field.setValue(2)
    assert _cell(detail, 0, 0) == "40"
    _show(detail, array + 100)
    assert detail.findChild(QSpinBox) is field
    assert field.value() == 2
    assert _cell(detail, 0, 0) == "140"


def test_another_shape_gets_fields_of_its_own(qtbot: QtBot) -> None:
    detail = TensorDetail()
    qtbot.addWidget(detail)
    _show(detail, np.zeros((7, 4, 5), np.float32))
    field = detail.findChild(QSpinBox)
    assert field is not None
    field.setValue(6)
    _show(detail, np.zeros((2, 4, 5), np.float32))
    qtbot.waitUntil(lambda: len(detail.findChildren(QSpinBox)) == 1)
    assert detail.findChild(QSpinBox).maximum() == 1
    assert detail.findChild(QSpinBox).value() == 1


def test_any_two_dimensions_are_chosen_as_rows_and_columns(make_detail: MakeDetail) -> None:
    detail = make_detail(FakeThread())
    array = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    _show(detail, array)
    for rows, columns in ((0, 2), (0, 1), (1, 0), (2, 1)):
        for box, axis in ((detail.slice.rows, rows), (detail.slice.columns, columns)):
            box.setCurrentIndex(axis)
            box.activated.emit(axis)
        assert (detail.slice.choice.rows, detail.slice.choice.columns) == (rows, columns)
        model = detail.values.model()
        assert (model.rowCount(), model.columnCount()) == (array.shape[rows], array.shape[columns])
        place = [0, 0, 0]
        place[rows], place[columns] = 1, 2 % array.shape[columns]
        assert float(_cell(detail, 1, place[columns])) == array[tuple(place)]


def test_choosing_a_dimension_twice_swaps_the_two(make_detail: MakeDetail) -> None:
    detail = make_detail(FakeThread())
    _show(detail, np.arange(6, dtype=np.float32).reshape(2, 3))
    detail.slice.rows.setCurrentIndex(1)
    detail.slice.rows.activated.emit(1)
    assert (detail.slice.choice.rows, detail.slice.choice.columns) == (1, 0)
    assert [_cell(detail, row, 1) for row in range(3)] == ["3", "4", "5"]


@pytest.mark.parametrize(
    "array",
    [
        np.array(5, np.int64),
        np.zeros((0, 6), np.float32),
        np.zeros((2, 0, 3), np.float16),
        np.array([["cat", "dog"]], object),
        np.ones((1, 2, 1, 3, 2, 2), bool),
        np.array([1 + 2j]),
    ],
    ids=["scalar", "empty", "empty inside", "texts", "six dimensions", "complex"],
)
def test_any_tensor_is_shown_without_a_problem(
    make_detail: MakeDetail, qtbot: QtBot, array: np.ndarray
) -> None:
    detail = make_detail()
    problems: list[Problem] = []
    detail.problem.connect(problems.append)
    detail.statistics.histogram.add_plot()
    _show(detail, array)
    _measured(qtbot, detail)
    for view in range(detail.views.count()):
        detail.views.setCurrentIndex(view)
        detail.grab()
    assert problems == []


# -- marks -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7,), (4, 5), (3, 4, 5), (2, 3, 2, 4, 5), (1, 40)])
def test_going_to_the_next_nan_selects_its_cell_in_any_rank(
    make_detail: MakeDetail, qtbot: QtBot, shape: tuple[int, ...]
) -> None:
    array = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    wrong = [2, array.size - 3]
    array.reshape(-1)[wrong] = np.nan
    detail = make_detail()
    _show(detail, array)
    _measured(qtbot, detail)
    for index in (*wrong, wrong[0]):
        QTest.mouseClick(detail.marks.next, Qt.MouseButton.LeftButton)
        current = detail.values.currentIndex()
        assert current.data() == "nan"
        if len(shape) > 1:
            place = np.unravel_index(index, shape)
            expected = tuple(int(part) for part in place[-2:])
            assert detail._values.element_at(current) == expected
            assert detail.slice.choice.fixed[:-2] == tuple(int(part) for part in place[:-2])
        _measured(qtbot, detail)  # the ring stays when the slice has been drawn
        assert detail.heat._chosen == detail._values.element_at(current)
    QTest.mouseClick(detail.marks.previous, Qt.MouseButton.LeftButton)
    assert detail.marks._place == wrong[1], "backwards, around the beginning"


def test_only_the_chosen_kind_is_gone_to(make_detail: MakeDetail, qtbot: QtBot) -> None:
    detail = make_detail()
    _show(detail, np.array([[np.nan, np.inf, 65504], [np.nan, 1, 2]], np.float16))
    _measured(qtbot, detail)
    kinds = detail.marks.kinds
    assert [kinds.itemText(i) for i in range(kinds.count())] == [
        "all 4", "NaN 2", "Inf 1", "saturated 1"
    ]  # fmt: skip
    kinds.setCurrentIndex(kinds.findData(int(Mark.SATURATED)))
    detail.marks.go(1)
    assert detail.values.currentIndex().data() == "65504"
    color = detail.values.currentIndex().data(Qt.ItemDataRole.ForegroundRole)
    assert color.red() > color.green() > color.blue(), "orange"


def test_a_click_on_the_heat_map_chooses_the_cell(make_detail: MakeDetail, qtbot: QtBot) -> None:
    detail = make_detail()
    _show(detail, np.arange(12, dtype=np.float32).reshape(3, 4))
    _measured(qtbot, detail)
    point: QPointF = detail.heat.center_of(2, 1)
    QTest.mouseClick(detail.heat, Qt.MouseButton.LeftButton, pos=point.toPoint())
    assert detail.values.currentIndex().data() == "9"


def test_the_ring_is_drawn_around_the_chosen_element(make_detail: MakeDetail, qtbot: QtBot) -> None:
    detail = make_detail()
    _show(detail, np.zeros((8, 8), np.float32))
    _measured(qtbot, detail)
    before = detail.heat.grab().toImage()
    detail.values.setCurrentIndex(detail.values.model().index(3, 5))
    after = detail.heat.grab().toImage()
    center = detail.heat.center_of(3, 5).toPoint()
    changed = [
        (x, y)
        for x in range(after.width())
        for y in range(after.height())
        if before.pixel(x, y) != after.pixel(x, y)
    ]
    assert changed
    assert all(max(abs(x - center.x()), abs(y - center.y())) <= 11 for x, y in changed)


# -- numbers -----------------------------------------------------------------------------


def test_statistics_and_histogram_are_those_of_the_tensor(
    make_detail: MakeDetail, qtbot: QtBot
) -> None:
    detail = make_detail()
    detail.statistics.histogram.add_plot()
    _show(detail, np.array([[3, 5, 5], [7, 7, 7]], np.int64))
    _measured(qtbot, detail)
    shown = {word: label.text() for word, label in detail.statistics.numbers.cells.items()}
    assert (shown["min"], shown["max"], shown["elements"]) == ("3", "7", "6")
    assert shown["mean"] == "5.6667"
    assert detail.statistics.histogram.bars() == ([2.5, 4.5, 6.5], [1.0, 2.0, 3.0])
    detail.statistics.histogram.log.setChecked(True)
    _, heights = detail.statistics.histogram.bars()
    assert heights == pytest.approx([np.log10(2 * count) for count in (1, 2, 3)])


def test_inputs_are_measured_too(make_detail: MakeDetail, qtbot: QtBot) -> None:
    detail = make_detail()
    _show(detail, np.zeros((2, 2), np.float32), images=np.array([[1, 2, 6]], np.uint8))
    _measured(qtbot, detail)
    model = detail.table.model()
    row = [model.index(1, column).data() for column in range(model.columnCount())]
    assert row == ["images", "input", "1", "6", "3", "0", "0", "1 x 3", "uint8"]
    detail.table.selectRow(1)
    assert [_cell(detail, 0, column) for column in range(3)] == ["1", "2", "6"]


def test_late_numbers_of_an_older_result_are_never_shown(make_detail: MakeDetail) -> None:
    thread = FakeThread()
    detail = make_detail(thread)
    old, new = np.full((2, 2), 1.0, np.float32), np.full((2, 2), 2.0, np.float32)
    _show(detail, old)
    requests: list[Any] = [thread.take()]
    assert isinstance(requests[0], Draw)
    _show(detail, new)  # while the old one is being drawn, and before it is measured
    thread.finish(None)  # the thread ends with Cancelled, for it was replaced
    while thread.waiting:
        request = thread.take()
        requests.append(request)
        if isinstance(request, Measure):
            assert request.array is new
            assert detail.statistics.numbers.cells["min"].text() == "-"
            thread.finish(measure(request.array))
        else:
            thread.finish(None)
    assert detail.statistics.numbers.cells["min"].text() == "2"


def test_an_answer_that_was_on_its_way_when_the_result_changed_is_dropped(
    make_detail: MakeDetail,
) -> None:
    thread = FakeThread()
    detail = make_detail(thread)
    _show(detail, np.full((2, 2), 1.0, np.float32))
    while not isinstance(request := thread.take(), Measure):
        thread.finish(None)
    statistics = measure(request.array)
    job = thread.running
    assert job is not None
    detail.show_outputs((), {})
    from core.jobs import Finished

    thread.tell(Finished(job.id, job.slot, statistics))
    assert detail.statistics.numbers.cells["min"].text() == "-"


def test_nothing_is_measured_before_it_is_on_screen(qtbot: QtBot) -> None:
    thread = FakeThread()
    detail = TensorDetail(thread)
    qtbot.addWidget(detail)
    _show(detail, np.zeros((2, 2), np.float32), images=np.zeros(3, np.float32))
    assert thread.asked == []
    detail.show()
    qtbot.waitExposed(detail)
    assert {type(one).__name__ for one in thread.asked} == {"Draw", "Measure", "Summarize"}


# -- large ones --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(10_000_000,), (10_000_000, 1), (1, 10_000_000), (3200, 3125)])
def test_ten_million_elements_ask_only_for_the_cells_on_screen(
    make_detail: MakeDetail,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    shape: tuple[int, ...],
) -> None:
    asked: set[tuple[int, int]] = set()
    data = ValuesModel.data

    def counting(self: ValuesModel, index: Any, role: int = 0) -> Any:
        asked.add((index.row(), index.column()))
        return data(self, index, role)

    monkeypatch.setattr(ValuesModel, "data", counting)
    array = np.broadcast_to(np.float32(1), shape)
    detail = make_detail(FakeThread())
    detail.show_outputs([summarize("out", np.zeros(1))], {"out": array})
    detail.views.setCurrentIndex(1)
    bar = detail.values.verticalScrollBar()
    for part in (0.0, 0.5, 1.0):
        bar.setValue(round(bar.maximum() * part))
        detail.values.grab()
    assert asked
    assert len(asked) < 3 * 1000
    cells = detail.values.model().rowCount() * detail.values.model().columnCount()
    assert cells == 10_000_000, "all of them can be reached"


def test_a_long_row_is_folded_and_each_element_has_its_cell(qapp: object) -> None:
    model = ValuesModel()
    model.show_values(np.arange(25)[None])
    assert (model.rowCount(), model.columnCount()) == (3, FOLD)
    for column in range(25):
        index = model.index_of(0, column)
        assert index.data() == str(column)
        assert model.element_at(index) == (0, column)
    assert model.index(2, 5).data() is None
    assert model.element_at(model.index(2, 5)) is None
    vertical, horizontal = Qt.Orientation.Vertical, Qt.Orientation.Horizontal
    assert model.headerData(2, vertical) == 20
    assert model.headerData(5, horizontal) == "+5"


# -- copying and saving ------------------------------------------------------------------


def test_selected_cells_are_copied_tab_separated(make_detail: MakeDetail, qtbot: QtBot) -> None:
    detail = make_detail()
    _show(detail, np.arange(12, dtype=np.float64).reshape(3, 4) / 8)
    detail.views.setCurrentIndex(1)
    detail.values.setCurrentIndex(detail.values.model().index(1, 1))
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right):
        QTest.keyClick(detail.values, key, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(detail.values, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    _measured(qtbot, detail)
    assert QGuiApplication.clipboard().text() == "0.625\t0.75\n1.125\t1.25"


def test_a_folded_row_is_copied_with_its_last_line(make_detail: MakeDetail, qtbot: QtBot) -> None:
    detail = make_detail()
    _show(detail, np.arange(23))
    detail.copy_cells()
    _measured(qtbot, detail)
    lines = QGuiApplication.clipboard().text().split("\n")
    assert [line.split("\t") for line in lines] == [
        [str(value) for value in range(begin, min(begin + 10, 23))] for begin in (0, 10, 20)
    ]


def test_too_many_cells_are_refused_with_what_to_do(make_detail: MakeDetail) -> None:
    thread = FakeThread()
    detail = make_detail(thread)
    problems: list[Problem] = []
    detail.problem.connect(problems.append)
    detail.show_outputs(
        [summarize("out", np.zeros(1))], {"out": np.broadcast_to(np.float32(1), (2000, 2000))}
    )
    detail.copy_cells()
    assert [one.kind for one in problems] == ["too-many-cells"]
    assert "4,000,000" in problems[0].message
    assert ".npy" in problems[0].hint


def test_a_tensor_is_saved_and_a_failure_is_told(
    make_detail: MakeDetail, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detail = make_detail()
    problems: list[Problem] = []
    detail.problem.connect(problems.append)
    array = np.arange(6, dtype=np.float16).reshape(2, 3)
    detail.show_outputs([summarize("a/b:0", array)], {"a/b:0": array})
    suggested: list[str] = []

    def choose(folder: Path) -> None:
        def ask(_parent: object, _title: str, name: str, _filter: str) -> tuple[str, str]:
            suggested.append(name)
            return str(folder / "saved"), ""

        monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)

    choose(tmp_path)
    detail.save()
    _measured(qtbot, detail)
    assert suggested == ["a_b_0.npy"]
    assert np.load(tmp_path / "saved.npy").tolist() == array.tolist()
    choose(tmp_path / "missing")
    detail.save()
    _measured(qtbot, detail)
    assert [one.kind for one in problems] == ["cannot-save"]


# -- what the network saw ----------------------------------------------------------------


def test_the_input_tab_shows_each_channel_before_and_after(qtbot: QtBot) -> None:
    from tests.gui.network_inputs import red_picture

    thread = TensorThread()
    panel = NetworkInput(thread)
    qtbot.addWidget(panel)
    panel.show_result(red_picture())
    assert panel.table.model().rowCount() == 0, "nothing is measured before it is on screen"
    panel.show()
    qtbot.waitUntil(lambda: panel.table.model().rowCount() == 6, timeout=WAIT_MS)
    model = panel.table.model()
    rows = [[model.index(row, column).data() for column in range(5)] for row in range(6)]
    assert rows[0] == ["red", "picture", "51", "51", "51"]
    assert rows[1] == ["red", "tensor", "0.2", "0.2", "0.2"]
    assert rows[5] == ["blue", "tensor", "0", "0", "0"]
    panel.show_result(None)
    assert model.rowCount() == 0
    assert thread.stop(WAIT_MS)
