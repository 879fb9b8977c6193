"""Tables as CSV that a spreadsheet opens as what they say."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet would compute


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows under their columns' names, lines ended by a line feed; None is an empty cell."""
    cells = ([_cell(value) for value in row] for row in rows)
    return "".join(f"{_line(line)}\n" for line in (columns, *cells))


def _line(cells: Sequence[str]) -> str:
    """A line without its end. csv quotes a line break only where it ends lines with the same."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n")


def _cell(value: object) -> str:
    """A text that no spreadsheet takes for a formula: a leading apostrophe makes it text."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
