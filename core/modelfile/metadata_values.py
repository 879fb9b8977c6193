"""Values of the metadata as people see and type them, on the command line and in the window."""

from __future__ import annotations

import json
from typing import Any

from core.modelfile.json_object import finite
from core.text import one_line

_NOT_SHOWN = "(nested too deep to be shown)"


def value_of_text(text: str) -> Any:
    """What a typed text stands for: JSON where it can be read so, else the text itself.

    NaN and infinity stay text, as JSON cannot hold them again.
    """
    try:
        return json.loads(text, parse_constant=str, parse_float=finite)
    except (ValueError, RecursionError):
        return text


def shown_value(value: Any, limit: int = 160) -> str:
    """A value on one line of at most `limit` letters: a text as it stands, else as JSON."""
    try:
        return one_line(value if isinstance(value, str) else json.dumps(value), limit)
    except RecursionError:
        return _NOT_SHOWN


def typed_value(value: Any) -> str:
    """The text to type for a value: value_of_text gives the value back.

    A text that would be read as something else, such as "32", stands in JSON's quotes, as does one
    that is no single line.
    """
    if isinstance(value, str) and value.isprintable() and value_of_text(value) == value:
        return value
    try:
        text = json.dumps(value, ensure_ascii=False)
        return text if text.isprintable() else json.dumps(value)
    except RecursionError:
        return _NOT_SHOWN
