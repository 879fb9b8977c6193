"""The commands' answers as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from core.model import Model
from core.modelfile import ModelFile
from core.modelfile.facts import all_facts
from core.prediction_rows import PredictionRow, prediction_rows
from core.recipe_search import RecipeCandidate
from core.recipes import Recipe
from core.results import TestResult
from core.similarity import Similarity, is_embedded, vector_of, why_no_direction
from core.tensors import TensorSpec, bytes_text, profiles_text, shape_text
from core.text import printable
from core.verdict import Verdict


def info_text(
    file: ModelFile,
    verdict: Verdict,
    tensors: Sequence[TensorSpec] | None,
    sha256: str | None = None,
) -> str:
    """What `enginebay info` prints."""
    facts = all_facts(file)
    facts += [("SHA-256", sha256)] if sha256 else []
    facts += verdict.as_facts()
    facts = [(label, printable(text)) for label, text in facts]
    width = max(len(label) for label, _ in facts)
    lines = [f"{label:<{width}}  {text}" for label, text in facts]
    if tensors is not None:
        rows = [
            (spec.mode, spec.name, spec.dtype, shape_text(spec.shape), profiles_text(spec.profiles))
            for spec in tensors
        ]
        lines += ["", *table(("", "tensor", "dtype", "shape", "profiles"), rows)]
    return "\n".join(lines)


def run_text(
    model: Model,
    results: Sequence[TestResult],
    compared: Sequence[tuple[Similarity, ...] | None] = (),
) -> str:
    """What `enginebay run` prints.

    Args:
        model: that ran.
        results: of the runs.
        compared: for each of them how alike it is to those before it, None for no embedding.
    """
    lines = [f"{model.file.path} on {model.session.runtime}"]
    recipe = recipe_used(model, results)
    if recipe is not None:
        width, height = recipe.size_wh
        lines.append(
            f"input {printable(recipe.input)}: {width} x {height} {recipe.color}, {recipe.resize} "
            f"({recipe.certainty}: {recipe.evidence})"
        )
    for result, alike in zip_longest(results, compared):
        stages = ", ".join(
            f"{name.replace('_', ' ')} {ms:.2f}"
            for name, ms in result.stages.as_json().items()
            if ms is not None
        )
        first = " (first run)" if result.is_first else ""
        guess = result.guess
        # Plain tensors claim nothing that could be sure.
        sure = "" if guess.task == "tensors" else f" ({guess.certainty})"
        lines += ["", f"{result.source}: {guess.task}{sure}, {guess.evidence}"]
        lines += _input_lines(result)
        for found in result.predictions:
            lines += [_row_text(row) for row in prediction_rows(found)]
        if not result.predictions:
            no_vector = f"no embedding: {why_no_direction(None, 'the')}"
            lines.append(f"  {no_vector if is_embedded(result) else 'nothing found'}")
        lines += _similarity_lines(result, alike)
        lines += [f"  warning: {warning}" for warning in result.warnings]
        lines += [f"  image: {note}" for note in (result.image.notes if result.image else ())]
        lines.append(f"  ms: {stages}{first}")
    return "\n".join(lines)


def candidates_text(model: Model, image: str, found: Sequence[RecipeCandidate]) -> str:
    """What `enginebay run --find-recipe` prints."""
    rows = [
        (f"{one.score:.2f}", one.values_words, one.recipe.color, one.recipe.resize, one.why)
        for one in found
    ]
    titles = ("score", "values", "colour", "resize", "why")
    lines = [f"{model.file.path} on {model.session.runtime}", f"tried on {image}", ""]
    lines += table(titles, rows)
    lines += ["", "Look at what each gives, and pick: --recipe NAME --color ... --resize ..."]
    return "\n".join(lines)


def _input_lines(result: TestResult) -> list[str]:
    """What each input got; nothing where it was the picture alone."""
    if set(result.origins.values()) <= {"image"}:
        return []
    return [
        f"  input {printable(name)}: {array.dtype.name} {shape_text(array.shape)}, "
        f"{printable(result.origins.get(name, 'array'))}"
        for name, array in result.inputs.items()
    ]


def _similarity_lines(result: TestResult, alike: tuple[Similarity, ...] | None) -> list[str]:
    """How alike a picture is to those before it; once, where it is like nothing."""
    if not alike:
        return []
    if why := why_no_direction(vector_of(result), "this picture's"):
        return [f"  no cosine: {why}"]
    return [
        f"  no cosine to {printable(one.source)}: {one.why}"
        if one.cosine is None
        else f"  cosine {one.cosine:+.4f} to {printable(one.source)}"
        for one in alike
    ]


def recipe_used(model: Model, results: Sequence[TestResult]) -> Recipe | None:
    """The recipe as the runs used it, in their shapes; the model's own where none did."""
    return next((one.recipe for one in results if one.recipe is not None), model.recipe)


def _row_text(row: PredictionRow) -> str:
    return "  " + "  ".join(printable(text) for text in (row.score, row.what, row.place) if text)


def doctor_text(machine: dict[str, Any]) -> str:
    """What `enginebay doctor` prints."""
    lines = [
        f"system   {machine['system']}",
        f"python   {machine['python']['version']}  {machine['python']['executable']}",
        f"driver   {machine['driver'] or 'none'}",
    ]
    for gpu in machine["gpus"]:
        memory = bytes_text(gpu["memory_bytes"])
        lines.append(f"gpu      {gpu['name']}, compute {gpu['compute_capability']}, {memory}")
    lines.append("")
    width = max(len(name) for name in machine["packages"])
    for name, found in machine["packages"].items():
        text = "not installed" if found is None else f"{found['version'] or 'version unknown'}"
        lines.append(f"{name:<{width}}  {text}")
    for module in machine["tensorrt"]:
        library = module["library"] or "library not found"
        version = f" ({module['library_version']})" if module["library_version"] else ""
        use = ", in use" if module["in_use"] and len(machine["tensorrt"]) > 1 else ""
        lines.append(f"{module['module']} loads {library}{version}{use}")
    lines += [f"warning: {warning}" for warning in machine["warnings"]]
    lines.append("")
    if machine["engines_run_here"]:
        lines.append("TensorRT engines can run here; ONNX models run on the CPU.")
    else:
        lines.append(f"TensorRT engines cannot run here: {machine['problem']['message']}")
        lines.append(machine["problem"]["hint"])
    for one in machine.get("revoked", []):
        lines += ["", f"Taken back: {one['sha256']}  {one['what']}  {printable(one['name'])}"]
    if machine.get("consents"):
        lines += ["", "Native code that may run (doctor --revoke SHA256 takes it back):"]
        lines += [
            f"  {one['sha256']}  {one['what']}  {printable(one['name'])}  {one['given']}"
            for one in machine["consents"]
        ]
    return "\n".join(lines)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned lines under titles; a last column in which nothing stands is left out."""
    rows = [[printable(cell) for cell in row] for row in rows]  # a tensor's name can be anything
    if not any(row[-1] for row in rows):  # nothing to say there
        titles, rows = titles[:-1], [row[:-1] for row in rows]
    widths = [max(len(row[i]) for row in (titles, *rows)) for i in range(len(titles))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (titles, *rows)
    ]
