"""The window that edits what stands before an engine's plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from core.text import one_line
from gui.item_models.metadata_rows import MetadataModel, content_of
from gui.metadata_thread import (
    MetadataRead,
    MetadataThread,
    MetadataWritten,
    ReadMetadata,
    SaveMetadata,
)
from gui.panels.banner import Banner, take_any_width
from gui.panels.metadata_table import MetadataTable
from gui.problem import Problem
from gui.question import question
from gui.requests import Requests
from gui.theme import ElidedLabel

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMessageBox

    from core.jobs import Failed

_ENGINES = "Engines (*.engine *.plan *.trt);;All files (*)"
_OLD_KEPT = "A recipe or a consent that was kept for the file as it was does not hold for it now."


class MetadataDialog(QDialog):
    """Modal to its window: the engine that is edited stays the one that is open.

    Reading and writing happen on the thread; what is typed stays here until it is written.

    Attributes:
        question: asks about edits that are not saved; None while nothing is asked.
    """

    def __init__(self, path: Path, thread: MetadataThread, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Edit metadata")
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self._path = path
        self._read: MetadataRead | None = None
        self._kept = content_of(())  # what the rows were when they were shown or saved
        self._is_sure = self._was_written = False
        self._focus: QWidget | None = None  # had the keyboard before a file was written
        self.question: QMessageBox | None = None
        self._requests = Requests(thread, self)
        self._requests.finished.connect(self._on_finished)
        self._requests.failed.connect(self._on_failed)
        self._requests.cancelled.connect(self._on_cancelled)
        self._requests.progress.connect(self._on_progress)
        self._requests.busy_changed.connect(self._on_busy)
        thread.written.connect(self._on_written, Qt.ConnectionType.QueuedConnection)
        self._make_widgets()
        self._lay_out()
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Enter in a cell must not press one
        self.model.edited.connect(self._on_edited)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_state())
        self._requests.submit("read", ReadMetadata(path))

    def _make_widgets(self) -> None:
        name = one_line(self._path.name, 300)
        self.banner = Banner()
        self.banner.dismissed.connect(self.banner.hide)
        self._name = ElidedLabel()
        font = self._name.font()
        font.setBold(True)
        self._name.setFont(font)
        self._name.set_text(name)
        self._name.setToolTip(one_line(str(self._path), 1000))
        self.note = _line("what stands before the plan")
        self.model = MetadataModel(self)
        self.table = MetadataTable(self.model)
        self.table.setAccessibleName(f"metadata of {name}")
        self.add_button = QPushButton("&Add row")
        self.add_button.clicked.connect(self.table.add)
        self.remove_button = QPushButton("&Remove")
        self.remove_button.setToolTip("Remove the selected rows (Delete)")
        self.remove_button.clicked.connect(self.table.remove_selected)
        self.strip_button = QPushButton("S&trip all")
        self.strip_button.setToolTip("Remove every row; saved so, the file is the plan alone")
        self.strip_button.clicked.connect(self.table.strip)
        self.trouble = _line("what keeps it from being saved")
        self.trouble.hide()
        self.said = _line("what came of it")
        self.said.hide()
        self.digest = QLineEdit(readOnly=True)
        self.digest.setAccessibleName("SHA-256 of the plan")
        self.digest.hide()
        self._bar = QProgressBar()
        self._bar.setAccessibleName("progress of the saving")
        self.cancel_button = QPushButton("&Cancel")
        self.cancel_button.clicked.connect(self.cancel)
        self.save_button = QPushButton("&Save")
        self.save_button.setToolTip("Write it before the plan of this very file")
        self.save_button.clicked.connect(self.save)
        self.save_as_button = QPushButton("Sa&ve as...")
        self.save_as_button.setToolTip("Write the plan with this metadata to another file")
        self.save_as_button.clicked.connect(self.choose_target)
        self.close_button = QPushButton("C&lose")
        self.close_button.clicked.connect(self.reject)

    def _lay_out(self) -> None:
        edits = QHBoxLayout()
        for button in (self.add_button, self.remove_button, self.strip_button):
            edits.addWidget(button)
        edits.addStretch(1)
        ends = QHBoxLayout()
        ends.addWidget(self._bar, 1)
        ends.addStretch(0)
        for button in (self.cancel_button, self.save_button, self.save_as_button):
            ends.addWidget(button)
        ends.addWidget(self.close_button)
        inner = QVBoxLayout()
        inner.setContentsMargins(12, 8, 12, 12)
        inner.addWidget(self._name)
        inner.addWidget(self.note)
        inner.addWidget(self.table, 1)
        inner.addLayout(edits)
        for one in (self.trouble, self.said, self.digest):
            inner.addWidget(one)
        inner.addLayout(ends)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.banner)
        column.addLayout(inner)

    def sizeHint(self) -> QSize:
        return QSize(620, 460)

    # -- what the user does --------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """True while the file is read or written."""
        return self._requests.is_busy

    @property
    def is_saving(self) -> bool:
        """True while a file is written."""
        return self._requests.is_outstanding("save")

    @property
    def has_edits(self) -> bool:
        """True where rows are others than were read or saved."""
        return self.model.content != self._kept

    def save(self) -> None:
        """Write the rows before the plan of the file that is open."""
        if self._can_save():
            self._submit(None)

    def choose_target(self) -> None:
        """Ask for another file, and write the plan with these rows to it."""
        if not self._can_save(to_another=True):
            return
        beside = self._path.with_name(f"{self._path.stem}-edited{self._path.suffix}")
        text, _ = QFileDialog.getSaveFileName(
            self, "Save the engine with this metadata", str(beside), _ENGINES
        )
        if text:
            self._submit(Path(text))

    def _can_save(self, *, to_another: bool = False) -> bool:
        """Whether the rows can be written; says why not."""
        self.table.commit()
        if self._read is None or self.is_busy:
            return False
        trouble = self.model.trouble
        if (
            not trouble
            and not to_another
            and self.model.content == content_of(self._read.own.items())
        ):
            trouble = "There is nothing to save: this is what stands before the plan."
        self.trouble.setText(trouble)
        self.trouble.setVisible(bool(trouble))
        if trouble:
            self._say("")  # of what was saved before
        return not trouble

    def _submit(self, target: Path | None) -> None:
        assert self._read is not None
        self.banner.hide()
        self._say("")
        self._was_written = False
        self._bar.setRange(0, 0)
        self._focus = self.focusWidget()
        self._requests.submit("save", SaveMetadata(self._read, self.model.metadata(), target))
        self._show_state()
        self.cancel_button.setFocus()

    def cancel(self) -> None:
        """Stop writing; the file stays as it was."""
        self._requests.cancel("save")

    def discard(self) -> None:
        """Close without a question, whatever was typed."""
        self._is_sure = True
        self.cancel()
        self.reject()

    def reject(self) -> None:
        """Close, but not while a file is written, and with edits only once they are given up."""
        self.table.commit()
        if not self._is_sure and self.is_saving:
            self.cancel()
        elif not self._is_sure and self.has_edits:
            self._ask()
        else:
            super().reject()

    def _ask(self) -> None:
        if self.question is None:
            box = question(self, self.windowTitle(), "&Discard", self.discard, "&Keep editing")
            box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            box.setText("These edits are not saved. Discard them?")
            box.finished.connect(self._forget_question)
            self.question = box
            box.open()

    def _forget_question(self) -> None:
        self.question = None

    def _on_edited(self) -> None:
        self.trouble.hide()
        self._show_state()

    # -- what comes back -----------------------------------------------------------------

    def _on_busy(self, busy: bool) -> None:
        self._show_state()
        if not busy and self._focus is not None:
            self._focus.setFocus()
            self._focus = None

    def _on_finished(self, _slot: str, answer: object) -> None:
        if isinstance(answer, MetadataRead):
            self._show_read(answer)
            self.table.begin()

    def _on_written(self, written: MetadataWritten) -> None:
        if written.request.read.path != self._path:
            return  # asked for by another
        self._was_written = True
        change = written.change
        name = one_line(change.path.name, 40)
        words = f"Saved in {name}: {written.words}.\n"
        if written.in_place:
            words += f"{_OLD_KEPT}\n"
        self._say(f"{words}{_sentence(change.plan_words)}:")
        self.digest.setText(change.plan_sha256)
        self.digest.setCursorPosition(0)
        self.digest.show()
        self._show_read(written.read, is_new=written.in_place)

    def _show_read(self, read: MetadataRead, *, is_new: bool = True) -> None:
        """Show what stands there; of a file that was saved elsewhere the rows stay."""
        self._read = read
        beside = bool(read.known) and not read.own
        words = _sentence(read.words)
        self.note.setText(f"{words}; its side-car has this" if beside else words)
        if is_new:
            self.model.show_metadata(read.known)
            self.table.share_room()
        self._kept = self.model.content
        self._show_state()

    def _on_failed(self, failed: Failed) -> None:
        self._say("")
        self.banner.show_problem(Problem.of_failure(failed))

    def _on_cancelled(self, slot: str) -> None:
        if slot == "save" and not self._was_written:
            self._say("Cancelled. No file was changed.")

    def _on_progress(self, fraction: float | None, text: str) -> None:
        if fraction is not None:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(fraction * 1000))
        self._say(one_line(text, 200))

    # -- what is shown -------------------------------------------------------------------

    def _say(self, words: str) -> None:
        self.digest.hide()
        self.said.setText(words)
        self.said.setVisible(bool(words))

    def _show_state(self) -> None:
        """Which buttons there are, and what keeps the rows from being saved."""
        saving, can_edit = self.is_saving, self._read is not None and not self.is_saving
        self.table.setEnabled(can_edit)
        self.add_button.setEnabled(can_edit)
        self.remove_button.setEnabled(can_edit and self.table.has_selection)
        self.strip_button.setEnabled(can_edit and self.model.rowCount() > 0)
        for button in (self.save_button, self.save_as_button):
            button.setVisible(not saving)
            button.setEnabled(can_edit)
        self._bar.setVisible(saving)
        self.cancel_button.setVisible(saving)

    def closeEvent(self, event: Any) -> None:
        """As Escape: QDialog would hide without a question while the window below closes."""
        self.reject()
        event.setAccepted(not self.isVisible())


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _line(name: str) -> QLabel:
    """Words on as many lines as they need; hidden while there are none."""
    label = QLabel(wordWrap=True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setAccessibleDescription(name)
    take_any_width(label)
    return label
