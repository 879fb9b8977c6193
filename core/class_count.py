"""How many classes a run's outputs have, as far as their reader asks for names."""

from __future__ import annotations

from typing import Any

from core.results import TestResult
from core.tasks import Reading, decode


def class_counts(result: TestResult) -> tuple[int, ...]:
    """For how many classes the reader wants names, best guess first.

    () where it does not say: finished detections name no number of classes.
    """
    asked: list[int] = []

    class Listening(Reading):
        def names(self, count: int, *more: Any, **named: Any) -> tuple[str, ...]:
            asked.append(count)
            return Reading.names(self, count, *more, **named)

    old = result.reading
    reading = Listening(**{name: getattr(old, name) for name in old.__dataclass_fields__})
    decode(result.outputs, reading)
    return tuple(dict.fromkeys(asked))
