"""What every unit test starts from."""

from __future__ import annotations

from pathlib import Path

import pytest

import core.paths


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is kept is kept for this test alone, also in its child processes on Linux."""
    folder = tmp_path_factory.mktemp("home")
    for kind in ("cache", "config", "data"):
        place = folder / kind
        monkeypatch.setenv(f"XDG_{kind.upper()}_HOME", str(place))
        monkeypatch.setattr(
            core.paths.platformdirs,
            f"user_{kind}_dir",
            lambda *_names, place=place, **_options: str(place),
        )
    return folder
