"""The command `build`: what it takes, prints, writes and refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core import build_order, cli_build
from core.building import before
from core.building.flag_versions import ELSEWHERE
from core.cli import main
from core.errors import ModelError
from core.modelfile import read_model_file
from tests.unit import onnx_models
from tests.unit.command_line import Ask, asking
from tests.unit.fake_tensorrt import simple_plan
from tests.unit.test_build import Child, child

__all__ = ["child"]

BUILDS = f"write({simple_plan()!r}); finish(notes=['A note.'], warnings=['A warning.'])"
SHAPES = ("--minShapes=images:1x3x8x8", "--optShapes=images:2x3x8x8", "--maxShapes=images:4x3x8x8")


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run `build` with --json: its exit status, and the one object it printed."""
    return asking(capfd, "build")


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    """A model whose batch is free, with metadata."""
    return onnx_models.identity(
        tmp_path, shape=(None, 3, 8, 8), metadata={"task": "detect", "names": "{0: 'cat'}"}
    )


def test_the_guides_line_builds_an_engine_beside_its_model(
    child: Child, onnx: Path, ask: Ask
) -> None:
    child.script = BUILDS
    status, answer = ask(onnx, *SHAPES, "--fp16", "--no-check")
    assert status == 0
    engine = onnx.with_suffix(".engine")
    assert engine.read_bytes() == simple_plan()
    assert (answer["model"], answer["target"]) == (str(onnx), str(engine))
    assert answer["size_bytes"] == len(simple_plan())
    assert answer["versions"] == {"tensorrt": "10.3.0", "module": "tensorrt"}
    assert answer["options"]["precision"] == ["fp16"]
    limits = {"min": [1, 3, 8, 8], "opt": [2, 3, 8, 8], "max": [4, 3, 8, 8]}
    assert answer["options"]["profiles"] == [{"images": limits}]
    assert answer["notes"] == ["A note."]
    assert "A warning." in answer["warnings"]
    assert answer["seconds"] >= 0
    assert answer["precision"]["asked"] == ["FP16"]
    assert answer["check"] is None
    assert answer["before"]["operators"] == {"Identity": 1}
    assert Path(answer["sidecar"]).name == f"{engine.name}.json"
    # The exporter's metadata goes along in the side-car.
    metadata = read_model_file(engine).metadata
    assert metadata is not None
    assert metadata.names == ("cat",)


def test_flags_may_stand_before_the_model(child: Child, onnx: Path, ask: Ask) -> None:
    child.script = BUILDS
    status, answer = ask("--fp16", *SHAPES, onnx, "-o", onnx.parent / "other.plan", "--no-check")
    assert status == 0, answer
    assert (onnx.parent / "other.plan").exists()


def test_a_line_of_trtexec_works_as_it_is(child: Child, onnx: Path, ask: Ask) -> None:
    child.script = BUILDS
    target = onnx.parent / "saved.engine"
    status, answer = ask(
        f"--onnx={onnx}", f"--saveEngine={target}", *SHAPES, "--noTF32", "--skipInference",
        "--no-check",
    )  # fmt: skip
    assert status == 0, answer
    assert target.exists()
    assert answer["options"]["precision"] == ["fp32"]


OLD = simple_plan()[:-1]  # cut off


def test_an_engine_that_is_there_stays_unless_it_is_forced(
    child: Child, onnx: Path, ask: Ask
) -> None:
    child.script = BUILDS
    engine = onnx.with_suffix(".engine")
    engine.write_bytes(OLD)
    status, answer = ask(onnx, *SHAPES, "--no-check")
    assert status == 1
    assert answer["error"]["kind"] == "exists"
    assert engine.read_bytes() == OLD
    status, _ = ask(onnx, *SHAPES, "--force", "--no-check")
    assert status == 0
    assert engine.read_bytes() == simple_plan()


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_what_is_no_engine_stays_even_if_it_is_forced(
    child: Child, onnx: Path, ask: Ask, force: tuple[str, ...]
) -> None:
    child.script = BUILDS
    notes = onnx.with_name("notes.txt")
    notes.write_text("mine")
    status, answer = ask(onnx, *SHAPES, "-o", notes, *force, "--no-check")
    assert status == 1
    assert answer["error"]["kind"] == "cannot-save"
    assert "is no TensorRT engine" in answer["error"]["message"]
    assert notes.read_text() == "mine"


def test_a_file_that_is_no_side_car_stays_and_is_told(child: Child, onnx: Path, ask: Ask) -> None:
    child.script = BUILDS
    mine = onnx.with_suffix(".engine.json")
    mine.write_text('{"names": ["cat"]}')
    status, answer = ask(onnx, *SHAPES, "--no-check")
    assert status == 0
    assert answer["sidecar"] is None
    assert any("is no side-car of Enginebay's" in one for one in answer["warnings"])
    assert mine.read_text() == '{"names": ["cat"]}'


def test_metadata_stands_before_the_engine_where_that_is_asked_for(
    child: Child, onnx: Path, ask: Ask
) -> None:
    child.script = "write(json.dumps(order['options']['metadata']).encode()); finish()"
    ask(onnx, *SHAPES, "--embed-metadata", "--no-check", "--no-sidecar")
    written = json.loads(onnx.with_suffix(".engine").read_text())
    assert written == {"task": "detect", "names": "{0: 'cat'}"}
    assert not onnx.with_name("identity.engine.json").exists()


def test_people_read_what_was_built(
    child: Child, onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child.script = BUILDS
    assert main(["build", str(onnx), *SHAPES, "--no-check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Built {onnx.with_suffix('.engine')} (")
    assert lines[0].endswith("with TensorRT 10.3.0 on Fake.")
    assert "A note." in lines
    assert "warning: A warning." in lines


def test_what_is_known_before_a_build_is_told_without_one(
    monkeypatch: pytest.MonkeyPatch, onnx: Path, ask: Ask, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where no profile is given yet, and where no parser can be asked."""

    def no_parser(*_arguments: object, **_options: object) -> None:
        raise ModelError("no-driver", "No driver answers.", "Install one.")

    monkeypatch.setattr(before, "parser_verdict", no_parser)
    assert main(["build", str(onnx), "--check-only"]) == 0
    told = capfd.readouterr().out
    assert "Input images float32 ? x 3 x 8 x 8." in told
    assert "Free dimensions, which a profile must limit, are in: images." in told
    assert "The model has no weights to speak of" in told
    assert "TensorRT's parser could not be asked: " in told
    assert not onnx.with_suffix(".engine").exists()
    status, answer = ask(onnx_models.unknown_operator(onnx.parent), "--check-only")
    assert (status, answer["error"]["kind"]) == (1, "unsupported-operator")
    assert answer["before"]["findings"]


def test_shapes_that_do_not_fit_are_told_without_a_build(
    monkeypatch: pytest.MonkeyPatch, onnx: Path, ask: Ask
) -> None:
    def no_parser(*_arguments: object, **_options: object) -> None:
        raise ModelError("no-driver", "No driver answers.", "Install one.")

    monkeypatch.setattr(before, "parser_verdict", no_parser)
    status, answer = ask(onnx, "--optShapes=picture:1x3x8x8", "--check-only")
    assert (status, answer["error"]["kind"]) == (1, "unknown-input")
    assert answer["before"]["inputs"]
    status, answer = ask(onnx, "--optShapes=images:1x4x8x8", "--check-only")
    assert (status, answer["error"]["kind"]) == (1, "bad-profile")
    status, answer = ask(onnx, *SHAPES, "--check-only")
    assert (status, "error" in answer) == (0, False)


@pytest.mark.parametrize("kind", ["trtexec", "python"])
def test_no_command_is_printed_that_would_write_over_its_model(
    onnx: Path, ask: Ask, kind: str
) -> None:
    status, answer = ask(onnx, "-o", onnx, *SHAPES, "--print-command", kind)
    assert (status, answer["error"]["kind"]) == (1, "cannot-save")
    assert "its own source" in answer["error"]["message"]


def test_without_tensorrt_the_command_is_for_the_version_that_the_window_shows(
    monkeypatch: pytest.MonkeyPatch, onnx: Path, ask: Ask
) -> None:
    monkeypatch.setattr(cli_build, "find_package", lambda _name: None)
    _, answer = ask(onnx, *SHAPES, "--fp16", "--print-command", "trtexec")
    assert answer["tensorrt"] == ELSEWHERE
    assert " --fp16 " in answer["text"]


@pytest.mark.parametrize("kind", ["trtexec", "python"])
@pytest.mark.parametrize(("short", "full"), [("11", "11.0.0"), ("10", "10.0.0"), ("9.1", "9.1.0")])
def test_a_version_without_its_last_numbers_is_the_first_of_them(
    onnx: Path, ask: Ask, kind: str, short: str, full: str
) -> None:
    texts = []
    for version in (short, full):
        asked = (*SHAPES, "--fp16", "--vc", "--print-command", kind, "--tensorrt", version)
        status, answer = ask(onnx, *asked)
        assert status == 0
        texts.append(re.sub(rf"(TensorRT|trtexec) {version}\b", "", answer["text"]))
    assert texts[0] == texts[1]


def test_a_model_without_its_profile_is_told_one_that_fits(onnx: Path, ask: Ask) -> None:
    status, answer = ask(onnx)
    assert (status, answer["error"]["kind"]) == (1, "no-profile")
    _, _, flags = answer["error"]["hint"].partition("For example: ")
    assert "--maxShapes=images:16x3x8x8" in flags
    status, answer = ask(onnx, *flags.split(), "--print-command", "trtexec")
    assert status == 0


def test_ctrl_c_while_the_engine_is_looked_at_says_that_it_is_whole(
    child: Child, onnx: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_given: object, **_more: object) -> None:
        raise KeyboardInterrupt

    child.script = BUILDS
    for name in ("record_build", "tell_truth"):
        monkeypatch.setattr(build_order, name, interrupt)
        status, answer = ask(onnx, *SHAPES, "--force")
        assert (status, answer["error"]["kind"]) == (130, "interrupted")
        assert f"{onnx.with_suffix('.engine')} is whole" in answer["error"]["message"]
        assert onnx.with_suffix(".engine").read_bytes() == simple_plan()


@pytest.mark.parametrize("kind", ["trtexec", "python"])
def test_a_printed_command_builds_nothing(child: Child, onnx: Path, ask: Ask, kind: str) -> None:
    status, answer = ask(onnx, *SHAPES, "--fp16", "--print-command", kind, "--tensorrt", "8.6.1")
    assert status == 0
    assert child.process is None
    assert answer["tensorrt"] == "8.6.1"
    text = answer["text"]
    if kind == "trtexec":
        assert text.startswith("trtexec --onnx=")
        assert "--minShapes=images:1x3x8x8" in text
    else:
        compile(text, "script.py", "exec")
        assert "trt.BuilderFlag.FP16" in text
    assert not onnx.with_suffix(".engine").exists()


def test_trtexec_gets_no_shapes_of_a_model_without_free_dimensions(
    tmp_path: Path, ask: Ask
) -> None:
    """It ends with "Static model does not take explicit shapes"; a build here takes them."""
    onnx = onnx_models.identity(tmp_path, shape=(1, 3, 8, 8))
    shapes = "--optShapes=images:1x3x8x8"
    _, answer = ask(onnx, shapes, "--print-command", "trtexec", "--tensorrt", "10.3.0")
    assert "Shapes" not in answer["text"]
    _, answer = ask(onnx, shapes, "--print-command", "python", "--tensorrt", "10.3.0")
    assert "profile.set_shape" in answer["text"]


def test_a_printed_command_is_the_text_alone(
    onnx: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", str(onnx), *SHAPES, "--print-command", "trtexec"]) == 0
    assert capsys.readouterr().out.startswith("trtexec --onnx=")


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["--fp61"], "build-flags"),
        (["--minShapes", "images:1x3x8x8"], "build-flags"),
        ([], "no-profile"),
        (["--optShapes=pictures:1x3x8x8"], "unknown-input"),
        (
            ["--minShapes=images:4x3x8x8", "--optShapes=images:2x3x8x8",
             "--maxShapes=images:4x3x8x8"],
            "bad-profile",
        ),
        (
            ["--minShapes=images:1x3x8x8", "--optShapes=images:8x3x8x8",
             "--maxShapes=images:4x3x8x8"],
            "bad-profile",
        ),
        ([*SHAPES, "--int8", "--calibration=nowhere"], "calibration-folder"),
        ([*SHAPES, "--plugins=nowhere.so"], "plugin-library"),
        ([*SHAPES, "-o", "."], "cannot-save"),
        ([*SHAPES, "-o", "nowhere/out.engine"], "cannot-save"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error_and_starts_no_build(
    child: Child, onnx: Path, ask: Ask, arguments: list[str], kind: str
) -> None:
    before = sorted(onnx.parent.iterdir())
    status, answer = ask(onnx, *arguments)
    assert status == 1
    assert answer["error"]["kind"] == kind
    assert answer["error"]["hint"]
    assert child.process is None
    assert sorted(onnx.parent.iterdir()) == before


def test_an_engine_over_its_own_source_is_refused(child: Child, onnx: Path, ask: Ask) -> None:
    content = onnx.read_bytes()
    status, answer = ask(onnx, *SHAPES, "-o", onnx, "--force")
    assert (status, answer["error"]["kind"]) == (1, "cannot-save")
    assert "own source" in answer["error"]["message"]
    assert onnx.read_bytes() == content
    assert child.process is None


def test_what_is_no_onnx_is_refused(child: Child, tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "a.onnx").write_bytes(b"hello " * 100)
    (tmp_path / "b.onnx").write_bytes(simple_plan())
    assert ask(tmp_path / "a.onnx")[1]["error"]["kind"] == "unknown"
    assert ask(tmp_path / "b.onnx")[1]["error"]["kind"] == "not-onnx"
    assert ask(tmp_path / "c.onnx")[1]["error"]["kind"] == "not-found"
    missing = onnx_models.external_data_missing(tmp_path)
    assert ask(missing)[1]["error"]["kind"] == "external-data"
    outside = onnx_models.external_data(tmp_path, "/etc/passwd")
    assert ask(outside)[1]["error"]["kind"] == "external-data-outside"
    assert child.process is None


def test_an_operator_that_tensorrt_has_not_is_named_and_nothing_is_built(
    child: Child, tmp_path: Path, ask: Ask
) -> None:
    onnx = onnx_models.unknown_operator(tmp_path)
    child.script = "os._exit(1)"  # the parser, which is asked where there is a doubt
    status, answer = ask(onnx)
    assert (status, answer["error"]["kind"]) == (1, "unsupported-operator")
    assert answer["error"]["evidence"]["operator"]
    assert list(tmp_path.iterdir()) == [onnx]


def test_wrong_usage_ends_with_two(onnx: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        [],
        [str(onnx), f"--onnx={onnx}"],
        [str(onnx), "--tensorrt", "10.3.0"],
        [str(onnx), "--print-command", "python", "--tensorrt", "new"],
        [str(onnx), "--print-command", "python", "--tensorrt", "8.4"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(["build", *arguments])
        assert caught.value.code == 2
    assert "give one MODEL.onnx" in capsys.readouterr().err


def test_without_tensorrt_the_whole_program_says_so(onnx: Path) -> None:
    """Through the real entry point and the real child, on whatever this machine has."""
    if subprocess.run([sys.executable, "-c", "import tensorrt, pycuda"], check=False,
                      capture_output=True).returncode == 0:  # fmt: skip
        pytest.skip("this machine can build")
    done = subprocess.run(
        [sys.executable, "-m", "gui", "build", str(onnx), *SHAPES, "--json"],
        cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["kind"] in ("no-driver", "no-gpu", "no-tensorrt", "no-pycuda")
    assert error["hint"]
    assert not onnx.with_suffix(".engine").exists()
