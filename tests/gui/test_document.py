"""The document's rules, with a thread that does only what the test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.errors import CudaError, EnginebayError, ImageError, ModelError, ModelFileError
from core.jobs import Finished
from core.opening import OpenOptions
from core.paths import DEMO_PICTURE
from core.trust import consent
from core.verdict import Verdict
from gui.document import Document
from gui.dropping import sort_dropped
from gui.inference_thread import FindPlugin, IdentifyFile, LoadModel, PluginFound, PrepareDemo
from gui.problem import Problem
from tests.gui.fakes import FakeThread, identified, loaded, ran

if TYPE_CHECKING:
    from gui.inference_thread import Tested  # a name that pytest would take for a test class

MODEL, OTHER_MODEL = Path("/models/a.onnx"), Path("/models/b.onnx")
ONE, TWO, THREE = Path("/pictures/1.png"), Path("/pictures/2.png"), Path("/pictures/3.png")
NO_MODEL = ModelFileError("unknown", "a.onnx is no model.", "Open a model.")
REFUSED = ModelError("onnxruntime", "a.onnx is refused.", "Export it again.", details="log")
BAD_IMAGE = ImageError("not-an-image", "1.png is no image.", "Give an image.")
NO_IMAGE_INPUT = ModelError("no-image-input", "It takes no picture.", "Run on random input.")


class Watch:
    """Every signal of a document, in order."""

    def __init__(self, document: Document) -> None:
        self.busy: list[bool] = []
        self.problems: list[Problem | None] = []
        self.shown: list[Tested | None] = []
        self.opened: list[Path] = []
        self.progress: list[tuple[float | None, str]] = []
        document.busy_changed.connect(self.busy.append)
        document.problem_changed.connect(self.problems.append)
        document.tested.connect(self.shown.append)
        document.opened.connect(self.opened.append)
        document.progress.connect(lambda fraction, text: self.progress.append((fraction, text)))


@pytest.fixture
def thread(qapp: object) -> Iterator[FakeThread]:
    thread = FakeThread()
    yield thread
    thread.stop(0)
    thread.flush()


@pytest.fixture
def document(thread: FakeThread) -> Document:
    return Document(thread)


def open_model(thread: FakeThread, document: Document, path: Path = MODEL) -> None:
    """Open a model up to where a picture would run."""
    document.open_path(path)
    load_opened(thread)


def next_load(thread: FakeThread) -> LoadModel:
    """Let the file be identified as one that may run; gives the request to load it."""
    thread.finish(identified(thread.take().path))
    return thread.take()


def load_opened(thread: FakeThread) -> None:
    thread.finish(loaded(next_load(thread)))


def run_next(thread: FakeThread) -> Path | None:
    """Let the next picture run; gives its path."""
    request = thread.take()
    thread.finish(ran(request))
    path: Path | None = request.path
    return path


# -- opening -----------------------------------------------------------------------------


def test_opening_identifies_then_loads_then_runs(thread: FakeThread, document: Document) -> None:
    document.add_images([ONE])
    document.open_path(MODEL)
    assert thread.take() == IdentifyFile(MODEL)
    thread.finish(identified(MODEL))
    assert document.file is not None
    assert document.loaded is None
    request = thread.take()
    assert isinstance(request, LoadModel)
    assert request.file.path == MODEL
    assert request.choices.options() == OpenOptions(allow_native_code=False, trial=True)
    thread.finish(loaded(request))
    assert document.loaded is not None
    assert run_next(thread) == ONE
    assert document.result is not None
    assert document.result.result.source == str(ONE)


def test_a_model_that_opened_is_told_for_the_recent_files(
    thread: FakeThread, document: Document
) -> None:
    watch = Watch(document)
    document.open_path(MODEL)
    thread.finish(identified(thread.take().path))
    assert watch.opened == []
    thread.finish(loaded(thread.take()))
    assert watch.opened == [MODEL]
    assert document.verdict is not None
    assert document.verdict.can_run is True
    assert "Fake 1.0" in document.verdict.message


def test_a_file_that_cannot_run_here_is_shown_and_not_loaded(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    thread.finish(identified(thread.take().path, can_run=False))
    assert thread.waiting == []
    assert document.file is not None
    assert document.loaded is None
    assert document.problem is not None
    assert document.problem.kind == "no-gpu"
    assert not document.is_busy


@pytest.mark.parametrize(
    "want",
    [Document.run_again, Document.run_random, lambda document: document.add_images([ONE])],
    ids=["again", "random", "image"],
)
def test_wanting_a_run_of_what_cannot_run_says_why_once_more(
    thread: FakeThread, document: Document, want: Callable[[Document], None]
) -> None:
    document.open_path(MODEL)
    thread.finish(identified(thread.take().path, can_run=False))
    why = document.problem
    assert why is not None
    document.dismiss_problem()
    want(document)
    assert document.problem == why
    assert thread.waiting == []
    document.open_path(OTHER_MODEL)
    want(document)
    assert document.problem is None  # that model may run
    load_opened(thread)
    want(document)
    assert document.problem is None


def test_wanting_a_run_after_a_failed_or_cancelled_opening_says_so(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    next_load(thread)
    document.cancel()
    thread.finish(None)
    document.dismiss_problem()
    document.run_again()
    assert document.problem is not None
    assert document.problem.kind == "cancelled"
    document.open_path(MODEL)
    next_load(thread)
    thread.fail(NO_MODEL)
    document.dismiss_problem()
    document.add_images([ONE])
    assert document.problem is not None
    assert document.problem.message == NO_MODEL.message


def test_a_file_that_only_trying_will_tell_is_loaded(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    thread.finish(identified(thread.take().path, can_run=None))
    assert isinstance(thread.take(), LoadModel)


def test_a_file_that_is_no_model_leaves_the_opened_one_in_place(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    before = document.loaded
    document.open_path(OTHER_MODEL)
    thread.take()
    thread.fail(NO_MODEL)
    assert document.problem is not None
    assert document.problem.message == NO_MODEL.message
    assert document.loaded is before
    assert document.file is not None
    assert document.file.path == MODEL
    document.add_images([ONE])
    assert run_next(thread) == ONE
    assert document.problem is None


def test_a_cancelled_load_says_that_nothing_is_open(thread: FakeThread, document: Document) -> None:
    document.open_path(MODEL)
    next_load(thread)
    document.cancel()
    thread.finish(None)
    assert document.loaded is None
    assert document.verdict is not None
    assert document.verdict.can_run is None
    assert document.problem is not None
    assert document.problem.kind == "cancelled"
    assert not document.is_busy


def test_a_failed_load_keeps_the_images_and_the_card(
    thread: FakeThread, document: Document
) -> None:
    document.add_images([ONE, TWO])
    document.open_path(MODEL)
    next_load(thread)
    thread.fail(REFUSED)
    assert document.images == [ONE, TWO]
    assert document.file is not None
    assert document.file.path == MODEL
    assert document.verdict is not None
    assert document.verdict.can_run is False
    assert document.verdict.message == REFUSED.message
    assert document.problem == Problem(
        REFUSED.kind, REFUSED.message, REFUSED.hint, REFUSED.details, ""
    )
    assert document.loaded is None
    document.run_again()  # nothing to run it with
    assert thread.waiting == []


def test_the_problem_of_a_model_does_not_outlive_it(thread: FakeThread, document: Document) -> None:
    document.open_path(MODEL)
    next_load(thread)
    document.open_path(OTHER_MODEL)  # while the first is loaded
    thread.fail(REFUSED)
    load_opened(thread)
    assert document.file is not None
    assert document.file.path == OTHER_MODEL
    assert document.problem is None


def test_a_new_model_clears_what_the_old_one_showed(thread: FakeThread, document: Document) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    request = thread.take()
    thread.finish(ran(request, is_first=True))
    document.run_again()
    run_next(thread)
    assert document.runs.first is not None
    assert len(document.runs.warm) == 1
    document.open_path(OTHER_MODEL)
    thread.finish(identified(thread.take().path))
    assert document.result is None
    assert document.runs.first is None
    assert len(document.runs.warm) == 0


def test_a_new_model_cancels_what_runs_on_the_old_one(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    request = thread.take()
    document.open_path(OTHER_MODEL)
    thread.finish(ran(request))
    assert document.endings["cancelled"] == 1
    assert document.result is None
    load_opened(thread)
    assert run_next(thread) == ONE
    assert document.result is not None


def test_of_two_models_opened_at_once_the_last_wins(thread: FakeThread, document: Document) -> None:
    document.open_path(MODEL)
    document.open_path(OTHER_MODEL)
    load_opened(thread)
    assert thread.waiting == []
    assert document.loaded is not None
    assert document.loaded.file.path == OTHER_MODEL
    assert not document.is_busy


def test_images_lost_to_a_file_that_is_no_model_run_on_the_opened_one(
    thread: FakeThread, document: Document, tmp_path: Path
) -> None:
    open_model(thread, document)
    document.drop([ONE, tmp_path / "broken.onnx"])
    assert isinstance(thread.take(), IdentifyFile)
    thread.fail(NO_MODEL)
    assert run_next(thread) == ONE
    assert document.result is not None
    assert document.result.result.source == str(ONE)
    assert document.problem is not None, "the picture ran, and the file is still no model"


# -- the demo ----------------------------------------------------------------------------


def test_the_demo_opens_its_model_and_its_picture(thread: FakeThread, document: Document) -> None:
    document.open_demo()
    assert isinstance(thread.take(), PrepareDemo)
    thread.finish(MODEL)
    load_opened(thread)
    assert document.images == [DEMO_PICTURE]
    assert run_next(thread) == DEMO_PICTURE


def test_the_demo_runs_the_images_that_are_there(thread: FakeThread, document: Document) -> None:
    document.add_images([ONE])
    document.open_demo()
    thread.take()
    thread.finish(MODEL)
    load_opened(thread)
    assert document.images == [ONE]
    assert run_next(thread) == ONE


def test_a_file_opened_while_the_demo_is_built_wins(thread: FakeThread, document: Document) -> None:
    document.open_demo()
    thread.take()
    document.open_path(OTHER_MODEL)
    thread.finish(MODEL)
    load_opened(thread)
    assert document.loaded is not None
    assert document.loaded.file.path == OTHER_MODEL
    assert thread.waiting == []
    assert document.images == [], "the demo's picture belongs to the demo"


def test_the_demos_picture_does_not_come_with_a_later_model(
    thread: FakeThread, document: Document
) -> None:
    document.open_demo()
    thread.take()
    thread.finish(MODEL)
    next_load(thread)
    thread.fail(REFUSED)
    open_model(thread, document, OTHER_MODEL)
    assert document.images == []


# -- images ------------------------------------------------------------------------------


def test_an_image_before_a_model_waits_and_runs_when_one_opens(
    thread: FakeThread, document: Document
) -> None:
    document.add_images([ONE])
    document.add_images([TWO])
    assert thread.asked == []
    assert not document.is_busy
    open_model(thread, document)
    assert run_next(thread) == TWO
    assert document.images == [ONE, TWO]
    assert document.current == 1


def test_of_several_images_the_last_one_runs(thread: FakeThread, document: Document) -> None:
    open_model(thread, document)
    document.add_images([ONE, TWO, THREE])
    assert document.images == [ONE, TWO, THREE]
    assert document.current == 2
    assert run_next(thread) == THREE
    assert thread.waiting == []


def test_an_image_dropped_again_is_shown_and_not_doubled(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE, TWO])
    run_next(thread)
    document.add_images([ONE])
    assert document.images == [ONE, TWO]
    assert document.current == 0
    assert run_next(thread) == ONE


def test_a_chosen_image_runs_and_one_that_is_not_there_does_not(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE, TWO])
    run_next(thread)
    document.select(0)
    assert run_next(thread) == ONE
    for index in (-1, 2, 99):
        document.select(index)
    assert document.current == 0
    assert thread.waiting == []


def test_an_image_that_cannot_be_read_shows_its_problem_and_no_old_result(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([TWO])
    run_next(thread)
    document.add_images([ONE])
    thread.take()
    thread.fail(BAD_IMAGE)
    assert document.result is None
    assert document.problem is not None
    assert document.problem.message == BAD_IMAGE.message
    document.select(0)
    run_next(thread)
    assert document.problem is None
    assert document.result is not None


def test_clearing_forgets_images_and_result(thread: FakeThread, document: Document) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    run_next(thread)
    document.clear_images()
    assert document.images == []
    assert document.current == -1
    assert document.result is None
    document.run_again()
    assert thread.waiting == []
    assert document.loaded is not None, "the model stays"


def test_clearing_drops_the_answer_that_is_still_to_come(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    request = thread.take()
    document.clear_images()
    thread.finish(ran(request))
    assert document.result is None


# -- answers -----------------------------------------------------------------------------


def test_the_answer_to_an_older_request_is_ignored(thread: FakeThread, document: Document) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    first = thread.take()
    assert thread.running is not None
    late = Finished(thread.running.id, "test", ran(first))
    document.add_images([TWO])
    thread.running = None
    thread.tell(late)  # it had ended just before the second was dropped
    assert document.result is None
    assert document.is_busy
    assert run_next(thread) == TWO
    assert document.result is not None
    assert document.result.result.source == str(TWO)
    assert not document.is_busy


def test_the_answer_of_an_older_model_is_ignored(thread: FakeThread, document: Document) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    request = thread.take()
    thread.finish(ran(request, serial=request.serial - 1))
    assert document.result is None
    assert len(document.runs.warm) == 0


def test_the_first_run_is_kept_apart_from_the_warm_ones(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    first = ran(thread.take(), is_first=True)
    thread.finish(first)
    for _ in range(3):
        document.run_again()
        run_next(thread)
    assert document.runs.first == first.result.stages
    assert len(document.runs.warm) == 3
    assert first.result.stages not in document.runs.warm


def test_progress_is_passed_on_for_the_newest_request_only(
    thread: FakeThread, document: Document
) -> None:
    watch = Watch(document)
    open_model(thread, document)
    document.add_images([ONE])
    thread.take()
    thread.progress(0.5, "half")
    document.add_images([TWO])
    thread.progress(0.9, "stale")
    assert watch.progress == [(0.5, "half")]


# -- problems ----------------------------------------------------------------------------


def test_a_warning_about_the_result_is_shown_with_the_result(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    thread.finish(ran(thread.take(), warnings=("2 values are NaN.", "Look out.")))
    assert document.result is not None
    assert document.problem is not None
    assert document.problem.is_warning
    assert "NaN" in document.problem.message
    assert document.problem.hint == "Look out."
    document.run_again()
    run_next(thread)
    assert document.problem is None


def test_a_problem_is_told_once_and_dismissed_once(thread: FakeThread, document: Document) -> None:
    watch = Watch(document)
    document.open_path(MODEL)
    thread.take()
    thread.fail(NO_MODEL)
    document.dismiss_problem()
    document.dismiss_problem()
    assert [problem is None for problem in watch.problems] == [False, True]


def test_a_problem_is_cleared_by_the_next_attempt(thread: FakeThread, document: Document) -> None:
    document.open_path(MODEL)
    thread.take()
    thread.fail(NO_MODEL)
    document.open_path(OTHER_MODEL)
    assert document.problem is None


def test_a_model_without_an_image_input_offers_random_input(
    thread: FakeThread, document: Document
) -> None:
    document.add_images([ONE])
    document.open_path(MODEL)
    thread.finish(loaded(next_load(thread), recipe_problem=NO_IMAGE_INPUT))
    assert document.problem is not None
    assert document.problem.action == "run-random"
    assert document.problem.is_warning
    assert thread.waiting == [], "the image would only fail"
    document.run_random()
    assert run_next(thread) is None
    assert document.result is not None
    assert document.result.result.source == "random input"
    assert document.images == [ONE]


def test_run_again_repeats_random_input_where_no_image_can_run(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    thread.finish(loaded(next_load(thread), recipe_problem=NO_IMAGE_INPUT))
    document.run_again()
    assert thread.waiting == [], "nothing has run yet"
    document.run_random()
    run_next(thread)
    document.run_again()
    assert thread.take().path is None


def test_an_image_dropped_on_a_model_without_an_image_input_still_offers_random_input(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    thread.finish(loaded(next_load(thread), recipe_problem=NO_IMAGE_INPUT))
    document.dismiss_problem()
    document.add_images([ONE])
    if thread.waiting:  # it may run and fail, or not run at all
        thread.take()
        thread.fail(NO_IMAGE_INPUT)
    assert document.problem is not None
    assert document.problem.action == "run-random"


def test_consent_opens_the_same_file_again_with_native_code_allowed(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    thread.finish(identified(thread.take().path, can_run=None))
    thread.take()
    evidence = {"what": "engine", "name": MODEL.name, "sha256": "ab" * 32}
    thread.fail(
        ModelError("needs-consent", "It embeds native code.", "Allow it.", evidence=evidence)
    )
    assert document.problem is not None
    assert document.problem.action == "allow-native-code"
    assert document.verdict is not None
    assert document.verdict.can_run is None, "nothing is known yet"
    assert not consent.is_given("engine", "ab" * 32)
    document.allow_native_code()
    assert consent.is_given("engine", "ab" * 32), "remembered by fingerprint"
    assert document.problem is None
    thread.finish(identified(thread.take().path, can_run=None))
    request = thread.take()
    assert request.file.path == MODEL
    assert request.choices.allow_native_code is False, "a yes to these bytes, to nothing else"


def test_consent_to_a_plugin_is_asked_for_after_that_to_the_engine(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    next_load(thread)
    missing = {"plugin": "Mystery_TRT", "plugin_version": "1"}
    thread.fail(ModelError("missing-plugin", "No Mystery_TRT.", "Load it.", evidence=missing))
    assert document.problem is not None
    assert document.problem.action == "find-plugin"
    document.find_plugin(Path("libraries"))
    request = thread.take()
    assert request == FindPlugin(Path("libraries"), "Mystery_TRT")
    found = (Path("libraries/libmystery.so"), Path("libraries/other.so"))
    thread.finish(PluginFound(Path("libraries"), "Mystery_TRT", found))
    assert next_load(thread).choices.plugins == found[:1]
    asked = {"what": "plugin", "name": "libmystery.so", "sha256": "cd" * 32}
    thread.fail(ModelError("needs-consent", "It is native code.", "Allow it.", evidence=asked))
    document.allow_native_code()
    assert consent.is_given("plugin", "cd" * 32)
    assert not consent.is_given("engine", "cd" * 32)
    assert next_load(thread).choices.plugins == found[:1]


def test_a_plugin_that_no_library_holds_can_be_looked_for_elsewhere(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    next_load(thread)
    missing = {"plugin": "Mystery_TRT"}
    thread.fail(ModelError("missing-plugin", "No Mystery_TRT.", "Load it.", evidence=missing))
    for folder in (Path("one"), Path("two")):
        document.find_plugin(folder)
        thread.take()
        thread.finish(PluginFound(folder, "Mystery_TRT", ()))
        assert document.problem is not None
        assert document.problem.kind == "no-plugin-library"
        assert str(folder) in document.problem.message
        assert document.problem.action == "find-plugin"


def test_what_the_verdict_refuses_can_be_tried_anyway(
    thread: FakeThread, document: Document
) -> None:
    refused = Verdict(False, "other-version", "Built by another TensorRT.", "Build it again.")
    document.open_path(MODEL)
    thread.finish(identified(thread.take().path)._replace(verdict=refused))
    assert document.problem is not None
    assert document.problem.action == "try-anyway"
    document.open_again(forced=True)
    thread.finish(identified(thread.take().path)._replace(verdict=refused))
    assert thread.take().file.path == MODEL
    document.open_path(MODEL)
    thread.finish(identified(thread.take().path)._replace(verdict=refused))
    assert document.problem.action == "try-anyway", "opened anew, it is asked again"


def test_what_the_machine_lacks_leaves_nothing_to_try(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    thread.finish(identified(thread.take().path, can_run=False))
    assert document.problem is not None
    assert document.problem.action == ""


def test_an_engine_that_hangs_in_its_trial_can_be_opened_without(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    assert next_load(thread).choices.trial is True
    thread.fail(ModelError("trial-hung", "It hung.", "Turn the trial off."))
    assert document.problem is not None
    assert document.problem.action == "skip-trial"
    document.open_again(trial=False)
    assert next_load(thread).choices.trial is False


def test_a_plugin_search_ends_when_another_file_is_opened(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    next_load(thread)
    missing = {"plugin": "Mystery_TRT"}
    thread.fail(ModelError("missing-plugin", "No Mystery_TRT.", "Load it.", evidence=missing))
    document.find_plugin(Path("libraries"))
    search = thread.take()
    document.open_path(OTHER_MODEL)
    thread.finish(PluginFound(search.folder, search.plugin, (Path("libraries/x.so"),)))
    request = next_load(thread)
    assert request.file.path == OTHER_MODEL
    assert request.choices.plugins == ()


def test_a_file_that_is_no_model_leaves_the_opened_ones_plugins(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL, plugins=(Path("x.so"),))
    load_opened(thread)
    document.open_path(OTHER_MODEL)
    thread.take()
    thread.fail(NO_MODEL)
    assert document.file is not None
    assert document.file.path == MODEL
    assert document.choices.plugins == (Path("x.so"),)


def test_a_plugin_added_later_is_asked_for_also_where_the_command_line_said_yes(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL, allow_native_code=True)
    assert next_load(thread).choices.allow_native_code is True
    document.open_again(plugin=Path("x.so"))
    assert next_load(thread).choices.allow_native_code is False


def test_a_gpu_lost_while_loading_is_no_model_that_runs(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    next_load(thread)
    thread.fail(CudaError("cuda-context-lost", "The GPU stopped.", "Restart.", fatal=True))
    assert document.verdict is not None
    assert document.verdict.can_run is False
    assert document.problem is not None
    assert document.problem.action == "restart"


def test_a_plugin_without_a_name_is_not_looked_for(thread: FakeThread, document: Document) -> None:
    document.open_path(MODEL)
    next_load(thread)
    thread.fail(ModelError("missing-plugin", "Some plugin is missing.", "Load it."))
    assert document.problem is not None
    assert document.problem.action == ""


def test_the_setting_turns_trials_off(thread: FakeThread, document: Document) -> None:
    document.trial = False
    document.open_path(MODEL)
    assert next_load(thread).choices.trial is False


def test_a_lost_gpu_keeps_everything_on_screen_and_offers_a_restart(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    run_next(thread)
    shown, file, loaded_ = document.result, document.file, document.loaded
    assert shown is not None
    document.add_images([TWO])
    thread.take()
    thread.fail(CudaError("cuda-context-lost", "The GPU stopped.", "Restart.", fatal=True))
    assert document.problem is not None
    assert document.problem.action == "restart"
    assert (document.result, document.file, document.loaded) == (shown, file, loaded_)
    assert document.images == [ONE, TWO]
    document.dismiss_problem()
    document.open_path(OTHER_MODEL)
    assert document.problem is not None
    assert document.problem.action == "restart", "said again, as nothing can run"
    assert not document.is_busy


def test_consent_does_not_reach_the_next_file(thread: FakeThread, document: Document) -> None:
    document.open_path(MODEL, allow_native_code=True)
    document.open_path(OTHER_MODEL)
    assert next_load(thread).choices.allow_native_code is False


# -- busy, and how requests end ----------------------------------------------------------


def test_busy_begins_with_the_first_request_and_ends_with_the_last(
    thread: FakeThread, document: Document
) -> None:
    watch = Watch(document)
    document.add_images([ONE])
    open_model(thread, document)
    assert watch.busy == [True]
    run_next(thread)
    assert watch.busy == [True, False]
    assert not document.is_busy


def test_busy_does_not_flicker_when_a_request_replaces_a_waiting_one(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    watch = Watch(document)
    for path in (ONE, TWO, THREE):
        document.add_images([path])
        thread.flush()
    assert watch.busy == [True]
    run_next(thread)
    assert watch.busy == [True, False]


def test_busy_is_over_after_cancelling_what_waits(thread: FakeThread, document: Document) -> None:
    watch = Watch(document)
    document.open_path(MODEL)
    document.cancel()
    thread.flush()
    assert watch.busy == [True, False]
    assert document.endings == {"finished": 0, "failed": 0, "cancelled": 1}


def test_cancelling_while_opening_leaves_a_document_that_opens_again(
    thread: FakeThread, document: Document
) -> None:
    document.open_path(MODEL)
    request = next_load(thread)
    document.cancel()
    thread.finish(loaded(request))
    assert document.loaded is None
    assert not document.is_busy
    open_model(thread, document)
    assert document.loaded is not None


def test_a_request_that_the_thread_refuses_ends_and_is_not_busy_for_ever(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    thread.take()
    thread.fail(CudaError("cuda", "The GPU is lost.", "Start again.", fatal=True))
    thread.stop(0)  # a fatal failure ends the thread
    document.dismiss_problem()
    document.run_again()
    thread.flush()
    assert not document.is_busy
    assert document.problem is not None
    assert document.problem.message == "The GPU is lost."


def test_a_fatal_failure_is_shown_even_when_a_newer_request_waits(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    thread.take()
    document.add_images([TWO])
    thread.fail(CudaError("cuda", "The GPU is lost.", "Start again.", fatal=True))
    assert document.problem is not None
    assert document.problem.message == "The GPU is lost."


def test_every_request_ends_exactly_once(thread: FakeThread, document: Document) -> None:
    errors: list[EnginebayError] = [BAD_IMAGE, REFUSED]
    open_model(thread, document)
    for number in range(30):
        document.add_images([Path(f"/pictures/{number}.png")])
        if number % 3 == 0:
            request = thread.take()
            document.run_again()
            if number % 2:
                thread.finish(ran(request))
            else:
                thread.fail(errors[number % 4 // 2])
    while thread.waiting:
        run_next(thread)
    assert sum(document.endings.values()) == len(thread.asked)
    assert min(document.endings.values()) > 0
    assert not document.is_busy


def test_stopping_ends_every_request_that_waits(thread: FakeThread, document: Document) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    document.open_path(OTHER_MODEL)
    thread.stop(0)
    thread.flush()
    assert sum(document.endings.values()) == len(thread.asked)
    assert not document.is_busy


# -- dropped paths -----------------------------------------------------------------------


def test_dropped_files_are_told_apart_by_suffix_then_by_content(tmp_path: Path) -> None:
    plan = tmp_path / "engine-without-suffix"
    plan.write_bytes(b"ftrt" + bytes(60))
    pointer = tmp_path / "weights.bin"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    text = tmp_path / "notes.txt"
    text.write_text("no model")
    paths = [tmp_path / "a.ENGINE", tmp_path / "b.JPG", tmp_path / "c.onnx", pointer, text]
    models, images, *_ = sort_dropped(paths)
    assert models == [tmp_path / "a.ENGINE", tmp_path / "c.onnx", pointer]
    assert images == [tmp_path / "b.JPG", text]


def test_a_dropped_folder_gives_its_images_in_order(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "notes.txt", "model.onnx"):
        (tmp_path / name).touch()
    (tmp_path / "c.png").mkdir()
    models, images, *_ = sort_dropped([tmp_path])
    assert models == []
    assert images == [tmp_path / "a.jpg", tmp_path / "b.png"]


def test_dropped_folders_are_told_of_after_their_images_were_taken(
    thread: FakeThread, document: Document, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "one.png").touch()
    told: list[tuple[list[Path], list[Path]]] = []
    document.folders_dropped.connect(
        lambda: told.append((document.dropped_folders, list(document.images)))
    )
    document.drop([tmp_path / "a", ONE, tmp_path / "b"])
    assert told == [([tmp_path / "a", tmp_path / "b"], [tmp_path / "a" / "one.png", ONE])]
    document.drop([ONE])
    assert len(told) == 1
    assert document.problem is None, "whether anything is in it shows only when all was looked at"


def test_a_dropped_folder_that_may_not_be_read_says_so(
    thread: FakeThread, document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    document.drop([tmp_path])
    assert document.problem is not None
    assert tmp_path.name in document.problem.message


def test_a_cancelled_run_takes_another_images_result_off_the_screen(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.add_images([ONE])
    run_next(thread)
    before = document.result
    document.run_again()
    thread.take()
    document.cancel()
    thread.finish(None)
    assert document.result is before, "it is still this image's"
    document.add_images([TWO])
    thread.take()
    document.cancel()
    thread.finish(None)
    assert document.result is None


def test_images_and_a_model_dropped_together_run_on_that_model(
    thread: FakeThread, document: Document
) -> None:
    open_model(thread, document)
    document.drop([ONE, OTHER_MODEL, TWO])
    load_opened(thread)
    assert run_next(thread) == TWO
    assert document.loaded is not None
    assert document.loaded.file.path == OTHER_MODEL
    assert document.images == [ONE, TWO]
