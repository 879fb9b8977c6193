"""Choices on the inference thread: answered, refused as a whole, and gone with their model."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import core.chosen_inputs
from core import Model
from core.errors import CudaError, InputError, ModelError
from core.input_choices import Fill
from core.tensors import TensorSpec
from gui.document import Document
from gui.inference_thread import LoadModel, RunImage
from gui.input_editing import InputEditing
from gui.input_requests import InputChoice, InputsSet, SetInputs, all_assumed, set_inputs
from tests.gui.fakes import FakeThread, identified, loaded, ran
from tests.unit import onnx_models


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    with Model.open(onnx_models.two_inputs(tmp_path)) as model:
        yield model


def test_the_answer_tells_what_the_next_run_gets_and_can_be_sent_anywhere(model: Model) -> None:
    choice = InputChoice({"sizes": Fill("values", ("2",))}, {}, None)
    answer = set_inputs(model, SetInputs(choice, 3))
    assert [(one.name, one.shape) for one in answer.tensors] == [
        ("images", (1, 3, 8, 8)),
        ("sizes", (1, 2)),
        ("output", (1, 2)),
    ]
    assert answer.words == {"images": "the picture", "sizes": "values 2"}
    assert (answer.awaits_picture, answer.serial, answer.recipe) == (True, 3, model.recipe)
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert model.fills == choice.fills


@pytest.mark.parametrize("late", [False, True])
def test_a_choice_that_does_not_fit_leaves_the_model_as_it_was(
    model: Model, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    set_inputs(model, SetInputs(InputChoice({"sizes": Fill("zeros")}, {}, None), 1))
    other = InputChoice(
        {"sizes": Fill("values", ("1", "2") if late else ("1", "2", "3"))}, {}, None
    )
    if late:

        def refuse(*_: object) -> None:
            raise ModelError("run-failed", "The runtime refuses these shapes.", "")

        monkeypatch.setattr(core.chosen_inputs, "resolved_tensors", refuse)
    with pytest.raises(ModelError if late else InputError):
        set_inputs(model, SetInputs(other, 1))
    assert model.fills == {"sizes": Fill("zeros")}


def test_a_file_is_given_to_the_inputs_that_it_fits(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.ones((1, 2), np.float32))
    answer = set_inputs(model, SetInputs(all_assumed(), 1, path))
    assert answer.choice.fills == {"sizes": Fill("file", path=path)}
    assert model.fills == answer.choice.fills


# -- without a model ---------------------------------------------------------------------


@pytest.fixture
def thread(qapp: object) -> FakeThread:
    return FakeThread()


@pytest.fixture
def editing(thread: FakeThread) -> InputEditing:
    """Of a document that has just asked for a model, and will get it."""
    document = Document(thread)
    document.trial = False
    editing = InputEditing(document, thread)
    document.open_path(Path("a.onnx"))
    thread.take()
    thread.finish(identified(Path("a.onnx")))
    request = thread.take()
    assert isinstance(request, LoadModel)
    thread.finish(loaded(request))
    return editing


def test_a_model_is_asked_what_it_assumes_before_anyone_chooses(
    editing: InputEditing, thread: FakeThread
) -> None:
    assert thread.take() == SetInputs(all_assumed(), 1)
    assert editing.is_busy
    thread.fail(InputError("input-image", "No.", "Not so."))
    assert editing.trouble == "No."
    assert editing.parent().problem is None, "the run will say it"  # type: ignore[attr-defined]


def test_a_dropped_file_is_not_lost_to_a_quick_change_after_it(
    editing: InputEditing, thread: FakeThread
) -> None:
    thread.take()
    editing.take_file(Path("x.npy"))
    editing.fill("images", Fill("zeros"))
    thread.finish(None)
    asked = thread.take()
    assert asked.file == Path("x.npy")
    assert asked.choice.fills == {"images": Fill("zeros")}
    thread.fail(InputError("input-dtype", "No.", "Not so."))
    document = editing.parent()
    assert isinstance(document, Document)
    assert document.problem is not None
    assert editing.choice == all_assumed()
    editing.refresh()
    assert thread.take() == SetInputs(all_assumed(), 1)
    thread.fail(CudaError("gpu-lost", "Gone.", "Start again.", fatal=True))
    assert document.lost is not None


def test_an_answer_for_a_model_that_is_gone_counts_no_more(
    editing: InputEditing, thread: FakeThread
) -> None:
    asked = thread.take()
    document = editing.parent()
    assert isinstance(document, Document)
    document.loaded = None
    document.model_changed.emit()
    tensor = TensorSpec(name="images", mode="input", dtype="float32", shape=(1, 3, 8, 8))
    words = {"images": "the picture"}
    thread.finish(InputsSet(asked.choice, (tensor,), words, 0, False, {}, None, asked.serial))
    assert editing.settled is None
    editing.reset()
    editing.run()
    assert not any(isinstance(one, RunImage) for one in thread.asked)
    assert thread.waiting == []


def test_running_again_repeats_a_run_on_given_input(thread: FakeThread) -> None:
    document = Document(thread)
    document.trial = False
    document.open_path(Path("a.onnx"))
    thread.take()
    thread.finish(identified(Path("a.onnx")))
    request = thread.take()
    thread.finish(loaded(request))
    document.run_random(given=True)
    first = thread.take()
    assert first == RunImage(None, 1, given=True)
    thread.finish(ran(first))
    document.run_again()
    assert thread.take() == first
    thread.finish(ran(first))
    document.run_random()
    assert thread.take() == RunImage(None, 1)
    thread.finish(ran(first))
    document.run_again()
    assert thread.take() == RunImage(None, 1)
