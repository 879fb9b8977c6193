"""The command bench: its JSON as people script it, its files, its history, and Ctrl-C."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core import cli_bench
from core.benchmark.history import History
from core.benchmark.trtexec_times import TIME_KEYS
from core.cli import main
from core.errors import ModelError
from core.modelfile import fingerprint
from core.sessions.lanes import LaneOptions
from core.sessions.onnx import OnnxSession
from tests.unit import onnx_models
from tests.unit.command_line import Ask, asking

SHORT = ("--duration", "0.05", "--warm-up", "5", "--iterations", "5")
PERCENTILES = {"min", "mean", "p50", "p90", "p95", "p99", "max"}


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run bench with --json: its exit status, and the one object it printed."""
    return asking(capfd, "bench")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return onnx_models.identity(tmp_path, shape=("n", 3, 8, 8))


def picture(path: Path) -> Path:
    assert cv2.imwrite(str(path), np.full((12, 16, 3), 90, np.uint8))
    return path


def test_the_json_has_the_issues_form(ask: Ask, model: Path) -> None:
    status, answer = ask(model, *SHORT)
    assert status == 0
    assert {"model", "machine", "convention", "measurements"} <= answer.keys()
    assert answer["convention"]
    assert answer["model"]["path"] == str(model)
    assert [one["name"] for one in answer["measurements"]] == ["one-at-a-time", "pipelined"]
    for one in answer["measurements"]:
        assert one["samples"] >= 5
        assert one["latency_ms"].keys() == PERCENTILES
        assert one["compute_ms"].keys() == PERCENTILES
        assert one["host_to_device_ms"] is None, "nothing is copied on the CPU"
        assert one["device_to_host_ms"] is None
        assert one["throughput_per_s"] > 0
        assert one["images_per_s"] == pytest.approx(one["throughput_per_s"])
        assert isinstance(one["warnings"], list)
        assert one["complete"] is True
    assert answer["complete"] is True


def test_images_are_measured_end_to_end(ask: Ask, model: Path, tmp_path: Path) -> None:
    status, answer = ask(model, picture(tmp_path / "a.png"), *SHORT)
    assert status == 0
    names = [one["name"] for one in answer["measurements"]]
    assert names == ["one-at-a-time", "pipelined", "end-to-end"]
    assert answer["measurements"][2]["latency_ms"].keys() == PERCENTILES
    assert answer["measurements"][2]["compute_ms"] is None


@pytest.mark.parametrize("content", [None, b"no picture", b"cut"])
def test_a_picture_that_cannot_be_read_is_left_out_and_told(
    ask: Ask, model: Path, tmp_path: Path, content: bytes | None
) -> None:
    good, bad = picture(tmp_path / "a.png"), tmp_path / "b.png"
    if content is not None:
        bad.write_bytes(good.read_bytes()[:60] if content == b"cut" else content)
    status, answer = ask(model, bad, good, *SHORT)
    assert (status, answer["error"]["kind"]) == (1, "left-out")
    assert "1 of 2 pictures" in answer["error"]["message"]
    assert "b.png" in answer["error"]["message"]
    assert answer["options"]["images"] == [str(good)]
    names = {one["name"]: one for one in answer["measurements"]}
    assert all(one["samples"] >= 5 for one in names.values())
    assert names.keys() == {"one-at-a-time", "pipelined", "end-to-end"}
    assert "left-out" in {one["kind"] for one in names["end-to-end"]["warnings"]}
    assert "left-out" not in {one["kind"] for one in names["pipelined"]["warnings"]}


def test_where_no_picture_can_be_read_the_rest_is_measured(
    ask: Ask, model: Path, tmp_path: Path
) -> None:
    status, answer = ask(model, tmp_path / "no.png", *SHORT)
    assert status == 1
    assert "no.png" in answer["error"]["message"]
    samples = {one["name"]: one["samples"] for one in answer["measurements"]}
    assert samples.pop("end-to-end") == 0
    assert all(samples.values())
    status, answer = ask(model, tmp_path / "no.png", *SHORT, "--measure", "end-to-end")
    assert status == 1
    assert "measurements" not in answer


def test_the_best_is_not_searched_for_contexts_that_are_given(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", str(model), "--find-best", "--contexts", "2"])
    assert ended.value.code == 2
    assert "give it or --contexts" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given", [("--contexts", "2"), ("--sweep", "1,2", "--measure", "one-at-a-time")]
)
def test_a_measurement_that_failed_among_others_is_an_error(
    ask: Ask, model: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]
) -> None:
    lanes = OnnxSession.lanes

    def refuse(session: OnnxSession, shapes: Any, options: LaneOptions, values: Any) -> Any:
        if options.count > 1:
            raise ModelError("contexts", "There is room for one.", "Use fewer.")
        return lanes(session, shapes, options, values)

    monkeypatch.setattr(OnnxSession, "lanes", refuse)
    status, answer = ask(model, *SHORT, *given)
    assert status == 1
    assert answer["error"]["message"] == "There is room for one."
    assert answer["error"]["hint"] == "Use fewer."
    assert answer["measurements"][0]["samples"] >= 5


def test_only_what_is_asked_for_is_measured(ask: Ask, model: Path) -> None:
    _, answer = ask(
        model, *SHORT, "--measure", "pipelined", "--contexts", "3", "--batch", "2", "--sweep", "1,2"
    )
    [one] = answer["measurements"]
    assert (one["name"], one["contexts"], one["batch"]) == ("pipelined", 3, 2)
    assert one["images_per_s"] == pytest.approx(2 * one["throughput_per_s"])
    assert [one["batch"] for one in answer["tried"]] == [1, 2]
    assert {one["tried_by"] for one in answer["tried"]} == {"sweep"}
    assert answer["options"]["sweep"] == [1, 2]


def test_a_shape_and_an_input_are_chosen_as_for_run(ask: Ask, model: Path) -> None:
    _, answer = ask(model, *SHORT, "--shape", "images=4x3x8x8", "--input", "images=zeros")
    assert answer["model"]["inputs"][0]["shape"] == [4, 3, 8, 8]
    assert answer["model"]["inputs"][0]["fill"] == "zeros"
    assert answer["measurements"][0]["batch"] == 4
    assert answer["options"]["shapes"] == {"images": [4, 3, 8, 8]}


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("--iterations", "0"), "benchmark-options"),
        (("--duration", "nan"), "benchmark-options"),
        (("--duration", "90000"), "benchmark-options"),
        (("--contexts", "17"), "benchmark-options"),
        (("--measure", "end-to-end"), "benchmark-options"),
        (("--profile", "2"), "no-profile"),
        (("--shape", "images=1x4x8x8"), "input-shape"),
    ],
)
def test_what_cannot_be_measured_is_an_error(
    ask: Ask, model: Path, arguments: tuple[str, ...], kind: str
) -> None:
    status, answer = ask(model, *arguments)
    assert status == 1
    assert answer["error"]["kind"] == kind
    assert answer["error"]["hint"]


def test_a_result_is_kept_in_the_history_unless_asked_not_to(ask: Ask, model: Path) -> None:
    sha256 = fingerprint(model)
    ask(model, *SHORT, "--no-save")
    assert History().entries(sha256) == ()
    _, answer = ask(model, *SHORT)
    [entry] = History().entries(sha256)
    kept = History().load(entry)
    assert [one.samples.queries for one in kept.measurements] == [
        one["samples"] for one in answer["measurements"]
    ]


def test_what_is_exported_is_imported_again_in_the_same_form(
    ask: Ask, model: Path, tmp_path: Path
) -> None:
    times, table = tmp_path / "times.json", tmp_path / "samples.csv"
    _, answer = ask(model, *SHORT, "--export-times", times, "--csv", table)
    pipelined = answer["measurements"][1]
    assert len(table.read_text().splitlines()) == 1 + pipelined["samples"]
    status, imported = ask(times)
    assert status == 0
    [one] = imported["measurements"]
    assert one["name"] == "pipelined"
    assert one["samples"] == pipelined["samples"]
    for name in ("latency_ms", "compute_ms"):
        for key, value in pipelined[name].items():
            assert one[name][key] == pytest.approx(value, abs=1e-5)
    assert one["throughput_per_s"] == pytest.approx(pipelined["throughput_per_s"], rel=1e-5)


@pytest.fixture
def times(tmp_path: Path) -> Path:
    """Of trtexec, one query."""
    starts = {key: 0.5 * at for at, key in enumerate(TIME_KEYS)}
    path = tmp_path / "times.json"
    path.write_text(json.dumps([starts]))
    return path


@pytest.mark.parametrize(
    "given",
    [("--contexts", "99"), ("--duration", "nan"), ("--find-best",), ("--measure", "pipelined"),
     ("--no-graph",), ("--sweep", "1,2"), ("--shape", "a=1x2"), ("--no-trial",), ("--top-k", "3")],
)  # fmt: skip
def test_what_does_not_apply_to_imported_times_is_refused(
    times: Path, given: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", str(times), *given])
    assert ended.value.code == 2
    assert f"{given[0]} is for a model" in capsys.readouterr().err


def test_the_batch_of_imported_times_is_checked(ask: Ask, times: Path) -> None:
    for batch in ("-3", "0", "1" + "0" * 400):
        status, answer = ask(times, "--batch", batch)
        assert (status, answer["error"]["kind"]) == (1, "benchmark-options")
    status, answer = ask(times, "--batch", "4", "--no-save", "--csv", times.with_suffix(".csv"))
    assert status == 0
    [one] = answer["measurements"]
    assert one["images_per_s"] == pytest.approx(4 * one["throughput_per_s"])


@pytest.mark.parametrize("option", ["--no-graph", "--no-transfers", "--time-all"])
def test_what_only_a_gpu_does_is_refused_for_an_onnx(
    model: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", str(model), option])
    assert ended.value.code == 2
    assert f"{option} is for engines" in capsys.readouterr().err


def test_a_sweep_over_sizes_is_in_the_answer_and_in_the_text(
    ask: Ask, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    free = onnx_models.identity(tmp_path, shape=(1, 3, "h", "w"))
    asked = (*SHORT, "--measure", "one-at-a-time", "--sweep", "8x8,32x16")
    status, answer = ask(free, *asked)
    assert status == 0
    assert [one["size_wh"] for one in answer["tried"]] == [[8, 8], [32, 16]]
    assert answer["options"]["sweep_sizes"] == [[8, 8], [32, 16]]
    assert main(["bench", str(free), *asked, "--no-save"]) == 0
    text = capfd.readouterr().out
    assert "size" in text
    assert "32x16" in text


@pytest.mark.parametrize("text", ["two", "8x", "8x8x8", "1.5", "-1", "8x-8"])
def test_a_sweep_of_neither_batches_nor_sizes_is_wrong_usage(
    model: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", str(model), f"--sweep={text}"])
    assert ended.value.code == 2
    assert "neither a batch" in capsys.readouterr().err


def test_foreign_json_is_an_error_that_says_so(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text in ('{"a": 1}', "[1, 2]", "[", '[{"startEnqMs": 1}]'):
        path.write_text(text)
        status, answer = ask(path)
        assert status == 1
        assert answer["error"]["kind"] == "not-times"


def test_a_file_that_is_missing_or_no_model_is_an_error(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "words.onnx"
    path.write_text("some words\n")
    for one in (path, tmp_path / "missing.onnx"):
        status, answer = ask(one)
        assert status == 1
        assert answer["error"]["kind"] in ("unknown", "not-found")


def test_nothing_is_written_over_a_model_or_what_is_read(model: Path, tmp_path: Path) -> None:
    for option in ("--csv", "--export-times"):
        with pytest.raises(SystemExit) as ended:
            main(["bench", str(model), option, str(tmp_path / "other.onnx")])
        assert ended.value.code == 2


def test_what_cannot_be_saved_is_an_error_before_anything_is_measured(
    ask: Ask, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_bench, "run_benchmark", pytest.fail)
    for option in ("--csv", "--export-times"):
        for target in (tmp_path.anchor, ".", tmp_path, tmp_path / "missing" / "a"):
            status, answer = ask(model, option, target)
            assert (status, answer["error"]["kind"]) == (1, "cannot-save")
    with pytest.raises(SystemExit) as ended:
        main(["bench", str(model), "--csv", "a.txt", "--export-times", "a.txt"])
    assert ended.value.code == 2


def test_people_get_text(capfd: pytest.CaptureFixture[str], model: Path) -> None:
    assert main(["bench", str(model), *SHORT, "--find-best"]) == 0
    output, errors = capfd.readouterr()
    assert errors == ""
    for words in ("one at a time", "pipelined", "images/s", "tried", "p99"):
        assert words in output


def test_ctrl_c_prints_what_there_is_and_ends_with_130(
    ask: Ask, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed: list[str] = []

    def press(_shown: object, name: str, _rows: np.ndarray) -> None:
        if not pressed:
            signal.raise_signal(signal.SIGINT)
        pressed.append(name)

    monkeypatch.setattr(cli_bench._Shown, "samples", press)
    before = signal.getsignal(signal.SIGINT)
    status, answer = ask(model, "--duration", "3600")
    assert status == 130
    assert answer["complete"] is False
    [one] = answer["measurements"]
    assert one["complete"] is False
    assert one["samples"] > 0
    assert "incomplete" in [mark["kind"] for mark in one["warnings"]]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_it_at_once(
    ask: Ask, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_twice(_shown: object, _name: str, _rows: np.ndarray) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(cli_bench._Shown, "samples", press_twice)
    status, answer = ask(model, "--duration", "3600")
    assert status == 130
    assert list(answer) == ["error"]
    assert answer["error"]["kind"] == "interrupted"


def test_ctrl_c_while_the_model_is_opened_is_said(
    ask: Ask, model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def press(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("core.model.Model.of", press)
    status, answer = ask(model)
    assert (status, answer["error"]["kind"]) == (130, "interrupted")
    assert main(["bench", str(model)]) == 130
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.startswith("enginebay: Interrupted.")
