"""What is remembered between sessions: layout, recent files, theme."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

_RECENT = 10


class Settings:
    """A typed front of Qt's settings, kept as an INI file in the user's configuration folder."""

    def __init__(self) -> None:
        self._store = QSettings(
            QSettings.Format.IniFormat, QSettings.Scope.UserScope, "enginebay", "enginebay"
        )

    def recent_files(self) -> list[Path]:
        """Models opened before, newest first."""
        value = self._store.value("recent", [])
        texts = value if isinstance(value, list) else [value]
        return [Path(str(text)) for text in texts if text]

    def add_recent_file(self, path: Path) -> None:
        """Remember a model as the newest."""
        path = path.absolute()
        others = [old for old in self.recent_files() if old != path]
        self._store.setValue("recent", [str(one) for one in [path, *others][:_RECENT]])

    def clear_recent_files(self) -> None:
        """Forget them all."""
        self._store.remove("recent")

    def theme(self) -> str:
        """The name of the theme: system, light or dark."""
        return str(self._store.value("theme", "system"))

    def set_theme(self, theme: str) -> None:
        """Remember the theme."""
        self._store.setValue("theme", theme)

    def trial(self) -> bool:
        """True when unfamiliar engines are tried in a process of their own first."""
        return str(self._store.value("trial", "true")).lower() == "true"

    def set_trial(self, trial: bool) -> None:
        """Remember whether engines are tried first."""
        self._store.setValue("trial", trial)

    def layout(self) -> tuple[QByteArray, QByteArray] | None:
        """The window's geometry and the docks' state, if they were saved."""
        geometry, state = self._store.value("geometry"), self._store.value("state")
        if isinstance(geometry, QByteArray) and isinstance(state, QByteArray):
            return geometry, state
        return None

    def set_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        """Remember where everything is, at once on disk."""
        self._store.setValue("geometry", geometry)
        self._store.setValue("state", state)
        self._store.sync()
