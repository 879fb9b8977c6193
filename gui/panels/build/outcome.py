"""One build: how it goes, and what came of it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from core.text import one_line
from gui.build_queue import Build, time_text
from gui.build_words import outcome_lines
from gui.panels.build.lines import LinesView
from gui.panels.build.whole_rows import rows_of, whole_rows
from gui.theme import ElidedLabel

_SILENT_S = 10.0  # after so long without a word it is said how long it has been


class Outcome(QScrollArea):
    """The chosen build in lines: those that matter have a coloured word before them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(220)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.title = ElidedLabel()
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.bar = QProgressBar(textVisible=False, minimum=0, maximum=0)
        self.bar.setAccessibleName("progress of the build")
        self.doing = QLabel(wordWrap=True)
        self.doing.setTextFormat(Qt.TextFormat.PlainText)
        self.details = QPlainTextEdit(readOnly=True)
        self.details.setAccessibleName("details of the failure")
        self.details.setMinimumHeight(80)
        # As high as there is room: two scroll bars side by side are one too many.
        self.details.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.details.setTabChangesFocus(True)
        self.lines = LinesView()
        inner = self._inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(8, 0, 8, 0)
        for one in (self.title, self.bar, self.doing):
            column.addWidget(one)
        column.addWidget(self.lines)
        column.addWidget(self.details, 1)
        column.addStretch(0)
        self.setWidget(inner)
        self.verticalScrollBar().valueChanged.connect(self._end_between_rows)
        self.verticalScrollBar().rangeChanged.connect(self._end_between_rows)
        self.show_build(None)

    def _end_between_rows(self) -> None:
        place, view, needed = self.verticalScrollBar().value(), self.height(), self._inner.height()
        cut = 0
        if place + view < needed:
            cut = view - whole_rows(rows_of(self._inner), needed, place, view)[1]
        self.setViewportMargins(0, 0, 0, cut)

    def show_build(self, build: Build | None) -> None:
        """Show a build as it stands, or nothing."""
        is_on = build is not None and not build.is_over
        self.title.set_text("" if build is None else one_line(build.target.name, 200))
        self.bar.setVisible(is_on and build is not None and build.state == "building")
        self.doing.setVisible(is_on)
        details = "" if build is None or build.problem is None else build.problem.details
        self.details.setPlainText(details)
        self.details.setVisible(bool(details))
        self.lines.show_lines([] if build is None else outcome_lines(build))
        if build is not None and is_on:
            self.show_progress(build)

    def show_progress(self, build: Build) -> None:
        """What goes on now. TensorRT tells no fraction of the whole: the bar only says it lives."""
        now, doing = build.feed.now
        if build.state == "waiting":
            self.doing.setText("Waiting for the builds before it.")
            return
        words = [doing or "Starting"]
        if now is not None:
            steps = "" if now.step is None else f", step {now.step:,} of {now.steps:,}"
            words = [one_line(now.phase, 120) + steps]
        words.append(f"{time_text(build.feed.elapsed_s)} so far")
        if now is not None and now.expected_s is not None:
            words.append(f"the last build of this model took {time_text(now.expected_s)}")
        if now is not None and now.lines_per_s:
            words.append(f"{now.lines_per_s:,.0f} lines of log a second")
        if build.feed.silent_s >= _SILENT_S:
            words.append(f"nothing new for {time_text(build.feed.silent_s)}")
        ending = "Ending it. " if build.is_ending else ""
        self.doing.setText(f"{ending}{'; '.join(words)}.")
