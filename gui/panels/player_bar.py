"""The slim bar under a video's picture: play, step, seek, where it is and how fast it goes."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QStyle, QToolButton, QWidget

from core.text import printable
from gui.theme import ElidedLabel
from gui.video_player import VideoPlayer


class PlayerBar(QWidget):
    """Shows a player's state and passes on what the user wants; hidden without a video."""

    def __init__(self, player: VideoPlayer, window: QWidget) -> None:
        super().__init__()
        self._player = player
        self.play = self._button("play or pause", player.toggle)
        self.back = self._button("one frame back", lambda: player.step(-1))
        self.on = self._button("one frame on", lambda: player.step(1))
        icons, style = QStyle.StandardPixmap, self.style()
        self._icons = {
            playing: style.standardIcon(icons.SP_MediaPause if playing else icons.SP_MediaPlay)
            for playing in (False, True)
        }
        self.back.setIcon(style.standardIcon(icons.SP_MediaSeekBackward))
        self.on.setIcon(style.standardIcon(icons.SP_MediaSeekForward))
        self.play.setToolTip("Play or pause (Space)")
        self.back.setToolTip("One frame back (,)")
        self.on.setToolTip("One frame on (.)")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("frame")
        self.slider.valueChanged.connect(self._on_slider)
        self._quiet = False
        self.position = QLabel()
        self.rate = QLabel()
        self.rate.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self.rate.setToolTip("As fast as this machine reads and runs the frames")
        self.name = ElidedLabel()
        self.name.setMaximumWidth(200)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 2, 6, 2)
        row.setSpacing(4)
        for button in (self.back, self.play, self.on):
            row.addWidget(button)
        row.addWidget(self.slider, 1)
        row.addWidget(self.position)
        row.addWidget(self.rate)
        row.addWidget(self.name)
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
        self.play.setIcon(self._icons[player.is_playing])
        self.name.set_text(printable(player.path.name))
        has_frame = player.index >= 0
        for button in (self.play, self.back, self.on):
            button.setEnabled(has_frame)
        self._quiet = True
        self.slider.setEnabled(has_frame and player.count is not None)
        self.slider.setRange(0, max((player.count or 1) - 1, 0))
        if not self.slider.isSliderDown():
            self.slider.setValue(player.index)
        self._quiet = False
        self.position.setText(_position(player))
        rate = player.rate
        self.rate.setText("" if rate is None else f"{rate:.1f} frames/s")
        self.rate.setVisible(rate is not None)


def _position(player: VideoPlayer) -> str:
    """The frame, counted from 1, of how many; and the seconds since the first, by the file."""
    if player.index < 0:
        return "waits for a model" if player.is_waiting else ""
    text = f"{player.index + 1:,}"
    if player.count is not None:
        text += f" of {player.count:,}"
    if player.fps is not None:
        text += f"  {_clock(player.index / player.fps)}"
    return text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds * 10), 600)
    return f"{minutes}:{rest // 10:02}.{rest % 10}"
