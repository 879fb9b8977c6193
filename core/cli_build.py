"""The command `build`: make engines from ONNX models, and tell what came out."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.build_order import (
    Answer,
    BuildOrder,
    Wish,
    answer_all,
    check_order,
    count_text,
    require_own_targets,
    run_order,
)
from core.building import BuildOptions
from core.building.before import tell_before
from core.building.build import check_model
from core.building.flag_versions import ELSEWHERE, OLDEST, numbers_of
from core.building.flags import BUILD_FLAGS, options_of_flags, python_script, trtexec_command
from core.building.profiles import inputs_of, used_profiles
from core.building.record import other_model, read_record
from core.building.target import check_is_not_source
from core.errors import EnginebayError, ModelFileError
from core.machine import find_package
from core.modelfile import ModelFile, read_model_file
from core.progress_line import ProgressLine
from core.text import printable

_HELP = f"""\
What the engine is like, trtexec's flags say, in its own spelling:
  --minShapes=input:1x3x224x224 --optShapes=input:8x3x224x224 --maxShapes=input:16x3x224x224
  --profile=1 begins a further optimization profile; names with colons or commas: 'a:0':1x3
  --fp16 --bf16 --int8 --fp8 --best --noTF32; --calibration=FOLDER: pictures for INT8 (ours)
  --memPoolSize=workspace:MiB --builderOptimizationLevel=N --profilingVerbosity=WORD
All of them: {" ".join(sorted(BUILD_FLAGS))}"""


def add_build_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `build` takes; flags in trtexec's spelling are left to options_of_flags."""
    parser.description = "Build engines from ONNX models, each in a process of its own."
    parser.epilog = _HELP
    parser.add_argument(
        "file",
        metavar="MODEL",
        nargs="*",
        type=Path,
        help="an ONNX model; several are built one after another",
    )
    parser.add_argument("--onnx", metavar="MODEL", type=Path, help="the same, as trtexec has it")
    parser.add_argument(
        "--rebuild",
        metavar="ENGINE",
        nargs="+",
        action="extend",
        type=Path,
        help="build engines again for this machine, as their side-cars say; each in its own place "
        "with --force, elsewhere with -o; --onnx=MODEL says where a model is now",
    )
    parser.add_argument(
        "-o",
        "--output",
        "--saveEngine",
        dest="out",
        metavar="OUT",
        type=Path,
        help="the engine, or a folder for several (default: beside the model, as MODEL.engine)",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace an engine that is there; with --rebuild, also from a model that has changed",
    )
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


def build(options: argparse.Namespace) -> Answer:
    """The answer of `enginebay build`, as JSON and as text; of several models, {"builds": [...]}.

    Args:
        options: as add_build_arguments parses them, with trtexec's flags in `flags`.

    Raises:
        EnginebayError: of one model, as core.build_order.run_order; of several, what concerns
            all of them: kinds "build-flags", "build-options", "cannot-save", "same-target". What
            one of them fails with is in its answer.
    """
    again: list[Path] = options.rebuild or []
    models = [] if again else _models(options)
    if options.tensorrt is not None and options.print_command is None:
        options.parser.error("--tensorrt is for --print-command")
    if options.tensorrt is not None and not re.fullmatch(r"\d+(?:\.\d+){0,3}", options.tensorrt):
        options.parser.error(f"--tensorrt takes a version such as 10.3.0, not {options.tensorrt!r}")
    if options.tensorrt is not None and numbers_of(options.tensorrt) < OLDEST:
        options.parser.error(f"--tensorrt takes 8.5 or newer, not {options.tensorrt}")
    if again and (options.file or options.flags):
        options.parser.error(
            "--rebuild takes engines alone: what they are built from, and how, is recorded"
        )
    if len(again) > 1 and options.onnx is not None:
        options.parser.error("--onnx is for one engine")
    chosen = options_of_flags(options.flags)
    # Each with its place: a record's engine, or beside the model.
    places = [(one, one) for one in again] or [(one, one.with_suffix(".engine")) for one in models]

    def wish(given: Path, target: Path) -> Wish:
        return Wish(
            name=given,
            model=None if again else given,
            target=target,
            order=lambda: (
                _order_again(options, given, target)
                if again
                else _order(options, read_model_file(given), target, chosen)
            ),
        )

    if len(places) == 1:
        ((given, beside),) = places
        return _ask(options, wish(given, options.out or beside).order(), "")
    targets = _targets(options, [beside for _, beside in places])
    given_each = [given for given, _ in places]
    return _answer_each(options, list(map(wish, given_each, targets)))


def _models(options: argparse.Namespace) -> list[Path]:
    """What was given; the flags lose what is a model."""
    files: list[Path] = options.file
    # argparse takes no model behind a flag that it does not know, people do.
    loose = [one for one in options.flags if not one.startswith("-")]
    if files:
        loose = [one for one in loose if Path(one).suffix.lower() == ".onnx" or Path(one).is_file()]
    if options.onnx is None:
        options.flags = [one for one in options.flags if one not in loose]
        files = [*files, *map(Path, loose)]
    elif files:
        options.parser.error("give MODEL.onnx or --onnx=MODEL.onnx, not both")
    else:
        files = [options.onnx]
    if not files:
        options.parser.error("give one MODEL.onnx, or several, or --rebuild ENGINE")
    return files


def _order(
    options: argparse.Namespace, file: ModelFile, target: Path, chosen: BuildOptions
) -> BuildOrder:
    if options.embed_metadata:
        chosen = replace(chosen, metadata=_metadata(file))
    return BuildOrder(
        file=file,
        target=target,
        options=chosen,
        is_forced=options.force,
        allow_native_code=options.allow_native_code,
        compare=not options.no_check,
        records=not options.no_sidecar,
    )


def _order_again(options: argparse.Namespace, engine: Path, target: Path) -> BuildOrder:
    """What an engine's record asks for.

    Raises:
        ModelFileError: kinds "not-found" and "other-model", of the ONNX; as read_record.
        EnginebayError: as read_record.
    """
    record = read_record(engine)
    onnx: Path = options.onnx or record.onnx
    if not onnx.is_file():
        raise ModelFileError(
            "not-found",
            f"{printable(str(onnx))}, from which {printable(engine.name)} was built, is not there.",
            "Put it back, or say where it is now: --rebuild ENGINE --onnx=MODEL.onnx.",
        )
    line = ProgressLine()
    try:
        other = other_model(record, onnx, line.show)
    finally:
        line.clear()
    if other is not None and not options.force:
        raise ModelFileError(
            other.kind,
            other.message,
            "Put the original back, or give --force if the change is meant.",
            details=other.details,
        )
    file = read_model_file(onnx)
    chosen = record.options
    if chosen.metadata:  # as it is now
        chosen = replace(chosen, metadata=_metadata(file))
    order = _order(options, file, target, chosen)
    return order if other is None else replace(order, warnings=(other.message,))


def _ask(options: argparse.Namespace, order: BuildOrder, prefix: str) -> Answer:
    """What is wanted of an order: what is known of it, its command, or its engine."""
    if options.check_only:
        return _checked(order, prefix)
    if options.print_command is not None:
        return _printed(options, order)
    return run_order(order, prefix)


def _targets(options: argparse.Namespace, beside: Sequence[Path]) -> list[Path]:
    """Where several engines go.

    Raises:
        EnginebayError: kind "cannot-save", if -o is no folder.
    """
    out: Path | None = options.out
    if out is None:
        return list(beside)
    if not out.is_dir():
        raise EnginebayError(
            "cannot-save",
            f"{printable(str(out))} is no folder, and several engines cannot go into one file.",
            "Give a folder that is there, or leave -o out: each goes beside its model then.",
        )
    return [out / one.name for one in beside]


def _answer_each(options: argparse.Namespace, wishes: Sequence[Wish]) -> Answer:
    builds = not options.check_only and options.print_command is None
    require_own_targets(wishes)
    answer = answer_all(
        wishes,
        lambda order, prefix: _ask(options, order, prefix),
        check=check_order if builds else lambda _order: None,
        tells=not options.json,
    )
    options.status = 1 if answer["failed"] else 0
    if builds:
        return answer, count_text(wishes, answer, "Built", "failed")
    if options.check_only:
        return answer, count_text(wishes, answer, "Nothing speaks against", "cannot be built")
    return answer, ""  # what was printed can be run as it is


def _metadata(file: ModelFile) -> dict[str, str]:
    return {} if file.metadata is None else file.metadata.texts


def _checked(order: BuildOrder, prefix: str) -> Answer:
    """What is known before a build; what will stop it is the answer's error, beside all else."""
    line = ProgressLine()
    onnx = order.file.path
    try:
        before, unasked = tell_before(
            onnx,
            order.options,
            allow_native_code=order.allow_native_code,
            progress=lambda fraction, text: line.show(fraction, prefix + text),
        )
    finally:
        line.clear()
    problem = before.problem() or _misfit(order)
    answer: dict[str, Any] = {"model": str(onnx), "before": before.as_json()}
    if problem is not None:
        answer["error"] = problem.as_json()
    return answer, "\n".join([*before.sentences(), *([unasked] if unasked else [])])


def _misfit(order: BuildOrder) -> EnginebayError | None:
    """What is wrong with the shapes that were given for a model; to give none is no fault yet."""
    if order.options.profiles:
        try:
            check_model(order.file, order.options)
        except EnginebayError as error:
            return error
    return None


def _printed(options: argparse.Namespace, order: BuildOrder) -> Answer:
    file, target, chosen = order.file, order.target, order.options
    check_model(file, chosen)
    check_is_not_source(file.path, target)
    package = find_package("tensorrt")
    installed = None if package is None else package.version
    version = options.tensorrt or installed or ELSEWHERE
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
