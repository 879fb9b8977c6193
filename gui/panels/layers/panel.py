"""The Layers tab: what there is to say of a model's layers, or why there is nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QLabel,
    QProgressBar,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from core.layers.profile import was_cancelled
from core.text import counted, printable
from gui.item_models.layer_rows import LayersModel
from gui.layer_reading import READING_CANCELLED
from gui.panels.layers.details import LayerDetails
from gui.panels.layers.graph_page import GraphPage
from gui.panels.layers.slowest import SlowestView
from gui.panels.layers.summary import SummaryView
from gui.panels.layers.table import LayersTable
from gui.panels.rows_panel import RowsPanel

if TYPE_CHECKING:
    from core.layers.values import LayerTable
    from gui.document import Document
    from gui.layer_reading import LayerReading
    from gui.layer_thread import ReadyLayers

_WIDE = 820  # pixels, from which the details stand at the right instead of below
_PNG = {"PNG picture of the graph (*.png)": ".png"}
_INVITATION = (
    "Open a model to see its layers.\n\n"
    "Or drop the files that trtexec wrote with --exportLayerInfo and --exportProfile: "
    "they need neither the engine nor a GPU."
)


class LayersPanel(RowsPanel):
    """A search and buttons over four views of the same layers, with one selected in all."""

    model: LayersModel
    table: LayersTable

    open_wanted = Signal()

    def __init__(
        self, reading: LayerReading, document: Document, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._reading, self._document = reading, document
        self._ready: ReadyLayers | None = None
        self._chosen: int | None = None
        self._build()
        reading.changed.connect(self.refresh)
        reading.progress.connect(self._on_progress)
        reading.drawn.connect(self.graph.show_near)
        document.busy_changed.connect(lambda _busy: self.refresh())
        self.refresh()

    def _build(self) -> None:
        reading = self._reading
        self.model = LayersModel(self)
        self.table = LayersTable(self.model)
        self.slowest = SlowestView()
        self.summary = SummaryView()
        self.graph = GraphPage()
        self.details = LayerDetails()
        self.views = QTabWidget()
        self.views.setDocumentMode(True)
        self.views.tabBar().setAccessibleName("views of the layers")
        for view, name in (
            (self.table, "Table"),
            (self.slowest, "Slowest"),
            (self.summary, "Summary"),
            (self.graph, "Graph"),
        ):
            self.views.addTab(view, name)
        for source in (self.table, self.slowest, self.graph):
            source.layer_chosen.connect(self.choose)
        self.graph.near_wanted.connect(reading.draw_near)
        self._parts = QSplitter()
        self._parts.addWidget(self.views)
        self._parts.addWidget(self.details)
        self._parts.setStretchFactor(0, 3)
        self._parts.setStretchFactor(1, 1)
        self._parts.setChildrenCollapsible(True)
        self._notice = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        self._notice.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._notice)
        column.addWidget(self._parts, 1)
        self._make_message()
        self._help = QPushButton()
        self._help.clicked.connect(self._on_help)
        empty = QWidget()
        column = QVBoxLayout(empty)
        column.addStretch()
        column.addWidget(self._message)
        column.addWidget(self._help, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        self.measure = QPushButton("Measure layer times")
        self.measure.setToolTip(
            "Run the model on random input with a profiler, which slows it, and show what each "
            "layer takes"
        )
        self.measure.clicked.connect(reading.measure)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(reading.cancel)
        self.back = QPushButton("Show the model's")
        self.back.setToolTip("Show the layers of the open model instead of the file's")
        self.back.clicked.connect(reading.show_model)
        self._lay_out("search in the layers", (self.measure, self.cancel, self.back), empty, body)
        self.filter.setPlaceholderText("Search (Ctrl+F)")
        self.filter.setMinimumWidth(
            self.filter.fontMetrics().horizontalAdvance("Search (Ctrl+F) XX")
        )
        self.filter.setToolTip("Enter goes from one layer found to the next")
        self.filter.returnPressed.connect(self._to_next)
        self._save.setToolTip("Save the rows that are shown as CSV or JSON, or the graph as PNG")
        self.progress_bar = QProgressBar(textVisible=False)
        self.progress_bar.setMaximumHeight(6)
        whole = self.layout()
        assert isinstance(whole, QVBoxLayout)
        whole.insertWidget(1, self.progress_bar)

    def sizeHint(self) -> QSize:
        return QSize(640, 400)

    # -- selection -----------------------------------------------------------------------

    def choose(self, index: int | None) -> None:
        """Select a layer in every view, by its index in the model's order; None for none."""
        if index == self._chosen:
            return
        self._chosen = index
        self.details.show_layer(None if self._ready is None else self._ready.layer(index))
        self.table.choose(index)
        self.slowest.choose(index)
        self.graph.choose(index)

    @property
    def chosen(self) -> int | None:
        """The selected layer's index in the model's order."""
        return self._chosen

    def _on_filter(self, text: str) -> None:
        chosen = self._chosen
        self.model.show_matching(text)
        self.table.choose(chosen)
        found = frozenset(row.index for row in self.model.shown_rows())
        for view in (self.graph, self.slowest):
            view.show_matching(found if text.strip() else None)
        self.refresh()

    def _to_next(self) -> None:
        """Select the next layer that is shown, after the last one the first."""
        shown = [row.index for row in self.model.shown_rows()]
        if shown:
            at = shown.index(self._chosen) + 1 if self._chosen in shown else 0
            self.choose(shown[at % len(shown)])

    # -- what is shown -------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the layers, or why there are none, and what can be done."""
        reading = self._reading
        ready = reading.ready
        if ready is not self._ready:
            self._show(ready)
        self._count_rows("layer")
        self._count.setVisible(ready is not None)
        self.filter.setEnabled(ready is not None)
        is_going = reading.is_measuring or reading.is_reading
        has_times = ready is not None and _has_times(ready.table)
        self.measure.setText("Measure again" if has_times else "Measure layer times")
        self.measure.setVisible(reading.can_measure and not is_going)
        self.measure.setEnabled(not self._document.is_busy)
        self.slowest.allow_measuring(reading.can_measure or reading.is_measuring)
        self.cancel.setVisible(is_going)
        self.back.setVisible(bool(reading.name) and self._document.loaded is not None)
        self._save.setEnabled(ready is not None)
        self.progress_bar.setVisible(is_going)
        if not is_going:
            self.progress_bar.setRange(0, 0)
            self._status.set_text("" if ready is None else self._summary(ready.table))
        if not self.model.rowCount():
            text, action = self._empty_text()
            self._message.setText(text)
            self._help.setText(action)
            self._help.setVisible(bool(action))

    def _show(self, ready: ReadyLayers | None) -> None:
        """Show other layers; the same layers with times keep what is selected."""
        before = self._ready
        is_same = ready is not None and before is not None and _names(ready) == _names(before)
        chosen = self._chosen if is_same else None
        self._ready = ready
        self._chosen = None
        if ready is None:
            self.model.show_layers((), {})
            self.details.show_layer(None)
            return
        is_news = (  # of the same model, times that were just measured or added
            before is not None
            and (is_same or not self._reading.name)
            and _has_times(ready.table)
            and not _has_times(before.table)
        )
        self.model.show_layers(ready.entries, ready.colors)
        self.table.hide_empty()
        self.slowest.show_layers(ready.table.layers, ready.colors)
        self.summary.show_layers(ready)
        self.graph.choose(chosen)
        self.graph.show_layers(ready)
        if self.filter.text().strip():
            self._on_filter(self.filter.text())
        if chosen is None:
            self.details.show_layer(None)
            self.table.choose(None)
            self.slowest.choose(None)
        else:
            self.choose(chosen)
        hints = len(ready.table.hints)
        title = f"Summary ({counted(hints, 'hint')})" if hints else "Summary"
        self.views.setTabText(self.views.indexOf(self.summary), title)
        notice = "" if ready.table.detailed else "\n".join(ready.table.notes)
        self._notice.setText(printable(notice))
        self._notice.setVisible(bool(notice))
        if is_news:
            self.views.setCurrentWidget(self.slowest)

    def _summary(self, table: LayerTable) -> str:
        """What the layers are of, and when they ran."""
        name = self._reading.name
        parts = [name, table.schema]
        timed = [one.time_ms for one in table.layers if one.time_ms is not None]
        if timed:
            runs = f", the mean of {counted(table.runs, 'run')}" if table.runs else ""
            parts.append(f"{sum(timed):.3f} ms in all layers{runs}")
            if was_cancelled(table):  # first, for the line is cut at its end
                parts.insert(0, "incomplete: measuring was cancelled")
        return printable(" · ".join(part for part in parts if part))

    def _empty_text(self) -> tuple[str, str]:
        """What stands where the layers will be, and what the button below does; "" for none."""
        reading, document = self._reading, self._document
        if reading.ready is not None:
            text = self.filter.text().strip()
            return (f"No layer holds {text!r}." if text else "This model has no layers."), ""
        if reading.is_reading:
            return "Reading the layers", ""
        if reading.trouble is not None:
            again = "Read the layers" if reading.trouble is READING_CANCELLED else ""
            return f"{reading.trouble.message}\n\n{reading.trouble.hint}", again
        if document.file is None:
            return _INVITATION, "Open..."
        name = printable(document.file.path.name)
        if document.loaded is not None or document.is_busy:
            return f"Opening {name}", ""
        why = document.refusal or document.problem
        reason = "" if why is None else f"\n\n{why.message}"
        return (
            f"{name} is not loaded, so its layers cannot be read.{reason}\n\n"
            "Layers that trtexec exported on another machine can be dropped here.",
            "",
        )

    def _on_help(self) -> None:
        if self._reading.trouble is not None:
            self._reading.show_model()
        else:
            self.open_wanted.emit()

    def _on_progress(self, fraction: float | None, text: str) -> None:
        if not (self._reading.is_measuring or self._reading.is_reading):
            return
        if fraction is None:
            self.progress_bar.setRange(0, 0)
        else:
            self.progress_bar.setRange(0, 1000)
            self.progress_bar.setValue(round(fraction * 1000))
        if text:
            self._status.set_text(text)

    def export(self) -> None:
        """Ask for a file and write the rows that are shown, or the graph."""
        if self._ready is None:
            return
        file = self._document.file
        stem = "layers" if self._reading.name or file is None else f"{file.path.stem}.layers"
        is_graph = self.views.currentWidget() is self.graph
        suffix = ".png" if is_graph else ".csv"
        more = _PNG
        target = self._ask_target("Export the layers", stem + suffix, more, first=is_graph)
        if target is None:
            return
        if target.suffix.lower() == ".png":
            view = self.graph.view
            self._reading.save_graph(view.drawing, view.look, Path(target))
        else:
            self._reading.save_rows(self.model.shown_rows(), Path(target))

    # -- events --------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._reading.want(True)

    def hideEvent(self, event: Any) -> None:
        super().hideEvent(event)
        self._reading.want(False)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        wanted = across if self.width() >= _WIDE else down
        if self._parts.orientation() != wanted:
            self._parts.setOrientation(wanted)
            whole = self._parts.width() if wanted == across else self._parts.height()
            self._parts.setSizes([whole * 2 // 3, whole // 3])


def _names(ready: ReadyLayers) -> list[str]:
    return [layer.name for layer in ready.table.layers]


def _has_times(table: LayerTable) -> bool:
    return any(layer.time_ms is not None for layer in table.layers)
