"""Find a recipe: try the usual ones on a picture, and rank them by what comes out.

No tool can know how a model was trained. But a detector or a classifier that is fed rightly is
sure of what it sees, and sees the same in the mirrored picture; fed wrongly it is unsure, or sure
of something else each time. The user looks at the ranking and picks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from core.errors import EnginebayError, InputError
from core.modelfile.metadata import Metadata
from core.preprocess import prepare, sized_for
from core.presets import PRESETS, apply_preset, preset_of
from core.recipe_check import check_recipe
from core.recipe_judge import LOCATED, judge_boxes, judge_classes, judge_values
from core.recipes import Color, Recipe, Resize
from core.sessions import Session
from core.sessions.base import Arrays
from core.tasks import Choices, Decoded, Reading, decode
from core.tensors import TensorSpec

Progress = Callable[[float | None, str], None]
"""Told how far it is, 0 to 1, before each run of the model; may raise core.errors.Cancelled."""

# Presets by what they do to values and colours: each pair is tried with the base's resize first,
# then the best few with every resize.
_VALUES = ("zero-to-one", "zero-to-255", "minus-one-to-one", "imagenet", "caffe-bgr-mean")
_RESIZES: tuple[Resize, ...] = ("stretch", "letterbox", "letterbox-top-left", "center-crop")
_RESIZED = 2  # how many of the best are tried with the other resizes
_WHOLE_PRESETS = ("ultralytics", "yolox", "imagenet")  # those that say how to resize, too
_USUAL = 0.002  # a resize that nothing speaks for must be better by more than chance
_ALL = 1_000_000  # scores: more than any classifier has


GIVEN = "given"
"""In a preset's place: the values of the recipe that the search began with."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecipeCandidate:
    """A recipe that was tried.

    Attributes:
        recipe: its evidence says that it was found so.
        preset: the preset whose values it has; GIVEN for those of a base that is none.
        score: 0..1, comparable between the candidates of one search only.
        why: what the score rests on, for people.
        decoded: the picture's outputs, read by the user's choices; None where the model failed.
    """

    recipe: Recipe
    preset: str
    score: float
    why: str
    decoded: Decoded | None

    @property
    def values_words(self) -> str:
        """Whose values it has, in words."""
        return _words_of(self.preset)

    def as_json(self) -> dict[str, object]:
        """An entry of `candidates` in `enginebay run --find-recipe --json`."""
        return {
            "preset": self.preset,
            "score": round(self.score, 6),
            "why": self.why,
            "recipe": self.recipe.as_json(),
        }


def find_recipes(
    session: Session,
    pixels: np.ndarray,
    base: Recipe,
    *,
    metadata: Metadata | None = None,
    choices: Choices | None = None,
    others: Mapping[str, np.ndarray] = MappingProxyType({}),
    progress: Progress = lambda _fraction, _text: None,
) -> tuple[RecipeCandidate, ...]:
    """Try the usual recipes on a picture, on the session's thread.

    The base itself is among them. Boxes and classes can be ranked (core.recipe_judge). Other
    tasks cannot: only outputs that are not finite, or all the same, are told apart.

    Args:
        session: the opened model.
        pixels: (H, W, 3) uint8, RGB.
        base: gives input, layout, size, batch, dtype and whether it is grey.
        metadata: the exporter's.
        choices: how the user wants the outputs read.
        others: arrays for the model's other inputs.
        progress: see Progress.

    Returns:
        The best first. Scores that differ by less than 0.002 count as equal where only one of
        them is resized as the base, or by a preset that says how to resize.

    Raises:
        InputError: if the base does not fit the model, or the outputs cannot be read as chosen.
        ModelError, CudaError: if the GPU is lost, or no recipe runs at all.
    """
    spec = check_recipe(base, session.inputs)
    bench = _Bench(session, spec, pixels, metadata or Metadata(), choices or Choices(), others)
    first = _first_round(base)
    resizes = [one for one in _RESIZES if one != base.resize]
    resized = min(_RESIZED, len(first))
    total = len(first) + resized * len(resizes)
    found: list[RecipeCandidate] = []

    def attempt(preset: str, recipe: Recipe) -> None:
        preset = preset_of(recipe) or preset
        words = f"{_words_of(preset)}, {recipe.color}, {recipe.resize}"
        text, fraction = f"Trying {words}", len(found) / total
        bench.note = lambda: progress(fraction, text)
        if recipe != base:
            words = f"found by trying on a picture: {words}"
            recipe = replace(recipe, evidence=words, certainty="guess")
        found.append(bench.tried(preset, recipe))

    for preset, recipe in first:
        attempt(preset, recipe)
    best = _ranked(found, base.resize)[:resized]
    if best[0].score > 0 and _is_ranked(best[0]):  # else a resize has nothing to improve
        for one in best:
            for resize in resizes:
                attempt(one.preset, replace(one.recipe, resize=resize))
    progress(1.0, "Done")
    if bench.failure is not None and all(one.decoded is None for one in found):
        raise bench.failure
    return tuple(_ranked(found, base.resize))


def _words_of(preset: str) -> str:
    return "the values in use" if preset == GIVEN else preset


def _is_ranked(candidate: RecipeCandidate) -> bool:
    decoded = candidate.decoded
    return decoded is not None and decoded.guess.task in ("classify", *LOCATED)


def _ranked(found: list[RecipeCandidate], usual_resize: Resize) -> list[RecipeCandidate]:
    """The best first. Where some outputs are boxes or classes, values that are not count least."""
    if any(_is_ranked(one) for one in found):
        found = [one if _is_ranked(one) else replace(one, score=0.0) for one in found]

    def rank(one: RecipeCandidate) -> float:
        is_usual = one.recipe.resize == usual_resize or one.preset in _WHOLE_PRESETS
        return one.score + _USUAL * is_usual

    return sorted(found, key=rank, reverse=True)


def _first_round(base: Recipe) -> list[tuple[str, Recipe]]:
    """The base, then every usual value with every order of colours, at the base's resize."""
    found = [(GIVEN, base)]
    seen = {_signature(base)}
    colors: tuple[Color, ...] = ("grey",) if base.color == "grey" else ("rgb", "bgr")
    names: tuple[str, ...] = _VALUES
    if base.dtype == "uint8":  # it holds nothing else
        names = ("zero-to-255",)
    elif base.color == "grey":  # the last is 0 to 255 less a constant
        names = _VALUES[:-1]
    for name in names:
        for color in colors:
            preset = apply_preset(name, base)
            recipe = replace(preset, color=color, resize=base.resize)
            if name in ("imagenet", "caffe-bgr-mean") and PRESETS[name]["color"] != color:
                recipe = replace(recipe, mean=recipe.mean[::-1], std=recipe.std[::-1])
            if _signature(recipe) not in seen:
                seen.add(_signature(recipe))
                found.append((name, recipe))
    return found


def _signature(recipe: Recipe) -> Recipe:
    mean, std = recipe.mean * 3, recipe.std * 3
    return replace(recipe, mean=mean[:3], std=std[:3], evidence="", certainty="guess")


class _Bench:
    """Runs one recipe after the other on one picture, and has judged what comes out."""

    def __init__(
        self,
        session: Session,
        spec: TensorSpec,
        pixels: np.ndarray,
        metadata: Metadata,
        choices: Choices,
        others: Mapping[str, np.ndarray],
    ) -> None:
        self.failure: EnginebayError | None = None
        self.note: Callable[[], None] = lambda: None  # called before each run
        self._session = session
        self._spec = spec
        self._metadata = metadata
        self._choices = choices
        self._others = others
        self._pixels = pixels

    def tried(self, preset: str, recipe: Recipe) -> RecipeCandidate:
        try:
            outputs, reading = self._run(self._pixels, recipe)
            decoded = decode(outputs, reading)
            score, why = self._judged(recipe, outputs, reading, decoded.guess.task)
        except InputError:
            raise  # not the recipe's fault: the choices or the other inputs do not fit
        except EnginebayError as error:
            if error.fatal:
                raise
            self.failure = error
            decoded, score, why = None, 0.0, error.message
        return RecipeCandidate(recipe=recipe, preset=preset, score=score, why=why, decoded=decoded)

    def _judged(
        self, recipe: Recipe, outputs: Arrays, reading: Reading, task: str
    ) -> tuple[float, str]:
        if task == "classify":
            wanted = replace(self._choices, top_k=_ALL)
        elif task in LOCATED:
            wanted = replace(self._choices, score_threshold=self._choices.score_threshold / 2)
        else:
            return judge_values(outputs, task)
        found = decode(outputs, replace(reading, choices=wanted)).predictions
        views = [self._pixels[:, ::-1], np.full_like(self._pixels, 128)]
        if task == "classify":
            views.insert(1, _middle(self._pixels))
        seen = []
        for view in views:
            outputs, reading = self._run(np.ascontiguousarray(view), recipe)
            seen.append(decode(outputs, replace(reading, choices=wanted)).predictions)
        if task == "classify":
            return judge_classes(found, seen[:2], seen[2])
        return judge_boxes(found, seen[0], seen[1], self._pixels.shape[1])

    def _run(self, pixels: np.ndarray, recipe: Recipe) -> tuple[Arrays, Reading]:
        size = (pixels.shape[1], pixels.shape[0])
        self.note()
        recipe = sized_for(recipe, self._spec, size)
        prepared = prepare(pixels, recipe, self._session.input_buffer)
        outputs = self._session.run({**self._others, recipe.input: prepared.tensor}).outputs
        reading = Reading(
            picture_wh=size,
            network_wh=recipe.size_wh,
            placement=prepared.placement,
            bgr=recipe.color == "bgr",
            channels=recipe.channels,
            batch=recipe.batch,
            metadata=self._metadata,
            choices=self._choices,
        )
        return outputs, reading


def _middle(pixels: np.ndarray) -> np.ndarray:
    """The picture without a sixteenth at each edge."""
    height, width = pixels.shape[:2]
    down, across = height // 16, width // 16
    return pixels[down : height - down, across : width - across]
