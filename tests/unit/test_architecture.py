"""What holds for the whole: who imports what, documented names, small files, a tidy top level."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit import onnx_models

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("PySide6", "shiboken6", "pyqtgraph", "tensorrt", "pycuda", "onnxruntime", "cv2")
TOP_LEVEL = {"gui", "core", "tests", "resources", "pyproject.toml", "README.md", "LICENSE"}
LOCK_FILES = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "pylock.toml"}
LONGEST = 350  # lines


def python(code: str, *arguments: str) -> str:
    """Run code in a fresh Python, with every warning an error; gives its standard output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules_of(package: str) -> list[str]:
    """Every module of a package, by name."""
    files = sorted((ROOT / package).rglob("*.py"))
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in files]
    return [".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts]


def tracked_files() -> list[str]:
    """What git knows; skips the test outside a checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return done.stdout.rstrip("\0").split("\0")


SHOW_LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"


@pytest.mark.parametrize(
    ("modules", "more"),
    [
        (["core"], ("numpy",)),
        (["core", "core.errors", "core.tensors", "core.jobs", "core.modelfile"], ("numpy",)),
        (modules_of("core"), ()),
    ],
    ids=["core", "what the window needs at once", "all of core"],
)
def test_importing_core_loads_nothing_heavy(modules: list[str], more: tuple[str, ...]) -> None:
    assert "core.sessions.tensorrt" in modules_of("core")  # so the list is the real one
    loaded = json.loads(python(f"import {', '.join(modules)}; {SHOW_LOADED}"))
    assert set(modules) <= set(loaded)
    tops = {name.partition(".")[0] for name in loaded}
    assert tops & {*HEAVY, *more} == set()


def test_core_runs_a_model_where_there_is_no_qt(tmp_path: Path) -> None:
    import cv2
    import numpy as np

    model, picture = onnx_models.classifier(tmp_path), tmp_path / "red.png"
    cv2.imwrite(str(picture), np.full((12, 16, 3), (0, 0, 255), np.uint8))
    code = """
import sys
for name in ("PySide6", "shiboken6", "pyqtgraph", "gui"):
    sys.modules[name] = None
from core.cli import main
sys.exit(main(sys.argv[1:]))
"""
    answer = json.loads(python(code, "run", str(model), str(picture), "--json"))
    assert answer["images"][0]["predictions"][0]["class_id"] == 0


def test_only_one_module_imports_pycuda_and_core_never_imports_the_window() -> None:
    imports: dict[str, set[str]] = {}
    for path in (ROOT / "core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else [node.module or ""] if isinstance(node, ast.ImportFrom)
                else []
            )  # fmt: skip
            for name in names:
                imports.setdefault(name.partition(".")[0], set()).add(path.name)
    assert imports["pycuda"] == {"cuda.py"}
    assert not {"gui", "PySide6", "shiboken6", "pyqtgraph"} & imports.keys()
    assert "tensorrt" not in imports  # by name at run time: there are three modules of it


@pytest.mark.parametrize("module", modules_of("core"))
def test_every_public_name_in_core_is_documented(module: str) -> None:
    parts = Path(*module.split("."))
    path = ROOT / parts / "__init__.py"
    path = path if path.exists() else (ROOT / parts).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    undocumented = [
        f"{path.name}:{node.lineno} {node.name}"
        for scope in [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef))]
        for node in scope.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and not getattr(scope, "name", "").startswith("_")
        and not ast.get_docstring(node)
    ]
    assert undocumented == []


def test_no_file_is_too_long_to_read_in_one_go() -> None:
    files = [path for package in ("core", "gui") for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 20
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in files
    }
    assert {name: count for name, count in lengths.items() if count > LONGEST} == {}


def test_the_top_level_holds_what_belongs_there() -> None:
    tops = {name.partition("/")[0] for name in tracked_files()}
    strangers = {top for top in tops - TOP_LEVEL if not top.startswith(".")}
    assert strangers == set()
    assert {"core", "gui", "pyproject.toml"} <= tops


def test_no_lock_file_and_no_sample_is_kept() -> None:
    names = tracked_files()
    assert {Path(name).name for name in names} & LOCK_FILES == set()
    assert [name for name in names if name.startswith("shared/") or name.endswith(".engine")] == []


def test_two_thousand_signals_leave_python_alive() -> None:
    """PySide6 6.12.0 drops a reference to True on each emit and so kills Python below 3.12."""
    code = """
import sys
from PySide6.QtCore import QCoreApplication, QObject, Signal

class Sender(QObject):
    sent = Signal(object)

application = QCoreApplication([])
sender, received = Sender(), []
sender.sent.connect(received.append)
before = sys.getrefcount(True)
for number in range(2000):
    sender.sent.emit(number)
lost = before - sys.getrefcount(True)
print(len(received), lost < 1000)
"""
    assert python(code).split() == ["2000", "True"]
