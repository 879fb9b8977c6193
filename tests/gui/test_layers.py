"""The Layers tab in the window, by mouse and keys: files of trtexec, search, selection, graph."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent, QImage, QPainter, QPalette, QTransform
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QToolTip, QTreeWidgetItem, QWidget
from pytestqt.qtbot import QtBot

from core.errors import ModelError
from core.jobs import Finished
from core.layers.values import Layer, LayerTable
from core.paths import DEMO_MODEL
from gui.document import Document
from gui.item_models.layer_rows import NAME, TIME, TITLES
from gui.layer_colors import OTHER, type_colors
from gui.layer_painting import paint
from gui.layer_reading import LayerReading
from gui.layer_requests import LayersOfModel, LayersWanted, TimeLayers
from gui.layer_thread import ready_layers
from gui.panels.layers.panel import LayersPanel
from tests.gui.fakes import FakeThread, identified, loaded
from tests.gui.hands import PICTURES, button, drop, menu_action, texts, turn_wheel
from tests.gui.layer_tables import layer_json, profile_json, write_json
from tests.gui.limits import WAIT_MS
from tests.unit import onnx_models

if TYPE_CHECKING:
    from gui.app import App
    from gui.main_window import MainWindow
    from gui.panels.layers.graph_view import GraphView
    from tests.gui.conftest import MakeApp

CTRL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton
COUNT = 60  # layers; layer k feeds k + 1, and where k + 5 is a multiple of ten also that


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    return write_json(tmp_path / "layers.json", layer_json(COUNT))


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return write_json(tmp_path / "profile.json", profile_json(COUNT))


@pytest.fixture
def shown(qtbot: QtBot) -> Callable[[MainWindow], LayersPanel]:
    """A function that waits until nothing goes on, and gives the tab's panel."""

    def wait(window: MainWindow) -> LayersPanel:
        def is_done() -> bool:  # a file of another kind is handed to the benchmark's tab
            return not window.layers.is_busy and not window.benchmarking.is_busy

        qtbot.waitUntil(is_done, timeout=WAIT_MS)
        panel = window.center.made("Layers")
        assert isinstance(panel, LayersPanel)
        return panel

    return wait


Shown = Callable[["MainWindow"], LayersPanel]


@pytest.fixture
def timed(app_: App, layers: Path, profile: Path, shown: Shown) -> LayersPanel:
    """The layers with their times, in a window that has room."""
    app_.window.resize(1280, 800)
    assert drop(app_.window, [layers, profile])
    return shown(app_.window)


def column(panel: LayersPanel, title: str) -> list[str]:
    at = TITLES.index(title)
    return [str(panel.model.index(line, at).data()) for line in range(panel.model.rowCount())]


def click_row(panel: LayersPanel, line: int) -> None:
    place = panel.table.visualRect(panel.model.index(line, NAME)).center()
    QTest.mouseClick(panel.table.viewport(), LEFT, pos=place)


def place_in(view: GraphView, index: int) -> QPoint:
    """Where a layer is, in the graph's viewport."""
    place = view.drawing.place_of(index)
    assert place is not None
    return view.mapFromScene(place.center())


# -- files ---------------------------------------------------------------------------------


def test_dropped_layers_with_their_profile_are_shown_without_a_model(
    timed: LayersPanel, app_: App
) -> None:
    assert timed.isVisible(), "the tab came to the front"
    assert column(timed, "#") == [str(k) for k in range(COUNT)]
    assert column(timed, "type")[:3] == ["Convolution", "PointWise", "Reformat"]
    # Layer k takes 0.01 x (1 + k mod 7) ms: 60 layers are 8 rounds of 28 and 1 + 2 + 3 + 4 more.
    assert column(timed, "time (ms)")[6:8] == ["0.0700", "0.0100"]
    total = 8 * 28 + 10
    assert column(timed, "share")[6] == f"{7 / total:.1%}"
    assert "layers.json + profile.json" in texts(timed)
    assert "2.340 ms in all layers, the mean of 20 runs" in texts(timed)
    assert app_.document.problem is None


def test_a_profile_that_comes_later_adds_its_times(
    app_: App, layers: Path, profile: Path, shown: Shown
) -> None:
    drop(app_.window, [layers])
    panel = shown(app_.window)
    assert panel.table.isColumnHidden(TIME)
    click_row(panel, 3)
    drop(app_.window, [profile])
    shown(app_.window)
    assert not panel.table.isColumnHidden(TIME)
    assert column(panel, "time (ms)")[3] == "0.0400"
    assert panel.chosen == 3, "what is selected stays"
    assert "layers.json + profile.json" in texts(panel)


def test_layers_are_opened_from_the_menu(
    app_: App, layers: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(layers), ""))
    menu_action(app_.window, "File", "Open model").trigger()
    assert shown(app_.window).model.count == COUNT


def test_layers_are_opened_from_the_command_line(
    make_app: MakeApp, layers: Path, shown: Shown
) -> None:
    assert shown(make_app(file=layers).window).model.count == COUNT


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cut off"),
        ("", "empty"),
        ('{"task": "detect"}', "some other JSON"),
        ('[{"startEnqMs": 0.1, "computeMs": 1.2, "latencyMs": 1.5}]', "--exportTimes"),
    ],
)
def test_other_files_are_refused_in_the_banner(
    app_: App, layers: Path, shown: Shown, tmp_path: Path, content: str, words: str
) -> None:
    drop(app_.window, [layers])
    panel = shown(app_.window)
    other = tmp_path / "other.json"
    other.write_text(content)
    drop(app_.window, [other])
    shown(app_.window)
    problem = app_.document.problem
    assert problem is not None
    assert app_.window.banner.isVisible()
    assert words in f"{problem.message} {problem.hint}"
    assert panel.model.count == COUNT, "what was shown stays"


def test_the_profile_of_another_engine_is_refused(
    app_: App, layers: Path, tmp_path: Path, shown: Shown
) -> None:
    other = write_json(tmp_path / "other.json", profile_json(COUNT + 1))
    drop(app_.window, [layers, other])
    panel = shown(app_.window)
    assert app_.document.problem is not None
    assert app_.document.problem.kind == "profile-mismatch"
    assert panel.model.count == 0


def test_a_profile_alone_says_what_it_lacks(app_: App, profile: Path, shown: Shown) -> None:
    drop(app_.window, [profile])
    shown(app_.window)
    problem = app_.document.problem
    assert problem is not None
    assert problem.kind == "profile-alone"
    assert "--exportLayerInfo" in problem.hint


def test_names_only_say_how_to_get_more(app_: App, tmp_path: Path, shown: Shown) -> None:
    names = write_json(tmp_path / "names.json", {"Layers": ["conv1", "conv2"], "Bindings": ["in"]})
    drop(app_.window, [names])
    panel = shown(app_.window)
    assert column(panel, "name") == ["conv1", "conv2"]
    assert "profilingVerbosity=detailed" in texts(panel)
    header = panel.table.horizontalHeader()
    hidden = [title for at, title in enumerate(TITLES) if header.isSectionHidden(at)]
    assert hidden == list(TITLES[2:]), "nothing else is known"


# -- the table -----------------------------------------------------------------------------


def test_the_model_keeps_to_qts_rules(timed: LayersPanel) -> None:
    tester = QAbstractItemModelTester(timed.model)
    timed.model.sort(TIME, Qt.SortOrder.DescendingOrder)
    timed.filter.setText("pool")
    assert tester is not None


def test_a_click_on_a_title_sorts_by_number(timed: LayersPanel) -> None:
    header = timed.table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(TIME) + 20, header.height() // 2)
    QTest.mouseClick(header.viewport(), LEFT, pos=place)
    times = [float(text) for text in column(timed, "time (ms)")]
    assert times == sorted(times)
    QTest.mouseClick(header.viewport(), LEFT, pos=place)
    assert [float(text) for text in column(timed, "time (ms)")] == sorted(times, reverse=True)


def test_the_search_looks_in_all_texts_and_marks_the_graph(timed: LayersPanel) -> None:
    timed.activateWindow()
    QTest.keyClick(timed.table, Qt.Key.Key_F, CTRL)
    QTest.keyClicks(timed.filter, "KGEN")
    # Layers 3, 9, 15 ... are "kgen".
    assert column(timed, "#") == [str(k) for k in range(3, COUNT, 6)]
    assert timed.graph.view.look.matching == set(range(3, COUNT, 6))
    assert "10 of 60 layers" in texts(timed)
    timed.filter.setText("0x0000000000000007")  # a tactic's value, which no column shows
    QTest.keyClick(timed.filter, Qt.Key.Key_A, CTRL)
    QTest.keyClicks(timed.filter, "gemm_7")
    assert column(timed, "#") == ["7"]
    QTest.keyClick(timed.filter, Qt.Key.Key_A, CTRL)
    QTest.keyClick(timed.filter, Qt.Key.Key_Delete)
    assert timed.graph.view.look.matching is None
    assert timed.model.rowCount() == COUNT


def test_enter_goes_from_one_layer_found_to_the_next(timed: LayersPanel) -> None:
    timed.filter.setFocus()
    QTest.keyClicks(timed.filter, "kgen")
    seen = []
    for _ in range(11):
        QTest.keyClick(timed.filter, Qt.Key.Key_Return)
        seen.append(timed.chosen)
    assert seen == [*range(3, COUNT, 6), 3]
    assert timed.graph.view.look.chosen == 3


def test_control_characters_in_names_obey_nobody(app_: App, tmp_path: Path, shown: Shown) -> None:
    value = layer_json(2)
    value["Layers"][0]["Name"] = "conv\n\x1b[31m<b>1</b>"
    drop(app_.window, [write_json(tmp_path / "odd.json", value)])
    panel = shown(app_.window)
    (name, _) = column(panel, "name")
    assert name.isprintable()
    assert name.endswith("[31m<b>1</b>")
    tip = panel.model.index(0, NAME).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;1&lt;/b&gt;" in tip
    panel.choose(0)
    assert panel.graph.view.drawing.boxes[0].title.isprintable()


def test_the_slowest_are_those_that_the_search_found(timed: LayersPanel, qtbot: QtBot) -> None:
    def drawn() -> set[int]:
        return {index for index, _ in timed.slowest.bars()}

    timed.views.setCurrentWidget(timed.slowest)
    qtbot.waitUntil(lambda: bool(drawn()), timeout=WAIT_MS)
    QTest.keyClicks(timed.filter, "Reformat")
    found = {int(number) for number in column(timed, "#")}
    assert 0 < len(found) < COUNT
    qtbot.waitUntil(lambda: drawn() <= found, timeout=WAIT_MS)
    # Layer k takes 0.01 x (1 + k mod 7) ms.
    slowest = sorted((0.01 * (1 + k % 7) for k in found), reverse=True)
    lengths = [ms for _, ms in timed.slowest.bars()]
    assert lengths == pytest.approx(slowest[: len(lengths)])
    timed.filter.clear()
    qtbot.waitUntil(lambda: not drawn() <= found, timeout=WAIT_MS)


def test_without_a_model_no_times_are_to_be_measured(app_: App, layers: Path, shown: Shown) -> None:
    drop(app_.window, [layers])
    panel = shown(app_.window)
    panel.views.setCurrentWidget(panel.slowest)
    assert "measure them" not in texts(panel)
    assert "No times yet: drop a profile" in texts(panel)


def test_a_search_in_vain_says_so(timed: LayersPanel) -> None:
    timed.filter.setText("nothing like it")
    assert "No layer holds 'nothing like it'." in texts(timed)


def test_rows_are_copied_with_their_titles(timed: LayersPanel) -> None:
    click_row(timed, 2)
    QTest.keyClick(timed.table, Qt.Key.Key_C, CTRL)
    titles, row = QGuiApplication.clipboard().text().split("\n")
    assert titles.split("\t") == list(TITLES)
    cells = dict(zip(TITLES, row.split("\t"), strict=True))
    assert cells["name"] == "/model.0/cv2/conv/Conv 2"
    assert cells["inputs"] == "t1 float16 1 x 64 x 80 x 80"
    assert cells["weights"] == ""


def test_convolutions_and_reformats_keep_their_colours() -> None:
    def colors(*words: str) -> dict[str, str]:
        return type_colors([Layer(index=at, name="", type=word) for at, word in enumerate(words)])

    one, other = colors("Softmax", "Convolution", "Reformat"), colors("Reformat", "Conv", "Add")
    assert one["Convolution"] == other["Conv"]
    assert one["Reformat"] == other["Reformat"]
    assert len({*one.values()}) == 3
    many = colors(*(f"type {n}" for n in range(40)))
    assert many["type 39"] == OTHER, "there are no more"


# -- one selection in all views ------------------------------------------------------------


def details(panel: LayersPanel) -> dict[str, str]:
    """What the details pane says, by its words; those below others after a slash."""
    found: dict[str, str] = {}

    def collect(item: QTreeWidgetItem, before: str) -> None:
        name = f"{before}{item.text(0)}"
        found[name] = item.text(1)
        for at in range(item.childCount()):
            collect(item.child(at), f"{name}/")

    for at in range(panel.details.tree.topLevelItemCount()):
        item = panel.details.tree.topLevelItem(at)
        assert item is not None
        collect(item, "")
    return found


def test_a_row_brings_up_all_that_is_told_of_the_layer(timed: LayersPanel) -> None:
    click_row(timed, 10)
    said = details(timed)
    assert said["type"] == "Shuffle"
    assert said["inputs"] == "2"
    assert said["inputs/t9/dtype"] == "float16"
    assert said["inputs/t5/dims"] == "1 x 64 x 80 x 80"
    assert said["outputs/t10/format"] == "Row major linear FP16"
    assert said["time (mean)"] == "0.0400 ms"
    assert timed.graph.view.look.chosen == 10


def test_details_are_a_tree_that_ends_somewhere(app_: App, tmp_path: Path, shown: Shown) -> None:
    deep: Any = 1
    for _ in range(30):
        deep = {"in": deep}
    value = layer_json(2)
    many = {f"key {n}": {f"key {k}": [n, k] for k in range(50)} for n in range(50)}
    value["Layers"][0] |= {"Deep": deep, "Stride": [2, 2], "Groups": {"a": [{"b": 3}]}}
    value["Layers"][1] |= {"Many": many}
    drop(app_.window, [write_json(tmp_path / "deep.json", value)])
    panel = shown(app_.window)
    panel.choose(0)
    said = details(panel)
    assert said["details/Stride"] == "2, 2"
    assert said["details/Groups/a/0/b"] == "3"
    assert any(name.startswith("details/Deep/in/in/in") for name in said)
    panel.choose(1)
    said = details(panel)
    assert said["details/Many/key 3/key 7"] == "3, 7"
    assert len(said) < 700, "not all 2,500"
    assert any(name.endswith(" more") for name in said)


def test_a_click_on_a_bar_selects_its_layer(timed: LayersPanel, qtbot: QtBot) -> None:
    timed.views.setCurrentWidget(timed.slowest)
    qtbot.waitUntil(lambda: bool(timed.slowest.bars()), timeout=WAIT_MS)
    bars = timed.slowest.bars()
    assert bars[:3] == [(6, 0.07), (13, 0.07), (20, 0.07)]
    plot = timed.slowest.plot
    for row, (index, _) in enumerate(bars[:3]):
        scene = plot.plotItem.vb.mapViewToScene(QPointF(0.01, -row))
        QTest.mouseClick(plot.viewport(), LEFT, pos=plot.mapFromScene(scene))
        assert timed.chosen == index
        assert timed.table.currentIndex().row() == index
    timed.slowest.setFocus()
    QTest.keyClick(timed.slowest, Qt.Key.Key_Down)
    assert timed.chosen == bars[3][0]
    QTest.keyClick(timed.slowest, Qt.Key.Key_Up)
    assert timed.chosen == bars[2][0]


def test_a_click_in_the_graph_selects_and_a_row_brings_its_layer_into_sight(
    timed: LayersPanel, qtbot: QtBot
) -> None:
    view = timed.graph.view
    timed.views.setCurrentWidget(timed.graph)
    assert view.isVisible()
    QTest.mouseClick(view.viewport(), LEFT, pos=place_in(view, 1))
    assert timed.chosen == 1
    assert timed.table.currentIndex().row() == 1
    assert "PointWise" in details(timed)["type"]
    timed.views.setCurrentWidget(timed.table)
    timed.table.setFocus()
    QTest.keyClick(timed.table, Qt.Key.Key_End, CTRL)
    assert timed.chosen == COUNT - 1
    timed.views.setCurrentWidget(timed.graph)
    assert view.viewport().rect().contains(place_in(view, COUNT - 1))


def test_a_box_of_the_graph_tells_its_time_first(timed: LayersPanel) -> None:
    (box,) = [one for one in timed.graph.view.drawing.boxes if one.index == 6]
    assert box.below.startswith("0.070 ms · ")  # 0.01 x (1 + 6 mod 7)
    assert timed.model.row_at(6).type in box.below


def tip_at(surface: QWidget, place: QPoint) -> str:
    """What the mouse brings up when it rests over a place."""
    event = QHelpEvent(QEvent.Type.ToolTip, place, surface.mapToGlobal(place))
    QApplication.sendEvent(surface, event)
    text = QToolTip.text()
    QToolTip.hideText()
    return text


def test_the_mouse_brings_up_whole_names(timed: LayersPanel, qtbot: QtBot) -> None:
    timed.views.setCurrentWidget(timed.slowest)
    qtbot.waitUntil(lambda: bool(timed.slowest.bars()), timeout=WAIT_MS)
    plot = timed.slowest.plot
    scene = plot.plotItem.vb.mapViewToScene(QPointF(0.01, -1))
    tip = tip_at(plot.viewport(), plot.mapFromScene(scene))
    assert "/model.1/cv3/conv/Conv 13" in tip
    assert "0.0700 ms" in tip
    timed.views.setCurrentWidget(timed.graph)
    view = timed.graph.view
    assert "/model.0/cv1/conv/Conv 1" in tip_at(view.viewport(), place_in(view, 1))
    timed.views.setCurrentWidget(timed.summary)
    bar = timed.summary.by_type
    part = bar.parts[0]
    assert tip_at(bar, QPoint(4, 4)).startswith(f"{part.word}: {part.text}")


# -- the graph -----------------------------------------------------------------------------


def test_the_wheel_zooms_dragging_moves_and_keys_fit(timed: LayersPanel) -> None:
    view = timed.graph.view
    timed.views.setCurrentWidget(timed.graph)
    before = view.transform().m11()
    turn_wheel(view.viewport(), place_in(view, 1), 2)
    assert view.transform().m11() > before
    place = place_in(view, 1)
    QTest.mousePress(view.viewport(), LEFT, pos=place)
    QTest.mouseMove(view.viewport(), place - QPoint(30, 40))
    QTest.mouseRelease(view.viewport(), LEFT, pos=place - QPoint(30, 40))
    assert (place_in(view, 1) - place) != QPoint(0, 0)
    assert timed.chosen is None, "dragging selects nothing"
    QTest.keyClick(view, Qt.Key.Key_F)
    shown = view.mapToScene(view.viewport().rect()).boundingRect()
    assert shown.adjusted(-1, -1, 1, 1).contains(view.drawing.bounds)


def test_the_neighbourhood_follows_the_selection_and_its_radius(
    timed: LayersPanel, app_: App, shown: Shown
) -> None:
    view = timed.graph.view
    timed.views.setCurrentWidget(timed.graph)
    assert not timed.graph.near.isEnabled(), "no layer is selected yet"

    def drawn() -> set[int]:
        shown(app_.window)
        return {box.index for box in view.drawing.boxes}

    timed.choose(5)
    timed.graph.radius.setValue(1)
    QTest.mouseClick(timed.graph.near, LEFT)
    assert drawn() == {4, 5, 6, 10}, "5 reads t4, and is read by 6 and 10"
    timed.graph.radius.setFocus()
    QTest.keyClick(timed.graph.radius, Qt.Key.Key_Up)
    assert drawn() == {3, 4, 5, 6, 7, 9, 10, 11}
    QTest.mouseClick(view.viewport(), LEFT, pos=place_in(view, 11))
    assert drawn() == {5, 9, 10, 11, 12, 13}
    QTest.mouseClick(timed.graph.near, LEFT)
    assert drawn() == set(range(COUNT))


class Recorder(QPainter):
    """Keeps what is written, and where."""

    def __init__(self, image: QImage) -> None:
        super().__init__(image)
        self.written: list[tuple[QRectF, str]] = []

    def drawText(self, place: Any, flags: Any, text: Any) -> None:  # type: ignore[override]
        self.written.append((QRectF(place), str(text)))


@pytest.mark.parametrize("scale", [0.02, 0.1, 0.4, 1.0, 3.0])
def test_labels_can_be_read_at_any_zoom(
    app_: App, tmp_path: Path, shown: Shown, scale: float
) -> None:
    drop(app_.window, [write_json(tmp_path / "many.json", layer_json(500))])
    panel = shown(app_.window)
    panel.choose(250)
    view = panel.graph.view
    image = QImage(900, 600, QImage.Format.Format_RGB32)
    painter = Recorder(image)
    center = view.drawing.place_of(250)
    assert center is not None
    transform = QTransform().translate(450, 300).scale(scale, scale)
    transform.translate(-center.center().x(), -center.center().y())
    paint(painter, view.drawing, view.look, transform, QRectF(image.rect()))
    painter.end()
    assert any(text.endswith("250") for _, text in painter.written), "the selected one's"
    least = view.fontMetrics().height() - 2
    for place, text in painter.written:
        assert place.height() >= least, "in the window's own letters, however small the layers"
        others = [one for one, _ in painter.written if one is not place]
        assert not any(place.intersects(one) for one in others), text
    assert len(painter.written) >= {0.02: 3, 3.0: 1}.get(scale, 10)


def test_the_colours_are_those_of_the_theme(
    same_colors: None, timed: LayersPanel, qtbot: QtBot
) -> None:
    from gui.theme import apply_theme

    apply_theme("dark")
    base = QPalette.ColorRole.Base
    qtbot.waitUntil(lambda: timed.palette().color(base).lightness() < 80, timeout=WAIT_MS)
    palette = timed.palette()
    assert timed.graph.view.look.ground == palette.color(QPalette.ColorRole.Base)
    assert timed.graph.view.look.text == palette.color(QPalette.ColorRole.WindowText)


# -- the summary ---------------------------------------------------------------------------


def test_shares_are_of_time_or_of_layers(timed: LayersPanel) -> None:
    timed.views.setCurrentWidget(timed.summary)
    times = [1 + k % 7 for k in range(COUNT)]
    bar = timed.summary.by_type
    shares = {part.word: part.fraction for part in bar.parts}
    assert shares["Pooling"] == pytest.approx(sum(times[5::6]) / sum(times))
    assert sum(shares.values()) == pytest.approx(1)
    timed.summary.measure.setFocus()
    QTest.keyClick(timed.summary.measure, Qt.Key.Key_Down)
    assert {part.word: part.fraction for part in bar.parts}["Pooling"] == pytest.approx(1 / 6)
    # Layers 2, 8, 14 ... reformat; of the others those are FP32 whose number divides by three.
    others = [k for k in range(COUNT) if k % 6 != 2]
    half = sum(times[k] for k in others if k % 3) / sum(times)
    assert f"{half * 100:.0f} % of the time in FP16" in timed.summary.sentence.text()
    assert timed.views.tabText(2).startswith("Summary (")
    assert "reformats" in texts(timed.summary)


# -- saving --------------------------------------------------------------------------------


def test_the_rows_shown_are_exported(
    timed: LayersPanel, app_: App, tmp_path: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed.filter.setText("pooling")
    target = tmp_path / "out.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    QTest.mouseClick(button(timed, "Export..."), LEFT)
    shown(app_.window)
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(5, COUNT, 6))
    assert float(rows[0]["time, ms"]) == pytest.approx(0.06)


def test_layers_are_exported_as_json_too(
    timed: LayersPanel, app_: App, tmp_path: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    QTest.mouseClick(button(timed, "Export..."), LEFT)
    shown(app_.window)
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["model"] == "layers.json + profile.json"
    assert [layer["index"] for layer in written["layers"]] == list(range(COUNT))


def test_the_graph_is_exported_as_a_picture(
    timed: LayersPanel, app_: App, tmp_path: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def answer(*arguments: Any) -> tuple[str, str]:
        asked.append(arguments)
        return str(tmp_path / "graph"), arguments[3].split(";;")[0]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    timed.views.setCurrentWidget(timed.graph)
    QTest.mouseClick(button(timed, "Export..."), LEFT)
    shown(app_.window)
    image = QImage(str(tmp_path / "graph.png"))
    assert not image.isNull()
    bounds = timed.graph.view.drawing.bounds
    assert image.width() > bounds.width(), "in full size"
    colors = {
        image.pixelColor(x, y).name() for x in range(0, image.width(), 9) for y in range(0, 700, 30)
    }
    assert "#4e79a7" in colors


def test_what_cannot_be_saved_is_told(
    timed: LayersPanel, app_: App, tmp_path: Path, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("out.csv", "out.png"):
        target = tmp_path / "nowhere" / name
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_, target=target: (str(target), "")
        )
        app_.document.dismiss_problem()
        QTest.mouseClick(button(timed, "Export..."), LEFT)
        shown(app_.window)
        assert app_.document.problem is not None
        assert app_.document.problem.kind == "cannot-save"


# -- the open model ------------------------------------------------------------------------


@pytest.fixture
def opened(app_: App, shown: Shown, wait_idle: Callable[[Any], None]) -> LayersPanel:
    """The bundled model's layers."""
    app_.document.open_path(DEMO_MODEL)
    wait_idle(app_.document)
    menu_action(app_.window, "View", "Layers tab").trigger()
    return shown(app_.window)


def test_the_open_models_layers_are_read_when_the_tab_is_shown(
    opened: LayersPanel, app_: App
) -> None:
    import onnx

    nodes = onnx.load(str(DEMO_MODEL)).graph.node
    assert column(opened, "type") == [node.op_type for node in nodes]
    assert app_.document.problem is None


def test_nothing_is_read_while_nobody_looks(app_: App, wait_idle: Callable[[Any], None]) -> None:
    app_.document.open_path(DEMO_MODEL)
    wait_idle(app_.document)
    assert app_.window.layers.ready is None
    assert not app_.window.layers.is_busy


def test_times_are_measured_by_a_button(opened: LayersPanel, app_: App, shown: Shown) -> None:
    assert opened.table.isColumnHidden(TIME)
    QTest.mouseClick(button(opened, "Measure layer times"), LEFT)
    assert button(opened, "Cancel").isVisible(), "at once"
    shown(app_.window)
    assert not opened.table.isColumnHidden(TIME)
    assert all(float(text) >= 0 for text in column(opened, "time (ms)") if text)
    shares = [layer.share for layer in app_.window.layers.ready.table.layers]
    assert sum(share for share in shares if share is not None) == pytest.approx(1)
    assert opened.views.currentWidget() is opened.slowest
    assert button(opened, "Measure again").isVisible()


def test_escape_ends_a_measurement(opened: LayersPanel, app_: App, shown: Shown) -> None:
    QTest.mouseClick(button(opened, "Measure layer times"), LEFT)
    QTest.keyClick(app_.window, Qt.Key.Key_Escape)
    shown(app_.window)
    assert app_.document.problem is None
    assert app_.window.layers.can_measure, "once more"


def test_another_model_takes_the_place_of_files_and_of_the_model_before(
    opened: LayersPanel, app_: App, layers: Path, shown: Shown, wait_idle: Callable[[Any], None],
    tmp_path: Path,
) -> None:  # fmt: skip
    drop(app_.window, [layers])
    shown(app_.window)
    assert opened.model.count == COUNT
    QTest.mouseClick(button(opened, "Show the model's"), LEFT)
    shown(app_.window)
    of_model = opened.model.count
    assert of_model != COUNT
    drop(app_.window, [layers])
    shown(app_.window)
    drop(app_.window, [onnx_models.classifier(tmp_path)])
    wait_idle(app_.document)
    shown(app_.window)
    assert opened.model.count not in (COUNT, 0)
    assert app_.window.layers.name == ""


def test_an_image_dropped_on_the_tab_is_run_and_shown(
    opened: LayersPanel, app_: App, shown: Shown, wait_idle: Callable[[Any], None]
) -> None:
    QTest.mouseClick(button(opened, "Measure layer times"), LEFT)
    shown(app_.window)
    window = app_.window
    for view, surface in (
        (opened.table, opened.table.viewport()),
        (opened.slowest, opened.slowest.plot.viewport()),
        (opened.summary, opened.summary.viewport()),
        (opened.graph, opened.graph.view.viewport()),
        (opened.table, opened.details.tree.viewport()),
    ):
        window.center.bring_up("Layers")
        opened.views.setCurrentWidget(view)
        assert drop(surface, [PICTURES[0]]), view
        assert window.view.isVisible(), view
    wait_idle(app_.document)
    assert app_.document.result is not None


# -- what the threads say, answered by the test ---------------------------------------------


class Bench:
    """A panel whose document and layers are served by the test."""

    def __init__(self, qtbot: QtBot) -> None:
        self.inference, self.files = FakeThread(), FakeThread()
        self.document = Document(self.inference)
        self.reading = LayerReading(self.document, self.inference, self.files)
        self.panel = LayersPanel(self.reading, self.document)
        qtbot.addWidget(self.panel)
        self.panel.resize(900, 600)
        self.panel.show()

    def open(self, name: str = "best.engine") -> None:
        """Open a model, up to the question for its layers."""
        self.document.open_path(Path(name))
        self.inference.take()
        self.inference.finish(identified(Path(name)))
        self.inference.finish(loaded(self.inference.take()))

    def answer(self, table: LayerTable) -> None:
        """Answer the inference thread's running question with layers, and prepare them."""
        request = self.inference.running.request
        self.inference.finish(LayersOfModel(table, request.serial))
        prepare = self.files.take()
        self.files.finish(ready_layers(prepare.table, lambda: None))


@pytest.fixture
def bench(qtbot: QtBot) -> Bench:
    return Bench(qtbot)


TABLE = LayerTable(
    source="engine", layers=tuple(Layer(index=k, name=f"layer {k}") for k in range(3))
)


def test_without_a_model_the_tab_says_what_to_open(bench: Bench, qtbot: QtBot) -> None:
    assert "Open a model to see its layers" in texts(bench.panel)
    assert "--exportLayerInfo" in texts(bench.panel)
    with qtbot.waitSignal(bench.panel.open_wanted):
        QTest.mouseClick(button(bench.panel, "Open..."), LEFT)


def test_a_runtime_without_an_inspector_says_so_where_the_layers_would_be(bench: Bench) -> None:
    bench.open()
    assert isinstance(bench.inference.take(), LayersWanted)
    assert "Reading the layers" in texts(bench.panel)
    error = ModelError("no-inspector", "tensorrt_lean cannot tell its layers.", "Install more.")
    bench.inference.fail(error)
    assert "tensorrt_lean cannot tell its layers.\n\nInstall more." in texts(bench.panel)
    assert bench.document.problem is None, "no banner beside it"
    assert not bench.inference.waiting, "nor is it asked again"


def test_a_model_that_is_refused_is_told_of(bench: Bench) -> None:
    bench.document.open_path(Path("best.engine"))
    bench.inference.take()
    bench.inference.finish(identified(Path("best.engine"), can_run=False))
    assert "best.engine is not loaded" in texts(bench.panel)
    assert "This machine has no GPU." in texts(bench.panel)


def test_measuring_shows_progress_and_cancelling_keeps_the_runs_so_far(bench: Bench) -> None:
    bench.open()
    bench.inference.take()
    bench.answer(TABLE)
    assert bench.panel.model.count == 3
    QTest.mouseClick(button(bench.panel, "Measure layer times"), LEFT)
    request = bench.inference.take()
    assert isinstance(request, TimeLayers)
    bench.inference.progress(0.25, "Timing the layers")
    assert bench.panel.progress_bar.isVisible()
    assert bench.panel.progress_bar.value() == 250
    assert "Timing the layers" in texts(bench.panel)
    QTest.mouseClick(button(bench.panel, "Cancel"), LEFT)
    assert request.stop.is_set()
    timed = replace(TABLE.layers[0], time_ms=1.5, share=1.0)
    cut = "Timing was cancelled: the times are of 4 runs."
    bench.answer(replace(TABLE, layers=(timed, *TABLE.layers[1:]), runs=4, notes=(cut,)))
    assert not bench.panel.progress_bar.isVisible()
    assert column(bench.panel, "time (ms)") == ["1.5000", "", ""]
    assert "incomplete: measuring was cancelled" in texts(bench.panel)
    assert "the mean of 4 runs" in texts(bench.panel)


def test_an_answer_for_a_model_that_was_replaced_is_left_aside(bench: Bench) -> None:
    bench.open("first.engine")
    bench.inference.take()
    request = bench.inference.running.request
    bench.inference.finish(LayersOfModel(TABLE, request.serial))
    prepare = bench.files.take()  # on its way while another model opens
    bench.document.open_path(Path("second.engine"))
    bench.inference.take()
    bench.inference.finish(identified(Path("second.engine")))
    bench.files.tell(Finished(bench.files.running.id, "layer-prepare",
                              ready_layers(prepare.table, lambda: None)))  # fmt: skip
    assert bench.reading.ready is None
    bench.inference.finish(loaded(bench.inference.take()))
    assert isinstance(bench.inference.take(), LayersWanted), "the second is asked"


def test_reading_that_was_cancelled_can_begin_again(bench: Bench) -> None:
    bench.open()
    bench.inference.take()
    QTest.mouseClick(button(bench.panel, "Cancel"), LEFT)
    bench.inference.finish(LayersOfModel(TABLE, 1))
    assert "was cancelled" in texts(bench.panel)
    assert not bench.inference.waiting
    QTest.mouseClick(button(bench.panel, "Read the layers"), LEFT)
    bench.inference.take()
    bench.answer(TABLE)
    assert bench.panel.model.count == 3


def test_a_run_does_not_wait_for_a_measurement(bench: Bench) -> None:
    bench.open()
    bench.inference.take()
    bench.answer(TABLE)
    bench.reading.measure()
    request = bench.inference.take()
    bench.document.run_random()
    assert request.stop.is_set()


def test_every_part_of_the_tab_is_reached_by_tab_and_has_a_name(timed: LayersPanel) -> None:
    for view in (timed.table, timed.slowest, timed.summary, timed.graph):
        timed.views.setCurrentWidget(view)
        timed.filter.setFocus()
        reached: list[QWidget] = []
        while (now := QApplication.focusWidget()) not in reached:
            assert now is not None
            reached.append(now)
            QTest.keyClick(now, Qt.Key.Key_Tab)
        for part in (timed.filter, timed.views.tabBar(), timed.details.tree, view):
            assert any(one is part or part.isAncestorOf(one) for one in reached), part
        unnamed = [
            one
            for one in reached
            if timed.isAncestorOf(one) and not (one.accessibleName() or getattr(one, "text", str)())
        ]
        assert unnamed == [], "a screen reader has something to say of each"
