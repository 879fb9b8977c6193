"""The table in which an engine's metadata is edited."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from core.modelfile.identify import MAX_PREFIX
from gui.item_models.metadata_rows import MetadataModel
from gui.item_models.rows import TableView


class _CellEditors(QStyledItemDelegate):
    """Line edits that hold what a file may hold: Qt's own cut a text at 32,767 letters."""

    editor: QLineEdit | None = None  # the open one

    def createEditor(
        self,
        parent: QWidget,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> QWidget:
        editor = QLineEdit(parent)
        editor.setFrame(False)
        editor.setMaxLength(MAX_PREFIX)
        key = str(index.sibling(index.row(), 0).data())
        editor.setAccessibleName("key" if index.column() == 0 else f"value of {key}")
        self.editor = editor
        return editor

    def setModelData(
        self,
        editor: QWidget,
        model: QAbstractItemModel,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        assert isinstance(editor, QLineEdit)
        model.setData(index, editor.text())

    def destroyEditor(self, editor: QWidget, index: QModelIndex | QPersistentModelIndex) -> None:
        self.editor = None
        super().destroyEditor(editor, index)


class MetadataTable(TableView):
    """F2 or a double click edits a cell, Tab goes on to the next one, Delete removes rows."""

    def __init__(self, model: MetadataModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = model
        self._editors = _CellEditors(self)
        self.setModel(model)
        self.setItemDelegate(self._editors)
        trigger = QAbstractItemView.EditTrigger
        self.setEditTriggers(trigger.DoubleClicked | trigger.EditKeyPressed)
        self.setMinimumHeight(60)
        self.horizontalHeader().setStretchLastSection(True)

    @property
    def has_selection(self) -> bool:
        """Whether there are rows to remove."""
        return self.selectionModel().hasSelection()

    def begin(self) -> None:
        """Take the keyboard, at the first row."""
        self.setFocus()
        if self._rows.rowCount():
            self._go_to(0)

    def add(self) -> None:
        """Add a row, and edit its key."""
        self.commit()
        row = self._rows.add_row()
        self._go_to(row)
        self.setFocus()
        self.edit(self._rows.index(row, 0))

    def remove_selected(self) -> None:
        """Remove the selected rows; the one after them is selected then."""
        rows = sorted({index.row() for index in self.selectedIndexes()})
        if not rows:
            return
        self._rows.remove_rows(rows)
        if self._rows.rowCount():
            self._go_to(min(rows[0], self._rows.rowCount() - 1))

    def strip(self) -> None:
        """Remove every row."""
        self._rows.remove_rows(range(self._rows.rowCount()))

    def commit(self) -> None:
        """Take over what is typed in a cell right now, as Enter does."""
        editor = self._editors.editor
        if editor is not None:
            self._editors.commitData.emit(editor)
            self._editors.closeEditor.emit(editor)

    def share_room(self) -> None:
        """Give the keys what they need, at most two fifths of the width."""
        wanted = self.sizeHintForColumn(0) + 12
        self.setColumnWidth(0, max(60, min(wanted, self.viewport().width() * 2 // 5)))

    def keyPressEvent(self, event: Any) -> None:
        if event.key() == Qt.Key.Key_Delete and not event.modifiers():
            self.remove_selected()
            event.accept()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self.share_room()

    def _go_to(self, row: int) -> None:
        index = self._rows.index(row, 0)
        flag = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
        self.scrollTo(index)
