"""Tokens: new ones, files of them, and what they allow."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from beamloom.access import TokenFileError, Tokens, new_tokens, read_tokens, tokens_of, write_tokens


def test_new_tokens_are_long_and_different_each_time() -> None:
    first, second = new_tokens(), new_tokens()
    texts = {first.read, first.control, second.read, second.control}
    assert len(texts) == 4
    assert min(map(len, texts)) >= 43


def test_tokens_are_read_as_they_were_written_and_nobody_else_may_read_them(tmp_path: Path) -> None:
    path, tokens = tmp_path / "tokens.json", new_tokens()
    write_tokens(path, tokens)
    assert read_tokens(path) == tokens
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["tokens.json"]


def test_a_file_of_tokens_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    write_tokens(path, tokens := new_tokens())
    with pytest.raises(TokenFileError, match="is there already"):
        write_tokens(path, new_tokens())
    assert read_tokens(path) == tokens
    assert os.listdir(tmp_path) == ["tokens.json"]


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    write_tokens(path, new_tokens())
    path.chmod(0o640)
    with pytest.raises(TokenFileError, match="others than the owner may read"):
        read_tokens(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "holds no tokens"),
        ("SECRET-SECRET-SECRET-SECRET", "holds no tokens"),
        ('{"raed": "SECRET-SECRET-SECRET-SECRET"}', "holds no tokens"),
        ("{}", "there is no token"),
        ('{"read": "SECRET"}', "can be guessed"),
        ('{"read": "SECRET SECRET SECRET SECRET"}', "can be guessed or cannot be sent"),
        ('{"read": "SECRET-SECRET-SECRET-SECRET", "control": "SECRET-SECRET-SECRET-SECRET"}', "are the same"),
    ],
)
def test_a_file_that_holds_no_tokens_is_a_sentence_without_them(
    content: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.json"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(TokenFileError, match=sentence) as caught:
        read_tokens(path)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path, tokens, other = tmp_path / "tokens.json", new_tokens(), new_tokens()
    write_tokens(path, tokens)
    assert tokens_of(str(path), {}) == tokens
    assert tokens_of(str(path), {"BEAMLOOM_HTTP_CONTROL_TOKEN": other.control}) == Tokens("", other.control)
    assert not tokens_of("", {})


def test_a_token_allows_what_it_is_for() -> None:
    tokens = new_tokens()
    assert tokens.scope_of(tokens.read) == "read"
    assert tokens.scope_of(tokens.control) == "control"
    for stranger in ("", new_tokens().control, tokens.control[:-1], tokens.control + "a", "ü", "\udcff"):
        assert tokens.scope_of(stranger) is None


def test_a_token_that_is_not_given_lets_nobody_in() -> None:
    assert Tokens(control=new_tokens().control).scope_of("") is None
    assert Tokens().scope_of("") is None


def test_tokens_are_not_shown() -> None:
    tokens = new_tokens()
    assert repr(tokens) == "Tokens(read, control)"
    assert tokens.read not in f"{tokens} {tokens!r}"
