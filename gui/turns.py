"""Work for the window in steps, one a turn of the event loop, so that it never stands still."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import ClassVar
from weakref import WeakSet

from PySide6.QtCore import QObject, QTimer

Step = Callable[[], object]


class Turns(QObject):
    """Steps that wait for their turn; between two of them the window paints and hears the user."""

    alive: ClassVar[WeakSet[Turns]] = WeakSet()  # for tests, which wait for all to be idle

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        Turns.alive.add(self)
        self._steps: deque[Step] = deque()
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._take_one)

    def begin(self, *steps: Step) -> None:
        """Do the first step at once, the others in turn; what waited from before is dropped."""
        self._steps = deque(steps)
        self._take_one()

    @property
    def is_idle(self) -> bool:
        """True while nothing waits."""
        return not self._steps

    def finish(self) -> None:
        """Do all that waits now."""
        while self._steps:
            self._take_one()

    def _take_one(self) -> None:
        if self._steps:
            step = self._steps.popleft()
            step()
        if not self._steps:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()
