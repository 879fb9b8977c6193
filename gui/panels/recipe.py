"""The recipe: how an image becomes the input tensor, and on what evidence; all of it editable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from gui.panels.recipe_form import SET_BY_USER, RecipeForm

if TYPE_CHECKING:
    from core.recipes import Recipe
    from core.tensors import TensorSpec
    from gui.panels.recipe_fields import Field

_CERTAINTIES = {"certain": "certain", "likely": "likely", "guess": "only a guess"}


class RecipePanel(QWidget):
    """Why this recipe, its fields, and what else can be done with it."""

    recipe_wanted = Signal(object)  # core.recipes.Recipe; it fits the model
    guess_wanted = Signal()
    search_wanted = Signal()
    keep_wanted = Signal()
    forget_wanted = Signal()
    export_wanted = Signal()
    import_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("recipe")
        self.evidence = QLabel()
        self.evidence.setWordWrap(True)
        self.evidence.setMinimumWidth(40)  # else a long word would widen the dock
        self.evidence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.form = RecipeForm()
        self.form.recipe_wanted.connect(self.recipe_wanted)
        self.form.marked.connect(self._on_marked)
        body = self._body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(10, 8, 10, 4)
        rows.setSpacing(6)
        rows.addWidget(self.evidence)
        rows.addWidget(self.form)
        rows.addStretch(1)
        self.area = QScrollArea()
        self.area.setAccessibleName("recipe's values")
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setWidget(body)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.area, 1)
        column.addLayout(self._build_buttons())
        self.show_recipe(None)

    def _build_buttons(self) -> QHBoxLayout:
        self.as_guessed = QPushButton("As &guessed")
        self.as_guessed.setToolTip("Go back to what the model's own words and shapes speak for.")
        self.as_guessed.clicked.connect(lambda: self.guess_wanted.emit())
        self.search = QPushButton("Fin&d a recipe...")
        self.search.setToolTip("Find a recipe: try the usual ones on the image, and rank them.")
        self.search.setAccessibleName("find a recipe")
        self.search.clicked.connect(lambda: self.search_wanted.emit())
        self.save = QPushButton("&Save")
        menu = QMenu(self.save)
        for text, wanted in (
            ("&Save for this model", self.keep_wanted),
            ("&Forget saved", self.forget_wanted),
            ("", None),
            ("&Export...", self.export_wanted),
            ("&Import...", self.import_wanted),
        ):
            if wanted is None:
                menu.addSeparator()
            else:
                action = menu.addAction(text)
                action.triggered.connect(lambda _checked=False, wanted=wanted: wanted.emit())
        self.save.setMenu(menu)
        row = QHBoxLayout()
        row.setContentsMargins(10, 4, 10, 6)
        row.setSpacing(4)
        for button in (self.as_guessed, self.search, self.save):
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _on_marked(self, field: Field) -> None:
        """Bring its note into sight, once it is laid out."""
        QTimer.singleShot(0, field, lambda: self.area.ensureWidgetVisible(field.note, 0, 8))

    def sizeHint(self) -> QSize:
        return self._body.sizeHint() + QSize(0, self.save.sizeHint().height() + 10)

    def show_recipe(
        self, recipe: Recipe | None, inputs: tuple[TensorSpec, ...] = (), reason: str = ""
    ) -> None:
        """Show a recipe for a model with these inputs, or the reason why there is none."""
        for button in (self.as_guessed, self.search, self.save):
            button.setEnabled(recipe is not None)
        self.form.setVisible(recipe is not None)
        if recipe is None:
            self.evidence.setText(reason or "-")
            return
        words = recipe.evidence or "nothing speaks for it"
        if recipe.evidence != SET_BY_USER:
            words += f" ({_CERTAINTIES[recipe.certainty]})"
        self.evidence.setText(f"{words[0].upper()}{words[1:]}.")
        self.form.show_recipe(recipe, inputs)
