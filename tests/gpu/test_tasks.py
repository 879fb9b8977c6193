"""The same pictures through engines and ONNX Runtime: the same predictions, in each task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest

from core import Model
from core.building import BuildOptions
from core.errors import InputError
from core.input_choices import parse_fill
from core.paths import DEMO_MODEL, RESOURCES
from core.predictions import ClassMap, ClassScore, OutputImage, Prediction
from core.tensors import Profile
from tests.gpu.conftest import DEMO_BATCH, build, metadata_of
from tests.gpu.small_models import COLORS, classifier_model, negative_model, segmenter_model
from tests.gpu.test_session import assert_same_boxes

PICTURES = sorted((RESOURCES / "demo").glob("picture-*"))
BATCH = {"images": Profile((1, 3, 64, 64), (2, 3, 64, 64), (4, 3, 64, 64))}
SMALL = {"images": Profile((1, 3, 16, 16), (1, 3, 64, 64), (1, 3, 64, 64))}
LARGE = {"images": Profile((1, 3, 65, 65), (1, 3, 96, 128), (1, 3, 128, 128))}


class Tolerance(NamedTuple):
    """How far an engine's predictions may be from ONNX Runtime's.

    fp32: TensorRT multiplies FP32 by TF32 where the GPU can, with 11 bits: 2 ** -12 of each
    factor, of scores that are sums of both signs. fp16: FP16's 11 bits for what comes out, too,
    and for sums, as the kernels choose.
    """

    score: float  # of a class, 0..1
    points: float  # share of a class map's pixels that may be another class: those on a border
    levels: int  # of 0..255: a rounding the other way, and what 11 bits lose of the value


TOLERANCES = {"fp32": Tolerance(1e-3, 0.001, 1), "fp16": Tolerance(1e-2, 0.005, 3)}


@pytest.fixture(scope="module", params=TOLERANCES)
def precision(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The demo's pictures, and one of each color with noise on it."""
    folder = tmp_path_factory.mktemp("colors")
    random = np.random.default_rng(4)
    colors = {"red": (190, 40, 30), "green": (40, 180, 50), "blue": (30, 60, 200), "dull": (128,)}
    paths = []
    for name in COLORS:
        noise = random.integers(-25, 26, (90, 120, 3))
        pixels = np.clip(np.array(colors[name]) + noise, 0, 255).astype(np.uint8)
        paths.append(folder / f"{name}.png")
        cv2.imwrite(str(paths[-1]), pixels[..., ::-1])
    return [*PICTURES, *paths]


Pair = tuple[Model, Model]


def engine_of(onnx: Path, precision: str, *profiles: dict[str, Profile]) -> Path:
    options = BuildOptions(
        precision=frozenset({"fp16"} & {precision}),
        optimization_level=1,
        profiles=profiles,
        metadata=metadata_of(onnx),
    )
    return build(onnx, onnx.with_name(f"{onnx.stem}-{precision}.engine"), options)


@pytest.fixture
def opened() -> Iterator[Callable[[Path, Path], Pair]]:
    """Opens an engine and its ONNX."""
    models: list[Model] = []

    def opener(engine: Path, onnx: Path) -> Pair:
        models.extend((Model.open(engine), Model.open(onnx)))
        return models[-2], models[-1]

    yield opener
    for model in models:
        model.close()


def only(predictions: tuple[Prediction, ...]) -> Prediction:
    [found] = predictions
    return found


def scores_of(predictions: tuple[Prediction, ...]) -> dict[str, float]:
    """Scores by class, best first."""
    assert all(isinstance(one, ClassScore) for one in predictions)
    return {one.label: one.score for one in predictions if isinstance(one, ClassScore)}


def score_difference(found: tuple[Prediction, ...], wanted: tuple[Prediction, ...]) -> float:
    """The largest of any class; the best class must be the same."""
    got, want = scores_of(found), scores_of(wanted)
    assert got.keys() == want.keys() == set(COLORS)
    assert next(iter(got)) == next(iter(want))
    return max(abs(got[label] - score) for label, score in want.items())


def points_apart(found: tuple[Prediction, ...], wanted: tuple[Prediction, ...]) -> float:
    """The share of pixels that have another class."""
    got, want = only(found), only(wanted)
    assert isinstance(got, ClassMap)
    assert isinstance(want, ClassMap)
    assert got.class_ids.shape == want.class_ids.shape
    return float(np.mean(got.class_ids != want.class_ids))


def levels_apart(found: tuple[Prediction, ...], wanted: tuple[Prediction, ...]) -> int:
    """The largest difference of two pictures, of 0..255."""
    got, want = only(found), only(wanted)
    assert isinstance(got, OutputImage)
    assert isinstance(want, OutputImage)
    assert got.note == want.note
    assert got.pixels.shape == want.pixels.shape
    return int(np.abs(got.pixels.astype(int) - want.pixels).max())


def differences(
    pair: Pair,
    pictures: list[Path],
    task: str,
    difference: Callable[[tuple[Prediction, ...], tuple[Prediction, ...]], float],
) -> list[float]:
    """Of each picture's predictions, both read as this task with the same evidence."""
    engine, onnx = pair
    apart = []
    for picture in pictures:
        got, want = engine.test(picture), onnx.test(picture)
        assert (got.guess.task, got.guess.evidence) == (task, want.guess.evidence)
        assert (got.warnings, want.warnings) == ((), ())
        apart.append(difference(got.predictions, want.predictions))
    return apart


def test_the_same_boxes_from_the_fp32_engine(
    opened: Callable[[Path, Path], Pair], workshop: Path, figures: dict[str, Any]
) -> None:
    # test_session.py does so with the FP16 one.
    options = BuildOptions(
        optimization_level=1, profiles=({"images": DEMO_BATCH},), metadata=metadata_of()
    )
    target = build(DEMO_MODEL, workshop / "demo-fp32.engine", options)
    engine, onnx = opened(target, DEMO_MODEL)
    farthest = [assert_same_boxes(engine.test(one), onnx.test(one)) for one in PICTURES]
    figures["detect fp32: largest box difference, px"] = round(max(farthest), 4)


def test_the_same_classes(
    opened: Callable[[Path, Path], Pair],
    workshop: Path,
    pictures: list[Path],
    precision: str,
    figures: dict[str, Any],
) -> None:
    onnx = classifier_model(workshop / "classifier.onnx")
    pair = opened(engine_of(onnx, precision, BATCH), onnx)
    apart = differences(pair, pictures, "classify", score_difference)
    figures[f"classify {precision}: largest score difference"] = round(max(apart), 6)
    assert max(apart) <= TOLERANCES[precision].score
    best = {next(iter(scores_of(pair[0].test(one).predictions))) for one in pictures}
    assert best == set(COLORS)


def test_the_same_class_maps(
    opened: Callable[[Path, Path], Pair],
    workshop: Path,
    pictures: list[Path],
    precision: str,
    figures: dict[str, Any],
) -> None:
    onnx = segmenter_model(workshop / "segmenter.onnx")
    pair = opened(engine_of(onnx, precision), onnx)
    apart = differences(pair, pictures, "semantic-segment", points_apart)
    figures[f"semantic-segment {precision}: largest share of pixels apart"] = round(max(apart), 6)
    assert max(apart) <= TOLERANCES[precision].points


def test_the_same_pictures_come_out(
    opened: Callable[[Path, Path], Pair],
    workshop: Path,
    pictures: list[Path],
    precision: str,
    figures: dict[str, Any],
) -> None:
    onnx = negative_model(workshop / "negative.onnx")
    pair = opened(engine_of(onnx, precision, SMALL, LARGE), onnx)
    apart = []
    for size in ((1, 3, 64, 64), (1, 3, 33, 50), (1, 3, 128, 80)):
        for model in pair:
            model.choose_inputs({}, {"images": size})
        apart += differences(pair, pictures, "image", levels_apart)
    figures[f"image {precision}: largest difference, levels"] = max(apart)
    assert max(apart) <= TOLERANCES[precision].levels


# Any input


def test_pictures_of_a_batch_have_the_scores_that_each_has_alone(
    opened: Callable[[Path, Path], Pair], workshop: Path, pictures: list[Path]
) -> None:
    onnx = classifier_model(workshop / "classifier.onnx")
    engine, _ = opened(engine_of(onnx, "fp16", BATCH), onnx)
    together = engine.test_batch(pictures[-3:])
    for picture, result in zip(pictures[-3:], together, strict=True):
        apart = score_difference(result.predictions, engine.test(picture).predictions)
        assert apart <= TOLERANCES["fp16"].score
    assert [next(iter(scores_of(one.predictions))) for one in together] == list(COLORS[-3:])
    with pytest.raises(InputError, match="takes 4 pictures in a run; 5 were given"):
        engine.test_batch(pictures[:5])


def test_a_pinned_profile_gives_its_best_size_and_the_tensors_are_told_before_a_run(
    opened: Callable[[Path, Path], Pair], workshop: Path
) -> None:
    onnx = negative_model(workshop / "negative.onnx")
    engine, _ = opened(engine_of(onnx, "fp16", SMALL, LARGE), onnx)
    assert [spec.shape for spec in engine.resolved_tensors()] == [(1, 3, 64, 64)] * 2
    engine.choose_inputs({}, {}, 1)
    tensors = engine.resolved_tensors()
    assert [(spec.shape, spec.size_bytes) for spec in tensors] == [((1, 3, 96, 128), 147_456)] * 2
    result = engine.test(PICTURES[0])
    assert result.outputs["negative"].shape == (1, 3, 96, 128)
    assert engine.session.profile == 1
    with pytest.raises(InputError, match=r"65 to 128"):
        engine.choose_inputs({}, {"images": (1, 3, 64, 64)}, 1)
    engine.choose_inputs({}, {"images": (1, 3, 64, 64)})
    assert engine.test(PICTURES[0]).outputs["negative"].shape == (1, 3, 64, 64)
    assert engine.session.profile == 0


def test_an_input_from_a_file_of_numbers_dictates_its_shape(
    opened: Callable[[Path, Path], Pair], workshop: Path, tmp_path: Path
) -> None:
    onnx = negative_model(workshop / "negative.onnx")
    engine, reference = opened(engine_of(onnx, "fp16", SMALL, LARGE), onnx)
    numbers = np.random.default_rng(6).random((1, 3, 70, 90), np.float32)
    np.save(tmp_path / "numbers.npy", numbers)
    fill = parse_fill(str(tmp_path / "numbers.npy"))
    results = []
    for model in (engine, reference):
        model.choose_inputs({"images": fill}, {})
        assert not model.awaits_picture
        results.append(model.test_given())
    # The middle of a point's nine, worked out here.
    by_hand = 1 - numbers[0, 1, 10:13, 20:23].mean()
    for result in results:
        assert result.outputs["negative"].shape == (1, 3, 70, 90)
        assert abs(result.outputs["negative"][0, 1, 11, 21] - by_hand) < 4e-3  # a level
    apart = levels_apart(results[0].predictions, results[1].predictions)
    assert apart <= TOLERANCES["fp16"].levels
