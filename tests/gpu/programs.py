"""Enginebay's own programs, run as their users run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def enginebay(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command, or the window offscreen."""
    return subprocess.run(
        [sys.executable, "-m", "gui", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"} | environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def answer(*arguments: object, **environment: str) -> dict[str, Any]:
    """What a command prints with --json."""
    done = enginebay(*arguments, "--json", **environment)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if "error" in found else 0), done.stderr
    return found


_IN_WINDOW = """
import json, sys, types
from pathlib import Path
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from gui.window_options import WindowOptions
from gui.app import App
import gui.restart

order = json.loads(sys.argv[1])
app = QApplication([])
app.setQuitOnLastWindowClosed(False)
parts = App(WindowOptions(screenshot=Path("-"), trial=order["trial"]))
document = parts.document
if order["executable"]:
    gui.restart.sys = types.SimpleNamespace(executable=order["executable"])
paths = [Path(path) for path in order["models"]]
outcomes = []

def ended(busy):
    if busy or not paths:
        return
    problem, result = document.problem, document.result
    outcomes.append({
        "problem": None if problem is None else problem.kind,
        "message": "" if problem is None else problem.message,
        "action": "" if problem is None else problem.action,
        "warning": problem is not None and problem.is_warning,
        "has_result": result is not None,
        "predictions": [] if result is None else result.result.as_json()["predictions"],
    })
    paths.pop(0)
    QTimer.singleShot(0, go)

def go():
    if paths:
        document.open_path(paths[0], allow_native_code=True)
        return
    if order["click"]:
        parts.window.grab().save(order["shot"])
        buttons = parts.window.banner.findChildren(QPushButton)
        (button,) = [one for one in buttons if one.text() == order["click"]]
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        QTimer.singleShot(500, clicked)
    else:
        app.quit()

def clicked():
    outcomes[-1]["closed"] = not parts.window.isVisible()
    app.quit()

def begin():
    if not parts.furnished:
        QTimer.singleShot(20, begin)
        return
    document.add_images([Path(order["image"])])
    document.busy_changed.connect(ended)
    go()

parts.start()
QTimer.singleShot(0, begin)
app.exec()
parts.stop()
print(json.dumps(outcomes))
"""


def in_window(
    models: list[Path],
    image: Path,
    *,
    trial: bool = True,
    click: str = "",
    shot: Path | None = None,
    executable: Path | None = None,
    timeout: float = 300,
    **environment: str,
) -> list[dict[str, Any]]:
    """Open models one after another in one real window with an image; what each came to.

    Args:
        models: what is opened.
        image: what runs through each.
        trial: whether unfamiliar engines are tried in a child first.
        click: the text of the banner's button to click at the end, or "".
        shot: where a picture of the window goes before that.
        executable: what a restart starts in place of this Python.
        timeout: seconds.
        environment: variables of the window's process.
    """
    order = {
        "models": [str(path) for path in models],
        "image": str(image),
        "trial": trial,
        "click": click,
        "shot": str(shot),
        "executable": str(executable or ""),
    }
    done = subprocess.run(
        [sys.executable, "-c", _IN_WINDOW, json.dumps(order)],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"} | environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found
