"""What a model's inputs get, which shapes follow from it, and the run on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gui.item_models.rows import Row, RowsModel, TableView
from gui.panels.array_drop import ArrayDrop
from gui.panels.input_row import CalmWheel, InputRow

if TYPE_CHECKING:
    from core.tensors import TensorSpec
    from gui.input_requests import InputChoice, InputsSet

_EMPTY = "Open a model to choose what its inputs get."
_MOST_LINES = 40  # of the table, before it scrolls by itself


class InputsPanel(ArrayDrop):
    """A row for each input, the tensors as the next run has them, and the button that runs."""

    profile_wanted = Signal(object)  # its index, or None for the first that fits
    file_dropped = Signal(object)  # the Path of an array, for whichever inputs it fits
    reset_wanted = Signal()
    run_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.rows: dict[str, InputRow] = {}
        self._calm = CalmWheel(self)
        self.profile = QComboBox()
        self.profile.setAccessibleName("optimization profile")
        self.profile.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.profile.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.profile.installEventFilter(self._calm)
        self.profile.activated.connect(
            lambda _index: self.profile_wanted.emit(self.profile.currentData())
        )
        self._profile_line = QWidget()
        line = QHBoxLayout(self._profile_line)
        line.setContentsMargins(0, 0, 0, 0)
        label = QLabel("profile")
        label.setBuddy(self.profile)
        line.addWidget(label)
        line.addWidget(self.profile, 1)
        self._profile_line.hide()
        self._rows_column = QVBoxLayout()
        self._rows_column.setSpacing(4)
        self.total = QLabel()
        self.total.setWordWrap(True)
        self._tensors = RowsModel(("tensor", "shape", "bytes"), (2,), self)
        self.table = TableView()
        self.table.setAccessibleName("tensors of the next run")
        self.table.setModel(self._tensors)
        self.table.stretch(0)  # a long name gives way to the numbers
        self.table.setToolTip("Known before the run; ? is known only after it")
        self.note = QLabel(_EMPTY)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(4)
        column.addWidget(self._profile_line)
        column.addLayout(self._rows_column)
        column.addWidget(self.total)
        column.addWidget(self.table)
        column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setAccessibleName("inputs")
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(body)
        self.run = QPushButton("Run")
        self.run.setToolTip("Run on these inputs")
        self.run.clicked.connect(self.run_wanted)
        self.reset = QPushButton("As assumed")
        self.reset.setToolTip("Forget what was chosen for the inputs")
        self.reset.clicked.connect(self.reset_wanted)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(8, 0, 8, 0)
        buttons.addWidget(self.run, 1)
        buttons.addWidget(self.reset, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 6)
        outer.setSpacing(4)
        outer.addWidget(self._scroll, 1)
        notes = QHBoxLayout()
        notes.setContentsMargins(8, 0, 8, 0)
        notes.addWidget(self.note)
        outer.addLayout(notes)
        outer.addLayout(buttons)
        self.show_model(())

    def sizeHint(self) -> QSize:
        """As the tensors, which it shares its place with."""
        return QSize(320, 7 * (self.fontMetrics().height() + 8))

    def show_model(self, inputs: tuple[TensorSpec, ...]) -> tuple[InputRow, ...]:
        """Begin with another model's inputs, () for none; gives their rows."""
        while (item := self._rows_column.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.blockSignals(True)  # a half typed value ends with its field's focus
                widget.hide()
                widget.deleteLater()
        self.rows = {}
        if inputs:
            from core.recipe_guess import takes_picture

            for spec in inputs:
                row = self.rows[spec.name] = InputRow(spec, takes_picture=takes_picture(spec))
                self._rows_column.addWidget(row)
        self._fill_profiles(inputs)
        self._tensors.show_rows(())
        for part in (self.total, self.table):
            part.hide()
        self.run.setEnabled(False)
        self.reset.setEnabled(False)
        self._say("" if inputs else _EMPTY)
        return tuple(self.rows.values())

    def show_choice(
        self, choice: InputChoice, settled: InputsSet | None, trouble: str, lacks_picture: bool
    ) -> None:
        """Show the choices and what comes of them.

        Args:
            choice: what the model uses.
            settled: what comes of it, or None while that is not known.
            trouble: why the run will fail, or "".
            lacks_picture: True where an input awaits a picture that is not there.
        """
        for row in self.rows.values():
            row.show_choice(choice, settled)
        with QSignalBlocker(self.profile):
            self.profile.setCurrentIndex(self.profile.findData(choice.profile))
            if settled is not None:
                self.profile.setItemText(0, f"automatic: {settled.profile}")
        self.reset.setEnabled(bool(choice.fills or choice.shapes or choice.profile is not None))
        self.run.setEnabled(settled is not None and not lacks_picture)
        if settled is not None:
            self._show_tensors(settled.tensors)
        if lacks_picture:
            self._say("An input awaits a picture: drop an image.")
        elif self.rows or trouble:
            self._say(trouble)

    def take_file(self, path: Path) -> None:
        self.file_dropped.emit(path)

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _fill_profiles(self, inputs: tuple[TensorSpec, ...]) -> None:
        from core.tensors import shape_text

        count = max((len(spec.profiles) for spec in inputs), default=0)
        self._profile_line.setVisible(count > 1)
        self.profile.clear()
        self.profile.addItem("automatic", None)
        for index in range(count):
            self.profile.addItem(f"profile {index}", index)
            lines = [
                f"{spec.name}: {shape_text(spec.profiles[index].min)} to "
                f"{shape_text(spec.profiles[index].max)}"
                for spec in inputs
                if index < len(spec.profiles)
            ]
            tip = Qt.ItemDataRole.ToolTipRole
            self.profile.setItemData(index + 1, "\n".join(lines), tip)

    def _show_tensors(self, tensors: tuple[TensorSpec, ...]) -> None:
        from core.tensors import bytes_text, shape_text

        rows = []
        for spec in tensors:
            cells = (spec.name, shape_text(spec.shape), bytes_text(spec.size_bytes))
            exact = "" if spec.size_bytes is None else f", {spec.size_bytes:,} bytes"
            rows.append(Row(cells, f"{spec.mode} {spec.name}: {spec.dtype} {cells[1]}{exact}"))
        self._tensors.show_rows(rows)
        known = [spec.size_bytes for spec in tensors if spec.size_bytes is not None]
        more = "" if len(known) == len(tensors) else " and what is not known yet"
        self.total.setText(f"The next run's tensors: {bytes_text(sum(known))}{more}")
        line = self.table.verticalHeader().defaultSectionSize()
        lines = min(len(rows), _MOST_LINES)
        head = self.table.horizontalHeader().sizeHint().height()
        self.table.setFixedHeight(head + lines * line + 4)
        for part in (self.total, self.table):
            part.show()
