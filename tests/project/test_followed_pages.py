"""Pages that can be followed to the letter are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.followed_pages import alike, commands_of, follow

PAGES = [
    "explanation/parameters-at-an-event.md",
    "explanation/weave.md",
    "reference/file-formats.md",
    "reference/trigger-map.md",
]
"""Pages whose blocks are quick; those of other pages are tried by tests of what they speak of."""
TUTORIALS = sorted(path.stem for path in (Path(__file__).parents[2] / "docs/tutorials").glob("*.md"))


@pytest.mark.parametrize(
    ("expected", "printed", "is_so"),
    [
        (["a", "b"], ["a", "b  "], True),
        (["a", "b"], ["a", "c"], False),
        (["a"], ["a", "b"], False),
        (["took … ms"], ["took 17 ms"], True),
        (["took … ms."], ["took 17 ms"], False),
        (["a", "…", "d"], ["a", "b", "c", "d"], True),
        (["…", "d"], ["d"], True),
        (["(1 + 1)"], ["(1 + 1)"], True),
    ],
)
def test_lines_are_those_of_the_page(expected: list[str], printed: list[str], is_so: bool) -> None:
    assert alike(expected, printed) is is_so


def test_a_command_may_go_on_in_the_next_line() -> None:
    assert commands_of("$ a \\\n  b\nx\n$ c\n") == [("a \\\n  b", ["x"]), ("c", [])]


def test_what_a_page_says_is_done_in_its_order(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '```text title="deep/words.txt"\nwarp\nweft\n```\n'
        "```console\n$ sort -r deep/words.txt\nweft\n…\n$ false\n$ echo $?\n1\n```\n"
        '```sh title="goes-on.sh"\ntrap "echo ended; exit" INT\necho begun\nwhile :; do sleep 0.1; done\n```\n'
        '```console title="another terminal"\n$ sh goes-on.sh\nbegun\n^C\nended\n```\n'
        "```python\nfrom pathlib import Path\n```\n"
        '```python\nwords = Path("deep/words.txt").read_text().split()\n```\n'
    )
    assert follow(page, tmp_path)["words"] == ["warp", "weft"]


@pytest.mark.parametrize(
    "block",
    [
        "```console\n$ echo a\nb\n```\n",
        "```console\n$ echo a\n```\n",
        "```console\n$ false\n```\n",
        "```console\n$ false\n$ echo $?\n2\n```\n",
        '```console title="another terminal"\n$ echo a\nb\n```\n',
        "```python\nassert 1 + 1 == 3\n```\n",
    ],
)
def test_a_page_that_is_wrong_fails(block: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(block)
    with pytest.raises(AssertionError):
        follow(page, tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_says_is_so(page: str, repository: Path, tmp_path: Path) -> None:
    follow(repository / "docs" / page, tmp_path)


@pytest.mark.long
@pytest.mark.processes
@pytest.mark.timeout(900)
@pytest.mark.parametrize("tutorial", TUTORIALS)
def test_a_tutorial_can_be_followed_to_the_letter(
    tutorial: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.syspath_prepend(tmp_path)
    follow(repository / "docs" / "tutorials" / f"{tutorial}.md", tmp_path)
