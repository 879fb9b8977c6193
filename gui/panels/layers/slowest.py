"""A bar for each of the slowest layers; a click selects one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetrics
from PySide6.QtWidgets import QLabel, QToolTip, QVBoxLayout, QWidget

from core.text import printable
from gui.item_models.layer_rows import tip_of
from gui.theme import color_plot

if TYPE_CHECKING:
    from core.layers.values import Layer

_BAR = 20  # pixels, at least, of a bar with its name
_MOST = 40
_LEAST = 5
_NAME_SHARE = 0.42  # of the width, for names


class SlowestView(QWidget):
    """The slowest layers, the slowest above; as many as there is room for."""

    layer_chosen = Signal(int)  # its index in the model's order

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("the slowest layers")
        self._timed: tuple[Layer, ...] = ()  # the slowest first
        self._layers: tuple[Layer, ...] = ()  # of these, those that a search found
        self._matching: frozenset[int] | None = None
        self._can_measure = False
        self._shown: tuple[Layer, ...] = ()
        self._colors: Mapping[str, str] = {}
        self._chosen: int | None = None
        self._plot: Any = None
        self._bars: Any = None
        self._text = QLabel(wordWrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self._text, 1)
        self._draw_soon = QTimer(self, singleShot=True, interval=0)
        self._draw_soon.timeout.connect(self._draw)
        self._say()

    def show_layers(self, layers: Sequence[Layer], colors: Mapping[str, str]) -> None:
        """Show the slowest of these."""
        timed = [layer for layer in layers if layer.time_ms is not None]
        self._timed = tuple(sorted(timed, key=lambda one: -(one.time_ms or 0.0)))
        self._colors = colors
        self._choose_shown()

    def show_matching(self, found: frozenset[int] | None) -> None:
        """Show only the layers that a search found, by index; None: there is no search."""
        if found != self._matching:
            self._matching = found
            self._choose_shown()

    def allow_measuring(self, allowed: bool) -> None:
        """Say whether there is a button that measures these layers."""
        self._can_measure = allowed
        self._say()

    def _choose_shown(self) -> None:
        found = self._matching
        fitting = (one for one in self._timed if found is None or one.index in found)
        self._layers = tuple(fitting)[:_MOST]
        self._shown = () if not self._layers else self._shown
        self._say()
        if self._plot is not None:
            self._plot.setVisible(bool(self._layers))
        self._draw_soon.start()

    def _say(self) -> None:
        """Say why there is no bar, where there is none."""
        if self._timed:
            text = "No layer that the search found has a time."
        elif self._can_measure:
            text = "No times yet: measure them, or open a profile."
        else:
            text = "No times yet: drop a profile, which trtexec --exportProfile writes."
        self._text.setText(text)
        self._text.setVisible(not self._layers)

    def choose(self, index: int | None) -> None:
        """Make a layer's bar stand out; None for none."""
        if index != self._chosen:
            self._chosen = index
            self._draw_soon.start()

    def bars(self) -> list[tuple[int, float]]:
        """The layers that are drawn, by index, and their bars' lengths in ms; the uppermost first.

        Empty until they are on screen.
        """
        return [(layer.index, layer.time_ms or 0.0) for layer in self._shown]

    @property
    def plot(self) -> Any:
        """The pyqtgraph.PlotWidget; None until it is first shown."""
        return self._plot

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        if self._plot is None:
            self._add_plot()
        self._draw_soon.start()

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._draw_soon.start()

    def changeEvent(self, event: Any) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._plot is not None:
            color_plot(self._plot, self.palette())
            self._draw_soon.start()

    def keyPressEvent(self, event: Any) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(event.key())
        if step is None or not self._shown:
            super().keyPressEvent(event)
            return
        shown = [layer.index for layer in self._shown]
        at = shown.index(self._chosen) + step if self._chosen in shown else 0
        self.layer_chosen.emit(shown[min(max(at, 0), len(shown) - 1)])

    def _add_plot(self) -> None:
        """Make the plot; pyqtgraph has been imported by then, but for a very quick user."""
        import pyqtgraph

        plot = pyqtgraph.PlotWidget()
        plot.setAccessibleName("the slowest layers")
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.disableAutoRange()
        plot.setLabel("bottom", "ms a run")
        plot.getAxis("bottom").enableAutoSIPrefix(False)
        plot.getAxis("left").setStyle(tickLength=0)
        self._bars = pyqtgraph.BarGraphItem(x0=[], x1=[], y=[], height=0.8, pen=None)
        plot.addItem(self._bars)
        plot.scene().sigMouseClicked.connect(self._on_click)
        plot.viewport().installEventFilter(self)
        self._plot = plot
        plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._column.addWidget(plot, 1)
        plot.setVisible(bool(self._layers))  # once it has its place, or it is a window of its own
        color_plot(plot, self.palette())

    def _draw(self) -> None:
        from pyqtgraph import mkPen

        if self._plot is None or not self._layers or not self.isVisible():
            return
        room = max(self._plot.height() - 50, 0)  # but for the axis and its title
        self._shown = self._layers[: max(_LEAST, room // _BAR)]
        rows = range(len(self._shown))
        longest = max(self._shown[0].time_ms or 0.0, 1e-9)
        # A bar is named at its left; names too long for that give way in their middle.
        width = int(self.width() * _NAME_SHARE)
        axis, metrics = self._plot.getAxis("left"), QFontMetrics(self.font())
        axis.setWidth(width)
        axis.setStyle(tickFont=self.font())
        elide = Qt.TextElideMode.ElideMiddle
        names = [metrics.elidedText(printable(one.name), elide, width - 16) for one in self._shown]
        axis.setTicks([[(-row, names[row]) for row in rows]])
        text = self.palette().color(self.palette().ColorRole.WindowText)
        self._bars.setOpts(
            x0=[0.0 for _ in rows],
            x1=[one.time_ms for one in self._shown],
            y=[-row for row in rows],
            height=0.8,
            brushes=[QColor(self._colors.get(one.type, "#888888")) for one in self._shown],
            pens=[mkPen(text, width=2) if one.index == self._chosen else mkPen(None)
                  for one in self._shown],
        )  # fmt: skip
        bottom = -max(len(self._shown), _LEAST) + 0.4
        self._plot.setRange(xRange=(0, longest * 1.02), yRange=(bottom, 0.6), padding=0)

    def _on_click(self, event: Any) -> None:
        """Select the layer of the row that was clicked, on its name or its bar."""
        found = self._layer_at(event.scenePos())
        if event.button() == Qt.MouseButton.LeftButton and found is not None:
            self.layer_chosen.emit(found.index)

    def _layer_at(self, place: Any) -> Layer | None:
        """The layer whose row is at a place in the scene."""
        row = round(-self._plot.plotItem.vb.mapSceneToView(place).y())
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Bring up all that a row has no room for."""
        if event.type() != QEvent.Type.ToolTip:
            return bool(super().eventFilter(watched, event))
        found = self._layer_at(self._plot.mapToScene(event.pos()))
        QToolTip.showText(event.globalPos(), "" if found is None else tip_of(found), watched)
        return True
