"""How the outputs are read: the task, the other ways to read them, and the thresholds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from core.text import counted
from gui.panels.choice_row import ChoiceRow
from gui.panels.image_view import OPACITY
from gui.panels.threshold_row import ThresholdRow, fraction_row

if TYPE_CHECKING:
    from core.tasks import Choices, TaskGuess
    from gui.inference_thread import Tested

TASK_WORDS = {
    "classify": "classification",
    "detect": "detection",
    "instance-segment": "instance segmentation",
    "semantic-segment": "semantic segmentation",
    "obb": "oriented boxes",
    "pose": "poses",
    "dense": "a dense map",
    "image": "a picture",
    "embed": "an embedding",
    "tensors": "plain tensors",
}
"""The tasks' names for people."""

_NAMED = ("classify", "detect", "instance-segment", "semantic-segment", "obb", "pose")
_NONE_YET = "No result yet."


class ReadingPanel(QWidget):
    """Shows a result's reading, and tells what the user wants instead."""

    choices_wanted = Signal(object)  # core.tasks.Choices
    names_wanted = Signal()  # a file of class names is to be chosen
    opacity_changed = Signal(float)  # of masks and maps, 0 to 1

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices: Choices | None = None
        self._ways: list[TaskGuess] = []
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("read as")
        self.chooser.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.chooser.setMinimumContentsLength(12)
        self.chooser.activated.connect(self._on_way)
        self.names = QPushButton("Class names")  # stands beside the tabs
        menu = QMenu(self.names)
        self.names.setMenu(menu)
        self.from_file = menu.addAction("From a file...")
        self.from_file.triggered.connect(lambda _checked=False: self.names_wanted.emit())
        self.own_names = menu.addAction("The model's own")
        self.own_names.triggered.connect(lambda _checked=False: self._want(class_names=()))
        self.evidence = QLabel(_NONE_YET)
        self.evidence.setWordWrap(True)
        self.evidence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.rows = {
            "score_threshold": fraction_row("score", "What scores less is left out."),
            "iou_threshold": fraction_row(
                "IoU", "Of boxes of a class that overlap more than this, only the best stays."
            ),
            "max_detections": ThresholdRow(
                "at most", "How many are kept.", least=1, most=100_000, slider_most=300, step=1
            ),
            "top_k": ThresholdRow(
                "top", "How many classes are named.", least=1, most=100_000, slider_most=20, step=1
            ),
        }
        self.image_range = ChoiceRow(
            "range",
            "How a picture's values become 0..255: by what they are, cut off, or stretched.",
            {
                "automatic": "Automatic",
                "clamp": "Clamp to 0..255",
                "fit": "Fit least to most",
            },
        )
        self.image_range.chosen.connect(lambda how: self._want(image_range=how))
        self.opacity = fraction_row("opacity", "How far masks and maps cover the picture.")
        self.opacity.show_value(OPACITY)
        self.opacity.value_changed.connect(self.opacity_changed)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 4)
        column.setSpacing(4)
        column.addWidget(self.chooser)
        column.addWidget(self.evidence)
        every = (*self.rows.values(), self.opacity)
        labels = [row.label for row in every] + [self.image_range.label]
        width = max(label.sizeHint().width() for label in labels)
        fields = max(row.field.sizeHint().width() for row in every)
        for label in labels:
            label.setFixedWidth(width)  # so that the sliders begin under one another
        for row in every:
            row.field.setFixedWidth(fields)
            column.addWidget(row)
        column.addWidget(self.image_range)
        for name, row in self.rows.items():
            row.value_changed.connect(lambda value, name=name: self._on_threshold(name, value))
        self._show_controls(None)

    def show_reading(self, tested: Tested | None, choices: Choices | None) -> None:
        """Show how a result was read.

        Args:
            tested: the result; None for none.
            choices: the user's; None where outputs are read as is guessed.
        """
        self._choices = choices
        if tested is None:
            self.evidence.setText(_NONE_YET)
        else:
            self.evidence.setText(in_words(tested))
            self._order_ways(tested)
        self._fill_chooser(tested)
        self._show_controls(tested)

    def show_choices(self, choices: Choices | None) -> None:
        """Show choices whose result is still to come."""
        self._choices = choices
        self._show_values()

    def _order_ways(self, tested: Tested) -> None:
        """Every way to read these outputs, the surest first; in one order while they stay."""
        result = tested.result
        ways = [result.guess, *result.alternatives]
        by_key = {_key(way): way for way in ways}
        if set(by_key) == {_key(way) for way in self._ways}:
            self._ways = [by_key[_key(way)] for way in self._ways]
            return
        order = ("certain", "likely", "possible")
        self._ways = sorted(ways, key=lambda way: order.index(way.certainty))

    def _fill_chooser(self, tested: Tested | None) -> None:
        chosen = self._choices is not None and self._choices.task is not None
        with QSignalBlocker(self.chooser):
            self.chooser.clear()
            guessed = "As guessed"
            if tested is not None and not chosen:
                guessed += f": {_name(tested.result.guess)}"
            self.chooser.addItem(guessed)
            role = Qt.ItemDataRole.ToolTipRole
            self.chooser.setItemData(0, "What names, shapes and metadata speak for.", role)
            for place, way in enumerate(self._ways, 1):
                self.chooser.addItem(f"{_name(way)} - {way.certainty}")
                self.chooser.setItemData(place, f"{way.evidence} ({way.certainty})", role)
            if chosen and tested is not None:
                keys = [_key(way) for way in self._ways]
                self.chooser.setCurrentIndex(keys.index(_key(tested.result.guess)) + 1)
            elif chosen:
                self.chooser.setCurrentIndex(-1)  # it gave no result
        self.chooser.setToolTip(self.chooser.itemData(max(self.chooser.currentIndex(), 0), role))

    def _show_controls(self, tested: Tested | None) -> None:
        """What changes nothing about this result is not there."""
        used: tuple[str, ...] = ()
        has_picture = tested is not None and tested.result.recipe is not None
        named = is_image = False
        if tested is not None and has_picture:
            from core.tasks.thresholds import thresholds_of

            used = thresholds_of(tested.result.guess)
            named = tested.result.guess.task in _NAMED
            is_image = tested.result.guess.task == "image"
        for name, row in self.rows.items():
            row.setVisible(name in used)
        self.image_range.setVisible(is_image)
        layers = None if tested is None else tested.layers
        self.opacity.setVisible(bool(layers and (layers.masks is not None or layers.maps)))
        self.names.setVisible(named)
        is_chosen = self._choices is not None and self._choices.task is not None
        self.chooser.setVisible(has_picture or (tested is None and is_chosen))
        self._show_values()

    def _show_values(self) -> None:
        from_file: tuple[str, ...] = ()
        self.image_range.show_choice(
            "automatic" if self._choices is None else self._choices.image_range
        )
        if self._choices is not None or any(row.isVisibleTo(self) for row in self.rows.values()):
            choices = self._now()
            from_file = choices.class_names
            for name, row in self.rows.items():
                if row.value() != getattr(choices, name):
                    row.show_value(getattr(choices, name))
        self.own_names.setEnabled(bool(from_file))
        verb = "is" if len(from_file) == 1 else "are"
        count = counted(len(from_file), "class name")
        said = f"{count} from a file {verb} used." if from_file else ""
        self.names.setToolTip(said or "Or drop a file of class names here.")

    def _now(self) -> Choices:
        from core.tasks import Choices

        return self._choices or Choices()

    def _want(self, **changes: object) -> None:
        self._choices = replace(self._now(), **changes)  # type: ignore[arg-type]
        self.choices_wanted.emit(self._choices)

    def _on_way(self, index: int) -> None:
        if index == 0:
            self._want(task=None, layout=None)
        elif index > 0:
            way = self._ways[index - 1]
            self._want(task=way.task, layout=way.layout)

    def _on_threshold(self, name: str, value: float) -> None:
        self._want(**{name: value if name.endswith("_threshold") else round(value)})


def in_words(tested: Tested) -> str:
    """How the outputs were read, why, how sure that is, and what was done to the picture."""
    result = tested.result
    guess, count = result.guess, len(result.predictions)
    what, none = {
        "classify": ("", "No ranking: the scores are no numbers. "),
        "image": ("", "No picture: no value is finite. "),
        "embed": ("", "No embedding: not every value is finite. "),
        "detect": (f"{count} found. ", "Nothing scored high enough. "),
        "instance-segment": (f"{count} found. ", "Nothing scored high enough. "),
        "obb": (f"{count} found. ", "Nothing scored high enough. "),
        "pose": (f"{count} found. ", "Nothing scored high enough. "),
    }.get(guess.task, ("", ""))
    task = TASK_WORDS.get(guess.task, guess.task)
    read = "Shown as plain tensors" if guess.task == "tensors" else f"Read as {task}"
    if result.reading.choices.task is not None:
        read += ", as you chose"
    elif guess.task != "tensors":
        read += f" ({guess.certainty})"
    text = f"{what if count else none}{read}: {guess.evidence}."
    if result.image is not None and result.image.notes:
        text += f" Image: {'; '.join(result.image.notes)}."
    return text


def _key(way: TaskGuess) -> tuple[str, str]:
    return way.task, way.layout


def _name(way: TaskGuess) -> str:
    task = TASK_WORDS.get(way.task, way.task)
    return f"{task} ({way.layout})" if way.layout else task
