"""Models that wait to be set up: none is lost when others come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtTest import QTest

from tests.gui.build_hands import (
    LEFT,
    model_in,
    press_build,
    set_up,
    wait_built,
    wait_checked,
)
from tests.gui.fake_builds import FakeBuilder, use_fake_builder, use_tensorrt
from tests.gui.hands import drop, texts
from tests.gui.limits import WAIT_MS
from tests.gui.test_build_entry import recorded

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App


@pytest.fixture(autouse=True)
def builder(monkeypatch: pytest.MonkeyPatch) -> FakeBuilder:
    use_tensorrt(monkeypatch)
    return use_fake_builder(monkeypatch)


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    return [model_in(tmp_path, f"{name}.onnx") for name in "abcd"]


def test_further_models_go_behind_those_that_wait_each_once(
    qtbot: QtBot, app_: App, models: list[Path]
) -> None:
    window = set_up(qtbot, app_, *models[:2])
    assert drop(window, [models[1], models[2], models[3]])
    building = app_.window.building
    assert building.path == models[0]
    assert building.pending == models[1:]
    assert "3 more models after this one: b.onnx, c.onnx, d.onnx" in texts(window)
    assert window.form.isVisible(), "what is set up stays"


def test_where_none_waits_another_model_takes_the_place(
    qtbot: QtBot, app_: App, models: list[Path]
) -> None:
    window = set_up(qtbot, app_, models[0])
    assert drop(window, [models[1]])
    wait_checked(qtbot, app_)
    assert (app_.window.building.path, app_.window.building.pending) == (models[1], [])


def test_an_engines_record_goes_before_those_that_wait(
    qtbot: QtBot, app_: App, models: list[Path], tmp_path: Path
) -> None:
    engine, model = recorded(tmp_path / "old")
    window = set_up(qtbot, app_, *models[:2])
    building = app_.window.building
    building.rebuild(engine)
    qtbot.waitUntil(lambda: building.path == model, timeout=WAIT_MS)
    wait_checked(qtbot, app_)
    assert building.pending == models[:2], "what was set up is not lost, either"
    assert "2 more models after this one: a.onnx, b.onnx" in texts(window)
    QTest.mouseClick(window.skip_button, LEFT)
    assert building.path == models[0]


def test_looking_at_the_builds_adds_no_model_that_was_built(
    qtbot: QtBot, app_: App, builder: FakeBuilder, models: list[Path]
) -> None:
    app_.document.open_path(models[0])
    qtbot.waitUntil(lambda: app_.document.loaded is not None, timeout=WAIT_MS)
    window = set_up(qtbot, app_, *models[:3])
    press_build(window)
    building = app_.window.building
    assert (building.path, building.pending) == (models[1], [models[2]])
    window.close()
    app_.window.build_entry.open()
    assert building.pending == [models[2]]
    assert window.isVisible()
    builder.go.set()
    wait_built(qtbot, app_)
    qtbot.waitUntil(lambda: not app_.document.is_busy, timeout=WAIT_MS)
