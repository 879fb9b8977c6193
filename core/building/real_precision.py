"""What precision an engine really runs in, and whether that is what was asked for.

Counted are the layers that compute in numbers. Reformats, constants, layers that TensorRT made
nothing of, and layers on indices, truth values and shapes are left out: no precision is asked for
them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from core.layers.dtype_words import is_number, short_name
from core.layers.shares import is_reformat
from core.layers.values import Layer, LayerTable
from core.tensors import bytes_text
from core.text import counted

_IDLE = frozenset({"noop", "constant"})  # LayerType of 8.6 to 10
_REDUCED = ("FP16", "BF16", "FP8", "INT8", "FP4", "INT4")
_NAMES = {"int4": "INT4", "uint4": "INT4", "uint8": "INT8"}  # else core.layers.dtype_words'
_WISHES = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8", "fp8": "FP8"}
_ALL_THAT_IS_SAFE = "best"

_WHY_NOT = {
    "FP16": "TensorRT takes FP32 where it is faster or where no FP16 kernel fits, as on GPUs "
    "without fast FP16. Look at the layers, or cast the ONNX itself to FP16.",
    "BF16": "It needs TensorRT 10 and an Ampere GPU or newer, and is taken only where it is "
    "faster. Cast the ONNX itself to BF16.",
    "INT8": "It needs QuantizeLinear and DequantizeLinear in the ONNX, or a calibration folder "
    "where the version takes one. Quantize the ONNX.",
    "FP8": "It needs FP8 QuantizeLinear and DequantizeLinear in the ONNX, and a Hopper or Ada GPU.",
}
_TYPED = "The network is strongly typed, so the types come from the ONNX alone: cast it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionShare:
    """The layers of one precision; shares are 0..1 of those that count."""

    name: str  # "FP16"; "?" where the inspector does not tell
    layers: int
    layer_share: float
    weight_bytes: int | None  # None where no layer tells any
    weight_share: float | None

    def as_json(self) -> dict[str, Any]:
        """An entry of `shares` in a truth's `precision`."""
        return {
            "name": self.name,
            "layers": self.layers,
            "layer_share": self.layer_share,
            "weight_bytes": self.weight_bytes,
            "weight_share": self.weight_share,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RealPrecision:
    """An engine's precision.

    Attributes:
        asked: the precisions that were asked for, "FP16" ...; () for none but FP32.
        is_known: False where the engine tells no more than its layers' names.
        shares: most layers first.
        left_out: layers that do not count.
        sentences: what is so, for people.
        warnings: wishes that had no effect, with the way out.
    """

    asked: tuple[str, ...]
    is_known: bool
    shares: tuple[PrecisionShare, ...] = ()
    left_out: int = 0
    sentences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The object `precision` of a truth."""
        return {
            "asked": list(self.asked),
            "known": self.is_known,
            "shares": [one.as_json() for one in self.shares],
            "left_out_layers": self.left_out,
        }


def real_precision(
    table: LayerTable | None,
    asked: Collection[str] = (),
    *,
    strongly_typed: bool = False,
    onnx_weight_bytes: int | None = None,
    has_details: bool = False,
) -> RealPrecision:
    """Compare what was asked for with what the inspector tells.

    Args:
        table: the engine's layers; None where nothing could be asked.
        asked: names as BuildOptions.precision has them: "fp32", "tf32", "fp16" ...
        strongly_typed: whether the types came from the ONNX alone.
        onnx_weight_bytes: what the ONNX keeps its weights in, for comparison.
        has_details: whether it was built so that it tells them, where TensorRT does.
    """
    words = tuple(_WISHES[one] for one in _WISHES if one in asked)
    if table is None or not table.detailed or not table.layers:
        why = (
            "its layers cannot be asked here"
            if table is None
            else "it tells only its layers' names"
            if table.layers
            else "it tells nothing of its layers"
        )
        unknown = f"In what precision the engine runs cannot be known: {why}."
        if not has_details:
            unknown += " Build it with detailed profiling verbosity to see."
        return RealPrecision(asked=words, is_known=False, sentences=(unknown,))
    counting = [layer for layer in table.layers if _counts(layer)]
    shares = _shares(counting)
    names = {one.name for one in shares}
    sentences = [_asked_sentence(words, asked, shares, len(counting))]
    weights = [one.weight_bytes for one in shares if one.weight_bytes is not None]
    if weights and onnx_weight_bytes:
        sentences.append(
            f"Its layers keep {bytes_text(sum(weights))} of weights; the ONNX has "
            f"{bytes_text(onnx_weight_bytes)}."
        )
    if "tf32" in asked or not {"fp32", *_WISHES, _ALL_THAT_IS_SAFE} & set(asked):
        sentences.append("Whether FP32 layers multiply in TF32 is not told by the inspector.")
    return RealPrecision(
        asked=words,
        is_known=bool(counting) and names != {"?"},
        shares=shares,
        left_out=len(table.layers) - len(counting),
        sentences=tuple(sentences),
        warnings=_without_effect(words, asked, names, strongly_typed) if counting else (),
    )


def untold(table: LayerTable) -> int:
    """Layers that count, and whose precision is not told."""
    return sum(_counts(layer) and not layer.precision for layer in table.layers)


def _counts(layer: Layer) -> bool:
    if is_reformat(layer) or layer.type.lower() in _IDLE:
        return False
    return not layer.precision or is_number(layer.precision)


def _shares(layers: Collection[Layer]) -> tuple[PrecisionShare, ...]:
    groups: dict[str, list[Layer]] = defaultdict(list)
    for layer in layers:
        groups[_NAMES.get(layer.precision) or short_name(layer.precision)].append(layer)
    all_weights = sum(layer.weight_bytes or 0 for layer in layers)
    found = []
    for name, members in groups.items():
        weights = [layer.weight_bytes for layer in members if layer.weight_bytes is not None]
        kept = sum(weights) if weights else None
        found.append(
            PrecisionShare(
                name=name,
                layers=len(members),
                layer_share=len(members) / len(layers),
                weight_bytes=kept,
                weight_share=(kept or 0) / all_weights if all_weights else None,
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.layers, one.name)))


def _asked_sentence(
    words: tuple[str, ...], asked: Collection[str], shares: tuple[PrecisionShare, ...], total: int
) -> str:
    if not total:
        return "No layer of the engine computes in numbers, so there is no precision to tell."
    listed = ", ".join(
        f"{percent(one.layers, total)} "
        + ("in a precision that is not told" if one.name == "?" else one.name)
        for one in shares
    )
    if not words:
        best = _ALL_THAT_IS_SAFE in asked
        asking = "You let TensorRT choose" if best else "You asked for nothing below FP32"
        return f"{asking}: of {counted(total, 'layer')} {listed}."
    parts = []
    for word in words:
        share = next((one for one in shares if one.name == word), None)
        layers = 0 if share is None else share.layers
        text = f"{percent(layers, total)} of the layers ({layers:,} of {total:,}) are {word}"
        if share is not None and share.weight_share is not None:
            text += f", with {percent(share.weight_share, 1)} of the weight bytes"
        parts.append(text)
    rest = [one.name for one in shares if one.name not in words and one.name != "?"]
    more = f"; the others are {' and '.join(rest)}" if rest else ""
    return f"You asked for {' and '.join(words)}: {'; '.join(parts)}{more}."


def _without_effect(
    words: tuple[str, ...], asked: Collection[str], names: set[str], strongly_typed: bool
) -> tuple[str, ...]:
    if "?" in names:  # those that are not told may be it
        words = ()
    runs_in = " and ".join(sorted(names - {"?"}))
    found = [
        f"You asked for {word}, and no layer is in it: the engine runs in {runs_in}. "
        + (_TYPED if strongly_typed else _WHY_NOT[word])
        for word in words
        if word not in names
    ]
    if _ALL_THAT_IS_SAFE in asked and names == {"FP32"}:
        found.append("You let TensorRT choose any precision, and every layer is FP32.")
    return tuple(found)


def percent(part: float, whole: float) -> str:
    """A share for people: "100 %" and "0 %" only where it is all, or nothing."""
    if part >= whole:
        return "100 %"
    return f"{min(max(round(part / whole * 100), 1), 99) if part > 0 else 0} %"
