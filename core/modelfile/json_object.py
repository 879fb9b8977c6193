"""A JSON object from a file that anybody may have written."""

from __future__ import annotations

import json
import math
from typing import Any


def json_object(data: bytes) -> dict[str, Any] | None:
    """The object that the UTF-8 text holds; None for anything else.

    NaN and infinity stay text, as JSON cannot hold them again.
    """
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=str, parse_float=finite)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def finite(number: str) -> float | str:
    """A number of JSON; the text itself where no float is as large."""
    value = float(number)
    return value if math.isfinite(value) else number
