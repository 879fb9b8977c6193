"""The window's middle: tabs, of which the image is the first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QTabWidget, QToolButton, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

_FIRST_NAME = "Image"


class _Later(QWidget):
    """Room for a tab's widget, which is made when it is first shown."""

    def __init__(self, make: Callable[[], QWidget]) -> None:
        super().__init__()
        self._make = make
        self.widget: QWidget | None = None
        self._room = QVBoxLayout(self)
        self._room.setContentsMargins(0, 0, 0, 0)

    def fill(self) -> QWidget:
        """The widget, made now if it has not been before."""
        if self.widget is None:
            self.widget = self._make()
            self._room.addWidget(self.widget)
            self.widget.show()  # else it comes with the event loop's next turn
            self.setFocusProxy(self.widget)
        return self.widget

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.fill()


class Center(QTabWidget):
    """Tabs in the middle of the window. Image is in front at first.

    Attributes:
        image: what the first tab shows.
    """

    def __init__(self, image: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = image
        self._rooms: dict[str, QWidget] = {}
        self._actions: list[QAction] = []
        self.setDocumentMode(True)
        self.tabBar().setAccessibleName("image and measurements")
        self._add(_FIRST_NAME, image)

    def add_tab(self, name: str, make: Callable[[], QWidget]) -> None:
        """Add a tab at the end.

        Args:
            name: its title, by which it is brought up.
            make: makes its widget when the tab is first shown, so that it costs the window's
                start nothing.
        """
        self._add(name, _Later(make))

    def bring_up(self, name: str) -> QWidget:
        """Show a tab before the others; gives its widget."""
        room = self._rooms[name]
        self.setCurrentWidget(room)
        return room.fill() if isinstance(room, _Later) else room

    def show_image(self) -> None:
        """Bring up the image."""
        self.setCurrentIndex(0)

    def made(self, name: str) -> QWidget | None:
        """A tab's widget; None while it has not been shown yet."""
        room = self._rooms[name]
        return room.widget if isinstance(room, _Later) else room

    @property
    def tab_actions(self) -> tuple[QAction, ...]:
        """For the View menu: one to bring up each tab, by Ctrl+1 and so on."""
        return tuple(self._actions)

    def set_corner(self, action: QAction) -> None:
        """Put a button for an action at the tabs' right."""
        button = QToolButton(toolButtonStyle=Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setDefaultAction(action)
        button.setToolTip(f"{action.toolTip()} ({action.shortcut().toString()})")
        self.setCornerWidget(button)

    def _add(self, name: str, room: QWidget) -> None:
        self._rooms[name] = room
        self.addTab(room, name)
        action = QAction(f"{name} tab", self)
        action.setShortcut(QKeySequence(f"Ctrl+{self.count()}"))
        action.triggered.connect(lambda _checked=False: self.bring_up(name))
        self._actions.append(action)
