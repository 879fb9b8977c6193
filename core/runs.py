"""One timed run for a test: pictures or filled inputs in, what they gave and how it reads out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from core.batches import Cut, cut_batch, whole_warnings
from core.images import Image
from core.input_choices import Fill
from core.input_plan import FilledInputs, InputPlan, fill_inputs
from core.predictions import TensorSummary, summarize
from core.recipes import Recipe
from core.results import Stages, TestResult, stages_of, watch
from core.sessions import Session
from core.sessions.base import Arrays
from core.tasks import Decoded, Reading, decode

Note = Callable[[str], None]
"""Told what begins now; may raise core.errors.Cancelled to stop."""


class Clock(NamedTuple):
    """When the pictures of a run began to be prepared, and how long reading them took."""

    begin: float  # of time.perf_counter
    read_ms: float | None


def run_pictures(
    session: Session,
    plan: InputPlan,
    fills: Mapping[str, Fill],
    images: Sequence[Image],
    sources: Sequence[str],
    reading: Reading,
    clock: Clock,
    note: Note,
) -> list[TestResult]:
    """Run once on pictures: one fills the whole batch, several have a row each.

    Args:
        session: the model.
        plan: of the same choices and as many pictures.
        fills: the user's choices by input.
        images: the pictures, from 1 on.
        sources: what each is called in its result.
        reading: how a picture's outputs are read; its own size and place are put in.
        clock: what happened before.
        note: told the stage that begins; may raise to stop.

    Raises:
        EnginebayError: for what cannot be filled or run.
    """
    assert plan.recipe is not None  # pictures are placed by it
    filled = fill_inputs(session, plan, fills, [image.pixels for image in images])
    prepare_done = time.perf_counter()
    note("running the model")
    ran = session.run(filled.arrays)
    run_done = time.perf_counter()
    note("reading the outputs")
    several = len(images) > 1
    recipe = replace(plan.recipe, batch=1) if several else plan.recipe
    outputs, inputs = Cut([ran.outputs], ()), Cut([filled.arrays], ())  # all is a single picture's
    if several:
        outputs, inputs = (
            cut_batch(arrays, plan.recipe.batch) for arrays in (ran.outputs, filled.arrays)
        )
    assumptions = (*session.cautions, *filled.assumptions, *whole_warnings(outputs))
    parts = []
    for index, (image, placement) in enumerate(zip(images, filled.placements, strict=True)):
        own_reading = replace(
            reading, picture_wh=image.size_wh, placement=placement, batch=recipe.batch
        )
        own = replace(filled, arrays=inputs.rows[index], assumptions=assumptions)
        row = outputs.rows[index]
        parts.append((own, row, own_reading, _read(row, own_reading)))
    end = time.perf_counter()
    stages = stages_of(
        ran.timing,
        read=clock.read_ms,
        preprocess=(prepare_done - clock.begin) * 1000,
        postprocess=(end - run_done) * 1000,
        total=(end - clock.begin) * 1000 + (clock.read_ms or 0.0),
    )
    return [
        _result(source, image, recipe, *part, stages, ran.is_first)
        for source, image, part in zip(sources, images, parts, strict=True)
    ]


def run_filled(session: Session, filled: FilledInputs, source: str, reading: Reading) -> TestResult:
    """Run once without a picture; random inputs are said to be so.

    Args:
        session: the model.
        filled: its inputs.
        source: what they are, for people.
        reading: how the outputs are read.

    Raises:
        EnginebayError: for what cannot be run or read.
    """
    begin = time.perf_counter()
    filled = replace(filled, assumptions=(*session.cautions, *filled.assumptions))
    ran = session.run(filled.arrays)
    run_done = time.perf_counter()
    decoded, summaries = _read(ran.outputs, reading)
    end = time.perf_counter()
    if filled.is_random:
        guess = replace(decoded.guess, evidence="the input was random")
        decoded = replace(decoded, guess=guess, alternatives=(), warnings=())
    stages = stages_of(
        ran.timing,
        read=None,
        preprocess=None,
        postprocess=(end - run_done) * 1000,
        total=(end - begin) * 1000,
    )
    read = (decoded, summaries)
    return _result(source, None, None, filled, ran.outputs, reading, read, stages, ran.is_first)


_Read = tuple[Decoded, tuple[TensorSummary, ...]]


def _read(outputs: Arrays, reading: Reading) -> _Read:
    decoded = decode(outputs, reading)
    return decoded, tuple(summarize(name, array) for name, array in outputs.items())


def _result(
    source: str,
    image: Image | None,
    recipe: Recipe | None,
    filled: FilledInputs,
    outputs: Arrays,
    reading: Reading,
    read: _Read,
    stages: Stages,
    is_first: bool,
) -> TestResult:
    decoded, summaries = read
    return TestResult(
        source=source,
        image=image,
        recipe=recipe,
        inputs=filled.arrays,
        outputs=outputs,
        summaries=summaries,
        reading=reading,
        guess=decoded.guess,
        alternatives=decoded.alternatives,
        predictions=decoded.predictions,
        warnings=(*watch(summaries), *filled.assumptions, *decoded.warnings),
        stages=stages,
        is_first=is_first,
        origins=filled.origins,
        assumptions=filled.assumptions,
    )
