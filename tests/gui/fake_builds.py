"""A TensorRT that is not there, and a builder that does what a test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.building import BuildOptions, BuildProgress, BuildReport
from core.building.capabilities import OPTIONS, Capabilities
from core.building.looking import Looked
from core.building.parser_verdict import ParserVerdict
from core.errors import EnginebayError

TENSORRT_10 = Capabilities(
    module="tensorrt",
    version="10.3.0",
    missing={
        "dla": "Only Jetson boards have DLA cores.",
        "gpu-fallback": "Only Jetson boards have DLA cores.",
        "same-compute-capability": "This hardware compatibility needs TensorRT 10.9 or newer.",
    },
)
TENSORRT_8 = Capabilities(
    module="tensorrt",
    version="8.6.1",
    missing={
        "bf16": "BF16 needs TensorRT 10.",
        "strip-weights": "Engines without weights need TensorRT 10.",
        "strongly-typed": "Strong typing needs TensorRT 10.",
        "progress": "TensorRT tells its progress from version 10 on.",
    },
)
TENSORRT_11 = Capabilities(
    module="tensorrt",
    version="11.0.0",
    missing=dict.fromkeys(
        ("fp16", "bf16", "int8", "fp8", "best", "calibration"),
        "From TensorRT 11 on precision comes from the ONNX itself.",
    ),
    always_strongly_typed=True,
)
assert set(TENSORRT_11.missing) <= set(OPTIONS)


TRUTH = {
    "engine_bytes": 27,
    "first_run": {"verdict": "agrees"},
    "sentences": [
        "The engine has 27 B.",
        "Input images: float32 ? x 3 x 256 x 256.",
        "You asked for FP16: 94 % of the layers (72 of 77) are FP16; the others are FP32.",
        "On random values the engine gives what its ONNX gives, at most 0.4 % apart.",
    ],
    "warnings": [],
}


class FakeBuilder:
    """Stands in for core.building.build_engine: waits until it is let go, then writes a file.

    Attributes:
        orders: (onnx, target, options, allow_native_code) of every build, in their order.
        error: raised instead, once it is let go.
        moments: what it tells before it waits.
        cancelled: targets of the builds that were ended.
        asked: models that were checked right before their build.
    """

    def __init__(self) -> None:
        self.orders: list[tuple[Path, Path, BuildOptions, bool]] = []
        self.error: EnginebayError | None = None
        self.warnings: tuple[str, ...] = ()
        self.moments: list[BuildProgress] = [
            BuildProgress(phase="reading the ONNX", elapsed_s=0.1),
            BuildProgress(
                phase="trying kernels: Building engine from subgraph",
                step=12,
                steps=40,
                elapsed_s=2.0,
                lines_per_s=37.0,
                last_line="Detected 1 inputs and 1 output network tensors.",
                expected_s=95.0,
            ),
        ]
        self.cancelled: list[Path] = []
        self.asked: list[Path] = []
        self.truth: dict[str, Any] = TRUTH
        self.looking = threading.Event()  # set while it is looked at
        self.may_look = threading.Event()
        self.may_look.set()
        self.go = threading.Event()
        self.running = threading.Event()

    def __call__(
        self,
        onnx: Path,
        target: Path,
        options: BuildOptions,
        progress: Callable[[float | None, str], None],
        *,
        watch: Callable[[BuildProgress], None] = lambda _now: None,
        allow_native_code: bool = False,
    ) -> BuildReport:
        """Runs on the builds' thread."""
        self.orders.append((onnx, target, options, allow_native_code))
        for now in self.moments:
            watch(now)
        self.running.set()
        try:
            while not self.go.is_set():
                watch(self.moments[-1])
                progress(None, "building")
                time.sleep(0.005)
        except BaseException:
            self.cancelled.append(target)
            raise
        finally:
            self.running.clear()
        if self.error is not None:
            raise self.error
        target.write_bytes(b"an engine of a fake builder")
        return BuildReport(
            model=onnx,
            target=target,
            onnx_sha256="0" * 64,
            options=options,
            seconds=12.5,
            size_bytes=target.stat().st_size,
            versions={"tensorrt": "10.3.0", "module": "tensorrt"},
            gpu={"name": "NVIDIA H100", "compute_capability": "9.0"},
            warnings=self.warnings,
            log=("[W] a line of TensorRT's log",),
        )

    def require(self, onnx: Path, _options: BuildOptions, **_others: Any) -> None:
        """Stands in for core.building.before.require_buildable, on the builds' thread."""
        self.asked.append(onnx)

    def look(self, _report: BuildReport, progress: Callable[[float | None, str], None]) -> Looked:
        """Stands in for core.building.looking.look_at_built, on the builds' thread."""
        self.looking.set()
        progress(None, "Looking at the engine: running it")
        while not self.may_look.is_set():
            progress(None, "Looking at the engine: running it")
            time.sleep(0.005)
        self.looking.clear()
        first_run = tuple(self.truth["sentences"][3:])
        return Looked(truth=self.truth, first_run=first_run, sidecar=Path("best.engine.json"))


def use_tensorrt(
    monkeypatch: pytest.MonkeyPatch, capabilities: Capabilities | None = TENSORRT_10
) -> None:
    """A machine with a GPU and this TensorRT."""
    import gui.build_work
    from gui.build_thread import Ability

    verdict = ParserVerdict(parses=True, tensorrt_version="10.3.0", supports_model=True)
    monkeypatch.setattr(gui.build_work, "ability", lambda: Ability(capabilities, None))
    monkeypatch.setattr(gui.build_work, "parser_verdict", lambda *_a, **_k: verdict)


def use_fake_builder(monkeypatch: pytest.MonkeyPatch) -> FakeBuilder:
    """A builder that the test lets go."""
    import gui.build_work

    fake = FakeBuilder()
    monkeypatch.setattr(gui.build_work, "build_engine", fake)
    monkeypatch.setattr(gui.build_work, "look_at_built", fake.look)
    monkeypatch.setattr(gui.build_work, "require_buildable", fake.require)
    return fake
