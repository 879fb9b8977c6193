"""What the banner shows: what happened, what to do, and at most one button that does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.jobs import Failed
    from core.verdict import Verdict

# The button that helps, by an error's kind.
_ACTIONS = {
    "needs-consent": "allow-native-code",
    "missing-plugin": "find-plugin",
    "trial-hung": "skip-trial",
}
# Verdicts on the machine: there is nothing to try.
_MACHINE_REASONS = ("no-driver", "no-gpu", "no-tensorrt", "no-pycuda", "no-onnxruntime")
# Verdicts on what is no model at all: likewise.
_FILE_REASONS = (
    "empty",
    "git-lfs-pointer",
    "truncated-plan",
    "truncated-onnx",
    "damaged-onnx",
    "external-data",
    "external-data-outside",
    "unknown",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A message, its hint, and the name of a button of gui.panels.banner, or ""."""

    kind: str
    message: str
    hint: str
    details: str = ""
    action: str = ""
    is_warning: bool = False
    evidence: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_failure(cls, failed: Failed) -> Problem:
        """An error of a request."""
        action = "restart" if failed.fatal else _ACTIONS.get(failed.kind, "")
        evidence = dict(failed.evidence)
        if action == "find-plugin" and "plugin" not in evidence:  # not even its name is known
            action = ""
        return cls(
            failed.kind,
            failed.message,
            failed.hint,
            failed.details,
            action,
            evidence=evidence,
        )

    @classmethod
    def of_recipe(cls, problem: tuple[str, str, str]) -> Problem:
        """A model that no image can run on: random input can."""
        return cls(*problem, action="run-random", is_warning=True)

    @classmethod
    def of_verdict(cls, verdict: Verdict) -> Problem:
        """A file that cannot run here, by what it says of itself."""
        action = "" if verdict.reason in (*_MACHINE_REASONS, *_FILE_REASONS) else "try-anyway"
        details = "\n".join(verdict.evidence)
        return cls(verdict.reason, verdict.message, verdict.hint, details, action)

    @classmethod
    def of_warnings(cls, warnings: tuple[str, ...]) -> Problem:
        """What a run warns of, at least one thing."""
        return cls("warning", warnings[0], " ".join(warnings[1:]), is_warning=True)

    def as_verdict(self) -> Verdict:
        """What the card says while nobody knows whether the file runs here."""
        from core.verdict import Verdict

        return Verdict(None, self.kind, self.message, self.hint)

    @classmethod
    def no_plugin_library(cls, folder: Path, plugin: str) -> Problem:
        """The search for a plugin found nothing new."""
        return cls(
            "no-plugin-library",
            f"No further library in {folder} holds the plugin {plugin}.",
            "Choose another folder, or ask the engine's makers for its plugin library.",
            action="find-plugin",
            evidence={"plugin": plugin},
        )


OPENING_CANCELLED = Problem(
    "cancelled",
    "Opening it was cancelled.",
    "Open it again to run it (File > Open recent).",
    is_warning=True,
)
