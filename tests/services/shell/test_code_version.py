"""The version of the analysis is what its build wrote down, or that of its checkout."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from beamloom.services.shell.code_version import build_metadata, code_digest, code_version


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


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, whose module ``versioned`` is imported."""
    monkeypatch.setenv("BUILD_META_FILE", str(tmp_path / "none.json"))
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.org")
    folder = tmp_path / "analysis"
    folder.mkdir()
    (folder / "versioned.py").write_text("class Worker: ...\n")
    (folder / "beside.py").write_text("class Worker: ...\n")
    git(folder, "init", "-q", "-b", "beamtime")
    git(folder, "add", "versioned.py")
    git(folder, "commit", "-q", "-m", "Begin")
    monkeypatch.syspath_prepend(str(folder))
    for name in ("versioned", "beside"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_without_a_build_the_version_is_the_commit_of_the_checkout(checkout: Path) -> None:
    version = code_version("versioned:Worker")
    assert version is not None
    assert (version.commit_hash, version.branch_name) == (git(checkout, "rev-parse", "HEAD"), "beamtime")
    assert build_metadata("versioned:Worker")["timestamp"] == git(checkout, "log", "-1", "--format=%cI")


def test_changes_since_the_commit_are_told(checkout: Path) -> None:
    (checkout / "versioned.py").write_text("class Worker: pass\n")
    assert build_metadata("versioned:Worker")["commit_hash"] == git(checkout, "rev-parse", "HEAD") + "-dirty"


def test_of_a_file_that_only_lies_in_a_checkout_the_version_is_unknown(checkout: Path) -> None:
    assert code_version("beside:Worker") is None
    assert code_version("nowhere:Worker") is None


def test_without_git_the_version_is_unknown(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert code_version("versioned:Worker") is None


def test_the_digest_is_that_of_the_imported_files_of_the_folder_and_of_no_environment_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = tmp_path / "real", tmp_path / "seen"
    packages = real / "env" / "site-packages"
    packages.mkdir(parents=True)
    seen.symlink_to(real)
    names = ["digest_analysis", "digest_helper", "digest_library"]
    files = {name: real / f"{name}.py" for name in names[:2]} | {names[2]: packages / f"{names[2]}.py"}
    elsewhere = tmp_path / "elsewhere.py"
    files["digest_helper"].symlink_to(elsewhere)
    for file in [files["digest_analysis"], elsewhere, files["digest_library"], real / "not_imported.py"]:
        file.write_text("x = 1\n")
    for folder in (seen, packages):
        monkeypatch.syspath_prepend(folder)
    for name in names:
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))

    def digest(analysis: str | None = "digest_analysis:Worker") -> str:
        return code_digest(analysis, str(seen))

    first = digest()
    assert len(first) == 12
    for untouched in (real / "not_imported.py", files["digest_library"], elsewhere):
        untouched.write_text("x = 2\n")
        assert digest() == first
    files["digest_analysis"].write_text("x = 2\n")
    assert digest() not in ("", first)
    assert digest(None) == ""
