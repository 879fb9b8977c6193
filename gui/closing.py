"""Asks before the window closes while something is built, for that would end the build."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from core.text import one_line

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMessageBox

    from gui.build_queue import Build
    from gui.building import Building
    from gui.main_window import MainWindow

_NAME = 60  # letters


class Closing(QObject):
    """Whether a furnished window may close, and the question where a build would end with it.

    The question does not block: the close that led to it is refused, and a yes closes again. So
    nothing is held up by a question that nobody answers.

    Attributes:
        is_sure: the window closes without a question, whatever goes on.
        question: what is asked at the moment; None where nothing is.
    """

    def __init__(self, window: MainWindow, building: Building) -> None:
        super().__init__(window)
        self._window, self._building = window, building
        self.is_sure = False
        self.question: QMessageBox | None = None
        self._verb = ""
        building.build_changed.connect(self._on_build)

    def allows(self) -> bool:
        """Whether the window may close now; where not, the user is asked and it closes later."""
        if self.is_sure or not self._building.is_building:
            return True
        self._ask("Quit", self._close)
        return False

    def restart(self) -> None:
        """Start Enginebay again with the same document, and close this one."""
        if self.is_sure or not self._building.is_building:
            self._restart()
        else:
            self._ask("Restart", self._restart)

    def _restart(self) -> None:
        from gui.restart import start_again

        if start_again(self._window.document):
            self._close()

    def _close(self) -> None:
        self.is_sure = True
        self._window.close()

    def _ask(self, verb: str, then: Callable[[], None]) -> None:
        from gui.question import question

        if self.question is not None:
            self.question.close()
        box = question(self._window, "Enginebay", f"&{verb}", then, "&Keep building")
        self.question = box
        box.finished.connect(lambda _result: self._forget(box))
        self._verb = verb
        self._tell(box)
        box.open()

    def _tell(self, box: QMessageBox) -> None:
        builds = [one for one in self._building.builds if not one.is_over]
        build = self._building.running or builds[0]  # the first that waits, between two builds
        words = f"{one_line(build.target.name, _NAME)} is being built"
        more = len(builds) - 1
        if more:
            words += f", and {more:,} more wait{'s' * (more == 1)}"
        box.setText(f"{words}. {self._verb} and end the build{'s' * (more > 0)}?")

    def _forget(self, box: QMessageBox) -> None:
        if self.question is box:
            self.question = None
        box.deleteLater()

    def _on_build(self, _build: Build) -> None:
        """Ask of what goes on now; once nothing does, there is nothing to ask."""
        if self.question is None:
            return
        if self._building.is_building:
            self._tell(self.question)
        else:
            self.question.close()
