"""The command `build`: make an engine from an ONNX model, and tell what came out."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.building import BuildOptions, BuildReport, build_engine
from core.building.before import require_buildable, tell_before
from core.building.build import check_build, check_model
from core.building.flags import BUILD_FLAGS, options_of_flags, python_script, trtexec_command
from core.building.profiles import inputs_of, used_profiles
from core.building.sidecar import write_sidecar
from core.building.target import check_target
from core.building.truth import Truth, tell_truth
from core.errors import EnginebayError
from core.machine import find_package, read_driver
from core.modelfile import ModelFile, read_model_file
from core.opening import OpenOptions
from core.progress_line import ProgressLine
from core.tensors import bytes_text
from core.text import printable

_NEWEST = "11.4.0"
"""Whose commands are printed where no TensorRT is installed."""

_HELP = f"""\
What the engine is like, trtexec's flags say, in its own spelling:
  --minShapes=input:1x3x224x224 --optShapes=input:8x3x224x224 --maxShapes=input:16x3x224x224
  --profile=1 begins a further optimization profile; names with colons or commas: 'a:0':1x3
  --fp16 --bf16 --int8 --fp8 --best --noTF32; --calibration=FOLDER: pictures for INT8 (ours)
  --memPoolSize=workspace:MiB --builderOptimizationLevel=N --profilingVerbosity=WORD
All of them: {" ".join(sorted(BUILD_FLAGS))}"""


def add_build_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `build` takes; flags in trtexec's spelling are left to options_of_flags."""
    parser.description = "Build an engine from an ONNX model, in a process of its own."
    parser.epilog = _HELP
    parser.add_argument("file", metavar="MODEL", nargs="?", type=Path, help="an ONNX model")
    parser.add_argument("--onnx", metavar="MODEL", type=Path, help="the same, as trtexec has it")
    parser.add_argument(
        "-o",
        "--output",
        "--saveEngine",
        dest="out",
        metavar="OUT",
        type=Path,
        help="the engine (default: beside the model, as MODEL.engine)",
    )
    parser.add_argument("--force", action="store_true", help="replace an engine that is there")
    parser.add_argument(
        "--embed-metadata",
        action="store_true",
        help="put the exporter's metadata before the engine, as Ultralytics does; it is in the "
        "side-car OUT.json in any case, but then trtexec cannot read the engine",
    )
    parser.add_argument(
        "--no-check",
        action="store_true",
        help="do not run the engine once beside its ONNX",
    )
    parser.add_argument("--no-sidecar", action="store_true", help="write no OUT.json")
    parser.add_argument(
        "--check-only",
        action="store_true",
        help="tell what is known of the model before it is built, and build nothing",
    )
    parser.add_argument(
        "--print-command",
        choices=("trtexec", "python"),
        help="print the command or the script that builds the same, and build nothing",
    )
    parser.add_argument(
        "--tensorrt",
        metavar="VERSION",
        help="with --print-command: for this version (default: the one that is installed)",
    )
    parser.add_argument(
        "--allow-native-code",
        action="store_true",
        help="let plugin libraries, and a lean runtime in the engine, run; only those you trust",
    )


def build(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The answer of `enginebay build`, as JSON and as text.

    Args:
        options: as add_build_arguments parses them, with trtexec's flags in `flags`.

    Raises:
        EnginebayError: as core.building.build_engine; kind "exists", if an engine is there and
            was not to be replaced.
    """
    onnx = _model(options)
    target: Path = options.out or onnx.with_suffix(".engine")
    if options.tensorrt is not None and options.print_command is None:
        options.parser.error("--tensorrt is for --print-command")
    if options.tensorrt is not None and not re.fullmatch(r"\d+(?:\.\d+){0,3}", options.tensorrt):
        options.parser.error(f"--tensorrt takes a version such as 10.3.0, not {options.tensorrt!r}")
    chosen = options_of_flags(options.flags)
    file = read_model_file(onnx)
    if options.embed_metadata:
        chosen = replace(chosen, metadata=_metadata(file))
    if options.check_only:
        return _checked(options, onnx, chosen)
    if options.print_command is not None:
        return _printed(options, file, target, chosen)
    if target.is_file() and not options.force:
        check_target(file.path, target, 0)  # what is no engine is not replaced with --force, either
        raise EnginebayError(
            "exists",
            f"There is an engine already: {printable(str(target))}.",
            "Give --force to replace it once the new one is whole, or -o for another place.",
        )
    line = ProgressLine()
    try:
        check_build(file, target, chosen)  # what costs nothing to find out comes first
        before = require_buildable(
            onnx, chosen, allow_native_code=options.allow_native_code, progress=line.show
        )
        report = build_engine(
            onnx, target, chosen, line.show, allow_native_code=options.allow_native_code
        )
        truth, sidecar, problems = _looked_at(options, report, line)
    finally:
        line.clear()
    warnings = [*report.warnings, *(truth.warnings() if truth else ()), *problems]
    answer = report.as_json() | {
        "warnings": warnings,
        "precision": None if truth is None else truth.precision.as_json(),
        "check": None if truth is None or truth.first_run is None else truth.first_run.as_json(),
        "truth": None if truth is None else truth.as_json(),
        "before": before.as_json(),
        "sidecar": None if sidecar is None else str(sidecar),
    }
    return answer, _text(report, before.notes, truth, sidecar, warnings)


def _model(options: argparse.Namespace) -> Path:
    given = [one for one in (options.file, options.onnx) if one is not None]
    if not given:  # argparse takes no model behind a flag that it does not know, people do
        loose = [one for one in options.flags if not one.startswith("-")]
        options.flags = [one for one in options.flags if one.startswith("-")]
        given = [Path(one) for one in loose]
    if len(given) != 1:
        options.parser.error("give one MODEL.onnx")
    found: Path = given[0]
    return found


def _metadata(file: ModelFile) -> dict[str, str]:
    raw = {} if file.metadata is None else file.metadata.raw
    return {key: str(value) for key, value in raw.items()}


def _checked(
    options: argparse.Namespace, onnx: Path, chosen: BuildOptions
) -> tuple[dict[str, Any], str]:
    """What is known before a build; what will stop it is the answer's error, beside all else."""
    line = ProgressLine()
    try:
        before, unasked = tell_before(
            onnx, chosen, allow_native_code=options.allow_native_code, progress=line.show
        )
    finally:
        line.clear()
    problem = before.problem()
    answer: dict[str, Any] = {"model": str(onnx), "before": before.as_json()}
    if problem is not None:
        answer["error"] = problem.as_json()
    return answer, "\n".join([*before.sentences(), *([unasked] if unasked else [])])


def _printed(
    options: argparse.Namespace, file: ModelFile, target: Path, chosen: BuildOptions
) -> tuple[dict[str, Any], str]:
    check_model(file, chosen)
    package = find_package("tensorrt")
    installed = None if package is None else package.version
    version = options.tensorrt or installed or _NEWEST
    write, shown = python_script, chosen
    if options.print_command == "trtexec":
        graph = None if file.onnx is None else file.onnx.graph
        inputs = inputs_of(graph.inputs) if graph is not None and graph.inputs else ()
        if inputs:
            shown = replace(chosen, profiles=used_profiles(chosen.profiles, inputs))
        write = trtexec_command
    text = write(file.path, target, shown, version)
    answer = {
        "model": str(file.path),
        "target": str(target),
        "tensorrt": version,
        "command": options.print_command,
        "text": text,
        "options": chosen.as_json(),
    }
    return answer, text.rstrip("\n")


def _looked_at(
    options: argparse.Namespace, report: BuildReport, line: ProgressLine
) -> tuple[Truth | None, Path | None, list[str]]:
    """The truth of the engine, its side-car, and what went wrong there: the engine is whole."""
    problems: list[str] = []
    truth: Truth | None = None
    opening = OpenOptions(
        allow_native_code=options.allow_native_code, plugins=report.options.plugins
    )
    try:
        truth = tell_truth(
            report.model,
            report.target,
            replace(report.options, strongly_typed=report.strongly_typed),
            report.layers or "",
            opening=opening,
            compare=not options.no_check,
            progress=line.show,
        )
    except EnginebayError as error:
        problems.append(f"The engine was built, but looking at it failed: {error.message}")
    if options.no_sidecar:
        return truth, None, problems
    try:
        sidecar = write_sidecar(
            report.target,
            report.model,
            options=report.options.as_json(),
            versions=report.versions,
            gpu=report.gpu.get("name", ""),
            driver=read_driver().version or "",
            seconds=report.seconds,
            truth=None if truth is None else truth.as_json(),
            built_from=report.onnx_sha256,
            progress=line.show,
        )
    except EnginebayError as error:
        problems.append(f"The engine was built, but has no side-car: {error.message}")
        return truth, None, problems
    return truth, sidecar, problems


def _text(
    report: BuildReport,
    before: Sequence[str],
    truth: Truth | None,
    sidecar: Path | None,
    warnings: list[str],
) -> str:
    on = f" on {report.gpu['name']}" if report.gpu.get("name") else ""
    lines = [
        f"Built {printable(str(report.target))} ({bytes_text(report.size_bytes)}) in "
        f"{report.seconds:.1f} s, with TensorRT {report.versions['tensorrt']}{on}."
    ]
    lines += [*before, *report.notes]
    lines += truth.sentences() if truth is not None else ()
    if sidecar is not None:
        lines.append(f"Side-car: {printable(str(sidecar))}")
    return "\n".join([*lines, *(f"warning: {one}" for one in warnings)])
