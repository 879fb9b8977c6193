"""What can be done with a result: copy it, and save it. In the menu, and where it is shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QMenu

from gui import dialogs
from gui.saving import KINDS

if TYPE_CHECKING:
    from gui.main_window import MainWindow


def add_result_actions(window: MainWindow, menu: QMenu) -> None:
    """Add them to a menu, and as context menus to the picture and the predictions."""
    actions: list[tuple[QAction, str]] = []
    copy = menu.addAction("Cop&y predictions")
    copy.setShortcut(QKeySequence("Ctrl+Shift+C"))
    copy.triggered.connect(lambda _checked=False: copy_predictions(window))
    actions.append((copy, "outputs"))
    for name, kind in KINDS.items():
        action = menu.addAction(kind.text)
        if name == "overlay":
            action.setShortcut(QKeySequence("Ctrl+S"))
        save = partial(dialogs.choose_saving, window, name)
        action.triggered.connect(lambda _checked=False, save=save: save())
        actions.append((action, name))
    for widget in (window.view, window.outputs.predictions):
        widget.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        widget.addActions([action for action, _ in actions])

    def enable(_tested: object = None) -> None:
        for action, name in actions:
            action.setEnabled(window.saver.can_save(name))

    window.document.tested.connect(enable)
    enable()


def copy_predictions(window: MainWindow) -> None:
    """Put the table of predictions on the clipboard, tab-separated."""
    QGuiApplication.clipboard().setText(window.outputs.predictions.copied_text(every=True))
