"""The builds as rows, what can be done with the chosen one, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from core.text import one_line, printable
from gui.build_queue import Build, time_text
from gui.build_words import settings_words
from gui.item_models.rows import Row, RowsModel, TableView
from gui.panels.build.outcome import Outcome

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint

    from gui.building import Building

_TICK_MS = 250
_STATES = {  # the word, and its chip
    "waiting": ("waiting", (140, 140, 140)),
    "building": ("building", (0, 150, 160)),
    "done": ("done", (26, 127, 55)),
    "failed": ("failed", (201, 48, 44)),
    "cancelled": ("cancelled", (138, 97, 0)),
}
_EMPTY = (
    "Nothing is built yet.\n\nBuild adds what is set up above. Builds run one at a time; for "
    "several settings of one model, change them and press Build again."
)


class QueuePanel(QWidget):
    """Shows gui.building's builds; the latest one is chosen when it is added."""

    chosen_changed = Signal(object)  # Build or None

    def __init__(self, building: Building, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._building = building
        self.chosen: Build | None = None
        self.rows = RowsModel(("engine", "settings", "state", "time"), (3,), self)
        self.table = TableView()
        self.table.setAccessibleName("builds")
        self.table.setModel(self.rows)
        self.table.setSelectionMode(TableView.SelectionMode.SingleSelection)
        self.table.selectionModel().currentRowChanged.connect(self._on_row)
        self.table.doubleClicked.connect(lambda _index: self._open())
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        metrics = self.table.fontMetrics()
        samples = ("", "", "cancelled", "00:00:00")
        for column, sample in enumerate(samples):
            self.table.setColumnWidth(column, metrics.horizontalAdvance(sample) + 24)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, header.ResizeMode.Stretch)
        header.setSectionResizeMode(1, header.ResizeMode.Stretch)
        self.actions_ = {
            "open": self._action("&Open", "Open the built engine", self._open, "Return"),
            "cancel": self._action(
                "Ca&ncel", "End it at once; an engine that was there stays", self._cancel, ""
            ),
            "retry": self._action("Re&try", "Build it once more, the same way", self._retry, "F5"),
            "allow": self._action(
                "&Allow its native code",
                "Load the plugin libraries of this build, now and later, and build it",
                self._allow,
                "",
            ),
            "remove": self._action(
                "Remo&ve", "Take it off the list; the engine's file stays", self._remove, "Del"
            ),
        }
        line = QHBoxLayout()
        self.buttons = {}
        for name, action in self.actions_.items():
            button = self.buttons[name] = QPushButton(action.text())
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            if name != "allow":
                line.addWidget(button)
        line.addStretch(1)
        left = QWidget()
        column_ = QVBoxLayout(left)
        column_.setContentsMargins(0, 0, 0, 0)
        column_.addWidget(self.table, 1)
        column_.addLayout(line)
        allow = self.buttons["allow"]  # rare and wide: in a line of its own
        allow.hide()
        column_.addWidget(allow, 0, Qt.AlignmentFlag.AlignLeft)
        self.outcome = Outcome()
        splitter = self._shown = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(left)
        splitter.addWidget(self.outcome)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([560, 400])
        self._empty = QLabel(_EMPTY, wordWrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(splitter)
        room = QVBoxLayout(self)
        room.setContentsMargins(6, 6, 6, 6)
        room.addWidget(self._pages)
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._tick)
        building.builds_changed.connect(self.refresh)
        building.build_changed.connect(self._on_build)
        self.refresh()

    def _action(self, text: str, tip: str, act: object, key: str) -> QAction:
        action = QAction(text, self.table)
        if key:
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            tip += f" ({QKeySequence(key).toString()})"
        action.setToolTip(tip)
        action.triggered.connect(act)
        self.table.addAction(action)
        return action

    # -- what the user does --------------------------------------------------------------

    def choose(self, build: Build) -> None:
        """Look at a build."""
        if build in self._building.builds:
            self.table.selectRow(self._building.builds.index(build))

    def _on_row(self) -> None:
        row = self.table.currentIndex().row()
        builds = self._building.builds
        chosen = builds[row] if 0 <= row < len(builds) else None
        if chosen is not self.chosen:
            self.chosen = chosen
            self.chosen_changed.emit(chosen)
        self._show_chosen()

    def _open(self) -> None:
        if self.chosen is not None:
            self._building.open(self.chosen)

    def _cancel(self) -> None:
        if self.chosen is not None:
            self._building.cancel(self.chosen)

    def _retry(self) -> None:
        if self.chosen is not None:
            self._building.retry(self.chosen)

    def _allow(self) -> None:
        if self.chosen is not None:
            self._building.allow(self.chosen)

    def _remove(self) -> None:
        if self.chosen is not None:
            self._building.remove(self.chosen)

    def _show_menu(self, place: QPoint) -> None:
        if self.chosen is None or not self.table.indexAt(place).isValid():
            return
        menu = QMenu(self)
        menu.addActions([one for one in self.actions_.values() if one.isEnabled()])
        menu.popup(self.table.viewport().mapToGlobal(place))

    # -- what is shown -------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the builds there are; a new one is chosen."""
        builds, kept = self._building.builds, self.chosen
        is_new = len(builds) > self.rows.rowCount()
        self.rows.show_rows([_row(one) for one in builds])
        self._pages.setCurrentIndex(1 if builds else 0)
        ask = QSizePolicy.Policy  # what is not shown asks for no height
        self._shown.setSizePolicy(ask.Preferred, ask.Preferred if builds else ask.Ignored)
        if is_new or kept not in builds:
            kept = builds[-1] if builds else None
        if kept is not None:
            self.table.selectRow(builds.index(kept))
        self._on_row()
        self._run_timer()

    def _on_build(self, build: Build) -> None:
        if build in self._building.builds:
            self.rows.replace_row(self._building.builds.index(build), _row(build))
        if build is self.chosen:
            self._show_chosen()
        self._run_timer()

    def _run_timer(self) -> None:
        if self._building.is_building:
            self._timer.start()
        else:
            self._timer.stop()

    def _tick(self) -> None:
        running = self._building.running
        if running is None or not self.isVisible():
            return
        self.rows.replace_row(self._building.builds.index(running), _row(running))
        if running is self.chosen:
            self.outcome.show_progress(running)

    def _show_chosen(self) -> None:
        build = self.chosen
        can = {
            "open": build is not None and build.has_engine,
            "cancel": build is not None and not build.is_over and not build.is_ending,
            "retry": build is not None and build.is_over,
            "allow": build is not None and build.needs_consent,
            "remove": build is not None and build.is_over,
        }
        had_focus = any(one.hasFocus() for one in self.buttons.values())
        for name, action in self.actions_.items():
            action.setEnabled(can[name])
            self.buttons[name].setEnabled(can[name])
        self.buttons["allow"].setVisible(can["allow"])
        if had_focus and not any(one.hasFocus() for one in self.buttons.values()):
            self.table.setFocus()
        self.outcome.show_build(build)


def _row(build: Build) -> Row:
    word, color = _STATES[build.state]
    if build.is_ending:
        word = "ending"
    seconds = build.feed.elapsed_s
    cells = (
        one_line(build.target.name, 200),
        settings_words(build.options),
        word,
        time_text(seconds) if build.state != "waiting" else "",
    )
    tooltip = f"{printable(str(build.target))}\nfrom {printable(str(build.onnx))}\n{cells[1]}"
    return Row(cells, tooltip, color)
