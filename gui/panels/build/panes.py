"""What is set up above, the builds below: who gets how much of the Build window's height."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer
from PySide6.QtWidgets import QScrollArea, QSplitter, QWidget

from gui.panels.build.whole_rows import rows_of, whole_rows

_USED = 0.32  # of the height, at least, where builds are listed or a command is looked at
_LAID_OUT_MS = 300  # later the user scrolls
_EVENTS = (QEvent.Type.LayoutRequest, QEvent.Type.Resize)


class Panes(QSplitter):
    """Shares the height anew with whatever is laid out, until the user drags the handle.

    Where all of the upper pane does not fit, it ends between two of its rows.
    """

    def __init__(
        self,
        top: QWidget,
        scroll: QScrollArea,
        inner: QWidget,
        lower: QWidget,
        parent: QWidget | None = None,
    ) -> None:
        """`scroll` is the part of `top` that takes what height there is; it shows `inner`."""
        super().__init__(Qt.Orientation.Vertical, parent)
        self._top, self._scroll, self._inner, self._lower = top, scroll, inner, lower
        self._is_used = self._is_users = False
        self._is_following = False
        self._followed: QWidget | None = None
        self._before = 0  # where the view began before it followed
        self._found: object = None  # what the height was last shared by
        self.addWidget(top)
        self.addWidget(lower)
        self.setChildrenCollapsible(False)
        self.setStretchFactor(0, 3)  # once it is the user's
        self.setStretchFactor(1, 2)
        self.splitterMoved.connect(self._on_dragged)
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._fit)
        self._laid_out = QTimer(self, singleShot=True, interval=_LAID_OUT_MS)
        self._laid_out.timeout.connect(self._stop_following)
        for one in (top, lower, inner):
            one.installEventFilter(self)

    def use_lower(self, is_used: bool) -> None:
        """Give the lower pane a useful share, or no more than it needs."""
        if is_used != self._is_used:
            self._is_used = is_used
            self._timer.start()

    def follow(self, widget: QWidget | None) -> None:
        """Scroll to what has come; None goes back to what was seen before.

        It is laid out in several steps, each of which adds to what is scrolled.
        """
        if widget is not None:
            self._before = self._scroll.verticalScrollBar().value()
        self._is_following, self._followed = True, widget
        self._laid_out.start()
        self._timer.start()

    def _stop_following(self) -> None:
        self._is_following = False

    def _on_dragged(self) -> None:
        self._is_users = True

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        if event.type() in _EVENTS:
            self._timer.start()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._timer.start()

    def _fit(self) -> None:
        if not self.isVisible():
            return
        bar, rows = self._scroll.verticalScrollBar(), rows_of(self._inner)
        whole = self.height() - self.handleWidth()
        share = int(whole * _USED) if self._is_used else 0
        most = whole - max(self._lower.minimumSizeHint().height(), share)
        around = self._top.height() - self._scroll.height()
        needed = self._inner.heightForWidth(self._scroll.viewport().width())
        found = (most, around, needed, tuple(rows))
        if found == self._found and not self._is_following:
            return  # the user may have scrolled, which is no reason to share anew
        self._found = found
        view = max(most - around, 0)
        if self._is_users:
            view = self._scroll.viewport().height()
        place = bar.value()
        if self._is_following:
            followed = self._followed
            place = self._before if followed is None else followed.mapTo(self._inner, QPoint()).y()
        if needed > view:
            place, view = whole_rows(rows, needed, place, view)
        elif self._is_used:
            view = needed
        if not self._is_users:
            self.setSizes([around + view, whole - around - view])
        bar.setValue(place)
