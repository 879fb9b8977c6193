"""The table of many pictures: its values, and its text as CSV and JSON."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import ImageError
from core.predictions import (
    ClassMap,
    ClassScore,
    ClassShare,
    Detection,
    Embedding,
    OrientedBox,
    Prediction,
)
from core.result_rows import ResultRow, RowError, result_row, rows_csv, rows_json
from core.tasks import Decoded, TaskGuess

FOUND = ResultRow(
    path="a, b/street.jpg",
    task="detect",
    top="person",
    score=0.91234567,
    count=2,
    time_ms=3.21987,
    warnings=("odd", "very odd"),
)
UNREAD = ResultRow(
    path="=bad.png", error=RowError("not-an-image", 'bad.png is "no" image.', "Give images.")
)


def decoded(task: str, *predictions: Prediction) -> Decoded:
    return Decoded(TaskGuess(task, "because"), predictions)


def test_rows_as_csv() -> None:
    assert rows_csv([FOUND, UNREAD]) == (
        "path,task,top,score,count,time_ms,warnings,error\n"
        '"a, b/street.jpg",detect,person,0.912346,2,3.22,odd; very odd,\n'
        '\'=bad.png,,,,,,,"bad.png is ""no"" image."\n'
    )


def test_no_rows_are_a_table_without_lines() -> None:
    assert rows_csv([]) == "path,task,top,score,count,time_ms,warnings,error\n"
    assert rows_json([]) == "[]\n"


def test_rows_as_json() -> None:
    assert rows_json([FOUND, UNREAD]) == (
        "[\n"
        "  {\n"
        '    "path": "a, b/street.jpg",\n'
        '    "task": "detect",\n'
        '    "top": "person",\n'
        '    "score": 0.912346,\n'
        '    "count": 2,\n'
        '    "time_ms": 3.22,\n'
        '    "warnings": [\n'
        '      "odd",\n'
        '      "very odd"\n'
        "    ],\n"
        '    "error": null\n'
        "  },\n"
        "  {\n"
        '    "path": "=bad.png",\n'
        '    "task": null,\n'
        '    "top": "",\n'
        '    "score": null,\n'
        '    "count": null,\n'
        '    "time_ms": null,\n'
        '    "warnings": [],\n'
        '    "error": {\n'
        '      "kind": "not-an-image",\n'
        '      "message": "bad.png is \\"no\\" image.",\n'
        '      "hint": "Give images."\n'
        "    }\n"
        "  }\n"
        "]\n"
    )


BOX = (1.0, 2.0, 3.0, 4.0)
CORNERS = ((1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 4.0))


@pytest.mark.parametrize(
    ("read", "top", "score", "count"),
    [
        (decoded("detect", Detection("dog", 3, 0.75, BOX), Detection("cat", 2, 0.5, BOX)),
         "dog", 0.75, 2),
        (decoded("detect"), "", None, 0),
        (decoded("obb", OrientedBox("ship", 0, 0.5, BOX, CORNERS)), "ship", 0.5, 1),
        (decoded("classify", ClassScore("dog", 3, 0.75), ClassScore("cat", 2, 0.25)),
         "dog", 0.75, None),
        (decoded("classify"), "", None, None),
        (decoded("detect", Detection("dog", 3, float("nan"), BOX)), "dog", None, 1),
        (decoded("semantic-segment",
                 ClassMap("out", np.zeros((2, 2), np.uint16), (ClassShare("road", 1, 0.75),))),
         "road: 75.0% of the picture", None, None),
        (decoded("embed", Embedding("out", np.ones(4, np.float32), 2.0)),
         "out: 4 numbers, norm 2", None, None),
    ],
)  # fmt: skip
def test_a_row_says_what_is_best_and_how_many_there_are(
    read: Decoded, top: str, score: float | None, count: int | None
) -> None:
    row = result_row("a.png", read, ("odd",), 1.5)
    assert row == ResultRow(
        path="a.png",
        task=read.guess.task,
        top=top,
        score=score,
        count=count,
        time_ms=1.5,
        warnings=("odd",),
    )


def test_an_error_is_kept_as_its_words() -> None:
    error = ImageError("not-found", "There is no file x.", "Check the path.", details="raw")
    assert RowError.of(error) == RowError("not-found", "There is no file x.", "Check the path.")
