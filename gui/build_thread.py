"""The threads of the Build window: one waits for builds, others read models and ask TensorRT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject

from core.jobs import JobContext
from gui.build_words import Line
from gui.problem import Problem
from gui.work_thread import Handler, WorkThread, heavy_imports

if TYPE_CHECKING:
    from core.building import BuildOptions, BuildReport
    from core.building.capabilities import Capabilities
    from core.building.precheck import OnnxCheck
    from core.building.record import BuildRecord
    from core.modelfile import GraphValue
    from core.tensors import Profile, Shape
    from gui.build_queue import Feed

    Shapes = Mapping[str, Profile]


class RunBuild(NamedTuple):
    """Build an engine, and look at what came out."""

    onnx: Path
    target: Path
    options: BuildOptions
    feed: Feed
    allow_native_code: bool = False  # of its plugin libraries
    is_parsed: bool = False  # TensorRT's parser took it a moment ago


@dataclass(frozen=True, slots=True)
class Built:
    """The answer to RunBuild: what came out, and the same in lines."""

    report: BuildReport
    lines: tuple[Line, ...]


class ReadCapabilities:
    """Ask a child what the installed TensorRT has."""


class Ability(NamedTuple):
    """The answer to ReadCapabilities.

    Attributes:
        capabilities: of the TensorRT that is here; None where there is none.
        why_not: why nothing can be built here, and what to do; None where it can.
    """

    capabilities: Capabilities | None
    why_not: tuple[str, str] | None


class CheckModel(NamedTuple):
    """Read an ONNX: what it is, what is free in it, which profiles it may have."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The answer to CheckModel.

    Attributes:
        path: the model.
        check: all that was found.
        facts: a line of what it is.
        findings: operators that are likely refused, or bounded, with their way out.
        notes: what else is to be known before it is built.
        free: the inputs that a profile sets, with the shapes that the model gives them.
        values: inputs of fixed shape whose values a profile sets if they decide shapes, which only
            TensorRT knows, with the number of values.
        names: what it calls their dimensions.
        profiles: proposed.
        inputs: all of them.
        fixed_words: what is said where none is free.
        estimates: how large the engine will be, by the precisions that are offered.
        metadata: the exporter's, as text.
    """

    path: Path
    check: OnnxCheck
    facts: str
    findings: tuple[Line, ...] = ()
    notes: tuple[Line, ...] = ()
    free: Mapping[str, Shape | None] = field(default_factory=dict)
    values: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    profiles: tuple[Shapes, ...] = ()
    inputs: tuple[GraphValue, ...] = ()
    fixed_words: str = ""
    estimates: Mapping[frozenset[str], str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    def memory_words(self, options: BuildOptions) -> str:
        """How large the engine will be, and what its largest shapes take, as far as known."""
        from core.building.memory import buffer_bytes
        from core.tensors import bytes_text

        sizes = [buffer_bytes(self.inputs, profile, "max") for profile in options.profiles]
        known = [size for size in sizes if size is not None]
        words = [self.estimates.get(options.precision, "")]
        if known and len(known) == len(sizes):
            words.append(
                f"The inputs take {bytes_text(max(known))} of GPU memory at the largest shapes; "
                "what the layers need beside that, only the build tells."
            )
        return " ".join(filter(None, words))


def lack(options: BuildOptions, checked: Checked, capabilities: Capabilities | None) -> str | None:
    """What keeps this TensorRT from building a model so; another one, or another model, may."""
    from core.building.before import require_ranges
    from core.building.capabilities import require_available
    from core.errors import EnginebayError

    try:
        if capabilities is not None:
            require_available(options, capabilities)
        require_ranges(checked.check, options)
    except EnginebayError as error:
        return f"{error.message} {error.hint.replace(' (--calibration=FOLDER)', '')}"
    return None


class AskParser(NamedTuple):
    """Have TensorRT's own parser read the model, in a child."""

    checked: Checked


class ParserAsked(NamedTuple):
    """The answer to AskParser: lines in place of the findings."""

    path: Path
    lines: tuple[Line, ...]
    parses: bool = False  # surely


class LookAtTarget(NamedTuple):
    """See what lies where an engine shall go."""

    path: Path
    onnx: Path | None


class TargetSeen(NamedTuple):
    """The answer to LookAtTarget: what is to be said of it."""

    path: Path
    words: str
    is_bad: bool = False  # nothing can be saved there


class ReadRecord(NamedTuple):
    """Read how an engine was built."""

    engine: Path


class RecordRead(NamedTuple):
    """The answer to ReadRecord."""

    record: BuildRecord


class MatchModel(NamedTuple):
    """See whether an ONNX is the one of a record."""

    record: BuildRecord
    onnx: Path


class ModelMatched(NamedTuple):
    """The answer to MatchModel; the problem is a warning, where it is another one."""

    record: BuildRecord
    onnx: Path
    problem: Problem | None


class BuildThread(WorkThread):
    """Serves RunBuild. The child that builds ends with its request and with the thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_build_handler, parent)


class BuildReadThread(WorkThread):
    """Serves all others."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_read_handler, parent)


@contextmanager
def _build_handler() -> Iterator[Handler]:
    """Runs on the builds' thread, as does _build."""
    yield _build


def _build(request: object, context: JobContext) -> Built:
    assert isinstance(request, RunBuild)
    feed = request.feed
    feed.begin()
    try:
        with heavy_imports:
            from gui.build_work import build

        return build(request, context)
    finally:
        feed.end()


@contextmanager
def _read_handler() -> Iterator[Handler]:
    """Runs on a reading thread, as does _read."""
    yield _read


def _read(request: object, context: JobContext) -> object:
    with heavy_imports:
        from gui import build_work
    match request:
        case ReadCapabilities():
            return build_work.ability()
        case CheckModel(path):
            return build_work.check(path, context)
        case AskParser(checked):
            return build_work.ask_parser(checked, context)
        case LookAtTarget(path, onnx):
            return build_work.look_at_target(path, onnx)
        case ReadRecord(engine):
            return build_work.record_of(engine)
        case MatchModel(record, onnx):
            return build_work.match_model(record, onnx, context)
    raise AssertionError(f"no such request: {request!r}")
