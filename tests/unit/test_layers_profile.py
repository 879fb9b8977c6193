"""trtexec's profile, and pairing it with the layers it belongs to."""

from __future__ import annotations

import json

import pytest

from core.errors import EnginebayError
from core.layers.inspector import read_layer_json
from core.layers.profile import profile_of_runs, read_profile_json, with_times
from core.layers.values import LayerTable
from tests.unit.layer_json import NAMES, TIMES, of_10, profile, text


def table_of(*names: str) -> LayerTable:
    return read_layer_json(json.dumps({"Layers": list(names), "Bindings": []}))


def profile_text(**times: float) -> str:
    return json.dumps(profile(times))


def refusal(table: LayerTable, content: str) -> EnginebayError:
    with pytest.raises(EnginebayError) as caught:
        with_times(table, read_profile_json(content))
    return caught.value


def test_a_profile_gives_means_medians_and_runs() -> None:
    found = read_profile_json(text(profile()))
    assert found.runs == 200
    assert [one.name for one in found.layers] == list(NAMES)
    assert [one.mean_ms for one in found.layers] == list(TIMES)
    assert found.layers[1].median_ms == pytest.approx(0.045)
    assert found.total_ms == pytest.approx(0.1)


def test_without_means_they_come_from_the_total_and_the_runs() -> None:
    content = '[{"count": 4}, {"name": "a", "timeMs": 10.0, "percentage": 100}]'
    (layer,) = read_profile_json(content).layers
    assert layer.mean_ms == 2.5
    assert layer.median_ms is None


def test_sums_match() -> None:
    table = with_times(read_layer_json(text(of_10())), read_profile_json(text(profile())))
    assert table.runs == 200
    assert sum(layer.share or 0 for layer in table.layers) == pytest.approx(1, abs=1e-12)
    assert sum(layer.time_ms or 0 for layer in table.layers) == pytest.approx(0.1, abs=1e-12)
    assert [layer.share for layer in table.layers] == pytest.approx([0.1, 0.5, 0.2, 0.15, 0.05])
    assert table.layers[1].median_ms == pytest.approx(0.045)


def test_a_pair_as_trtexec_8_writes_it_adds_up() -> None:
    """Names alone, bookkeeping layers without time, no medians; in trtexec's own spacing."""
    layers = (
        '{"Layers": ["[trainStation1]"\n,"(Unnamed Layer* 7) [Constant]"\n,"conv1.weight + Conv"'
    )
    layers += (
        '\n,"{ForeignNode[/head/Split.../Concat_1]}"\n],\n"Bindings": ["input"\n,"output"\n]}\n'
    )
    times = (
        '[\n  { "count" : 11 }\n'
        ', { "name" : "[trainStation1]", "timeMs" : 22, "averageMs" : 2, "percentage" : 20 }\n'
        ', { "name" : "(Unnamed Layer* 7) [Constant]", "timeMs" : 0, "averageMs" : 0, '
        '"percentage" : 0 }\n'
        ', { "name" : "conv1.weight + Conv", "timeMs" : 55, "averageMs" : 5, "percentage" : 50 }\n'
        ', { "name" : "{ForeignNode[/head/Split.../Concat_1]}", "timeMs" : 33, "averageMs" : 3, '
        '"percentage" : 30 }\n]\n'
    )
    table = with_times(read_layer_json(layers), read_profile_json(times))
    assert [layer.share for layer in table.layers] == [0.2, 0.0, 0.5, 0.3]
    assert [layer.median_ms for layer in table.layers] == [None] * 4
    assert sum(layer.time_ms or 0 for layer in table.layers) == 10
    assert any("graph compiler" in note for note in table.notes)


def test_names_that_trtexec_did_not_escape_are_read_as_they_are() -> None:
    content = (
        '[\n  { "count" : 10 }\n'
        ', { "name" : "a "quoted" \\x name\x1e[0]", "timeMs" : 20.0, "averageMs" : 2.0, '
        '"medianMs" : 1.5e+00, "percentage" : 80 }\n'
        ', { "name" : "b", "timeMs" : 5, "averageMs" : 0.5, "medianMs" : 0.5, "percentage" : 20 }\n'
        "]\n"
    )
    found = read_profile_json(content)
    assert found.runs == 10
    assert [one.name for one in found.layers] == ['a "quoted" \\x name\x1e[0]', "b"]
    assert [one.mean_ms for one in found.layers] == [2.0, 0.5]
    assert found.layers[0].median_ms == 1.5


def test_control_characters_pair() -> None:
    table = with_times(table_of("a\x1eb"), read_profile_json(text(profile({"a\x1eb": 1.0}))))
    assert table.layers[0].time_ms == 1.0


def test_the_same_name_is_paired_in_order() -> None:
    content = json.dumps([{"count": 1}, *({"name": "a", "averageMs": ms} for ms in (3.0, 1.0))])
    table = with_times(table_of("a", "b", "a"), read_profile_json(content))
    assert [layer.time_ms for layer in table.layers] == [3.0, None, 1.0]
    assert "The profile has no time for 1 of 3 layers, such as b." in table.notes


def test_other_times_take_the_place_of_those_that_were_there() -> None:
    once = with_times(table_of("a", "b"), read_profile_json(profile_text(a=1.0)))
    again = with_times(once, read_profile_json(profile_text(b=2.0)))
    assert [layer.time_ms for layer in again.layers] == [None, 2.0]
    assert sum(layer.share or 0 for layer in again.layers) == 1
    assert [note for note in again.notes if "no time" in note] == [
        "The profile has no time for 1 of 2 layers, such as a."
    ]
    assert len(again.notes) == len(once.notes)


def test_the_profiles_suffix_does_not_keep_names_apart() -> None:
    content = json.dumps(profile({"a [profile 1]": 1.0, "b [profile 1]": 3.0}))
    table = with_times(table_of("a", "b"), read_profile_json(content))
    assert [layer.share for layer in table.layers] == [0.25, 0.75]


def test_a_profile_of_another_engine_is_refused_with_the_reason() -> None:
    error = refusal(table_of("a", "b", "c"), profile_text(a=1.0, x=2.0))
    assert error.kind == "profile-mismatch"
    assert "1 of its 2 names match the 3 layers" in error.message
    assert "'x'" in error.message
    assert "'b'" in error.message


def test_a_name_that_is_timed_more_often_than_it_is_there_is_refused() -> None:
    content = json.dumps([{"count": 1}, *({"name": "a", "averageMs": 1.0} for _ in range(2))])
    assert refusal(table_of("a"), content).kind == "profile-mismatch"


def test_no_time_at_all_gives_no_shares() -> None:
    table = with_times(table_of("a"), read_profile_json(profile_text_of_zero()))
    assert table.layers[0].time_ms == 0
    assert table.layers[0].share is None


def profile_text_of_zero() -> str:
    return '[{"count": 5}, {"name": "a", "timeMs": 0, "averageMs": 0, "percentage": NaN}]'


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("", "empty"),
        ('[{"count": 0}]', "empty"),
        ("nothing", "not-json"),
        ('[{"count": 2}, {"name": "a", "averageMs": 1', "not-json"),
        (text(of_10()), "not-profile"),
        ("[]", "not-profile"),
        ('[{"startEnqMs": 1}]', "not-profile"),
        ('[{"count": 1}, {"name": "a", "averageMs": 1}, 7]', "not-profile"),
        ('[{"count": 1}, {"name": "a", "averageMs": -1}]', "not-profile"),
        ('[{"count": 1}, {"name": 4, "averageMs": 1}]', "not-profile"),
    ],
)
def test_what_is_no_profile_is_refused(content: str, kind: str) -> None:
    with pytest.raises(EnginebayError) as caught:
        read_profile_json(content)
    assert caught.value.kind == kind
    assert caught.value.hint


def test_runs_are_averaged_by_name_and_order() -> None:
    runs = [[("a", 1.0), ("b", 2.0), ("a", 5.0)], [("a", 3.0), ("b", 2.0), ("a", 7.0)], []]
    found = profile_of_runs(runs[:2])
    assert [(one.name, one.mean_ms, one.median_ms) for one in found.layers] == [
        ("a", 2.0, 2.0),
        ("b", 2.0, 2.0),
        ("a", 6.0, 6.0),
    ]
    assert found.runs == 2
    # A run without a layer makes it cheaper on the mean.
    assert profile_of_runs([runs[0], [("b", 4.0)]]).layers[0].mean_ms == 0.5
