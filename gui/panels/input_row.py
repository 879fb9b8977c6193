"""One input of a model: what it is, what fills it, and its free dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from gui.input_editing import MOST
from gui.panels.array_drop import ArrayDrop
from gui.theme import ElidedLabel

if TYPE_CHECKING:
    from core.input_choices import Fill
    from core.tensors import TensorSpec
    from gui.input_requests import InputChoice, InputsSet

_ASSUMED, _IMAGE, _PICTURE_FILE = "assumed", "image", "picture file"
_VALUES, _RANDOM, _ZEROS, _FILE = "values", "random", "zeros", "file"
_WORDS = {
    _ASSUMED: "as assumed",
    _IMAGE: "the picture",
    _PICTURE_FILE: "a picture of its own",
    _VALUES: "values",
    _RANDOM: "random",
    _ZEROS: "zeros",
    _FILE: ".npy or .npz file",
}


class CalmWheel(QObject):
    """Keeps the wheel, which scrolls, from changing fields on its way that have no focus."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and not getattr(watched, "hasFocus")():  # noqa: B009
            event.ignore()
            return True
        return False


class InputRow(ArrayDrop):
    """Shows one input's choice, and tells what the user wants instead."""

    fill_wanted = Signal(str, object)  # name; core.input_choices.Fill, or None for as assumed
    values_typed = Signal(str, str)  # name, text
    dim_wanted = Signal(str, int, int)  # name, axis, value
    file_wanted = Signal(str, str)  # name, "image" or "file": one is to be chosen

    def __init__(
        self, spec: TensorSpec, *, takes_picture: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        from core.tensors import shape_text

        self.setAcceptDrops(True)
        self.spec = spec
        self._fill: Fill | None = None
        self._undecided = False  # a file is to be chosen still
        self._calm = CalmWheel(self)
        name = ElidedLabel()
        name.set_text(spec.name)
        font = name.font()
        font.setBold(True)
        name.setFont(font)
        kind = ElidedLabel()
        kind.set_text(f"{spec.dtype}  {shape_text(spec.shape)}")
        kind.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self.chooser = QComboBox()
        self.chooser.setAccessibleName(f"what fills {spec.name}")
        self.chooser.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for key, words in _WORDS.items():
            if takes_picture or key not in (_IMAGE, _PICTURE_FILE):
                self.chooser.addItem(words, key)
        self.chooser.activated.connect(self._on_kind)
        self.values = QLineEdit()
        self.values.setAccessibleName(f"values of {spec.name}")
        self.values.setToolTip("One value for all elements, or one for each: 1,1,4,4")
        self.values.editingFinished.connect(self._on_typed)
        self.seed = QSpinBox()
        self.seed.setAccessibleName(f"seed of {spec.name}")
        self.seed.setPrefix("seed ")
        self.seed.setRange(0, MOST)
        self.seed.setKeyboardTracking(False)
        self.seed.valueChanged.connect(self._on_seed)
        self.button = QPushButton("Choose...")
        self.button.setAccessibleName(f"choose a file for {spec.name}")
        self.button.clicked.connect(self._on_button)
        self._fields = (self.values, self.seed, self.button)
        line = QHBoxLayout()
        line.addWidget(self.chooser, 1)
        for field in self._fields:
            field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            line.addWidget(field, 1)
            field.hide()
        for wheeled in (self.chooser, self.seed):
            wheeled.installEventFilter(self._calm)
            wheeled.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 6)
        column.setSpacing(3)
        for label in (name, kind):
            column.addWidget(label)
        column.addLayout(line)
        self._grid = QGridLayout()
        self._grid.setColumnStretch(2, 1)
        self._grid.setVerticalSpacing(2)
        self.dims: dict[int, QSpinBox] = {}
        self._names: dict[int, QLabel] = {}
        self._limits: dict[int, QLabel] = {}
        for axis, dim in enumerate(spec.shape):
            if dim is None:
                self._add_dim(axis)
        column.addLayout(self._grid)
        column.addWidget(self.words)

    def _add_dim(self, axis: int) -> None:
        field = self.dims[axis] = QSpinBox()
        field.setAccessibleName(f"dimension {axis} of {self.spec.name}")
        field.setRange(1, MOST)
        field.setKeyboardTracking(False)
        field.setFixedWidth(field.fontMetrics().horizontalAdvance("0000000") + 40)
        field.installEventFilter(self._calm)
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.setEnabled(self.spec.location == "device")  # a shape tensor's follows the model
        field.valueChanged.connect(lambda value: self.dim_wanted.emit(self.spec.name, axis, value))
        name, limits = QLabel(f"dim {axis}"), QLabel()
        name.setBuddy(field)
        limits.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._names[axis], self._limits[axis] = name, limits
        line = self._grid.rowCount()
        for column, widget in enumerate((name, field, limits)):
            self._grid.addWidget(widget, line, column)

    def show_choice(self, choice: InputChoice, settled: InputsSet | None) -> None:
        """Show what fills the input and what comes of it, without telling anyone."""
        fill = choice.fills.get(self.spec.name)
        if not (self._undecided and fill == self._fill):
            self._undecided = False
            self._show_kind(_key(fill), fill)
        self._fill = fill
        words = "" if settled is None else settled.words[self.spec.name]
        self.words.setText(words[:1].upper() + words[1:])
        told = fill is not None and fill.path is None and fill.kind != "image"  # by the fields
        self.words.setVisible(bool(words) and not told)
        faint = self.palette().ColorRole.PlaceholderText
        is_assumed = words.startswith("assumed")
        self.words.setForegroundRole(self.palette().ColorRole.WindowText if is_assumed else faint)
        if settled is None:
            return
        shape = next(one.shape for one in settled.tensors if one.name == self.spec.name)
        symbols = settled.symbols.get(self.spec.name, (None,) * len(shape))
        for axis, field in self.dims.items():
            least, most = self._range(axis, choice.profile)
            value = shape[axis]
            with QSignalBlocker(field):
                field.setRange(least if value is None else min(least, value), most)
                if value is not None:
                    field.setValue(value)
            symbol = symbols[axis]
            self._names[axis].setText(f"dim {axis}" if symbol is None else _short(symbol))
            self._names[axis].setToolTip(f"dimension {axis}" + (f": {symbol}" if symbol else ""))
            self._limits[axis].setText("" if most == MOST else f"{least:,} to {most:,}")

    def _range(self, axis: int, profile: int | None) -> tuple[int, int]:
        """A dimension's limits in a profile; in any of them where none is chosen."""
        profiles = self.spec.profiles
        if not profiles or self.spec.location == "host":
            return 1, MOST
        if profile is not None:
            profiles = profiles[profile : profile + 1]
        return min(one.min[axis] for one in profiles), max(one.max[axis] for one in profiles)

    def _show_kind(self, key: str, fill: Fill | None) -> None:
        self.chooser.setCurrentIndex(self.chooser.findData(key))
        self.values.setVisible(key == _VALUES)
        self.seed.setVisible(key == _RANDOM)
        self.button.setVisible(key in (_FILE, _PICTURE_FILE))
        if fill is None:
            return
        with QSignalBlocker(self.seed):
            self.seed.setValue(fill.seed)
        self.values.setText(",".join(fill.values))
        self.values.setModified(False)
        self.values.setCursorPosition(0)

    def _on_kind(self) -> None:
        from core.input_choices import Fill

        key = self.chooser.currentData()
        if key == _key(self._fill) and not self._undecided:
            return
        fills: dict[str, Fill | None] = {
            _ASSUMED: None,
            _IMAGE: Fill("image"),
            _VALUES: Fill("values", ("" if self.spec.dtype == "string" else "1",)),
            _RANDOM: Fill("random"),
            _ZEROS: Fill("zeros"),
        }
        self._undecided = key not in fills
        if self._undecided:
            self._show_kind(key, None)
            return
        self._show_kind(key, fills[key])
        self.fill_wanted.emit(self.spec.name, fills[key])

    def _on_typed(self) -> None:
        if self.values.isModified():  # else the focus only went elsewhere
            self.values.setModified(False)
            self.values_typed.emit(self.spec.name, self.values.text())

    def _on_seed(self, seed: int) -> None:
        from core.input_choices import Fill

        self.fill_wanted.emit(self.spec.name, Fill("random", seed=seed))

    def _on_button(self) -> None:
        is_array = self.chooser.currentData() == _FILE
        self.file_wanted.emit(self.spec.name, "file" if is_array else "image")

    def take_file(self, path: Path, kind: Any = "file") -> None:
        """Fill the input from a file: an array, or with kind "image" a picture."""
        from core.input_choices import Fill

        self._undecided = False
        self.fill_wanted.emit(self.spec.name, Fill(kind, path=path))


def _key(fill: Fill | None) -> str:
    if fill is None:
        return _ASSUMED
    return _PICTURE_FILE if fill.kind == "image" and fill.path is not None else fill.kind


def _short(symbol: str) -> str:
    return symbol if len(symbol) <= 14 else f"{symbol[:13]}…"
