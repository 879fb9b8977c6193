"""The shelf: every model below a folder as a row, to sort, filter, save and open."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from core.jobs import Event, Failed, Finished, Progress, Started
from core.text import counted, printable
from gui.item_models.shelf_rows import ShelfModel
from gui.panels.rows_panel import RowsPanel
from gui.panels.shelf_table import ShelfTable
from gui.problem import Problem
from gui.shelf_thread import Found, SaveShelf, ScanFolder, ShelfThread

if TYPE_CHECKING:
    from core.shelf import ShelfRow

_AT_ONCE = 100  # rows added between two turns of the event loop: about 8 ms
_NAMED = 20  # unreadable folders in a tooltip


class ShelfPanel(RowsPanel):
    """The rows with what can be done with them. Looking and saving happen on a thread of its own.

    Attributes:
        folder: the folder whose rows are shown, or None.
    """

    model: ShelfModel
    table: ShelfTable

    chosen = Signal(object)  # the Path of a model to open
    folder_wanted = Signal()
    begun = Signal()  # another folder is shown from now on
    scanned = Signal(object, int, int)  # a look ended: its folder, models, files
    problem = Signal(object)  # Problem

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thread = ShelfThread()
        self._thread.found.connect(self._on_found, Qt.ConnectionType.QueuedConnection)
        self._thread.happened.connect(self._on_event, Qt.ConnectionType.QueuedConnection)
        self._pending: deque[ShelfRow] = deque()
        self._adder = QTimer(self, interval=0)
        self._adder.timeout.connect(self._add_some)
        self._scan_job = self._save_job = -1
        self._serial = 0
        self._scanned: Path | None = None  # the folder that was asked for last
        self._model_count = self._found_files = 0  # found in it
        self.folder: Path | None = None
        self._file_count = 0  # of the folder that is shown, as the two below
        self._unreadable: tuple[Path, ...] = ()
        self._is_partial = False
        self._has_begun = False  # the folder that is shown is the one that was asked for last
        self._progress = ""
        self._build()
        self.refresh()

    def _build(self) -> None:
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self.cancel)
        self._again = QPushButton("Rescan")
        self._again.clicked.connect(self._rescan)
        self.model = ShelfModel(self)
        self.table = ShelfTable(self.model)
        self.table.opened.connect(lambda line: self.chosen.emit(self.model.row_at(line).path))
        self._make_message()
        self._open = QPushButton("Open folder...")
        self._open.clicked.connect(self.folder_wanted)
        empty = QWidget()
        column = QVBoxLayout(empty)
        column.addStretch()
        column.addWidget(self._message)
        column.addWidget(self._open, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        self._lay_out("filter", (self._cancel, self._again), empty)

    # -- what the user wants -------------------------------------------------------------

    def open_folder(self, folder: Path, *, keep_until_found: bool = False) -> None:
        """Look for models below a folder.

        Args:
            folder: where to look.
            keep_until_found: leave what is shown until the first model is found there.
        """
        self._is_partial |= self.is_scanning and self._has_begun
        self._serial += 1
        self._scanned, self._model_count, self._has_begun = folder, 0, False
        self._scan_job = self._thread.submit("scan", ScanFolder(folder, self._serial))
        self._progress = f"Looking in {_name(folder)}"
        if not keep_until_found:
            self._begin()
        self.refresh()

    def cancel(self) -> None:
        """Stop looking; what was found stays."""
        self._thread.cancel("scan")

    @property
    def is_scanning(self) -> bool:
        """True while a look has not ended."""
        return self._scan_job != -1

    @property
    def is_busy(self) -> bool:
        """True while a look or a save has not ended, or rows are still to be added."""
        return self.is_scanning or self._save_job != -1 or bool(self._pending)

    def stop(self, timeout_ms: int) -> bool:
        """End the thread; False when it did not end in time."""
        return self._thread.stop(timeout_ms)

    def _rescan(self) -> None:
        if self.folder is not None:
            self.open_folder(self.folder)

    def export(self) -> None:
        """Ask for a file and write the rows that are shown, in their order."""
        from core.shelf import Shelf

        assert self.folder is not None
        target = self._ask_target("Export the shelf", "shelf.csv")
        if target is not None:
            rows = self.model.shown_rows()
            shelf = Shelf(self.folder, rows, self._file_count, self._unreadable)
            self._save_job = self._thread.submit("save", SaveShelf(shelf, target))

    # -- what comes back -----------------------------------------------------------------

    def _begin(self) -> None:
        """Show the folder that was asked for, with no rows yet."""
        self.folder, self._has_begun = self._scanned, True
        self._pending.clear()
        self.model.clear()
        self._file_count, self._unreadable, self._is_partial = 0, (), False
        self.begun.emit()

    def _on_found(self, found: Found) -> None:
        if found.serial != self._serial:
            return
        if found.rows and not self._has_begun:
            self._begin()
        self._model_count += len(found.rows)
        self._found_files = found.file_count
        if self._has_begun:
            self._file_count, self._unreadable = found.file_count, found.unreadable
            self._pending += found.rows
            self._adder.start()

    def _add_some(self) -> None:
        count = min(_AT_ONCE, len(self._pending))
        self.model.add([self._pending.popleft() for _ in range(count)])
        if not self._pending:
            self._adder.stop()
        self.refresh()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Started):
            return
        if isinstance(event, Progress):
            if event.job_id == self._scan_job:
                self._progress = event.text
                self.refresh()
            return
        if event.job_id not in (self._scan_job, self._save_job):
            return
        if isinstance(event, Failed):
            self.problem.emit(Problem(event.kind, event.message, event.hint, event.details))
        if event.job_id == self._save_job:
            self._save_job = -1
            return
        self._scan_job = -1
        if self._has_begun:
            self._is_partial = not isinstance(event, Finished)
        self.refresh()
        if isinstance(event, Finished):
            self.scanned.emit(self._scanned, self._model_count, self._found_files)

    # -- how it looks --------------------------------------------------------------------

    def refresh(self) -> None:
        """Show how many rows there are, and what is to be said of them."""
        shown, count = self.model.rowCount(), self.model.count
        self._count_rows("model")
        # While looking, the progress counts; and nothing is counted before there is a folder.
        self._count.setVisible(shown != count or not (self.folder is None or self.is_scanning))
        self._cancel.setVisible(self.is_scanning)
        self._again.setVisible(not self.is_scanning)
        self._again.setEnabled(self.folder is not None)
        self._save.setEnabled(shown > 0 and not self.is_scanning and not self._pending)
        self._status.set_text(self._progress if self.is_scanning else self._summary())
        if self.folder is not None and not self.is_scanning:
            places = [self.folder, *self._unreadable[:_NAMED]]
            self._status.setToolTip("\n".join(printable(str(place)) for place in places))
        if not shown:
            self._message.setText(self._empty_text())
            self._open.setVisible(self.folder is None and not self.is_scanning)

    def _summary(self) -> str:
        if self.folder is None:
            return ""
        text = f"in {counted(self._file_count, 'file')} of {_name(self.folder)}"
        if self._unreadable:
            text += f"; {counted(len(self._unreadable), 'folder')} may not be read"
        return text + "; not all was looked at" * self._is_partial

    def _empty_text(self) -> str:
        """What stands where the rows will be."""
        if self.folder is None:
            return "Open or drop a folder to see every model in it."
        if self.model.count:
            return f"No row holds {self.filter.text().strip()!r}."
        if self.is_scanning or self._pending:
            return "No models so far"
        return "No models were found." if self._is_partial else "There are no models in it."


def _name(folder: Path) -> str:
    """A folder as it can be shown; the root of a disk has a path but no name."""
    return printable(f"{folder.name}/" if folder.name else str(folder))
