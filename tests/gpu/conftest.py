"""Runs only with a GPU, TensorRT and pycuda; writes what it found to results/."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from core import __version__
from core.building import BuildOptions, build_engine
from core.errors import MachineError
from core.machine import describe, find_package, require_gpu_stack
from core.modelfile import read_model_file
from core.paths import DEMO_MODEL
from core.tensors import Profile
from tests.gpu.small_models import nonzero_model, reshape_model

RESULTS = Path(__file__).parent / "results"
DEMO_BATCH = Profile(min=(1, 3, 256, 256), opt=(1, 3, 256, 256), max=(4, 3, 256, 256))
_figures: dict[str, Any] = {}
_outcomes: dict[str, str] = {}


def _missing() -> str | None:
    try:
        require_gpu_stack()
    except MachineError as error:
        return error.message
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _missing()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(400))
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=f"needs a GPU machine: {reason}"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "tests/gpu/" in report.nodeid and (report.when == "call" or report.outcome != "passed"):
        _outcomes[report.nodeid.split("tests/gpu/")[1]] = report.outcome


def pytest_sessionfinish() -> None:
    """Write the results, if anything ran on a GPU."""
    if _missing() is not None or not any(value != "skipped" for value in _outcomes.values()):
        return
    machine = describe()
    gpu = machine["gpus"][0]["name"].replace(" ", "-")  # type: ignore[index]
    full = find_package("tensorrt")
    version = "lean" if full is None or full.version is None else full.version
    results = {
        "taken_at": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "enginebay": __version__,
        "gpu": machine["gpus"],
        "driver": machine["driver"],
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {
            name: found["version"]
            for name, found in machine["packages"].items()  # type: ignore[attr-defined]
            if found is not None
        },
        "passed": sum(value == "passed" for value in _outcomes.values()),
        "failed": sum(value == "failed" for value in _outcomes.values()),
        "skipped": sum(value == "skipped" for value in _outcomes.values()),
        "tests": _outcomes,
        "figures": _figures,
    }
    RESULTS.mkdir(exist_ok=True)
    # A suite in parts, one after another or side by side, writes a file for each.
    part = os.environ.get("ENGINEBAY_GPU_PART", "")
    path = RESULTS / f"{gpu}-tensorrt-{version}{part and '-'}{part}.json"
    path.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def figures() -> dict[str, Any]:
    """Numbers to keep with the results."""
    return _figures


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The trials that passed, of this suite alone; also for the programs it runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def own_decisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The consents and settings of this test alone; also for the programs it runs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where engines are built; ENGINEBAY_GPU_WORKSHOP keeps them for the next run."""
    kept = os.environ.get("ENGINEBAY_GPU_WORKSHOP")
    if not kept:
        return tmp_path_factory.mktemp("engines")
    folder = Path(kept).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def metadata_of(onnx: Path = DEMO_MODEL) -> dict[str, str]:
    """What the exporter wrote into an ONNX, for its engine; {} for none."""
    metadata = read_model_file(onnx).metadata
    return {} if metadata is None else metadata.texts


def build(onnx: Path, target: Path, options: BuildOptions) -> Path:
    if not target.exists():
        begin = time.monotonic()
        build_engine(onnx, target, options, lambda _fraction, _text: None)
        _figures[f"building {target.name}, s"] = round(time.monotonic() - begin, 1)
    return target


@pytest.fixture(scope="session")
def demo_engine(workshop: Path) -> Path:
    """The demo as FP16 engine with a batch of 1 to 4 and its metadata."""
    options = BuildOptions(
        precision=frozenset({"fp16"}),
        optimization_level=1,
        profiles=({"images": DEMO_BATCH},),
        metadata=metadata_of(),
    )
    return build(DEMO_MODEL, workshop / "demo.engine", options)


@pytest.fixture(scope="session")
def compatible_engine(workshop: Path) -> Path:
    """The demo, version-compatible, with its lean runtime embedded."""
    options = BuildOptions(
        precision=frozenset({"fp16"}),
        version_compatible=True,
        optimization_level=1,
        profiles=({"images": DEMO_BATCH},),
        metadata=metadata_of(),
    )
    return build(DEMO_MODEL, workshop / "compatible.engine", options)


@pytest.fixture(scope="session")
def nonzero_engine(workshop: Path) -> Path:
    """One whose output's size depends on the data; its ONNX lies beside it as nonzero.onnx."""
    onnx = nonzero_model(workshop / "nonzero.onnx")
    options = BuildOptions(profiles=({"x": Profile((1, 8), (4, 8), (8, 8))},))
    return build(onnx, workshop / "nonzero3.engine", options)


@pytest.fixture(scope="session")
def reshape_engine(workshop: Path) -> Path:
    """One with a shape tensor in the host's memory."""
    # The volumes agree at each of the three: 12, 24 and 48 elements.
    profile = {
        "x": Profile((1, 12), (2, 12), (4, 12)),
        "shape": Profile((2, 6), (4, 6), (8, 6)),
    }
    options = BuildOptions(optimization_level=0, profiles=(profile,))
    onnx = reshape_model(workshop / "reshape.onnx")
    return build(onnx, workshop / "reshape.engine", options)


@pytest.fixture
def cuda_memory() -> Iterator[Any]:
    """Reads the device's free bytes; holds a context of its own during the test."""
    from core.cuda import open_context

    context = open_context()
    try:
        yield lambda: context.free_memory()[0]
    finally:
        context.close()
