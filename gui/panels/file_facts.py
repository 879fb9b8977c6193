"""All that a model's file says of itself, and its fingerprint, made on a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from core.jobs import Cancelled, Event, Failed, Finished, JobContext, Progress
from gui.item_models.rows import Row, RowsModel, TableView
from gui.metadata_entry import ABOUT, why_not_edited
from gui.work_thread import Handler, WorkThread, heavy_imports

if TYPE_CHECKING:
    from core.modelfile import ModelFile
    from core.verdict import Verdict

_SLOT = "fingerprint"
_LABEL = "SHA-256"


class FingerprintThread(WorkThread):
    """Makes fingerprints: a Path in, 64 hexadecimal digits out."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_fingerprint_handler, parent)


@contextmanager
def _fingerprint_handler() -> Iterator[Handler]:
    """Runs on the fingerprints' thread."""
    yield _make_fingerprint


def _make_fingerprint(request: object, context: JobContext) -> object:
    with heavy_imports:
        from core.errors import ModelFileError
        from core.modelfile import fingerprint

    assert isinstance(request, Path)
    try:
        return fingerprint(request, context.progress)
    except OSError as error:
        raise ModelFileError(
            "unreadable", f"{request} cannot be read: {error}.", "Check the disk and the path."
        ) from None


class _FactsTable(TableView):
    """Facts at the left, at most two fifths of the width; long texts take several lines."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setMinimumHeight(40)  # a low window must not grow by it
        self.horizontalHeader().setStretchLastSection(True)

    def share_room(self) -> None:
        """Give columns their width and rows their height.

        Rows are measured by the font alone: Qt's own way asks the style for each cell, and would
        hold the window up for 50 ms whenever a file opens.
        """
        if not self.isVisible():  # showEvent makes up for it
            return
        width = self.viewport().width()
        self.setColumnWidth(0, min(self.sizeHintForColumn(0) + 8, width * 2 // 5))
        rooms = (self.columnWidth(0) - 8, width - self.columnWidth(0) - 8)
        model = self.model()
        for row in range(model.rowCount()):
            texts = [str(model.index(row, column).data()) for column in (0, 1)]
            height = 8 + max(map(self._height, texts, rooms))
            if self.rowHeight(row) != height:
                self.setRowHeight(row, height)

    def _height(self, text: str, room: int) -> int:
        metrics = self.fontMetrics()
        if metrics.horizontalAdvance(text) <= room:
            return metrics.height()
        flags = Qt.TextFlag.TextWordWrap
        return metrics.boundingRect(0, 0, max(room, 20), 10_000, flags, text).height()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.share_room()

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self.share_room()


class FileFactsPanel(QWidget):
    """A table of facts: the verdict first, the fingerprint last, once it is known."""

    rebuild_wanted = Signal()
    metadata_wanted = Signal()

    def __init__(self, thread: WorkThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thread = thread
        self._file: ModelFile | None = None
        self._verdict: Verdict | None = None
        self._fingerprint = Row((_LABEL, ""))
        self._job = -1
        self._model = RowsModel(("fact", "value"), parent=self)
        self.table = _FactsTable()
        self.table.setAccessibleName("facts of the file")
        self.table.setModel(self._model)
        self._empty = QLabel("Open a model to see what its file says.")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.table)
        column.addWidget(self._empty)
        self.rebuild_button = QPushButton("Build again for this machine...")
        self.rebuild_button.setToolTip(
            "Set up the build as it is recorded beside the engine: the same ONNX and options"
        )
        self.rebuild_button.clicked.connect(self.rebuild_wanted)
        column.addWidget(self.rebuild_button)
        self.rebuild_button.hide()
        self.metadata_button = QPushButton("Edit metadata...")
        self.metadata_button.clicked.connect(self.metadata_wanted)
        column.addWidget(self.metadata_button)
        self.metadata_button.hide()
        self.table.hide()
        thread.happened.connect(self._on_event, Qt.ConnectionType.QueuedConnection)

    def sizeHint(self) -> QSize:
        """As little as its neighbours: it stands behind another panel."""
        return QSize(320, 100)

    def show_file(self, file: ModelFile | None, verdict: Verdict | None = None) -> None:
        """Show a file's facts and begin its fingerprint; of the same file only what is new."""
        if file is self._file:
            if file is not None and verdict != self._verdict:
                self._verdict = verdict
                self._show_rows(file)
            return
        self._file, self._verdict = file, verdict
        self.table.setVisible(file is not None)
        self._empty.setVisible(file is None)
        self.rebuild_button.setVisible(file is not None and file.sidecar is not None)
        self.metadata_button.setVisible(file is not None)
        why_not = why_not_edited(file)
        self.metadata_button.setEnabled(not why_not)
        self.metadata_button.setToolTip(why_not or ABOUT)
        if file is None:
            self._thread.cancel(_SLOT)
            self._job = -1
            self._model.show_rows(())
            return
        self._fingerprint = Row((_LABEL, "reading"))
        self._show_rows(file)
        self.table.scrollToTop()
        self._job = self._thread.submit(_SLOT, file.path)

    def _show_rows(self, file: ModelFile) -> None:
        from core.modelfile.facts import all_facts

        facts = [] if self._verdict is None else self._verdict.as_facts()
        rows = [Row(fact) for fact in (*facts, *all_facts(file))]
        self._model.show_rows([*rows, self._fingerprint])
        self.table.share_room()

    def _on_event(self, event: Event) -> None:
        if event.job_id != self._job:
            return  # of another file
        match event:
            case Progress(fraction=float(fraction)):
                self._show_fingerprint(f"reading, {fraction:.0%}".replace("%", " %"))
            case Finished(result=str(digits)):
                self._show_fingerprint(digits)
            case Failed(message=message, hint=hint):
                self._show_fingerprint("not readable", f"{message}\n{hint}")
            case Cancelled():
                self._show_fingerprint("not read")

    def _show_fingerprint(self, text: str, tooltip: str = "") -> None:
        self._fingerprint = Row((_LABEL, text), tooltip)
        self._model.replace_row(self._model.rowCount() - 1, self._fingerprint)
