"""The command `run`: pictures through a model, what came out, and what is saved of it."""

from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path
from typing import Any

from core.errors import EnginebayError
from core.images import read_image
from core.input_arguments import add_input_arguments, apply_input_arguments, require_all_given
from core.many_images import add_many_images_arguments, is_for_rows, rows_answer
from core.model import Model
from core.modelfile import read_model_file
from core.opening import OpenOptions
from core.progress_line import ProgressLine
from core.recipe_arguments import add_recipe_arguments, apply_options, asks_for_recipe
from core.recipe_file import RecipeFile, write_recipe_file
from core.recipe_search import find_recipes
from core.report import candidates_text, recipe_used, run_text
from core.results import TestResult
from core.save_outputs import write_npz
from core.similarity import similarities_in_turn
from core.suffixes import IMAGES, MODELS, VIDEOS
from core.text import printable
from core.whole_file import check_can_save


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` takes: files, and what happens to them."""
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="images, and folders of them")
    add_recipe_arguments(parser)
    add_input_arguments(parser)
    add_many_images_arguments(parser)
    parser.add_argument("--random", action="store_true", help="run once on random input instead")
    parser.add_argument(
        "--save",
        metavar="DIR",
        type=Path,
        help="save raw outputs (STEM.npz), inputs (STEM.inputs.npz) and overlays (STEM.png)",
    )


def run(options: argparse.Namespace, opening: OpenOptions) -> tuple[dict[str, Any], str]:
    """The answer of `enginebay run`, as JSON and as text.

    Args:
        options: as add_run_arguments parses them.
        opening: how the model is opened.
    """
    if bool(options.images) == options.random and (options.random or not options.input):
        options.parser.error("give at least one IMAGE, or --random instead")
    if options.random and asks_for_recipe(options):
        options.parser.error("a recipe is for pictures, not for --random")
    if options.find_recipe and len(options.images) != 1:
        options.parser.error("--find-recipe takes one IMAGE")
    if options.find_recipe and options.save is not None:
        options.parser.error("--save keeps what a run gives; --find-recipe only ranks")
    _refuse_to_overwrite(options)
    in_rows = is_for_rows(options)
    if options.csv is not None:
        check_can_save(options.csv)
    line = ProgressLine()
    try:
        opened = Model.of(read_model_file(options.file), opening, line.show)
    finally:
        line.clear()
    with opened as model:
        apply_options(options, model)
        apply_input_arguments(model, options)
        if not options.images and not options.random:
            require_all_given(model)
        if options.find_recipe:
            return _find(model, options, line)
        if options.save_recipe is not None:
            assert model.recipe is not None  # apply_options made sure of it
            content = RecipeFile(recipe=model.recipe, choices=model.choices)
            write_recipe_file(options.save_recipe, content)
        if in_rows:
            return rows_answer(model, options)
        entries: list[dict[str, object]] = []
        results: list[TestResult] = []
        errors: list[EnginebayError] = []
        used: set[str] = set()
        renamed: list[str] = []
        given = [*options.images, *(fill.path for fill in model.fills.values() if fill.path)]
        sources = {Path(one).resolve() for one in given}
        for source in options.images or [None]:
            try:
                if source is not None:
                    result = model.test(source)
                else:
                    result = model.test_random() if options.random else model.test_given()
            except EnginebayError as error:
                # Without a recipe no picture can run, and a lost GPU ends it all.
                if error is model.recipe_problem or error.fatal:
                    raise
                errors.append(error)
                entries.append({"path": source, "error": error.as_json()})
                continue
            results.append(result)
            entries.append(result.as_json())
            if options.save is not None:
                entries[-1]["saved"], told = _save(result, options.save, used, sources)
                renamed += [told] if told else []
        compared = similarities_in_turn(results)
        ran = (entry for entry in entries if "error" not in entry)
        for entry, alike in zip(ran, compared, strict=True):
            if alike is not None:
                entry["similarities"] = [one.as_json() for one in alike]
        answer: dict[str, Any] = {
            "model": str(model.file.path),
            "runtime": model.session.runtime,
            "recipe": None if (seen := recipe_used(model, results)) is None else seen.as_json(),
            "images": entries,
        }
        if errors:
            answer["error"] = errors[0].as_json()
        text = run_text(model, results, compared)
        text += "".join(f"\n\n{printable(told)}" for told in renamed)
        for other in errors[1:]:  # the first is told as the command's own
            text += f"\n\n{printable(other.message)}\n{printable(other.hint)}"
    return answer, text


def _refuse_to_overwrite(options: argparse.Namespace) -> None:
    """End the program, as wrong usage does, where what it writes would replace what it reads.

    `--csv *.jpg` names a picture: the shell gives the first one as the option's value.
    """
    read = {Path(one).resolve() for one in (options.file, *options.images)}
    for option, target in (("--csv", options.csv), ("--save-recipe", options.save_recipe)):
        if target is None:
            continue
        if target.suffix.lower() in (*MODELS, *IMAGES, *VIDEOS) or target.resolve() in read:
            options.parser.error(f"{option} would write over a model or a picture: {target}")


def _find(
    model: Model, options: argparse.Namespace, line: ProgressLine
) -> tuple[dict[str, Any], str]:
    """The ranking, best first; with --save-recipe the first of it is saved."""
    assert model.recipe is not None  # apply_options made sure of it
    try:
        found = find_recipes(
            model.session,
            read_image(options.images[0]).pixels,
            model.recipe,
            metadata=model.file.metadata,
            choices=model.choices,
            progress=line.show,
        )
    finally:
        line.clear()
    if options.save_recipe is not None:
        content = RecipeFile(recipe=found[0].recipe, choices=model.choices)
        write_recipe_file(options.save_recipe, content)
    answer: dict[str, Any] = {
        "model": str(model.file.path),
        "runtime": model.session.runtime,
        "image": options.images[0],
        "candidates": [one.as_json() for one in found],
    }
    return answer, candidates_text(model, options.images[0], found)


def _save(
    result: TestResult, folder: Path, used: set[str], sources: set[Path]
) -> tuple[dict[str, str], str]:
    """Write STEM.npz, STEM.inputs.npz and, for a picture, STEM.png with its overlay.

    Nothing that was given is overwritten, nor what another run has written: beside a picture the
    overlay is STEM.overlay.png, and where a name is taken all are STEM-2.

    Args:
        result: the run.
        folder: where to; made where it is not there.
        used: names written so far, case-folded, for some file systems tell no cases apart.
        sources: the files that were given.

    Returns:
        The paths by what they hold; what to tell of their names, "" where they are the usual.
    """
    import numpy as np

    from core.overlay import draw

    base = Path(result.source).stem.replace(" ", "-")
    for number in count(1):
        stem = base if number == 1 else f"{base}-{number}"
        targets = {"outputs": folder / f"{stem}.npz", "inputs": folder / f"{stem}.inputs.npz"}
        if result.image is not None:
            overlay = folder / f"{stem}.png"
            is_given = overlay.resolve() in sources
            targets["overlay"] = folder / f"{stem}.overlay.png" if is_given else overlay
        names = {target.name.casefold() for target in targets.values()}
        if not names & used and sources.isdisjoint(one.resolve() for one in targets.values()):
            break
    used |= names
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_npz(targets["outputs"], result.outputs)
        write_npz(targets["inputs"], result.inputs)
        if result.image is not None:
            import cv2

            drawn = draw(result.image.pixels, result.predictions)
            done, data = cv2.imencode(".png", np.ascontiguousarray(drawn[..., ::-1]))
            assert done  # PNG takes any uint8 picture
            targets["overlay"].write_bytes(data.tobytes())
    except OSError as error:
        raise EnginebayError(
            "cannot-save", f"Nothing can be saved to {folder}: {error}.", "Choose another folder."
        ) from None
    told = "" if stem == base else f"{result.source}: saved as {stem}, for {base} is taken"
    return {what: str(target) for what, target in targets.items()}, told
