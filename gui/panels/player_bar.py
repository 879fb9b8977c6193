"""The slim bar under a video's picture: play, step, seek, where it is and how fast it goes."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import (
    QColor,
    QIcon,
    QKeySequence,
    QPainter,
    QPalette,
    QPixmap,
    QPolygonF,
    QShortcut,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from core.text import printable
from gui.video_player import VideoPlayer

Shape = tuple[tuple[int, int], ...]

# Polygons on a square of 64 by 64.
_PLAY: tuple[Shape, ...] = (((16, 10), (54, 32), (16, 54)),)
_PAUSE: tuple[Shape, ...] = (
    ((14, 10), (26, 10), (26, 54), (14, 54)),
    ((38, 10), (50, 10), (50, 54), (38, 54)),
)
_ON: tuple[Shape, ...] = (((12, 14), (40, 32), (12, 50)), ((44, 14), (52, 14), (52, 50), (44, 50)))
_BACK = tuple(tuple((64 - x, y) for x, y in shape) for shape in _ON)


class PlayerBar(QWidget):
    """Shows a player's state and passes on what the user wants; hidden without a video."""

    def __init__(self, player: VideoPlayer, window: QWidget) -> None:
        super().__init__()
        self._player = player
        self.play = self._button("play or pause", player.toggle)
        self.back = self._button("one frame back", lambda: player.step(-1))
        self.on = self._button("one frame on", lambda: player.step(1))
        self.play.setToolTip("Play or pause (Space)")
        self.back.setToolTip("One frame back (,)")
        self.on.setToolTip("One frame on (.)")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("frame")
        self.slider.setMinimumWidth(60)
        self.slider.valueChanged.connect(self._on_slider)
        self._quiet = False
        self._shows_pause = False
        self._draw_icons()
        self.position = QLabel()
        self.rate = QLabel()
        self.rate.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self.rate.setToolTip("As fast as this machine reads and runs the frames")
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 2, 6, 2)
        row.setSpacing(4)
        for button in (self.back, self.play, self.on):
            row.addWidget(button)
        row.addWidget(self.slider, 1)
        row.addWidget(self.position)
        row.addWidget(self.rate)
        self._keys = [
            self._key(window, key, button)
            for key, button in (("Space", self.play), (",", self.back), (".", self.on))
        ]
        player.changed.connect(self._show)
        self._show()

    def _button(self, name: str, act: object) -> QToolButton:
        button = QToolButton(autoRaise=True)
        button.setAccessibleName(name)
        button.clicked.connect(act)
        return button

    def _key(self, window: QWidget, key: str, button: QToolButton) -> QShortcut:
        shortcut = QShortcut(QKeySequence(key), window)
        shortcut.activated.connect(button.click)
        return shortcut

    def _draw_icons(self) -> None:
        """In the colour of text: the style's own are black on any ground."""
        self._shows_pause = self._player.is_playing
        color = self.palette().color(QPalette.ColorRole.ButtonText)
        self.play.setIcon(_icon(_PAUSE if self._shows_pause else _PLAY, color))
        self.back.setIcon(_icon(_BACK, color))
        self.on.setIcon(_icon(_ON, color))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_icons()

    def _on_slider(self, value: int) -> None:
        if not self._quiet:
            self._player.seek(value)

    def _show(self) -> None:
        player = self._player
        is_open = player.path is not None
        self.setVisible(is_open)
        for key in self._keys:
            key.setEnabled(is_open)
        if player.path is None:
            return
        if player.is_playing != self._shows_pause:
            self._draw_icons()
        self.setToolTip(printable(str(player.path)))
        has_frame = player.index >= 0
        for button in (self.play, self.back, self.on):
            button.setEnabled(has_frame)
        self._quiet = True
        self.slider.setEnabled(has_frame and player.count is not None)
        self.slider.setRange(0, max((player.count or 1) - 1, 0))
        if not self.slider.isSliderDown():
            self.slider.setValue(player.index)
        self._quiet = False
        self.position.setText(_position(player, player.index))
        if player.count is not None:  # or the slider's end would move with the digits
            last = _position(player, player.count - 1)
            self.position.setMinimumWidth(self.fontMetrics().horizontalAdvance(last) + 6)
        rate = player.rate
        self.rate.setText("" if rate is None else f"{rate:.1f} frames/s")
        self.rate.setVisible(rate is not None)


def _position(player: VideoPlayer, index: int) -> str:
    """A frame, counted from 1, of how many; and the seconds since the first, by the file."""
    if index < 0:
        return "waits for a model" if player.is_waiting else ""
    text = f"{index + 1:,}"
    if player.count is not None:
        text += f" of {player.count:,}"
    if player.fps is not None:
        text += f"  {_clock(index / player.fps)}"
    return text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds * 10), 600)
    return f"{minutes}:{rest // 10:02}.{rest % 10}"


def _icon(shapes: tuple[Shape, ...], color: QColor) -> QIcon:
    pixmap = QPixmap(64, 64)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(color)
    painter.setPen(Qt.PenStyle.NoPen)
    for shape in shapes:
        painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in shape]))
    painter.end()
    return QIcon(pixmap)
