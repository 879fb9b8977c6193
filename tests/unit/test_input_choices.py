"""What one input gets: by choice, or by assumption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.input_choices import Fill, assume, make, parse_fill, require_known, shape_of
from core.tensors import Profile, Shape, TensorSpec


def spec(
    shape: Shape, dtype: str = "float32", name: str = "x", *profiles: Profile, host: bool = False
) -> TensorSpec:
    return TensorSpec(
        name=name,
        mode="input",
        dtype=dtype,
        shape=shape,
        location="host" if host else "device",
        profiles=profiles,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", Fill("values", ("1",))),
        ("1, 1,4,4", Fill("values", ("1", "1", "4", "4"))),
        ("random", Fill("random")),
        ("random:7", Fill("random", seed=7)),
        ("zeros", Fill("zeros")),
        ("image", Fill("image")),
        ("image:C:/a.png", Fill("image", path=Path("C:/a.png"))),
        ("folder/x.npy", Fill("file", path=Path("folder/x.npy"))),
        ("X.NPZ", Fill("file", path=Path("X.NPZ"))),
        ("hello", Fill("values", ("hello",))),
    ],
)
def test_a_choice_is_read_as_it_is_typed(text: str, expected: Fill) -> None:
    assert parse_fill(text) == expected


@pytest.mark.parametrize("text", ["", "  ", "random:x", "random:-1", "random:1.5"])
def test_a_choice_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_fill(text)
    assert caught.value.kind == "input-value"


@pytest.mark.parametrize(
    ("values", "shape", "dtype", "expected"),
    [
        (("2.5",), (2, 2), "float32", [[2.5, 2.5], [2.5, 2.5]]),
        (("1", "2", "3", "4"), (2, 2), "int64", [[1, 2], [3, 4]]),
        (("7",), (), "int32", 7),
        (("255",), (1,), "uint8", [255]),
        (("true", "0"), (2,), "bool", [True, False]),
        (("9007199254740993",), (1,), "int64", [2**53 + 1]),  # no float has this one
        (("1e-3",), (1,), "float64", [0.001]),
        (("-0.5",), (1,), "bfloat16", [-0.5]),
    ],
)
def test_values_are_typed_and_brought_to_the_shape(
    values: tuple[str, ...], shape: tuple[int, ...], dtype: str, expected: object
) -> None:
    made = make(Fill("values", values), spec(shape, dtype), shape)
    assert (made.array.dtype.name, made.array.shape) == (dtype, shape)
    np.testing.assert_array_equal(made.array.astype(object), np.array(expected, object))
    assert made.origin == f"values {','.join(values)}"
    assert made.assumptions == ()


def test_words_fill_an_input_of_strings() -> None:
    made = make(Fill("values", ("cat", "dog")), spec((2,), "string"), (2,))
    assert list(made.array) == ["cat", "dog"]
    assert list(make(Fill("zeros"), spec((2,), "string"), (2,)).array) == ["", ""]


@pytest.mark.parametrize(
    ("values", "dtype", "words"),
    [
        (("a",), "float32", "'a' is no value for input 'x' (float32)"),
        (("1.5",), "int64", "'1.5' is no value for input 'x' (int64)"),
        (("256",), "uint8", "uint8 holds 0 to 255"),
        (("-1",), "uint8", "uint8 holds 0 to 255"),
        (("9" * 5000,), "int64", "does not fit input 'x'"),
        (("1e6",), "float16", "1e6 is too large for input 'x' (float16)"),
        (("2",), "bool", "'2' is no value for input 'x' (bool)"),
        (("1", "2", "3"), "float32", "takes 4 values (2 x 2); 3 were given"),
        (("1", ""), "float32", "takes 4 values (2 x 2); 2 were given"),
    ],
)
def test_values_that_do_not_fit_are_one_clear_error(
    values: tuple[str, ...], dtype: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        make(Fill("values", values), spec((2, 2), dtype), (2, 2))
    assert caught.value.kind == "input-value"
    assert words in caught.value.message


def test_a_dtype_that_no_array_holds_is_an_input_error() -> None:
    for build in (lambda one: make(Fill("zeros"), one, (1,)), lambda one: assume(one, (1,))):
        with pytest.raises(InputError, match=r"is seq\(tensor\(float\)\), which no array holds"):
            build(spec((1,), "seq(tensor(float))"))


@pytest.mark.parametrize(("typed", "count"), [(("nan",), 4), (("1", "inf", "2", "3"), 1)])
def test_nan_and_infinity_are_taken_and_noted(typed: tuple[str, ...], count: int) -> None:
    made = make(Fill("values", typed), spec((4,)), (4,))
    assert (~np.isfinite(made.array)).sum() == count
    [words] = made.assumptions
    assert f"'x' is not finite in {count} of 4 values" in words


def test_random_values_follow_the_seed_and_the_inputs_place() -> None:
    one, same, other, next_input = (
        make(Fill("random", seed=seed), spec((100,)), (100,), index=index).array
        for seed, index in ((7, 0), (7, 0), (8, 0), (7, 1))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert (one != next_input).any()
    assert 0 <= one.min() < one.max() < 1
    whole = make(Fill("random", seed=7), spec((100,), "uint8"), (100,))
    assert whole.origin == "random, seed 7"
    assert set(np.unique(whole.array)) == {0, 1}


def test_a_files_array_is_taken_and_its_nan_noted(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.array([1, np.nan], np.float32))
    fill = Fill("file", path=path)
    assert shape_of(fill, spec((None,))) == (2,)
    made = make(fill, spec((None,)), (2,))
    assert made.origin == "x.npy"
    assert "not finite in 1 of 2 values" in made.assumptions[0]


@pytest.mark.parametrize(
    ("values", "shape", "expected"),
    [
        (4, (None,), (4,)),
        (4, (None, 2), (2, 2)),
        (3, (None, 2), None),
        (1, (None,), None),
        (4, (None, None), None),
        (4, (4,), None),
    ],
)
def test_as_many_values_as_given_settle_one_free_dimension(
    values: int, shape: Shape, expected: Shape | None
) -> None:
    assert shape_of(Fill("values", ("1",) * values), spec(shape)) == expected


# Assumptions


@pytest.mark.parametrize(
    ("dtype", "value", "words"),
    [
        ("float32", 1, "filled with ones"),
        ("int64", 1, "filled with ones"),
        ("bool", True, "filled with ones"),
        ("string", "", "filled with empty text"),
    ],
)
def test_what_nobody_chose_is_filled_and_said(dtype: str, value: object, words: str) -> None:
    made = assume(spec((2,), dtype, "factor"), (2,), 0, (640, 480))
    assert list(made.array) == [value, value]
    assert made.assumptions == (f"Input 'factor' was not given: {words}.",)


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "expected", "words"),
    [
        ("orig_target_sizes", (1, 2), "int64", [[640, 480]], "width and height"),
        ("orig_target_sizes", (2, 2), "int64", [[640, 480], [640, 480]], "width and height"),
        ("image_shape", (1, 2), "float32", [[480, 640]], "height and width"),
        ("im_shape", (1, 2), "float32", [[480, 640]], "height and width"),
        ("im_info", (1, 3), "float32", [[480, 640, 1]], "height and width"),
        ("image_size", (2,), "int32", [480, 640], "height and width"),
        ("scale_factor", (1, 2), "float32", [[1, 1]], "a scale of 1"),
    ],
)
def test_an_input_named_for_the_images_size_gets_the_networks(
    name: str, shape: tuple[int, ...], dtype: str, expected: object, words: str
) -> None:
    made = assume(spec(shape, dtype, name), shape, 0, (640, 480))
    np.testing.assert_array_equal(made.array, expected)
    assert made.array.dtype == dtype
    assert f"{name!r} was not given: by its name it gets {words}" in made.assumptions[0]


def test_an_input_named_for_a_size_gets_ones_where_there_is_no_picture_or_no_room() -> None:
    for one, size_wh in (
        (spec((1, 2), name="im_shape"), None),
        (spec((1, 4), name="im_shape"), (640, 480)),
        (spec((), name="image_size"), (640, 480)),
    ):
        shape = tuple(dim or 0 for dim in one.shape)
        made = assume(one, shape, 0, size_wh)
        assert (made.array == 1).all()
        assert "filled with ones" in made.assumptions[0]


def test_a_shape_tensor_gets_the_optimum_of_its_profile() -> None:
    profiles = (Profile((1, 1), (4, 4), (8, 8)), Profile((1, 1), (6, 7), (8, 8)))
    size = spec((2,), "int32", "size", *profiles, host=True)
    made = assume(size, (2,), 1, (640, 480))
    assert list(made.array) == [6, 7]
    assert "its profile's optimum" in made.assumptions[0]


def test_names_and_pictures_are_checked() -> None:
    specs = (spec((1, 3, 8, 8), name="images"), spec((1, 4), name="factor"))
    require_known({"images": Fill("image"), "factor": Fill("zeros")}, specs)
    with pytest.raises(InputError, match="no input 'factors'") as caught:
        require_known({"factors": Fill("zeros")}, specs)
    assert caught.value.hint == "Its inputs are: images, factor."
    with pytest.raises(InputError, match=r"'factor' .* takes no picture"):
        require_known({"factor": Fill("image")}, specs)
