"""Proposals of profiles, whether profiles fit, and what their buffers take."""

from __future__ import annotations

from typing import Any

import pytest

from core.building.memory import workspace_limit
from core.building.profiles import InputShape, check_profiles, inputs_of
from core.building.shapes import buffer_bytes, io_bytes, memory_text, propose_profiles
from core.errors import ModelError
from core.modelfile import GraphValue, Metadata
from core.tensors import Profile


def value(name: str, *shape: int | None, dtype: str = "float32") -> GraphValue:
    return GraphValue(name, dtype, tuple(shape))


def test_a_fixed_model_needs_no_profile() -> None:
    assert propose_profiles([value("images", 1, 3, 8, 8)], {}, None) == ()


def test_a_free_batch_goes_from_one_picture_to_a_queue_full() -> None:
    found = propose_profiles([value("images", None, 3, 640, 640)], {"images": ("batch",)}, None)
    limits = Profile((1, 3, 640, 640), (4, 3, 640, 640), (16, 3, 640, 640))
    assert found == ({"images": limits},)


def test_free_sides_are_multiples_of_the_stride_round_the_trained_size() -> None:
    metadata = Metadata(image_size_hw=(500, 960), stride=64, batch=32)
    (profile,) = propose_profiles([value("images", None, 3, None, None)], {}, metadata)
    # 500 is not a multiple of 64: 512 is the next, 256 half of it; of 960 that is 480, so 512.
    assert profile["images"] == Profile((1, 3, 256, 512), (4, 3, 512, 960), (32, 3, 1024, 1920))


def test_without_metadata_sides_are_those_of_most_exports() -> None:
    (profile,) = propose_profiles([value("x", 1, None, None, 3)], {}, None)
    assert profile["x"] == Profile((1, 320, 320, 3), (1, 640, 640, 3), (1, 1280, 1280, 3))


def test_dimensions_of_one_symbol_agree() -> None:
    inputs = [value("images", None, 3, 8, 8), value("lengths", None, None, dtype="int64")]
    symbols = {"images": ("n", None, None, None), "lengths": ("n", "t")}
    (profile,) = propose_profiles(inputs, symbols, None)
    assert profile["lengths"] == Profile((1, 1), (4, 16), (16, 128))
    # Where no symbol says so, the first dimension is the batch.
    assert profile["images"].max == (16, 3, 8, 8)


def test_an_input_of_unknown_rank_gets_no_proposal() -> None:
    assert propose_profiles([GraphValue("x", "float32", None)], {}, None) == ()


def test_proposals_always_hold_together() -> None:
    inputs = [value("a", None, 3, None, None), value("b", None, None, dtype="int32")]
    for metadata in (None, Metadata(image_size_hw=(33, 7), stride=32, batch=1)):
        check_profiles(propose_profiles(inputs, {}, metadata), inputs_of(inputs))


def test_the_buffers_of_a_profile_are_counted_in_bytes() -> None:
    inputs = [value("images", None, 3, 8, 8), value("scale", 2, dtype="float16")]
    profile = {"images": Profile((1, 3, 8, 8), (4, 3, 8, 8), (16, 3, 8, 8))}
    assert buffer_bytes(inputs, profile, "min") == 1 * 3 * 8 * 8 * 4 + 4
    assert buffer_bytes(inputs, profile, "max") == 16 * 3 * 8 * 8 * 4 + 4
    assert buffer_bytes([value("x", None)], {}, "max") is None
    assert memory_text(inputs, profile) == "inputs 3.08 kB at the optimum, 12.3 kB at the maximum"


def test_outputs_follow_the_inputs_by_symbol_or_by_batch() -> None:
    inputs = [value("images", None, 3, None, 8)]
    profile = {"images": Profile((1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 16, 8))}
    symbols = {"images": ("n", None, "h", None), "mask": ("n", "h"), "odd": ("t", None)}
    mask, plain = value("mask", None, None), value("scores", None, 10)
    images = 4 * 3 * 16 * 8 * 4
    assert io_bytes(inputs, [mask], symbols, profile, "max") == images + 4 * 16 * 4
    assert io_bytes(inputs, [plain], symbols, profile, "max") == images + 4 * 10 * 4
    # A dimension that the data decides is not guessed at.
    assert io_bytes(inputs, [value("odd", None, 4)], symbols, profile, "max") is None
    assert io_bytes(inputs, [value("boxes", 1, None)], {}, profile, "max") is None


IMAGES = InputShape("images", (None, 3, 8, 8))
GOOD = Profile((1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8))


@pytest.mark.parametrize(
    ("profiles", "inputs", "kind", "words"),
    [
        (
            [{"images": Profile((4, 3, 8, 8), (2, 3, 8, 8), (8, 3, 8, 8))}],
            [IMAGES],
            "bad-profile",
            "the minimum 4 is over the optimum 2 in dimension 0",
        ),
        (
            [{"images": Profile((1, 3, 8, 8), (9, 3, 8, 8), (8, 3, 8, 8))}],
            [IMAGES],
            "bad-profile",
            "the optimum 9 is over the maximum 8 in dimension 0",
        ),
        (
            [{"images": Profile((1, 3), (1, 3), (1, 3))}],
            [IMAGES],
            "bad-profile",
            "it has 2 dimensions, and the model's ? x 3 x 8 x 8 has 4",
        ),
        (
            [{"images": Profile((1,), (1, 3), (1, 3))}],
            [IMAGES],
            "bad-profile",
            "not the same number",
        ),
        (
            [{"images": Profile((1, 1, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8))}],
            [IMAGES],
            "bad-profile",
            "dimension 1 is fixed to 3",
        ),
        (
            [{"images": Profile((-1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8))}],
            [IMAGES],
            "bad-profile",
            "dimension 0 is below 0",
        ),
        (
            [{"images": Profile((0, 3, 8, 8), (0, 3, 8, 8), (4, 3, 8, 8))}],
            [IMAGES],
            "bad-profile",
            "the optimum of dimension 0 is 0",
        ),
        (
            [{"images": Profile((1, 3, 8, 8), (1, 3, 8, 8), (2**31, 3, 8, 8))}],
            [IMAGES],
            "bad-profile",
            "2,147,483,648",
        ),
        ([{"pictures": GOOD}], [IMAGES], "unknown-input", "no input 'pictures'"),
        ([], [IMAGES], "no-profile", "shape ? x 3 x 8 x 8, and there is no profile"),
        (
            [{"images": GOOD}, {}],
            [IMAGES],
            "no-profile",
            "profile 1 leaves it out",
        ),
        (
            [],
            [InputShape("size", (2,), takes_values=True)],
            "no-profile",
            "values that decide shapes",
        ),
    ],
)
def test_a_profile_that_does_not_fit_is_one_clear_error(
    profiles: Any, inputs: Any, kind: str, words: str
) -> None:
    with pytest.raises(ModelError) as caught:
        check_profiles(profiles, inputs)
    assert caught.value.kind == kind
    assert words in caught.value.message
    assert caught.value.hint


def test_a_profile_may_begin_at_nothing_and_end_at_32_bits() -> None:
    check_profiles(
        [{"images": Profile((0, 3, 8, 8), (1, 3, 8, 8), (2**31 - 1, 3, 8, 8))}], [IMAGES]
    )


def test_values_of_a_shape_tensor_are_not_measured_by_its_shape() -> None:
    inputs = inputs_of([value("size", 2, dtype="int64"), value("images", None, 3, 8, 8)])
    values = Profile((8, 8), (16, 16), (32, 32))
    check_profiles([{"size": values, "images": GOOD}], inputs)


@pytest.mark.parametrize(
    ("asked", "free", "limit", "words"),
    [
        (None, 10_000_000_000, 8_000_000_000, "8 GB, 80% of the 10 GB that are free"),
        (None, None, None, "TensorRT's own"),
        (1_000_000, 10_000_000_000, 1_000_000, "1 MB, as asked."),
        (2_000_000_000, 1_000_000_000, 2_000_000_000, "as asked; only 1 GB are free"),
    ],
)
def test_the_workspace_is_said_with_its_reason(
    asked: int | None, free: int | None, limit: int | None, words: str
) -> None:
    found, note = workspace_limit(asked, free)
    assert found == limit
    assert words in note
