"""The recipe: how an image becomes the input tensor, and on what evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QScrollArea, QWidget

if TYPE_CHECKING:
    from core.recipes import Recipe

_FIELDS = ("input", "size", "layout", "resize", "colour", "values", "dtype", "because")


class RecipePanel(QScrollArea):
    """The recipe in words; a model without one says why."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setAccessibleName("recipe")
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        body = self._body = QWidget()
        form = QFormLayout(body)
        form.setContentsMargins(10, 8, 10, 8)
        form.setVerticalSpacing(5)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._values: dict[str, QLabel] = {}
        for field in _FIELDS:
            value = QLabel("-")
            value.setWordWrap(True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            name = QLabel(field)
            name.setForegroundRole(self.palette().ColorRole.PlaceholderText)
            name.setAlignment(Qt.AlignmentFlag.AlignTop)
            self._values[field] = value
            form.addRow(name, value)
        self.setWidget(body)

    def show_recipe(self, recipe: Recipe | None, reason: str = "") -> None:
        """Show a recipe, or the reason why there is none."""
        texts = dict.fromkeys(_FIELDS, "-")
        if recipe is None:
            texts["because"] = reason or "-"
        else:
            width, height = recipe.size_wh
            texts = {
                "input": recipe.input,
                "size": f"{width} x {height} pixels, batch {recipe.batch}",
                "layout": recipe.layout,
                "resize": recipe.resize,
                "colour": recipe.color,
                "values": _formula(recipe),
                "dtype": recipe.dtype,
                "because": recipe.evidence,
            }
        for field, text in texts.items():
            self._values[field].setText(text)

    def sizeHint(self) -> QSize:
        return self._body.sizeHint()


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
