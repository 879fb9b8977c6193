"""The layers of real engines: the inspector's JSON, times that add up, and names alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import Model
from core.building import BuildOptions
from core.cuda import open_context
from core.errors import ModelError
from core.layers.engine_layers import read_engine_layers, time_engine_layers
from core.layers.graph import laid_out, layer_graph
from core.layers.reading import read_layers
from core.layers.shares import sentence, shares_of, slowest
from core.layers.values import LayerTable
from core.machine import find_package
from core.opening import OpenOptions
from core.paths import RESOURCES
from core.sessions.tensorrt import TensorRTSession
from core.tensorrt_library import load_library
from core.tensors import Profile, numpy_dtype
from tests.gpu.conftest import build
from tests.gpu.small_models import classifier_model, nonzero_model, reshape_model

needs_inspector = pytest.mark.skipif(
    find_package("tensorrt") is None, reason="the lean runtimes have no inspector"
)


@pytest.fixture
def session(demo_engine: Path) -> Iterator[TensorRTSession]:
    with Model.open(demo_engine) as model:
        assert isinstance(model.session, TensorRTSession)
        yield model.session


def assert_sums_match(table: LayerTable) -> None:
    shares = shares_of(table)
    timed = [layer for layer in table.layers if layer.time_ms is not None]
    assert timed
    assert sum(layer.share or 0 for layer in timed) == pytest.approx(1)
    assert shares.total_ms == pytest.approx(sum(layer.time_ms or 0 for layer in timed))
    for split in (shares.by_type, shares.by_precision):
        assert sum(one.share or 0 for one in split) == pytest.approx(1)
        assert sum(one.layers for one in split) == len(table.layers)


@needs_inspector
def test_the_demos_layers_are_told(session: TensorRTSession, figures: dict[str, Any]) -> None:
    table = read_engine_layers(session)
    figures["layers of the demo"] = len(table.layers)
    figures["layers of the demo, schema"] = table.schema
    figures["layers of the demo, types"] = {
        one.name: one.layers for one in shares_of(table).by_type
    }
    assert table.detailed
    assert table.source == "engine"
    major = int(session.library.version.split(".")[0])
    assert table.schema == ("TensorRT 11" if major >= 11 else "TensorRT 8 to 10")
    assert len(table.layers) > 5
    assert all(layer.type for layer in table.layers)
    assert [one.name for one in table.inputs] == [one.name for one in session.inputs]
    assert {one.name for one in table.outputs} == {one.name for one in session.outputs}
    # Shapes were set, so the input's dimensions are the profile's optimum.
    assert table.inputs[0].dims == (1, 3, 256, 256)
    assert any(layer.precision == "float16" for layer in table.layers)
    assert any(layer.tactic for layer in table.layers)
    # What the exporter called the nodes is found again (Metadata, from 8.6 on).
    assert any(name.startswith("/stem") for layer in table.layers for name in layer.origin)
    # Most layers are connected.
    graph = layer_graph(table)
    assert len(graph.edges) >= len(table.layers) // 2
    assert set(laid_out(graph)) == {layer.index for layer in table.layers}


@needs_inspector
def test_the_demos_layers_are_timed_and_sums_match(
    session: TensorRTSession, figures: dict[str, Any]
) -> None:
    table = time_engine_layers(session, read_engine_layers(session))
    assert_sums_match(table)
    assert table.runs >= 10
    total = shares_of(table).total_ms
    assert total is not None
    assert 0 < total < 100
    figures["layers of the demo, sum ms"] = round(total, 4)
    figures["layers of the demo, sentence"] = sentence(table)
    figures["layers of the demo, slowest"] = [
        [one.name[:80], one.time_ms] for one in slowest(table, 3)
    ]
    untimed = [layer.name for layer in table.layers if layer.time_ms is None]
    figures["layers of the demo without a time"] = untimed[:5]
    assert len(untimed) < len(table.layers) / 2


@needs_inspector
def test_timing_leaves_the_session_as_it_was(demo_engine: Path) -> None:
    picture = min((RESOURCES / "demo").glob("picture-*"))
    with Model.open(demo_engine) as model:
        before = model.test(picture)
        assert isinstance(model.session, TensorRTSession)
        time_engine_layers(model.session, read_engine_layers(model.session))
        after = model.test(picture)
        for name, array in before.outputs.items():
            assert (after.outputs[name] == array).all()


@needs_inspector
def test_shapes_may_be_chosen(session: TensorRTSession) -> None:
    pictures = np.zeros((3, 3, 256, 256), numpy_dtype(session.inputs[0].dtype))
    table = read_engine_layers(session, {"images": pictures})
    assert table.inputs[0].dims == (3, 3, 256, 256)


@needs_inspector
def test_free_output_shapes_and_shape_tensors_are_listed_and_timed(
    workshop: Path, tmp_path: Path
) -> None:
    rows = Profile(min=(1, 8), opt=(4, 8), max=(16, 8))
    nonzero = build(
        nonzero_model(tmp_path / "nonzero.onnx"),
        workshop / "layers-nonzero.engine",
        BuildOptions(optimization_level=1, profiles=({"x": rows},)),
    )
    shaped = build(
        reshape_model(tmp_path / "reshape.onnx"),
        workshop / "layers-reshape.engine",
        BuildOptions(
            optimization_level=1,
            profiles=(
                {
                    # The volumes agree at each of the three: 12, 24 and 48 elements.
                    "x": Profile(min=(1, 12), opt=(2, 12), max=(4, 12)),
                    "shape": Profile(min=(2, 6), opt=(4, 6), max=(8, 6)),
                },
            ),
        ),
    )
    for engine in (nonzero, shaped):
        table = read_layers(engine, timed=True)
        assert_sums_match(table)


@needs_inspector
def test_an_engine_with_names_alone_says_how_to_rebuild(tmp_path: Path) -> None:
    """Built here with TensorRT's default verbosity, which Enginebay's own builds do not use."""
    target = tmp_path / "names.engine"
    context = open_context()
    try:
        library = load_library("tensorrt")
        trt = library.trt
        builder = trt.Builder(library.trt_logger)
        explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
        network = builder.create_network(0 if explicit is None else 1 << int(explicit))
        parser = trt.OnnxParser(network, library.trt_logger)
        onnx = classifier_model(tmp_path / "classifier.onnx")
        assert parser.parse(onnx.read_bytes())
        config = builder.create_builder_config()
        config.profiling_verbosity = trt.ProfilingVerbosity.LAYER_NAMES_ONLY
        profile = builder.create_optimization_profile()
        profile.set_shape("images", (1, 3, 64, 64), (1, 3, 64, 64), (2, 3, 64, 64))
        config.add_optimization_profile(profile)
        plan = builder.build_serialized_network(network, config)
        assert plan is not None
        target.write_bytes(memoryview(plan))
        del plan, profile, config, parser, network, builder
    finally:
        context.close()
    table = read_layers(target, timed=True)
    assert not table.detailed
    assert any("--profilingVerbosity=detailed" in note for note in table.notes)
    assert_sums_match(table)


@needs_inspector
def test_the_inspectors_json_reads_the_same_from_a_file(
    session: TensorRTSession, tmp_path: Path
) -> None:
    opened = read_engine_layers(session)
    path = tmp_path / "layers.json"
    path.write_text(session.layer_json(), encoding="utf-8")
    from_file = read_layers(path)
    assert [layer.name for layer in from_file.layers] == [layer.name for layer in opened.layers]
    assert from_file.schema == opened.schema
    # And a profile that another program could have written pairs with it.
    timed = time_engine_layers(session, opened)
    entries = [
        {"name": layer.name, "timeMs": layer.time_ms * timed.runs, "averageMs": layer.time_ms}
        for layer in timed.layers
        if layer.time_ms is not None
    ]
    times = tmp_path / "profile.json"
    times.write_text(json.dumps([{"count": timed.runs}, *entries]))
    paired = read_layers(path, profile=times)
    assert_sums_match(paired)
    assert shares_of(paired).total_ms == pytest.approx(shares_of(timed).total_ms)


def test_the_lean_runtime_says_that_it_cannot_tell(compatible_engine: Path) -> None:
    if find_package("tensorrt_lean") is None:
        pytest.skip("tensorrt_lean is not installed")
    options = OpenOptions(allow_native_code=True, tensorrt_module="tensorrt_lean")
    with pytest.raises(ModelError) as caught:
        read_layers(compatible_engine, options=options)
    assert caught.value.kind == "no-inspector"
