"""``beamloom keys`` writes what keeps strangers out, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamloom.access.tokens import read_tokens
from beamloom.cli import main
from beamloom.transport.keys import read_keys


def test_the_command_writes_a_key_that_can_be_used_and_says_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "secrets"
    assert main(["keys", str(folder)]) == 0
    keys = read_keys(folder / "pipeline.keys")
    said = capsys.readouterr().out
    assert f"keys: {folder / 'pipeline.keys'}" in said
    assert keys.secret.decode() not in said
    tokens = read_tokens(folder / "http.tokens")
    assert f"http_tokens: {folder / 'http.tokens'}" in said
    assert tokens.read not in said
    assert tokens.control not in said
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_command_refuses_to_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", str(tmp_path)]) == 0
    (tmp_path / "http.tokens").unlink()
    first = read_keys(tmp_path / "pipeline.keys")
    assert main(["keys", str(tmp_path)]) == 2
    assert "is there already, and nothing was written; keep it, or delete it first" in capsys.readouterr().err
    assert read_keys(tmp_path / "pipeline.keys") == first
    assert not (tmp_path / "http.tokens").exists()


def test_the_command_says_when_the_folder_cannot_be_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["keys", str(tmp_path / "file" / "below")]) == 2
    assert "cannot be made" in capsys.readouterr().err
