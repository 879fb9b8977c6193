"""The contract of every session: the input check, the profile's choice, and calling."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from core.sessions.base import Arrays, Session, Timing
from core.sessions.input_check import check_inputs, fitting_profile
from core.tensors import Profile, TensorSpec

IMAGES = TensorSpec(name="images", mode="input", dtype="float32", shape=(1, 3, None, 8))
SIZE = TensorSpec(name="size", mode="input", dtype="int64", shape=(2,))
PROFILED = TensorSpec(
    name="images",
    mode="input",
    dtype="float32",
    shape=(None, 3),
    profiles=(
        Profile(min=(1, 3), opt=(2, 3), max=(4, 3)),
        Profile(min=(8, 3), opt=(8, 3), max=(16, 3)),
    ),
)
GOOD: Arrays = {"images": np.zeros((1, 3, 5, 8), np.float32), "size": np.zeros(2, np.int64)}


class Doubler(Session):
    """Doubles its inputs."""

    def __init__(self, *specs: TensorSpec) -> None:
        super().__init__()
        self.inputs = specs
        self.outputs = specs
        self.runtime = "doubler"
        self.seen: list[Arrays] = []
        self.closed = 0

    def _execute(self, inputs: Arrays) -> tuple[Arrays, Timing]:
        self.seen.append(inputs)
        outputs = {name: array * 2 for name, array in inputs.items()}
        return outputs, Timing(clock="wall-clock", compute_ms=1.0)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"images": None}, "input-missing", ["'images'"]),
        ({"depth": np.zeros(1)}, "input-extra", ["'depth'"]),
        (
            {"images": np.zeros((1, 3, 5, 8))},
            "input-dtype",
            ["'images'", "expected float32", "given float64 1 x 3 x 5 x 8"],
        ),
        (
            {"size": np.zeros(2, np.int32)},
            "input-dtype",
            ["'size'", "expected int64", "given int32 2"],
        ),
        (
            {"images": np.zeros((3, 5, 8), np.float32)},
            "input-rank",
            ["'images'", "expected 4 dimensions", "given float32 3 x 5 x 8"],
        ),
        (
            {"images": np.float32(1)},
            "input-rank",
            ["'images'", "expected 4 dimensions", "given float32 scalar"],
        ),
        (
            {"images": np.zeros((1, 3, 5, 9), np.float32)},
            "input-shape",
            ["'images'", "expected 1 x 3 x ? x 8", "given float32 1 x 3 x 5 x 9"],
        ),
        (
            {"images": np.zeros((2, 3, 5, 8), np.float32)},
            "input-shape",
            ["'images'", "expected 1 x 3 x ? x 8", "given float32 2 x 3 x 5 x 8"],
        ),
    ],
)
def test_a_misfit_names_the_tensor_what_was_expected_and_what_was_given(
    change: dict[str, np.ndarray | None], kind: str, words: list[str]
) -> None:
    given = {name: array for name, array in (GOOD | change).items() if array is not None}
    with pytest.raises(InputError) as caught:
        check_inputs((IMAGES, SIZE), given)
    assert caught.value.kind == kind
    for word in words:
        assert word in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("change", [{"images": None}, {"depth": np.zeros(1)}])
def test_missing_and_unknown_inputs_list_what_the_model_needs(
    change: dict[str, np.ndarray | None],
) -> None:
    given = {name: array for name, array in (GOOD | change).items() if array is not None}
    with pytest.raises(InputError) as caught:
        check_inputs((IMAGES, SIZE), given)
    assert "images, size" in caught.value.hint


@pytest.mark.parametrize(("profile", "batch"), [(0, 5), (0, 0), (1, 4), (1, 17)])
def test_a_shape_outside_the_profile_names_its_limits(profile: int, batch: int) -> None:
    with pytest.raises(InputError) as caught:
        check_inputs((PROFILED,), {"images": np.zeros((batch, 3), np.float32)}, profile)
    assert caught.value.kind == "input-profile"
    limits = ("1 x 3 to 4 x 3 (profile 0)", "8 x 3 to 16 x 3 (profile 1)")[profile]
    assert f"expected {limits}, given float32 {batch} x 3" in caught.value.message
    assert "Its profiles take 1 x 3 to 4 x 3, or 8 x 3 to 16 x 3." in caught.value.hint


@pytest.mark.parametrize(("profile", "batch"), [(0, 1), (0, 4), (1, 8), (1, 16)])
def test_a_profiles_limits_belong_to_it(profile: int, batch: int) -> None:
    array = np.zeros((batch, 3), np.float32)
    assert check_inputs((PROFILED,), {"images": array}, profile)["images"] is array


def test_arrays_come_back_in_the_models_order() -> None:
    backwards = dict(reversed(GOOD.items()))
    assert list(check_inputs((IMAGES, SIZE), backwards)) == ["images", "size"]


def test_a_contiguous_array_is_not_copied() -> None:
    assert check_inputs((IMAGES, SIZE), GOOD)["images"] is GOOD["images"]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(240, dtype=np.float32).reshape(1, 5, 8, 6).transpose(0, 3, 1, 2)[:, ::2],
        np.arange(120, dtype=np.float32).reshape(1, 3, 5, 8)[..., ::-1],
        np.asfortranarray(np.arange(120, dtype=np.float32).reshape(1, 3, 5, 8)),
        np.arange(120, dtype=np.dtype(np.float32).newbyteorder("S")).reshape(1, 3, 5, 8),
    ],
    ids=["strided", "backwards", "Fortran order", "other byte order"],
)
def test_an_array_in_another_memory_order_is_made_plain(array: np.ndarray) -> None:
    checked = check_inputs((IMAGES,), {"images": array})["images"]
    assert checked.flags.c_contiguous
    assert checked.dtype.isnative
    np.testing.assert_array_equal(checked, array)


def test_a_scalar_input_stays_a_scalar() -> None:
    spec = TensorSpec(name="threshold", mode="input", dtype="float32", shape=())
    assert check_inputs((spec,), {"threshold": np.float32(0.5)})["threshold"].shape == ()


@pytest.mark.parametrize("array", [np.array(["a"]), np.array(["a"], object), np.array([b"a"])])
def test_a_string_input_takes_every_kind_of_strings(array: np.ndarray) -> None:
    spec = TensorSpec(name="text", mode="input", dtype="string", shape=(None,))
    assert check_inputs((spec,), {"text": array})["text"].shape == (1,)


def test_a_string_input_takes_no_numbers() -> None:
    spec = TensorSpec(name="text", mode="input", dtype="string", shape=(None,))
    with pytest.raises(InputError, match="expected strings, given float64 1"):
        check_inputs((spec,), {"text": np.zeros(1)})


HOST = TensorSpec(
    name="size",
    mode="input",
    dtype="int32",
    shape=(2,),
    location="host",
    profiles=(Profile((1, 1), (2, 2), (3, 3)), Profile((5, 5), (6, 6), (7, 7))),
)


@pytest.mark.parametrize(
    ("specs", "shapes", "current", "expected"),
    [
        ((PROFILED,), {"images": (4, 3)}, 0, 0),
        ((PROFILED,), {"images": (8, 3)}, 0, 1),
        ((PROFILED,), {"images": (8, 3)}, 1, 1),
        ((PROFILED,), {"images": (2, 3)}, 1, 0),
        ((PROFILED,), {"images": (6, 3)}, 0, 0),
        ((PROFILED,), {"images": (6, 3)}, 1, 1),
        ((PROFILED,), {"images": (8, 3, 1)}, 0, 0),
        ((PROFILED,), {}, 1, 1),
        ((IMAGES,), {"images": (9, 9)}, 0, 0),
        ((PROFILED, HOST), {"images": (8, 3), "size": (2,)}, 0, 1),
        ((), {}, 0, 0),
    ],
)
def test_the_current_profile_is_kept_while_it_fits_else_the_first_that_does(
    specs: tuple[TensorSpec, ...],
    shapes: dict[str, tuple[int, ...]],
    current: int,
    expected: int,
) -> None:
    assert fitting_profile(specs, shapes, current) == expected


def test_overlapping_profiles_are_not_left_without_need() -> None:
    spec = TensorSpec(
        name="images",
        mode="input",
        dtype="float32",
        shape=(None,),
        profiles=(Profile((1,), (1,), (4,)), Profile((2,), (2,), (8,))),
    )
    shapes = {"images": (3,)}
    assert [fitting_profile((spec,), shapes, current) for current in (0, 1)] == [0, 1]


def test_a_session_is_called_by_position_by_name_and_by_both() -> None:
    session = Doubler(IMAGES, SIZE)
    images, size = GOOD["images"] + 1, GOOD["size"] + 3
    for outputs in (
        session(images, size),
        session(images=images, size=size),
        session(images, size=size),
    ):
        assert list(outputs) == ["images", "size"]
        np.testing.assert_array_equal(outputs["images"], 2)
        np.testing.assert_array_equal(outputs["size"], 6)


def test_too_many_arrays_are_refused() -> None:
    with pytest.raises(InputError, match="2 arrays were given; the model has 1 inputs") as caught:
        Doubler(IMAGES)(GOOD["images"], GOOD["images"])
    assert caught.value.kind == "input-extra"
    assert "images" in caught.value.hint


def test_too_few_arrays_name_the_first_that_is_missing() -> None:
    with pytest.raises(InputError, match="No array was given for input 'size'"):
        Doubler(IMAGES, SIZE)(GOOD["images"])


def test_what_does_not_fit_never_reaches_the_runtime() -> None:
    session = Doubler(IMAGES)
    with pytest.raises(InputError):
        session(np.zeros((1, 3, 5, 9), np.float32))
    assert session.seen == []


def test_the_first_run_of_each_shape_is_marked() -> None:
    session = Doubler(IMAGES)
    marks = [
        session.run({"images": np.zeros((1, 3, height, 8), np.float32)}).is_first
        for height in (5, 5, 6, 5, 6)
    ]
    assert marks == [True, False, True, False, False]


def test_a_run_that_fails_was_no_first_run() -> None:
    class Fails(Doubler):
        def _execute(self, inputs: Arrays) -> tuple[Arrays, Timing]:
            if not self.seen:
                self.seen.append(inputs)
                raise RuntimeError("once")
            return super()._execute(inputs)

    session = Fails(IMAGES)
    with pytest.raises(RuntimeError, match="once"):
        session.run({"images": GOOD["images"]})
    assert session.run({"images": GOOD["images"]}).is_first


def test_an_input_buffer_has_the_inputs_dtype_and_the_wanted_shape() -> None:
    buffer = Doubler(IMAGES, SIZE).input_buffer("size", (7,))
    assert (buffer.dtype, buffer.shape) == (np.int64, (7,))


def test_an_unknown_input_buffer_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="depth"):
        Doubler(IMAGES).input_buffer("depth", (1,))


def test_leaving_the_with_block_closes_also_after_an_error() -> None:
    session = Doubler(IMAGES)
    with pytest.raises(InputError), session:
        session()
    assert session.closed == 1
