"""What pip calls the TensorRT that built an engine."""

from __future__ import annotations

import re

Numbers = tuple[int, ...]
"""The leading numbers of a version, four at most: (8, 6, 1)."""


def version_numbers(version: str | None) -> Numbers:
    """(8, 6, 1) from "8.6.1.post1"; () from None or what begins with no number."""
    match = re.match(r"\d+(?:\.\d+){0,3}", version or "")
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def pip_requirement(version: str | None, system: str) -> str:
    """What to install to get the TensorRT of a plan: "tensorrt==10.3.0"; "" if pip has none.

    By PyPI's index: 8.5 and from 10.8 on the releases have four numbers, in between three;
    10.0.1 and 10.1.0 of the front package would bring the newest of tensorrt-cu12; before 10.0
    there is nothing for Windows, 8.6.2 is Jetson's only, and Enginebay needs 8.5 or newer.
    """
    numbers = version_numbers(version)
    if len(numbers) < 3 or numbers < (8, 5) or numbers[0] == 9 or (8, 6, 2) <= numbers < (9,):
        return ""
    if numbers < (10,) and system == "Windows":
        return ""
    front = "tensorrt-cu12" if (10, 0) <= numbers < (10, 2) else "tensorrt"
    parts = 4 if numbers[:2] == (8, 5) or numbers >= (10, 8) else 3
    return f"{front}=={'.'.join(str(number) for number in numbers[:parts])}"
