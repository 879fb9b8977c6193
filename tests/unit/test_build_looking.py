"""Looking at a new engine in a child, and what is recorded of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.building import BuildOptions, BuildReport, looking, looking_child
from core.building.looking import look_at_built
from core.child_process import ChildDied
from core.errors import Cancelled, ModelError
from core.modelfile import fingerprint
from core.paths import DEMO_MODEL
from tests.unit.plan_writer import Plan

TRUTH = {"engine_bytes": 9, "first_run": {"verdict": "agrees"}, "sentences": ["All is well."]}


def report(folder: Path) -> BuildReport:
    engine = folder / "best.engine"
    engine.write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    return BuildReport(
        model=DEMO_MODEL,
        target=engine,
        onnx_sha256=fingerprint(DEMO_MODEL),
        options=BuildOptions(precision=frozenset({"fp16"})),
        seconds=3.25,
        size_bytes=engine.stat().st_size,
        versions={"tensorrt": "8.6.1"},
        gpu={"name": "RTX 3060"},
        layers="{}",
    )


def use_child(monkeypatch: pytest.MonkeyPatch, child: Callable[..., Mapping[str, Any]]) -> None:
    monkeypatch.setattr(looking, "run_child", child)


def quiet(_fraction: float | None, _text: str) -> None:
    pass


def test_the_truth_is_found_in_a_child_and_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    orders: list[dict[str, Any]] = []

    def child(module: str, order: dict[str, Any], _tick: object) -> dict[str, Any]:
        assert module == "core.building.looking_child"
        orders.append(order)
        return {"truth": TRUTH, "first_run": ["It agrees."]}

    use_child(monkeypatch, child)
    looked = look_at_built(report(tmp_path), quiet)
    assert looked.truth == TRUTH
    assert looked.first_run == ("It agrees.",)
    assert looked.trouble == ()
    assert orders[0]["layers"] == "{}"
    assert orders[0]["options"]["precision"] == ["fp16"]
    assert looked.sidecar == tmp_path / "best.engine.json"
    recorded = json.loads(looked.sidecar.read_text())
    assert recorded["truth"] == TRUTH
    assert recorded["gpu"] == "RTX 3060"
    assert recorded["seconds"] == 3.25


def test_a_tensorrt_that_is_strongly_typed_by_itself_is_judged_as_such(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judged: list[BuildOptions] = []

    def told(_onnx: Path, _engine: Path, options: BuildOptions, *_more: Any, **_named: Any) -> Any:
        judged.append(options)
        return SimpleNamespace(first_run=None, as_json=dict)

    def child(_module: str, order: dict[str, Any], _tick: object) -> dict[str, Any]:
        return looking_child.look(json.loads(json.dumps(order)), lambda _text: None)

    monkeypatch.setattr(looking_child, "tell_truth", told)
    use_child(monkeypatch, child)
    # "best" and strong typing cannot be asked for together, but TensorRT 11 is what it is.
    best = BuildOptions(precision=frozenset({"best"}))
    looked = look_at_built(replace(report(tmp_path), options=best, strongly_typed=True), quiet)
    assert looked.trouble == ()
    assert [one.strongly_typed for one in judged] == [True]


def test_an_engine_that_ends_the_child_is_told_and_still_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def child(*_arguments: object) -> dict[str, Any]:
        raise ChildDied(-11, "Segmentation fault")

    use_child(monkeypatch, child)
    looked = look_at_built(report(tmp_path), quiet)
    assert "do not rely on this engine" in looked.trouble[0]
    assert looked.truth == {}
    assert looked.sidecar is not None
    assert json.loads(looked.sidecar.read_text())["truth"] == {}


def test_what_cannot_be_looked_at_or_recorded_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def child(*_arguments: object) -> dict[str, Any]:
        raise ModelError("no-gpu", "There is no GPU.", "Get one.")

    use_child(monkeypatch, child)
    built = report(tmp_path)
    (tmp_path / "best.engine.json").mkdir()
    looked = look_at_built(built, quiet)
    assert looked.trouble[0] == "The engine could not be looked at: There is no GPU. Get one."
    assert looked.trouble[1].startswith("Nothing is recorded beside the engine: ")
    assert looked.sidecar is None


def test_cancelling_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def child(_module: str, _order: object, tick: Callable[[str, float], None]) -> dict[str, Any]:
        tick("running it", 0.1)
        raise AssertionError("it went on")

    def cancelled(_fraction: float | None, _text: str) -> None:
        raise Cancelled

    use_child(monkeypatch, child)
    with pytest.raises(Cancelled):
        look_at_built(report(tmp_path), cancelled)


def test_a_real_child_says_why_an_engine_cannot_be_looked_at(tmp_path: Path) -> None:
    """No stand-in: on a machine without a GPU the truth itself says that it could not run."""
    looked = look_at_built(report(tmp_path), quiet)
    assert looked.truth["warnings"] or looked.trouble
    assert looked.truth.get("first_run", {}).get("verdict", "not-compared") == "not-compared"
