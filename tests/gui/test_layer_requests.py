"""What the inference thread answers about layers: an engine of a fake TensorRT, and an ONNX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from core.errors import Cancelled
from core.jobs import Job, JobContext
from core.model import Model
from core.modelfile import ModelFile
from core.sessions import layer_timing
from core.sessions.tensorrt import TensorRTSession
from gui.layer_requests import LayersWanted, TimeLayers, handle_layers
from gui.opening_choices import OpeningChoices
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.fake_tensorrt import simple_plan
from tests.unit.layer_json import NAMES, of_10


@pytest.fixture
def job() -> Job:
    return Job(1, "layers", None)


@pytest.fixture
def context(job: Job) -> JobContext:
    return JobContext(job, lambda _event: None)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """An engine of five layers."""
    gpu = fake_cuda.install(monkeypatch)
    fake_tensorrt.install(monkeypatch, gpu, {"tensorrt": "10.3.0"})
    monkeypatch.setattr(layer_timing, "LEAST_SECONDS", 0.0)
    file = ModelFile(path=Path("x.engine"), kind="tensorrt-plan", size_bytes=1)
    with TensorRTSession(simple_plan(layers=of_10()), "x.engine") as session:
        yield Model(file, session)


@pytest.fixture
def onnx(tmp_path: Path) -> Iterator[Model]:
    with Model.open(onnx_models.classifier(tmp_path)) as model:
        yield model


def test_an_engines_layers_are_read_then_timed(engine: Model, context: JobContext) -> None:
    read = handle_layers(LayersWanted(7), engine, context)
    assert read.serial == 7
    assert [layer.name for layer in read.table.layers] == list(NAMES)
    assert read.table.runs == 0
    timed = handle_layers(TimeLayers(7, OpeningChoices(), Event()), engine, context)
    assert [layer.name for layer in timed.table.layers] == list(NAMES)
    # The fake's layer k takes (k + 1) times as long as its first.
    times = [layer.time_ms or 0.0 for layer in timed.table.layers]
    assert times == pytest.approx([times[0] * (k + 1) for k in range(len(NAMES))])
    assert timed.table.runs > 0


def test_an_onnxs_nodes_are_read_then_timed(onnx: Model, context: JobContext) -> None:
    read = handle_layers(LayersWanted(1), onnx, context)
    assert read.table.source == "onnx"
    assert read.table.runs == 0
    timed = handle_layers(TimeLayers(1, OpeningChoices(), Event()), onnx, context)
    assert timed.table.runs > 0
    shares = [layer.share for layer in timed.table.layers if layer.share is not None]
    assert sum(shares) == pytest.approx(1)


def test_a_measurement_that_is_stopped_before_it_begins_gives_nothing(
    engine: Model, context: JobContext
) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(Cancelled):
        handle_layers(TimeLayers(1, OpeningChoices(), stop), engine, context)


def test_a_measurement_ends_with_its_request(engine: Model, job: Job, context: JobContext) -> None:
    job.cancelled.set()
    with pytest.raises(Cancelled):
        handle_layers(TimeLayers(1, OpeningChoices(), Event()), engine, context)
