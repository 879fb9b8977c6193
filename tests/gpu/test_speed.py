"""Runs the GPU benchmarks and keeps their figures; asserts only that they ran."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def benchmark(name: str, *arguments: object) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{name}", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_one_call_against_the_guides_class(demo_engine: Path, figures: dict[str, Any]) -> None:
    figures["one call, demo engine"] = benchmark("session_call", demo_engine)
    sample = os.environ.get("ENGINEBAY_SAMPLE_ENGINE")
    if sample:
        figures["one call, 640 x 640 engine"] = benchmark("session_call", sample)


def sample_engine() -> str:
    sample = os.environ.get("ENGINEBAY_SAMPLE_ENGINE")
    if not sample:
        pytest.skip("needs a static engine with one picture input: ENGINEBAY_SAMPLE_ENGINE")
    return sample


def test_pictures_in_memory_prepared_on_the_gpu(figures: dict[str, Any]) -> None:
    found = benchmark("gpu_preprocess", sample_engine(), 0.6)
    figures["pictures in memory to raw outputs, GPU against CPU preprocessing"] = found


def test_jpeg_files_to_outputs(figures: dict[str, Any]) -> None:
    figures["JPEG files to outputs"] = benchmark("jpeg_folder", sample_engine(), 0.8)


def test_the_event_loop_while_cuda_starts(demo_engine: Path, figures: dict[str, Any]) -> None:
    runs = [benchmark("event_loop", demo_engine) for _ in range(4)]
    figures["event loop, engine"] = runs
    assert all(run["runs"] > 0 for run in runs)
