"""Values of the metadata as they are shown and typed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.modelfile.metadata_values import shown_value, typed_value, value_of_text

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_stands_in_a_cell_gives_the_very_value_back(value: Any) -> None:
    text = typed_value(value)
    assert text.isprintable()  # a line edit holds one line
    again = value_of_text(text)
    assert json.dumps(again) == json.dumps(value)  # which tells 1 from 1.0 and from True


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("cat", "cat"),
        ("32", '"32"'),
        (32, "32"),
        ("true", '"true"'),
        ("a\nb", '"a\\nb"'),
        ({"0": "猫"}, '{"0": "猫"}'),
        ("\ud800", '"\\ud800"'),
        ("", ""),
    ],
)
def test_a_text_that_would_be_read_otherwise_stands_in_quotes(value: Any, text: str) -> None:
    assert typed_value(value) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e999", "1e999"),
        ("[NaN]", ["NaN"]),
        ("{", "{"),
    ],
)
def test_what_json_cannot_hold_again_stays_text(text: str, value: Any) -> None:
    assert value_of_text(text) == value


def test_a_value_is_shown_on_one_line_of_its_limit() -> None:
    assert shown_value({"0": "cat"}) == '{"0": "cat"}'
    assert shown_value("a\nb") == "a b"
    assert len(shown_value("x" * 500)) == 160
    assert len(shown_value("x" * 500, 300)) == 300


def test_what_is_nested_without_end_is_shown_as_such() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert "too deep" in shown_value(deep)
    assert "too deep" in typed_value(deep)
    while deep:  # freed piece by piece: all at once it would overrun the stack
        deep = deep.pop()
