"""The Benchmark tab: what runs, what came of it, how to measure, and what was measured before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, Qt, QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.benchmark_words import facts_line
from gui.panels.benchmark.export import ExportButton
from gui.panels.benchmark.history import HistoryPage
from gui.panels.benchmark.marks import TrustMarks
from gui.panels.benchmark.options_form import OptionsForm
from gui.panels.benchmark.pictures import Pictures
from gui.panels.benchmark.results_table import ResultsTable
from gui.theme import ElidedLabel

if TYPE_CHECKING:
    from gui.benchmarking import Benchmarking

_FRAME_MS = 16
_WORDS_EVERY = 6  # frames: nobody reads faster, and each new text lays the line out
RESULTS, OPTIONS, HISTORY = range(3)


class BenchmarkPanel(QWidget):
    """Shows a Benchmarking, and passes the user's wishes to it."""

    def __init__(self, benchmarking: Benchmarking, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._benchmarking = benchmarking
        self._frame = 0
        self._drawn_version = -1
        self.form = OptionsForm()
        self.table = ResultsTable()
        self.marks = TrustMarks()
        self.pictures = Pictures()
        self.history = HistoryPage(benchmarking)
        self.export_button = ExportButton(benchmarking, self.pictures)
        self._build()
        self._timer = QTimer(self, interval=_FRAME_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_frame)
        self.table.chosen.connect(benchmarking.choose)
        self.pictures.measurement_chosen.connect(benchmarking.choose)
        self.form.changed.connect(self._show_state)
        benchmarking.state_changed.connect(self._show_state)
        benchmarking.began.connect(self._on_began)
        benchmarking.shown_changed.connect(self._show_result)
        benchmarking.model_changed.connect(self._show_model)
        benchmarking.images_changed.connect(self._show_images)
        self._show_model()
        self._show_result()
        benchmarking.warm_up()
        QTimer.singleShot(0, self, self.pictures.latency.prepare)  # once the tab is there
        if benchmarking.is_running:
            self._on_began()
        elif benchmarking.shown is None:
            self.show_page(OPTIONS)

    def _build(self) -> None:
        self.start_button = QPushButton("&Start")
        self.start_button.setToolTip("Measure the open model (Ctrl+B)")
        self.start_button.clicked.connect(self.start)
        self.stop_button = QPushButton("Sto&p")
        self.stop_button.setToolTip("Stop; the samples so far are kept (Esc)")
        self.stop_button.clicked.connect(self._benchmarking.stop)
        self._words = ElidedLabel()
        self._progress = QProgressBar(textVisible=False)
        self._progress.setFixedHeight(6)
        top = QHBoxLayout()
        top.addWidget(self.start_button)
        top.addWidget(self.stop_button)
        top.addStretch(1)
        self._pages = QStackedWidget()
        self.page_buttons: list[QToolButton] = []  # a QButtonGroup would hide them from Tab
        for index, name in enumerate(("Results", "Options", "History")):
            button = QToolButton()
            button.setText(name)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.clicked.connect(lambda _checked=False, page=index: self.show_page(page))
            self.page_buttons.append(button)
            top.addWidget(button)
        top.addWidget(self.export_button)
        self._note = QLabel(wordWrap=True)
        self._note.setContentsMargins(4, 0, 4, 0)
        self._empty = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setContentsMargins(24, 24, 24, 24)
        numbers = QWidget()
        self.facts = ElidedLabel()
        self.second_facts = ElidedLabel()
        rows = QVBoxLayout(numbers)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.facts)
        rows.addWidget(self.second_facts)
        rows.addWidget(self.table, 1)
        rows.addWidget(self.marks)
        rows.addStretch(0)  # where both have all they need
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self._splitter.addWidget(numbers)
        self._splitter.addWidget(self.pictures)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setSizes([280, 300])  # in this proportion
        self._splitter.setChildrenCollapsible(False)
        self._numbers = numbers
        self._results = QStackedWidget()
        self._results.addWidget(self._empty)
        scroll = QScrollArea(widgetResizable=True)  # a low window does not squeeze the pictures
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self._splitter)
        self._results.addWidget(scroll)
        for page in (self._results, self.form, self.history):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addLayout(top)
        column.addWidget(self._progress)
        column.addWidget(self._words)
        column.addWidget(self._note)
        column.addWidget(self._pages, 1)
        order = (self.start_button, self.stop_button, *self.page_buttons)
        for one, following in zip(order, (*order[1:], self.export_button), strict=True):
            self.setTabOrder(one, following)
        self.setFocusProxy(self.start_button)

    # -- what the user does --------------------------------------------------------------

    def start(self) -> None:
        """Begin to measure what the options say."""
        if self.form.trouble:
            self.show_page(OPTIONS)
        elif not self._benchmarking.is_running:
            self._benchmarking.start(self.form.options())

    def show_page(self, page: int) -> None:
        """Show RESULTS, OPTIONS or HISTORY."""
        self._pages.setCurrentIndex(page)
        for index, button in enumerate(self.page_buttons):
            button.setChecked(index == page)
            colors = QPalette()
            if index == page:  # a dark theme's shade for it is not seen
                colors.setColor(QPalette.ColorRole.Button, colors.highlight().color())
                text = colors.highlightedText().color()
                colors.setColor(QPalette.ColorRole.ButtonText, text)
            button.setPalette(colors)
        self._show_words_line()
        if page == HISTORY:
            self._benchmarking.look_up_history()

    # -- what is shown -------------------------------------------------------------------

    def _show_model(self) -> None:
        benchmarking = self._benchmarking
        self.form.show_model(
            benchmarking.inputs, benchmarking.batch_input, on_gpu=benchmarking.on_gpu
        )
        self.pictures.show_place(on_gpu=benchmarking.on_gpu)
        self._show_images()
        if self._pages.currentIndex() == HISTORY:
            benchmarking.look_up_history()

    def _show_images(self) -> None:
        benchmarking = self._benchmarking
        self.form.show_images(benchmarking.image_paths, can_take=benchmarking.takes_picture)
        self._show_state()

    def _show_state(self) -> None:
        benchmarking = self._benchmarking
        running, why_not = benchmarking.is_running, benchmarking.why_not
        can_start = not running and why_not is None and not self.form.trouble
        had_focus = self.start_button.hasFocus() or self.stop_button.hasFocus()
        self.start_button.setEnabled(can_start)
        self.stop_button.setEnabled(running and not benchmarking.is_stopping)
        if had_focus:  # a disabled button would hand it on to anything
            (self.stop_button if running else self.start_button).setFocus()
        self.form.setEnabled(not running)
        self._progress.setVisible(running)
        if not running:
            self._timer.stop()
            self._words.set_text(" ".join(why_not or (self.form.trouble,)).strip())
        self._show_words_line()
        note = benchmarking.disturbance
        self._note.setText(note)
        self._note.setVisible(bool(note))
        self._empty.setText(self._empty_text(why_not))

    def _show_words_line(self) -> None:
        """What goes on, or why nothing can; not where the page in front says it itself."""
        page, benchmarking = self._pages.currentIndex(), self._benchmarking
        is_said = page == RESULTS and benchmarking.shown is None
        is_said |= page == OPTIONS and benchmarking.why_not is None  # what is typed is wrong
        running = benchmarking.is_running
        self._words.setVisible(running or (bool(self._words.text()) and not is_said))

    def _empty_text(self, why_not: tuple[str, str] | None) -> str:
        if self._benchmarking.is_running:
            return "Waiting for the first samples."
        title, hint = why_not or (
            "Nothing is measured yet.",
            "Start measures with the options as they are. Earlier results are under History; "
            "results of trtexec (--exportTimes) can be dropped here.",
        )
        return f"{title}\n\n{hint}"

    def _on_began(self) -> None:
        self._drawn_version, self._frame = -1, 0
        self._numbers.hide()
        self._results.setCurrentIndex(0)
        self.show_page(RESULTS)
        self._progress.setRange(0, 0)
        self._show_state()
        self._timer.start()

    def _on_frame(self) -> None:
        """Take in what has come, and draw it: as often as the screen shows it, not more."""
        benchmarking = self._benchmarking
        live = benchmarking.take()
        if live is None:
            return
        self._frame += 1
        if self._frame % _WORDS_EVERY == 1:
            self._show_words()
        if live.version != self._drawn_version and self.isVisible():
            self._drawn_version = live.version
            if live.name:
                self._results.setCurrentIndex(1)
            self.pictures.show_live(live)

    def _show_words(self) -> None:
        text, fraction = self._benchmarking.doing
        self._words.set_text(text)
        if fraction is None:
            self._progress.setRange(0, 0)
        else:
            self._progress.setRange(0, 1000)
            self._progress.setValue(round(fraction * 1000))

    def _show_result(self) -> None:
        benchmarking = self._benchmarking
        shown, second, chosen = benchmarking.shown, benchmarking.second, benchmarking.chosen
        self.export_button.refresh()
        if benchmarking.is_running:
            return
        self._results.setCurrentIndex(0 if shown is None else 1)
        self._numbers.show()
        if shown is None:
            self.marks.show_marks(())
            return
        self.facts.set_text(facts_line(shown.result))
        self.second_facts.setVisible(second is not None)
        if second is not None:
            self.second_facts.set_text(f"laid over: {facts_line(second.result)}")
        # Its header, two lines or the three that are compared, and the scroll bar.
        lines = 4 if second is None else 5
        self.table.setMinimumHeight(lines * self.table.verticalHeader().defaultSectionSize())
        self.table.show_result(shown, second)
        self.table.choose(chosen)
        measurement = shown.items[chosen].measurement
        self.marks.show_marks(measurement.marks, measurement.convention)
        self.pictures.show_result(shown, second, chosen)
        if benchmarking.is_new:
            self.show_page(RESULTS)

    # -- dropping ------------------------------------------------------------------------

    def dragEnterEvent(self, event: Any) -> None:
        if _results_in(event.mimeData()):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: Any) -> None:
        paths = _results_in(event.mimeData())
        if not paths:
            event.ignore()
            return
        event.acceptProposedAction()
        for path in paths:
            self._benchmarking.import_from(path)


def _results_in(mime: QMimeData) -> list[Path]:
    """The files of results among what is dragged: all of it, else none; the rest is others'."""
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    return paths if paths and all(one.suffix.lower() == ".json" for one in paths) else []
