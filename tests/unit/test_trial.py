"""Trials: what the child came to, in words, and what is remembered."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import core.trust.trial
from core.child_process import ChildDied, ChildTimeout
from core.errors import Cancelled, ModelError
from core.trust import trial_child
from core.trust.trial import TrialOrder, ensure_tried
from tests.unit import fake_cuda, fake_tensorrt
from tests.unit.fake_tensorrt import FakeTensorRT, simple_plan

MACHINE = ("10.3.0", "Fake GPU", "555.42")


class Child:
    """Stands for run_child; does what the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.orders: list[dict[str, Any]] = []
        self.outcome: Exception | None = None
        monkeypatch.setattr(core.trust.trial, "run_child", self)

    def __call__(self, module: str, order: dict[str, Any], tick: Any, *, limit_s: float) -> Any:
        assert module == "core.trust.trial_child"
        tick("starting TensorRT", 0.0)
        self.orders.append(order)
        if self.outcome is not None:
            raise self.outcome
        return {}


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    return Child(monkeypatch)


def order(**changes: Any) -> TrialOrder:
    fields: dict[str, Any] = {
        "path": "/models/best.engine",
        "sha256": "ab" * 32,
        "allow_native_code": False,
        "plugins": (),
        "module": "tensorrt",
    }
    return TrialOrder(**fields | changes)


def quiet(_fraction: float | None, _text: str) -> None:
    pass


def test_what_passed_once_is_not_tried_again(child: Child) -> None:
    for _ in range(3):
        ensure_tried(order(), MACHINE, quiet)
    assert len(child.orders) == 1


@pytest.mark.parametrize(
    ("changes", "machine"),
    [
        ({"sha256": "cd" * 32}, MACHINE),
        ({"plugins": (("/lib/x.so", "ef" * 32),)}, MACHINE),
        ({}, ("10.4.0", *MACHINE[1:])),
        ({}, ("10.3.0", "Other GPU", "555.42")),
        ({}, (*MACHINE[:2], "560.1")),
    ],
)
def test_a_pass_holds_for_that_file_on_that_machine(
    child: Child, changes: dict[str, Any], machine: tuple[str, ...]
) -> None:
    ensure_tried(order(), MACHINE, quiet)
    ensure_tried(order(**changes), machine, quiet)
    assert len(child.orders) == 2


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        (ChildDied(-11, "Fatal Python error"), "trial-crashed", "SIGSEGV"),
        (ChildDied(-200, ""), "trial-crashed", "signal 200"),
        (ChildDied(0xC0000005, ""), "trial-crashed", "0xc0000005"),
        (ChildDied(-9, ""), "trial-killed", "ended by the system"),
        (ChildDied(1, "Traceback"), "trial-crashed", "best.engine crashed TensorRT."),
        (ChildTimeout("loading the engine", "log"), "trial-hung", "still loading the engine"),
        (
            ModelError("cuda-context-lost", "The GPU stopped while running.", "Restart."),
            "engine-kills-gpu-context",
            "killed its CUDA context",
        ),
        (ModelError("wrong-gpu", "Built for another.", "Rebuild."), "wrong-gpu", "Built for"),
    ],
)
def test_what_goes_wrong_is_an_ordinary_error_and_tried_again_next_time(
    child: Child, outcome: Exception, kind: str, words: str
) -> None:
    child.outcome = outcome
    for count in (1, 2):
        with pytest.raises(ModelError) as caught:
            ensure_tried(order(), MACHINE, quiet)
        assert caught.value.kind == kind
        assert words in caught.value.message
        assert caught.value.hint
        assert not caught.value.fatal
        assert len(child.orders) == count


def test_a_hanging_engines_error_names_the_way_out(child: Child) -> None:
    child.outcome = ChildTimeout("running it once on zeros", "log")
    with pytest.raises(ModelError) as caught:
        ensure_tried(order(), MACHINE, quiet)
    assert "--no-trial" in caught.value.hint
    assert caught.value.details == "log"


def test_cancelling_passes_nothing(child: Child) -> None:
    def cancel(_fraction: float | None, text: str) -> None:
        assert "best.engine" in text
        raise Cancelled

    with pytest.raises(Cancelled):
        ensure_tried(order(), MACHINE, cancel)
    ensure_tried(order(), MACHINE, quiet)
    assert len(child.orders) == 1


# The child's own work, with a fake TensorRT


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> FakeTensorRT:
    gpu = fake_cuda.install(monkeypatch)
    return fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})["tensorrt"]


def child_order(path: Path, sha256: str = "") -> dict[str, Any]:
    return {
        "path": str(path),
        "sha256": sha256 or hashlib.sha256(path.read_bytes()).hexdigest(),
        "allow_native_code": False,
        "plugins": [],
        "module": "tensorrt",
    }


def test_the_child_loads_the_engine_and_runs_it_once(trt: FakeTensorRT, tmp_path: Path) -> None:
    path = tmp_path / "a.engine"
    path.write_bytes(simple_plan())
    said: list[str] = []
    assert trial_child._try(child_order(path), said.append) == {}
    assert trt.plans == [simple_plan()]
    assert said[-1] == "running it once on zeros"
    assert trt.gpu.memory == {}
    assert trt.gpu.context_stack == []


def test_a_file_that_changed_since_it_was_hashed_is_not_run(
    trt: FakeTensorRT, tmp_path: Path
) -> None:
    path = tmp_path / "a.engine"
    path.write_bytes(simple_plan())
    with pytest.raises(ModelError) as caught:
        trial_child._try(child_order(path, "00" * 32), lambda _text: None)
    assert caught.value.kind == "file-changed"
    assert trt.plans == []
