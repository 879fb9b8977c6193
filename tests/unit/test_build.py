"""Builds, against child processes that behave and that misbehave."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import core.child_process
from core.building import BuildOptions, BuildReport, build_engine, options_of_json, write_engine
from core.errors import Cancelled, ModelError
from core.machine import no_driver_error, no_gpu_error
from core.modelfile import read_model_file
from core.tensors import Profile
from tests.unit import onnx_models
from tests.unit.fake_tensorrt import simple_plan

ROOT = Path(__file__).resolve().parents[2]
# What every child script begins with: take the order, and be able to answer.
PRELUDE = """
import json, os, sys, time
given = json.loads(sys.stdin.readline())
order = given["order"]
def say(**message): print(json.dumps({"word": given["word"], **message}), flush=True)
def write(data): open(order["part"], "wb").write(data)
DONE = {"versions": {"tensorrt": "10.3.0", "module": "tensorrt"}, "notes": [], "warnings": [],
        "gpu": {"name": "Fake", "compute_capability": "8.9"}, "log": [], "strongly_typed": False}
def finish(**more): say(done=DONE | more)
"""
# A child that answers as the real one does, but for the build itself.
REAL_CHILD = """
import os, sys, time
sys.path.insert(0, {root!r})
from core.child_process import answer
from core.errors import ModelError
DONE = {done!r}
def build(order, doing):
{body}
    return DONE
answer(build)
"""
DONE = {
    "versions": {"tensorrt": "10.3.0", "module": "tensorrt"},
    "gpu": {"name": "Fake", "compute_capability": "8.9"},
    "notes": [], "warnings": [], "log": [], "strongly_typed": False,
}  # fmt: skip
PROFILE = Profile(min=(1, 3, 8, 8), opt=(2, 3, 8, 8), max=(4, 3, 8, 8))


class Child:
    """Puts a script in the build child's place, and knows the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prelude = PRELUDE
        self.script = ""
        self.process: subprocess.Popen[str] | None = None
        self.command: list[str] = []
        stand_in = SimpleNamespace(
            Popen=self._start,
            PIPE=subprocess.PIPE,
            STDOUT=subprocess.STDOUT,
            TimeoutExpired=subprocess.TimeoutExpired,
        )
        monkeypatch.setattr(core.child_process, "subprocess", stand_in)

    def _start(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        self.command = command
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.prelude + self.script], **options
        )
        return self.process

    def real(self, *lines: str) -> None:
        """The real child, with these lines for its build."""
        body = "\n".join(f"    {line}" for line in lines)
        self.prelude = ""
        self.script = REAL_CHILD.format(root=str(ROOT), body=body, done=DONE)

    @property
    def is_alive(self) -> bool:
        assert self.process is not None
        return self.process.poll() is None


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    return Child(monkeypatch)


class Progress:
    """Remembers what was said; may raise at a word."""

    def __init__(self, cancel_at: str | None = None) -> None:
        self.texts: list[str] = []
        self.cancel_at = cancel_at
        self.cancelled_at = 0.0

    def __call__(self, fraction: float | None, text: str) -> None:
        assert fraction is None  # nobody can know how long TensorRT will take
        self.texts.append(text)
        if self.cancel_at is not None and self.cancel_at in text:
            self.cancelled_at = time.monotonic()
            raise Cancelled


def model(folder: Path) -> Path:
    """An ONNX whose input `images` has a free batch, in a folder beside the target's."""
    place = folder.parent / f"{folder.name}-source"
    place.mkdir(exist_ok=True)
    path = onnx_models.identity(place, shape=(None, 3, 8, 8))
    return path.rename(place / "model.onnx")


def report(
    folder: Path, progress: Progress | None = None, watch: Any = None, **options: Any
) -> BuildReport:
    chosen = BuildOptions(**{"profiles": ({"images": PROFILE},), **options})
    more = {} if watch is None else {"watch": watch}
    return build_engine(
        model(folder), folder / "out.engine", chosen, progress or Progress(), **more
    )


def build(folder: Path, progress: Progress | None = None, **options: Any) -> Path:
    return report(folder, progress, **options).target


# The parent


def test_the_child_is_this_python_running_the_build_child(child: Child, tmp_path: Path) -> None:
    child.script = "write(b'x'); finish()"
    build(tmp_path)
    assert child.command == [sys.executable, "-X", "faulthandler", "-m", "core.building.child"]


def test_what_the_child_does_becomes_progress(child: Child, tmp_path: Path) -> None:
    child.script = """
say(doing="reading the ONNX")
time.sleep(0.3)
say(doing="trying kernels")
write(b"engine")
finish()
"""
    progress = Progress()
    target = build(tmp_path, progress)
    assert target.read_bytes() == b"engine"
    assert progress.texts[0] == "Building an engine from model.onnx: reading the fingerprint"
    assert progress.texts[1] == "Building an engine from model.onnx: starting TensorRT (0 s)"
    doing = [text.split(": ", 1)[1].rsplit(" (", 1)[0] for text in progress.texts]
    order = list(dict.fromkeys(doing))
    assert order == [
        "reading the fingerprint",
        "starting TensorRT",
        "reading the ONNX",
        "trying kernels",
    ]
    assert doing.count("reading the ONNX") >= 3  # told again and again while it waits


def test_the_order_says_everything_that_was_chosen(child: Child, tmp_path: Path) -> None:
    child.script = "write(json.dumps(order).encode()); finish()"
    target = build(
        tmp_path,
        precision=frozenset({"fp16"}),
        optimization_level=2,
        metadata={"task": "detect"},
    )
    order = json.loads(target.read_text())
    assert Path(order["onnx"]).name == "model.onnx"
    assert Path(order["onnx"]).is_absolute()
    assert Path(order["part"]).parent == tmp_path  # renaming must not cross file systems
    assert order["plugins"] == []
    chosen = order["options"]
    limits = {"min": [1, 3, 8, 8], "opt": [2, 3, 8, 8], "max": [4, 3, 8, 8]}
    assert chosen["profiles"] == [{"images": limits}]
    assert (chosen["precision"], chosen["optimization_level"]) == (["fp16"], 2)
    assert chosen["metadata"] == {"task": "detect"}
    assert chosen["version_compatible"] is False
    assert options_of_json(chosen).profiles == ({"images": PROFILE},)


OLD = simple_plan()[:-1]  # cut off


@pytest.mark.parametrize(
    ("script", "kind", "message", "details"),
    [
        (
            'write(b"half"); say(error={"kind": "onnx-parser", "message": "No.", "hint": "Go."})',
            "onnx-parser",
            "No.",
            "",
        ),
        (
            'say(error={"kind": "k", "message": "m", "hint": "h", "details": "raw"})',
            "k",
            "m",
            "raw",
        ),
        (
            'write(b"half"); print("CUDA error 700", flush=True); os._exit(3)',
            "build-crashed",
            "The build of model.onnx died without a word to us.",
            "CUDA error 700\n",
        ),
        (
            'sys.stderr.write("Killed\\n"); sys.stderr.flush(); os.kill(os.getpid(), 9)',
            "build-crashed",
            "The build of model.onnx died without a word to us.",
            "Killed\n",
        ),
        ("os._exit(0)", "build-crashed", "The build of model.onnx died without a word to us.", ""),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_the_old_engine(
    child: Child, tmp_path: Path, script: str, kind: str, message: str, details: str
) -> None:
    (tmp_path / "out.engine").write_bytes(OLD)
    child.script = script
    with pytest.raises(ModelError) as caught:
        build(tmp_path)
    error = caught.value
    assert (error.kind, error.message, error.details) == (kind, message, details)
    assert error.hint
    assert [path.name for path in tmp_path.iterdir()] == ["out.engine"]
    assert (tmp_path / "out.engine").read_bytes() == OLD
    assert not child.is_alive


@pytest.mark.parametrize("kind", ["no-driver", "no-gpu"])
def test_without_a_gpu_the_words_are_of_building(child: Child, tmp_path: Path, kind: str) -> None:
    error = no_driver_error() if kind == "no-driver" else no_gpu_error()
    child.script = f"say(error={error.as_json()!r})"
    with pytest.raises(ModelError) as caught:
        build(tmp_path)
    assert caught.value.kind == kind
    assert caught.value.message.startswith("Building an engine needs an NVIDIA GPU and its driver")
    assert "build on the machine that the engine is for" in caught.value.hint
    assert "run" not in caught.value.message + caught.value.hint


def test_what_a_killed_build_left_is_swept_by_the_next(child: Child, tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (
        f"out.engine.{dead.pid}-123.part",
        f"out.engine.{os.getpid()}-123.part",  # a build of ours in another thread
        f"other.engine.{dead.pid}-123.part",
        f"out.engine.{dead.pid}-123.part.txt",
    ):
        (tmp_path / name).write_bytes(b"half an engine")
    child.script = "write(b'x'); finish()"
    build(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [
            f"other.engine.{dead.pid}-123.part",
            "out.engine",
            f"out.engine.{dead.pid}-123.part.txt",
            f"out.engine.{os.getpid()}-123.part",
        ]
    )


def test_a_child_that_never_reads_its_order_is_a_crash(child: Child, tmp_path: Path) -> None:
    child.prelude = "import os; os._exit(7)"
    with pytest.raises(ModelError) as caught:
        build(tmp_path, metadata={"names": "x" * 200_000})  # more than a pipe holds
    assert caught.value.kind == "build-crashed"


def test_only_the_last_lines_of_a_crash_are_kept(child: Child, tmp_path: Path) -> None:
    child.script = "[print('line', i) for i in range(5000)]; sys.stdout.flush(); os._exit(1)"
    with pytest.raises(ModelError) as caught:
        build(tmp_path)
    lines = caught.value.details.splitlines()
    assert lines[-1] == "line 4999"
    assert len(lines) == 60


@pytest.mark.parametrize(
    "noise",
    ["[1, 2]", '"done"', "{}", '{"Layers": []}', "null", "12", "\\xff\\xfe", '{"done"'],
)
def test_native_output_that_looks_like_json_is_no_message(
    child: Child, tmp_path: Path, noise: str
) -> None:
    child.script = f"""
os.write(1, b'{noise}\\n')
write(b"engine")
finish()
"""
    assert build(tmp_path).read_bytes() == b"engine"


def test_cancelling_kills_the_child_within_a_second_and_leaves_no_file(
    child: Child, tmp_path: Path
) -> None:
    child.script = 'write(b"half"); say(doing="trying kernels"); time.sleep(60)'
    progress = Progress(cancel_at="trying kernels")
    with pytest.raises(Cancelled):
        build(tmp_path, progress)
    assert time.monotonic() - progress.cancelled_at < 1.0
    assert not child.is_alive
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_cannot_be_interrupted_is_killed_too(child: Child, tmp_path: Path) -> None:
    child.script = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
say(doing="deep in native code")
while True: pass
"""
    progress = Progress(cancel_at="deep in native code")
    with pytest.raises(Cancelled):
        build(tmp_path, progress)
    assert time.monotonic() - progress.cancelled_at < 1.0
    assert not child.is_alive


def test_the_environment_reaches_the_child(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENGINEBAY_TENSORRT chooses the module there too; PYTHONPATH lets it find core."""
    monkeypatch.setenv("ENGINEBAY_TENSORRT", "tensorrt_lean")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    child.script = """
write(json.dumps([os.environ["ENGINEBAY_TENSORRT"], os.environ["PYTHONPATH"]]).encode())
finish()
"""
    module, paths = json.loads(build(tmp_path).read_text())
    assert module == "tensorrt_lean"
    assert paths == os.pathsep.join([str(ROOT), "/elsewhere"])


# The child as a process


def test_native_output_does_not_hide_the_childs_answers(child: Child, tmp_path: Path) -> None:
    """Native code prints to standard output as it likes, also without ending its line."""
    child.real(
        "os.write(1, b'Skipping tactic 0 ... ')",
        "doing('trying kernels')",
        "os.write(2, b'half a line')",
        "print('more')",
        "open(order['part'], 'wb').write(b'engine')",
        "os.write(1, b'[progress] 100%')",
    )
    progress = Progress()
    assert build(tmp_path, progress).read_bytes() == b"engine"


def test_the_childs_error_arrives_whole(child: Child, tmp_path: Path) -> None:
    child.real(
        "os.write(1, b'about to fail: ')",
        "raise ModelError('onnx-parser', 'It is refused.', 'Export again.', details='node 3',",
        "                 evidence={'operator': 'MyOp'})",
    )
    with pytest.raises(ModelError, match=r"It is refused\.") as caught:
        build(tmp_path)
    assert (caught.value.kind, caught.value.hint) == ("onnx-parser", "Export again.")
    assert caught.value.details == "node 3"
    assert caught.value.evidence == {"operator": "MyOp"}


def test_a_mistake_in_the_child_shows_its_traceback_in_the_details(
    child: Child, tmp_path: Path
) -> None:
    child.real("raise KeyError('a mistake of ours')")
    with pytest.raises(ModelError) as caught:
        build(tmp_path)
    assert caught.value.kind == "build-crashed"
    assert "KeyError: 'a mistake of ours'" in caught.value.details


def test_the_child_dies_with_its_parent() -> None:
    body = "    doing('working'); time.sleep(60)"
    script = REAL_CHILD.format(root=str(ROOT), body=body, done=DONE)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(b'{"word": "x", "order": {}}\n')
        process.stdin.flush()
        assert b"working" in b"".join(process.stdout.readline() for _ in range(2))
        process.stdin.close()  # as when the parent is gone
        assert process.wait(timeout=5) == 1


# What is written


@pytest.mark.parametrize("metadata", [{}, {"task": "detect", "names": "{0: 'café'}", "x": "y"}])
def test_a_written_engine_reads_back_with_its_metadata(
    tmp_path: Path, metadata: dict[str, str]
) -> None:
    path = tmp_path / "model.engine"
    write_engine(path, memoryview(simple_plan()), metadata)
    file = read_model_file(path)
    assert file.kind == ("ultralytics-engine" if metadata else "tensorrt-plan")
    assert file.plan is not None
    assert file.plan.is_complete
    assert path.read_bytes()[file.plan_offset :] == simple_plan()
    assert (dict(file.metadata.raw) if file.metadata else {}) == metadata
    if metadata:
        assert file.plan_offset == 4 + struct.unpack("<i", path.read_bytes()[:4])[0]
