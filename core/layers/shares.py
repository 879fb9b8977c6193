"""Where a model's time goes: by type, by precision, in reformats, in the slowest layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.layers.dtype_words import short_name
from core.layers.values import Layer, LayerTable
from core.text import counted

_REFORMAT_TYPES = frozenset({"reformat", "reorderinput", "reorderoutput"})
"""TensorRT's copies between memory formats, and those that ONNX Runtime's CPU provider adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Some of a table's layers together."""

    name: str
    layers: int
    time_ms: float | None  # None without times
    share: float | None  # of all layers' time, 0..1
    weight_bytes: int | None  # None where no layer tells any

    def as_json(self) -> dict[str, Any]:
        """An entry of the lists under "shares" of `enginebay layers --json`."""
        return {
            "name": self.name,
            "layers": self.layers,
            "time_ms": self.time_ms,
            "share": self.share,
            "weight_bytes": self.weight_bytes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """All of a table's layers, split twice; each split is ordered by time, else by count."""

    total_ms: float | None
    by_type: tuple[Share, ...]
    by_precision: tuple[Share, ...]  # names as short_name gives them; reformats apart
    reformats: Share

    def as_json(self) -> dict[str, Any]:
        """The object "shares" of `enginebay layers --json`."""
        return {
            "by_type": [one.as_json() for one in self.by_type],
            "by_precision": [one.as_json() for one in self.by_precision],
            "reformats": self.reformats.as_json(),
        }


def is_reformat(layer: Layer) -> bool:
    """True for a layer that only copies a tensor into another memory format or dtype.

    Casts and quantizations that the network asks for run as reformats too; TensorRT tells them
    apart by their Origin, and they do not count.
    """
    origin = str(layer.details.get("Origin", "")).upper()
    if layer.type.lower() in _REFORMAT_TYPES:
        return origin in ("", "REFORMAT")
    return layer.name.startswith("Reformatting CopyNode for ") and not layer.type


def shares_of(table: LayerTable) -> Shares:
    """Add a table up."""
    timed = [layer.time_ms for layer in table.layers if layer.time_ms is not None]
    return Shares(
        total_ms=sum(timed) if timed else None,
        by_type=_split(table, lambda layer: layer.type or "?"),
        by_precision=_split(table, _precision_name),
        reformats=_sum("reformats", filter(is_reformat, table.layers)),
    )


def slowest(table: LayerTable, count: int = 10) -> tuple[Layer, ...]:
    """The layers with the most time, slowest first; none without times."""
    timed = [layer for layer in table.layers if layer.time_ms is not None]
    return tuple(sorted(timed, key=lambda layer: -(layer.time_ms or 0))[:count])


def sentence(table: LayerTable) -> str:
    """Where the time goes: "62 % of the time in FP16, 8 % in FP32, 30 % in reformats".

    Without times the same of the layers' number; "" where not even precisions are known.
    """
    parts = shares_of(table).by_precision
    if not table.detailed or not table.layers or {part.name for part in parts} == {"?"}:
        return ""
    total = len(table.layers)
    has_times = any(part.share is not None for part in parts)
    shown = []
    for part in parts:
        part_share = (part.share or 0.0) if has_times else part.layers / total
        name = "layers of unknown precision" if part.name == "?" else part.name
        if part_share > 0:
            percent = "under 1" if part_share < 0.005 else f"{part_share * 100:.0f}"
            shown.append((percent, name))
    if not shown:
        return ""
    (percent, name), *rest = shown
    what = "of the time" if has_times else f"of {counted(total, 'layer')}"
    return ", ".join([f"{percent} % {what} in {name}", *(f"{p} % in {n}" for p, n in rest)])


def _precision_name(layer: Layer) -> str:
    return "reformats" if is_reformat(layer) else short_name(layer.precision)


def _split(table: LayerTable, name_of: Callable[[Layer], str]) -> tuple[Share, ...]:
    groups: dict[str, list[Layer]] = defaultdict(list)
    for layer in table.layers:
        groups[name_of(layer)].append(layer)
    shares = [_sum(name, layers) for name, layers in groups.items()]
    return tuple(sorted(shares, key=lambda one: (-(one.time_ms or 0), -one.layers, one.name)))


def _sum(name: str, layers: Iterable[Layer]) -> Share:
    listed = list(layers)
    times = [layer.time_ms for layer in listed if layer.time_ms is not None]
    shares = [layer.share for layer in listed if layer.share is not None]
    weights = [layer.weight_bytes for layer in listed if layer.weight_bytes is not None]
    return Share(
        name=name,
        layers=len(listed),
        time_ms=sum(times) if times else None,
        share=sum(shares) if shares else None,
        weight_bytes=sum(weights) if weights else None,
    )
