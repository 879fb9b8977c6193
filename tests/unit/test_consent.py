"""Consent by fingerprint: asked, remembered, listed, taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli import main
from core.errors import ModelError
from core.paths import config_folder
from core.trust import consent
from core.trust.remembered import Remembered

ONE, OTHER = "1a" * 32, "2b" * 32


def test_the_default_is_no_and_the_question_names_everything() -> None:
    with pytest.raises(ModelError) as caught:
        consent.require("engine", "best.engine", ONE, allowed=False)
    error = caught.value
    assert error.kind == "needs-consent"
    assert "best.engine" in error.message
    assert ONE in error.message
    assert "native code" in error.message
    assert "--allow-native-code" in error.hint
    assert dict(error.evidence) == {"what": "engine", "name": "best.engine", "sha256": ONE}


def test_a_yes_is_remembered_for_these_bytes_and_this_kind_only() -> None:
    consent.require("engine", "best.engine", ONE, allowed=True)
    consent.require("engine", "renamed.engine", ONE, allowed=False)
    for what, sha256 in (("engine", OTHER), ("plugin", ONE)):
        with pytest.raises(ModelError):
            consent.require(what, "best.engine", sha256, allowed=False)  # type: ignore[arg-type]


def test_a_yes_can_be_taken_back() -> None:
    for what, sha256 in (("engine", ONE), ("plugin", ONE), ("plugin", OTHER)):
        consent.grant(what, "a.engine", sha256)
    assert [one.sha256 for one in consent.revoke(ONE[:8])] == [ONE, ONE]
    assert [(one.what, one.sha256) for one in consent.given()] == [("plugin", OTHER)]
    assert len(consent.revoke("all")) == 1
    assert consent.given() == []


def test_doctor_lists_consents_and_takes_them_back(capsys: pytest.CaptureFixture[str]) -> None:
    consent.grant("plugin", "lib\nx.so", ONE)
    assert main(["doctor", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["consents"]
    assert (entry["what"], entry["sha256"]) == ("plugin", ONE)
    assert main(["doctor"]) == 0
    assert ONE in capsys.readouterr().out
    assert main(["doctor", "--revoke", ONE[:10], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["consents"] == []
    assert main(["doctor", "--revoke", ONE[:10], "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "no-consent"


@pytest.mark.parametrize(
    "content", ["", "no json", "[1]", '{"engine:x": 3}', "[" * 100_000, '{"a": {"b": {}}}']
)
def test_a_damaged_file_reads_as_no_consent(content: str) -> None:
    config_folder().mkdir(parents=True)
    (config_folder() / "consents.json").write_text(content, encoding="utf-8")
    assert not consent.is_given("engine", "x")
    with pytest.raises(ModelError):
        consent.require("engine", "best.engine", ONE, allowed=False)
    consent.grant("engine", "best.engine", ONE)
    assert consent.is_given("engine", ONE)


def test_the_oldest_entries_go_first(tmp_path: Path) -> None:
    store = Remembered(tmp_path / "store.json", limit=3)
    for key in "abcd":
        store.add(key, {"name": key})
    store.add("b", {"name": "again"})
    assert list(store.entries()) == ["c", "d", "b"]
    assert list(tmp_path.iterdir()) == [tmp_path / "store.json"], "no half files are left"


def test_a_folder_that_may_not_be_written_forgets_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = Remembered(tmp_path / "file" / "store.json")
    assert not store.add("a", {"name": "a"})
    assert store.entries() == {}


def test_a_yes_that_cannot_be_kept_holds_while_the_process_lives(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consent, "_given_now", set())
    (own_folders / "config").write_text("no folder")
    with pytest.raises(ModelError):
        consent.require("engine", "best.engine", ONE, allowed=False)
    consent.require("engine", "best.engine", ONE, allowed=True)
    consent.require("engine", "best.engine", ONE, allowed=False)


def test_an_empty_start_takes_nothing_back() -> None:
    consent.grant("engine", "best.engine", ONE)
    assert consent.revoke("") == []
    assert consent.is_given("engine", ONE)


def test_a_name_cannot_write_the_question() -> None:
    with pytest.raises(ModelError) as caught:
        consent.require("engine", "a\n\x1b[2Jharmless.engine", ONE, allowed=False)
    assert caught.value.message.isprintable()
