"""Many pictures' results as a table: one small row for each, without pixels and outputs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

from core.csv_lines import csv_lines
from core.errors import EnginebayError, out_of_memory
from core.prediction_rows import prediction_rows
from core.predictions import (
    ClassScore,
    Detection,
    OrientedBox,
    Pose,
    Prediction,
    Segment,
    is_finite,
    summarize,
)
from core.results import watch
from core.sessions.base import Arrays
from core.tasks import Decoded, Reading, decode

_LOCATED = (Detection, Segment, OrientedBox, Pose)
_COLUMNS = ("path", "task", "top", "score", "count", "time_ms", "warnings", "error")


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a picture gave no result, as text: an exception would keep its frames alive."""

    kind: str
    message: str
    hint: str

    @classmethod
    def of(cls, error: EnginebayError) -> RowError:
        """An error's words."""
        return cls(error.kind, error.message, error.hint)

    def as_json(self) -> dict[str, str]:
        """As EnginebayError.as_json."""
        return {"kind": self.kind, "message": self.message, "hint": self.hint}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """One picture of many. Where `error` is set, all that follows it is empty."""

    path: str
    error: RowError | None = None
    task: str | None = None
    top: str = ""  # the best prediction: a label, or what there is to say in numbers
    score: float | None = None  # the best prediction's, 0..1; None where it has none
    count: int | None = None  # objects found; None for tasks that find none
    time_ms: float | None = None  # spent on it, wall clock: read, prepare, its share of run, decode
    warnings: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, str, str, str, str, str]:
        """Task, top prediction, score, count, ms and remarks as tables show them; "" for none."""
        remarks = self.warnings if self.error is None else (self.error.message,)
        return (
            self.task or "",
            self.top,
            "" if self.score is None else f"{self.score:.3f}",
            "" if self.count is None else f"{self.count:,}",
            "" if self.time_ms is None else f"{self.time_ms:.2f}",
            "; ".join(remarks),
        )

    def as_json(self) -> dict[str, object]:
        """One of `rows` in `enginebay run --json`."""
        return {
            "path": self.path,
            "task": self.task,
            "top": self.top,
            "score": None if self.score is None else round(self.score, 6),
            "count": self.count,
            "time_ms": None if self.time_ms is None else round(self.time_ms, 3),
            "warnings": list(self.warnings),
            "error": None if self.error is None else self.error.as_json(),
        }


def read_outputs(path: str, outputs: Arrays, reading: Reading, ms: float) -> ResultRow:
    """Read one picture's outputs into a row; any thread.

    Args:
        path: the picture's.
        outputs: arrays by name.
        reading: how they are read.
        ms: what was spent on the picture before.
    """
    begin = time.perf_counter()
    try:
        decoded = decode(outputs, reading)
        suspects = [(name, one) for name, one in outputs.items() if not is_finite(one)]
        summaries = tuple(summarize(name, array) for name, array in suspects)
    except EnginebayError as error:
        return ResultRow(path=path, error=RowError.of(error))
    except MemoryError as error:
        return ResultRow(path=path, error=RowError.of(out_of_memory(error)))
    warnings = (*watch(summaries), *decoded.warnings)
    return result_row(path, decoded, warnings, ms + (time.perf_counter() - begin) * 1000)


def result_row(path: str, decoded: Decoded, warnings: tuple[str, ...], time_ms: float) -> ResultRow:
    """The row of a picture whose outputs were read.

    Args:
        path: the picture's.
        decoded: what was read.
        warnings: all of them.
        time_ms: see ResultRow.
    """
    found = decoded.predictions
    top, score = _best(found[0]) if found else ("", None)
    is_counting = decoded.guess.task in ("detect", "instance-segment", "obb", "pose")
    return ResultRow(
        path=path,
        task=decoded.guess.task,
        top=top,
        score=score,
        count=len(found) if is_counting else None,
        time_ms=time_ms,
        warnings=warnings,
    )


def _best(found: Prediction) -> tuple[str, float | None]:
    if isinstance(found, (*_LOCATED, ClassScore)):
        return found.label, found.score if math.isfinite(found.score) else None
    row = prediction_rows(found)
    return (f"{row[0].what}: {row[0].place}" if row else ""), None


def rows_csv(rows: Iterable[ResultRow]) -> str:
    """Rows as CSV, lines ended by a line feed; several warnings in a cell, "; " between them."""
    return csv_lines(_COLUMNS, map(_cells, rows))


def _cells(row: ResultRow) -> list[object]:
    values = row.as_json() | {
        "warnings": "; ".join(row.warnings),
        "error": None if row.error is None else row.error.message,
    }
    return [values[column] for column in _COLUMNS]


def rows_json(rows: Iterable[ResultRow]) -> str:
    """Rows as a JSON list, for a file."""
    return json.dumps([row.as_json() for row in rows], indent=2, allow_nan=False) + "\n"
