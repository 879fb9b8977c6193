"""Engines built from ONNX: the model that is set up, the queue of builds, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from core.jobs import Cancelled, Event, Failed, Finished, Started
from gui.build_queue import Build, Feed
from gui.build_thread import (
    Ability,
    AskParser,
    BuildReadThread,
    BuildThread,
    Built,
    Checked,
    CheckModel,
    LookAtTarget,
    MatchModel,
    ModelMatched,
    ParserAsked,
    ReadCapabilities,
    ReadRecord,
    RecordRead,
    RunBuild,
    TargetSeen,
)
from gui.problem import Problem
from gui.requests import Requests

if TYPE_CHECKING:
    from core.building import BuildOptions
    from core.building.record import BuildRecord
    from gui.document import Document

_LOOK_MS = 150  # a target's place is looked at once typing rests


class Building(QObject):
    """Has engines built one after another by a child process, beside the window's other work.

    Attributes:
        checked: the model that is set up, as far as it is known; None where none is.
        verdict: what TensorRT's own parser says of it, once that has been asked.
        given: options that the model is to be set up with, from an earlier build's record.
        pending: models that wait to be set up, in their order.
        ability: what the installed TensorRT can be asked for; None until it is known.
        builds: of this window, oldest first.
        target_words: what is to be said of the place of the engine.
        is_target_bad: whether nothing can be saved there.
    """

    setup_changed = Signal()  # another model is set up, or none
    pending_changed = Signal()  # other models wait
    check_changed = Signal()  # more is known of it
    capabilities_changed = Signal()
    target_changed = Signal()
    builds_changed = Signal()  # one more, one less
    build_changed = Signal(object)  # Build: its state
    model_wanted = Signal(object)  # BuildRecord: its ONNX is not where it was
    problem = Signal(object)  # Problem or None, of what was just asked for
    built = Signal(object)  # Build
    shown = Signal()  # the window of it is wanted

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._document = document
        self.checked: Checked | None = None
        self.verdict: ParserAsked | None = None
        self.given: BuildRecord | None = None
        self.path: Path | None = None  # of the model that is set up
        self.pending: list[Path] = []
        self.ability: Ability | None = None
        self.builds: list[Build] = []
        self.target_words, self.is_target_bad = "", False
        self._target = Path()
        self._is_refused = False  # the model that is set up cannot be read
        self._asks_parser = False
        self._jobs: dict[int, Build] = {}
        self._numbers = 0
        self._thread = BuildThread(self)
        self._thread.happened.connect(self._on_build_event, Qt.ConnectionType.QueuedConnection)
        self._readers = (BuildReadThread(self), BuildReadThread(self))
        # The second waits for child processes, which take seconds, the first never.
        self._files, self._asks = (Requests(one, self) for one in self._readers)
        for one in (self._files, self._asks):
            one.finished.connect(self._on_read)
            one.failed.connect(self._on_failed)
        self._look = QTimer(self, singleShot=True, interval=_LOOK_MS)
        self._look.timeout.connect(
            lambda: self._files.submit("target", LookAtTarget(self._target, self.path))
        )

    # -- what goes on --------------------------------------------------------------------

    @property
    def has_record(self) -> bool:
        """Whether the opened engine has a side-car to build it again from."""
        file = self._document.file
        return file is not None and file.sidecar is not None

    @property
    def is_building(self) -> bool:
        """True while a build runs or waits."""
        return bool(self._jobs)

    @property
    def is_busy(self) -> bool:
        """True while a build, or a request about a model, has not ended."""
        return self.is_building or self._files.is_busy or self._asks.is_busy

    @property
    def is_checking(self) -> bool:
        """True while the model that is set up is read."""
        return self.path is not None and self.checked is None and not self._is_refused

    @property
    def is_asking_parser(self) -> bool:
        """True while TensorRT's parser is asked about it."""
        return self._asks_parser and self.verdict is None

    @property
    def running(self) -> Build | None:
        """The build that runs; None between builds."""
        return next((one for one in self.builds if one.state == "building"), None)

    def stop(self, timeout_ms: int) -> bool:
        """End the threads and with them every child; False where one did not come back."""
        self._look.stop()
        stopped = self._thread.stop(timeout_ms)
        for reader in self._readers:
            stopped = reader.stop(timeout_ms) and stopped
        return stopped

    # -- the model that is set up --------------------------------------------------------

    def ask_capabilities(self) -> None:
        """Learn what the installed TensorRT has, in a child: once, or until it can build."""
        is_known = self.ability is not None and self.ability.why_not is None
        if not is_known and not self._asks.is_outstanding("capabilities"):
            self._asks.submit("capabilities", ReadCapabilities())

    def set_up(self, paths: Sequence[Path]) -> None:
        """Set up the first of some models; the others wait for their turn.

        While models wait, further ones are added behind them, each once, and what is set up stays.
        """
        models = [path.absolute() for path in paths]
        if not models:
            return
        if not self.pending:
            self._begin(models.pop(0), None)
        self.pending += [one for one in dict.fromkeys(models) if one not in self.pending]
        self.pending_changed.emit()
        self.shown.emit()

    def skip(self) -> None:
        """Go on to the next model that waits."""
        if self.pending:
            self._begin(self.pending.pop(0), None)

    def rebuild(self, engine: Path) -> None:
        """Set up the model of an engine's record, with the recorded options.

        Models that wait go on waiting, and one that is set up among them waits in front again.
        """
        self.problem.emit(None)
        self._files.submit("record", ReadRecord(engine.absolute()))

    def rebuild_from(self, record: BuildRecord, onnx: Path) -> None:
        """The same, where the model has moved to `onnx`."""
        self._files.submit("match", MatchModel(record, onnx.absolute()))

    def look_at(self, target: Path) -> None:
        """Learn what is to be said of an engine's place; the answer comes as target_changed."""
        if target != self._target:
            self._target = target
            self._look.start()

    def _begin(self, onnx: Path, record: BuildRecord | None) -> None:
        self.path, self.given = onnx, record
        self.checked = self.verdict = None
        self._is_refused = self._asks_parser = False
        self._target, self.target_words, self.is_target_bad = Path(), "", False
        self.problem.emit(None)
        self.setup_changed.emit()
        self._asks.cancel("parser")
        self._files.submit("check", CheckModel(onnx))
        self.ask_capabilities()
        self.shown.emit()

    # -- the queue -----------------------------------------------------------------------

    def add(self, target: Path, options: BuildOptions) -> Build | None:
        """Put a build of the model that is set up at the queue's end."""
        if self.path is None:
            return None
        self._numbers += 1
        is_parsed = self.verdict is not None and self.verdict.parses
        build = Build(self._numbers, self.path, target, options, is_parsed=is_parsed)
        self.builds.append(build)
        self._submit(build)
        self.builds_changed.emit()
        return build

    def is_target_taken(self, target: Path) -> bool:
        """Whether a build that is not over writes there."""
        return any(one.target == target and not one.is_over for one in self.builds)

    def is_target_of_others(self, target: Path, options: BuildOptions) -> bool:
        """Whether a build of this window with other options has that target."""
        return any(one.target == target and one.options != options for one in self.builds)

    def retry(self, build: Build) -> None:
        """Build once more what failed or was cancelled."""
        if build.is_over:
            self._submit(build)
            self.build_changed.emit(build)

    def allow(self, build: Build) -> None:
        """Say yes to the plugin libraries of a build that failed for want of it, and build it."""
        build.allow_native_code = True
        self.retry(build)

    def cancel(self, build: Build) -> None:
        """End a build, or take it out of the queue; an engine that was there stays."""
        if not build.is_over:
            build.is_ending = True
            self._thread.cancel(_slot(build))
            self.build_changed.emit(build)

    def remove(self, build: Build) -> None:
        """Forget a build that is over. Its engine stays."""
        if build.is_over and build in self.builds:
            self.builds.remove(build)
            self.builds_changed.emit()

    def open(self, build: Build) -> None:
        """Open the engine that was built."""
        if build.has_engine:
            self._document.open_path(build.target)

    def _submit(self, build: Build) -> None:
        build.state, build.feed, build.is_ending = "waiting", Feed(), False
        build.problem = build.built = None
        request = RunBuild(
            build.onnx,
            build.target,
            build.options,
            build.feed,
            build.allow_native_code,
            build.is_parsed,
        )
        self._jobs[self._thread.submit(_slot(build), request)] = build

    def _on_build_event(self, event: Event) -> None:
        build = self._jobs.get(event.job_id)
        if build is None:
            return
        match event:
            case Started():
                build.state = "building"
            case Finished(result=Built() as built):
                build.state, build.built = "done", built
            case Failed():
                build.state, build.problem = "failed", Problem.of_failure(event)
            case Cancelled():
                build.state = "cancelled"
            case _:
                return
        if build.is_over:
            del self._jobs[event.job_id]
            build.is_ending = False
        self.build_changed.emit(build)
        if build.state == "done":
            self._open_first(build)
            self.built.emit(build)

    def _open_first(self, build: Build) -> None:
        """Open what was built, unless something else is looked at."""
        if build.options.strip_weights:  # it would run, and mean nothing
            return
        file = self._document.file
        if (file is None or file.path.absolute() == build.onnx) and not self._document.is_busy:
            self._document.open_path(build.target)

    # -- what comes back -----------------------------------------------------------------

    def _on_read(self, _slot: str, answer: object) -> None:
        match answer:
            case Checked(path=path) if path == self.path:
                self.checked = answer
                self._ask_parser()
                self.check_changed.emit()
            case ParserAsked(path=path) if path == self.path:
                self.verdict = answer
                self.check_changed.emit()
            case TargetSeen(path=path, words=words, is_bad=is_bad) if path == self._target:
                self.target_words, self.is_target_bad = words, is_bad
                self.target_changed.emit()
            case RecordRead(record=record):
                if record.is_there:
                    self.rebuild_from(record, record.onnx)
                else:
                    self.model_wanted.emit(record)
            case ModelMatched(record=record, onnx=onnx, problem=problem):
                if self.pending and self.path is not None and self.given is None:
                    self.pending.insert(0, self.path)  # not built, or it had made way
                self._begin(onnx, record)
                if problem is not None:
                    self.problem.emit(problem)
            case Ability():
                self.ability = answer
                self._ask_parser()
                self.capabilities_changed.emit()

    def _ask_parser(self) -> None:
        """Once the model is read, and TensorRT is known to be here."""
        ability, checked = self.ability, self.checked
        if checked is None or ability is None or ability.why_not is not None:
            return
        if not self._asks_parser:
            self._asks_parser = True
            self._asks.submit("parser", AskParser(checked))

    def _on_failed(self, failed: Failed) -> None:
        problem = Problem.of_failure(failed)
        if failed.slot == "capabilities":
            self.ability = Ability(None, (problem.message, problem.hint))
            self.capabilities_changed.emit()
        elif failed.slot == "record":
            self._document.show_problem(problem)
        else:
            self._is_refused |= failed.slot == "check"
            self._asks_parser &= failed.slot != "parser"
            self.problem.emit(problem)
            self.check_changed.emit()


def _slot(build: Build) -> str:
    """A slot of its own for each build: the thread serves them in their order."""
    return f"build {build.number}"
