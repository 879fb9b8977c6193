"""The recipe's fields: each is checked as it is edited, and marked when it cannot be used."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from core.errors import InputError
from gui.panels.recipe_fields import (
    Field,
    chooser,
    line,
    number_of,
    number_text,
    numbers_of,
    numbers_text,
    show_choices,
    spin,
)
from gui.theme import ElidedLabel

if TYPE_CHECKING:
    from core.recipes import Recipe
    from core.tensors import TensorSpec

SET_BY_USER = "set by you"
"""The evidence of what is edited here."""

_NO_PRESET = "own values"
_MAX_SIDE = 65535  # as core.recipe_check.MAX_SIDE
_WORDS = ("layout", "resize", "interpolation", "color")
_PADDED = ("letterbox", "letterbox-top-left")
_BY_CHANNELS = {1: ("grey",), 3: ("rgb", "bgr")}


class RecipeForm(QWidget):
    """Edits a recipe. A value that cannot be used is marked, and changes nothing."""

    recipe_wanted = Signal(object)  # core.recipes.Recipe; it fits the model
    marked = Signal(object)  # the Field whose value cannot be used

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipe: Recipe | None = None
        self._own: Recipe | None = None  # the latest that came from the fields
        self._inputs: tuple[TensorSpec, ...] = ()
        self._build_fields()
        self._fill_form(QGridLayout(self))

    def _build_fields(self) -> None:
        self.preset = chooser("preset")
        self.preset.activated.connect(self._on_preset)
        self.words = {name: chooser(name) for name in _WORDS}
        self.words["color"].setAccessibleName("colour")
        self.width_ = spin("width", 1, _MAX_SIDE)
        self.height_ = spin("height", 1, _MAX_SIDE)
        self.pad = spin("pad", 0, 255)
        self.pad.setToolTip("The grey, 0 to 255, around a letterboxed picture.")
        one_each = "One number, or one for each channel in the tensor's order."
        self.numbers = {
            "scale": line("scale", "Each pixel's value, 0 to 255, times this: a number, or 1/255."),
            "mean": line("mean", f"What is taken off after scaling. {one_each}"),
            "std": line("std", f"What all that is divided by. {one_each}"),
        }
        single = {**self.words, "pad": self.pad, **self.numbers}
        self.fields = {name: Field(editor) for name, editor in single.items()}
        self.fields["size_wh"] = Field(self.width_, self.height_)
        self._preset_field = Field(self.preset)
        for name, box in self.words.items():
            box.activated.connect(lambda _index, name=name: self._on_edited(name))
        for name, edit in self.numbers.items():
            edit.textEdited.connect(lambda _text, name=name: self._on_edited(name, done=False))
            edit.editingFinished.connect(lambda name=name: self._on_edited(name))
        for name, one in (("size_wh", self.width_), ("size_wh", self.height_), ("pad", self.pad)):
            one.valueChanged.connect(lambda _value, name=name: self._on_edited(name))
        self.input, self.tensor = ElidedLabel(), ElidedLabel()
        self.formula = QLabel()
        self.formula.setWordWrap(True)
        self.formula.setMinimumWidth(40)  # else long numbers would widen the dock
        self.formula.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.formula.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def _fill_form(self, form: QGridLayout) -> None:
        """A grid, since a form layout is off in the height of notes that need several lines."""
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setColumnStretch(1, 1)
        fields = self.fields
        rows: tuple[tuple[str, QWidget], ...] = (
            ("preset", self._preset_field),
            ("input", self.input),
            ("tensor", self.tensor),
            ("size", fields["size_wh"]),
            ("layout", fields["layout"]),
            ("resize", fields["resize"]),
            ("interpolation", fields["interpolation"]),
            ("pad", fields["pad"]),
            ("colour", fields["color"]),
            ("scale", fields["scale"]),
            ("mean", fields["mean"]),
            ("std", fields["std"]),
            ("in short", self.formula),
        )
        for place, (text, widget) in enumerate(rows):
            name = QLabel(text)
            name.setForegroundRole(self.palette().ColorRole.PlaceholderText)
            form.addWidget(name, 2 * place, 0, Qt.AlignmentFlag.AlignTop)
            form.addWidget(widget, 2 * place, 1)
            if isinstance(widget, Field):
                name.setMinimumHeight(widget.sizeHint().height())
                name.setBuddy(widget)
                form.addWidget(widget.note, 2 * place + 1, 0, 1, 2)
        fields["interpolation"].setToolTip("How pixels are made up when the picture is resized.")

    def show_recipe(self, recipe: Recipe, inputs: tuple[TensorSpec, ...]) -> None:
        """Show a recipe for a model with these inputs.

        Marked fields keep what was typed while the recipe is one that came from here.
        """
        is_own = recipe is self._own and inputs is self._inputs
        self._recipe, self._inputs = recipe, inputs
        if not is_own:
            for field in self.fields.values():
                field.mark("")
        spec = next(one for one in inputs if one.name == recipe.input)
        dims = dict(zip(recipe.layout, spec.shape, strict=True))
        with ExitStack() as blocked:
            for field in (*self.fields.values(), self._preset_field):
                for editor in field.editors:
                    blocked.enter_context(QSignalBlocker(editor))
            self._show_values(recipe, dims, spec)
            self._limit_size(recipe, dims, spec)
            self._show_preset(recipe)
        self._show_tensor(recipe, spec)
        self.formula.setText(_formula(recipe))

    def _show_values(self, recipe: Recipe, dims: dict[str, int | None], spec: TensorSpec) -> None:
        from core.recipe_check import WORDS

        def fits(layout: str) -> bool:
            return len(layout) == len(shape) and shape[layout.index("C")] in (1, 3)

        shape = spec.shape
        offered = {name: WORDS[name] for name in _WORDS}
        offered["layout"] = tuple(one for one in WORDS["layout"] if fits(one))
        offered["color"] = _BY_CHANNELS.get(dims["C"] or 0, WORDS["color"])
        for name, box in self.words.items():
            if not self.fields[name].is_marked:
                show_choices(box, offered[name], getattr(recipe, name))
            box.setEnabled(box.count() > 1)
        self.words["interpolation"].setEnabled(recipe.resize != "none")
        self.pad.setEnabled(recipe.resize in _PADDED)
        if not self.fields["pad"].is_marked:
            self.pad.setValue(recipe.pad)
        texts = {
            "scale": number_text(recipe.scale),
            "mean": numbers_text(recipe.mean),
            "std": numbers_text(recipe.std),
        }
        for name, edit in self.numbers.items():
            if not self.fields[name].is_marked and edit.text() != texts[name]:
                edit.setText(texts[name])
                edit.setCursorPosition(0)

    def _limit_size(self, recipe: Recipe, dims: dict[str, int | None], spec: TensorSpec) -> None:
        """Free sides can be chosen, within what any profile takes."""
        profiles = spec.profiles
        is_marked = self.fields["size_wh"].is_marked
        for letter, box, side in zip(
            "WH", (self.width_, self.height_), recipe.size_wh, strict=True
        ):
            place = recipe.layout.index(letter)
            least = min((one.min[place] for one in profiles), default=1)
            most = max((one.max[place] for one in profiles), default=_MAX_SIDE)
            box.setEnabled(dims[letter] is None)
            if not is_marked:
                box.setRange(min(least, side), max(most, side))
                box.setValue(side)
            limits = f"{least} to {most} pixels" if profiles else "free"
            box.setToolTip(limits if dims[letter] is None else "The tensor has this size.")

    def _show_tensor(self, recipe: Recipe, spec: TensorSpec) -> None:
        from core.tensors import shape_text

        self.input.set_text(recipe.input)
        text = f"{recipe.dtype} {shape_text(spec.shape)}"
        if recipe.batch > 1:
            text += f", batch {recipe.batch}"
        self.tensor.set_text(text)

    def _show_preset(self, recipe: Recipe) -> None:
        from core.presets import PRESETS, preset_of

        show_choices(self.preset, (_NO_PRESET, *PRESETS), preset_of(recipe) or _NO_PRESET)

    # -- what the user does --------------------------------------------------------------

    def _on_preset(self, _index: int) -> None:
        from core.presets import PRESETS, apply_preset

        assert self._recipe is not None  # else the form is disabled
        name = self.preset.currentText()
        if name in PRESETS:
            self.recipe_wanted.emit(apply_preset(name, self._recipe))
        else:
            self._show_preset(self._recipe)

    def _on_edited(self, name: str, *, done: bool = True) -> None:
        """Check what the fields say; use it once it is typed.

        What cannot be used stays in its field, and does not keep others from being used.
        """
        if self._recipe is None:
            return
        changes: dict[str, Any] = {}
        for field in self.fields:
            try:
                value = self._value(field)
            except InputError as error:
                if field == name:
                    self._mark(name, error)
                continue
            if value != getattr(self._recipe, field):
                changes[field] = value
            elif field == name:
                self.fields[field].mark("")
        alone = {name: changes[name]} if name in changes else {}
        wrong: InputError | None = None
        for wanted in (changes, alone):
            wrong = self._wrong_in(wanted)
            if wanted and wrong is None:
                for field in wanted:
                    self.fields[field].mark("")
                if done:
                    self._want(wanted)
                return
        if alone and wrong is not None:
            self._mark(name, wrong)

    def _mark(self, name: str, error: InputError) -> None:
        self.fields[name].mark(_why(error, name))
        self.marked.emit(self.fields[name])

    def _want(self, changes: dict[str, Any]) -> None:
        assert self._recipe is not None
        words: dict[str, Any] = {"evidence": SET_BY_USER, "certainty": "certain"}
        self._own = replace(self._recipe, **changes, **words)
        self.recipe_wanted.emit(self._own)

    def _wrong_in(self, changes: dict[str, Any]) -> InputError | None:
        from core.recipe_check import check_recipe

        assert self._recipe is not None
        try:
            check_recipe(replace(self._recipe, **changes), self._inputs)
        except InputError as error:
            return error
        return None

    def _value(self, name: str) -> Any:
        if name in self.words:
            return self.words[name].currentText()
        if name == "size_wh":
            return self.width_.value(), self.height_.value()
        if name == "pad":
            return self.pad.value()
        text = self.numbers[name].text()
        return number_of(name, text) if name == "scale" else numbers_of(name, text)


def _why(error: InputError, field: str) -> str:
    """An error below its field, which need not be named again."""
    if error.kind != "recipe-value":
        return f"{error.message} {error.hint}"
    begin, found, allowed = error.message.partition("; it must be ")
    is_of_field = begin.startswith(f"The recipe's {field} is ")
    return f"It must be {allowed}" if found and is_of_field else error.message


def _formula(recipe: Recipe) -> str:
    """What happens to a pixel's value 0..255, without the steps that change nothing."""
    text = "pixel"
    if recipe.scale != 1:
        text += f" / {1 / recipe.scale:g}" if recipe.scale < 1 else f" x {recipe.scale:g}"
    if any(recipe.mean):
        text = f"{text} - ({', '.join(f'{one:g}' for one in recipe.mean)})"
    if any(one != 1 for one in recipe.std):
        text = f"({text}) / ({', '.join(f'{one:g}' for one in recipe.std)})"
    return text
