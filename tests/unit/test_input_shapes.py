"""Which shapes inputs with free dimensions get, and what is refused."""

from __future__ import annotations

import pytest

from core.errors import InputError
from core.input_shapes import Resolved, choose_shapes, parse_shape, resolve_shapes
from core.tensors import Profile, Shape, TensorSpec

SMALL = Profile((1, 3, 32, 32), (2, 3, 64, 64), (4, 3, 128, 128))
LARGE = Profile((1, 3, 256, 256), (1, 3, 512, 512), (8, 3, 1024, 1024))


def spec(name: str, shape: Shape, *profiles: Profile) -> TensorSpec:
    return TensorSpec(name=name, mode="input", dtype="float32", shape=shape, profiles=profiles)


IMAGES = spec("images", (None, 3, None, None), SMALL, LARGE)
FREE = spec("images", (None, 3, None, None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4x3x640x640", (4, 3, 640, 640)),
        ("4X3", (4, 3)),
        ("4,3", (4, 3)),
        ("1 x 3 x 8 x 8", (1, 3, 8, 8)),
        ("7", (7,)),
    ],
)
def test_a_shape_is_read_as_people_write_it(text: str, expected: tuple[int, ...]) -> None:
    assert parse_shape(text) == expected


@pytest.mark.parametrize("text", ["", "x", "4x", "4x-3", "0x3", "4x3.5", "axb", "9" * 30, "4x²"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no shape") as caught:
        parse_shape(text)
    assert caught.value.kind == "shape-text"


def test_what_is_wanted_comes_first_then_the_hint_then_the_optimum_then_one() -> None:
    wanted, hints = {"images": (3, None, None, None)}, {"images": (4, 3, 100, None)}
    assert resolve_shapes((IMAGES,), wanted, 0, hints=hints) == {"images": (3, 3, 100, 64)}
    assert resolve_shapes((IMAGES,), {}, 0) == {"images": (2, 3, 64, 64)}
    assert resolve_shapes((IMAGES,), {}, 1) == {"images": (1, 3, 512, 512)}
    assert resolve_shapes((FREE,), {}) == {"images": (1, 3, 1, 1)}


def test_a_hint_outside_the_profile_gives_way_to_its_optimum() -> None:
    hints = {"images": (1, 3, 129, 128)}
    assert resolve_shapes((IMAGES,), {}, 0, hints=hints) == {"images": (1, 3, 64, 128)}


@pytest.mark.parametrize(
    ("wanted", "kind", "words"),
    [
        ((5, 3, 64, 64), "input-profile", "dimension 0 takes 1 to 4"),
        ((1, 3, 64, 31), "input-profile", "dimension 3 takes 32 to 128"),
        ((1, 4, 64, 64), "input-shape", "expected ? x 3 x ? x ?, given 1 x 4 x 64 x 64"),
        ((1, 3, 64), "input-rank", "expected 4 dimensions, given 1 x 3 x 64"),
    ],
)
def test_a_shape_that_does_not_fit_names_the_input_the_dimension_and_the_limits(
    wanted: Shape, kind: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        resolve_shapes((IMAGES,), {"images": wanted}, 0)
    assert caught.value.kind == kind
    assert "'images'" in caught.value.message
    assert words in caught.value.message


def test_a_shape_for_an_input_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(InputError, match="no input 'image'") as caught:
        resolve_shapes((IMAGES,), {"image": (1, 3, 64, 64)})
    assert caught.value.hint == "Its inputs are: images."


# One symbol, one number


SYMBOLS = {"images": ("n", None, "h", "w"), "masks": ("n", "h"), "sizes": ("m", None)}
THREE = (FREE, spec("masks", (None, None)), spec("sizes", (None, 2)))


def test_dimensions_of_one_symbol_are_one_number() -> None:
    wanted, hints = {"masks": (4, None)}, {"images": (1, 3, 32, 64)}
    assert resolve_shapes(THREE, wanted, hints=hints, symbols=SYMBOLS) == {
        "images": (4, 3, 32, 64),
        "masks": (4, 32),
        "sizes": (1, 2),
    }


def test_symbols_that_are_given_two_numbers_are_refused() -> None:
    wanted: dict[str, Shape] = {"images": (2, 3, 8, 8), "masks": (4, 8)}
    with pytest.raises(InputError, match="'n' is 2 in 'images' and 4 in 'masks'") as caught:
        resolve_shapes(THREE, wanted, symbols=SYMBOLS)
    assert caught.value.kind == "input-symbol"
    square = {"images": ("n", None, "side", "side")}
    with pytest.raises(InputError, match="'side' is 8 and 9 in 'images'"):
        resolve_shapes((FREE,), {"images": (1, 3, 8, 9)}, symbols=square)


# The profile


@pytest.mark.parametrize(
    ("wanted", "hints", "pinned", "expected"),
    [
        ({}, {}, None, Resolved({"images": (2, 3, 64, 64)}, 0)),
        ({}, {}, 1, Resolved({"images": (1, 3, 512, 512)}, 1)),
        (
            {"images": (8, 3, 256, 256)},
            {},
            None,
            Resolved({"images": (8, 3, 256, 256)}, 1),
        ),
        # The second profile grants the hint, the first would not.
        ({}, {"images": (1, 3, 640, 640)}, None, Resolved({"images": (1, 3, 640, 640)}, 1)),
    ],
)
def test_the_profile_is_the_pinned_one_or_that_which_fits(
    wanted: dict[str, Shape], hints: dict[str, Shape], pinned: int | None, expected: Resolved
) -> None:
    assert choose_shapes((IMAGES,), wanted, pinned, hints=hints) == expected


@pytest.mark.parametrize(("pinned", "limits"), [(None, "1 to 4"), (0, "1 to 4"), (1, "1 to 8")])
def test_a_shape_outside_every_allowed_profile_is_refused(pinned: int | None, limits: str) -> None:
    with pytest.raises(InputError, match=f"dimension 0 takes {limits}"):
        choose_shapes((IMAGES,), {"images": (9, 3, 512, 512)}, pinned)
