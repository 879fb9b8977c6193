"""Which colour stands for which kind of layer, the same in the table, the bars and the graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QColor

if TYPE_CHECKING:
    from core.layers.values import Layer

# Tableau 10 without its grey, by Maureen Stone (Tableau Software, 2016).
_COLORS = (
    *("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f"),
    *("#edc948", "#b07aa1", "#ff9da7", "#9c755f"),
)
_KNOWN = {"conv": _COLORS[0], "reformat": _COLORS[2], "reorder": _COLORS[2]}
# Set2 of colorbrewer2.org (Cynthia Brewer): what is no type has none of the types' colours.
_OTHER_COLORS = (
    *("#66c2a5", "#fc8d62", "#8da0cb", "#e78ac3"),
    *("#a6d854", "#ffd92f", "#e5c494"),
)
OTHER = "#8a8d91"
# YlOrRd of colorbrewer2.org (Cynthia Brewer), from the fastest to the slowest.
_HEAT = ((255, 237, 160), (254, 178, 76), (240, 59, 32), (189, 0, 38))


def precision_colors(words: Iterable[str]) -> dict[str, str]:
    """A colour for each precision, as "#rrggbb"; the same for the same set of them."""
    return _in_order(sorted(words), _OTHER_COLORS)


def _in_order(words: Iterable[str], colors: Sequence[str]) -> dict[str, str]:
    """The first words get colours of their own, the others grey."""
    unique = list(dict.fromkeys(words))
    return {word: colors[at] if at < len(colors) else OTHER for at, word in enumerate(unique)}


def type_colors(layers: Sequence[Layer]) -> dict[str, str]:
    """A colour for each type, as "#rrggbb".

    Convolutions and reformats, which one looks for, always have the same. The others' are in the
    order of their time, without times of their number, then of their first appearance.
    """
    weights: dict[str, tuple[float, int]] = {}
    for layer in layers:
        time, count = weights.get(layer.type, (0.0, 0))
        weights[layer.type] = (time + (layer.time_ms or 0.0), count + 1)
    ranked = sorted(weights, key=lambda word: weights[word], reverse=True)
    colors = {
        word: color
        for word in ranked
        for part, color in _KNOWN.items()
        if word.lower().startswith(part)
    }
    free = [color for color in _COLORS if color not in _KNOWN.values()]
    return colors | _in_order([word for word in ranked if word not in colors], free)


def heat_color(fraction: float) -> str:
    """From pale (0) to dark red (1)."""
    at = min(max(fraction, 0.0), 1.0) * (len(_HEAT) - 1)
    low = min(int(at), len(_HEAT) - 2)
    part = at - low
    mixed = (
        round(one + (other - one) * part)
        for one, other in zip(_HEAT[low], _HEAT[low + 1], strict=True)
    )
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def text_on(color: QColor) -> QColor:
    """Black or white, whichever has the greater contrast on a colour (WCAG 2.1)."""
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (color.redF(), color.greenF(), color.blueF())
    ]
    light = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    # Equal contrasts, (L + 0.05) / 0.05 = 1.05 / (L + 0.05), are at L = 0.179.
    return QColor("#000000" if light > 0.179 else "#ffffff")
