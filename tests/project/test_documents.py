"""What the documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LINK = re.compile(r"\[[^\]]+\]\((?!https?:)([^)#]+)[^)]*\)")
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def documents(repository: Path) -> list[Path]:
    folders = ("docs", "examples", "benchmarks")
    return [
        *repository.glob("*.md"),
        *(path for name in folders for path in (repository / name).rglob("*.md")),
    ]


def test_every_link_between_documents_leads_somewhere(repository: Path) -> None:
    dead = [
        f"{path.relative_to(repository)}: {target}"
        for path in documents(repository)
        for target in LINK.findall(FENCE.sub("", path.read_text()))
        if not (path.parent / target).exists()
    ]
    assert dead == []


def test_the_index_leads_to_every_page(repository: Path) -> None:
    docs = repository / "docs"
    led = {(docs / target).resolve() for target in LINK.findall((docs / "index.md").read_text())}
    listed_elsewhere = {"index.md", "decisions"}
    pages = [path for path in docs.rglob("*.md") if path.relative_to(docs).parts[0] not in listed_elsewhere]
    assert [path.relative_to(docs).as_posix() for path in pages if path not in led] == []


def test_decisions_are_numbered_without_gaps_or_doubles(repository: Path) -> None:
    pages = sorted(path.name for path in (repository / "docs/decisions").glob("[0-9]*.md"))
    assert [int(name.split("-")[0]) for name in pages] == list(range(1, len(pages) + 1))


def test_every_decision_is_listed_by_its_title(repository: Path) -> None:
    folder = repository / "docs/decisions"
    titles = {path.name: path.read_text().splitlines()[0] for path in folder.glob("[0-9]*.md")}
    listed = re.findall(r"^- \[(.*)\]\((.*)\)$", (folder / "README.md").read_text(), re.MULTILINE)
    assert {name: f"# {title}" for title, name in listed} == titles


def test_every_make_target_that_is_documented_exists(repository: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (repository / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for path in documents(repository)
        for words in re.findall(r"(?:^|`)make ((?:[a-z]+ ?)+)", path.read_text(), re.MULTILINE)
        for target in words.split()
    }
    assert named
    assert named <= targets


@pytest.fixture
def first_analysis(repository: Path) -> str:
    blocks = [
        text
        for language, text in FENCE.findall((repository / "README.md").read_text())
        if language == "python"
    ]
    return str(blocks[0])


def test_the_first_analysis_is_short(first_analysis: str) -> None:
    assert len([line for line in first_analysis.splitlines() if line.strip()]) <= 20
