"""What the site makes of the pages: its navigation is the index, and documents beside docs/ are pages of it, too.

``docs/index.md`` says which pages there are, in which order: a heading of level two is a section, one of level three a part of it, each
link a page, by the title of the page. A page that the index does not name follows at the end of the section that has its folder, so
that a new page is never missing. Decisions are listed on a page of their own.

A link from a page to a file outside docs/ (an example, CONTRIBUTING.md) leads on a forge to that file. The site has it as a page below
``project/``: documents as they are, other text as a block of code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).resolve().parents[2]
BESIDE = "project"
"""The folder of the site in which documents from outside docs/ are."""
HEADING = re.compile(r"^(##+) (.+)$")
LINK = re.compile(r"(\]\()(?![a-z]+:)([^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".json": "json", ".cff": "yaml"}
UNLISTED = ("decisions",)
"""Folders whose pages have a list of their own."""


def on_config(config: MkDocsConfig) -> None:
    """Make the navigation."""
    config.nav = navigation(Path(config.docs_dir))


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the documents from outside docs/ to which pages lead, and those to which these lead."""
    known = {REPOSITORY / "docs" / file.src_uri for file in files}
    waiting = sorted(path for path in known if path.suffix == ".md" and path.is_file())
    while waiting:
        document = waiting.pop()
        for _, target in _links(document):
            if target not in known and target.is_file() and not _within_docs(target):
                known.add(target)
                files.append(File.generated(config, _place(target), content=_content(target)))
                if target.suffix == ".md":
                    waiting.append(target)


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Have links lead to where the site has the documents; the index, which is the navigation, has none beside it."""
    if page.file.src_uri == "index.md":
        page.meta["hide"] = ["navigation"]
    document = _document(page.file.src_uri)
    parts = FENCE.split(markdown)
    parts[::2] = [LINK.sub(lambda link: _led(link, document, page.file.src_uri), part) for part in parts[::2]]
    return "".join(parts)


def navigation(docs: Path) -> list[Any]:
    """The navigation as mkdocs takes it: sections with pages and with parts that have pages."""
    sections: list[tuple[str, list[Any]]] = []
    pages: list[Any] = [{"Start": "index.md"}]
    tree = pages
    folders: dict[str, list[Any]] = {}
    named = {"index.md"}
    for line in (docs / "index.md").read_text(encoding="utf-8").splitlines():
        if heading := HEADING.match(line):
            level, title = len(heading[1]), heading[2]
            pages = []
            if level == 2:
                sections.append((title, pages))
                tree.append({title: pages})
            else:
                sections[-1][1].append({title: pages})
            continue
        for target in (found[2] for found in LINK.finditer(line) if sections):
            place = _place((docs / target).resolve())
            if place in named:
                continue
            named.add(place)
            pages.append(place)
            folders.setdefault(PurePosixPath(place).parts[0], sections[-1][1])
    for place in _pages(docs):
        folder = PurePosixPath(place).parts[0]
        if place not in named and folder not in UNLISTED:
            folders.get(folder, tree).append(place)
    return tree


def _pages(docs: Path) -> list[str]:
    return sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))


def _within_docs(target: Path) -> bool:
    return target.is_relative_to(REPOSITORY / "docs")


def _place(target: Path) -> str:
    """Where the site has a document, as a path below docs/."""
    if _within_docs(target):
        return target.relative_to(REPOSITORY / "docs").as_posix()
    inside = target.relative_to(REPOSITORY).as_posix()
    return f"{BESIDE}/{inside}" if target.suffix == ".md" else f"{BESIDE}/{inside}.md"


def _document(place: str) -> Path:
    """The other way round."""
    if not place.startswith(f"{BESIDE}/"):
        return REPOSITORY / "docs" / place
    inside = REPOSITORY / place.removeprefix(f"{BESIDE}/")
    return inside if inside.exists() else inside.with_suffix("")


def _content(target: Path) -> str:
    text = target.read_text(encoding="utf-8")
    if target.suffix == ".md":
        return text
    title = target.relative_to(REPOSITORY).as_posix()
    return f"# {title}\n\n```{LANGUAGES.get(target.suffix, 'text')}\n{text.rstrip()}\n```\n"


def _links(document: Path) -> Iterator[tuple[str, Path]]:
    for part in FENCE.split(document.read_text(encoding="utf-8"))[::2]:
        for link in LINK.finditer(part):
            yield link[2], _target(document, link[2])


def _target(document: Path, written: str) -> Path:
    return Path(os.path.normpath(document.parent / written))


def _led(link: re.Match[str], document: Path, place: str) -> str:
    target = _target(document, link[2])
    if not target.is_file() or (_within_docs(target) and _within_docs(document)):
        return link[0]
    way = os.path.relpath(_place(target), PurePosixPath(place).parent)
    return f"{link[1]}{way}{link[3] or ''})"
