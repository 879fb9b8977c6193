"""The ways into the Build window, and an engine's record as one of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QMenu, QMenuBar

from core.building import BuildOptions
from core.building.sidecar import write_sidecar
from core.paths import DEMO_MODEL
from core.tensors import Profile
from tests.gui.build_hands import LEFT, model_in, wait_checked, window_of
from tests.gui.fake_builds import (
    TENSORRT_8,
    TENSORRT_11,
    FakeBuilder,
    use_fake_builder,
    use_tensorrt,
)
from tests.gui.hands import button, drop, menu_action, texts
from tests.gui.limits import WAIT_MS
from tests.unit.plan_writer import Plan

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App

    MakeApp = Callable[..., App]

OPTIONS = BuildOptions(
    precision=frozenset({"fp16"}),
    profiles=({"images": Profile((1, 3, 256, 256), (2, 3, 256, 256), (3, 3, 256, 256))},),
    optimization_level=5,
    workspace_bytes=2**30,
    refit=True,
)


@pytest.fixture(autouse=True)
def builder(monkeypatch: pytest.MonkeyPatch) -> FakeBuilder:
    use_tensorrt(monkeypatch)
    return use_fake_builder(monkeypatch)


def recorded(folder: Path, options: BuildOptions = OPTIONS) -> tuple[Path, Path]:
    """An engine with its record, and its ONNX beside it."""
    model, engine = model_in(folder), folder / "best.engine"
    engine.write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    write_sidecar(
        engine, model, options=options.as_json(), versions={"tensorrt": "8.6.1"}, gpu="RTX 3060"
    )
    return engine, model


def engine_shown(qtbot: QtBot, app: App, engine: Path) -> None:
    app.document.open_path(engine)
    document = app.document
    qtbot.waitUntil(
        lambda: document.file is not None and document.file.path == engine, timeout=WAIT_MS
    )


def test_no_two_actions_share_a_key(app_: App) -> None:
    bar = app_.window.findChild(QMenuBar)
    assert bar is not None
    menus = [action.menu() for action in bar.actions()]
    actions = [one for menu in menus if menu is not None for one in menu.actions()]
    keys = [key.toString() for one in actions for key in one.shortcuts()]
    assert sorted(set(keys)) == sorted(keys)


def test_the_menu_opens_the_window_with_the_open_model(qtbot: QtBot, make_app: MakeApp) -> None:
    app = make_app(file=DEMO_MODEL)
    action = menu_action(app.window, "File", "Build engine")
    assert action.shortcut() == QKeySequence("Ctrl+Shift+B")
    action.trigger()
    wait_checked(qtbot, app)
    assert app.window.building.path == DEMO_MODEL
    window = app.window.build_entry.window_
    assert window is not None
    window.form.precision.setCurrentIndex(1)
    action.trigger()  # what is set up stays
    assert app.window.building.checked is not None
    assert window.form.precision.currentIndex() == 1


def test_an_open_onnx_has_the_button_and_an_engine_has_not(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    card = app_.window.card
    assert not card.build_button.isVisible()
    model = model_in(tmp_path)
    app_.document.open_path(model)
    qtbot.waitUntil(card.build_button.isVisible, timeout=WAIT_MS)
    QTest.mouseClick(card.build_button, LEFT)
    wait_checked(qtbot, app_)
    assert app_.window.building.path == model
    engine = tmp_path / "some.engine"
    engine.write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    engine_shown(qtbot, app_, engine)
    assert not card.build_button.isVisible()


def test_dropping_an_onnx_offers_the_build(
    qtbot: QtBot, app_: App, wait_idle: Callable[[object], None], tmp_path: Path
) -> None:
    assert drop(app_.window, [model_in(tmp_path)])
    assert app_.window.statusBar().currentMessage() == "Ctrl+Shift+B builds an engine from it"
    qtbot.waitUntil(app_.window.card.build_button.isVisible, timeout=WAIT_MS)
    wait_idle(app_.document)


def test_dropping_several_sets_all_of_them_up(
    qtbot: QtBot, app_: App, wait_idle: Callable[[object], None], tmp_path: Path
) -> None:
    models = [model_in(tmp_path, name) for name in ("a.onnx", "b.onnx")]
    assert drop(app_.window, models)
    assert "builds engines from these 2 models" in app_.window.statusBar().currentMessage()
    wait_idle(app_.document)
    window_of(app_)
    wait_checked(qtbot, app_)
    assert app_.window.building.path == models[0]
    assert app_.window.building.pending == [models[1]]


def test_the_shelf_builds_what_is_selected(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    models = [model_in(tmp_path, name) for name in ("a.onnx", "b.onnx")]
    panel = app_.window.shelf.panel
    app_.window.shelf.open_folder(tmp_path)
    qtbot.waitUntil(lambda: panel.model.rowCount() == 2, timeout=WAIT_MS)
    table = panel.table
    place = table.visualRect(table.model().index(0, 0)).center()
    QTest.mouseClick(table.viewport(), LEFT, pos=place)
    QTest.keyClick(table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    table.customContextMenuRequested.emit(place)
    (menu,) = table.findChildren(QMenu)
    actions = {one.text(): one for one in menu.actions()}
    assert "Build again for this &machine..." not in actions
    actions["&Build engines from 2 models..."].trigger()
    menu.close()
    wait_checked(qtbot, app_)
    assert [app_.window.building.path, *app_.window.building.pending] == models


def test_an_engine_with_a_record_is_built_again_with_its_options(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    engine, model = recorded(tmp_path)
    engine_shown(qtbot, app_, engine)
    facts = app_.window.file_facts
    app_.window.docks[5].bring_up()
    qtbot.waitUntil(facts.rebuild_button.isVisible, timeout=WAIT_MS)
    QTest.mouseClick(facts.rebuild_button, LEFT)
    wait_checked(qtbot, app_)
    window = app_.window.build_entry.window_
    assert window is not None
    assert app_.window.building.path == model
    assert window.form.options() == OPTIONS
    assert window.form.target() == engine
    assert "Built before: " in window.check.lines.text()
    assert "RTX 3060, TensorRT 8.6.1." in window.check.lines.text()
    assert not window.banner.isVisible()


def test_an_engine_without_a_record_has_no_such_button(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    engine = tmp_path / "some.engine"
    engine.write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    engine_shown(qtbot, app_, engine)
    app_.window.docks[5].bring_up()
    assert not app_.window.file_facts.rebuild_button.isVisible()
    app_.window.building.rebuild(engine)
    banner = app_.window.banner
    qtbot.waitUntil(lambda: "Nothing is recorded beside" in texts(banner), timeout=WAIT_MS)
    assert "build that (Ctrl+Shift+B)" in texts(banner)


def test_the_shelf_builds_an_engine_again(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    engine, model = recorded(tmp_path)
    panel = app_.window.shelf.panel
    app_.window.shelf.open_folder(tmp_path)
    qtbot.waitUntil(lambda: panel.model.rowCount() == 2, timeout=WAIT_MS)
    lines = [panel.model.row_at(line).path for line in range(2)]
    menu = panel.table.menu_of(lines.index(engine))
    (again,) = [one for one in menu.actions() if "machine" in one.text()]
    again.trigger()
    wait_checked(qtbot, app_)
    assert app_.window.building.path == model


def test_a_model_that_moved_is_asked_for_and_compared(
    qtbot: QtBot, app_: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine, model = recorded(tmp_path)
    moved = model.rename(model_in(tmp_path / "elsewhere", "moved.onnx"))
    asked: list[str] = []

    def choose(_parent: object, title: str, *_others: object) -> tuple[str, str]:
        asked.append(title)
        return str(moved), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    app_.window.building.rebuild(engine)
    wait_checked(qtbot, app_)
    assert asked == ["best.onnx is not where it was; where is it now?"]
    assert app_.window.building.path == moved
    window = app_.window.build_entry.window_
    assert window is not None
    assert not window.banner.isVisible()
    assert window.form.options() == OPTIONS


def test_another_model_in_its_place_is_warned_of(qtbot: QtBot, app_: App, tmp_path: Path) -> None:
    engine, model = recorded(tmp_path)
    data = bytearray(model.read_bytes())
    data[-1] ^= 1  # in the last bytes of the metadata: still an ONNX of the same size
    model.write_bytes(bytes(data))
    app_.window.building.rebuild(engine)
    window = window_of(app_)
    qtbot.waitUntil(window.banner.isVisible, timeout=WAIT_MS)
    assert "is not the file that best.engine was built from" in texts(window.banner)
    QTest.mouseClick(button(window.banner, "Details"), LEFT)


def test_a_record_with_options_that_nobody_knows_is_refused(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    engine, _model = recorded(tmp_path)
    path = engine.with_name("best.engine.json")
    value = json.loads(path.read_text())
    value["options"]["warp"] = 9
    path.write_text(json.dumps(value))
    app_.window.building.rebuild(engine)
    banner = app_.window.banner
    qtbot.waitUntil(lambda: "There is no build option 'warp'." in texts(banner), timeout=WAIT_MS)


def test_the_file_menu_offers_to_build_again_only_with_a_record(
    qtbot: QtBot, app_: App, tmp_path: Path
) -> None:
    def action() -> bool:
        return menu_action(app_.window, "File", "Build again for this machine").isEnabled()

    assert not action()
    engine, _model = recorded(tmp_path)
    engine_shown(qtbot, app_, engine)
    assert action()


def test_what_the_record_asks_for_and_this_tensorrt_has_not_is_told(
    qtbot: QtBot, app_: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_tensorrt(monkeypatch, TENSORRT_11)
    engine, _model = recorded(tmp_path)
    app_.window.building.rebuild(engine)
    window = window_of(app_)
    wait_checked(qtbot, app_)
    told = window.check.lines.text()
    assert "The record asks for fp16, which is left out here: From TensorRT 11" in told
    assert window.form.options().precision == frozenset()
    assert window.form.options().refit


def test_of_a_precision_that_is_not_here_as_a_whole_the_rest_is_kept_and_told(
    qtbot: QtBot, app_: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_tensorrt(monkeypatch, TENSORRT_8)  # which has no BF16
    options = replace(OPTIONS, precision=frozenset({"bf16", "fp16"}))
    engine, _model = recorded(tmp_path, options)
    app_.window.building.rebuild(engine)
    wait_checked(qtbot, app_)
    window = app_.window.build_entry.window_
    assert window is not None
    assert window.form.options().precision == {"fp16"}
    assert window.form.precision.currentText() == "FP16"
    told = "\n".join(line.text for line in window.form.record_lines())
    assert "Of its precision, BF16, FP16, is left: FP16." in told
    assert "The record asks for bf16, which is left out here: BF16 needs TensorRT 10." in told


@pytest.mark.parametrize("size", [3 * 2**19, 1, 2**30 + 1, 2**39 + 12_345_679])
def test_a_recorded_workspace_and_timing_cache_come_back_as_they_were(
    qtbot: QtBot, app_: App, tmp_path: Path, size: int
) -> None:
    kept = tmp_path / "kept.cache"
    options = replace(OPTIONS, workspace_bytes=size, timing_cache_file=kept)
    engine, _model = recorded(tmp_path, options)
    app_.window.building.rebuild(engine)
    wait_checked(qtbot, app_)
    window = app_.window.build_entry.window_
    assert window is not None
    assert window.form.options() == options
    more = window.form.more
    if size == 3 * 2**19:
        assert more.workspace.text() == "1.5 MiB"
    QTest.mouseClick(window.form.more_button, LEFT)
    assert more.timing_cache_file.isVisible()
    assert more.timing_cache_file.field.text() == str(kept)
    more.switches["timing_cache"].setChecked(False)
    assert not more.timing_cache_file.isVisible()
    assert window.form.options().timing_cache_file is None
