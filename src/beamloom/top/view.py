"""What somebody has chosen to see, and what each key makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Page(StrEnum):
    """What is shown below the head."""

    ALL = "all"
    WORKERS = "workers"
    ERRORS = "errors"
    HELP = "help"


SORTS = ("name", "events", "rate", "busy")
PAGES = {"w": Page.WORKERS, "e": Page.ERRORS, "?": Page.HELP, "h": Page.HELP}
QUIT = frozenset({"q", "Q", "ctrl-c", "ctrl-d"})
STEPS = {"up": -1, "down": 1, "k": -1, "j": 1}
ENDS = {"home": 0, "g": 0, "end": 1 << 30, "G": 1 << 30}


@dataclass(frozen=True)
class View:
    """What is seen."""

    page: Page = Page.ALL
    sort: str = SORTS[0]
    first: int = 0
    """The first line of the page that is seen."""
    over: bool = False


def after(view: View, key: str, rows: int) -> View:
    """The view after a key; ``rows`` of a page are seen at once. Keys that mean nothing change nothing."""
    if key in QUIT:
        return replace(view, over=True)
    if page := PAGES.get(key):
        return replace(view, page=Page.ALL if view.page is page else page, first=0)
    if key in ("esc", "a"):
        return replace(view, page=Page.ALL, first=0)
    if key == "s":
        return replace(view, sort=SORTS[(SORTS.index(view.sort) + 1) % len(SORTS)])
    if key in ENDS:
        return replace(view, first=ENDS[key])
    full = max(1, rows - 1)
    step = STEPS.get(key) or {"page-up": -full, "page-down": full, "space": full}.get(key, 0)
    return replace(view, first=max(0, view.first + step))
