"""What a user's hands do to the metadata's editor, and what is read from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QPushButton

from tests.gui.hands import double_click, menu_action
from tests.gui.limits import WAIT_MS
from tests.unit.plan_writer import Plan, with_prefix

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.app import App
    from gui.panels.metadata_dialog import MetadataDialog

LEFT = Qt.MouseButton.LeftButton
PLAN = Plan(layout="ftrt-8.6").to_bytes()
METADATA: dict[str, Any] = {
    "task": "detect",
    "names": {"0": "cat", "1": "dog"},
    "stride": 32,
    "batch": "1",
}


def engine_in(
    folder: Path, metadata: dict[str, Any] | None = None, name: str = "best.engine"
) -> Path:
    path = folder / name
    path.write_bytes(with_prefix(PLAN, metadata) if metadata else PLAN)
    return path


def open_model(qtbot: QtBot, app: App, path: Path) -> None:
    app.document.open_path(path)
    qtbot.waitUntil(lambda: is_shown(app, path), timeout=WAIT_MS)


def is_shown(app: App, path: Path) -> bool:
    file = app.document.file
    return file is not None and file.path == path and not app.document.is_busy


def editor_of(qtbot: QtBot, app: App, path: Path) -> MetadataDialog:
    """The editor of an engine that is opened, from the menu."""
    open_model(qtbot, app, path)
    menu_action(app.window, "File", "Edit metadata").trigger()
    return shown_editor(qtbot, app)


def shown_editor(qtbot: QtBot, app: App) -> MetadataDialog:
    dialog = app.window.metadata_entry.dialog
    assert dialog is not None
    assert dialog.isVisible()
    qtbot.waitUntil(lambda: not dialog.is_busy, timeout=WAIT_MS)
    return dialog


def rows(dialog: MetadataDialog) -> list[tuple[str, str]]:
    model = dialog.model
    return [
        (str(model.index(row, 0).data()), str(model.index(row, 1).data()))
        for row in range(model.rowCount())
    ]


def place(dialog: MetadataDialog, row: int, column: int) -> QPoint:
    return dialog.table.visualRect(dialog.model.index(row, column)).center()


def click_cell(dialog: MetadataDialog, row: int, column: int = 0) -> None:
    QTest.mouseClick(dialog.table.viewport(), LEFT, pos=place(dialog, row, column))


def cell_editor(dialog: MetadataDialog) -> QLineEdit:
    (found,) = [one for one in dialog.table.findChildren(QLineEdit) if one.isVisible()]
    return found


def type_in_cell(dialog: MetadataDialog, row: int, column: int, text: str) -> None:
    """Double-click a cell, replace what stands there, and leave it with Enter."""
    double_click(dialog.table.viewport(), place(dialog, row, column))
    retype(dialog, text)
    leave_cell(dialog)


def leave_cell(dialog: MetadataDialog, key: Qt.Key = Qt.Key.Key_Return) -> None:
    QTest.keyClick(cell_editor(dialog), key)
    QCoreApplication.processEvents()  # Qt takes the text over in the event loop's next turn


def retype(dialog: MetadataDialog, text: str) -> None:
    editor = cell_editor(dialog)
    editor.selectAll()
    QTest.keyClick(editor, Qt.Key.Key_Delete)
    QTest.keyClicks(editor, text)


def click(button: QPushButton) -> None:
    assert button.isVisible()
    assert button.isEnabled()
    QTest.mouseClick(button, LEFT)


def save(qtbot: QtBot, dialog: MetadataDialog) -> None:
    click(dialog.save_button)
    qtbot.waitUntil(lambda: not dialog.is_busy, timeout=WAIT_MS)


def close(dialog: MetadataDialog) -> None:
    dialog.discard()
