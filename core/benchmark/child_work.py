"""The child's side of a benchmark: open the model as it was, measure, tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.benchmark.order import BenchmarkOrder, pieces, rows_text
from core.benchmark.result_file import pack
from core.benchmark.run import run_benchmark
from core.benchmark.values import Reading
from core.child_process import Parent, answer_parent
from core.errors import ModelError
from core.model import Model
from core.modelfile import fingerprint, read_model_file
from core.opening import OpenOptions


class _Telling:
    """Passes on to the parent what a benchmark's listener is told."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent

    def phase(self, text: str, fraction: float | None) -> None:
        self._parent.say({"phase": text, "fraction": fraction})

    def samples(self, name: str, rows: np.ndarray) -> None:
        self._parent.say({"name": name, "rows": rows_text(rows)})

    def reading(self, reading: Reading) -> None:
        self._parent.say({"reading": asdict(reading)})


def _benchmark(found: dict[str, Any], parent: Parent) -> Mapping[str, object]:
    order = BenchmarkOrder.from_json(found)
    path = Path(order.path)
    parent.doing(f"Opening {path.name}")
    file = read_model_file(path)
    problem = file.problem()
    if problem is not None:
        raise problem
    if fingerprint(path) != order.sha256:
        raise ModelError(
            "file-changed",
            f"{path.name} has changed since it was opened.",
            "Open it again, then measure.",
        )
    opening = OpenOptions(
        allow_native_code=order.allow_native_code,
        plugins=tuple(map(Path, order.plugins)),
        tensorrt_module=order.module,
        spin=order.options.wait == "spin",
        trial=False,  # it runs where it was opened before, and this is a process of its own
    )
    with Model.of(file, opening, lambda _fraction, text: parent.doing(text)) as model:
        order.set_up(model)
        parent.say({"is_open": True})
        result = run_benchmark(
            model,
            order.options,
            _Telling(parent),
            lambda: parent.asks_to_stop,
            sha256=order.sha256,
        )
    info, rows = pack(result)
    for index, text in pieces(rows):
        parent.say({"index": index, "kept": text})
    return info


if __name__ == "__main__":
    answer_parent(_benchmark)
