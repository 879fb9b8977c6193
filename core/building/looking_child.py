"""The child's side of look_at_built: opens and runs a new engine, and its ONNX on the CPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from core.building.options import options_of_json
from core.building.truth import tell_truth
from core.child_process import Say, answer
from core.opening import OpenOptions


def look(order: dict[str, Any], doing: Say) -> dict[str, object]:
    """Tell the truth of an engine: as JSON, and what its first run says for people.

    What native code it embeds was put there a moment ago, by the TensorRT that opens it now.
    """
    options = options_of_json(order["options"])
    truth = tell_truth(
        Path(order["onnx"]),
        Path(order["engine"]),
        # As the TensorRT is by itself, too; the options alone have only what was asked for.
        replace(options, strongly_typed=bool(order["strongly_typed"])),
        order["layers"],
        opening=OpenOptions(allow_native_code=True, plugins=options.plugins, trial=False),
        progress=lambda _fraction, text: doing(text),
    )
    run = truth.first_run
    return {"truth": truth.as_json(), "first_run": [] if run is None else list(run.sentences())}


if __name__ == "__main__":
    answer(look)
