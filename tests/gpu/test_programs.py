"""The commands, the window, the lean runtime and the build, as their users run them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from core.building import BuildOptions, build_engine
from core.errors import Cancelled, ModelError
from core.machine import find_package
from core.paths import DEMO_MODEL, DEMO_PICTURE
from tests.gpu.conftest import DEMO_BATCH, RESULTS
from tests.gpu.programs import enginebay, in_window
from tests.gpu.small_models import unknown_operator_model


def boxes(answer: str) -> list[dict[str, Any]]:
    return json.loads(answer)["images"][0]["predictions"]


def assert_same(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    assert len(found) == len(wanted) > 0
    for want in wanted:
        distances = [
            max(abs(a - b) for a, b in zip(one["box"], want["box"], strict=True)) for one in found
        ]
        near = found[distances.index(min(distances))]
        assert min(distances) <= 2
        assert near["label"] == want["label"]
        assert abs(near["score"] - want["score"]) <= 0.02


@pytest.fixture(scope="module")
def wanted() -> list[dict[str, Any]]:
    """What ONNX Runtime finds in the demo's picture."""
    return boxes(enginebay("run", DEMO_MODEL, DEMO_PICTURE, "--json").stdout)


def test_run_gives_onnx_runtimes_boxes(demo_engine: Path, wanted: list[dict[str, Any]]) -> None:
    done = enginebay("run", demo_engine, DEMO_PICTURE, "--json")
    assert done.returncode == 0, done.stderr
    assert_same(boxes(done.stdout), wanted)


def test_info_lists_the_tensors_and_says_yes(demo_engine: Path) -> None:
    done = enginebay("info", demo_engine, "--json")
    card = json.loads(done.stdout)
    assert done.returncode == 0
    assert card["file"]["kind"] == "ultralytics-engine"
    assert card["plan"]["tensorrt_version"].startswith("8.6")
    assert card["verdict"]["can_run"] is True
    assert [tensor["name"] for tensor in card["tensors"]] == ["images", "output0"]
    assert card["metadata"]["task"] == "detect"


def test_doctor_knows_this_machine() -> None:
    machine = json.loads(enginebay("doctor", "--json").stdout)
    assert machine["engines_run_here"] is True
    assert machine["gpus"]


def test_native_code_is_asked_for(compatible_engine: Path) -> None:
    done = enginebay("run", compatible_engine, DEMO_PICTURE, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["kind"] == "needs-consent"


@pytest.mark.parametrize("module", ["tensorrt", "tensorrt_lean"])
def test_version_compatible_engine_runs_on(
    compatible_engine: Path, wanted: list[dict[str, Any]], module: str
) -> None:
    if find_package(module) is None:
        pytest.skip(f"{module} is not installed")
    done = enginebay(
        "run",
        compatible_engine,
        DEMO_PICTURE,
        "--json",
        "--allow-native-code",
        ENGINEBAY_TENSORRT=module,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert_same(boxes(done.stdout), wanted)
    runtime = json.loads(done.stdout)["runtime"]
    assert ("lean" in runtime) == (module == "tensorrt_lean")


def test_a_plain_engine_on_the_lean_runtime_is_refused_in_words(demo_engine: Path) -> None:
    if find_package("tensorrt_lean") is None:
        pytest.skip("tensorrt_lean is not installed")
    done = enginebay("run", demo_engine, DEMO_PICTURE, "--json", ENGINEBAY_TENSORRT="tensorrt_lean")
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 1
    assert "10.16" in error["message"] + error["hint"]


def test_the_demo_builds_an_engine_once_and_shows_it(tmp_path: Path) -> None:
    shot = RESULTS / "window-demo.png"
    RESULTS.mkdir(exist_ok=True)
    begin = time.monotonic()
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = enginebay("--demo", "--screenshot", shot, **cache)
    first = time.monotonic() - begin
    assert done.returncode == 0, done.stderr
    assert shot.stat().st_size > 10_000
    assert len(list(tmp_path.rglob("*.engine"))) == 1
    assert not list(tmp_path.rglob("*.part"))
    begin = time.monotonic()
    done = enginebay("--demo", "--screenshot", tmp_path / "again.png", **cache)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begin < first / 2


def test_the_window_shows_a_version_compatible_engine_on_lean(compatible_engine: Path) -> None:
    if find_package("tensorrt_lean") is None:
        pytest.skip("tensorrt_lean is not installed")
    done = enginebay(
        compatible_engine,
        "--drop",
        DEMO_PICTURE,
        "--allow-native-code",
        "--screenshot",
        RESULTS / "window-lean.png",
        ENGINEBAY_TENSORRT="tensorrt_lean",
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["tensorrt", "tensorrt_lean"])
def test_the_real_window_finds_what_onnx_runtime_finds(
    demo_engine: Path, compatible_engine: Path, wanted: list[dict[str, Any]], module: str
) -> None:
    if find_package(module) is None:
        pytest.skip(f"{module} is not installed")
    engine = demo_engine if module == "tensorrt" else compatible_engine
    (outcome,) = in_window([engine], DEMO_PICTURE, ENGINEBAY_TENSORRT=module)
    assert outcome["problem"] is None, outcome
    assert_same(outcome["predictions"], wanted)


def test_an_unknown_operator_is_named(workshop: Path) -> None:
    onnx = unknown_operator_model(workshop / "unknown.onnx")
    target = workshop / "unknown.engine"
    with pytest.raises(ModelError) as caught:
        build_engine(onnx, target, BuildOptions(), lambda _fraction, _text: None)
    assert caught.value.kind == "unsupported-operator"
    assert "node 0" in caught.value.details
    assert not target.exists()


def test_cancelling_a_build_kills_it_within_a_second(workshop: Path) -> None:
    target = workshop / "cancelled.engine"
    begin = time.monotonic()

    def progress(_fraction: float | None, _text: str) -> None:
        if time.monotonic() - begin > 8:
            raise Cancelled

    options = BuildOptions(
        precision=frozenset({"fp16"}), profiles=({"images": DEMO_BATCH},), timing_cache=False
    )
    with pytest.raises(Cancelled):
        build_engine(DEMO_MODEL, target, options, progress)
    assert time.monotonic() - begin < 9.5
    assert not list(workshop.glob("cancelled*"))
