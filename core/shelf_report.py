"""The shelf as text for people, as CSV, and as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.csv_lines import csv_lines
from core.errors import EnginebayError
from core.progress_line import ProgressLine
from core.report import table
from core.shelf import FACT_TITLES, Shelf, ShelfRow, no_models, scan
from core.text import counted, printable
from core.verdict import RUNS
from core.whole_file import save_text

CSV_COLUMNS = (
    "path",
    "relative",
    "kind",
    "tensorrt_version",
    "compute_capability",
    "precision",
    "task",
    "size_bytes",
    "modified",
    "can_run",
    "reason",
    "message",
    "hint",
)
"""Those of ShelfRow.as_json, with the verdict's own after them."""

_TITLES = (*FACT_TITLES, "changed", "runs here")


def folder_answer(folder: Path, *, as_csv: bool) -> tuple[dict[str, Any], str]:
    """What `enginebay info FOLDER` prints: the JSON object, and the text or CSV.

    Tells its progress on standard error where that is a terminal.

    Raises:
        ModelFileError: if the folder cannot be listed.
    """
    line = ProgressLine()
    try:
        shelf = scan(folder, line.show)
    finally:
        line.clear()
    answer = shelf.as_json()
    if not shelf.rows:
        answer["error"] = no_models(folder, shelf.file_count).as_json()
    if as_csv:
        return answer, csv_text(shelf).rstrip("\n")
    return answer, shelf_text(shelf) if shelf.rows else ""


def shelf_text(shelf: Shelf) -> str:
    """An aligned table, with what was counted below it."""
    cells = [
        (
            *row.fact_words,
            "" if row.modified is None else row.modified.astimezone().strftime("%Y-%m-%d"),
            RUNS[row.verdict.can_run] + ("" if row.verdict.can_run else f": {row.reason_words}"),
        )
        for row in shelf.rows
    ]
    count = f"{counted(len(cells), 'model')} in {counted(shelf.file_count, 'file')}"
    if shelf.unreadable:
        count += f"; {counted(len(shelf.unreadable), 'folder')} may not be read:"
    lines = [printable(str(shelf.folder)), *table(_TITLES, cells), "", count]
    lines += [f"  {printable(str(folder))}" for folder in shelf.unreadable]
    return "\n".join(lines)


def csv_text(shelf: Shelf) -> str:
    """All rows as CSV under CSV_COLUMNS, lines ended by a line feed."""
    return csv_lines(CSV_COLUMNS, map(_cells, shelf.rows))


def _cells(row: ShelfRow) -> list[object]:
    values = row.as_json()
    values |= row.verdict.as_json()
    values["can_run"] = RUNS[row.verdict.can_run]
    return [values[column] for column in CSV_COLUMNS]


def save(shelf: Shelf, path: Path) -> None:
    """Write a shelf as CSV or JSON, as the file's suffix says.

    A file that is there already is replaced once the new one is whole.

    Raises:
        EnginebayError: "unknown-format" for another suffix, "cannot-save".
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".json"):
        raise EnginebayError(
            "unknown-format",
            f"{printable(path.name)} is named neither .csv nor .json, so nothing was saved.",
            "Choose a name that ends in .csv or .json.",
        )
    text = csv_text(shelf) if suffix == ".csv" else json.dumps(shelf.as_json(), indent=2) + "\n"
    save_text(path, text)
