"""What the network saw: its input turned back into a picture, beside the one that was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from core.jobs import Event, Failed, Finished
from gui.item_models.rows import Row, RowsModel, TableView
from gui.tensor_thread import MeasureChannels

if TYPE_CHECKING:
    from core.preprocess import ChannelStatistics
    from gui.inference_thread import Tested
    from gui.work_thread import WorkThread

_SLOT = "channels"
_TITLES = ("channel", "of", "min", "mean", "max")
_CHIPS = {"red": (220, 60, 60), "green": (50, 160, 70), "blue": (60, 110, 220)}


class _Picture(QWidget):
    """A picture as large as fits, under its caption."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._picture: QImage | None = None
        self.setAccessibleName(title)

    def sizeHint(self) -> QSize:
        return QSize(150, 170)

    def show_picture(self, picture: QImage | None) -> None:
        self._picture = picture
        self.update()

    def paintEvent(self, _event: Any) -> None:
        if self._picture is None:
            return
        painter = QPainter(self)
        metrics = self.fontMetrics()
        size = self._picture.size()
        lines = (self._title, f"{size.width()} x {size.height()}")
        for number, line in enumerate(lines):
            text = metrics.elidedText(line, Qt.TextElideMode.ElideRight, self.width())
            painter.drawText(0, metrics.ascent() + number * metrics.height(), text)
        room = self.rect().adjusted(0, 2 * metrics.height() + 4, 0, 0)
        target = self.rect()
        target.setSize(size.scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio))
        target.moveTopLeft(room.topLeft())
        is_small = target.width() > 3 * size.width()  # then single pixels are what one looks for
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not is_small)
        painter.drawImage(target, self._picture)


class NetworkInput(QWidget):
    """Two pictures, and each channel's numbers in the picture (0..255) and in the tensor."""

    def __init__(self, thread: WorkThread, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thread = thread
        thread.happened.connect(self._on_event, Qt.ConnectionType.QueuedConnection)
        self._tested: Tested | None = None
        self._job = -1
        self._is_measured = True
        self._given, self._seen = _Picture("the picture"), _Picture("what the network saw")
        pictures = QWidget()
        line = QHBoxLayout(pictures)
        line.setContentsMargins(6, 6, 6, 0)
        line.addWidget(self._given, 1)
        line.addWidget(self._seen, 1)
        self._rows = RowsModel(_TITLES, (2, 3, 4), self)
        self.table = TableView()
        self.table.setAccessibleName("channels before and after")
        self.table.setModel(self._rows)
        self.table.stretch(0)
        self._text = QLabel(alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._text.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.addWidget(pictures)
        self._split.addWidget(self.table)
        self._split.setStretchFactor(0, 1)
        self._split.setSizes([300, 190])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._split, 1)
        column.addWidget(self._text, 1)
        self.show_result(None)

    def show_result(self, tested: Tested | None) -> None:
        """Show what went into a run; its numbers are made once this is on screen."""
        seen = None if tested is None else tested.network_picture
        self._tested = tested if seen is not None else None
        self._given.show_picture(None if tested is None else tested.picture)
        self._seen.show_picture(seen)
        self._rows.show_rows([])
        self._job, self._is_measured = -1, self._tested is None
        self._text.setText("No result yet." if tested is None else "No picture went in.")
        self._split.setVisible(self._tested is not None)
        self._text.setVisible(self._tested is None)
        self._ask()

    def _ask(self) -> None:
        if self._tested is not None and not self._is_measured and self.isVisible():
            self._is_measured = True
            self._job = self._thread.submit(_SLOT, MeasureChannels(self._tested.result))

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._ask()

    def _on_event(self, event: Event) -> None:
        if event.job_id != self._job:
            return
        if isinstance(event, Finished):
            found: tuple[ChannelStatistics, ...] = event.result  # type: ignore[assignment]
            self._rows.show_rows([row for one in found for row in _channel_rows(one)])
        elif isinstance(event, Failed):
            self._rows.show_rows([Row((event.message, "", "", "", ""))])


def _channel_rows(one: ChannelStatistics) -> tuple[Row, Row]:
    before = tuple(f"{value:.4g}" for value in one.before)
    after = ("-",) * 3 if one.after is None else tuple(f"{value:.4g}" for value in one.after)
    chip = _CHIPS.get(one.name)
    tip = f"{one.name}: the resized picture, 0 to 255, and the tensor made of it"
    return (
        Row((one.name, "picture", *before), tip, chip),
        Row((one.name, "tensor", *after), tip, chip),
    )
