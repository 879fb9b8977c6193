"""Engines that cannot run, should not run, or break what runs them: verdicts, errors, trials."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import Model
from core.building import BuildOptions
from core.errors import CudaError, EnginebayError, InputError
from core.machine import find_package
from core.modelfile import read_model_file
from core.paths import DEMO_PICTURE
from core.tensors import Profile
from tests.gpu.conftest import RESULTS, build
from tests.gpu.programs import ROOT, answer, enginebay, in_window
from tests.gpu.small_models import hungry_model, nms_model

COPIES = 60
needs_lean = pytest.mark.skipif(
    find_package("tensorrt_lean") is None, reason="tensorrt_lean is not installed"
)


def error_of(*arguments: object, **environment: str) -> dict[str, Any]:
    found = answer(*arguments, **environment)
    assert "error" in found, found
    error: dict[str, Any] = found["error"]
    assert error["hint"]
    assert "Traceback" not in error["message"]
    return error


# Version, GPU, completeness


def test_an_engine_that_fits_has_a_yes_with_its_evidence(demo_engine: Path) -> None:
    verdict = answer("info", demo_engine)["verdict"]
    assert verdict["can_run"] is True
    assert any("8.6" in line for line in verdict["evidence"])


@needs_lean
def test_an_older_engine_on_a_newer_runtime(demo_engine: Path, figures: dict[str, Any]) -> None:
    lean = {"ENGINEBAY_TENSORRT": "tensorrt_lean"}
    card = answer("info", demo_engine, **lean)
    assert card["verdict"]["can_run"] is False, "it was tried, and refused"
    error = error_of("run", demo_engine, DEMO_PICTURE, **lean)
    figures["translated: 8.6 engine on lean 10.16"] = error["message"]
    assert error["kind"] == "tensorrt-version"
    assert "8.6" in error["message"]
    assert "10.16" in error["message"]
    assert error["details"]


def test_a_newer_engine_on_an_older_runtime(figures: dict[str, Any]) -> None:
    sample = os.environ.get("ENGINEBAY_SAMPLE_NEWER_PLAN")
    if not sample:
        pytest.skip("ENGINEBAY_SAMPLE_NEWER_PLAN names no engine of TensorRT 10")
    verdict = answer("info", sample)["verdict"]
    assert verdict["can_run"] is False
    assert "8.6" in verdict["message"]
    error = error_of("run", sample, "--random")
    figures["translated: 10.0 engine on 8.6"] = error["message"]
    assert error["kind"] == "tensorrt-version"
    assert "10.0.1" in error["message"] + error["hint"]


def damaged(engine: Path, path: Path, change: Callable[[bytearray], Any]) -> Path:
    data = bytearray(engine.read_bytes())
    change(data)
    path.write_bytes(bytes(data))
    return path


def test_a_truncated_engine_is_told_from_the_file_alone(demo_engine: Path, tmp_path: Path) -> None:
    def cut(data: bytearray) -> None:
        del data[len(data) // 2 :]

    path = damaged(demo_engine, tmp_path / "half.engine", cut)
    error = error_of("run", path, DEMO_PICTURE)
    assert error["kind"] == "truncated-plan"
    assert answer("info", path)["file"]["kind"] == "truncated-plan"


def test_a_damaged_header_is_told_in_words(
    demo_engine: Path, tmp_path: Path, figures: dict[str, Any]
) -> None:
    def break_engine_section(data: bytearray) -> None:
        at = data.index(b"ptrt", data.index(b"ftrt"))
        data[at : at + 4] = b"xxxx"

    path = damaged(demo_engine, tmp_path / "header.engine", break_engine_section)
    error = error_of("run", path, DEMO_PICTURE)
    figures["translated: damaged header"] = error["message"]
    assert error["kind"] in ("damaged-plan", "not-a-plan")
    assert error["details"]


# Consent


def test_native_code_runs_only_with_consent_that_is_remembered_and_revocable(
    compatible_engine: Path,
) -> None:
    sha256 = answer("info", compatible_engine)["file"]["sha256"]
    error = error_of("run", compatible_engine, DEMO_PICTURE)
    assert error["kind"] == "needs-consent"
    assert sha256 in error["message"]
    found = answer("run", compatible_engine, DEMO_PICTURE, "--allow-native-code")
    assert found["images"][0]["predictions"]
    found = answer("run", compatible_engine, DEMO_PICTURE)
    assert found["images"][0]["predictions"], "remembered"
    consents = answer("doctor")["consents"]
    assert [one["sha256"] for one in consents] == [sha256]
    assert answer("doctor", "--revoke", sha256[:12])["consents"] == []
    assert error_of("run", compatible_engine, DEMO_PICTURE)["kind"] == "needs-consent"


# Plugins


_BUILD = """
import sys
from core.cuda import open_context
from core.tensorrt_library import load_library
context, library = open_context(), load_library()
trt = library.trt
builder = trt.Builder(library.trt_logger)
network = builder.create_network(1)
assert trt.OnnxParser(network, library.trt_logger).parse_from_file(sys.argv[1])
config = builder.create_builder_config()
config.set_tactic_sources(0)
plan = builder.build_serialized_network(network, config)
open(sys.argv[2], "wb").write(plan)
del plan, config, network, builder
context.close()
"""


@pytest.fixture(scope="module")
def without_plugin(workshop: Path) -> Path:
    """An engine whose plugin has another name than any that is installed."""
    onnx, engine = nms_model(workshop / "nms.onnx"), workshop / "nms.engine"
    if not engine.exists():
        # Without cuBLAS and cuDNN, which TensorRT 8.6 else makes handles of for every plugin.
        command = [sys.executable, "-c", _BUILD, str(onnx), str(engine)]
        subprocess.run(command, check=True, cwd=ROOT, timeout=120)

    def rename(data: bytearray) -> None:
        data[:] = data.replace(b"EfficientNMS_TRT", b"EfficientNMS_TRX")

    return damaged(engine, workshop / "nms-renamed.engine", rename)


def test_a_plugin_of_tensorrts_own_is_there(workshop: Path, without_plugin: Path) -> None:
    found = answer("run", workshop / "nms.engine", "--random")
    assert found["images"][0]["task"]


def test_a_missing_plugin_is_named(without_plugin: Path, figures: dict[str, Any]) -> None:
    error = error_of("run", without_plugin, "--random")
    figures["translated: missing plugin"] = error["message"]
    assert error["kind"] == "missing-plugin"
    assert error["evidence"]["plugin"] == "EfficientNMS_TRX"
    assert "--plugin" in error["hint"]


def test_a_plugin_library_needs_consent_and_must_be_one(
    without_plugin: Path, tmp_path: Path
) -> None:
    library = tmp_path / "libmystery.so"
    library.write_bytes(b"\x7fELF, but no library, EfficientNMS_TRX")
    arguments = ("run", without_plugin, "--random", "--plugin", library)
    error = error_of(*arguments)
    assert error["kind"] == "needs-consent"
    assert error["evidence"]["what"] == "plugin"
    error = error_of(*arguments, "--allow-native-code")
    assert error["kind"] == "plugin-library"


def test_a_library_without_that_plugin_is_loaded_and_does_not_help(without_plugin: Path) -> None:
    import _ctypes  # a real shared library

    arguments = ("run", without_plugin, "--random", "--plugin", _ctypes.__file__)
    error = error_of(*arguments, "--allow-native-code")
    assert error["kind"] == "missing-plugin"


# Shapes and memory


def test_tensorrts_own_word_on_a_shape_outside_the_profile(
    demo_engine: Path, figures: dict[str, Any]
) -> None:
    with Model.open(demo_engine) as model:
        images = np.zeros((5, 3, 256, 256), np.float32)
        with pytest.raises(InputError, match="1 x 3 x 256 x 256 to 4 x 3 x 256 x 256"):
            model(images)
        session = model.session  # and where our own check does not know the profile
        session.inputs = tuple(replace(spec, profiles=()) for spec in session.inputs)
        with pytest.raises(EnginebayError) as caught:
            model(images)
        figures["translated: shape outside the profile"] = caught.value.message
        assert caught.value.kind in ("input-profile", "input-shape")
        assert model(images[:2])["output0"].shape[0] == 2, "the session goes on"


def test_a_huge_profile_runs_out_of_memory_in_words(
    workshop: Path, demo_engine: Path, figures: dict[str, Any]
) -> None:
    profile = Profile((1, 1024), (64, 1024), (2_000_000, 1024))
    options = BuildOptions(optimization_level=0, profiles=({"x": profile},))
    engine = build(hungry_model(workshop / "hungry.onnx"), workshop / "hungry.engine", options)
    with pytest.raises(EnginebayError) as caught:
        Model.open(engine)
    figures["translated: out of memory"] = caught.value.message
    assert caught.value.kind == "out-of-memory"
    assert not caught.value.fatal
    with Model.open(demo_engine) as model:  # and nothing is broken by it
        assert model(np.zeros((1, 3, 256, 256), np.float32))


def test_out_of_memory_says_how_much_was_asked_and_the_session_goes_on(
    demo_engine: Path, cuda_memory: Callable[[], int]
) -> None:
    from core.cuda import open_context

    images = np.zeros((1, 3, 256, 256), np.float32)
    with Model.open(demo_engine) as model:
        model(images)
        context = open_context()
        hogs: list[Any] = []
        size = cuda_memory()
        while size >= 2**16:
            try:
                hogs.append(context.allocate(size, "taking everything"))
            except CudaError:
                size //= 2
        try:
            with pytest.raises(CudaError) as caught:
                model(np.zeros((4, 3, 256, 256), np.float32))
        finally:
            for hog in hogs:
                hog.free()
            context.close()
        assert caught.value.kind == "out-of-memory"
        assert "3,145,728 bytes" in caught.value.message
        assert "GB are free" in caught.value.message
        assert not caught.value.fatal
        assert model(images)["output0"].shape[0] == 1


# Damage that no header tells


def flipped(engine: Path, path: Path, block: int, blocks: int) -> Path:
    """A copy with one flipped bit, somewhere in this of so many blocks of the plan."""
    offset = read_model_file(engine).plan_offset

    def flip(data: bytearray) -> None:
        size = (len(data) - offset - 512) // blocks
        at = offset + 512 + block * size + random.Random(block).randrange(size)
        data[at] ^= 1 << random.Random(block + 1000).randrange(8)

    return damaged(engine, path, flip)


def test_the_window_survives_a_flipped_bit_in_every_block(
    demo_engine: Path, tmp_path: Path, figures: dict[str, Any]
) -> None:
    copies = [
        flipped(demo_engine, tmp_path / f"{block}.engine", block, COPIES) for block in range(COPIES)
    ]
    begin = time.monotonic()
    outcomes = in_window([*copies, demo_engine], DEMO_PICTURE, timeout=390)
    figures["61 openings with trials, s"] = round(time.monotonic() - begin, 1)
    assert len(outcomes) == COPIES + 1
    kinds = Counter(
        "result" if one["problem"] is None else one["problem"] for one in outcomes[:COPIES]
    )
    figures["60 damaged engines in one window"] = dict(kinds)
    for one in outcomes[:COPIES]:
        assert one["has_result"] or (one["problem"] and not one["warning"]), one
        assert one["problem"] not in ("cuda-context-lost", "internal"), one
    assert outcomes[-1]["problem"] is None
    assert outcomes[-1]["predictions"], "the good engine still runs there"


@pytest.fixture(scope="module")
def killer(demo_engine: Path, workshop: Path, figures: dict[str, Any]) -> Path:
    """A damaged engine that loads, and kills the CUDA context when it runs."""
    found: list[Path] = []

    def attempt(number: int) -> None:
        if found:
            return
        path = workshop / f"killer-{number}.engine"

        def overwrite(data: bytearray) -> None:
            generator = random.Random(number)
            at = generator.randrange(4096, len(data) - 4096)
            data[at : at + 512] = generator.randbytes(512)

        damaged(demo_engine, path, overwrite)
        error = answer("info", path).get("verdict", {}).get("reason")
        if error == "engine-kills-gpu-context":
            found.append(path)
        else:
            path.unlink()

    begin = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        for number in range(160):
            pool.submit(attempt, number)
    figures["searching an engine that kills the context, s"] = round(time.monotonic() - begin, 1)
    if not found:
        pytest.skip("none of 160 damaged engines kills the CUDA context here")
    return found[0]


def test_a_trial_catches_an_engine_that_kills_the_context(killer: Path, demo_engine: Path) -> None:
    assert error_of("run", killer, DEMO_PICTURE)["kind"] == "engine-kills-gpu-context"
    outcomes = in_window([killer, demo_engine], DEMO_PICTURE)
    assert outcomes[0]["problem"] == "engine-kills-gpu-context"
    assert outcomes[1]["predictions"]


def test_without_the_trial_the_command_says_that_the_gpu_is_lost(killer: Path) -> None:
    done = enginebay("run", killer, DEMO_PICTURE, "--no-trial")
    assert done.returncode == 1
    assert "Restart Enginebay" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_trial_the_window_keeps_everything_and_restarts(
    killer: Path, demo_engine: Path, tmp_path: Path
) -> None:
    """The restart is real but for its interpreter, which notes what it was asked to run."""
    note = tmp_path / "restarted.txt"
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {note}\n')
    stand_in.chmod(0o755)
    outcomes = in_window(
        [demo_engine, killer],
        DEMO_PICTURE,
        trial=False,
        click="Restart Enginebay",
        shot=RESULTS / "window-lost-gpu.png",
        executable=stand_in,
    )
    assert outcomes[0]["predictions"]
    assert outcomes[1]["problem"] == "cuda-context-lost"
    assert outcomes[1]["action"] == "restart"
    assert outcomes[1]["closed"], "the old window makes way"
    deadline = time.monotonic() + 10
    while not note.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert note.read_text().split("\n")[:-1] == [
        "-m",
        "gui",
        str(killer),
        "--drop",
        str(DEMO_PICTURE),
    ]


def test_a_trial_costs_nothing_the_second_time(
    demo_engine: Path, tmp_path: Path, figures: dict[str, Any]
) -> None:
    def seconds(*options: str) -> float:
        begin = time.monotonic()
        done = enginebay(
            "run", demo_engine, DEMO_PICTURE, *options, XDG_CACHE_HOME=str(tmp_path / "own")
        )
        assert done.returncode == 0, done.stderr
        return round(time.monotonic() - begin, 2)

    first, second, without = seconds(), seconds(), seconds("--no-trial")
    figures["enginebay run, s: with its trial, passed before, without trials"] = [
        first,
        second,
        without,
    ]
    assert second < first
