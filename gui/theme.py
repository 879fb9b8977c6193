"""Colours and small widgets that several panels share. Everything else is the system's."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QWidget

# White text on these has a contrast of at least 4.5:1 (WCAG 2.1, 1.4.3).
GOOD = "#1a7f37"
BAD = "#c9302c"
UNSURE = "#8a6100"

THEMES = ("system", "light", "dark")
_SCHEMES = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
_GROUNDS = {  # window, base, text, faint text
    Qt.ColorScheme.Light: ("#efefef", "#ffffff", "#000000", "#6b6b6b"),
    Qt.ColorScheme.Dark: ("#3a3d41", "#25272a", "#ececec", "#a9acb2"),
}


def apply_theme(theme: str) -> None:
    """Set the application's colours: "system" follows the desktop, else "light" or "dark".

    Bare X servers and Qt's offscreen platform have no colour scheme to ask for, so that the
    palette is set as well where the wish had no effect.
    """
    wanted = _SCHEMES.get(theme, Qt.ColorScheme.Unknown)
    hints = QGuiApplication.styleHints()
    hints.setColorScheme(wanted)
    if wanted in (Qt.ColorScheme.Unknown, hints.colorScheme()):
        QGuiApplication.setPalette(QPalette())
    else:
        QGuiApplication.setPalette(_palette(*_GROUNDS[wanted]))


def color_plot(plot: Any, palette: QPalette) -> QColor:
    """Give a pyqtgraph.PlotWidget the window's colours, dark or light; gives that of its text."""
    text = palette.color(palette.ColorRole.WindowText)
    plot.setBackground(palette.color(palette.ColorRole.Base))
    for name in ("left", "bottom"):
        axis = plot.getAxis(name)
        axis.setPen(text)
        axis.setTextPen(text)
    return text


def _palette(window: str, base: str, text: str, faint: str) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette(QColor(window))  # Qt derives the shades of frames and buttons
    for place in (role.Window, role.Button, role.ToolTipBase):
        palette.setColor(place, QColor(window))
    palette.setColor(role.Base, QColor(base))
    palette.setColor(role.AlternateBase, QColor(window))
    for place in (role.WindowText, role.Text, role.ButtonText, role.ToolTipText):
        palette.setColor(place, QColor(text))
    palette.setColor(role.PlaceholderText, QColor(faint))
    palette.setColor(role.Highlight, QColor("#2f7cc0"))
    palette.setColor(role.HighlightedText, QColor("#ffffff"))
    for place in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, place, QColor(faint))
    return palette


def pill_style(color: str) -> str:
    """The style of a short word on a coloured ground."""
    return (
        f"background: {color}; color: white; border-radius: 9px; padding: 3px 10px;"
        "font-weight: bold;"
    )


class ElidedLabel(QFrame):
    """A line of text that gives way with an ellipsis instead of widening the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""

    def set_text(self, text: str) -> None:
        """Show a text; all of it is in the tooltip."""
        self._text = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        """The whole text."""
        return self._text

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._text) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self.fontMetrics().height() + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        metrics = self.fontMetrics()
        text = metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, self.width())
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(self.rect(), flags, text)
