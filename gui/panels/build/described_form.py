"""Rows of a form in the Build window: a word, a field, and what it is for."""

from __future__ import annotations

from PySide6.QtWidgets import QFormLayout, QLabel, QWidget


class DescribedForm(QFormLayout):
    """Fields as wide as there is room, whose words wrap above them where there is little."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def add(self, words: str, field: QWidget, tip: str) -> None:
        """Add a row whose word leads to its field; both have the tip, "" for none."""
        field.setToolTip(f"<qt>{tip}</qt>" if tip else "")
        self.addRow(words, field)
        label = self.labelForField(field)
        if words and isinstance(label, QLabel):
            label.setToolTip(field.toolTip())
            label.setBuddy(field.focusProxy() or field)
