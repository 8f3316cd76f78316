"""Puts a table of figures into a page of the documentation, between two comments that name it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path


def put(page: Path, name: str, headings: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- end of name -->``. Raises SystemExit where they are not."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = page.read_text()
    if not re.search(f"{re.escape(begin)}.*{re.escape(end)}", text, re.DOTALL):
        raise SystemExit(f"{page} has no {begin} and {end}; put them where the table is to stand")
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    rules = ["---" if place < 2 else "---:" for place in range(len(headings))]
    lines = ["| " + " | ".join(cells) + " |" for cells in (headings, rules, *rows)]
    page.write_text(before + begin + "\n\n" + "\n".join(lines) + f"\n\n{note}\n\n" + end + after)
