"""What the threads of the Build window do. Nothing here runs on the GUI's thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import core.building.commands
import core.building.memory
import core.building.script  # noqa: F401 - so that the GUI's thread finds all three imported
from core.building import build_engine
from core.building.before import require_buildable
from core.building.capabilities import installed_capabilities
from core.building.estimates import estimate
from core.building.looking import look_at_built
from core.building.no_gpu import cannot_build
from core.building.operator_findings import Finding
from core.building.parser_verdict import parser_verdict
from core.building.precheck import CheckedInput, check_onnx
from core.building.profiles import inputs_of
from core.building.record import BuildRecord, other_model, read_record
from core.building.shapes import propose_profiles
from core.errors import EnginebayError, MachineError, ModelFileError
from core.jobs import JobContext
from core.machine import read_machine
from core.modelfile.facts import card_facts
from core.modelfile.onnx_parts import read_onnx_parts
from core.text import counted, one_line
from gui.build_thread import (
    Ability,
    Built,
    Checked,
    ModelMatched,
    ParserAsked,
    RecordRead,
    RunBuild,
    TargetSeen,
)
from gui.build_words import PRECISIONS, Line, hint_here, report_lines
from gui.problem import Problem

_MOST_LINES = 6  # findings in the window
_MOST_FREE = 3  # inputs in the line of facts


def ability() -> Ability:
    """What the installed TensorRT has, and whether anything can be built here."""
    problem = read_machine().problem()
    why_not = None if problem is None else _cannot_build(problem)
    try:
        capabilities = installed_capabilities()
    except MachineError as error:
        return Ability(None, why_not or (error.message, error.hint))
    if not capabilities.has("build"):
        return Ability(None, (capabilities.why_not("build"), ""))
    return Ability(capabilities, why_not)


def _cannot_build(error: EnginebayError) -> tuple[str, str]:
    message, hint = cannot_build(error)
    return message, hint_here(hint)


def look_at_target(path: Path, onnx: Path | None) -> TargetSeen:
    """What is to be said of the place where an engine shall go."""
    from core.building.sidecar import foreign_words
    from core.building.target import check_target

    try:
        check_target(path.parent if onnx is None else onnx, path, 0)
    except EnginebayError as error:
        return TargetSeen(path, f"{error.message} {error.hint}", is_bad=True)
    words = [foreign_words(path)]
    if path.exists():
        name = one_line(path.name, 80)
        words.insert(0, f"{name} is there already; it is replaced by the complete new one.")
    return TargetSeen(path, " ".join(filter(None, words)))


def record_of(engine: Path) -> RecordRead:
    """How an engine was built.

    Raises:
        EnginebayError: as core.building.record.read_record.
    """
    try:
        return RecordRead(read_record(engine))
    except ModelFileError as error:
        hint = "Open the ONNX that it came from, and build that (Ctrl+Shift+B)."
        raise ModelFileError(error.kind, error.message, hint) from None


def match_model(record: BuildRecord, onnx: Path, context: JobContext) -> ModelMatched:
    """Whether an ONNX has the fingerprint that was recorded."""
    other = other_model(record, onnx, context.progress)
    problem = None
    if other is not None:
        problem = Problem(
            other.kind, other.message, other.hint, details=other.details, is_warning=True
        )
    return ModelMatched(record, onnx, problem)


def check(path: Path, context: JobContext) -> Checked:
    """What an ONNX is, what is free in it, and what it may be built with.

    Raises:
        ModelFileError: as core.building.precheck.check_onnx.
    """
    found = check_onnx(path, progress=context.progress)
    file = found.file
    graph = None if file.onnx is None else file.onnx.graph
    values = () if graph is None else graph.inputs or ()
    names = {one.name: tuple(name or "" for name in one.symbols) for one in found.inputs}
    symbols = {one.name: one.symbols for one in found.inputs}
    elements = read_onnx_parts(path).elements
    free = [_free_words(one) for one in found.inputs if one.free]
    facts = [*card_facts(file)[1:], *free[:_MOST_FREE]]
    if len(free) > _MOST_FREE:
        facts.append(f"{counted(len(free) - _MOST_FREE, 'more input')} with free dimensions")
    if found.external_data:
        facts.append(f"{counted(len(found.external_data), 'other file')} with weights")
    return Checked(
        path=path,
        check=found,
        facts="  \N{MIDDLE DOT}  ".join(facts),
        findings=_finding_lines(found.findings),
        notes=tuple(Line(text, "unsure") for text in found.notes),
        free={one.name: one.shape for one in inputs_of(values) if one.is_free},
        values={
            one.name: one.shape[0] or 0 if one.shape else 1
            for one in inputs_of(values)
            if one.takes_values is None and not one.is_free
        },
        names={name: dims for name, dims in names.items() if dims},
        profiles=propose_profiles(values, symbols, file.metadata),
        inputs=values,
        fixed_words=_fixed_words(found.inputs),
        estimates={precision: estimate(elements, precision).sentence() for precision in PRECISIONS},
        metadata={} if file.metadata is None else file.metadata.texts,
    )


def _fixed_words(inputs: Sequence[CheckedInput]) -> str:
    """What is said where no input has a free dimension; without a rank there is none to limit."""
    unknown = [one_line(one.name, 60) for one in inputs if one.shape is None]
    if unknown:
        return (
            f"The model does not tell how many dimensions these inputs have: {', '.join(unknown)}. "
            "Nothing can be chosen for them; export it again with their shapes."
        )
    words = ", ".join(one.words() for one in inputs)
    return f"Every shape is fixed ({words}), so there is nothing to choose."


def _free_words(one: CheckedInput) -> str:
    """For the line of facts: "images: batch, height, width are free"."""
    dims = (one.symbols[at] if one.symbols else None for at in one.free)
    named = [name or f"dimension {at}" for at, name in zip(one.free, dims, strict=True)]
    verb = "is" if len(named) == 1 else "are"
    return one_line(f"{one.name}: {', '.join(named)} {verb} free", 120)


def _finding_lines(findings: Sequence[Finding]) -> tuple[Line, ...]:
    """The first few, with what to do; all the others are counted."""
    lines = [
        Line(
            one.details().replace("give it with --plugins", "choose it under More"),
            "bad" if one.is_refused else "unsure",
        )
        for one in findings[:_MOST_LINES]
    ]
    if len(findings) > _MOST_LINES:
        lines.append(Line(f"And {len(findings) - _MOST_LINES:,} more like these."))
    return tuple(lines)


def ask_parser(checked: Checked, context: JobContext) -> ParserAsked:
    """What TensorRT's own parser says of it, which counts before what is published."""
    try:
        verdict = parser_verdict(checked.path, progress=context.progress)
    except EnginebayError as error:
        why = " ".join(_cannot_build(error))
        line = Line(f"TensorRT's parser could not be asked: {why}", "unsure")
        return ParserAsked(checked.path, (*checked.findings, line))
    if verdict.parses:
        return ParserAsked(checked.path, (Line(verdict.sentence(), "good"),), parses=True)
    refused = checked.check.with_verdict(verdict).refused
    return ParserAsked(checked.path, (Line(verdict.sentence(), "bad"), *_finding_lines(refused)))


def build(request: RunBuild, context: JobContext) -> Built:
    """Build an engine, look at what came out, and record it beside the engine."""
    feed = request.feed
    if not request.is_parsed:  # what it refuses is then said with the way out
        feed.tell("Checking the model")
        require_buildable(
            request.onnx,
            request.options,
            allow_native_code=request.allow_native_code,
            progress=context.progress,
        )
    report = build_engine(
        request.onnx,
        request.target,
        request.options,
        context.progress,
        watch=feed.watch,
        allow_native_code=request.allow_native_code,
    )
    feed.log(report.log)
    feed.has_engine = True

    def look(_fraction: float | None, text: str) -> None:
        feed.tell(text)
        context.progress(None, text)

    looked = look_at_built(report, look)
    return Built(report, report_lines(report, looked))
