"""A real TensorRT module on a machine without a GPU, where TensorRT itself would crash."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.machine import find_tensorrt, read_driver
from tests.unit.plan_writer import Plan

pytestmark = pytest.mark.skipif(
    not find_tensorrt() or not read_driver().problem,
    reason="needs a TensorRT module, and no GPU",
)


@pytest.mark.parametrize(
    "command", [("info",), ("run", "--random"), ("run", "--random", "--no-trial")]
)
def test_the_answer_is_a_verdict_and_no_crash(tmp_path: Path, command: tuple[str, ...]) -> None:
    engine = tmp_path / "a.engine"
    engine.write_bytes(Plan(layout="ftrt-10.9", version=(10, 3, 0, 26)).to_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "gui", command[0], str(engine), *command[1:], "--json"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    answer = json.loads(done.stdout)
    said = answer["verdict"] if command[0] == "info" else answer["error"]
    assert done.returncode == (0 if command[0] == "info" else 1)
    assert said.get("reason", said.get("kind")) in ("no-driver", "no-gpu")
    assert "Traceback" not in done.stderr
