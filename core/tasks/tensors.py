"""Plain tensors: what is shown when nothing else fits, without claiming anything."""

from __future__ import annotations

from collections.abc import Sequence

from core.predictions import TensorSummary, summarize
from core.sessions.base import Arrays
from core.tasks.reading import Evidence, Named, Reading

TASK, LAYOUT = "tensors", ""


def recognise(outputs: Sequence[Named], reading: Reading) -> Evidence:
    """Always fits."""
    count = f"{len(outputs)} outputs" if len(outputs) != 1 else "one output"
    return Evidence(f"{count} in no layout that Enginebay reads; shown as numbers", "possible")


def decode(outputs: Arrays, reading: Reading) -> list[TensorSummary]:
    """Every output in numbers."""
    return [summarize(name, array) for name, array in outputs.items()]
