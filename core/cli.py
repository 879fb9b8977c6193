"""The commands: info, run, bench, layers, build, metadata, doctor. No Qt here.

Standard output carries the answer (with --json exactly one object), standard error the log.
Exit status: 0 done; 1 the file, the model or the machine is at fault; 2 wrong usage; 130 ended by
Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.cli_bench import add_bench_arguments, bench
from core.cli_build import add_build_arguments, build
from core.cli_layers import add_layers_arguments, layers
from core.cli_metadata import add_metadata_arguments, metadata
from core.cli_run import add_run_arguments, run
from core.errors import Cancelled, EnginebayError, interrupted, out_of_memory, reading_failed
from core.machine import describe
from core.modelfile import ModelFile, fingerprint, read_model_file
from core.modelfile.identify import without_stale_sidecar
from core.opening import OpenOptions, open_session
from core.opening_arguments import add_opening_arguments
from core.progress_line import ProgressLine
from core.report import doctor_text, info_text
from core.shelf_report import folder_answer
from core.tensors import TensorSpec
from core.text import printable
from core.trust import consent
from core.verdict import Verdict, judge

COMMANDS = ("info", "run", "bench", "layers", "build", "metadata", "doctor")


def main(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; the first is one of COMMANDS.

    Returns:
        The exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        # Names and metadata may hold what the terminal's encoding does not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options, rest = _parser().parse_known_args(arguments)
    if rest and hasattr(options, "flags"):  # trtexec's own, which argparse need not know
        options.flags, rest = rest, []
    if rest:  # argparse takes no images behind an option, people do
        if not hasattr(options, "images") or any(one.startswith("-") for one in rest):
            options.parser.error(f"unrecognized arguments: {' '.join(rest)}")
        options.images += rest
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.ERROR,
        stream=sys.stderr,
        format="%(levelname)s %(name)s: %(message)s",
    )
    answer: dict[str, Any]
    try:
        answer, text = options.command(options)
    except EnginebayError as error:
        answer, text = {"error": error.as_json()}, ""
    except MemoryError as error:
        answer, text = {"error": out_of_memory(error).as_json()}, ""
    except (KeyboardInterrupt, Cancelled) as error:
        options.status = 130  # as a shell reports it
        left = error.left if isinstance(error, Cancelled) else None
        answer, text = {"error": (left or interrupted()).as_json()}, ""
    except OSError as error:
        answer, text = {"error": reading_failed(error).as_json()}, ""
    failure = answer.get("error")
    if options.json:
        print(json.dumps(answer, indent=2, allow_nan=False, default=str))
    elif text:
        print(text)
    if failure and not options.json:
        print(f"enginebay: {failure['message']}\n{failure['hint']}", file=sys.stderr)
    status: int = getattr(options, "status", 0)
    return status or (1 if failure else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="enginebay")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object")
    common.add_argument("--verbose", action="store_true", help="log to standard error")
    opening = argparse.ArgumentParser(add_help=False)
    add_opening_arguments(opening)
    info = commands.add_parser(
        "info", parents=[common, opening], help="what a model file is, and whether it runs here"
    )
    info.add_argument("file", metavar="FILE", help="a model, or a folder to list its models")
    info.add_argument("--csv", action="store_true", help="print a folder's models as CSV")
    info.set_defaults(command=_info, parser=info)
    run_parser = commands.add_parser(
        "run", parents=[common, opening], help="run images through a model: predictions, timings"
    )
    add_run_arguments(run_parser)
    run_parser.set_defaults(command=_run, parser=run_parser)
    bench_parser = commands.add_parser(
        "bench",
        parents=[common, opening],
        help="measure how fast a model runs",
    )
    add_bench_arguments(bench_parser)
    bench_parser.set_defaults(command=_bench, parser=bench_parser)
    layers_parser = commands.add_parser(
        "layers", parents=[common, opening], help="a model's layers, and what each of them costs"
    )
    add_layers_arguments(layers_parser)
    layers_parser.set_defaults(command=_layers, parser=layers_parser)
    build_parser = commands.add_parser(
        "build",
        parents=[common],
        allow_abbrev=False,  # of trtexec's flags, some begin like ours
        formatter_class=argparse.RawDescriptionHelpFormatter,
        help="build an engine from an ONNX model",
    )
    add_build_arguments(build_parser)
    build_parser.set_defaults(command=build, parser=build_parser, flags=[])
    metadata_parser = commands.add_parser(
        "metadata", parents=[common], help="show, edit or strip the metadata before an engine"
    )
    add_metadata_arguments(metadata_parser)
    metadata_parser.set_defaults(command=metadata, parser=metadata_parser)
    doctor = commands.add_parser(
        "doctor", parents=[common], help="what this machine has for running models"
    )
    doctor.add_argument(
        "--revoke",
        metavar="SHA256",
        help="take back the consent to native code of files whose SHA-256 begins so; all for all",
    )
    doctor.set_defaults(command=_doctor, parser=doctor)
    return parser


def _opening(options: argparse.Namespace) -> OpenOptions:
    return OpenOptions(
        allow_native_code=options.allow_native_code,
        plugins=tuple(options.plugin),
        trial=not options.no_trial,
    )


def _run(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    return run(options, _opening(options))


def _bench(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    return bench(options, _opening(options))


def _layers(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    return layers(options, _opening(options))


def _doctor(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    machine: dict[str, Any] = describe()
    if options.revoke is not None:
        taken = consent.revoke(options.revoke)
        if not taken:
            raise EnginebayError(
                "no-consent",
                "No consent was given to a file whose SHA-256 begins so: "
                f"{printable(options.revoke)!r}.",
                "Run `enginebay doctor` for the list.",
            )
        machine["revoked"] = [one.as_json() for one in taken]
    machine["consents"] = [one.as_json() for one in consent.given()]
    return machine, doctor_text(machine)


def _info(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    if options.csv and options.json:
        options.parser.error("give --json or --csv, not both")
    # Path.is_dir raises below a folder that may not be entered; what reads the file says it better.
    if os.path.isdir(options.file):  # noqa: PTH112
        return folder_answer(Path(options.file), as_csv=options.csv)
    if options.csv:
        options.parser.error("--csv is for a folder")
    file = read_model_file(options.file)
    verdict = judge(file)
    error: EnginebayError | None = file.problem()
    tensors: tuple[TensorSpec, ...] | None = None
    line = ProgressLine()
    if verdict.can_run is not False:
        try:
            with open_session(file, _opening(options), line.show) as session:
                tensors = (*session.inputs, *session.outputs)
                verdict = verdict.after_opening(session.runtime)
        except EnginebayError as refusal:
            verdict = verdict.after_refusal(refusal)
            # A broken ONNX is the file's fault; an engine refused here may be fine elsewhere.
            error = refusal if file.kind == "onnx" else None
    sha256 = fingerprint(file.path, line.show)
    line.clear()
    file = without_stale_sidecar(file, sha256)
    answer = card_json(file, verdict, tensors, sha256)
    if error is not None:
        answer["error"] = error.as_json()
    return answer, info_text(file, verdict, tensors, sha256)


def card_json(
    file: ModelFile, verdict: Verdict, tensors: Sequence[TensorSpec] | None, sha256: str
) -> dict[str, Any]:
    """The object that `enginebay info --json` prints."""
    return {
        "file": {
            "path": str(file.path),
            "kind": file.kind,
            "size_bytes": file.size_bytes,
            "sha256": sha256,
        },
        "plan": None if file.plan is None else file.plan.as_json(),
        "onnx": None
        if file.onnx is None
        else {
            "ir_version": file.onnx.ir_version,
            "producer": file.onnx.producer,
            "opsets": file.onnx.opsets,
            **file.onnx.graph.as_json(),
        },
        "metadata": None if file.metadata is None else dict(file.metadata.raw),
        "built_from": None if file.sidecar is None else file.sidecar.as_json(),
        "side_car_note": file.sidecar_note,
        "verdict": verdict.as_json(),
        "tensors": None if tensors is None else [spec.as_json() for spec in tensors],
    }
