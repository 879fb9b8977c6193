"""Loads pytest-qt where Qt itself can be loaded; without its system libraries only gui/ skips."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYTEST_QT_API", "pyside6")

try:
    import PySide6.QtWidgets  # noqa: F401
except ImportError:
    pytest_plugins: tuple[str, ...] = ()
else:
    pytest_plugins = ("pytestqt.plugin",)
