"""The command `bench`: measure a model, say what the numbers mean, keep them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.benchmark.checks import LEFT_OUT, check_options
from core.benchmark.history import History
from core.benchmark.report import main_measurement, result_json, result_text, samples_csv
from core.benchmark.run import run_benchmark
from core.benchmark.sweep import FAILED
from core.benchmark.swept import Sizes, read_sweep
from core.benchmark.trtexec_times import export_times, read_times, result_of
from core.benchmark.values import (
    MEASUREMENTS,
    BenchmarkOptions,
    BenchmarkResult,
    MeasurementName,
    Reading,
)
from core.ctrl_c import noted_ctrl_c
from core.errors import EnginebayError
from core.input_arguments import add_input_arguments, apply_input_arguments
from core.many_images import expanded
from core.model import Model
from core.modelfile import read_model_file
from core.opening import OpenOptions
from core.progress_line import ProgressLine
from core.recipe_arguments import add_recipe_arguments, apply_options
from core.suffixes import IMAGES, MODELS, VIDEOS
from core.tensors import Shape
from core.whole_file import check_can_save, save_text

_DEFAULT = BenchmarkOptions()

_FOR_TIMES = frozenset(
    [
        "file",
        "images",
        "batch",
        "csv",
        "export_times",
        "no_save",
        "json",
        "verbose",
        "command",
        "parser",
    ]
)
"""What applies to an imported file too; nothing of it is kept in the history anyway."""


def add_bench_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `bench` takes: a file, how to measure it, and where the numbers go."""
    parser.add_argument(
        "file", metavar="FILE", help="a model, or the JSON of trtexec --exportTimes"
    )
    parser.add_argument(
        "images",
        metavar="IMAGE",
        nargs="*",
        help="images, and folders of them, for end to end",
    )
    how = parser.add_argument_group("how it is measured")
    how.add_argument(
        "--measure",
        action="append",
        choices=MEASUREMENTS,
        help="only this; may be repeated (default: one at a time, pipelined, and end to end "
        "where there are images)",
    )
    how.add_argument(
        "--duration",
        metavar="S",
        type=float,
        default=_DEFAULT.duration_s,
        help="seconds after the warm-up, for each measurement (default: %(default)g)",
    )
    how.add_argument(
        "--iterations",
        metavar="N",
        type=int,
        default=_DEFAULT.iterations,
        help="queries at least (default: %(default)s)",
    )
    how.add_argument(
        "--warm-up",
        metavar="MS",
        type=float,
        default=_DEFAULT.warm_up_ms,
        help="milliseconds that do not count (default: %(default)g)",
    )
    how.add_argument(
        "--contexts", metavar="N", type=int, help="queries in flight when pipelined; CPU: threads"
    )
    how.add_argument(
        "--find-best", action="store_true", help="try 1 to 4 contexts, with and without CUDA graph"
    )
    how.add_argument("--no-graph", action="store_true", help="no CUDA graph")
    how.add_argument(
        "--no-transfers", action="store_true", help="leave inputs and outputs on the device"
    )
    how.add_argument(
        "--time-all",
        action="store_true",
        help="time every query stage by stage, of short ones too, which costs them some 10 us; "
        "--export-times does so",
    )
    how.add_argument(
        "--wait",
        choices=("spin", "blocking"),
        default=_DEFAULT.wait,
        help="how the host waits for the GPU, and ONNX Runtime's threads for work "
        "(default: %(default)s)",
    )
    how.add_argument("--batch", metavar="N", type=int, help="pictures in a query")
    how.add_argument(
        "--sweep",
        metavar="1,2,4",
        type=_swept,
        default=((), ()),
        help="batches to measure one after another, pipelined; or sizes of the picture, width "
        "before height, as 320x320,640x640",
    )
    where = parser.add_argument_group("where the numbers go")
    where.add_argument(
        "--export-times",
        metavar="FILE",
        type=Path,
        help="write the samples as trtexec's JSON: pipelined, or else the first",
    )
    where.add_argument(
        "--csv", metavar="FILE", type=Path, help="write the samples as CSV, of the same measurement"
    )
    where.add_argument("--no-save", action="store_true", help="keep nothing in the history")
    add_recipe_arguments(parser)
    add_input_arguments(parser)


def _swept(text: str) -> tuple[tuple[int, ...], Sizes]:
    try:
        return read_sweep(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def bench(options: argparse.Namespace, opening: OpenOptions) -> tuple[dict[str, Any], str]:
    """The answer of `enginebay bench`, as JSON and as text.

    Sets `options.status` to 130 where Ctrl-C ended it early: the answer has what there is.

    Args:
        options: as add_bench_arguments parses them.
        opening: how the model is opened.
    """
    if options.find_recipe or options.save_recipe is not None:
        options.parser.error("--find-recipe and --save-recipe are for run")
    if options.find_best and options.contexts is not None:
        options.parser.error("--find-best tries contexts itself: give it or --contexts")
    _refuse_to_overwrite(options)
    for target in (options.export_times, options.csv):
        if target is not None:
            check_can_save(target)
    is_times = _is_json(Path(options.file))
    result = _imported(options) if is_times else _measured(options, opening)
    answer = result_json(result)
    problems: list[EnginebayError] = []
    if not is_times and not options.no_save:
        try:
            History().save(result)
        except EnginebayError as error:  # the numbers are printed all the same
            problems.append(error)
    problems += _failures(result)
    problems += _export(options, result)
    if problems:
        answer["error"] = problems[0].as_json()
    return answer, result_text(result)


def _failures(result: BenchmarkResult) -> list[EnginebayError]:
    """Of what was asked for, also a picture that could not be read.

    What find_best tries is, unless all of it fails, no failure.
    """
    asked = (*result.measurements, *(one for one in result.tried if one.tried_by == "sweep"))
    return [
        EnginebayError(mark.kind, mark.message, mark.advice)
        for one in asked
        for mark in one.marks
        if mark.kind in (FAILED, LEFT_OUT)
    ]


def _is_json(path: Path) -> bool:
    """Whether a file begins as JSON does, and as no model."""
    try:
        with path.open("rb") as file:
            return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{")
    except (OSError, ValueError):  # who reads it as a model says it better
        return False


def _imported(options: argparse.Namespace) -> BenchmarkResult:
    """What trtexec measured, in the same form."""
    if options.images:
        options.parser.error("the times that trtexec measured take no images")
    given = [
        name
        for name, value in vars(options).items()
        if name not in _FOR_TIMES and value != options.parser.get_default(name)
    ]
    if given:
        option = f"--{given[0].replace('_', '-')}"
        options.parser.error(f"{option} is for a model, not for the times that trtexec measured")
    check_options(BenchmarkOptions(measurements=("pipelined",), batch=options.batch))
    path = Path(options.file)
    return result_of(read_times(path), path, batch=options.batch or 1)


def _measured(options: argparse.Namespace, opening: OpenOptions) -> BenchmarkResult:
    line = ProgressLine()
    try:
        opening = replace(opening, spin=options.wait == "spin")
        file = read_model_file(options.file)
        if file.kind == "onnx":
            _refuse_on_cpu(options)
        model = Model.of(file, opening, line.show)
    finally:
        line.clear()
    with model:
        apply_options(options, model)
        apply_input_arguments(model, options)
        asked = BenchmarkOptions(
            measurements=tuple(dict.fromkeys(options.measure or _by_default(options))),
            duration_s=options.duration,
            iterations=options.iterations,
            warm_up_ms=options.warm_up,
            contexts=options.contexts,
            find_best=options.find_best,
            graph=not options.no_graph,
            transfers=not options.no_transfers,
            time_all=options.time_all or options.export_times is not None,
            wait=options.wait,
            batch=options.batch,
            shapes={name: _whole(shape) for name, shape in model.shapes.items()},
            profile=options.profile,
            images=tuple(expanded(options.images)),
            sweep=options.sweep[0],
            sweep_sizes=options.sweep[1],
        )
        with noted_ctrl_c() as interrupted:
            try:
                result = run_benchmark(model, asked, _Shown(line), lambda: bool(interrupted))
            finally:
                line.clear()
    if interrupted:
        options.status = 130  # as a shell reports Ctrl-C
    return result


def _refuse_on_cpu(options: argparse.Namespace) -> None:
    """End the program, as wrong usage does, for what has no meaning on the CPU."""
    for name in ("no_graph", "no_transfers", "time_all"):
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            options.parser.error(
                f"{option} is for engines: an ONNX runs on the CPU, where nothing is captured as a "
                "graph or copied, and every query is timed"
            )


def _whole(shape: Shape) -> tuple[int, ...]:
    return tuple(dim for dim in shape if dim is not None)  # --shape leaves none free


def _by_default(options: argparse.Namespace) -> tuple[MeasurementName, ...]:
    return MEASUREMENTS if options.images else _DEFAULT.measurements


class _Shown:
    """Shows on the progress line what a benchmark's listener is told."""

    def __init__(self, line: ProgressLine) -> None:
        self._line = line

    def phase(self, text: str, fraction: float | None) -> None:
        self._line.show(fraction, text if fraction is None else f"{text}: {fraction:.0%}")

    def samples(self, name: str, rows: np.ndarray) -> None:
        pass

    def reading(self, reading: Reading) -> None:
        pass


def _export(options: argparse.Namespace, result: BenchmarkResult) -> list[EnginebayError]:
    """Write what is asked for; what cannot be written does not keep the rest from it."""
    main = main_measurement(result)
    problems: list[EnginebayError] = []
    for target in (options.export_times, options.csv):
        if target is None or main is None:
            continue
        try:
            is_csv = target is options.csv
            save_text(target, samples_csv(main) if is_csv else export_times(main.samples))
        except EnginebayError as error:
            problems.append(error)
    return problems


def _refuse_to_overwrite(options: argparse.Namespace) -> None:
    """End the program, as wrong usage does, where what it writes would replace what it reads."""
    read = {Path(one).resolve() for one in (options.file, *options.images)}
    if options.csv is not None and options.csv == options.export_times:
        options.parser.error("--csv and --export-times would write the same file")
    for option, target in (("--csv", options.csv), ("--export-times", options.export_times)):
        if target is None:
            continue
        if target.suffix.lower() in (*MODELS, *IMAGES, *VIDEOS) or target.resolve() in read:
            options.parser.error(f"{option} would write over a model or a picture: {target}")
