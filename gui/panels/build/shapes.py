"""The optimization profiles as lines of min, opt and max for each input that is free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from core.tensors import Profile
from core.text import counted, one_line
from gui.panels.build.tab_order import put_in_tab_order
from gui.theme import BAD, ElidedLabel

if TYPE_CHECKING:
    from core.tensors import Shape

_LIMITS = ("min", "opt", "max")
_TIPS = {
    "min": "The smallest shape that the engine will take.",
    "opt": "The shape that it is made fastest for.",
    "max": "The largest shape that it will take; memory is set aside for it.",
}
_VALUES = (
    "An input of a few whole numbers may decide shapes. Then TensorRT has to know its least, usual "
    "and greatest values; where it does not, leave its line empty."
)
_WORST = "border: 1px solid " + BAD + ";"
_MOST_DIM = 2**31 - 1
Shapes = Mapping[str, Profile]


class ShapesGrid(QWidget):
    """Any number of profiles, edited as text such as 1x3x640x640 and checked as it is typed.

    Attributes:
        trouble: why what is typed is no profile; "" where it is.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.trouble = ""
        self._inputs: dict[str, Shape | None] = {}
        self._values: Mapping[str, int] = {}
        self._names: Mapping[str, Sequence[str]] = {}
        self._typed: list[dict[tuple[str, str], str]] = []  # by input and limit
        self.fields: list[dict[tuple[str, str], QLineEdit]] = []
        self.words = QLabel(wordWrap=True)
        self.add_button = QPushButton("Add a profile")
        self.add_button.setToolTip(
            "Another range of shapes with kernels of its own: one for single pictures and one "
            "for full batches, for example."
        )
        self.add_button.clicked.connect(self._add)
        self._room = QVBoxLayout()
        self._lines: QWidget | None = None
        row = QHBoxLayout()
        row.addWidget(self.add_button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.words)
        column.addLayout(self._room)
        column.addLayout(row)
        self.show_inputs({}, {}, ())

    # -- what it shows -------------------------------------------------------------------

    def show_inputs(
        self,
        inputs: Mapping[str, Shape | None],
        names: Mapping[str, Sequence[str]],
        profiles: Sequence[Shapes],
        fixed: str = "",
        values: Mapping[str, int] | None = None,
    ) -> None:
        """Offer lines for what is free.

        Args:
            inputs: shapes of the inputs that a profile sets, with None where a dimension is free;
                None for a shape of any rank, and for a tensor whose values are set.
            names: what the model calls each dimension of them, "" where it gives no name.
            profiles: what stands there at first.
            fixed: what is said where no input is free.
            values: how many values there are of inputs that may be set, or left empty.
        """
        self._values = values or {}
        inputs = {**inputs, **{name: (None,) * many for name, many in self._values.items()}}
        self._inputs, self._names = inputs, names
        self._typed = [_typed(one, inputs) for one in profiles or ([{}] if inputs else [])]
        words = _VALUES if self._values else "" if inputs else fixed
        self.words.setText(words)
        self.words.setVisible(bool(words))
        self.add_button.setVisible(bool(inputs))
        self._make_lines()
        self._check()

    def _make_lines(self) -> None:
        if self._lines is not None:
            self._lines.hide()
            self._room.removeWidget(self._lines)
            self._lines.deleteLater()
        self._lines = QWidget()
        grid = QGridLayout(self._lines)
        grid.setContentsMargins(0, 0, 0, 0)
        self.fields = []
        if self._typed:
            for column, limit in enumerate(_LIMITS):
                title = QLabel(limit)
                title.setToolTip(_TIPS[limit])
                grid.addWidget(title, 0, 1 + column)
        line = 1
        for number, typed in enumerate(self._typed):
            if len(self._typed) > 1:
                grid.addLayout(self._title(number), line, 0, 1, 4)
                line += 1
            fields = {}
            for name in self._inputs:
                grid.addWidget(self._name_label(name), line, 0)
                for column, limit in enumerate(_LIMITS):
                    field = fields[name, limit] = self._field(number, name, limit)
                    field.setText(typed.get((name, limit), ""))
                    field.textEdited.connect(partial(self._on_typed, number, name, limit))
                    grid.addWidget(field, line, 1 + column)
                line += 1
            self.fields.append(fields)
        for column, share in enumerate((1, 1, 1, 1)):
            grid.setColumnStretch(column, share)
        self._room.addWidget(self._lines)
        self._lines.setVisible(bool(self._typed))
        put_in_tab_order(_by_place(grid), self.add_button)

    def _title(self, number: int) -> QHBoxLayout:
        title = QLabel(f"Profile {number}")
        remove = QPushButton("Remove")
        remove.setToolTip(f"Build the engine without profile {number}")
        remove.setAccessibleName(f"remove profile {number}")
        remove.clicked.connect(partial(self._remove, number))
        row = QHBoxLayout()
        row.addWidget(title)
        row.addStretch(1)
        row.addWidget(remove)
        return row

    def _name_label(self, name: str) -> ElidedLabel:
        label = ElidedLabel()
        label.set_text(f"{one_line(name, 60)}  {self._shape_words(name)}")
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        label.setMinimumWidth(90)
        return label

    def _shape_words(self, name: str) -> str:
        if name in self._values:
            return counted(self._values[name], "value")
        shape = self._inputs[name]
        if shape is None:
            return "of any shape"
        names = self._names.get(name) or [""] * len(shape)
        words = (
            one_line(called, 16) or "?" if dim is None else str(dim)
            for dim, called in zip(shape, names, strict=True)
        )
        return "x".join(words)

    def _field(self, number: int, name: str, limit: str) -> QLineEdit:
        field = QLineEdit(placeholderText=self._shape_words(name))
        field.setAccessibleName(f"{limit} of {one_line(name, 60)}, profile {number}")
        field.setToolTip(_TIPS[limit])
        field.setMinimumWidth(80)
        field.setInputMethodHints(Qt.InputMethodHint.ImhPreferNumbers)
        return field

    # -- what the user does --------------------------------------------------------------

    def _on_typed(self, number: int, name: str, limit: str, text: str) -> None:
        self._typed[number][name, limit] = text
        self._check()

    def _add(self) -> None:
        self._typed.append(dict(self._typed[-1]) if self._typed else {})
        self._make_lines()
        self._check()
        first = next(iter(self.fields[-1].values()), None)
        if first is not None:
            first.setFocus()
            first.selectAll()

    def _remove(self, number: int) -> None:
        del self._typed[number]
        self._make_lines()
        self._check()
        self.add_button.setFocus()

    def _check(self) -> None:
        """Say the first thing that is wrong, and mark every field that has something wrong."""
        self.trouble = ""
        several = len(self._typed) > 1
        for number, typed in enumerate(self._typed):
            for name, shape in self._inputs.items():
                wrong, why = _wrong(typed, name, shape)
                if name in self._values:
                    if _is_empty(typed, name):
                        wrong, why = [], ""
                    elif why and not _are_whole(typed, name, shape):
                        why = f"type {self._shape_words(name)} for each limit, divided by x."
                if why and not self.trouble:
                    where = f" of profile {number}" if several else ""
                    self.trouble = f"{one_line(name, 40)}{where}: {why}"
                for limit in _LIMITS:
                    field = self.fields[number][name, limit]
                    field.setStyleSheet(_WORST if limit in wrong else "")
                    field.setToolTip(why if limit in wrong else _TIPS[limit])
        self.changed.emit()

    # -- what it gives -------------------------------------------------------------------

    def profiles(self) -> tuple[Shapes, ...]:
        """What is typed; () where no input is free.

        Raises:
            ValueError: if it is no profile; the text says why.
        """
        if self.trouble:
            raise ValueError(self.trouble)
        found = tuple(
            {
                name: Profile(*(parse_shape(typed[name, limit], shape) for limit in _LIMITS))
                for name, shape in self._inputs.items()
                if name not in self._values or not _is_empty(typed, name)
            }
            for typed in self._typed
        )
        return found if any(found) else ()


def _by_place(grid: QGridLayout) -> list[QWidget]:
    """The fields and buttons of a grid, line by line."""
    found = []
    for line, column in product(range(grid.rowCount()), range(grid.columnCount())):
        item = grid.itemAtPosition(line, column)
        row = None if item is None else item.layout()
        items = [item] if row is None else [row.itemAt(at) for at in range(row.count())]
        widgets = [None if one is None else one.widget() for one in items]
        found += [one for one in widgets if isinstance(one, (QLineEdit, QPushButton))]
    return list(dict.fromkeys(found))  # a row of its own is in every column


def parse_shape(text: str, shape: Shape | None) -> tuple[int, ...]:
    """Read a shape such as 1x3x640x640; ",", "*" and white space divide as well.

    Args:
        text: what was typed.
        shape: the model's, whose fixed dimensions must stay as they are; None where anything goes.

    Raises:
        ValueError: if it is none, or not of that model; the text says why.
    """
    words = text.lower().replace("\N{MULTIPLICATION SIGN}", "x")
    for letter in ",;*":
        words = words.replace(letter, "x")
    parts = "x".join(words.split()).split("x")
    parts = [part for part in parts if part]
    if not parts and shape != ():
        raise ValueError("type a shape, such as 1x3x640x640.")
    if not all(part.isascii() and part.isdecimal() and len(part) < 11 for part in parts):
        raise ValueError(f"{one_line(text, 30)!r} is no shape; write it like 1x3x640x640.")
    dims = tuple(int(part) for part in parts)
    if any(dim > _MOST_DIM for dim in dims):
        raise ValueError(f"{max(dims):,} is larger than TensorRT takes ({_MOST_DIM:,}).")
    if shape is None:
        return dims
    if len(dims) != len(shape):
        raise ValueError(f"{one_line(text, 30)} has {len(dims)} dimensions, not {len(shape)}.")
    for at, (dim, wanted) in enumerate(zip(dims, shape, strict=True)):
        if wanted is not None and dim != wanted:
            raise ValueError(f"dimension {at} is {wanted} in the model, not {dim}.")
    return dims


def _typed(profile: Shapes, inputs: Mapping[str, Shape | None]) -> dict[tuple[str, str], str]:
    """A profile as text, by input and limit."""
    return {
        (name, limit): "x".join(map(str, getattr(profile[name], limit)))
        for name in inputs
        if name in profile
        for limit in _LIMITS
    }


def _is_empty(typed: Mapping[tuple[str, str], str], name: str) -> bool:
    """Whether nothing is typed for an input."""
    return not any(typed.get((name, limit), "").strip() for limit in _LIMITS)


def _are_whole(typed: Mapping[tuple[str, str], str], name: str, shape: Shape | None) -> bool:
    """Whether each limit of an input can be read, however they compare."""
    try:
        for limit in _LIMITS:
            parse_shape(typed.get((name, limit), ""), shape)
    except ValueError:
        return False
    return True


def _wrong(
    typed: Mapping[tuple[str, str], str], name: str, shape: Shape | None
) -> tuple[list[str], str]:
    """Which limits of an input are wrong, and why the first of them is; [], "" where none is."""
    dims: dict[str, tuple[int, ...]] = {}
    wrong, why = [], ""
    for limit in _LIMITS:
        try:
            dims[limit] = parse_shape(typed.get((name, limit), ""), shape)
        except ValueError as error:
            wrong.append(limit)
            why = why or f"{limit}: {error}"
    for low, high in (("min", "opt"), ("opt", "max"), ("min", "max")):
        if low in dims and high in dims and not why:
            if len(dims[low]) != len(dims[high]):
                why = f"{low} and {high} have not the same number of dimensions."
                wrong += [low, high]
                break
            for at, (one, other) in enumerate(zip(dims[low], dims[high], strict=True)):
                if one > other:
                    why = f"{low} is larger than {high} in dimension {at} ({one} > {other})."
                    wrong += [low, high]
                    break
    return wrong, why
