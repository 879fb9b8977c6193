"""What a user's hands do to the window, as the real events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QAction,
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QMouseEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QMenuBar, QPushButton, QWidget
from shiboken6 import isValid

from core.paths import DEMO_MODEL
from gui.theme import ElidedLabel

if TYPE_CHECKING:
    from gui.app import App
    from gui.main_window import MainWindow

PICTURES: tuple[Path, ...] = tuple(sorted(DEMO_MODEL.parent.glob("picture-*")))
_COPY = Qt.DropAction.CopyAction
_LEFT = Qt.MouseButton.LeftButton
_NO_KEYS = Qt.KeyboardModifier.NoModifier


def urls_of(paths: Iterable[Path]) -> QMimeData:
    """What a file manager drags."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drag_over(widget: QWidget, mime: QMimeData) -> bool:
    """Drag something over a widget, and away again; True when it would be taken."""
    enter = QDragEnterEvent(widget.rect().center(), _COPY, mime, _LEFT, _NO_KEYS)
    enter.ignore()
    QApplication.sendEvent(widget, enter)
    QApplication.sendEvent(widget, QDragLeaveEvent())
    return enter.isAccepted()


def drop(widget: QWidget, paths: Sequence[Path]) -> bool:
    """Drag files over a widget and let go; True when they were taken."""
    mime, place = urls_of(paths), widget.rect().center()
    enter = QDragEnterEvent(place, _COPY, mime, _LEFT, _NO_KEYS)
    enter.ignore()
    QApplication.sendEvent(widget, enter)
    if not enter.isAccepted():
        return False
    QApplication.sendEvent(widget, QDragMoveEvent(place, _COPY, mime, _LEFT, _NO_KEYS))
    let_go = QDropEvent(QPointF(place), _COPY, mime, _LEFT, _NO_KEYS)
    let_go.ignore()
    QApplication.sendEvent(widget, let_go)
    return let_go.isAccepted()


def turn_wheel(widget: QWidget, place: QPoint, steps: int) -> None:
    """Turn the mouse wheel over a widget; up is positive."""
    event = QWheelEvent(
        QPointF(place),
        QPointF(widget.mapToGlobal(place)),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        _NO_KEYS,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def double_click(widget: QWidget, place: QPoint) -> None:
    """Click twice, quickly: what Qt sends for it, which QTest.mouseDClick differs from."""
    kinds = QEvent.Type
    for kind in (
        kinds.MouseButtonPress,
        kinds.MouseButtonRelease,
        kinds.MouseButtonDblClick,
        kinds.MouseButtonRelease,
    ):
        held = Qt.MouseButton.NoButton if kind == kinds.MouseButtonRelease else _LEFT
        at, on_screen = QPointF(place), QPointF(widget.mapToGlobal(place))
        QApplication.sendEvent(widget, QMouseEvent(kind, at, on_screen, _LEFT, held, _NO_KEYS))


def button(parent: QWidget, text: str) -> QPushButton:
    """The button with this text."""
    (found,) = [one for one in parent.findChildren(QPushButton) if one.text() == text]
    return found


def texts(parent: QWidget) -> str:
    """All that the visible labels below a widget say."""
    labels = [*parent.findChildren(QLabel), *parent.findChildren(ElidedLabel)]
    return "\n".join(label.text() for label in labels if label.isVisible())


def menu_action(window: MainWindow, *names: str) -> QAction:
    """An action by the words on its way through the menus, without mnemonics and dots."""
    bar = window.findChild(QMenuBar)
    assert bar is not None
    actions: Sequence[QAction] = bar.actions()
    for depth, name in enumerate(names):
        (action,) = [one for one in actions if one.text().replace("&", "").rstrip(".") == name]
        menu: QMenu | None = action.menu()
        if depth + 1 < len(names):
            assert menu is not None, name
            menu.aboutToShow.emit()
            actions = menu.actions()
    return action


def luminance(color: QColor) -> float:
    """Relative luminance, WCAG 2.1."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (color.redF(), color.greenF(), color.blueF())
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def is_settled(app: App) -> bool:
    """True once a window is complete and nothing goes on."""
    return (
        app.furnished
        and app.window.timings.has_plot
        and not app.document.is_busy
        and not app.window.shelf.panel.is_busy
        and not app.window.rereading.is_busy
        and not app.window.recipe_editing.is_busy
        and not app.window.input_editing.is_busy
        and not app.window.saver.is_busy
        and not app.window.benchmarking.is_busy
        and not app.window.building.is_busy
        and not app.window.metadata_entry.is_busy
        and not app.window.many.is_busy
        and not app.window.player.is_busy
        and not app.window.layers.is_busy
    )


def close_app(app: App) -> None:
    """Close a window as the user does, and stop what belongs to it; may be called twice."""
    if not isValid(app.window):
        return
    QCoreApplication.processEvents()
    app.window.close()
    if app.window.closing is not None and app.window.closing.question is not None:
        button(app.window.closing.question, "&Quit").click()
    assert not app.window.isVisible()
    app.stop()
    for _ in range(10):  # what threads told before they stopped, and what that leads to
        QCoreApplication.processEvents()
    app.window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
