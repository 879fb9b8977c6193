"""One build that a command asks for, and several one after another: checked, built, told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.building import BuildOptions, BuildReport, build_engine
from core.building.before import require_buildable
from core.building.build import check_build
from core.building.sidecar import record_build
from core.building.target import check_target
from core.building.truth import Truth, tell_truth
from core.errors import Cancelled, EnginebayError, out_of_memory, reading_failed
from core.modelfile import ModelFile
from core.opening import OpenOptions, Progress
from core.progress_line import ProgressLine
from core.tensors import bytes_text
from core.text import counted, printable

Answer = tuple[dict[str, Any], str]
"""What a command answers: as JSON and as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """What is built, where to, and what is done besides.

    Attributes:
        file: the ONNX.
        target: the engine.
        options: the build's.
        is_forced: an engine that is there is replaced.
        allow_native_code: a yes to plugin libraries, and to a lean runtime in the engine.
        compare: run the engine once beside its ONNX.
        records: write the side-car.
        warnings: what is known already and must not be overlooked, a sentence each.
    """

    file: ModelFile
    target: Path
    options: BuildOptions
    is_forced: bool = False
    allow_native_code: bool = False
    compare: bool = True
    records: bool = True
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One of several builds that are asked for.

    Attributes:
        name: the file that was given.
        model: the ONNX; None where only `order` finds it.
        target: the engine.
        order: reads the files; may raise EnginebayError, MemoryError, OSError.
    """

    name: Path
    model: Path | None
    target: Path
    order: Callable[[], BuildOrder]


def check_order(order: BuildOrder) -> None:
    """Nothing, if nothing speaks against a build as far as that costs nothing to find out.

    Raises:
        EnginebayError: as core.building.build.check_build; kind "exists", if an engine is there
            and was not to be replaced.
    """
    file, target = order.file, order.target
    if target.is_file() and not order.is_forced:
        check_target(file.path, target, 0)  # what is no engine is not replaced with --force, either
        raise EnginebayError(
            "exists",
            f"There is an engine already: {printable(str(target))}.",
            "Give --force to replace it once the new one is whole, or -o for another place.",
        )
    check_build(file, target, order.options)


def run_order(order: BuildOrder, prefix: str = "") -> Answer:
    """Build an engine, look at it and record it.

    Args:
        order: what is built.
        prefix: before each line of progress.

    Raises:
        EnginebayError: as check_order, and core.building.build_engine.
        Cancelled: where Ctrl-C came once the engine was whole, with `left` set.
    """
    line = ProgressLine()
    onnx = order.file.path

    def show(fraction: float | None, text: str) -> None:
        line.show(fraction, prefix + text)

    try:
        check_order(order)
        before = require_buildable(
            onnx, order.options, allow_native_code=order.allow_native_code, progress=show
        )
        report = build_engine(
            onnx, order.target, order.options, show, allow_native_code=order.allow_native_code
        )
        try:
            truth, sidecar, problems = _looked_at(order, report, show)
        except (KeyboardInterrupt, Cancelled):
            raise _ended_while_looking(report.target) from None
    finally:
        line.clear()
    told = () if truth is None else truth.warnings()
    warnings = [*order.warnings, *report.warnings, *told, *problems]
    answer = report.as_json() | {
        "warnings": warnings,
        "precision": None if truth is None else truth.precision.as_json(),
        "check": None if truth is None or truth.first_run is None else truth.first_run.as_json(),
        "truth": None if truth is None else truth.as_json(),
        "before": before.as_json(),
        "sidecar": None if sidecar is None else str(sidecar),
    }
    return answer, _text(report, before.notes, truth, sidecar, warnings)


def require_own_targets(wishes: Sequence[Wish]) -> None:
    """Nothing, if no two of them would write the same file.

    Raises:
        EnginebayError: kind "same-target".
    """
    seen: dict[str, Wish] = {}
    for wish in wishes:
        other = seen.setdefault(os.path.normcase(wish.target.resolve()), wish)
        if other is not wish:
            raise EnginebayError(
                "same-target",
                f"{printable(str(other.name))} and {printable(str(wish.name))} would both become "
                f"{printable(str(wish.target))}, so nothing is built.",
                "Build them with two commands, each with its own -o.",
            )


def answer_all(
    wishes: Sequence[Wish],
    ask: Callable[[BuildOrder, str], Answer],
    *,
    check: Callable[[BuildOrder], None] = check_order,
    tells: bool,
) -> dict[str, Any]:
    """Answer several wishes one after another; one that fails does not end the others.

    All are read and checked before the first is begun, so that what cannot be built is told at
    once and not after hours. core.errors.Cancelled and KeyboardInterrupt end all.

    Args:
        wishes: what is asked for.
        ask: answers one of them; may raise EnginebayError. Gets the progress' prefix, too.
        check: raises EnginebayError for what cannot be done.
        tells: print each answer's text as soon as there is one, and errors on standard error.

    Returns:
        "builds", the answers in their order, where one that failed has "error"; "failed", how many.
    """
    answers: dict[int, dict[str, Any]] = {}
    orders: dict[int, BuildOrder] = {}

    def fail(at: int, error: EnginebayError) -> None:
        wish = wishes[at]
        model = orders[at].file.path if at in orders else wish.model
        answers[at] = {
            "model": None if model is None else str(model),
            "target": str(wish.target),
            "error": error.as_json(),
        }
        _tell_error(wish, answers[at], tells)

    for at, wish in enumerate(wishes):
        try:
            orders[at] = wish.order()
            check(orders[at])
        except (EnginebayError, MemoryError, OSError) as error:
            fail(at, _known(error))
    for at, wish in enumerate(wishes):
        if at in answers:
            continue
        try:
            answers[at], text = ask(orders[at], f"{at + 1} of {len(wishes)}: ")
        except (EnginebayError, MemoryError, OSError) as error:
            fail(at, _known(error))
            continue
        if tells:
            sys.stdout.write(f"{text}\n\n")
            sys.stdout.flush()
        if "error" in answers[at]:
            _tell_error(wish, answers[at], tells)
    failed = sum("error" in one for one in answers.values())
    return {"builds": [answers[at] for at in sorted(answers)], "failed": failed}


def count_text(wishes: Sequence[Wish], answer: dict[str, Any], done: str, failed: str) -> str:
    """The last line, as "Built 1 of 3 engines. 2 failed: a.onnx, b.onnx"."""
    names = [
        printable(str(wish.name))
        for wish, one in zip(wishes, answer["builds"], strict=True)
        if "error" in one
    ]
    text = f"{done} {len(wishes) - len(names)} of {counted(len(wishes), 'engine')}."
    return f"{text} {len(names)} {failed}: {', '.join(names)}" if names else text


def _known(error: EnginebayError | MemoryError | OSError) -> EnginebayError:
    if isinstance(error, EnginebayError):
        return error
    return out_of_memory(error) if isinstance(error, MemoryError) else reading_failed(error)


def _tell_error(wish: Wish, answer: dict[str, Any], tells: bool) -> None:
    if tells:
        error = answer["error"]
        name = printable(str(wish.name))
        sys.stderr.write(f"enginebay: {name}: {error['message']}\n{error['hint']}\n\n")
        sys.stderr.flush()


def _looked_at(
    order: BuildOrder, report: BuildReport, show: Progress
) -> tuple[Truth | None, Path | None, list[str]]:
    """The truth of the engine, its side-car, and what went wrong there: the engine is whole."""
    problems: list[str] = []
    truth: Truth | None = None
    opening = OpenOptions(allow_native_code=order.allow_native_code, plugins=report.options.plugins)
    try:
        truth = tell_truth(
            report.model,
            report.target,
            replace(report.options, strongly_typed=report.strongly_typed),
            report.layers or "",
            opening=opening,
            compare=order.compare,
            progress=show,
        )
    except EnginebayError as error:
        problems.append(f"The engine was built, but looking at it failed: {error.message}")
    if not order.records:
        return truth, None, problems
    try:
        sidecar = record_build(report, None if truth is None else truth.as_json(), show)
    except EnginebayError as error:
        problems.append(f"The engine was built, but has no side-car: {error.message}")
        return truth, None, problems
    return truth, sidecar, problems


def _ended_while_looking(target: Path) -> Cancelled:
    """Ctrl-C after the engine was whole, which is not thrown away for that."""
    return Cancelled(
        EnginebayError(
            "interrupted",
            f"Interrupted while the new engine was looked at: {printable(str(target))} is whole "
            "and in its place.",
            "It was not compared with its ONNX, and nothing is recorded beside it. Delete it, or "
            "use it as it is.",
        )
    )


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
