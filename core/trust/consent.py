"""Consent to run foreign native code: asked by file, remembered by fingerprint, revocable.

An engine can embed native code, a plugin library and a custom-operator library are native code.
None of it runs without a yes that named the file and its SHA-256; the default is no.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.errors import EnginebayError, ModelError
from core.paths import config_folder
from core.text import printable
from core.trust.remembered import Remembered, now_text

What = Literal["engine", "plugin", "custom-operators"]

_given_now: set[str] = set()  # what could not be kept: it holds while this process lives
_ASKS: dict[str, str] = {
    "engine": "embeds native code (a TensorRT runtime of its own) that runs on this machine when "
    "the engine is opened",
    "plugin": "is a plugin library: native code that runs on this machine with your rights",
    "custom-operators": "is a library of ONNX operators: native code that runs on this machine "
    "with your rights",
}


@dataclass(frozen=True, slots=True)
class Consent:
    """A yes that was given."""

    sha256: str
    name: str  # the file's name when it was given
    what: str  # a key of What
    given: str  # ISO 8601, UTC

    def as_json(self) -> dict[str, str]:
        """An entry of `consents` in `enginebay doctor --json`."""
        return {"sha256": self.sha256, "name": self.name, "what": self.what, "given": self.given}


def require(what: What, name: str, sha256: str, *, allowed: bool) -> None:
    """Go on only with a yes.

    Args:
        what: what kind of code it is.
        name: the file's name, for the question.
        sha256: the fingerprint of the very bytes that will run.
        allowed: True is a yes, which is remembered.

    Raises:
        ModelError: kind "needs-consent", whose evidence are the arguments of grant().
    """
    if is_given(what, sha256):
        return
    if allowed:
        grant(what, name, sha256)
        return
    raise ModelError(
        "needs-consent",
        f"{printable(name)} {_ASKS[what]}. Its SHA-256 is {sha256}.",
        "Allow it only for a file whose origin you trust: --allow-native-code, or the button in "
        "the window. A yes is remembered for these very bytes; `enginebay doctor` lists them and "
        "takes them back.",
        evidence={"what": what, "name": name, "sha256": sha256},
    )


def is_given(what: What, sha256: str) -> bool:
    """True when a yes to these bytes is remembered."""
    key = f"{what}:{sha256}"
    return key in _given_now or key in _store().entries()


def grant(what: str, name: str, sha256: str) -> None:
    """Remember a yes to these bytes."""
    key = f"{what}:{sha256}"
    if not _store().add(key, {"name": name, "given": now_text()}):
        _given_now.add(key)


def given() -> list[Consent]:
    """Every yes, oldest first."""
    found = []
    for key, entry in _store().entries().items():
        what, _, sha256 = key.partition(":")
        found.append(Consent(sha256, entry.get("name", ""), what, entry.get("given", "")))
    return found


def revoke(start: str) -> list[Consent]:
    """Take back every yes whose fingerprint begins with `start`; "all" takes back all of them.

    Returns:
        Those taken back.

    Raises:
        EnginebayError: kind "cannot-save" where it could not be written down.
    """
    store = _store()
    taken = [
        one for one in given() if start == "all" or (start and one.sha256.startswith(start.lower()))
    ]
    for one in taken:
        _given_now.discard(f"{one.what}:{one.sha256}")
        if not store.remove(f"{one.what}:{one.sha256}"):
            raise EnginebayError(
                "cannot-save",
                f"The consent to {printable(one.name)} cannot be taken back: the file that keeps "
                "it cannot be written.",
                f"Make {store.path} writable, or delete it.",
            )
    return taken


def _store() -> Remembered:
    return Remembered(config_folder() / "consents.json")
