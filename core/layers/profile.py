"""Times by layer: trtexec's --exportProfile or a profiler's, and laying them beside a table."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from core.errors import EnginebayError
from core.layers.inspector import without_profile
from core.layers.json_text import number, parse_json, require_kind
from core.layers.values import LayerTable
from core.text import counted, one_line

_LEAST_TIMED = 4  # one in so many layers
_BOTH = (
    "Write both with one run of trtexec: --exportLayerInfo=layers.json "
    "--exportProfile=profile.json."
)
# How the notes of times begin: those of other times go when new ones come.
_ONE_BY_ONE, _NO_TIME = "Layers are timed one by one", "The profile has no time"
_CANCELLED = "Timing was cancelled"
_TIMES_NOTES = (_ONE_BY_ONE, _NO_TIME, _CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTime:
    """What one layer took."""

    name: str
    mean_ms: float  # of a run
    median_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Times of all layers that ran, in their order; the same name may come more than once."""

    layers: tuple[LayerTime, ...]
    runs: int
    is_complete: bool = True  # False where it was cancelled before it had runs enough

    @property
    def total_ms(self) -> float:
        """The layers' time in a mean run. Not the engine's latency: see with_times."""
        return sum(layer.mean_ms for layer in self.layers)


def read_profile_json(text: str, name: str = "The profile") -> Profile:
    """Read what trtexec --exportProfile wrote: a count of runs, then an object for each layer.

    Raises:
        EnginebayError: kinds "empty", "not-json", "too-large", "not-profile".
    """
    value = parse_json(text, name)
    require_kind(value, "profile", name)
    runs, layers = 0, []
    for one in value:
        if isinstance(one, Mapping) and "name" not in one and number(one.get("count")) is not None:
            runs = int(one["count"])
            continue
        time = _layer_time(one, runs)
        if time is None:
            raise EnginebayError(
                "not-profile",
                f"{name} has an entry without a name and a time: {one_line(str(one), 80)}.",
                "Write it again with trtexec --exportProfile.",
            )
        layers.append(time)
    if not layers:
        raise EnginebayError(
            "empty",
            f"{name} holds no layer's time.",
            "Run trtexec with --exportProfile, and long enough for one run at least.",
        )
    return Profile(layers=tuple(layers), runs=runs)


def _layer_time(one: object, runs: int) -> LayerTime | None:
    if not isinstance(one, Mapping) or not isinstance(one.get("name"), str):
        return None
    mean, total = number(one.get("averageMs")), number(one.get("timeMs"))
    if mean is None and total is not None and runs > 0:
        mean = total / runs
    if mean is None or mean < 0:
        return None
    return LayerTime(name=one["name"], mean_ms=mean, median_ms=number(one.get("medianMs")))


def profile_of_runs(
    runs: Sequence[Sequence[tuple[str, float]]], *, is_complete: bool = True
) -> Profile:
    """The means and medians of several runs, each a list of (layer's name, milliseconds).

    A name that comes several times in a run is several layers, told apart by their order. The
    mean is over all runs, so a layer that only some runs have counts as what it costs a mean run.
    """
    times: dict[tuple[str, int], list[float]] = {}
    for run in runs:
        seen: dict[str, int] = defaultdict(int)
        for name, ms in run:
            times.setdefault((name, seen[name]), []).append(ms)
            seen[name] += 1
    return Profile(
        layers=tuple(
            LayerTime(
                name=name,
                mean_ms=sum(values) / len(runs),
                median_ms=median(values),
            )
            for (name, _), values in times.items()
        ),
        runs=len(runs),
        is_complete=is_complete,
    )


def with_times(table: LayerTable, profile: Profile) -> LayerTable:
    """The table with each layer's time and its share of all layers' time.

    Layers are paired by name: exactly, else without the " [profile N]" of TensorRT 8 and 9; a
    name that comes several times is paired in order. Every time finds its layer, so the table's
    total is the profile's; layers that the profile does not name have no time.

    Raises:
        EnginebayError: kind "profile-mismatch", if the profile names a layer that the table does
            not have: then it is of another engine.
    """
    exact: dict[str, deque[int]] = defaultdict(deque)
    plain: dict[str, deque[int]] = defaultdict(deque)
    for place, layer in enumerate(table.layers):
        exact[layer.name].append(place)
        plain[without_profile(layer.name)].append(place)
    found: dict[int, LayerTime] = {}
    missing = []
    for time in profile.layers:
        for waiting in (exact.get(time.name), plain.get(without_profile(time.name))):
            while waiting and waiting[0] in found:
                waiting.popleft()
            if waiting:
                found[waiting.popleft()] = time
                break
        else:
            missing.append(time)
    if missing:
        raise _mismatch(table, profile, missing[0], found)
    total = profile.total_ms
    layers = [replace(layer, time_ms=None, median_ms=None, share=None) for layer in table.layers]
    for place, time in found.items():
        share = time.mean_ms / total if total > 0 else None
        layers[place] = replace(
            layers[place], time_ms=time.mean_ms, median_ms=time.median_ms, share=share
        )
    notes = [note for note in table.notes if not note.startswith(_TIMES_NOTES)]
    notes.append(
        f"{_ONE_BY_ONE}, in runs of their own: their sum is not the model's latency, which can be "
        "lower where layers overlap."
    )
    untimed = [layer for layer in layers if layer.time_ms is None]
    if untimed:
        notes.append(
            f"{_NO_TIME} for {len(untimed):,} of {counted(len(layers), 'layer')}, such as "
            f"{one_line(untimed[0].name, 60)}."
        )
    if not profile.is_complete:
        notes.append(f"{_CANCELLED}: the times are of {counted(profile.runs, 'run')}.")
    return replace(table, layers=tuple(layers), runs=profile.runs, notes=tuple(notes))


def with_file_times(table: LayerTable, text: str, name: str) -> LayerTable:
    """The table with the times that trtexec --exportProfile wrote, of a quarter of it at least.

    TensorRT's profiler gives them all but some for bookkeeping. Shares of the few that are timed
    would say nothing of the engine.

    Args:
        table: the layers.
        text: the file's content.
        name: the file's.

    Raises:
        EnginebayError: as read_profile_json and with_times.
    """
    table = with_times(table, read_profile_json(text, name))
    timed = sum(layer.time_ms is not None for layer in table.layers)
    if timed * _LEAST_TIMED < len(table.layers):
        raise EnginebayError(
            "profile-mismatch",
            f"{one_line(name)} times {timed:,} of the {counted(len(table.layers), 'layer')} here, "
            "so it is not whole, or of another engine.",
            _BOTH,
        )
    return table


def was_cancelled(table: LayerTable) -> bool:
    """Whether a table's times are of fewer runs than were wanted, as its notes say."""
    return any(note.startswith(_CANCELLED) for note in table.notes)


def _mismatch(
    table: LayerTable, profile: Profile, missing: LayerTime, found: Mapping[int, LayerTime]
) -> EnginebayError:
    left = next((one.name for place, one in enumerate(table.layers) if place not in found), None)
    other = "" if left is None else f"; the table has {one_line(left, 80)!r}, for which it has none"
    return EnginebayError(
        "profile-mismatch",
        f"The profile is of another engine: {len(found):,} of its {len(profile.layers):,} names "
        f"match the {counted(len(table.layers), 'layer')} here. It times "
        f"{one_line(missing.name, 80)!r}{other}.",
        _BOTH,
    )
