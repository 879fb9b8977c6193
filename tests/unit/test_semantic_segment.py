"""Class maps: what is taken for one, and where its regions lie in the picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.model import Model
from core.modelfile.metadata import Metadata
from core.predictions import ClassMap
from core.preprocess import prepare
from core.recipes import Recipe, Resize
from core.tasks import Choices, Decoded, Reading, decode, maps, semantic_segment, ways_to_read
from core.tensors import Shape
from tests.unit.sample_files import sample

NETWORK = (64, 48)
READING = Reading(picture_wh=NETWORK, network_wh=NETWORK)


def the_map(decoded: Decoded) -> ClassMap:
    assert decoded.guess.task == "semantic-segment"
    [found] = decoded.predictions
    assert isinstance(found, ClassMap)
    assert found.class_ids.dtype == np.uint16
    return found


def two_halves() -> np.ndarray:
    """(4, 48, 64): class 2 in the left 16 columns, class 1 in the others; sums are 1."""
    scores = np.full((4, 48, 64), 0.1, np.float32)
    scores[2, :, :16] = 0.7
    scores[1, :, 16:] = 0.7
    return scores


def shares(found: ClassMap) -> list[tuple[str, int, float]]:
    return [(one.label, one.class_id, one.share) for one in found.shares]


# Values


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_the_best_channel_is_the_class_in_every_layout(batched: bool, last: bool) -> None:
    scores = two_halves()
    array = scores.transpose(1, 2, 0) if last else scores
    found = the_map(decode({"out": array[None] if batched else array}, READING))
    assert found.class_ids.shape == (48, 64)
    assert (found.class_ids[:, :16] == 2).all()
    assert (found.class_ids[:, 16:] == 1).all()
    assert shares(found) == [("1", 1, 0.75), ("2", 2, 0.25)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8"])
def test_logits_of_any_type_give_the_same_classes(dtype: str) -> None:
    array = (two_halves() * 100).astype(dtype)
    assert shares(the_map(decode({"out": array[None]}, READING)))[0] == ("1", 1, 0.75)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float32", "bool"])
@pytest.mark.parametrize("shape", [(1, 48, 64), (1, 1, 48, 64), (1, 48, 64, 1), (48, 64)])
def test_class_ids_are_told_from_a_dense_map_by_their_values(
    shape: tuple[int, ...], dtype: str
) -> None:
    ids = np.zeros((48, 64), dtype)
    ids[:12] = 1
    decoded = decode({"out": ids.reshape(shape)}, READING)
    assert decoded.guess.layout == "class-ids"
    assert shares(the_map(decoded)) == [("0", 0, 0.75), ("1", 1, 0.25)]


def test_labels_are_the_names_where_every_class_has_one() -> None:
    names = ("sky", "road", "car", "tree")
    reading = replace(READING, choices=Choices(class_names=names))
    assert [one[0] for one in shares(the_map(decode({"out": two_halves()[None]}, reading)))] == [
        "road",
        "car",
    ]
    ids = two_halves().argmax(axis=0)[None]
    assert shares(the_map(decode({"out": ids}, reading)))[0][0] == "road"
    ids[0, 0, 0] = 4  # no name for it: then none for any
    assert shares(the_map(decode({"out": ids}, reading)))[0][0] == "1"


def test_a_class_the_user_names_makes_three_channels_classes() -> None:
    scores = np.zeros((1, 3, 48, 64), np.float32)
    scores[0, 1] = 4.0
    reading = replace(READING, metadata=Metadata(names=("a", "b", "c")))
    ways = ways_to_read([("out", scores.shape)], reading)
    assert [(way.task, way.certainty) for way in ways][:2] == [
        ("image", "likely"),
        ("semantic-segment", "likely"),
    ]


def test_one_channel_is_one_classs_only_when_asked() -> None:
    logits = np.full((1, 1, 48, 64), -3.5, np.float32)
    logits[..., :16] = 2.5
    assert decode({"out": logits}, READING).guess.task == "dense"
    asked = replace(READING, choices=Choices(task="semantic-segment"))
    for values in (logits, 1 / (1 + np.exp(-logits))):
        decoded = decode({"out": values}, asked)
        assert shares(the_map(decoded)) == [("0", 0, 0.75), ("1", 1, 0.25)]
    named = replace(asked, choices=replace(asked.choices, class_names=("road",)))
    assert [one[0] for one in shares(the_map(decode({"out": logits}, named)))] == [
        "background",
        "road",
    ]
    bytes_of_it = np.float32([[10.5, 200]]).repeat(24, 0).repeat(32, 1).reshape(1, 1, 24, 64)
    assert decode({"out": bytes_of_it.repeat(2, 2)}, asked).guess.task == "tensors"


def test_heat_maps_of_keypoints_are_not_told_as_classes() -> None:
    heat = np.zeros((1, 21, 12, 16), np.float32)
    heat[0, :, 5, 3] = 0.9
    assert decode({"out": heat}, READING).guess.task == "tensors"


def test_values_that_are_no_numbers_claim_nothing() -> None:
    scores = two_halves()[None]
    scores[0, 2, 0, 0] = np.nan
    found = the_map(decode({"out": scores}, READING))
    assert found.class_ids[0, 0] == 0  # of the others, the first of the best
    assert found.class_ids[1, 1] == 2
    decoded = decode({"out": np.full_like(scores, np.nan)}, READING)
    assert (decoded.guess.task, decoded.predictions) == ("semantic-segment", ())
    ids = np.zeros((1, 48, 64), np.float32)
    ids[0, :5, :5] = (np.nan, 1, 0, 1, 1)
    assert decode({"out": ids}, READING).guess.task == "dense"


# Where regions lie

SIZES = [(200, 100), (100, 200), (64, 48), (31, 7), (3, 2), (1999, 1501), (6000, 900)]
REGION = (0.25, 0.2, 0.75, 0.8)  # x1 y1 x2 y2, of the picture


def placed(picture_wh: tuple[int, int], resize: Resize) -> tuple[Reading, np.ndarray]:
    """A reading, and by hand where the region lies in the network's picture: x1 y1 x2 y2."""
    width, height = picture_wh
    recipe = Recipe(input="images", layout="NCHW", size_wh=NETWORK, resize=resize)
    placement = prepare(np.zeros((height, width, 3), np.uint8), recipe).placement
    size = np.array([width, height] * 2)
    if resize == "stretch":
        box = np.array(REGION) * np.array([*NETWORK, *NETWORK])
    else:
        ratio = min(NETWORK[0] / width, NETWORK[1] / height)
        offset = (np.array([*NETWORK, *NETWORK]) - size * ratio) / 2
        box = np.array(REGION) * size * ratio + offset
    return replace(READING, picture_wh=picture_wh, placement=placement), box


def drawn(box: np.ndarray, step: int) -> np.ndarray:
    """Class 3 at the points whose middle lies in the box; (h, w)."""
    xs = (np.arange(NETWORK[0] // step) + 0.5) * step
    ys = (np.arange(NETWORK[1] // step) + 0.5) * step
    across, down = (xs > box[0]) & (xs < box[2]), (ys > box[1]) & (ys < box[3])
    return np.where(down[:, None] & across, 3, 0)


def bounds(class_ids: np.ndarray) -> list[int]:
    ys, xs = np.nonzero(class_ids == 3)
    return [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


@pytest.mark.parametrize("kind", ["scores", "class ids", "too large to be smooth"])
@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("picture_wh", SIZES)
def test_a_region_comes_back_where_it_was(
    picture_wh: tuple[int, int],
    resize: Resize,
    step: int,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, box = placed(picture_wh, resize)
    ids = drawn(box, step)
    scores = np.eye(5, dtype=np.float32)[ids].transpose(2, 0, 1)[None] * 8
    if kind == "too large to be smooth":
        monkeypatch.setattr(semantic_segment, "_MAX_SMOOTH", 0)
    network = np.array(NETWORK) / step
    if not (ids == 3).any():  # thinner than a point
        assert min(box[2] - box[0], box[3] - box[1]) < step
        return
    found = the_map(decode({"out": ids[None] if kind == "class ids" else scores}, reading))
    assert found.class_ids.shape == (picture_wh[1], picture_wh[0])
    wanted = np.array(REGION) * np.array([*picture_wh, *picture_wh])
    # One pixel of the picture, or one point of the network's map where that is larger.
    scale = np.array([reading.placement.scale_x, reading.placement.scale_y] * 2)
    np.testing.assert_array_less(
        np.abs(np.array(bounds(found.class_ids)) - wanted), np.maximum(1, step / scale) + 1e-6
    )
    assert network.min() > 1


def test_work_in_bands_gives_the_same_map(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, _ = placed((301, 203), "letterbox")
    scores = np.random.default_rng(0).standard_normal((1, 5, 12, 16)).astype(np.float32) * 4
    whole = the_map(decode({"out": scores}, reading))
    monkeypatch.setattr(semantic_segment, "_BAND", 301 * 7)
    banded = the_map(decode({"out": scores}, reading))
    different = np.count_nonzero(whole.class_ids != banded.class_ids)
    assert different < 0.005 * whole.class_ids.size  # OpenCV rounds positions to 1/32 pixel
    assert len(whole.shares) == 5


def test_shares_are_the_pictures_not_the_letterboxs() -> None:
    reading, _ = placed((640, 120), "letterbox")  # 64 x 12 in 64 x 48: rows 18 to 30
    ids = np.full((1, 48, 64), 7, np.uint8)
    ids[0, 18:30] = 2
    ids[0, 18:30, :16] = 1
    assert shares(the_map(decode({"out": ids}, reading))) == [("2", 2, 0.75), ("1", 1, 0.25)]


# What may be one


@pytest.mark.parametrize(
    ("outputs", "network_wh", "certainty"),
    [
        ({"out": (1, 21, 48, 64)}, NETWORK, "likely"),
        ({"out": (1, 2, 48, 64)}, NETWORK, "likely"),
        ({"out": (1, 48, 64, 4)}, NETWORK, "likely"),
        ({"tf.identity": (1, 512, 896, 4)}, (896, 512), "likely"),
        ({"logits": (1, 150, 128, 128)}, (512, 512), "likely"),
        ({"out": (1, 19, 65, 65)}, (513, 513), "likely"),  # rounded up at step 8
        ({"out": (None, 19, 128, 256)}, (2048, 1024), "likely"),
        ({"out": (1, 21, 48, 64), "aux": (1, 21, 48, 64)}, NETWORK, "likely"),
        ({"out": (1, 3, 48, 64)}, NETWORK, "possible"),  # colours
        ({"softmax": (1, 3, 48, 64)}, NETWORK, "likely"),
        ({"out": (1, 1, 48, 64)}, NETWORK, "possible"),
        ({"heatmap": (1, 17, 12, 16)}, NETWORK, "possible"),
        ({"out": (1, 17, 12, 16)}, NETWORK, "possible"),  # COCO's keypoints
        ({"out": (1, 17, 48, 64)}, NETWORK, "likely"),
        ({"out": (1, 64, 12, 16)}, NETWORK, "possible"),  # a layer's features
        ({"out": (1, 257, 48, 64)}, NETWORK, None),
        ({"out": (1, 21, 3, 4)}, NETWORK, None),  # 1/16
        ({"out": (1, 21, 96, 128)}, NETWORK, None),
        ({"out": (1, 21, 24, 64)}, NETWORK, None),
        ({"out": (2, 21, 48, 64)}, NETWORK, None),
        ({"out": (1, 21, None, None)}, NETWORK, None),
        ({"out": (1, 21, 48, 64), "boxes": (1, 5, 4)}, NETWORK, None),
        ({"out": (1, 10, 1, 1)}, (8, 8), None),
        ({"output0": (1, 84, 8400)}, (640, 640), None),
        ({}, NETWORK, None),
    ],
)
def test_how_sure_it_is_that_a_shape_is_class_scores(
    outputs: dict[str, Shape], network_wh: tuple[int, int], certainty: str | None
) -> None:
    ways = ways_to_read(list(outputs.items()), Reading(network_wh=network_wh))
    found = [way.certainty for way in ways if way.layout == "scores"]
    assert found == ([] if certainty is None else [certainty])


def test_another_task_in_the_metadata_goes_before_the_shape() -> None:
    reading = replace(READING, metadata=Metadata(task="segment"))
    assert [way.task for way in ways_to_read([("out", (1, 21, 48, 64))], reading)] == ["tensors"]


def test_without_a_picture_nothing_covers_it() -> None:
    assert maps.map_shape((1, 21, 48, 64), Reading()) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1, 255], True),
        ([0.0, 1.0, 18.0], True),
        ([0.0, 0.5], False),
        ([-1, 0], False),
        ([0, 1000], False),
        (list(range(65)), False),
        (list(range(64)), True),
        ([], False),
        ([np.nan, 1.0], False),
    ],
)
def test_few_whole_numbers_may_be_classes(values: list[float], expected: bool) -> None:
    assert maps.are_class_ids(np.array(values)) is expected


def test_road_and_kerb_are_found_under_a_bus() -> None:
    """The samples have no street photo from a car, of which a third is road; this is the nearest.

    By eye: a bus stands on a road in its shadow, a low yellow kerb before it; brick walls behind.
    """
    with Model.open(sample("models/road_segmentation_adas_0001.onnx")) as model:
        assert model.recipe is not None
        model.recipe = replace(model.recipe, color="bgr", scale=1.0, resize="stretch")
        model.choices = Choices(class_names=("background", "road", "kerb", "mark"))
        result = model.test(sample("images/fastestdet_1.jpg"))
    assert (result.guess.task, result.guess.certainty) == ("semantic-segment", "likely")
    [found] = result.predictions
    assert isinstance(found, ClassMap)
    assert found.class_ids.shape == (480, 640)
    names = ("background", "road", "kerb", "mark")
    at = {(320, 200): "background", (340, 415): "road", (320, 450): "kerb", (400, 30): "background"}
    assert {(x, y): names[found.class_ids[y, x]] for x, y in at} == at
    # By plain code: the shares in the network's own map, which stretching does not change.
    [scores] = result.outputs.values()
    best = scores[0].argmax(axis=2)
    for one in found.shares:
        assert one.share == pytest.approx((best == names.index(one.label)).mean(), abs=0.005)
    assert [one.label for one in found.shares][:3] == ["background", "road", "kerb"]
