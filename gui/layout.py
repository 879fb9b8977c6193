"""Where the window and its docks are: their first places, and those the user left them in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt, QTimer

if TYPE_CHECKING:
    from gui.main_window import MainWindow

_LAYOUT = 2  # raised when docks are added: a layout saved before has no place for them


class Layout:
    """The layout of a furnished window."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._default_state = window.saveState()
        self._kept: QByteArray | None = None  # where the docks are while all are hidden
        QTimer.singleShot(0, window, self._share_room)

    def _share_room(self) -> None:
        """Give the docks their first sizes, which Qt heeds only once they are laid out."""
        window = self._window
        across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        window.resizeDocks([window.docks[0], window.docks[2]], [320, 360], across)
        window.resizeDocks([window.docks[3]], [170], down)
        window.resizeDocks(window.docks[:2], [200, 300], down)
        self._default_state = window.saveState()

    def restore_docks(self) -> None:
        """Put the docks where they were; once they are there."""
        window = self._window
        saved = window.settings.layout()
        if saved is None:
            return
        window.restoreState(saved[1], _LAYOUT)
        for dock in window.docks:  # else Qt shows what it has just added, a moment later
            if dock.isHidden():
                dock.hide()
        window.shelf.restore()
        window.results.restore()
        if window.shelf.isHidden() and not window.docks[3].isHidden():
            window.docks[3].raise_()  # else the log stands where the shelf was

    def save(self) -> None:
        """Remember where the window and the docks are."""
        window = self._window
        state = self._kept or window.saveState(_LAYOUT)
        window.settings.set_layout(window.saveGeometry(), state)

    def show_panels(self, shown: bool) -> None:
        """Hide all docks, which leaves the window to its middle, or put them back."""
        window = self._window
        if not shown and self._kept is None:
            self._kept = window.saveState(_LAYOUT)
            for dock in (*window.docks, window.shelf, window.results):
                dock.hide()
        elif shown and self._kept is not None:
            kept, self._kept = self._kept, None
            window.restoreState(kept, _LAYOUT)

    def restore_default(self) -> None:
        """Put the docks back where they are at first."""
        window = self._window
        self._kept = None
        window.panels_action.setChecked(True)
        window.restoreState(self._default_state)
        for dock in window.docks:  # the state is from before they were first shown
            dock.show()
        window.shelf.restore()
        window.results.restore()
