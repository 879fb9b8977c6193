"""Real files that others made, where this machine has them; see their README.md."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "samples"
"""Where they are, if they are."""


def sample(path: str) -> Path:
    """A sample's path; skips the test where the samples are absent."""
    if not FOLDER.is_dir():
        pytest.skip(f"the samples are not here ({FOLDER})")
    return FOLDER / path
