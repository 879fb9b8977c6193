"""The build child's work, on a builder that is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.building import BuildOptions, child
from core.errors import CudaError, MachineError, ModelError, ModelFileError
from core.modelfile import read_model_file
from core.tensors import Profile
from tests.unit import fake_tensorrt, onnx_models
from tests.unit.fake_builder import StandInBuilder, install_builder

PROFILE = Profile(min=(1, 3, 8, 8), opt=(2, 3, 8, 8), max=(4, 3, 8, 8))


class Heard:
    """core.child_process.Parent: what the child tells."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.said: list[Any] = []

    def doing(self, text: str) -> None:
        self.texts.append(text)

    def say(self, said: Any) -> None:
        self.said.append(dict(said))


Prepare = Callable[..., StandInBuilder]


@pytest.fixture
def prepare(monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """A full module of a version whose builder is the stand-in."""

    def make(version: str = "10.3.0", module: str = "tensorrt", **names: Any) -> StandInBuilder:
        return install_builder(monkeypatch, version, module, **names)

    return make


def order(folder: Path, **options: Any) -> dict[str, Any]:
    chosen = BuildOptions(**{"profiles": ({"images": PROFILE},), **options})
    (folder / "model.onnx").write_bytes(b"\x08\x08\x3a\x00")  # IR version 8, an empty graph
    (folder / "scratch").mkdir(exist_ok=True)
    return {
        "onnx": str(folder / "model.onnx"),
        "part": str(folder / "out.part"),
        "scratch": str(folder / "scratch"),
        "options": json.loads(json.dumps(chosen.as_json())),
        "plugins": [],
    }


def build(wanted: dict[str, Any], heard: Heard | None = None) -> dict[str, Any]:
    return dict(child.build(wanted, heard or Heard()))  # type: ignore[arg-type]


def test_weights_outside_the_folder_are_refused_before_tensorrt_looks(
    prepare: Prepare, tmp_path: Path
) -> None:
    builder, wanted = prepare(), order(tmp_path)
    wanted["onnx"] = str(onnx_models.external_data(tmp_path, "/etc/passwd"))
    with pytest.raises(ModelFileError) as caught:
        build(wanted)
    assert caught.value.kind == "external-data-outside"
    assert builder.parsed == ""


def test_a_build_says_what_it_does_and_writes_the_engine(prepare: Prepare, tmp_path: Path) -> None:
    builder, heard = prepare(), Heard()
    build(order(tmp_path, metadata={"task": "detect"}), heard)
    assert heard.texts == [
        "loading the builder", "reading the ONNX", "trying kernels", "writing the engine",
        "asking the engine for its layers",
    ]  # fmt: skip
    assert builder.parsed == str(tmp_path / "model.onnx")
    assert builder.config.profiling_verbosity.name == "DETAILED"
    assert read_model_file(tmp_path / "out.part").kind == "ultralytics-engine"
    assert builder.state.gpu.context_stack == []


def test_the_parsers_faults_are_told_the_first_in_the_message(
    prepare: Prepare, tmp_path: Path
) -> None:
    prepare().num_errors = 2
    with pytest.raises(
        ModelError, match=r"refuses model\.onnx: no importer for operator 0"
    ) as caught:
        build(order(tmp_path))
    assert caught.value.kind == "onnx-parser"
    assert caught.value.details.splitlines() == [
        "In node 0 (parseGraph): no importer",
        "In node 1 (parseGraph): no importer",
    ]


def test_a_build_that_tensorrt_gives_up_says_its_reason(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare()
    builder.plan, builder.log = None, [(1, "Error Code 10: Internal Error (no kernel for conv)")]
    with pytest.raises(ModelError, match=r"could not build model\.onnx: no kernel for conv"):
        build(order(tmp_path))
    assert not (tmp_path / "out.part").exists()
    builder.log = [(1, "Error Code 1: Cuda Runtime (out of memory)")]
    with pytest.raises(CudaError, match=r"memory for model\.onnx: 12\.3 GB are free"):
        build(order(tmp_path))


def test_a_builder_that_tensorrt_does_not_give_is_an_error_with_the_reason(
    prepare: Prepare, tmp_path: Path
) -> None:
    def refuse(logger: Any) -> Any:
        logger.log(fake_tensorrt.Severity.WARNING, "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    prepare().state.module.Builder = refuse  # type: ignore[attr-defined]
    with pytest.raises(MachineError) as caught:
        build(order(tmp_path))
    assert caught.value.kind == "driver-too-old"


def test_a_fault_of_the_parser_that_is_known_says_what_it_means(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fault:
        def desc(self) -> str:
            return "scales: network input that is shape tensor must have type Int32"

        def __str__(self) -> str:
            return f"In node 7 (importResize): INVALID_NODE: {self.desc()}"

    builder = prepare()
    builder.num_errors = 1
    monkeypatch.setattr(builder, "get_error", lambda index: Fault(), raising=True)
    with pytest.raises(ModelError, match="Tensor scales decides a shape") as caught:
        build(order(tmp_path))
    assert caught.value.kind == "shape-tensor-type"
    assert caught.value.details == str(Fault())


def test_the_builders_own_progress_is_passed_on(prepare: Prepare, tmp_path: Path) -> None:
    prepare("10.3.0")
    heard = Heard()
    build(order(tmp_path), heard)
    phases = [one for one in heard.said if "phase" in one]
    assert phases[0] == {"phase": "Building", "step": 0, "steps": 7}
    assert {"phase": "Building", "step": 2, "steps": 7} in phases  # steps count from 0
    assert phases[-1] == {"phase": None}


def test_a_module_without_a_builder_says_which_one_has_it(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare(module="tensorrt_lean")
    del builder.state.module.Builder  # type: ignore[attr-defined]
    with pytest.raises(
        MachineError, match=r"tensorrt_lean 10\.3\.0 runs engines but cannot"
    ) as caught:
        build(order(tmp_path))
    assert caught.value.kind == "no-builder"


def test_a_folder_that_is_not_there_is_an_error_with_a_hint(
    prepare: Prepare, tmp_path: Path
) -> None:
    prepare()
    wanted = order(tmp_path) | {"part": str(tmp_path / "nowhere" / "out.part")}
    with pytest.raises(ModelError) as caught:
        build(wanted)
    assert caught.value.kind == "cannot-save"
