"""The words for how a number was measured."""

from __future__ import annotations

from typing import Any

import pytest

from core.benchmark.convention import convention
from core.benchmark.machine import cpu_name, machine_facts
from core.machine import Machine, TensorRTModule
from core.machine.driver import Driver, Gpu


def words(name: Any = "pipelined", **more: Any) -> str:
    how: dict[str, Any] = {
        "transfers": True,
        "contexts": 1,
        "graph": False,
        "wait": "blocking",
        "on_gpu": True,
    }
    return convention(name, **(how | more))


@pytest.mark.parametrize(
    ("how", "end"),
    [
        ({}, "matches trtexec 8.x to 10.x by default, but for the one query that it queues ahead"),
        (
            {"transfers": False, "graph": True, "wait": "spin"},
            "matches trtexec 11.x by default, but for the one query that it queues ahead",
        ),
        (
            {"contexts": 3, "graph": True, "wait": "spin"},
            "nearest to trtexec 8.x to 10.x, whose defaults are no CUDA graph, blocking wait, "
            "1 stream",
        ),
        ({"wait": "spin"}, "nearest to trtexec 8.x to 10.x, whose defaults are blocking wait"),
        (
            {"transfers": False},
            "nearest to trtexec 11.x, whose defaults are a CUDA graph, spin wait",
        ),
    ],
)
def test_only_what_trtexec_does_by_default_is_said_to_match(how: dict[str, Any], end: str) -> None:
    assert words(**how).endswith(f"; {end}")


def test_the_settings_come_first() -> None:
    text = words(contexts=3, graph=True, wait="spin")
    assert text.startswith("with transfers, 3 contexts, CUDA graph, spin wait; ")
    assert words(transfers=False).startswith("without transfers, 1 context, no CUDA graph, ")


@pytest.mark.parametrize("name", ["one-at-a-time", "end-to-end"])
def test_what_trtexec_does_not_measure_never_matches_it(name: str) -> None:
    assert "trtexec does not" in words(name)
    assert "matches" not in words(name)


def test_the_cpu_has_threads_and_nothing_of_the_gpu() -> None:
    text = words(on_gpu=False, contexts=4, graph=True)
    assert text == "on the CPU, 4 threads; trtexec measures GPUs only"
    assert words("one-at-a-time", on_gpu=False) == "on the CPU; trtexec measures GPUs only"
    assert words("end-to-end", on_gpu=False) == (
        "on the CPU, one query at a time, from image files to predictions; "
        "trtexec measures GPUs only"
    )


def test_the_machine_names_its_gpu_driver_and_versions() -> None:
    module = TensorRTModule("tensorrt", "10.3.0", "", None)
    machine = Machine(
        driver=Driver("570.86", (Gpu("NVIDIA H200", "9.0", 1), Gpu("Tesla T4", "7.5", 1))),
        modules=(module,),
        has_pycuda=True,
        onnxruntime="1.20.0",
        system="Linux",
        is_jetson=False,
    )
    facts = machine_facts(machine)
    assert (facts["gpu"], facts["gpu_compute_capability"]) == ("NVIDIA H200", "9.0")
    assert facts["driver"] == "570.86"
    assert facts["versions"]["tensorrt"] == "10.3.0"
    assert facts["versions"]["onnxruntime"] == "1.20.0"
    assert facts["cpu"] == cpu_name() != ""
    assert facts["cores"] >= 1


def test_a_machine_without_gpu_and_tensorrt_has_none_of_them() -> None:
    machine = Machine(
        driver=Driver(None, (), "no-driver"),
        modules=(),
        has_pycuda=False,
        onnxruntime=None,
        system="Linux",
        is_jetson=False,
    )
    facts = machine_facts(machine)
    assert facts["gpu"] is facts["driver"] is facts["versions"]["tensorrt"] is None
    assert facts["versions"]["numpy"]
