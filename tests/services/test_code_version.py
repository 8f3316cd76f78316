"""The version of the analysis is what its build wrote down."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from beamloom.services.code_version import build_metadata, code_version


def test_the_version_of_the_analysis_is_read_from_the_file_of_its_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "build.json"
    file.write_text(
        '{"commit_hash": "3f2a91", "branch_name": "main", "timestamp": "now", "repository_url": "here"}'
    )
    monkeypatch.setenv("BUILD_META_FILE", str(file))
    version = code_version()
    assert version is not None
    assert (version.commit_hash, version.branch_name) == ("3f2a91", "main")
    assert build_metadata()["repository_url"] == "here"


def test_without_such_a_file_the_version_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILD_META_FILE", str(tmp_path / "none.json"))
    assert code_version() is None
    assert build_metadata() == {}


def test_a_file_that_says_something_else_is_told_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "build.json"
    file.write_text("not json")
    monkeypatch.setenv("BUILD_META_FILE", str(file))
    with caplog.at_level(logging.WARNING):
        assert code_version() is None
    assert str(file) in caplog.text
