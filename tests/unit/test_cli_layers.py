"""The command `layers`: what it takes, prints and refuses."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from core import Model
from core.cli import main
from core.errors import EnginebayError
from core.layers.reading import is_layer_json, layers_of, read_layers, timed_layers_of
from core.layers.rows import found, in_order, tensor_text
from core.layers.values import Layer, LayerTensor
from core.opening import OpenOptions
from core.paths import DEMO_MODEL
from core.sessions import layer_timing
from core.sessions.onnx import OnnxSession
from tests.unit import fake_cuda, fake_tensorrt, layer_json, onnx_models
from tests.unit.command_line import Ask, asking
from tests.unit.fake_tensorrt import simple_plan
from tests.unit.layer_json import NAMES, of_10, of_11, profile, text


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run `layers` with --json: its exit status, and the one object it printed."""
    return asking(capfd, "layers")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Layer information of TensorRT 10, and its profile."""
    layers, times = tmp_path / "layers.json", tmp_path / "profile.json"
    layers.write_text(text(of_10()))
    times.write_text(text(profile()))
    return layers, times


def test_layer_information_is_shown_without_a_gpu(files: tuple[Path, Path], ask: Ask) -> None:
    status, answer = ask(files[0])
    assert status == 0
    assert answer["model"] == str(files[0])
    assert answer["source"] == "layer-json"
    assert answer["schema"] == "TensorRT 8 to 10"
    assert answer["detailed"] is True
    assert answer["total_ms"] is None
    assert [one["name"] for one in answer["layers"]] == list(NAMES)
    assert answer["layers"][1] == {
        "index": 1,
        "name": "conv1 + relu1",
        "type": "CaskConvolution",
        "precision": "float16",
        "inputs": [
            {
                "name": "images copy",
                "dtype": "float16",
                "shape": [1, 3, 8, 8],
                "format": layer_json.CHANNELS16,
            }
        ],
        "outputs": [
            {
                "name": "relu1_out",
                "dtype": "float16",
                "shape": [1, 16, 8, 8],
                "format": layer_json.CHANNELS16,
            }
        ],
        "tactic": "sm80_xmma_fprop_implicit_gemm",
        "time_ms": None,
        "median_ms": None,
        "share": None,
        "weight_bytes": 896,
        "origin": ["/conv1/Conv", "/relu1/Relu"],
    }


def test_a_profile_of_the_fewest_layers_is_no_pair(files: tuple[Path, Path], ask: Ask) -> None:
    files[1].write_text(text(profile({NAMES[1]: 1.0})))
    status, answer = ask(files[0], "--profile", files[1])
    assert (status, answer["error"]["kind"]) == (1, "profile-mismatch")
    assert "profile.json times 1 of the 5 layers" in answer["error"]["message"]
    files[1].write_text(text(profile({NAMES[1]: 1.0, NAMES[3]: 1.0})))
    status, answer = ask(files[0], "--profile", files[1])
    assert status == 0


def test_a_profile_gives_times_sorted_slowest_first(files: tuple[Path, Path], ask: Ask) -> None:
    status, answer = ask(files[0], "--profile", files[1])
    assert status == 0
    assert [one["index"] for one in answer["layers"]] == [1, 2, 3, 0, 4]
    assert answer["total_ms"] == pytest.approx(0.1)
    assert sum(one["share"] for one in answer["layers"]) == pytest.approx(1)
    for split in ("by_type", "by_precision"):
        assert sum(one["share"] for one in answer["shares"][split]) == pytest.approx(1)
    assert answer["shares"]["reformats"]["share"] == pytest.approx(0.15)
    assert {one["kind"] for one in answer["hints"]} == {"reformats", "fp32-islands"}
    assert all(one["message"] and one["advice"] for one in answer["hints"])
    assert answer["runs"] == 200


def test_both_schemas_print_the_same_but_for_formats(tmp_path: Path, ask: Ask) -> None:
    answers = []
    for name, value in (("old.json", of_10()), ("new.json", of_11())):
        (tmp_path / name).write_text(text(value))
        _, answer = ask(tmp_path / name)
        for layer in answer["layers"]:
            for tensor in (*layer["inputs"], *layer["outputs"]):
                del tensor["format"]
        answers.append(answer)
    assert answers[0]["layers"] == answers[1]["layers"]
    assert answers[0]["shares"] == answers[1]["shares"]
    assert answers[1]["schema"] == "TensorRT 11"


def test_the_text_names_the_slowest_the_shares_and_the_hints(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["layers", str(files[0]), "--profile", str(files[1])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{files[0]}: 5 layers, TensorRT 8 to 10, 0.1 ms in a mean run of 200"
    assert lines[1] == "65 % of the time in FP16, 20 % in FP32, 15 % in reformats"
    rows = [line.split() for line in lines]
    assert rows[3] == ["layer", "type", "precision", "output", "weights", "ms", "share"]
    assert rows[4][:2] == ["1", "conv1"]
    assert rows[4][-3:] == ["0.0500", "50.0", "%"]
    assert any(line.startswith("15 % of the time (0.015 ms) goes into 2") for line in lines)


def test_names_alone_say_how_to_rebuild(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "names.json"
    path.write_text(json.dumps({"Layers": ["a\x1eb", "c"], "Bindings": []}))
    assert main(["layers", str(path)]) == 0
    output = capsys.readouterr().out
    assert "--profilingVerbosity=detailed" in output
    assert "\x1e" not in output


def test_search_and_sort_choose_what_is_listed_not_what_is_summed(
    files: tuple[Path, Path], ask: Ask
) -> None:
    _, answer = ask(files[0], "--search", "CONV casKconvolution", "--sort", "weights")
    assert [one["index"] for one in answer["layers"]] == [1, 3]
    assert sum(one["layers"] for one in answer["shares"]["by_type"]) == 5
    _, answer = ask(files[0], "--profile", files[1], "--search", "/relu1/Relu")
    assert [one["index"] for one in answer["layers"]] == [1]
    _, answer = ask(files[0], "--search", "nowhere")
    assert answer["layers"] == []


def test_csv_has_a_row_for_each_layer(files: tuple[Path, Path], tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert main(["layers", *map(str, files[:1]), "--csv", str(target), "--sort", "index"]) == 0
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == list(NAMES)
    assert rows[1]["weight bytes"] == "896"
    assert rows[1]["ONNX nodes"] == "/conv1/Conv; /relu1/Relu"
    assert rows[1]["outputs"] == "relu1_out float16 1 x 16 x 8 x 8"


def test_csv_writes_over_no_input(files: tuple[Path, Path], tmp_path: Path) -> None:
    for target in (files[0], files[1], tmp_path / "model.onnx"):
        with pytest.raises(SystemExit) as caught:
            main(["layers", str(files[0]), "--profile", str(files[1]), "--csv", str(target)])
        assert caught.value.code == 2
    assert json.loads(files[1].read_text()) == profile()


def test_an_onnx_is_listed_and_timed(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_timing, "LEAST_SECONDS", 0.0)
    status, answer = ask(DEMO_MODEL)
    assert status == 0
    assert answer["source"] == "onnx"
    assert answer["total_ms"] is None
    listed = len(answer["layers"])
    status, answer = ask(DEMO_MODEL, "--time")
    assert status == 0
    assert 0 < len(answer["layers"]) < listed
    assert sum(one["time_ms"] for one in answer["layers"]) == pytest.approx(answer["total_ms"])
    assert answer["runs"] >= 10


def test_an_engine_is_listed_and_timed(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_timing, "LEAST_SECONDS", 0.0)
    fake_tensorrt.install(monkeypatch, fake_cuda.install(monkeypatch), {"tensorrt": "10.3.0"})
    fake_tensorrt.install_driver(monkeypatch)
    engine = tmp_path / "model.engine"
    engine.write_bytes(simple_plan(layers=of_10()))
    status, answer = ask(engine)
    assert (status, answer["source"]) == (0, "engine")
    status, answer = ask(engine, "--time")
    assert status == 0
    assert [one["index"] for one in answer["layers"]] == [4, 3, 2, 1, 0]
    # A profile that trtexec wrote of the same engine does as well.
    times = tmp_path / "profile.json"
    times.write_text(text(profile()))
    status, answer = ask(engine, "--profile", times)
    assert answer["total_ms"] == pytest.approx(0.1)


def test_an_engine_without_a_gpu_says_how_to_get_the_json(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.machine import Driver

    monkeypatch.setattr("core.machine.read_driver", lambda: Driver(None, ()))
    engine = tmp_path / "model.engine"
    engine.write_bytes(simple_plan())
    status, answer = ask(engine)
    assert status == 1
    assert "--exportLayerInfo" in answer["error"]["hint"]


def test_a_pair_that_does_not_match_is_refused(files: tuple[Path, Path], ask: Ask) -> None:
    files[1].write_text(text(profile({"conv1 + relu1": 1.0, "elsewhere": 2.0})))
    status, answer = ask(files[0], "--profile", files[1])
    assert status == 1
    assert answer["error"]["kind"] == "profile-mismatch"
    assert "1 of its 2 names match the 5 layers" in answer["error"]["message"]


def test_the_wrong_file_in_each_place_is_told(
    files: tuple[Path, Path], tmp_path: Path, ask: Ask
) -> None:
    def kind(*arguments: str | Path) -> str:
        status, answer = ask(*arguments)
        assert status == 1
        assert answer["error"]["hint"]
        return str(answer["error"]["kind"])

    foreign, words = tmp_path / "recipe.json", tmp_path / "words.txt"
    foreign.write_text('{"recipe": {}}')
    words.write_text("hello")
    empty = tmp_path / "empty.json"
    empty.write_bytes(b"")
    assert kind(files[1]) == "not-layers"
    assert kind(foreign) == "not-layers"
    assert kind(words) == "unknown"
    assert kind(empty) == "empty"
    assert kind(tmp_path / "nowhere.json") == "not-found"
    assert kind(tmp_path) == "folder"
    assert kind(files[0], "--profile", files[0]) == "not-profile"
    assert kind(files[0], "--profile", DEMO_MODEL) == "model-file"
    assert kind(files[0], "--time") == "no-model"
    assert kind(onnx_models.unknown_operator(tmp_path), "--time") == "unsupported-operator"


def test_times_come_from_one_place(files: tuple[Path, Path]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["layers", str(files[0]), "--profile", str(files[1]), "--time"])
    assert caught.value.code == 2
    with pytest.raises(EnginebayError):
        read_layers(files[0], profile=files[1], timed=True)


def test_what_the_window_opens_as_layers_is_told_by_content(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    assert is_layer_json(files[0])
    assert not is_layer_json(files[1])
    assert not is_layer_json(DEMO_MODEL)
    assert not is_layer_json(tmp_path / "nowhere")


def test_layers_without_times_or_weights_are_sorted_last() -> None:
    layers = [
        Layer(index=0, name="b"),
        Layer(index=1, name="c", time_ms=1.0, weight_bytes=0),
        Layer(index=2, name="a", time_ms=2.0),
    ]
    assert [one.index for one in in_order(layers, "time")] == [2, 1, 0]
    assert [one.index for one in in_order(layers, "weights")] == [1, 0, 2]
    assert [one.index for one in in_order(layers, "name")] == [2, 0, 1]
    assert found(layers, "") == tuple(layers)


def test_a_tensor_is_told_as_far_as_it_is_known() -> None:
    assert tensor_text(LayerTensor(name="x")) == "x"
    known = LayerTensor(name="x", dtype="int8", dims=(None, 3))
    assert tensor_text(known) == "x int8 ? x 3"


def test_free_dimensions_are_timed_as_wanted(
    tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_timing, "LEAST_SECONDS", 0.0)
    model = onnx_models.classifier(tmp_path, batch="batch")
    _, answer = ask(model, "--time", "--shape", "images=5x3x8x8", "--sort", "index")
    assert answer["layers"][-1]["outputs"][0]["shape"] == [5, 3]
    _, answer = ask(model, "--time", "--sort", "index")
    assert answer["layers"][-1]["outputs"][0]["shape"] == [1, 3]
    status, answer = ask(model, "--time", "--shape", "images=5x4x8x8")
    assert (status, answer["error"]["kind"]) == (1, "input-shape")


def test_an_open_model_is_timed_on_its_chosen_shapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_timing, "LEAST_SECONDS", 0.0)
    with Model.open(onnx_models.classifier(tmp_path, batch="batch")) as model:
        model.choose_inputs({}, {"images": (3, 3, 8, 8)})
        assert [layer.time_ms for layer in layers_of(model).layers] == [None] * 3
        table = timed_layers_of(model, OpenOptions())
        assert table.layers[-1].outputs[0].dims == (3, 3)
        assert model.test_random().outputs["logits"].shape == (3, 3)


def test_a_csv_that_cannot_be_saved_is_an_error_before_the_model_is_opened(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.cli_layers.read_layers", pytest.fail)
    for target in (tmp_path.anchor, ".", tmp_path, tmp_path / "missing" / "a.csv"):
        status, answer = ask(DEMO_MODEL, "--csv", target)
        assert (status, answer["error"]["kind"]) == (1, "cannot-save")


@pytest.mark.parametrize(("pressed_at", "runs"), [(2, None), (8, 5)])
def test_ctrl_c_ends_the_timing_and_keeps_the_runs_so_far(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, pressed_at: int, runs: int | None
) -> None:
    """Three runs warm up: pressed in the second there is nothing, in the eighth there are five."""
    monkeypatch.setattr(layer_timing, "LEAST_SECONDS", 3600.0)
    run, count = OnnxSession.run, 0

    def press(session: OnnxSession, *given: Any) -> Any:
        nonlocal count
        count += 1
        if count == pressed_at:
            signal.raise_signal(signal.SIGINT)
        return run(session, *given)

    monkeypatch.setattr(OnnxSession, "run", press)
    before = signal.getsignal(signal.SIGINT)
    status, answer = ask(DEMO_MODEL, "--time")
    assert status == 130
    assert signal.getsignal(signal.SIGINT) is before
    if runs is None:
        assert answer["error"]["kind"] == "interrupted"
    else:
        assert answer["runs"] == runs
        assert any("cancelled" in note for note in answer["notes"])
