"""The Build window: a model's check, what its engine will be, and the builds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from core.text import counted, one_line, printable
from gui.build_commands import assumed_words, commands
from gui.build_thread import lack
from gui.panels.banner import Banner
from gui.panels.build.check import CheckPanel
from gui.panels.build.commands import CommandPage
from gui.panels.build.form import BuildForm
from gui.panels.build.log import LogView
from gui.panels.build.panes import Panes
from gui.panels.build.queue import QueuePanel
from gui.theme import ElidedLabel

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from gui.building import Building

_MODELS = "ONNX models (*.onnx);;All files (*)"
_LOG_MS = 250
_CANNOT = "This model cannot be built."


class BuildWindow(QDialog):
    """Not modal: the main window stays free. Closing it leaves the builds running."""

    def __init__(self, building: Building, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._building = building
        self.setWindowTitle("Build engine")
        self.setAcceptDrops(True)
        self.banner = Banner()
        self.banner.dismissed.connect(self.banner.hide)
        self._name = ElidedLabel()
        font = self._name.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        font.setBold(True)
        self._name.setFont(font)
        self.choose_button = QPushButton("Choose &model...")
        self.choose_button.setToolTip("Choose one ONNX model or several; they can be dropped, too")
        self.choose_button.clicked.connect(self.choose_models)
        self._pending = ElidedLabel()
        self.skip_button = QPushButton("S&kip")
        self.skip_button.setToolTip("Go on to the next model without building this one")
        self.skip_button.clicked.connect(building.skip)
        self.check = CheckPanel()
        self.form = BuildForm(building.is_target_of_others)
        self.trouble = QLabel(wordWrap=True)
        self.trouble.setTextFormat(Qt.TextFormat.PlainText)
        self.trouble.setAccessibleName("what is missing before it can be built")
        self.build_button = QPushButton("&Build")
        self.build_button.setToolTip("Add this build to the queue (Ctrl+Enter)")
        for key in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(key), self, self.build)
        self.build_button.clicked.connect(self.build)
        self.queue = QueuePanel(building)
        self.log = LogView()
        self.trtexec = CommandPage("the trtexec command", "The same with TensorRT's own tool.")
        self.python = CommandPage("the Python script", "The same with TensorRT's Python API.")
        self._lay_out()
        self._timer = QTimer(self, interval=_LOG_MS)
        self._timer.timeout.connect(self._show_log)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Enter in a field must not build
        self._connect()
        self._show_setup()
        self._show_capabilities()

    def _lay_out(self) -> None:
        title = QHBoxLayout()
        title.addWidget(self._name, 1)
        title.addWidget(self.choose_button)
        self._waiting = QWidget()
        waiting = QHBoxLayout(self._waiting)
        waiting.setContentsMargins(0, 0, 0, 0)
        waiting.addWidget(self._pending, 1)
        waiting.addWidget(self.skip_button)
        inner = QWidget()
        rows = QVBoxLayout(inner)
        rows.setContentsMargins(12, 4, 12, 8)
        rows.addWidget(self.check)
        rows.addWidget(self.form)
        rows.addStretch(1)
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inner)
        end = QHBoxLayout()
        end.addWidget(self.trouble, 1)
        end.addStretch(0)
        end.addWidget(self.build_button, 0, Qt.AlignmentFlag.AlignBottom)
        top = QWidget()
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, 4)
        head = QVBoxLayout()
        head.setContentsMargins(12, 8, 12, 0)
        head.addLayout(title)
        head.addWidget(self._waiting)
        foot = QVBoxLayout()
        foot.setContentsMargins(12, 0, 12, 0)
        foot.addLayout(end)
        column.addWidget(self.banner)
        column.addLayout(head)
        column.addWidget(self._scroll, 1)
        column.addLayout(foot)
        self.pages = QTabWidget()
        self.pages.setDocumentMode(True)
        self.pages.tabBar().setAccessibleName("builds and commands")
        for page, name in (
            (self.queue, "Builds"),
            (self.log, "Log"),
            (self.trtexec, "trtexec"),
            (self.python, "Python"),
        ):
            self.pages.addTab(page, name)
        self.pages.currentChanged.connect(lambda _index: self._on_page())
        self.panes = Panes(top, self._scroll, inner, self.pages)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.panes)

    def _connect(self) -> None:
        building = self._building
        building.setup_changed.connect(self._show_setup)
        building.pending_changed.connect(self._show_pending)
        building.check_changed.connect(self._show_check)
        building.capabilities_changed.connect(self._show_capabilities)
        building.target_changed.connect(self._show_trouble)
        building.builds_changed.connect(self._show_trouble)
        building.builds_changed.connect(self._on_page)
        building.build_changed.connect(lambda _build: self._show_trouble())
        building.build_changed.connect(lambda _build: self._show_log())
        building.problem.connect(self.banner.show_problem)
        self.queue.chosen_changed.connect(lambda _build: self._show_log())
        self.form.changed.connect(self._on_form)
        self.form.more_button.toggled.connect(self._show_more)

    def sizeHint(self) -> QSize:
        return QSize(960, 700)

    # -- what the user does --------------------------------------------------------------

    def choose_models(self) -> None:
        """Ask for ONNX models and set them up one after another."""
        texts, _ = QFileDialog.getOpenFileNames(self, "Build an engine from", "", _MODELS)
        self._building.set_up([Path(text) for text in texts])

    def build(self) -> None:
        """Put what is set up into the queue; a model that waits is set up next."""
        if not self.build_button.isEnabled():
            return
        options = self.form.options()
        build = self._building.add(self.form.target(), options)
        self.pages.setCurrentWidget(self.queue)
        if build is not None and self._building.pending:
            self._building.skip()

    def dragEnterEvent(self, event: Any) -> None:
        if _models_in(event.mimeData()):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: Any) -> None:
        event.acceptProposedAction()
        self._building.set_up(_models_in(event.mimeData()))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._building.ask_capabilities()
        self._timer.start()

    def hideEvent(self, event: Any) -> None:
        super().hideEvent(event)
        self._timer.stop()

    # -- what is shown -------------------------------------------------------------------

    def _show_setup(self) -> None:
        building = self._building
        path = building.path
        self._name.set_text("No model chosen" if path is None else one_line(path.name, 300))
        if path is not None:
            self._name.setToolTip(printable(str(path)))
        self.form.show_nothing()
        self._show_pending()
        self._show_check()
        self._scroll.verticalScrollBar().setValue(0)

    def _show_more(self, shown: bool) -> None:
        self.panes.follow(self.form.more_button if shown else None)

    def _on_page(self) -> None:
        """Builds, and what is looked at below, want more room than the note that there are none."""
        is_used = bool(self._building.builds) or self.pages.currentWidget() is not self.queue
        self.panes.use_lower(is_used)
        self._show_log()

    def _show_pending(self) -> None:
        pending = self._building.pending
        names = ", ".join(one_line(path.name, 60) for path in pending)
        self._pending.set_text(f"{counted(len(pending), 'more model')} after this one: {names}")
        self._waiting.setVisible(bool(pending))

    def _show_check(self) -> None:
        building = self._building
        self.form.setVisible(building.checked is not None)
        if building.checked is not None:
            self.form.show_model(building.checked, building.given)
        self.check.show_check(
            building.checked,
            building.verdict,
            has_model=building.path is not None,
            is_checking=building.is_checking,
            is_asking=building.is_asking_parser,
            record=self.form.record_lines(),
        )
        if building.checked is None:
            self._show_commands()  # which say why there are none
        self._show_trouble()

    def _show_capabilities(self) -> None:
        ability = self._building.ability
        self.form.show_capabilities(
            None if ability is None else ability.capabilities, assumed_words(ability)
        )
        self._on_form()
        self._show_check()

    def _on_form(self) -> None:
        if not self.form.trouble and self._building.checked is not None:
            self._building.look_at(self.form.target())
        self._show_commands()
        self._show_trouble()

    def _show_trouble(self) -> None:
        can_build, words = self._state()
        self.trouble.setText(words)
        self.trouble.setVisible(bool(words))
        self.build_button.setEnabled(can_build)

    def _state(self) -> tuple[bool, str]:
        """Whether it can be built, and what is to be said beside the button."""
        building, form = self._building, self.form
        if building.path is None:
            return False, ""
        if building.checked is None:
            return False, "" if building.is_checking else _CANNOT
        if building.ability is None:
            return False, "Asking TensorRT what it has."
        if building.ability.why_not is not None:
            return False, " ".join(building.ability.why_not)
        if form.trouble:
            return False, form.trouble
        why = lack(form.options(), building.checked, building.ability.capabilities)
        if why is not None:
            return False, why
        if building.is_target_taken(form.target()):
            return False, f"{form.target().name} is being built already; choose another name."
        return not building.is_target_bad, building.target_words

    def _show_commands(self) -> None:
        """The commands of what is chosen; while that does not hold together, what is wrong."""
        trtexec = python = why = ""
        form, path = self.form, self._building.path
        if path is None:
            why = "Choose a model first."
        elif self._building.checked is None:
            why = "The model is being read." if self._building.is_checking else _CANNOT
        elif form.trouble:
            why = form.trouble
        else:
            ability = self._building.ability
            capabilities = None if ability is None else ability.capabilities
            told = commands(path, form.target(), form.options(), capabilities)
            version, trtexec, python = told
            where = "; none is installed here" if capabilities is None else ""
            self.trtexec.words.setText(f"The same with trtexec of TensorRT {version}{where}.")
            self.python.words.setText(f"The same with TensorRT {version} in Python{where}.")
        self.trtexec.show_text(trtexec, why)
        self.python.show_text(python, why)

    def _show_log(self) -> None:
        if self.pages.currentWidget() is self.log:
            build = self.queue.chosen
            self.log.show_feed(None if build is None else build.feed)


def _models_in(mime: Any) -> list[Path]:
    """The ONNX files among what is dragged."""
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() == ".onnx"]
