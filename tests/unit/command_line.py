"""Commands as a script runs them: with --json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cli import main

Ask = Callable[..., tuple[int, dict[str, Any]]]


def asking(capfd: pytest.CaptureFixture[str], *command: str) -> Ask:
    """A function that runs a command with further arguments: its status and the object it printed.

    It fails where anything comes on standard error, or what is printed is not strictly JSON.
    """

    def ask(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
        capfd.readouterr()
        status = main([*command, *map(str, arguments), "--json"])
        output, errors = capfd.readouterr()
        assert errors == ""
        answer = json.loads(output, parse_constant=_not_json)
        assert isinstance(answer, dict)
        return status, answer

    return ask


def _not_json(text: str) -> None:
    raise AssertionError(f"{text} is not JSON")
